//! `{SCHEME}value`: LDAP's `userPassword` and Dovecot's password schemes.
//!
//! Invariant: a digest has exactly its algorithm's length, or more where the scheme is salted; names know no case.

use super::{Draw, Writer};
use super::{argon2, bcrypt, des, enclosed, md5_crypt, pbkdf2, pbkdf2_strings, prefixed, scram, sha_crypt, suffixed};
use super::{databases, enterprise, first_of, forums, jvm, unix, windows};
use crate::hash::challenge::Fault::Malformed;
use crate::hash::challenge::{Challenge, Fault, Inputs, Parsed, Step};
use crate::hash::change::Change;
use crate::hash::codec::{from_base64, from_hex, to_base64};
use crate::hash::kernel::{CramMd5, Digest, Kernel, Salted};
use crate::hash::scan::{is_hex, number};
use crate::hash::spec::Position;

/// `{SSHA512}` by default; the shorter ones for old servers.
pub(in crate::hash) const LDAP_WRITERS: &[Writer] = &[
    Writer {
        names: &["ldap", "ldap-salted-sha512", "ssha512"],
        knobs: &[],
        template: |_, draw| Ok(template(Digest::Sha512, draw)),
        render: |challenge| render("{SSHA512}", challenge),
    },
    Writer {
        names: &["ldap-salted-sha256", "ssha256"],
        knobs: &[],
        template: |_, draw| Ok(template(Digest::Sha256, draw)),
        render: |challenge| render("{SSHA256}", challenge),
    },
    Writer {
        names: &["ldap-salted-sha1", "ssha"],
        knobs: &[],
        template: |_, draw| Ok(template(Digest::Sha1, draw)),
        render: |challenge| render("{SSHA}", challenge),
    },
];

/// `{ARGON2ID}`.
pub(in crate::hash) const DOVECOT_WRITER: Writer = Writer {
    names: &["dovecot"],
    knobs: argon2::WRITER.knobs,
    template: argon2::WRITER.template,
    render: |challenge| Some(format!("{{ARGON2ID}}{}", argon2::render(challenge)?)),
};

/// What LDAP servers write: digests, `{CRYPT}` and what their modules add.
pub(in crate::hash) fn parse_ldap(value: &str) -> Parsed {
    let (scheme, rest) = divide(value)?;
    ldap(&scheme, rest, value)
}

/// What LDAP servers write, and all else that Dovecot knows.
pub(in crate::hash) fn parse_dovecot(value: &str, inputs: &Inputs<'_>) -> Parsed {
    let (scheme, rest) = divide(value)?;
    match ldap(&scheme, rest, value) {
        Err(Fault::Foreign) => dovecot(&scheme, rest, inputs),
        parsed => parsed,
    }
}

/// Whether the scheme is one of LDAP's, and hashes.
pub(in crate::hash) fn is_ldap(value: &str) -> bool {
    divide(value).is_ok_and(|(scheme, rest)| {
        !is_plain(&scheme)
            && !forums::is_joomla(value)
            && !is_other_row(value)
            && !jvm::is_spring(value)
            && !matches!(ldap(&scheme, rest, value), Err(Fault::Foreign))
    })
}

/// Whether the scheme is one that only Dovecot knows, and hashes.
pub(in crate::hash) fn is_dovecot(value: &str) -> bool {
    divide(value).is_ok_and(|(scheme, rest)| {
        !is_plain(&scheme)
            && matches!(ldap(&scheme, rest, value), Err(Fault::Foreign))
            && !matches!(dovecot(&scheme, rest, &Inputs::NONE), Err(Fault::Foreign))
    })
}

/// A password that was never hashed is verified where the scheme was declared, never by its looks.
fn is_plain(scheme: &str) -> bool {
    matches!(scheme, "PLAIN" | "CLEAR" | "CLEARTEXT" | "PLAINTEXT" | "PLAIN-TRUNC")
}

/// Whether the row of PBKDF2 claims it already.
fn is_other_row(value: &str) -> bool {
    !matches!(pbkdf2::parse_mcf(value), Err(Fault::Foreign))
}

/// The scheme in capitals, and what follows it.
fn divide(value: &str) -> Result<(String, &str), Fault> {
    let (scheme, rest) = value.strip_prefix('{').and_then(|rest| rest.split_once('}')).ok_or(Fault::Foreign)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if scheme.is_empty() || scheme.len() > 24 || !scheme.chars().all(is_name) {
        return Err(Fault::Foreign);
    }
    Ok((scheme.to_ascii_uppercase(), rest))
}

fn ldap(scheme: &str, rest: &str, value: &str) -> Parsed {
    match scheme {
        "CRYPT" => unix::parse_enclosed(rest),
        "CLEARTEXT" | "PLAINTEXT" => enclosed(enterprise::parse_plaintext(rest)),
        "ARGON2" => enclosed(argon2::parse(rest)),
        "BCRYPT" => enclosed(bcrypt::parse(rest)),
        // MoinMoin's and Zope's.
        "PASSLIB" => enclosed(first_of(&[unix::parse_crypt, pbkdf2::parse_mcf], rest)),
        "MYSQL" => enclosed(databases::parse_mysql323(rest)),
        // Dovecot's `{MD5}` is what others call md5-crypt.
        "MD5" if rest.starts_with("$1$") => enclosed(md5_crypt::parse(rest)),
        // AIX writes its own values behind tags that differ from LDAP's in case only.
        _ if rest.contains('$') => pbkdf2::parse_mcf(value),
        _ => digested(scheme, rest).unwrap_or(Err(Fault::Foreign)),
    }
}

fn dovecot(scheme: &str, rest: &str, inputs: &Inputs<'_>) -> Parsed {
    match scheme {
        "PLAIN" | "CLEAR" => enclosed(enterprise::parse_plaintext(rest)),
        "PLAIN-TRUNC" => truncated(rest),
        "ARGON2I" | "ARGON2ID" => enclosed(argon2::parse(rest)),
        "BLF-CRYPT" => enclosed(bcrypt::parse(rest)),
        "SHA256-CRYPT" => enclosed(sha_crypt::parse_256(rest)),
        "SHA512-CRYPT" => enclosed(sha_crypt::parse_512(rest)),
        "MD5-CRYPT" => enclosed(md5_crypt::parse(rest)),
        "DES-CRYPT" => enclosed(des::parse(rest)),
        "PBKDF2" => enclosed(pbkdf2_strings::parse_dovecot(rest)),
        "CRAM-MD5" | "HMAC-MD5" => {
            let states = from_hex(rest).filter(|states| states.len() == 32);
            let outer = states.ok_or(Malformed("64 hex digits are expected"))?[..16].to_vec();
            Ok(Challenge::new(Kernel::CramMd5(CramMd5), outer))
        }
        "DIGEST-MD5" => enclosed(enterprise::parse_htdigest(rest, inputs)),
        "PLAIN-MD4" => Ok(prefixed(Digest::Md4, [], 1, hex(rest, Digest::Md4)?)),
        "NTLM" => Ok(unix::nt(hex(rest, Digest::Md4)?)),
        "LANMAN" => enclosed(windows::parse_lm(rest)),
        "SCRAM-SHA-1" => scram::parse_dovecot(Digest::Sha1, rest),
        "SCRAM-SHA-256" => scram::parse_dovecot(Digest::Sha256, rest),
        _ => Err(Fault::Foreign),
    }
}

/// The schemes that are a digest, salted or not, in base64 or hexadecimal; None for any other.
fn digested(scheme: &str, rest: &str) -> Option<Parsed> {
    let (scheme, suffix) = scheme.rsplit_once('.').map_or((scheme, None), |(name, suffix)| (name, Some(suffix)));
    let (digest, salted) = match scheme {
        "MD5" | "PLAIN-MD5" | "LDAP-MD5" => (Digest::Md5, false),
        "SHA" | "SHA1" => (Digest::Sha1, false),
        "SHA224" => (Digest::Sha224, false),
        "SHA256" => (Digest::Sha256, false),
        "SHA384" => (Digest::Sha384, false),
        "SHA512" => (Digest::Sha512, false),
        "SMD5" => (Digest::Md5, true),
        "SSHA" => (Digest::Sha1, true),
        "SSHA224" => (Digest::Sha224, true),
        "SSHA256" => (Digest::Sha256, true),
        "SSHA384" => (Digest::Sha384, true),
        "SSHA512" => (Digest::Sha512, true),
        _ => return None,
    };
    let decoded = match suffix {
        Some("HEX") => from_hex(rest),
        Some("B64" | "BASE64") => from_base64(rest),
        Some(_) => return None,
        // An unsalted digest says by its length which of the two it is.
        None if is_hex(rest, 2 * digest.length()) => from_hex(rest),
        None => from_base64(rest),
    };
    Some(build(digest, salted, decoded))
}

fn build(digest: Digest, salted: bool, decoded: Option<Vec<u8>>) -> Parsed {
    let decoded = decoded.ok_or(Malformed("its digest is neither base64 nor hexadecimal"))?;
    let (stored, salt) =
        decoded.split_at_checked(digest.length()).ok_or(Malformed("it holds fewer bytes than its digest has"))?;
    if !salted && !salt.is_empty() {
        return Err(Malformed("bytes follow the digest of a scheme without salt"));
    }
    Ok(suffixed(digest, salt, stored.into()))
}

fn hex(text: &str, digest: Digest) -> Result<Vec<u8>, Fault> {
    let is_digest = is_hex(text, 2 * digest.length());
    from_hex(text)
        .filter(|_| is_digest)
        .ok_or(Malformed("its digest has not the length of its algorithm in hexadecimal"))
}

/// `{PLAIN-TRUNC}length-password`: only so many bytes of the password count.
fn truncated(rest: &str) -> Parsed {
    let (length, password) = rest.split_once('-').ok_or(Malformed("a length and a `-` are expected"))?;
    let length = number(length).and_then(|n| usize::try_from(n).ok()).filter(|n| *n >= password.len());
    let length = length.ok_or(Malformed("its length is not one, or less than its password has"))?;
    Ok(enclosed(enterprise::parse_plaintext(password))?.after([Step::Change(Change::Truncate(length))]))
}

fn template(digest: Digest, draw: &mut Draw<'_>) -> Challenge {
    suffixed(digest, draw.bytes::<8>(), vec![0; digest.length()])
}

fn render(scheme: &str, challenge: &Challenge) -> Option<String> {
    let Kernel::Salted(Salted { salt, position: Position::Suffix, .. }) = &challenge.kernel else { return None };
    Some(format!("{scheme}{}", to_base64(&[challenge.expected.as_slice(), salt].concat())))
}
