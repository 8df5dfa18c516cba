//! Everything that the rules look at: the definition's statements beside what the database says of them.

use std::sync::Arc;

use super::values::typical;
use crate::db::inspect::{
    Account, Described, Function, Inspector, Plan, Refusal, Server, Subject, Table, TableColumn, TypeClass,
};
use crate::db::{Config, Error, Value};
use crate::definition::{Definition, Located, Migration, Owner, Task, Verification};
use crate::diagnostic::{Source, Span};
use crate::sql::{ColumnUse, Dialect, Outline, Role, Statement};

/// What was seen.
pub(super) struct Scene<'a> {
    pub definition: &'a Definition,
    pub config: &'a Config,
    pub source: &'a Source,
    pub server: Server,
    pub account: Account,
    /// The tables that the statements name.
    pub tables: Vec<Table>,
    /// Every table's name, for suggestions.
    pub known: Vec<String>,
    pub statements: Vec<Seen<'a>>,
    pub functions: Vec<Function>,
}

/// A statement, and what the database says of it.
pub(super) struct Seen<'a> {
    pub located: &'a Located,
    pub purpose: Purpose,
    pub outline: Outline,
    /// For each table of the outline its place in [`Scene::tables`].
    pub tables: Vec<Option<usize>>,
    pub described: Result<Described, Refusal>,
    pub plan: Result<Option<Plan>, Refusal>,
}

/// What a statement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Finds the row of a login.
    Login,
    /// Follows a login.
    After,
    /// Replaces an outdated hash.
    Rehash,
    /// Finds a user by name.
    GetUser,
    /// Finds a user by id.
    GetUserById,
    /// Gives a page of users.
    ListUsers,
    /// Gives a page of users with their hashes, to a managed store.
    Import,
    /// Counts the users who are not migrated yet.
    Remaining,
    /// Tells of one user whether the row is marked as migrated.
    Marked,
    /// A statement of an action that writes; whether its row count decides the outcome.
    Write {
        /// Whether exactly one row must match.
        deciding: bool,
    },
}

impl Purpose {
    /// Whether its rows become profiles.
    pub fn gives_profiles(self) -> bool {
        matches!(self, Self::Login | Self::GetUser | Self::GetUserById) || self.gives_pages()
    }

    /// Whether its rows hold what passwords are verified with.
    pub fn gives_hashes(self) -> bool {
        matches!(self, Self::Login | Self::Import)
    }

    /// Whether it gives many users, in order.
    pub fn gives_pages(self) -> bool {
        matches!(self, Self::ListUsers | Self::Import)
    }

    /// Whether it finds the one row of a user.
    pub fn looks_up(self) -> bool {
        matches!(self, Self::Login | Self::GetUser | Self::GetUserById | Self::Marked)
    }

    /// Whether it runs where nothing can be written.
    pub fn only_reads(self) -> bool {
        self.gives_profiles() || matches!(self, Self::Remaining | Self::Marked)
    }
}

impl<'a> Scene<'a> {
    /// Asks the database about everything that the definition does.
    pub async fn gather(
        definition: &'a Definition,
        config: &'a Config,
        source: &'a Source,
        inspector: &mut dyn Inspector,
    ) -> Result<Self, Error> {
        let server = inspector.server().await?;
        let known = inspector.tables().await?;
        let mut scene = Self {
            definition,
            config,
            source,
            server,
            account: Account::default(),
            tables: Vec::new(),
            known,
            statements: Vec::new(),
            functions: Vec::new(),
        };
        let mut missing: Vec<(Option<String>, String)> = Vec::new();
        let mut outlines = Vec::new();
        for located in &definition.places.statements {
            let outline = located.statement.outline();
            let mut tables = Vec::new();
            for used in &outline.tables {
                tables.push(scene.table(used.schema.as_deref(), &used.name, &mut missing, inspector).await?);
            }
            outlines.push((located, outline, tables));
        }
        let id = scene.id_value();
        for (located, outline, tables) in outlines {
            let statement = &located.statement;
            let values = typical(&statement.parameters, definition, &id);
            let described = inspector.describe(&statement.text, &values).await;
            let plan = match &described {
                Ok(_) => inspector.plan(&statement.text, &values).await,
                Err(_) => Ok(None),
            };
            for refusal in described.as_ref().err().into_iter().chain(plan.as_ref().err()) {
                if refusal.subject == Subject::Connection {
                    return Err(refusal.error.clone());
                }
            }
            let purpose = purpose(definition, located);
            scene.statements.push(Seen { located, purpose, outline, tables, described, plan });
        }
        let mut called: Vec<String> =
            scene.statements.iter().flat_map(|seen| &seen.outline.functions).map(|(name, _)| name.clone()).collect();
        called.sort();
        called.dedup();
        scene.functions = if called.is_empty() { Vec::new() } else { inspector.functions(&called).await? };
        let used: Vec<_> = scene.tables.iter().map(|table| (Some(table.schema.clone()), table.name.clone())).collect();
        scene.account = inspector.account(&used).await?;
        Ok(scene)
    }

    pub fn dialect(&self) -> Dialect {
        self.config.dialect()
    }

    /// Whether any action writes.
    pub fn writes(&self) -> bool {
        self.statements.iter().any(|seen| seen.outline.writes() || seen.located.statement.writes)
    }

    /// The place in the file of a range of a statement's text.
    pub fn span(&self, seen: &Seen<'_>, within: &Span) -> Span {
        seen.located.span(self.source, within)
    }

    /// The place of a statement as a whole: its first word.
    pub fn head(&self, seen: &Seen<'_>) -> Span {
        seen.located.first_word(self.source)
    }

    /// The tables that the statement uses in this role, with their place.
    pub fn used<'s>(
        &'s self,
        seen: &'s Seen<'_>,
        roles: &'s [Role],
    ) -> impl Iterator<Item = (&'s crate::sql::TableUse, &'s Table)> {
        let uses = seen.outline.tables.iter().zip(&seen.tables).filter(|(used, _)| roles.contains(&used.role));
        uses.filter_map(|(used, table)| table.map(|index| (used, &self.tables[index])))
    }

    /// The table that this use in the outline means.
    pub fn table_at<'s>(&'s self, seen: &Seen<'_>, used: usize) -> Option<&'s Table> {
        seen.tables.get(used).copied().flatten().map(|index| &self.tables[index])
    }

    /// Which table of the outline a column belongs to, and the column itself.
    pub fn resolve<'s>(&'s self, seen: &'s Seen<'_>, column: &'s ColumnUse) -> Option<(usize, &'s TableColumn)> {
        let mut candidates = seen.outline.candidates(column);
        candidates.find_map(|(index, _)| {
            let table = self.table_at(seen, index)?;
            table.column(&column.name).map(|found| (index, found))
        })
    }

    async fn table(
        &mut self,
        schema: Option<&str>,
        name: &str,
        missing: &mut Vec<(Option<String>, String)>,
        inspector: &mut dyn Inspector,
    ) -> Result<Option<usize>, Error> {
        let key = (schema.map(str::to_owned), name.to_owned());
        if missing.contains(&key) {
            return Ok(None);
        }
        let same = |table: &Table| table.name == name && schema.is_none_or(|schema| table.schema == schema);
        if let Some(index) = self.tables.iter().position(same) {
            return Ok(Some(index));
        }
        match inspector.table(schema, name).await? {
            Some(table) => {
                self.tables.push(table);
                Ok(Some(self.tables.len() - 1))
            }
            None => {
                missing.push(key);
                Ok(None)
            }
        }
    }

    /// Whether some table says of what type ids are.
    pub fn knows_id(&self) -> bool {
        self.tables.iter().any(|table| table.column(&self.definition.user_id.column).is_some())
    }

    /// An id as the gateway would bind it: a number where the column is one.
    fn id_value(&self) -> Value {
        let column = self.tables.iter().find_map(|table| table.column(&self.definition.user_id.column));
        match column.map(|column| column.class) {
            Some(TypeClass::Integer) => Value::Int(1),
            Some(TypeClass::Uuid) => Value::Text("00000000-0000-0000-0000-000000000001".to_owned()),
            _ => Value::Text("1".to_owned()),
        }
    }
}

impl Seen<'_> {
    /// What the statement serves.
    pub fn owner(&self) -> Owner {
        self.located.owner
    }
}

fn purpose(definition: &Definition, located: &Located) -> Purpose {
    match (located.owner, &definition.migration) {
        (Owner::Migration(task), Some(migration)) => purpose_of_task(migration, task, &located.statement),
        (Owner::Migration(_), None) | (Owner::Action(_), _) => purpose_of_action(definition, &located.statement),
    }
}

fn purpose_of_task(migration: &Migration, task: Task, statement: &Arc<Statement>) -> Purpose {
    let changes = migration.mark.iter().chain(migration.purge.iter().map(|purge| &purge.delete));
    let mut decisive = changes.filter_map(|change| change.steps.get(change.deciding));
    match task {
        Task::Remaining => Purpose::Remaining,
        Task::Import => Purpose::Import,
        Task::Marked => Purpose::Marked,
        Task::Mark | Task::Archive | Task::Delete => {
            Purpose::Write { deciding: decisive.any(|step| Arc::ptr_eq(&step.statement, statement)) }
        }
    }
}

fn purpose_of_action(definition: &Definition, statement: &Arc<Statement>) -> Purpose {
    let is = |other: &Arc<Statement>| Arc::ptr_eq(other, statement);
    if let Some(login) = &definition.login {
        if is(&login.statement) {
            return Purpose::Login;
        }
        if login.after.iter().any(|step| is(&step.statement)) {
            return Purpose::After;
        }
        if let Verification::Gateway(stored) = &login.verification
            && stored.rehash.as_ref().is_some_and(is)
        {
            return Purpose::Rehash;
        }
    }
    if let Some(get_user) = &definition.get_user {
        if get_user.by_identifier.as_ref().is_some_and(is) {
            return Purpose::GetUser;
        }
        if get_user.by_user_id.as_ref().is_some_and(is) {
            return Purpose::GetUserById;
        }
    }
    if let Some(list) = &definition.list_users
        && (is(&list.sql) || list.first.as_ref().is_some_and(is))
    {
        return Purpose::ListUsers;
    }
    let writes = definition.create.iter().map(|create| &create.write).chain(definition.writes.values());
    let deciding = writes.filter_map(|write| write.steps.get(write.deciding)).any(|step| is(&step.statement));
    Purpose::Write { deciding }
}
