//! Why a database could not answer, sorted by what follows from it.

use std::fmt;

use crate::action::Class;

/// A database's refusal. The message is for the operator's log; it never holds a bound value.
#[derive(Clone, Debug)]
pub struct Error {
    /// What follows from it.
    pub kind: ErrorKind,
    /// What the server or driver said, without values.
    pub message: String,
    /// The SQLSTATE, or the database's own error number.
    pub code: Option<String>,
    /// Where in the statement's text the server saw the fault: a byte offset.
    pub offset: Option<usize>,
}

impl Error {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), code: None, offset: None }
    }

    /// Adds the server's own code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{} ({code})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {}

/// What follows from an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// No connection: refused, lost, a server that starts or stops, too many connections.
    Unavailable,
    /// The server is there and answers that it cannot do this now: a full disk, no memory, a fault of its own.
    Unable,
    /// The server takes no writes, as a primary does that was demoted. Nothing was changed; another connection may
    /// lead to the new primary.
    ReadOnly,
    /// Every connection was at work for as long as a caller may wait for one.
    Exhausted,
    /// The deadline passed, or the server cancelled the statement or the wait for a lock.
    Timeout,
    /// A unique constraint or index refused the row.
    UniqueViolation,
    /// Another constraint refused the row: NOT NULL, CHECK, a foreign key, a value too long for its column.
    ConstraintViolation,
    /// A value does not fit its parameter (counted from 0); None when the server does not say which.
    InvalidValue(Option<usize>),
    /// Another transaction was in the way (deadlock, serialisation); the whole transaction may be tried again.
    Conflict,
    /// The statement cannot work here: a missing table or column, a privilege, a type that we cannot decode.
    Misconfigured,
    /// The connection broke after COMMIT was sent: nobody knows whether the changes last.
    OutcomeUnknown,
}

impl ErrorKind {
    /// What it is to a request, when it is not about a value.
    pub fn class(&self) -> Class {
        match self {
            Self::Unavailable | Self::Unable | Self::ReadOnly => Class::Unavailable,
            Self::Timeout | Self::Conflict => Class::Timeout,
            Self::Exhausted => Class::Overloaded,
            Self::OutcomeUnknown => Class::OutcomeUnknown,
            Self::UniqueViolation | Self::ConstraintViolation | Self::InvalidValue(_) | Self::Misconfigured => {
                Class::Misconfigured
            }
        }
    }
}
