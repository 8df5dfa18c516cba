//! Passwords that were never hashed.
//!
//! Invariant: only SHA-256 digests of both are compared, so that neither length nor content shows in the time.

use super::{Caps, Digest, Kdf, Length, OverCap, Strength};

/// The password itself; it has no parameters.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct Plain;

impl Plain {
    /// What the output must be for this password.
    pub(in crate::hash) fn expected(password: &[u8]) -> Vec<u8> {
        let mut expected = vec![0; Digest::Sha256.length()];
        Digest::Sha256.hash(&[password], &mut expected);
        expected
    }
}

impl Kdf for Plain {
    fn cap(&self, _output: usize, _caps: &Caps) -> Result<(), OverCap> {
        Ok(())
    }

    fn length(&self) -> Length {
        Length::Exactly(Digest::Sha256.length())
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        Digest::Sha256.hash(&[password], output);
        Ok(())
    }

    fn reaches(&self, _target: &Self) -> bool {
        true
    }

    fn describe(&self) -> String {
        "plaintext".to_owned()
    }

    fn forget_salt(&mut self) {}

    fn strength(&self) -> Strength {
        Strength::None
    }
}
