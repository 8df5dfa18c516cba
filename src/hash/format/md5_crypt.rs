//! md5-crypt `$1$salt$digest` and Apache's `$apr1$`.
//!
//! Invariant: at most eight bytes of salt, exactly 22 characters of digest.

use crate::hash::challenge::{Challenge, Fault, Parsed};
use crate::hash::codec::from_crypt;
use crate::hash::kernel::{Kernel, Md5Crypt};

/// The order in which the text form holds the bytes of the digest.
const ORDER: [usize; 16] = [12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11];

/// `$1$`.
pub(in crate::hash) fn parse(value: &str) -> Parsed {
    parse_with("$1$", value)
}

/// `$apr1$`.
pub(in crate::hash) fn parse_apr1(value: &str) -> Parsed {
    parse_with("$apr1$", value)
}

/// AIX's `{smd5}`, which digests no magic.
pub(in crate::hash) fn parse_aix(value: &str) -> Parsed {
    parse_rest("", value.strip_prefix("{smd5}").filter(|rest| rest.contains('$')).ok_or(Fault::Foreign)?)
}

/// The digest's bytes in their own order, from the text form's.
pub(in crate::hash) fn untransposed(text: &str) -> Option<Vec<u8>> {
    let stored = from_crypt(text, ORDER.len())?;
    let mut digest = vec![0; ORDER.len()];
    for (byte, place) in stored.into_iter().zip(ORDER) {
        digest[place] = byte;
    }
    Some(digest)
}

fn parse_with(magic: &'static str, value: &str) -> Parsed {
    parse_rest(magic, value.strip_prefix(magic).ok_or(Fault::Foreign)?)
}

fn parse_rest(magic: &'static str, rest: &str) -> Parsed {
    let (salt, digest) = rest.split_once('$').ok_or(Fault::Malformed("a `$` is expected between salt and digest"))?;
    if salt.len() > 8 {
        return Err(Fault::Malformed("its salt is longer than 8 bytes"));
    }
    let digest = untransposed(digest).ok_or(Fault::Malformed("its digest is not 22 characters of crypt's alphabet"))?;
    Ok(Challenge::new(Kernel::Md5Crypt(Md5Crypt { magic, salt: salt.into() }), digest))
}
