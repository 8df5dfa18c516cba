//! Microsoft Entra External ID's just-in-time password migration, the custom authentication extension `OnPasswordSubmit`.
//!
//! Invariant: name, password and nonce are read from what was encrypted for us and from nowhere else; the answer is one
//! action and the nonce. Whatever is no decision is an error status.
//! <https://learn.microsoft.com/entra/external-id/customers/how-to-migrate-passwords-just-in-time>

use std::fmt;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use serde_json::{Value as Json, json};
use zeroize::Zeroizing;

use super::answer::{self, Login};
use super::face::{Choice, Face, Kind, Options, Wrong, from_address, one_post};
use super::input::Input;
use super::jwe::{self, DecryptionKey};
use super::native::require_json;
use super::{Asked, Problem, Protocol, Question, Response};
use crate::action::{Action, DenialReason, Outcome, Request};
use crate::handler;

/// How it is declared. Entra waits one second unless its registration says two at the most.
pub(super) static FACE: Face = Face {
    name: "entra",
    hook: "Microsoft Entra External ID OnPasswordSubmit",
    actions: &[Action::Login],
    time: Duration::from_millis(900),
    credentials: AUTHORIZATION,
    options: &[
        Choice {
            name: "key",
            kind: Kind::Secret,
            required: true,
            about: "the RSA private key (PEM) of the certificate that the app registration encrypts for",
        },
        Choice {
            name: "key_id",
            kind: Kind::Text,
            required: false,
            about: "the `kid` by which what is encrypted names that key; without it, every key is tried",
        },
        Choice {
            name: "other_key",
            kind: Kind::Secret,
            required: false,
            about: "the key before it or after it, while the certificate is being changed",
        },
        Choice { name: "other_key_id", kind: Kind::Text, required: false, about: "the `kid` of the other key" },
    ],
    guide: GUIDE,
    // Only Microsoft can sign the token that such a request carries.
    sample: None,
    open,
};

fn open(options: &Options) -> Result<Box<dyn Protocol>, Wrong> {
    let mut keys = Vec::new();
    for (option, id) in [("key", "key_id"), ("other_key", "other_key_id")] {
        match (options.secret(option), options.text(id)) {
            (Some(pem), id) => {
                let key = DecryptionKey::from_pem(pem.expose(), id);
                keys.push(key.map_err(|message| Wrong { option, message })?);
            }
            (None, Some(_)) => {
                return Err(Wrong { option: id, message: format!("there is no `{option}` that `{id}` could name") });
            }
            (None, None) => {}
        }
    }
    Ok(Box::new(Entra { keys }))
}

const GUIDE: &str = "\
Register an application in the external tenant (examples/entra/README.md has the calls of Microsoft Graph):
  identifierUris        api://{host}/<application id>
  keyCredentials        the certificate of the private key, usage Encrypt; its keyId is also tokenEncryptionKeyId
  requiredResourceAccess  CustomAuthenticationExtension.Receive.Payload, with an administrator's consent

Then a custom authentication extension, onPasswordSubmitCustomExtension:
  targetUrl             {url}
  resourceId            api://{host}/<application id>
  timeoutInMilliseconds 1000 (the answer comes within 900 ms unless the face's `timeout` says otherwise)

and an onPasswordSubmitListener for it. Microsoft proves itself by its own token, so there is no key to enter: the tenant
stands under `trusted_issuers`.
";

struct Entra {
    keys: Vec<DecryptionKey>,
}

impl fmt::Debug for Entra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entra").field("keys", &self.keys.len()).finish()
    }
}

impl Protocol for Entra {
    fn name(&self) -> &'static str {
        FACE.name
    }

    fn route(&self, method: &Method, tail: &str) -> Result<Action, Problem> {
        one_post(method, tail)
    }

    /// An RSA decryption takes 2 to 13 ms, as the key's length wills.
    fn is_dear(&self) -> bool {
        true
    }

    fn decode(&self, question: &Question<'_>) -> Result<Asked, Problem> {
        require_json(question.headers)?;
        let mut event = Input::parse_deep(question.body)?;
        if event.text("type")? != EVENT {
            return Err(Problem::invalid("type", format!("expected `{EVENT}`")));
        }
        let mut data = event.inner("data")?;
        let sealed = data.long_text(SEALED, MAX_SEALED)?;
        let address = data.inner("authenticationContext").and_then(|mut context| context.inner("client"));
        let address = address.ok().and_then(|mut client| client.optional_text("ip").ok()?);
        let Submitted { identifier, password, nonce } = self.opened(&sealed)?;
        let request = Request::Login { identifier, password, context: from_address(address) };
        Ok(Asked::new(request, move |answer| encode(&nonce, answer)))
    }
}

const EVENT: &str = "microsoft.graph.authenticationEvent.passwordSubmit";
const SEALED: &str = "encryptedPasswordContext";

/// The most characters of an encrypted context: of the longest password, each of its characters escaped, and more.
const MAX_SEALED: usize = 48 * 1024;

/// What the user submitted.
struct Submitted {
    identifier: String,
    password: crate::secret::Password,
    nonce: String,
}

impl Entra {
    fn opened(&self, sealed: &str) -> Result<Submitted, Problem> {
        let text = jwe::open(sealed, &self.keys).map_err(|refused| Problem::invalid(SEALED, refused.as_str()))?;
        let claims = claims(&text).ok_or_else(|| {
            Problem::invalid(SEALED, "what was encrypted is no compact JWT with the algorithm `none`")
        })?;
        let inside = |_: Problem| {
            let detail = "what was encrypted has not the texts `username`, `user-password` and `nonce`";
            Problem::invalid(SEALED, detail)
        };
        let mut claims = Input::parse_secret(&claims, "user-password").map_err(inside)?;
        let identifier = claims.text("username").map_err(inside)?;
        let password = claims.password_called("user-password").map_err(inside)?;
        Ok(Submitted { identifier, password, nonce: claims.text("nonce").map_err(inside)? })
    }
}

/// The claims of a token without a signature: it needs none, for nobody else could read what it was encrypted in.
fn claims(token: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut parts = std::str::from_utf8(token).ok()?.split('.');
    let (Some(header), Some(claims), Some(""), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let header = Base64UrlUnpadded::decode_vec(header).ok()?;
    let algorithm = Input::parse(&header).ok()?.text("alg").ok()?;
    (algorithm == "none").then_some(())?;
    Base64UrlUnpadded::decode_vec(claims).ok().map(Zeroizing::new)
}

fn encode(nonce: &str, answer: Result<Outcome, handler::Error>) -> Response {
    let action = match Login::of(answer) {
        Login::Right { outdated: false, .. } => action("MigratePassword"),
        Login::Right { outdated: true, .. } => action("UpdatePassword"),
        Login::No(Some(denial)) if denial.reason == DenialReason::PasswordChangeRequired => action("UpdatePassword"),
        Login::No(Some(denial)) => {
            let mut action = action("Block");
            action["title"] = json!("You cannot sign in");
            action["message"] = json!(denial.message);
            action
        }
        Login::No(None) => action("Retry"),
        Login::Doubt(problem) => return problem,
    };
    let kind = "microsoft.graph.onPasswordSubmitResponseData";
    let body = json!({ "data": { "@odata.type": kind, "actions": [action], "nonce": nonce } });
    answer::json(StatusCode::OK, &body)
}

/// Microsoft's prose writes `passwordSubmit`, its programs write it like this.
fn action(name: &str) -> Json {
    json!({ "@odata.type": format!("microsoft.graph.passwordsubmit.{name}") })
}
