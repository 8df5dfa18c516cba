//! PBKDF2 (RFC 8018) with HMAC, over the raw function of the `pbkdf2` crate.
//!
//! Invariant: a longer output is paid for, since its blocks count against the cap.

use ::pbkdf2::pbkdf2_hmac;

use super::{Caps, Digest, Kdf, Length, OverCap};

/// PBKDF2 with its parameters.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct Pbkdf2 {
    pub digest: Digest,
    /// At least 1.
    pub rounds: u32,
    pub salt: Vec<u8>,
    /// Where the format fixes the output, its length in bytes.
    pub output: Option<usize>,
}

impl Kdf for Pbkdf2 {
    fn cap(&self, output: usize, caps: &Caps) -> Result<(), OverCap> {
        let blocks = output.div_ceil(self.digest.length()).max(1) as u64;
        let cap = if self.digest.is_wide() { caps.pbkdf2_wide_rounds } else { caps.pbkdf2_rounds };
        OverCap::check("rounds times blocks", u64::from(self.rounds) * blocks, cap)
    }

    fn length(&self) -> Length {
        self.output.map_or(Length::Chosen, Length::Exactly)
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        pbkdf2(self.digest, password, &self.salt, self.rounds, output)
    }

    fn reaches(&self, target: &Self) -> bool {
        self.digest == target.digest && self.rounds >= target.rounds
    }

    fn describe(&self) -> String {
        format!("pbkdf2-hmac-{} rounds={}", self.digest.name(), self.rounds)
    }

    fn forget_salt(&mut self) {
        self.salt.fill(0);
    }
}

/// The function itself, for rounds that a cap has bounded.
pub(in crate::hash) fn pbkdf2(
    digest: Digest,
    password: &[u8],
    salt: &[u8],
    rounds: u32,
    output: &mut [u8],
) -> Result<(), String> {
    match digest {
        Digest::Md5 => pbkdf2_hmac::<md5::Md5>(password, salt, rounds, output),
        Digest::Sha1 => pbkdf2_hmac::<sha1::Sha1>(password, salt, rounds, output),
        Digest::Sha224 => pbkdf2_hmac::<sha2::Sha224>(password, salt, rounds, output),
        Digest::Sha256 => pbkdf2_hmac::<sha2::Sha256>(password, salt, rounds, output),
        Digest::Sha384 => pbkdf2_hmac::<sha2::Sha384>(password, salt, rounds, output),
        Digest::Sha512 => pbkdf2_hmac::<sha2::Sha512>(password, salt, rounds, output),
        // The others' HMAC keeps no state between two rounds, which takes half as long again.
        other => other.pbkdf2(password, salt, rounds, output)?,
    }
    Ok(())
}
