//! Keycloak's partial import, in files of a thousand users.
//! <https://www.keycloak.org/docs-api/latest/rest-api/index.html#UserRepresentation>

use base64ct::{Base64, Base64Unpadded, Encoding};
use serde_json::{Map, Value as Json, json};

use super::stored::Argon2;
use super::{Frame, Members, Record, Unfit, User, put};

pub(super) const FRAME: Frame = Frame {
    head: "{\"ifResourceExists\":\"SKIP\",\"users\":[\n",
    separator: ",\n",
    tail: "\n]}\n",
    records: Some(1000),
    bytes: None,
};

/// Attributes are lists of texts: what is no text is there as JSON. User names are in lower case, as Keycloak keeps them.
pub(super) fn record(user: &User<'_>) -> Result<Record, Unfit> {
    let mut members = Members::new(user);
    let email = members.text("email");
    let Some(username) = members.text("username").or_else(|| email.clone()) else {
        return Err(Unfit("it has neither a user name nor an e-mail address"));
    };
    let mut record = Map::new();
    put(&mut record, "username", Some(username.to_lowercase()));
    put(&mut record, "email", email);
    put(&mut record, "emailVerified", Some(members.flag("email_verified").unwrap_or(false)));
    put(&mut record, "enabled", Some(true));
    put(&mut record, "firstName", members.text("given_name"));
    put(&mut record, "lastName", members.text("family_name"));
    let credential = user.hash.map(credential);
    put(&mut record, "credentials", credential.clone().flatten().map(|credential| vec![credential]));
    let mut attributes = Map::from_iter([("user_id".to_owned(), json!([user.profile.user_id()]))]);
    attributes.extend(members.others().into_iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (name, json!([text]))
    }));
    put(&mut record, "attributes", Some(Json::Object(attributes)));
    Ok(members.record(&record, matches!(credential, Some(None))))
}

/// Keycloak verifies Argon2 itself; other formats need a provider that it does not ship with.
fn credential(hash: &str) -> Option<Json> {
    let argon2 = Argon2::parse(hash)?;
    let padded = |text: &str| Base64Unpadded::decode_vec(text).ok().map(|bytes| (Base64::encode_string(&bytes), bytes));
    let ((salt, _), (digest, bytes)) = (padded(argon2.salt)?, padded(argon2.digest)?);
    let number = |number: u32| json!([number.to_string()]);
    let data = json!({
        "hashIterations": argon2.passes,
        "algorithm": "argon2",
        "additionalParameters": {
            "hashLength": [bytes.len().to_string()],
            "memory": number(argon2.memory),
            "type": [argon2.variant],
            "version": ["1.3"],
            "parallelism": number(argon2.lanes),
        },
    });
    let secret = json!({ "value": digest, "salt": salt, "additionalParameters": {} });
    Some(json!({ "type": "password", "credentialData": data.to_string(), "secretData": secret.to_string() }))
}
