//! The hashes of network gear and of macOS.
//!
//! Invariant: most are bare hexadecimal or base64, so they are read only where they were declared.

use super::prefixed;
use crate::hash::challenge::Fault::Malformed;
use crate::hash::challenge::{Challenge, Fault, Inputs, Parsed, Step};
use crate::hash::change::Change;
use crate::hash::codec::{from_base64, from_crypt, from_crypt_high, from_hex};
use crate::hash::kernel::{Cisco, Digest, Kernel};
use crate::hash::scan::is_hex;

/// What FortiOS digests after the password.
const FORTINET: &[u8] =
    b"\xa3\x88\xba\x2e\x42\x4c\xb0\x4a\x53\x79\x30\xc1\x31\x07\xcc\x3f\xa1\x32\x90\x29\xa9\x81\x5b\x70";

/// 16 characters of Cisco PIX to version 6; without a user it is the enable password.
pub(in crate::hash) fn parse_pix(value: &str, inputs: &Inputs<'_>) -> Parsed {
    cisco(false, value, inputs)
}

/// 16 characters of Cisco ASA, and of PIX from version 7 on.
pub(in crate::hash) fn parse_asa(value: &str, inputs: &Inputs<'_>) -> Parsed {
    cisco(true, value, inputs)
}

fn cisco(asa: bool, value: &str, inputs: &Inputs<'_>) -> Parsed {
    let digest = from_crypt(value, 12).ok_or(Fault::Foreign)?;
    let user = inputs.user.unwrap_or_default().as_bytes().to_vec();
    Ok(Challenge::new(Kernel::Cisco(Cisco { asa, user }), digest))
}

/// 30 characters of Juniper's ScreenOS: MD5 over the user, a fixed text and the password, with six letters between.
pub(in crate::hash) fn parse_screenos(value: &str, inputs: &Inputs<'_>) -> Parsed {
    const LETTERS: [(usize, u8); 6] = [(0, b'n'), (6, b'r'), (12, b'c'), (17, b's'), (23, b't'), (29, b'n')];
    let bytes = value.as_bytes();
    if bytes.len() != 30 || LETTERS.iter().any(|(at, letter)| bytes[*at] != *letter) {
        return Err(Fault::Foreign);
    }
    let letters = |at: &usize| !LETTERS.iter().any(|(place, _)| place == at);
    let text: String = (0..30).filter(letters).map(|at| char::from(bytes[at])).collect();
    // Three characters hold sixteen bits, the first of them four.
    let sixteen = |three: &[u8]| {
        let three = str::from_utf8(three).ok().and_then(|three| from_base64(&format!("A{three}")));
        three.filter(|bytes| bytes[0] == 0).map(|bytes| [bytes[1], bytes[2]])
    };
    let digest: Option<Vec<[u8; 2]>> = text.as_bytes().chunks(3).map(sixteen).collect();
    let digest = digest.ok_or(Fault::Foreign)?.concat();
    let salt = format!("{}:Administration Tools:", inputs.user()?);
    Ok(prefixed(Digest::Md5, salt, 1, digest))
}

/// 43 characters of Cisco IOS type 4: SHA-256 without a salt.
pub(in crate::hash) fn parse_type4(value: &str) -> Parsed {
    let digest = from_crypt_high(value).filter(|digest| digest.len() == 32).ok_or(Fault::Foreign)?;
    Ok(prefixed(Digest::Sha256, [], 1, digest))
}

/// Citrix NetScaler: `1` and SHA-1 or `2` and SHA-512, eight characters of salt, over a password that ends in NUL.
pub(in crate::hash) fn parse_netscaler(value: &str) -> Parsed {
    let digest = match (value.chars().next(), value.len()) {
        (Some('1'), 49) => Digest::Sha1,
        (Some('2'), 137) => Digest::Sha512,
        _ => return Err(Fault::Foreign),
    };
    let (salt, stored) = value.get(1..9).zip(value.get(9..)).ok_or(Fault::Foreign)?;
    let stored = from_hex(stored).ok_or(Fault::Foreign)?;
    Ok(prefixed(digest, salt, 1, stored).after([Step::Change(Change::Append(b"\0"))]))
}

/// FortiOS: `AK1` with SHA-1 or `SH2` with SHA-256, base64 of twelve bytes of salt and the digest.
pub(in crate::hash) fn parse_fortigate(value: &str) -> Parsed {
    let (digest, rest) = match value.split_at_checked(3) {
        Some(("AK1", rest)) => (Digest::Sha1, rest),
        Some(("SH2", rest)) => (Digest::Sha256, rest),
        _ => return Err(Fault::Foreign),
    };
    let bytes = from_base64(rest).filter(|bytes| bytes.len() == 12 + digest.length());
    let bytes = bytes.ok_or(Malformed("it has not twelve bytes of salt and a digest"))?;
    let (salt, stored) = bytes.split_at(12);
    Ok(prefixed(digest, salt, 1, stored.into()).after([Step::Change(Change::Append(FORTINET))]))
}

/// ArubaOS: ten hex digits of salt, forty of SHA-1.
pub(in crate::hash) fn parse_aruba(value: &str) -> Parsed {
    salted_hex(value, 10, Digest::Sha1)
}

/// macOS 10.4 to 10.6: eight hex digits of salt, forty of SHA-1.
pub(in crate::hash) fn parse_macos_sha1(value: &str) -> Parsed {
    salted_hex(value, 8, Digest::Sha1)
}

/// macOS 10.7: eight hex digits of salt, 128 of SHA-512.
pub(in crate::hash) fn parse_macos_sha512(value: &str) -> Parsed {
    salted_hex(value, 8, Digest::Sha512)
}

fn salted_hex(value: &str, salt: usize, digest: Digest) -> Parsed {
    if !is_hex(value, salt + 2 * digest.length()) {
        return Err(Fault::Foreign);
    }
    let (salt, stored) = value.split_at(salt);
    let (salt, stored) = from_hex(salt).zip(from_hex(stored)).ok_or(Fault::Foreign)?;
    Ok(prefixed(digest, salt, 1, stored))
}
