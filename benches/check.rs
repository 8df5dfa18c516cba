//! How long `check` takes: `cargo bench --bench check`. 1,000 definitions without a database, and 30 with a live one,
//! which is a PostgreSQL server of our own on loopback. Each is run several times; the best and the worst are told.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot be set up has nothing to say")]

#[path = "load/postgres.rs"]
mod postgres;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// The users in the database.
pub const USERS: u32 = 10_000;
/// Everybody's password.
pub const PASSWORD: &str = "hello";
/// Its hash.
pub const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$cXVpY2stc3RhcnQtc2FsdA$Ibns8qm5IzpdeUtBoH/T4+FB+EL0Hnlonw4+ua75Kyw";

const DEFINITION: &str = include_str!("../tests/check/connect/definition.yaml");
const SCHEMA: &str = include_str!("../tests/check/connect/schema.sql");
const ROUNDS: usize = 5;

/// What may not be exceeded.
const OFFLINE: (usize, Duration) = (1_000, Duration::from_secs(2));
const CONNECTED: (usize, Duration) = (30, Duration::from_secs(10));

fn main() -> ExitCode {
    let database = postgres::Postgres::start();
    let url = filled(&database, &SCHEMA.replace(" ID,", " bigserial PRIMARY KEY,"));
    println!("| check | definitions | best | worst | at most |\n|---|--:|--:|--:|--:|");
    let offline = measure("offline", OFFLINE, &url, &[]);
    let connected = measure("--connect", CONNECTED, &url, &["--connect"]);
    if offline && connected { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A further database with this schema; its URL.
fn filled(server: &postgres::Postgres, schema: &str) -> String {
    let url = format!("{}/shop", server.url.rsplit_once('/').unwrap().0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (url, sql) in [(&server.url, "CREATE DATABASE shop"), (&url, schema)] {
            let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(sql).await.unwrap();
        }
    });
    url
}

/// Runs the check several times; whether the worst run was fast enough.
fn measure(name: &str, (count, limit): (usize, Duration), url: &str, arguments: &[&str]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..count {
        let text = DEFINITION.replace("connector: shop", &format!("connector: shop-{number}"));
        std::fs::write(folder.path().join(format!("shop-{number}.yaml")), text).unwrap();
    }
    let times: Vec<Duration> = (0..ROUNDS).map(|_| run(folder.path(), url, arguments)).collect();
    let (best, worst) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    println!("| {name} | {count} | {best:.2?} | {worst:.2?} | {limit:?} |");
    *worst <= limit
}

fn run(folder: &Path, url: &str, arguments: &[&str]) -> Duration {
    let mut command = Command::new(env!("CARGO_BIN_EXE_userbridge"));
    command.arg("check").args(arguments).arg(folder).env("STORE_URL", url).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let status = command.status().unwrap();
    assert!(status.success(), "the definitions are good");
    started.elapsed()
}
