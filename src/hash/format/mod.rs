//! The stored strings: one file a family, each with its parser and, where new ones are written, its writer.
//!
//! Invariant: a parser reads text and computes nothing; it never panics, and it never guesses what is missing.

pub(super) mod argon2;
pub(super) mod bcrypt;
pub(super) mod digest;
pub(super) mod django;
pub(super) mod dotnet;
pub(super) mod forums;
pub(super) mod hosted;
pub(super) mod jvm;
pub(super) mod md5_crypt;
pub(super) mod pbkdf2;
mod php;
pub(super) mod phpass;
pub(super) mod prehashed;
pub(super) mod sha_crypt;
pub(super) mod shops;
pub(super) mod werkzeug;
pub(super) mod wordpress;

use super::challenge::Challenge;
use super::codec;
use super::spec::Cost;

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
