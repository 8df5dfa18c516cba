//! The hashes of Windows and Samba.
//!
//! Invariant: 32 hex digits look like any MD5, so only what carries a mark describes itself.

use super::{suffixed, unix};
use crate::hash::challenge::Fault::Malformed;
use crate::hash::challenge::{Challenge, Fault, Inputs, Parsed, Step};
use crate::hash::change::Change;
use crate::hash::codec::from_hex;
use crate::hash::kernel::{Dcc2, DesCrypt, Digest, Kernel};
use crate::hash::scan::{fields, is_hex, number32};
use crate::hash::spec::Charset;

/// The NT hash of the password.
const NT: [Step; 2] = [Step::Encode(Charset::Utf16Le), Step::Change(Change::Digest(Digest::Md4))];
/// The rounds of domain credentials that do not name them.
const ROUNDS: u32 = 10_240;

/// 32 hex digits of the NT hash.
pub(in crate::hash) fn parse_ntlm(value: &str) -> Parsed {
    Ok(unix::nt(digest(value)?))
}

/// 32 hex digits of the LAN Manager hash.
pub(in crate::hash) fn parse_lm(value: &str) -> Parsed {
    Ok(Challenge::new(Kernel::DesCrypt(DesCrypt::LanManager), digest(value)?))
}

/// Cached domain credentials to Windows 2003: 32 hex digits, or `M$user#` before them.
pub(in crate::hash) fn parse_dcc(value: &str, inputs: &Inputs<'_>) -> Parsed {
    let (user, stored) = match value.strip_prefix("M$") {
        Some(rest) => rest.rsplit_once('#').ok_or(Malformed("a `#` is expected between name and digest"))?,
        None => (inputs.user.unwrap_or_default(), value),
    };
    let stored = digest(stored)?;
    if user.is_empty() {
        inputs.user()?;
    }
    Ok(suffixed(Digest::Md4, wide_lower(user), stored).after(NT))
}

/// Cached domain credentials since Vista: 32 hex digits, or `$DCC2$rounds#user#` before them.
pub(in crate::hash) fn parse_dcc2(value: &str, inputs: &Inputs<'_>) -> Parsed {
    let Some(rest) = value.strip_prefix("$DCC2$") else {
        let stored = digest(value)?;
        return Ok(dcc2(ROUNDS, inputs.user()?, stored));
    };
    let [rounds, user, stored] = fields(rest, '#').ok_or(Malformed("rounds, name and digest are expected"))?;
    let rounds = number32(rounds).filter(|r| *r > 0).ok_or(Malformed("its rounds are not a positive number"))?;
    Ok(dcc2(rounds, user, digest(stored).map_err(|_| Malformed("its digest is not 32 hex digits"))?))
}

fn dcc2(rounds: u32, user: &str, stored: Vec<u8>) -> Challenge {
    Challenge::new(Kernel::Dcc2(Dcc2 { rounds, user: wide_lower(user) }), stored).after(NT)
}

fn wide_lower(user: &str) -> Vec<u8> {
    user.to_lowercase().encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn digest(text: &str) -> Result<Vec<u8>, Fault> {
    from_hex(text).filter(|_| is_hex(text, 32)).ok_or(Fault::Foreign)
}
