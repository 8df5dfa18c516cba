//! The tree: which name stands for what.
//!
//! Invariant: bases do not overlap, so a name has one place. A place says nothing about whether somebody is there.

use super::dn::Dn;
use super::entry::{Entry, SUBSCHEMA};
use crate::action::Profile;

/// A connector's users as a directory.
#[derive(Clone, Debug)]
pub struct Directory {
    /// The name above all of its entries.
    pub base: Dn,
    /// The connector that answers.
    pub connector: String,
    /// The client that users' binds count as.
    pub client: String,
    /// What users are named by.
    pub uid: Naming,
    /// The list in profiles that `memberOf` is made of.
    pub member_of: Option<String>,
}

/// The member of profiles that users are named by. It has to be one by which the connector's look-ups find them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// The e-mail address.
    #[default]
    Email,
    /// The user name.
    Username,
    /// The phone number.
    PhoneNumber,
}

impl Naming {
    /// Every one, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Email, Self::Username, Self::PhoneNumber];

    /// The member's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Username => "username",
            Self::PhoneNumber => "phone_number",
        }
    }
}

/// The unit that users stand in.
const PEOPLE: &str = "people";

impl Directory {
    /// The name of the unit of users.
    pub fn people(&self) -> Dn {
        self.base.child("ou", PEOPLE)
    }

    /// The name of a user.
    pub fn user(&self, uid: &str) -> Dn {
        self.people().child("uid", uid)
    }

    /// The name by which a client binds.
    pub fn service(&self, client: &str) -> Dn {
        self.base.child("cn", client)
    }

    /// The groups of a profile: names in this directory stay, others become `cn=…,ou=groups` in it.
    pub(super) fn groups(&self, profile: &Profile) -> Vec<String> {
        let Some(field) = &self.member_of else { return Vec::new() };
        let one = profile.text(field);
        let names = profile.texts(field).into_iter().chain(one);
        let within = |name: &str| Dn::parse(name).ok().filter(|dn| dn.below(&self.base).is_some());
        let named = |name: &str| self.base.child("ou", "groups").child("cn", name);
        names
            .filter(|name| !name.is_empty())
            .map(|name| within(name).unwrap_or_else(|| named(name)).to_string())
            .collect()
    }

    /// The entry of the base.
    pub fn base_entry(&self) -> Entry {
        let entry = Entry::new(self.base.clone());
        let entry = match self.base.first() {
            Some((kind, value)) if kind.eq_ignore_ascii_case("dc") => {
                entry.with("objectClass", ["top", "domain"]).with("dc", [value]).structural("domain")
            }
            Some((kind, value)) if kind.eq_ignore_ascii_case("o") => {
                entry.with("objectClass", ["top", "organization"]).with("o", [value]).structural("organization")
            }
            Some((kind, value)) if kind.eq_ignore_ascii_case("ou") => {
                let entry = entry.with("objectClass", ["top", "organizationalUnit"]);
                entry.with("ou", [value]).structural("organizationalUnit")
            }
            _ => entry.with("objectClass", ["top", "extensibleObject"]),
        };
        entry.finished()
    }

    /// The entry of the unit of users.
    pub fn people_entry(&self) -> Entry {
        let entry = Entry::new(self.people()).with("objectClass", ["top", "organizationalUnit"]);
        entry.with("ou", [PEOPLE]).structural("organizationalUnit").finished()
    }
}

impl Entry {
    fn structural(self, class: &'static str) -> Self {
        self.with("structuralObjectClass", [class])
    }

    fn finished(self) -> Self {
        let text = self.dn().to_string();
        self.with("entryDN", [text]).with("subschemaSubentry", [SUBSCHEMA])
    }
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub enum Place<'d> {
    /// The root, whose name is empty.
    Root,
    /// The description of the schema.
    Subschema,
    /// The base of a directory.
    Base(&'d Directory),
    /// The unit of its users.
    People(&'d Directory),
    /// Perhaps a user, by what the connector knows them by.
    User(&'d Directory, String),
    /// Perhaps a client, by its id.
    Service(&'d Directory, String),
    /// Nothing; the base above, if there is one.
    Nowhere(Option<&'d Directory>),
}

/// Every directory that is declared.
#[derive(Debug, Default)]
pub struct Directories(Vec<Directory>);

/// Why a directory cannot be among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// Its base is there already.
    Twice,
    /// One base is inside the other.
    Inside,
    /// A base must not be the root or the schema's name.
    Reserved,
}

impl Directories {
    /// Adds one.
    ///
    /// # Errors
    /// Its base overlaps with another one.
    pub fn add(&mut self, directory: Directory) -> Result<(), Overlap> {
        let base = &directory.base;
        let subschema = Dn::parse(SUBSCHEMA).unwrap_or_default();
        if base.depth() == 0 || base.below(&subschema).is_some() {
            return Err(Overlap::Reserved);
        }
        for other in &self.0 {
            match () {
                () if other.base == *base => return Err(Overlap::Twice),
                () if other.base.below(base).is_some() || base.below(&other.base).is_some() => {
                    return Err(Overlap::Inside);
                }
                () => {}
            }
        }
        self.0.push(directory);
        Ok(())
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Directory> {
        self.0.iter()
    }

    /// The directory of this base.
    pub fn at(&self, base: &Dn) -> Option<&Directory> {
        self.0.iter().find(|directory| directory.base == *base)
    }

    /// What the name stands for.
    pub fn place(&self, dn: &Dn) -> Place<'_> {
        if dn.depth() == 0 {
            return Place::Root;
        }
        if Dn::parse(SUBSCHEMA).is_ok_and(|subschema| subschema == *dn) {
            return Place::Subschema;
        }
        for directory in &self.0 {
            let Some(parts) = dn.below(&directory.base) else { continue };
            return match parts {
                [] => Place::Base(directory),
                [one] => match one.value_of("cn") {
                    Some(client) => Place::Service(directory, client.to_owned()),
                    None if *dn == directory.people() => Place::People(directory),
                    None => Place::Nowhere(Some(directory)),
                },
                [user, _] if dn.below(&directory.people()).is_some() => match user.value_of("uid") {
                    Some(uid) => Place::User(directory, uid.to_owned()),
                    None => Place::Nowhere(Some(directory)),
                },
                _ => Place::Nowhere(Some(directory)),
            };
        }
        Place::Nowhere(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(base: &str) -> Directory {
        Directory {
            base: Dn::parse(base).unwrap(),
            connector: "acme".to_owned(),
            client: "directory".to_owned(),
            uid: Naming::Email,
            member_of: Some("roles".to_owned()),
        }
    }

    #[test]
    fn every_name_has_one_place() {
        let mut directories = Directories::default();
        directories.add(directory("dc=example,dc=com")).unwrap();
        let place = |name: &str| format!("{:?}", directories.place(&Dn::parse(name).unwrap()));
        for (name, expected) in [
            ("", "Root"),
            ("cn=Subschema", "Subschema"),
            ("DC=example, dc=COM", "Base("),
            ("ou=People,dc=example,dc=com", "People("),
            ("uid=ann,ou=people,dc=example,dc=com", "User("),
            ("cn=portal,dc=example,dc=com", "Service("),
            ("cn=ann,ou=people,dc=example,dc=com", "Nowhere(Some("),
            ("uid=ann,ou=groups,dc=example,dc=com", "Nowhere(Some("),
            ("uid=a,uid=ann,ou=people,dc=example,dc=com", "Nowhere(Some("),
            ("uid=ann+cn=x,ou=people,dc=example,dc=com", "Nowhere(Some("),
            ("dc=com", "Nowhere(None"),
            ("uid=ann,ou=people,dc=example,dc=org", "Nowhere(None"),
        ] {
            assert!(place(name).starts_with(expected), "{name}: {}", place(name));
        }
    }

    #[test]
    fn bases_do_not_overlap() {
        let mut directories = Directories::default();
        directories.add(directory("dc=example,dc=com")).unwrap();
        for (base, expected) in [
            ("DC=Example,dc=com", Err(Overlap::Twice)),
            ("ou=x,dc=example,dc=com", Err(Overlap::Inside)),
            ("dc=com", Err(Overlap::Inside)),
            ("", Err(Overlap::Reserved)),
            ("cn=subschema", Err(Overlap::Reserved)),
            ("dc=example,dc=org", Ok(())),
        ] {
            assert_eq!(directories.add(directory(base)), expected, "{base}");
        }
    }

    #[test]
    fn groups_are_names_in_the_directory() {
        let members =
            serde_json::json!({ "roles": ["staff", "a,b", "cn=x,ou=y,dc=example,dc=com", "cn=x,dc=org", ""] });
        let profile = Profile::new("1".to_owned(), members.as_object().unwrap().clone());
        let expected = [
            "cn=staff,ou=groups,dc=example,dc=com",
            r"cn=a\,b,ou=groups,dc=example,dc=com",
            "cn=x,ou=y,dc=example,dc=com",
            r"cn=cn\=x\,dc\=org,ou=groups,dc=example,dc=com",
        ];
        assert_eq!(directory("dc=example,dc=com").groups(&profile), expected);
    }
}
