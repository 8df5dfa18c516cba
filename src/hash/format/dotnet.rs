//! .NET: ASP.NET Membership and ASP.NET Identity.
//!
//! Invariant: every length in a header is exactly what follows it.

use super::{Draw, Writer};
use crate::hash::challenge::{Challenge, Fault, Inputs, Parsed, Step};
use crate::hash::codec::{from_base64, to_base64};
use crate::hash::kernel::{Digest, Kernel, Pbkdf2, Salted};
use crate::hash::recipe::by_expression;
use crate::hash::spec::{Charset, Cost, Position};

/// Version 3 with SHA-512, as .NET 7 and later.
pub(in crate::hash) const IDENTITY_WRITER: Writer = Writer { names: &[], knobs: &["rounds"], template, render };

/// The header of version 3: a mark, then the function, the rounds and the length of the salt.
const HEADER: usize = 13;
/// The least salt and the least output that Identity itself accepts, in bytes.
const LEAST: usize = 16;

/// Versions 2 and 3 of ASP.NET Identity, and `Crypto.HashPassword`.
pub(in crate::hash) fn identity(value: &str) -> Parsed {
    let bytes = from_base64(value).ok_or(Fault::Foreign)?;
    match bytes.first() {
        Some(0) if bytes.len() == 49 => {
            let kernel = Pbkdf2 { digest: Digest::Sha1, rounds: 1_000, salt: bytes[1..17].to_vec(), output: Some(32) };
            Ok(Challenge::new(Kernel::Pbkdf2(kernel), bytes[17..].to_vec()))
        }
        Some(1) if bytes.len() > HEADER => version3(&bytes),
        _ => Err(Fault::Foreign),
    }
}

/// Whether the value begins as Identity's do.
pub(in crate::hash) fn is_identity(value: &str) -> bool {
    let version2 = value.len() == 68 && value.starts_with('A') && value.ends_with("==");
    let version3 = ["AQAAAAA", "AQAAAAE", "AQAAAAI"].iter().any(|mark| value.starts_with(mark));
    (version2 || version3) && identity(value).is_ok()
}

fn version3(bytes: &[u8]) -> Parsed {
    let number = |at: usize| bytes[at..at + 4].iter().fold(0_u32, |number, b| number << 8 | u32::from(*b));
    let digest = match number(1) {
        0 => Digest::Sha1,
        1 => Digest::Sha256,
        2 => Digest::Sha512,
        _ => return Err(Fault::Malformed("its function is not known")),
    };
    let (rounds, salt) = (number(5), number(9) as usize);
    let rest = &bytes[HEADER..];
    if rounds == 0 || salt < LEAST || rest.len() < salt.saturating_add(LEAST) {
        return Err(Fault::Malformed("its header does not fit to its length"));
    }
    let (salt, stored) = rest.split_at(salt);
    let kernel = Pbkdf2 { digest, rounds, salt: salt.to_vec(), output: None };
    Ok(Challenge::new(Kernel::Pbkdf2(kernel), stored.to_vec()))
}

fn template(cost: &Cost, draw: &mut Draw<'_>) -> Result<Challenge, &'static str> {
    let rounds = cost.rounds.unwrap_or(100_000);
    let challenge = super::pbkdf2::template(Digest::Sha512, rounds, draw.bytes::<16>().to_vec())?;
    Ok(Challenge::new(challenge.kernel, vec![0; 32]))
}

fn render(challenge: &Challenge) -> Option<String> {
    let Kernel::Pbkdf2(Pbkdf2 { rounds, salt, .. }) = &challenge.kernel else { return None };
    let mut bytes = vec![1];
    for number in [2, *rounds, u32::try_from(salt.len()).ok()?] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend_from_slice(salt);
    bytes.extend_from_slice(&challenge.expected);
    Some(to_base64(&bytes))
}

/// Membership: base64 of a digest over salt and UTF-16; 32 bytes are .NET 4's HMAC unless the definition says `sha256`.
pub(in crate::hash) fn membership(value: &str, inputs: &Inputs<'_>) -> Parsed {
    let stored = from_base64(value).filter(|bytes| matches!(bytes.len(), 20 | 32 | 64)).ok_or(Fault::Foreign)?;
    let salt = inputs.salt.ok_or(Fault::Malformed("its salt is NULL"))?;
    let salt = str::from_utf8(salt).ok().map(str::trim_ascii).and_then(from_base64);
    let salt = salt.ok_or(Fault::Malformed("its salt is not base64"))?;
    let algorithm = inputs.algorithm.map(|name| name.to_ascii_lowercase());
    let digest = match (algorithm.as_deref(), stored.len()) {
        (Some("sha1") | None, 20) => Digest::Sha1,
        (Some("sha256"), 32) => Digest::Sha256,
        (Some("sha512"), 64) => Digest::Sha512,
        (Some("hmacsha256" | "hmac-sha256") | None, 32) => return membership_hmac(value, &salt),
        (Some("sha1" | "sha256" | "sha512" | "hmacsha256" | "hmac-sha256"), _) => return Err(Fault::Foreign),
        (Some(_), _) => return Err(Fault::Malformed("its algorithm is not supported")),
        (None, _) => return Err(Fault::Foreign),
    };
    let kernel = Salted { digest, salt, position: Position::Prefix, rounds: 1 };
    Ok(Challenge::new(Kernel::Salted(kernel), stored).after([Step::Encode(Charset::Utf16Le)]))
}

/// The key is the salt, repeated to the length of HMAC's block.
fn membership_hmac(value: &str, salt: &[u8]) -> Parsed {
    if salt.is_empty() {
        return Err(Fault::Malformed("its salt is empty"));
    }
    let key: Vec<u8> = salt.iter().copied().cycle().take(64).collect();
    by_expression("hmac_sha256_b64($salt, utf16le($pass))", value, &Inputs { salt: Some(&key), ..Inputs::NONE })
}

/// `hash|format|salt`, as Microsoft's sample keeps Membership's values in Identity's table.
pub(in crate::hash) fn membership_migrated(value: &str, inputs: &Inputs<'_>) -> Parsed {
    let mut parts = value.split('|');
    let (Some(hash), Some(format), Some(salt), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(Fault::Foreign);
    };
    match format {
        "1" => membership(hash, &Inputs { salt: Some(salt.as_bytes()), ..*inputs }),
        "0" => Err(Fault::Malformed("it is a plain password, which is not verified")),
        "2" => Err(Fault::Malformed("it is encrypted with the machine's key, which is not supported")),
        _ => Err(Fault::Foreign),
    }
}
