//! The keys that servers keep for SCRAM: PostgreSQL, MongoDB, Dovecot, passlib.
//!
//! Invariant: passwords are prepared by SASLprep, and stay as they are where it prohibits them.

use super::{Draw, Writer};
use crate::hash::challenge::Fault::Malformed;
use crate::hash::challenge::{Challenge, Fault, Inputs, Parsed, Step};
use crate::hash::change::Change;
use crate::hash::codec::{from_base64, to_base64};
use crate::hash::kernel::{Digest, Kernel, Pbkdf2, Scram};
use crate::hash::scan::{fields, number32};
use crate::hash::spec::Cost;

const PREPARED: [Step; 1] = [Step::Change(Change::SaslPrep)];

/// `SCRAM-SHA-256$4096:`, as PostgreSQL writes it.
pub(in crate::hash) const POSTGRES_WRITER: Writer = Writer { names: &[], knobs: &["rounds"], template, render };

/// `SCRAM-SHA-256$rounds:salt$stored:server`.
pub(in crate::hash) fn parse_postgres(value: &str) -> Parsed {
    let rest = value.strip_prefix("SCRAM-SHA-256$").ok_or(Fault::Foreign)?;
    let (first, keys) = rest.split_once('$').ok_or(Malformed("its keys are missing"))?;
    let [rounds, salt] = fields(first, ':').ok_or(Malformed("rounds and salt are expected"))?;
    let [stored, server] = fields(keys, ':').ok_or(Malformed("stored key and server key are expected"))?;
    Ok(keyed(Digest::Sha256, number32(rounds), salt, [stored, server], None)?.after(PREPARED))
}

/// Dovecot's `rounds,salt,stored,server`.
pub(in crate::hash) fn parse_dovecot(digest: Digest, rest: &str) -> Parsed {
    let [rounds, salt, stored, server] =
        fields(rest, ',').ok_or(Malformed("rounds, salt, stored key and server key are expected"))?;
    Ok(keyed(digest, number32(rounds), salt, [stored, server], None)?.after(PREPARED))
}

/// `$scram$rounds$salt$sha-1=…,sha-256=…` of passlib, which keeps the salted password itself.
pub(in crate::hash) fn parse_passlib(value: &str) -> Parsed {
    let rest = value.strip_prefix("$scram$").ok_or(Fault::Foreign)?;
    let [rounds, salt, keys] = fields(rest, '$').ok_or(Malformed("rounds, salt and keys are expected"))?;
    let rounds = number32(rounds).filter(|r| *r > 0).ok_or(Malformed("its rounds are not a positive number"))?;
    let salt = from_base64(salt).ok_or(Malformed("its salt is not base64"))?;
    let key_of = |name: &str| keys.split(',').find_map(|key| key.strip_prefix(name)?.strip_prefix('='));
    let strongest = [("sha-512", Digest::Sha512), ("sha-256", Digest::Sha256), ("sha-1", Digest::Sha1)];
    let (digest, key) = strongest
        .into_iter()
        .find_map(|(name, digest)| Some((digest, key_of(name)?)))
        .ok_or(Malformed("it has a key of none of SHA-512, SHA-256 and SHA-1"))?;
    let key = from_base64(key).ok_or(Malformed("its key is not base64"))?;
    let kernel = Pbkdf2 { digest, rounds, salt, output: Some(digest.length()) };
    Ok(Challenge::new(Kernel::Pbkdf2(kernel), key).after(PREPARED))
}

/// The `credentials` of a user of MongoDB, as JSON: one mechanism, or several by their names.
pub(in crate::hash) fn parse_mongodb(value: &str, inputs: &Inputs<'_>) -> Parsed {
    let json: serde_json::Value =
        value.starts_with('{').then(|| serde_json::from_str(value).ok()).flatten().ok_or(Fault::Foreign)?;
    if let Some(credential) = json.get("SCRAM-SHA-256") {
        return mongodb(Digest::Sha256, credential, inputs);
    }
    let credential = json.get("SCRAM-SHA-1").unwrap_or(&json);
    let is_wide = credential["storedKey"].as_str().is_some_and(|key| key.len() > 28);
    mongodb(if is_wide { Digest::Sha256 } else { Digest::Sha1 }, credential, inputs)
}

fn mongodb(digest: Digest, credential: &serde_json::Value, inputs: &Inputs<'_>) -> Parsed {
    let text = |key: &str| credential[key].as_str();
    let (Some(salt), Some(stored), Some(server)) = (text("salt"), text("storedKey"), text("serverKey")) else {
        return Err(Fault::Foreign);
    };
    let rounds = credential["iterationCount"].as_u64().and_then(|n| u32::try_from(n).ok());
    let user = if digest == Digest::Sha1 { Some(inputs.user()?) } else { None };
    let challenge = keyed(digest, rounds, salt, [stored, server], user)?;
    // With SHA-1 the kernel digests the password first, so there is nothing to prepare.
    Ok(if digest == Digest::Sha1 { challenge } else { challenge.after(PREPARED) })
}

fn keyed(digest: Digest, rounds: Option<u32>, salt: &str, keys: [&str; 2], user: Option<&str>) -> Parsed {
    let rounds = rounds.filter(|r| *r > 0).ok_or(Malformed("its rounds are not a positive number"))?;
    let salt = from_base64(salt).ok_or(Malformed("its salt is not base64"))?;
    let [Some(stored), Some(server)] = keys.map(from_base64) else {
        return Err(Malformed("one of its keys is not base64"));
    };
    if stored.len() != digest.length() || server.len() != digest.length() {
        return Err(Malformed("one of its keys has not the length of its digest"));
    }
    let kernel = Scram { digest, rounds, salt, mongo_user: user.map(str::to_owned) };
    Ok(Challenge::new(Kernel::Scram(kernel), [stored, server].concat()))
}

fn template(cost: &Cost, draw: &mut Draw<'_>) -> Result<Challenge, &'static str> {
    let rounds = cost.rounds.unwrap_or(4096);
    if rounds < 4096 {
        return Err("fewer than 4096 rounds are not written");
    }
    let kernel = Scram { digest: Digest::Sha256, rounds, salt: draw.bytes::<16>().to_vec(), mongo_user: None };
    Ok(Challenge::new(Kernel::Scram(kernel), vec![0; 64]).after(PREPARED))
}

fn render(challenge: &Challenge) -> Option<String> {
    let Kernel::Scram(Scram { rounds, salt, .. }) = &challenge.kernel else { return None };
    let (stored, server) = challenge.expected.split_at_checked(32)?;
    Some(format!("SCRAM-SHA-256${rounds}:{}${}:{}", to_base64(salt), to_base64(stored), to_base64(server)))
}
