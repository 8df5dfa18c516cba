//! Java: Spring Security, Apache Shiro, Jasypt, Keycloak; and Symfony's own digest.
//!
//! Invariant: what only the application's settings say comes from the definition, with the application's defaults.

use serde_json::Value as Json;

use super::forums::own;
use super::{Writer, argon2, bcrypt, schemes, scrypt};
use crate::hash::challenge::{Challenge, Fault, Inputs, Parsed};
use crate::hash::codec::{from_base64, from_hex};
use crate::hash::expression::Map;
use crate::hash::kernel::{Argon2, Digest, Kernel, Pbkdf2, Salted, Variant, Version};
use crate::hash::recipe::{by_expression, map_step, prehash};
use crate::hash::scan::{fields, number32};
use crate::hash::spec::{Position, Transform};

/// `{bcrypt}$2a$10$`, as Spring's delegating encoder.
pub(in crate::hash) const SPRING_WRITER: Writer = Writer {
    names: &[],
    knobs: &["cost"],
    template: |cost, draw| bcrypt::template(cost.cost.unwrap_or(10), draw),
    render: |challenge| bcrypt::render("{bcrypt}$2a$", challenge),
};

/// Spring's `{id}value`, or the value of the declared id alone.
pub(in crate::hash) fn spring(value: &str, inputs: &Inputs<'_>) -> Parsed {
    if let Some(id) = inputs.algorithm {
        let own_id = format!("{{{id}}}");
        return spring_of(id, value.strip_prefix(&own_id).unwrap_or(value), inputs);
    }
    let (id, rest) = value.strip_prefix('{').and_then(|rest| rest.split_once('}')).ok_or(Fault::Foreign)?;
    match spring_of(id, rest, inputs) {
        Err(Fault::Foreign) if SPRING_IDS.contains(&id) => Err(own(Fault::Foreign)),
        parsed => parsed,
    }
}

const SPRING_IDS: [&str; 14] = [
    "bcrypt",
    "ldap",
    "MD4",
    "MD5",
    "noop",
    "pbkdf2",
    "pbkdf2@SpringSecurity_v5_8",
    "scrypt",
    "scrypt@SpringSecurity_v5_8",
    "SHA-1",
    "SHA-256",
    "sha256",
    "argon2",
    "argon2@SpringSecurity_v5_8",
];

/// Whether no other application writes such a value.
pub(in crate::hash) fn is_spring(value: &str) -> bool {
    ["{bcrypt}$2", "{scrypt}$", "{pbkdf2@Spring", "{scrypt@Spring", "{argon2@Spring"]
        .iter()
        .any(|mark| value.starts_with(mark))
}

fn spring_of(id: &str, value: &str, inputs: &Inputs<'_>) -> Parsed {
    match id {
        "bcrypt" => bcrypt::parse(value),
        "argon2" | "argon2@SpringSecurity_v5_8" => argon2::parse(value),
        "MD4" | "MD5" | "SHA-1" | "SHA-256" | "SHA-512" => spring_digest(id, value),
        "sha256" => spring_standard(value, inputs),
        "pbkdf2" => spring_pbkdf2(value, inputs, Digest::Sha1, 185_000, 8),
        "pbkdf2@SpringSecurity_v5_8" => spring_pbkdf2(value, inputs, Digest::Sha256, 310_000, 16),
        "scrypt" | "scrypt@SpringSecurity_v5_8" => scrypt::parse_spring(value),
        "ldap" => schemes::parse_ldap(value),
        // As Spring's older versions were often set up: another digest behind the same id.
        "pbkdf2-sha256" => spring_pbkdf2(value, inputs, Digest::Sha256, 185_000, 8),
        "pbkdf2-sha512" => spring_pbkdf2(value, inputs, Digest::Sha512, 185_000, 8),
        "noop" => Err(Fault::Malformed("it is a plain password, which is not verified")),
        _ => Err(Fault::Foreign),
    }
}

/// `{salt}digest`: the braces are part of the salt, which follows the password.
fn spring_digest(id: &str, value: &str) -> Parsed {
    let digest = Digest::named(id).ok_or(Fault::Foreign)?;
    let (salt, stored) = match value.starts_with('{').then(|| value.split_once('}')).flatten() {
        Some((salt, stored)) => (format!("{salt}}}"), stored),
        None => (String::new(), value),
    };
    let stored = hex_or_base64(stored).filter(|bytes| bytes.len() == digest.length()).ok_or(Fault::Foreign)?;
    let kernel = Salted { digest, salt: salt.into(), position: Position::Suffix, rounds: 1 };
    Ok(Challenge::new(Kernel::Salted(kernel), stored))
}

/// Eight bytes of salt, then 1024 rounds of SHA-256 over salt, secret and password.
fn spring_standard(value: &str, inputs: &Inputs<'_>) -> Parsed {
    let bytes = from_hex(value).filter(|bytes| bytes.len() == 40).ok_or(Fault::Foreign)?;
    let salt = [&bytes[..8], inputs.pepper.unwrap_or_default()].concat();
    let kernel = Salted { digest: Digest::Sha256, salt, position: Position::Prefix, rounds: 1024 };
    Ok(Challenge::new(Kernel::Salted(kernel), bytes[8..].to_vec()))
}

/// The salt, then the output; the secret follows the salt.
fn spring_pbkdf2(value: &str, inputs: &Inputs<'_>, digest: Digest, rounds: u32, salt: usize) -> Parsed {
    let bytes = hex_or_base64(value).ok_or(Fault::Foreign)?;
    let (salt, stored) = bytes.split_at_checked(inputs.settings.salt_length.unwrap_or(salt)).ok_or(Fault::Foreign)?;
    let kernel = Pbkdf2 {
        digest,
        rounds: inputs.rounds.unwrap_or(rounds),
        salt: [salt, inputs.pepper.unwrap_or_default()].concat(),
        output: Some(32),
    };
    Ok(Challenge::new(Kernel::Pbkdf2(kernel), stored.to_vec()))
}

/// `$shiro1$SHA-256$500000$salt$digest`; a private salt of the site stands before the row's.
pub(in crate::hash) fn shiro1(value: &str, inputs: &Inputs<'_>) -> Parsed {
    let rest = value.strip_prefix("$shiro1$").ok_or(Fault::Foreign)?;
    let [digest, rounds, salt, stored] =
        fields(rest, '$').ok_or(Fault::Malformed("digest, rounds, salt and hash are expected"))?;
    let digest = Digest::named(digest).ok_or(Fault::Malformed("its digest is not supported"))?;
    let rounds = number32(rounds).filter(|rounds| *rounds > 0);
    let rounds = rounds.ok_or(Fault::Malformed("its rounds are not a positive number"))?;
    let salt = from_base64(salt).ok_or(Fault::Malformed("its salt is not base64"))?;
    let stored = from_base64(stored).ok_or(Fault::Malformed("its hash is not base64"))?;
    let salt = [inputs.pepper.unwrap_or_default(), &salt].concat();
    let kernel = Salted { digest, salt, position: Position::Prefix, rounds };
    Ok(Challenge::new(Kernel::Salted(kernel), stored))
}

/// `$shiro2$2y$10$…` and `$shiro2$argon2id$…`.
pub(in crate::hash) fn shiro2(value: &str) -> Parsed {
    let rest = value.strip_prefix("$shiro2").ok_or(Fault::Foreign)?;
    match bcrypt::parse(rest) {
        Err(Fault::Foreign) => argon2::parse(rest).map_err(own),
        parsed => parsed,
    }
}

/// Jasypt's `base64(salt . digest)`: MD5 with 1000 rounds, or SHA-256 with 100000 of the strong encryptor.
pub(in crate::hash) fn jasypt(value: &str, inputs: &Inputs<'_>) -> Parsed {
    let bytes = hex_or_base64(value).ok_or(Fault::Foreign)?;
    let (digest, rounds, salt) = match (inputs.algorithm, bytes.len()) {
        (None, 48) => (Digest::Sha256, 100_000, 16),
        (None, 24) => (Digest::Md5, 1_000, 8),
        (None, _) => return Err(Fault::Foreign),
        (Some(name), _) => (Digest::named(name).ok_or(Fault::Malformed("its digest is not supported"))?, 1_000, 8),
    };
    let (salt, stored) = bytes.split_at_checked(inputs.settings.salt_length.unwrap_or(salt)).ok_or(Fault::Foreign)?;
    let rounds = inputs.rounds.unwrap_or(rounds);
    let kernel = Salted { digest, salt: salt.to_vec(), position: Position::Prefix, rounds };
    Ok(Challenge::new(Kernel::Salted(kernel), stored.to_vec()).after([map_step(Map::Transform(Transform::Nfc))]))
}

/// Keycloak's `secret_data`, with `credential_data` as the algorithm; both are JSON.
pub(in crate::hash) fn keycloak(value: &str, inputs: &Inputs<'_>) -> Parsed {
    let secret: Json = serde_json::from_str(value).map_err(|_| Fault::Foreign)?;
    let text = |name: &str| secret.get(name).and_then(Json::as_str).and_then(from_base64);
    let stored = text("value").ok_or(Fault::Malformed("its `value` is not base64"))?;
    let salt = text("salt").ok_or(Fault::Malformed("its `salt` is not base64"))?;
    let data = inputs.algorithm.ok_or(Fault::Malformed("its `credential_data` is NULL"))?;
    let data: Json = serde_json::from_str(data).map_err(|_| Fault::Malformed("its `credential_data` is not JSON"))?;
    let rounds = data.get("hashIterations").and_then(Json::as_u64).and_then(|rounds| u32::try_from(rounds).ok());
    let rounds = rounds.filter(|rounds| *rounds > 0);
    let rounds = rounds.ok_or(Fault::Malformed("its `hashIterations` are not a positive number"))?;
    let digest = match data.get("algorithm").and_then(Json::as_str) {
        Some("pbkdf2") => Digest::Sha1,
        Some("pbkdf2-sha256") => Digest::Sha256,
        Some("pbkdf2-sha512") => Digest::Sha512,
        Some("argon2") => return keycloak_argon2(&data, rounds, salt, stored),
        _ => return Err(Fault::Malformed("its algorithm is not supported")),
    };
    Ok(Challenge::new(Kernel::Pbkdf2(Pbkdf2 { digest, rounds, salt, output: None }), stored))
}

fn keycloak_argon2(data: &Json, passes: u32, salt: Vec<u8>, stored: Vec<u8>) -> Parsed {
    let parameter = |name: &str| data.pointer(&format!("/additionalParameters/{name}/0")).and_then(Json::as_str);
    let number = |name: &str, default: u32| parameter(name).map_or(Some(default), number32);
    let variant = match parameter("type") {
        Some("id") | None => Variant::Id,
        Some("i") => Variant::I,
        Some("d") => Variant::D,
        Some(_) => return Err(Fault::Malformed("its type of Argon2 is not known")),
    };
    let version = if parameter("version") == Some("1.0") { Version::V16 } else { Version::V19 };
    let (Some(memory), Some(lanes)) = (number("memory", 7168), number("parallelism", 1)) else {
        return Err(Fault::Malformed("its memory or parallelism is not a number"));
    };
    let kernel = Argon2 { variant, version, memory, passes, lanes, salt, data: vec![] };
    if !kernel.is_defined() {
        return Err(Fault::Malformed("its parameters are outside of what Argon2 defines"));
    }
    Ok(Challenge::new(Kernel::Argon2(kernel), stored))
}

/// Symfony's MessageDigestPasswordHasher: SHA-512, base64 and 5000 rounds unless the definition says otherwise.
pub(in crate::hash) fn symfony(value: &str, inputs: &Inputs<'_>) -> Parsed {
    let digest = Digest::named(inputs.algorithm.unwrap_or("sha512"));
    let name = digest.ok_or(Fault::Malformed("its digest is not supported"))?.name().replace('-', "_");
    let encode = match inputs.settings.encoding {
        Some(crate::hash::spec::Encoding::Hex) => "hex",
        _ => "base64",
    };
    let salt = inputs.salt.unwrap_or_default();
    if salt.iter().any(|b| b"{}".contains(b)) {
        return Err(Fault::Malformed("its salt holds a brace, which Symfony refuses"));
    }
    // Symfony joins password and salt once, and appends that again in every round.
    let merged = if salt.is_empty() { "$pass" } else { "$pass . '{' . $salt . '}'" };
    let first = format!("{name}_bin({merged})");
    let formula = match inputs.rounds.unwrap_or(5_000) {
        0 => return Err(Fault::Malformed("its rounds are not a positive number")),
        1 => format!("{encode}({first})"),
        rounds => format!("{encode}(repeat({first}, {name}_bin($x . {merged}), {}))", rounds - 1),
    };
    by_expression(&formula, value, inputs)
}

/// Symfony's native hasher: from 73 bytes on, the password is digested before bcrypt.
pub(in crate::hash) fn symfony_native(value: &str) -> Parsed {
    let plain = super::forums::of_php(value)?;
    match plain.kernel {
        Kernel::Bcrypt(_) => {
            let long = plain.clone().after([prehash("base64(sha512_bin($pass))", &Inputs::NONE)?]);
            Ok(plain.or(long))
        }
        _ => Ok(plain),
    }
}

fn hex_or_base64(text: &str) -> Option<Vec<u8>> {
    from_hex(text).or_else(|| from_base64(text))
}
