//! The privileges that a definition's statements need, and no others, as GRANT statements.
//!
//! Invariant: what is printed is derived from the statements alone, column by column where the database can.

use std::collections::{BTreeMap, BTreeSet};

use super::scene::{Purpose, Scene, Seen};
use crate::action::Action;
use crate::db::Config;
use crate::db::inspect::{Privilege, inspect};
use crate::definition::{Definition, Match, Owner};
use crate::diagnostic::Source;
use crate::sql::{Dialect, Role};

/// What a definition needs.
#[derive(Debug, Default)]
pub struct Grants {
    dialect: Option<Dialect>,
    tables: BTreeMap<(String, String), Needs>,
    /// Quoted names of sequences, with what draws from them.
    sequences: BTreeMap<String, BTreeSet<Owner>>,
    /// Functions of the database's own, with what calls them.
    functions: BTreeMap<(String, String), BTreeSet<Owner>>,
    /// The user that the URL names.
    user: String,
    /// What could not be told.
    remarks: Vec<String>,
}

type Needs = BTreeMap<Privilege, BTreeMap<String, BTreeSet<Owner>>>;

/// Stands for a whole table where a privilege knows no columns.
const WHOLE: &str = "";

/// Asks the database what the statements touch.
///
/// # Errors
/// When the database does not answer.
pub async fn grants(definition: &Definition, config: &Config, source: &Source) -> Result<Grants, crate::db::Error> {
    let mut inspector = inspect(config).await?;
    let scene = Scene::gather(definition, config, source, inspector.as_mut()).await?;
    Ok(grants_of(&scene))
}

/// What the statements of a scene need.
pub(super) fn grants_of(scene: &Scene<'_>) -> Grants {
    let user = scene.config.user().unwrap_or_default().to_owned();
    let mut grants = Grants { dialect: Some(scene.dialect()), user, ..Grants::default() };
    for seen in &scene.statements {
        grants.add(scene, seen, seen.owner());
    }
    if let Some(seen) = asked_by_change_password(scene) {
        grants.add(scene, seen, Owner::Action(Action::ChangePassword));
    }
    grants
}

/// Where collations are lenient, the gateway asks a look-up whose account it is before it changes a password.
fn asked_by_change_password<'s, 'a>(scene: &'s Scene<'a>) -> Option<&'s Seen<'a>> {
    let definition = scene.definition;
    let asks = scene.dialect() == Dialect::Mysql
        && definition.matching != Match::Database
        && definition.declares(Action::ChangePassword);
    let proves = |purpose| {
        let mut statements = scene.statements.iter();
        statements.find(|seen| seen.purpose == purpose && seen.located.statement.comparisons().is_some())
    };
    proves(Purpose::GetUser).or_else(|| proves(Purpose::Login)).filter(|_| asks)
}

/// The GRANT statements of one statement.
pub(super) fn for_statement(scene: &Scene<'_>, seen: &Seen<'_>) -> Vec<String> {
    let user = scene.config.user().unwrap_or_default().to_owned();
    let mut grants = Grants { dialect: Some(scene.dialect()), user, ..Grants::default() };
    grants.add(scene, seen, seen.owner());
    grants.statements(None).into_iter().map(|(statement, _)| statement).collect()
}

impl Grants {
    /// Whether some statement needs this on the table or one of its columns.
    pub(super) fn needs(&self, schema: &str, table: &str, privilege: Privilege) -> bool {
        let needs = self.tables.get(&(schema.to_owned(), table.to_owned()));
        needs.is_some_and(|needs| needs.contains_key(&privilege))
    }

    /// The statements, each with what needs it; for this role, or for the user of the URL.
    pub fn statements(&self, role: Option<&str>) -> Vec<(String, Vec<Owner>)> {
        match self.dialect {
            Some(Dialect::Postgres) => self.postgres(role.unwrap_or(&self.user)),
            Some(Dialect::Mysql) => self.mysql(role.unwrap_or(&self.user)),
            Some(Dialect::Sqlite) | None => Vec::new(),
        }
    }

    /// What could not be told, in sentences.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    fn add(&mut self, scene: &Scene<'_>, seen: &Seen<'_>, owner: Owner) {
        if seen.located.statement.text.trim_start().get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case("CALL")) {
            self.remarks.push(format!("`{owner}` calls a procedure: grant EXECUTE on it, and what it needs itself"));
        }
        self.add_tables(scene, seen, owner);
        for column in &seen.outline.columns {
            let excluded = column.qualifier.as_deref().is_some_and(|q| q.eq_ignore_ascii_case("excluded"));
            let found =
                match excluded {
                    true => seen.outline.tables.iter().position(|table| table.role == Role::Insert).and_then(|index| {
                        scene.table_at(seen, index)?.column(&column.name).map(|column| (index, column))
                    }),
                    false => scene.resolve(seen, column),
                };
            if let Some((index, found)) = found {
                self.need(scene, seen, (index, Privilege::Select), &found.name, owner);
            }
        }
        for assignment in &seen.outline.assignments {
            let privilege = if assignment.inserts { Privilege::Insert } else { Privilege::Update };
            self.need(scene, seen, (assignment.table, privilege), &assignment.column, owner);
        }
        self.add_for_mariadb(scene, seen, owner);
        let functions = scene
            .functions
            .iter()
            .filter(|f| seen.outline.functions.iter().any(|(n, _)| n.eq_ignore_ascii_case(&f.name)));
        for function in functions {
            let schema = scene.tables.first().map_or(String::new(), |table| table.schema.clone());
            self.functions.entry((schema, function.name.clone())).or_default().insert(owner);
        }
    }

    /// MariaDB asks for more than its manual says (measured on 10.11): with RETURNING, to read what is added and to add
    /// what is read; with ON DUPLICATE KEY UPDATE, to change whatever is added.
    fn add_for_mariadb(&mut self, scene: &Scene<'_>, seen: &Seen<'_>, owner: Owner) {
        let outline = &seen.outline;
        let target = outline.tables.iter().position(|table| table.role == Role::Insert);
        let Some(target) = target.filter(|_| scene.server.product == "MariaDB") else { return };
        let added = || outline.assignments.iter().filter(|a| a.table == target && a.inserts).map(|a| a.column.as_str());
        if outline.assignments.iter().any(|assignment| assignment.table == target && !assignment.inserts) {
            added().for_each(|column| self.need(scene, seen, (target, Privilege::Update), column, owner));
        }
        if !outline.outputs.is_empty() {
            added().for_each(|column| self.need(scene, seen, (target, Privilege::Select), column, owner));
            let read = outline.outputs.iter().filter_map(|output| output.column.as_ref());
            read.for_each(|column| self.need(scene, seen, (target, Privilege::Insert), &column.name, owner));
        }
    }

    fn add_tables(&mut self, scene: &Scene<'_>, seen: &Seen<'_>, owner: Owner) {
        let replaces =
            seen.located.statement.text.trim_start().get(..7).is_some_and(|v| v.eq_ignore_ascii_case("REPLACE"));
        for (index, used) in seen.outline.tables.iter().enumerate() {
            let Some(table) = scene.table_at(seen, index) else { continue };
            let listed = seen.outline.assignments.iter().any(|a| a.table == index && a.inserts);
            match used.role {
                Role::Delete => self.need(scene, seen, (index, Privilege::Delete), WHOLE, owner),
                Role::Insert if !listed => {
                    let names: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
                    names.iter().for_each(|name| self.need(scene, seen, (index, Privilege::Insert), name, owner));
                }
                Role::Insert | Role::Update | Role::Read => {}
            }
            if used.role == Role::Insert && replaces {
                self.need(scene, seen, (index, Privilege::Delete), WHOLE, owner);
            }
            if used.role == Role::Insert {
                let given =
                    |column: &str| seen.outline.assignments.iter().any(|a| a.table == index && a.column == column);
                for sequence in table.sequences.iter().filter(|sequence| !given(&sequence.column)) {
                    self.sequences.entry(sequence.name.clone()).or_default().insert(owner);
                }
            }
            let star = seen.located.statement.star.is_some();
            let mut read = seen.outline.columns.iter().filter_map(|column| scene.resolve(seen, column));
            let touched = read.any(|(of, _)| of == index);
            if star {
                let names: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
                names.iter().for_each(|name| self.need(scene, seen, (index, Privilege::Select), name, owner));
            } else if used.role == Role::Read && !touched {
                // `SELECT 1 FROM t` and `count(*)` need one column, whichever.
                let any = table.columns.first().map(|column| column.name.clone());
                any.iter().for_each(|name| self.need(scene, seen, (index, Privilege::Select), name, owner));
            }
            if seen.outline.locks && used.role == Role::Read {
                let any = table.columns.first().map(|column| column.name.clone());
                any.iter().for_each(|name| self.need(scene, seen, (index, Privilege::Update), name, owner));
            }
        }
    }

    fn need(
        &mut self,
        scene: &Scene<'_>,
        seen: &Seen<'_>,
        (used, privilege): (usize, Privilege),
        column: &str,
        owner: Owner,
    ) {
        let Some(table) = scene.table_at(seen, used) else { return };
        let column = match table.column(column) {
            Some(found) => found.name.as_str(),
            None if column == WHOLE => column,
            // The database will say so; nothing can be granted on what is not there.
            None => return,
        };
        let needs = self.tables.entry((table.schema.clone(), table.name.clone())).or_default();
        needs.entry(privilege).or_default().entry(column.to_owned()).or_default().insert(owner);
    }

    fn postgres(&self, role: &str) -> Vec<(String, Vec<Owner>)> {
        let quote = |name: &str| Dialect::Postgres.quote_identifier(name);
        let role = quote(role);
        let mut lines = Vec::new();
        let mut schemas: BTreeMap<&str, BTreeSet<Owner>> = BTreeMap::new();
        for ((schema, _), needs) in &self.tables {
            schemas.entry(schema).or_default().extend(needs.values().flat_map(BTreeMap::values).flatten().copied());
        }
        for (schema, actions) in schemas {
            lines.push((format!("GRANT USAGE ON SCHEMA {} TO {role};", quote(schema)), list(actions.iter())));
        }
        lines.extend(self.on_tables(Dialect::Postgres, &role));
        for (sequence, actions) in &self.sequences {
            lines.push((format!("GRANT USAGE ON SEQUENCE {sequence} TO {role};"), list(actions.iter())));
        }
        lines
    }

    fn mysql(&self, role: &str) -> Vec<(String, Vec<Owner>)> {
        let quote = |name: &str| Dialect::Mysql.quote_identifier(name);
        let text = |name: &str| format!("'{}'", name.replace('\\', "\\\\").replace('\'', "''"));
        let role = match role.rsplit_once('@') {
            Some((name, host)) => format!("{}@{}", text(name), text(host)),
            None => format!("{}@'%'", text(role)),
        };
        let mut lines = self.on_tables(Dialect::Mysql, &role);
        for ((schema, function), actions) in &self.functions {
            let place = format!("{}.{}", quote(schema), quote(function));
            lines.push((format!("GRANT EXECUTE ON FUNCTION {place} TO {role};"), list(actions.iter())));
        }
        lines
    }

    /// What both servers write alike; the role is quoted already.
    fn on_tables(&self, dialect: Dialect, role: &str) -> Vec<(String, Vec<Owner>)> {
        let quote = |name: &str| dialect.quote_identifier(name);
        let mut lines = Vec::new();
        for ((schema, table), needs) in &self.tables {
            for (privilege, columns) in needs {
                let names = columns_of(columns, quote);
                let place = format!("{}.{}", quote(schema), quote(table));
                lines.push((
                    format!("GRANT {privilege}{names} ON {place} TO {role};"),
                    list(columns.values().flatten()),
                ));
            }
        }
        lines
    }
}

fn columns_of<T>(columns: &BTreeMap<String, T>, quote: impl Fn(&str) -> String) -> String {
    if columns.contains_key(WHOLE) {
        return String::new();
    }
    let names: Vec<String> = columns.keys().map(|name| quote(name)).collect();
    format!(" ({})", names.join(", "))
}

fn list<'a>(actions: impl Iterator<Item = &'a Owner>) -> Vec<Owner> {
    actions.copied().collect::<BTreeSet<_>>().into_iter().collect()
}
