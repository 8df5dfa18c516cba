//! The connectors that are served: an immutable [`Registry`] behind one atomic pointer.
//!
//! Invariant: a request loads the pointer once and keeps what it got; replacing the registry never changes a
//! request that has begun.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::time::Instant;

use crate::action::{Class, Error, NewUser, Outcome, Request};
use crate::db::{self, Database, Fingerprint, PoolState};
use crate::definition::Definition;
use crate::handler::{BreakerState, Handler, Resources, Store, Trace};
use crate::managed::{self, Legacy, Managed};

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
    /// In front of the handler when users migrate.
    managed: Option<Managed>,
}

impl Connector {
    /// Opens a definition's database, or goes on with the pool of an earlier version that had the same address.
    ///
    /// # Errors
    /// When the driver refuses the address. A database that is down is no error: the connector answers 503 until it
    /// is back.
    pub fn open(definition: Definition, resources: Resources, earlier: Option<&Self>) -> Result<Self, db::Error> {
        let fingerprint = definition.database.fingerprint();
        let managed = managed_store(&definition, earlier)?;
        let store = match earlier.filter(|connector| connector.fingerprint() == fingerprint) {
            Some(connector) => Arc::clone(connector.handler.store()),
            None => on_its_own(&definition, db::open(&definition.database)?, &resources),
        };
        Ok(Self::with(definition, store, managed, resources))
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

    /// Tells this trace what is done for each request.
    #[must_use]
    pub fn traced(self, trace: Arc<Trace>) -> Self {
        Self { handler: self.handler.traced(trace), ..self }
    }

    fn with(definition: Definition, store: Arc<Store>, managed: Option<managed::Store>, resources: Resources) -> Self {
        let (name, version) = (definition.name.clone(), definition.version.clone());
        let Resources { budget, entropy, clock } = resources.clone();
        let managed =
            managed.and_then(|store| Managed::new(&definition, store, managed::Resources { budget, entropy, clock }));
        Self { name, version, handler: Handler::new(definition, store, resources), managed }
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
        match &self.managed {
            Some(managed) => managed.run(&self.handler, &request, deadline).await,
            None => self.handler.run(&request, deadline).await,
        }
    }

    /// Prepares every statement on the database.
    ///
    /// # Errors
    /// The first statement that the database refuses, or that it cannot be reached.
    pub async fn prepare(&self, deadline: Instant) -> Result<(), Error> {
        if let Some(managed) = &self.managed {
            managed.store().prepare(deadline).await?;
        }
        self.handler.prepare(deadline).await
    }

    /// The managed store in front, when users migrate.
    pub fn managed(&self) -> Option<&Managed> {
        self.managed.as_ref()
    }

    /// The side that answers for users who are not migrated.
    pub fn handler(&self) -> &Handler {
        &self.handler
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

fn on_its_own(definition: &Definition, database: Arc<dyn Database>, resources: &Resources) -> Arc<Store> {
    Store::new(&definition.name, database, definition.database.timeout(), resources.entropy)
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
