//! The password-realm grant, and who the tenant says has logged in.
//!
//! The ID token comes straight from the tenant over verified TLS, which stands for its signature (OpenID Connect Core,
//! section 3.1.3.7, rule 6); issuer, audience and time are checked all the same. That works with tenants that sign with
//! a shared secret too, and costs no second request, as asking `/userinfo` would.

use base64ct::{Base64UrlUnpadded, Encoding};
use http::{HeaderName, HeaderValue, Method};
use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::{Tenant, without_provider};
use crate::action::{Class, Error, Object, Refusal};
use crate::outbound::Answer;
use crate::secret::Password;
use crate::upstream::Reply;
use crate::upstream::ask::{Question, Weight, doubt, misconfigured, object};
use crate::upstream::body::Form;

/// How far the tenant's clock may be behind or ours ahead, in seconds.
const SKEW: u64 = 60;

impl Tenant<'_> {
    /// Verifies a password.
    pub(super) async fn log_in(&self, identifier: &str, password: &Password, context: &Object) -> Result<Reply, Error> {
        let client = &self.tenant.client;
        let form = Form::new()
            .field("grant_type", "http://auth0.com/oauth/grant-type/password-realm")
            .field("client_id", &client.id)
            .field("client_secret", client.secret.expose())
            .field("realm", &self.tenant.connection)
            .field("scope", &self.tenant.scope)
            .field("username", identifier)
            .field("password", password.expose());
        let question = Question {
            weight: Weight::Login,
            origin: &self.tenant.origin,
            method: Method::POST,
            target: "/oauth/token".to_owned(),
            shown: "/oauth/token (password-realm)",
            headers: forwarded(context).into_iter().collect(),
            body: Some(form.body()),
        };
        let answer = self.ask.ask(question).await?;
        match answer.status {
            200 => self.authenticated(&answer).map(Reply::Authenticated),
            400..=403 | 429 => refused(&answer),
            _ => Err(doubt(&answer, Weight::Login)),
        }
    }

    /// The user of the ID token.
    fn authenticated(&self, answer: &Answer) -> Result<Object, Error> {
        let body = object(answer)?;
        let token = body.get("id_token").and_then(Json::as_str);
        let token = token.ok_or_else(|| misconfigured("the tenant's answer has no ID token"))?;
        let mut claims = claims(token).ok_or_else(|| misconfigured("the tenant's ID token cannot be read"))?;
        let text = |name: &str| claims.get(name).and_then(Json::as_str);
        if text("iss") != Some(&format!("{}/", self.tenant.origin.base())) {
            return Err(misconfigured("the ID token is of another issuer than the declared domain"));
        }
        let audience = match claims.get("aud") {
            Some(Json::String(one)) => *one == self.tenant.client.id,
            Some(Json::Array(many)) => many.iter().any(|one| one.as_str() == Some(&self.tenant.client.id)),
            _ => false,
        };
        if !audience {
            return Err(misconfigured("the ID token is for another client"));
        }
        // A clock that is wrong is no reason to doubt a password; it has to be said what is wrong.
        let now = u64::try_from((self.clock)() / 1000).unwrap_or(u64::MAX);
        if claims.get("exp").and_then(Json::as_u64).is_none_or(|end| end + SKEW <= now) {
            return Err(misconfigured("the ID token has expired: does this machine's clock go right?"));
        }
        let subject = claims.remove("sub").ok_or_else(|| misconfigured("the ID token has no subject"))?;
        claims.insert("user_id".to_owned(), subject);
        without_provider(claims)
            .ok_or_else(|| misconfigured("the user's id does not begin with `auth0|`: is it a database connection?"))
    }
}

/// The end user's address, which the tenant's protection against guessing counts by.
fn forwarded(context: &Object) -> Option<(HeaderName, HeaderValue)> {
    let address: std::net::IpAddr = context.get("ip")?.as_str()?.parse().ok()?;
    let value = HeaderValue::try_from(address.to_string()).ok()?;
    Some((HeaderName::from_static("auth0-forwarded-for"), value))
}

/// What the tenant's refusal says. Only `invalid_grant` and its older name say that name or password is wrong.
fn refused(answer: &Answer) -> Result<Reply, Error> {
    let Ok(body) = object(answer) else { return Err(doubt(answer, Weight::Login)) };
    let text = |name: &str| body.get(name).and_then(Json::as_str);
    let told = |usual: &str| text("error_description").filter(|text| !text.is_empty()).unwrap_or(usual).to_owned();
    match (answer.status, text("error").unwrap_or_default()) {
        (400..=403, "invalid_grant" | "invalid_user_password") => Ok(Reply::WrongCredentials(Refusal::WrongPassword)),
        // Blocked users, and what an Action or Rule of the tenant tells the user.
        (400..=403, "unauthorized") | (403, "access_denied") => Ok(Reply::Denied(told("This account may not log in"))),
        (_, "password_leaked") => Ok(Reply::Denied(told("This password has been disclosed: set another one"))),
        // The password is right, and a second factor cannot be asked for through this grant.
        (_, "mfa_required") => {
            Ok(Reply::Denied("This account needs a second factor, which cannot be asked for here".to_owned()))
        }
        // The password was not looked at: neither right nor wrong, and the account's owner has done nothing.
        (_, "too_many_attempts") => Err(Error::new(
            Class::Unavailable,
            "the tenant has blocked this account or address after too many attempts",
        )),
        (_, "requires_verification") => {
            Err(Error::new(Class::Unavailable, "the tenant takes the login for a robot's and wants it verified"))
        }
        (429, _) => Err(doubt(answer, Weight::Login)),
        (401, "access_denied") | (_, "invalid_client") => {
            Err(misconfigured("the tenant refuses the gateway's own credentials"))
        }
        (_, "unauthorized_client") => {
            Err(misconfigured("the tenant does not let this client use the password-realm grant"))
        }
        _ => Err(doubt(answer, Weight::Login)),
    }
}

/// The claims of a compact JWS (RFC 7515, section 3.1), unverified.
fn claims(token: &str) -> Option<Object> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let payload = Zeroizing::new(Base64UrlUnpadded::decode_vec(payload).ok()?);
    serde_json::from_slice(&payload).ok()
}
