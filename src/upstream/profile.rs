//! A user of an upstream as the caller sees it.

use std::sync::Arc;

use serde_json::Value as Json;

use super::misconfigured;
use crate::action::{Denial, Error, Object, Profile};
use crate::definition::{Columns, Definition, MEMBERS, typed};

/// Builds the profile: members of the usual names, then the declared ones.
pub(super) fn profile(definition: &Definition, user: Object) -> Result<Profile, Error> {
    let column = &definition.user_id.column;
    let id = match user.get(column) {
        Some(Json::String(text)) if !text.is_empty() => text.clone(),
        Some(Json::Number(number)) => number.to_string(),
        _ => return Err(misconfigured(format!("the upstream's user has no `{column}`, which identifies the user"))),
    };
    let mut members = Object::new();
    for (name, value) in user.iter().filter(|(name, _)| MEMBERS.contains(&name.as_str())) {
        members.insert(name.clone(), typed(name, value.clone()).map_err(misconfigured)?);
    }
    let columns = columns(user);
    for (name, template) in &definition.profile {
        let value =
            template.evaluate(&columns).map_err(|error| misconfigured(format!("profile member `{name}`: {error}")))?;
        members.insert(name.clone(), typed(name, value).map_err(misconfigured)?);
    }
    Ok(Profile::new(format!("{}{id}", definition.user_id.prefix), members))
}

/// The first rule that keeps this user out.
pub(super) fn denied(definition: &Definition, user: &Object) -> Result<Option<Denial>, Error> {
    if definition.deny.is_empty() {
        return Ok(None);
    }
    let columns = columns(user.clone());
    for (index, rule) in definition.deny.iter().enumerate() {
        let holds =
            rule.when.holds(&columns).map_err(|error| misconfigured(format!("deny rule {}: {error}", index + 1)))?;
        if holds {
            return rule.denial(|| profile(definition, user.clone())).map(Some);
        }
    }
    Ok(None)
}

/// What templates and rules may read. An upstream leaves out what it has no value for.
fn columns(user: Object) -> Arc<Columns> {
    Arc::new(move |name: &str| Some(user.get(name).cloned().unwrap_or(Json::Null)))
}
