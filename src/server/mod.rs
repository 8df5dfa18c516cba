//! The listeners: where requests come in and answers go out.
//!
//! Invariant: the caller owns the sockets and the stop signal. Every peer, request and body is under a limit of time
//! and size, and what fails in one request is felt by that request only.

mod accept;
mod admin;
mod asking;
mod body;
mod connectors;
mod decoding;
mod entrance;
mod fetch;
mod framing;
mod gateway;
mod ldap;
mod metrics;
mod oauth;
mod panic;
mod readiness;
mod readings;
mod record;
mod span;
mod tls;
mod trace;
mod wire;

use std::sync::Arc;
use std::time::Duration;

pub use self::accept::{Drain, Listener};
pub use self::admin::{Admin, run_admin};
pub use self::connectors::{Answer, Connectors};
pub use self::fetch::Fetcher;
pub use self::gateway::Gateway;
pub use self::ldap::{Encryption, Ldap, run_ldap};
pub use self::metrics::Metrics;
pub use self::readiness::Readiness;
pub use self::readings::{Moving, Readings, Reload};
pub use self::span::{Span, Spans};
pub use self::tls::{Material, Part, Tls, TlsError};

/// The limits of a listener.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Connections at a time; more wait in the kernel's queue.
    pub max_connections: usize,
    /// For a TLS handshake.
    pub handshake_timeout: Duration,
    /// For a request head to arrive, from its first byte; for the first one, from the connection's beginning.
    pub header_timeout: Duration,
    /// For a request body to arrive.
    pub body_timeout: Duration,
    /// For the next request to begin.
    pub keep_alive: Duration,
    /// For the peer to take a byte of its answer.
    pub write_timeout: Duration,
    /// Bytes of a request body.
    pub max_body: usize,
    /// For a connector to answer.
    pub budget: Duration,
    /// For requests in flight to end once the listener stops.
    pub drain_limit: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            handshake_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_secs(60),
            write_timeout: Duration::from_secs(10),
            max_body: 64 * 1024,
            budget: Duration::from_millis(2500),
            drain_limit: Duration::from_secs(10),
        }
    }
}

/// Serves a gateway until `shutdown`, then stops accepting and lets requests in flight end under the drain limit.
/// Several listeners may share one gateway.
pub async fn run<C: Connectors>(
    listener: impl Into<Listener>,
    gateway: Arc<Gateway<C>>,
    shutdown: impl Future<Output = ()>,
) -> Drain {
    let settings = gateway.settings().clone();
    let stopping = async {
        shutdown.await;
        gateway.readiness().set_draining();
    };
    accept::serve(listener.into(), &settings, Arc::clone(&gateway), stopping).await
}
