//! What changes a tenant's users.

use http::Method;
use serde_json::{Value as Json, json};
use zeroize::Zeroizing;

use super::search::path_of;
use super::{Tenant, without_provider};
use crate::action::{Error, NewUser, Object, Rejection, Request};
use crate::outbound::Answer;
use crate::secret::Password;
use crate::upstream::Reply;
use crate::upstream::ask::{Weight, doubt, object};
use crate::upstream::body::ROOM;

impl Tenant<'_> {
    /// Adds a user.
    pub(super) async fn create(&self, user: &NewUser) -> Result<Reply, Error> {
        let mut members = Object::new();
        let mut text = |name: &str, value: Option<&String>| {
            if let Some(value) = value {
                members.insert(name.to_owned(), value.as_str().into());
            }
        };
        text("email", user.email.as_ref());
        text("username", user.username.as_ref());
        text("phone_number", user.phone_number.as_ref());
        text("connection", Some(&self.tenant.connection));
        for (name, object) in [("user_metadata", &user.user_metadata), ("app_metadata", &user.app_metadata)] {
            if !object.is_empty() {
                members.insert(name.to_owned(), Json::Object(object.clone()));
            }
        }
        let document = document(&members, user.password.as_ref());
        let answer = self.manage(Method::POST, "/api/v2/users".to_owned(), "/api/v2/users", Some(&document)).await?;
        match answer.status {
            201 => Ok(Reply::Created(object(&answer).ok().and_then(without_provider))),
            409 => Ok(Reply::UserExists),
            400 => refused(&answer),
            _ => Err(doubt(&answer, Weight::Write)),
        }
    }

    /// Changes one user.
    pub(super) async fn change(&self, request: &Request) -> Result<Reply, Error> {
        let connection = self.tenant.connection.as_str();
        let mut password = None;
        let (user, mut members) = match request {
            Request::Verify { email } => (self.find(email).await?, json!({ "email_verified": true })),
            Request::ChangePassword { identifier, password: new } => {
                password = Some(new);
                (self.find(identifier).await?, json!({ "connection": connection }))
            }
            Request::ChangeEmail { email, new_email, verified } => {
                let mut members = json!({ "email": new_email, "connection": connection });
                if let Some(verified) = verified {
                    members["email_verified"] = (*verified).into();
                }
                (self.find(email).await?, members)
            }
            Request::ChangeUsername { username, new_username } => {
                let user = self.searched("username", &username.to_lowercase()).await?;
                (user, json!({ "username": new_username, "connection": connection }))
            }
            Request::ChangePhoneNumber { phone_number, new_phone_number, verified } => {
                let mut members = json!({ "phone_number": new_phone_number, "connection": connection });
                if let Some(verified) = verified {
                    members["phone_verified"] = (*verified).into();
                }
                (self.searched("phone_number", phone_number).await?, members)
            }
            Request::Login { .. }
            | Request::GetUser { .. }
            | Request::ListUsers { .. }
            | Request::Create(_)
            | Request::Delete { .. } => {
                return Ok(Reply::Unchanged);
            }
        };
        let id = user.as_ref().and_then(|user| user.get("user_id")).and_then(Json::as_str);
        let Some(id) = id else { return Ok(Reply::Unchanged) };
        let members = members.as_object_mut().map(std::mem::take).unwrap_or_default();
        let document = document(&members, password);
        let answer = self.manage(Method::PATCH, path_of(id), "/api/v2/users/{id}", Some(&document)).await?;
        match answer.status {
            200 => Ok(Reply::Changed),
            404 => Ok(Reply::Unchanged),
            409 => Ok(Reply::UserExists),
            400 => refused(&answer),
            _ => Err(doubt(&answer, Weight::Write)),
        }
    }

    /// Removes a user. The tenant says 204 whether there was such a user or not, so it is looked up before.
    pub(super) async fn delete(&self, id: &str) -> Result<Reply, Error> {
        if self.by_id(id).await?.is_none() {
            return Ok(Reply::Unchanged);
        }
        let answer = self.manage(Method::DELETE, path_of(id), "/api/v2/users/{id}", None).await?;
        match answer.status {
            204 => Ok(Reply::Changed),
            404 => Ok(Reply::Unchanged),
            _ => Err(doubt(&answer, Weight::Write)),
        }
    }
}

/// A JSON document, with the password written straight into memory that is wiped.
fn document(members: &Object, password: Option<&Password>) -> Zeroizing<Vec<u8>> {
    let mut document = Zeroizing::new(Vec::with_capacity(2 * ROOM));
    let written = serde_json::to_writer(&mut *document, members);
    if let Some(password) = password.filter(|_| written.is_ok()) {
        document.pop();
        document.extend_from_slice(if members.is_empty() { b"\"password\":" } else { b",\"password\":" });
        // Writing text into memory cannot fail.
        let _ = serde_json::to_writer(&mut *document, password.expose());
        document.push(b'}');
    }
    document
}

/// What the tenant refuses of a change: a taken name, a weak password, or a value that it does not take.
fn refused(answer: &Answer) -> Result<Reply, Error> {
    let Ok(body) = object(answer) else { return Err(doubt(answer, Weight::Write)) };
    let text = |name: &str| body.get(name).and_then(Json::as_str).unwrap_or_default();
    let message = text("message");
    if message.contains("already exists") {
        return Ok(Reply::UserExists);
    }
    if message.starts_with("Password") || text("errorCode").starts_with("invalid_password") {
        let message = "the password does not meet the tenant's rules".to_owned();
        return Ok(Reply::Rejected(Rejection { code: "invalid_password", message }));
    }
    if matches!(text("errorCode"), "invalid_body" | "auth0_idp_error") || message.starts_with("Payload validation") {
        let message = "the tenant does not take one of these values".to_owned();
        return Ok(Reply::Rejected(Rejection { code: "constraint_violation", message }));
    }
    Err(doubt(answer, Weight::Write))
}
