//! The connectors that are served: an immutable [`Registry`] behind one atomic pointer.
//!
//! Invariant: a request loads the pointer once and keeps what it got; replacing the registry never changes a
//! request that has begun.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::Instant;

use crate::action::{Class, Error, NewUser, Outcome, Request};
use crate::db::{self, Database, PoolState};
use crate::definition::{Definition, UserStore};
use crate::handler::{BreakerState, Handler, Resources, Store, Stored, Trace};
use crate::managed::{self, Legacy, Managed};
use crate::upstream::{self, Link, Upstream};

/// The registry that is served now.
pub type Shared = Arc<ArcSwap<Registry>>;

/// One generation of everything that is served.
#[derive(Debug, Default)]
pub struct Registry {
    connectors: BTreeMap<String, Arc<Connector>>,
}

impl Registry {
    /// A registry of these connectors.
    pub fn new(connectors: impl IntoIterator<Item = Arc<Connector>>) -> Self {
        Self { connectors: connectors.into_iter().map(|connector| (connector.name.clone(), connector)).collect() }
    }

    /// The connector of this name.
    pub fn connector(&self, name: &str) -> Option<&Arc<Connector>> {
        self.connectors.get(name)
    }

    /// Every connector, by name.
    pub fn connectors(&self) -> impl Iterator<Item = &Arc<Connector>> {
        self.connectors.values()
    }
}

/// One user store, compiled.
#[derive(Debug)]
pub struct Connector {
    /// The name in URLs.
    pub name: String,
    /// A digest of the definition's bytes; tells versions apart in answers, logs and metrics.
    pub version: String,
    backend: Backend,
    /// In front of the backend when users migrate.
    managed: Option<Managed>,
}

/// What answers.
#[derive(Debug)]
enum Backend {
    /// A database.
    Database(Box<Handler>),
    /// Another tenant or service.
    Upstream(Box<Upstream>),
}

impl Connector {
    /// Opens a definition's user store, or goes on with the connections of an earlier version that had the same address.
    ///
    /// # Errors
    /// When the driver refuses the address. A store that is down is no error: the connector answers 503 until it is
    /// back.
    pub fn open(definition: Definition, resources: Resources, earlier: Option<&Self>) -> Result<Self, Error> {
        let refused = |problem: String| Error::new(Class::Misconfigured, problem);
        let managed = managed_store(&definition, earlier).map_err(|error| refused(error.to_string()))?;
        match &definition.store {
            UserStore::Database(config) => {
                let store = match earlier.and_then(|connector| connector.store_at(config)) {
                    Some(store) => store,
                    None => {
                        let database = db::open(config).map_err(|error| refused(error.to_string()))?;
                        on_its_own(&definition, database, &resources)
                    }
                };
                Ok(Self::with(definition, store, managed, resources))
            }
            UserStore::Upstream(settings) => {
                let settings = Arc::clone(settings);
                let link = match earlier.and_then(|connector| connector.link_to(&settings)) {
                    Some(link) => link,
                    None => Link::open(&definition.name, &settings, resources.entropy).map_err(refused)?,
                };
                let (name, version) = (definition.name.clone(), definition.version.clone());
                let managed = in_front(&definition, managed, &resources);
                let upstream = Upstream::new(definition, settings, link, resources.clock);
                Ok(Self { name, version, backend: Backend::Upstream(Box::new(upstream)), managed })
            }
        }
    }

    /// Joins a definition with a database that is open already, without the managed store that it may name.
    pub fn on(definition: Definition, database: Arc<dyn Database>, resources: Resources) -> Self {
        let store = on_its_own(&definition, database, &resources);
        Self::with(definition, store, None, resources)
    }

    /// Joins a definition with its database and its managed store, both open already.
    pub fn migrating(
        definition: Definition,
        database: Arc<dyn Database>,
        managed: Arc<dyn Database>,
        resources: Resources,
    ) -> Self {
        let store = on_its_own(&definition, database, &resources);
        let managed = definition
            .migration
            .as_ref()
            .map(|migration| managed::Store::on(&definition.name, managed, &migration.store));
        Self::with(definition, store, managed, resources)
    }

    /// Tells this trace what is done for each request, when a database answers.
    #[must_use]
    pub fn traced(self, trace: Arc<Trace>) -> Self {
        let backend = match self.backend {
            Backend::Database(handler) => Backend::Database(Box::new(handler.traced(trace))),
            upstream @ Backend::Upstream(_) => upstream,
        };
        Self { backend, ..self }
    }

    /// Tells this trace what is asked for each request, when an upstream answers.
    #[must_use]
    pub fn traced_calls(self, trace: Arc<upstream::Trace>) -> Self {
        let backend = match self.backend {
            Backend::Upstream(upstream) => Backend::Upstream(Box::new(upstream.traced(trace))),
            database @ Backend::Database(_) => database,
        };
        Self { backend, ..self }
    }

    fn with(definition: Definition, store: Arc<Store>, managed: Option<managed::Store>, resources: Resources) -> Self {
        let (name, version) = (definition.name.clone(), definition.version.clone());
        let managed = in_front(&definition, managed, &resources);
        let handler = Handler::new(definition, store, resources);
        Self { name, version, backend: Backend::Database(Box::new(handler)), managed }
    }

    /// Answers one request by the deadline. A caller that may leave spawns this, so that a change is never left half
    /// done.
    ///
    /// # Errors
    /// When no answer could be had.
    pub async fn run(self: &Arc<Self>, request: Request, deadline: Instant) -> Result<Outcome, Error> {
        if self.definition().disabled {
            return Err(Error::new(Class::Unavailable, "the connector is disabled in its definition"));
        }
        match (&self.backend, &self.managed) {
            (Backend::Database(handler), None) => handler.run(&request, deadline).await,
            (Backend::Upstream(upstream), None) => upstream.run(&request, deadline).await,
            (Backend::Database(handler), Some(managed)) => managed.run(handler.as_ref(), &request, deadline).await,
            (Backend::Upstream(upstream), Some(managed)) => managed.run(upstream.as_ref(), &request, deadline).await,
        }
    }

    /// One page of users with their stored hashes, for moving them elsewhere.
    ///
    /// # Errors
    /// When no answer could be had; an upstream shows no hashes.
    pub async fn stored_page(&self, after: Option<&str>, limit: u16, deadline: Instant) -> Result<Vec<Stored>, Error> {
        match &self.backend {
            Backend::Database(handler) => handler.stored_page(after, limit, deadline).await,
            Backend::Upstream(_) => Err(Error::new(Class::ActionNotDeclared, "an upstream shows no hashes")),
        }
    }

    /// Prepares every statement on the database, or reaches the upstream and gets its token.
    ///
    /// # Errors
    /// The first statement or credential that is refused, or that the store cannot be reached.
    pub async fn prepare(&self, deadline: Instant) -> Result<(), Error> {
        if let Some(managed) = &self.managed {
            managed.store().prepare(deadline).await?;
        }
        match &self.backend {
            Backend::Database(handler) => handler.prepare(deadline).await,
            Backend::Upstream(upstream) => upstream.prepare(deadline).await,
        }
    }

    /// The managed store in front, when users migrate.
    pub fn managed(&self) -> Option<&Managed> {
        self.managed.as_ref()
    }

    /// The database that answers for users who are not migrated; None when an upstream does.
    pub fn handler(&self) -> Option<&Handler> {
        match &self.backend {
            Backend::Database(handler) => Some(handler),
            Backend::Upstream(_) => None,
        }
    }

    /// What the connector's connections are doing.
    pub fn pool(&self) -> PoolState {
        match &self.backend {
            Backend::Database(handler) => handler.store().pool(),
            Backend::Upstream(upstream) => upstream.pool(),
        }
    }

    /// What the connector's breaker is doing.
    pub fn breaker(&self) -> BreakerState {
        match &self.backend {
            Backend::Database(handler) => handler.store().breaker(),
            Backend::Upstream(upstream) => upstream.breaker(),
        }
    }

    /// The definition that is served.
    pub fn definition(&self) -> &Definition {
        match &self.backend {
            Backend::Database(handler) => handler.definition(),
            Backend::Upstream(upstream) => upstream.definition(),
        }
    }

    /// The open database of this address.
    fn store_at(&self, config: &db::Config) -> Option<Arc<Store>> {
        let same = self.definition().database().is_some_and(|own| own.fingerprint() == config.fingerprint());
        match &self.backend {
            Backend::Database(handler) if same => Some(Arc::clone(handler.store())),
            Backend::Database(_) | Backend::Upstream(_) => None,
        }
    }

    /// The open way to this upstream.
    fn link_to(&self, settings: &crate::definition::Upstream) -> Option<Arc<Link>> {
        match &self.backend {
            Backend::Upstream(upstream) if upstream.link().leads_to(settings) => Some(Arc::clone(upstream.link())),
            Backend::Upstream(_) | Backend::Database(_) => None,
        }
    }
}

fn on_its_own(definition: &Definition, database: Arc<dyn Database>, resources: &Resources) -> Arc<Store> {
    // Only a definition with a database is joined with one.
    let limit = definition.database().map_or(Duration::from_secs(2), db::Config::timeout);
    Store::new(&definition.name, database, limit, resources.entropy)
}

/// The managed store in front of what answers for users who are not migrated.
fn in_front(definition: &Definition, store: Option<managed::Store>, resources: &Resources) -> Option<Managed> {
    let Resources { budget, entropy, clock } = resources.clone();
    Managed::new(definition, store?, managed::Resources { budget, entropy, clock })
}

/// The managed store that a definition names; that of the earlier version when it is the same.
fn managed_store(definition: &Definition, earlier: Option<&Connector>) -> Result<Option<managed::Store>, db::Error> {
    let Some(migration) = &definition.migration else { return Ok(None) };
    let known = earlier.filter(|connector| {
        let before = connector.definition().migration.as_ref();
        before.is_some_and(|before| before.store.fingerprint() == migration.store.fingerprint())
    });
    match known.and_then(Connector::managed) {
        Some(managed) => Ok(Some(managed.store().again())),
        None => managed::Store::open(&definition.name, &migration.store).map(Some),
    }
}

impl Legacy for Handler {
    async fn ask(&self, request: &Request, deadline: Instant) -> Result<Outcome, Error> {
        self.run(request, deadline).await
    }

    async fn mark(&self, user_id: &str, deadline: Instant) -> Result<(), Error> {
        Self::mark(self, user_id, deadline).await
    }

    fn check_new_user(&self, user: &NewUser) -> Result<(), Error> {
        Self::check_new_user(self, user)
    }
}

/// An upstream has no row to mark: whoever is in the managed store has moved.
impl Legacy for Upstream {
    async fn ask(&self, request: &Request, deadline: Instant) -> Result<Outcome, Error> {
        self.run(request, deadline).await
    }

    async fn mark(&self, _: &str, _: Instant) -> Result<(), Error> {
        Ok(())
    }

    fn check_new_user(&self, _: &NewUser) -> Result<(), Error> {
        Ok(())
    }
}
