//! The connectors that are served: an immutable [`Registry`] behind one atomic pointer.
//!
//! Invariant: a request loads the pointer once and keeps what it got; replacing the registry never changes a
//! request that has begun.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::time::Instant;

use crate::action::{Outcome, Request};
use crate::handler;

/// The registry that is served now.
pub type Shared = Arc<ArcSwap<Registry>>;

/// One generation of everything that is served.
#[derive(Debug, Default)]
pub struct Registry {
    connectors: BTreeMap<String, Arc<Connector>>,
}

impl Registry {
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
}

impl Connector {
    /// Answers one request by the deadline. Writes run to their end even when the returned future is dropped.
    pub async fn run(self: &Arc<Self>, request: Request, deadline: Instant) -> Result<Outcome, handler::Error> {
        let _ = (request, deadline);
        Err(handler::Error::new(handler::Class::ActionNotDeclared, "not yet"))
    }
}
