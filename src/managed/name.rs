//! The names by which users are found: what a person types, reduced to what counts.
//!
//! Invariant: a name is stored as a digest only, and every name of a connector is in one namespace, so that no text finds
//! two users.

use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use crate::action::Object;
use crate::definition::{Identifier, Match};

/// A name as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(String);

impl Name {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What counts in a connector's names.
#[derive(Clone, Debug)]
pub(super) struct Naming {
    matching: Match,
    members: Vec<Identifier>,
}

impl Naming {
    pub fn new(matching: Match, members: &[Identifier]) -> Self {
        Self { matching, members: members.to_vec() }
    }

    /// The name that a person means by a text.
    pub fn of(&self, text: &str) -> Name {
        let canonical: String = match self.matching {
            Match::Exact => text.nfc().collect(),
            // What the database took for equal is not known here; case and blanks are what all of them let differ.
            Match::CaseInsensitive => text.nfc().flat_map(char::to_lowercase).nfc().collect(),
            Match::Database => text.trim().nfc().flat_map(char::to_lowercase).nfc().collect(),
        };
        let digest = Sha256::digest(canonical.as_bytes());
        Name(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Every name that a profile has, each once.
    pub fn all(&self, profile: &Object) -> Vec<Name> {
        let mut names: Vec<Name> = self
            .members
            .iter()
            .filter_map(|member| profile.get(member.member())?.as_str())
            .filter(|text| !text.is_empty())
            .map(|text| self.of(text))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Whether users are found by this member.
    pub fn finds_by(&self, member: Identifier) -> bool {
        self.members.contains(&member)
    }
}

impl Identifier {
    /// The profile member.
    pub const fn member(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Username => "username",
            Self::PhoneNumber => "phone_number",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_differ_is_what_the_connector_declares() {
        let naming = |matching| Naming::new(matching, &[Identifier::Email]);
        let same = |matching, one: &str, other: &str| naming(matching).of(one) == naming(matching).of(other);
        assert!(same(Match::CaseInsensitive, "Ann@Example.com", "ann@example.com"));
        assert!(same(Match::CaseInsensitive, "a\u{308}", "\u{c4}"));
        assert!(!same(Match::CaseInsensitive, "ann ", "ann") && !same(Match::Exact, "Ann", "ann"));
        assert!(same(Match::Database, " Ann", "ann") && !same(Match::Database, "ädmin", "admin"));
    }
}
