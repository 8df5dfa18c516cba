//! The connectors that are served: an immutable [`Registry`] behind one atomic pointer.
//!
//! Invariant: a request loads the pointer once and keeps what it got; replacing the registry never changes a
//! request that has begun.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::time::Instant;

use crate::action::{Class, Error, Outcome, Request};
use crate::db::{self, Database, Fingerprint, PoolState};
use crate::definition::Definition;
use crate::handler::{BreakerState, Handler, Resources, Store, Stored, Trace};

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
    handler: Handler,
}

impl Connector {
    /// Opens a definition's database, or goes on with the pool of an earlier version that had the same address.
    ///
    /// # Errors
    /// When the driver refuses the address. A database that is down is no error: the connector answers 503 until it
    /// is back.
    pub fn open(definition: Definition, resources: Resources, earlier: Option<&Self>) -> Result<Self, db::Error> {
        let fingerprint = definition.database.fingerprint();
        match earlier.filter(|connector| connector.fingerprint() == fingerprint) {
            Some(connector) => Ok(Self::with(definition, Arc::clone(connector.handler.store()), resources)),
            None => {
                let database = db::open(&definition.database)?;
                Ok(Self::on(definition, database, resources))
            }
        }
    }

    /// Joins a definition with a database that is open already.
    pub fn on(definition: Definition, database: Arc<dyn Database>, resources: Resources) -> Self {
        let store = Store::new(&definition.name, database, definition.database.timeout(), resources.entropy);
        Self::with(definition, store, resources)
    }

    /// Tells this trace what is done for each request.
    #[must_use]
    pub fn traced(self, trace: Arc<Trace>) -> Self {
        Self { handler: self.handler.traced(trace), ..self }
    }

    fn with(definition: Definition, store: Arc<Store>, resources: Resources) -> Self {
        let (name, version) = (definition.name.clone(), definition.version.clone());
        Self { name, version, handler: Handler::new(definition, store, resources) }
    }

    /// Answers one request by the deadline. A caller that may leave spawns this, so that a change is never left half
    /// done.
    ///
    /// # Errors
    /// When no answer could be had.
    pub async fn run(self: &Arc<Self>, request: Request, deadline: Instant) -> Result<Outcome, Error> {
        if self.handler.definition().disabled {
            return Err(Error::new(Class::Unavailable, "the connector is disabled in its definition"));
        }
        self.handler.run(&request, deadline).await
    }

    /// One page of users with their stored hashes, for moving them elsewhere.
    ///
    /// # Errors
    /// When no answer could be had.
    pub async fn stored_page(&self, after: Option<&str>, limit: u16, deadline: Instant) -> Result<Vec<Stored>, Error> {
        self.handler.stored_page(after, limit, deadline).await
    }

    /// Prepares every statement on the database.
    ///
    /// # Errors
    /// The first statement that the database refuses, or that it cannot be reached.
    pub async fn prepare(&self, deadline: Instant) -> Result<(), Error> {
        self.handler.prepare(deadline).await
    }

    /// What the connector's pool is doing.
    pub fn pool(&self) -> PoolState {
        self.handler.store().pool()
    }

    /// What the connector's breaker is doing.
    pub fn breaker(&self) -> BreakerState {
        self.handler.store().breaker()
    }

    /// The definition that is served.
    pub fn definition(&self) -> &Definition {
        self.handler.definition()
    }

    fn fingerprint(&self) -> Fingerprint {
        self.definition().database.fingerprint()
    }
}
