//! The stored strings: one file a family, each with its parser and, where new ones are written, its writer.
//!
//! Invariant: a parser reads text and computes nothing; it never panics, and it never guesses what is missing.

pub(super) mod argon2;
pub(super) mod bcrypt;
pub(super) mod bcrypt_sha256;
pub(super) mod databases;
pub(super) mod des;
pub(super) mod devices;
pub(super) mod digest;
pub(super) mod django;
pub(super) mod dotnet;
pub(super) mod enterprise;
pub(super) mod forums;
pub(super) mod hosted;
pub(super) mod jvm;
pub(super) mod kratos;
pub(super) mod md5_crypt;
pub(super) mod pbkdf2;
pub(super) mod pbkdf2_strings;
mod php;
pub(super) mod phpass;
pub(super) mod prehashed;
pub(super) mod schemes;
pub(super) mod scram;
pub(super) mod scrypt;
pub(super) mod sha_crypt;
pub(super) mod shops;
pub(super) mod unix;
pub(super) mod werkzeug;
pub(super) mod windows;
pub(super) mod wordpress;

use super::challenge::{Challenge, Fault, Parsed};
use super::codec;
use super::kernel::{Digest, Kernel, Salted};
use super::spec::{Cost, Position};

/// How a format's new values come about.
pub(super) struct Writer {
    /// The names under which this one is asked for; empty = every name of its format.
    pub names: &'static [&'static str],
    /// The knobs of [`Cost`] it has.
    pub knobs: &'static [&'static str],
    /// A challenge with a fresh salt, whose expected output is zeros of the right length.
    pub template: fn(&Cost, &mut Draw<'_>) -> Result<Challenge, &'static str>,
    /// The stored string for a challenge of this kind; None if it is of another kind.
    pub render: fn(&Challenge) -> Option<String>,
}

/// The first parser whose shape it is.
fn first_of(parsers: &[fn(&str) -> Parsed], value: &str) -> Parsed {
    let mut parsed = parsers.iter().map(|parse| parse(value));
    parsed.find(|parsed| !matches!(parsed, Err(Fault::Foreign))).unwrap_or(Err(Fault::Foreign))
}

/// What stands inside an envelope that names its format: anything else there is damage.
fn enclosed(parsed: Parsed) -> Parsed {
    parsed.map_err(|fault| match fault {
        Fault::Foreign => Fault::Malformed("what its prefix announces does not follow"),
        malformed => malformed,
    })
}

/// PBKDF2's and scrypt's shorter keys are the beginnings of longer ones: a key of free length that was cut off by a short
/// column would still open. Nobody chooses a length that is no multiple of eight bytes.
fn uncut(key: &[u8]) -> Result<(), Fault> {
    if key.len().is_multiple_of(8) { Ok(()) } else { Err(Fault::Malformed("its key is cut off within eight bytes")) }
}

/// A digest with a salt before the password (often an empty one).
fn prefixed(digest: Digest, salt: impl Into<Vec<u8>>, rounds: u32, expected: Vec<u8>) -> Challenge {
    let kernel = Salted { digest, salt: salt.into(), position: Position::Prefix, rounds };
    Challenge::new(Kernel::Salted(kernel), expected)
}

/// A digest with a salt after the password.
fn suffixed(digest: Digest, salt: impl Into<Vec<u8>>, expected: Vec<u8>) -> Challenge {
    let kernel = Salted { digest, salt: salt.into(), position: Position::Suffix, rounds: 1 };
    Challenge::new(Kernel::Salted(kernel), expected)
}

/// The source of randomness for salts.
pub(super) struct Draw<'a>(pub &'a mut dyn FnMut(&mut [u8]));

impl Draw<'_> {
    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.0)(&mut bytes);
        bytes
    }

    /// Letters of crypt(3)'s alphabet, six bits of randomness each.
    pub(super) fn crypt_letters<const N: usize>(&mut self) -> [u8; N] {
        self.bytes::<N>().map(|b| codec::CRYPT[usize::from(b & 63)])
    }
}
