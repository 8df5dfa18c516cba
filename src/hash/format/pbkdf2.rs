//! PBKDF2 in the PHC form (`i=`, `l=`) and in passlib's modular crypt form, with OpenLDAP's tags.
//!
//! Invariant: `l=`, where it stands, is the exact length of the output.

use super::{Draw, Writer, uncut};
use crate::hash::challenge::{Challenge, Fault, Parsed};
use crate::hash::codec::{from_base64, to_adapted, to_base64_bare};
use crate::hash::kernel::{Digest, Kernel, Pbkdf2};
use crate::hash::scan::{fields, number32};
use crate::hash::spec::Cost;

/// `$pbkdf2-sha256$i=600000,l=32$`, OWASP's rounds of 2023.
pub(in crate::hash) const PHC_WRITERS: &[Writer] = &[
    Writer { names: &["pbkdf2-phc", "pbkdf2-sha256-phc"], knobs: &["rounds"], template: sha256, render: render_phc },
    Writer { names: &["pbkdf2-sha512-phc"], knobs: &["rounds"], template: sha512, render: render_phc },
];

/// `$pbkdf2-sha256$600000$`.
pub(in crate::hash) const MCF_WRITERS: &[Writer] = &[
    Writer {
        names: &["pbkdf2-mcf", "pbkdf2", "pbkdf2-sha256"],
        knobs: &["rounds"],
        template: sha256,
        render: render_mcf,
    },
    Writer { names: &["pbkdf2-sha512"], knobs: &["rounds"], template: sha512, render: render_mcf },
    Writer {
        names: &["ldap-pbkdf2-sha512"],
        knobs: &["rounds"],
        template: sha512,
        render: |challenge| {
            Some(format!("{{PBKDF2-SHA512}}{}", render_mcf(challenge)?.strip_prefix("$pbkdf2-sha512$")?))
        },
    },
];

/// `$pbkdf2-sha256$i=600000,l=32$salt$digest`.
pub(in crate::hash) fn parse_phc(value: &str) -> Parsed {
    let (name, rest) = value.strip_prefix('$').and_then(|rest| rest.split_once('$')).ok_or(Fault::Foreign)?;
    if !name.starts_with("pbkdf2-") || !rest.starts_with("i=") {
        return Err(Fault::Foreign);
    }
    let hash = named(name).ok_or(Fault::Malformed("its digest is not supported"))?;
    let [params, salt, digest] =
        fields(rest, '$').ok_or(Fault::Malformed("parameters, salt and digest are expected between `$`"))?;
    let (mut rounds, mut length) = (None, None);
    for param in params.split(',') {
        match param.split_once('=').map(|(key, value)| (key, number32(value))) {
            Some(("i", Some(number))) => rounds = Some(number),
            Some(("l", Some(number))) => length = Some(number as usize),
            _ => return Err(Fault::Malformed("its parameters are not i=… and l=…")),
        }
    }
    build(hash, rounds, length, salt, digest)
}

/// `$pbkdf2-sha256$29000$salt$digest`, `$pbkdf2$…` (SHA-1), `{PBKDF2-SHA512}…`; other forms have no digit there.
pub(in crate::hash) fn parse_mcf(value: &str) -> Parsed {
    let (name, rest) = match value.strip_prefix('{') {
        Some(rest) => rest.split_once('}').ok_or(Fault::Foreign)?,
        None => value.strip_prefix('$').and_then(|rest| rest.split_once('$')).ok_or(Fault::Foreign)?,
    };
    let name = name.to_ascii_lowercase();
    if (name != "pbkdf2" && !name.starts_with("pbkdf2-")) || !rest.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Fault::Foreign);
    }
    let hash = named(&name).ok_or(Fault::Malformed("its digest is not supported"))?;
    let [rounds, salt, digest] =
        fields(rest, '$').ok_or(Fault::Malformed("rounds, salt and digest are expected between `$`"))?;
    // Whoever writes this form writes the whole digest.
    build(hash, number32(rounds), Some(hash.length()), salt, digest)
}

fn named(name: &str) -> Option<Digest> {
    match name.split_once('-') {
        None => Some(Digest::Sha1),
        Some((_, digest)) => Digest::named(digest).filter(|d| *d != Digest::Md5 && d.name() == digest),
    }
}

/// Parameters and base64 fields, however the surrounding string was spelt.
fn build(digest: Digest, rounds: Option<u32>, output: Option<usize>, salt: &str, stored: &str) -> Parsed {
    let rounds = rounds.filter(|r| *r > 0).ok_or(Fault::Malformed("its rounds are not a positive number"))?;
    let salt = from_base64(salt).ok_or(Fault::Malformed("its salt is not base64"))?;
    let stored = from_base64(stored).ok_or(Fault::Malformed("its digest is not base64"))?;
    if output.is_none() {
        uncut(&stored)?;
    }
    Ok(Challenge::new(Kernel::Pbkdf2(Pbkdf2 { digest, rounds, salt, output }), stored))
}

fn sha256(cost: &Cost, draw: &mut Draw<'_>) -> Result<Challenge, &'static str> {
    template(Digest::Sha256, cost.rounds.unwrap_or(600_000), draw.bytes::<16>().to_vec())
}

fn sha512(cost: &Cost, draw: &mut Draw<'_>) -> Result<Challenge, &'static str> {
    template(Digest::Sha512, cost.rounds.unwrap_or(210_000), draw.bytes::<16>().to_vec())
}

pub(in crate::hash) fn template(digest: Digest, rounds: u32, salt: Vec<u8>) -> Result<Challenge, &'static str> {
    if rounds < 1_000 {
        return Err("fewer than 1000 rounds are not written");
    }
    let kernel = Pbkdf2 { digest, rounds, salt, output: None };
    Ok(Challenge::new(Kernel::Pbkdf2(kernel), vec![0; digest.length()]))
}

fn render_phc(challenge: &Challenge) -> Option<String> {
    let Kernel::Pbkdf2(Pbkdf2 { digest, rounds, salt, .. }) = &challenge.kernel else { return None };
    let (salt, stored) = (to_base64_bare(salt), to_base64_bare(&challenge.expected));
    Some(format!("$pbkdf2-{}$i={rounds},l={}${salt}${stored}", digest.name(), challenge.expected.len()))
}

fn render_mcf(challenge: &Challenge) -> Option<String> {
    let Kernel::Pbkdf2(Pbkdf2 { digest, rounds, salt, .. }) = &challenge.kernel else { return None };
    Some(format!("$pbkdf2-{}${rounds}${}${}", digest.name(), to_adapted(salt), to_adapted(&challenge.expected)))
}
