//! Okta: users whose first password is checked by the password import hook, or with a bcrypt hash.
//! <https://developer.okta.com/docs/api/openapi/okta-management/management/tag/User/#tag/User/operation/createUser>

use serde_json::{Map, json};

use super::stored::Bcrypt;
use super::{Members, Record, Unfit, User, put};

/// Okta's standard profile has no place for other data than these; its logins look like e-mail addresses.
pub(super) fn record(user: &User<'_>) -> Result<Record, Unfit> {
    let mut members = Members::new(user);
    let email = members.text("email").ok_or(Unfit("it has no e-mail address"))?;
    let mut profile = Map::new();
    let login = user.profile.text("username").filter(|name| name.contains('@')).map(str::to_owned);
    if login.is_some() {
        members.value("username");
    }
    put(&mut profile, "login", Some(login.unwrap_or_else(|| email.clone())));
    put(&mut profile, "email", Some(email));
    put(&mut profile, "firstName", members.text("given_name"));
    put(&mut profile, "lastName", members.text("family_name"));
    put(&mut profile, "displayName", members.text("name"));
    put(&mut profile, "nickName", members.text("nickname"));
    put(&mut profile, "mobilePhone", members.text("phone_number"));
    let bcrypt = user.hash.map(Bcrypt::parse);
    let password = match &bcrypt {
        Some(Some(Bcrypt { cost, salt, digest })) => json!({
            "hash": { "algorithm": "BCRYPT", "workFactor": cost, "salt": salt, "value": digest },
        }),
        _ => json!({ "hook": { "type": "default" } }),
    };
    let record = json!({ "profile": profile, "credentials": { "password": password } });
    Ok(members.written(record.to_string(), matches!(bcrypt, Some(None))))
}
