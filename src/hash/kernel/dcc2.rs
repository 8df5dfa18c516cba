//! Windows' cached domain credentials since Vista: PBKDF2 over the digest of NT hash and name, the name as salt.
//!
//! Invariant: what it is given is the NT hash, not the password.

use zeroize::Zeroizing;

use super::{Caps, Digest, Kdf, Length, OverCap};

/// Domain credentials with their parameters.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct Dcc2 {
    /// At least 1.
    pub rounds: u32,
    /// In small letters, as UTF-16 with the low byte first.
    pub user: Vec<u8>,
}

impl Kdf for Dcc2 {
    fn cap(&self, _output: usize, caps: &Caps) -> Result<(), OverCap> {
        OverCap::check("rounds", self.rounds, caps.pbkdf2_rounds)
    }

    fn length(&self) -> Length {
        Length::Exactly(16)
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let mut key = Zeroizing::new([0; 16]);
        Digest::Md4.hash(&[password, &self.user], key.as_mut_slice());
        Digest::Sha1.pbkdf2(key.as_slice(), &self.user, self.rounds, output)
    }

    fn reaches(&self, target: &Self) -> bool {
        self.rounds >= target.rounds
    }

    fn describe(&self) -> String {
        format!("msdcc2 rounds={}", self.rounds)
    }

    fn forget_salt(&mut self) {
        self.user.fill(0);
    }
}
