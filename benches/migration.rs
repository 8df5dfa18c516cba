//! What a managed store costs: `cargo bench --bench migration`. Everything is private and on loopback.
//!
//! 1. A login of a user who has moved, beside the hash alone and beside the login of one who has not; in this process,
//!    without HTTP, interleaved so that a machine that is busy for a while is busy for all.
//! 2. `migration import` of 1,000,000 users (`USERBRIDGE_BENCH_USERS` sets another number) from SQLite into PostgreSQL and
//!    into SQLite, beside the database's own bulk insert of the same rows; and the most memory that it had.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark that cannot be set up has nothing to say"
)]

#[path = "load/postgres.rs"]
mod postgres;

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use userbridge::action::{Object, Outcome, Request};
use userbridge::definition::{Surroundings, check};
use userbridge::diagnostic::Source;
use userbridge::handler::Resources;
use userbridge::hash::{Accept, Budget, BudgetConfig, Policy, Spec, Stored, Verdict};
use userbridge::registry::Connector;
use userbridge::secret::{Password, Secret};

/// The users of the private PostgreSQL server, who are not needed here.
pub const USERS: u32 = 10;
/// Everybody's password.
pub const PASSWORD: &str = "hello";
/// Its hash: Argon2id, 19 MiB, two passes.
pub const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$cXVpY2stc3RhcnQtc2FsdA$Ibns8qm5IzpdeUtBoH/T4+FB+EL0Hnlonw4+ua75Kyw";

const LOGINS: usize = 300;

const DEFINITION: &str = r#"
version: 1
connector: NAME
configuration: { legacy: { env: LEGACY }, managed: { env: MANAGED } }
database: { url: "{{ configuration.legacy }}", timeout: 30s }
password: { column: password_hash, formats: [argon2id] }
actions:
  login: { sql: "SELECT id, email, password_hash FROM people WHERE email = {{ identifier }}" }
  get_user: { sql: "SELECT id, email FROM people WHERE email = {{ identifier }}" }
"#;

const MIGRATION: &str = r#"
migration:
  store: "{{ configuration.managed }}"
  mark: "UPDATE people SET migrated = 1 WHERE id = {{ user_id }}"
  remaining: SELECT count(*) FROM people
  import:
    sql: SELECT id, email, password_hash FROM people WHERE id > {{ after }} ORDER BY id LIMIT {{ limit }}
"#;

#[expect(clippy::disallowed_methods, reason = "how many users is asked for in the environment")]
fn main() {
    let users = std::env::var("USERBRIDGE_BENCH_USERS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let database = postgres::Postgres::start();
    logins(&database.url);
    imports(&database.url, users);
}

fn legacy(path: &Path, users: u64) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let sql = format!(
        "CREATE TABLE people (id integer PRIMARY KEY, email text UNIQUE, password_hash text, migrated integer);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {users})
         INSERT INTO people SELECT i, 'user' || i || '@example.com', '{HASH}', 0 FROM n;"
    );
    connection.execute_batch(&sql).unwrap();
}

fn connector(text: &str, legacy: &str, managed: &str, budget: &Arc<Budget>) -> Arc<Connector> {
    let variable = |name: &str| Some(if name == "LEGACY" { legacy } else { managed }.to_owned());
    let source = Source::new("bench.yaml", text);
    let (definition, report) = check(&source, &Surroundings { variable: &variable, directory: Path::new(".") });
    let definition = definition.unwrap_or_else(|| panic!("{}", report.render(false)));
    let entropy = |bytes: &mut [u8]| getrandom::fill(bytes).unwrap();
    let resources = Resources { budget: Arc::clone(budget), entropy, clock: || 0 };
    Arc::new(Connector::open(definition, resources, None).unwrap())
}

/// Logins of users who have moved and of users who have not, beside the hash alone.
fn logins(managed: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("legacy.db");
    legacy(&path, 10);
    let url = format!("sqlite:{}", path.display());
    let budget = Arc::new(Budget::new(BudgetConfig { threads: 1, queue: 8, memory: 64 << 20 }).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _guard = runtime.enter();
    let stays = connector(&DEFINITION.replace("NAME", "stays"), &url, managed, &budget);
    let to_postgres = connector(&(DEFINITION.replace("NAME", "moves") + MIGRATION), &url, managed, &budget);
    let to_sqlite = format!("sqlite:{}", folder.path().join("managed.db").display());
    let to_sqlite = connector(&(DEFINITION.replace("NAME", "moves") + MIGRATION), &url, &to_sqlite, &budget);
    let policy = Policy::compile(&Spec::new(Accept::Auto, None)).unwrap();
    let (password, hash) = (Password::new(PASSWORD), Secret::new(HASH));
    let alone = || {
        let stored = Stored { value: Some(&hash), ..Stored::default() };
        assert_eq!(policy.verify_blocking(&password, &stored), Ok(Verdict::Match { outdated: false }));
    };
    let kinds: [(&str, &dyn Fn()); 4] = [
        ("the hash alone", &alone),
        ("login, not moved (SQLite)", &|| log_in(&runtime, &stays)),
        ("login, moved (managed store on PostgreSQL)", &|| log_in(&runtime, &to_postgres)),
        ("login, moved (managed store on SQLite)", &|| log_in(&runtime, &to_sqlite)),
    ];
    kinds.iter().for_each(|(_, work)| work());
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..LOGINS {
        for (times, (_, work)) in times.iter_mut().zip(&kinds) {
            let began = Instant::now();
            work();
            times.push(began.elapsed());
        }
    }
    let medians = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    println!("\n{LOGINS} logins of each kind, interleaved; medians\n");
    println!("| | ms | over the hash |\n|---|--:|--:|");
    for ((name, _), median) in kinds.iter().zip(medians) {
        let over = (median.as_secs_f64() / medians[0].as_secs_f64() - 1.0) * 100.0;
        println!("| {name} | {:.3} | {over:+.1} % |", median.as_secs_f64() * 1e3);
    }
}

fn log_in(runtime: &Runtime, connector: &Arc<Connector>) {
    let identifier = "user7@example.com".to_owned();
    let request = Request::Login { identifier, password: Password::new(PASSWORD), context: Object::new() };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    let outcome = runtime.block_on(connector.run(request, deadline)).unwrap();
    assert!(matches!(outcome, Outcome::Authenticated(_)), "{outcome:?}");
}

/// Whole imports by the program itself, beside the database's own way.
fn imports(postgres: &str, users: u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("legacy.db");
    legacy(&path, users);
    let definition = folder.path().join("bench.yaml");
    std::fs::write(&definition, DEFINITION.replace("NAME", "bench") + MIGRATION).unwrap();
    let legacy = format!("sqlite:{}", path.display());
    let sqlite = format!("sqlite:{}", folder.path().join("managed.db").display());
    println!("\n`migration import` of {users} users from SQLite\n");
    println!("| into | users/s | own bulk insert, users/s | most memory, MiB |\n|---|--:|--:|--:|");
    for (name, managed) in [("SQLite", &sqlite), ("PostgreSQL", &postgres.to_owned())] {
        let (rate, memory) = import(&definition, &legacy, managed);
        let own = if name == "SQLite" { own_sqlite(folder.path(), users) } else { own_postgres(postgres, users) };
        println!("| {name} | {rate:.0} | {own:.0} | {:.0} |", memory as f64 / 1024.0);
    }
}

/// Users a second, and the most memory in KiB.
fn import(definition: &Path, legacy: &str, managed: &str) -> (f64, u64) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_userbridge"));
    command.args(["migration", "import"]).arg(definition).args(["--format", "json"]);
    command.env("LEGACY", legacy).env("MANAGED", managed).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let status = format!("/proc/{}/status", process.id());
    let mut memory = 0;
    while process.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let found = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        memory = memory.max(found.unwrap_or_default());
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut output = String::new();
    process.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    let report: serde_json::Value = serde_json::from_str(&output).unwrap();
    (report["per_second"].as_f64().unwrap(), memory)
}

/// The same rows and names into tables of the same shape, by prepared statements in one transaction.
fn own_sqlite(folder: &Path, users: u64) -> f64 {
    let connection = rusqlite::Connection::open(folder.join("own.db")).unwrap();
    connection.execute_batch(&format!("PRAGMA journal_mode = WAL; {SHAPE}")).unwrap();
    let began = Instant::now();
    connection.execute_batch("BEGIN").unwrap();
    let mut user = connection.prepare("INSERT INTO own_users VALUES ('bench', ?1, 'imported', ?2, ?3)").unwrap();
    let mut name = connection.prepare("INSERT INTO own_names VALUES ('bench', ?1, ?2, 0)").unwrap();
    for n in 1..=users {
        let (id, profile, hash, digest) = row(n);
        user.execute([&id, &profile, &hash]).unwrap();
        name.execute([&digest, &id]).unwrap();
    }
    connection.execute_batch("COMMIT").unwrap();
    users as f64 / began.elapsed().as_secs_f64()
}

/// Likewise, by COPY.
fn own_postgres(url: &str, users: u64) -> f64 {
    use futures_util::SinkExt;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(SHAPE).await.unwrap();
        let began = Instant::now();
        for (table, of_users) in [("own_users", true), ("own_names", false)] {
            let sink = client.copy_in(&format!("COPY {table} FROM STDIN")).await.unwrap();
            let mut sink = std::pin::pin!(sink);
            let mut text = String::new();
            for n in 1..=users {
                let (id, profile, hash, digest) = row(n);
                text += &match of_users {
                    true => format!("bench\t{id}\timported\t{profile}\t{}\n", hash.replace('\\', "\\\\")),
                    false => format!("bench\t{digest}\t{id}\t0\n"),
                };
                if text.len() > 1 << 16 || n == users {
                    sink.send(bytes::Bytes::from(std::mem::take(&mut text))).await.unwrap();
                }
            }
            sink.finish().await.unwrap();
        }
        users as f64 / began.elapsed().as_secs_f64()
    })
}

const SHAPE: &str = "
    CREATE TABLE own_users (connector varchar(35), user_id varchar(255), state varchar(16), profile text, legacy text,
                            PRIMARY KEY (connector, user_id));
    CREATE INDEX own_users_state ON own_users (connector, state, user_id);
    CREATE TABLE own_names (connector varchar(35), name varchar(64), user_id varchar(255), retired bigint,
                            PRIMARY KEY (connector, name));
    CREATE INDEX own_names_user ON own_names (connector, user_id);";

fn row(n: u64) -> (String, String, String, String) {
    use sha2::{Digest, Sha256};
    let (id, email) = (format!("bench|{n}"), format!("user{n}@example.com"));
    let digest = Sha256::digest(&email).iter().map(|byte| format!("{byte:02x}")).collect();
    let profile = format!("{{\"email\":\"{email}\",\"user_id\":\"{id}\"}}");
    (id, profile, format!("{{\"hash\":\"{HASH}\",\"beside\":{{}}}}"), digest)
}
