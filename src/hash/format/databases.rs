//! The password hashes that database servers keep of their own users.
//!
//! Invariant: hexadecimal is read in either case; each digest has exactly its length.

use super::{Writer, prefixed, sha_crypt, suffixed};
use crate::hash::challenge::Fault::Malformed;
use crate::hash::challenge::{Challenge, Fault, Inputs, Parsed, Step};
use crate::hash::change::Change;
use crate::hash::codec::{from_base64, from_hex, to_hex};
use crate::hash::kernel::{DesCrypt, Digest, DigestedPbkdf2, Ed25519, Kernel, Mysql323, MysqlSha2, Pbkdf2, Width};
use crate::hash::scan::{fields, is_hex, number32};
use crate::hash::spec::Charset;

/// `PASSWORD()` of MySQL 4.1 to 5.6; it has no salt.
pub(in crate::hash) const MYSQL41_WRITER: Writer = Writer {
    names: &[],
    knobs: &[],
    template: |_, _| Ok(mysql41(vec![0; 20])),
    render: |challenge| Some(format!("*{}", to_hex(&challenge.expected).to_ascii_uppercase())),
};

/// What Oracle puts after the salt of its PBKDF2.
const ORACLE_SALT: &[u8] = b"AUTH_PBKDF2_SPEEDY_KEY";

/// A star and 40 hex digits: SHA-1 of SHA-1; the star may be missing.
pub(in crate::hash) fn parse_mysql41(value: &str) -> Parsed {
    let digits = value.strip_prefix('*').unwrap_or(value);
    Ok(mysql41(hex(digits, 40)?))
}

/// Whether the star is there, without which it could be any SHA-1.
pub(in crate::hash) fn is_mysql41(value: &str) -> bool {
    value.strip_prefix('*').is_some_and(|digits| is_hex(digits, 40))
}

fn mysql41(digest: Vec<u8>) -> Challenge {
    prefixed(Digest::Sha1, [], 1, digest).after([Step::Change(Change::Digest(Digest::Sha1))])
}

/// 16 hex digits of `OLD_PASSWORD()`.
pub(in crate::hash) fn parse_mysql323(value: &str) -> Parsed {
    Ok(Challenge::new(Kernel::Mysql323(Mysql323), hex(value, 16)?))
}

/// `$A$005$`, twenty bytes of salt, 43 characters of digest: `caching_sha2_password` of MySQL 8, thousands of rounds in
/// hexadecimal. Or `$mysql$A$005*salt*digest` with both in hexadecimal, as hashcat has it.
pub(in crate::hash) fn parse_mysql_sha2(value: &str) -> Parsed {
    let split = match value.strip_prefix("$mysql$A$") {
        Some(rest) => fields(rest, '*').and_then(|[rounds, salt, digest]| {
            Some((rounds, from_hex(salt)?, String::from_utf8(from_hex(digest)?).ok()?))
        }),
        None => {
            let rest = value.strip_prefix("$A$").ok_or(Fault::Foreign)?;
            let (rounds, rest) = rest.split_once('$').ok_or(Malformed("its rounds are missing"))?;
            rest.split_at_checked(20).map(|(salt, digest)| (rounds, salt.into(), digest.to_owned()))
        }
    };
    let (rounds, salt, digest) = split.ok_or(Malformed("20 bytes of salt and 43 characters of digest are expected"))?;
    let rounds = Some(rounds).filter(|r| is_hex(r, 3)).and_then(|r| u32::from_str_radix(r, 16).ok()).filter(|r| *r > 0);
    let rounds = rounds.ok_or(Malformed("its rounds are not three hex digits"))? * 1000;
    let salt = <[u8; 20]>::try_from(salt).map_err(|_| Malformed("its salt has not twenty bytes"))?;
    let digest = sha_crypt::untransposed(Width::Sha256, &digest)
        .ok_or(Malformed("its digest is not 43 characters of crypt's alphabet"))?;
    Ok(Challenge::new(Kernel::MysqlSha2(MysqlSha2 { rounds, salt }), digest))
}

/// `md5` and 32 hex digits: the name is the salt.
pub(in crate::hash) fn parse_postgres_md5(value: &str, inputs: &Inputs<'_>) -> Parsed {
    let digest = hex(value.strip_prefix("md5").ok_or(Fault::Foreign)?, 32)?;
    Ok(suffixed(Digest::Md5, inputs.user()?, digest))
}

/// 16 hex digits of Oracle to 10g.
pub(in crate::hash) fn parse_oracle10(value: &str, inputs: &Inputs<'_>) -> Parsed {
    let digest = hex(value, 16)?;
    Ok(Challenge::new(Kernel::DesCrypt(DesCrypt::Oracle { user: inputs.user()?.to_owned() }), digest))
}

/// `S:` with 40 hex digits of SHA-1 and 20 of salt, alone or among others in `spare4`.
pub(in crate::hash) fn parse_oracle11(value: &str) -> Parsed {
    let part = oracle_part(value, "S:").ok_or(Fault::Foreign)?;
    let bytes = from_hex(part).filter(|b| b.len() == 30).ok_or(Malformed("60 hex digits are expected after `S:`"))?;
    let (digest, salt) = bytes.split_at(20);
    Ok(suffixed(Digest::Sha1, salt, digest.into()))
}

/// Whether there is no stronger part beside it.
pub(in crate::hash) fn is_oracle11(value: &str) -> bool {
    oracle_part(value, "S:").is_some_and(|part| is_hex(part, 60)) && oracle_part(value, "T:").is_none()
}

/// `T:` with 128 hex digits of digest and 32 of salt; hashcat's have no `T:`.
pub(in crate::hash) fn parse_oracle12(value: &str) -> Parsed {
    let part = match oracle_part(value, "T:") {
        Some(part) => part,
        None if is_hex(value, 160) => value,
        None => return Err(Fault::Foreign),
    };
    let bytes = from_hex(part).filter(|b| b.len() == 80).ok_or(Malformed("160 hex digits are expected after `T:`"))?;
    let (digest, salt) = bytes.split_at(64);
    let inner = Pbkdf2 { digest: Digest::Sha512, rounds: 4096, salt: [salt, ORACLE_SALT].concat(), output: Some(64) };
    let kernel = DigestedPbkdf2 { inner, key: 64, suffix: salt.into() };
    Ok(Challenge::new(Kernel::DigestedPbkdf2(kernel), digest.into()))
}

/// Whether its part is marked.
pub(in crate::hash) fn is_oracle12(value: &str) -> bool {
    oracle_part(value, "T:").is_some_and(|part| is_hex(part, 160))
}

/// The part of `spare4` with this mark.
fn oracle_part<'a>(value: &'a str, mark: &str) -> Option<&'a str> {
    value.split(';').find_map(|part| part.trim().strip_prefix(mark))
}

/// `0x0100` (2000 and 2005), `0x0200` (2012) or `0x0300` (2025), four bytes of salt, the digest of UTF-16 and salt. That of 2000 holds
/// a second one over capitals, which the server itself compares where case does not matter.
pub(in crate::hash) fn parse_mssql(value: &str) -> Parsed {
    let digits = value.strip_prefix("0x").or(value.strip_prefix("0X")).ok_or(Fault::Foreign)?;
    let (digest, rest, steps) = match (digits.get(..4), digits.len()) {
        (Some("0100"), 92) => (Digest::Sha1, 40, &[Step::Change(Change::Upper), Step::Encode(Charset::Utf16Le)][..]),
        (Some("0100"), 52) => (Digest::Sha1, 0, &[Step::Encode(Charset::Utf16Le)][..]),
        (Some("0200"), 140) => (Digest::Sha512, 0, &[Step::Encode(Charset::Utf16Le)][..]),
        (Some("0300"), 140) => return mssql2025(digits),
        (Some("0100" | "0200" | "0300"), _) => return Err(Malformed("it has not the length of its version")),
        _ => return Err(Fault::Foreign),
    };
    let (salt, stored) = digits.get(4..12).zip(digits.get(12 + rest..)).ok_or(Malformed("it is cut off"))?;
    let (salt, stored) = from_hex(salt).zip(from_hex(stored)).ok_or(Malformed("it is not hexadecimal"))?;
    Ok(suffixed(digest, salt, stored).after(steps.iter().cloned()))
}

/// PBKDF2 over UTF-16, as its layout was published.
fn mssql2025(digits: &str) -> Parsed {
    let bytes = from_hex(digits).ok_or(Malformed("it is not hexadecimal"))?;
    let (salt, stored) = (bytes[2..6].to_vec(), bytes[6..].to_vec());
    let kernel = Pbkdf2 { digest: Digest::Sha512, rounds: 100_000, salt, output: Some(64) };
    Ok(Challenge::new(Kernel::Pbkdf2(kernel), stored).after([Step::Encode(Charset::Utf16Le)]))
}

/// MariaDB's `ed25519`: 43 characters of base64.
pub(in crate::hash) fn parse_ed25519(value: &str) -> Parsed {
    let key = from_base64(value).filter(|key| value.len() == 43 && key.len() == 32).ok_or(Fault::Foreign)?;
    Ok(Challenge::new(Kernel::Ed25519(Ed25519 { seed: None }), key))
}

/// MariaDB's `parsec`: `P`, log2 of the rounds' thousands, salt and key in base64.
pub(in crate::hash) fn parse_parsec(value: &str) -> Parsed {
    let [method, salt, key] = fields(value, ':').ok_or(Fault::Foreign)?;
    let cost = method.strip_prefix('P').filter(|cost| cost.len() == 1).and_then(number32).ok_or(Fault::Foreign)?;
    let (salt, key) = from_base64(salt).zip(from_base64(key)).ok_or(Fault::Foreign)?;
    if cost > 3 || salt.len() != 18 || key.len() != 32 {
        return Err(Malformed("a cost of 0 to 3, 18 bytes of salt and 32 of key are expected"));
    }
    let seed = Pbkdf2 { digest: Digest::Sha512, rounds: 1024 << cost, salt, output: Some(32) };
    Ok(Challenge::new(Kernel::Ed25519(Ed25519 { seed: Some(seed) }), key))
}

/// `0xc007`, eight bytes of salt, SHA-256 of UTF-16 filled up to 510 bytes, and salt.
pub(in crate::hash) fn parse_sybase(value: &str) -> Parsed {
    let digits = value.strip_prefix("0x").filter(|rest| rest.get(..4).is_some_and(|v| v.eq_ignore_ascii_case("c007")));
    let bytes = from_hex(&digits.ok_or(Fault::Foreign)?[4..]).filter(|bytes| bytes.len() == 40);
    let bytes = bytes.ok_or(Malformed("80 hex digits are expected after `0xc007`"))?;
    let (salt, digest) = bytes.split_at(8);
    let steps = [Step::Change(Change::Utf16Be), Step::Change(Change::Pad(510))];
    Ok(suffixed(Digest::Sha256, salt, digest.into()).after(steps))
}

/// RabbitMQ's base64 of four bytes of salt and the digest of salt and password: its length tells which.
pub(in crate::hash) fn parse_rabbitmq(value: &str) -> Parsed {
    let bytes = from_base64(value).ok_or(Fault::Foreign)?;
    let (salt, digest) = bytes.split_at_checked(4).ok_or(Fault::Foreign)?;
    let algorithm = match digest.len() {
        16 => Digest::Md5,
        32 => Digest::Sha256,
        64 => Digest::Sha512,
        _ => return Err(Fault::Foreign),
    };
    Ok(prefixed(algorithm, salt, 1, digest.into()))
}

fn hex(text: &str, digits: usize) -> Result<Vec<u8>, Fault> {
    from_hex(text).filter(|_| text.len() == digits).ok_or(Fault::Foreign)
}
