//! QNX's passwd: one digest over the salt and the password written a thousand times.
//!
//! Invariant: how often is bounded by [`Kdf::cap`], and what is hashed by `hashed_bytes`.

use super::{Caps, Digest, Kdf, Length, OverCap, Strength};

/// A digest over a repeated password.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct Qnx {
    pub digest: Digest,
    /// How often the password follows the salt, less one.
    pub times: u32,
    pub salt: Vec<u8>,
}

/// The parts of one digest are listed in memory, so that their number is held below what any system writes.
const MOST: u64 = 1 << 16;

impl Kdf for Qnx {
    fn cap(&self, _output: usize, caps: &Caps) -> Result<(), OverCap> {
        OverCap::check("repetitions", self.times, MOST.min(caps.digest_rounds.into()))
    }

    fn length(&self) -> Length {
        Length::Exactly(self.digest.length())
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let mut parts = vec![password; self.times as usize + 2];
        parts[0] = &self.salt;
        self.digest.hash(&parts, output);
        Ok(())
    }

    fn reaches(&self, target: &Self) -> bool {
        self.digest.length() >= target.digest.length() && self.times >= target.times
    }

    fn describe(&self) -> String {
        format!("qnx {} repetitions={}", self.digest.name(), self.times)
    }

    fn forget_salt(&mut self) {
        self.salt.fill(0);
    }

    fn strength(&self) -> Strength {
        Strength::Weak
    }

    fn hashed_bytes(&self, password: usize) -> u64 {
        (u64::from(self.times) + 1) * password as u64
    }
}
