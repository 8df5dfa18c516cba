//! The `profile:` and `deny:` parts of a definition.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::checker::Checker;
use super::model::Deny;
use super::raw::{RawDeny, RawTemplate};
use super::template::Template;
use super::yaml::At;
use crate::action::DenialReason;
use crate::diagnostic::{Code, Fault, Span};

/// Members of a profile that a column of the same name fills by itself.
pub const MEMBERS: [&str; 13] = [
    "email",
    "email_verified",
    "username",
    "phone_number",
    "phone_verified",
    "name",
    "nickname",
    "given_name",
    "family_name",
    "picture",
    "user_metadata",
    "app_metadata",
    "mfa_factors",
];

/// Declared members with the columns that they read.
pub(super) struct Profile {
    pub members: Vec<(String, Template)>,
    pub columns: Vec<(String, Span)>,
}

/// Checks the declared members.
pub(super) fn profile(
    raw: &IndexMap<String, At<RawTemplate>>,
    secrets: &BTreeSet<String>,
    checker: &mut Checker<'_>,
) -> Profile {
    let mut profile = Profile { members: Vec::new(), columns: Vec::new() };
    for (name, at) in raw {
        if name == "user_id" {
            let span = checker.key_span(name, &at.span);
            checker.push(
                Fault::new(Code::ConflictingKeys, span, "`user_id` is not a profile template")
                    .help("declare the column at the top: `user_id: { column: … }`"),
            );
            continue;
        }
        if let Some(template) = template(at, secrets, &mut profile.columns, checker) {
            profile.members.push((name.clone(), template));
        }
    }
    profile
}

fn template(
    at: &At<RawTemplate>,
    secrets: &BTreeSet<String>,
    columns: &mut Vec<(String, Span)>,
    checker: &mut Checker<'_>,
) -> Option<Template> {
    match &at.value {
        RawTemplate::Constant(value) => Some(Template::Constant(value.clone())),
        RawTemplate::Text(text) => {
            let text = At { value: text.clone(), span: at.span.clone() };
            compiled(&text, Template::compile(&text.value), secrets, columns, checker)
        }
        RawTemplate::List(items) => {
            let items: Vec<_> = items.iter().map(|item| template(item, secrets, columns, checker)).collect();
            items.into_iter().collect::<Option<_>>().map(Template::List)
        }
        RawTemplate::Object(members) => {
            let members: Vec<_> = members
                .iter()
                .map(|(name, member)| {
                    template(member, secrets, columns, checker).map(|template| (name.clone(), template))
                })
                .collect();
            members.into_iter().collect::<Option<_>>().map(Template::Object)
        }
    }
}

fn compiled(
    at: &At<String>,
    result: Result<Template, Vec<Fault>>,
    secrets: &BTreeSet<String>,
    columns: &mut Vec<(String, Span)>,
    checker: &mut Checker<'_>,
) -> Option<Template> {
    let template = match result {
        Ok(template) => template,
        Err(faults) => {
            checker.push_all_inside(at, faults);
            return None;
        }
    };
    for column in template.columns() {
        let within = at.value.find(&column).map_or(0..at.value.len(), |start| start..start + column.len());
        if secrets.contains(&column) {
            let fault = Fault::new(
                Code::SecretInProfile,
                within,
                format!("`{column}` is secret and cannot be part of a profile"),
            )
            .help("remove it; hashes and salts never leave the gateway");
            checker.push_inside(at, fault);
            return None;
        }
        let map = super::scalar::ScalarMap::new(&checker.source.text, &at.span, &at.value);
        columns.push((column, map.span(&within)));
    }
    Some(template)
}

/// Checks the rules that keep users out; also gives the columns that they read.
pub(super) fn deny(
    raw: &[RawDeny],
    secrets: &BTreeSet<String>,
    checker: &mut Checker<'_>,
) -> (Vec<Deny>, Vec<(String, Span)>) {
    let mut columns = Vec::new();
    let mut rules = Vec::new();
    for rule in raw {
        let when = compiled(&rule.when, Template::compile_rule(&rule.when.value), secrets, &mut columns, checker);
        if rule.message.value.trim().is_empty() {
            checker.push(
                Fault::new(Code::InvalidValue, rule.message.span.clone(), "the message is empty")
                    .help("tell the user why"),
            );
        }
        if let Some(when) = when {
            let reason = rule.reason.as_ref().map_or_else(DenialReason::default, |at| at.value.into());
            rules.push(Deny { when, message: rule.message.value.clone(), reason });
        }
    }
    (rules, columns)
}
