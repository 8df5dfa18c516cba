//! What a row holds of a password, and what is to be stored in one.
//!
//! Invariant: only names and public values stand in the open; hashes and salts are secrets.

use super::challenge::{Fault, Inputs};
use super::scan::number32;
use super::spec::Columns;
use crate::secret::Secret;

/// What a row holds; None = NULL.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stored<'a> {
    /// The column of the hash.
    pub value: Option<&'a Secret>,
    /// The column of the salt, for formats that keep it apart.
    pub salt: Option<&'a Secret>,
    /// The user's name, for formats that hash it with the password.
    pub user: Option<&'a str>,
    /// The realm, for formats of HTTP digest authentication.
    pub realm: Option<&'a str>,
    /// A second salt, for formats that have one.
    pub salt2: Option<&'a Secret>,
    /// Which of the format's algorithms, for formats that keep it apart.
    pub algorithm: Option<&'a str>,
    /// The number of rounds, for formats that keep it apart.
    pub rounds: Option<u32>,
    /// The row's other columns that the policy names ([`Policy::columns`]).
    pub extra: &'a [(String, Option<Secret>)],
}

impl<'a> Stored<'a> {
    /// What this column holds; None = NULL, or not fetched.
    pub(super) fn column(&self, name: &str) -> Option<&'a Secret> {
        self.extra.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.as_ref())
    }

    /// What the row holds beside the hash, by the columns that the definition names.
    pub(super) fn inputs(&self, columns: &Columns) -> Result<Inputs<'a>, Fault> {
        let bytes = |name: &Option<String>, given: Option<&'a Secret>| match name {
            // What was written a moment ago stands in no row yet.
            Some(name) => self.column(name).or(given).map(Secret::expose),
            None => given.map(Secret::expose),
        };
        let text = |name: &Option<String>, given: Option<&'a str>| match name {
            None => Ok(given),
            Some(name) => self
                .column(name)
                .map(|value| {
                    str::from_utf8(value.expose()).map_err(|_| Fault::Malformed("a column beside it is no text"))
                })
                .transpose()
                .map(|text| text.or(given)),
        };
        let rounds = match text(&columns.rounds, None)? {
            None => self.rounds,
            Some(text) => {
                let rounds = number32(text.trim_ascii());
                Some(rounds.ok_or(Fault::Malformed("its rounds are not a positive number"))?)
            }
        };
        Ok(Inputs {
            salt: bytes(&columns.salt, self.salt),
            salt2: bytes(&columns.salt2, self.salt2),
            user: text(&columns.user, self.user)?,
            realm: text(&columns.realm, self.realm)?,
            algorithm: text(&columns.algorithm, self.algorithm)?,
            rounds,
            ..Inputs::NONE
        })
    }
}

/// A new hash.
#[derive(Clone, Debug)]
pub struct Written {
    /// For the column of the hash.
    pub hash: Secret,
    /// For the column of the salt, where the format keeps it apart.
    pub salt: Option<Secret>,
    /// What the column of the algorithm must say, where the definition names it for new hashes.
    pub(super) algorithm: Option<String>,
}

impl Written {
    /// The same as a row would hold it.
    pub fn as_stored(&self) -> Stored<'_> {
        let algorithm = self.algorithm.as_deref();
        Stored { value: Some(&self.hash), salt: self.salt.as_ref(), algorithm, ..Stored::default() }
    }
}
