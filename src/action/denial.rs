//! Why a user whose password is right may not log in.

use super::Profile;

/// The password is right, but this user may not log in.
#[derive(Clone, Debug, PartialEq)]
pub struct Denial {
    /// What kind of reason it is; some identity providers tell them apart.
    pub reason: DenialReason,
    /// Meant for the user.
    pub message: String,
    /// The user, when all that is missing is a new password: some identity providers then ask for one themselves.
    pub profile: Option<Profile>,
}

impl Denial {
    /// A denial for no particular reason, with what the user is told.
    pub fn new(message: impl Into<String>) -> Self {
        Self { reason: DenialReason::Other, message: message.into(), profile: None }
    }
}

/// The kinds of reasons that identity providers tell apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DenialReason {
    /// An administrator switched the account off.
    Disabled,
    /// Locked, as after too many attempts; it may pass.
    Locked,
    /// The account's time is over.
    Expired,
    /// The user has to choose a new password first.
    PasswordChangeRequired,
    /// The e-mail address or phone number is not verified yet.
    Unverified,
    /// Any other.
    #[default]
    Other,
}

impl DenialReason {
    /// The name in definitions, answers and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Locked => "locked",
            Self::Expired => "expired",
            Self::PasswordChangeRequired => "password_change_required",
            Self::Unverified => "unverified",
            Self::Other => "other",
        }
    }
}
