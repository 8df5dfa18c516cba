//! Self-hosted servers and services: Gitea, Discourse, better-auth, Lucia, Firebase.
//!
//! Invariant: as of the other formats.

use crate::hash::challenge::{Challenge, Fault, Inputs, Parsed};
use crate::hash::codec::{from_base64, from_hex};
use crate::hash::expression::Map;
use crate::hash::kernel::{Argon2, Digest, Firebase, Kernel, Pbkdf2, Scrypt, Variant, Version};
use crate::hash::recipe::map_step;
use crate::hash::scan::{fields, is_hex, number, number32};
use crate::hash::spec::Transform;

/// Gitea and Forgejo: hex, with `passwd_hash_algo` as the algorithm; the salt is text of ten letters, or hex.
pub(in crate::hash) fn gitea(value: &str, inputs: &Inputs<'_>) -> Parsed {
    let algorithm = match inputs.algorithm.unwrap_or_default() {
        "" | "pbkdf2" | "pbkdf2_v1" => "pbkdf2$10000$50",
        "pbkdf2_v2" => "pbkdf2$50000$50",
        "pbkdf2_hi" => "pbkdf2$320000$50",
        other => other,
    };
    let mut parts = algorithm.split('$');
    let kind = parts.next().unwrap_or_default();
    if kind == "bcrypt" {
        return super::bcrypt::parse(value);
    }
    let numbers: Vec<u32> = parts
        .map(|part| number32(part).filter(|number| *number > 0))
        .collect::<Option<_>>()
        .ok_or(Fault::Malformed("its algorithm's parameters are not positive numbers"))?;
    let stored = from_hex(value).ok_or(Fault::Foreign)?;
    let salt = inputs.salt.ok_or(Fault::Malformed("its salt is NULL"))?;
    let salt = match str::from_utf8(salt) {
        Ok(text) if salt.len() != 10 => from_hex(text).unwrap_or_else(|| salt.to_vec()),
        _ => salt.to_vec(),
    };
    let (kernel, length) = match (kind, &numbers[..]) {
        ("pbkdf2", [rounds, length]) => {
            (Kernel::Pbkdf2(Pbkdf2 { digest: Digest::Sha256, rounds: *rounds, salt, output: None }), *length)
        }
        ("scrypt", [n, r, p, length]) if n.is_power_of_two() && *n > 1 => {
            (Kernel::Scrypt(Scrypt { log_n: n.ilog2() as u8, r: *r, p: *p, salt }), *length)
        }
        ("argon2", [passes, memory, lanes, length]) => {
            let (variant, version) = (Variant::Id, Version::V19);
            let argon2 =
                Argon2 { variant, version, memory: *memory, passes: *passes, lanes: *lanes, salt, data: vec![] };
            if !argon2.is_defined() {
                return Err(Fault::Malformed("its parameters are outside of what Argon2 defines"));
            }
            (Kernel::Argon2(argon2), *length)
        }
        _ => return Err(Fault::Malformed("its algorithm is not known")),
    };
    if stored.len() != length as usize {
        return Err(Fault::Malformed("its digest has not the length that its algorithm says"));
    }
    Ok(Challenge::new(kernel, stored))
}

/// Discourse: PBKDF2 in hex with a text salt; `password_algorithm` says the rounds, 64000 where it is NULL.
pub(in crate::hash) fn discourse(value: &str, inputs: &Inputs<'_>) -> Parsed {
    if !is_hex(value, 64) {
        return Err(Fault::Foreign);
    }
    let rounds = match inputs.algorithm.unwrap_or_default() {
        "" => Some(64_000),
        text => {
            let rest = text.strip_prefix("$pbkdf2-sha256$i=");
            rest.and_then(|rest| number32(rest.split([',', '$']).next().unwrap_or_default()))
        }
    };
    let rounds = rounds.filter(|rounds| *rounds > 0).ok_or(Fault::Malformed("its algorithm is not known"))?;
    let salt = inputs.salt.ok_or(Fault::Malformed("its salt is NULL"))?.to_vec();
    let kernel = Pbkdf2 { digest: Digest::Sha256, rounds, salt, output: Some(32) };
    Ok(Challenge::new(Kernel::Pbkdf2(kernel), from_hex(value).ok_or(Fault::Foreign)?))
}

/// better-auth's `salt:digest`: scrypt over the composed password, with the salt's hex as text.
pub(in crate::hash) fn better_auth(value: &str) -> Parsed {
    let (salt, stored) = value.split_once(':').ok_or(Fault::Foreign)?;
    if !is_hex(salt, 32) || !is_hex(stored, 128) {
        return Err(Fault::Foreign);
    }
    let kernel = Scrypt { log_n: 14, r: 16, p: 1, salt: salt.into() };
    let stored = from_hex(stored).ok_or(Fault::Foreign)?;
    Ok(Challenge::new(Kernel::Scrypt(kernel), stored).after([map_step(Map::Transform(Transform::Nfkc))]))
}

/// Lucia: scrypt over the composed password with a text salt; since version 2 marked `s2:` and with a larger block.
pub(in crate::hash) fn lucia(value: &str) -> Parsed {
    let (rest, r) = value.strip_prefix("s2:").map_or((value, 8), |rest| (rest, 16));
    let (salt, stored) = rest.split_once(':').filter(|(salt, _)| !salt.is_empty()).ok_or(Fault::Foreign)?;
    let stored = from_hex(stored).filter(|stored| stored.len() == 64).ok_or(Fault::Foreign)?;
    let kernel = Scrypt { log_n: 14, r, p: 1, salt: salt.into() };
    Ok(Challenge::new(Kernel::Scrypt(kernel), stored).after([map_step(Map::Transform(Transform::Nfkc))]))
}

/// Firebase: the project's signer key under a key from the password. `$fbscrypt$` and `$firescrypt$` say everything;
/// the bare base64 takes the signer key as `key`, the separator as `algorithm`, `cost` and `block` from the definition.
pub(in crate::hash) fn firebase(value: &str, inputs: &Inputs<'_>) -> Parsed {
    if let Some(rest) = value.strip_prefix("$fbscrypt$") {
        let [parameters, salt, stored] =
            fields(rest, '$').ok_or(Fault::Malformed("parameters, salt and hash are expected"))?;
        let parameter = |name: &str| {
            parameters.split(',').find_map(|part| part.split_once('=').filter(|(key, _)| *key == name)).map(|(_, v)| v)
        };
        let (Some(n), Some(r), Some(p), Some(separator), Some(signer)) =
            (parameter("n"), parameter("r"), parameter("p"), parameter("ss"), parameter("sk"))
        else {
            return Err(Fault::Malformed("n, r, p, ss and sk are expected"));
        };
        return firebase_of([n, r, p], [salt, separator, signer, stored]);
    }
    if let Some(rest) = value.strip_prefix("$firescrypt$") {
        let [parameters, salt, stored, separator, signer] = fields(rest, '$')
            .ok_or(Fault::Malformed("parameters, salt, hash, separator and signer key are expected"))?;
        let [n, r, p] = fields(parameters, ',').ok_or(Fault::Malformed("ln, r and p are expected"))?;
        let [n, r, p] = [n, r, p].map(|part: &str| part.split_once('=').map_or("", |(_, number)| number));
        return firebase_of([n, r, p], [salt, separator, signer, stored]);
    }
    let (Some(key), Some(salt)) = (inputs.key, inputs.salt) else {
        let needs_key = from_base64(value).is_some_and(|bytes| bytes.len() == 64);
        return Err(if needs_key {
            Fault::Malformed("its signer key or its salt is not declared")
        } else {
            Fault::Foreign
        });
    };
    let text = |bytes| str::from_utf8(bytes).map_err(|_| Fault::Malformed("its salt is not base64"));
    let cost = inputs.settings.cost;
    let (n, r) = (cost.cost.unwrap_or(14).to_string(), cost.block.or(inputs.rounds).unwrap_or(8).to_string());
    firebase_of([&n, &r, "1"], [text(salt)?, inputs.algorithm.unwrap_or("Bw=="), text(key)?, value])
}

/// Whether the value says everything by itself.
pub(in crate::hash) fn is_firebase(value: &str) -> bool {
    value.starts_with("$fbscrypt$") || value.starts_with("$firescrypt$")
}

fn firebase_of(numbers: [&str; 3], texts: [&str; 4]) -> Parsed {
    let [Some(n), Some(r), Some(p)] = numbers.map(|text| number(text).filter(|number| *number > 0)) else {
        return Err(Fault::Malformed("its parameters are not positive numbers"));
    };
    let [Some(salt), Some(separator), Some(signer), Some(stored)] = texts.map(from_base64) else {
        return Err(Fault::Malformed("its salt, separator, signer key or hash is not base64"));
    };
    if signer.len() != stored.len() {
        return Err(Fault::Malformed("its hash has not the length of the signer key"));
    }
    let log_n = u8::try_from(n).unwrap_or(u8::MAX);
    let [r, p] = [r, p].map(|number| u32::try_from(number).unwrap_or(u32::MAX));
    let kernel = Firebase(Scrypt { log_n, r, p, salt: [salt, separator].concat() });
    let stream = stored.iter().zip(&signer).map(|(a, b)| a ^ b).collect();
    Ok(Challenge::new(Kernel::Firebase(kernel), stream))
}
