//! The definition file exactly as written: a mirror of the YAML, one to one, with the place of every value.
//!
//! Invariant: nothing here is checked beyond its shape. The rustdoc of each field is the text of the JSON Schema.

mod deny;
mod migration;
mod password;
mod shape;
mod upstream;

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

pub use self::deny::RawDeny;
pub use self::migration::{
    RawChange, RawCreation, RawDeletion, RawIdentifier, RawImport, RawMigration, RawNewPasswords, RawPurge, RawReset,
    RawUnmigrated,
};
pub use self::password::{
    RawColumn, RawDescription, RawFormat, RawFormatSalt, RawFormats, RawNumber, RawPassword, RawRehash, RawSecret,
    RawSecrets, RawText, RawVerify, RawWhen,
};
pub(super) use self::shape::{by_shape, schema_of_shapes};
pub use self::upstream::{
    RawBody, RawClientAuthentication, RawExchange, RawExchanges, RawFullOutcome, RawMethod, RawOutcome, RawUpstream,
    RawUpstreamActions, RawUpstreamType,
};
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
    /// Another tenant or service that answers for its users, in the place of a database.
    pub upstream: Option<At<RawUpstream>>,
    /// Table and column names that differ per environment; templates insert them quoted, as in `{{ users }}`.
    #[serde(default)]
    pub identifiers: IndexMap<String, At<String>>,
    /// How passwords are stored; holds for every action that does not declare its own.
    pub password: Option<At<RawPassword>>,
    /// Which column identifies a user for ever, and what stands in front of it outside.
    pub user_id: Option<RawUserId>,
    /// When a row that the database found is that of the user who was asked for.
    pub lookup: Option<At<RawLookup>>,
    /// Profile members that are not simply columns of the same name: texts with `{{ column }}` expressions.
    #[serde(default)]
    pub profile: IndexMap<String, At<RawTemplate>>,
    /// Why a user whose password is right may still not log in; the first rule that holds answers.
    #[serde(default)]
    pub deny: Vec<RawDeny>,
    /// The SQL of each action; an action that is not declared is refused.
    pub actions: Option<At<RawActions>>,
    /// Moves users into a managed store, each at the first login.
    pub migration: Option<At<RawMigration>>,
    /// Cases that `userbridge test` runs, without a database or, with `--connect`, on it.
    #[serde(default)]
    pub tests: Vec<At<RawTest>>,
    /// Findings of `userbridge check` that are accepted, each with a reason.
    #[serde(default)]
    pub allow: Vec<RawAllow>,
}

/// A finding that is accepted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawAllow {
    /// The finding's code, such as `seq-scan`; only warnings and notes can be allowed.
    pub code: At<String>,
    /// The only action in which it is accepted; everywhere unless said otherwise.
    pub action: Option<At<String>>,
    /// Why it is acceptable here.
    pub reason: At<String>,
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
    /// Gives all users, page by page; supplies `after`, an id without its prefix, and `limit`.
    pub list_users: Option<At<RawListUsers>>,
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

/// Gives all users, page by page, in the order of their ids.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawListUsers {
    /// One SELECT of the page behind an id: `… WHERE id > {{ after | default(-1) }} ORDER BY id LIMIT {{ limit }}`.
    pub sql: At<String>,
    /// One SELECT of the first page, where no value is smaller than every id: `… ORDER BY id LIMIT {{ limit }}`.
    pub first: Option<At<String>>,
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
    /// The page that is asked for.
    pub list_users: Option<RawTestListUsers>,
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

/// The page that is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTestListUsers {
    /// The `next` of the page before.
    pub after: Option<String>,
    /// How many users the page holds; 100 unless said otherwise.
    pub limit: Option<u16>,
}

/// What the gateway must answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawExpect {
    /// The outcome's name, such as `authenticated`, `wrong_credentials`, `denied`, `found` or `not_found`; or that of an
    /// error, such as `unreadable_hash`.
    pub outcome: At<String>,
    /// Members that the profile must have; others may be there. Of a page it is the first user.
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
    /// The path of a file, from the definition's directory; one line break at its end is not part of the value. Others
    /// must not be able to read it (`chmod o-r`).
    pub file: Option<At<String>>,
    /// The name of a systemd credential, as in `LoadCredential=NAME:…`.
    pub credential: Option<At<String>>,
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

by_shape!(RawSetting, "a value, `{ env: NAME }`, `{ file: path }` or `{ credential: NAME }`",
    text(text) Ok(RawSetting::Literal(text.into())),
    constant(value) Ok(RawSetting::Literal(value.into())),
    map RawSetting::Reference);
by_shape!(RawSql, "an SQL text or a list of them",
    text(text) Ok(RawSql::One(text.to_owned())), list RawSql::Many);
by_shape!(RawStep, "an SQL text or `{ as: name, sql: text }`",
    text(text) Ok(RawStep::Text(text.to_owned())), map RawStep::Full);
by_shape!(RawTemplate, "a text, a value, a list or a mapping",
    text(text) Ok(RawTemplate::Text(text.to_owned())),
    constant(value) Ok(RawTemplate::Constant(value.into())),
    list RawTemplate::List, map RawTemplate::Object);

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
