//! What writing does: columns that must have a value, widths, triggers, rules, views, foreign keys, engines.

use super::Findings;
use crate::action::Action;
use crate::connect::scene::{Scene, Seen};
use crate::db::inspect::{Table, TableKind, Trigger};
use crate::definition::{Owner, Task, Verification};
use crate::diagnostic::{Code, Fault};
use crate::hash::Policy;
use crate::sql::{Assignment, Dialect, Expression, Input, Role, TableUse};

const WRITING: [Role; 3] = [Role::Insert, Role::Update, Role::Delete];

pub(super) fn rules(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    hidden_writes(scene, seen, findings);
    row_security(scene, seen, findings);
    generated_columns(scene, seen, findings);
    if seen.described.is_err() {
        return;
    }
    required_columns(scene, seen, findings);
    narrow_columns(scene, seen, findings);
    foreign_keys(scene, seen, findings);
    changed_keys(scene, seen, findings);
    overwriting(scene, seen, findings);
    unknown_words(scene, seen, findings);
    sequences(scene, seen, findings);
    for (used, table) in scene.used(seen, &WRITING) {
        let span = scene.span(seen, &used.span);
        for fault in [triggers(seen, used, table), rewriting(table), view(table), engine(table)].into_iter().flatten() {
            findings.push(Fault { span: span.clone(), ..fault });
        }
    }
}

/// Columns without which no row can be added.
fn required_columns(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    for (index, used) in seen.outline.tables.iter().enumerate().filter(|(_, used)| used.role == Role::Insert) {
        let Some(table) = scene.table_at(seen, index) else { continue };
        let given = |name: &str| {
            let mut own = seen.outline.assignments.iter().filter(|a| a.table == index && a.inserts);
            own.any(|assignment| assignment.column.eq_ignore_ascii_case(name))
        };
        // Without a list of columns, every one gets a value.
        if !seen.outline.assignments.iter().any(|assignment| assignment.table == index && assignment.inserts) {
            continue;
        }
        let missing = table.columns.iter().filter(|c| c.required && !c.has_default && !c.generated && !given(&c.name));
        let missing: Vec<String> = missing.map(|column| format!("`{}`", column.name)).collect();
        if missing.is_empty() {
            continue;
        }
        let (span, list) = (scene.span(seen, &used.span), missing.join(", "));
        let filled = table.triggers.iter().any(|trigger| trigger.events.contains(&"INSERT"));
        findings.push(if filled && scene.dialect() != Dialect::Sqlite {
            let message =
                format!("{list} of `{}` must have a value; whether a trigger gives it cannot be told", table.name);
            Fault::new(Code::NotChecked, span, message).help("rehearse it: `userbridge check --connect --rehearse`")
        } else {
            let message =
                format!("{list} of `{}` must have a value and has no default, so no row can be added", table.name);
            Fault::new(Code::RequiredColumn, span, message)
                .help("give it a value in the INSERT, or a default: ALTER TABLE … ALTER COLUMN … SET DEFAULT …")
        });
    }
}

/// Columns that the database computes.
fn generated_columns(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    let overriding = seen.located.statement.text.to_ascii_uppercase().contains("OVERRIDING");
    for assignment in seen.outline.assignments.iter().filter(|_| !overriding) {
        let column = scene.table_at(seen, assignment.table).and_then(|table| table.column(&assignment.column));
        let Some(column) = column.filter(|column| column.generated) else { continue };
        let message = format!("`{}` is computed by the database and takes no value", column.name);
        findings.push(
            Fault::new(Code::GeneratedColumn, scene.span(seen, &assignment.span), message)
                .help("remove it from the statement"),
        );
    }
}

/// Columns that are too short for what is written to them.
fn narrow_columns(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    for assignment in &seen.outline.assignments {
        let column = scene.table_at(seen, assignment.table).and_then(|table| table.column(&assignment.column));
        let parameter = assignment.parameter.and_then(|index| seen.located.statement.parameters.get(index));
        let (Some(column), Some(parameter)) = (column, parameter) else { continue };
        let salt = match &parameter.expression {
            Expression::Input { input: Input::PasswordHash, .. } => false,
            Expression::Input { input: Input::PasswordSalt, .. } => true,
            _ => continue,
        };
        let Some((hash_length, salt_length)) = written_by(scene, seen).and_then(Policy::written_lengths_blocking)
        else {
            continue;
        };
        let length = if salt { salt_length } else { hash_length };
        if column.width.is_none_or(|width| width >= length as u64) {
            continue;
        }
        let what = if salt { "a new salt" } else { "a new hash" };
        let message = format!("`{}` is {}, but {what} has {length} characters", column.name, column.type_name);
        let help = match scene.dialect() {
            Dialect::Mysql => format!(
                "ALTER TABLE … MODIFY {} varchar(255) …, or choose a shorter format under `password: new`",
                column.name
            ),
            _ => format!(
                "ALTER TABLE … ALTER COLUMN {} TYPE varchar(255), or choose a shorter format under `password: new`",
                column.name
            ),
        };
        findings.push(Fault::new(Code::NarrowColumn, scene.span(seen, &assignment.span), message).help(help));
    }
}

/// The formats by which this statement's hash is made.
fn written_by<'s>(scene: &'s Scene<'_>, seen: &Seen<'_>) -> Option<&'s Policy> {
    let definition = scene.definition;
    match seen.owner().action()? {
        Action::Create => definition.create.as_ref()?.write.policy.as_deref(),
        Action::Login => match &definition.login.as_ref()?.verification {
            Verification::Gateway(stored) => Some(&stored.policy),
            Verification::Database => None,
        },
        action => definition.writes.get(&action)?.policy.as_deref(),
    }
}

fn triggers(seen: &Seen<'_>, used: &TableUse, table: &Table) -> Option<Fault> {
    let event = match used.role {
        Role::Insert => "INSERT",
        Role::Update => "UPDATE",
        Role::Delete => "DELETE",
        Role::Read => return None,
    };
    let changed = |column: &String| {
        seen.outline.assignments.iter().any(|assignment| assignment.column.eq_ignore_ascii_case(column))
    };
    let concerned =
        |trigger: &&Trigger| event != "UPDATE" || trigger.columns.is_empty() || trigger.columns.iter().any(changed);
    let fired = table.triggers.iter().filter(|trigger| trigger.events.contains(&event)).filter(concerned);
    let names: Vec<String> = fired.map(|trigger| format!("`{}`", trigger.name)).collect();
    if names.is_empty() {
        return None;
    }
    let message = format!("{event} on `{}` runs the trigger {}", table.name, names.join(", "));
    Some(
        Fault::new(Code::Trigger, 0..0, message)
            .help("see to it that it does what the gateway's users expect; its errors become the action's"),
    )
}

fn rewriting(table: &Table) -> Option<Fault> {
    let name = table.rules.first().filter(|_| table.kind == TableKind::Table)?;
    let message =
        format!("the rule `{name}` rewrites what is written to `{}`: its row count may not be the table's", table.name);
    Some(Fault::new(Code::RewriteRule, 0..0, message).help("make a trigger of it, or write to another table"))
}

fn view(table: &Table) -> Option<Fault> {
    matches!(table.kind, TableKind::View | TableKind::Foreign).then(|| {
        let what = if table.kind == TableKind::View { "a view" } else { "another server's table" };
        let message = format!("`{}` is {what}: its constraints, defaults and widths cannot be seen", table.name);
        Fault::new(Code::WritesView, 0..0, message).help("write to the table behind it")
    })
}

fn engine(table: &Table) -> Option<Fault> {
    (!table.transactional).then(|| {
        let message =
            format!("the engine of `{}` has no transactions: a change that should be undone stays", table.name);
        Fault::new(Code::NoTransactions, 0..0, message).help(format!("ALTER TABLE {} ENGINE = InnoDB", table.name))
    })
}

/// Rows of other tables that keep a user from being deleted.
fn foreign_keys(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    let steps: &[Owner] = match seen.owner() {
        Owner::Action(Action::Delete) => &[Owner::Action(Action::Delete)],
        Owner::Migration(Task::Archive | Task::Delete) => {
            &[Owner::Migration(Task::Archive), Owner::Migration(Task::Delete)]
        }
        Owner::Action(_) | Owner::Migration(_) => return,
    };
    let earlier: Vec<String> = scene
        .statements
        .iter()
        .take_while(|other| !std::ptr::eq(*other, seen))
        .filter(|other| steps.contains(&other.owner()))
        .flat_map(|other| scene.used(other, &[Role::Delete, Role::Update]).map(|(_, table)| table.name.clone()))
        .collect();
    for (used, table) in scene.used(seen, &[Role::Delete]) {
        let holds = table.referenced_by.iter().filter(|r| r.restricts && !earlier.contains(&r.table));
        for reference in holds {
            let message =
                format!("a user with rows in `{}` cannot be deleted: they point to `{}`", reference.table, table.name);
            findings.push(Fault::new(Code::ForeignKey, scene.span(seen, &used.span), message).help(format!(
                "delete from `{}` first, in a list of statements, or declare its foreign key ON DELETE CASCADE",
                reference.table
            )));
        }
    }
}

/// Rows of other tables that keep a name or address from being changed.
fn changed_keys(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    for assignment in seen.outline.assignments.iter().filter(|assignment| !assignment.inserts) {
        let Some(table) = scene.table_at(seen, assignment.table) else { continue };
        let same = |column: &String| column.eq_ignore_ascii_case(&assignment.column);
        for reference in table.referenced_by.iter().filter(|r| r.restricts_change && r.columns.iter().any(same)) {
            let message = format!(
                "`{}` cannot be changed for a user with rows in `{}`, which point to it",
                assignment.column, reference.table
            );
            findings.push(Fault::new(Code::ForeignKey, scene.span(seen, &assignment.span), message).help(format!(
                "change `{}` in the same action, or declare its foreign key ON UPDATE CASCADE",
                reference.table
            )));
        }
    }
}

/// `create` must add a user, never change one.
fn overwriting(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    let hash = |assignment: &&Assignment| {
        let parameter = assignment.parameter.and_then(|index| seen.located.statement.parameters.get(index));
        parameter.and_then(|parameter| parameter.expression.input()).is_some_and(|input| *input == Input::PasswordHash)
    };
    let Some(hash) = seen.outline.assignments.iter().find(hash).filter(|a| a.inserts) else { return };
    let words: Vec<String> =
        seen.located.statement.text.split_whitespace().take(3).map(str::to_ascii_uppercase).collect();
    let replaces = words.first().is_some_and(|word| word == "REPLACE")
        || words.get(1..).is_some_and(|rest| rest == ["OR", "REPLACE"]);
    let changes = |a: &Assignment| !a.inserts && a.table == hash.table && a.column.eq_ignore_ascii_case(&hash.column);
    if seen.owner() == Owner::Action(Action::Create) && (replaces || seen.outline.assignments.iter().any(changes)) {
        let message = "whoever creates a user with another's name or address takes over that account";
        findings.push(
            Fault::new(Code::CreateOverwrites, scene.head(seen), message)
                .help("only add: a name that is taken is answered with `user_exists`"),
        );
    }
}

/// Texts that an ENUM of MySQL does not have: only PostgreSQL says so by itself.
fn unknown_words(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    for assignment in seen.outline.assignments.iter().filter(|_| scene.dialect() == Dialect::Mysql) {
        let column = scene.table_at(seen, assignment.table).and_then(|table| table.column(&assignment.column));
        let Some((column, literal)) = column.zip(assignment.literal.as_ref()) else { continue };
        let Some(list) = column.type_name.strip_prefix("enum('").and_then(|list| list.strip_suffix("')")) else {
            continue;
        };
        if !list.split("','").any(|word| word.eq_ignore_ascii_case(literal)) {
            let message = format!("`{}` is {}, which has no value `{literal}`", column.name, column.type_name);
            findings.push(
                Fault::new(Code::RefusedStatement, scene.span(seen, &assignment.span), message)
                    .help("write one of its values, or add this one with ALTER TABLE … MODIFY"),
            );
        }
    }
}

/// Sequences that give new rows their ids, but not to us. PostgreSQL notices only when a row is added.
fn sequences(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    for (index, used) in seen.outline.tables.iter().enumerate().filter(|(_, used)| used.role == Role::Insert) {
        let Some(table) = scene.table_at(seen, index) else { continue };
        let given = |name: &str| seen.outline.assignments.iter().any(|a| a.table == index && a.column == name);
        for sequence in table.sequences.iter().filter(|sequence| !sequence.usable && !given(&sequence.column)) {
            let message = format!(
                "`{}` may not draw from {}, which gives `{}` its value",
                scene.account.name, sequence.name, sequence.column
            );
            let role = scene.dialect().quote_identifier(&scene.account.name);
            findings.push(
                Fault::new(Code::MissingPrivilege, scene.span(seen, &used.span), message)
                    .help(format!("as the tables' owner: GRANT USAGE ON SEQUENCE {} TO {role};", sequence.name)),
            );
        }
    }
}

fn row_security(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    let roles = [Role::Read, Role::Insert, Role::Update, Role::Delete];
    for (used, table) in scene.used(seen, &roles).filter(|(_, table)| table.row_security == Some(true)) {
        let message =
            format!("row-level security decides which rows of `{}` are there for `{}`", table.name, scene.account.name);
        findings.push(
            Fault::new(Code::RowSecurity, scene.span(seen, &used.span), message).help(
                "users that a policy hides are unknown to the gateway: CREATE POLICY … USING (true) for its role",
            ),
        );
    }
}

/// Functions and plans that write where only reading is allowed. The session is read-only, so they would fail.
fn hidden_writes(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    if !seen.purpose.only_reads() {
        return;
    }
    let (what, instead) = match seen.owner() {
        Owner::Action(_) => ("action", "put changes that follow a login under `after`"),
        Owner::Migration(_) => ("statement", "of a migration, only `mark` and `purge` change anything"),
    };
    if let Ok(Some(plan)) = &seen.plan
        && plan.writes
    {
        let message = format!("the plan of this statement writes, but this {what} may only read");
        findings.push(Fault::new(Code::HiddenWrite, scene.head(seen), message).help(instead));
    }
    for (name, within) in &seen.outline.functions {
        let Some(function) = scene.functions.iter().find(|f| f.name.eq_ignore_ascii_case(name)) else { continue };
        let span = scene.span(seen, within);
        match function.writes {
            Some(true) => findings.push(
                Fault::new(
                    Code::HiddenWrite,
                    span,
                    format!("`{name}` may write, but this {what} may only read, and fails then"),
                )
                .help(format!("declare the function STABLE if it only reads; {instead}")),
            ),
            None => findings.push(
                Fault::new(Code::NotChecked, span, format!("whether `{name}` writes cannot be told")).help(format!(
                    "declare it READS SQL DATA or NO SQL; what writes fails where a {what} may only read"
                )),
            ),
            Some(false) => {}
        }
    }
}
