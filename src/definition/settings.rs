//! The parts of a definition that are fixed at load: configuration, names, the database, the user id.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use indexmap::IndexMap;
use minijinja::{Environment, UndefinedBehavior, filters};
use serde_json::{Map, Value as Json};

use super::checker::Checker;
use super::model::UserId;
use super::raw::{RawDatabase, RawSetting, RawUserId};
use super::secrets::{holds_password, inline_secret, resolve};
use super::yaml::At;
use crate::db;
use crate::diagnostic::{Code, Fault};
use crate::sql::Dialect;

/// What a definition may read from outside its file.
pub struct Surroundings<'a> {
    /// The value of an environment variable; `CREDENTIALS_DIRECTORY` is where `credential:` names are looked up.
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
    let RawDatabase { url, max_connections, timeout } = &raw.value;
    address(&Address { url, max_connections, timeout }, configuration, checker)
}

/// A database as a block names it.
pub(super) struct Address<'a> {
    pub url: &'a At<String>,
    pub max_connections: &'a Option<At<u32>>,
    pub timeout: &'a Option<At<String>>,
}

/// Reads any database's address.
pub(super) fn address(
    raw: &Address<'_>,
    configuration: &Map<String, Json>,
    checker: &mut Checker<'_>,
) -> Option<db::Config> {
    if holds_password(&raw.url.value) {
        checker.push(inline_secret(raw.url.span.clone()));
    }
    let url = render(raw.url, configuration, checker);
    let connections = match raw.max_connections {
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
    let timeout = match raw.timeout {
        Some(at) => checker.take(duration(at)),
        None => Some(Duration::from_secs(2)),
    };
    let config = db::Config::parse(&url?, connections?, timeout?);
    let span = || raw.url.span.clone();
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

/// What identifies a user; the `usual` column unless another one is declared.
pub(super) fn user_id(
    raw: Option<&RawUserId>,
    usual: &str,
    connector: &str,
    configuration: Option<&Map<String, Json>>,
    checker: &mut Checker<'_>,
) -> UserId {
    let column = raw.and_then(|raw| raw.column.as_ref()).map_or(usual.to_owned(), |at| at.value.clone());
    let prefix = match raw.and_then(|raw| raw.prefix.as_ref()) {
        Some(at) => configuration.and_then(|c| render(at, c, checker)).unwrap_or_default(),
        None => format!("{connector}|"),
    };
    UserId { column, prefix }
}
