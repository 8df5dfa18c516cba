//! Managed users, page by page, for moving them elsewhere.
//!
//! Invariant: a hash is only ever given as it is, and where there is none it is said why.

use serde_json::Value as Json;
use tokio::time::Instant;

use super::credential::secret;
use super::store::User;
use super::{Managed, State};
use crate::action::{Error, Profile};
use crate::secret::Secret;

/// How many users a page has.
const PAGE: u64 = 500;

/// A user as he is exported.
#[derive(Debug)]
pub struct Exported {
    /// The user.
    pub profile: Profile,
    /// How far he has come.
    pub state: State,
    /// A hash that says by itself what it is; or why there is none.
    pub hash: Result<Secret, &'static str>,
}

impl Managed {
    /// The next users after this id; empty at the end.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn export(&self, after: &str, deadline: Instant) -> Result<Vec<Exported>, Error> {
        let users = self.store.page(after, PAGE, deadline).await?;
        let exported = |user: &User| Exported {
            profile: Profile::new(user.user_id.clone(), user.members.clone()),
            state: user.state,
            hash: hash(user).map(Secret::new),
        };
        Ok(users.iter().map(exported).collect())
    }
}

/// The hash in one text; or why there is none.
fn hash(user: &User) -> Result<String, &'static str> {
    let Some(legacy) = &user.legacy else { return user.hash.clone().ok_or("the user has no password") };
    let parsed: Json = serde_json::from_str(legacy).map_err(|_| "the imported hash cannot be read")?;
    if parsed["beside"].as_object().is_some_and(|beside| beside.values().any(|value| !value.is_null())) {
        return Err("the imported hash needs columns beside it; it is replaced at the next login");
    }
    match secret(&parsed["hash"]) {
        Some(Some(secret)) => String::from_utf8(secret.expose().to_vec()).map_err(|_| "the imported hash is no text"),
        Some(None) => Err("the user has no password"),
        None => Err("the imported hash cannot be read"),
    }
}
