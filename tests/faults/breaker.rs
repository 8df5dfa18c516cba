//! A database that is down costs little, and nobody else anything.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use userbridge::sql::Dialect;

use super::proxy::{Mode, Proxy};
use super::support::{
    BUDGET, RESUMED, SERVERS, alone, database, definition, get_user, percentile, recovery, run, server_of, settings,
    setup, start, status,
};
use crate::gateway::{Gateway, client};

fn logged(gateway: &Gateway, message: &str) -> usize {
    gateway.records().iter().filter(|r| r["fields"]["message"].as_str().is_some_and(|m| m.contains(message))).count()
}

#[test]
fn a_dead_database_costs_one_probe_per_interval() {
    let _turn = alone();
    for dialect in SERVERS {
        let url = database(dialect);
        let proxy = Proxy::start(&server_of(&url));
        let gateway = start(&proxy.url(&url));
        assert_eq!(get_user(&gateway, 1).status, 200);
        assert_eq!(status(&gateway)["database"]["breaker"], "closed");
        proxy.set(Mode::Reset);
        gateway.eventually("the breaker opens", || {
            get_user(&gateway, 1);
            status(&gateway)["database"]["breaker"] != "closed"
        });
        let (attempts, begun) = (proxy.attempts(), Instant::now());
        let mut slowest = Vec::new();
        while begun.elapsed() < Duration::from_secs(4) {
            let asked = Instant::now();
            let reply = get_user(&gateway, 1);
            slowest.push(asked.elapsed());
            assert_eq!((reply.status, reply.code().as_str()), (503, "unavailable"), "{dialect}");
            assert_eq!(reply.header("retry-after"), Some("1"), "{dialect}");
        }
        let made = proxy.attempts() - attempts;
        assert!(slowest.len() > 100 && percentile(&mut slowest, 99) < Duration::from_millis(300), "{dialect}");
        // A probe of MySQL or PostgreSQL is one connection; the first may have been on its way already.
        assert!((2..=5).contains(&made), "{dialect}: {made} attempts in 4 s");
        assert!(status(&gateway)["database"]["error"].is_string(), "{dialect}: {}", status(&gateway));
        let metrics = gateway.get("/metrics").text;
        assert!(!metrics.contains("userbridge_breaker_state{connector=\"acme\"} 0"), "{dialect}: {metrics}");
        proxy.set(Mode::Pass);
        assert!(recovery(&gateway) < RESUMED, "{dialect}");
        gateway.eventually("the log says so", || logged(&gateway, "breaker closed") == 1);
        assert_eq!(logged(&gateway, "breaker open"), 1, "{dialect}");
        assert!(gateway.get("/metrics").text.contains("userbridge_breaker_state{connector=\"acme\"} 0"), "{dialect}");
        assert_eq!((gateway.get("/livez").status, gateway.get("/readyz").status), (200, 200));
    }
}

#[test]
fn the_proxy_counts_every_attempt() {
    let _turn = alone();
    let proxy = Proxy::start(&server_of(&crate::servers::postgres()));
    proxy.set(Mode::Reset);
    for _ in 0..20 {
        std::net::TcpStream::connect(("127.0.0.1", proxy.port)).unwrap();
    }
    let begun = Instant::now();
    while proxy.attempts() < 20 {
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn a_missing_table_is_misconfigured_and_complained_of_once() {
    let _turn = alone();
    for dialect in SERVERS {
        let url = database(dialect);
        let gateway = start(&url);
        assert_eq!(get_user(&gateway, 1).status, 200);
        run(&url, &["DROP TABLE users"]);
        for _ in 0..30 {
            let reply = get_user(&gateway, 1);
            assert_eq!((reply.status, reply.code().as_str()), (500, "misconfigured"), "{dialect}");
        }
        assert_eq!(status(&gateway)["database"]["breaker"], "closed", "{dialect}");
        let complaints = || gateway.records().iter().filter(|record| record["level"] == "ERROR").count();
        gateway.eventually("a complaint", || complaints() > 0);
        assert_eq!(complaints(), 1, "{dialect}: {}", gateway.log());
    }
}

#[test]
fn a_silent_connector_does_not_slow_another() {
    let _turn = alone();
    for dialect in SERVERS {
        let (silent, sound) = (database(dialect), database(dialect));
        let proxy = Proxy::start(&server_of(&silent));
        let gateway = setup()
            .definition("acme.yaml", &definition("acme"))
            .definition("bravo.yaml", &definition("bravo"))
            .env("URL_ACME", proxy.url(&silent))
            .env("URL_BRAVO", &sound)
            .start();
        let ask = |connector: &str| {
            let asked = Instant::now();
            let body = json!({ "identifier": "user1@example.com" });
            (gateway.call(connector, "get_user", &body).status, asked.elapsed())
        };
        let measure = || -> Duration {
            let mut times: Vec<Duration> = (0..300)
                .map(|_| {
                    let (status, time) = ask("bravo");
                    assert_eq!(status, 200, "{dialect}");
                    time
                })
                .collect();
            percentile(&mut times, 99)
        };
        measure();
        let baseline = measure();
        proxy.set(Mode::Silent);
        let done = AtomicBool::new(false);
        let (slowed, slowest) = std::thread::scope(|scope| {
            let load: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let mut slowest = Duration::ZERO;
                        while !done.load(Ordering::Relaxed) {
                            let (status, time) = ask("acme");
                            assert!(status >= 500, "{dialect}");
                            slowest = slowest.max(time);
                            std::thread::sleep(Duration::from_millis(20));
                        }
                        slowest
                    })
                })
                .collect();
            std::thread::sleep(Duration::from_millis(500));
            let slowed = measure();
            done.store(true, Ordering::Relaxed);
            (slowed, load.into_iter().map(|thread| thread.join().unwrap()).max().unwrap())
        });
        // The control: the silent one did hold its own callers up, and no longer than their budget.
        assert!(slowest > Duration::from_millis(500), "{dialect}: the fault had no effect: {slowest:?}");
        assert!(slowest < BUDGET + Duration::from_millis(500), "{dialect}: {slowest:?}");
        // Two cores are shared with the load itself: the limit has room for that.
        let limit = baseline.mul_f64(1.2) + Duration::from_millis(40);
        assert!(slowed < limit, "{dialect}: p99 {baseline:?} became {slowed:?}");
    }
}

/// The connector's `login` behind a face whose provider waits a fifth of a second.
fn start_impatient(url: &str, sql: &str) -> Gateway {
    let face = "faces: [{ protocol: okta, connector: acme, timeout: 200ms }]\n";
    let text = definition("acme").replace("SELECT id, email, password_hash FROM users", sql);
    setup().settings(settings() + face).definition("acme.yaml", &text).env("URL_ACME", url).start()
}

/// The status of Okta's question about somebody.
fn okta(gateway: &Gateway) -> u16 {
    let credential = json!({ "username": "user1@example.com", "password": "hello" });
    let kind = "com.okta.user.credential.password.import";
    let body = json!({ "eventType": kind, "data": { "context": { "credential": credential } } }).to_string();
    let headers = [("authorization", client().key.clone()), ("content-type", "application/json".to_owned())];
    gateway.send("POST", "/okta/acme", &headers, body.as_bytes()).status
}

#[test]
fn a_provider_that_waits_for_less_than_the_database_may_take_does_not_cut_others_off() {
    let _turn = alone();
    for (dialect, sleep) in [(Dialect::Postgres, "pg_sleep(0.4)::text"), (Dialect::Mysql, "sleep(0.4)")] {
        let url = database(dialect);
        let sql = format!("SELECT id, email, password_hash, {sleep} AS slept FROM users");
        let gateway = start_impatient(&url, &sql);
        for _ in 0..12 {
            assert!(okta(&gateway) >= 503, "{dialect}");
            assert_eq!(status(&gateway)["database"]["breaker"], "closed", "{dialect}: {}", status(&gateway));
        }
        let body = json!({ "identifier": "user1@example.com", "password": "hello" });
        assert_eq!(gateway.call("acme", "login", &body).status, 200, "{dialect}");
        assert_eq!(logged(&gateway, "breaker open"), 0, "{dialect}");
    }
}

#[test]
fn a_silent_database_is_noticed_by_providers_that_wait_for_less_than_it_may_take() {
    let _turn = alone();
    for dialect in SERVERS {
        let url = database(dialect);
        let proxy = Proxy::start(&server_of(&url));
        let gateway = start_impatient(&proxy.url(&url), "SELECT id, email, password_hash FROM users");
        assert_eq!(okta(&gateway), 200, "{dialect}");
        proxy.set(Mode::Silent);
        gateway.eventually("the breaker opens", || {
            assert!(okta(&gateway) >= 503, "{dialect}");
            status(&gateway)["database"]["breaker"] != "closed"
        });
        let asked = Instant::now();
        assert!(okta(&gateway) >= 503 && asked.elapsed() < Duration::from_millis(150), "{dialect}");
        proxy.set(Mode::Pass);
        assert!(recovery(&gateway) < RESUMED, "{dialect}");
        assert_eq!(okta(&gateway), 200, "{dialect}");
        assert_eq!(logged(&gateway, "breaker open"), 1, "{dialect}");
    }
}
