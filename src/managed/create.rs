//! `create`: new users begin in the managed store, unless the definition says otherwise.
//!
//! Invariant: a name of a user who is not migrated yet is taken.

use serde_json::Value as Json;
use tokio::time::Instant;

use super::store::{Found, Kept, NewRow};
use super::{Legacy, Managed, State};
use crate::action::{Error, NewUser, Object, Outcome, Profile, Request};
use crate::definition::{CreatePolicy, Identifier};

impl Managed {
    pub(super) async fn create(
        &self,
        legacy: &impl Legacy,
        request: &Request,
        user: &NewUser,
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        let given = given(user);
        for (_, text) in &given {
            if let Found::User(_) = self.store.by_name(&self.naming.of(text), deadline).await? {
                return Ok(Outcome::UserExists);
            }
        }
        match self.settings.unmigrated.creation() {
            CreatePolicy::Legacy => legacy.ask(request, deadline).await,
            CreatePolicy::Managed => self.create_here(legacy, user, &given, deadline).await,
        }
    }

    async fn create_here(
        &self,
        legacy: &impl Legacy,
        user: &NewUser,
        given: &[(Identifier, &str)],
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        legacy.check_new_user(user)?;
        if let Some(password) = &user.password
            && let Some(rejection) = self.refuse(password, deadline).await?
        {
            return Ok(Outcome::Rejected(rejection));
        }
        for (_, text) in given {
            if self.is_taken_in_legacy(legacy, text, deadline).await? {
                return Ok(Outcome::UserExists);
            }
        }
        let hash = match &user.password {
            Some(password) => Some(self.hash(password, deadline).await?),
            None => None,
        };
        let profile = Profile::new(self.new_id(), members(user, given));
        let row = NewRow {
            user_id: profile.user_id(),
            state: State::Native,
            profile: profile.members(),
            hash,
            legacy: None,
            names: self.naming.all(profile.members()),
        };
        match self.store.insert(row, self.now(), deadline).await? {
            Kept::Yes => Ok(Outcome::Created(Some(profile))),
            Kept::Stale | Kept::NameTaken => Ok(Outcome::UserExists),
        }
    }

    /// A random UUID (RFC 9562, version 4) behind the connector's prefix.
    fn new_id(&self) -> String {
        let mut bytes = [0; 16];
        (self.resources.entropy)(&mut bytes);
        format!("{}{}", self.prefix, uuid::Builder::from_random_bytes(bytes).into_uuid())
    }
}

/// The names that a request gives.
fn given(user: &NewUser) -> Vec<(Identifier, &str)> {
    let all = [
        (Identifier::Email, &user.email),
        (Identifier::Username, &user.username),
        (Identifier::PhoneNumber, &user.phone_number),
    ];
    all.into_iter().filter_map(|(member, text)| Some((member, text.as_deref()?))).collect()
}

fn members(user: &NewUser, given: &[(Identifier, &str)]) -> Object {
    let mut members = user.fields.clone();
    members.extend(given.iter().map(|(member, text)| (member.member().to_owned(), Json::from(*text))));
    for (verified, present) in [("email_verified", &user.email), ("phone_verified", &user.phone_number)] {
        if present.is_some() {
            members.insert(verified.to_owned(), Json::Bool(false));
        }
    }
    for (name, object) in [("user_metadata", &user.user_metadata), ("app_metadata", &user.app_metadata)] {
        if !object.is_empty() {
            members.insert(name.to_owned(), Json::Object(object.clone()));
        }
    }
    members
}
