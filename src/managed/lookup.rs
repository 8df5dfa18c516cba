//! `get_user`, and who is meant by a name when something is to be changed.
//!
//! Invariant: a user whom the legacy side finds is looked for in the managed store by id before he counts as not
//! migrated: he may be there under another name, or have a tombstone.

use tokio::time::Instant;

use super::store::{Found, User};
use super::{Legacy, Managed, State};
use crate::action::{Error, Lookup, Object, Outcome, Profile, Request};

/// Who is meant.
pub(super) enum Target {
    /// A user of the managed store.
    Managed(Box<User>),
    /// A user of the legacy side alone.
    Legacy(Profile),
    /// Nobody, or nobody any more.
    Nobody,
}

impl Managed {
    pub(super) async fn look_up(
        &self,
        legacy: &impl Legacy,
        request: &Request,
        by: &Lookup,
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        let found = match by {
            Lookup::Identifier(identifier) => self.store.by_name(&self.naming.of(identifier), deadline).await?,
            Lookup::UserId(user_id) => match self.store.by_id(user_id, deadline).await? {
                Some(user) if user.state == State::Deleted => Found::Retired,
                Some(user) => Found::User(Box::new(user)),
                None => Found::Nobody,
            },
        };
        match found {
            Found::User(user) => Ok(Outcome::Found(user.profile())),
            Found::Retired => Ok(Outcome::NotFound),
            Found::Nobody => match legacy.ask(request, deadline).await? {
                Outcome::Found(profile) => Ok(match self.settle(profile, deadline).await? {
                    Target::Managed(user) => Outcome::Found(user.profile()),
                    Target::Legacy(profile) => Outcome::Found(profile),
                    Target::Nobody => Outcome::NotFound,
                }),
                other => Ok(other),
            },
        }
    }

    /// Who is meant by an identifier.
    pub(super) async fn target(
        &self,
        legacy: &impl Legacy,
        identifier: &str,
        deadline: Instant,
    ) -> Result<Target, Error> {
        match self.store.by_name(&self.naming.of(identifier), deadline).await? {
            Found::User(user) => Ok(Target::Managed(user)),
            Found::Retired => Ok(Target::Nobody),
            Found::Nobody => self.legacy_target(legacy, Lookup::Identifier(identifier.to_owned()), deadline).await,
        }
    }

    /// Who is meant, as far as the legacy side knows.
    pub(super) async fn legacy_target(
        &self,
        legacy: &impl Legacy,
        by: Lookup,
        deadline: Instant,
    ) -> Result<Target, Error> {
        match legacy.ask(&Request::GetUser { by, context: Object::new() }, deadline).await? {
            Outcome::Found(profile) => self.settle(profile, deadline).await,
            _ => Ok(Target::Nobody),
        }
    }

    /// Whether a name belongs to a user of the legacy side who is not migrated.
    pub(super) async fn is_taken_in_legacy(
        &self,
        legacy: &impl Legacy,
        identifier: &str,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let target = self.legacy_target(legacy, Lookup::Identifier(identifier.to_owned()), deadline).await?;
        Ok(matches!(target, Target::Legacy(_)))
    }

    async fn settle(&self, profile: Profile, deadline: Instant) -> Result<Target, Error> {
        Ok(match self.store.by_id(profile.user_id(), deadline).await? {
            None => Target::Legacy(profile),
            Some(user) if user.state == State::Deleted => Target::Nobody,
            Some(user) => Target::Managed(Box::new(user)),
        })
    }
}
