//! Slow reads beside quick ones on as few connections as there can be.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use userbridge::db::{Database, Query, Value};
use userbridge::sql::Dialect;

use super::{Fixture, connect, soon, write};

const SLOW: Duration = Duration::from_secs(2);

/// Begins a read that takes its time.
fn slow_read(database: &Arc<dyn Database>) -> tokio::task::JoinHandle<bool> {
    let (database, query) = (Arc::clone(database), Query::new("SELECT 1 AS one FROM pg_sleep(2)", 0));
    tokio::spawn(async move { database.fetch(&query, &[], soon()).await.is_ok() })
}

/// Quick reads by eight callers at once for a while; the slowest of all, and how many there were.
async fn quick_reads(database: &Arc<dyn Database>, during: Duration) -> (Duration, usize) {
    let query = Arc::new(Query::new("SELECT n FROM users WHERE id = 2", 0));
    let end = Instant::now() + during;
    let callers = (0..8).map(|_| {
        let (database, query) = (Arc::clone(database), Arc::clone(&query));
        tokio::spawn(async move {
            let (mut slowest, mut count) = (Duration::ZERO, 0);
            while Instant::now() < end {
                let begun = Instant::now();
                let rows = database.fetch(&query, &[], soon()).await.unwrap();
                assert!(rows[0].value("n") == Some(&Value::Int(2)));
                (slowest, count) = (slowest.max(begun.elapsed()), count + 1);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            (slowest, count)
        })
    });
    let mut all = (Duration::ZERO, 0);
    for caller in callers.collect::<Vec<_>>() {
        let (slowest, count) = caller.await.unwrap();
        all = (all.0.max(slowest), all.1 + count);
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_read_holds_up_no_other_with_two_connections() {
    let fixture = Fixture::with_users(Dialect::Postgres).await;
    let database = connect(&fixture.url, 2, Duration::from_secs(5));
    write(&*database, "UPDATE users SET n = 2 WHERE id = 2", &[]).await.unwrap();
    quick_reads(&database, Duration::from_millis(100)).await;
    for _ in 0..3 {
        let slow = slow_read(&database);
        tokio::time::sleep(Duration::from_millis(5)).await;
        let (slowest, count) = quick_reads(&database, SLOW - Duration::from_millis(500)).await;
        assert!(!slow.is_finished(), "the control: the slow read is at work all the while");
        assert!(slowest < SLOW / 2, "a quick read took {slowest:?}");
        assert!(count > 200, "{count} quick reads");
        // A change is waiting for nobody but those who are answered.
        let begun = Instant::now();
        write(&*database, "UPDATE users SET n = 2 WHERE id = 2", &[]).await.unwrap();
        assert!(begun.elapsed() < SLOW / 4, "a change took {:?}", begun.elapsed());
        // Never more connections than there may be, as the server counts them.
        let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                    AND application_name = 'userbridge' AND pid <> pg_backend_pid()";
        let state = database.state();
        assert!(state.open <= 2 && state.limit == 2, "{state:?}");
        // The fixture itself has some, of which one is asking.
        let of_fixture = fixture.database.state().open as i64;
        let Value::Int(open) = fixture.one(open).await else { panic!("no count") };
        assert!(open < 2 + of_fixture + 1, "{open} connections, {of_fixture} are the fixture's");
        assert!(slow.await.unwrap());
    }
    // What was borrowed is given back: two changes at once would wait for it otherwise.
    quick_reads(&database, Duration::from_millis(100)).await;
    let begun = Instant::now();
    write(&*database, "UPDATE users SET n = 2 WHERE id = 2", &[]).await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_slow_reads_as_connections_are_all_that_hold_up_others() {
    let fixture = Fixture::with_users(Dialect::Postgres).await;
    let database = connect(&fixture.url, 2, Duration::from_secs(5));
    quick_reads(&database, Duration::from_millis(50)).await;
    let mut slow = Vec::new();
    for _ in 0..2 {
        slow.push(slow_read(&database));
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    // The control: now there is no connection left, so the next one does wait.
    let (slowest, _) = quick_reads(&database, Duration::from_millis(100)).await;
    assert!(slowest > Duration::from_millis(800), "{slowest:?}");
    for slow in slow {
        assert!(slow.await.unwrap());
    }
    let (slowest, _) = quick_reads(&database, Duration::from_millis(100)).await;
    assert!(slowest < Duration::from_millis(800), "{slowest:?}");
}
