//! A gateway that issues tokens, a forger who has its key, and an issuer outside with its host.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value as Json, json};

use crate::gateway::{Gateway, Setup, client};

pub const ISSUER: &str = "https://users.example.com";

/// A definition that answers without a table.
pub const TINY: &str = "
version: 1
connector: tiny
database: { url: 'sqlite:tiny.db?mode=rwc' }
actions: { get_user: { sql: 'SELECT 7 AS id, {{ identifier }} AS email' } }
";

/// The client that may do everything, by its id.
pub const ID: &str = "tests";

/// Settings with the client that may do everything, tokens, and these further lines.
pub fn settings(tokens: &str, clients: &str, more: &str) -> String {
    format!(
        "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nrequest_timeout: 30s\n\
         tokens: {{ issuer: \"{ISSUER}\"{tokens} }}\nclients:\n{}{clients}\n{more}\n",
        client().yaml
    )
}

/// A gateway with these settings.
pub fn start(settings: String) -> Gateway {
    Setup::new().definition("tiny.yaml", TINY).settings(settings).start()
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or(Json::Null)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The access token in the answer.
    #[track_caller]
    pub fn token(&self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// The status and the OAuth error in the answer.
    pub fn error(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap_or_default().to_owned())
    }
}

/// Sends a request as it stands.
pub fn send(gateway: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(30)));
    let agent: ureq::Agent = agent.max_idle_connections(0).allow_non_standard_methods(true).build().into();
    let mut request = ureq::http::Request::builder().method(method).uri(format!("http://{gateway}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = agent.run(request.body(body).unwrap()).unwrap();
    let text = |value: &ureq::http::HeaderValue| value.to_str().unwrap().to_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let status = response.status().as_u16();
    Reply { status, headers, text: response.body_mut().read_to_string().unwrap() }
}

/// Sends a form to the token endpoint.
pub fn ask(gateway: SocketAddr, headers: &[(&str, &str)], form: &str) -> Reply {
    let media = ("content-type", "application/x-www-form-urlencoded");
    let headers: Vec<_> = headers.iter().copied().chain([media]).collect();
    send(gateway, "POST", "/oauth/token", &headers, form.as_bytes())
}

/// A form with the secret of the client that may do everything.
pub fn form(more: &str) -> String {
    format!("grant_type=client_credentials&client_id={ID}&client_secret={}{more}", client().key)
}

/// Calls the one action with a token.
pub fn call(gateway: SocketAddr, token: &str) -> Reply {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    send(gateway, "POST", "/v1/connectors/tiny/get_user", &headers, br#"{"identifier":"ann@example.com"}"#)
}

/// The answer without what differs in every answer.
/// `connection` says whether the body was here already, and nothing of the token.
pub fn bare(mut reply: Reply) -> (u16, Vec<(String, String)>, String) {
    reply.headers.retain(|(name, _)| !["date", "x-request-id", "connection"].contains(&name.as_str()));
    (reply.status, reply.headers, reply.text)
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// With these members replaced; null takes one out.
pub fn with(mut object: Json, changes: Json) -> Json {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Json::Null => object.as_object_mut().unwrap().remove(name),
            _ => object.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    object
}

/// Who can sign.
pub enum Signer {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

impl Signer {
    /// The gateway's own key, from its file.
    pub fn of(gateway: &Gateway) -> Self {
        let mut files = key_files(gateway.folder());
        Self::Es256(p256(&std::fs::read(files.pop().unwrap()).unwrap()))
    }

    /// A new key that nobody else has.
    pub fn new() -> Self {
        let random = SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self::Es256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref(), &random).unwrap())
    }

    /// The outside issuer's key.
    pub fn rsa() -> Self {
        let der = PrivatePkcs8KeyDer::from_pem_slice(include_bytes!("issuer.pem")).unwrap();
        Self::Rs256(RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap())
    }

    pub fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }

    /// A token with these very texts.
    pub fn sign_texts(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
        format!("{signed}.{}", encode(&self.signature(signed.as_bytes())))
    }

    pub fn sign(&self, header: &Json, claims: &Json) -> String {
        self.sign_texts(&header.to_string(), &claims.to_string())
    }

    /// The public half as it is published.
    pub fn jwk(&self, kid: &str) -> Json {
        match self {
            Self::Es256(pair) => {
                let point = pair.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..]), "kid": kid })
            }
            Self::Rs256(pair) => {
                let public: ring::rsa::PublicKeyComponents<Vec<u8>> = pair.public().into();
                json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "n": encode(&public.n), "e": encode(&public.e), "kid": kid })
            }
        }
    }
}

fn p256(pem: &[u8]) -> EcdsaKeyPair {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der(), &SystemRandom::new()).unwrap()
}

/// The private keys, oldest first.
pub fn key_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("keys")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "pem"));
    files.sort();
    files
}

/// The header of a token.
pub fn header_of(token: &str) -> Json {
    let part = token.split('.').next().unwrap();
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap()
}

/// The claims of a token.
pub fn claims_of(token: &str) -> Json {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap()
}

/// What a host of keys does with its next requests.
#[derive(Clone)]
pub enum Behaviour {
    /// Answers with these bytes.
    Bytes(Vec<u8>),
    /// Accepts, and says nothing.
    Silent,
    /// Closes every connection.
    Down,
}

/// An issuer's host on this machine.
pub struct Host {
    pub address: SocketAddr,
    asked: Arc<AtomicUsize>,
    behaviour: Arc<Mutex<Behaviour>>,
}

impl Host {
    /// A host that publishes these keys.
    pub fn new(keys: &[Json]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, behaviour) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Behaviour::Down)));
        let (count, current) = (Arc::clone(&asked), Arc::clone(&behaviour));
        // Ends with the process.
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                count.fetch_add(1, Ordering::SeqCst);
                let behaviour = current.lock().unwrap().clone();
                match behaviour {
                    Behaviour::Bytes(bytes) => {
                        // The other end may be gone, or have heard enough.
                        let _ = stream.read(&mut [0; 2048]);
                        let _ = stream.write_all(&bytes);
                    }
                    Behaviour::Silent => silent.push(stream),
                    Behaviour::Down => drop(stream),
                }
            }
        });
        let host = Self { address, asked, behaviour };
        host.publish(keys);
        host
    }

    pub fn publish(&self, keys: &[Json]) {
        let body = json!({ "keys": keys }).to_string();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len());
        self.behave(Behaviour::Bytes(format!("{head}connection: close\r\n\r\n{body}").into_bytes()));
    }

    pub fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}
