//! Tokens: how they are read, which ones we issue, and which we believe.
//!
//! Invariant: a token is believed for one request only; nothing of the decision is kept, so a key, a client or a
//! scope that is gone is gone at the next request. Cryptography is `ring`, which rustls has in the tree already.

mod assertion;
mod authority;
mod compact;
mod grant;
mod json;
mod key;
mod keyring;
mod replay;
mod rules;
mod signing;
#[cfg(test)]
mod tests;

use std::fmt;

use ring::rand::SystemRandom;

pub use self::authority::{Authority, AuthoritySettings, Issued, Unsigned};
pub(in crate::access) use self::compact::{Compact, is_compact};
pub use self::grant::{Assertion, Credentials, GrantError, GrantErrorKind, GrantRequest, Granted};
pub use self::json::Object;
pub use self::key::{Algorithm, Jwk, PublicKey};
pub use self::rules::TokenType;
pub(in crate::access) use self::rules::{Claims, Rules};
pub use self::signing::SigningKey;
use super::issuer::{self, Fetch};

/// Which tokens are issued and believed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Our own tokens; None when we issue none.
    pub own: Option<AuthoritySettings>,
    /// The issuers outside whose tokens are believed; the first one that fits a token decides.
    pub trusted: Vec<issuer::Settings>,
    /// What comes from outside of the rules.
    pub outside: Outside,
}

/// The clock, randomness and network that tokens need.
#[derive(Clone)]
pub struct Outside {
    /// Seconds since 1970.
    pub now: fn() -> u64,
    /// The system's random bytes.
    pub random: SystemRandom,
    /// Gets the keys of issuers.
    pub fetch: Fetch,
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outside")
    }
}

/// Why a token is not believed; one answer outside, several in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Longer than 8 kB.
    TooLarge,
    /// Not three parts of base64url, or no JSON objects with each member once.
    Malformed,
    /// `none`, symmetric, unknown, or not one of the issuer's algorithms.
    Algorithm,
    /// It demands something that is not understood.
    Critical,
    /// Not the type of an access token (or of an assertion).
    Type,
    /// Signed with a key that the issuer does not publish, or of a name that is missing.
    UnknownKey,
    /// The signature is not the key's.
    Signature,
    /// A claim that is required is not there.
    MissingClaim(&'static str),
    /// A claim is of another type than it must be.
    MistypedClaim(&'static str),
    /// A claim that the settings demand is not there, or has another value.
    RequiredClaim,
    /// Of an issuer that is not trusted.
    Issuer,
    /// Meant for somebody else.
    Audience,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// Issued in the future.
    IssuedInFuture,
    /// Valid for longer than an assertion may be.
    TooLong,
    /// The subject is not one that may call.
    Subject,
    /// The client is not declared any more.
    UnknownClient,
    /// The assertion was used before.
    Replayed,
    /// Too many assertions are remembered to be sure that this one is new.
    ReplaysFull,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("the token is too large"),
            Self::Malformed => f.write_str("the token is malformed"),
            Self::Algorithm => f.write_str("the token's algorithm is not accepted"),
            Self::Critical => f.write_str("the token has a critical header"),
            Self::Type => f.write_str("the token is of another type"),
            Self::UnknownKey => f.write_str("the token's key is unknown"),
            Self::Signature => f.write_str("the token's signature is wrong"),
            Self::MissingClaim(name) => write!(f, "the token has no `{name}`"),
            Self::MistypedClaim(name) => write!(f, "the token's `{name}` is of the wrong type"),
            Self::RequiredClaim => f.write_str("the token has not the claims that the settings demand"),
            Self::Issuer => f.write_str("the token is of an unknown issuer"),
            Self::Audience => f.write_str("the token is for another audience"),
            Self::Expired => f.write_str("the token has expired"),
            Self::NotYetValid => f.write_str("the token is not valid yet"),
            Self::IssuedInFuture => f.write_str("the token was issued in the future"),
            Self::TooLong => f.write_str("the assertion is valid for too long"),
            Self::Subject => f.write_str("the token's subject may not call"),
            Self::UnknownClient => f.write_str("the token's client is not declared"),
            Self::Replayed => f.write_str("the assertion was used before"),
            Self::ReplaysFull => f.write_str("too many assertions are in use"),
        }
    }
}
