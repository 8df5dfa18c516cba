//! PBKDF2 as applications spell it: each its own order of rounds, salt and key.
//!
//! Invariant: where a format fixes the length of its key, no other length is accepted.

use super::{bcrypt, enclosed};
use crate::hash::challenge::Fault::Malformed;
use crate::hash::challenge::{Challenge, Fault, Parsed};
use crate::hash::codec::{from_base64, from_crypt_high, from_hex};
use crate::hash::kernel::{Digest, Kernel, Pbkdf2};
use crate::hash::scan::{fields, is_hex, number, number32};

const ROUNDS: Fault = Malformed("its rounds are not a positive number");
const HEX: Fault = Malformed("its salt or its key is not hexadecimal");
const BASE64: Fault = Malformed("its salt or its key is not base64");
const FIELDS: Fault = Malformed("rounds, salt and key are expected");

/// `$p5k2$rounds$salt$key` of Cryptacular, rounds in hexadecimal; its key ends in padding.
pub(in crate::hash) fn parse_cta(value: &str) -> Parsed {
    let rest = value.strip_prefix("$p5k2$").filter(|rest| rest.ends_with('=')).ok_or(Fault::Foreign)?;
    let [rounds, salt, key] = fields(rest, '$').ok_or(FIELDS)?;
    let rounds = hex_number(rounds).ok_or(ROUNDS)?;
    let (salt, key) = from_base64(salt).zip(from_base64(key)).ok_or(BASE64)?;
    fixed(Digest::Sha1, rounds, salt, key, 20)
}

/// `$p5k2$rounds$salt$key` of Dwayne Litzenberger; all before the key is the salt, and no rounds are 400.
pub(in crate::hash) fn parse_dlitz(value: &str) -> Parsed {
    let rest = value.strip_prefix("$p5k2$").filter(|rest| !rest.ends_with('=')).ok_or(Fault::Foreign)?;
    let [rounds, _, key] = fields(rest, '$').ok_or(FIELDS)?;
    let rounds = if rounds.is_empty() { Some(400) } else { hex_number(rounds) };
    let salt = value.rsplit_once('$').map(|(setting, _)| setting.into()).ok_or(FIELDS)?;
    fixed(Digest::Sha1, rounds.ok_or(ROUNDS)?, salt, from_base64(key).ok_or(BASE64)?, 24)
}

/// `grub.pbkdf2.sha512.rounds.salt.key`.
pub(in crate::hash) fn parse_grub(value: &str) -> Parsed {
    let [rounds, salt, key] =
        fields(value.strip_prefix("grub.pbkdf2.sha512.").ok_or(Fault::Foreign)?, '.').ok_or(FIELDS)?;
    in_hex(Digest::Sha512, rounds, salt, key, Some(64))
}

/// `{PKCS5S2}`, base64 of 16 bytes of salt and 32 of key: 10,000 rounds.
pub(in crate::hash) fn parse_atlassian(value: &str) -> Parsed {
    let packed = from_base64(value.strip_prefix("{PKCS5S2}").ok_or(Fault::Foreign)?).ok_or(BASE64)?;
    let (salt, key) = packed.split_at_checked(16).ok_or(Malformed("it is not 48 bytes"))?;
    fixed(Digest::Sha1, 10_000, salt.into(), key.into(), 32)
}

/// `{PBKDF2_SHA256}`, base64 of four bytes of rounds, 64 of salt, 256 of key.
pub(in crate::hash) fn parse_389ds(value: &str) -> Parsed {
    let packed = from_base64(value.strip_prefix("{PBKDF2_SHA256}").ok_or(Fault::Foreign)?).ok_or(BASE64)?;
    let (rounds, rest) = packed.split_first_chunk().ok_or(Malformed("it is not 324 bytes"))?;
    let (salt, key) = rest.split_at_checked(64).ok_or(Malformed("it is not 324 bytes"))?;
    fixed(Digest::Sha256, u32::from_be_bytes(*rounds), salt.into(), key.into(), 256)
}

/// `sha256:rounds:salt:key`, or with the length of the key after the rounds; hashcat writes the same.
pub(in crate::hash) fn parse_crackstation(value: &str) -> Parsed {
    crackstation(value, from_base64)
}

/// The same from PHP, which takes the base64 itself as the salt.
pub(in crate::hash) fn parse_crackstation_php(value: &str) -> Parsed {
    crackstation(value, |salt| Some(salt.into()))
}

fn crackstation(value: &str, salt_of: fn(&str) -> Option<Vec<u8>>) -> Parsed {
    let (name, rest) = value.split_once(':').ok_or(Fault::Foreign)?;
    let digest = match name {
        "md5" => Digest::Md5,
        "sha1" => Digest::Sha1,
        "sha256" => Digest::Sha256,
        "sha512" => Digest::Sha512,
        _ => return Err(Fault::Foreign),
    };
    let (rounds, length, salt, key) = match (fields(rest, ':'), fields(rest, ':')) {
        (Some([rounds, salt, key]), _) => (rounds, None, salt, key),
        (_, Some([rounds, length, salt, key])) => (rounds, Some(length), salt, key),
        _ => return Err(Fault::Foreign),
    };
    let rounds = number32(rounds).ok_or(ROUNDS)?;
    let (salt, key) = salt_of(salt).zip(from_base64(key)).ok_or(BASE64)?;
    if length.is_some_and(|length| number(length) != Some(key.len() as u64)) {
        return Err(Malformed("its key has not the length that it names"));
    }
    challenge(digest, rounds, salt, key, None)
}

/// `HMACSHA2+256:rounds:salt:key`, all three in base64.
pub(in crate::hash) fn parse_freeradius(value: &str) -> Parsed {
    let (name, rest) = value.strip_prefix("HMACSHA").and_then(|rest| rest.split_once(':')).ok_or(Fault::Foreign)?;
    let digest = match name {
        "1" => Digest::Sha1,
        "2+224" => Digest::Sha224,
        "2+256" => Digest::Sha256,
        "2+384" => Digest::Sha384,
        "2+512" => Digest::Sha512,
        _ => return Err(Fault::Foreign),
    };
    let [rounds, salt, key] = fields(rest, ':').ok_or(FIELDS)?;
    let rounds = from_base64(rounds).and_then(|bytes| Some(u32::from_be_bytes(bytes.try_into().ok()?)));
    let (salt, key) = from_base64(salt).zip(from_base64(key)).ok_or(BASE64)?;
    challenge(digest, rounds.ok_or(ROUNDS)?, salt, key, Some(digest.length()))
}

/// `PBKDF2WithHmacSHA256:rounds:salt:key`.
pub(in crate::hash) fn parse_jakarta(value: &str) -> Parsed {
    let rest = value.strip_prefix("PBKDF2WithHmacSHA").ok_or(Fault::Foreign)?;
    let [bits, rounds, salt, key] = fields(rest, ':').ok_or(FIELDS)?;
    let digest = Digest::named(&format!("sha{bits}")).ok_or(Malformed("its digest is not supported"))?;
    let (salt, key) = from_base64(salt).zip(from_base64(key)).ok_or(BASE64)?;
    challenge(digest, number32(rounds).ok_or(ROUNDS)?, salt, key, None)
}

/// `#PBKDF2:` or `$PBKDF2`, then `$HMACSHA512:rounds:salt$key`; and `#jbcrypt:` with a bcrypt.
pub(in crate::hash) fn parse_jenkins(value: &str) -> Parsed {
    if let Some(inner) = value.strip_prefix("#jbcrypt:") {
        return enclosed(bcrypt::parse(inner));
    }
    let rest = value.strip_prefix("#PBKDF2:").or(value.strip_prefix("$PBKDF2")).unwrap_or(value);
    let rest = rest.strip_prefix("$HMACSHA512:").ok_or(Fault::Foreign)?;
    let (rounds, rest) = rest.split_once(':').ok_or(FIELDS)?;
    let (salt, key) = rest.split_once('$').ok_or(FIELDS)?;
    in_hex(Digest::Sha512, rounds, salt, key, None)
}

/// `PBKDF2SHA256$rounds$salt$key`, in hexadecimal.
pub(in crate::hash) fn parse_seafile(value: &str) -> Parsed {
    let [rounds, salt, key] = fields(value.strip_prefix("PBKDF2SHA256$").ok_or(Fault::Foreign)?, '$').ok_or(FIELDS)?;
    in_hex(Digest::Sha256, rounds, salt, key, Some(32))
}

/// Base64 of 160 as the bits of the key, the rounds, eight bytes of salt, twenty of key.
pub(in crate::hash) fn parse_liferay(value: &str) -> Parsed {
    if value.len() != 48 || !value.starts_with("AAAAoA") {
        return Err(Fault::Foreign);
    }
    let packed = from_base64(value).ok_or(BASE64)?;
    let (Some(rounds), Some((salt, key))) = (
        packed.get(4..8).and_then(|b| <[u8; 4]>::try_from(b).ok()),
        packed.get(8..).and_then(|b| b.split_at_checked(8)),
    ) else {
        return Err(Malformed("it is not 36 bytes"));
    };
    fixed(Digest::Sha1, u32::from_be_bytes(rounds), salt.into(), key.into(), 20)
}

/// `$pbkdf2$f=SHA256,w=rounds,l=length$salt$key`.
pub(in crate::hash) fn parse_mattermost(value: &str) -> Parsed {
    let rest = value.strip_prefix("$pbkdf2$").filter(|rest| rest.starts_with("f=")).ok_or(Fault::Foreign)?;
    let [params, salt, key] = fields(rest, '$').ok_or(FIELDS)?;
    let [digest, rounds, length] = fields(params, ',').ok_or(Malformed("its parameters are not f, w and l"))?;
    let digest = digest.strip_prefix("f=").and_then(Digest::named).ok_or(Malformed("its digest is not supported"))?;
    let rounds = rounds.strip_prefix("w=").and_then(number32).ok_or(ROUNDS)?;
    let length = length.strip_prefix("l=").and_then(number).ok_or(Malformed("its length is not a number"))?;
    let (salt, key) = from_base64(salt).zip(from_base64(key)).ok_or(BASE64)?;
    if length != key.len() as u64 {
        return Err(Malformed("its key has not the length that it names"));
    }
    challenge(digest, rounds, salt, key, None)
}

/// Dovecot's `$1$salt$rounds$key`: SHA-1, the salt as text, the key in hexadecimal.
pub(in crate::hash) fn parse_dovecot(value: &str) -> Parsed {
    let [salt, rounds, key] = fields(value.strip_prefix("$1$").ok_or(Fault::Foreign)?, '$').ok_or(FIELDS)?;
    fixed(Digest::Sha1, number32(rounds).ok_or(ROUNDS)?, salt.into(), from_hex(key).ok_or(HEX)?, 20)
}

/// `$ml$rounds$salt$key` of macOS from 10.8 on, in hexadecimal.
pub(in crate::hash) fn parse_macos(value: &str) -> Parsed {
    let [rounds, salt, key] = fields(value.strip_prefix("$ml$").ok_or(Fault::Foreign)?, '$').ok_or(FIELDS)?;
    in_hex(Digest::Sha512, rounds, salt, key, None)
}

/// `$8$salt$key` of Cisco's IOS: 20,000 rounds, the salt as text.
pub(in crate::hash) fn parse_cisco(value: &str) -> Parsed {
    let [salt, key] = fields(value.strip_prefix("$8$").ok_or(Fault::Foreign)?, '$').ok_or(Fault::Foreign)?;
    let key = from_crypt_high(key).filter(|_| salt.len() == 14);
    let key = key.ok_or(Malformed("14 characters of salt and 43 of key are expected"))?;
    fixed(Digest::Sha256, 20_000, salt.into(), key, 32)
}

/// `-pbkdf2-key,salt,rounds` of CouchDB, the salt as text; and its older `-hashed-`.
pub(in crate::hash) fn parse_couchdb(value: &str) -> Parsed {
    if let Some(rest) = value.strip_prefix("-hashed-") {
        let (digest, salt) = rest.split_once(',').filter(|(hex, _)| is_hex(hex, 40)).ok_or(HEX)?;
        return Ok(super::suffixed(Digest::Sha1, salt, from_hex(digest).ok_or(HEX)?));
    }
    let [key, salt, rounds] = fields(value.strip_prefix("-pbkdf2-").ok_or(Fault::Foreign)?, ',').ok_or(FIELDS)?;
    fixed(Digest::Sha1, number32(rounds).ok_or(ROUNDS)?, salt.into(), from_hex(key).ok_or(HEX)?, 20)
}

fn in_hex(digest: Digest, rounds: &str, salt: &str, key: &str, length: Option<usize>) -> Parsed {
    let (salt, key) = from_hex(salt).zip(from_hex(key)).ok_or(HEX)?;
    challenge(digest, number32(rounds).ok_or(ROUNDS)?, salt, key, length)
}

fn fixed(digest: Digest, rounds: u32, salt: Vec<u8>, key: Vec<u8>, length: usize) -> Parsed {
    challenge(digest, rounds, salt, key, Some(length))
}

fn challenge(digest: Digest, rounds: u32, salt: Vec<u8>, key: Vec<u8>, output: Option<usize>) -> Parsed {
    if rounds == 0 {
        return Err(ROUNDS);
    }
    Ok(Challenge::new(Kernel::Pbkdf2(Pbkdf2 { digest, rounds, salt, output }), key))
}

fn hex_number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.len() <= 8 && is_hex(text, text.len());
    digits.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}
