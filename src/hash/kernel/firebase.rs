//! Firebase's own scrypt: a key from the password, and with it the cipher stream over the project's signer key.
//!
//! Invariant: what is compared is the stream itself; the parser takes the signer key off the stored value.

use aes::Aes256;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use zeroize::Zeroizing;

use super::{Caps, Kdf, Length, OverCap, Scrypt};

/// The scrypt that makes the key.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct Firebase(pub Scrypt);

impl Kdf for Firebase {
    fn cap(&self, _output: usize, caps: &Caps) -> Result<(), OverCap> {
        self.0.cap(KEY, caps)
    }

    fn length(&self) -> Length {
        Length::Chosen
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let mut key = Zeroizing::new([0; KEY]);
        self.0.derive(password, key.as_mut_slice())?;
        let cipher = Aes256::new(&(*key).into());
        // AES in counter mode from zero.
        for (counter, chunk) in output.chunks_mut(16).enumerate() {
            let mut block = (counter as u128).to_be_bytes().into();
            cipher.encrypt_block(&mut block);
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }

    fn reaches(&self, target: &Self) -> bool {
        self.0.reaches(&target.0)
    }

    fn describe(&self) -> String {
        format!("firebase {}", self.0.describe())
    }

    fn forget_salt(&mut self) {
        self.0.forget_salt();
    }

    fn memory(&self) -> u64 {
        self.0.memory()
    }
}

/// The bytes of an AES-256 key.
const KEY: usize = 32;
