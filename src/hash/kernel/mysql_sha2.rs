//! MySQL's `caching_sha2_password`: SHA-crypt with SHA-256 as Ulrich Drepper defined it, but with twenty bytes of salt,
//! of which the `sha-crypt` crate would take sixteen.
//!
//! Invariant: the output is the plain digest, before the transposition that the text form applies.

use zeroize::Zeroizing;

use super::{Caps, Digest, Kdf, Length, OverCap};

/// The digest of `caching_sha2_password` with its parameters.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct MysqlSha2 {
    pub rounds: u32,
    pub salt: [u8; 20],
}

impl Kdf for MysqlSha2 {
    fn cap(&self, _output: usize, caps: &Caps) -> Result<(), OverCap> {
        OverCap::check("rounds", self.rounds, caps.sha_crypt_rounds)
    }

    fn length(&self) -> Length {
        Length::Exactly(32)
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let sha = |parts: &[&[u8]]| {
            let mut digest = Zeroizing::new([0; 32]);
            Digest::Sha256.hash(parts, digest.as_mut_slice());
            digest
        };
        let stretched =
            |digest: &[u8; 32], length| Zeroizing::new(digest.iter().copied().cycle().take(length).collect());
        let inner = sha(&[password, &self.salt, password]);
        let extended: Zeroizing<Vec<u8>> = stretched(&inner, password.len());
        let mut parts = vec![password, &self.salt, &extended];
        let mut bits = password.len();
        while bits > 0 {
            parts.push(if bits & 1 == 1 { inner.as_slice() } else { password });
            bits >>= 1;
        }
        let mut digest = sha(&parts);
        let passwords: Zeroizing<Vec<u8>> = stretched(&sha(&vec![password; password.len()]), password.len());
        let repeated = vec![self.salt.as_slice(); 16 + usize::from(digest[0])];
        let salts: Zeroizing<Vec<u8>> = stretched(&sha(&repeated), self.salt.len());
        for round in 0..self.rounds {
            let odd = round % 2 == 1;
            let (first, last): (&[u8], &[u8]) =
                if odd { (&passwords, digest.as_slice()) } else { (digest.as_slice(), &passwords) };
            let salt: &[u8] = if round % 3 == 0 { &[] } else { &salts };
            let middle: &[u8] = if round % 7 == 0 { &[] } else { &passwords };
            digest = sha(&[first, salt, middle, last]);
        }
        output.copy_from_slice(digest.as_slice());
        Ok(())
    }

    fn reaches(&self, target: &Self) -> bool {
        self.rounds >= target.rounds
    }

    fn describe(&self) -> String {
        format!("mysql-sha256 rounds={}", self.rounds)
    }

    fn forget_salt(&mut self) {
        self.salt.fill(0);
    }

    fn hashed_bytes(&self, password: usize) -> u64 {
        let length = password as u64;
        length * length + u64::from(self.rounds) * (2 * length + 128)
    }
}
