//! Servers that are killed, stopped, demoted and full.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;
use userbridge::sql::Dialect;

use super::server::Server;
use super::support::{
    BUDGET, RESUMED, SERVERS, alone, count, email, get_user, login, on_server, recovery, run, start, status, try_run,
};
use crate::gateway::Gateway;

/// Callers of all kinds for this long; what they were answered, and the longest wait.
fn load(gateway: &Gateway, time: Duration) -> (Vec<(u16, String)>, Duration) {
    let end = Instant::now() + time;
    let threads = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|n| {
                scope.spawn(move || {
                    let (mut answers, mut longest) = (Vec::new(), Duration::ZERO);
                    while Instant::now() < end {
                        let asked = Instant::now();
                        let reply = match n {
                            0 => login(gateway, n, "hello"),
                            1 => {
                                let body = json!({ "identifier": email(100), "password": "hello" });
                                gateway.call("acme", "change_password", &body)
                            }
                            _ => get_user(gateway, n),
                        };
                        longest = longest.max(asked.elapsed());
                        answers.push((reply.status, reply.code()));
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    (answers, longest)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let longest = threads.iter().map(|(_, longest)| *longest).max().unwrap();
    let mut answers: Vec<_> = threads.into_iter().flat_map(|(answers, _)| answers).collect();
    answers.sort();
    answers.dedup();
    (answers, longest)
}

/// Trouble with the database is never a statement about a user.
#[track_caller]
fn says_nothing_of_users(answers: &[(u16, String)]) {
    assert!(answers.iter().all(|(status, _)| *status == 200 || *status >= 500), "{answers:?}");
}

#[test]
fn a_server_that_is_killed_stopped_or_cuts_its_connections_is_used_again() {
    let _turn = alone();
    for dialect in SERVERS {
        let mut server = Server::new(dialect);
        let url = on_server(&server.url());
        let gateway = start(&url);

        // Killed in the middle of everything, and down for a while.
        let (answers, longest) = std::thread::scope(|scope| {
            let load = scope.spawn(|| load(&gateway, Duration::from_millis(2500)));
            std::thread::sleep(Duration::from_millis(500));
            server.kill();
            load.join().unwrap()
        });
        says_nothing_of_users(&answers);
        assert!(answers.iter().any(|(status, _)| *status == 503), "{dialect}: the fault had no effect: {answers:?}");
        assert!(longest < BUDGET + Duration::from_millis(300), "{dialect}: {longest:?}");
        assert_eq!((gateway.get("/livez").status, gateway.get("/readyz").status), (200, 200), "{dialect}");
        assert_eq!(status(&gateway)["database"]["breaker"], "open", "{dialect}: {}", status(&gateway));
        server.start();
        let took = recovery(&gateway);
        assert!(took < RESUMED, "{dialect}: {took:?}");

        // Stopped for longer than any budget.
        let (answers, longest) = std::thread::scope(|scope| {
            let load = scope.spawn(|| load(&gateway, Duration::from_millis(4500)));
            std::thread::sleep(Duration::from_millis(300));
            server.signal(Signal::STOP);
            load.join().unwrap()
        });
        server.signal(Signal::CONT);
        says_nothing_of_users(&answers);
        assert!(answers.iter().any(|(status, _)| *status >= 503), "{dialect}: the fault had no effect: {answers:?}");
        assert!(longest < BUDGET + Duration::from_millis(300), "{dialect}: {longest:?}");
        let took = recovery(&gateway);
        assert!(took < RESUMED, "{dialect}: {took:?}");

        // Every connection cut, again and again: reads are repeated on a new connection and nobody notices.
        let name = url.rsplit_once('/').unwrap().1;
        let cut = match dialect {
            Dialect::Postgres => {
                format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
                )
            }
            _ => format!(
                "BEGIN NOT ATOMIC FOR r IN (SELECT id FROM information_schema.processlist WHERE db = '{name}') DO \
                 EXECUTE IMMEDIATE CONCAT('KILL ', r.id); END FOR; END"
            ),
        };
        for n in 0..10 {
            run(&server.url(), &[&cut]);
            let reply = get_user(&gateway, n);
            assert_eq!(reply.status, 200, "{dialect}: {reply:?}");
            assert_eq!(login(&gateway, n, "hello").status, 200, "{dialect}");
        }
    }
}

#[test]
fn a_demoted_primary_is_read_from_and_left_for_writes() {
    let _turn = alone();
    for dialect in SERVERS {
        let server = Server::new(dialect);
        let url = on_server(&server.url());
        let gateway = start(&url);
        let change = || {
            let body = json!({ "identifier": email(1), "password": "another" });
            gateway.call("acme", "change_password", &body)
        };
        assert_eq!(change().code(), "changed");
        let switch = |on: bool| match dialect {
            Dialect::Postgres => run(
                &server.url(),
                &[&format!("ALTER SYSTEM SET default_transaction_read_only = {on}"), "SELECT pg_reload_conf()"],
            ),
            // The server's own administrator is not bound by it.
            _ => run(
                &server.url(),
                &[
                    "CREATE USER IF NOT EXISTS app@'127.0.0.1'",
                    "GRANT SELECT, INSERT, UPDATE, DELETE ON *.* TO app@'127.0.0.1'",
                    &format!("SET GLOBAL read_only = {}", u8::from(on)),
                ],
            ),
        };
        switch(false);
        let app = url.replace("root@", "app@");
        let gateway = if dialect == Dialect::Mysql { start(&app) } else { gateway };
        let change = || {
            let body = json!({ "identifier": email(1), "password": "another" });
            gateway.call("acme", "change_password", &body)
        };
        assert_eq!(change().code(), "changed");
        switch(true);
        gateway.eventually("writes are refused", || change().code() == "unavailable");
        for _ in 0..20 {
            let reply = change();
            assert_eq!((reply.status, reply.code().as_str()), (503, "unavailable"), "{dialect}: {reply:?}");
            assert_eq!(get_user(&gateway, 1).status, 200, "{dialect}: reads go on");
        }
        assert_eq!(status(&gateway)["database"]["breaker"], "closed", "{dialect}");
        switch(false);
        let begun = Instant::now();
        while change().status != 200 {
            assert!(begun.elapsed() < RESUMED, "{dialect}: {}", status(&gateway));
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(count(&server.url(), "SELECT count(*) FROM (SELECT 1) AS x"), 1);
    }
}

#[test]
fn a_server_without_a_free_connection_is_out_of_reach_until_it_has_one() {
    let _turn = alone();
    for dialect in SERVERS {
        let server = Server::new(dialect);
        let url = on_server(&server.url());
        let hogs = super::support::runtime();
        let held = hogs.block_on(async {
            let mut held: Vec<Box<dyn std::any::Any + Send>> = Vec::new();
            while held.len() < 40 {
                match hog(&url).await {
                    Some(connection) => held.push(connection),
                    None => break,
                }
            }
            held
        });
        assert!(held.len() < 40 && try_run(&url, "SELECT 1").is_err(), "{dialect}: the server is not full");
        let gateway = super::support::setup()
            .definition("acme.yaml", &super::support::definition("acme"))
            .env("URL_ACME", &url)
            .without_databases()
            .start();
        let reply = get_user(&gateway, 1);
        assert_eq!((reply.status, reply.code().as_str()), (503, "unavailable"), "{dialect}: {reply:?}");
        let reason = status(&gateway)["database"]["error"].to_string();
        assert!(reason.to_lowercase().contains("connect"), "{dialect}: {reason}");
        drop(held);
        drop(hogs);
        let took = recovery(&gateway);
        assert!(took < RESUMED, "{dialect}: {took:?}");
    }
}

/// Holds one connection to the server.
async fn hog(url: &str) -> Option<Box<dyn std::any::Any + Send>> {
    use sea_orm::sqlx::Connection;
    if url.starts_with("postgres") {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.ok()?;
        tokio::spawn(connection);
        return Some(Box::new(client));
    }
    let connection = sea_orm::sqlx::MySqlConnection::connect(url).await.ok()?;
    Some(Box::new(connection))
}
