//! What becomes of a request whose hash is never computed, through the real handler, pool and server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::{Value as Json, json};

use super::Resources;
use crate::access::{Access, ClientSettings, KeyDigest, Limits, Settings as AccessSettings};
use crate::definition::{Surroundings, check};
use crate::diagnostic::Source;
use crate::hash::{Budget, BudgetConfig, TRAP};
use crate::registry::{Connector, Registry};
use crate::server::{self, Gateway, Metrics, Readiness, Readings, Settings};

const KEY: &str = "ub_idp_0123456789abcdef";
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// A gateway with one thread that hashes, on this file.
fn start(runtime: &tokio::runtime::Runtime, file: &Path) -> std::net::SocketAddr {
    let text = format!(
        "version: 1
connector: acme
database: {{ url: 'sqlite:{}' }}
password: {{ column: password_hash, formats: [sha256] }}
actions:
  login: {{ sql: 'SELECT id, email, password_hash FROM users WHERE email = {{{{ identifier }}}}' }}
",
        file.display()
    );
    let surroundings = Surroundings { variable: &|_| None, directory: Path::new(".") };
    let (definition, report) = check(&Source::new("acme.yaml", text), &surroundings);
    let definition = definition.unwrap_or_else(|| panic!("{}", report.render(false)));
    let budget = Arc::new(Budget::new(BudgetConfig { threads: 1, queue: 4, memory: 64 << 20 }).unwrap());
    let resources = Resources { budget, entropy: |bytes| bytes.fill(7), clock: || 0 };
    let client = ClientSettings {
        secrets: vec![KeyDigest::of(KEY)],
        scopes: vec!["*:*".parse().unwrap()],
        ..ClientSettings::new("idp".parse().unwrap())
    };
    let limits = Limits { client: None, address: None, account: Some("2/h".parse().unwrap()), ..Limits::default() };
    let access = AccessSettings { clients: vec![client], limits, ..AccessSettings::default() };
    let access = Access::new(access, None).unwrap().shared();
    runtime.block_on(async {
        let connector = Connector::open(definition, resources, None).unwrap();
        let registry = Arc::new(ArcSwap::from_pointee(Registry::new([Arc::new(connector)])));
        let metrics = Arc::new(Metrics::new(Arc::clone(&access), Readings::default));
        let gateway = Gateway::new(registry, access, metrics, Arc::new(Readiness::default()), Settings::default(), 1);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(server::run(listener, Arc::new(gateway), std::future::pending()));
        address
    })
}

#[test]
fn a_panic_while_a_password_is_verified_is_neither_yes_nor_no_and_harms_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.db");
    let users = format!(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password_hash TEXT);
         INSERT INTO users (email, password_hash) VALUES ('ann@x', '{HELLO}'), ('bob@x', '{HELLO}')"
    );
    rusqlite::Connection::open(&file).unwrap().execute_batch(&users).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let address = start(&runtime, &file);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .into();
    let login = |identifier: &str, password: &str| -> (u16, Json) {
        let request = agent.post(format!("http://{address}/v1/connectors/acme/login"));
        let request = request.header("authorization", format!("Bearer {KEY}")).content_type("application/json");
        let body = json!({ "identifier": identifier, "password": password }).to_string();
        let mut response = request.send(body).unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap())
    };
    assert_eq!(login("bob@x", "hello").0, 200);
    // More of them than attempts, of known and of unknown users; the only thread outlives all of them.
    for _ in 0..5 {
        for identifier in ["ann@x", "nobody@x"] {
            let (status, answer) = login(identifier, TRAP);
            assert!((500..600).contains(&status), "{identifier}: {status} {answer}");
            assert!(!answer.to_string().contains("injected"), "{answer}");
        }
        assert_eq!(login("bob@x", "hello").0, 200, "the next one is answered");
    }
    // Both attempts of ann are left, and the limiter was at work: there is no third.
    let wrong = || login("ann@x", "wrong").0;
    assert_eq!([wrong(), wrong(), wrong()], [401, 401, 429]);
    let unknown = || login("nobody@x", "wrong").0;
    assert_eq!([unknown(), unknown(), unknown()], [401, 401, 429]);
}
