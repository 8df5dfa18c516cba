//! Everything that Django's own password hashers write.
//!
//! Invariant: salts are text; `md5$` and `sha1$` are read as Django's only where Django was declared.

use super::{Draw, Writer, argon2, bcrypt, des, digest, pbkdf2};
use crate::hash::challenge::{Challenge, Fault, Parsed, Step};
use crate::hash::codec::{from_base64, from_hex, to_base64};
use crate::hash::kernel::{Digest, Kernel, Pbkdf2, Salted, Scrypt};
use crate::hash::scan::{fields, number, number32};
use crate::hash::spec::{Cost, Position};

/// `pbkdf2_sha256$1000000$` as Django 5.2 writes it, and its Argon2id.
pub(in crate::hash) const WRITERS: &[Writer] = &[
    Writer { names: &["django", "django-pbkdf2-sha256"], knobs: &["rounds"], template, render },
    Writer {
        names: &["django-argon2"],
        knobs: argon2::WRITER.knobs,
        template: argon2::WRITER.template,
        render: |challenge| Some(format!("argon2{}", argon2::render(challenge)?)),
    },
];

/// The letters of Django's salts; 22 of them carry 128 bits.
const SALT_LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const SALT: usize = 22;

/// Any of Django's hashers, by what stands before the first `$`.
pub(in crate::hash) fn parse(value: &str) -> Parsed {
    let Some((hasher, rest)) = value.split_once('$') else { return digest::unsalted(value, Digest::Md5) };
    match hasher {
        "pbkdf2_sha256" => parse_pbkdf2(rest, Digest::Sha256),
        "pbkdf2_sha1" => parse_pbkdf2(rest, Digest::Sha1),
        "argon2" => inner(argon2::parse(&format!("${rest}"))),
        "bcrypt" => inner(bcrypt::parse(rest)),
        "bcrypt_sha256" => Ok(inner(bcrypt::parse(rest))?.after([Step::Sha256Hex])),
        "scrypt" => parse_scrypt(rest),
        "md5" => parse_salted(rest, Digest::Md5),
        "sha1" => parse_salted(rest, Digest::Sha1),
        // The salt stands in the hash itself, so Django leaves its own field empty.
        "crypt" => inner(rest.rsplit_once('$').map_or(Err(Fault::Foreign), |(_, hash)| des::parse(hash))),
        _ => Err(Fault::Foreign),
    }
}

/// Whether no other application writes such a value.
pub(in crate::hash) fn is_self_describing(value: &str) -> bool {
    ["pbkdf2_sha256$", "pbkdf2_sha1$", "argon2$argon2", "bcrypt$$2", "bcrypt_sha256$$2", "scrypt$"]
        .iter()
        .any(|prefix| value.starts_with(prefix))
}

fn inner(parsed: Parsed) -> Parsed {
    parsed.map_err(|fault| match fault {
        Fault::Foreign => Fault::Malformed("what follows the hasher's name is not of its format"),
        malformed => malformed,
    })
}

fn parse_pbkdf2(rest: &str, digest: Digest) -> Parsed {
    let [rounds, salt, stored] = fields(rest, '$').ok_or(Fault::Malformed("rounds, salt and digest are expected"))?;
    let rounds = number32(rounds).filter(|r| *r > 0).ok_or(Fault::Malformed("its rounds are not a positive number"))?;
    let stored = from_base64(stored).ok_or(Fault::Malformed("its digest is not base64"))?;
    let kernel = Pbkdf2 { digest, rounds, salt: salt.into(), output: Some(digest.length()) };
    Ok(Challenge::new(Kernel::Pbkdf2(kernel), stored))
}

fn parse_scrypt(rest: &str) -> Parsed {
    let [n, salt, r, p, stored] = fields(rest, '$').ok_or(Fault::Malformed("N, salt, r, p and digest are expected"))?;
    let n =
        number(n).filter(|n| *n > 1 && n.is_power_of_two()).ok_or(Fault::Malformed("its N is not a power of two"))?;
    let [r, p] = [r, p].map(|text| number32(text).filter(|n| *n > 0));
    let (r, p) = r.zip(p).ok_or(Fault::Malformed("its r and p are not positive numbers"))?;
    let stored = from_base64(stored)
        .filter(|s| s.len() == 64)
        .ok_or(Fault::Malformed("its digest is not 64 bytes of base64"))?;
    Ok(Challenge::new(Kernel::Scrypt(Scrypt { log_n: n.ilog2() as u8, r, p, salt: salt.into() }), stored))
}

fn parse_salted(rest: &str, digest: Digest) -> Parsed {
    let (salt, stored) = rest.rsplit_once('$').ok_or(Fault::Malformed("salt and digest are expected"))?;
    let stored = from_hex(stored).ok_or(Fault::Malformed("its digest is not hexadecimal"))?;
    let kernel = Salted { digest, salt: salt.into(), position: Position::Prefix, rounds: 1 };
    Ok(Challenge::new(Kernel::Salted(kernel), stored))
}

fn template(cost: &Cost, draw: &mut Draw<'_>) -> Result<Challenge, &'static str> {
    pbkdf2::template(Digest::Sha256, cost.rounds.unwrap_or(1_000_000), salt(draw))
}

fn render(challenge: &Challenge) -> Option<String> {
    let Kernel::Pbkdf2(Pbkdf2 { rounds, salt, .. }) = &challenge.kernel else { return None };
    Some(format!("pbkdf2_sha256${rounds}${}${}", str::from_utf8(salt).ok()?, to_base64(&challenge.expected)))
}

/// Each letter alike: the two values of six bits that name none are drawn again.
fn salt(draw: &mut Draw<'_>) -> Vec<u8> {
    let mut salt = Vec::with_capacity(SALT);
    // A broken source of randomness must not make this run for ever.
    for _ in 0..64 {
        let letters = draw.bytes::<SALT>().into_iter().filter_map(|b| SALT_LETTERS.get(usize::from(b & 63)));
        salt.extend(letters.take(SALT - salt.len()));
    }
    salt
}
