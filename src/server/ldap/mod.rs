//! The listener of LDAP: connections, each with its sessions of questions.
//!
//! Invariant: passwords are read only from connections that are encrypted, or that never leave the machine. What a
//! question may ask is decided as for HTTP, by the same code; the protocol itself is [`crate::protocol::ldap`]'s.

mod connection;
mod question;
mod search;
mod session;

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::connection::{Connection, Io};
use self::session::{Ended, Session};
use super::accept::{self, Drain, Listener, Stream};
use super::connectors::Connectors;
use super::gateway::Gateway;
use super::tls::Tls;
use crate::protocol::ldap::Directories;

/// Everything that answering LDAP needs.
#[derive(Debug)]
pub struct Ldap<C> {
    gateway: Arc<Gateway<C>>,
    directories: Arc<ArcSwap<Directories>>,
    encryption: Encryption,
}

/// How connections are encrypted.
#[derive(Clone, Debug)]
pub enum Encryption {
    /// Not at all.
    Plain,
    /// From the beginning: LDAPS.
    Implicit(Arc<Tls>),
    /// Once the client asks for it, which it must before it binds.
    StartTls(Arc<Tls>),
}

impl<C: Connectors> Ldap<C> {
    /// These directories of the gateway's connectors.
    pub fn new(gateway: Arc<Gateway<C>>, directories: Arc<ArcSwap<Directories>>, encryption: Encryption) -> Self {
        Self { gateway, directories, encryption }
    }

    /// One connection from its beginning to its end.
    async fn connection(self: Arc<Self>, stream: TcpStream, peer: IpAddr, stop: watch::Receiver<bool>) {
        let _open = self.gateway.metrics().connected();
        // An answer is one write; waiting to merge it with another one only costs time.
        let _ = stream.set_nodelay(true);
        let mut io: Box<dyn Io> = Box::new(stream);
        let mut encrypted = false;
        if let Encryption::Implicit(tls) = &self.encryption {
            let Some(shaken) = self.shake_hands(tls, io, peer).await else { return };
            (io, encrypted) = (shaken, true);
        }
        loop {
            let connection = Connection::new(io, self.gateway.settings(), stop.clone());
            let session = Session::new(Arc::clone(&self), peer, encrypted);
            match (session.run(connection).await, &self.encryption) {
                (Ended::StartTls(plain), Encryption::StartTls(tls)) if !encrypted => {
                    let Some(shaken) = self.shake_hands(tls, plain, peer).await else { return };
                    (io, encrypted) = (shaken, true);
                }
                _ => return,
            }
        }
    }

    async fn shake_hands(&self, tls: &Tls, io: Box<dyn Io>, peer: IpAddr) -> Option<Box<dyn Io>> {
        match tls.accept(io, self.gateway.settings().handshake_timeout).await {
            Ok((stream, _)) => Some(Box::new(stream)),
            Err(failure) => {
                self.gateway.metrics().handshake_failed(failure);
                tracing::debug!(%peer, reason = failure.as_str(), "TLS handshake failed");
                None
            }
        }
    }
}

/// Serves LDAP until `shutdown`, then stops accepting, ends connections that ask nothing, and lets questions in flight
/// end under the drain limit.
pub async fn run_ldap<C: Connectors>(
    listener: TcpListener,
    ldap: Arc<Ldap<C>>,
    shutdown: impl Future<Output = ()>,
) -> Drain {
    let (listener, settings) = (Listener::from(listener), ldap.gateway.settings().clone());
    let stop = watch::Sender::new(false);
    let mut connections = JoinSet::new();
    let begin = |stream, slot| {
        let (ldap, stop) = (Arc::clone(&ldap), stop.subscribe());
        async move {
            let _slot = slot;
            match stream {
                Stream::Tcp(stream, peer) => ldap.connection(stream, peer, stop).await,
                Stream::Unix(_) => {}
            }
        }
    };
    accept::each(&listener, settings.max_connections, &mut connections, shutdown, begin).await;
    drop(listener);
    stop.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    let result = tokio::time::timeout(settings.drain_limit, drained).await;
    connections.shutdown().await;
    result.map_or(Drain::Cut, |()| Drain::Complete)
}
