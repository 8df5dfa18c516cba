//! `delete`: what is left is a tombstone.
//!
//! Invariant: once a deletion was answered, no login brings the user back, although the row that he came from is still
//! there.

use tokio::time::Instant;

use super::login::{ATTEMPTS, too_busy};
use super::lookup::Target;
use super::store::{Kept, NewRow, Patch, User};
use super::{Legacy, Managed, State};
use crate::action::{Class, Error, Lookup, Object, Outcome, Profile, Request};
use crate::definition::DeletePolicy;

impl Managed {
    pub(super) async fn delete(
        &self,
        legacy: &impl Legacy,
        request: &Request,
        user_id: &str,
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        if !user_id.starts_with(&self.prefix) {
            let message = format!("expected an id that begins with `{}`", self.prefix);
            let class = Class::InvalidInput { field: "user_id".to_owned(), message };
            return Err(Error::new(class, "a user id without the connector's prefix"));
        }
        for _ in 0..ATTEMPTS {
            match self.store.by_id(user_id, deadline).await? {
                Some(user) if user.state == State::Deleted => return Ok(Outcome::Unchanged),
                Some(user) => {
                    if self.bury(&user, deadline).await? == Kept::Yes {
                        return Ok(Outcome::Changed);
                    }
                }
                None => {
                    let Some(profile) = self.legacy_profile(legacy, user_id, deadline).await? else {
                        return Ok(Outcome::Unchanged);
                    };
                    if self.keep_out(&profile, deadline).await? == Kept::Yes {
                        return self.delete_there(legacy, request, deadline).await;
                    }
                }
            }
        }
        Err(too_busy())
    }

    /// Makes a tombstone of a user.
    async fn bury(&self, user: &User, deadline: Instant) -> Result<Kept, Error> {
        let patch = Patch {
            state: Some(State::Deleted),
            profile: Some(Object::new()),
            hash: Some(None),
            retire_all: true,
            ..Patch::default()
        };
        self.store.update(user, patch, self.now(), deadline).await
    }

    /// A tombstone for a user who was never here.
    async fn keep_out(&self, profile: &Profile, deadline: Instant) -> Result<Kept, Error> {
        let row = NewRow {
            user_id: profile.user_id(),
            state: State::Deleted,
            profile: &Object::new(),
            hash: None,
            legacy: None,
            names: self.naming.all(profile.members()),
        };
        self.store.insert(row, self.now(), deadline).await
    }

    async fn delete_there(&self, legacy: &impl Legacy, request: &Request, deadline: Instant) -> Result<Outcome, Error> {
        match self.settings.unmigrated.deletion() {
            DeletePolicy::Tombstone => Ok(Outcome::Changed),
            DeletePolicy::Legacy => match legacy.ask(request, deadline).await? {
                Outcome::Unchanged => Ok(Outcome::Changed),
                other => Ok(other),
            },
        }
    }

    /// The user as the legacy side knows him; where it has no look-up by id, his id alone.
    async fn legacy_profile(
        &self,
        legacy: &impl Legacy,
        user_id: &str,
        deadline: Instant,
    ) -> Result<Option<Profile>, Error> {
        match self.legacy_target(legacy, Lookup::UserId(user_id.to_owned()), deadline).await {
            Ok(Target::Legacy(profile)) => Ok(Some(profile)),
            Ok(Target::Managed(_) | Target::Nobody) => Ok(None),
            Err(error) if error.class == Class::ActionNotDeclared => {
                Ok(Some(Profile::new(user_id.to_owned(), Object::new())))
            }
            Err(error) => Err(error),
        }
    }
}
