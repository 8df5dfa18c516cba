//! After every fault of the network the pool serves again, without a restart.

use std::time::{Duration, Instant};

use sea_orm::sqlx::{self, AssertSqlSafe};
use serde_json::json;

use super::proxy::{Mode, Proxy};
use super::support::{
    BUDGET, Dice, RESUMED, SERVERS, abandon, alone, database, email, get_user, login, recovery, runtime, server_of,
    start, status,
};
use crate::gateway::Gateway;

/// Twelve callers at once, some of whom leave early.
fn storm(gateway: &Gateway, dice: &mut Dice) {
    let patience: Vec<Duration> = (0..12).map(|_| Duration::from_micros(200 + dice.below(8000))).collect();
    std::thread::scope(|scope| {
        for (n, patience) in patience.into_iter().enumerate() {
            let action = if n % 3 == 0 { "login" } else { "get_user" };
            let mut body = json!({ "identifier": email(n) });
            if action == "login" {
                body["password"] = json!("hello");
            }
            scope.spawn(move || abandon(gateway, action, &body, patience));
        }
    });
}

#[test]
fn service_resumes_within_two_seconds_of_every_network_fault() {
    let _turn = alone();
    let faults = [Mode::Silent, Mode::Dribble, Mode::Reset, Mode::HalfClose, Mode::DropAfter, Mode::Corrupt];
    for dialect in SERVERS {
        let url = database(dialect);
        let proxy = Proxy::start(&server_of(&url));
        let gateway = start(&proxy.url(&url));
        let mut dice = Dice(7);
        for fault in faults {
            // Warm connections, then the fault strikes while requests are under way.
            (0..5).for_each(|n| assert_eq!(login(&gateway, n, "hello").status, 200, "{dialect}"));
            proxy.set(fault);
            let begun = Instant::now();
            let reply = get_user(&gateway, 3);
            assert!(
                begun.elapsed() < BUDGET + Duration::from_millis(300),
                "{dialect} {fault:?}: {:?}",
                begun.elapsed()
            );
            assert!(reply.status == 200 || reply.status >= 500, "{dialect} {fault:?}: {reply:?}");
            if reply.status == 200 {
                assert_eq!(reply.user()["email"], email(3), "{dialect} {fault:?}");
            }
            (0..6).for_each(|_| storm(&gateway, &mut dice));
            proxy.set(Mode::Pass);
            let took = recovery(&gateway);
            assert!(took < RESUMED, "{dialect} {fault:?}: {took:?}, {}", status(&gateway));
            for n in 0..20 {
                let reply = get_user(&gateway, n);
                assert_eq!(reply.status, 200, "{dialect} {fault:?}: {reply:?}, {}", status(&gateway));
                assert_eq!(reply.user()["email"], email(n), "{dialect} {fault:?}");
            }
        }
    }
}

/// What the gateway must not do: a plain pool whose queries are dropped at a time limit. It shows that the faults above
/// are real: the pool stays dead although the network is sound again.
#[test]
fn a_naive_pool_dies_of_the_same_faults() {
    let _turn = alone();
    let url = database(userbridge::sql::Dialect::Mysql);
    let proxy = Proxy::start(&server_of(&url));
    proxy.set(Mode::Dribble);
    let dead = runtime().block_on(async {
        let options = sqlx::mysql::MySqlPoolOptions::new().max_connections(2);
        let options = options.acquire_timeout(Duration::from_secs(1));
        let pool = options.connect(&proxy.url(&url)).await.unwrap();
        let mut dice = Dice(7);
        for _ in 0..60 {
            let patience = Duration::from_micros(500 + dice.below(30_000));
            let query = sqlx::query(AssertSqlSafe("SELECT id, email, password_hash FROM users")).fetch_all(&pool);
            let _ = tokio::time::timeout(patience, query).await;
        }
        proxy.set(Mode::Pass);
        tokio::time::sleep(RESUMED).await;
        let mut answered = 0;
        for _ in 0..3 {
            let query = sqlx::query(AssertSqlSafe("SELECT 1")).fetch_all(&pool);
            answered += u32::from(matches!(tokio::time::timeout(Duration::from_secs(1), query).await, Ok(Ok(_))));
        }
        answered < 3
    });
    assert!(dead, "the naive pool survived: the faults prove nothing");
}
