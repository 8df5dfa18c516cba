//! The token endpoint: a name and a password become a token.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::claims::{Scopes, standard};
use super::{private, refused_client};
use crate::action::{Object, Outcome, Profile, Request};
use crate::handler;
use crate::protocol::entry::{Grant, Issuer, TokenKind};
use crate::protocol::input::checked;
use crate::protocol::native::failed;
use crate::protocol::{Asked, Code, Problem, Question, Response};
use crate::secret::Password;

/// The grants that give a name and a password: RFC 6749, section 4.3, and Auth0's, which adds a `realm`.
pub(super) const GRANTS: [&str; 2] = ["password", "http://auth0.com/oauth/grant-type/password-realm"];

/// Reads the request. `realm`, `audience`, `device` and whatever else is sent changes nothing: here is one store of users,
/// and tokens are for one audience.
pub(super) fn decode(question: &Question<'_>, grant: &Grant) -> Result<Asked, Problem> {
    let parameters = &grant.parameters;
    let missing = |name: &'static str| Problem::invalid(name, format!("`{name}` is missing"));
    // Section 3.2: addresses are written down by whatever stands between.
    if question.query.is_some() {
        return Err(Problem::new(Code::InvalidInput).with_detail("parameters stand in the body, never in the address"));
    }
    match parameters.get("grant_type") {
        Some(known) if GRANTS.contains(&known) => {}
        Some(_) => {
            let detail = format!("expected `{}` or `{}`", GRANTS[0], GRANTS[1]);
            return Err(Problem::worded("unsupported_grant_type", detail));
        }
        None => return Err(missing("grant_type")),
    }
    let identifier = parameters.get("username").ok_or_else(|| missing("username"))?.to_owned();
    let identifier = checked("username", identifier)?;
    let password = Password::new(parameters.get("password").ok_or_else(|| missing("password"))?);
    let granted = Granted {
        issuer: Arc::clone(&grant.issuer),
        client: grant.client.clone(),
        scopes: Scopes::granted(parameters.get("scope").unwrap_or_default()),
        username: identifier.clone(),
    };
    let request = Request::Login { identifier, password, context: Object::new() };
    Ok(Asked::new(request, move |answer| granted.encode(answer)))
}

/// What the answer needs of the question.
struct Granted {
    issuer: Arc<dyn Issuer>,
    client: String,
    scopes: Scopes,
    username: String,
}

impl Granted {
    fn encode(&self, answer: Result<Outcome, handler::Error>) -> Response {
        match answer {
            Ok(Outcome::Authenticated(profile)) => {
                let body = self.tokens(&profile);
                body.map_or_else(|| refused_client(Problem::new(Code::Internal)), |body| private(StatusCode::OK, &body))
            }
            Ok(Outcome::Denied(denial)) => invalid_grant(&denial.message),
            // The refusal's kind ends here: unknown user and wrong password are the same bytes.
            Ok(_) => invalid_grant("the user name or the password is wrong"),
            Err(error) => refused_client(failed(error.class)),
        }
    }

    fn tokens(&self, profile: &Profile) -> Option<Json> {
        let userinfo = self.issuer.place().userinfo();
        let scope = self.scopes.to_string();
        let claims = Object::from_iter(
            [
                ("sub", profile.user_id()),
                ("client_id", &self.client),
                ("scope", &scope),
                // Userinfo looks the user up by it: a connector need not be able to find users by their ids. The client
                // has just sent it, so it learns nothing new.
                ("username", &self.username),
            ]
            .map(|(name, text)| (name.to_owned(), json!(text))),
        );
        let access = self.issuer.sign(TokenKind::Access, &userinfo, claims)?;
        let mut body = Map::new();
        body.insert("access_token".to_owned(), Json::String(access.token));
        body.insert("token_type".to_owned(), json!("Bearer"));
        body.insert("expires_in".to_owned(), json!(access.expires_in));
        body.insert("scope".to_owned(), json!(scope));
        if self.scopes.has("openid") {
            let id = self.issuer.sign(TokenKind::Id, &self.client, standard(profile, &self.scopes))?;
            body.insert("id_token".to_owned(), Json::String(id.token));
        }
        Some(Json::Object(body))
    }
}

fn invalid_grant(description: &str) -> Response {
    private(StatusCode::BAD_REQUEST, &json!({ "error": "invalid_grant", "error_description": description }))
}
