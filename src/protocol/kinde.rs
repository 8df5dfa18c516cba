//! Kinde's workflow for passwords that it does not know, whose requests a small fixed workflow sends (`examples/kinde`).
//!
//! Invariant: 200 with the user is "yes", 401 every "no". With a key declared, a body that it did not encrypt is refused.
//! <https://docs.kinde.com/workflows/workflow-tutorials/drip-feed-migration/>

use std::fmt;
use std::time::Duration;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde_json::{Map, Value as Json, json};
use zeroize::Zeroizing;

use super::answer::{self, Login, empty};
use super::face::{Choice, Face, Kind, Options, Sample, Somebody, Wrong, one_post};
use super::input::Input;
use super::native::require_json;
use super::{Asked, Code, Problem, Protocol, Question, Response};
use crate::action::{Action, Object, Outcome, Profile, Request};
use crate::handler;

/// How it is declared.
pub(super) static FACE: Face = Face {
    name: "kinde",
    hook: "Kinde existing-password workflow",
    actions: &[Action::Login],
    time: Duration::from_millis(2500),
    credentials: AUTHORIZATION,
    options: &[Choice {
        name: "encryption_key",
        kind: Kind::Secret,
        required: false,
        about: "the key of `kinde.secureFetch`, in Base64: the whole body is then encrypted with it",
    }],
    guide: GUIDE,
    sample: Some(sample),
    open,
};

fn open(options: &Options) -> Result<Box<dyn Protocol>, Wrong> {
    let key = options.secret("encryption_key").map(|secret| {
        let mut bytes = Zeroizing::new([0; 64]);
        let key = Base64::decode(secret.expose().trim_ascii(), &mut *bytes).ok();
        let key = key.and_then(|key| UnboundKey::new(&AES_256_GCM, key).ok()).map(LessSafeKey::new);
        let message = "the key is not 32 bytes in Base64".to_owned();
        key.ok_or(Wrong { option: "encryption_key", message })
    });
    Ok(Box::new(Kinde { key: key.transpose()? }))
}

const GUIDE: &str = "\
Connect the repository with the workflow of examples/kinde, and set these environment variables:
  USERBRIDGE_URL  {url}
  USERBRIDGE_KEY  {key} (sensitive)

Users are imported beforehand, without passwords.
";

fn sample(somebody: &Somebody<'_>) -> Sample {
    Sample::json(&json!({ "email": somebody.identifier, "password": somebody.password.expose() }))
}

struct Kinde {
    key: Option<LessSafeKey>,
}

impl fmt::Debug for Kinde {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kinde").field("encrypted", &self.key.is_some()).finish()
    }
}

impl Protocol for Kinde {
    fn name(&self) -> &'static str {
        FACE.name
    }

    fn route(&self, method: &Method, tail: &str) -> Result<Action, Problem> {
        one_post(method, tail)
    }

    fn decode(&self, question: &Question<'_>) -> Result<Asked, Problem> {
        match &self.key {
            None => {
                require_json(question.headers)?;
                request(question.body)
            }
            Some(key) => {
                let opened = opened(key, question.body).ok_or_else(|| {
                    let detail = "the body is not encrypted with the declared key (AES-256-GCM: nonce, tag, text)";
                    Problem::new(Code::InvalidInput).with_detail(detail)
                })?;
                request(&opened)
            }
        }
    }
}

fn request(body: &[u8]) -> Result<Asked, Problem> {
    let mut body = Input::parse(body)?;
    let (identifier, password) = (body.text("email")?, body.password()?);
    Ok(Asked::new(Request::Login { identifier, password, context: Object::new() }, encode))
}

/// The text in a body of nonce (12 bytes), tag (16) and ciphertext, in either alphabet of Base64: Kinde's pages say one
/// and its samples the other. The tag stands before the text, where others put it behind.
fn opened(key: &LessSafeKey, body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(body).ok()?.trim_ascii().trim_matches('"').trim_end_matches('=');
    let text = text.replace('+', "-").replace('/', "_");
    let sealed = Base64UrlUnpadded::decode_vec(&text).ok()?;
    let (nonce, rest) = sealed.split_first_chunk::<12>()?;
    let (tag, text) = rest.split_first_chunk::<16>()?;
    let mut message = Zeroizing::new([text, tag].concat());
    let length = key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut message).ok()?.len();
    message.truncate(length);
    Some(message)
}

fn encode(answer: Result<Outcome, handler::Error>) -> Response {
    match Login::of(answer) {
        Login::Right { profile, .. } => answer::json(StatusCode::OK, &user(&profile)),
        Login::No(_) => empty(StatusCode::UNAUTHORIZED),
        Login::Doubt(problem) => problem,
    }
}

/// What the workflow makes a user of.
fn user(profile: &Profile) -> Map<String, Json> {
    let members = ["email", "username", "phone_number", "given_name", "family_name", "picture"];
    let members = members.into_iter().filter_map(|name| Some((name.to_owned(), json!(profile.text(name)?))));
    let mut user: Map<String, Json> = Map::from_iter([("id".to_owned(), json!(profile.user_id()))]);
    user.extend(members);
    user
}
