//! A gateway before a database of its own, and clients that behave badly.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sqlx::{self, AssertSqlSafe, Connection, Executor};
use serde_json::{Value as Json, json};
use userbridge::definition::{Definition, Surroundings, check};
use userbridge::diagnostic::Source;
use userbridge::handler::Resources;
use userbridge::hash::{Budget, BudgetConfig};
use userbridge::sql::Dialect;

use crate::gateway::{Gateway, Reply, Setup, client};
use crate::servers;

/// These tests load the machine or wait for it to be quick: one at a time.
pub fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

pub const SERVERS: [Dialect; 2] = [Dialect::Postgres, Dialect::Mysql];

/// A request ends within this, as it does by default.
pub const BUDGET: Duration = Duration::from_millis(2500);

/// The SHA-256 of `hello`.
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// A connector on a table `users`; its address is in the environment.
pub fn definition(name: &str) -> String {
    format!(
        "version: 1
connector: {name}
configuration: {{ url: {{ env: URL_{} }} }}
database: {{ url: '{{{{ configuration.url }}}}', max_connections: 6 }}
password: {{ column: password_hash, formats: [sha256, phpass], new: {{ format: phpass, cost: 7 }} }}
actions:
  login: {{ sql: 'SELECT id, email, password_hash FROM users WHERE email = {{{{ identifier }}}}' }}
  get_user: {{ sql: 'SELECT id, email FROM users WHERE email = {{{{ identifier }}}}' }}
  change_password:
    sql:
      - UPDATE users SET password_hash = {{{{ password_hash }}}} WHERE email = {{{{ identifier }}}}
      - UPDATE audit SET n = n + 1, hash = {{{{ password_hash }}}} WHERE email = {{{{ identifier }}}}
",
        name.to_uppercase()
    )
}

/// The definition in a text whose address is in the environment.
pub fn checked(text: &str, url: &str) -> Definition {
    let variable = |_: &str| Some(url.to_owned());
    let (definition, report) =
        check(&Source::new("acme.yaml", text), &Surroundings { variable: &variable, directory: Path::new(".") });
    definition.unwrap_or_else(|| panic!("{}", report.render(false)))
}

/// A hash pool of one thread in which nobody waits, and salts that are no secret.
pub fn resources() -> Resources {
    let budget = Budget::new(BudgetConfig { threads: 1, queue: 0, memory: 64 << 20 }).unwrap();
    Resources { budget: Arc::new(budget), entropy: |bytes| bytes.fill(7), clock: || 0 }
}

/// Settings as they are by default, with limits that no test reaches.
pub fn settings() -> String {
    format!(
        "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nhashing: {{ threads: 2, queue: 16 }}\n\
         limits: {{ client: 1000000/s, address: 1000000/s, account: 1000000/s }}\nclients:\n{}",
        client().yaml
    )
}

pub fn setup() -> Setup {
    Setup::new().settings(settings())
}

/// Likewise, with a journal of its decisions in `audit.jsonl`.
pub fn start_audited(url: &str) -> Gateway {
    let settings = settings() + "audit: { to: 'file:audit.jsonl', key: { env: AUDIT_KEY } }\n";
    let setup = setup().settings(settings).env("AUDIT_KEY", "0123456789abcdef-key");
    setup.definition("acme.yaml", &definition("acme")).env("URL_ACME", url).start()
}

/// The outcomes in the journal of a gateway, of this action.
pub fn journal(gateway: &Gateway, action: &str) -> Vec<String> {
    let text = std::fs::read_to_string(gateway.folder().join("audit.jsonl")).unwrap();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let records = whole.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let of_action = records.filter(|record| record["action"] == action);
    of_action.map(|record| record["outcome"].as_str().unwrap().to_owned()).collect()
}

/// A gateway with one connector, `acme`, on the database at this address.
pub fn start(url: &str) -> Gateway {
    setup().definition("acme.yaml", &definition("acme")).env("URL_ACME", url).start()
}

/// The address of a new database with some users.
pub fn database(dialect: Dialect) -> String {
    let server = if dialect == Dialect::Postgres { servers::postgres() } else { servers::mysql() };
    on_server(&server)
}

/// Likewise on this server.
pub fn on_server(server: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("ub_faults_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    run(server, &[&format!("CREATE DATABASE {name}")]);
    let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
    fill(&url);
    url
}

/// The tables, with 200 users whose password is `hello`.
pub fn fill(url: &str) {
    let users: Vec<String> = (0..200).map(|n| format!("({n}, 'user{n}@example.com', '{HELLO}')")).collect();
    let audit: Vec<String> = (0..200).map(|n| format!("('user{n}@example.com', 0, '{HELLO}')")).collect();
    run(
        url,
        &[
            "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(100) NOT NULL UNIQUE, password_hash VARCHAR(200))",
            "CREATE TABLE audit (email VARCHAR(100) PRIMARY KEY, n INTEGER NOT NULL, hash VARCHAR(200))",
            &format!("INSERT INTO users VALUES {}", users.join(", ")),
            &format!("INSERT INTO audit VALUES {}", audit.join(", ")),
        ],
    );
}

/// Runs statements on a connection of their own.
pub fn run(url: &str, statements: &[&str]) {
    for statement in statements {
        try_run(url, statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

/// Runs one statement, or says why not.
pub fn try_run(url: &str, statement: &str) -> Result<(), String> {
    runtime().block_on(async {
        if url.starts_with("postgres") {
            let (client, connection) =
                tokio_postgres::connect(url, tokio_postgres::NoTls).await.map_err(|error| format!("{error:?}"))?;
            tokio::spawn(connection);
            return client.batch_execute(statement).await.map_err(|error| format!("{error:?}"));
        }
        let mut connection = sqlx::MySqlConnection::connect(url).await.map_err(|error| error.to_string())?;
        connection.execute(AssertSqlSafe(statement)).await.map(drop).map_err(|error| error.to_string())
    })
}

/// The number that a query gives.
pub fn count(url: &str, query: &str) -> i64 {
    runtime().block_on(async {
        if url.starts_with("postgres") {
            let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            return client.query_one(query, &[]).await.unwrap().get(0);
        }
        let mut connection = sqlx::MySqlConnection::connect(url).await.unwrap();
        sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&mut connection).await.unwrap()
    })
}

/// Bytes of memory that a process has in use, and its open files.
pub fn usage(gateway: &Gateway) -> (u64, usize) {
    let process = format!("/proc/{}", gateway.pid());
    let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    (kilobytes << 10, std::fs::read_dir(format!("{process}/fd")).unwrap().count())
}

/// The processor time that a process has used.
pub fn cpu(gateway: &Gateway) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", gateway.pid())).unwrap();
    // Behind the name, which may hold anything: user and system time are the 12th and 13th fields.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Where a server listens, `host:port`.
pub fn server_of(url: &str) -> String {
    url.split('@').nth(1).unwrap().split('/').next().unwrap().to_owned()
}

pub fn email(n: usize) -> String {
    format!("user{n}@example.com")
}

pub fn get_user(gateway: &Gateway, n: usize) -> Reply {
    gateway.call("acme", "get_user", &json!({ "identifier": email(n) }))
}

pub fn login(gateway: &Gateway, n: usize, password: &str) -> Reply {
    gateway.call("acme", "login", &json!({ "identifier": email(n), "password": password }))
}

/// What `/status` says of the only connector.
pub fn status(gateway: &Gateway) -> Json {
    gateway.get("/status").json()["connectors"][0].clone()
}

/// Sends a request and leaves after this time, whether or not there was an answer; what was read of it.
pub fn abandon(gateway: &Gateway, action: &str, body: &Json, patience: Duration) -> Option<String> {
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    let body = body.to_string();
    let head = format!(
        "POST /v1/connectors/acme/{action} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        client().key,
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    stream.set_read_timeout(Some(patience.max(Duration::from_micros(1)))).unwrap();
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        text.extend_from_slice(&piece[..count]);
    }
    Some(String::from_utf8(text).unwrap()).filter(|text| !text.is_empty())
}

/// One connection for many requests. A client that leaves before the answer leaves the connection too.
pub struct Kept<'a> {
    gateway: &'a Gateway,
    stream: Option<TcpStream>,
}

impl<'a> Kept<'a> {
    pub fn new(gateway: &'a Gateway) -> Self {
        Self { gateway, stream: None }
    }

    /// Asks, and waits no longer than this; the whole answer.
    pub fn ask(&mut self, action: &str, body: &Json, patience: Duration) -> Option<String> {
        let mut stream = self.stream.take().unwrap_or_else(|| {
            let stream = TcpStream::connect(self.gateway.address).unwrap();
            stream.set_nodelay(true).unwrap();
            stream
        });
        let body = body.to_string();
        let head = format!(
            "POST /v1/connectors/acme/{action} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            client().key,
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).ok()?;
        stream.set_read_timeout(Some(patience.max(Duration::from_micros(1)))).unwrap();
        let mut text = Vec::new();
        let mut piece = [0; 4096];
        while !is_whole(&text) {
            let Ok(count @ 1..) = stream.read(&mut piece) else { return None };
            text.extend_from_slice(&piece[..count]);
        }
        self.stream = Some(stream);
        Some(String::from_utf8(text).unwrap())
    }
}

/// Whether an answer has come to the end that its head announces.
fn is_whole(text: &[u8]) -> bool {
    let Some(end) = text.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&text[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap();
    text.len() >= end + 4 + length.trim().parse::<usize>().unwrap()
}

/// Waits until a user is found again; how long that took.
#[track_caller]
pub fn recovery(gateway: &Gateway) -> Duration {
    recovered(gateway, || get_user(gateway, 1).status == 200)
}

/// Waits until it is so again; how long that took.
#[track_caller]
pub fn recovered(gateway: &Gateway, so: impl Fn() -> bool) -> Duration {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < Duration::from_secs(10), "never recovered: {}", status(gateway));
        std::thread::sleep(Duration::from_millis(20));
    }
    started.elapsed()
}

/// Service resumes this soon after a fault has ended.
pub const RESUMED: Duration = Duration::from_secs(2);

/// The value that so many of a hundred do not exceed.
pub fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort();
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

/// How often longer runs do what a usual run does `usual` times: `USERBRIDGE_TEST_ROUNDS` multiplies it.
#[expect(clippy::disallowed_methods, reason = "longer runs are asked for in the environment")]
pub fn rounds(usual: usize) -> usize {
    let factor = std::env::var("USERBRIDGE_TEST_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    usual * factor
}

/// Numbers that look random and are the same in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
