//! A server that answers what it is told to, also wrongly, and remembers every request.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value as Json;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Method and path.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.target.split('?').next().unwrap())
    }

    /// A field of a form.
    pub fn field(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.body.as_bytes()).find(|(key, _)| key == name).map(|(_, v)| v.into_owned())
    }

    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?')?.1;
        url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, v)| v.into_owned())
    }

    pub fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Act {
    /// Answers with JSON.
    Json(u16, Json),
    /// Answers with these headers and this body.
    Plain(u16, &'static str, Vec<u8>),
    /// Sends these bytes and closes.
    Raw(Vec<u8>),
    /// Closes the connection without an answer.
    Reset,
    /// Waits, and then answers.
    Slow(Duration, Box<Act>),
    /// Answers and then closes the connection a moment later, without saying so before.
    Last(Box<Act>),
}

pub fn json(status: u16, body: Json) -> Act {
    Act::Json(status, body)
}

type Answering = dyn Fn(&Seen) -> Act + Send + Sync;

/// A running stand-in; it ends when it is dropped.
pub struct StandIn {
    pub address: SocketAddr,
    /// The authority of its certificate, in PEM.
    pub authority: String,
    pub accepted: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
    stop: Arc<AtomicBool>,
}

impl StandIn {
    /// Speaks TLS with a certificate for these names.
    pub fn with_tls(names: &[&str], answer: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(certificate.pem().as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
        Self::start(Some(Arc::new(config)), authority.pem(), 0, answer)
    }

    /// Speaks plain HTTP.
    pub fn plain(answer: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        Self::start(None, String::new(), 0, answer)
    }

    /// Speaks plain HTTP on a port that another stand-in had.
    pub fn again(port: u16, answer: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        Self::start(None, String::new(), port, answer)
    }

    fn start(
        tls: Option<Arc<ServerConfig>>,
        authority: String,
        port: u16,
        answer: impl Fn(&Seen) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, stop, accepted) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::<AtomicBool>::default(), Arc::default());
        let answer: Arc<Answering> = Arc::new(answer);
        let (log, ended, count) = (Arc::clone(&seen), Arc::clone(&stop), Arc::<AtomicUsize>::clone(&accepted));
        std::thread::spawn(move || {
            let open: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                count.fetch_add(1, Ordering::SeqCst);
                open.lock().unwrap().push(stream.try_clone().unwrap());
                let (tls, log, answer) = (tls.clone(), Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || match tls {
                    Some(tls) => {
                        let closing = stream.try_clone().unwrap();
                        let session = ServerConnection::new(tls).unwrap();
                        serve(StreamOwned::new(session, stream), &closing, &log, &*answer);
                    }
                    None => {
                        let closing = stream.try_clone().unwrap();
                        serve(stream, &closing, &log, &*answer);
                    }
                });
            }
            // Who has gone away keeps no connection.
            open.lock().unwrap().iter().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        });
        Self { address, authority, accepted, seen, stop }
    }

    /// Takes out what was seen so far.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// The lines of what was seen so far.
    #[track_caller]
    pub fn assert_asked(&self, lines: &[&str]) -> Vec<Seen> {
        let seen = self.take();
        assert_eq!(seen.iter().map(Seen::line).collect::<Vec<_>>(), lines);
        seen
    }

    pub fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

/// Answers the requests of one connection.
fn serve(mut stream: impl Read + Write, closing: &TcpStream, log: &Mutex<Vec<Seen>>, answer: &Answering) {
    let mut read = Vec::new();
    while let Some(seen) = request(&mut stream, &mut read) {
        let act = answer(&seen);
        log.lock().unwrap().push(seen);
        if !perform(act, &mut stream) {
            break;
        }
    }
    let _ = closing.shutdown(Shutdown::Both);
}

/// Whether the connection lives on.
fn perform(act: Act, stream: &mut impl Write) -> bool {
    let (bytes, last) = match act {
        Act::Json(status, body) => {
            (response(status, "content-type: application/json\r\n", body.to_string().as_bytes()), false)
        }
        Act::Plain(status, headers, body) => (response(status, headers, &body), false),
        Act::Raw(bytes) => (bytes, true),
        Act::Reset => return false,
        Act::Slow(time, act) => {
            std::thread::sleep(time);
            return perform(*act, stream);
        }
        Act::Last(act) => {
            perform(*act, stream);
            std::thread::sleep(Duration::from_millis(50));
            return false;
        }
    };
    stream.write_all(&bytes).is_ok() && stream.flush().is_ok() && !last
}

pub fn response(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn request(stream: &mut impl Read, read: &mut Vec<u8>) -> Option<Seen> {
    loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(read[..end].to_vec()).unwrap();
            let mut lines = head.split("\r\n");
            let mut line = lines.next().unwrap().split(' ');
            let (method, target) = (line.next().unwrap().to_owned(), line.next().unwrap().to_owned());
            let headers: Vec<(String, String)> = lines
                .map(|line| line.split_once(": ").unwrap())
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect();
            let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |h| h.1.parse().unwrap());
            if read.len() >= end + 4 + length {
                let body = String::from_utf8(read[end + 4..end + 4 + length].to_vec()).unwrap();
                read.drain(..end + 4 + length);
                return Some(Seen { method, target, headers, body });
            }
        }
        let mut buffer = [0; 8192];
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(count) => read.extend_from_slice(&buffer[..count]),
        }
    }
}
