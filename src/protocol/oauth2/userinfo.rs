//! The userinfo endpoint: who the user of a token is now.

use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::Value as Json;

use super::claims::{Scopes, standard};
use super::{private, refused_user};
use crate::action::{Lookup, Object, Outcome, Profile, Request};
use crate::handler;
use crate::protocol::native::failed;
use crate::protocol::parameters::{Parameters, is_form};
use crate::protocol::{Asked, Code, Problem, Question, Response};

/// Reads the token's claims, which were verified; the token itself stands in the header alone (RFC 6750, section 2).
pub(super) fn decode(question: &Question<'_>, token: &Object, further: &[String]) -> Result<Asked, Problem> {
    if has_token(question) {
        return Err(Problem::new(Code::InvalidInput).with_detail("the token stands in the header alone"));
    }
    let text = |name: &str| token.get(name).and_then(Json::as_str).map(str::to_owned);
    let (Some(user_id), Some(username), Some(scope)) = (text("sub"), text("username"), text("scope")) else {
        return Err(Problem::invalid_token());
    };
    let asked = About { user_id, scopes: Scopes::granted(&scope), further: further.to_vec() };
    let request = Request::GetUser { by: Lookup::Identifier(username), context: Object::new() };
    Ok(Asked::new(request, move |answer| asked.encode(answer)))
}

/// Whether a token stands in the address or the body, too, where it is not looked for.
fn has_token(question: &Question<'_>) -> bool {
    let names = question.query.unwrap_or_default().split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    let in_address = names.into_iter().any(|name| percent_decode_str(name).eq(b"access_token".iter().copied()));
    let in_body = || match Parameters::form(question.body) {
        Ok(parameters) => parameters.get("access_token").is_some(),
        Err(_) => true,
    };
    in_address || is_form(question.headers) && in_body()
}

/// What the answer needs of the question and of the settings.
struct About {
    user_id: String,
    scopes: Scopes,
    further: Vec<String>,
}

impl About {
    fn encode(&self, answer: Result<Outcome, handler::Error>) -> Response {
        match answer {
            Ok(Outcome::Found(profile)) if profile.user_id() == self.user_id && is_admitted(&profile) => {
                let mut body = standard(&profile, &self.scopes);
                for name in &self.further {
                    if let Some(value) = profile.members().get(name) {
                        body.insert(name.clone(), value.clone());
                    }
                }
                private(StatusCode::OK, &Json::Object(body))
            }
            // Gone, blocked, or another user who has the name now.
            Ok(_) => refused_user(Problem::invalid_token()),
            Err(error) => refused_user(failed(error.class)),
        }
    }
}

/// Whether the profile does not say that the user is kept out.
fn is_admitted(profile: &Profile) -> bool {
    profile.flag("enabled").unwrap_or(true) && !profile.flag("blocked").unwrap_or(false)
}
