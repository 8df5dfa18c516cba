//! bcrypt, over the raw function of the `bcrypt` crate.
//!
//! Invariant: the crate's function is called with 1 to 72 bytes of key, as it demands.

use super::{Caps, Kdf, Length, OverCap};
use zeroize::Zeroizing;

/// The bytes of key that bcrypt takes.
pub(in crate::hash) const KEY: usize = 72;

/// bcrypt with its parameters.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct Bcrypt {
    /// log2 of the number of rounds, 4 to 31.
    pub cost: u32,
    pub salt: [u8; 16],
    pub keyed: Keyed,
}

/// How the password became a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hash) enum Keyed {
    /// With the NUL at its end, over and over.
    Terminated,
    /// `$2$`, the first revision: over and over without the NUL.
    Bare,
    /// `$2x$`: written by crypt_blowfish before 1.1, which extended the sign of bytes above 127.
    SignExtended,
}

impl Kdf for Bcrypt {
    fn cap(&self, _output: usize, caps: &Caps) -> Result<(), OverCap> {
        OverCap::check("as bcrypt cost", self.cost, caps.bcrypt_cost.min(31))
    }

    fn length(&self) -> Length {
        Length::Exactly(23)
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let key = match self.keyed {
            Keyed::Terminated => terminated(password),
            Keyed::Bare => bare(password),
            Keyed::SignExtended => sign_extended(password),
        };
        let result = Zeroizing::new(::bcrypt::bcrypt(self.cost, self.salt, &key));
        output.copy_from_slice(&result[..output.len()]);
        Ok(())
    }

    fn reaches(&self, target: &Self) -> bool {
        self.cost >= target.cost && self.keyed == target.keyed
    }

    fn describe(&self) -> String {
        let revision = match self.keyed {
            Keyed::Terminated => "",
            Keyed::Bare => " (2)",
            Keyed::SignExtended => " (2x)",
        };
        format!("bcrypt cost={}{revision}", self.cost)
    }

    fn forget_salt(&mut self) {
        self.salt.fill(0);
    }

    fn ends_at_nul(&self) -> bool {
        true
    }

    fn significant_bytes(&self) -> Option<usize> {
        Some(KEY)
    }
}

fn terminated(password: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(password.iter().copied().chain([0]).take(KEY).collect())
}

fn bare(password: &[u8]) -> Zeroizing<Vec<u8>> {
    if password.is_empty() {
        return terminated(password);
    }
    Zeroizing::new(password.iter().copied().cycle().take(KEY).collect())
}

/// The 18 words that the faulty implementation made of the key, as the bytes that make the right one see the same.
fn sign_extended(password: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut bytes = password.iter().copied().chain([0]).cycle();
    let mut words = Zeroizing::new(Vec::with_capacity(KEY));
    for _ in 0..KEY / 4 {
        let word = bytes.by_ref().take(4).fold(0_u32, |word, b| (word << 8) | b.cast_signed() as i32 as u32);
        words.extend(word.to_be_bytes());
    }
    words
}
