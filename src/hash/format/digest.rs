//! Plain digests that say nothing about themselves.
//!
//! Invariant: the digest has exactly its algorithm's length, whatever the encoding.

use crate::hash::challenge::{Challenge, Fault, Parsed};
use crate::hash::codec::from_hex;
use crate::hash::kernel::{Digest, Kernel, Salted};
use crate::hash::scan::is_hex;
use crate::hash::spec::Position;

/// A digest in hex without salt.
pub(in crate::hash) fn unsalted(value: &str, digest: Digest) -> Parsed {
    if !is_hex(value, digest.length() * 2) {
        return Err(Fault::Foreign);
    }
    let kernel = Salted { digest, salt: vec![], position: Position::Prefix, rounds: 1 };
    Ok(Challenge::new(Kernel::Salted(kernel), from_hex(value).ok_or(Fault::Foreign)?))
}
