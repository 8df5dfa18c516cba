//! The parts of a definition that are fixed at load: configuration, names, the database, the user id.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use minijinja::{Environment, UndefinedBehavior, filters};
use serde_json::{Map, Value as Json};

use super::checker::Checker;
use super::model::UserId;
use super::raw::{RawDatabase, RawReference, RawSecret, RawSetting, RawUserId};
use super::yaml::At;
use crate::db;
use crate::diagnostic::{Code, Fault};
use crate::secret::Secret;
use crate::sql::Dialect;

/// What a definition may read from outside its file.
pub struct Surroundings<'a> {
    /// The value of an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The directory from which `file:` paths are read.
    pub directory: &'a Path,
}

/// The configuration's values; None stands for one that could not be had and was reported.
pub(super) fn configuration(
    raw: &IndexMap<String, At<RawSetting>>,
    surroundings: &Surroundings<'_>,
    checker: &mut Checker<'_>,
) -> Option<Map<String, Json>> {
    let mut values = Map::new();
    let mut complete = true;
    for (name, setting) in raw {
        let value = match &setting.value {
            RawSetting::Literal(value) => {
                if value.as_str().is_some_and(holds_password) {
                    checker.push(inline_secret(setting.span.clone()));
                }
                Ok(value.clone())
            }
            RawSetting::Reference(reference) => resolve(reference, &setting.span, surroundings),
        };
        match checker.take(value) {
            Some(value) => {
                values.insert(name.clone(), value);
            }
            None => complete = false,
        }
    }
    complete.then_some(values)
}

fn resolve(raw: &RawReference, span: &crate::diagnostic::Span, surroundings: &Surroundings<'_>) -> Result<Json, Fault> {
    match (&raw.env, &raw.file) {
        (Some(name), None) => match ((surroundings.variable)(&name.value), &raw.default) {
            (Some(value), _) => Ok(Json::String(value)),
            (None, Some(default)) => Ok(default.clone()),
            (None, None) => Err(Fault::new(
                Code::MissingSecret,
                name.span.clone(),
                format!("the environment variable `{}` is not set", name.value),
            )
            .help(format!("set it: `export {}=…`, or add a `default`", name.value))),
        },
        (None, Some(path)) => {
            read_secret(&surroundings.directory.join(&path.value)).map(Json::String).map_err(|problem| {
                Fault::new(Code::MissingSecret, path.span.clone(), format!("cannot read `{}`: {problem}", path.value))
                    .help(
                        "the path is read from the definition's directory; the gateway's user must be able to read it",
                    )
            })
        }
        (None, None) => Err(Fault::new(Code::MissingKey, span.clone(), "expected `env` or `file` here")
            .help("write `{ env: NAME }` or `{ file: path }`")),
        (Some(_), Some(file)) => {
            Err(Fault::new(Code::ConflictingKeys, file.span.clone(), "`env` and `file` exclude each other"))
        }
    }
}

/// A secret of a format. The file that it stands in is noted, whether it can be read or not.
pub(super) fn secret(
    raw: &RawSecret,
    span: &crate::diagnostic::Span,
    surroundings: &Surroundings<'_>,
    checker: &mut Checker<'_>,
) -> Option<Secret> {
    if let Some(path) = &raw.file {
        checker.secret_files.push(surroundings.directory.join(&path.value));
    }
    let copy = |at: &Option<At<String>>| at.clone();
    let reference = RawReference { env: copy(&raw.env), file: copy(&raw.file), default: None };
    let value = checker.take(resolve(&reference, span, surroundings))?;
    let secret = Secret::new(value.as_str().unwrap_or_default());
    if secret.expose().is_empty() {
        checker.push(
            Fault::new(Code::MissingSecret, span.clone(), "this secret is empty").help("give it a value, or remove it"),
        );
        return None;
    }
    checker.secrets.push(secret.clone());
    Some(secret)
}

/// The text that a reference stands for.
///
/// # Errors
/// There is none, or it is no text.
pub fn referenced_text(
    raw: &RawReference,
    span: &crate::diagnostic::Span,
    surroundings: &Surroundings<'_>,
) -> Result<String, Fault> {
    match resolve(raw, span, surroundings)? {
        Json::String(text) => Ok(text),
        _ => Err(Fault::new(Code::WrongType, span.clone(), "expected a text")),
    }
}

/// The files that the configuration refers to.
pub(super) fn references(raw: &IndexMap<String, At<RawSetting>>, surroundings: &Surroundings<'_>) -> Vec<PathBuf> {
    let files = raw.values().filter_map(|setting| match &setting.value {
        RawSetting::Reference(reference) => reference.file.as_ref(),
        RawSetting::Literal(_) => None,
    });
    files.map(|path| surroundings.directory.join(&path.value)).collect()
}

/// Reads a small text file; one line break at its end belongs to the editor, not to the secret.
fn read_secret(path: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|e| e.kind().to_string())?;
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if metadata.len() > 64 * 1024 {
        return Err("it has more than 64 KiB".to_owned());
    }
    let text = std::fs::read_to_string(path).map_err(|e| e.kind().to_string())?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// Whether a text is a URL with a password in it.
fn holds_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else { return false };
    user.split_once(':').is_some_and(|(_, password)| !password.is_empty() && !password.contains("{{"))
}

fn inline_secret(span: crate::diagnostic::Span) -> Fault {
    Fault::new(Code::InlineSecret, span, "a password stands in the file")
        .help("put the URL into the environment and write `{ env: NAME }`")
}

/// Fills `{{ configuration.… }}` into a setting.
pub(super) fn render(at: &At<String>, configuration: &Map<String, Json>, checker: &mut Checker<'_>) -> Option<String> {
    let mut env = Environment::empty();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(10_000));
    env.set_debug(true);
    env.add_filter("lower", filters::lower);
    env.add_filter("upper", filters::upper);
    env.add_filter("trim", filters::trim);
    let context = minijinja::Value::from_pairs([("configuration", minijinja::value::Serde(configuration))]);
    let rendered = env.template_from_named_str("setting", &at.value).and_then(|template| template.render(context));
    match rendered {
        Ok(text) => Some(text),
        Err(error) => {
            let range = error.range().unwrap_or(0..at.value.len());
            let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            let fault = Fault::new(Code::TemplateSyntax, range, message)
                .help("only `{{ configuration.name }}` is known here; declare the name under `configuration`");
            checker.push_inside(at, fault);
            None
        }
    }
}

/// Checks the name that stands in URLs.
pub(super) fn connector_name(at: &At<String>, checker: &mut Checker<'_>) -> Option<String> {
    let name = &at.value;
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if plain && name.len() <= 35 && edge(name.chars().next()) && edge(name.chars().last()) {
        return Some(name.clone());
    }
    checker.push(
        Fault::new(Code::InvalidValue, at.span.clone(), format!("`{name}` cannot be a connector's name"))
            .help("use letters, digits and dashes, at most 35 characters, with a letter or digit at both ends"),
    );
    None
}

/// Checks declared names and quotes them for each dialect in question.
pub(super) fn identifiers(
    raw: &IndexMap<String, At<String>>,
    configuration: Option<&Map<String, Json>>,
    dialect: Dialect,
    checker: &mut Checker<'_>,
) -> BTreeMap<String, String> {
    let mut quoted = BTreeMap::new();
    for (name, at) in raw {
        let Some(configuration) = configuration else {
            quoted.insert(name.clone(), dialect.quote_identifier(name));
            continue;
        };
        let Some(text) = render(at, configuration, checker) else { continue };
        match quote(&text, dialect) {
            Some(text) => {
                quoted.insert(name.clone(), text);
            }
            None => {
                // Its uses are no findings of their own.
                quoted.insert(name.clone(), dialect.quote_identifier(name));
                checker.push(
                    Fault::new(Code::InvalidIdentifier, at.span.clone(), format!("`{text}` is not a plain name"))
                        .help("use letters, digits and `_`, with dots between schema, table and column"),
                );
            }
        }
    }
    quoted
}

fn quote(text: &str, dialect: Dialect) -> Option<String> {
    let parts: Vec<&str> = text.split('.').collect();
    let plain = |part: &&str| {
        let mut chars = part.chars();
        chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
            && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '$')
            && part.len() <= 63
    };
    (parts.len() <= 3 && parts.iter().all(plain))
        .then(|| parts.iter().map(|part| dialect.quote_identifier(part)).collect::<Vec<_>>().join("."))
}

/// Reads the database's address.
pub(super) fn database(
    raw: &At<RawDatabase>,
    configuration: &Map<String, Json>,
    checker: &mut Checker<'_>,
) -> Option<db::Config> {
    if holds_password(&raw.value.url.value) {
        checker.push(inline_secret(raw.value.url.span.clone()));
    }
    let url = render(&raw.value.url, configuration, checker);
    let connections = match &raw.value.max_connections {
        Some(at) if !(1..=1000).contains(&at.value) => {
            checker.push(
                Fault::new(
                    Code::InvalidValue,
                    at.span.clone(),
                    format!("{} connections, expected 1 to 1000", at.value),
                )
                .help("10 suits most databases"),
            );
            None
        }
        Some(at) => Some(at.value),
        None => Some(10),
    };
    let timeout = match &raw.value.timeout {
        Some(at) => checker.take(duration(at)),
        None => Some(Duration::from_secs(2)),
    };
    let config = db::Config::parse(&url?, connections?, timeout?);
    let span = || raw.value.url.span.clone();
    let config = checker.take(config.map_err(|problem| Fault::new(Code::InvalidUrl, span(), problem.to_string())))?;
    if let Some(problem) = config.unprotected() {
        checker.push(
            Fault::new(Code::UnencryptedConnection, span(), problem)
                .help("leave `sslmode` or `ssl-mode` out: the certificate is verified then; name a private authority with `sslrootcert` or `ssl-ca`"),
        );
    }
    Some(config)
}

/// A time such as `2s`, `500ms` or `1m`.
pub fn duration(at: &At<String>) -> Result<Duration, Fault> {
    let text = at.value.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number = text[..digits].parse::<u64>().ok();
    let unit = match text[digits..].trim() {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        _ => None,
    };
    match number.zip(unit).map(|(number, unit)| number.saturating_mul(unit)) {
        Some(milliseconds @ 10..=3_600_000) => Ok(Duration::from_millis(milliseconds)),
        _ => Err(Fault::new(Code::InvalidValue, at.span.clone(), format!("`{text}` is not a time from 10ms to 60m"))
            .help("write a number with its unit, as in `2s` or `500ms`")),
    }
}

/// What identifies a user.
pub(super) fn user_id(
    raw: Option<&RawUserId>,
    connector: &str,
    configuration: Option<&Map<String, Json>>,
    checker: &mut Checker<'_>,
) -> UserId {
    let column = raw.and_then(|raw| raw.column.as_ref()).map_or("id".to_owned(), |at| at.value.clone());
    let prefix = match raw.and_then(|raw| raw.prefix.as_ref()) {
        Some(at) => configuration.and_then(|c| render(at, c, checker)).unwrap_or_default(),
        None => format!("{connector}|"),
    };
    UserId { column, prefix }
}
