//! passlib's bcrypt over a SHA-256: `$bcrypt-sha256$v=2,t=2b,r=12$salt$digest`, and its first version.
//!
//! Invariant: the second version keys the HMAC with the text of the salt, not its bytes.

use super::{bcrypt, enclosed};
use crate::hash::challenge::{Fault, Parsed, Step};
use crate::hash::change::Change;
use crate::hash::kernel::Digest;
use crate::hash::scan::{fields, number32};

/// Either version.
pub(in crate::hash) fn parse(value: &str) -> Parsed {
    let rest = value.strip_prefix("$bcrypt-sha256$").ok_or(Fault::Foreign)?;
    let [params, salt, digest] =
        fields(rest, '$').ok_or(Fault::Malformed("parameters, salt and digest are expected"))?;
    let (first, minor, cost) = match params.strip_prefix("v=2,t=") {
        None => params.split_once(',').map(|(minor, cost)| (true, minor, cost)),
        Some(rest) => rest.split_once(",r=").map(|(minor, cost)| (false, minor, cost)),
    }
    .ok_or(Fault::Malformed("its parameters are neither `2b,12` nor `v=2,t=2b,r=12`"))?;
    let cost = number32(cost).filter(|c| *c < 100).ok_or(Fault::Malformed("its cost is not a number"))?;
    let inner = enclosed(bcrypt::parse(&format!("${minor}${cost:02}${salt}{digest}")))?;
    let key: [u8; 22] = salt.as_bytes().try_into().map_err(|_| Fault::Malformed("its salt has not 22 characters"))?;
    let hashed = if first { Change::Digest(Digest::Sha256) } else { Change::HmacSha256(key) };
    Ok(inner.after([Step::Change(hashed), Step::Change(Change::Base64)]))
}
