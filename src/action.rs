//! The vocabulary that every layer shares: what is asked ([`Request`]) and what is answered ([`Outcome`]).
//!
//! Invariant: an [`Outcome`] is always an answer of the user store, also when it is "no". Whatever kept the
//! store from answering is an error of the layer concerned, never an outcome.

mod denial;
mod error;

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value as Json};

pub use self::denial::{Denial, DenialReason};
pub use self::error::{Class, Error};
use crate::secret::Password;

/// The ten things an identity provider asks of a user store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Verify a password.
    Login,
    /// Find a user without authenticating.
    GetUser,
    /// Add a user.
    Create,
    /// Mark the e-mail address as verified.
    Verify,
    /// Set a new password.
    ChangePassword,
    /// Set a new e-mail address or its verified flag.
    ChangeEmail,
    /// Set a new user name.
    ChangeUsername,
    /// Set a new phone number or its verified flag.
    ChangePhoneNumber,
    /// Remove a user.
    Delete,
    /// Give all users, page by page.
    ListUsers,
}

impl Action {
    /// Every action, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::Login,
        Self::GetUser,
        Self::Create,
        Self::Verify,
        Self::ChangePassword,
        Self::ChangeEmail,
        Self::ChangeUsername,
        Self::ChangePhoneNumber,
        Self::Delete,
        Self::ListUsers,
    ];

    /// The name in YAML keys, URLs, scopes and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::GetUser => "get_user",
            Self::Create => "create",
            Self::Verify => "verify",
            Self::ChangePassword => "change_password",
            Self::ChangeEmail => "change_email",
            Self::ChangeUsername => "change_username",
            Self::ChangePhoneNumber => "change_phone_number",
            Self::Delete => "delete",
            Self::ListUsers => "list_users",
        }
    }

    /// Whether the action's statement may only read.
    pub const fn reads(self) -> bool {
        matches!(self, Self::Login | Self::GetUser | Self::ListUsers)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Action {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|action| action.as_str() == name).ok_or(())
    }
}

/// A JSON object.
pub type Object = Map<String, Json>;

/// One question to a user store, complete and typed.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are the inputs of the action that the variant names")]
pub enum Request {
    Login { identifier: String, password: Password, context: Object },
    GetUser { by: Lookup, context: Object },
    Create(Box<NewUser>),
    Verify { email: String },
    ChangePassword { identifier: String, password: Password },
    ChangeEmail { email: String, new_email: String, verified: Option<bool> },
    ChangeUsername { username: String, new_username: String },
    ChangePhoneNumber { phone_number: String, new_phone_number: String, verified: Option<bool> },
    Delete { user_id: String },
    ListUsers { after: Option<String>, limit: u16 },
}

impl Request {
    /// The action that this request is for.
    pub fn action(&self) -> Action {
        match self {
            Self::Login { .. } => Action::Login,
            Self::GetUser { .. } => Action::GetUser,
            Self::Create(_) => Action::Create,
            Self::Verify { .. } => Action::Verify,
            Self::ChangePassword { .. } => Action::ChangePassword,
            Self::ChangeEmail { .. } => Action::ChangeEmail,
            Self::ChangeUsername { .. } => Action::ChangeUsername,
            Self::ChangePhoneNumber { .. } => Action::ChangePhoneNumber,
            Self::Delete { .. } => Action::Delete,
            Self::ListUsers { .. } => Action::ListUsers,
        }
    }

    /// The text that names the account: what limits and audit records are keyed by.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Login { identifier, .. } | Self::ChangePassword { identifier, .. } => Some(identifier),
            Self::GetUser { by: Lookup::Identifier(text) | Lookup::UserId(text), .. } => Some(text),
            Self::Create(user) => user.email.as_deref().or(user.username.as_deref()).or(user.phone_number.as_deref()),
            Self::Verify { email } | Self::ChangeEmail { email, .. } => Some(email),
            Self::ChangeUsername { username, .. } => Some(username),
            Self::ChangePhoneNumber { phone_number, .. } => Some(phone_number),
            Self::Delete { user_id } => Some(user_id),
            Self::ListUsers { .. } => None,
        }
    }

    /// The password that the request carries, if its action has one.
    pub fn password(&self) -> Option<&Password> {
        match self {
            Self::Login { password, .. } | Self::ChangePassword { password, .. } => Some(password),
            Self::Create(user) => user.password.as_ref(),
            _ => None,
        }
    }
}

/// How `get_user` names the user.
#[derive(Debug)]
pub enum Lookup {
    /// What a person types: an e-mail address, a user name or a phone number.
    Identifier(String),
    /// The profile's `user_id`, with its prefix.
    UserId(String),
}

/// The user that `create` adds.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the fields are profile fields")]
pub struct NewUser {
    pub email: Option<String>,
    pub username: Option<String>,
    pub phone_number: Option<String>,
    /// Absent for sign-ups without a password, such as with a passkey.
    pub password: Option<Password>,
    pub user_metadata: Object,
    pub app_metadata: Object,
    /// Every other member of the request; only those that the definition declares are usable.
    pub fields: Object,
}

/// What the user store answered.
#[derive(Debug, PartialEq)]
#[must_use]
pub enum Outcome {
    /// The password is right; the user.
    Authenticated(Profile),
    /// Unknown user or wrong password; the difference is for logs and metrics, never for the caller.
    WrongCredentials(Refusal),
    /// The password is right, but this user may not log in.
    Denied(Denial),
    /// The user that was asked for.
    Found(Profile),
    /// The store has no such user.
    NotFound,
    /// The user was added; with a profile when the definition returns one.
    Created(Option<Profile>),
    /// A user with this e-mail address, user name or phone number exists already.
    UserExists,
    /// The store's own rules refuse the value.
    Rejected(Rejection),
    /// The change was made.
    Changed,
    /// No row matched: nothing was changed.
    Unchanged,
    /// Some of the users, in the order of their ids.
    Listed(Page),
}

impl Outcome {
    /// The name in logs and metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Authenticated(_) => "authenticated",
            Self::WrongCredentials(_) => "wrong_credentials",
            Self::Denied(_) => "denied",
            Self::Found(_) => "found",
            Self::NotFound => "not_found",
            Self::Created(_) => "created",
            Self::UserExists => "user_exists",
            Self::Rejected(_) => "rejected",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Listed(_) => "listed",
        }
    }
}

/// Some of the users, and where the others begin.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The users, in the order of their ids.
    pub users: Vec<Profile>,
    /// The `after` of the next page; None when this is the last one.
    pub next: Option<String>,
}

impl Page {
    /// The most users of one page.
    pub const MAX: u16 = 1000;

    /// The users of a page when nobody says how many.
    pub const DEFAULT: u16 = 100;
}

/// Why credentials were refused; one answer outside, several inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No row for this identifier.
    UnknownUser,
    /// The hash does not match.
    WrongPassword,
    /// The stored hash is NULL, empty or a "locked" marker: no password opens this account.
    NoPassword,
    /// The password is empty or longer than [`Password::MAX_BYTES`].
    UnacceptablePassword,
}

impl Refusal {
    /// The name in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownUser => "unknown_user",
            Self::WrongPassword => "wrong_password",
            Self::NoPassword => "no_password",
            Self::UnacceptablePassword => "unacceptable_password",
        }
    }
}

/// A value that the store's rules refuse, such as a password that is too short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// A stable, machine-readable code such as `invalid_password`.
    pub code: &'static str,
    /// What is wrong and what would be right; shown to the caller.
    pub message: String,
}

/// A user as the caller sees it: a JSON object whose `user_id` is always a string.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile(Object);

impl Profile {
    /// A profile of this user with these members; a member `user_id` is overwritten.
    pub fn new(user_id: String, mut members: Object) -> Self {
        members.insert("user_id".to_owned(), Json::String(user_id));
        Self(members)
    }

    /// The user's stable id, with the connector's prefix.
    pub fn user_id(&self) -> &str {
        self.0.get("user_id").and_then(Json::as_str).unwrap_or_default()
    }

    /// A member that is a text, and not an empty one.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Json::as_str).filter(|text| !text.is_empty())
    }

    /// A member that is true or false.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.0.get(name).and_then(Json::as_bool)
    }

    /// The texts of a list, which is a member itself or one of `app_metadata`.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        let inside = || self.0.get("app_metadata").and_then(|metadata| metadata.get(name));
        let list = self.0.get(name).or_else(inside).and_then(Json::as_array);
        list.map_or_else(Vec::new, |list| list.iter().filter_map(Json::as_str).collect())
    }

    /// All members.
    pub fn members(&self) -> &Object {
        &self.0
    }

    /// Gives the members away.
    pub fn into_members(self) -> Object {
        self.0
    }
}
