//! The `migration:` block as written: where migrated users are kept, and what becomes of the others.
//!
//! Invariant: as of the whole mirror; nothing here is checked beyond its shape.

use schemars::JsonSchema;
use serde::Deserialize;

use super::RawSql;
use super::password::RawFormat;
use crate::definition::yaml::At;

/// Moves users into a managed store, each at the first login.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawMigration {
    /// The managed store: `sqlite:file` for one instance of the gateway, `postgres://…`, `mysql://…` or `mariadb://…`
    /// for several. Connectors may share one.
    pub store: At<String>,
    /// The most connections that the gateway opens to the managed store: 1 to 1000; 10 unless said otherwise.
    pub max_connections: Option<At<u32>>,
    /// How long the managed store may take for one request, as in `2s` or `500ms`; 2s unless said otherwise.
    pub timeout: Option<At<String>>,
    /// The UPDATE that marks a user as migrated in the database that was there before; supplies `user_id`. It may run
    /// more than once for a user and must match one row each time, so it has no `AND migrated_at IS NULL`. Needed with a
    /// `database`; an `upstream` has nothing to mark.
    pub mark: Option<At<RawSql>>,
    /// The profile members by which users are found, of `email`, `username` and `phone_number`; all of them unless said
    /// otherwise. No two users of a connector may share one.
    pub identifiers: Option<At<Vec<At<RawIdentifier>>>>,
    /// What becomes of a request for a user who is not migrated yet.
    #[serde(default)]
    pub unmigrated: RawUnmigrated,
    /// What passwords in the managed store must be like, and how they are hashed.
    pub password: Option<At<RawNewPasswords>>,
    /// A SELECT of one number: how many users are not migrated yet; for `migration status` and the metrics.
    pub remaining: Option<At<String>>,
    /// Copies users with their hashes, for `migration import`.
    pub import: Option<At<RawImport>>,
    /// Deletes migrated users where they came from, for `migration purge`.
    pub purge: Option<At<RawPurge>>,
}

/// A profile member by which users are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawIdentifier {
    /// The e-mail address.
    Email,
    /// The user name.
    Username,
    /// The phone number.
    PhoneNumber,
}

/// What becomes of a request for a user who is not migrated yet.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawUnmigrated {
    /// `migrate` creates the user in the managed store with the new password; `legacy` runs the action's own SQL;
    /// `refuse` answers 422 `not_migrated`. Unless said otherwise: `migrate`, or `legacy` where `deny` has rules, which
    /// are applied at the first login.
    pub change_password: Option<At<RawReset>>,
    /// `legacy` (unless said otherwise) runs the action's own SQL; `refuse` answers 422 `not_migrated`.
    pub verify: Option<RawChange>,
    /// As `verify`.
    pub change_email: Option<RawChange>,
    /// As `verify`.
    pub change_username: Option<RawChange>,
    /// As `verify`.
    pub change_phone_number: Option<RawChange>,
    /// Where new users go: `managed` (unless said otherwise) or `legacy`, through the action's own SQL.
    pub create: Option<RawCreation>,
    /// `tombstone` (unless said otherwise) leaves the row where it is and lets nobody log in with it any more; `legacy`
    /// runs the action's own SQL besides.
    pub delete: Option<RawDeletion>,
}

/// What becomes of a new password for a user who is not migrated yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawReset {
    /// The user is migrated with it.
    #[default]
    Migrate,
    /// The action's own SQL stores it.
    Legacy,
    /// It is refused.
    Refuse,
}

/// What becomes of another change for a user who is not migrated yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawChange {
    /// The action's own SQL makes it; it follows the user, whose profile is read at the first login.
    #[default]
    Legacy,
    /// It is refused.
    Refuse,
}

/// Where new users go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawCreation {
    /// Into the managed store.
    #[default]
    Managed,
    /// Where users were before.
    Legacy,
}

/// What deletes a user who is not migrated yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawDeletion {
    /// A tombstone alone.
    #[default]
    Tombstone,
    /// A tombstone, and then the action's own SQL.
    Legacy,
}

/// What passwords in the managed store must be like, and how they are hashed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawNewPasswords {
    /// The format of hashes in the managed store; `argon2id` unless said otherwise. A hash of another format or of a
    /// lower cost is replaced at the next login.
    pub new: Option<At<RawFormat>>,
    /// The fewest characters that a new password may have; 8 unless said otherwise (NIST SP 800-63B, section 3.1.1).
    /// Passwords that are proven at the first login are taken as they are.
    pub min_length: Option<At<u32>>,
    /// The most characters that a new password may have; 4,096 bytes are the limit of every password.
    pub max_length: Option<At<u32>>,
    /// A file of SHA-1 hashes of breached passwords, sorted, one a line in hex, with or without `:count`, as "Have I Been
    /// Pwned" publishes them; also of their first digits. New passwords that it holds are refused.
    pub breached: Option<At<String>>,
}

/// Copies users with their hashes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawImport {
    /// One SELECT of a page of users in the order of their ids; supplies `after`, the last id of the page before, and
    /// `limit`. It selects what `login` selects.
    pub sql: At<String>,
    /// What comes before the first id; `0` for numbers and `""` for texts unless said otherwise.
    pub start: Option<At<String>>,
}

/// Deletes migrated users where they came from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPurge {
    /// How long a user must have been migrated, as in `30d` or `12h`.
    pub older_than: At<String>,
    /// A SELECT of one truth value: whether the row of `user_id` is marked. A row that is not stops the purge.
    pub marked: At<String>,
    /// Statements that copy the row before it is deleted, in the same transaction; they supply `user_id`.
    pub archive: Option<At<RawSql>>,
    /// The DELETE of one user, or a list that is one transaction; the last one decides and must match one row. Supplies
    /// `user_id`.
    pub delete: At<RawSql>,
}
