//! FusionAuth's user import, in requests of a thousand users.
//! <https://fusionauth.io/docs/apis/users#import-users>

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::stored::Bcrypt;
use super::{Frame, Members, Record, Unfit, User, put};

pub(super) const FRAME: Frame = Frame {
    head: "{\"validateDbConstraints\":false,\"users\":[\n",
    separator: ",\n",
    tail: "\n]}\n",
    records: Some(1000),
    bytes: None,
};

/// The namespace of derived ids unless another is declared. It must never change: ids would.
const NAMESPACE: Uuid = Uuid::from_u128(0x7c3f_2f0e_61b7_5e4a_9d0b_3c5a_55e2_b81d);

/// A user's id in FusionAuth, the same whenever it is asked for: the id itself, or one derived from it (RFC 9562,
/// version 5).
pub fn stable_id(namespace: Option<Uuid>, user_id: &str) -> Uuid {
    let namespace = namespace.unwrap_or(NAMESPACE);
    Uuid::try_parse(user_id).unwrap_or_else(|_| Uuid::new_v5(&namespace, user_id.as_bytes()))
}

/// `data` takes whatever has no place of its own.
pub(super) fn record(user: &User<'_>) -> Result<Record, Unfit> {
    let mut members = Members::new(user);
    let (email, username) = (members.text("email"), members.text("username"));
    if email.is_none() && username.is_none() {
        return Err(Unfit("it has neither an e-mail address nor a user name"));
    }
    let mut record = Map::new();
    put(&mut record, "id", Some(stable_id(None, user.profile.user_id()).to_string()));
    put(&mut record, "active", Some(true));
    put(&mut record, "email", email);
    put(&mut record, "username", username);
    put(&mut record, "verified", Some(members.flag("email_verified").unwrap_or(false)));
    put(&mut record, "firstName", members.text("given_name"));
    put(&mut record, "lastName", members.text("family_name"));
    put(&mut record, "fullName", members.text("name"));
    put(&mut record, "mobilePhone", members.text("phone_number"));
    put(&mut record, "imageUrl", members.text("picture"));
    let bcrypt = user.hash.map(Bcrypt::parse);
    if let Some(Some(Bcrypt { cost, salt, digest })) = &bcrypt {
        put(&mut record, "encryptionScheme", Some("bcrypt"));
        put(&mut record, "factor", Some(*cost));
        put(&mut record, "salt", Some(*salt));
        put(&mut record, "password", Some(*digest));
    }
    let mut data = Map::from_iter([("user_id".to_owned(), Json::from(user.profile.user_id()))]);
    data.extend(members.others());
    put(&mut record, "data", Some(Json::Object(data)));
    Ok(members.record(&record, matches!(bcrypt, Some(None))))
}
