//! The portable hash of phpass (Openwall): a digest, again and again over itself and the password.
//!
//! Invariant: the number of rounds is a power of two that [`Kdf::cap`] has bounded.

use super::{Caps, Digest, Kdf, Length, OverCap, Strength};

/// The range of log2 rounds that phpass itself accepts.
pub(in crate::hash) const COSTS: std::ops::RangeInclusive<u32> = 7..=30;

/// phpass with its parameters.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct Phpass {
    pub digest: Digest,
    /// log2 of the number of rounds.
    pub cost: u32,
    pub salt: [u8; 8],
}

impl Kdf for Phpass {
    fn cap(&self, _output: usize, caps: &Caps) -> Result<(), OverCap> {
        OverCap::check("as phpass cost", self.cost, caps.phpass_cost.min(*COSTS.end()))
    }

    fn length(&self) -> Length {
        Length::Exactly(self.digest.length())
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        self.digest.hash(&[&self.salt, password], output);
        let mut before = zeroize::Zeroizing::new(output.to_vec());
        for _ in 0..1_u64 << self.cost {
            before.copy_from_slice(output);
            self.digest.hash(&[&before, password], output);
        }
        Ok(())
    }

    fn reaches(&self, target: &Self) -> bool {
        self.digest.length() >= target.digest.length() && self.cost >= target.cost
    }

    fn describe(&self) -> String {
        format!("phpass {} cost={}", self.digest.name(), self.cost)
    }

    fn forget_salt(&mut self) {
        self.salt.fill(0);
    }

    fn strength(&self) -> Strength {
        Strength::Weak
    }

    fn hashed_bytes(&self, password: usize) -> u64 {
        (1_u64 << self.cost.min(40)).saturating_mul(password as u64 + 64)
    }
}
