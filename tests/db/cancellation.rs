//! Callers that go away at any moment.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use userbridge::db::{Query, Value};
use userbridge::sql::Dialect;

use super::{Fixture, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_cancelled_reads_harms_nothing() {
    for dialect in Dialect::ALL {
        let fixture = Fixture::with_users(dialect).await;
        let many = many_rows(dialect);
        let query = Arc::new(Query::new(many, 0));
        let mut cancelled = 0;
        for i in 0..300_u64 {
            let patience = Duration::from_micros(i * 7919 % 3000);
            let reads = (0..3).map(|_| {
                let (database, query) = (fixture.database.clone(), query.clone());
                tokio::spawn(async move { timeout(patience, database.fetch(&query, &[], soon())).await.is_err() })
            });
            for read in reads.collect::<Vec<_>>() {
                cancelled += u32::from(read.await.unwrap());
            }
        }
        assert!(cancelled > 30, "{dialect}: only {cancelled} were cancelled");
        for _ in 0..50 {
            let begun = Instant::now();
            assert!(fixture.one("SELECT n FROM users WHERE id = 2").await == Value::Int(2), "{dialect}");
            assert!(begun.elapsed() < Duration::from_secs(2), "{dialect}: {:?}", begun.elapsed());
        }
        let state = fixture.database.state();
        assert!(state.open <= state.limit, "{dialect}: {state:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_transaction_is_done_or_undone() {
    for dialect in Dialect::ALL {
        let fixture = Fixture::with_users(dialect).await;
        fixture.run("UPDATE users SET n = 0").await;
        let add = Arc::new(Query::new("UPDATE users SET n = n + 1", 0));
        let mut answered = 0;
        for i in 0..100_u64 {
            let (database, add) = (fixture.database.clone(), add.clone());
            let work = async move {
                let mut transaction = database.begin(soon()).await?;
                transaction.execute(&add, &[]).await?;
                transaction.commit().await
            };
            if let Ok(outcome) = timeout(Duration::from_micros(i * 6151 % 5000), work).await {
                outcome.unwrap();
                answered += 1;
            }
        }
        // Both rows tell the same, no answered change is lost, and nobody holds a lock.
        fixture.run("UPDATE users SET n = n + 1").await;
        let rows = fixture.fetch("SELECT n FROM users", &[]).await.unwrap();
        let (first, second) = (rows[0].value("n").unwrap(), rows[1].value("n").unwrap());
        assert!(first == second, "{dialect}");
        let Value::Int(n) = first else { panic!("not an integer") };
        assert!((answered + 1..=101).contains(n), "{dialect}: {answered} answered, {n} made");
        // Permits come back once abandoned rollbacks are done.
        let begun = Instant::now();
        while fixture.database.state().busy > 0 {
            assert!(begun.elapsed() < Duration::from_secs(3), "{dialect}: {:?}", fixture.database.state());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_million_rows_are_not_waited_for() {
    let fixture = Fixture::with_users(Dialect::Postgres).await;
    let rows = fixture.fetch("SELECT generate_series(1, 10000000) AS n", &[]).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert!(fixture.one("SELECT n FROM users WHERE id = 2").await == Value::Int(2));
}

fn many_rows(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "SELECT n, repeat('x', 100) AS t FROM generate_series(1, 2000) AS g(n)",
        Dialect::Mysql => "SELECT seq AS n, repeat('x', 100) AS t FROM seq_1_to_2000",
        Dialect::Sqlite => {
            "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 30000) SELECT x AS n FROM c ORDER BY -x"
        }
    }
}
