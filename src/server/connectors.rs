//! What the server asks of the registry, and nothing more.
//!
//! Invariant: a connector is looked up once per request, and the request keeps it; what the registry holds later
//! does not matter to it.

use std::future::Future;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::time::Instant;

use crate::action::{Outcome, Request};
use crate::handler;
use crate::registry::{Connector, Registry};

/// Where connectors are looked up, once per request.
pub trait Connectors: Send + Sync + 'static {
    /// What answers.
    type Connector: Answer;

    /// The connector of this name, as it is now.
    fn find(&self, name: &str) -> Option<Arc<Self::Connector>>;
}

/// What answers the requests of one connector.
pub trait Answer: Send + Sync + 'static {
    /// Tells the definition's versions apart.
    fn version(&self) -> &str;

    /// Answers by the deadline.
    fn answer(
        self: Arc<Self>,
        request: Request,
        deadline: Instant,
    ) -> impl Future<Output = Result<Outcome, handler::Error>> + Send;
}

impl Connectors for ArcSwap<Registry> {
    type Connector = Connector;

    fn find(&self, name: &str) -> Option<Arc<Connector>> {
        self.load().connector(name).cloned()
    }
}

impl<C: Connectors> Connectors for Arc<C> {
    type Connector = C::Connector;

    fn find(&self, name: &str) -> Option<Arc<Self::Connector>> {
        C::find(self, name)
    }
}

impl Answer for Connector {
    fn version(&self) -> &str {
        &self.version
    }

    async fn answer(self: Arc<Self>, request: Request, deadline: Instant) -> Result<Outcome, handler::Error> {
        self.run(request, deadline).await
    }
}
