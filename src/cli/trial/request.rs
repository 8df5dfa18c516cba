//! What is said on the command line becomes the body of a request, read by the decoder that serves.

use std::io::Read;

use clap::Args;
use serde_json::{Map, Value as Json};
use zeroize::Zeroizing;

use crate::action::{Action, Request};
use crate::definition::Definition;
use crate::definition::raw::RawFieldType;
use crate::protocol::Native;
use crate::secret::Password;

/// The members of a request.
#[derive(Debug, Args)]
pub(super) struct Inputs {
    /// What a person types as a name.
    #[arg(long)]
    identifier: Option<String>,
    /// Read the password from standard input; one line break at its end is not part of it.
    #[arg(long)]
    password_stdin: bool,
    /// The e-mail address.
    #[arg(long)]
    email: Option<String>,
    /// The user name.
    #[arg(long)]
    username: Option<String>,
    /// The phone number.
    #[arg(long)]
    phone_number: Option<String>,
    /// The stable id, with its prefix.
    #[arg(long)]
    user_id: Option<String>,
    /// The e-mail address that `change_email` sets.
    #[arg(long)]
    new_email: Option<String>,
    /// The user name that `change_username` sets.
    #[arg(long)]
    new_username: Option<String>,
    /// The phone number that `change_phone_number` sets.
    #[arg(long)]
    new_phone_number: Option<String>,
    /// Whether the new address or number is verified.
    #[arg(long, value_name = "true|false")]
    verified: Option<bool>,
    /// The `next` of the page before (`list_users`).
    #[arg(long)]
    after: Option<String>,
    /// How many users a page holds (`list_users`): 1 to 1000.
    #[arg(long)]
    limit: Option<u16>,
    /// Any other member, as in `plan=gold`, `user_metadata.age=7` or `context.ip=192.0.2.1`.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Inputs {
    /// The request, or what is wrong with it.
    pub fn request(self, action: Action, definition: &Definition) -> Result<Request, String> {
        let mut members = Map::new();
        let texts = [
            ("identifier", self.identifier),
            ("email", self.email),
            ("username", self.username),
            ("phone_number", self.phone_number),
            ("user_id", self.user_id),
            ("new_email", self.new_email),
            ("new_username", self.new_username),
            ("new_phone_number", self.new_phone_number),
            ("after", self.after),
        ];
        members.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Json::String(text?)))));
        if let Some(verified) = self.verified {
            members.insert("verified".to_owned(), Json::Bool(verified));
        }
        if let Some(limit) = self.limit {
            members.insert("limit".to_owned(), limit.into());
        }
        for setting in &self.set {
            set(&mut members, setting, definition)?;
        }
        if self.password_stdin {
            members.insert("password".to_owned(), Json::String(password()?));
        } else if matches!(action, Action::Login | Action::ChangePassword) {
            return Err(format!("`{action}` needs a password: add --password-stdin and pipe it in"));
        }
        let body = Zeroizing::new(serde_json::to_vec(&members).map_err(|error| error.to_string())?);
        Native::request(action, &body).map_err(|problem| {
            let detail = problem.detail().unwrap_or("the request is not valid");
            format!("{}; members are set with options, see `userbridge try --help`", detail)
        })
    }
}

/// Sets one member; a dot leads into an object.
fn set(members: &mut Map<String, Json>, setting: &str, definition: &Definition) -> Result<(), String> {
    let (key, text) = setting.split_once('=').ok_or_else(|| format!("expected KEY=VALUE, found `{setting}`"))?;
    if key == "password" {
        return Err("a password on the command line is seen by everybody on this machine: use --password-stdin".into());
    }
    let (name, path) = key.split_once('.').map_or((key, None), |(name, path)| (name, Some(path)));
    let kind = definition.create.as_ref().and_then(|create| create.fields.get(name));
    let is_text = path.is_none() && (kind == Some(&RawFieldType::Text) || kind.is_none());
    let value = match is_text {
        true => Json::String(text.to_owned()),
        false => serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned())),
    };
    let whole_object = matches!(key, "context" | "user_metadata" | "app_metadata");
    let value = if whole_object { serde_json::from_str(text).unwrap_or(value) } else { value };
    let mut place = members.entry(name.to_owned());
    let Some(path) = path else {
        *place.or_insert(Json::Null) = value;
        return Ok(());
    };
    let mut object = place.or_insert_with(|| Json::Object(Map::new()));
    for step in path.split('.') {
        let Json::Object(inner) = object else {
            return Err(format!("`{key}`: what stands before the dot is no object"));
        };
        place = inner.entry(step.to_owned());
        object = place.or_insert_with(|| Json::Object(Map::new()));
    }
    *object = value;
    Ok(())
}

/// The password, which may be empty or too long: the answer to those is the handler's.
fn password() -> Result<String, String> {
    let mut text = String::new();
    let limit = Password::MAX_BYTES as u64 + 2;
    let read = std::io::stdin().take(limit).read_to_string(&mut text);
    read.map_err(|error| format!("cannot read the password: {}", error.kind()))?;
    let stripped = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    Ok(stripped.unwrap_or(&text).to_owned())
}
