//! SAP's iterated salted digest: the password goes into every round.
//!
//! Invariant: the rounds are bounded by [`Kdf::cap`], and what they hash by `hashed_bytes`.

use zeroize::Zeroizing;

use super::{Caps, Digest, Kdf, Length, OverCap, Strength};

/// A digest of password and salt, then of password and digest.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct Repeated {
    pub digest: Digest,
    /// At least 1.
    pub rounds: u32,
    pub salt: Vec<u8>,
}

impl Kdf for Repeated {
    fn cap(&self, _output: usize, caps: &Caps) -> Result<(), OverCap> {
        OverCap::check("rounds", self.rounds, caps.digest_rounds)
    }

    fn length(&self) -> Length {
        Length::Exactly(self.digest.length())
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        self.digest.hash(&[password, &self.salt], output);
        let mut before = Zeroizing::new(output.to_vec());
        for _ in 1..self.rounds {
            before.copy_from_slice(output);
            self.digest.hash(&[password, &before], output);
        }
        Ok(())
    }

    fn reaches(&self, target: &Self) -> bool {
        self.digest.length() >= target.digest.length() && self.rounds >= target.rounds
    }

    fn describe(&self) -> String {
        format!("repeated {} rounds={}", self.digest.name(), self.rounds)
    }

    fn forget_salt(&mut self) {
        self.salt.fill(0);
    }

    fn strength(&self) -> Strength {
        Strength::Weak
    }

    fn hashed_bytes(&self, password: usize) -> u64 {
        u64::from(self.rounds) * (password as u64 + 64)
    }
}
