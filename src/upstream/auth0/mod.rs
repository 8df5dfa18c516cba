//! An Auth0 tenant: logins by the password-realm grant, everything else by the management API.
//!
//! Invariant: a user counts only with an identity in the declared connection. The tenant's ids begin with `auth0|`,
//! which is not part of the id outside: an identity provider that adds it again would make `auth0|auth0|…` of it.

mod login;
mod search;
mod users;

use super::ask::Ask;
use super::token::{Standing, management};
use super::{Reply, upstream_id};
use crate::action::{Action, Class, Error, Lookup, Object, Request};
use crate::definition::Auth0;

/// What the ids of users of database connections begin with.
const PROVIDER: &str = "auth0|";

/// A tenant that is asked for one request.
pub(super) struct Tenant<'a> {
    pub tenant: &'a Auth0,
    pub ask: Ask<'a>,
    /// What stands in front of ids outside.
    pub prefix: &'a str,
    /// Milliseconds since 1970.
    pub clock: fn() -> i64,
}

impl Tenant<'_> {
    /// The tenant's answer.
    pub async fn answer(&self, request: &Request) -> Result<Reply, Error> {
        match request {
            Request::Login { identifier, password, context } => self.log_in(identifier, password, context).await,
            Request::GetUser { by: Lookup::Identifier(identifier), .. } => {
                Ok(self.find(identifier).await?.map_or(Reply::NotFound, Reply::Found))
            }
            Request::GetUser { by: Lookup::UserId(user_id), .. } => {
                let id = upstream_id(user_id, self.prefix)?;
                Ok(self.by_id(id).await?.map_or(Reply::NotFound, Reply::Found))
            }
            Request::Create(user) => self.create(user).await,
            Request::Delete { user_id } => self.delete(upstream_id(user_id, self.prefix)?).await,
            Request::Verify { .. }
            | Request::ChangePassword { .. }
            | Request::ChangeEmail { .. }
            | Request::ChangeUsername { .. }
            | Request::ChangePhoneNumber { .. } => self.change(request).await,
            Request::ListUsers { .. } => {
                Err(Error::new(Class::ActionNotDeclared, "a tenant cannot list all its users"))
            }
        }
    }
}

/// Whether any declared action needs the management API.
pub(super) fn manages(tenant: &Auth0) -> bool {
    tenant.actions.iter().any(|action| *action != Action::Login)
}

/// The scopes that an action needs.
pub(super) const fn scopes(action: Action) -> &'static [&'static str] {
    match action {
        Action::Login | Action::ListUsers => &[],
        Action::GetUser => &["read:users"],
        Action::Create => &["create:users"],
        Action::Delete => &["read:users", "delete:users"],
        Action::Verify
        | Action::ChangePassword
        | Action::ChangeEmail
        | Action::ChangeUsername
        | Action::ChangePhoneNumber => &["read:users", "update:users"],
    }
}

/// How the gateway's own token stands with the tenant.
pub(super) async fn standing(tenant: &Auth0, ask: &Ask<'_>) -> Result<Standing, Error> {
    if !manages(tenant) {
        return Ok(Standing::NotNeeded);
    }
    let token = management(tenant, ask).await?;
    Ok(token.scopes.clone().map_or(Standing::Unknown, Standing::Granted))
}

/// The user with its id as it is known outside the tenant; None for an id of another provider.
fn without_provider(mut user: Object) -> Option<Object> {
    let id = user.get("user_id").and_then(|id| id.as_str()?.strip_prefix(PROVIDER)).filter(|id| !id.is_empty())?;
    let id = id.to_owned();
    user.insert("user_id".to_owned(), id.into());
    Some(user)
}
