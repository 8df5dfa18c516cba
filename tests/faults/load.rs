//! More load than there is capacity.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::json;
use userbridge::sql::Dialect;

use super::support::{
    BUDGET, abandon, alone, database, definition, email, get_user, login, percentile, settings, setup, usage,
};
use crate::gateway::Gateway;

#[test]
fn overload_is_shed_before_it_is_worked_on() {
    let _turn = alone();
    let url = database(Dialect::Postgres);
    let text = definition("acme")
        .replace("[sha256, phpass], new: { format: phpass, cost: 7 }", "[sha256, argon2], new: argon2id");
    let gateway = setup().settings(settings().replace("threads: 2, queue: 16", "threads: 1, queue: 4"));
    let gateway = gateway.definition("acme.yaml", &text).env("URL_ACME", &url).start();
    // From now on each login costs a real hash; about ten times as many callers as one thread can serve.
    let body = json!({ "identifier": email(1), "password": "hello" });
    assert_eq!(gateway.call("acme", "change_password", &body).code(), "changed");
    assert_eq!(login(&gateway, 1, "hello").status, 200);
    let before = usage(&gateway).0;
    let (accepted, shed) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let (late, lookups) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let end = Instant::now() + Duration::from_secs(4);
    std::thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| {
                while Instant::now() < end {
                    let asked = Instant::now();
                    let reply = login(&gateway, 1, "hello");
                    let time = asked.elapsed();
                    match reply.status {
                        200 => accepted.lock().unwrap().push(time),
                        503 if reply.code() == "overloaded" => {
                            assert!(reply.header("retry-after").is_some(), "{reply:?}");
                            shed.lock().unwrap().push(time);
                            std::thread::sleep(Duration::from_millis(20));
                        }
                        // Begun in time and not finished in time, on a machine that does nothing but hash.
                        status => {
                            assert!(status >= 503, "{reply:?}");
                            late.lock().unwrap().push(time);
                            std::thread::sleep(Duration::from_millis(20));
                        }
                    }
                }
            });
        }
        scope.spawn(|| {
            while Instant::now() < end {
                let asked = Instant::now();
                let found = get_user(&gateway, 2).status == 200;
                lookups.lock().unwrap().push(if found { asked.elapsed() } else { BUDGET });
                std::thread::sleep(Duration::from_millis(20));
            }
        });
    });
    let (mut accepted, mut shed) = (accepted.into_inner().unwrap(), shed.into_inner().unwrap());
    assert!(accepted.len() > 5, "{} accepted", accepted.len());
    let late = late.into_inner().unwrap().len();
    assert!(late * 20 <= shed.len() + accepted.len(), "{late} late, {} shed, {} accepted", shed.len(), accepted.len());
    // The control: there was more load than capacity.
    assert!(shed.len() > accepted.len(), "{} shed of {}", shed.len(), accepted.len());
    assert!(percentile(&mut accepted, 99) < BUDGET + Duration::from_millis(200), "{:?}", percentile(&mut accepted, 99));
    assert!(percentile(&mut shed, 99) < BUDGET, "{:?}", percentile(&mut shed, 99));
    // On a machine that is as busy as it can be; without the bounds they would wait behind all the hashes.
    let mut lookups = lookups.into_inner().unwrap();
    assert!(percentile(&mut lookups, 50) < Duration::from_millis(500), "{lookups:?}");
    let grown = usage(&gateway).0.saturating_sub(before);
    assert!(grown < 150 << 20, "{grown} bytes more");
    assert_eq!(login(&gateway, 1, "hello").status, 200);
}

#[test]
fn logins_whose_clients_leave_use_no_more_memory_than_the_hash_pool_has() {
    let _turn = alone();
    let url = database(Dialect::Postgres);
    let text = definition("acme")
        .replace("[sha256, phpass], new: { format: phpass, cost: 7 }", "[sha256, argon2], new: argon2id");
    // Two hashes of 19 MiB at a time; what a thread's allocator keeps for its next one is part of that.
    let pool = "threads: 2, queue: 64, memory: 40MiB";
    let gateway = setup().settings(settings().replace("threads: 2, queue: 16", pool));
    let gateway = gateway.definition("acme.yaml", &text).env("URL_ACME", &url).start();
    let body = json!({ "identifier": email(1), "password": "hello" });
    assert_eq!(gateway.call("acme", "change_password", &body).code(), "changed");
    assert_eq!(login(&gateway, 1, "hello").status, 200);
    let before = usage(&gateway).0;
    let peak = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..20)
            .map(|n| {
                let (gateway, body) = (&gateway, &body);
                scope.spawn(move || {
                    for round in 0..25 {
                        abandon(gateway, "login", body, Duration::from_millis(1 + (n * 7 + round * 3) % 40));
                    }
                })
            })
            .collect();
        let mut peak = before;
        while callers.iter().any(|caller| !caller.is_finished()) {
            peak = peak.max(usage(&gateway).0);
            std::thread::sleep(Duration::from_millis(5));
        }
        peak
    });
    let (grown, memory) = (peak.saturating_sub(before), 40 << 20);
    // 500 hashes at once would be 9.5 GB; 16 MiB are for 500 requests and their connections.
    assert!(grown < memory + (16 << 20), "{grown} bytes more for 500 logins");
    // The control: passwords were hashed all the while.
    assert!(hashed(&gateway) > 10, "{} passwords were hashed", hashed(&gateway));
    gateway.eventually("it answers again", || login(&gateway, 1, "hello").status == 200);
}

/// What the process needs beside the memory of its hash pool, as README says.
const BESIDE: u64 = 128 << 20;

/// The most memory that the whole gateway uses while everything that it does is done at once and without rest: logins,
/// look-ups, bodies as large as they may be, idle connections, reloads and the operator's questions.
fn peak(hashing: &str) -> u64 {
    let url = database(Dialect::Postgres);
    let text = definition("acme")
        .replace("[sha256, phpass], new: { format: phpass, cost: 7 }", "[sha256, argon2], new: argon2id");
    let gateway = setup().settings(settings().replace("threads: 2, queue: 16", hashing));
    let gateway = gateway.definition("acme.yaml", &text).env("URL_ACME", &url).start();
    let body = json!({ "identifier": email(1), "password": "hello" });
    assert_eq!(gateway.call("acme", "change_password", &body).code(), "changed");
    let idle: Vec<_> = (0..300).map(|_| std::net::TcpStream::connect(gateway.address).unwrap()).collect();
    let large = json!({ "identifier": email(1), "context": { "x": "y".repeat(60_000) } });
    let end = Instant::now() + Duration::from_secs(5);
    let peak = std::thread::scope(|scope| {
        for worker in 0..16_u64 {
            let (gateway, body, large) = (&gateway, &body, &large);
            scope.spawn(move || {
                while Instant::now() < end {
                    match worker % 4 {
                        0 | 1 => drop(abandon(gateway, "login", body, Duration::from_millis(20 + worker * 9))),
                        2 => drop(gateway.call("acme", "get_user", large)),
                        _ => drop(get_user(gateway, 2)),
                    }
                }
            });
        }
        let mut peak = 0;
        let mut edits = 0;
        while Instant::now() < end {
            peak = peak.max(usage(&gateway).0);
            edits += 1;
            if edits % 50 == 0 {
                std::fs::write(gateway.connectors().join("acme.yaml"), format!("{text}# {edits}\n")).unwrap();
                gateway.get("/metrics");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        peak
    });
    assert!(hashed(&gateway) > 10, "{} passwords were hashed", hashed(&gateway));
    drop(idle);
    gateway.eventually("it answers", || get_user(&gateway, 2).status == 200);
    peak
}

#[test]
fn the_whole_process_stays_below_the_memory_of_its_hash_pool_and_a_fixed_amount() {
    let _turn = alone();
    let small = peak("threads: 2, queue: 64, memory: 40MiB");
    println!("at most {} MiB with 40 MiB for hashing", small >> 20);
    assert!(small < (40 << 20) + BESIDE, "{} MiB", small >> 20);
    // The control: sixteen hashes at once are seen, and stay below a bound of their own.
    let large = peak("threads: 16, queue: 64, memory: 320MiB");
    println!("at most {} MiB with 320 MiB for hashing", large >> 20);
    assert!(large > (40 << 20) + BESIDE && large < (320 << 20) + BESIDE, "{} MiB", large >> 20);
}

/// How many passwords reached the hashing pool.
fn hashed(gateway: &Gateway) -> u64 {
    crate::people::verified(gateway)
}
