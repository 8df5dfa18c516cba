//! Claims about users, and the scopes that ask for them (OpenID Connect Core, sections 5.1 and 5.4).

use std::fmt;

use chrono::DateTime;
use serde_json::{Value as Json, json};

use crate::action::{Object, Profile};

/// Every scope; all but the first ask for claims.
pub(super) const SCOPES: [&str; 4] = ["openid", "profile", "email", "phone"];

/// Every claim, with the scope that asks for it.
const CLAIMS: [(&str, &str); 12] = [
    ("name", "profile"),
    ("given_name", "profile"),
    ("family_name", "profile"),
    ("nickname", "profile"),
    ("preferred_username", "profile"),
    ("picture", "profile"),
    ("updated_at", "profile"),
    ("email", "email"),
    ("email_verified", "email"),
    ("phone_number", "phone"),
    ("phone_number_verified", "phone"),
    ("sub", "openid"),
];

/// The names of every claim about a user.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    CLAIMS.iter().map(|(name, _)| *name)
}

/// Whether the name means something here already.
pub(super) fn is_own(name: &str) -> bool {
    names().any(|own| own == name)
}

/// The scopes of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scopes(Vec<&'static str>);

impl Scopes {
    /// What is granted of what is asked. Scopes that mean nothing here are left out, as RFC 6749, section 3.3 allows,
    /// since recipes ask for their old server's; the answer says what is left. Who asks for no claims gets all, as from
    /// the servers whose place this takes.
    pub fn granted(asked: &str) -> Self {
        let is_asked = |scope: &&'static str| asked.split(' ').any(|word| word == *scope);
        let mut scopes: Vec<_> = SCOPES.into_iter().filter(is_asked).collect();
        if !scopes.iter().any(|scope| SCOPES[1..].contains(scope)) {
            scopes.extend(&SCOPES[1..]);
        }
        Self(scopes)
    }

    /// Whether this one is granted.
    pub fn has(&self, scope: &str) -> bool {
        self.0.contains(&scope)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// The standard claims that the scopes allow, of what the profile has.
pub(super) fn standard(profile: &Profile, scopes: &Scopes) -> Object {
    let mut claims = Object::new();
    claims.insert("sub".to_owned(), json!(profile.user_id()));
    for (name, scope) in CLAIMS.iter().filter(|(_, scope)| *scope != "openid") {
        if let Some(value) = scopes.has(scope).then(|| claim(profile, name)).flatten() {
            claims.insert((*name).to_owned(), value);
        }
    }
    claims
}

/// A claim in the type that the standard gives it; None when the profile does not have it.
fn claim(profile: &Profile, name: &str) -> Option<Json> {
    match name {
        "email_verified" => profile.flag(name).map(Json::Bool),
        "phone_number_verified" => profile.flag(name).or_else(|| profile.flag("phone_verified")).map(Json::Bool),
        "preferred_username" => profile.text(name).or_else(|| profile.text("username")).map(Json::from),
        "updated_at" => seconds(profile.members().get(name)?).map(Json::from),
        _ => profile.text(name).map(Json::from),
    }
}

/// A time in seconds since 1970, which databases write in words.
fn seconds(value: &Json) -> Option<i64> {
    match value {
        Json::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds as i64)),
        Json::String(text) => DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_those_that_mean_something() {
        for (asked, granted) in [
            ("", "profile email phone"),
            ("openid", "openid profile email phone"),
            ("email openid offline_access", "openid email"),
            ("read:users", "profile email phone"),
            ("phone profile", "profile phone"),
            ("OPENID email", "email"),
        ] {
            assert_eq!(Scopes::granted(asked).to_string(), granted, "{asked}");
            // A token's scope is read as it was granted.
            assert_eq!(Scopes::granted(granted).to_string(), granted, "{asked}");
        }
    }

    #[test]
    fn claims_have_the_standard_s_types_and_no_others() {
        let members = json!({
            "email": "ann@example.com", "email_verified": 1, "username": "ann", "phone_number": "", "phone_verified": true,
            "updated_at": "2026-08-01T12:00:00Z", "app_metadata": { "plan": "gold" }, "name": "Ann", "sub": "other",
        });
        let profile = Profile::new("acme|7".to_owned(), members.as_object().unwrap().clone());
        let expected = json!({
            "sub": "acme|7", "name": "Ann", "preferred_username": "ann", "updated_at": 1_785_585_600,
            "email": "ann@example.com", "phone_number_verified": true,
        });
        assert_eq!(Json::Object(standard(&profile, &Scopes::granted(""))), expected);
        let few = standard(&profile, &Scopes::granted("openid email"));
        assert_eq!(Json::Object(few), json!({ "sub": "acme|7", "email": "ann@example.com" }));
        assert_eq!(seconds(&json!(1.5)), Some(1));
        assert_eq!(seconds(&json!("yesterday")), None);
    }
}
