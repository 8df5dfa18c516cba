//! A SHA-512 over a key that PBKDF2 derived: Oracle 12c and SolarWinds.
//!
//! Invariant: the key has the length that the format fixes, not one that a row chose.

use zeroize::Zeroizing;

use super::{Caps, Digest, Kdf, Length, OverCap, Pbkdf2};

/// SHA-512 over a derived key and a salt.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct DigestedPbkdf2 {
    pub inner: Pbkdf2,
    /// The bytes of the derived key.
    pub key: usize,
    /// What is digested after the key.
    pub suffix: Vec<u8>,
}

impl Kdf for DigestedPbkdf2 {
    fn cap(&self, _output: usize, caps: &Caps) -> Result<(), OverCap> {
        self.inner.cap(self.key, caps)
    }

    fn length(&self) -> Length {
        Length::Exactly(Digest::Sha512.length())
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let mut key = Zeroizing::new(vec![0; self.key]);
        self.inner.derive(password, &mut key)?;
        Digest::Sha512.hash(&[&key, &self.suffix], output);
        Ok(())
    }

    fn reaches(&self, target: &Self) -> bool {
        self.inner.reaches(&target.inner) && self.key >= target.key
    }

    fn describe(&self) -> String {
        format!("sha512 of {}", self.inner.describe())
    }

    fn forget_salt(&mut self) {
        self.inner.forget_salt();
        self.suffix.fill(0);
    }
}
