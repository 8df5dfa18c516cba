//! Hashes of servers and business software, plain passwords, and HTTP's digest.
//!
//! Invariant: a plain password is verified only where it was declared, and never one that marks a locked account.

use super::prefixed;
use crate::hash::challenge::Fault::Malformed;
use crate::hash::challenge::{Challenge, Fault, Inputs, Parsed};
use crate::hash::codec::{from_base64, from_hex};
use crate::hash::kernel::{Digest, DigestedPbkdf2, Kernel, Pbkdf2, Plain, Repeated};
use crate::hash::scan::{fields, is_hex, number, number32};
use crate::hash::shape::is_locked;

/// SolarWinds fills a short name up from this.
const SOLARWINDS_FILL: &str = "1244352345234";

/// The password as it is.
pub(in crate::hash) fn parse_plaintext(value: &str) -> Parsed {
    if is_locked(value) {
        return Err(Fault::Foreign);
    }
    Ok(Challenge::new(Kernel::Plain(Plain), Plain::expected(value.as_bytes())))
}

/// MD5 of `user:realm:password` in hexadecimal: `.htdigest`, Asterisk, Kamailio.
pub(in crate::hash) fn parse_htdigest(value: &str, inputs: &Inputs<'_>) -> Parsed {
    let digest = from_hex(value).filter(|_| is_hex(value, 32)).ok_or(Fault::Foreign)?;
    Ok(prefixed(Digest::Md5, format!("{}:{}:", inputs.user()?, inputs.realm()?), 1, digest))
}

/// Adobe's AEM: `{SHA-256}salt-1000-digest`, the salt as text before the password.
pub(in crate::hash) fn parse_aem(value: &str) -> Parsed {
    let (name, rest) = value.strip_prefix("{SHA-").and_then(|rest| rest.split_once('}')).ok_or(Fault::Foreign)?;
    let digest = Digest::named(&format!("sha{name}")).ok_or(Fault::Foreign)?;
    let [salt, rounds, stored] = fields(rest, '-').ok_or(Fault::Foreign)?;
    let rounds = number32(rounds).filter(|rounds| *rounds > 0).ok_or(Malformed("its rounds are not a number"))?;
    let stored = from_hex(stored).filter(|stored| stored.len() == digest.length());
    let stored = stored.ok_or(Malformed("its digest has not the length of its algorithm"))?;
    Ok(prefixed(digest, salt, rounds, stored))
}

/// NetIQ's SSPR as hashcat has it: `$sspr$type$rounds$salt$digest`, the salt as text before the password.
pub(in crate::hash) fn parse_sspr(value: &str) -> Parsed {
    let rest = value.strip_prefix("$sspr$").ok_or(Fault::Foreign)?;
    let [kind, rounds, salt, stored] =
        fields(rest, '$').ok_or(Malformed("type, rounds, salt and digest are expected"))?;
    let digest = match kind {
        "0" => Digest::Md5,
        "1" | "2" => Digest::Sha1,
        "3" => Digest::Sha256,
        "4" => Digest::Sha512,
        _ => return Err(Malformed("its type is not in 0 to 4")),
    };
    let salt = if matches!(kind, "0" | "1") { "" } else { salt };
    let rounds = number32(rounds).filter(|rounds| *rounds > 0).ok_or(Malformed("its rounds are not a number"))?;
    let stored = from_hex(stored).filter(|stored| stored.len() == digest.length());
    let stored = stored.ok_or(Malformed("its digest has not the length of its algorithm"))?;
    Ok(prefixed(digest, salt, rounds, stored))
}

/// `{FSHP1|16|4096}` and base64 of salt and digest. Password and salt are exchanged: the salt comes first.
pub(in crate::hash) fn parse_fshp(value: &str) -> Parsed {
    let (params, rest) = value.strip_prefix("{FSHP").and_then(|rest| rest.split_once('}')).ok_or(Fault::Foreign)?;
    let [variant, salt, rounds] = fields(params, '|').ok_or(Malformed("variant, salt and rounds are expected"))?;
    let digest = match variant {
        "0" => Digest::Sha1,
        "1" => Digest::Sha256,
        "2" => Digest::Sha384,
        "3" => Digest::Sha512,
        _ => return Err(Malformed("its variant is not in 0 to 3")),
    };
    let rounds = number32(rounds).filter(|r| *r > 0).ok_or(Malformed("its rounds are not a positive number"))?;
    let length =
        number(salt).and_then(|n| usize::try_from(n).ok()).ok_or(Malformed("its salt's length is no number"))?;
    let bytes = from_base64(rest).ok_or(Malformed("its digest is not base64"))?;
    let (salt, stored) = bytes.split_at_checked(length).ok_or(Malformed("it is shorter than its salt"))?;
    Ok(prefixed(digest, salt, rounds, stored.into()))
}

/// `{x-issha, 1024}` and base64 of digest and salt: SAP's CODVN H.
pub(in crate::hash) fn parse_sap(value: &str) -> Parsed {
    let (params, rest) = value.strip_prefix("{x-issha").and_then(|rest| rest.split_once('}')).ok_or(Fault::Foreign)?;
    let (bits, rounds) = params.split_once(',').ok_or(Malformed("its rounds are missing"))?;
    let digest = match bits {
        "" => Digest::Sha1,
        "256" => Digest::Sha256,
        "384" => Digest::Sha384,
        "512" => Digest::Sha512,
        _ => return Err(Malformed("its digest is not supported")),
    };
    let rounds = number32(rounds.trim()).filter(|r| *r > 0).ok_or(Malformed("its rounds are not a positive number"))?;
    let bytes = from_base64(rest).ok_or(Malformed("its digest is not base64"))?;
    let (stored, salt) = bytes.split_at_checked(digest.length()).ok_or(Malformed("it is shorter than its digest"))?;
    Ok(Challenge::new(Kernel::Repeated(Repeated { digest, rounds, salt: salt.into() }), stored.into()))
}

/// `$solarwinds$0$user$digest`, or `$solarwinds$1$salt$digest` with a salt in base64.
pub(in crate::hash) fn parse_solarwinds(value: &str) -> Parsed {
    let [version, salt, digest] = fields(value.strip_prefix("$solarwinds$").ok_or(Fault::Foreign)?, '$')
        .ok_or(Malformed("version, salt and digest are expected"))?;
    let salt = match version {
        "0" => {
            let missing = 8_usize.saturating_sub(salt.len());
            Some([salt.to_lowercase().as_bytes(), &SOLARWINDS_FILL.as_bytes()[..missing]].concat())
        }
        "1" => from_base64(salt),
        _ => return Err(Malformed("its version is neither 0 nor 1")),
    };
    let (salt, digest) = salt.zip(from_base64(digest)).ok_or(Malformed("its digest is not base64"))?;
    let inner = Pbkdf2 { digest: Digest::Sha1, rounds: 1000, salt, output: None };
    let kernel = DigestedPbkdf2 { inner, key: 1024, suffix: vec![] };
    Ok(Challenge::new(Kernel::DigestedPbkdf2(kernel), digest))
}

/// `otm_sha256:rounds:salt:digest` of Oracle Transportation Management.
pub(in crate::hash) fn parse_otm(value: &str) -> Parsed {
    let [rounds, salt, digest] = fields(value.strip_prefix("otm_sha256:").ok_or(Fault::Foreign)?, ':')
        .ok_or(Malformed("rounds, salt and digest are expected"))?;
    let rounds = number32(rounds).filter(|r| *r > 0).ok_or(Malformed("its rounds are not a positive number"))?;
    let digest = from_base64(digest).ok_or(Malformed("its digest is not base64"))?;
    Ok(prefixed(Digest::Sha256, salt, rounds, digest))
}

/// `salt$rounds$digest` of Tomcat, in hexadecimal: the digest's length tells the algorithm.
pub(in crate::hash) fn parse_tomcat(value: &str) -> Parsed {
    let [salt, rounds, stored] = fields(value, '$').ok_or(Fault::Foreign)?;
    let (Some(salt), Some(stored)) = (from_hex(salt), from_hex(stored)) else { return Err(Fault::Foreign) };
    let rounds = number32(rounds).filter(|r| *r > 0).ok_or(Malformed("its rounds are not a positive number"))?;
    let digest = match stored.len() {
        16 => Digest::Md5,
        20 => Digest::Sha1,
        32 => Digest::Sha256,
        48 => Digest::Sha384,
        64 => Digest::Sha512,
        _ => return Err(Malformed("its digest has the length of none of MD5, SHA-1 and SHA-2")),
    };
    Ok(prefixed(digest, salt, rounds, stored))
}
