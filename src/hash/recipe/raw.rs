//! KDFs whose output stands in a column as it is, and whose parameters stand in the definition.
//!
//! Invariant: a digest that a short column cut off is not accepted: the kernel's own rule of lengths holds.

use super::{Decoder, Need, decoded_salt};
use crate::hash::challenge::{Challenge, Fault, Inputs, Parsed};
use crate::hash::kernel::{Argon2, Digest, Kernel, Pbkdf2, Scrypt, Variant, Version};
use crate::hash::spec::{Rounds, SaltEncoding, Split, SplitOrder};

/// A KDF with the parameters that are the same for every row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RawKdf {
    pub algorithm: Algorithm,
    pub rounds: Rounds,
    pub length: Option<usize>,
    pub salt: SaltEncoding,
    pub split: Option<Split>,
}

/// Which KDF.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Algorithm {
    Pbkdf2(Digest),
    Scrypt { log_n: u8, r: u32, p: u32 },
    Argon2 { variant: Variant, memory: u32, passes: u32, lanes: u32 },
}

impl Algorithm {
    pub(super) fn name(self) -> String {
        match self {
            Self::Pbkdf2(digest) => format!("pbkdf2-{}", digest.name()),
            Self::Scrypt { .. } => "scrypt".to_owned(),
            Self::Argon2 { variant, .. } => format!("argon2{}", variant.suffix()),
        }
    }

    /// The bytes of new outputs.
    pub(super) fn output(self) -> usize {
        match self {
            Self::Pbkdf2(digest) => digest.length(),
            Self::Scrypt { .. } => 64,
            Self::Argon2 { .. } => 32,
        }
    }
}

impl RawKdf {
    pub(super) fn needs(&self) -> Vec<Need> {
        let mut needs = Vec::new();
        needs.extend(self.split.is_none().then_some(Need::Salt));
        needs.extend((self.rounds == Rounds::Row).then_some(Need::Rounds));
        needs
    }

    pub(super) fn parse(&self, decoder: &Decoder<'_>, inputs: &Inputs<'_>) -> Parsed {
        let (digest, salt) = match &self.split {
            None => (decoder.whole().ok_or(Fault::Foreign)?, inputs.salt),
            Some(split) => {
                let (digest, salt) = split.divide(decoder.text.ok_or(Fault::Foreign)?).ok_or(Fault::Foreign)?;
                (decoder.decode(digest).ok_or(Fault::Foreign)?, Some(salt.as_bytes()))
            }
        };
        if self.length.is_some_and(|length| digest.len() != length) {
            return Err(Fault::Foreign);
        }
        let salt = decoded_salt(salt.ok_or(Fault::Malformed("its salt is NULL"))?, self.salt)?;
        let rounds = match self.rounds {
            Rounds::Fixed(rounds) => rounds,
            Rounds::Row => inputs.rounds.unwrap_or(0),
        };
        if rounds == 0 {
            return Err(Fault::Malformed("its rounds are not a positive number"));
        }
        Ok(Challenge::new(self.kernel(salt, rounds), digest))
    }

    pub(super) fn kernel(&self, salt: Vec<u8>, rounds: u32) -> Kernel {
        match self.algorithm {
            Algorithm::Pbkdf2(digest) => Kernel::Pbkdf2(Pbkdf2 { digest, rounds, salt, output: self.length }),
            Algorithm::Scrypt { log_n, r, p } => Kernel::Scrypt(Scrypt { log_n, r, p, salt }),
            Algorithm::Argon2 { variant, memory, passes, lanes } => {
                Kernel::Argon2(Argon2 { variant, version: Version::V19, memory, passes, lanes, salt, data: Vec::new() })
            }
        }
    }
}

impl Split {
    /// The digest and the salt. The salt may hold the separator, the digest cannot: it is cut off at its own end.
    pub(super) fn divide<'a>(&self, value: &'a str) -> Option<(&'a str, &'a str)> {
        match self.order {
            SplitOrder::DigestFirst => value.split_once(&self.separator),
            SplitOrder::SaltFirst => value.rsplit_once(&self.separator).map(|(salt, digest)| (digest, salt)),
        }
    }
}
