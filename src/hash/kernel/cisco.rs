//! The hash of Cisco's PIX and ASA: MD5 over password and name, padded, without every fourth byte.
//!
//! Invariant: a password longer than the device takes has no hash.

use super::{Caps, Digest, Kdf, Length, OverCap, Strength};

/// The bytes that PIX digests, and ASA for short passwords.
const SHORT: usize = 16;
/// The bytes that ASA digests for longer ones.
const LONG: usize = 32;

/// PIX and ASA.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct Cisco {
    /// ASA and PIX 7 digest up to 32 bytes.
    pub asa: bool,
    /// Its first four bytes count; empty for the enable password.
    pub user: Vec<u8>,
}

impl Kdf for Cisco {
    fn cap(&self, _output: usize, _caps: &Caps) -> Result<(), OverCap> {
        Ok(())
    }

    fn length(&self) -> Length {
        Length::Exactly(12)
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let mut text = zeroize::Zeroizing::new(password.to_vec());
        if !self.asa || text.len() < LONG - 4 {
            text.extend(self.user.iter().cycle().take(4));
        }
        let length = if self.asa && text.len() > SHORT { LONG } else { SHORT };
        text.resize(length, 0);
        let mut digest = [0; 16];
        Digest::Md5.hash(&[&text], &mut digest);
        for (place, group) in output.chunks_exact_mut(3).zip(digest.chunks_exact(4)) {
            place.copy_from_slice(&group[..3]);
        }
        Ok(())
    }

    fn reaches(&self, _target: &Self) -> bool {
        true
    }

    fn describe(&self) -> String {
        if self.asa { "cisco-asa" } else { "cisco-pix" }.to_owned()
    }

    fn forget_salt(&mut self) {
        self.user.fill(0);
    }

    fn strength(&self) -> Strength {
        Strength::Fast
    }

    fn ends_at_nul(&self) -> bool {
        true
    }

    fn significant_bytes(&self) -> Option<usize> {
        Some(if self.asa { LONG } else { SHORT })
    }

    fn is_defined_for(&self, password: &[u8]) -> bool {
        self.significant_bytes().is_some_and(|most| password.len() <= most)
    }
}
