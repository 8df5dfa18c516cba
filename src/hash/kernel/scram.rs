//! SCRAM (RFC 5802, RFC 7677): the keys that a server keeps, computed from the password.
//!
//! Invariant: both keys are compared, so that a row which lost one of them never matches.

use zeroize::Zeroizing;

use super::{Caps, Digest, Kdf, Length, OverCap, Strength};

/// SCRAM with its parameters; its output is the stored key, then the server key.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct Scram {
    /// SHA-1 or SHA-256.
    pub digest: Digest,
    /// At least 1.
    pub rounds: u32,
    pub salt: Vec<u8>,
    /// MongoDB's SHA-1: the password is first digested with this name.
    pub mongo_user: Option<String>,
}

impl Kdf for Scram {
    fn cap(&self, _output: usize, caps: &Caps) -> Result<(), OverCap> {
        OverCap::check("rounds", self.rounds, caps.pbkdf2_rounds)
    }

    fn length(&self) -> Length {
        Length::Exactly(2 * self.digest.length())
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let digested = self.mongo_user.as_ref().map(|user| {
            let mut digest = Zeroizing::new([0; 16]);
            Digest::Md5.hash(&[user.as_bytes(), b":mongo:", password], digest.as_mut_slice());
            Zeroizing::new(crate::hash::codec::to_hex(digest.as_slice()).into_bytes())
        });
        let password = digested.as_ref().map_or(password, |hex| hex.as_slice());
        let length = self.digest.length();
        let mut salted = Zeroizing::new(vec![0; length]);
        self.digest.pbkdf2(password, &self.salt, self.rounds, &mut salted)?;
        let mut client = Zeroizing::new(vec![0; length]);
        self.digest.hmac(&salted, &[b"Client Key"], &mut client)?;
        let (stored_key, server_key) = output.split_at_mut(length);
        self.digest.hash(&[&client], stored_key);
        self.digest.hmac(&salted, &[b"Server Key"], server_key)
    }

    fn reaches(&self, target: &Self) -> bool {
        self.digest.length() >= target.digest.length() && self.rounds >= target.rounds
    }

    fn describe(&self) -> String {
        format!("scram-{} rounds={}", self.digest.name(), self.rounds)
    }

    fn forget_salt(&mut self) {
        self.salt.fill(0);
        if let Some(user) = &mut self.mongo_user {
            *user = "x".repeat(user.len());
        }
    }

    // Servers write 4096 rounds, which is little.
    fn strength(&self) -> Strength {
        Strength::Weak
    }
}
