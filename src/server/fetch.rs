//! One request to another host: for the keys of an issuer, or with traces for a collector.
//!
//! Invariant: a fetch is bounded in time and in bytes, follows no redirect, and speaks TLS unless the host is this
//! machine. Nothing that a request carries has a say in where it goes.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HOST, USER_AGENT};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Body;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::outbound::client_config;

/// Bytes of a document.
const MAX_BYTES: usize = 256 * 1024;

/// For the whole fetch: below the patience of a caller who waits for it.
const TIME: Duration = Duration::from_secs(2);

/// Fetches documents.
#[derive(Clone)]
pub struct Fetcher {
    tls: Arc<ClientConfig>,
    time: Duration,
}

impl Fetcher {
    /// Trusts the certificates of the public authorities that Mozilla trusts, and these further ones.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(authorities: RootCertStore) -> Result<Self, String> {
        Ok(Self { tls: Arc::new(client_config(authorities)?), time: TIME })
    }

    /// Whether a document may be fetched from there: over TLS, or from this machine itself.
    ///
    /// # Errors
    /// It may not; why.
    pub fn may_fetch(url: &Url) -> Result<(), String> {
        let local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
            None => false,
        };
        match url.scheme() {
            _ if !url.username().is_empty() || url.password().is_some() => {
                Err("expected no user in the address".into())
            }
            "https" => Ok(()),
            "http" if local => Ok(()),
            "http" => Err("expected `https`: keys that anybody on the way can replace prove nothing".into()),
            scheme => Err(format!("expected `https`, found `{scheme}`")),
        }
    }

    /// The document at this address.
    ///
    /// # Errors
    /// The host cannot be reached, answers with another status than 200, or sends too much or too slowly.
    pub fn fetch(&self, url: Url) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send>> {
        let fetcher = self.clone();
        Box::pin(async move {
            match timeout(fetcher.time, fetcher.get(&url)).await {
                Ok(result) => result,
                Err(_) => Err(format!("no answer within {} seconds", fetcher.time.as_secs_f32())),
            }
        })
    }

    async fn get(&self, url: &Url) -> Result<Vec<u8>, String> {
        Self::may_fetch(url)?;
        let request = Request::get(url.as_str()).header(ACCEPT, "application/json").body(Bytes::new());
        let response = self.exchange(url, request.map_err(|error| error.to_string())?).await?;
        match response.status() {
            StatusCode::OK => Ok(response.into_body().to_vec()),
            status if status.is_redirection() => Err(format!("status {status}: redirects are not followed")),
            status => Err(format!("status {status}, expected 200")),
        }
    }

    /// Sends a request that an operator asked for, over TLS if its address says so, and reads the whole answer.
    ///
    /// # Errors
    /// The host cannot be reached, or sends too much or too slowly.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let url: Url = request.uri().to_string().parse().map_err(|error| format!("the address: {error}"))?;
        match timeout(self.time, self.exchange(&url, request)).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer within {} seconds", self.time.as_secs_f32())),
        }
    }

    async fn exchange(&self, url: &Url, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let host = url.host_str().ok_or("expected a host in the address")?;
        let port = url.port_or_known_default().ok_or("expected a port in the address")?;
        let unreachable = |error: std::io::Error| format!("cannot connect: {}", error.kind());
        // The brackets of an IPv6 address belong to the URL.
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((name, port)).await.map_err(unreachable)?;
        match url.scheme() {
            "https" => {
                let name = ServerName::try_from(name.to_owned()).map_err(|_| "the host's name is not valid")?;
                let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await;
                exchange(url, request, stream.map_err(|error| format!("TLS: {error}"))?).await
            }
            _ => exchange(url, request, stream).await,
        }
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("time", &self.time).finish_non_exhaustive()
    }
}

/// One request and its answer.
async fn exchange(
    url: &Url,
    request: Request<Bytes>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<Response<Bytes>, String> {
    let failed = |error: hyper::Error| format!("HTTP: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let (mut head, body) = request.into_parts();
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    head.uri = path.parse().map_err(|_| "the path of the address is not valid")?;
    head.headers.insert(HOST, HeaderValue::try_from(host).map_err(|_| "the host's name is not valid")?);
    head.headers.insert(USER_AGENT, HeaderValue::from_static("userbridge"));
    let request = Request::from_parts(head, Full::new(body));
    let answer = async {
        let response = sender.send_request(request).await.map_err(failed)?;
        let large = || format!("the document is incomplete or above {MAX_BYTES} bytes");
        if response.body().size_hint().lower() > MAX_BYTES as u64 {
            return Err(large());
        }
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_BYTES).collect().await;
        let body = body.map_err(|error| format!("{}: {error}", large()))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    };
    // Whichever ends first: a connection that ends leaves nothing to wait for, and is not kept.
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        biased;
        result = &mut answer => result,
        result = connection => match result {
            Ok(()) => answer.await,
            Err(error) => Err(failed(error)),
        },
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn fetcher() -> Fetcher {
        Fetcher { time: Duration::from_millis(400), ..Fetcher::new(RootCertStore::empty()).unwrap() }
    }

    /// A host that sends these bytes and then keeps silent.
    async fn host(answer: Vec<u8>) -> (Url, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys?a=b", listener.local_addr().unwrap()).parse().unwrap();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 1024];
            let length = stream.read(&mut request).await.unwrap();
            // The other end may have heard enough.
            let _ = stream.write_all(&answer).await;
            let _ = stream.read(&mut [0; 1]).await;
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        (url, serving)
    }

    #[tokio::test]
    async fn a_document_is_fetched() {
        let (url, serving) = host(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec()).await;
        let authority = url.authority().to_owned();
        assert_eq!(fetcher().fetch(url).await.unwrap(), b"{}");
        let request = serving.await.unwrap();
        assert!(request.starts_with("GET /keys?a=b HTTP/1.1\r\n"), "{request}");
        assert!(request.contains(&format!("host: {authority}\r\n")), "{request}");
    }

    #[tokio::test]
    async fn what_is_not_a_plain_answer_is_an_error() {
        let large = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 100 << 20).into_bytes();
        let endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        let endless = [endless, b"10000\r\n".to_vec(), vec![b'x'; 0x10000], b"\r\n".to_vec()].concat();
        let more = [&endless[..], &endless[47..], &endless[47..], &endless[47..], &endless[47..]].concat();
        let cases: [(Vec<u8>, &str); 7] = [
            (b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".into(), "redirects"),
            (b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".into(), "404"),
            (large, "above 262144 bytes"),
            (more, "above 262144 bytes"),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}".into(), "no answer within 0.4"),
            (b"".into(), "no answer within 0.4"),
            (b"SSH-2.0-x\r\n".into(), "HTTP"),
        ];
        for (answer, expected) in cases {
            let (url, _serving) = host(answer).await;
            let error = fetcher().fetch(url).await.unwrap_err();
            assert!(error.contains(expected), "{expected}: {error}");
        }
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = fetcher().fetch(format!("http://{closed}/").parse().unwrap()).await.unwrap_err();
        assert!(error.contains("cannot connect: connection refused"), "{error}");
    }

    #[tokio::test]
    async fn a_host_without_a_trusted_certificate_is_not_believed() {
        let (url, _serving) = host(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec()).await;
        let url = url.as_str().replace("http:", "https:").parse().unwrap();
        let error = fetcher().fetch(url).await.unwrap_err();
        assert!(error.starts_with("TLS"), "{error}");
    }

    #[test]
    fn only_this_machine_may_be_asked_without_tls() {
        for url in ["https://a.example/x", "http://127.0.0.1:1/x", "http://[::1]/x", "http://localhost/x"] {
            assert_eq!(Fetcher::may_fetch(&url.parse().unwrap()), Ok(()), "{url}");
        }
        for url in ["http://a.example/x", "http://10.0.0.1/x", "ftp://a.example", "file:///x", "https://u:p@a.example/"]
        {
            assert!(Fetcher::may_fetch(&url.parse().unwrap()).is_err(), "{url}");
        }
    }
}
