//! The definition file exactly as written: a mirror of the YAML, one to one, with the place of every value.
//!
//! Invariant: nothing here is checked beyond its shape. The rustdoc of each field is the text of the JSON Schema.

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

use super::yaml::At;

/// A user store: where the users are, how their passwords are hashed, and the SQL of each action.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawDefinition {
    /// The version of this language: 1.
    pub version: At<u32>,
    /// The name in URLs: letters, digits and dashes, at most 35 characters; begins and ends with a letter or digit.
    pub connector: At<String>,
    /// What this store is, for people.
    pub description: Option<String>,
    /// True takes the connector out of service; every request to it is refused.
    #[serde(default)]
    pub disabled: bool,
    /// Values of this environment, fixed when the file is loaded; secrets come from the environment or from files.
    #[serde(default)]
    pub configuration: IndexMap<String, At<RawSetting>>,
    /// The database that holds the users.
    pub database: Option<At<RawDatabase>>,
    /// Table and column names that differ per environment; templates insert them quoted, as in `{{ users }}`.
    #[serde(default)]
    pub identifiers: IndexMap<String, At<String>>,
    /// How passwords are stored; holds for every action that does not declare its own.
    pub password: Option<At<RawPassword>>,
    /// Which column identifies a user for ever, and what stands in front of it outside.
    pub user_id: Option<RawUserId>,
    /// When a row that the database found is that of the user who was asked for.
    #[serde(default)]
    pub lookup: RawLookup,
    /// Profile members that are not simply columns of the same name: texts with `{{ column }}` expressions.
    #[serde(default)]
    pub profile: IndexMap<String, At<RawTemplate>>,
    /// Why a user whose password is right may still not log in; the first rule that holds answers.
    #[serde(default)]
    pub deny: Vec<RawDeny>,
    /// The SQL of each action; an action that is not declared is refused.
    pub actions: At<RawActions>,
    /// Cases that `userbridge test` runs, without a database or, with `--connect`, on it.
    #[serde(default)]
    pub tests: Vec<At<RawTest>>,
}

/// The database that holds the users.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawDatabase {
    /// `postgres://…`, `mysql://…`, `mariadb://…` or `sqlite:file`; usually `"{{ configuration.database_url }}"`.
    pub url: At<String>,
    /// The most connections that the gateway opens: 1 to 1000; 10 unless said otherwise.
    pub max_connections: Option<At<u32>>,
    /// How long the database may take for one request, as in `2s` or `500ms`; 2s unless said otherwise.
    pub timeout: Option<At<String>>,
}

/// Which column identifies a user.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawUserId {
    /// The column; `id` unless said otherwise.
    pub column: Option<At<String>>,
    /// What stands in front of the id outside; the connector's name and `|` unless said otherwise.
    pub prefix: Option<At<String>>,
}

/// When a row is that of the user who was asked for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawLookup {
    /// What may differ between the name that was asked for and that in the row; `case_insensitive` unless said otherwise.
    #[serde(default, rename = "match")]
    pub matching: RawMatch,
}

/// What may differ between the name that was asked for and that in the row. Databases take more names for equal than
/// people do: on MySQL `ädmin`, `ADMIN` and `admin ` are all `admin`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawMatch {
    /// Nothing, save what the SQL or a filter makes equal, as in `lower(email) = lower({{ identifier }})`.
    Exact,
    /// Upper and lower case.
    #[default]
    CaseInsensitive,
    /// Whatever the database takes for equal.
    Database,
}

/// How passwords are stored.
#[derive(Debug, Deserialize, JsonSchema)]
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

/// A rule that keeps a user out.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawDeny {
    /// An expression over `login`'s row; the login is denied when it is true.
    pub when: At<String>,
    /// What the user is told.
    pub message: At<String>,
}

/// The SQL of each action.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawActions {
    /// Verifies a password; supplies `identifier` and `context`.
    pub login: Option<At<RawLogin>>,
    /// Finds a user; supplies `identifier` and `context`, and `user_id` to `by_user_id`.
    pub get_user: Option<At<RawGetUser>>,
    /// Adds a user; supplies `email`, `username`, `phone_number`, `password_hash`, `user_metadata`, `app_metadata`.
    pub create: Option<At<RawCreate>>,
    /// Marks an e-mail address as verified; supplies `email`.
    pub verify: Option<At<RawWrite>>,
    /// Sets a password; supplies `identifier` (also as `email`) and `password_hash`.
    pub change_password: Option<At<RawWrite>>,
    /// Sets an e-mail address; supplies `email`, `new_email` and `verified`.
    pub change_email: Option<At<RawWrite>>,
    /// Sets a user name; supplies `username` and `new_username`.
    pub change_username: Option<At<RawWrite>>,
    /// Sets a phone number; supplies `phone_number`, `new_phone_number` and `verified`.
    pub change_phone_number: Option<At<RawWrite>>,
    /// Removes a user; supplies `user_id`, without its prefix.
    pub delete: Option<At<RawWrite>>,
}

/// Verifies a password.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawLogin {
    /// One SELECT that finds the user's row with its hash.
    pub sql: At<String>,
    /// Statements that run once the password was right, before the answer; they can use `row`.
    pub after: Option<At<RawSql>>,
    /// How this action's passwords are stored, if not as declared at the top.
    pub password: Option<At<RawPassword>>,
}

/// Finds a user.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawGetUser {
    /// One SELECT that finds the user by what a person types.
    pub sql: Option<At<String>>,
    /// Finds the user by the stable id.
    pub by_user_id: Option<At<RawByUserId>>,
}

/// Finds a user by the stable id.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawByUserId {
    /// One SELECT; supplies `user_id`, without its prefix.
    pub sql: At<String>,
}

/// Adds a user.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCreate {
    /// One INSERT, or a list that is one transaction. The last row that a statement gives is the new user's profile.
    pub sql: At<RawSql>,
    /// Further members of the request that the SQL can use, with their types.
    #[serde(default)]
    pub fields: IndexMap<String, At<RawFieldType>>,
    /// How this action's passwords are stored, if not as declared at the top.
    pub password: Option<At<RawPassword>>,
}

/// The type of a further member of `create`'s request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawFieldType {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// Any JSON value.
    Json,
}

/// Changes or removes a user.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawWrite {
    /// One statement, or a list that is one transaction.
    pub sql: At<RawSql>,
    /// How this action's passwords are stored, if not as declared at the top.
    pub password: Option<At<RawPassword>>,
}

/// A case for `userbridge test`: one action's input, what the database would give, and what is expected.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTest {
    /// What the case shows.
    pub name: Option<String>,
    /// The input of a login.
    pub login: Option<RawTestPassword>,
    /// The input of a look-up.
    pub get_user: Option<RawTestGetUser>,
    /// The input of a sign-up: `email`, `username`, `phone_number`, `password`, `user_metadata`, declared `fields`.
    pub create: Option<serde_json::Map<String, Json>>,
    /// The input of a verification.
    pub verify: Option<RawTestVerify>,
    /// The input of a change of password.
    pub change_password: Option<RawTestPassword>,
    /// The input of a change of e-mail address.
    pub change_email: Option<RawTestChangeEmail>,
    /// The input of a change of user name.
    pub change_username: Option<RawTestChangeUsername>,
    /// The input of a change of phone number.
    pub change_phone_number: Option<RawTestChangePhoneNumber>,
    /// The input of a deletion.
    pub delete: Option<RawTestDelete>,
    /// The rows that the action's SELECT would give, or that its change would match or return.
    #[serde(default)]
    pub rows: Vec<serde_json::Map<String, Json>>,
    /// Statements that `userbridge test --connect` runs first, in the transaction that it rolls back; `[]` takes the
    /// users that are there. A case with `rows` and without this one is left out on a database.
    pub setup: Option<Vec<At<String>>>,
    /// What the gateway must answer.
    pub expect: RawExpect,
}

/// The input of a login or of a change of password.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTestPassword {
    /// What the person types as a name.
    pub identifier: String,
    /// What the person types as a password.
    pub password: String,
}

/// The input of a look-up.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTestGetUser {
    /// What a person types as a name.
    pub identifier: Option<String>,
    /// The stable id, with its prefix.
    pub user_id: Option<String>,
}

/// The input of a verification.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTestVerify {
    /// The e-mail address.
    pub email: String,
}

/// The input of a change of e-mail address.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTestChangeEmail {
    /// The address that is.
    pub email: String,
    /// The address that shall be.
    pub new_email: String,
    /// Whether the new one is verified.
    pub verified: Option<bool>,
}

/// The input of a change of user name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTestChangeUsername {
    /// The name that is.
    pub username: String,
    /// The name that shall be.
    pub new_username: String,
}

/// The input of a change of phone number.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTestChangePhoneNumber {
    /// The number that is.
    pub phone_number: String,
    /// The number that shall be.
    pub new_phone_number: String,
    /// Whether the new one is verified.
    pub verified: Option<bool>,
}

/// The input of a deletion.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTestDelete {
    /// The stable id, with its prefix.
    pub user_id: String,
}

/// What the gateway must answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawExpect {
    /// The outcome's name, such as `authenticated`, `wrong_credentials`, `denied`, `found` or `not_found`; or that of an
    /// error, such as `unreadable_hash`.
    pub outcome: At<String>,
    /// Members that the profile must have; others may be there.
    pub user: Option<IndexMap<String, At<Json>>>,
    /// The message of a denial or a rejection.
    pub message: Option<At<String>>,
}

/// A value of the configuration.
#[derive(Debug)]
pub enum RawSetting {
    /// Written in the file.
    Literal(Json),
    /// Read from somewhere else.
    Reference(RawReference),
}

/// Where a value comes from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawReference {
    /// The name of an environment variable.
    pub env: Option<At<String>>,
    /// The path of a file, from the definition's directory; one line break at its end is not part of the value.
    pub file: Option<At<String>>,
    /// The value when the environment variable is not set.
    pub default: Option<Json>,
}

/// One statement, or several that are one transaction.
#[derive(Debug)]
pub enum RawSql {
    /// One statement.
    One(String),
    /// A list.
    Many(Vec<At<RawStep>>),
}

/// One statement of a list.
#[derive(Debug)]
pub enum RawStep {
    /// The statement alone.
    Text(String),
    /// With a name or a mark.
    Full(RawFullStep),
}

/// One statement of a list, with a name or a mark.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawFullStep {
    /// A name by which later statements use this one's row, as in `{{ user.id }}`.
    #[serde(rename = "as")]
    pub name: Option<At<String>>,
    /// The statement.
    pub sql: At<String>,
    /// Whether this statement's row count decides the outcome; otherwise the first that writes, for `delete` the last.
    #[serde(default)]
    pub decides: bool,
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

/// A profile member: a text with expressions, any other YAML value, or a tree of them.
#[derive(Debug)]
pub enum RawTemplate {
    /// A text; one that is exactly one `{{ expression }}` keeps the expression's type.
    Text(String),
    /// A number, a truth value or null.
    Constant(Json),
    /// A list.
    List(Vec<At<RawTemplate>>),
    /// An object.
    Object(IndexMap<String, At<RawTemplate>>),
}

/// Implements `Deserialize` for a type that is written as a scalar, a list or a mapping.
macro_rules! by_shape {
    ($type:ty, $expected:literal
        $(, text($text:ident) $from_text:expr)? $(, whole($whole:ident) $from_whole:expr)? $(, constant($constant:ident) $from_constant:expr)?
        $(, list $from_list:expr)? $(, map $from_map:expr)?) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Shape;
                impl<'de> Visitor<'de> for Shape {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }
                    $(fn visit_str<E: Error>(self, $text: &str) -> Result<Self::Value, E> { $from_text })?
                    $(
                    fn visit_u64<E: Error>(self, $whole: u64) -> Result<Self::Value, E> { $from_whole }
                    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                        let $whole = u64::try_from(number).map_err(|_| E::custom("expected a number above zero"))?;
                        $from_whole
                    }
                    )?
                    $(
                    fn visit_bool<E: Error>(self, $constant: bool) -> Result<Self::Value, E> { $from_constant }
                    fn visit_i64<E: Error>(self, $constant: i64) -> Result<Self::Value, E> { $from_constant }
                    fn visit_u64<E: Error>(self, $constant: u64) -> Result<Self::Value, E> { $from_constant }
                    fn visit_f64<E: Error>(self, $constant: f64) -> Result<Self::Value, E> { $from_constant }
                    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> { let $constant = (); $from_constant }
                    )?
                    $(fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                        Deserialize::deserialize(SeqAccessDeserializer::new(seq)).map($from_list)
                    })?
                    $(fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                        Deserialize::deserialize(MapAccessDeserializer::new(map)).map($from_map)
                    })?
                }
                deserializer.deserialize_any(Shape)
            }
        }
    };
}

by_shape!(RawSetting, "a value, `{ env: NAME }` or `{ file: path }`",
    text(text) Ok(RawSetting::Literal(text.into())),
    constant(value) Ok(RawSetting::Literal(value.into())),
    map RawSetting::Reference);
by_shape!(RawSql, "an SQL text or a list of them",
    text(text) Ok(RawSql::One(text.to_owned())), list RawSql::Many);
by_shape!(RawStep, "an SQL text or `{ as: name, sql: text }`",
    text(text) Ok(RawStep::Text(text.to_owned())), map RawStep::Full);
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
by_shape!(RawTemplate, "a text, a value, a list or a mapping",
    text(text) Ok(RawTemplate::Text(text.to_owned())),
    constant(value) Ok(RawTemplate::Constant(value.into())),
    list RawTemplate::List, map RawTemplate::Object);

/// Implements `JsonSchema` for a type that is written in one of several shapes.
macro_rules! schema_of_shapes {
    ($type:ty, $name:literal, $description:literal, |$generator:ident| $shapes:expr) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                let shapes = $shapes;
                json_schema!({ "description": $description, "anyOf": shapes })
            }
        }
    };
}

schema_of_shapes!(RawSetting, "RawSetting", "A value, or where it comes from.", |generator| [
    json_schema!({ "type": ["string", "number", "boolean", "null"] }),
    generator.subschema_for::<RawReference>()
]);
schema_of_shapes!(RawSql, "RawSql", "One statement, or a list that is one transaction.", |generator| [
    json_schema!({ "type": "string" }),
    generator.subschema_for::<Vec<RawStep>>()
]);
schema_of_shapes!(RawStep, "RawStep", "One statement of a list.", |generator| [
    json_schema!({ "type": "string" }),
    generator.subschema_for::<RawFullStep>()
]);
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
schema_of_shapes!(
    RawTemplate,
    "RawTemplate",
    "A text with expressions, any other value, or a tree of them.",
    |generator| [
        json_schema!({ "type": ["string", "number", "boolean", "null"] }),
        generator.subschema_for::<Vec<RawTemplate>>(),
        generator.subschema_for::<IndexMap<String, RawTemplate>>()
    ]
);
