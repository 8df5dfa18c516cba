//! Users in the layouts that identity providers take in bulk.
//!
//! Invariant: pure functions; no I/O. Every member of a profile is either in the record or named in [`Record::lost`],
//! and a user of whom no valid record can be made is [`Unfit`]: nothing is dropped in silence.

mod auth0;
mod cognito;
mod entra;
mod fusionauth;
mod keycloak;
mod kratos;
mod okta;
mod stored;
#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::{Map, Value as Json};

pub use self::fusionauth::stable_id;
use crate::action::Profile;

/// Whose layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Okta: bodies of `POST /api/v1/users`.
    Okta,
    /// Ory Kratos: bodies of `POST /admin/identities`.
    Kratos,
    /// Microsoft Entra External ID: bodies of Graph's `POST /users`.
    Entra,
    /// Auth0: files of its bulk import.
    Auth0,
    /// Keycloak: files of its partial import.
    Keycloak,
    /// FusionAuth: bodies of `POST /api/user/import`.
    Fusionauth,
    /// Amazon Cognito: files of its CSV import.
    Cognito,
}

impl Target {
    /// Every target, in the order of the documentation.
    pub const ALL: [Self; 7] =
        [Self::Okta, Self::Kratos, Self::Entra, Self::Auth0, Self::Keycloak, Self::Fusionauth, Self::Cognito];

    /// The name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Okta => "okta",
            Self::Kratos => "kratos",
            Self::Entra => "entra",
            Self::Auth0 => "auth0",
            Self::Keycloak => "keycloak",
            Self::Fusionauth => "fusionauth",
            Self::Cognito => "cognito",
        }
    }

    /// How records become files.
    pub const fn frame(self) -> Frame {
        match self {
            Self::Okta | Self::Kratos | Self::Entra => LINES,
            Self::Auth0 => auth0::FRAME,
            Self::Keycloak => keycloak::FRAME,
            Self::Fusionauth => fusionauth::FRAME,
            Self::Cognito => cognito::FRAME,
        }
    }

    /// A user as the target takes it.
    ///
    /// # Errors
    /// When the target could not take the user, whatever is left out.
    pub fn record(self, user: &User<'_>, settings: &Settings) -> Result<Record, Unfit> {
        match self {
            Self::Okta => okta::record(user),
            Self::Kratos => kratos::record(user, settings),
            Self::Entra => entra::record(user, settings),
            Self::Auth0 => auth0::record(user),
            Self::Keycloak => keycloak::record(user),
            Self::Fusionauth => fusionauth::record(user),
            Self::Cognito => cognito::record(user),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How records become files.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// What stands before the first record.
    pub head: &'static str,
    /// What stands between two records.
    pub separator: &'static str,
    /// What stands behind the last record.
    pub tail: &'static str,
    /// The most records of one file; None where one file holds them all.
    pub records: Option<usize>,
    /// The most bytes of one file.
    pub bytes: Option<usize>,
}

/// One JSON document a line.
const LINES: Frame = Frame { head: "", separator: "\n", tail: "\n", records: None, bytes: None };

/// A user, and what stands in the password's column.
#[derive(Clone, Copy, Debug)]
pub struct User<'a> {
    /// The user.
    pub profile: &'a Profile,
    /// The stored hash, where it is to be moved.
    pub hash: Option<&'a str>,
    /// A random password, for targets that want one although nobody will type it.
    pub random: &'a str,
}

/// What some layouts need to know of the target.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Kratos: the id of the identities' schema.
    pub schema_id: Option<String>,
    /// Entra: the tenant's own domain, such as `contoso.onmicrosoft.com`.
    pub issuer: Option<String>,
    /// Entra: the name of the property that says "to be migrated", such as `extension_0a1b…_toBeMigrated`.
    pub flag: Option<String>,
}

/// One user in a layout.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What is written.
    pub text: String,
    /// The members of the profile that the layout cannot hold; `password_hash` for a hash of another format.
    pub lost: Vec<String>,
}

/// Why a target cannot take a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit(pub &'static str);

/// The members of a profile that are not placed yet.
struct Members<'a> {
    rest: Map<String, Json>,
    user: &'a User<'a>,
}

impl<'a> Members<'a> {
    fn new(user: &'a User<'a>) -> Self {
        let mut rest = user.profile.members().clone();
        rest.shift_remove("user_id");
        rest.retain(|_, value| !is_nothing(value));
        Self { rest, user }
    }

    /// A text member; what is no text stays.
    fn text(&mut self, name: &str) -> Option<String> {
        let text = self.user.profile.text(name)?.to_owned();
        self.rest.shift_remove(name);
        Some(text)
    }

    fn flag(&mut self, name: &str) -> Option<bool> {
        let flag = self.user.profile.flag(name)?;
        self.rest.shift_remove(name);
        Some(flag)
    }

    fn value(&mut self, name: &str) -> Option<Json> {
        self.rest.shift_remove(name)
    }

    /// Everything that has no place of its own, save what is not to be copied as plain data.
    fn others(&mut self) -> Map<String, Json> {
        let keys: Vec<String> = self.rest.keys().filter(|name| *name != "mfa_factors").cloned().collect();
        keys.into_iter().filter_map(|name| self.rest.shift_remove(&name).map(|value| (name, value))).collect()
    }

    /// The record; what was not placed is lost.
    fn record(self, record: &Map<String, Json>, hash_lost: bool) -> Record {
        self.written(Json::Object(record.clone()).to_string(), hash_lost)
    }

    fn written(self, text: String, hash_lost: bool) -> Record {
        let mut lost: Vec<String> = self.rest.into_iter().map(|(name, _)| name).collect();
        lost.extend(hash_lost.then(|| "password_hash".to_owned()));
        Record { text, lost }
    }
}

/// Whether a member says nothing: its absence says the same.
fn is_nothing(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(list) => list.is_empty(),
        Json::Object(members) => members.is_empty(),
        Json::Bool(_) | Json::Number(_) => false,
    }
}

/// Puts a member into an object unless there is none.
fn put(object: &mut Map<String, Json>, name: &str, value: Option<impl Into<Json>>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), value.into());
    }
}
