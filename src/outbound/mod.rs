//! Requests to other hosts: where they may go, how long they may take, and how much may come back.
//!
//! Invariant: the host stands in the configuration and nothing that a request carries has a say in it; redirects are
//! not followed; an answer is bounded in bytes and time; a request that may have been sent is never sent again here.

mod address;
mod connection;
mod tls;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

pub use self::address::{Origin, Unfit, is_private};
use self::connection::{Connection, Sent};
pub use self::tls::{authorities, client_config};

/// Bytes of an answer's body.
pub const MAX_BYTES: usize = 256 * 1024;

/// How a client reaches its hosts.
#[derive(Clone, Debug)]
pub struct Network {
    /// The most connections that are open.
    pub max_connections: usize,
    /// Authorities that are trusted beside those that Mozilla trusts.
    pub authorities: RootCertStore,
    /// Whether hosts may be on this machine or in a private network.
    pub allow_private: bool,
}

/// One request.
#[derive(Debug)]
pub struct Request {
    /// The host.
    pub origin: Origin,
    /// The method.
    pub method: Method,
    /// Path and query, percent-encoded.
    pub target: String,
    /// Headers beside `host`, `user-agent` and `content-length`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body; it is wiped once it was sent.
    pub body: Zeroizing<Vec<u8>>,
}

/// What came back.
pub struct Answer {
    /// The status code (RFC 9110, section 15).
    pub status: u16,
    /// The media type in lower case, without parameters; empty when there is none.
    pub media_type: String,
    /// How long the host asks to be left alone.
    pub retry_after: Option<Duration>,
    /// The whole body; wiped, since it may hold tokens.
    pub body: Zeroizing<Vec<u8>>,
}

/// Why there is no answer. The message holds nothing of the request or the answer.
#[derive(Clone, Debug)]
pub struct Error {
    /// What is known about the request.
    pub kind: ErrorKind,
    /// What happened.
    pub message: String,
}

/// What is known about a request without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// It was not sent: the host cannot be reached or is not who it should be.
    Unreachable,
    /// It was not sent: all connections are at work.
    Exhausted,
    /// It was not sent: the time was up.
    Late,
    /// It may have been sent, and the connection broke.
    Lost,
    /// It may have been sent, and the time was up.
    Silent,
    /// The host answered with more than [`MAX_BYTES`].
    TooLarge,
}

impl ErrorKind {
    /// Whether the host may have received the request.
    pub const fn may_have_arrived(self) -> bool {
        matches!(self, Self::Lost | Self::Silent | Self::TooLarge)
    }
}

/// Sends requests over connections that it keeps.
pub struct Client {
    network: Network,
    tls: Arc<ClientConfig>,
    permits: Semaphore,
    idle: Mutex<BTreeMap<Origin, Vec<Connection>>>,
    open: Arc<AtomicUsize>,
    last_error: Mutex<Option<String>>,
}

impl Client {
    /// A client without connections.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(network: Network) -> Result<Self, String> {
        let mut tls = client_config(network.authorities.clone())?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            permits: Semaphore::new(network.max_connections),
            tls: Arc::new(tls),
            network,
            idle: Mutex::default(),
            open: Arc::default(),
            last_error: Mutex::default(),
        })
    }

    /// Sends a request, on a connection that is open if there is one. A kept connection that turns out to be closed
    /// before anything was written to it is replaced; nothing else is repeated.
    ///
    /// # Errors
    /// There is no whole answer by the deadline; see [`ErrorKind`].
    pub async fn send(&self, request: Request, deadline: Instant) -> Result<Answer, Error> {
        let answer = self.exchange(request, deadline).await;
        *self.last_error() = answer.as_ref().err().map(ToString::to_string);
        answer
    }

    async fn exchange(&self, request: Request, deadline: Instant) -> Result<Answer, Error> {
        let permit = timeout_at(deadline, self.permits.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            return Err(Error::new(ErrorKind::Exhausted, "all connections are at work"));
        };
        let origin = request.origin.clone();
        let mut request = connection::prepared(request)?;
        loop {
            let (mut connection, kept) = match self.kept(&origin) {
                Some(connection) => (connection, true),
                None => (self.connect(&origin, deadline).await?, false),
            };
            match connection.send(request, deadline).await {
                Sent::Answered(answer) => {
                    self.keep(origin, connection);
                    return Ok(answer);
                }
                Sent::Not(back) if kept => request = back,
                Sent::Not(_) => return Err(Error::new(ErrorKind::Unreachable, "the host closed a new connection")),
                Sent::Failed(error) => return Err(error),
            }
        }
    }

    /// Whether the host lets us in: opens a new connection, and keeps it.
    ///
    /// # Errors
    /// It does not.
    pub async fn reach(&self, origin: &Origin, deadline: Instant) -> Result<(), Error> {
        let connection = self.connect(origin, deadline).await;
        *self.last_error() = connection.as_ref().err().map(ToString::to_string);
        self.keep(origin.clone(), connection?);
        Ok(())
    }

    /// Closes every connection that is not at work.
    pub fn renew(&self) {
        self.idle().clear();
    }

    /// Connections: open, at work, and the most that may be.
    pub fn connections(&self) -> (usize, usize, usize) {
        let limit = self.network.max_connections;
        (self.open.load(Ordering::Relaxed), limit - self.permits.available_permits().min(limit), limit)
    }

    /// Why the last request had no answer; None after one that had.
    pub fn trouble(&self) -> Option<String> {
        self.last_error().clone()
    }

    fn kept(&self, origin: &Origin) -> Option<Connection> {
        let mut idle = self.idle();
        let connections = idle.get_mut(origin)?;
        connections.retain(Connection::is_usable);
        connections.pop()
    }

    fn keep(&self, origin: Origin, connection: Connection) {
        let mut idle = self.idle();
        let count: usize = idle.values().map(Vec::len).sum();
        if connection.is_usable() && count < self.network.max_connections {
            idle.entry(origin).or_default().push(connection);
        }
    }

    /// A host may take five eighths of the time that is left to let us in: whoever comes next can still try.
    async fn connect(&self, origin: &Origin, deadline: Instant) -> Result<Connection, Error> {
        let now = Instant::now();
        let limit = now + deadline.saturating_duration_since(now) / 8 * 5;
        match timeout_at(limit, self.connected(origin)).await {
            Ok(result) => result.map_err(|message| {
                Error::new(ErrorKind::Unreachable, format!("cannot connect to {}: {message}", origin.authority()))
            }),
            Err(_) if now >= deadline => Err(Error::new(ErrorKind::Late, "the deadline passed")),
            Err(_) => {
                let message = format!("cannot connect to {}: no connection in time", origin.authority());
                Err(Error::new(ErrorKind::Unreachable, message))
            }
        }
    }

    async fn connected(&self, origin: &Origin) -> Result<Connection, String> {
        let found = tokio::net::lookup_host((origin.host.as_str(), origin.port)).await;
        let found: Vec<_> = found.map_err(|_| "the host's name is not known".to_owned())?.collect();
        let mut problem = "the host has no address".to_owned();
        // The address that was judged is the one that is connected to: a second look-up could give another.
        for address in found {
            if !self.network.allow_private && is_private(address.ip()) {
                problem = "the host is on this machine or in a private network, which is not allowed".to_owned();
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return Connection::open(stream, origin, &self.tls, &self.open).await,
                Err(error) => problem = error.kind().to_string(),
            }
        }
        Err(problem)
    }

    fn idle(&self) -> MutexGuard<'_, BTreeMap<Origin, Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last_error(&self) -> MutexGuard<'_, Option<String>> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("connections", &self.connections()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

impl Error {
    fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
