//! A server with the resource owner password grant (RFC 6749, section 4.3) and a userinfo endpoint.
//!
//! Invariant: `invalid_grant` (section 5.2) alone says that name or password is wrong.

use base64ct::{Base64, Encoding};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};
use serde_json::Value as Json;
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use super::Reply;
use super::ask::{Ask, Question, Weight, doubt, misconfigured, object};
use super::body::Form;
use crate::action::{Class, Error, Object, Refusal, Request};
use crate::definition::OAuth2;
use crate::outbound::Answer;

/// Verifies a password and asks who that is.
pub(super) async fn answer(server: &OAuth2, ask: &Ask<'_>, request: &Request) -> Result<Reply, Error> {
    let Request::Login { identifier, password, .. } = request else {
        return Err(Error::new(Class::ActionNotDeclared, "a token endpoint answers logins only"));
    };
    let mut form = Form::new()
        .field("grant_type", "password")
        .field("username", identifier)
        .field("password", password.expose())
        .field("scope", &server.scope);
    let mut headers = Vec::new();
    match server.basic {
        true => headers.push((AUTHORIZATION, basic(server)?)),
        false => {
            form = form.field("client_id", &server.client.id).field("client_secret", server.client.secret.expose())
        }
    }
    let (origin, path) = &server.token;
    let question = Question {
        weight: Weight::Login,
        origin,
        method: Method::POST,
        target: path.clone(),
        shown: path,
        headers,
        body: Some(form.body()),
    };
    let answer = ask.ask(question).await?;
    if answer.status != 200 {
        return refused(&answer);
    }
    let body = object(&answer)?;
    let kind = body.get("token_type").and_then(Json::as_str).unwrap_or_default();
    let token = body.get("access_token").and_then(Json::as_str).filter(|_| kind.eq_ignore_ascii_case("bearer"));
    let token = token.ok_or_else(|| misconfigured("the token endpoint's answer has no bearer token"))?;
    userinfo(server, ask, token).await.map(Reply::Authenticated)
}

/// Who has logged in (OpenID Connect Core, section 5.3).
async fn userinfo(server: &OAuth2, ask: &Ask<'_>, token: &str) -> Result<Object, Error> {
    let (origin, path) = &server.userinfo;
    let question = Question {
        weight: Weight::Read,
        origin,
        method: Method::GET,
        target: path.clone(),
        shown: path,
        headers: vec![(AUTHORIZATION, authorization("Bearer ", token)?)],
        body: None,
    };
    let answer = ask.ask(question).await?;
    match answer.status {
        200 => object(&answer),
        401 | 403 => {
            Err(misconfigured("the userinfo endpoint refuses the token that was just given: is `openid` in `scope`?"))
        }
        _ => Err(doubt(&answer, Weight::Read)),
    }
}

fn refused(answer: &Answer) -> Result<Reply, Error> {
    let body = object(answer).ok();
    let error = body.as_ref().and_then(|body| body.get("error")?.as_str()).unwrap_or_default();
    match (answer.status, error) {
        (400..=403, "invalid_grant") => Ok(Reply::WrongCredentials(Refusal::WrongPassword)),
        (400..=403, "invalid_client") => Err(misconfigured("the token endpoint refuses the gateway's own credentials")),
        (400..=403, "unauthorized_client" | "unsupported_grant_type") => {
            Err(misconfigured("the token endpoint does not let this client use the password grant"))
        }
        (400..=403, "invalid_scope") => Err(misconfigured("the token endpoint does not know the declared `scope`")),
        (_, "temporarily_unavailable") => Err(Error::new(Class::Unavailable, "the token endpoint is not available")),
        _ => Err(doubt(answer, Weight::Login)),
    }
}

/// HTTP Basic authentication of a client: both parts form-encoded (RFC 6749, section 2.3.1).
fn basic(server: &OAuth2) -> Result<HeaderValue, Error> {
    let mut pair = Zeroizing::new(String::with_capacity(1024));
    pair.extend(byte_serialize(server.client.id.as_bytes()));
    pair.push(':');
    pair.extend(byte_serialize(server.client.secret.expose()));
    authorization("Basic ", &Zeroizing::new(Base64::encode_string(pair.as_bytes())))
}

fn authorization(scheme: &str, credentials: &str) -> Result<HeaderValue, Error> {
    let text = Zeroizing::new(format!("{scheme}{credentials}"));
    let value = HeaderValue::try_from(text.as_str());
    let mut value = value.map_err(|_| misconfigured("a token or secret cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}
