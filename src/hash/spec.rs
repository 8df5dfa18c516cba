//! What a definition says about password hashes, as written.
//!
//! Invariant: nothing here is checked yet; `Policy::compile` turns it into something that can run.

use std::fmt;
use std::str::FromStr;

use super::caps::Caps;

/// What a definition's `password:` block says: what is accepted, what is written, and the limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Which stored values are verified.
    pub accept: Accept,
    /// What new passwords are written as; accepted as well. None = this policy never writes.
    pub write: Option<FormatSpec>,
    /// The most a stored value may ask for.
    pub caps: Caps,
}

/// Which stored values are verified.
#[derive(Clone, Debug, PartialEq)]
pub enum Accept {
    /// Every format that says by itself what it is.
    Auto,
    /// These, tried in this order; the first whose shape fits decides.
    Formats(Vec<FormatSpec>),
}

/// One format as a definition names it.
#[derive(Clone, Debug, PartialEq)]
pub enum FormatSpec {
    /// A name or alias of the catalogue.
    Named(String),
    /// A name with the cost that new hashes get; for writing only.
    Tuned {
        /// A name or alias of the catalogue.
        format: String,
        /// What differs from the format's own default.
        cost: Cost,
    },
    /// A plain or salted digest, described by its parts.
    Digest(DigestSpec),
}

/// The cost of new hashes; what is left out keeps the format's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Argon2: memory in KiB.
    pub memory: Option<u32>,
    /// Argon2: passes over the memory.
    pub passes: Option<u32>,
    /// Argon2: lanes (parallelism).
    pub lanes: Option<u32>,
    /// bcrypt and phpass: log2 of the number of rounds.
    pub cost: Option<u32>,
    /// PBKDF2 and SHA-crypt: the number of rounds.
    pub rounds: Option<u32>,
}

impl Cost {
    /// The knobs that were set, by their names in a definition.
    pub(super) fn set(&self) -> impl Iterator<Item = &'static str> + use<> {
        [
            ("memory", self.memory),
            ("passes", self.passes),
            ("lanes", self.lanes),
            ("cost", self.cost),
            ("rounds", self.rounds),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.map(|_| name))
    }
}

/// A digest over password and salt, kept as text.
#[derive(Clone, Debug, PartialEq)]
pub struct DigestSpec {
    /// `md5`, `sha1`, `sha224`, `sha256`, `sha384` or `sha512`.
    pub digest: String,
    /// How the column holds the digest.
    pub encoding: Encoding,
    /// None = unsalted.
    pub salt: Option<SaltSpec>,
    /// How often the digest is taken; each further round digests the raw digest before it. None = once.
    pub rounds: Option<u32>,
    /// The column holds digest and salt together; without it, the salt has its own column.
    pub split: Option<Split>,
    /// How the password becomes bytes.
    pub charset: Charset,
}

/// Where the salt goes, and how its column holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaltSpec {
    /// Before or after the password.
    pub position: Position,
    /// Whether the salt's text or the bytes it encodes are digested.
    pub encoding: SaltEncoding,
}

/// How digest and salt share one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The text between them; not empty.
    pub separator: String,
    /// Which of them stands first.
    pub order: SplitOrder,
}

/// A closed set of words: the enum, its words, and their parsing with a suggestion.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal: $($(#[$variant_doc:meta])* $variant:ident = $word:literal $(| $also:literal)*),+) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            const WORDS: &[(&str, Self)] = &[$(($word, Self::$variant), $(($also, Self::$variant),)*)+];
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let wanted = text.to_ascii_lowercase();
                Self::WORDS.iter().find(|(word, _)| *word == wanted).map(|(_, value)| *value).ok_or_else(|| {
                    let near = nearest(&wanted, Self::WORDS.iter().map(|(word, _)| *word));
                    format!("`{text}` is not {}; did you mean `{near}`?", $what)
                })
            }
        }
    };
}

words! {
    /// How bytes stand in a text column; case of hex, padding and alphabet of base64 never matter on reading.
    Encoding, "an encoding":
    /// Hexadecimal, written in lower case.
    Hex = "hex",
    /// Base64, written with padding.
    Base64 = "base64"
}

words! {
    /// Where the salt goes.
    Position, "a position of the salt":
    /// Digest of salt, then password.
    Prefix = "prefix" | "prepend",
    /// Digest of password, then salt.
    Suffix = "suffix" | "postfix" | "append"
}

words! {
    /// What of the salt's column is digested.
    SaltEncoding, "an encoding of a salt":
    /// Its text as it stands.
    Text = "text" | "utf-8" | "utf8",
    /// The bytes its hexadecimal stands for.
    Hex = "hex",
    /// The bytes its base64 stands for.
    Base64 = "base64"
}

words! {
    /// How a password becomes bytes. A character it cannot encode never matches; it is not replaced.
    Charset, "a charset":
    /// As it came.
    Utf8 = "utf-8" | "utf8",
    /// Two bytes a unit, low byte first (.NET, Windows).
    Utf16Le = "utf-16le" | "utf16le" | "ucs2",
    /// ISO 8859-1.
    Latin1 = "latin-1" | "latin1" | "iso-8859-1"
}

words! {
    /// Which part of a split column stands first.
    SplitOrder, "an order of digest and salt":
    /// `digest:salt`.
    DigestFirst = "digest-salt",
    /// `salt:digest`.
    SaltFirst = "salt-digest"
}

/// Which item of the spec a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// The accepted format at this index.
    Accept(usize),
    /// The format that is written.
    Write,
}

/// What is wrong with an item; the caller knows where it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    /// The item it is about.
    pub item: Item,
    /// What was found and what was expected.
    pub message: String,
    /// How to fix it.
    pub help: Option<String>,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.help.iter().try_for_each(|help| write!(f, "; {help}"))
    }
}

impl std::error::Error for SpecError {}

/// What compiles but deserves a second thought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The item it is about.
    pub item: Item,
    /// What is the matter, and what would be better.
    pub message: String,
}

/// The word nearest to what was written; the set is never empty.
pub(super) fn nearest<'a>(wanted: &str, words: impl Iterator<Item = &'a str>) -> &'a str {
    words
        .map(|word| (strsim::jaro_winkler(wanted, word), word))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map_or("", |(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_suggested() {
        assert_eq!("UTF16LE".parse(), Ok(Charset::Utf16Le));
        let error = "sufix".parse::<Position>().unwrap_err();
        assert!(error.contains("did you mean `suffix`"), "{error}");
    }
}
