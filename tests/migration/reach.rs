//! Many users, several clients, two gateways on one managed store, and processes that are killed at random.
//! `USERBRIDGE_TEST_USERS=10000` sets how many users there are.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use userbridge::sql::Dialect;

use super::bulk::salted;
use super::{HASH, PASSWORD, definition, email, legacy_store};
use crate::faults::support::{Dice, settings};
use crate::gateway::{Gateway, Setup, client};
use crate::stores::Store;

const CLIENTS: usize = 8;

#[expect(clippy::disallowed_methods, reason = "longer runs are asked for in the environment")]
fn users() -> usize {
    std::env::var("USERBRIDGE_TEST_USERS").ok().and_then(|text| text.parse().ok()).unwrap_or(600)
}

fn password(n: usize) -> String {
    if n.is_multiple_of(3) { PASSWORD.to_owned() } else { format!("password {n}") }
}

/// Users with hashes of three kinds.
fn fill(legacy: &Store, users: usize) {
    let row = |n: usize| {
        let (hash, salt) = match n % 3 {
            0 => (HASH.to_owned(), "NULL".to_owned()),
            1 => (salted("salt", &password(n)), "'salt'".to_owned()),
            _ => (bcrypt::hash(password(n), 4).unwrap(), "NULL".to_owned()),
        };
        format!("('u{n}@example.com', 'u{n}', '{hash}', {salt})")
    };
    let all: Vec<usize> = (0..users).collect();
    for part in all.chunks(500) {
        let rows: Vec<String> = part.iter().map(|n| row(*n)).collect();
        legacy.script(&format!("INSERT INTO users (email, username, password_hash, salt) VALUES {}", rows.join(", ")));
    }
}

fn start(legacy: &Store, managed: &Store) -> Gateway {
    // Nothing but logins shall read the table, so nothing counts it for the metrics.
    let remaining = "  remaining: SELECT count(*) FROM {{ users }} WHERE NOT migrated\n";
    let text = definition("shop", &[("formats: [md5-crypt,", "formats: [md5-crypt, bcrypt,"), (remaining, "")]);
    let setup = Setup::new().settings(settings()).definition("shop.yaml", &text);
    setup.env("LEGACY_URL", &legacy.url).env("MANAGED_URL", &managed.url).without_databases().start()
}

/// The status of a login; None when the gateway was killed meanwhile.
fn login(agent: &ureq::Agent, address: std::net::SocketAddr, n: usize, password: &str) -> Option<u16> {
    let request = agent.post(format!("http://{address}/v1/connectors/shop/login"));
    let request = request.header("authorization", format!("Bearer {}", client().key)).content_type("application/json");
    let body = json!({ "identifier": email(&format!("u{n}")), "password": password }).to_string();
    request.send(body.as_bytes()).ok().map(|response| response.status().as_u16())
}

fn agent() -> ureq::Agent {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(20)));
    agent.max_idle_connections(0).build().into()
}

/// Every user once, by several clients; how many logins did not succeed.
fn all_log_in(gateway: &Gateway, users: usize) -> usize {
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let agent = agent();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= users {
                        return;
                    }
                    if login(&agent, gateway.address, n, &password(n)) != Some(200) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    failed.into_inner()
}

#[test]
fn whoever_is_killed_when_nobody_is_lost() {
    let users = users();
    let (legacy, managed) = (legacy_store(Dialect::Mysql), Store::new(Dialect::Postgres));
    fill(&legacy, users);
    legacy.script("SET GLOBAL userstat = 1");
    let gateways = [(); 2].map(|()| Mutex::new(Some(start(&legacy, &managed))));
    let (done, wrong_accepted, kills) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let right = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut dice = Dice(7);
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(100 + dice.below(400)));
                let mut slot = gateways[dice.below(2) as usize].lock().unwrap();
                // Dropping it kills the process; its clients see a broken connection.
                drop(slot.take());
                *slot = Some(start(&legacy, &managed));
                kills.fetch_add(1, Ordering::Relaxed);
            }
        });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|seed| {
                let (gateways, right, wrong_accepted) = (&gateways, &right, &wrong_accepted);
                scope.spawn(move || {
                    let (mut dice, agent) = (Dice(seed as u64), agent());
                    for _ in 0..users * 2 / CLIENTS {
                        // Few users at a time, so that several clients and processes meet at one.
                        let n = dice.below(users as u64) as usize;
                        let address = gateways[dice.below(2) as usize].lock().unwrap().as_ref().unwrap().address;
                        let is_right = dice.below(4) > 0;
                        let given = if is_right { password(n) } else { format!("not {}", password(n)) };
                        match (login(&agent, address, n, &given), is_right) {
                            (Some(200), true) => _ = right.fetch_add(1, Ordering::Relaxed),
                            (Some(200), false) => _ = wrong_accepted.fetch_add(1, Ordering::Relaxed),
                            (Some(401), true) => panic!("u{n}: a right password was refused"),
                            _ => {}
                        }
                    }
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(wrong_accepted.into_inner(), 0);
    assert!(kills.load(Ordering::Relaxed) >= 3, "{kills:?} kills are no proof");
    assert!(right.load(Ordering::Relaxed) > users / 4, "{right:?} logins are no proof");
    let gateway = gateways[0].lock().unwrap().take().unwrap();
    assert_eq!(all_log_in(&gateway, users), 0, "users that cannot log in");
    let count = |sql: &str| managed.one(sql, &[]).as_u64().unwrap();
    assert_eq!(count("SELECT count(*) FROM userbridge_users"), users as u64, "exactly one row each");
    assert_eq!(count("SELECT count(DISTINCT user_id) FROM userbridge_users WHERE state = 'migrated'"), users as u64);
    assert_eq!(legacy.one("SELECT count(*) FROM users WHERE NOT migrated", &[]), json!(0), "every row is marked");
    // From now on nothing is asked there.
    let before = questions(&legacy);
    assert_eq!(all_log_in(&gateway, users), 0);
    assert_eq!(questions(&legacy), before, "the legacy store was asked for migrated users");
    // The control: whoever is not migrated is asked for, and that is counted.
    legacy.script("INSERT INTO users (email, username, password_hash) VALUES ('new@example.com', 'new', 'x')");
    let before = questions(&legacy);
    let body = json!({ "identifier": "new@example.com", "password": "x" });
    gateway.call("shop", "login", &body);
    assert!(questions(&legacy) > before, "the count does not count");
}

/// How many rows of the table of users were read, as the server itself counts.
fn questions(legacy: &Store) -> u64 {
    let database = legacy.url.rsplit('/').next().unwrap().to_owned();
    let sql =
        "SELECT rows_read FROM information_schema.table_statistics WHERE table_schema = ? AND table_name = 'users'";
    let rows = legacy.rows(sql, &[crate::stores::text(database)]);
    rows.first().and_then(|row| row.iter().next().unwrap().1.to_json().as_u64()).unwrap_or_else(|| panic!("no count"))
}
