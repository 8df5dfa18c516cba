//! `login`: the managed store first; whoever is new there is proven by the legacy side and moves over.
//!
//! Invariant: the order of the steps in the module's description. Whoever is refused has cost a hash of each side's kind,
//! whichever refused: time does not tell who has moved.

use tokio::time::Instant;

use super::credential::Compared;
use super::store::{Found, Kept, NewRow, Patch, User};
use super::{Legacy, Managed, State};
use crate::action::{Class, Error, Outcome, Profile, Refusal, Request};
use crate::secret::Password;

/// How often a user is read again who changes while he is being changed.
pub(super) const ATTEMPTS: usize = 5;

impl Managed {
    pub(super) async fn log_in(
        &self,
        legacy: &impl Legacy,
        request: &Request,
        identifier: &str,
        password: &Password,
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        match self.store.by_name(&self.naming.of(identifier), deadline).await? {
            Found::User(user) => self.known(legacy, *user, password, deadline).await,
            Found::Retired => {
                self.decoy(password, deadline).await?;
                self.legacy_decoy(password, deadline).await?;
                Ok(Outcome::WrongCredentials(Refusal::UnknownUser))
            }
            Found::Nobody => {
                let outcome = legacy.ask(request, deadline).await?;
                match outcome {
                    Outcome::Authenticated(profile) => {
                        let arrived = self.arrive(legacy, profile, identifier, password, deadline).await;
                        self.note(&arrived, deadline).await;
                        arrived
                    }
                    refused @ Outcome::WrongCredentials(_) => {
                        self.decoy(password, deadline).await?;
                        Ok(refused)
                    }
                    other => Ok(other),
                }
            }
        }
    }

    /// A user of the managed store: his password there is the only one that counts.
    async fn known(
        &self,
        legacy: &impl Legacy,
        user: User,
        password: &Password,
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        let outdated = match self.compare(&user, password, deadline).await? {
            Compared::Right { outdated } => outdated,
            Compared::Refused(refusal) => {
                // An imported hash is of the other side's kind.
                match user.legacy {
                    Some(_) => self.decoy(password, deadline).await?,
                    None => self.legacy_decoy(password, deadline).await?,
                }
                return Ok(Outcome::WrongCredentials(refusal));
            }
        };
        let user = match (user.state, outdated) {
            (State::Imported, _) => self.take_over(user, password, deadline).await?,
            (_, true) => self.rehash(user, password, deadline).await,
            (_, false) => user,
        };
        let completed = self.complete(legacy, user, deadline).await;
        self.note(&completed, deadline).await;
        completed
    }

    /// The legacy side has proven the password of somebody whose name is new here.
    async fn arrive(
        &self,
        legacy: &impl Legacy,
        profile: Profile,
        identifier: &str,
        password: &Password,
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        if self.store.by_id(profile.user_id(), deadline).await?.is_none() {
            let hash = self.hash(password, deadline).await?;
            if self.insert_pending(&profile, Some(identifier), hash, deadline).await? {
                let user = self.store.by_id(profile.user_id(), deadline).await?;
                let user = user.ok_or_else(|| Error::new(Class::Timeout, "the managed store: a user came and went"))?;
                return self.complete(legacy, user, deadline).await;
            }
        }
        match self.store.by_id(profile.user_id(), deadline).await? {
            Some(user) if user.state != State::Deleted => {
                // Two at once, or another of his names: what the managed store holds is his password.
                let known = self.naming.of(identifier);
                let outcome = self.known(legacy, user, password, deadline).await?;
                if matches!(outcome, Outcome::Authenticated(_)) {
                    self.add_name(profile.user_id(), known, deadline).await;
                }
                Ok(outcome)
            }
            Some(_) | None => Ok(Outcome::WrongCredentials(Refusal::UnknownUser)),
        }
    }

    /// Inserts a user whose row is not marked yet; false when he is there, or has a tombstone.
    pub(super) async fn insert_pending(
        &self,
        profile: &Profile,
        identifier: Option<&str>,
        hash: String,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let mut names = self.naming.all(profile.members());
        names.extend(identifier.map(|identifier| self.naming.of(identifier)));
        names.sort();
        names.dedup();
        let row = NewRow {
            user_id: profile.user_id(),
            state: State::Pending,
            profile: profile.members(),
            hash: Some(hash),
            legacy: None,
            names,
        };
        match self.store.insert(row, self.now(), deadline).await? {
            Kept::Yes => Ok(true),
            Kept::Stale => Ok(false),
            Kept::NameTaken => Err(Error::new(
                Class::AmbiguousUser,
                "a name of this user belongs to another user of the managed store; make names unique, or list fewer \
                 under `migration.identifiers`",
            )),
        }
    }

    /// Marks the row that the user came from, and notes that it is.
    pub(super) async fn complete(
        &self,
        legacy: &impl Legacy,
        mut user: User,
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        for _ in 0..ATTEMPTS {
            match user.state {
                State::Migrated | State::Native | State::Imported => return Ok(Outcome::Authenticated(user.profile())),
                State::Deleted => return Ok(Outcome::WrongCredentials(Refusal::UnknownUser)),
                State::Pending => {}
            }
            legacy.mark(&user.user_id, deadline).await?;
            let patch = Patch { state: Some(State::Migrated), ..Patch::default() };
            if self.store.update(&user, patch, self.now(), deadline).await? == Kept::Yes {
                self.store.counters.migrated();
                return Ok(Outcome::Authenticated(user.profile()));
            }
            match self.store.by_id(&user.user_id, deadline).await? {
                Some(present) => user = present,
                None => return Ok(Outcome::WrongCredentials(Refusal::UnknownUser)),
            }
        }
        Err(too_busy())
    }

    /// The first login of an imported user: the managed store's own hash takes the place of the one that came along.
    async fn take_over(&self, user: User, password: &Password, deadline: Instant) -> Result<User, Error> {
        let hash = self.hash(password, deadline).await?;
        let patch = Patch { state: Some(State::Pending), hash: Some(Some(hash)), ..Patch::default() };
        // Whoever was quicker has done the same, or has changed the password or deleted the user: that stands.
        let _ = self.store.update(&user, patch, self.now(), deadline).await?;
        let present = self.store.by_id(&user.user_id, deadline).await?;
        Ok(present.unwrap_or(User { state: State::Deleted, ..user }))
    }

    /// Replaces an outdated hash. Whatever goes wrong here is logged and nothing more: the login stands.
    async fn rehash(&self, user: User, password: &Password, deadline: Instant) -> User {
        let work = async {
            let hash = self.hash(password, deadline).await?;
            let patch = Patch { hash: Some(Some(hash)), ..Patch::default() };
            let kept = self.store.update(&user, patch, self.now(), deadline).await?;
            Ok::<_, Error>((kept == Kept::Yes).then_some(user.revision + 1))
        };
        let connector = self.store.connector();
        match work.await {
            Ok(revision) => User { revision: revision.unwrap_or(user.revision), ..user },
            Err(error) => {
                tracing::warn!(connector, class = error.class.as_str(), %error, "rehash failed; the login stands");
                user
            }
        }
    }

    /// Remembers another name of a user. One that belongs to somebody else stays his.
    async fn add_name(&self, user_id: &str, name: super::name::Name, deadline: Instant) {
        let work = async {
            let Some(user) = self.store.by_id(user_id, deadline).await? else { return Ok(()) };
            let patch = Patch { add: vec![name], ..Patch::default() };
            let _ = self.store.update(&user, patch, self.now(), deadline).await?;
            Ok::<_, Error>(())
        };
        if let Err(error) = work.await {
            tracing::warn!(connector = self.store.connector(), %error, "a further name was not kept; the login stands");
        }
    }
}

pub(super) fn too_busy() -> Error {
    Error::new(Class::Timeout, "the managed store: the user changes too often")
}
