//! Why no answer could be given. An [`Outcome`](super::Outcome) is an answer, also when it is "no"; an
//! error means that we do not know, and never counts against an account.

use std::fmt;

/// No answer. The message is for the operator's log; only [`Class`] decides what the caller sees.
#[derive(Clone, Debug)]
pub struct Error {
    /// What the caller may know of it.
    pub class: Class,
    /// What happened, for the log; holds no value of the request and no secret.
    pub message: String,
}

impl Error {
    /// An error of this class.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// The closed set of reasons for not answering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// The caller sent a value that cannot be right; the only class that is the caller's fault.
    InvalidInput {
        /// The member of the request.
        field: String,
        /// What was found and what was expected; shown to the caller, so it holds no secret.
        message: String,
    },
    /// The connector's definition does not declare this action.
    ActionNotDeclared,
    /// The database cannot be reached.
    Unavailable,
    /// The deadline passed.
    Timeout,
    /// Too much work is waiting: the hash queue or the pool is full.
    Overloaded,
    /// Two rows answer for one user.
    AmbiguousUser,
    /// The stored hash is not of a declared format, or is damaged, or costs more than the cap.
    UnreadableHash,
    /// The definition does not fit the database: a missing table, column or privilege, or a wrong row count.
    Misconfigured,
    /// The connection broke during COMMIT: the change may or may not have been made.
    OutcomeUnknown,
}

impl Class {
    /// The stable code in answers, logs and metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::InvalidInput { .. } => "invalid_input",
            Self::ActionNotDeclared => "action_not_declared",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Overloaded => "overloaded",
            Self::AmbiguousUser => "ambiguous_user",
            Self::UnreadableHash => "unreadable_hash",
            Self::Misconfigured => "misconfigured",
            Self::OutcomeUnknown => "outcome_unknown",
        }
    }
}
