//! md5-crypt (Poul-Henning Kamp, FreeBSD 1994) and Apache's variant of it.
//!
//! Invariant: the output is the plain digest, before the transposition that the text form applies.

use super::{Caps, Digest, Kdf, Length, OverCap, Strength};

const ROUNDS: u64 = 1000;

/// md5-crypt with its parameters.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct Md5Crypt {
    /// `$1$` or `$apr1$`; it is digested too.
    pub magic: &'static str,
    /// At most 8 bytes.
    pub salt: Vec<u8>,
}

impl Kdf for Md5Crypt {
    fn cap(&self, _output: usize, _caps: &Caps) -> Result<(), OverCap> {
        Ok(())
    }

    fn length(&self) -> Length {
        Length::Exactly(16)
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let md5 = |parts: &[&[u8]]| {
            let mut digest = [0; 16];
            Digest::Md5.hash(parts, &mut digest);
            digest
        };
        let inner = md5(&[password, &self.salt, password]);
        let stretched: Vec<u8> = inner.iter().copied().cycle().take(password.len()).collect();
        // The bits of the length choose between NUL and the first character: a slip of the original, kept by all.
        let bits: Vec<u8> = std::iter::successors(Some(password.len()), |n| Some(n >> 1))
            .take_while(|n| *n > 0)
            .map(|n| if n & 1 == 1 { 0 } else { password[0] })
            .collect();
        let mut digest = md5(&[password, self.magic.as_bytes(), &self.salt, &stretched, &bits]);
        for round in 0..ROUNDS {
            let odd = round % 2 == 1;
            let (first, last): (&[u8], &[u8]) = if odd { (password, &digest) } else { (&digest, password) };
            let salt = if round % 3 == 0 { &[] } else { self.salt.as_slice() };
            let middle = if round % 7 == 0 { &[] } else { password };
            digest = md5(&[first, salt, middle, last]);
        }
        output.copy_from_slice(&digest);
        Ok(())
    }

    fn reaches(&self, _target: &Self) -> bool {
        true
    }

    fn describe(&self) -> String {
        "md5-crypt rounds=1000".to_owned()
    }

    fn forget_salt(&mut self) {
        self.salt.fill(0);
    }

    fn strength(&self) -> Strength {
        Strength::Weak
    }

    fn hashed_bytes(&self, password: usize) -> u64 {
        ROUNDS * (2 * password as u64 + 64)
    }

    fn ends_at_nul(&self) -> bool {
        true
    }
}
