//! Plain and salted digests.
//!
//! Invariant: an output of another length than the digest's own is never asked for.

use hmac::digest::block_api::BlockSizeUser;
use hmac::{KeyInit, Mac, SimpleHmac};

use super::{Caps, Kdf, Length, OverCap, Strength};
use crate::hash::spec::Position;

/// The algorithms: one row is a variant, its name, its length in bytes and its type.
macro_rules! digests {
    ($($variant:ident = $name:literal, $length:literal, $type:ty;)+) => {
        /// A digest algorithm.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(in crate::hash) enum Digest {
            $($variant,)+
        }

        impl Digest {
            /// All of them, for names and suggestions.
            pub(in crate::hash) const ALL: &[Self] = &[$(Self::$variant,)+];

            pub(in crate::hash) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The bytes of its output.
            pub(in crate::hash) fn length(self) -> usize {
                match self { $(Self::$variant => $length,)+ }
            }

            /// Digests the parts one after another; `output` has the digest's length.
            pub(in crate::hash) fn hash(self, parts: &[&[u8]], output: &mut [u8]) {
                match self { $(Self::$variant => run::<$type>(parts, output),)+ }
            }

            /// HMAC (RFC 2104) over the parts one after another; `output` has the digest's length.
            pub(in crate::hash) fn hmac(self, key: &[u8], parts: &[&[u8]], output: &mut [u8]) -> Result<(), String> {
                match self { $(Self::$variant => run_hmac::<$type>(key, parts, output),)+ }
            }

            /// PBKDF2 (RFC 8018) with its HMAC, into an output of any length.
            pub(in crate::hash) fn pbkdf2(self, key: &[u8], salt: &[u8], rounds: u32, output: &mut [u8]) -> Result<(), String> {
                match self {
                    $(Self::$variant => ::pbkdf2::pbkdf2::<SimpleHmac<$type>>(key, salt, rounds, output),)+
                }
                .map_err(|e| e.to_string())
            }
        }
    };
}

digests! {
    Md4 = "md4", 16, md4::Md4;
    Md5 = "md5", 16, md5::Md5;
    Sha1 = "sha1", 20, sha1::Sha1;
    Sha224 = "sha224", 28, sha2::Sha224;
    Sha256 = "sha256", 32, sha2::Sha256;
    Sha384 = "sha384", 48, sha2::Sha384;
    Sha512 = "sha512", 64, sha2::Sha512;
    Sha512_256 = "sha512-256", 32, sha2::Sha512_256;
    Sha3_224 = "sha3-224", 28, sha3::Sha3_224;
    Sha3_256 = "sha3-256", 32, sha3::Sha3_256;
    Sha3_384 = "sha3-384", 48, sha3::Sha3_384;
    Sha3_512 = "sha3-512", 64, sha3::Sha3_512;
    Keccak224 = "keccak-224", 28, sha3::Keccak224;
    Keccak256 = "keccak-256", 32, sha3::Keccak256;
    Keccak384 = "keccak-384", 48, sha3::Keccak384;
    Keccak512 = "keccak-512", 64, sha3::Keccak512;
    Ripemd128 = "ripemd128", 16, ripemd::Ripemd128;
    Ripemd160 = "ripemd160", 20, ripemd::Ripemd160;
    Ripemd256 = "ripemd256", 32, ripemd::Ripemd256;
    Ripemd320 = "ripemd320", 40, ripemd::Ripemd320;
    Whirlpool = "whirlpool", 64, whirlpool::Whirlpool;
    Blake2s256 = "blake2s-256", 32, blake2::Blake2s256;
    Blake2b512 = "blake2b-512", 64, blake2::Blake2b512;
    Tiger = "tiger", 24, tiger::Tiger;
    Sm3 = "sm3", 32, sm3::Sm3;
    Streebog256 = "streebog-256", 32, streebog::Streebog256;
    Streebog512 = "streebog-512", 64, streebog::Streebog512;
}

impl Digest {
    /// The digest of this name, with or without dashes and underscores (`sha256`, `SHA-256`, `sha3_512`).
    pub(in crate::hash) fn named(name: &str) -> Option<Self> {
        let plain = |text: &str| text.chars().filter(|c| !matches!(c, '-' | '_')).collect::<String>();
        let wanted = plain(name);
        Self::ALL.iter().copied().find(|digest| plain(digest.name()).eq_ignore_ascii_case(&wanted))
    }

    /// Whether PBKDF2 with it is held to the lower cap: a round of it takes longer.
    pub(in crate::hash) fn is_wide(self) -> bool {
        self.length() > 32
    }
}

fn run<D: ::sha2::Digest>(parts: &[&[u8]], output: &mut [u8]) {
    let state = parts.iter().fold(D::new(), |state, part| state.chain_update(part));
    output.copy_from_slice(&state.finalize());
}

fn run_hmac<D: ::sha2::Digest + BlockSizeUser>(key: &[u8], parts: &[&[u8]], output: &mut [u8]) -> Result<(), String> {
    let mac = <SimpleHmac<D> as KeyInit>::new_from_slice(key).map_err(|e| e.to_string())?;
    let mac = parts.iter().fold(mac, |mac, part| mac.chain_update(part));
    output.copy_from_slice(&mac.finalize().into_bytes());
    Ok(())
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
            Position::Both => self.digest.hash(&[&self.salt, password, &self.salt], output),
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
