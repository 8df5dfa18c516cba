//! `$sm3$` of libxcrypt 4.4.37 and later: SHA-crypt's construction over SM3.
//!
//! Invariant: the output is the plain digest, before the transposition that the text form applies.

use zeroize::Zeroizing;

use super::{Caps, Digest, Kdf, Length, OverCap};

/// SM3-crypt with its parameters.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct Sm3Crypt {
    pub rounds: u32,
    /// At most 16 bytes.
    pub salt: Vec<u8>,
}

/// The bytes of a digest.
const LENGTH: usize = 32;

type Block = Zeroizing<[u8; LENGTH]>;

impl Kdf for Sm3Crypt {
    fn cap(&self, _output: usize, caps: &Caps) -> Result<(), OverCap> {
        OverCap::check("rounds", self.rounds, caps.sha_crypt_rounds)
    }

    fn length(&self) -> Length {
        Length::Exactly(LENGTH)
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let mut block = self.first(password);
        let p = recycled(&sm3(&vec![password; password.len()]), password.len());
        let s = sm3(&vec![&self.salt; 16 + usize::from(block[0])]);
        let s = recycled(&s, self.salt.len());
        for round in 0..self.rounds {
            let (odd, nothing) = (round % 2 == 1, &[][..]);
            let before = block;
            block = sm3(&[
                if odd { &p } else { before.as_slice() },
                if round % 3 == 0 { nothing } else { &s },
                if round % 7 == 0 { nothing } else { &p },
                if odd { before.as_slice() } else { &p },
            ]);
        }
        output.copy_from_slice(block.as_slice());
        Ok(())
    }

    fn reaches(&self, target: &Self) -> bool {
        self.rounds >= target.rounds
    }

    fn describe(&self) -> String {
        format!("sm3-crypt rounds={}", self.rounds)
    }

    fn forget_salt(&mut self) {
        self.salt.fill(0);
    }

    // As SHA-crypt: the password is repeated once for each of its own bytes, then about twice in every round.
    fn hashed_bytes(&self, password: usize) -> u64 {
        let length = password as u64;
        length * length + u64::from(self.rounds) * (2 * length + 128)
    }

    fn ends_at_nul(&self) -> bool {
        true
    }
}

impl Sm3Crypt {
    /// The digest that the rounds begin with.
    fn first(&self, password: &[u8]) -> Block {
        let alternate = sm3(&[password, &self.salt, password]);
        let repeated = recycled(&alternate, password.len());
        let mut parts: Vec<&[u8]> = vec![password, &self.salt, &repeated];
        let mut bits = password.len();
        while bits > 0 {
            parts.push(if bits & 1 == 1 { alternate.as_slice() } else { password });
            bits >>= 1;
        }
        sm3(&parts)
    }
}

fn sm3(parts: &[impl AsRef<[u8]>]) -> Block {
    let parts: Vec<&[u8]> = parts.iter().map(AsRef::as_ref).collect();
    let mut block = Block::default();
    Digest::Sm3.hash(&parts, block.as_mut_slice());
    block
}

/// The block, over and over up to this length.
fn recycled(block: &Block, length: usize) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(block.iter().copied().cycle().take(length).collect())
}
