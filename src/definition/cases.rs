//! The `tests:` part of a definition: every case is about exactly one action that is declared.

use super::checker::Checker;
use super::model::{Test, UserStore};
use super::raw::{RawActions, RawTest};
use super::statements::{Ground, Names, compile};
use super::yaml::At;
use crate::action::Action;
use crate::diagnostic::{Code, Fault, Span};
use crate::sql::Use;

/// What the cases can be about.
pub(super) struct Declared {
    actions: Vec<Action>,
    /// Whether an upstream answers, which has neither rows nor SQL.
    upstream: bool,
}

impl Declared {
    /// The actions of the database's SQL or of the upstream; all of them while the upstream is faulty.
    pub fn new(actions: Option<RawActions>, store: Option<&UserStore>) -> Self {
        let is_declared = |action: &Action| match store {
            Some(UserStore::Upstream(upstream)) => upstream.declares(*action),
            _ => actions.as_ref().is_none_or(|actions| declares(actions, *action)),
        };
        let upstream = matches!(store, Some(UserStore::Upstream(_)));
        Self { actions: Action::ALL.into_iter().filter(is_declared).collect(), upstream }
    }
}

/// Checks the cases; those that are faulty are left out.
pub(super) fn tests(
    raw: Vec<At<RawTest>>,
    actions: &Declared,
    ground: &Ground<'_>,
    checker: &mut Checker<'_>,
) -> Vec<Test> {
    raw.into_iter().filter_map(|at| test(at.value, actions, ground, checker)).collect()
}

fn test(raw: RawTest, actions: &Declared, ground: &Ground<'_>, checker: &mut Checker<'_>) -> Option<Test> {
    let action = action(&raw, checker)?;
    let place = raw.expect.outcome.span.clone();
    if !actions.actions.contains(&action) {
        let message = format!("this case is for `{action}`, which is not declared");
        checker.push(Fault::new(Code::MissingKey, place, message).help("declare the action, or remove the case"));
        return None;
    }
    if actions.upstream && (raw.setup.is_some() || !raw.rows.is_empty()) {
        let message = "`rows` and `setup` belong to a database, and here an upstream answers";
        let help = "remove them: the case runs against the upstream, with `userbridge test --connect`";
        checker.push(Fault::new(Code::ConflictingKeys, place, message).help(help));
        return None;
    }
    let names = Names { action: "setup", used: Use::Write, inputs: &[], steps: &[], row: false };
    let setup = match &raw.setup {
        None if raw.rows.is_empty() => Some(Vec::new()),
        None => None,
        Some(list) => {
            let statements: Vec<_> = list.iter().map(|sql| compile(sql, &names, ground, checker)).collect();
            Some(statements.into_iter().collect::<Option<_>>()?)
        }
    };
    Some(Test { action, raw, setup })
}

/// The one action of a case.
fn action(raw: &RawTest, checker: &mut Checker<'_>) -> Option<Action> {
    let place: Span = raw.expect.outcome.span.clone();
    let mut named = Action::ALL.into_iter().filter(|action| has(raw, *action));
    match (named.next(), named.next()) {
        (Some(action), None) => Some(action),
        (None, _) => {
            let fault = Fault::new(Code::MissingKey, place, "this case has no action");
            checker.push(fault.help("write `login: { identifier: …, password: … }` or another action's input"));
            None
        }
        (Some(one), Some(other)) => {
            let message = format!("this case has two actions, `{one}` and `{other}`");
            checker.push(Fault::new(Code::ConflictingKeys, place, message).help("make two cases of it"));
            None
        }
    }
}

fn declares(raw: &RawActions, action: Action) -> bool {
    match action {
        Action::Login => raw.login.is_some(),
        Action::GetUser => raw.get_user.is_some(),
        Action::Create => raw.create.is_some(),
        Action::Verify => raw.verify.is_some(),
        Action::ChangePassword => raw.change_password.is_some(),
        Action::ChangeEmail => raw.change_email.is_some(),
        Action::ChangeUsername => raw.change_username.is_some(),
        Action::ChangePhoneNumber => raw.change_phone_number.is_some(),
        Action::Delete => raw.delete.is_some(),
        Action::ListUsers => raw.list_users.is_some(),
    }
}

fn has(raw: &RawTest, action: Action) -> bool {
    match action {
        Action::Login => raw.login.is_some(),
        Action::GetUser => raw.get_user.is_some(),
        Action::Create => raw.create.is_some(),
        Action::Verify => raw.verify.is_some(),
        Action::ChangePassword => raw.change_password.is_some(),
        Action::ChangeEmail => raw.change_email.is_some(),
        Action::ChangeUsername => raw.change_username.is_some(),
        Action::ChangePhoneNumber => raw.change_phone_number.is_some(),
        Action::Delete => raw.delete.is_some(),
        Action::ListUsers => raw.list_users.is_some(),
    }
}
