//! One function per identity provider: what its bulk import takes.

use serde_json::{Map, Value as Json, json};

use super::Person;

/// In which layout users are exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One JSON object a line: profile, state and hash.
    JsonLines,
    /// Auth0's bulk user import: an array; a file may have 500 kB.
    Auth0,
    /// Okta's `POST /api/v1/users`: one body a line.
    Okta,
    /// Keycloak's partial import: an object with `users`.
    Keycloak,
    /// FusionAuth's `POST /api/user/import`: an object with `users`.
    Fusionauth,
    /// Ory Kratos' `PATCH /admin/identities`: an object with `identities`.
    Kratos,
}

/// The parts of a bcrypt hash (`$2b$10$` salt digest).
struct Bcrypt<'a> {
    cost: u32,
    salt: &'a str,
    digest: &'a str,
}

/// The parts of an Argon2 hash in PHC form.
struct Argon2<'a> {
    kind: &'a str,
    memory: &'a str,
    passes: &'a str,
    lanes: &'a str,
    salt: &'a str,
    digest: &'a str,
}

impl Layout {
    /// What stands before the first user, between two, and after the last.
    pub const fn frame(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::JsonLines | Self::Okta => ("", "\n", "\n"),
            Self::Auth0 => ("[\n", ",\n", "\n]\n"),
            Self::Keycloak => ("{\"ifResourceExists\":\"SKIP\",\"users\":[\n", ",\n", "\n]}\n"),
            Self::Fusionauth => ("{\"users\":[\n", ",\n", "\n]}\n"),
            Self::Kratos => ("{\"identities\":[\n", ",\n", "\n]}\n"),
        }
    }

    /// The most bytes that the provider takes at once.
    pub const fn limit(self) -> Option<usize> {
        match self {
            Self::Auth0 => Some(500_000),
            Self::JsonLines | Self::Okta | Self::Keycloak | Self::Fusionauth | Self::Kratos => None,
        }
    }

    /// A user; and why the hash could not be given, when there is one.
    pub(super) fn entry(self, person: &Person<'_>) -> (Json, Option<&'static str>) {
        match self {
            Self::JsonLines => (json_line(person), None),
            Self::Auth0 => auth0(person),
            Self::Okta => okta(person),
            Self::Keycloak => keycloak(person),
            Self::Fusionauth => fusionauth(person),
            Self::Kratos => kratos(person),
        }
    }
}

fn json_line(person: &Person<'_>) -> Json {
    json!({ "user_id": person.user_id, "state": person.state.as_str(), "profile": person.members, "hash": person.hash })
}

/// Drops what is null: importers take it for a value.
fn object(members: impl IntoIterator<Item = (&'static str, Json)>) -> Map<String, Json> {
    members.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn auth0(person: &Person<'_>) -> (Json, Option<&'static str>) {
    let copied = [
        "email",
        "username",
        "phone_number",
        "name",
        "nickname",
        "given_name",
        "family_name",
        "picture",
        "user_metadata",
        "app_metadata",
        "mfa_factors",
    ];
    let mut entry = object(copied.map(|name| (name, person.members.get(name).cloned().unwrap_or_default())));
    // The import puts `auth0|` before it.
    entry.insert("user_id".to_owned(), person.user_id.rsplit('|').next().unwrap_or_default().into());
    for (name, flag) in [("email", "email_verified"), ("phone_number", "phone_verified")] {
        if entry.contains_key(name) {
            entry.insert(flag.to_owned(), person.truth(flag).into());
        }
    }
    let Some(hash) = &person.hash else { return (entry.into(), None) };
    let algorithm = match () {
        () if argon2(hash).is_some() => "argon2",
        () if bcrypt(hash).is_some() => "bcrypt",
        () if hash.starts_with("$pbkdf2-") => "pbkdf2",
        () if hash.starts_with('{') && !hash.to_ascii_uppercase().starts_with("{CRYPT}") => "ldap",
        () => return (entry.into(), Some("Auth0 imports no hash of this format")),
    };
    let custom = json!({ "algorithm": algorithm, "hash": { "value": hash, "encoding": "utf8" } });
    entry.insert("custom_password_hash".to_owned(), custom);
    (entry.into(), None)
}

fn okta(person: &Person<'_>) -> (Json, Option<&'static str>) {
    let get = |name: &str| person.text(name).map_or(Json::Null, Json::from);
    let mut profile = object([
        ("login", person.text("email").unwrap_or(person.login()).into()),
        ("email", get("email")),
        ("firstName", get("given_name")),
        ("lastName", get("family_name")),
        ("displayName", get("name")),
        ("nickName", get("nickname")),
        ("mobilePhone", get("phone_number")),
    ]);
    profile.insert("externalId".to_owned(), person.user_id.into());
    let bcrypt = person.hash.as_deref().and_then(bcrypt);
    let (password, why) = match (&bcrypt, &person.hash) {
        (Some(Bcrypt { cost, salt, digest }), _) => {
            (json!({ "hash": { "algorithm": "BCRYPT", "workFactor": cost, "salt": salt, "value": digest } }), None)
        }
        // The password import hook asks this gateway at the first login.
        (None, Some(_)) => (
            json!({ "hook": { "type": "default" } }),
            Some("Okta imports no hash of this format; the password import hook asks for it"),
        ),
        (None, None) => (json!({ "hook": { "type": "default" } }), None),
    };
    (json!({ "profile": profile, "credentials": { "password": password } }), why)
}

fn keycloak(person: &Person<'_>) -> (Json, Option<&'static str>) {
    let get = |name: &str| person.text(name).map_or(Json::Null, Json::from);
    let attributes = object([
        ("legacy_user_id", json!([person.user_id])),
        ("phone_number", person.text("phone_number").map_or(Json::Null, |text| json!([text]))),
    ]);
    let mut entry = object([
        // Keycloak keeps user names in lower case.
        ("username", person.login().to_lowercase().into()),
        ("email", get("email")),
        ("firstName", get("given_name")),
        ("lastName", get("family_name")),
        ("emailVerified", person.truth("email_verified").into()),
        ("enabled", true.into()),
        ("attributes", attributes.into()),
    ]);
    let Some(hash) = &person.hash else { return (entry.into(), None) };
    let Some(Argon2 { kind, memory, passes, lanes, salt, digest }) = argon2(hash) else {
        return (entry.into(), Some("Keycloak imports Argon2 hashes only"));
    };
    let length = digest.len() * 3 / 4;
    let credential = json!({
        "hashIterations": passes.parse::<u32>().unwrap_or_default(),
        "algorithm": "argon2",
        "additionalParameters": {
            "hashLength": [length.to_string()], "memory": [memory], "type": [kind], "version": ["1.3"],
            "parallelism": [lanes],
        },
    });
    let secret = json!({ "value": padded(digest), "salt": padded(salt), "additionalParameters": {} });
    let credentials = json!([{
        "type": "password", "credentialData": credential.to_string(), "secretData": secret.to_string(),
    }]);
    entry.insert("credentials".to_owned(), credentials);
    (entry.into(), None)
}

fn fusionauth(person: &Person<'_>) -> (Json, Option<&'static str>) {
    let get = |name: &str| person.text(name).map_or(Json::Null, Json::from);
    let mut entry = object([
        ("active", true.into()),
        ("email", get("email")),
        ("username", get("username")),
        ("firstName", get("given_name")),
        ("lastName", get("family_name")),
        ("fullName", get("name")),
        ("mobilePhone", get("phone_number")),
        ("imageUrl", get("picture")),
        ("verified", person.truth("email_verified").into()),
        ("data", json!({ "legacyUserId": person.user_id })),
    ]);
    let Some(hash) = &person.hash else { return (entry.into(), None) };
    let Some(Bcrypt { cost, salt, digest }) = bcrypt(hash) else {
        return (entry.into(), Some("FusionAuth imports no hash of this format without a plugin"));
    };
    entry.extend(object([
        ("encryptionScheme", "bcrypt".into()),
        ("factor", cost.into()),
        ("salt", salt.into()),
        ("password", digest.into()),
    ]));
    (entry.into(), None)
}

fn kratos(person: &Person<'_>) -> (Json, Option<&'static str>) {
    let traits = ["email", "username", "phone_number", "name", "given_name", "family_name"];
    let traits = object(traits.map(|name| (name, person.text(name).map_or(Json::Null, Json::from))));
    let mut create = object([
        ("schema_id", "default".into()),
        ("external_id", person.user_id.into()),
        ("traits", traits.into()),
        ("metadata_public", person.members.get("user_metadata").cloned().unwrap_or_default()),
        ("metadata_admin", person.members.get("app_metadata").cloned().unwrap_or_default()),
    ]);
    if let Some(email) = person.text("email").filter(|_| person.truth("email_verified")) {
        let address = json!([{ "value": email, "verified": true, "via": "email", "status": "completed" }]);
        create.insert("verifiable_addresses".to_owned(), address);
    }
    let known = ["$argon2", "$2a$", "$2b$", "$2y$", "$pbkdf2-", "$scrypt$", "{SSHA", "$1$", "$5$", "$6$", "$apr1$"];
    let (config, why) = match &person.hash {
        Some(hash) if known.iter().any(|start| hash.starts_with(start)) => (json!({ "hashed_password": hash }), None),
        Some(_) => (
            json!({ "hashed_password": "", "use_password_migration_hook": true }),
            Some("Kratos imports no hash of this format; the password migration hook asks for it"),
        ),
        None => (Json::Null, None),
    };
    if !config.is_null() {
        create.insert("credentials".to_owned(), json!({ "password": { "config": config } }));
    }
    (json!({ "create": create }), why)
}

fn bcrypt(hash: &str) -> Option<Bcrypt<'_>> {
    let rest = ["$2a$", "$2b$", "$2y$"].iter().find_map(|start| hash.strip_prefix(start))?;
    let (cost, rest) = rest.split_once('$')?;
    let plain = rest.len() == 53 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./".contains(&byte));
    plain.then(|| Some(Bcrypt { cost: cost.parse().ok()?, salt: &rest[..22], digest: &rest[22..] }))?
}

fn argon2(hash: &str) -> Option<Argon2<'_>> {
    let mut parts = hash.strip_prefix("$argon2")?.split('$');
    let (kind, version, costs) = (parts.next()?, parts.next()?, parts.next()?);
    let (salt, digest) = (parts.next()?, parts.next()?);
    let cost = |name: &str| costs.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    let known = ["i", "d", "id"].contains(&kind) && version == "v=19" && parts.next().is_none();
    known.then_some(())?;
    Some(Argon2 { kind, memory: cost("m")?, passes: cost("t")?, lanes: cost("p")?, salt, digest })
}

/// Base64 with its padding.
fn padded(text: &str) -> String {
    let missing = (4 - text.len() % 4) % 4;
    format!("{text}{}", "=".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::managed::State;

    const ARGON2: &str =
        "$argon2id$v=19$m=65536,t=2,p=1$J6Q/82PCyaNpYKRELJyTZg$m04qUAB8rexWDR4+/0f+SFB+4XMFxt7YAvAq2UycYos";
    const BCRYPT: &str = "$2b$10$nFguVi9LsCAcvTZFKQlRKeLVydo8ETv483lkNsSFI/Wl1Rz1Ypo1K";

    fn entry(layout: Layout, hash: &str) -> (Json, Option<&'static str>) {
        let members = json!({
            "user_id": "shop|7", "email": "Ann@example.com", "email_verified": true, "given_name": "Ann", "extra": 1,
        });
        let members = members.as_object().unwrap();
        layout.entry(&Person { user_id: "shop|7", state: State::Migrated, members, hash: Some(hash.to_owned()) })
    }

    #[test]
    fn each_provider_gets_the_hash_as_it_reads_it() {
        let (auth0, why) = entry(Layout::Auth0, ARGON2);
        assert_eq!(auth0["custom_password_hash"]["algorithm"], "argon2");
        assert_eq!((&auth0["user_id"], &auth0["extra"], why), (&json!("7"), &Json::Null, None));
        let (okta, why) = entry(Layout::Okta, BCRYPT);
        let hash = &okta["credentials"]["password"]["hash"];
        assert_eq!((&hash["workFactor"], &hash["salt"], why), (&json!(10), &json!("nFguVi9LsCAcvTZFKQlRKe"), None));
        let (keycloak, why) = entry(Layout::Keycloak, ARGON2);
        let secret: Json = serde_json::from_str(keycloak["credentials"][0]["secretData"].as_str().unwrap()).unwrap();
        let data: Json = serde_json::from_str(keycloak["credentials"][0]["credentialData"].as_str().unwrap()).unwrap();
        assert_eq!(
            (&keycloak["username"], &secret["salt"], why),
            (&json!("ann@example.com"), &json!("J6Q/82PCyaNpYKRELJyTZg=="), None)
        );
        assert_eq!((&data["hashIterations"], &data["additionalParameters"]["hashLength"]), (&json!(2), &json!(["32"])));
        let (fusionauth, why) = entry(Layout::Fusionauth, BCRYPT);
        assert_eq!(
            (&fusionauth["factor"], &fusionauth["password"], why),
            (&json!(10), &json!("LVydo8ETv483lkNsSFI/Wl1Rz1Ypo1K"), None)
        );
        let (kratos, why) = entry(Layout::Kratos, ARGON2);
        assert_eq!(
            (&kratos["create"]["credentials"]["password"]["config"]["hashed_password"], why),
            (&json!(ARGON2), None)
        );
    }

    #[test]
    fn a_hash_that_a_provider_cannot_read_is_left_out_and_said() {
        for (layout, hash) in [
            (Layout::Auth0, "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"),
            (Layout::Okta, ARGON2),
            (Layout::Keycloak, BCRYPT),
            (Layout::Fusionauth, ARGON2),
            (Layout::Kratos, "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"),
        ] {
            let (entry, why) = entry(layout, hash);
            assert!(why.is_some() && !entry.to_string().contains(&hash[4..]), "{layout:?}: {entry}");
        }
    }
}
