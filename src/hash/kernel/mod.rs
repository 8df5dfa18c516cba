//! The algorithms: raw functions over bytes and parameters, one file each.
//!
//! Invariant: a kernel is only run through `challenge::Admitted`, after [`Kdf::cap`] and [`Kdf::length`] were obeyed;
//! with parameters that passed them no kernel panics.

mod argon2;
mod bcrypt;
mod cisco;
mod cram_md5;
mod dcc2;
mod des;
mod des_crypt;
mod digest;
mod digested_pbkdf2;
mod ed25519;
mod expression;
mod firebase;
mod md5_crypt;
mod mysql323;
mod mysql_sha2;
mod pbkdf2;
mod phpass;
mod plain;
mod qnx;
mod repeated;
mod scram;
mod scrypt;
mod sha1_crypt;
mod sha_crypt;
mod sm3_crypt;
mod sun_md5;
mod yescrypt;

pub(super) use argon2::{Argon2, Variant, Version};
pub(super) use bcrypt::{Bcrypt, Keyed};
pub(super) use cisco::Cisco;
pub(super) use cram_md5::CramMd5;
pub(super) use dcc2::Dcc2;
pub(super) use des_crypt::DesCrypt;
pub(super) use digest::{Digest, Salted};
pub(super) use digested_pbkdf2::DigestedPbkdf2;
pub(super) use ed25519::Ed25519;
pub(super) use expression::Computed;
pub(super) use firebase::Firebase;
pub(super) use md5_crypt::Md5Crypt;
pub(super) use mysql_sha2::MysqlSha2;
pub(super) use mysql323::Mysql323;
pub(super) use pbkdf2::{Pbkdf2, pbkdf2};
pub(super) use phpass::{COSTS as PHPASS_COSTS, DRUPAL, Phpass};
pub(super) use plain::Plain;
pub(super) use qnx::Qnx;
pub(super) use repeated::Repeated;
pub(super) use scram::Scram;
pub(super) use scrypt::Scrypt;
pub(super) use sha_crypt::{ROUNDS as SHA_CRYPT_ROUNDS, ShaCrypt, Width};
pub(super) use sha1_crypt::Sha1Crypt;
pub(super) use sm3_crypt::Sm3Crypt;
pub(super) use sun_md5::SunMd5;
pub(super) use yescrypt::{Envelope, Yescrypt};

use super::caps::Caps;
use super::catalogue::Strength;

/// One algorithm with its parameters and its salt.
#[derive(Clone, PartialEq)]
pub(super) enum Kernel {
    Argon2(Argon2),
    Bcrypt(Bcrypt),
    Scrypt(Scrypt),
    Pbkdf2(Pbkdf2),
    ShaCrypt(ShaCrypt),
    Md5Crypt(Md5Crypt),
    Phpass(Phpass),
    Salted(Salted),
    Computed(Computed),
    Firebase(Firebase),
    Cisco(Cisco),
    CramMd5(CramMd5),
    Dcc2(Dcc2),
    DesCrypt(DesCrypt),
    DigestedPbkdf2(DigestedPbkdf2),
    Ed25519(Ed25519),
    Mysql323(Mysql323),
    MysqlSha2(MysqlSha2),
    Plain(Plain),
    Qnx(Qnx),
    Repeated(Repeated),
    Scram(Scram),
    Sha1Crypt(Sha1Crypt),
    Sm3Crypt(Sm3Crypt),
    SunMd5(SunMd5),
    Yescrypt(Yescrypt),
}

/// What every algorithm can say about itself.
pub(super) trait Kdf {
    /// Whether its parameters keep within the caps and the algorithm's own limits.
    fn cap(&self, output: usize, caps: &Caps) -> Result<(), OverCap>;

    /// The lengths of output that are accepted from a stored value.
    fn length(&self) -> Length;

    /// Computes the output for these password bytes. An empty error: there is none for this password.
    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String>;

    /// Whether this costs an attacker at least what `target` would.
    fn reaches(&self, target: &Self) -> bool;

    /// Its parameters in words, without the salt.
    fn describe(&self) -> String;

    /// Puts zeros in the place of the salt.
    fn forget_salt(&mut self);

    /// How hard a hash of this kind is to guess.
    fn strength(&self) -> Strength {
        Strength::Slow
    }

    /// The bytes of memory it needs; 0 where it is negligible.
    fn memory(&self) -> u64 {
        0
    }

    /// The bytes it hashes for a password of this many bytes; 0 where the length hardly matters.
    fn hashed_bytes(&self, _password: usize) -> u64 {
        0
    }

    /// Whether the implementations that wrote such hashes end a password at a NUL byte: then one that holds it has no
    /// defined hash, and never matches.
    fn ends_at_nul(&self) -> bool {
        false
    }

    /// The bytes of a password that count; None = all of them.
    fn significant_bytes(&self) -> Option<usize> {
        None
    }

    /// Whether a hash of this kind exists for such a password at all; one that has none never matches.
    fn is_defined_for(&self, _password: &[u8]) -> bool {
        true
    }
}

/// The lengths of output that are accepted. A digest that a short column cut off must never match by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// The algorithm's output has one length.
    Exactly(usize),
    /// The writer chose the length; below 16 bytes a value counts as cut off.
    Chosen,
}

impl Length {
    const LEAST: usize = 16;
    const MOST: usize = 1024;

    pub(super) fn admits(self, length: usize) -> bool {
        match self {
            Self::Exactly(n) => length == n,
            Self::Chosen => (Self::LEAST..=Self::MOST).contains(&length),
        }
    }
}

/// A parameter above its cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OverCap {
    pub what: &'static str,
    pub found: u64,
    pub cap: u64,
}

impl OverCap {
    pub(super) fn check(what: &'static str, found: impl Into<u64>, cap: impl Into<u64>) -> Result<(), Self> {
        let (found, cap) = (found.into(), cap.into());
        if found <= cap { Ok(()) } else { Err(Self { what, found, cap }) }
    }
}

/// Runs one expression on whichever kernel it is.
macro_rules! each {
    ($kernel:expr, $k:ident => $body:expr) => {
        match $kernel {
            Kernel::Argon2($k) => $body,
            Kernel::Bcrypt($k) => $body,
            Kernel::Scrypt($k) => $body,
            Kernel::Pbkdf2($k) => $body,
            Kernel::ShaCrypt($k) => $body,
            Kernel::Md5Crypt($k) => $body,
            Kernel::Phpass($k) => $body,
            Kernel::Salted($k) => $body,
            Kernel::Computed($k) => $body,
            Kernel::Firebase($k) => $body,
            Kernel::Cisco($k) => $body,
            Kernel::CramMd5($k) => $body,
            Kernel::Dcc2($k) => $body,
            Kernel::DesCrypt($k) => $body,
            Kernel::DigestedPbkdf2($k) => $body,
            Kernel::Ed25519($k) => $body,
            Kernel::Mysql323($k) => $body,
            Kernel::MysqlSha2($k) => $body,
            Kernel::Plain($k) => $body,
            Kernel::Qnx($k) => $body,
            Kernel::Repeated($k) => $body,
            Kernel::Scram($k) => $body,
            Kernel::Sha1Crypt($k) => $body,
            Kernel::Sm3Crypt($k) => $body,
            Kernel::SunMd5($k) => $body,
            Kernel::Yescrypt($k) => $body,
        }
    };
}

impl Kdf for Kernel {
    fn cap(&self, output: usize, caps: &Caps) -> Result<(), OverCap> {
        each!(self, k => k.cap(output, caps))
    }

    fn length(&self) -> Length {
        each!(self, k => k.length())
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        each!(self, k => k.derive(password, output))
    }

    fn reaches(&self, target: &Self) -> bool {
        match (self, target) {
            (Self::Argon2(a), Self::Argon2(b)) => a.reaches(b),
            (Self::Bcrypt(a), Self::Bcrypt(b)) => a.reaches(b),
            (Self::Scrypt(a), Self::Scrypt(b)) => a.reaches(b),
            (Self::Pbkdf2(a), Self::Pbkdf2(b)) => a.reaches(b),
            (Self::ShaCrypt(a), Self::ShaCrypt(b)) => a.reaches(b),
            (Self::Md5Crypt(a), Self::Md5Crypt(b)) => a.reaches(b),
            (Self::Phpass(a), Self::Phpass(b)) => a.reaches(b),
            (Self::Salted(a), Self::Salted(b)) => a.reaches(b),
            (Self::Computed(a), Self::Computed(b)) => a.reaches(b),
            (Self::Firebase(a), Self::Firebase(b)) => a.reaches(b),
            (Self::Cisco(a), Self::Cisco(b)) => a.reaches(b),
            (Self::CramMd5(a), Self::CramMd5(b)) => a.reaches(b),
            (Self::Dcc2(a), Self::Dcc2(b)) => a.reaches(b),
            (Self::DesCrypt(a), Self::DesCrypt(b)) => a.reaches(b),
            (Self::DigestedPbkdf2(a), Self::DigestedPbkdf2(b)) => a.reaches(b),
            (Self::Ed25519(a), Self::Ed25519(b)) => a.reaches(b),
            (Self::Mysql323(a), Self::Mysql323(b)) => a.reaches(b),
            (Self::MysqlSha2(a), Self::MysqlSha2(b)) => a.reaches(b),
            (Self::Plain(a), Self::Plain(b)) => a.reaches(b),
            (Self::Qnx(a), Self::Qnx(b)) => a.reaches(b),
            (Self::Repeated(a), Self::Repeated(b)) => a.reaches(b),
            (Self::Scram(a), Self::Scram(b)) => a.reaches(b),
            (Self::Sha1Crypt(a), Self::Sha1Crypt(b)) => a.reaches(b),
            (Self::Sm3Crypt(a), Self::Sm3Crypt(b)) => a.reaches(b),
            (Self::SunMd5(a), Self::SunMd5(b)) => a.reaches(b),
            (Self::Yescrypt(a), Self::Yescrypt(b)) => a.reaches(b),
            // Of two algorithms, only a weaker target leaves the stored one alone: a rehash must never weaken.
            _ => self.strength() > target.strength(),
        }
    }

    fn describe(&self) -> String {
        each!(self, k => k.describe())
    }

    fn forget_salt(&mut self) {
        each!(self, k => k.forget_salt());
    }

    fn strength(&self) -> Strength {
        each!(self, k => k.strength())
    }

    fn memory(&self) -> u64 {
        each!(self, k => k.memory())
    }

    fn hashed_bytes(&self, password: usize) -> u64 {
        each!(self, k => k.hashed_bytes(password))
    }

    fn ends_at_nul(&self) -> bool {
        each!(self, k => k.ends_at_nul())
    }

    fn significant_bytes(&self) -> Option<usize> {
        each!(self, k => k.significant_bytes())
    }

    fn is_defined_for(&self, password: &[u8]) -> bool {
        each!(self, k => k.is_defined_for(password))
    }
}
