//! What a password is verified with: the store's own hash, or the one that an import brought along.
//!
//! Invariant: verifying costs one hash whatever comes of it, on the threads of the shared budget.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use tokio::time::Instant;

use super::Managed;
use super::store::User;
use crate::action::{Class, Error, Refusal};
use crate::hash::{Busy, Policy, Stored, Verdict, turn};
use crate::secret::{Password, Secret};

/// What became of comparing a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// It is the password; whether its hash is below what would be written now.
    Right {
        outdated: bool,
    },
    Refused(Refusal),
}

/// A hash with what belongs to it, taken out of a user.
struct Credential {
    policy: Arc<Policy>,
    hash: Option<Secret>,
    beside: Vec<(String, Option<Secret>)>,
}

impl Credential {
    fn stored(&self) -> Stored<'_> {
        Stored { value: self.hash.as_ref(), extra: &self.beside, ..Stored::default() }
    }
}

impl Managed {
    /// Compares a password with that of a user.
    pub(super) async fn compare(&self, user: &User, password: &Password, deadline: Instant) -> Result<Compared, Error> {
        if !password.is_acceptable() {
            self.decoy(password, deadline).await?;
            return Ok(Compared::Refused(Refusal::UnacceptablePassword));
        }
        let credential = self.credential(user)?;
        let imported = user.legacy.is_some();
        let memory = credential.policy.memory_needed(Some(&credential.stored()));
        let password = password.clone();
        let job = move || {
            let verdict = credential.policy.verify_blocking(&password, &credential.stored());
            if verdict.is_err() {
                credential.policy.decoy_blocking(&password);
            }
            verdict
        };
        match self.resources.budget.run_soon(memory, turn(deadline), deadline, job).await.map_err(busy)? {
            Ok(Verdict::Match { outdated }) => Ok(Compared::Right { outdated: outdated || imported }),
            Ok(Verdict::Mismatch) => Ok(Compared::Refused(Refusal::WrongPassword)),
            Ok(Verdict::NoPassword) => Ok(Compared::Refused(Refusal::NoPassword)),
            Err(unreadable) => Err(Error::new(Class::UnreadableHash, unreadable.to_string())),
        }
    }

    /// Costs what a wrong password costs.
    pub(super) async fn decoy(&self, password: &Password, deadline: Instant) -> Result<(), Error> {
        self.decoy_of(&self.settings.passwords.policy, password, deadline).await
    }

    /// Costs what a wrong password costs on the legacy side; nothing where that compares by itself.
    pub(super) async fn legacy_decoy(&self, password: &Password, deadline: Instant) -> Result<(), Error> {
        match &self.legacy_policy {
            Some(policy) => self.decoy_of(policy, password, deadline).await,
            None => Ok(()),
        }
    }

    async fn decoy_of(&self, policy: &Arc<Policy>, password: &Password, deadline: Instant) -> Result<(), Error> {
        let policy = Arc::clone(policy);
        let (memory, password) = (policy.memory_needed(None), password.clone());
        let job = move || policy.decoy_blocking(&password);
        self.resources.budget.run_soon(memory, turn(deadline), deadline, job).await.map_err(busy)
    }

    /// A new hash.
    pub(super) async fn hash(&self, password: &Password, deadline: Instant) -> Result<String, Error> {
        let policy = Arc::clone(&self.settings.passwords.policy);
        let entropy = self.resources.entropy;
        let (memory, password) = (policy.memory_to_write(), password.clone());
        let job = move || policy.write_blocking(&password, &mut |bytes| entropy(bytes));
        let written = self.resources.budget.run_soon(memory, turn(deadline), deadline, job).await.map_err(busy)?;
        // What no format can hash was refused before: see `Managed::refuse`.
        let written = written.map_err(|error| Error::new(Class::UnreadableHash, error.to_string()))?;
        String::from_utf8(written.hash.expose().to_vec())
            .map_err(|_| Error::new(Class::UnreadableHash, "the new hash is no text"))
    }

    fn credential(&self, user: &User) -> Result<Credential, Error> {
        let Some(legacy) = &user.legacy else {
            let hash = user.hash.as_ref().map(|hash| Secret::new(hash.as_bytes()));
            return Ok(Credential { policy: Arc::clone(&self.settings.passwords.policy), hash, beside: Vec::new() });
        };
        let damaged = || Error::new(Class::UnreadableHash, "an imported hash cannot be read");
        let Some(policy) = &self.legacy_policy else {
            return Err(Error::new(
                Class::UnreadableHash,
                "the connector has no formats for an imported hash any more",
            ));
        };
        let parsed: Json = serde_json::from_str(legacy).map_err(|_| damaged())?;
        let columns = parsed["beside"].as_object().ok_or_else(damaged)?;
        let beside = columns.iter().map(|(name, value)| Ok((name.clone(), secret(value).ok_or_else(damaged)?)));
        Ok(Credential {
            policy: Arc::clone(policy),
            hash: secret(&parsed["hash"]).ok_or_else(damaged)?,
            beside: beside.collect::<Result<_, Error>>()?,
        })
    }
}

/// An imported hash as the store keeps it.
pub(super) fn imported(hash: Option<&Secret>, beside: &[(String, Option<Secret>)]) -> String {
    let beside: Map<String, Json> = beside.iter().map(|(name, value)| (name.clone(), plain(value.as_ref()))).collect();
    json!({ "hash": plain(hash), "beside": beside }).to_string()
}

/// Text as it is; bytes that are no text in base64.
fn plain(secret: Option<&Secret>) -> Json {
    let Some(secret) = secret else { return Json::Null };
    match str::from_utf8(secret.expose()) {
        Ok(text) => Json::from(text),
        Err(_) => json!({ "base64": <base64ct::Base64 as base64ct::Encoding>::encode_string(secret.expose()) }),
    }
}

/// None = damaged.
pub(super) fn secret(value: &Json) -> Option<Option<Secret>> {
    match value {
        Json::Null => Some(None),
        Json::String(text) => Some(Some(Secret::new(text.as_bytes()))),
        Json::Object(object) => {
            let bytes = <base64ct::Base64 as base64ct::Encoding>::decode_vec(object.get("base64")?.as_str()?).ok()?;
            Some(Some(Secret::new(bytes)))
        }
        _ => None,
    }
}

fn busy(busy: Busy) -> Error {
    Error::new(busy.class(), busy.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_imported_hash_comes_back_as_it_was() {
        let salt = Secret::new([0xff_u8, 0x00]);
        let text = imported(Some(&Secret::new("$1$x")), &[("salt".to_owned(), Some(salt)), ("none".to_owned(), None)]);
        let parsed: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(secret(&parsed["hash"]).unwrap().unwrap().expose(), b"$1$x");
        assert_eq!(secret(&parsed["beside"]["salt"]).unwrap().unwrap().expose(), [0xff, 0x00]);
        assert!(secret(&parsed["beside"]["none"]).unwrap().is_none() && secret(&Json::from(7)).is_none());
    }
}
