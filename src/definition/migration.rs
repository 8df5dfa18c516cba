//! The `migration:` block: where migrated users are kept, what becomes of the others, and what ends the migration.
//!
//! Invariant: what stands here needs the legacy side's `login` and `get_user`; without them nobody could be migrated, or
//! two users could come to share a name.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::actions::Actions;
use super::checker::Checker;
use super::formats::Formats;
use super::model::{Step, Verification};
use super::places::{Owner, Task};
use super::raw::{
    RawChange, RawCreation, RawDeletion, RawFormats, RawIdentifier, RawImport, RawMigration, RawNewPasswords,
    RawPassword, RawPurge, RawReset, RawSql, RawUnmigrated,
};
use super::settings;
use super::statements::{Ground, Names, compile, first_word, sql_span, steps};
use super::upstream::Upstream;
use super::yaml::At;
use crate::action::Action;
use crate::db;
use crate::diagnostic::{Code, Fault, Span};
use crate::hash::Policy;
use crate::secret::Password;
use crate::sql::{Input, Statement, Use};

/// How users move into a managed store.
#[derive(Debug)]
pub struct Migration {
    /// The managed store.
    pub store: db::Config,
    /// Marks a user as migrated where it came from; None when that is an upstream.
    pub mark: Option<Change>,
    /// The profile members by which users are found.
    pub identifiers: Vec<RawIdentifier>,
    /// What becomes of requests for users who are not migrated yet.
    pub unmigrated: RawUnmigrated,
    /// What passwords in the managed store must be like.
    pub passwords: NewPasswords,
    /// Counts the users who are not migrated yet.
    pub remaining: Option<Arc<Statement>>,
    /// Copies users with their hashes.
    pub import: Option<Import>,
    /// Deletes migrated users where they came from.
    pub purge: Option<Purge>,
}

/// Statements about one user, in one transaction.
#[derive(Debug)]
pub struct Change {
    /// The statements, in order.
    pub steps: Vec<Step>,
    /// The index of the one that must match one row.
    pub deciding: usize,
}

/// What passwords in the managed store must be like.
#[derive(Debug)]
pub struct NewPasswords {
    /// Reads every hash that says by itself what it is, and writes new ones.
    pub policy: Arc<Policy>,
    /// The fewest characters.
    pub min_length: u32,
    /// The most characters.
    pub max_length: Option<u32>,
    /// Sorted SHA-1 hashes of passwords that are refused.
    pub breached: Option<PathBuf>,
}

/// Copies users with their hashes.
#[derive(Debug)]
pub struct Import {
    /// One page of users.
    pub statement: Arc<Statement>,
    /// What comes before the first id, if it is said.
    pub start: Option<String>,
}

/// Deletes migrated users where they came from.
#[derive(Debug)]
pub struct Purge {
    /// How long a user must have been migrated.
    pub older_than: Duration,
    /// Whether a user's row is marked.
    pub marked: Arc<Statement>,
    /// Copies the row, then deletes it.
    pub delete: Change,
}

/// Checks the block.
pub(super) fn migration(
    raw: At<RawMigration>,
    actions: &Actions,
    upstream: Option<&Upstream>,
    denies: bool,
    ground: &Ground<'_>,
    checker: &mut Checker<'_>,
) -> Option<Migration> {
    let At { value: mut raw, span } = raw;
    match upstream {
        Some(upstream) => without_database(&raw, &span, upstream, checker),
        None => sides(&span, actions, &raw, checker),
    }
    resets(&mut raw.unmigrated, denies, checker);
    let store = settings::address(
        &settings::Address { url: &raw.store, max_connections: &raw.max_connections, timeout: &raw.timeout },
        ground.configuration,
        checker,
    );
    let mark = match raw.mark.as_ref().filter(|_| upstream.is_none()) {
        Some(sql) => Some(change(Task::Mark, sql, ground, checker)?),
        None => None,
    };
    let identifiers = identifiers(raw.identifiers, checker);
    let passwords = passwords(raw.password, ground, checker);
    let remaining = match &raw.remaining {
        Some(sql) => Some(read(Task::Remaining, sql, &[], ground, checker)?),
        None => None,
    };
    let import = match raw.import {
        Some(at) => Some(import(at, actions, ground, checker)?),
        None => None,
    };
    let purge = match &raw.purge {
        Some(at) => Some(purge(&at.value, ground, checker)?),
        None => None,
    };
    Some(Migration {
        store: store?.creating(),
        mark,
        identifiers: identifiers?,
        unmigrated: raw.unmigrated,
        passwords: passwords?,
        remaining,
        import,
        purge,
    })
}

/// Both are asked of the legacy side: who a user is, and whether a name is taken there.
fn sides(span: &Span, actions: &Actions, raw: &RawMigration, checker: &mut Checker<'_>) {
    if raw.mark.is_none() {
        let help = "write the UPDATE that says of a row that its user was migrated, as in\n\
                    `mark: UPDATE users SET migrated_at = now() WHERE id = {{ user_id }}`";
        checker.missing("migration", span, "`migration` needs `mark`", help);
    }
    if actions.login.is_none() {
        let help = "users are migrated at their first login: declare `actions.login`";
        checker.missing("migration", span, "`migration` needs `actions.login`", help);
    }
    if actions.get_user.as_ref().is_none_or(|get_user| get_user.by_identifier.is_none()) {
        let help = "declare `actions.get_user.sql`: it tells whether a name belongs to a user who is not migrated yet";
        checker.missing("migration", span, "`migration` needs `actions.get_user` with `sql`", help);
    }
}

/// What an upstream has none of: rows.
fn without_database(raw: &RawMigration, span: &Span, upstream: &Upstream, checker: &mut Checker<'_>) {
    let of_rows = [
        ("mark", raw.mark.as_ref().map(|at| &at.span)),
        ("remaining", raw.remaining.as_ref().map(|at| &at.span)),
        ("import", raw.import.as_ref().map(|at| &at.span)),
        ("purge", raw.purge.as_ref().map(|at| &at.span)),
    ];
    for (key, at) in of_rows {
        let Some(at) = at else { continue };
        let span = checker.key_span(key, at);
        let fault = Fault::new(Code::ConflictingKeys, span, format!("an `upstream` has no rows for `{key}`"));
        checker.push(fault.help("remove it; the managed store alone says who has moved"));
    }
    if !upstream.declares(Action::Login) {
        let help = "users are migrated at their first login: declare `login` under the upstream's `actions`";
        checker.missing("migration", span, "`migration` needs the action `login`", help);
    }
}

/// A reset that migrates would let in whom a `deny` rule keeps out: the rules read the row, at the login alone.
fn resets(raw: &mut RawUnmigrated, denies: bool, checker: &mut Checker<'_>) {
    match &raw.change_password {
        Some(at) if denies && at.value == RawReset::Migrate => {
            let message = "a reset that migrates would let in the users whom `deny` keeps out";
            checker.push(
                Fault::new(Code::ConflictingKeys, at.span.clone(), message)
                    .help("write `change_password: legacy` or `refuse`; the rules are applied at the first login"),
            );
        }
        None if denies => raw.change_password = Some(At { value: RawReset::Legacy, span: 0..0 }),
        Some(_) | None => {}
    }
}

fn identifiers(raw: Option<At<Vec<At<RawIdentifier>>>>, checker: &mut Checker<'_>) -> Option<Vec<RawIdentifier>> {
    let Some(At { value, span }) = raw else {
        return Some(vec![RawIdentifier::Email, RawIdentifier::Username, RawIdentifier::PhoneNumber]);
    };
    if value.is_empty() {
        checker.push(
            Fault::new(Code::InvalidValue, span, "without an identifier no user can be found")
                .help("name at least one of `email`, `username` and `phone_number`, or leave the key out"),
        );
        return None;
    }
    Some(value.into_iter().map(|at| at.value).collect())
}

/// Statements about the user of `user_id`; the last that writes decides.
fn change(task: Task, sql: &At<RawSql>, ground: &Ground<'_>, checker: &mut Checker<'_>) -> Option<Change> {
    let action = name(task);
    let inputs = [("user_id", Input::UserId)];
    let names = Names { action, used: Use::Write, inputs: &inputs, steps: &[], row: false };
    let (steps, declared) = serving(task, checker, |checker| self::steps(sql, &names, ground, checker))?;
    let written = steps.iter().rposition(|step| step.statement.writes);
    let Some(deciding) = declared.or(written) else {
        let fault = Fault::new(Code::ReadInWriteAction, sql_span(sql), format!("`{action}` changes no row"));
        checker.push(fault.help("write an INSERT, UPDATE or DELETE statement"));
        return None;
    };
    if !steps[deciding].statement.parameters.iter().any(|p| p.expression.input() == Some(&Input::UserId)) {
        let span = first_word(checker, &sql_span(sql));
        checker.push(
            Fault::new(Code::UnusedInput, span, format!("`{action}` never uses `{{{{ user_id }}}}`"))
                .help("without `{{ user_id }}` the statement cannot be about one user"),
        );
    }
    Some(Change { steps, deciding })
}

fn read(
    task: Task,
    sql: &At<String>,
    inputs: &[(&str, Input)],
    ground: &Ground<'_>,
    checker: &mut Checker<'_>,
) -> Option<Arc<Statement>> {
    let action = name(task);
    let names = Names { action, used: Use::Read, inputs, steps: &[], row: false };
    let statement = serving(task, checker, |checker| compile(sql, &names, ground, checker))?;
    for (name, input) in inputs {
        if !statement.parameters.iter().any(|parameter| parameter.expression.input() == Some(input)) {
            let span = first_word(checker, &sql.span);
            checker.push(
                Fault::new(Code::UnusedInput, span, format!("`{action}` never uses `{{{{ {name} }}}}`"))
                    .help(format!("without `{{{{ {name} }}}}` the statement cannot do what it is for")),
            );
        }
    }
    Some(statement)
}

/// What is compiled serves this task and no action, whatever an action of its name is for.
fn serving<T>(task: Task, checker: &mut Checker<'_>, compile: impl FnOnce(&mut Checker<'_>) -> T) -> T {
    let before = checker.statements.len();
    let compiled = compile(checker);
    for located in &mut checker.statements[before..] {
        located.owner = Owner::Migration(task);
    }
    compiled
}

/// What messages call it.
const fn name(task: Task) -> &'static str {
    match task {
        Task::Mark => "mark",
        Task::Remaining => "remaining",
        Task::Import => "import",
        Task::Marked => "marked",
        Task::Archive => "archive",
        Task::Delete => "delete",
    }
}

fn import(raw: At<RawImport>, actions: &Actions, ground: &Ground<'_>, checker: &mut Checker<'_>) -> Option<Import> {
    let At { value: raw, span } = raw;
    let statement = read(Task::Import, &raw.sql, &[("after", Input::After), ("limit", Input::Limit)], ground, checker)?;
    let stored = match actions.login.as_ref().map(|login| &login.verification) {
        Some(Verification::Gateway(stored)) => Some(stored),
        Some(Verification::Database) => {
            let span = checker.key_span("import", &span);
            checker.push(
                Fault::new(
                    Code::ConflictingKeys,
                    span,
                    "the database compares passwords itself, so no hash can be copied",
                )
                .help("remove `import`; users are migrated at their first login"),
            );
            None
        }
        None => None,
    };
    let hash = stored.into_iter().flat_map(|stored| std::iter::once(&stored.column).chain(&stored.beside));
    let needed = hash.map(String::as_str).chain([ground.user_id_column]).chain(columns(ground));
    for column in needed {
        if statement.star.is_none() && !statement.mentions(column) {
            let span = first_word(checker, &raw.sql.span);
            checker.push(
                Fault::new(Code::MissingColumn, span, format!("`import` does not select `{column}`"))
                    .help(format!("add `{column}` to the SELECT list; it must give what `login` gives")),
            );
        }
    }
    Some(Import { statement, start: raw.start.map(|at| at.value) })
}

/// What the profile and the `deny` rules read.
fn columns<'a>(ground: &Ground<'a>) -> impl Iterator<Item = &'a str> {
    ground.read_columns.iter().chain(ground.deny_columns).map(|(column, _)| column.as_str())
}

fn purge(raw: &RawPurge, ground: &Ground<'_>, checker: &mut Checker<'_>) -> Option<Purge> {
    let older_than = checker.take(age(&raw.older_than));
    let marked = read(Task::Marked, &raw.marked, &[("user_id", Input::UserId)], ground, checker);
    // In the order in which they run.
    let archive = raw.archive.as_ref().map(|sql| change(Task::Archive, sql, ground, checker));
    let mut delete = change(Task::Delete, &raw.delete, ground, checker)?;
    let archive = match archive {
        Some(change) => change?.steps,
        None => Vec::new(),
    };
    delete.deciding += archive.len();
    delete.steps.splice(0..0, archive);
    Some(Purge { older_than: older_than?, marked: marked?, delete })
}

/// A time such as `30d` or `12h`.
fn age(at: &At<String>) -> Result<Duration, Fault> {
    let text = at.value.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let seconds = match text[digits..].trim() {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3_600),
        "d" => Some(86_400),
        _ => None,
    };
    let number = text[..digits].parse::<u64>().ok().filter(|number| *number < 1_000_000);
    number.zip(seconds).map(|(number, seconds)| Duration::from_secs(number * seconds)).ok_or_else(|| {
        Fault::new(Code::InvalidValue, at.span.clone(), format!("`{text}` is not an age"))
            .help("write a number with its unit, as in `30d` or `12h`")
    })
}

fn passwords(raw: Option<At<RawNewPasswords>>, ground: &Ground<'_>, checker: &mut Checker<'_>) -> Option<NewPasswords> {
    let At { value: raw, span } = raw.unwrap_or(At { value: RawNewPasswords::default(), span: 0..0 });
    let (min, max) = lengths(&raw, checker)?;
    let breached = match &raw.breached {
        Some(at) => Some(breached(at, ground, checker)?),
        None => None,
    };
    let place = raw.new.as_ref().map_or(span.clone(), |at| at.span.clone());
    let block = RawPassword { formats: None::<At<RawFormats>>, new: raw.new, ..RawPassword::default() };
    let policy = Formats { block: &block, whole: &span, surroundings: ground.surroundings }.policy(checker)?;
    if policy.writes_salt() || !policy.needs().is_empty() || !policy.columns().is_empty() || !policy.can_write() {
        checker.push(
            Fault::new(
                Code::InvalidFormat,
                place,
                "this format needs columns beside the hash, which a managed store has not",
            )
            .help("write `new: argon2id`, or another format that holds its salt and its cost"),
        );
        return None;
    }
    Some(NewPasswords { policy: Arc::new(policy), min_length: min, max_length: max, breached })
}

fn lengths(raw: &RawNewPasswords, checker: &mut Checker<'_>) -> Option<(u32, Option<u32>)> {
    let min = raw.min_length.as_ref().map_or(8, |at| at.value);
    let limit = u32::try_from(Password::MAX_BYTES).unwrap_or(u32::MAX);
    let faulty = [&raw.min_length, &raw.max_length].into_iter().flatten().find(|at| !(1..=limit).contains(&at.value));
    if let Some(at) = faulty {
        let message = format!("{} characters, expected 1 to {limit}", at.value);
        checker.push(Fault::new(Code::InvalidValue, at.span.clone(), message).help("8 to 64 suit most services"));
        return None;
    }
    if let Some(at) = raw.max_length.as_ref().filter(|at| at.value < min) {
        let message = format!("at most {} characters, but at least {min}: no password is both", at.value);
        checker.push(Fault::new(Code::InvalidValue, at.span.clone(), message).help("raise `max_length`"));
        return None;
    }
    Some((min, raw.max_length.as_ref().map(|at| at.value)))
}

/// The file of breached passwords, when its first line is one.
fn breached(at: &At<String>, ground: &Ground<'_>, checker: &mut Checker<'_>) -> Option<PathBuf> {
    let path = ground.surroundings.directory.join(&at.value);
    let regular = std::fs::metadata(&path).is_ok_and(|metadata| metadata.is_file());
    let mut line = String::new();
    let read = regular.then(|| File::open(&path).and_then(|file| BufReader::new(file).read_line(&mut line)));
    let digits = line.trim_end().split(':').next().unwrap_or_default();
    let plausible = (5..=40).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if matches!(read, Some(Ok(_))) && plausible {
        return Some(path);
    }
    let message = match read {
        Some(Ok(_)) => format!("`{}` does not begin with a SHA-1 hash in hex", at.value),
        _ => format!("cannot read `{}`", at.value),
    };
    checker.push(
        Fault::new(Code::InvalidValue, at.span.clone(), message)
            .help("expected lines such as `5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:10437277`, sorted"),
    );
    None
}

impl RawUnmigrated {
    /// What becomes of a new password.
    pub fn reset(&self) -> RawReset {
        self.change_password.as_ref().map_or_else(RawReset::default, |at| at.value)
    }

    /// Where new users go.
    pub fn creation(&self) -> RawCreation {
        self.create.unwrap_or_default()
    }

    /// What deletes a user.
    pub fn deletion(&self) -> RawDeletion {
        self.delete.unwrap_or_default()
    }

    /// What becomes of a change of the profile.
    pub fn change(&self, action: crate::action::Action) -> RawChange {
        use crate::action::Action;
        let declared = match action {
            Action::Verify => self.verify,
            Action::ChangeEmail => self.change_email,
            Action::ChangeUsername => self.change_username,
            Action::ChangePhoneNumber => self.change_phone_number,
            Action::Login
            | Action::GetUser
            | Action::ListUsers
            | Action::Create
            | Action::ChangePassword
            | Action::Delete => None,
        };
        declared.unwrap_or_default()
    }
}
