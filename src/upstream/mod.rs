//! Upstreams: another tenant or service that answers for its users over HTTP.
//!
//! Invariant: "no" is only said when the upstream said no about this user. A limit, a fault, a redirect, an unknown status
//! or a body of another kind is doubt, and doubt is an error. A write that may have arrived is never sent again.

mod ask;
mod auth0;
mod body;
mod link;
mod oauth2;
mod profile;
mod service;
mod token;
mod values;

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use self::ask::{Ask, misconfigured};
pub use self::ask::{Call, Trace};
pub use self::link::Link;
pub use self::token::Standing;
use crate::action::{Action, Class, Denial, Error, Object, Outcome, Refusal, Rejection, Request};
use crate::breaker::BreakerState;
use crate::complaint::Complaints;
use crate::db::PoolState;
use crate::definition::{Definition, Upstream as Settings, UpstreamKind};
use crate::secret::Password;

/// A definition in front of its upstream, ready to answer.
pub struct Upstream {
    definition: Definition,
    settings: Arc<Settings>,
    link: Arc<Link>,
    clock: fn() -> i64,
    complaints: Complaints,
    trace: Option<Arc<Trace>>,
}

impl Upstream {
    /// Joins a definition and its upstream with the connections to it. The clock gives milliseconds since 1970.
    pub fn new(definition: Definition, settings: Arc<Settings>, link: Arc<Link>, clock: fn() -> i64) -> Self {
        Self { definition, settings, link, clock, complaints: Complaints::default(), trace: None }
    }

    /// The definition that is answered for.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The connections, the breaker and the tokens; versions of a definition with the same address share them.
    pub fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// What the connections are doing.
    pub fn pool(&self) -> PoolState {
        self.link.pool()
    }

    /// What the breaker is doing.
    pub fn breaker(&self) -> BreakerState {
        self.link.breaker()
    }

    /// Tells this trace what is asked for each request from now on.
    #[must_use]
    pub fn traced(self, trace: Arc<Trace>) -> Self {
        Self { trace: Some(trace), ..self }
    }

    /// Answers one request by the deadline.
    ///
    /// # Errors
    /// When no answer could be had; see [`Class`].
    pub async fn run(&self, request: &Request, deadline: Instant) -> Result<Outcome, Error> {
        let answer = self.answer(request, deadline).await;
        if let Err(error) = &answer {
            self.complaints.consider(&self.definition.name, error);
        }
        answer
    }

    async fn answer(&self, request: &Request, deadline: Instant) -> Result<Outcome, Error> {
        let action = request.action();
        if !self.settings.declares(action) {
            return Err(Error::new(Class::ActionNotDeclared, format!("`{action}` is not declared")));
        }
        if let Some(refused) = unacceptable(request) {
            return Ok(refused);
        }
        self.link.admit()?;
        let ask = self.ask(deadline);
        let reply = match &self.settings.kind {
            UpstreamKind::Auth0(tenant) => {
                auth0::Tenant { tenant, ask, prefix: self.prefix(), clock: self.clock }.answer(request).await
            }
            UpstreamKind::OAuth2(server) => oauth2::answer(server, &ask, request).await,
            UpstreamKind::Http(service) => service::answer(service, &ask, self.prefix(), request).await,
        };
        self.outcome(reply?)
    }

    /// Reaches every host and gets what tokens are needed, so that the first request finds the upstream warm and the
    /// operator learns early what cannot work.
    ///
    /// # Errors
    /// The first host that cannot be reached, or that refuses the gateway's credentials.
    pub async fn prepare(&self, deadline: Instant) -> Result<(), Error> {
        reach(&self.settings, &self.link, deadline).await?;
        standing(&self.settings, &self.link, deadline).await.map(|_| ())
    }

    fn ask(&self, deadline: Instant) -> Ask<'_> {
        let limit = Instant::now() + self.settings.timeout;
        Ask { link: &self.link, deadline: deadline.min(limit), trace: self.trace.as_deref() }
    }

    fn prefix(&self) -> &str {
        &self.definition.user_id.prefix
    }

    fn outcome(&self, reply: Reply) -> Result<Outcome, Error> {
        let profile = |user| profile::profile(&self.definition, user);
        Ok(match reply {
            Reply::Authenticated(user) => match profile::denied(&self.definition, &user)? {
                Some(denial) => Outcome::Denied(denial),
                None => Outcome::Authenticated(profile(user)?),
            },
            Reply::WrongCredentials(refusal) => Outcome::WrongCredentials(refusal),
            Reply::Denied(message) => Outcome::Denied(Denial::new(message)),
            Reply::Found(user) => Outcome::Found(profile(user)?),
            Reply::NotFound => Outcome::NotFound,
            Reply::Created(user) => Outcome::Created(user.map(profile).transpose()?),
            Reply::UserExists => Outcome::UserExists,
            Reply::Rejected(rejection) => Outcome::Rejected(rejection),
            Reply::Changed => Outcome::Changed,
            Reply::Unchanged => Outcome::Unchanged,
        })
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("name", &self.definition.name).field("link", &self.link).finish()
    }
}

/// Opens a connection to every host of an upstream.
///
/// # Errors
/// The first host that cannot be reached.
pub async fn reach(settings: &Settings, link: &Arc<Link>, deadline: Instant) -> Result<(), Error> {
    let ask = Ask { link, deadline, trace: None };
    for origin in settings.origins() {
        ask.reach(origin).await?;
    }
    Ok(())
}

/// How the gateway's own token stands with an upstream: whether it is given one, and what that allows.
///
/// # Errors
/// The upstream gives no token: [`Class::Misconfigured`] when it refuses to.
pub async fn standing(settings: &Settings, link: &Arc<Link>, deadline: Instant) -> Result<Standing, Error> {
    match &settings.kind {
        UpstreamKind::Auth0(tenant) => auth0::standing(tenant, &Ask { link, deadline, trace: None }).await,
        UpstreamKind::OAuth2(_) | UpstreamKind::Http(_) => Ok(Standing::NotNeeded),
    }
}

/// The scopes that the gateway's own token needs for an action.
pub const fn needed_scopes(settings: &Settings, action: Action) -> &'static [&'static str] {
    match &settings.kind {
        UpstreamKind::Auth0(_) => auth0::scopes(action),
        UpstreamKind::OAuth2(_) | UpstreamKind::Http(_) => &[],
    }
}

/// What an upstream answered, before the definition's profile and rules are applied to its user.
enum Reply {
    Authenticated(Object),
    WrongCredentials(Refusal),
    Denied(String),
    Found(Object),
    NotFound,
    Created(Option<Object>),
    UserExists,
    Rejected(Rejection),
    Changed,
    Unchanged,
}

/// A password that no upstream need be asked about.
fn unacceptable(request: &Request) -> Option<Outcome> {
    let password = request.password().filter(|password| !password.is_acceptable())?;
    Some(match request {
        Request::Login { .. } => Outcome::WrongCredentials(Refusal::UnacceptablePassword),
        _ => {
            let length = password.expose().len();
            let message = format!("the password has {length} bytes, expected 1 to {}", Password::MAX_BYTES);
            Outcome::Rejected(Rejection { code: "invalid_password", message })
        }
    })
}

/// An id as the upstream knows it: the connector's prefix is taken away.
fn upstream_id<'a>(user_id: &'a str, prefix: &str) -> Result<&'a str, Error> {
    user_id.strip_prefix(prefix).filter(|id| !id.is_empty()).ok_or_else(|| {
        let message = format!("expected an id that begins with `{prefix}`");
        let class = Class::InvalidInput { field: "user_id".to_owned(), message };
        Error::new(class, "a user id without the connector's prefix")
    })
}
