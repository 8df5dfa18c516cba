//! Whether an unknown user can be told from a wrong password by time.
//!
//! A test like this can refute that they are alike, and not prove it: a difference smaller than the machine's own
//! restlessness stays hidden. The control shows what it does see.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use serde_json::json;
use tokio::net::TcpListener;
use userbridge::access::Access;
use userbridge::action::{Lookup, Object, Outcome, Refusal, Request};
use userbridge::definition::load_file;
use userbridge::handler::{self, Resources};
use userbridge::hash::{Budget, BudgetConfig};
use userbridge::registry::{Connector, Registry};
use userbridge::server::{self, Answer, Connectors, Gateway, Metrics, Readiness, Readings, Settings};

use crate::http::support::{Client, open, request};

/// The hash of `correct horse` at a cost that stands out against the rest of a request.
const HASH: &str = "$P$9abcdefghPDonBA7cb6Wv7y6IfLfEF.";

const DEFINITION: &str = "
version: 1
connector: acme
database: { url: 'sqlite:PATH' }
password: { column: password_hash, formats: [phpass] }
actions:
  login: { sql: 'SELECT id, email, password_hash FROM users WHERE email = {{ identifier }}' }
  get_user: { sql: 'SELECT id, email FROM users WHERE email = {{ identifier }}' }
";

/// The medians may differ by so much.
const TOLERANCE: f64 = 0.05;

/// A busy machine may spoil a round, but not several in a row in the same way.
const ROUNDS: usize = 6;

fn connector(folder: &Path) -> Arc<Connector> {
    let users = folder.join("users.db");
    let table = rusqlite::Connection::open(&users).unwrap();
    let columns = "id INTEGER PRIMARY KEY, email TEXT UNIQUE, password_hash TEXT";
    table.execute_batch(&format!("CREATE TABLE users ({columns})")).unwrap();
    for n in 0..100 {
        table
            .execute(
                "INSERT INTO users (email, password_hash) VALUES (?1, ?2)",
                (format!("known{n:03}@example.com"), HASH),
            )
            .unwrap();
    }
    let path = folder.join("acme.yaml");
    std::fs::write(&path, DEFINITION.replace("PATH", &users.display().to_string())).unwrap();
    let loaded = load_file(&path, &|_| None);
    let budget = Budget::new(BudgetConfig { threads: 1, queue: 16, memory: 64 << 20 }).unwrap();
    let entropy = |bytes: &mut [u8]| bytes.fill(7);
    let resources = Resources { budget: Arc::new(budget), entropy, clock: || 0 };
    Arc::new(Connector::open(loaded.definition.unwrap(), resources, None).unwrap())
}

/// The same gateway without its decoy: an unknown user costs a look-up and no hash.
struct Hasty(Arc<Connector>);

impl Connectors for Hasty {
    type Connector = HastyConnector;

    fn find(&self, _: &str) -> Option<Arc<HastyConnector>> {
        Some(Arc::new(HastyConnector(Arc::clone(&self.0))))
    }
}

struct HastyConnector(Arc<Connector>);

impl Answer for HastyConnector {
    fn version(&self) -> &str {
        &self.0.version
    }

    async fn answer(
        self: Arc<Self>,
        request: Request,
        deadline: tokio::time::Instant,
    ) -> Result<Outcome, handler::Error> {
        let by = Lookup::Identifier(request.account().unwrap_or_default().to_owned());
        match self.0.run(Request::GetUser { by, context: Object::new() }, deadline).await? {
            Outcome::NotFound => Ok(Outcome::WrongCredentials(Refusal::UnknownUser)),
            _ => self.0.run(request, deadline).await,
        }
    }
}

/// A gateway on a free port, as long as the runtime lives.
fn serve(connectors: impl Connectors) -> (tokio::runtime::Runtime, Client) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let access = Access::new(open(), None).unwrap().shared();
    let metrics = Arc::new(Metrics::new(Arc::clone(&access), Readings::default));
    let readiness = Arc::new(Readiness::default());
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let gateway = Gateway::new(connectors, access, metrics, readiness, Settings::default(), 7);
    runtime.spawn(server::run(listener, Arc::new(gateway), std::future::pending()));
    (runtime, Client::new(TcpStream::connect(address).unwrap()))
}

/// The median time for unknown users over that for known ones, in turns and in random order.
fn ratio(client: &mut Client, length: usize, pairs: usize) -> f64 {
    let password = "x".repeat(length);
    let mut times: [Vec<Duration>; 2] = [Vec::with_capacity(pairs), Vec::with_capacity(pairs)];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for pair in 0..pairs {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let first = (random & 1) as usize;
        for kind in [first, 1 - first] {
            let name = format!("{}{:03}@example.com", ["known", "other"][kind], pair % 100);
            let body = json!({ "identifier": name, "password": password }).to_string();
            let bytes = request("POST", "/v1/connectors/acme/login", body.as_bytes(), "");
            let began = Instant::now();
            let reply = client.write(bytes).reply();
            times[kind].push(began.elapsed());
            assert_eq!(reply.status, 401, "{reply:?}");
        }
    }
    let [known, unknown] = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64()
    });
    unknown / known
}

/// The ratio of the first round that is within the tolerance; else that of the last one.
fn settled(client: &mut Client, length: usize, pairs: usize) -> f64 {
    let mut found = f64::NAN;
    for _ in 0..ROUNDS {
        found = ratio(client, length, pairs);
        println!("passwords of {length} bytes: ratio of medians {found:.3}");
        if (found - 1.0).abs() <= TOLERANCE {
            break;
        }
    }
    found
}

#[test]
fn a18_unknown_and_known_users_take_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new([connector(folder.path())]);
    let (_runtime, mut client) = serve(ArcSwap::from_pointee(registry));
    // The decoy learns what stored hashes cost.
    ratio(&mut client, 8, 100);
    for (length, pairs) in [(8, 2000), (0, 500), (72, 500), (73, 500), (1024, 500)] {
        let found = settled(&mut client, length, pairs);
        assert!((found - 1.0).abs() <= TOLERANCE, "passwords of {length} bytes: ratio of medians {found:.3}");
    }
}

#[test]
fn a18_without_the_decoy_the_same_measurement_goes_red() {
    let folder = tempfile::tempdir().unwrap();
    let (_runtime, mut client) = serve(Hasty(connector(folder.path())));
    ratio(&mut client, 8, 100);
    let found = settled(&mut client, 8, 300);
    assert!((found - 1.0).abs() > 2.0 * TOLERANCE, "the control: ratio of medians {found:.3}");
}
