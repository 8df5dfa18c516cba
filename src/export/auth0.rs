//! Auth0's bulk import: arrays of users in files of 500 kB at most.
//! <https://auth0.com/docs/manage-users/user-migration/bulk-user-import-schema>

use serde_json::{Map, Value as Json, json};

use super::stored::{Argon2, Bcrypt};
use super::{Frame, Members, Record, Unfit, User, put};

pub(super) const FRAME: Frame =
    Frame { head: "[\n", separator: ",\n", tail: "\n]\n", records: None, bytes: Some(500_000) };

/// The members that the import knows by these names.
const KNOWN: [&str; 13] = [
    "email",
    "email_verified",
    "username",
    "phone_number",
    "phone_verified",
    "name",
    "nickname",
    "given_name",
    "family_name",
    "picture",
    "user_metadata",
    "app_metadata",
    "mfa_factors",
];

/// Auth0 puts `auth0|` in front of the id, as it does for a custom database: the same user keeps the same id.
pub(super) fn record(user: &User<'_>) -> Result<Record, Unfit> {
    let mut members = Members::new(user);
    if user.profile.text("email").is_none() {
        return Err(Unfit("it has no e-mail address"));
    }
    let mut record = Map::from_iter([("user_id".to_owned(), Json::from(user.profile.user_id()))]);
    for name in KNOWN {
        put(&mut record, name, members.value(name));
    }
    let password = user.hash.map(custom);
    put(&mut record, "custom_password_hash", password.clone().flatten());
    Ok(members.record(&record, matches!(password, Some(None))))
}

/// A hash as the import describes it; None for a format that it cannot describe by the stored text alone.
fn custom(hash: &str) -> Option<Json> {
    let algorithm = if Bcrypt::parse(hash).is_some() {
        "bcrypt"
    } else if Argon2::parse(hash).is_some() {
        "argon2"
    } else if hash.starts_with("$pbkdf2-") && hash.contains("$i=") {
        "pbkdf2"
    } else if hash.starts_with("{SHA")
        || hash.starts_with("{SSHA")
        || hash.starts_with("{MD5}")
        || hash.starts_with("{SMD5}")
    {
        "ldap"
    } else {
        return None;
    };
    Some(json!({ "algorithm": algorithm, "hash": { "value": hash, "encoding": "utf8" } }))
}
