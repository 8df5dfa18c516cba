//! One HTTP/1.1 connection, and one exchange on it.
//!
//! Invariant: a connection whose answer was not read to its end is closed, never kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::{Answer, Error, ErrorKind, MAX_BYTES, Origin, Request};

/// How long a connection is kept that nobody uses, unless the host says less.
const IDLE: Duration = Duration::from_secs(30);

/// The oldest connection that is used: changes of names and certificates reach every connection by then.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// A request as the library takes it.
pub(super) type Prepared = http::Request<Full<Bytes>>;

/// An open connection.
pub(super) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    opened: Instant,
    used: Instant,
    idle: Duration,
}

/// What became of a request.
pub(super) enum Sent {
    /// The host answered.
    Answered(Answer),
    /// Nothing of it was written.
    Not(Prepared),
    /// There is no whole answer.
    Failed(Error),
}

impl Connection {
    /// Speaks TLS, if the origin says so, and then HTTP; counts as open until it is closed.
    pub async fn open(
        stream: TcpStream,
        origin: &Origin,
        tls: &Arc<ClientConfig>,
        open: &Arc<AtomicUsize>,
    ) -> Result<Self, String> {
        // A request is one write; waiting for more to send costs time only.
        let _ = stream.set_nodelay(true);
        if !origin.tls {
            return Self::speak(stream, open).await;
        }
        let name = ServerName::try_from(origin.host.clone()).map_err(|_| "the host's name is not valid")?;
        let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await;
        Self::speak(stream.map_err(|error| format!("TLS: {error}"))?, open).await
    }

    async fn speak(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        open: &Arc<AtomicUsize>,
    ) -> Result<Self, String> {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(64 * 1024).max_headers(100);
        let (sender, connection) =
            builder.handshake(TokioIo::new(stream)).await.map_err(|error| format!("HTTP: {error}"))?;
        let counted = Counted::new(open);
        tokio::spawn(async move {
            // Whoever waits for an answer gets the error too.
            let _ = connection.await;
            drop(counted);
        });
        let now = Instant::now();
        Ok(Self { sender, opened: now, used: now, idle: IDLE })
    }

    /// Whether it may carry another request.
    pub fn is_usable(&self) -> bool {
        !self.sender.is_closed() && self.used.elapsed() < self.idle && self.opened.elapsed() < MAX_LIFETIME
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&mut self, request: Prepared, deadline: Instant) -> Sent {
        match timeout_at(deadline, self.sender.ready()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Sent::Not(request),
            Err(_) => return Sent::Failed(Error::new(ErrorKind::Late, "the deadline passed")),
        }
        let result = match timeout_at(deadline, self.sender.try_send_request(request)).await {
            Ok(Ok(response)) => match timeout_at(deadline, read(response)).await {
                Ok(result) => result,
                Err(_) => Err(silent()),
            },
            Ok(Err(mut error)) => {
                if let Some(request) = error.take_message() {
                    return Sent::Not(request);
                }
                Err(Error::new(ErrorKind::Lost, format!("no answer: {}", error.into_error())))
            }
            Err(_) => Err(silent()),
        };
        match result {
            Ok((answer, idle)) => {
                self.used = Instant::now();
                self.idle = idle.unwrap_or(IDLE).min(IDLE);
                Sent::Answered(answer)
            }
            Err(error) => Sent::Failed(error),
        }
    }
}

/// A request with the headers that belong to the connection.
pub(super) fn prepared(request: Request) -> Result<Prepared, Error> {
    let invalid = |_| Error::new(ErrorKind::Unreachable, "the address is not valid");
    let host = HeaderValue::try_from(request.origin.authority()).map_err(|error| invalid(http::Error::from(error)))?;
    // The owner of the bytes is dropped, and so wiped, when the last reader is done with them.
    let body = Full::new(Bytes::from_owner(request.body));
    let prepared = http::Request::builder().method(request.method).uri(request.target).body(body);
    let mut prepared = prepared.map_err(invalid)?;
    let headers = prepared.headers_mut();
    headers.insert(HOST, host);
    headers.insert(USER_AGENT, HeaderValue::from_static("userbridge"));
    for (name, value) in request.headers {
        headers.insert(name, value);
    }
    Ok(prepared)
}

/// The whole answer, and how long the host keeps an idle connection.
async fn read(response: http::Response<Incoming>) -> Result<(Answer, Option<Duration>), Error> {
    let too_large = || Error::new(ErrorKind::TooLarge, format!("the answer has more than {MAX_BYTES} bytes"));
    if response.body().size_hint().lower() > MAX_BYTES as u64 {
        return Err(too_large());
    }
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_BYTES).collect().await.map_err(|error| match error
        .downcast_ref::<http_body_util::LengthLimitError>(
    ) {
        Some(_) => too_large(),
        None => Error::new(ErrorKind::Lost, format!("the answer broke off: {error}")),
    })?;
    let media_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let answer = Answer {
        status: head.status.as_u16(),
        media_type: media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase(),
        retry_after: seconds(&head.headers, RETRY_AFTER.as_str(), ""),
        body: Zeroizing::new(body.to_bytes().to_vec()),
    };
    // A second less than the host says: a request must not cross its closing.
    let idle = seconds(&head.headers, "keep-alive", "timeout=").map(|time| time.saturating_sub(Duration::from_secs(1)));
    Ok((answer, idle))
}

/// A number of seconds in one of a header's parameters.
fn seconds(headers: &HeaderMap, name: &str, before: &str) -> Option<Duration> {
    let text = headers.get(name)?.to_str().ok()?;
    let seconds = text.split(',').find_map(|part| part.trim().strip_prefix(before)?.parse::<u32>().ok());
    seconds.map(|seconds| Duration::from_secs(u64::from(seconds)))
}

fn silent() -> Error {
    Error::new(ErrorKind::Silent, "no answer within the time limit")
}

/// Counts as one as long as it lives.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
