//! Servers and networks that fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use userbridge::db::{ErrorKind, Query, Value};
use userbridge::sql::Dialect;

use super::{Fixture, connect, mysql_admin, postgres_admin, soon, write};
use crate::servers;

const SERVERS: [Dialect; 2] = [Dialect::Postgres, Dialect::Mysql];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_down_at_the_start_is_used_once_it_is_up() {
    for dialect in SERVERS {
        let fixture = Fixture::with_users(dialect).await;
        let reserved = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = reserved.local_addr().unwrap().port();
        drop(reserved);
        let database = connect(&with_port(&fixture.url, port), 4, Duration::from_secs(2));
        let query = Query::new("SELECT n FROM users WHERE id = 2", 0);
        for _ in 0..20 {
            let begun = Instant::now();
            let error = database.fetch(&query, &[], soon()).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Unavailable, "{dialect}: {error}");
            assert!(begun.elapsed() < Duration::from_millis(300), "{dialect}");
        }
        let state = database.state();
        assert!(state.open == 0 && state.last_error.unwrap().contains(&port.to_string()), "{dialect}");
        let _proxy = Proxy::start(port, upstream(dialect)).await;
        sleep(Duration::from_millis(250)).await;
        assert_eq!(database.fetch(&query, &[], soon()).await.unwrap().len(), 1, "{dialect}");
        assert!(database.state().last_error.is_none(), "{dialect}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminated_connections_are_replaced() {
    for dialect in SERVERS {
        let fixture = Fixture::with_users(dialect).await;
        for _ in 0..5 {
            // Both pools hold idle connections, which then break.
            fixture.write("UPDATE users SET n = 2 WHERE id = 2", &[]).await.unwrap();
            assert!(fixture.one("SELECT n FROM users WHERE id = 2").await == Value::Int(2), "{dialect}");
            terminate_all(&fixture).await;
            assert!(fixture.one("SELECT n FROM users WHERE id = 2").await == Value::Int(2), "{dialect}");
            fixture.write("UPDATE users SET n = 2 WHERE id = 2", &[]).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_loses_its_connection_is_tried_once_more_and_a_write_is_not() {
    for dialect in SERVERS {
        let fixture = Fixture::with_users(dialect).await;
        let (nap, napping_update) = match dialect {
            Dialect::Postgres => (
                "SELECT n, pg_sleep(0.7) FROM users WHERE id = 2",
                "UPDATE users SET n = n + 1 WHERE pg_sleep(0.7) IS NOT NULL AND id = 1",
            ),
            _ => (
                "SELECT n, SLEEP(0.7) AS s FROM users WHERE id = 2",
                "UPDATE users SET n = n + 1 + SLEEP(0.7) WHERE id = 1",
            ),
        };
        let query = Query::new(nap, 0);
        let (read, ()) = tokio::join!(fixture.database.fetch(&query, &[], soon()), async {
            sleep(Duration::from_millis(300)).await;
            terminate_all(&fixture).await;
        });
        assert_eq!(read.unwrap().len(), 1, "{dialect}");
        let (written, ()) = tokio::join!(fixture.write(napping_update, &[]), async {
            sleep(Duration::from_millis(300)).await;
            terminate_all(&fixture).await;
        });
        assert_eq!(written.unwrap_err().kind, ErrorKind::Unavailable, "{dialect}");
        assert!(fixture.one("SELECT n FROM users WHERE id = 1").await == Value::Int(1), "{dialect}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_lost_after_commit_was_sent_is_an_unknown_outcome() {
    for dialect in SERVERS {
        let fixture = Fixture::with_users(dialect).await;
        let proxy = Proxy::start(0, upstream(dialect)).await;
        let database = connect(&with_port(&fixture.url, proxy.port), 4, Duration::from_secs(2));
        write(&*database, "UPDATE users SET n = 2 WHERE id = 1", &[]).await.unwrap();
        proxy.set(Mode::CutAtCommit);
        let error = write(&*database, "UPDATE users SET n = 3 WHERE id = 1", &[]).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::OutcomeUnknown, "{dialect}: {error}");
        proxy.set(Mode::Pass);
        write(&*database, "UPDATE users SET n = 4 WHERE id = 1", &[]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_peer_costs_one_deadline() {
    for dialect in SERVERS {
        let fixture = Fixture::with_users(dialect).await;
        let proxy = Proxy::start(0, upstream(dialect)).await;
        let database = connect(&with_port(&fixture.url, proxy.port), 4, Duration::from_secs(2));
        let query = Arc::new(Query::new("SELECT n FROM users WHERE id = 2", 0));
        database.fetch(&query, &[], soon()).await.unwrap();
        proxy.set(Mode::Silent);
        let calls: Vec<_> = (0..12)
            .map(|_| {
                let (database, query) = (database.clone(), query.clone());
                tokio::spawn(async move {
                    let begun = Instant::now();
                    let kind = database.fetch(&query, &[], begun + Duration::from_millis(300)).await.unwrap_err().kind;
                    assert!(begun.elapsed() < Duration::from_millis(600), "{:?}", begun.elapsed());
                    kind
                })
            })
            .collect();
        for call in calls {
            let kind = call.await.unwrap();
            let known = [ErrorKind::Timeout, ErrorKind::Unavailable, ErrorKind::Exhausted].contains(&kind);
            assert!(known, "{dialect}: {kind:?}");
        }
        // The old connections stay silent; new ones are served again.
        proxy.set(Mode::Pass);
        sleep(Duration::from_millis(250)).await;
        for _ in 0..20 {
            let deadline = Instant::now() + Duration::from_secs(1);
            database.fetch(&query, &[], deadline).await.unwrap_or_else(|error| panic!("{dialect}: {error}"));
        }
        let mut transaction = database.begin(soon()).await.unwrap();
        transaction.execute(&Query::new("UPDATE users SET n = 8", 0), &[]).await.unwrap();
        transaction.commit().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_statement_does_not_hold_up_the_others() {
    let fixture = Fixture::with_users(Dialect::Postgres).await;
    let slow = Query::new("SELECT pg_sleep(1)", 0);
    let quick = Query::new("SELECT n FROM users WHERE id = 2", 0);
    fixture.database.fetch(&quick, &[], soon()).await.unwrap();
    let (slept, ()) = tokio::join!(fixture.database.fetch(&slow, &[], soon()), async {
        sleep(Duration::from_millis(5)).await;
        for _ in 0..10 {
            let begun = Instant::now();
            fixture.database.fetch(&quick, &[], soon()).await.unwrap();
            assert!(begun.elapsed() < Duration::from_millis(400), "{:?}", begun.elapsed());
        }
    });
    assert_eq!(slept.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_table_is_noticed() {
    let fixture = Fixture::with_users(Dialect::Postgres).await;
    let query = Query::new("SELECT * FROM users WHERE id = 1", 0);
    assert_eq!(fixture.database.fetch(&query, &[], soon()).await.unwrap()[0].iter().count(), 3);
    fixture.run("ALTER TABLE users ADD COLUMN extra text DEFAULT 'x'").await;
    assert_eq!(fixture.database.fetch(&query, &[], soon()).await.unwrap()[0].iter().count(), 4);
    // Inside a transaction nothing can be repeated; the caller may repeat the whole.
    let write = Query::new("UPDATE users SET n = n + 1 WHERE id = 1 RETURNING *", 0);
    let mut kinds = Vec::new();
    for _ in 0..3 {
        let mut transaction = fixture.database.begin(soon()).await.unwrap();
        let outcome = transaction.execute(&write, &[]).await;
        kinds.push(outcome.map(|effect| effect.rows[0].iter().count()).map_err(|error| error.kind));
        if kinds.len() == 1 {
            transaction.commit().await.unwrap();
            fixture.run("ALTER TABLE users DROP COLUMN extra").await;
        }
    }
    assert_eq!(kinds, [Ok(4), Err(ErrorKind::Conflict), Ok(3)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlocks_are_conflicts() {
    for dialect in SERVERS {
        let fixture = Fixture::with_users(dialect).await;
        let first = Query::new("UPDATE users SET n = 7 WHERE id = 1", 0);
        let second = Query::new("UPDATE users SET n = 7 WHERE id = 2", 0);
        let mut one = fixture.database.begin(soon()).await.unwrap();
        let mut two = fixture.database.begin(soon()).await.unwrap();
        one.execute(&first, &[]).await.unwrap();
        two.execute(&second, &[]).await.unwrap();
        // The loser's locks must go before the winner can end.
        let (a, b) = tokio::join!(
            async {
                let outcome = one.execute(&second, &[]).await.map(|_| ());
                drop(one);
                outcome
            },
            async {
                let outcome = two.execute(&first, &[]).await.map(|_| ());
                drop(two);
                outcome
            }
        );
        let conflicts = [a, b].into_iter().filter_map(Result::err).map(|error| error.kind).collect::<Vec<_>>();
        assert_eq!(conflicts, [ErrorKind::Conflict], "{dialect}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_are_told_without_the_password() {
    for dialect in SERVERS {
        let fixture = Fixture::new(dialect).await;
        let url = match dialect {
            Dialect::Postgres => fixture.url.replace("postgres@", "nobody_here:s3cret@"),
            _ => fixture.url.replace("root@", "nobody_here:s3cret@"),
        };
        let error = connect(&url, 2, Duration::from_secs(2)).ping(soon()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{dialect}");
        assert!(error.code.is_some() && !error.to_string().contains("s3cret"), "{dialect}: {error}");
    }
}

async fn terminate_all(fixture: &Fixture) {
    let name = fixture.url.rsplit_once('/').unwrap().1;
    match fixture.database.dialect() {
        Dialect::Postgres => {
            postgres_admin(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"))
                .await;
        }
        _ => {
            let kill = format!(
                "BEGIN NOT ATOMIC FOR r IN (SELECT id FROM information_schema.processlist WHERE db = '{name}') DO \
                 EXECUTE IMMEDIATE CONCAT('KILL ', r.id); END FOR; END"
            );
            mysql_admin(&kill).await;
        }
    }
}

fn upstream(dialect: Dialect) -> String {
    let url = if dialect == Dialect::Postgres { servers::postgres() } else { servers::mysql() };
    url.split('@').nth(1).unwrap().split('/').next().unwrap().to_owned()
}

fn with_port(url: &str, port: u16) -> String {
    let (front, database) = url.rsplit_once('/').unwrap();
    let (server, _) = front.rsplit_once(':').unwrap();
    format!("{server}:{port}/{database}")
}

/// What a proxy does with the bytes that it is given.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Pass,
    /// Nothing is forwarded, and no connection is closed.
    Silent,
    /// A COMMIT is forwarded, its answer is not.
    CutAtCommit,
}

struct Proxy {
    port: u16,
    mode: Arc<AtomicU8>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    async fn start(port: u16, upstream: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mode = Arc::new(AtomicU8::new(Mode::Pass as u8));
        let shared = mode.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&upstream).await.unwrap();
                tokio::spawn(forward(client, server, shared.clone()));
            }
        });
        Self { port, mode, task }
    }

    fn set(&self, mode: Mode) {
        self.mode.store(mode as u8, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(mut client: TcpStream, mut server: TcpStream, mode: Arc<AtomicU8>) {
    let (mut up, mut down) = (vec![0; 65536], vec![0; 65536]);
    let mut mute = false;
    loop {
        let (from_client, count) = tokio::select! {
            count = client.read(&mut up) => (true, count.unwrap_or(0)),
            count = server.read(&mut down) => (false, count.unwrap_or(0)),
        };
        if count == 0 {
            return;
        }
        mute |= mode.load(Ordering::SeqCst) == Mode::Silent as u8;
        if mute {
            // For good: a router that has forgotten a connection never remembers it.
            continue;
        }
        let sent =
            if from_client { server.write_all(&up[..count]).await } else { client.write_all(&down[..count]).await };
        let commit = from_client && up[..count].windows(6).any(|window| window == b"COMMIT");
        if sent.is_err() || (commit && mode.load(Ordering::SeqCst) == Mode::CutAtCommit as u8) {
            return;
        }
    }
}
