//! Plain and salted digests.
//!
//! Invariant: an output of another length than the digest's own is never asked for.

use super::{Caps, Kdf, Length, OverCap, Strength};
use crate::hash::spec::Position;

/// A digest algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hash) enum Digest {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Digest {
    /// All of them, for names and suggestions.
    pub(in crate::hash) const ALL: [Self; 6] =
        [Self::Md5, Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The digest of this name, with or without a dash or underscore (`sha256`, `SHA-256`).
    pub(in crate::hash) fn named(name: &str) -> Option<Self> {
        let plain: String = name.chars().filter(|c| !matches!(c, '-' | '_')).collect();
        Self::ALL.into_iter().find(|d| d.name().eq_ignore_ascii_case(&plain))
    }

    pub(in crate::hash) fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// The bytes of its output.
    pub(in crate::hash) fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Digests the parts one after another; `output` has the digest's length.
    pub(in crate::hash) fn hash(self, parts: &[&[u8]], output: &mut [u8]) {
        fn run<D: ::sha2::Digest>(parts: &[&[u8]], output: &mut [u8]) {
            let state = parts.iter().fold(D::new(), |state, part| state.chain_update(part));
            output.copy_from_slice(&state.finalize());
        }
        match self {
            Self::Md5 => run::<md5::Md5>(parts, output),
            Self::Sha1 => run::<sha1::Sha1>(parts, output),
            Self::Sha224 => run::<sha2::Sha224>(parts, output),
            Self::Sha256 => run::<sha2::Sha256>(parts, output),
            Self::Sha384 => run::<sha2::Sha384>(parts, output),
            Self::Sha512 => run::<sha2::Sha512>(parts, output),
        }
    }
}

/// A digest over password and salt.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct Salted {
    pub digest: Digest,
    /// Empty = unsalted.
    pub salt: Vec<u8>,
    pub position: Position,
    /// At least 1; each further round digests the raw output of the one before.
    pub rounds: u32,
}

impl Kdf for Salted {
    fn cap(&self, _output: usize, caps: &Caps) -> Result<(), OverCap> {
        OverCap::check("rounds", self.rounds, caps.digest_rounds)
    }

    fn length(&self) -> Length {
        Length::Exactly(self.digest.length())
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        match self.position {
            Position::Prefix => self.digest.hash(&[&self.salt, password], output),
            Position::Suffix => self.digest.hash(&[password, &self.salt], output),
        }
        for _ in 1..self.rounds {
            let before = zeroize::Zeroizing::new(output.to_vec());
            self.digest.hash(&[&before], output);
        }
        Ok(())
    }

    fn reaches(&self, target: &Self) -> bool {
        self.digest.length() >= target.digest.length()
            && self.rounds >= target.rounds
            && self.salt.is_empty() <= target.salt.is_empty()
    }

    fn describe(&self) -> String {
        let salt = if self.salt.is_empty() { "unsalted" } else { "salted" };
        format!("{} {salt} rounds={}", self.digest.name(), self.rounds)
    }

    fn forget_salt(&mut self) {
        self.salt.fill(0);
    }

    fn strength(&self) -> Strength {
        Strength::Fast
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::codec::to_hex;

    /// FIPS 180-4 and RFC 1321, the digest of "abc".
    #[test]
    fn known_answers() {
        for (digest, expected) in [
            (Digest::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Digest::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Digest::Sha224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
            (Digest::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                Digest::Sha384,
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            ),
            (
                Digest::Sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ] {
            let mut output = vec![0; digest.length()];
            digest.hash(&[b"a", b"bc"], &mut output);
            assert_eq!(to_hex(&output), expected);
            assert_eq!(Digest::named(&digest.name().to_uppercase()), Some(digest));
        }
    }
}
