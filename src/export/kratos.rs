//! Ory Kratos: identities whose first password is checked by the migration hook, or with a hash that Kratos verifies.
//! <https://www.ory.com/docs/kratos/manage-identities/import-user-accounts-identities>

use serde_json::{Map, Value as Json, json};

use super::{Members, Record, Settings, Unfit, User, put};

/// Formats that Kratos verifies as they are.
const VERIFIED: [&str; 11] = [
    "$2a$",
    "$2b$",
    "$2y$",
    "$argon2i$",
    "$argon2id$",
    "$pbkdf2-sha256$",
    "$pbkdf2-sha512$",
    "$scrypt$",
    "$5$",
    "$6$",
    "{SSHA",
];

/// Traits are what people log in with and their names; everything else is metadata, so that nothing is lost but factors.
pub(super) fn record(user: &User<'_>, settings: &Settings) -> Result<Record, Unfit> {
    let mut members = Members::new(user);
    let (email, phone) = (members.text("email"), members.text("phone_number"));
    let mut traits = Map::new();
    put(&mut traits, "email", email.clone());
    put(&mut traits, "username", members.text("username"));
    put(&mut traits, "phone", phone.clone());
    if traits.is_empty() {
        return Err(Unfit("it has neither an e-mail address, a user name nor a phone number"));
    }
    let mut name = Map::new();
    put(&mut name, "first", members.text("given_name"));
    put(&mut name, "last", members.text("family_name"));
    put(&mut traits, "name", (!name.is_empty()).then_some(Json::Object(name)));
    let addresses = [(email, members.flag("email_verified"), "email"), (phone, members.flag("phone_verified"), "sms")];
    let addresses: Vec<Json> = addresses
        .into_iter()
        .filter_map(|(address, verified, via)| Some((address?, verified.unwrap_or(false), via)))
        .map(|(address, verified, via)| {
            let status = if verified { "completed" } else { "pending" };
            json!({ "value": address, "verified": verified, "via": via, "status": status })
        })
        .collect();
    let verified = user.hash.filter(|hash| VERIFIED.iter().any(|prefix| hash.starts_with(prefix)));
    let password = match verified {
        Some(hash) => json!({ "hashed_password": hash }),
        None => json!({ "use_password_migration_hook": true }),
    };
    let public = members.value("user_metadata");
    let mut admin = Map::from_iter([("user_id".to_owned(), user.profile.user_id().into())]);
    put(&mut admin, "app_metadata", members.value("app_metadata"));
    admin.extend(members.others());
    let mut record = Map::new();
    put(&mut record, "schema_id", Some(settings.schema_id.as_deref().unwrap_or("default")));
    put(&mut record, "traits", Some(Json::Object(traits)));
    put(&mut record, "verifiable_addresses", (!addresses.is_empty()).then_some(addresses));
    put(&mut record, "credentials", Some(json!({ "password": { "config": password } })));
    put(&mut record, "metadata_public", public);
    put(&mut record, "metadata_admin", Some(Json::Object(admin)));
    Ok(members.record(&record, user.hash.is_some() && verified.is_none()))
}
