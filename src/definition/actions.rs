//! The SQL of each action: what it may name, and what it must not forget.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::checker::Checker;
use super::listing::list_users;
use super::lookup::unproven;
use super::model::{Create, GetUser, ListUsers, Login, StoredPassword, Verification, Write};
use super::passwords::{Passwords, passwords};
use super::raw::{RawActions, RawCreate, RawGetUser, RawLogin, RawPassword, RawSql, RawWrite};
use super::statements::{Ground, Names, compile, first_word, sql_span, steps};
use super::yaml::At;
use crate::action::Action;
use crate::diagnostic::{Code, Fault, Span};
use crate::hash::Policy;
use crate::sql::{Input, Statement, Use};

/// The checked actions.
#[derive(Default)]
pub(super) struct Actions {
    pub login: Option<Login>,
    pub get_user: Option<GetUser>,
    pub create: Option<Create>,
    pub list_users: Option<ListUsers>,
    pub writes: BTreeMap<Action, Write>,
    pub secret_columns: BTreeSet<String>,
}

/// Checks every action.
pub(super) fn actions(raw: &At<RawActions>, ground: &Ground<'_>, checker: &mut Checker<'_>) -> Actions {
    let mut all = Actions::default();
    let declared = &raw.value;
    if let Some(passwords) = &ground.password {
        all.note_secrets(passwords);
    }
    if let Some(login) = &declared.login {
        all.login = self::login(login, ground, &mut all.secret_columns, checker);
    }
    if let Some(get_user) = &declared.get_user {
        all.get_user = self::get_user(get_user, ground, checker);
    }
    if let Some(create) = &declared.create {
        all.create = self::create(create, ground, checker);
    }
    let writes = [
        (Action::Verify, &declared.verify),
        (Action::ChangePassword, &declared.change_password),
        (Action::ChangeEmail, &declared.change_email),
        (Action::ChangeUsername, &declared.change_username),
        (Action::ChangePhoneNumber, &declared.change_phone_number),
        (Action::Delete, &declared.delete),
    ];
    if let Some(raw) = &declared.list_users {
        all.list_users = list_users(raw, ground, checker);
    }
    let reads = declared.login.is_some() || declared.get_user.is_some() || declared.list_users.is_some();
    let mut any = reads || declared.create.is_some();
    for (action, raw) in writes {
        let Some(raw) = raw else { continue };
        any = true;
        if let Some(write) = self::write(action, raw, ground, checker) {
            all.writes.insert(action, write);
        }
    }
    if !any {
        checker.missing("actions", &raw.span, "no action is declared", "declare `login` or `get_user` at least");
    }
    all
}

impl Actions {
    fn note_secrets(&mut self, passwords: &Passwords) {
        let columns = passwords.column.iter().chain(&passwords.secret);
        self.secret_columns.extend(columns.map(|at| at.value.clone()));
    }
}

/// The names that an action's SQL may use, besides those of the definition's own.
pub fn input_names(action: Action) -> impl Iterator<Item = &'static str> {
    inputs(action).into_iter().map(|(name, _)| name)
}

/// The inputs of an action, by the names that its SQL uses.
pub(super) fn inputs(action: Action) -> Vec<(&'static str, Input)> {
    match action {
        Action::Login | Action::GetUser => vec![("identifier", Input::Identifier), ("context", Input::Context)],
        Action::Create => vec![
            ("email", Input::Email),
            ("username", Input::Username),
            ("phone_number", Input::PhoneNumber),
            ("password_hash", Input::PasswordHash),
            ("password_salt", Input::PasswordSalt),
            ("user_metadata", Input::UserMetadata),
            ("app_metadata", Input::AppMetadata),
        ],
        Action::Verify => vec![("email", Input::Email)],
        Action::ChangePassword => vec![
            ("identifier", Input::Identifier),
            ("email", Input::Identifier),
            ("password_hash", Input::PasswordHash),
            ("password_salt", Input::PasswordSalt),
        ],
        Action::ChangeEmail => {
            vec![("email", Input::Email), ("new_email", Input::NewEmail), ("verified", Input::Verified)]
        }
        Action::ChangeUsername => vec![("username", Input::Username), ("new_username", Input::NewUsername)],
        Action::ChangePhoneNumber => vec![
            ("phone_number", Input::PhoneNumber),
            ("new_phone_number", Input::NewPhoneNumber),
            ("verified", Input::Verified),
        ],
        Action::Delete => vec![("user_id", Input::UserId)],
        Action::ListUsers => vec![("after", Input::After), ("limit", Input::Limit)],
    }
}

/// The inputs without which the action's SQL cannot do what it is for.
pub(super) fn needed(action: Action) -> &'static [Input] {
    match action {
        Action::Login | Action::GetUser => &[Input::Identifier],
        Action::Create => &[],
        Action::Verify => &[Input::Email],
        Action::ChangePassword => &[Input::Identifier, Input::PasswordHash],
        Action::ChangeEmail => &[Input::Email, Input::NewEmail],
        Action::ChangeUsername => &[Input::Username, Input::NewUsername],
        Action::ChangePhoneNumber => &[Input::PhoneNumber, Input::NewPhoneNumber],
        Action::Delete => &[Input::UserId],
        Action::ListUsers => &[Input::After, Input::Limit],
    }
}

fn login(
    raw: &At<RawLogin>,
    ground: &Ground<'_>,
    secrets: &mut BTreeSet<String>,
    checker: &mut Checker<'_>,
) -> Option<Login> {
    let own = own_passwords(raw.value.password.as_ref(), ground, checker);
    if own.is_none() && raw.value.password.is_none() && !ground.password_declared {
        checker.missing(
            "login",
            &raw.span,
            "`login` needs to know how passwords are stored",
            "add a `password:` block at the top",
        );
    }
    let mut inputs = inputs(Action::Login);
    if own.as_ref().is_some_and(|own| own.in_database) {
        inputs.push(("password", Input::Password));
    }
    let names = Names { action: "login", used: Use::Read, inputs: &inputs, steps: &[], row: false };
    let statement = compile(&raw.value.sql, &names, ground, checker)?;
    let own = own?;
    secrets.extend(own.column.iter().chain(&own.secret).map(|at| at.value.clone()));
    let mut required = vec![Input::Identifier];
    required.extend(own.in_database.then_some(Input::Password));
    unused(&required, &[&statement], "login", &raw.value.sql, checker);
    if !own.in_database {
        let hash = own.column.iter().map(|at| (&at.value, "holds the password"));
        for (column, why) in hash.chain(own.beside.iter().map(|column| (column, "belongs to the hash"))) {
            selected(column, why, &statement, &raw.value.sql, checker);
        }
    }
    profile_columns(&statement, &raw.value.sql, ground, checker);
    unproven(&statement, &raw.value.sql, ground, checker);
    for (column, span) in ground.deny_columns {
        if statement.star.is_none() && !statement.mentions(column) {
            checker.push(missing_column(column, span, "login"));
        }
    }
    let after = match &raw.value.after {
        Some(sql) => {
            let inputs = self::inputs(Action::Login);
            steps(
                sql,
                &Names { action: "login", used: Use::Write, inputs: &inputs, steps: &[], row: true },
                ground,
                checker,
            )?
            .0
        }
        None => Vec::new(),
    };
    let verification = if own.in_database {
        Verification::Database
    } else {
        let rehash = match &own.rehash {
            Some(sql) => Some(rehash(sql, &own.policy, ground, checker)?),
            None => None,
        };
        Verification::Gateway(StoredPassword {
            column: own.column?.value,
            beside: own.beside,
            policy: own.policy,
            rehash,
        })
    };
    Some(Login { statement, verification, after })
}

/// The statement that replaces an outdated hash: it must compare the old one, or a parallel change would be lost.
fn rehash(sql: &At<String>, policy: &Policy, ground: &Ground<'_>, checker: &mut Checker<'_>) -> Option<Arc<Statement>> {
    let inputs = [
        ("password_hash", Input::PasswordHash),
        ("password_salt", Input::PasswordSalt),
        ("stored_hash", Input::StoredHash),
        ("identifier", Input::Identifier),
    ];
    let names = Names { action: "rehash_sql", used: Use::Write, inputs: &inputs, steps: &[], row: true };
    let statement = compile(sql, &names, ground, checker)?;
    unused(&[Input::PasswordHash, Input::StoredHash], &[&statement], "rehash_sql", sql, checker);
    can_store(Some(policy), &[&statement], "rehash_sql", sql.span.clone(), checker);
    Some(statement)
}

fn get_user(raw: &At<RawGetUser>, ground: &Ground<'_>, checker: &mut Checker<'_>) -> Option<GetUser> {
    let mut look_up = |sql: &At<String>, inputs: &[(&str, Input)]| {
        let names = Names { action: "get_user", used: Use::Read, inputs, steps: &[], row: false };
        let statement = compile(sql, &names, ground, checker)?;
        unused(&[inputs[0].1.clone()], &[&statement], "get_user", sql, checker);
        profile_columns(&statement, sql, ground, checker);
        unproven(&statement, sql, ground, checker);
        Some(statement)
    };
    let by_identifier = match &raw.value.sql {
        Some(sql) => Some(look_up(sql, &inputs(Action::GetUser))?),
        None => None,
    };
    let by_user_id = match &raw.value.by_user_id {
        Some(at) => Some(look_up(&at.value.sql, &[("user_id", Input::UserId), ("context", Input::Context)])?),
        None => None,
    };
    if by_identifier.is_none() && by_user_id.is_none() {
        checker.missing(
            "get_user",
            &raw.span,
            "`get_user` has no statement",
            "add `sql: SELECT …`, or `by_user_id: { sql: SELECT … }`",
        );
        return None;
    }
    Some(GetUser { by_identifier, by_user_id })
}

fn create(raw: &At<RawCreate>, ground: &Ground<'_>, checker: &mut Checker<'_>) -> Option<Create> {
    let mut fields = BTreeMap::new();
    let mut inputs = inputs(Action::Create);
    let known: BTreeSet<&str> =
        inputs.iter().map(|(name, _)| *name).chain(["password", "row", "configuration"]).collect();
    for (name, kind) in &raw.value.fields {
        if known.contains(name.as_str()) {
            let span = checker.key_span(name, &kind.span);
            checker.push(
                Fault::new(Code::ConflictingKeys, span, format!("`{name}` is an input of `create` already"))
                    .help("remove it from `fields`"),
            );
        }
        fields.insert(name.clone(), kind.value);
    }
    let own_fields = raw.value.fields.keys().filter(|name| !known.contains(name.as_str()));
    inputs.extend(own_fields.map(|name| (name.as_str(), Input::Field(name.clone()))));
    let own = own_passwords(raw.value.password.as_ref(), ground, checker);
    let names = Names { action: "create", used: Use::Write, inputs: &inputs, steps: &[], row: false };
    let write = transaction(Action::Create, &raw.value.sql, &names, own, ground, checker)?;
    let identifying = [Input::Email, Input::Username, Input::PhoneNumber];
    let statements: Vec<&Statement> = write.steps.iter().map(|step| &*step.statement).collect();
    if !statements
        .iter()
        .any(|s| s.parameters.iter().any(|p| p.expression.input().is_some_and(|i| identifying.contains(i))))
    {
        let span = sql_span(&raw.value.sql);
        checker.push(
            Fault::new(Code::UnusedInput, span, "`create` stores neither `email`, `username` nor `phone_number`")
                .help("a user that cannot be found again is lost: insert `{{ email }}`, `{{ username }}` or `{{ phone_number }}`"),
        );
    }
    Some(Create { write, fields })
}

fn write(action: Action, raw: &At<RawWrite>, ground: &Ground<'_>, checker: &mut Checker<'_>) -> Option<Write> {
    let own = own_passwords(raw.value.password.as_ref(), ground, checker);
    let inputs = inputs(action);
    let names = Names { action: action.as_str(), used: Use::Write, inputs: &inputs, steps: &[], row: false };
    let write = transaction(action, &raw.value.sql, &names, own, ground, checker)?;
    let statements: Vec<&Statement> = write.steps.iter().map(|step| &*step.statement).collect();
    unused_at(needed(action), &statements, action.as_str(), sql_span(&raw.value.sql), checker);
    Some(write)
}

/// One transaction of an action that writes.
fn transaction(
    action: Action,
    sql: &At<RawSql>,
    names: &Names<'_>,
    own: Option<Passwords>,
    ground: &Ground<'_>,
    checker: &mut Checker<'_>,
) -> Option<Write> {
    let (steps, declared) = steps(sql, names, ground, checker)?;
    let writing: Vec<usize> =
        steps.iter().enumerate().filter(|(_, step)| step.statement.writes).map(|(i, _)| i).collect();
    let implied = if action == Action::Delete { writing.last() } else { writing.first() };
    let Some(deciding) = declared.or(implied.copied()) else {
        checker.push(
            Fault::new(
                Code::ReadInWriteAction,
                sql_span(sql),
                format!("`{action}` has no statement that changes a row"),
            )
            .help("write an INSERT, UPDATE or DELETE statement"),
        );
        return None;
    };
    let hashes = steps
        .iter()
        .flat_map(|step| &step.statement.parameters)
        .any(|parameter| matches!(parameter.expression.input(), Some(Input::PasswordHash | Input::PasswordSalt)));
    if hashes && own.is_none() && !ground.password_declared {
        checker.push(
            Fault::new(
                Code::MissingKey,
                sql_span(sql),
                format!("`{action}` stores a hash, but no `password:` block says how"),
            )
            .help("add `password: { column: …, new: argon2id }` at the top"),
        );
        return None;
    }
    let policy = own.filter(|_| hashes).map(|own| own.policy);
    let statements: Vec<&Statement> = steps.iter().map(|step| &*step.statement).collect();
    can_store(policy.as_deref(), &statements, &action.to_string(), sql_span(sql), checker);
    Some(Write { steps, deciding, policy })
}

/// The action's own `password:` block, or the one at the top.
fn own_passwords(raw: Option<&At<RawPassword>>, ground: &Ground<'_>, checker: &mut Checker<'_>) -> Option<Passwords> {
    match raw {
        Some(raw) => passwords(raw, ground.surroundings, checker),
        None => ground.password.clone(),
    }
}

pub(super) fn unused(
    needed: &[Input],
    statements: &[&Statement],
    action: &str,
    sql: &At<String>,
    checker: &mut Checker<'_>,
) {
    unused_at(needed, statements, action, sql.span.clone(), checker);
}

/// Whether it is said what is written, and the salt goes with it: a hash without its salt opens for nobody.
fn can_store(policy: Option<&Policy>, statements: &[&Statement], action: &str, span: Span, checker: &mut Checker<'_>) {
    if policy.is_some_and(|policy| !policy.can_write()) {
        let message = format!("`{action}` stores a hash, but in which format is not said");
        checker.push(
            Fault::new(Code::MissingKey, first_word(checker, &span), message)
                .help("add `new: …` to `password`: Argon2id, the default, has the shape of what is accepted there"),
        );
        return;
    }
    let stored = |statement: &&Statement| {
        statement.parameters.iter().any(|parameter| parameter.expression.input() == Some(&Input::PasswordSalt))
    };
    if policy.is_some_and(Policy::writes_salt) && !statements.iter().any(stored) {
        let message = format!("`{action}` stores a hash without its salt, so nobody could log in with it");
        checker.push(
            Fault::new(Code::UnusedInput, first_word(checker, &span), message)
                .help("set the salt's column to `{{ password_salt }}` in the same statement"),
        );
    }
}

fn unused_at(needed: &[Input], statements: &[&Statement], action: &str, span: Span, checker: &mut Checker<'_>) {
    for input in needed {
        let used = statements.iter().flat_map(|s| &s.parameters).any(|p| p.expression.input() == Some(input));
        if !used {
            let name = input.name();
            checker.push(
                Fault::new(
                    Code::UnusedInput,
                    first_word(checker, &span),
                    format!("`{action}` never uses `{{{{ {name} }}}}`"),
                )
                .help(format!("without `{{{{ {name} }}}}` the statement cannot do what the action is for")),
            );
        }
    }
}

fn selected(column: &str, why: &str, statement: &Statement, sql: &At<String>, checker: &mut Checker<'_>) {
    if statement.star.is_none() && !statement.mentions(column) {
        let span = first_word(checker, &sql.span);
        checker.push(
            Fault::new(Code::MissingColumn, span, format!("this statement does not select `{column}`, which {why}"))
                .help(format!("add `{column}` to the SELECT list")),
        );
    }
}

pub(super) fn profile_columns(statement: &Statement, sql: &At<String>, ground: &Ground<'_>, checker: &mut Checker<'_>) {
    selected(ground.user_id_column, "identifies the user", statement, sql, checker);
    for (column, span) in ground.read_columns {
        if statement.star.is_none() && !statement.mentions(column) {
            let (line, _) = checker.source.position(sql.span.start);
            checker.push(
                Fault::new(
                    Code::MissingColumn,
                    span.clone(),
                    format!("the statement in line {line} does not select `{column}`"),
                )
                .help(format!("add `{column}` to its SELECT list; every action must give the same profile")),
            );
        }
    }
}

fn missing_column(column: &str, span: &Span, action: &str) -> Fault {
    Fault::new(Code::MissingColumn, span.clone(), format!("`{action}` does not select `{column}`"))
        .help(format!("add `{column}` to the SELECT list of `{action}`"))
}
