//! The changes of one user: his password, and what his profile says.
//!
//! Invariant: a user of the managed store is changed there and nowhere else; one who is not is changed as the definition
//! says, and what reached him in the meantime is changed, too.

use serde_json::Value as Json;
use tokio::time::Instant;

use super::login::{ATTEMPTS, too_busy};
use super::lookup::Target;
use super::store::{Kept, Patch, User};
use super::{Legacy, Managed, State};
use crate::action::{Action, Error, Object, Outcome, Profile, Rejection, Request};
use crate::definition::{ChangePolicy, Identifier, ResetPolicy};
use crate::secret::Password;

/// A change of a profile.
struct Change<'a> {
    action: Action,
    /// The member by which the user is named, and what it says.
    member: Identifier,
    old: &'a str,
    /// What it shall say; None when only the flag changes.
    new: Option<&'a str>,
    verified: Option<bool>,
}

impl<'a> Change<'a> {
    fn of(request: &'a Request) -> Option<Self> {
        let action = request.action();
        Some(match request {
            Request::Verify { email } => {
                Self { action, member: Identifier::Email, old: email, new: None, verified: Some(true) }
            }
            Request::ChangeEmail { email, new_email, verified } => {
                Self { action, member: Identifier::Email, old: email, new: Some(new_email), verified: *verified }
            }
            Request::ChangeUsername { username, new_username } => {
                Self { action, member: Identifier::Username, old: username, new: Some(new_username), verified: None }
            }
            Request::ChangePhoneNumber { phone_number, new_phone_number, verified } => Self {
                action,
                member: Identifier::PhoneNumber,
                old: phone_number,
                new: Some(new_phone_number),
                verified: *verified,
            },
            _ => return None,
        })
    }

    /// The member that says whether the address is verified.
    fn flag(&self) -> Option<&'static str> {
        match self.member {
            Identifier::Email => Some("email_verified"),
            Identifier::PhoneNumber => Some("phone_verified"),
            Identifier::Username => None,
        }
    }

    /// The profile after the change.
    fn apply(&self, members: &Object) -> Object {
        let mut members = members.clone();
        if let Some(new) = self.new {
            members.insert(self.member.member().to_owned(), Json::from(new));
        }
        let moved = self.new.is_some_and(|new| new != self.old);
        // Nobody has proven the new address yet.
        if let Some((flag, verified)) = self.flag().zip(self.verified.or(moved.then_some(false))) {
            members.insert(flag.to_owned(), Json::Bool(verified));
        }
        members
    }
}

impl Managed {
    pub(super) async fn change(
        &self,
        legacy: &impl Legacy,
        request: &Request,
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        let Some(change) = Change::of(request) else { return legacy.ask(request, deadline).await };
        match self.target(legacy, change.old, deadline).await? {
            Target::Managed(user) => self.change_here(legacy, *user, &change, deadline).await,
            Target::Nobody => Ok(Outcome::Unchanged),
            Target::Legacy(profile) => match self.settings.unmigrated.change(change.action) {
                ChangePolicy::Refuse => Ok(not_migrated()),
                ChangePolicy::Legacy => self.change_there(legacy, request, &change, &profile, deadline).await,
            },
        }
    }

    /// Changes a user of the managed store.
    async fn change_here(
        &self,
        legacy: &impl Legacy,
        mut user: User,
        change: &Change<'_>,
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        let (old, new) = (self.naming.of(change.old), self.naming.of(change.new.unwrap_or(change.old)));
        if new != old
            && let Some(text) = change.new
            && self.is_taken_in_legacy(legacy, text, deadline).await?
        {
            return Ok(Outcome::UserExists);
        }
        for _ in 0..ATTEMPTS {
            let says = user.members.get(change.member.member()).and_then(Json::as_str);
            // A name of another kind finds the user, too, but is not the one that is to be changed.
            if user.state == State::Deleted || says.is_some_and(|text| self.naming.of(text) != old) {
                return Ok(Outcome::Unchanged);
            }
            let members = change.apply(&user.members);
            let kept = self.naming.all(&members);
            let patch = Patch {
                retire: if kept.contains(&old) { Vec::new() } else { vec![old.clone()] },
                add: if new == old || !self.naming.finds_by(change.member) { Vec::new() } else { vec![new.clone()] },
                profile: Some(members),
                ..Patch::default()
            };
            match self.store.update(&user, patch, self.now(), deadline).await? {
                Kept::Yes => return Ok(Outcome::Changed),
                Kept::NameTaken => return Ok(Outcome::UserExists),
                Kept::Stale => {}
            }
            match self.store.by_id(&user.user_id, deadline).await? {
                Some(present) => user = present,
                None => return Ok(Outcome::Unchanged),
            }
        }
        Err(too_busy())
    }

    /// Changes a user of the legacy side, and also here when he arrived meanwhile.
    async fn change_there(
        &self,
        legacy: &impl Legacy,
        request: &Request,
        change: &Change<'_>,
        profile: &Profile,
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        if let Some(new) = change.new
            && self.naming.of(new) != self.naming.of(change.old)
            && let super::store::Found::User(_) = self.store.by_name(&self.naming.of(new), deadline).await?
        {
            return Ok(Outcome::UserExists);
        }
        let outcome = legacy.ask(request, deadline).await?;
        match (&outcome, self.store.by_id(profile.user_id(), deadline).await?) {
            (Outcome::Changed, Some(user)) => self.change_here(legacy, user, change, deadline).await,
            _ => Ok(outcome),
        }
    }

    pub(super) async fn change_password(
        &self,
        legacy: &impl Legacy,
        request: &Request,
        identifier: &str,
        password: &Password,
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        match self.target(legacy, identifier, deadline).await? {
            Target::Managed(user) => self.set_password(*user, password, deadline).await,
            Target::Nobody => Ok(Outcome::Unchanged),
            Target::Legacy(profile) => match self.settings.unmigrated.reset() {
                ResetPolicy::Refuse => Ok(not_migrated()),
                ResetPolicy::Legacy => {
                    let outcome = legacy.ask(request, deadline).await?;
                    match (&outcome, self.store.by_id(profile.user_id(), deadline).await?) {
                        (Outcome::Changed, Some(user)) => self.set_password(user, password, deadline).await,
                        _ => Ok(outcome),
                    }
                }
                ResetPolicy::Migrate => self.migrate_with(legacy, &profile, identifier, password, deadline).await,
            },
        }
    }

    /// Stores a new password in the managed store.
    async fn set_password(&self, mut user: User, password: &Password, deadline: Instant) -> Result<Outcome, Error> {
        if let Some(rejection) = self.refuse(password, deadline).await? {
            return Ok(Outcome::Rejected(rejection));
        }
        let hash = self.hash(password, deadline).await?;
        for _ in 0..ATTEMPTS {
            let state = match user.state {
                State::Deleted => return Ok(Outcome::Unchanged),
                // What came along with the import counts no more, and the row that he came from is not marked.
                State::Imported => Some(State::Pending),
                State::Pending | State::Migrated | State::Native => None,
            };
            let patch = Patch { state, hash: Some(Some(hash.clone())), ..Patch::default() };
            if self.store.update(&user, patch, self.now(), deadline).await? == Kept::Yes {
                return Ok(Outcome::Changed);
            }
            match self.store.by_id(&user.user_id, deadline).await? {
                Some(present) => user = present,
                None => return Ok(Outcome::Unchanged),
            }
        }
        Err(too_busy())
    }

    /// A new password before the first login: the user is migrated with it.
    async fn migrate_with(
        &self,
        legacy: &impl Legacy,
        profile: &Profile,
        identifier: &str,
        password: &Password,
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        if let Some(rejection) = self.refuse(password, deadline).await? {
            return Ok(Outcome::Rejected(rejection));
        }
        let hash = self.hash(password, deadline).await?;
        let inserted = self.insert_pending(profile, Some(identifier), hash, deadline).await?;
        let Some(user) = self.store.by_id(profile.user_id(), deadline).await? else { return Err(too_busy()) };
        if !inserted {
            // A login was quicker: he is here, with the old password.
            return self.set_password(user, password, deadline).await;
        }
        let completed = self.complete(legacy, user, deadline).await;
        self.note(&completed, deadline).await;
        Ok(match completed? {
            Outcome::Authenticated(_) => Outcome::Changed,
            _ => Outcome::Unchanged,
        })
    }
}

/// The definition refuses changes of users who are not migrated.
fn not_migrated() -> Outcome {
    let message = "the user has to log in once before this can be changed".to_owned();
    Outcome::Rejected(Rejection { code: "not_migrated", message })
}
