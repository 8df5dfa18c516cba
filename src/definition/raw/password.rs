//! The `password:` block as written: where hashes stand, and the formats that are named or described there.
//!
//! Invariant: as of the whole mirror; nothing here is checked beyond its shape.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::shape::{by_shape, schema_of_shapes};
use crate::definition::yaml::At;

/// How passwords are stored.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPassword {
    /// The column of `login`'s result that holds the hash.
    pub column: Option<At<String>>,
    /// The formats that are accepted, chosen by the shape of the stored value; `auto` is every self-describing one.
    #[serde(alias = "format")]
    pub formats: Option<At<RawFormats>>,
    /// The format of new hashes; `argon2id` unless said otherwise.
    pub new: Option<At<RawFormat>>,
    /// Where the salt stands when it has a column of its own.
    pub salt: Option<RawColumn>,
    /// Where the second salt stands, for formats that have one.
    pub salt2: Option<RawColumn>,
    /// Where the name stands that was hashed with the password.
    pub user: Option<RawColumn>,
    /// Where the algorithm or its parameters stand, for formats that keep them apart.
    pub algorithm: Option<RawColumn>,
    /// Where the number of rounds stands, for formats that keep it apart.
    pub rounds: Option<RawColumn>,
    /// Where the realm stands, for formats of HTTP digest authentication.
    pub realm: Option<RawColumn>,
    /// `on_login` replaces an outdated hash after a successful login through `rehash_sql`; `off` unless said otherwise.
    pub rehash: Option<At<RawRehash>>,
    /// The UPDATE that stores a replaced hash; it must compare the old one: `… AND column = {{ stored_hash }}`.
    pub rehash_sql: Option<At<String>>,
    /// `in_database` hands the plain password to `login`'s SQL, for databases that must compare it themselves.
    pub verify: Option<At<RawVerify>>,
}

/// Where something stands that belongs to the hash.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawColumn {
    /// The column of `login`'s result that holds it.
    pub column: At<String>,
}

/// When an outdated hash is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawRehash {
    /// Never.
    Off,
    /// After a successful login.
    OnLogin,
}

/// Who compares the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawVerify {
    /// The gateway, against the stored hash.
    InGateway,
    /// The database, in `login`'s SQL: a row means that the password is right.
    InDatabase,
}

/// The formats that are accepted.
#[derive(Debug)]
pub enum RawFormats {
    /// One format, or `auto`.
    One(Box<RawFormat>),
    /// A list of formats.
    Many(Vec<At<RawFormat>>),
}

/// A password format.
#[derive(Debug)]
pub enum RawFormat {
    /// A known name, such as `bcrypt`.
    Named(String),
    /// A format with what stands around it, a digest by its parts, or an expression.
    Described(Box<RawDescription>),
}

/// A format that a name alone does not say: exactly one of `format`, `digest` and `expr`, and what stands around it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawDescription {
    /// A known format's name, such as `bcrypt` or `gitea`; `userbridge hash formats` lists them.
    pub format: Option<At<String>>,
    /// A digest by its parts: `md5`, `sha1`, `sha256`, `sha3-512`, `whirlpool` …; `hmac-sha256`; `pbkdf2-sha256`,
    /// `scrypt` or `argon2id` where the column holds their bare output.
    pub digest: Option<At<String>>,
    /// An expression over `$pass`, as in `sha1($salt . sha1($pass))`, with the functions of PHP and hashcat.
    pub expr: Option<At<String>>,
    /// How the digest is written: `hex`, `base64` or `raw`; `hex` unless said otherwise.
    pub encoding: Option<At<String>>,
    /// The salt; without it the digest is unsalted.
    pub salt: Option<RawFormatSalt>,
    /// Where the second salt stands, as `$salt2` of an expression.
    pub salt2: Option<RawColumn>,
    /// Where the name stands that was hashed with the password, as `$user` of an expression.
    pub user: Option<RawColumn>,
    /// Which of the format's algorithms: its name, or the column that holds it.
    pub algorithm: Option<RawText>,
    /// The realm of HTTP digest authentication: itself, or the column that holds it.
    pub realm: Option<RawText>,
    /// How often the digest is taken, or the rounds of PBKDF2: a number, or the column that holds it.
    #[serde(alias = "iterations", alias = "factor")]
    pub rounds: Option<At<RawNumber>>,
    /// What each further round digests: `digest`, `digest+salt`, `digest+password` or `hex`; `digest` unless said
    /// otherwise.
    pub rounds_over: Option<At<String>>,
    /// The bytes of the output; all of them unless said otherwise.
    #[serde(alias = "keylen")]
    pub length: Option<At<usize>>,
    /// The character set in which the password is hashed: `utf-8`, `utf-16le`, `utf-16be`, `latin-1` or `cp1252`.
    pub charset: Option<At<String>>,
    /// What the application did to the password before, in order: `trim`, `lower`, `upper`, `htmlspecialchars`, `html`
    /// (`htmlspecialchars` before PHP 8.1), `addslashes`, `nfc`, `nfkc` …; with a `?` at its end it is tried without
    /// and then with.
    #[serde(default)]
    pub transform: Vec<At<String>>,
    /// A secret of the whole site that is hashed with every password; a list is tried in order.
    pub pepper: Option<At<RawSecrets>>,
    /// What is hashed in the password's place: a digest's name, or an expression over `$pass`.
    pub prehash: Option<At<String>>,
    /// The key of `hmac-…`; a list is tried in order.
    pub key: Option<At<RawSecrets>>,
    /// The character between digest and salt when one column holds both, as in `":"`.
    pub split: Option<At<String>>,
    /// Which of the two stands first in a split column: `[digest, salt]` or `[salt, digest]`.
    pub order: Option<At<Vec<String>>>,
    /// bcrypt and phpass: log2 of the rounds of new hashes; scrypt: log2 of N.
    pub cost: Option<At<u32>>,
    /// Argon2: memory in KiB.
    pub memory: Option<At<u32>>,
    /// Argon2: passes over the memory.
    pub passes: Option<At<u32>>,
    /// Argon2: lanes; scrypt: p.
    #[serde(alias = "parallelization")]
    pub lanes: Option<At<u32>>,
    /// scrypt: r.
    #[serde(alias = "block_size")]
    pub block: Option<At<u32>>,
    /// Which of the column's values are of this format, where their shape does not tell.
    pub when: Option<RawWhen>,
}

/// The salt of a format.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawFormatSalt {
    /// The column that holds it, if not that of the whole block.
    pub column: Option<At<String>>,
    /// `prefix` when the salt stands before the password, `suffix` when it follows, `both`; `prefix` unless said
    /// otherwise.
    pub position: Option<At<String>>,
    /// How the salt is written: `text`, `hex` or `base64`; `text` unless said otherwise.
    pub encoding: Option<At<String>>,
    /// The length of new salts: characters of a text, bytes otherwise.
    pub length: Option<At<usize>>,
}

/// A text, or the column that holds it.
#[derive(Debug)]
pub enum RawText {
    /// The same for every row.
    Fixed(String),
    /// As the row says.
    Column(RawColumn),
}

/// A number, or the column that holds it.
#[derive(Debug)]
pub enum RawNumber {
    /// The same for every row.
    Fixed(u64),
    /// As the row says.
    Column(RawColumn),
}

/// Secrets that stand outside of the file.
#[derive(Debug)]
pub enum RawSecrets {
    /// One secret.
    One(RawSecret),
    /// Several: the first is for new hashes, the others are tried after it.
    Many(Vec<At<RawSecret>>),
}

/// A secret that stands outside of the file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawSecret {
    /// The name of an environment variable.
    pub env: Option<At<String>>,
    /// The path of a file, from the definition's directory; one line break at its end is not part of the value.
    pub file: Option<At<String>>,
    /// The name of a systemd credential.
    pub credential: Option<At<String>>,
    /// For a pepper: `prefix` when it stands before the password, `suffix` when it follows; `suffix` unless said
    /// otherwise.
    pub position: Option<At<String>>,
}

/// Which values are of a format: all that is given must hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawWhen {
    /// The length of the value in bytes.
    pub length: Option<usize>,
    /// What the value begins with.
    pub prefix: Option<String>,
    /// Another column of the row.
    pub column: Option<At<String>>,
    /// Whether that column is NULL or empty.
    pub empty: Option<bool>,
    /// What that column holds.
    pub equals: Option<String>,
}
by_shape!(RawFormats, "a format or a list of formats",
    text(text) Ok(RawFormats::One(Box::new(RawFormat::Named(text.to_owned())))),
    list RawFormats::Many, map |described| RawFormats::One(Box::new(RawFormat::Described(Box::new(described)))));
by_shape!(RawFormat, "a format's name or its description",
    text(text) Ok(RawFormat::Named(text.to_owned())), map |described| RawFormat::Described(Box::new(described)));
by_shape!(RawText, "a text or `{ column: name }`",
    text(text) Ok(RawText::Fixed(text.to_owned())), map RawText::Column);
by_shape!(RawNumber, "a number or `{ column: name }`",
    whole(number) Ok(RawNumber::Fixed(number)), map RawNumber::Column);
by_shape!(RawSecrets, "`{ env: NAME }`, `{ file: path }` or a list of them: a secret never stands in the file",
    list RawSecrets::Many, map RawSecrets::One);

schema_of_shapes!(RawFormats, "RawFormats", "One format, `auto`, or a list of formats.", |generator| [
    generator.subschema_for::<RawFormat>(),
    generator.subschema_for::<Vec<RawFormat>>()
]);
schema_of_shapes!(RawFormat, "RawFormat", "A known format's name, or a description.", |generator| [
    json_schema!({ "type": "string" }),
    generator.subschema_for::<RawDescription>()
]);
schema_of_shapes!(RawText, "RawText", "A text, or the column that holds it.", |generator| [
    json_schema!({ "type": "string" }),
    generator.subschema_for::<RawColumn>()
]);
schema_of_shapes!(RawNumber, "RawNumber", "A number, or the column that holds it.", |generator| [
    json_schema!({ "type": "integer", "minimum": 1 }),
    generator.subschema_for::<RawColumn>()
]);
schema_of_shapes!(RawSecrets, "RawSecrets", "A secret outside of the file, or a list of them.", |generator| [
    generator.subschema_for::<RawSecret>(),
    generator.subschema_for::<Vec<RawSecret>>()
]);
