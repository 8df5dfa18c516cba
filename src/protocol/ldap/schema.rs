//! What this directory knows of: attribute types, object classes, and how values are compared.
//!
//! Invariant: a type that is not in here is not recognised, which a filter takes for undefined, not for absent
//! (RFC 4511, section 4.5.1.7).

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// An attribute type.
#[derive(Debug)]
pub(super) struct Type {
    pub(super) oid: &'static str,
    /// The name in answers first.
    pub(super) names: &'static [&'static str],
    pub(super) matching: Matching,
    /// Given only when it is asked for by name or by `+`.
    pub(super) operational: bool,
    single: bool,
}

/// How values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matching {
    /// Without regard to case and repeated spaces (`caseIgnoreMatch`).
    Text,
    /// The same for ASCII (`caseIgnoreIA5Match`).
    Ia5,
    /// Without regard to spaces and dashes (`telephoneNumberMatch`).
    Telephone,
    /// Names and OIDs of what this schema knows (`objectIdentifierMatch`).
    ObjectClass,
    /// Names of entries (`distinguishedNameMatch`).
    Dn,
    /// UUIDs (RFC 4530).
    Uuid,
}

impl Type {
    pub(super) fn name(&self) -> &'static str {
        self.names[0]
    }
}

macro_rules! types {
    ($($oid:literal $names:expr, $matching:ident $(, $flag:ident)*;)*) => {
        /// Every type.
        pub(super) static TYPES: &[Type] = &[$(types!(@one $oid $names, $matching $(, $flag)*)),*];
    };
    (@one $oid:literal $names:expr, $matching:ident $(, $flag:ident)*) => {{
        const PLAIN: Type = Type {
            oid: $oid, names: &$names, matching: Matching::$matching, operational: false, single: false,
        };
        Type { $($flag: true,)* ..PLAIN }
    }};
}

#[rustfmt::skip]
types! {
    "2.5.4.0" ["objectClass"], ObjectClass;
    "0.9.2342.19200300.100.1.1" ["uid", "userid"], Text;
    "2.5.4.3" ["cn", "commonName"], Text;
    "2.5.4.4" ["sn", "surname"], Text;
    "2.5.4.42" ["givenName", "gn"], Text;
    "0.9.2342.19200300.100.1.3" ["mail", "rfc822Mailbox"], Ia5;
    "2.16.840.1.113730.3.1.241" ["displayName"], Text, single;
    "2.5.4.20" ["telephoneNumber"], Telephone;
    "1.2.840.113556.1.2.102" ["memberOf"], Dn;
    "2.5.4.11" ["ou", "organizationalUnitName"], Text;
    "0.9.2342.19200300.100.1.25" ["dc", "domainComponent"], Ia5, single;
    "2.5.4.10" ["o", "organizationName"], Text;
    "1.3.6.1.1.16.4" ["entryUUID"], Uuid, operational, single;
    "1.3.6.1.1.20" ["entryDN"], Dn, operational, single;
    "2.5.21.9" ["structuralObjectClass"], ObjectClass, operational, single;
    "2.5.18.10" ["subschemaSubentry"], Dn, operational, single;
}

/// An object class with what it must and may have.
struct Class {
    oid: &'static str,
    name: &'static str,
    definition: &'static str,
}

/// Every class that entries have, as the standards define them, of the attributes that are known here.
#[rustfmt::skip]
static CLASSES: &[Class] = &[
    Class { oid: "2.5.6.0", name: "top", definition: "ABSTRACT MUST objectClass" },
    Class { oid: "2.5.6.6", name: "person", definition: "SUP top STRUCTURAL MUST ( sn $ cn ) MAY telephoneNumber" },
    Class { oid: "2.5.6.7", name: "organizationalPerson", definition: "SUP person STRUCTURAL MAY ou" },
    Class { oid: "2.16.840.1.113730.3.2.2", name: "inetOrgPerson",
        definition: "SUP organizationalPerson STRUCTURAL MAY ( displayName $ givenName $ mail $ memberOf $ o $ uid )" },
    Class { oid: "2.5.6.5", name: "organizationalUnit", definition: "SUP top STRUCTURAL MUST ou" },
    Class { oid: "0.9.2342.19200300.100.4.13", name: "domain", definition: "SUP top STRUCTURAL MUST dc MAY o" },
    Class { oid: "2.5.6.4", name: "organization", definition: "SUP top STRUCTURAL MUST o" },
    Class { oid: "1.3.6.1.4.1.1466.101.120.111", name: "extensibleObject", definition: "SUP top AUXILIARY" },
    Class { oid: "2.5.20.1", name: "subschema", definition: "AUXILIARY" },
];

/// The type of this name or OID.
pub(super) fn find(name: &str) -> Option<&'static Type> {
    TYPES.iter().find(|kind| kind.oid == name || kind.names.iter().any(|own| own.eq_ignore_ascii_case(name)))
}

/// A text as it is compared: normalised, in small letters, without spaces at its ends and repeated ones
/// (RFC 4518, in what matters for names and addresses).
pub(super) fn prepared(text: &str) -> String {
    let folded: String = text.nfkc().flat_map(char::to_lowercase).collect();
    folded.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

impl Matching {
    /// The value as it is compared; None when it is not one of this syntax.
    pub(super) fn prepare<'v>(self, value: &'v str) -> Option<Cow<'v, str>> {
        match self {
            Self::Text | Self::Ia5 => Some(prepared(value).into()),
            Self::Telephone => Some(value.chars().filter(|c| !matches!(c, ' ' | '-')).collect::<String>().into()),
            Self::ObjectClass => {
                let known = CLASSES.iter().find(|class| class.oid == value);
                Some(known.map_or_else(|| value.to_ascii_lowercase(), |class| class.name.to_ascii_lowercase()).into())
            }
            // Names are compared as names.
            Self::Dn => super::Dn::parse(value).ok().map(|_| value.into()),
            Self::Uuid => value.parse::<uuid::Uuid>().ok().map(|id| id.to_string().into()),
        }
    }

    /// Whether parts of a value can be asked for.
    pub(super) const fn has_substrings(self) -> bool {
        matches!(self, Self::Text | Self::Ia5 | Self::Telephone)
    }

    /// The names of the rules and the OID of the syntax (RFC 4517).
    const fn described(self) -> (&'static str, &'static str) {
        match self {
            Self::Text => {
                ("EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch", "1.3.6.1.4.1.1466.115.121.1.15")
            }
            Self::Ia5 => {
                ("EQUALITY caseIgnoreIA5Match SUBSTR caseIgnoreIA5SubstringsMatch", "1.3.6.1.4.1.1466.115.121.1.26")
            }
            Self::Telephone => {
                ("EQUALITY telephoneNumberMatch SUBSTR telephoneNumberSubstringsMatch", "1.3.6.1.4.1.1466.115.121.1.50")
            }
            Self::ObjectClass => ("EQUALITY objectIdentifierMatch", "1.3.6.1.4.1.1466.115.121.1.38"),
            Self::Dn => ("EQUALITY distinguishedNameMatch", "1.3.6.1.4.1.1466.115.121.1.12"),
            Self::Uuid => ("EQUALITY UUIDMatch", "1.3.6.1.1.16.1"),
        }
    }
}

/// What only the root and this description have: clients that check names against the schema ask for it, too.
const DESCRIBING: &[(&str, &str, &str)] = &[
    ("2.5.18.1", "createTimestamp", "24"),
    ("2.5.18.2", "modifyTimestamp", "24"),
    ("2.5.21.1", "dITStructureRules", "17"),
    ("2.5.21.2", "dITContentRules", "16"),
    ("2.5.21.4", "matchingRules", "30"),
    ("2.5.21.7", "nameForms", "35"),
    ("2.5.21.8", "matchingRuleUse", "31"),
    ("2.5.21.5", "attributeTypes", "3"),
    ("2.5.21.6", "objectClasses", "37"),
    ("1.3.6.1.4.1.1466.101.120.16", "ldapSyntaxes", "54"),
    ("1.3.6.1.4.1.1466.101.120.5", "namingContexts", "12"),
    ("1.3.6.1.4.1.1466.101.120.7", "supportedExtension", "38"),
    ("1.3.6.1.4.1.1466.101.120.13", "supportedControl", "38"),
    ("1.3.6.1.4.1.1466.101.120.15", "supportedLDAPVersion", "27"),
    ("1.3.6.1.1.4", "vendorName", "15"),
    ("1.3.6.1.1.5", "vendorVersion", "15"),
];

/// The types as RFC 4512 (section 4.1.2) writes them.
pub(super) fn attribute_types() -> Vec<String> {
    let describe = |kind: &Type| {
        let names = kind.names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(" ");
        let (rules, syntax) = kind.matching.described();
        let single = if kind.single { " SINGLE-VALUE" } else { "" };
        let usage = if kind.operational { " NO-USER-MODIFICATION USAGE directoryOperation" } else { "" };
        format!("( {} NAME ( {names} ) {rules} SYNTAX {syntax}{single}{usage} )", kind.oid)
    };
    let own = DESCRIBING.iter().map(|(oid, name, syntax)| {
        format!("( {oid} NAME '{name}' SYNTAX 1.3.6.1.4.1.1466.115.121.1.{syntax} USAGE directoryOperation )")
    });
    TYPES.iter().map(describe).chain(own).collect()
}

/// The classes as RFC 4512 (section 4.1.1) writes them.
pub(super) fn object_classes() -> Vec<String> {
    CLASSES.iter().map(|class| format!("( {} NAME '{}' {} )", class.oid, class.name, class.definition)).collect()
}

/// The syntaxes in use (RFC 4512, section 4.1.5).
pub(super) fn syntaxes() -> Vec<String> {
    [
        ("3", "Attribute Type Description"),
        ("12", "DN"),
        ("15", "Directory String"),
        ("26", "IA5 String"),
        ("27", "INTEGER"),
        ("37", "Object Class Description"),
        ("38", "OID"),
        ("50", "Telephone Number"),
        ("54", "LDAP Syntax Description"),
    ]
    .map(|(number, name)| format!("( 1.3.6.1.4.1.1466.115.121.1.{number} DESC '{name}' )"))
    .into_iter()
    .chain(["( 1.3.6.1.1.16.1 DESC 'UUID' )".to_owned()])
    .collect()
}
