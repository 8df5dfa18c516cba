//! Every step of answering fails in turn: nothing fails open, and no trouble is a statement about a user.
//!
//! Nothing is built into the program for this: named points in the source would be where somebody thought of a failure.
//! Here each call that a request makes to its database fails or panics, and each byte that a server sends is the last;
//! how many there are is found out by counting, so a step that is added later is tried as well.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::{Value as Json, json};
use tokio::runtime::Runtime;
use userbridge::access::{Access, ClientSettings, KeyDigest, Limits, Settings as AccessSettings};
use userbridge::db::{Database, ErrorKind};
use userbridge::definition::Definition;
use userbridge::handler::{Entropy, Resources};
use userbridge::registry::{Connector, Registry};
use userbridge::server::{self, Gateway, Metrics, Readiness, Readings, Settings};
use userbridge::sql::Dialect;

use super::proxy::{Mode, Proxy};
use super::support::{SERVERS, alone, checked, count, on_server, resources, run, runtime, server_of};
use super::trap::{Fault, Plan, Trap};
use crate::servers;

const KEY: &str = "ub_idp_0123456789abcdef";

/// A gateway in this process; what it serves can be exchanged.
struct InProcess {
    address: SocketAddr,
    registry: Arc<ArcSwap<Registry>>,
    resources: Resources,
    agent: ureq::Agent,
    runtime: Runtime,
}

impl InProcess {
    /// Two failed attempts an hour for each account.
    fn start() -> Self {
        let client = ClientSettings {
            secrets: vec![KeyDigest::of(KEY)],
            scopes: vec!["*:*".parse().unwrap()],
            ..ClientSettings::new("idp".parse().unwrap())
        };
        let limits = Limits { client: None, address: None, account: Some("2/h".parse().unwrap()), ..Limits::default() };
        let access = AccessSettings { clients: vec![client], limits, ..AccessSettings::default() };
        let access = Access::new(access, None).unwrap().shared();
        let metrics = Arc::new(Metrics::new(Arc::clone(&access), Readings::default));
        let registry = Arc::new(ArcSwap::from_pointee(Registry::default()));
        let (readiness, settings) = (Arc::new(Readiness::default()), Settings::default());
        let gateway = Gateway::new(Arc::clone(&registry), access, metrics, readiness, settings, 1);
        let runtime = runtime();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(server::run(listener, Arc::new(gateway), std::future::pending()));
        let resources = resources();
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Self { address, registry, resources, agent, runtime }
    }

    fn serve(&self, connector: Connector) {
        self.registry.store(Arc::new(Registry::new([Arc::new(connector)])));
    }

    /// Serves the definition on this database, with a breaker that knows of nothing yet.
    fn serve_on(&self, url: &str, database: Arc<dyn Database>, entropy: Entropy) {
        let resources = Resources { entropy, ..self.resources.clone() };
        self.serve(Connector::on(definition(url), database, resources));
    }

    fn ask(&self, action: &str, body: &Json) -> u16 {
        let request = self.agent.post(format!("http://{}/v1/connectors/acme/{action}", self.address));
        let request = request.header("authorization", format!("Bearer {KEY}")).content_type("application/json");
        request.send(body.to_string()).unwrap().status().as_u16()
    }
}

/// A definition whose login and change leave their traces in the user's row.
fn definition(url: &str) -> Definition {
    let text = "version: 1
connector: acme
configuration: { url: { env: URL } }
database: { url: '{{ configuration.url }}', max_connections: 2 }
password: { column: password_hash, formats: [sha256, phpass], new: phpass }
actions:
  login:
    sql: 'SELECT id, email, password_hash FROM users WHERE email = {{ identifier }}'
    after:
      - 'UPDATE users SET logins = logins + 1 WHERE id = {{ row.id }}'
      - 'UPDATE users SET seen = seen + 1 WHERE id = {{ row.id }}'
  get_user: { sql: 'SELECT id, email FROM users WHERE email = {{ identifier }}' }
  change_password:
    sql: 'UPDATE users SET password_hash = {{ password_hash }}, changes = changes + 1 WHERE email = {{ identifier }}'
";
    checked(text, url)
}

const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// An SQLite file with two users.
fn file() -> (tempfile::TempDir, rusqlite::Connection, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch(&format!(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password_hash TEXT,
                             logins INT DEFAULT 0, seen INT DEFAULT 0, changes INT DEFAULT 0);
         INSERT INTO users (email, password_hash) VALUES ('ann@x', '{HELLO}'), ('bob@x', '{HELLO}')"
    ))
    .unwrap();
    (folder, file, format!("sqlite:{}", path.display()))
}

/// A request and the count in the database that tells whether it was done.
type Case = (&'static str, Json, &'static str);

fn cases(email: &str) -> [Case; 5] {
    let known = |password: &str| json!({ "identifier": email, "password": password });
    [
        ("login", known("hello"), "logins + seen"),
        ("login", known("wrong"), "0"),
        ("login", json!({ "identifier": "nobody@x", "password": "hello" }), "0"),
        ("get_user", json!({ "identifier": email }), "0"),
        ("change_password", known("hello"), "changes"),
    ]
}

/// Trouble with the infrastructure, in every kind that there is.
const TROUBLE: [ErrorKind; 8] = [
    ErrorKind::Unavailable,
    ErrorKind::Unable,
    ErrorKind::ReadOnly,
    ErrorKind::Exhausted,
    ErrorKind::Timeout,
    ErrorKind::Conflict,
    ErrorKind::OutcomeUnknown,
    ErrorKind::Misconfigured,
];

/// What every answer to a request whose database fails for good must be.
fn is_honest(status: u16) -> bool {
    status >= 500
}

fn faults() -> impl Iterator<Item = Fault> {
    TROUBLE.into_iter().map(Fault::Error).chain([Fault::Panic])
}

#[test]
fn a_fault_in_any_step_is_neither_yes_nor_no_and_costs_no_attempt() {
    let (_folder, _file, url) = file();
    let gateway = InProcess::start();
    let inner = gateway.runtime.block_on(async { userbridge::db::open(definition(&url).database().unwrap()).unwrap() });
    let serve = |plan: Arc<Plan>| {
        gateway.serve_on(&url, Arc::new(Trap::new(Arc::clone(&inner), plan)), gateway.resources.entropy)
    };
    let mut tried = 0;
    for (action, body, _) in cases("ann@x") {
        // Of the steps of one request of each kind, on a database that is in order; bob's attempts, not ann's.
        let plan = Plan::nothing();
        serve(Arc::clone(&plan));
        let mut sound = body.clone();
        if sound["identifier"] == "ann@x" {
            sound["identifier"] = "bob@x".into();
        }
        let answered = gateway.ask(action, &sound);
        assert!([200, 401].contains(&answered), "{action} {sound}: {answered}");
        let steps = plan.calls();
        assert!(steps >= 1, "{action}");
        for fault in faults() {
            for step in 0..steps {
                serve(Plan::from(step, fault.clone()));
                // `ReadOnly` and `Conflict` are for another try; here they stay.
                let status = gateway.ask(action, &body);
                assert!(is_honest(status), "{action} {body}: {status} after {fault:?} at step {step} of {steps}");
                tried += 1;
            }
        }
    }
    assert!(tried >= 9 * (5 + 1 + 1 + 1 + 3), "{tried} faults");
    // All of ann's two attempts are left, and no more: the limiter was at work all the while.
    serve(Plan::nothing());
    let body = json!({ "identifier": "ann@x", "password": "wrong" });
    // On a busy machine the one hash thread may still be at work for those who left.
    let guess = || (0..100).map(|_| gateway.ask("login", &body)).find(|status| *status != 503).unwrap_or(503);
    assert_eq!([guess(), guess(), guess()], [401, 401, 429]);
    // The control: a database that says "no such row" when it fails would be found out.
    serve(Plan::from(0, Fault::Silence));
    let taken_for_a_no = gateway.ask("get_user", &json!({ "identifier": "ann@x" }));
    assert!(!is_honest(taken_for_a_no) && taken_for_a_no == 404, "{taken_for_a_no}");
}

#[test]
fn what_was_answered_with_yes_was_done_once_whatever_failed_on_the_way() {
    let (_folder, file, url) = file();
    let gateway = InProcess::start();
    let inner = gateway.runtime.block_on(async { userbridge::db::open(definition(&url).database().unwrap()).unwrap() });
    let (mut yes, mut no) = (0, 0);
    for (action, body, trace) in cases("ann@x").into_iter().filter(|case| case.2 != "0") {
        let done = || -> i64 {
            let query = format!("SELECT {trace} FROM users WHERE email = 'ann@x'");
            file.query_row(&query, [], |row| row.get(0)).unwrap()
        };
        let weight = if action == "login" { 2 } else { 1 };
        for fault in faults() {
            for step in 0..5 {
                let plan = Plan::once(step, fault.clone());
                let trap = Trap::new(Arc::clone(&inner), plan);
                gateway.serve_on(&url, Arc::new(trap), gateway.resources.entropy);
                let before = done();
                let status = gateway.ask(action, &body);
                let made = done() - before;
                match status {
                    200 => assert_eq!(made, weight, "{action}: {fault:?} at {step}"),
                    // What was sent and not answered may be done; a half never is.
                    500.. => assert!([0, weight].contains(&made), "{action}: {fault:?} at {step}"),
                    _ => panic!("{action}: {status} after {fault:?} at {step}"),
                }
                if status == 200 { yes += 1 } else { no += 1 }
            }
        }
    }
    assert!(yes > 10 && no > 30, "{yes} done, {no} not: this proves nothing");
}

#[test]
fn a_fault_in_the_hash_pool_is_neither_yes_nor_no() {
    let (_folder, file, url) = file();
    let gateway = InProcess::start();
    let inner = gateway.runtime.block_on(async { userbridge::db::open(definition(&url).database().unwrap()).unwrap() });
    let sound = || gateway.serve_on(&url, Arc::clone(&inner), gateway.resources.entropy);
    let body = json!({ "identifier": "ann@x", "password": "hello" });
    // Hashing panics: here, while the salt is drawn.
    gateway.serve_on(&url, Arc::clone(&inner), |_| panic!("injected"));
    assert!(is_honest(gateway.ask("change_password", &body)));
    // The only thread is at work and nobody may wait.
    sound();
    let (budget, begun) = (Arc::clone(&gateway.resources.budget), Arc::new(std::sync::Barrier::new(2)));
    let (held, free) = (Arc::clone(&begun), Arc::new(std::sync::Barrier::new(2)));
    let until = Arc::clone(&free);
    let busy = gateway.runtime.spawn(async move {
        // Until the thread is done with what was asked before.
        loop {
            let (held, until) = (Arc::clone(&held), Arc::clone(&until));
            let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
            let job = move || {
                held.wait();
                until.wait();
            };
            if budget.run(0, deadline, job).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    begun.wait();
    for (action, body, _) in cases("ann@x").into_iter().filter(|case| case.0 != "get_user") {
        let status = gateway.ask(action, &body);
        assert!(is_honest(status), "{action} {body}: {status}");
    }
    free.wait();
    gateway.runtime.block_on(busy).unwrap();
    // A stored value that cannot be read, NULL in a column of numbers, and a column that is not there.
    for broken in ["UPDATE users SET password_hash = '$P$'", "ALTER TABLE users RENAME COLUMN password_hash TO other"] {
        file.execute_batch(broken).unwrap();
        sound();
        let status = gateway.ask("login", &body);
        assert!(is_honest(status), "{broken}: {status}");
    }
    file.execute_batch("ALTER TABLE users RENAME COLUMN other TO password_hash").unwrap();
    file.execute_batch(&format!("UPDATE users SET password_hash = '{HELLO}'")).unwrap();
    // The controls: without a fault the same request is answered, and no attempt is spent.
    sound();
    assert_eq!(gateway.ask("login", &body), 200);
}

/// Which byte is the last one is up to the network: the answer to a login whose connection ends there.
fn cut(gateway: &InProcess, proxy: &Proxy, url: &str, after: usize) -> u16 {
    proxy.cut_after(after);
    let connector =
        gateway.runtime.block_on(async { Connector::open(definition(url), gateway.resources.clone(), None).unwrap() });
    gateway.serve(connector);
    gateway.ask("login", &json!({ "identifier": "user1@example.com", "password": "hello" }))
}

#[test]
fn a_connection_that_ends_after_any_byte_is_neither_yes_nor_no() {
    let _turn = alone();
    let gateway = InProcess::start();
    for dialect in SERVERS {
        let server = if dialect == Dialect::Postgres { servers::postgres() } else { servers::mysql() };
        let url = on_server(&server);
        run(
            &url,
            &[
                "ALTER TABLE users ADD logins INT DEFAULT 0 NOT NULL",
                "ALTER TABLE users ADD seen INT DEFAULT 0 NOT NULL",
            ],
        );
        run(&url, &["ALTER TABLE users ADD changes INT DEFAULT 0 NOT NULL"]);
        let proxy = Proxy::start(&server_of(&url));
        let behind = proxy.url(&url);
        let logins = || {
            count(&url, &format!("SELECT CAST(logins AS {}) FROM users WHERE id = 1", super::writes::integer(dialect)))
        };
        proxy.set(Mode::DropAfter);
        let (mut length, mut refused, mut answered) = (0, 0, 0);
        // Three answers in a row: what comes after the last byte that matters matters no more.
        while answered < 3 {
            let before = logins();
            match cut(&gateway, &proxy, &behind, length) {
                200 => {
                    assert_eq!(logins(), before + 1, "{dialect}: not done, cut after {length}");
                    answered += 1;
                }
                status if is_honest(status) => {
                    // Done and not answered at the most once: when the answer to COMMIT was lost.
                    assert!(logins() <= before + 1, "{dialect}: repeated, cut after {length}");
                    (refused, answered) = (refused + 1, 0);
                }
                status => panic!("{dialect}: {status}, cut after {length} bytes"),
            }
            length += 7;
            assert!(length < 20_000, "{dialect}: never answered");
        }
        assert!(refused > 20, "{dialect}: only {refused} cuts had an effect");
        assert_eq!(count(&url, "SELECT count(*) FROM users WHERE logins <> seen"), 0, "{dialect}: half of a login");
        proxy.set(Mode::Pass);
    }
}
