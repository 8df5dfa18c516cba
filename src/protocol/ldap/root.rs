//! What the server says of itself: the root (RFC 4512, section 5.1) and its schema (section 4.2).
//!
//! Invariant: nothing is announced that is not done.

use ldap3_proto::proto::{LdapPartialAttribute, LdapSearchResultEntry};

use super::entry::SUBSCHEMA;
use super::message::{PAGED_RESULTS, START_TLS, WHO_AM_I};
use super::schema;
use super::tree::Directories;

type Attributes = Vec<(&'static str, Vec<String>)>;

/// The root, with the attributes that were asked for.
pub fn root(directories: &Directories, start_tls: bool, wanted: &[String], types_only: bool) -> LdapSearchResultEntry {
    let bases = directories.iter().map(|directory| directory.base.to_string()).collect();
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let extensions = if start_tls { texts(&[WHO_AM_I, START_TLS]) } else { texts(&[WHO_AM_I]) };
    let attributes = vec![
        ("objectClass", texts(&["top", "extensibleObject"])),
        ("namingContexts", bases),
        ("supportedLDAPVersion", texts(&["3"])),
        ("supportedExtension", extensions),
        ("supportedControl", texts(&[PAGED_RESULTS])),
        ("subschemaSubentry", texts(&[SUBSCHEMA])),
        ("vendorName", texts(&["Userbridge"])),
        ("vendorVersion", texts(&[env!("CARGO_PKG_VERSION")])),
    ];
    select("", attributes, wanted, types_only)
}

/// The schema, with the attributes that were asked for.
pub fn subschema(wanted: &[String], types_only: bool) -> LdapSearchResultEntry {
    let attributes = vec![
        ("objectClass", ["top", "subschema", "extensibleObject"].map(str::to_owned).to_vec()),
        ("cn", vec!["subschema".to_owned()]),
        ("attributeTypes", schema::attribute_types()),
        ("objectClasses", schema::object_classes()),
        ("ldapSyntaxes", schema::syntaxes()),
        ("subschemaSubentry", vec![SUBSCHEMA.to_owned()]),
    ];
    select(SUBSCHEMA, attributes, wanted, types_only)
}

/// Whoever asks for these two wants to see them: without a list of names, all is given.
fn select(dn: &str, all: Attributes, wanted: &[String], types_only: bool) -> LdapSearchResultEntry {
    let everything = wanted.is_empty() || wanted.iter().any(|name| name == "*" || name == "+");
    let chosen = all.into_iter().filter(|(own, values)| {
        !values.is_empty() && (everything || wanted.iter().any(|name| name.eq_ignore_ascii_case(own)))
    });
    let attribute = |(name, values): (&str, Vec<String>)| LdapPartialAttribute {
        atype: name.to_owned(),
        vals: if types_only { vec![] } else { values.into_iter().map(String::into_bytes).collect() },
    };
    LdapSearchResultEntry { dn: dn.to_owned(), attributes: chosen.map(attribute).collect() }
}
