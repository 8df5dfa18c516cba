//! A gateway on a free port, a fake user store behind it, and a client that writes bytes.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use userbridge::access::{Access, ClientSettings, KeyDigest, Limits, Settings as AccessSettings, Shared};
use userbridge::action::{Denial, DenialReason, Lookup, Object, Outcome, Profile, Refusal, Rejection, Request};
use userbridge::handler::{Class, Error};
use userbridge::server::{self, Answer, Connectors, Drain, Gateway, Metrics, Readiness, Readings, Settings};

pub const KEY: &str = "ub_idp_0123456789abcdef";

/// A connector that answers what the identifier says.
#[derive(Debug, Default)]
pub struct Store {
    /// What reached it, as text that shows everything but passwords' values.
    pub seen: Mutex<Vec<String>>,
    pub begun: AtomicUsize,
    pub ended: AtomicUsize,
}

impl Answer for Store {
    fn version(&self) -> &str {
        "v-7f3a"
    }

    async fn answer(self: Arc<Self>, request: Request, _: Instant) -> Result<Outcome, Error> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.seen.lock().unwrap().push(shown(&request));
        let name = request.account().unwrap_or_default().to_owned();
        if name.starts_with("slow") {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        self.ended.fetch_add(1, Ordering::SeqCst);
        outcome(&name, &request)
    }
}

fn outcome(name: &str, request: &Request) -> Result<Outcome, Error> {
    let failed = |class| Err(Error::new(class, "an operator's message with secret.host.example"));
    match name {
        "panic" => panic!("a defect"),
        "unknown" => Ok(Outcome::WrongCredentials(Refusal::UnknownUser)),
        "wrong" | "slow-wrong" => Ok(Outcome::WrongCredentials(Refusal::WrongPassword)),
        "locked" => {
            Ok(Outcome::Denied(Denial { reason: DenialReason::Locked, ..Denial::new("This account is locked") }))
        }
        "missing" => Ok(Outcome::NotFound),
        "taken" => Ok(Outcome::UserExists),
        "unmatched" => Ok(Outcome::Unchanged),
        "weak" => Ok(Outcome::Rejected(Rejection { code: "invalid_password", message: "too short".to_owned() })),
        "bad" => failed(Class::InvalidInput { field: "phone_number".to_owned(), message: "no number".to_owned() }),
        "undeclared" => failed(Class::ActionNotDeclared),
        "down" => failed(Class::Unavailable),
        "late" => failed(Class::Timeout),
        "busy" => failed(Class::Overloaded),
        "twice" => failed(Class::AmbiguousUser),
        "unreadable" => failed(Class::UnreadableHash),
        "misfit" => failed(Class::Misconfigured),
        "unsure" => failed(Class::OutcomeUnknown),
        _ => Ok(match request {
            Request::Login { .. } => Outcome::Authenticated(profile(name)),
            Request::GetUser { .. } => Outcome::Found(profile(name)),
            Request::Create(_) if name == "bare" => Outcome::Created(None),
            Request::Create(_) => Outcome::Created(Some(profile(name))),
            _ => Outcome::Changed,
        }),
    }
}

fn profile(name: &str) -> Profile {
    let members = Object::from_iter([("email".to_owned(), json!(name)), ("email_verified".to_owned(), json!(true))]);
    Profile::new("acme|7".to_owned(), members)
}

/// The request as the connector got it.
fn shown(request: &Request) -> String {
    let password = request.password().map(|password| password.expose().len());
    match request {
        Request::Login { identifier, context, .. } => {
            format!("login {identifier:?} password={password:?} context={}", json!(context))
        }
        Request::GetUser { by: Lookup::Identifier(text), context } => format!("identifier {text:?} {}", json!(context)),
        Request::GetUser { by: Lookup::UserId(text), context } => format!("user_id {text:?} {}", json!(context)),
        Request::Create(user) => format!(
            "create {:?} {:?} {:?} password={password:?} {} {} {}",
            user.email,
            user.username,
            user.phone_number,
            json!(user.user_metadata),
            json!(user.app_metadata),
            json!(user.fields)
        ),
        Request::ChangePassword { identifier, .. } => format!("change_password {identifier:?} password={password:?}"),
        other => format!("{other:?}"),
    }
}

#[derive(Debug, Default)]
pub struct Stores(pub HashMap<String, Arc<Store>>);

impl Connectors for Stores {
    type Connector = Store;

    fn find(&self, name: &str) -> Option<Arc<Store>> {
        self.0.get(name).cloned()
    }
}

/// A running gateway with the connectors `acme` and `other`.
pub struct Running {
    pub address: SocketAddr,
    pub store: Arc<Store>,
    pub access: Shared,
    pub metrics: Arc<Metrics>,
    pub readiness: Arc<Readiness>,
    pub runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<Drain>>,
}

/// One client with all scopes and no limits.
pub fn open() -> AccessSettings {
    let client = ClientSettings {
        secrets: vec![KeyDigest::of(KEY)],
        scopes: vec!["*:*".parse().unwrap()],
        ..ClientSettings::new("idp".parse().unwrap())
    };
    let limits = Limits { client: None, address: None, account: None, ..Limits::default() };
    AccessSettings { clients: vec![client], limits, ..AccessSettings::default() }
}

pub fn start() -> Running {
    start_with(open(), Settings::default())
}

pub fn start_with(access: AccessSettings, settings: Settings) -> Running {
    start_on(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all(), access, settings)
}

pub fn start_on(runtime: &mut Builder, access: AccessSettings, settings: Settings) -> Running {
    let runtime = runtime.build().unwrap();
    let store = Arc::new(Store::default());
    let stores = Stores(HashMap::from([
        ("acme".to_owned(), Arc::clone(&store)),
        ("other".to_owned(), Arc::new(Store::default())),
    ]));
    let access = Access::new(access, None).unwrap().shared();
    let metrics = Arc::new(Metrics::new(Arc::clone(&access), Readings::default));
    let readiness = Arc::new(Readiness::default());
    readiness.set_ready();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let gateway =
        Gateway::new(stores, Arc::clone(&access), Arc::clone(&metrics), Arc::clone(&readiness), settings, 0xfeed);
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = server::run(listener, Arc::new(gateway), async move { _ = stopped.await });
    let served = Some(runtime.spawn(serving));
    Running { address, store, access, metrics, readiness, runtime, stop: Some(stop), served }
}

impl Running {
    pub fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.address).unwrap())
    }

    /// Asks on a new connection.
    pub fn ask(&self, action: &str, body: &Json) -> Reply {
        self.post(action, body.to_string())
    }

    /// Asks on a new connection with these bytes.
    pub fn post(&self, action: &str, body: impl AsRef<[u8]>) -> Reply {
        self.connect().post(action, body.as_ref(), "")
    }

    pub fn seen(&self) -> Vec<String> {
        self.store.seen.lock().unwrap().clone()
    }

    pub fn calls(&self) -> usize {
        self.store.begun.load(Ordering::SeqCst)
    }

    /// Tells the server to stop, and does not wait.
    pub fn stop(&mut self) -> JoinHandle<Drain> {
        self.stop.take().unwrap().send(()).unwrap();
        self.served.take().unwrap()
    }
}

/// Waits until it is so, for at most two seconds.
pub fn eventually(what: &str, so: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !so() {
        assert!(start.elapsed() < Duration::from_secs(2), "not in time: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A connection that writes what it is told and reads answers by their length.
pub struct Client {
    pub stream: TcpStream,
    read: Vec<u8>,
}

impl Client {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, read: Vec::new() }
    }

    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self
    }

    /// `POST /v1/connectors/acme/{action}`, with further header lines that each end in CRLF.
    pub fn post(&mut self, action: &str, body: &[u8], headers: &str) -> Reply {
        self.write(post(action, body, headers)).reply()
    }

    pub fn reply(&mut self) -> Reply {
        self.try_reply().expect("an answer")
    }

    /// The next answer; None when the peer closes instead.
    pub fn try_reply(&mut self) -> Option<Reply> {
        loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8(self.read[..end].to_vec()).unwrap();
                let mut lines = head.split("\r\n");
                let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
                let headers: Vec<(String, String)> = lines
                    .map(|line| line.split_once(": ").unwrap())
                    .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                    .collect();
                let length =
                    headers.iter().find(|(name, _)| name == "content-length").map_or(0, |h| h.1.parse().unwrap());
                if self.read.len() >= end + 4 + length {
                    let body = self.read[end + 4..end + 4 + length].to_vec();
                    self.read.drain(..end + 4 + length);
                    return Some(Reply { status, headers, body });
                }
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// Whether the peer closes within five seconds without sending more.
    pub fn is_closed(&mut self) -> bool {
        self.read.is_empty() && !self.fill()
    }

    /// Whether the peer sent anything more before it closed.
    pub fn try_reply_bytes(&mut self) -> bool {
        self.read.clear();
        self.fill()
    }

    fn fill(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.read.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => false,
            Err(error) => panic!("the peer neither answers nor closes: {error}"),
        }
    }
}

/// A whole request.
pub fn post(action: &str, body: &[u8], headers: &str) -> Vec<u8> {
    request("POST", &format!("/v1/connectors/acme/{action}"), body, headers)
}

pub fn request(method: &str, path: &str, body: &[u8], headers: &str) -> Vec<u8> {
    let length = body.len();
    let content_type = match headers.to_lowercase().contains("content-type:") {
        true => "",
        false => "content-type: application/json\r\n",
    };
    let authorization = match headers.to_lowercase().contains("authorization:") {
        true => String::new(),
        false => format!("authorization: Bearer {KEY}\r\n"),
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: gateway\r\n{content_type}{authorization}{headers}content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {:?}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The code of a problem.
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        let code = problem["code"].as_str().unwrap().to_owned();
        assert_eq!(problem["type"], format!("urn:userbridge:problem:{code}"));
        assert_eq!(problem["status"], self.status);
        code
    }

    pub fn detail(&self) -> String {
        self.json()["detail"].as_str().unwrap_or_default().to_owned()
    }
}
