//! LDAP version 3 (RFC 4511), as far as reading goes: a connector's users as entries of a directory.
//!
//! Invariant: pure decoding and encoding; what is asked of a connector is for the listener to decide. Only entries for
//! which the whole filter is true are given out, and a filter or a name never becomes part of a statement.

mod ber;
mod dn;
mod entry;
mod filter;
mod message;
mod result;
mod root;
mod schema;
#[cfg(test)]
mod tests;
mod tree;

pub use ldap3_proto::LdapResultCode;
pub use ldap3_proto::proto::{LdapFilter, LdapSearchRequest, LdapSearchScope};

pub use self::ber::{MAX_MESSAGE, Malformed, length};
pub use self::dn::{Dn, InvalidDn, Rdn};
pub use self::entry::{Entry, Wanted};
pub use self::filter::{MAX_NAMED, Truth, evaluate, may_be_a_user, named};
pub use self::message::{Bind, Credential, Message, Operation, PageControl, Reply, Write};
pub use self::result::Refusal;
pub use self::root::{root, subschema};
pub use self::tree::{Directories, Directory, Naming, Overlap, Place};

/// Whether the entry has this value: LDAP's comparison (RFC 4511, section 4.10).
///
/// # Errors
/// The type is not known, the entry has none of it, or the value is not one of its syntax.
pub fn compare(entry: &Entry, kind: &str, value: &[u8]) -> Result<bool, Refusal> {
    let Some(known) = schema::find(kind) else {
        return Err(Refusal::new(LdapResultCode::UndefinedAttributeType, "this type is not known here"));
    };
    if entry.values(known).is_none() {
        return Err(Refusal::new(LdapResultCode::NoSuchAttribute, ""));
    }
    let text = std::str::from_utf8(value).ok();
    match text.map(|text| filter::equality(kind, text, entry)) {
        Some(Truth::True) => Ok(true),
        Some(Truth::False) => Ok(false),
        Some(Truth::Undefined) | None => {
            Err(Refusal::new(LdapResultCode::InvalidAttributeSyntax, "the value is not one of this type"))
        }
    }
}
