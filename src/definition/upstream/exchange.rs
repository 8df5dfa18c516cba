//! The requests of a plain web service: what they may name, where values may stand, and what statuses may mean.
//!
//! Invariant: a password stands in a body only; a positive outcome comes from a 2xx status only; what is doubt to
//! everybody (5xx, 408, 429, redirects) cannot be declared to be an answer.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use indexmap::IndexMap;

use super::{Body, Exchange, Ground, Meaning, Tree};
use crate::action::Action;
use crate::definition::actions::inputs;
use crate::definition::checker::Checker;
use crate::definition::raw::{RawBody, RawExchange, RawExchanges, RawMethod, RawOutcome, RawTemplate};
use crate::definition::yaml::At;
use crate::diagnostic::{Code, Fault, Span};
use crate::sql::{Dialect, Expression, Input, Part, Scope, Use, phrase};

/// Checks the request of every declared action.
pub(super) fn exchanges(
    raw: &RawExchanges,
    span: &Span,
    ground: &Ground<'_>,
    checker: &mut Checker<'_>,
) -> Option<BTreeMap<Action, Exchange>> {
    let declared = [
        (Action::Login, &raw.login),
        (Action::GetUser, &raw.get_user),
        (Action::Create, &raw.create),
        (Action::Verify, &raw.verify),
        (Action::ChangePassword, &raw.change_password),
        (Action::ChangeEmail, &raw.change_email),
        (Action::ChangeUsername, &raw.change_username),
        (Action::ChangePhoneNumber, &raw.change_phone_number),
        (Action::Delete, &raw.delete),
    ];
    let mut all = BTreeMap::new();
    let mut complete = true;
    for (action, at) in declared {
        let Some(at) = at else { continue };
        match (Site { action, ground }).exchange(at, checker) {
            Some(exchange) => drop(all.insert(action, exchange)),
            None => complete = false,
        }
    }
    if complete && all.is_empty() {
        checker.missing("actions", span, "no action is declared", "declare `login` or `get_user` at least");
        return None;
    }
    complete.then_some(all)
}

/// The action whose request is checked.
struct Site<'a> {
    action: Action,
    ground: &'a Ground<'a>,
}

impl Site<'_> {
    fn exchange(&self, at: &At<RawExchange>, checker: &mut Checker<'_>) -> Option<Exchange> {
        let raw = &at.value;
        let method = match raw.method.as_ref().map(|at| at.value) {
            Some(RawMethod::Get) => Method::GET,
            Some(RawMethod::Put) => Method::PUT,
            Some(RawMethod::Patch) => Method::PATCH,
            Some(RawMethod::Delete) => Method::DELETE,
            Some(RawMethod::Post) => Method::POST,
            None if self.action == Action::GetUser => Method::GET,
            None => Method::POST,
        };
        let path = self.path(&raw.path, checker);
        let query: Vec<_> = raw.query.iter().map(|(name, at)| self.parameter(name, at, checker)).collect();
        let body = match &raw.body {
            Some(_) if method == Method::GET => {
                let span = checker.key_span(self.action.as_str(), &at.span);
                let fault = Fault::new(Code::ConflictingKeys, span, "a GET has no body");
                checker.push(fault.help("write `method: POST`, or remove the body"));
                None
            }
            Some(body) => self.body(body, &at.span, checker).map(Some),
            None => Some(None),
        };
        let outcomes = self.outcomes(&raw.outcomes, checker);
        let exchange = Exchange {
            method,
            path: path?,
            query: query.into_iter().collect::<Option<_>>()?,
            body: body?,
            outcomes: outcomes?,
            user: raw.user.as_ref().map_or_else(Vec::new, |at| at.value.split('.').map(str::to_owned).collect()),
        };
        self.unused(&exchange, at, checker);
        Some(exchange)
    }

    /// What the action is about must reach the upstream.
    fn unused(&self, exchange: &Exchange, at: &At<RawExchange>, checker: &mut Checker<'_>) {
        let mut used = BTreeSet::new();
        let mut note = |parts: &[Part]| used.extend(parts.iter().filter_map(input_of));
        exchange.path.iter().for_each(|segment| note(segment));
        exchange.query.iter().for_each(|(_, parts)| note(parts));
        match &exchange.body {
            Some(Body::Json(tree)) => tree.visit(&mut note),
            Some(Body::Form(fields)) => fields.iter().for_each(|(_, parts)| note(parts)),
            None => {}
        }
        let needed: &[Input] = match self.action {
            Action::Login | Action::ChangePassword => &[Input::Identifier, Input::Password],
            Action::GetUser => &[Input::Identifier],
            Action::Create | Action::ListUsers => &[],
            Action::Verify => &[Input::Email],
            Action::ChangeEmail => &[Input::Email, Input::NewEmail],
            Action::ChangeUsername => &[Input::Username, Input::NewUsername],
            Action::ChangePhoneNumber => &[Input::PhoneNumber, Input::NewPhoneNumber],
            Action::Delete => &[Input::UserId],
        };
        for input in needed.iter().filter(|input| !used.contains(*input)) {
            let message = format!("the request of `{}` never carries `{}`", self.action, input.name());
            let span = checker.key_span(self.action.as_str(), &at.span);
            let help = format!("use `{{{{ {} }}}}` in the path, the query or the body", input.name());
            checker.push(Fault::new(Code::UnusedInput, span, message).help(help));
        }
    }

    /// The segments of a path.
    fn path(&self, at: &At<String>, checker: &mut Checker<'_>) -> Option<Vec<Vec<Part>>> {
        let parts = self.phrase(at, "a path", checker)?;
        let refuse = |message: &str| {
            Fault::new(Code::InvalidValue, at.span.clone(), message)
                .help("write it as in `/users/{{ user_id }}`; parameters stand under `query`")
        };
        if !matches!(parts.first(), Some(Part::Text(text)) if text.starts_with('/')) {
            checker.push(refuse("a path begins with `/`"));
            return None;
        }
        let mut segments = vec![Vec::new()];
        for part in parts {
            match part {
                Part::Value(_) => segments.last_mut().map(|segment| segment.push(part)),
                Part::Text(text) => {
                    let plain = |c: char| c.is_ascii_alphanumeric() || "/-._~!$&'()*+,;=:@".contains(c);
                    if !text.chars().all(plain) {
                        checker.push(refuse("this path has a character that no path has"));
                        return None;
                    }
                    let mut pieces = text.split('/');
                    let first = pieces.next().filter(|piece| !piece.is_empty());
                    let last = segments.last_mut();
                    if let (Some(piece), Some(last)) = (first, last) {
                        last.push(Part::Text(piece.to_owned()));
                    }
                    segments.extend(pieces.map(|piece| match piece {
                        "" => Vec::new(),
                        piece => vec![Part::Text(piece.to_owned())],
                    }));
                    Some(())
                }
            };
        }
        // The first is what stands before the first `/`.
        segments.remove(0);
        let dots =
            |segment: &Vec<Part>| matches!(segment.as_slice(), [Part::Text(text)] if text == "." || text == "..");
        if segments.iter().any(dots) {
            checker.push(refuse("a path has no `.` or `..`"));
            return None;
        }
        Some(segments)
    }

    fn parameter(&self, name: &str, at: &At<String>, checker: &mut Checker<'_>) -> Option<(String, Vec<Part>)> {
        Some((name.to_owned(), self.phrase(at, "a query", checker)?))
    }

    fn body(&self, raw: &RawBody, whole: &Span, checker: &mut Checker<'_>) -> Option<Body> {
        match (&raw.json, &raw.form) {
            (Some(at), None) => self.tree(at, checker).map(Body::Json),
            (None, Some(at)) => {
                let fields = at.value.iter().map(|(name, at)| Some((name.clone(), self.anywhere(at, checker)?)));
                let fields: Vec<_> = fields.collect();
                fields.into_iter().collect::<Option<_>>().map(Body::Form)
            }
            (Some(_), Some(form)) => {
                let fault =
                    Fault::new(Code::ConflictingKeys, form.span.clone(), "`json` and `form` exclude each other");
                checker.push(fault.help("keep one of the two"));
                None
            }
            (None, None) => {
                checker.missing("body", whole, "expected `json` or `form` here", "write `body: { json: { … } }`");
                None
            }
        }
    }

    fn tree(&self, at: &At<RawTemplate>, checker: &mut Checker<'_>) -> Option<Tree> {
        match &at.value {
            RawTemplate::Constant(value) => Some(Tree::Constant(value.clone())),
            RawTemplate::Text(text) => {
                self.anywhere(&At { value: text.clone(), span: at.span.clone() }, checker).map(Tree::Phrase)
            }
            RawTemplate::List(items) => {
                let items: Vec<_> = items.iter().map(|item| self.tree(item, checker)).collect();
                items.into_iter().collect::<Option<_>>().map(Tree::List)
            }
            RawTemplate::Object(members) => {
                let members: Vec<_> =
                    members.iter().map(|(name, at)| Some((name.clone(), self.tree(at, checker)?))).collect();
                members.into_iter().collect::<Option<_>>().map(Tree::Object)
            }
        }
    }

    /// A template in a place that is logged on the way: without the password.
    fn phrase(&self, at: &At<String>, place: &str, checker: &mut Checker<'_>) -> Option<Vec<Part>> {
        let parts = self.anywhere(at, checker)?;
        if parts.iter().filter_map(input_of).any(|input| input == Input::Password) {
            let message = format!("the password stands in {place}, which servers and proxies log");
            let fault = Fault::new(Code::PlainPassword, at.span.clone(), message);
            checker.push(fault.help("put it into the body: `body: { json: { password: \"{{ password }}\" } }`"));
            return None;
        }
        Some(parts)
    }

    fn anywhere(&self, at: &At<String>, checker: &mut Checker<'_>) -> Option<Vec<Part>> {
        let mut inputs: Vec<_> = inputs(self.action);
        inputs.retain(|(_, input)| !input.is_secret());
        if matches!(self.action, Action::Login | Action::Create | Action::ChangePassword) {
            inputs.push(("password", Input::Password));
        }
        let scope = Scope {
            source: &at.value,
            dialect: Dialect::Sqlite,
            used: Use::Read,
            action: self.action.as_str(),
            inputs: &inputs,
            configuration: self.ground.configuration,
            identifiers: &BTreeMap::new(),
            steps: &[],
            row: false,
        };
        let told = |faults: Vec<Fault>| checker.push_all_inside(at, faults.into_iter().map(of_requests));
        phrase(&scope).map_err(told).ok()
    }

    fn outcomes(
        &self,
        at: &At<IndexMap<u16, At<RawOutcome>>>,
        checker: &mut Checker<'_>,
    ) -> Option<BTreeMap<u16, Meaning>> {
        let mut all = BTreeMap::new();
        let mut complete = true;
        for (status, raw) in &at.value {
            match self.meaning(*status, raw, checker) {
                Some(meaning) => drop(all.insert(*status, meaning)),
                None => complete = false,
            }
        }
        let positive = self.positive();
        if complete && !all.values().any(|meaning| *meaning == positive) {
            let message = format!("no status means `{}`", positive.name());
            checker.missing("outcomes", &at.span, message, format!("add `200: {}`", positive.name()));
            return None;
        }
        complete.then_some(all)
    }

    /// What the action is for.
    fn positive(&self) -> Meaning {
        match self.action {
            Action::Login => Meaning::Authenticated,
            Action::GetUser => Meaning::Found,
            Action::Create => Meaning::Created,
            _ => Meaning::Changed,
        }
    }

    /// What a status of this action may mean.
    fn allowed(&self) -> &'static [&'static str] {
        match self.action {
            Action::Login => &["authenticated", "wrong_credentials", "not_found", "denied"],
            Action::GetUser => &["found", "not_found"],
            Action::Create => &["created", "user_exists", "rejected"],
            Action::Verify | Action::Delete => &["changed", "unchanged", "not_found"],
            _ => &["changed", "unchanged", "not_found", "user_exists", "rejected"],
        }
    }

    fn meaning(&self, status: u16, raw: &At<RawOutcome>, checker: &mut Checker<'_>) -> Option<Meaning> {
        let (name, span, message) = match &raw.value {
            RawOutcome::Name(name) => (name.as_str(), raw.span.clone(), None),
            RawOutcome::Full(full) => (full.outcome.value.as_str(), full.outcome.span.clone(), Some(&full.message)),
        };
        let answer = matches!(status, 200..=299 | 400..=407 | 409..=428 | 430..=499);
        if !answer {
            let text = format!("status {status} is no answer about a user, so it cannot mean `{name}`");
            checker.push(
                Fault::new(Code::InvalidValue, span, text)
                    .help("only 2xx and 4xx are, save 408 and 429; all others make the connector unavailable"),
            );
            return None;
        }
        let Some(meaning) = self.allowed().contains(&name).then(|| Meaning::named(name, message)).flatten() else {
            let known = self.allowed();
            let text = format!("`{name}` is no outcome of `{}`, expected one of `{}`", self.action, known.join("`, `"));
            let fault = Fault::new(Code::InvalidValue, span, text);
            checker.push(fault.did_you_mean(name, known.iter().copied()));
            return None;
        };
        if meaning == self.positive() && !(200..300).contains(&status) {
            let text = format!("status {status} says \"no\", so it cannot mean `{name}`");
            checker.push(Fault::new(Code::InvalidValue, span, text).help("a positive outcome has a status of 2xx"));
            return None;
        }
        if let Some(message) = message.filter(|_| !matches!(meaning, Meaning::Denied(_) | Meaning::Rejected(_))) {
            let text = format!("`{name}` has no message");
            let fault = Fault::new(Code::ConflictingKeys, message.span.clone(), text);
            checker.push(fault.help("only `denied` and `rejected` have one"));
            return None;
        }
        Some(meaning)
    }
}

impl Meaning {
    fn named(name: &str, message: Option<&At<String>>) -> Option<Self> {
        let message = |usual: &str| message.map_or(usual, |at| at.value.as_str()).to_owned();
        Some(match name {
            "authenticated" => Self::Authenticated,
            "wrong_credentials" => Self::WrongCredentials,
            "denied" => Self::Denied(message("This account may not log in")),
            "found" => Self::Found,
            "not_found" => Self::NotFound,
            "created" => Self::Created,
            "user_exists" => Self::UserExists,
            "rejected" => Self::Rejected(message("the user store refuses a value")),
            "changed" => Self::Changed,
            "unchanged" => Self::Unchanged,
            _ => return None,
        })
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Authenticated => "authenticated",
            Self::WrongCredentials => "wrong_credentials",
            Self::Denied(_) => "denied",
            Self::Found => "found",
            Self::NotFound => "not_found",
            Self::Created => "created",
            Self::UserExists => "user_exists",
            Self::Rejected(_) => "rejected",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
        }
    }
}

impl Tree {
    fn visit(&self, note: &mut dyn FnMut(&[Part])) {
        match self {
            Self::Constant(_) => {}
            Self::Phrase(parts) => note(parts),
            Self::List(items) => items.iter().for_each(|item| item.visit(note)),
            Self::Object(members) => members.iter().for_each(|(_, member)| member.visit(note)),
        }
    }
}

/// A template's fault in words about requests instead of SQL.
fn of_requests(mut fault: Fault) -> Fault {
    let (message, help) = match fault.code {
        Code::RequestDecidesSql => (
            Some("a value of the request decides what is asked, but that is fixed when the file is loaded"),
            "write the value itself; one that the request does not carry is left out, or null in JSON",
        ),
        Code::RequestExpression => (None, "only filters may follow a value, and nothing a password"),
        Code::PlainPassword => (Some("this action has no password"), "remove it"),
        _ => return fault,
    };
    if let Some(message) = message {
        fault.message = message.to_owned();
    }
    fault.help(help)
}

fn input_of(part: &Part) -> Option<Input> {
    match part {
        Part::Value(expression) => Expression::input(expression).cloned(),
        Part::Text(_) => None,
    }
}
