//! Users in the layouts in which identity providers import them, with hashes where the provider can read them.
//!
//! Invariant: a hash is only ever given as it is; whoever's hash a provider cannot read is exported without it, and that
//! is said.

mod layout;

use serde_json::Value as Json;
use tokio::time::Instant;

pub use self::layout::Layout;
use super::credential::secret;
use super::store::User;
use super::{Managed, State};
use crate::action::{Error, Object};

/// How many users a page has.
const PAGE: u64 = 500;

/// A user as he is exported.
#[derive(Debug)]
pub struct Exported {
    /// The user's id.
    pub user_id: String,
    /// What the layout makes of the user.
    pub entry: Json,
    /// Why his hash is not in it; None when it is.
    pub without_hash: Option<&'static str>,
}

/// What a layout needs to know of a user.
struct Person<'a> {
    user_id: &'a str,
    state: State,
    members: &'a Object,
    /// A hash that says by itself what it is.
    hash: Option<String>,
}

impl Person<'_> {
    fn text(&self, member: &str) -> Option<&str> {
        self.members.get(member).and_then(Json::as_str).filter(|text| !text.is_empty())
    }

    fn truth(&self, member: &str) -> bool {
        self.members.get(member).and_then(Json::as_bool).unwrap_or_default()
    }

    /// A name by which the person logs in.
    fn login(&self) -> &str {
        self.text("username").or(self.text("email")).or(self.text("phone_number")).unwrap_or(self.user_id)
    }
}

impl Managed {
    /// The next users after this id; empty at the end.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn export(&self, after: &str, layout: Layout, deadline: Instant) -> Result<Vec<Exported>, Error> {
        let users = self.store.page(after, PAGE, deadline).await?;
        Ok(users.iter().map(|user| exported(user, layout)).collect())
    }
}

fn exported(user: &User, layout: Layout) -> Exported {
    let hash = hash(user);
    let missing = hash.as_ref().err().copied();
    let person = Person { user_id: &user.user_id, state: user.state, members: &user.members, hash: hash.ok() };
    let (entry, unreadable) = layout.entry(&person);
    Exported { user_id: user.user_id.clone(), entry, without_hash: missing.or(unreadable) }
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
