//! MariaDB's public keys of Ed25519 (RFC 8032) made from a password: plugins `ed25519` and `parsec`.
//!
//! Invariant: only the key is computed, never a signature.

use curve25519_dalek::EdwardsPoint;
use zeroize::Zeroizing;

use super::{Caps, Digest, Kdf, Length, OverCap, Pbkdf2, Strength};

/// The public key, and how its seed is made.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct Ed25519 {
    /// None = the password itself is the seed, of any length.
    pub seed: Option<Pbkdf2>,
}

/// The bytes of a seed, and of a public key.
const LENGTH: usize = 32;

impl Kdf for Ed25519 {
    fn cap(&self, _output: usize, caps: &Caps) -> Result<(), OverCap> {
        self.seed.as_ref().map_or(Ok(()), |seed| seed.cap(LENGTH, caps))
    }

    fn length(&self) -> Length {
        Length::Exactly(LENGTH)
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let mut seed = Zeroizing::new([0; LENGTH]);
        let seed = match &self.seed {
            None => password,
            Some(pbkdf2) => {
                pbkdf2.derive(password, seed.as_mut_slice())?;
                seed.as_slice()
            }
        };
        let mut expanded = Zeroizing::new([0; 64]);
        Digest::Sha512.hash(&[seed], expanded.as_mut_slice());
        let mut scalar = Zeroizing::new([0; LENGTH]);
        scalar.copy_from_slice(&expanded[..LENGTH]);
        output.copy_from_slice(EdwardsPoint::mul_base_clamped(*scalar).compress().as_bytes());
        Ok(())
    }

    fn reaches(&self, target: &Self) -> bool {
        match (&self.seed, &target.seed) {
            (Some(own), Some(target)) => own.reaches(target),
            (own, target) => own.is_some() >= target.is_some(),
        }
    }

    fn describe(&self) -> String {
        self.seed.as_ref().map_or("ed25519".to_owned(), |seed| format!("ed25519 of {}", seed.describe()))
    }

    fn forget_salt(&mut self) {
        self.seed.iter_mut().for_each(Pbkdf2::forget_salt);
    }

    fn strength(&self) -> Strength {
        if self.seed.is_some() { Strength::Weak } else { Strength::Fast }
    }
}
