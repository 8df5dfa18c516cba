//! Why a stored value cannot be verified, and why a new one cannot be written.
//!
//! Invariant: nothing here holds a stored value, a salt or a password; numbers and names only.

use std::fmt;

/// A stored value that gives no answer, neither yes nor no. It never counts against the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// No accepted format has this shape.
    Unrecognised {
        /// The length of the value in bytes.
        length: usize,
        /// The format it looks like, which is not accepted here.
        looks_like: Option<&'static str>,
    },
    /// Several algorithms leave values of this shape, so it is never guessed.
    Ambiguous {
        /// The shape, in words.
        shape: &'static str,
        /// What may have written it, the most common first.
        candidates: &'static [&'static str],
    },
    /// It has the marks of a format but does not keep its rules: cut off by a short column, most often.
    Malformed {
        /// The format's name.
        format: String,
        /// The rule it breaks.
        problem: &'static str,
    },
    /// It asks for more than the caps allow.
    OverCap {
        /// The format's name.
        format: String,
        /// What it asks for, with its unit.
        what: &'static str,
        /// How much it asks for.
        found: u64,
        /// How much is allowed.
        cap: u64,
    },
    /// The computation itself failed: out of memory.
    Failed {
        /// The format's name.
        format: String,
        /// What the kernel said.
        problem: String,
    },
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unrecognised { length, looks_like: Some(name) } => {
                write!(
                    f,
                    "the stored value ({length} bytes) looks like {name}, which is not accepted here; add it to `formats`"
                )
            }
            Self::Unrecognised { length, looks_like: None } => {
                write!(f, "the stored value ({length} bytes) has the shape of no accepted format")
            }
            Self::Ambiguous { shape, candidates } => {
                write!(
                    f,
                    "the stored value is {shape}, which may be {}; name the format under `formats`",
                    candidates.join(", ")
                )
            }
            Self::Malformed { format, problem } => write!(f, "the stored {format} value is damaged: {problem}"),
            Self::OverCap { format, what, found, cap } => {
                write!(f, "the stored {format} value asks for {found} {what}, allowed are {cap}")
            }
            Self::Failed { format, problem } => write!(f, "computing {format} failed: {problem}"),
        }
    }
}

impl std::error::Error for Unreadable {}

/// Why no new hash was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// The policy writes nothing.
    NotDeclared,
    /// The password is empty or longer than any password that is hashed.
    Unacceptable,
    /// The format would silently ignore what comes after this many bytes.
    TooLong {
        /// The format's name.
        format: String,
        /// The bytes that count.
        limit: usize,
    },
    /// The password holds a character that the format or its charset cannot carry.
    Unencodable {
        /// The format's name.
        format: String,
    },
    /// Our own verifier does not accept the result, so nobody could log in with it.
    NotVerified {
        /// The format's name.
        format: String,
    },
    /// The computation itself failed: out of memory.
    Failed {
        /// The format's name.
        format: String,
        /// What the kernel said.
        problem: String,
    },
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDeclared => f.write_str("no format is declared for new passwords; set `password.new`"),
            Self::Unacceptable => f.write_str("the password is empty or too long"),
            Self::TooLong { format, limit } => {
                write!(f, "the password is longer than the {limit} bytes that {format} takes into account")
            }
            Self::Unencodable { format } => write!(f, "the password holds a character that {format} cannot carry"),
            Self::NotVerified { format } => {
                write!(f, "the new {format} value is not accepted by the declared formats; check their order and salt")
            }
            Self::Failed { format, problem } => write!(f, "computing {format} failed: {problem}"),
        }
    }
}

impl std::error::Error for WriteError {}
