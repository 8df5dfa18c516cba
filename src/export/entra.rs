//! Microsoft Entra External ID: users with a random password and the property that says "to be migrated".
//! <https://learn.microsoft.com/en-us/entra/external-id/customers/how-to-migrate-passwords-just-in-time>

use serde_json::{Map, Value as Json, json};

use super::{Members, Record, Settings, Unfit, User, put};

/// Graph takes no data of one's own but through properties that an app declares; no hash either.
pub(super) fn record(user: &User<'_>, settings: &Settings) -> Result<Record, Unfit> {
    let mut members = Members::new(user);
    let (Some(issuer), Some(flag)) = (&settings.issuer, &settings.flag) else {
        return Err(Unfit("the tenant's domain or the property's name is not known"));
    };
    let (email, username) = (members.text("email"), members.text("username"));
    let named = [("emailAddress", &email), ("userName", &username)];
    let identities: Vec<Json> = named
        .into_iter()
        .filter_map(|(kind, name)| name.as_ref().map(|name| (kind, name)))
        .map(|(kind, name)| json!({ "signInType": kind, "issuer": issuer, "issuerAssignedId": name }))
        .collect();
    if identities.is_empty() {
        return Err(Unfit("it has neither an e-mail address nor a user name"));
    }
    let mut record = Map::new();
    let shown = members.text("name").or_else(|| username.clone()).or_else(|| email.clone());
    put(&mut record, "accountEnabled", Some(true));
    put(&mut record, "displayName", shown);
    put(&mut record, "givenName", members.text("given_name"));
    put(&mut record, "surname", members.text("family_name"));
    put(&mut record, "mail", email);
    put(&mut record, "mobilePhone", members.text("phone_number"));
    put(&mut record, "identities", Some(identities));
    let password = json!({ "password": user.random, "forceChangePasswordNextSignIn": false });
    put(&mut record, "passwordProfile", Some(password));
    put(&mut record, "passwordPolicies", Some("DisablePasswordExpiration"));
    record.insert(flag.clone(), true.into());
    Ok(members.record(&record, user.hash.is_some()))
}
