//! sha1-crypt of NetBSD and Junos: HMAC-SHA1 under the password, again and again.
//!
//! Invariant: the output is the plain digest, before the transposition that the text form applies.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::{Caps, Kdf, Length, OverCap, Strength};

/// sha1-crypt with its parameters.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct Sha1Crypt {
    /// At least 1.
    pub rounds: u32,
    pub salt: Vec<u8>,
}

impl Kdf for Sha1Crypt {
    fn cap(&self, _output: usize, caps: &Caps) -> Result<(), OverCap> {
        OverCap::check("rounds", self.rounds, caps.digest_rounds)
    }

    fn length(&self) -> Length {
        Length::Exactly(20)
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let keyed = Hmac::<Sha1>::new_from_slice(password).map_err(|e| e.to_string())?;
        let rounds = self.rounds.to_string();
        let mut digest = keyed.clone().chain_update(&self.salt).chain_update("$sha1$").chain_update(rounds).finalize();
        for _ in 1..self.rounds {
            digest = keyed.clone().chain_update(digest.into_bytes()).finalize();
        }
        output.copy_from_slice(&digest.into_bytes());
        Ok(())
    }

    fn reaches(&self, target: &Self) -> bool {
        self.rounds >= target.rounds
    }

    fn describe(&self) -> String {
        format!("sha1-crypt rounds={}", self.rounds)
    }

    fn forget_salt(&mut self) {
        self.salt.fill(0);
    }

    fn strength(&self) -> Strength {
        Strength::Weak
    }

    fn ends_at_nul(&self) -> bool {
        true
    }
}
