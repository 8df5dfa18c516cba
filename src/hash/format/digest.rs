//! Plain and salted digests that say nothing about themselves: everything comes from the definition.
//!
//! Invariant: the digest has exactly its algorithm's length, whatever the encoding.

use super::Draw;
use crate::hash::challenge::{Challenge, Fault, Parsed, Step};
use crate::hash::codec::{from_base64, from_hex, to_base64, to_hex};
use crate::hash::kernel::{Digest, Kernel, Salted};
use crate::hash::scan::is_hex;
use crate::hash::spec::{Charset, DigestSpec, Encoding, Position, SaltEncoding, SaltSpec, Split, SplitOrder, nearest};

/// A digest in hex without salt.
pub(in crate::hash) fn unsalted(value: &str, digest: Digest) -> Parsed {
    if !is_hex(value, digest.length() * 2) {
        return Err(Fault::Foreign);
    }
    let kernel = Salted { digest, salt: vec![], position: Position::Prefix, rounds: 1 };
    Ok(Challenge::new(Kernel::Salted(kernel), from_hex(value).ok_or(Fault::Foreign)?))
}

/// A digest as a definition describes it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::hash) struct DigestFormat {
    digest: Digest,
    encoding: Encoding,
    salt: Option<SaltSpec>,
    rounds: u32,
    split: Option<Split>,
    charset: Charset,
}

/// What does not fit together in a description: the message and how to fix it.
pub(in crate::hash) type Misfit = (String, Option<String>);

impl DigestFormat {
    /// Checks the description.
    pub(in crate::hash) fn compile(spec: &DigestSpec) -> Result<Self, Misfit> {
        let digest = Digest::named(&spec.digest).ok_or_else(|| {
            let near = nearest(&spec.digest.to_ascii_lowercase(), Digest::ALL.iter().copied().map(Digest::name));
            (format!("`{}` is not a digest", spec.digest), Some(format!("did you mean `{near}`?")))
        })?;
        if spec.rounds == Some(0) {
            return Err((
                "`rounds: 0` computes nothing".to_owned(),
                Some("leave it out, or write 1 or more".to_owned()),
            ));
        }
        match &spec.split {
            Some(split) if split.separator.is_empty() => {
                return Err((
                    "the separator of `split` is empty".to_owned(),
                    Some("name the character between digest and salt, such as \":\"".to_owned()),
                ));
            }
            Some(_) if spec.salt.is_none() => {
                return Err((
                    "`split` is given but no salt".to_owned(),
                    Some("add `salt: { position: prefix }` or `suffix`".to_owned()),
                ));
            }
            _ => {}
        }
        let DigestSpec { encoding, salt, rounds, split, charset, .. } = spec.clone();
        Ok(Self { digest, encoding, salt, rounds: rounds.unwrap_or(1), split, charset })
    }

    /// Whether the salt comes from another column.
    pub(in crate::hash) fn needs_salt(&self) -> bool {
        self.salt.is_some() && self.split.is_none()
    }

    pub(in crate::hash) fn is_salted(&self) -> bool {
        self.salt.is_some()
    }

    /// Whether every value of `other`'s shape is of this shape too, so that `other` would never be reached.
    pub(in crate::hash) fn hides(&self, other: &Self) -> bool {
        let shape = |f: &Self| (f.digest.length(), f.encoding, f.split.clone());
        shape(self) == shape(other)
    }

    /// Its name in messages.
    pub(in crate::hash) fn name(&self) -> String {
        let salt = match self.salt {
            None => "unsalted",
            Some(SaltSpec { position: Position::Prefix, .. }) => "salt before the password",
            Some(SaltSpec { position: Position::Suffix, .. }) => "salt after the password",
        };
        format!("{} ({salt})", self.digest.name())
    }

    /// A stored digest, with the salt of its own column where it has one.
    pub(in crate::hash) fn parse(&self, value: &str, salt: Option<&[u8]>) -> Parsed {
        let (digest, text_salt) = match &self.split {
            None => (value, None),
            Some(split) => {
                let (digest, salt) = self.divide(value, split).ok_or(Fault::Foreign)?;
                (digest, Some(salt))
            }
        };
        let stored = match self.encoding {
            Encoding::Hex => from_hex(digest),
            Encoding::Base64 => from_base64(digest),
        };
        let stored = stored.filter(|s| s.len() == self.digest.length()).ok_or(Fault::Foreign)?;
        let salt = match self.salt {
            None => vec![],
            Some(spec) => {
                let salt = text_salt.map(str::as_bytes).or(salt).ok_or(Fault::Malformed("its salt is NULL"))?;
                decode_salt(salt, spec.encoding)?
            }
        };
        Ok(Challenge::new(self.kernel(salt), stored.clone()).after(self.steps()))
    }

    /// A challenge with a fresh salt and no digest yet, and the salt as its column holds it.
    pub(in crate::hash) fn template(&self, draw: &mut Draw<'_>) -> (Challenge, Option<String>) {
        let random = draw.bytes::<16>();
        let (salt, text) = match self.salt.map(|s| s.encoding) {
            None => (vec![], None),
            Some(SaltEncoding::Text) => (to_hex(&random).into_bytes(), Some(to_hex(&random))),
            Some(SaltEncoding::Hex) => (random.to_vec(), Some(to_hex(&random))),
            Some(SaltEncoding::Base64) => (random.to_vec(), Some(to_base64(&random))),
        };
        (Challenge::new(self.kernel(salt), vec![0; self.digest.length()]).after(self.steps()), text)
    }

    /// What the column of the hash gets.
    pub(in crate::hash) fn render(&self, challenge: &Challenge, salt: Option<&str>) -> String {
        let digest = match self.encoding {
            Encoding::Hex => to_hex(&challenge.expected),
            Encoding::Base64 => to_base64(&challenge.expected),
        };
        match (&self.split, salt) {
            (Some(Split { separator, order: SplitOrder::DigestFirst }), Some(salt)) => {
                format!("{digest}{separator}{salt}")
            }
            (Some(Split { separator, order: SplitOrder::SaltFirst }), Some(salt)) => {
                format!("{salt}{separator}{digest}")
            }
            _ => digest,
        }
    }

    // The salt may hold the separator, the digest cannot: it is cut off at its own end.
    fn divide<'a>(&self, value: &'a str, split: &Split) -> Option<(&'a str, &'a str)> {
        match split.order {
            SplitOrder::DigestFirst => value.split_once(&split.separator),
            SplitOrder::SaltFirst => value.rsplit_once(&split.separator).map(|(salt, digest)| (digest, salt)),
        }
    }

    fn kernel(&self, salt: Vec<u8>) -> Kernel {
        let position = self.salt.map_or(Position::Prefix, |s| s.position);
        Kernel::Salted(Salted { digest: self.digest, salt, position, rounds: self.rounds })
    }

    fn steps(&self) -> Option<Step> {
        (self.charset != Charset::Utf8).then_some(Step::Encode(self.charset))
    }
}

fn decode_salt(salt: &[u8], encoding: SaltEncoding) -> Result<Vec<u8>, Fault> {
    let text = || str::from_utf8(salt).ok().map(str::trim_ascii);
    match encoding {
        SaltEncoding::Text => Some(salt.to_vec()),
        SaltEncoding::Hex => text().and_then(from_hex),
        SaltEncoding::Base64 => text().and_then(from_base64),
    }
    .ok_or(Fault::Malformed("its salt is not in the declared encoding"))
}
