//! What a definition says about password hashes, as written.
//!
//! Invariant: nothing here is checked yet; `Policy::compile` turns it into something that can run.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::caps::Caps;
use crate::secret::Secret;

/// What a definition's `password:` block says: what is accepted, what is written, and the limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Which stored values are verified.
    pub accept: Accept,
    /// What new passwords are written as; accepted as well. None = this policy never writes.
    pub write: Option<FormatSpec>,
    /// The columns that hold what formats need beside the hash.
    pub columns: Columns,
    /// The most a stored value may ask for.
    pub caps: Caps,
}

impl Spec {
    /// What is accepted and what is written, with the default caps and no further columns.
    pub fn new(accept: Accept, write: Option<FormatSpec>) -> Self {
        Self { accept, write, columns: Columns::default(), caps: Caps::default() }
    }
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
    /// A digest by its parts, an expression, or a named format with what stands around it.
    Described(Box<Description>),
}

/// The cost of new hashes, and of stored ones that do not say it; what is left out keeps the format's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Argon2: memory in KiB.
    pub memory: Option<u32>,
    /// Argon2: passes over the memory.
    pub passes: Option<u32>,
    /// Argon2: lanes; scrypt: p.
    pub lanes: Option<u32>,
    /// bcrypt and phpass: log2 of the number of rounds; scrypt: log2 of N.
    pub cost: Option<u32>,
    /// PBKDF2 and SHA-crypt: the number of rounds.
    pub rounds: Option<u32>,
    /// scrypt: r.
    pub block: Option<u32>,
}

impl Cost {
    /// Nothing but defaults.
    pub const NONE: Self = Self { memory: None, passes: None, lanes: None, cost: None, rounds: None, block: None };

    /// The knobs that were set, by their names in a definition.
    pub(super) fn set(&self) -> impl Iterator<Item = &'static str> + use<> {
        [
            ("memory", self.memory),
            ("passes", self.passes),
            ("lanes", self.lanes),
            ("cost", self.cost),
            ("rounds", self.rounds),
            ("block", self.block),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.map(|_| name))
    }
}

/// A format that a name alone does not say.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// What is computed.
    pub base: Base,
    /// How the column holds what was computed; None = as the format has it, or hex.
    pub encoding: Option<Encoding>,
    /// None = unsalted, or as the format has it.
    pub salt: Option<SaltSpec>,
    /// The column holds digest and salt together; without it, the salt has its own column.
    pub split: Option<Split>,
    /// How often a digest is taken, or the rounds of PBKDF2. None = once, or as the format has it.
    pub rounds: Option<Rounds>,
    /// What each further round of a digest digests.
    pub rounds_over: RoundsOver,
    /// The bytes of the output. None = all that the algorithm gives, or as many as a stored value has.
    pub length: Option<usize>,
    /// The cost of scrypt and Argon2, which are not in a stored digest, and of new hashes.
    pub cost: Cost,
    /// Which of the format's algorithms, where a row does not say it.
    pub algorithm: Option<String>,
    /// The realm of HTTP digest authentication, where a row does not say it.
    pub realm: Option<String>,
    /// The password's changes before anything else, in this order.
    pub transform: Vec<Change>,
    /// How the password becomes bytes.
    pub charset: Charset,
    /// A secret of the whole site.
    pub pepper: Option<Pepper>,
    /// A digest's name or an expression over `$pass`, whose result takes the password's place.
    pub prehash: Option<String>,
    /// The keys of HMAC; tried in this order, the first for new hashes.
    pub key: Secrets,
    /// The columns that this format reads beside the hash, where they are not those of the whole policy.
    pub columns: Columns,
    /// Which of the column's values are of this format.
    pub when: When,
}

/// What is computed over the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// A format of the catalogue.
    Named(String),
    /// A digest's name, `hmac-…`, `pbkdf2-…`, `scrypt`, `argon2i`, `argon2d`, `argon2id`, or a format of the catalogue.
    Digest(String),
    /// An expression.
    Expression(String),
}

impl Description {
    /// A format of the catalogue, with nothing around it.
    pub fn named(name: &str) -> Self {
        Self::of(Base::Named(name.to_owned()))
    }

    /// A digest, unsalted and in hex.
    pub fn digest(name: &str) -> Self {
        Self::of(Base::Digest(name.to_owned()))
    }

    /// An expression.
    pub fn expression(text: &str) -> Self {
        Self::of(Base::Expression(text.to_owned()))
    }

    fn of(base: Base) -> Self {
        Self {
            base,
            encoding: None,
            salt: None,
            split: None,
            rounds: None,
            rounds_over: RoundsOver::Digest,
            length: None,
            cost: Cost::default(),
            algorithm: None,
            realm: None,
            transform: Vec::new(),
            charset: Charset::Utf8,
            pepper: None,
            prehash: None,
            key: Secrets::default(),
            columns: Columns::default(),
            when: When::default(),
        }
    }
}

/// Where the number of rounds comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounds {
    /// The same for every row.
    Fixed(u32),
    /// A column of the row.
    Row,
}

/// Where the salt goes, and how its column holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaltSpec {
    /// Before or after the password.
    pub position: Position,
    /// Whether the salt's text or the bytes it encodes are digested.
    pub encoding: SaltEncoding,
    /// The length of new salts: characters of a text, or bytes before they are encoded. None = 16 bytes, or 32
    /// characters.
    pub length: Option<usize>,
}

impl SaltSpec {
    /// A salt whose text is digested.
    pub fn text(position: Position) -> Self {
        Self { position, encoding: SaltEncoding::Text, length: None }
    }
}

/// How digest and salt share one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The text between them; not empty.
    pub separator: String,
    /// Which of them stands first.
    pub order: SplitOrder,
}

/// A change of the password's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is done.
    pub transform: Transform,
    /// Whether it is tried without first, and then with it: only newer or only older rows have it.
    pub optional: bool,
}

impl FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, optional) = text.strip_suffix('?').map_or((text, false), |word| (word, true));
        Ok(Self { transform: word.parse()?, optional })
    }
}

/// A secret of the whole site that is hashed with every password.
#[derive(Clone, Debug, PartialEq)]
pub struct Pepper {
    /// Tried in this order; the first is for new hashes.
    pub secrets: Secrets,
    /// Where it goes; None = after the password, unless an expression or the format itself says where.
    pub position: Option<Position>,
}

/// Secrets, of which equality may be asked in constant time.
#[derive(Clone, Debug, Default)]
pub struct Secrets(pub Vec<Secret>);

impl PartialEq for Secrets {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| a.matches(b.expose()))
    }
}

/// The columns that hold what a format needs beside the hash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// The salt.
    pub salt: Option<String>,
    /// A second salt.
    pub salt2: Option<String>,
    /// The name that was hashed with the password.
    pub user: Option<String>,
    /// Which algorithm, or its parameters.
    pub algorithm: Option<String>,
    /// The number of rounds.
    pub rounds: Option<String>,
    /// The realm of HTTP digest authentication.
    pub realm: Option<String>,
}

impl Columns {
    /// Those that are named.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let all = [&self.salt, &self.salt2, &self.user, &self.algorithm, &self.rounds, &self.realm];
        all.into_iter().flatten().map(String::as_str)
    }
}

/// Which values of a column are of a format: all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// The length of the value in bytes.
    pub length: Option<usize>,
    /// What the value begins with.
    pub prefix: Option<String>,
    /// Another column.
    pub column: Option<String>,
    /// Whether that column is NULL or empty.
    pub empty: Option<bool>,
    /// What that column holds.
    pub equals: Option<String>,
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
    /// How bytes stand in a column; case of hex, padding and alphabet of base64 never matter on reading.
    Encoding, "an encoding":
    /// Hexadecimal, written in lower case.
    Hex = "hex",
    /// Base64, written with padding.
    Base64 = "base64" | "b64",
    /// The bytes themselves, in a binary column.
    Raw = "raw" | "binary"
}

words! {
    /// Where the salt goes.
    Position, "a position":
    /// Digest of salt, then password.
    Prefix = "prefix" | "prepend",
    /// Digest of password, then salt.
    Suffix = "suffix" | "postfix" | "append",
    /// Digest of salt, password, and salt again.
    Both = "both"
}

words! {
    /// What of the salt's column is digested.
    SaltEncoding, "an encoding of a salt":
    /// Its text as it stands.
    Text = "text" | "utf-8" | "utf8" | "raw",
    /// The bytes its hexadecimal stands for.
    Hex = "hex",
    /// The bytes its base64 stands for.
    Base64 = "base64" | "b64"
}

words! {
    /// How a password becomes bytes. A character it cannot encode never matches; it is not replaced.
    Charset, "a charset":
    /// As it came.
    Utf8 = "utf-8" | "utf8",
    /// Two bytes a unit, low byte first (.NET, Windows).
    Utf16Le = "utf-16le" | "utf16le" | "ucs2",
    /// Two bytes a unit, high byte first (Sybase, Oracle).
    Utf16Be = "utf-16be" | "utf16be",
    /// ISO 8859-1.
    Latin1 = "latin-1" | "latin1" | "iso-8859-1",
    /// Windows-1252: Latin-1 with the euro sign and printers' quotes.
    Cp1252 = "cp1252" | "windows-1252"
}

words! {
    /// A change of the password's text.
    Transform, "a transform":
    /// PHP's `trim`: blanks, tabs, line breaks and NUL at both ends.
    Trim = "trim",
    /// Lower case.
    Lower = "lower",
    /// Upper case.
    Upper = "upper",
    /// PHP's `htmlspecialchars` with `ENT_QUOTES`.
    Html = "htmlspecialchars",
    /// PHP's `htmlspecialchars` before 8.1: the single quote stays.
    HtmlCompat = "htmlspecialchars-compat" | "htmlspecialchars_compat" | "html",
    /// PHP's `htmlspecialchars_decode`.
    HtmlDecode = "htmlspecialchars-decode" | "htmlspecialchars_decode" | "html-decode",
    /// PHP's `addslashes`.
    AddSlashes = "addslashes",
    /// How IP.Board escaped what was typed.
    IpbEscape = "ipb-escape" | "ipb_escape",
    /// Unicode's canonical composition.
    Nfc = "nfc",
    /// Unicode's compatibility composition.
    Nfkc = "nfkc"
}

words! {
    /// What each further round of a digest digests.
    RoundsOver, "what rounds go over":
    /// The digest before.
    Digest = "digest",
    /// The digest before, with the salt where it stood.
    DigestAndSalt = "digest+salt",
    /// The digest before, then password and salt as in the first round.
    DigestAndPassword = "digest+password",
    /// The digest before, in hex.
    Hex = "hex"
}

words! {
    /// Which part of a split column stands first.
    SplitOrder, "an order of digest and salt":
    /// `digest:salt`.
    DigestFirst = "digest-salt" | "digest:salt",
    /// `salt:digest`.
    SaltFirst = "salt-digest" | "salt:digest"
}

/// Which item of the spec a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// The accepted format at this index.
    Accept(usize),
    /// The format that is written.
    Write,
}

/// A text of an item that has a grammar of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// The expression of [`Base::Expression`].
    Expression,
    /// [`Description::prehash`].
    Prehash,
}

/// The kind of a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No format has this name.
    Unknown,
    /// A description that does not work.
    Invalid,
    /// A format that is verified but never written.
    Unwritable,
    /// A format whose values an earlier one of the list claims.
    Ambiguous,
}

/// What is wrong with an item; the caller knows where it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    /// The item it is about.
    pub item: Item,
    /// What kind of mistake.
    pub problem: Problem,
    /// The range of bytes it is about, within one of the item's texts.
    pub within: Option<(Text, Range<usize>)>,
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

/// The kind of a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// New hashes are fast to guess.
    Weak,
    /// The same format stands twice in the list.
    Repeated,
}

/// What compiles but deserves a second thought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The item it is about.
    pub item: Item,
    /// What kind of doubt.
    pub doubt: Doubt,
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
