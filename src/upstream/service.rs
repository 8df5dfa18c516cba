//! A plain web service, asked as its definition says.
//!
//! Invariant: a status that the definition does not name is no answer. Neither is a "no" that comes as a web page: that is
//! what a wrong address or a proxy in between says.

use serde_json::Value as Json;

use super::ask::{Ask, Question, Weight, doubt, json, misconfigured};
use super::values::Values;
use super::{Reply, upstream_id};
use crate::action::{Class, Error, Lookup, Object, Refusal, Rejection, Request};
use crate::definition::{Exchange, Meaning, Service};
use crate::outbound::Answer;

/// The service's answer.
pub(super) async fn answer(service: &Service, ask: &Ask<'_>, prefix: &str, request: &Request) -> Result<Reply, Error> {
    let action = request.action();
    let exchange = service.actions.get(&action);
    let undeclared = || Error::new(Class::ActionNotDeclared, format!("`{action}` is not declared"));
    let exchange = exchange.ok_or_else(undeclared)?;
    let user_id = match request {
        Request::Delete { user_id } => Some(upstream_id(user_id, prefix)?),
        Request::GetUser { by: Lookup::UserId(_), .. } => {
            return Err(Error::new(Class::ActionNotDeclared, "`get_user` of a web service finds by identifier only"));
        }
        _ => None,
    };
    let values = Values { request, user_id };
    let weight = match request {
        Request::Login { .. } => Weight::Login,
        Request::GetUser { .. } => Weight::Read,
        _ => Weight::Write,
    };
    let question = Question {
        weight,
        origin: &service.origin,
        method: exchange.method.clone(),
        target: values.target(&service.base, exchange)?,
        shown: &shown(&service.base, exchange),
        headers: service.headers.clone(),
        body: exchange.body.as_ref().map(|body| values.body(body)).transpose()?,
    };
    let answer = ask.ask(question).await?;
    let Some(meaning) = exchange.outcomes.get(&answer.status) else { return Err(doubt(&answer, weight)) };
    if answer.status >= 400 && matches!(answer.media_type.as_str(), "text/html" | "application/xhtml+xml") {
        return Err(misconfigured(format!(
            "the upstream answers with status {} and a web page: is the address right?",
            answer.status
        )));
    }
    reply(meaning, &answer, exchange, weight)
}

fn reply(meaning: &Meaning, answer: &Answer, exchange: &Exchange, weight: Weight) -> Result<Reply, Error> {
    let needed = || user(answer, exchange)?.ok_or_else(|| misconfigured("the upstream's answer has no user in it"));
    Ok(match meaning {
        Meaning::Authenticated => Reply::Authenticated(needed()?),
        Meaning::WrongCredentials => Reply::WrongCredentials(Refusal::WrongPassword),
        Meaning::Denied(message) => Reply::Denied(message.clone()),
        Meaning::Found => user(answer, exchange)?.map_or(Reply::NotFound, Reply::Found),
        Meaning::NotFound => match weight {
            Weight::Login => Reply::WrongCredentials(Refusal::UnknownUser),
            Weight::Read => Reply::NotFound,
            Weight::Write => Reply::Unchanged,
        },
        // The user was added, whether the answer shows it or not.
        Meaning::Created => Reply::Created(user(answer, exchange).ok().flatten().filter(|user| !user.is_empty())),
        Meaning::UserExists => Reply::UserExists,
        Meaning::Rejected(message) => {
            Reply::Rejected(Rejection { code: "constraint_violation", message: message.clone() })
        }
        Meaning::Changed => Reply::Changed,
        Meaning::Unchanged => Reply::Unchanged,
    })
}

/// The user in an answer; None for an empty list.
fn user(answer: &Answer, exchange: &Exchange) -> Result<Option<Object>, Error> {
    let mut value = json(answer)?;
    for name in &exchange.user {
        value = match value {
            Json::Object(mut object) => object.remove(name).unwrap_or_default(),
            _ => Json::Null,
        };
    }
    match value {
        Json::Object(user) => Ok(Some(user)),
        Json::Array(mut list) => match (list.pop(), list.is_empty()) {
            (None, _) => Ok(None),
            (Some(Json::Object(user)), true) => Ok(Some(user)),
            (Some(_), false) => Err(Error::new(Class::AmbiguousUser, "the upstream answers with several users")),
            _ => Err(misconfigured("the upstream's answer has no user in it")),
        },
        _ => Err(misconfigured("the upstream's answer has no user where the definition says")),
    }
}

/// The path with the names of values in the place of values.
fn shown(base: &str, exchange: &Exchange) -> String {
    use crate::sql::Part;
    let mut path = base.to_owned();
    for segment in &exchange.path {
        path.push('/');
        for part in segment {
            match part {
                Part::Text(text) => path.push_str(text),
                Part::Value(expression) => path.push_str(&format!("{{{expression}}}")),
            }
        }
    }
    path
}
