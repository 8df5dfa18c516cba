//! How callers come in, where that differs: most show a client's key in a header, before anything else is read.
//!
//! Invariant: no protocol judges a credential; it says what has to be shown, and is told what came of it.

use std::fmt;
use std::sync::Arc;

use super::parameters::Parameters;
use crate::action::Object;

/// What a caller has to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The key or the token of a client, in the face's header.
    Key,
    /// The credentials of a client of OAuth, which may stand in the body (RFC 6749, section 2.3.1).
    Client,
    /// A token about a user that the face itself gave to a client.
    Token,
}

/// What a caller has shown.
#[derive(Debug)]
pub enum Entered {
    /// What [`Entry::Key`] wants.
    Key,
    /// What [`Entry::Client`] wants.
    Client(Grant),
    /// The claims of the token that [`Entry::Token`] wants.
    Token(Object),
}

/// A request for a token of a client that proved itself.
#[derive(Debug)]
pub struct Grant {
    /// All that was sent.
    pub parameters: Parameters,
    /// The client's id.
    pub client: String,
    /// Makes the token.
    pub issuer: Arc<dyn Issuer>,
}

/// Makes tokens in the name of a face: keys and clocks are no protocol's.
pub trait Issuer: fmt::Debug + Send + Sync {
    /// Where the face stands.
    fn place(&self) -> &Place;

    /// A token that is valid from now on; None when there can be none.
    fn sign(&self, kind: TokenKind, audience: &str, claims: Object) -> Option<Signed>;
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Opens the userinfo endpoint (RFC 9068).
    Access,
    /// Tells the client who has logged in (OpenID Connect Core, section 2).
    Id,
}

/// A token that was just made.
pub struct Signed {
    /// Its text.
    pub token: String,
    /// How long it is valid, in seconds.
    pub expires_in: u64,
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// Where a face stands that gives tokens. Its address is its issuer identifier, so that no other face, and not the
/// gateway itself, is taken for who signed them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    issuer: String,
}

impl Place {
    /// The place of a connector's face at the gateway with this issuer identifier.
    pub fn new(gateway: &str, face: &str, connector: &str) -> Self {
        Self { issuer: format!("{gateway}/{face}/{connector}") }
    }

    /// The issuer identifier.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where tokens are to be had.
    pub fn token(&self) -> String {
        format!("{}/token", self.issuer)
    }

    /// Where the user is told of, and all that the tokens are for.
    pub fn userinfo(&self) -> String {
        format!("{}/userinfo", self.issuer)
    }
}
