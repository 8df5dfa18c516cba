//! The portable hash of phpass (Openwall): a digest, again and again over itself and the password.
//!
//! Invariant: the number of rounds is a power of two that [`Kdf::cap`] has bounded.

use zeroize::Zeroizing;

use super::{Caps, Digest, Kdf, Length, OverCap, Strength};

/// The range of log2 rounds that phpass itself accepts.
pub(in crate::hash) const COSTS: std::ops::RangeInclusive<u32> = 7..=30;

/// The bytes that Drupal keeps of a SHA-512: 43 characters, so only two bits of the last byte.
pub(in crate::hash) const DRUPAL: usize = 33;

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
        Length::Exactly(self.digest.length().min(DRUPAL))
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let mut now = Zeroizing::new([0; 64]);
        let now = &mut now[..self.digest.length()];
        let mut before = Zeroizing::new([0; 64]);
        let before = &mut before[..now.len()];
        self.digest.hash(&[&self.salt, password], now);
        for _ in 0..1_u64 << self.cost {
            before.copy_from_slice(now);
            self.digest.hash(&[before, password], now);
        }
        output.copy_from_slice(&now[..output.len()]);
        if let (DRUPAL, Some(last)) = (output.len(), output.last_mut()) {
            *last &= 3;
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
