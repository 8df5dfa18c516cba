//! Certificates of a private authority, a gateway that speaks TLS, and a client that does.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::gateway::{Gateway, Setup, client};
use crate::people::NO_LIMITS;

/// A definition that answers without a table.
pub const TINY: &str = "
version: 1
connector: tiny
database: { url: 'sqlite:tiny.db?mode=rwc' }
actions: { get_user: { sql: 'SELECT 7 AS id, {{ identifier }} AS email' } }
";

/// What settings begin with.
pub const HEAD: &str = "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nrequest_timeout: 30s\n";

/// The section of TLS without client certificates.
pub const TLS: &str = "tls: { certificate: cert.pem, key: { file: key.pem } }\n";

/// A certificate with its key, both as PEM.
#[derive(Clone)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

impl Identity {
    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()
    }

    /// As `certificates:` of a client names it.
    pub fn digest(&self) -> String {
        let digest: String = Sha256::digest(self.der()).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{digest}")
    }
}

/// An authority that signs whatever it is given.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Test authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate of the gateway, valid for so many seconds from now in both directions.
    pub fn server(&self, from: i64, until: i64) -> Identity {
        let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (at(from).into(), at(until).into());
        self.sign(&params)
    }

    /// A certificate of a caller with this name.
    pub fn caller(&self, name: &str, until: i64) -> Identity {
        self.sign(&caller(name, until))
    }

    fn sign(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

fn caller(name: &str, until: i64) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    (params.not_before, params.not_after) = (at(-86_400).into(), at(until).into());
    params
}

/// A caller's certificate that nobody signed.
pub fn self_signed(name: &str, until: i64) -> Identity {
    let key = KeyPair::generate().unwrap();
    let certificate = caller(name, until).self_signed(&key).unwrap();
    Identity { certificate: certificate.pem(), key: key.serialize_pem() }
}

fn at(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { SystemTime::now() - distance } else { SystemTime::now() + distance }
}

pub const DAY: i64 = 86_400;

/// Writes a file that only its owner can read.
pub fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Replaces a file at once.
pub fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    write(&new, text);
    std::fs::rename(new, path).unwrap();
}

/// Settings with the client that has a key, and these further lines and clients.
pub fn settings(lines: &str, clients: &str) -> String {
    format!("{HEAD}{NO_LIMITS}{lines}clients:\n{}{clients}", client().yaml)
}

/// A gateway that is about to speak TLS with this identity; the authority of callers is in `ca.pem`.
pub fn setup(identity: &Identity, authority: &Authority, settings: impl Into<String>) -> Setup {
    let setup = Setup::new().definition("tiny.yaml", TINY).settings(settings);
    write(&setup.folder().join("cert.pem"), &identity.certificate);
    write(&setup.folder().join("key.pem"), &identity.key);
    write(&setup.folder().join("ca.pem"), &authority.pem());
    setup
}

/// How a client shakes hands.
pub struct Handshake<'a> {
    pub authority: &'a Authority,
    pub versions: Vec<&'static SupportedProtocolVersion>,
    pub identity: Option<&'a Identity>,
    pub protocols: &'static [&'static [u8]],
}

impl<'a> Handshake<'a> {
    pub fn new(authority: &'a Authority) -> Self {
        Self { authority, versions: rustls::ALL_VERSIONS.to_vec(), identity: None, protocols: &[] }
    }

    pub fn with(self, identity: &'a Identity) -> Self {
        Self { identity: Some(identity), ..self }
    }

    pub fn config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(&self.versions).unwrap().with_root_certificates(roots);
        let mut config = match self.identity {
            Some(identity) => {
                let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![identity.der()], key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        config.alpn_protocols = self.protocols.iter().map(|name| name.to_vec()).collect();
        config
    }

    /// Shakes hands; in TLS 1.3 the gateway's refusal of a certificate comes only with the first answer.
    pub fn connect(&self, address: SocketAddr) -> std::io::Result<Connection> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = ClientConnection::new(Arc::new(self.config()), name).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut stream)?;
        }
        Ok(Connection(StreamOwned::new(tls, stream)))
    }

    /// The status of one request on a new connection.
    pub fn status(&self, gateway: &Gateway, key: Option<&str>) -> std::io::Result<u16> {
        self.connect(gateway.address)?.status(key)
    }
}

pub struct Connection(pub StreamOwned<ClientConnection, TcpStream>);

impl Connection {
    /// Looks a user up, with this key or without any; the answer's status.
    pub fn status(&mut self, key: Option<&str>) -> std::io::Result<u16> {
        self.status_of(&get_user(key))
    }

    /// Sends this request; the answer's status.
    pub fn status_of(&mut self, request: &[u8]) -> std::io::Result<u16> {
        self.0.write_all(request)?;
        let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            let text = String::from_utf8_lossy(&answer).to_lowercase();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
                if body.len() >= length.unwrap().parse().unwrap() {
                    return Ok(head[9..12].parse().unwrap());
                }
            }
            match self.0.read(&mut buffer)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                count => answer.extend_from_slice(&buffer[..count]),
            }
        }
    }

    /// The certificate that the gateway showed.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.0.conn.peer_certificates().unwrap()[0].clone().into_owned()
    }
}

/// A whole request.
pub fn get_user(key: Option<&str>) -> Vec<u8> {
    let key = key.map_or(String::new(), |key| format!("authorization: Bearer {key}\r\n"));
    let body = body().to_string();
    format!(
        "POST /v1/connectors/tiny/get_user HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{key}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

pub fn body() -> Json {
    json!({ "identifier": "ann@example.com" })
}

/// The value of a series as `/metrics` shows it; 0 where there is none.
pub fn failures(gateway: &Gateway, reason: &str) -> u64 {
    crate::people::metric(gateway, &format!("tls_handshake_failures_total{{reason=\"{reason}\"}}"))
}

/// How often something was logged.
pub fn logged(gateway: &Gateway, text: &str) -> usize {
    gateway.log().lines().filter(|line| line.contains(text)).count()
}
