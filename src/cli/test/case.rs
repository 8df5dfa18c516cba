//! A case as a request, and what of the answer is not as expected.

use serde_json::Value as Json;

use crate::action::{Lookup, Object, Outcome, Page, Profile, Request};
use crate::definition::Test as Case;
use crate::definition::raw::{RawExpect, RawTest, RawTestGetUser};
use crate::diagnostic::{Code, Fault, nearest};
use crate::handler;
use crate::protocol::Native;
use crate::secret::Password;

/// Every name that an expectation may have.
const OUTCOMES: [&str; 20] = [
    "authenticated",
    "wrong_credentials",
    "denied",
    "found",
    "not_found",
    "created",
    "user_exists",
    "rejected",
    "changed",
    "unchanged",
    "listed",
    "invalid_input",
    "action_not_declared",
    "unavailable",
    "timeout",
    "overloaded",
    "ambiguous_user",
    "unreadable_hash",
    "misconfigured",
    "outcome_unknown",
];

/// The case's name, or one made of what it asks.
pub(super) fn label(case: &Case) -> String {
    let raw = &case.raw;
    raw.name.clone().unwrap_or_else(|| format!("{} {}: {}", case.action, who(raw), raw.expect.outcome.value))
}

fn who(raw: &RawTest) -> String {
    let created = || {
        let names = ["email", "username", "phone_number"];
        let member =
            |user: &Object| names.iter().find_map(|name| user.get(*name).and_then(Json::as_str).map(str::to_owned));
        raw.create.as_ref().and_then(member)
    };
    let named = [
        raw.login.as_ref().or(raw.change_password.as_ref()).map(|input| input.identifier.clone()),
        raw.get_user.as_ref().and_then(|input| input.identifier.clone().or_else(|| input.user_id.clone())),
        raw.verify.as_ref().map(|input| input.email.clone()),
        raw.change_email.as_ref().map(|input| input.email.clone()),
        raw.change_username.as_ref().map(|input| input.username.clone()),
        raw.change_phone_number.as_ref().map(|input| input.phone_number.clone()),
        raw.delete.as_ref().map(|input| input.user_id.clone()),
        raw.list_users.as_ref().and_then(|input| input.after.clone()),
    ];
    named.into_iter().flatten().next().or_else(created).unwrap_or_default()
}

/// What the case asks.
pub(super) fn request(case: &Case) -> Result<Request, String> {
    let raw = &case.raw;
    let context = Object::new();
    if let Some(input) = &raw.login {
        let password = Password::new(input.password.as_str());
        return Ok(Request::Login { identifier: input.identifier.clone(), password, context });
    }
    if let Some(input) = &raw.get_user {
        return Ok(Request::GetUser { by: lookup(input)?, context });
    }
    if let Some(input) = &raw.verify {
        return Ok(Request::Verify { email: input.email.clone() });
    }
    if let Some(input) = &raw.change_password {
        let password = Password::new(input.password.as_str());
        return Ok(Request::ChangePassword { identifier: input.identifier.clone(), password });
    }
    if let Some(input) = &raw.change_email {
        let (email, new_email) = (input.email.clone(), input.new_email.clone());
        return Ok(Request::ChangeEmail { email, new_email, verified: input.verified });
    }
    if let Some(input) = &raw.change_username {
        let (username, new_username) = (input.username.clone(), input.new_username.clone());
        return Ok(Request::ChangeUsername { username, new_username });
    }
    if let Some(input) = &raw.change_phone_number {
        let (phone_number, new_phone_number) = (input.phone_number.clone(), input.new_phone_number.clone());
        return Ok(Request::ChangePhoneNumber { phone_number, new_phone_number, verified: input.verified });
    }
    if let Some(input) = &raw.delete {
        return Ok(Request::Delete { user_id: input.user_id.clone() });
    }
    if let Some(input) = &raw.list_users {
        let limit = input.limit.unwrap_or(Page::DEFAULT).clamp(1, Page::MAX);
        return Ok(Request::ListUsers { after: input.after.clone(), limit });
    }
    let body = serde_json::to_vec(&raw.create).map_err(|error| error.to_string())?;
    let decoded = Native::request(case.action, &body);
    decoded.map_err(|problem| problem.detail().unwrap_or("the input is not valid").to_owned())
}

fn lookup(input: &RawTestGetUser) -> Result<Lookup, String> {
    match (&input.identifier, &input.user_id) {
        (Some(identifier), None) => Ok(Lookup::Identifier(identifier.clone())),
        (None, Some(user_id)) => Ok(Lookup::UserId(user_id.clone())),
        _ => Err("expected either `identifier` or `user_id` as the input of `get_user`".to_owned()),
    }
}

/// What is not as expected, each at its place.
pub(super) fn differences(expect: &RawExpect, answer: &Result<Outcome, handler::Error>) -> Vec<Fault> {
    let (found, reason) = match answer {
        Ok(Outcome::WrongCredentials(refusal)) => ("wrong_credentials", Some(refusal.as_str().to_owned())),
        Ok(outcome) => (outcome.as_str(), message(outcome).map(str::to_owned)),
        Err(error) => (error.class.as_str(), Some(error.message.clone())),
    };
    let expected = &expect.outcome;
    if expected.value != found {
        let reason = reason.map_or(String::new(), |reason| format!(" ({reason})"));
        let text = format!("expected `{}`, found `{found}`{reason}", expected.value);
        let fault = Fault::new(Code::FailedTest, expected.span.clone(), text);
        let known = OUTCOMES.contains(&expected.value.as_str());
        let near = nearest(&expected.value, OUTCOMES).filter(|_| !known);
        return vec![match near {
            Some(near) => fault.help(format!("no outcome has this name; did you mean `{near}`?")).replace_with(near),
            None if !known => fault.help(format!("the outcomes are `{}`", OUTCOMES.join("`, `"))),
            None => fault,
        }];
    }
    let mut faults = Vec::new();
    if let Some(expected) = &expect.message {
        let found = answer.as_ref().ok().and_then(message);
        if found != Some(expected.value.as_str()) {
            let text = format!("expected the message {:?}, found {:?}", expected.value, found.unwrap_or_default());
            faults.push(Fault::new(Code::FailedTest, expected.span.clone(), text));
        }
    }
    faults.extend(members(expect, answer));
    faults
}

fn members(expect: &RawExpect, answer: &Result<Outcome, handler::Error>) -> Vec<Fault> {
    let empty = Object::new();
    let profile = match answer {
        Ok(Outcome::Authenticated(profile) | Outcome::Found(profile) | Outcome::Created(Some(profile))) => {
            profile.members()
        }
        Ok(Outcome::Listed(page)) => page.users.first().map_or(&empty, Profile::members),
        _ => &empty,
    };
    let mut faults = Vec::new();
    for (name, expected) in expect.user.iter().flatten() {
        let mut found = Vec::new();
        compare(name, profile.get(name), &expected.value, &mut found);
        faults.extend(found.into_iter().map(|text| Fault::new(Code::FailedTest, expected.span.clone(), text)));
    }
    faults
}

/// Every member that is expected must be there; others may be, too.
fn compare(path: &str, found: Option<&Json>, expected: &Json, faults: &mut Vec<String>) {
    match (found, expected) {
        (Some(Json::Object(found)), Json::Object(expected)) => {
            for (name, expected) in expected {
                compare(&format!("{path}.{name}"), found.get(name), expected, faults);
            }
        }
        (Some(found), expected) if found == expected => {}
        (Some(found), _) => faults.push(format!("expected `{path}` to be {expected}, found {found}")),
        (None, _) => faults.push(format!("expected `{path}` to be {expected}, found no such member")),
    }
}

fn message(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Denied(denial) => Some(&denial.message),
        Outcome::Rejected(rejection) => Some(&rejection.message),
        _ => None,
    }
}
