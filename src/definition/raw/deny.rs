//! The rules that keep users out, as written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::DenialReason;
use crate::definition::yaml::At;

/// A rule that keeps a user out.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawDeny {
    /// An expression over `login`'s row; the login is denied when it is true.
    pub when: At<String>,
    /// What the user is told.
    pub message: At<String>,
    /// What kind of reason it is, for identity providers that tell them apart; `other` unless said otherwise.
    pub reason: Option<At<RawDenialReason>>,
}

/// The kinds of reasons that identity providers tell apart.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawDenialReason {
    /// An administrator switched the account off.
    Disabled,
    /// Locked, as after too many attempts; it may pass.
    Locked,
    /// The account's time is over.
    Expired,
    /// The user has to choose a new password first. Identity providers that can ask for one themselves get the user.
    PasswordChangeRequired,
    /// The e-mail address or phone number is not verified yet.
    Unverified,
    /// Any other.
    Other,
}

impl From<RawDenialReason> for DenialReason {
    fn from(raw: RawDenialReason) -> Self {
        match raw {
            RawDenialReason::Disabled => Self::Disabled,
            RawDenialReason::Locked => Self::Locked,
            RawDenialReason::Expired => Self::Expired,
            RawDenialReason::PasswordChangeRequired => Self::PasswordChangeRequired,
            RawDenialReason::Unverified => Self::Unverified,
            RawDenialReason::Other => Self::Other,
        }
    }
}
