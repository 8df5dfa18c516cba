//! The connectors that are served: an immutable [`Registry`] behind one atomic pointer.
//!
//! Invariant: a request loads the pointer once and keeps what it got; replacing the registry never changes a
//! request that has begun.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::Instant;

use crate::action::{Class, Error, Outcome, Request};
use crate::db::{self, Database, PoolState};
use crate::definition::{Definition, UserStore};
use crate::handler::{BreakerState, Handler, Resources, Store, Stored, Trace};
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
        match &definition.store {
            UserStore::Database(config) => match earlier.and_then(|connector| connector.store_at(config)) {
                Some(store) => Ok(Self::with(definition, store, resources)),
                None => {
                    let database = db::open(config).map_err(|error| refused(error.to_string()))?;
                    Ok(Self::on(definition, database, resources))
                }
            },
            UserStore::Upstream(settings) => {
                let settings = Arc::clone(settings);
                let link = match earlier.and_then(|connector| connector.link_to(&settings)) {
                    Some(link) => link,
                    None => Link::open(&definition.name, &settings, resources.entropy).map_err(refused)?,
                };
                let (name, version) = (definition.name.clone(), definition.version.clone());
                let upstream = Upstream::new(definition, settings, link, resources.clock);
                Ok(Self { name, version, backend: Backend::Upstream(Box::new(upstream)) })
            }
        }
    }

    /// Joins a definition with a database that is open already.
    pub fn on(definition: Definition, database: Arc<dyn Database>, resources: Resources) -> Self {
        // Only a definition with a database is joined with one.
        let limit = definition.database().map_or(Duration::from_secs(2), db::Config::timeout);
        let store = Store::new(&definition.name, database, limit, resources.entropy);
        Self::with(definition, store, resources)
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

    fn with(definition: Definition, store: Arc<Store>, resources: Resources) -> Self {
        let (name, version) = (definition.name.clone(), definition.version.clone());
        Self { name, version, backend: Backend::Database(Box::new(Handler::new(definition, store, resources))) }
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
        match &self.backend {
            Backend::Database(handler) => handler.run(&request, deadline).await,
            Backend::Upstream(upstream) => upstream.run(&request, deadline).await,
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
        match &self.backend {
            Backend::Database(handler) => handler.prepare(deadline).await,
            Backend::Upstream(upstream) => upstream.prepare(deadline).await,
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
