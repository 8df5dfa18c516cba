//! How callers prove themselves at a path, each in the way that its protocol wants.
//!
//! Invariant: only where a client's own credentials may stand in the body is a body read before its client is known, and
//! then no more than a form's length of it. A token about a user opens the place that it was made for and nothing else.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use hyper::body::Incoming;

use super::oauth::{MAX_FORM, credentials};
use super::{Settings, body};
use crate::access::token::{TokenType, Unsigned};
use crate::access::{Access, Caller, Presented, Unauthenticated};
use crate::action::Object;
use crate::protocol::{Code, Entered, Entry, Grant, Issuer, Parameters, Place, Problem, Route, Signed, TokenKind};

/// Why nobody came in.
#[derive(Debug)]
pub(super) enum Rejected {
    /// There is no proof, or it is wrong.
    Unauthenticated(Unauthenticated),
    /// It could not be read.
    Problem(Problem),
}

impl From<Unauthenticated> for Rejected {
    fn from(reason: Unauthenticated) -> Self {
        Self::Unauthenticated(reason)
    }
}

impl From<Problem> for Rejected {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// A request that wants in.
pub(super) struct Entrance<'a> {
    pub(super) access: &'a Arc<Access>,
    pub(super) settings: &'a Settings,
    pub(super) head: &'a Parts,
    pub(super) route: &'a Route<'a>,
}

impl Entrance<'_> {
    /// The caller, and what was shown; takes the body where that may hold it.
    pub(super) async fn enter(&self, body: &mut Option<Incoming>) -> Result<(Caller, Entered), Rejected> {
        match self.route.protocol().entry(self.route.tail) {
            Entry::Key => {
                let how = self.route.face().map_or(Presented::Bearer, |face| Presented::in_header(&face.credentials));
                let caller = self.access.caller(&self.head.headers, &how, self.head.extensions.get()).await?;
                Ok((caller, Entered::Key))
            }
            Entry::Client => self.client(body).await,
            Entry::Token => {
                let place = self.place()?;
                let authenticator = self.access.authenticator();
                let (caller, claims) = authenticator.user(&self.head.headers, place.issuer(), &place.userinfo())?;
                Ok((caller, Entered::Token(claims)))
            }
        }
    }

    async fn client(&self, body: &mut Option<Incoming>) -> Result<(Caller, Entered), Rejected> {
        let place = self.place()?;
        let bytes = match body.take() {
            Some(body) => body::read(body, self.settings.max_body.min(MAX_FORM), self.settings.body_timeout).await?,
            None => Bytes::new(),
        };
        let parameters = Parameters::read(&self.head.headers, &bytes)?;
        let shown = credentials(&self.head.headers, &parameters)
            .map_err(|detail| Problem::new(Code::InvalidInput).with_detail(detail))?;
        let caller = self.access.oauth_client(shown.as_ref(), place.issuer(), self.head.extensions.get())?;
        let client = caller.client.id().to_owned();
        if parameters.get("client_id").is_some_and(|id| id != client) {
            return Err(Unauthenticated::AnotherClient.into());
        }
        let issuer = Arc::new(Signing { access: Arc::clone(self.access), place });
        Ok((caller, Entered::Client(Grant { parameters, client, issuer })))
    }

    /// Where the face stands.
    fn place(&self) -> Result<Place, Problem> {
        // Settings with such a face and no tokens are refused; between two settings, neither may be there.
        let authority = self.access.authenticator().authority().ok_or(Problem::new(Code::Unavailable))?;
        Ok(Place::new(authority.issuer(), self.route.protocol().name(), self.route.connector))
    }
}

/// Signs with the keys of the rules that the request began with.
#[derive(Debug)]
struct Signing {
    access: Arc<Access>,
    place: Place,
}

impl Issuer for Signing {
    fn place(&self) -> &Place {
        &self.place
    }

    fn sign(&self, kind: TokenKind, audience: &str, claims: Object) -> Option<Signed> {
        let kind = match kind {
            TokenKind::Access => TokenType::AccessToken,
            TokenKind::Id => TokenType::Jwt,
        };
        let issuer = self.place.issuer().to_owned();
        let unsigned = Unsigned { kind, issuer, audience: audience.to_owned(), claims };
        let issued = self.access.authenticator().authority()?.sign(unsigned)?;
        Some(Signed { token: issued.token, expires_in: issued.expires_in })
    }
}
