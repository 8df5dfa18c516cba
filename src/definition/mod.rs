//! Definitions: YAML in, a checked [`Definition`] or a report of everything that is wrong with it out.
//!
//! Invariant: no network I/O. Once a `Definition` exists, no later code checks it again.

mod actions;
mod allow;
mod cases;
mod checker;
mod formats;
mod gateway;
mod listing;
mod load;
mod lookup;
mod migration;
mod model;
mod passwords;
mod places;
mod profile;
pub mod raw;
mod scalar;
mod secrets;
mod settings;
mod statements;
mod template;
mod upstream;
mod yaml;

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

pub use self::actions::input_names;
pub use self::allow::{Allow, without_allowed};
use self::checker::Checker;
pub use self::gateway::{
    ClientCertificates, Gateway, LdapEncryption, LdapListen, Listen, RawAudit, RawClient, RawDirectory, RawFace,
    RawFaceOption, RawGateway, RawJwk, RawLdap, RawNetwork, RawNetworkFile, RawTls, RawTokens, RawTrustedIssuer,
    check_gateway,
};
pub use self::load::{Loaded, files, given, load, load_file, load_text, read};
pub use self::migration::{Change, Import, Migration, NewPasswords, Purge};
pub use self::model::{
    Create, Definition, Deny, GetUser, ListUsers, Login, Step, StoredPassword, Test, UserId, UserStore, Verification,
    Write,
};
pub use self::places::{Located, Owner, Places, Task};
pub use self::profile::{MEMBERS, typed};
use self::raw::{RawActions, RawDefinition, RawUpstreamType};
pub use self::raw::{
    RawChange as ChangePolicy, RawCreation as CreatePolicy, RawDeletion as DeletePolicy, RawFieldType as FieldType,
    RawIdentifier as Identifier, RawMatch as Match, RawReference, RawReset as ResetPolicy, RawUnmigrated as Unmigrated,
};
pub use self::scalar::ScalarMap;
pub use self::secrets::{secret, secret_file};
pub use self::settings::{Surroundings, duration};
use self::statements::Ground;
pub use self::template::{Columns, Template};
pub use self::upstream::{
    Auth0, Body, Client, Exchange, Fingerprint, Meaning, OAuth2, Service, Tree, Upstream, UpstreamKind,
};
pub use self::yaml::{At, MAX_BYTES, parse};
use crate::diagnostic::{Code, Fault, Report, Source, Span, Stage};
use crate::sql::Dialect;

/// Checks one file's text: the definition when nothing is wrong, and everything that was found.
pub fn check(source: &Source, surroundings: &Surroundings<'_>) -> (Option<Definition>, Report) {
    match parse::<RawDefinition>(source) {
        Ok(raw) => {
            let mut checker = Checker::new(source);
            let definition = build(raw, surroundings, &mut checker);
            let found = match &definition {
                Some(definition) => {
                    without_allowed(checker.diagnostics, &definition.places, |code| code.stage() == Stage::Files)
                }
                None => checker.diagnostics,
            };
            let report = Report::new(source.clone(), found);
            (definition.filter(|_| !report.is_fatal()), report)
        }
        Err(diagnostic) => (None, Report::new(source.clone(), vec![diagnostic])),
    }
}

/// Goes through every part, so that every finding is collected; None when a part is missing.
fn build(mut raw: RawDefinition, surroundings: &Surroundings<'_>, checker: &mut Checker<'_>) -> Option<Definition> {
    version(&raw.version, checker);
    let name = settings::connector_name(&raw.connector, checker);
    let configuration = settings::configuration(&raw.configuration, surroundings, checker);
    let values = configuration.clone().unwrap_or_default();
    let store = user_store(&raw, configuration.as_ref(), surroundings, checker);
    let database = match &store {
        Some(UserStore::Database(database)) => Some(database),
        _ => None,
    };
    let dialects = database.map_or(Dialect::ALL.to_vec(), |database| vec![database.dialect()]);
    let mut identifiers = BTreeMap::new();
    for dialect in &dialects {
        let quoted = settings::identifiers(&raw.identifiers, configuration.as_ref(), *dialect, checker);
        identifiers.insert(dialect.as_str(), quoted);
    }
    let usual = usual_id(&raw, checker);
    let user_id = settings::user_id(raw.user_id.as_ref(), usual, &raw.connector.value, configuration.as_ref(), checker);
    let password = raw.password.as_ref().and_then(|raw| passwords::passwords(raw, surroundings, checker));
    let secrets = secret_columns(&raw);
    let profile = profile::profile(&raw.profile, &secrets, checker);
    let (deny, deny_columns) = profile::deny(&raw.deny, &secrets, checker);
    let matching = raw.lookup.as_ref().map_or_else(Default::default, |at| at.value.matching);
    let ground = Ground {
        dialects,
        configuration: &values,
        identifiers: &identifiers,
        password,
        surroundings,
        password_declared: raw.password.is_some(),
        user_id_column: &user_id.column,
        matching,
        read_columns: &profile.columns,
        deny_columns: &deny_columns,
    };
    let actions = raw.actions.as_ref().filter(|_| raw.upstream.is_none());
    let actions = actions.map(|at| actions::actions(at, &ground, checker)).unwrap_or_default();
    let upstream = match &store {
        Some(UserStore::Upstream(upstream)) => Some(upstream.as_ref()),
        Some(UserStore::Database(_)) | None => None,
    };
    let migrates = raw.migration.is_some();
    let migration = raw
        .migration
        .take()
        .and_then(|raw| migration::migration(raw, &actions, upstream, !deny.is_empty(), &ground, checker));
    let allow = allow::allow(&raw.allow, checker);
    let places = places(&raw, allow, checker);
    let declared = cases::Declared::new(raw.actions.map(|at| at.value), store.as_ref());
    let tests = cases::tests(raw.tests, &declared, &ground, checker);
    let (version, fingerprint) = digests(checker, &values);
    let mut references = secrets::references(&raw.configuration, surroundings);
    references.append(&mut checker.secret_files);
    Some(Definition {
        name: name?,
        description: raw.description,
        disabled: raw.disabled,
        version,
        fingerprint,
        references,
        store: store?,
        user_id,
        matching,
        profile: profile.members,
        deny,
        secret_columns: secrets,
        login: actions.login,
        get_user: actions.get_user,
        create: actions.create,
        list_users: actions.list_users,
        writes: actions.writes,
        migration: if migrates { Some(Arc::new(migration?)) } else { None },
        tests,
        places,
    })
}

/// The database or the upstream: exactly one of the two.
fn user_store(
    raw: &RawDefinition,
    configuration: Option<&serde_json::Map<String, serde_json::Value>>,
    surroundings: &Surroundings<'_>,
    checker: &mut Checker<'_>,
) -> Option<UserStore> {
    let missing = |what: &str, help: &str, span: &Span| {
        Fault::new(Code::MissingKey, span.clone(), format!("expected a {what} here")).help(help)
    };
    let Some(upstream) = &raw.upstream else {
        if raw.actions.is_none() {
            let span = checker.key_span("version", &raw.version.span);
            checker.push(missing("key `actions`", "add `actions: …`", &span));
        }
        let Some(database) = &raw.database else {
            let fault = Fault::new(Code::MissingKey, raw.connector.span.clone(), "expected a `database:` block");
            checker.push(fault.help("add `database: { url: \"{{ configuration.database_url }}\" }`"));
            return None;
        };
        return settings::database(database, configuration?, checker).map(UserStore::Database);
    };
    let foreign = [
        ("database", raw.database.as_ref().map(|at| &at.span)),
        ("actions", raw.actions.as_ref().map(|at| &at.span)),
        ("password", raw.password.as_ref().map(|at| &at.span)),
        ("lookup", raw.lookup.as_ref().map(|at| &at.span)),
        ("identifiers", raw.identifiers.values().next().map(|at| &at.span)),
    ];
    for (key, span) in foreign {
        let Some(span) = span else { continue };
        let message = match key {
            "database" => "a connector has a `database` or an `upstream`, not both".to_owned(),
            _ => format!("`{key}` belongs to a database, and here an upstream answers"),
        };
        let fault = Fault::new(Code::ConflictingKeys, checker.key_span(key, span), message);
        let help = if key == "actions" { "declare them in `upstream:`" } else { "keep one of the two" };
        checker.push(fault.help(help));
    }
    let ground = upstream::Ground { configuration: configuration?, surroundings };
    upstream::upstream(upstream, &ground, checker).map(|upstream| UserStore::Upstream(upstream.into()))
}

/// The column or member that identifies a user unless another one is declared.
fn usual_id(raw: &RawDefinition, checker: &mut Checker<'_>) -> &'static str {
    let declared = raw.user_id.as_ref().and_then(|user_id| user_id.column.as_ref());
    match raw.upstream.as_ref().map(|at| at.value.kind.value) {
        Some(RawUpstreamType::Auth0) => {
            if let Some(at) = declared {
                let message = "a tenant's users are identified by their `user_id`";
                checker.push(Fault::new(Code::ConflictingKeys, at.span.clone(), message).help("remove `column`"));
            }
            "user_id"
        }
        Some(RawUpstreamType::Oauth2) => "sub",
        Some(RawUpstreamType::Http) | None => "id",
    }
}

/// What stands for the user store in findings about it.
fn store_span(raw: &RawDefinition) -> Span {
    let Some(upstream) = &raw.upstream else {
        return raw.database.as_ref().map_or(0..0, |database| database.value.url.span.clone());
    };
    let address = [&upstream.value.domain, &upstream.value.token_url, &upstream.value.base_url];
    address.into_iter().flatten().next().map_or_else(|| upstream.span.clone(), |at| at.span.clone())
}

fn places(raw: &RawDefinition, allow: Vec<Allow>, checker: &mut Checker<'_>) -> Places {
    let password = raw.password.as_ref();
    Places {
        statements: std::mem::take(&mut checker.statements),
        database: store_span(raw),
        password: password.map(|at| at.value.column.as_ref().map_or(at.span.clone(), |column| column.span.clone())),
        user_id: raw.user_id.as_ref().and_then(|raw| raw.column.as_ref()).map(|at| at.span.clone()),
        profile: raw.profile.iter().map(|(name, at)| (name.clone(), at.span.clone())).collect(),
        allow,
    }
}

fn version(at: &At<u32>, checker: &mut Checker<'_>) {
    if at.value != 1 {
        checker.push(
            Fault::new(
                Code::InvalidValue,
                at.span.clone(),
                format!("version {} of the language is not known", at.value),
            )
            .help("write `version: 1`"),
        );
    }
}

/// Every column that any `password:` block names.
fn secret_columns(raw: &RawDefinition) -> std::collections::BTreeSet<String> {
    let of_action = |find: fn(&RawActions) -> Option<&At<raw::RawPassword>>| {
        raw.actions.as_ref().and_then(|actions| find(&actions.value))
    };
    let blocks = [
        raw.password.as_ref(),
        of_action(|actions| actions.login.as_ref()?.value.password.as_ref()),
        of_action(|actions| actions.create.as_ref()?.value.password.as_ref()),
        of_action(|actions| actions.change_password.as_ref()?.value.password.as_ref()),
    ];
    let columns =
        blocks.into_iter().flatten().flat_map(|at| passwords::secret_columns(&at.value).map(|at| at.value.clone()));
    columns.collect()
}

/// The public digest of the file alone, and the private one that also covers the values it refers to.
fn digests(checker: &Checker<'_>, values: &serde_json::Map<String, serde_json::Value>) -> (String, [u8; 32]) {
    let file = Sha256::digest(checker.source.text.as_bytes());
    let version = file.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let mut all = Sha256::new();
    all.update(file);
    all.update(serde_json::to_vec(values).unwrap_or_default());
    for secret in &checker.secrets {
        all.update((secret.expose().len() as u64).to_be_bytes());
        all.update(secret.expose());
    }
    (version, all.finalize().into())
}
