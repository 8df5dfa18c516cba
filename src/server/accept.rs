//! From sockets to requests: accepting, TLS, HTTP/1.1 and HTTP/2, and draining.
//!
//! Invariant: at most so many connections are open, and the next one waits in the kernel's queue; no error of
//! accepting ends the loop; and when serving ends, every request in flight was answered or the drain limit passed.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::Settings;
use super::metrics::Connected;
use super::tls::{HandshakeFailure, Tls};
use super::wire::{Activity, Patience, Wire};
use crate::access::ClientCertificate;

/// Where connections come from. The caller has bound it.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    tls: Option<Arc<Tls>>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self { socket: Socket::Tcp(listener), tls: None }
    }
}

impl From<UnixListener> for Listener {
    /// A Unix socket's peers count as 127.0.0.1 in allowlists and among trusted proxies: whoever may open the socket
    /// is at least as near as who can reach the loopback interface, and no allowlist admits them unasked.
    fn from(listener: UnixListener) -> Self {
        Self { socket: Socket::Unix(listener), tls: None }
    }
}

/// An accepted connection.
pub(super) enum Stream {
    Tcp(TcpStream, IpAddr),
    Unix(UnixStream),
}

impl Listener {
    /// Speaks TLS only; without it, plain HTTP.
    #[must_use]
    pub fn with_tls(mut self, tls: Option<Arc<Tls>>) -> Self {
        self.tls = tls;
        self
    }

    async fn accept(&self) -> io::Result<Stream> {
        match &self.socket {
            Socket::Tcp(listener) => listener.accept().await.map(|(stream, peer)| Stream::Tcp(stream, peer.ip())),
            Socket::Unix(listener) => listener.accept().await.map(|(stream, _)| Stream::Unix(stream)),
        }
    }
}

/// What answers requests.
pub(super) trait Service: Send + Sync + 'static {
    /// Answers one request of this peer.
    fn call(self: Arc<Self>, request: Request<Incoming>, peer: IpAddr) -> impl Future<Output = Response<Bytes>> + Send;

    /// Notes a connection for as long as the value lives.
    fn opened(&self) -> Option<Connected> {
        None
    }

    /// Notes that TLS ended a connection before its first request.
    fn handshake_failed(&self, _: HandshakeFailure) {}

    /// Ends when no work is left that outlives its connection.
    fn finished(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Drain {
    /// Every request in flight was answered.
    Complete,
    /// The drain limit passed: connections were cut.
    Cut,
}

/// Serves until `shutdown`, then drains.
pub(super) async fn serve<S: Service>(
    listener: Listener,
    settings: &Settings,
    service: Arc<S>,
    shutdown: impl Future<Output = ()>,
) -> Drain {
    let http = Arc::new(Http::new(settings, listener.tls.clone()));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let begin = |stream, slot| {
        let (http, service, watcher) = (Arc::clone(&http), Arc::clone(&service), graceful.watcher());
        async move {
            let _open = (slot, service.opened());
            match stream {
                Stream::Tcp(stream, peer) => {
                    // An answer is one write; waiting to merge it with another one only costs time.
                    let _ = stream.set_nodelay(true);
                    http.connection(stream, peer, service, watcher).await;
                }
                Stream::Unix(stream) => {
                    http.connection(stream, IpAddr::V4(Ipv4Addr::LOCALHOST), service, watcher).await;
                }
            }
        }
    };
    each(&listener, settings.max_connections, &mut connections, shutdown, begin).await;
    drop(listener);
    let drained = async {
        graceful.shutdown().await;
        while connections.join_next().await.is_some() {}
        service.finished().await;
    };
    let result = tokio::time::timeout(settings.drain_limit, drained).await;
    connections.shutdown().await;
    result.map_or(Drain::Cut, |()| Drain::Complete)
}

/// Begins connections until `shutdown`, each with one of so many slots.
pub(super) async fn each<F: Future<Output = ()> + Send + 'static>(
    listener: &Listener,
    slots: usize,
    connections: &mut JoinSet<()>,
    shutdown: impl Future<Output = ()>,
    begin: impl Fn(Stream, OwnedSemaphorePermit) -> F,
) {
    let slots = Arc::new(Semaphore::new(slots));
    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, slot) = tokio::select! {
            biased;
            () = &mut shutdown => return,
            Some(_) = connections.join_next() => continue,
            accepted = accept(listener, &slots) => accepted,
        };
        connections.spawn(begin(stream, slot));
    }
}

/// The next connection, once one of the slots is free.
async fn accept(listener: &Listener, slots: &Arc<Semaphore>) -> (Stream, OwnedSemaphorePermit) {
    loop {
        let Ok(slot) = Arc::clone(slots).acquire_owned().await else { std::future::pending().await };
        match listener.accept().await {
            Ok(stream) => return (stream, slot),
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                // Out of file descriptors or memory: the socket stays ready, so without a pause this would spin.
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// The limits of every connection.
struct Http {
    builder: Builder<TokioExecutor>,
    patience: Patience,
    tls: Option<Arc<Tls>>,
    handshake_timeout: Duration,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("patience", &self.patience).finish_non_exhaustive()
    }
}

/// Request heads: so many headers and so many bytes.
const MAX_HEADERS: usize = 64;
const MAX_HEAD_BYTES: usize = 16 * 1024;

impl Http {
    fn new(settings: &Settings, tls: Option<Arc<Tls>>) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            // `Wire` is stricter, at no cost per request: hyper's limit cannot tell an idle connection from a slow head.
            .header_read_timeout(None)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD_BYTES);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(100)
            .max_header_list_size(MAX_HEAD_BYTES as u32)
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10))
            // Rapid reset and its relatives: CVE-2023-44487, CVE-2025-8671.
            .max_pending_accept_reset_streams(20)
            .max_local_error_reset_streams(20);
        let patience =
            Patience { head: settings.header_timeout, idle: settings.keep_alive, write: settings.write_timeout };
        Self { builder, patience, tls, handshake_timeout: settings.handshake_timeout }
    }

    /// Shakes hands where TLS is spoken, then serves.
    async fn connection<S: Service, IO: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: IO,
        peer: IpAddr,
        service: Arc<S>,
        watcher: Watcher,
    ) {
        let Some(tls) = &self.tls else { return self.requests(stream, peer, None, service, watcher).await };
        match tls.accept(stream, self.handshake_timeout).await {
            Ok((stream, certificate)) => self.requests(stream, peer, certificate, service, watcher).await,
            Err(failure) => {
                service.handshake_failed(failure);
                tracing::debug!(%peer, reason = failure.as_str(), "TLS handshake failed");
            }
        }
    }

    async fn requests<S: Service, IO: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: IO,
        peer: IpAddr,
        certificate: Option<Arc<ClientCertificate>>,
        service: Arc<S>,
        watcher: Watcher,
    ) {
        let activity = Arc::new(Activity::new());
        let wire = TokioIo::new(Wire::new(stream, Arc::clone(&activity), self.patience));
        let service = service_fn(move |mut request: Request<Incoming>| {
            let busy = activity.begin(request.version());
            let service = Arc::clone(&service);
            if let Some(certificate) = &certificate {
                request.extensions_mut().insert(Arc::clone(certificate));
            }
            async move {
                let response = service.call(request, peer).await;
                drop(busy);
                Ok::<_, Infallible>(response.map(Full::new))
            }
        });
        if let Err(error) = watcher.watch(self.builder.serve_connection(wire, service).into_owned()).await {
            tracing::debug!(%peer, %error, "connection ended");
        }
    }
}
