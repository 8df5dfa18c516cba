//! The gateway's own token for an upstream's management API.
//!
//! Invariant: however many requests need a token, one is fetched at a time; a token is fetched anew before it expires,
//! behind the requests that use the old one.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderValue, Method};
use serde_json::Value as Json;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::ask::{Ask, Question, Weight, doubt, misconfigured, object};
use super::body::Form;
use crate::action::{Class, Error};
use crate::definition::Auth0;
use crate::outbound::Origin;

/// How long a refusal stands before a token is asked for again.
const COOL_DOWN: Duration = Duration::from_secs(1);

/// How long before its end a token is not used any more: a request takes its time to arrive.
const MARGIN: Duration = Duration::from_secs(5);

/// The lifetime of a token whose answer does not say (RFC 6749, section 5.1, only recommends it).
const USUAL_LIFETIME: Duration = Duration::from_secs(300);

/// The longest lifetime that is believed.
const LONGEST_LIFETIME: u64 = 30 * 86_400;

/// A token, ready for the `authorization` header.
#[derive(Debug)]
pub(super) struct Token {
    pub header: HeaderValue,
    /// What it allows; None when the answer does not say.
    pub scopes: Option<BTreeSet<String>>,
    /// From when on another one is fetched.
    renew: Instant,
    /// Until when it is used.
    end: Instant,
}

/// The token at hand.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    current: Mutex<Option<Arc<Token>>>,
    /// Held while a token is fetched, with the last refusal.
    flight: Arc<tokio::sync::Mutex<Option<(Instant, Error)>>>,
}

/// How the gateway's own token stands with an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The upstream needs no token of the gateway's own.
    NotNeeded,
    /// There is one, which allows this.
    Granted(BTreeSet<String>),
    /// There is one, and what it allows is not known.
    Unknown,
}

impl Tokens {
    fn current(&self) -> Option<Arc<Token>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone().filter(|token| Instant::now() < token.end)
    }

    fn set(&self, token: Option<Arc<Token>>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }

    /// Forgets a token that was refused, unless another one has taken its place.
    pub fn forget(&self, token: &Arc<Token>) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, token)) {
            *current = None;
        }
    }
}

/// A token for the tenant's management API.
///
/// # Errors
/// The tenant gives none.
pub(super) async fn management(tenant: &Auth0, ask: &Ask<'_>) -> Result<Arc<Token>, Error> {
    let tokens = &ask.link.tokens;
    if let Some(token) = tokens.current() {
        if Instant::now() >= token.renew {
            renew(tenant, ask);
        }
        return Ok(token);
    }
    let flight = tokio::time::timeout_at(ask.deadline, tokens.flight.lock()).await;
    let mut refused = flight.map_err(|_| Error::new(Class::Timeout, "the upstream: no token in time"))?;
    if let Some(token) = tokens.current() {
        return Ok(token);
    }
    if let Some((_, error)) = refused.as_ref().filter(|(at, _)| at.elapsed() < COOL_DOWN) {
        return Err(error.clone());
    }
    match fetched(&request(tenant), &tenant.origin, ask).await {
        Ok(token) => {
            *refused = None;
            tokens.set(Some(Arc::clone(&token)));
            Ok(token)
        }
        Err(error) => {
            // What was not reached has the breaker; what refuses need not be asked by every request.
            *refused = (error.class == Class::Misconfigured).then(|| (Instant::now(), error.clone()));
            Err(error)
        }
    }
}

/// Fetches the next token behind the request, if nobody does so yet.
fn renew(tenant: &Auth0, ask: &Ask<'_>) {
    let Ok(mut refused) = Arc::clone(&ask.link.tokens.flight).try_lock_owned() else { return };
    if refused.as_ref().is_some_and(|(at, _)| at.elapsed() < COOL_DOWN) {
        return;
    }
    let (link, deadline) = (Arc::clone(ask.link), Instant::now() + Duration::from_secs(10));
    let (form, origin) = (request(tenant), tenant.origin.clone());
    tokio::spawn(async move {
        let ask = Ask { link: &link, deadline, trace: None };
        match fetched(&form, &origin, &ask).await {
            Ok(token) => {
                *refused = None;
                link.tokens.set(Some(token));
            }
            Err(error) => {
                tracing::warn!(%error, "no new token for the upstream; the old one is used until its end");
                *refused = Some((Instant::now(), error));
            }
        }
    });
}

/// The form of the client credentials grant (RFC 6749, section 4.4).
fn request(tenant: &Auth0) -> Zeroizing<Vec<u8>> {
    let form = Form::new()
        .field("grant_type", "client_credentials")
        .field("client_id", &tenant.client.id)
        .field("client_secret", tenant.client.secret.expose())
        .field("audience", &tenant.audience);
    form.body().1
}

async fn fetched(form: &Zeroizing<Vec<u8>>, origin: &Origin, ask: &Ask<'_>) -> Result<Arc<Token>, Error> {
    let question = Question {
        weight: Weight::Read,
        origin,
        method: Method::POST,
        target: "/oauth/token".to_owned(),
        shown: "/oauth/token (client credentials)",
        headers: Vec::new(),
        body: Some((super::body::FORM, form.clone())),
    };
    let asked = Instant::now();
    let answer = ask.ask(question).await?;
    if answer.status != 200 {
        let error = object(&answer).ok().and_then(|body| Some(body.get("error")?.as_str()?.to_owned()));
        return Err(match (answer.status, error) {
            (400..=403, error) => {
                // The codes are fixed words; anything else is not repeated.
                let plain = |code: &String| code.len() < 40 && code.chars().all(|c| c.is_ascii_lowercase() || c == '_');
                let code = error.filter(plain).map_or(String::new(), |code| format!(" ({code})"));
                misconfigured(format!("the tenant refuses the gateway's own credentials{code}"))
            }
            _ => doubt(&answer, Weight::Read),
        });
    }
    let body = object(&answer)?;
    let bearer = body.get("access_token").and_then(Json::as_str).map(|token| Zeroizing::new(format!("Bearer {token}")));
    let header = bearer.and_then(|bearer| HeaderValue::try_from(bearer.as_str()).ok());
    let mut header = header.ok_or_else(|| misconfigured("the tenant's answer has no access token"))?;
    header.set_sensitive(true);
    let lifetime = body.get("expires_in").and_then(Json::as_u64).map(|s| Duration::from_secs(s.min(LONGEST_LIFETIME)));
    let lifetime = lifetime.unwrap_or(USUAL_LIFETIME);
    let scopes = body.get("scope").and_then(Json::as_str);
    Ok(Arc::new(Token {
        header,
        scopes: scopes.map(|text| text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()),
        renew: asked + lifetime / 2,
        end: asked + lifetime.saturating_sub(MARGIN.min(lifetime / 4)),
    }))
}
