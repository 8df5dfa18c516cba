//! A user as an entry: a profile's members under the names that directories give them.
//!
//! Invariant: an entry has the attributes that its classes demand and never an empty value; nothing of a profile is in
//! it that is not listed here.

use ldap3_proto::proto::{LdapPartialAttribute, LdapSearchResultEntry};

use super::dn::Dn;
use super::schema::{self, Type};
use super::tree::Directory;
use crate::action::Profile;
use crate::export::stable_id;

/// Where the description of this schema is.
pub(super) const SUBSCHEMA: &str = "cn=subschema";

/// An entry of the directory.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    dn: Dn,
    attributes: Vec<(&'static str, Vec<String>)>,
}

impl Entry {
    /// An entry without attributes.
    pub(super) fn new(dn: Dn) -> Self {
        Self { dn, attributes: Vec::new() }
    }

    /// Adds the values that are not empty.
    pub(super) fn with<V: Into<String>>(mut self, name: &'static str, values: impl IntoIterator<Item = V>) -> Self {
        let values: Vec<_> = values.into_iter().map(Into::into).filter(|value| !value.is_empty()).collect();
        if !values.is_empty() {
            self.attributes.push((name, values));
        }
        self
    }

    /// What is known of every user.
    pub(super) fn any_user() -> Self {
        Self::new(Dn::root()).with("objectClass", PERSON)
    }

    /// The user of this profile; None when it has no value for the directory's `uid`, so that it has no name.
    pub fn user(profile: &Profile, directory: &Directory) -> Option<Self> {
        profile.text(directory.uid.as_str()).map(|uid| Self::named(uid, profile, directory))
    }

    /// The user of this profile under a name of its own.
    pub fn named(uid: &str, profile: &Profile, directory: &Directory) -> Self {
        let dn = directory.user(uid);
        let [given, family, name, nickname] =
            ["given_name", "family_name", "name", "nickname"].map(|field| profile.text(field));
        let both = given.zip(family).map(|(given, family)| format!("{given} {family}"));
        let common = name.map(str::to_owned).or(both).unwrap_or_else(|| nickname.unwrap_or(uid).to_owned());
        let last_word = || common.rsplit(' ').next().filter(|word| !word.is_empty()).unwrap_or(uid).to_owned();
        let surname = family.map_or_else(last_word, str::to_owned);
        let groups = directory.groups(profile);
        let id = stable_id(None, profile.user_id()).to_string();
        let text = dn.to_string();
        Self::new(dn)
            .with("objectClass", PERSON)
            .with("uid", [uid])
            .with("cn", [common.as_str()])
            .with("sn", [surname])
            .with("givenName", given)
            .with("displayName", [name.or(nickname).unwrap_or(&common)])
            .with("mail", profile.text("email"))
            .with("telephoneNumber", profile.text("phone_number"))
            .with("memberOf", groups)
            .with("entryUUID", [id])
            .with("entryDN", [text])
            .with("structuralObjectClass", ["inetOrgPerson"])
            .with("subschemaSubentry", [SUBSCHEMA])
    }

    /// The entry's name.
    pub fn dn(&self) -> &Dn {
        &self.dn
    }

    /// The values of a type, if it has any.
    pub(super) fn values(&self, kind: &Type) -> Option<&[String]> {
        let found = self.attributes.iter().find(|(name, _)| *name == kind.name());
        found.map(|(_, values)| values.as_slice())
    }

    /// What of it was asked for (RFC 4511, section 4.5.1.8).
    pub fn select(&self, wanted: &Wanted, types_only: bool) -> LdapSearchResultEntry {
        let chosen = self.attributes.iter().filter(|(name, _)| wanted.has(name));
        let attributes = chosen.map(|(name, values)| LdapPartialAttribute {
            atype: (*name).to_owned(),
            vals: if types_only { vec![] } else { values.iter().map(|value| value.clone().into_bytes()).collect() },
        });
        LdapSearchResultEntry { dn: self.dn.to_string(), attributes: attributes.collect() }
    }
}

const PERSON: [&str; 4] = ["top", "person", "organizationalPerson", "inetOrgPerson"];

/// The attributes that are asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    user: bool,
    operational: bool,
    names: Vec<String>,
}

impl Wanted {
    /// What a list of names stands for; an empty one is all that is not operational.
    pub fn of(attributes: &[String]) -> Self {
        let has = |name: &str| attributes.iter().any(|own| own == name);
        let named = |name: &&String| !["*", "+", "1.1"].contains(&name.as_str());
        let canonical = |name: &String| schema::find(name).map_or_else(|| name.clone(), |kind| kind.name().to_owned());
        Self {
            user: attributes.is_empty() || has("*"),
            operational: has("+"),
            names: attributes.iter().filter(named).map(canonical).collect(),
        }
    }

    fn has(&self, name: &str) -> bool {
        let operational = schema::find(name).is_some_and(|kind| kind.operational);
        let all = if operational { self.operational } else { self.user };
        all || self.names.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}
