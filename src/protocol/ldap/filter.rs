//! Filters: whether an entry matches, and whom the store has to be asked for.
//!
//! Invariant: only an entry for which the whole filter is true is given out. What the store is asked for is a superset
//! of the matching entries, or nothing is asked at all; a filter never becomes part of a statement.

use ldap3_proto::LdapFilter;
use ldap3_proto::proto::LdapSubstringFilter;

use super::dn::Dn;
use super::entry::Entry;
use super::schema::{self, Matching};

/// The three values of a filter (RFC 4511, section 4.5.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// The entry matches.
    True,
    /// It does not.
    False,
    /// That cannot be told: the type, the value or the rule is not known here.
    Undefined,
}

impl Truth {
    const fn of(fact: bool) -> Self {
        if fact { Self::True } else { Self::False }
    }

    const fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Undefined => Self::Undefined,
        }
    }

    /// Conjunction begins with true and ends with the first false; disjunction is the same the other way round.
    fn all(truths: impl Iterator<Item = Self>, decisive: Self) -> Self {
        let mut result = decisive.not();
        for truth in truths {
            match truth {
                truth if truth == decisive => return decisive,
                Self::Undefined => result = Self::Undefined,
                _ => {}
            }
        }
        result
    }
}

/// Whether the entry matches.
pub fn evaluate(filter: &LdapFilter, entry: &Entry) -> Truth {
    judge(filter, &mut |filter| item(filter, entry))
}

/// Whether a user may match of whom only the object classes are known: no user is a group.
pub fn may_be_a_user(filter: &LdapFilter) -> bool {
    let judged = judge(filter, &mut |filter| match filter {
        LdapFilter::Equality(kind, _) | LdapFilter::Approx(kind, _) | LdapFilter::Present(kind)
            if schema::find(kind).is_some_and(|kind| kind.matching == Matching::ObjectClass && !kind.operational) =>
        {
            item(filter, &Entry::any_user())
        }
        _ => Truth::Undefined,
    });
    judged != Truth::False
}

/// The most users that one filter may name.
pub const MAX_NAMED: usize = 32;

/// The identifiers of which every matching user has one, each once; None when the filter does not tell.
pub fn named(filter: &LdapFilter) -> Option<Vec<String>> {
    match filter {
        LdapFilter::Equality(kind, value) => {
            let key = schema::find(kind).is_some_and(|kind| ["uid", "mail"].contains(&kind.name()));
            key.then(|| vec![value.clone()])
        }
        LdapFilter::And(parts) => parts.iter().filter_map(named).min_by_key(Vec::len),
        LdapFilter::Or(parts) => {
            let mut all: Vec<String> = Vec::new();
            for part in parts {
                for name in named(part)? {
                    if !all.contains(&name) {
                        all.push(name);
                    }
                    if all.len() > MAX_NAMED {
                        return Some(all);
                    }
                }
            }
            Some(all)
        }
        _ => None,
    }
}

fn judge(filter: &LdapFilter, leaf: &mut impl FnMut(&LdapFilter) -> Truth) -> Truth {
    match filter {
        LdapFilter::And(parts) => Truth::all(parts.iter().map(|part| judge(part, leaf)), Truth::False),
        LdapFilter::Or(parts) => Truth::all(parts.iter().map(|part| judge(part, leaf)), Truth::True),
        LdapFilter::Not(part) => judge(part, leaf).not(),
        leaves => leaf(leaves),
    }
}

fn item(filter: &LdapFilter, entry: &Entry) -> Truth {
    match filter {
        LdapFilter::Equality(kind, value) | LdapFilter::Approx(kind, value) => equality(kind, value, entry),
        LdapFilter::Present(kind) => match schema::find(kind) {
            Some(kind) => Truth::of(entry.values(kind).is_some()),
            None => Truth::Undefined,
        },
        LdapFilter::Substring(kind, parts) => substring(kind, parts, entry),
        // No type in here has an order, and no matching rule can be named.
        LdapFilter::GreaterOrEqual(..) | LdapFilter::LessOrEqual(..) | LdapFilter::Extensible(_) => Truth::Undefined,
        LdapFilter::And(_) | LdapFilter::Or(_) | LdapFilter::Not(_) => Truth::Undefined,
    }
}

/// Whether one of the values is this one.
pub(super) fn equality(kind: &str, value: &str, entry: &Entry) -> Truth {
    let Some(kind) = schema::find(kind) else { return Truth::Undefined };
    let Some(wanted) = kind.matching.prepare(value) else { return Truth::Undefined };
    let same = |own: &String| match kind.matching {
        Matching::Dn => Dn::parse(own).is_ok_and(|own| Dn::parse(value).is_ok_and(|wanted| own == wanted)),
        matching => matching.prepare(own).is_some_and(|own| own == wanted),
    };
    Truth::of(entry.values(kind).is_some_and(|values| values.iter().any(same)))
}

fn substring(kind: &str, parts: &LdapSubstringFilter, entry: &Entry) -> Truth {
    let Some(kind) = schema::find(kind).filter(|kind| kind.matching.has_substrings()) else {
        return Truth::Undefined;
    };
    // A space at the end of a part is one of the value's own.
    let fold = |text: &str| match kind.matching {
        Matching::Telephone => text.chars().filter(|c| !matches!(c, ' ' | '-')).collect(),
        _ => {
            let space = |at: bool| if at { " " } else { "" };
            let inner = schema::prepared(text);
            let (before, after) = (space(text.starts_with(' ')), space(text.ends_with(' ') && !inner.is_empty()));
            format!("{before}{inner}{after}")
        }
    };
    let (initial, last) = (parts.initial.as_deref().map(fold), parts.final_.as_deref().map(fold));
    let any: Vec<String> = parts.any.iter().map(|part| fold(part)).collect();
    let matches = |own: &String| {
        let own = kind.matching.prepare(own).unwrap_or_default();
        let Some(mut rest) = own.strip_prefix(initial.as_deref().unwrap_or_default()) else { return false };
        for part in &any {
            let Some(at) = rest.find(part.as_str()) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last.as_deref().unwrap_or_default())
    };
    Truth::of(entry.values(kind).is_some_and(|values| values.iter().any(matches)))
}
