//! An OAuth server's password grant and userinfo endpoint (RFC 6749, section 4.3; OpenID Connect Core, section 5.3), for
//! recipes that migrate users from "any OAuth server".
//!
//! Invariant: `invalid_grant` is said only when the store said no, in the same bytes for an unknown user as for a wrong
//! password. What a token opens is this connector's userinfo and nothing else; the profile is looked up each time, so
//! nothing of it is as old as the token.

mod claims;
mod metadata;
mod password;
mod userinfo;

use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, StatusCode};
use serde_json::json;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

pub use self::metadata::metadata;
use super::answer;
use super::entry::{Entered, Entry};
use super::face::{Choice, Face, Kind, Options, Sample, Somebody, Wrong};
use super::{Asked, Code, Problem, Protocol, Question, Response};
use crate::action::Action;

/// How it is declared. Its callers are programs that wait as long as they like, so `request_timeout` decides.
pub(super) static FACE: Face = Face {
    name: "oauth2",
    hook: "OAuth 2.0 password grant and userinfo",
    actions: &[Action::Login],
    time: Duration::from_secs(10),
    credentials: AUTHORIZATION,
    options: &[
        Choice {
            name: "claims",
            kind: Kind::List,
            required: false,
            about: "further members of the profile that userinfo answers, as in `[roles]`",
        },
        Choice {
            name: "accept_discouraged",
            kind: Kind::Text,
            required: false,
            about: "why the password grant is acceptable here, in place of the warning about it",
        },
    ],
    guide: GUIDE,
    sample: Some(sample),
    open,
};

const GUIDE: &str = "\
Whatever asks an OAuth server for a token by name and password:
  Token endpoint      {url}/token
  Userinfo endpoint   {url}/userinfo
  Discovery           {url}/.well-known/openid-configuration
  Client id           {client}
  Client secret       {key}
  Scopes              openid profile email phone

Where a recipe builds the addresses itself, enter the base address alone:
  Kinde, workflow for users of Auth0           {url}             in place of https://TENANT.auth0.com
  Transmit, Authenticate Auth0 password        {url}             in place of the Auth0 domain
  Transmit, Authenticate PingOne password      {url}             in place of https://auth.pingone.com/ENVIRONMENT
  Descope, migration from Keycloak             {url}             in place of https://KEYCLOAK, with any realm

A client's name and secret stand in HTTP Basic or in the body, which is a form or JSON. Tokens open userinfo only.
";

fn open(options: &Options) -> Result<Box<dyn Protocol>, Wrong> {
    if options.text("accept_discouraged").is_some_and(|reason| reason.trim().is_empty()) {
        let message = "the reason is empty: say why the password grant is acceptable here".to_owned();
        return Err(Wrong { option: "accept_discouraged", message });
    }
    let further = options.list("claims").to_vec();
    if let Some(name) = further.iter().find(|name| claims::is_own(name)) {
        let message = format!("`{name}` is a claim with a meaning of its own, which the scopes decide upon");
        return Err(Wrong { option: "claims", message });
    }
    let accepted = options.text("accept_discouraged").is_some();
    Ok(Box::new(OAuth2 { further, accepted }))
}

fn sample(somebody: &Somebody<'_>) -> Sample {
    // Grows to its whole length at once, so that nothing of a password stays behind.
    let mut form = Serializer::new(String::with_capacity(16 * 1024));
    form.append_pair("grant_type", "password")
        .append_pair("username", somebody.identifier)
        .append_pair("password", somebody.password.expose())
        .append_pair("client_id", somebody.client)
        .append_pair("client_secret", somebody.key)
        .append_pair("scope", "openid profile email");
    Sample {
        method: Method::POST,
        tail: "/token".to_owned(),
        headers: vec![(CONTENT_TYPE, "application/x-www-form-urlencoded".to_owned())],
        body: Zeroizing::new(form.finish()),
        proved: true,
    }
}

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    Token,
    Userinfo,
}

impl Page {
    /// The page of a path after the connector: our own addresses, and those of the servers whose place we take.
    fn at(tail: &str) -> Option<Self> {
        let rest = match tail.strip_prefix("realms/") {
            // Keycloak: whichever realm, it is this connector.
            Some(rest) => rest.split_once('/').map(|(_, rest)| rest).filter(|rest| rest.starts_with("protocol/"))?,
            None => tail,
        };
        match rest {
            // Ours; Auth0's, PingOne's and Keycloak's.
            "token" | "oauth/token" | "as/token" | "protocol/openid-connect/token" => Some(Self::Token),
            "userinfo" | "as/userinfo" | "protocol/openid-connect/userinfo" => Some(Self::Userinfo),
            _ => None,
        }
    }
}

#[derive(Debug)]
struct OAuth2 {
    /// Further members of the profile that userinfo answers.
    further: Vec<String>,
    /// Whether its dangers are accepted.
    accepted: bool,
}

impl Protocol for OAuth2 {
    fn name(&self) -> &'static str {
        FACE.name
    }

    fn route(&self, method: &Method, tail: &str) -> Result<Action, Problem> {
        match (Page::at(tail), method) {
            (Some(Page::Token), &Method::POST) => Ok(Action::Login),
            (Some(Page::Token), _) => Err(Problem::method_not_allowed("POST")),
            (Some(Page::Userinfo), &Method::GET | &Method::POST) => Ok(Action::GetUser),
            (Some(Page::Userinfo), _) => Err(Problem::method_not_allowed("GET, POST")),
            (None, _) => Err(Problem::new(Code::UnknownPath).with_detail("expected `/token` or `/userinfo`")),
        }
    }

    fn entry(&self, tail: &str) -> Entry {
        match Page::at(tail) {
            Some(Page::Userinfo) => Entry::Token,
            Some(Page::Token) | None => Entry::Client,
        }
    }

    /// Who may log users in may also hear who they are, which logging in tells anyway.
    fn scope(&self, _: Action) -> Action {
        Action::Login
    }

    fn gives_tokens(&self) -> bool {
        true
    }

    fn is_discouraged(&self) -> bool {
        !self.accepted
    }

    fn decode(&self, question: &Question<'_>) -> Result<Asked, Problem> {
        match question.entered {
            Entered::Client(grant) => password::decode(question, grant),
            Entered::Token(token) => userinfo::decode(question, token, &self.further),
            Entered::Key => Err(Problem::new(Code::Internal)),
        }
    }

    fn refuse(&self, problem: Problem, entry: Entry) -> Response {
        match entry {
            Entry::Token => refused_user(problem),
            Entry::Client | Entry::Key => refused_client(problem),
        }
    }
}

/// A refusal in the words of RFC 6749, section 5.2.
fn refused_client(problem: Problem) -> Response {
    let code = problem.code();
    let word = problem.word().map(str::to_owned);
    let (error, status) = match code {
        Code::Unauthorized => ("invalid_client", StatusCode::UNAUTHORIZED),
        Code::Forbidden => ("unauthorized_client", StatusCode::BAD_REQUEST),
        Code::InvalidInput | Code::UnsupportedMediaType => {
            (word.as_deref().unwrap_or("invalid_request"), StatusCode::BAD_REQUEST)
        }
        _ => general(code),
    };
    let mut response = refusal(error, status, problem);
    if code == Code::Unauthorized {
        // On every 401 (RFC 9110, section 15.5.2), not only after `Basic`.
        let challenge = HeaderValue::from_static("Basic realm=\"userbridge\", charset=\"UTF-8\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// A refusal in the words of RFC 6750, section 3.1.
fn refused_user(problem: Problem) -> Response {
    let code = problem.code();
    let (error, status) = match code {
        Code::Unauthorized => ("invalid_token", StatusCode::UNAUTHORIZED),
        Code::Forbidden => ("insufficient_scope", StatusCode::FORBIDDEN),
        Code::InvalidInput => ("invalid_request", StatusCode::BAD_REQUEST),
        _ => general(code),
    };
    let challenge = match (code, problem.word()) {
        // Who shows nothing is only told what to show.
        (Code::Unauthorized, None) => Some("Bearer realm=\"userbridge\""),
        (Code::Unauthorized, Some(_)) => Some("Bearer realm=\"userbridge\", error=\"invalid_token\""),
        (Code::Forbidden, _) => Some("Bearer realm=\"userbridge\", error=\"insufficient_scope\""),
        _ => None,
    };
    let mut response = refusal(error, status, problem);
    if let Some(challenge) = challenge {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}

/// What is not about the request.
fn general(code: Code) -> (&'static str, StatusCode) {
    let error = match code {
        Code::TooLarge | Code::RequestTimeout => "invalid_request",
        Code::RateLimited
        | Code::Unavailable
        | Code::Overloaded
        | Code::Timeout
        | Code::UnknownConnector
        | Code::AuditUnavailable => "temporarily_unavailable",
        _ => "server_error",
    };
    (error, code.status())
}

/// The refusal as JSON; beside the words of the standard, the gateway's own word for the reason.
fn refusal(error: &str, status: StatusCode, problem: Problem) -> Response {
    let code = problem.code();
    let description = match code {
        // Whoever is not known is told no more than that.
        Code::Unauthorized if error == "invalid_token" => "the token is missing or not valid".to_owned(),
        Code::Unauthorized => code.title().to_owned(),
        _ => problem.detail().unwrap_or(code.title()).to_owned(),
    };
    let retry_after = problem.into_response().headers_mut().remove(RETRY_AFTER);
    let body = json!({ "error": error, "error_description": description, "problem": code.as_str() });
    let mut response = private(status, &body);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    response
}

/// An answer that nobody may keep (RFC 6749, section 5.1).
fn private(status: StatusCode, body: &serde_json::Value) -> Response {
    let mut response = answer::json(status, body);
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_stand_where_recipes_look_for_them() {
        for tail in [
            "token",
            "oauth/token",
            "as/token",
            "protocol/openid-connect/token",
            "realms/x/protocol/openid-connect/token",
        ] {
            assert_eq!(Page::at(tail), Some(Page::Token), "{tail}");
        }
        for tail in [
            "userinfo",
            "as/userinfo",
            "protocol/openid-connect/userinfo",
            "realms/a%20b/protocol/openid-connect/userinfo",
        ] {
            assert_eq!(Page::at(tail), Some(Page::Userinfo), "{tail}");
        }
        for tail in ["", "Token", "token/x", "realms/x/token", "realms/x", "realms/x/y/protocol/openid-connect/token"] {
            assert_eq!(Page::at(tail), None, "{tail}");
        }
    }
}
