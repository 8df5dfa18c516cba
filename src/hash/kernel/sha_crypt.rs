//! SHA-crypt (Ulrich Drepper, 2007), over the raw functions of the `sha-crypt` crate.
//!
//! Invariant: the output is the plain digest, before the transposition that the text form applies.

use std::ops::RangeInclusive;

use sha_crypt::{Params, sha256_crypt, sha512_crypt};

use super::{Caps, Kdf, Length, OverCap};

/// The rounds that the algorithm is defined for.
pub(in crate::hash) const ROUNDS: RangeInclusive<u32> = 1_000..=999_999_999;

/// Which SHA-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::hash) enum Width {
    Sha256,
    Sha512,
}

/// SHA-crypt with its parameters.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct ShaCrypt {
    pub width: Width,
    pub rounds: u32,
    /// At most 16 bytes.
    pub salt: Vec<u8>,
}

impl Kdf for ShaCrypt {
    fn cap(&self, _output: usize, caps: &Caps) -> Result<(), OverCap> {
        OverCap::check("rounds", self.rounds, caps.sha_crypt_rounds)
    }

    fn length(&self) -> Length {
        match self.width {
            Width::Sha256 => Length::Exactly(32),
            Width::Sha512 => Length::Exactly(64),
        }
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let params = Params::new(self.rounds).map_err(|e| e.to_string())?;
        match self.width {
            Width::Sha256 => output.copy_from_slice(&sha256_crypt(password, &self.salt, params)),
            Width::Sha512 => output.copy_from_slice(&sha512_crypt(password, &self.salt, params)),
        }
        Ok(())
    }

    fn reaches(&self, target: &Self) -> bool {
        self.width >= target.width && self.rounds >= target.rounds
    }

    fn describe(&self) -> String {
        let name = if self.width == Width::Sha256 { "sha256-crypt" } else { "sha512-crypt" };
        format!("{name} rounds={}", self.rounds)
    }

    fn forget_salt(&mut self) {
        self.salt.fill(0);
    }

    // The password is repeated once for each of its own bytes, then about twice in every round.
    fn hashed_bytes(&self, password: usize) -> u64 {
        let length = password as u64;
        length * length + u64::from(self.rounds) * (2 * length + 128)
    }

    fn ends_at_nul(&self) -> bool {
        true
    }
}
