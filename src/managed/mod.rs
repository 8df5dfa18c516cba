//! The managed store in front of a legacy side: users move over one by one, each at the first login.
//!
//! # The first login, step by step
//!
//! 1. The managed store is asked for the identifier. Whoever is found there, or is known there to be gone, is answered
//!    from there; the legacy side is not asked.
//! 2. The legacy side authenticates. What it refuses is its answer.
//! 3. The user is inserted as `pending`: the same id, the profile, a hash of the password that was just proven. The
//!    unique keys of the id and of the names decide who is first when two try it at once; whoever is second reads what
//!    the first has written and compares the password with that.
//! 4. The legacy row is marked. The statement may run twice.
//! 5. The user becomes `migrated`.
//! 6. The answer.
//!
//! # Where it may end in between
//!
//! * Before 3 is committed nothing has happened: the next login begins at 1.
//! * Between 3 and 5 the user is `pending`. The next login finds the user at 1, compares the password with the managed
//!   hash, and repeats 4 and 5. The legacy side is not asked for the password again, so a password that was changed in
//!   between is the only one that opens the account.
//! * After 5 all is done but the answer.
//!
//! Every change of a user compares the revision that it was decided upon, so a deletion or a new password in between
//! makes the later step read again: a tombstone refuses, a newer hash stays.
//!
//! A purge deletes a legacy row when the managed store says `migrated` (or has a tombstone of somebody who was), the mark
//! is in that row, and both are old enough. A row of a `pending` user is therefore never deleted, whichever of 4 and 5
//! was the last to happen.
//!
//! # Invariants
//!
//! * When the managed store does not answer, nobody does: the legacy side may hold an old password.
//! * A name that ever found a managed user is never looked up in the legacy side again, until it is forgotten on
//!   purpose.
//! * A tombstone refuses its user under every name, also under one that is new.
//! * What the legacy side changes between steps 2 and 3 is not seen: with `unmigrated.change_password: migrate`, the
//!   default, a new password goes through step 3, where the first one wins.

mod change;
mod counters;
mod create;
mod credential;
mod delete;
mod entity;
mod export;
mod import;
mod link;
mod login;
mod lookup;
mod name;
mod password;
mod schema;
mod status;
mod store;

use std::sync::Arc;

use tokio::time::Instant;

pub use self::counters::{Counters, Seen};
pub use self::export::Exported;
pub use self::import::{Copied, Pages};
use self::name::Naming;
pub use self::status::Counts;
pub use self::store::{State, Store};
use crate::action::{Class, Error, NewUser, Outcome, Request};
use crate::definition::{Definition, Migration, Verification};
use crate::hash::{Budget, Policy};

/// The side that users come from.
pub trait Legacy: Send + Sync {
    /// Answers a request as it would without a migration.
    fn ask(&self, request: &Request, deadline: Instant) -> impl Future<Output = Result<Outcome, Error>> + Send;

    /// Marks a user as migrated. Doing it again changes nothing; anything but one row is an error.
    fn mark(&self, user_id: &str, deadline: Instant) -> impl Future<Output = Result<(), Error>> + Send;

    /// Whether the members of a new user are what the definition declares.
    ///
    /// # Errors
    /// The first member that is not.
    fn check_new_user(&self, user: &NewUser) -> Result<(), Error>;
}

/// What the managed store shares with the rest of its process.
#[derive(Clone)]
pub struct Resources {
    /// Where passwords are hashed.
    pub budget: Arc<Budget>,
    /// Where salts and ids come from.
    pub entropy: fn(&mut [u8]),
    /// Milliseconds since 1970 (UTC).
    pub clock: fn() -> i64,
}

/// One connector's managed users, and how the others become such.
pub struct Managed {
    store: Store,
    settings: Arc<Migration>,
    naming: Naming,
    prefix: String,
    /// Verifies the hashes that an import brought along.
    legacy_policy: Option<Arc<Policy>>,
    resources: Resources,
}

impl Managed {
    /// Joins a definition's migration with its store; None when the definition declares none.
    pub fn new(definition: &Definition, store: Store, resources: Resources) -> Option<Self> {
        let settings = Arc::clone(definition.migration.as_ref()?);
        let login = definition.login.as_ref().map(|login| &login.verification);
        let legacy_policy = match login {
            Some(Verification::Gateway(stored)) => Some(Arc::clone(&stored.policy)),
            Some(Verification::Database) | None => None,
        };
        Some(Self {
            store,
            naming: Naming::new(definition.matching, &settings.identifiers),
            prefix: definition.user_id.prefix.clone(),
            legacy_policy,
            settings,
            resources,
        })
    }

    /// The managed store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Answers one request by the deadline.
    ///
    /// # Errors
    /// When no answer could be had, of the managed store or of the legacy side where that is asked.
    pub async fn run(&self, legacy: &impl Legacy, request: &Request, deadline: Instant) -> Result<Outcome, Error> {
        match request {
            Request::Login { identifier, password, .. } => {
                self.log_in(legacy, request, identifier, password, deadline).await
            }
            Request::GetUser { by, .. } => self.look_up(legacy, request, by, deadline).await,
            Request::Create(user) => self.create(legacy, request, user, deadline).await,
            Request::ChangePassword { identifier, password } => {
                self.change_password(legacy, request, identifier, password, deadline).await
            }
            Request::Verify { .. }
            | Request::ChangeEmail { .. }
            | Request::ChangeUsername { .. }
            | Request::ChangePhoneNumber { .. } => self.change(legacy, request, deadline).await,
            Request::Delete { user_id } => self.delete(legacy, request, user_id, deadline).await,
            // Neither side alone has all users, and half a list looks like a whole one.
            Request::ListUsers { .. } => Err(Error::new(
                Class::ActionNotDeclared,
                "users who migrate are not listed; `userbridge migration export` writes those who have moved",
            )),
        }
    }

    fn now(&self) -> i64 {
        (self.resources.clock)()
    }
}

impl std::fmt::Debug for Managed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Managed").field("store", &self.store).finish()
    }
}
