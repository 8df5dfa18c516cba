//! What holds on every database.

use std::time::Duration;

use tokio::time::Instant;
use userbridge::db::{ErrorKind, Query, Value};
use userbridge::sql::Dialect;

use super::{Fixture, connect, soon, text};

const FLAVORS: [Dialect; 3] = Dialect::ALL;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_return_two_rows_at_most() {
    for dialect in FLAVORS {
        let fixture = Fixture::with_users(dialect).await;
        fixture.run("INSERT INTO users VALUES (3, 'c', 3), (4, 'd', 4)").await;
        let query = format!("SELECT id, email FROM users WHERE id <= {} ORDER BY id", fixture.placeholder(1));
        for (most, expected) in [(0, 0), (1, 1), (2, 2), (4, 2)] {
            let rows = fixture.fetch(&query, &[Value::Int(most)]).await.unwrap();
            assert_eq!(rows.len(), expected, "{dialect}");
        }
        let rows = fixture.fetch(&query, &[Value::Int(1)]).await.unwrap();
        assert!(rows[0].value("email") == Some(&text("ann@example.com")), "{dialect}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expressions_are_not_dropped() {
    for dialect in FLAVORS {
        let fixture = Fixture::with_users(dialect).await;
        let sql = "SELECT count(*) AS a, 1 + 1 AS b, n = 1 AS c, (SELECT 1.5) AS d, NULL AS e FROM users WHERE n = 1 GROUP BY n";
        let rows = fixture.fetch(sql, &[]).await.unwrap();
        let shown: Vec<_> = rows[0].iter().map(|(name, value)| (name, value.to_text().unwrap_or_default())).collect();
        let truth = if dialect == Dialect::Postgres { "true" } else { "1" };
        assert_eq!(
            shown,
            [("a", "1"), ("b", "2"), ("c", truth), ("d", "1.5"), ("e", "")].map(|(n, v)| (n, v.to_owned()))
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_cannot_write() {
    for dialect in FLAVORS {
        let fixture = Fixture::with_users(dialect).await;
        let update = match dialect {
            Dialect::Postgres => "WITH w AS (UPDATE users SET n = 9 RETURNING n) SELECT n FROM w",
            Dialect::Mysql => "UPDATE users SET n = 9",
            Dialect::Sqlite => "UPDATE users SET n = 9 RETURNING n",
        };
        let error = fixture.fetch(update, &[]).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Misconfigured, "{dialect}: {error}");
        assert!(fixture.one("SELECT n FROM users WHERE id = 1").await == Value::Int(1), "{dialect}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn matched_rows_are_counted_not_changed_ones() {
    for dialect in FLAVORS {
        let fixture = Fixture::with_users(dialect).await;
        for (sql, expected) in [
            ("UPDATE users SET n = 1 WHERE id = 1", 1),
            ("UPDATE users SET n = 5", 2),
            ("UPDATE users SET n = 5 WHERE id = 77", 0),
            ("INSERT INTO users VALUES (3, 'c', 3)", 1),
            ("SELECT id FROM users WHERE id = 1", 1),
            ("DELETE FROM users WHERE id > 1", 2),
        ] {
            assert_eq!(fixture.write(sql, &[]).await.unwrap().matched, expected, "{dialect}: {sql}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn violations_are_told_apart_and_quote_no_value() {
    for dialect in FLAVORS {
        let fixture = Fixture::with_users(dialect).await;
        let insert =
            format!("INSERT INTO users (id, email) VALUES ({}, {})", fixture.placeholder(1), fixture.placeholder(2));
        for (id, email, kind) in [
            (Value::Int(9), text("ann@example.com"), ErrorKind::UniqueViolation),
            (Value::Int(1), text("secret-value"), ErrorKind::UniqueViolation),
            (Value::Int(9), Value::Null, ErrorKind::ConstraintViolation),
        ] {
            let error = fixture.write(&insert, &[id, email]).await.unwrap_err();
            assert_eq!(error.kind, kind, "{dialect}: {error}");
            assert!(!error.to_string().contains("ann@") && !error.to_string().contains("secret-value"), "{error}");
        }
        let rows = fixture.one("SELECT count(*) FROM users").await;
        assert!(rows == Value::Int(2), "{dialect}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_transaction_is_rolled_back() {
    for dialect in FLAVORS {
        let fixture = Fixture::with_users(dialect).await;
        let update = Query::new("UPDATE users SET n = 9 WHERE id = 1", 0);
        let mut dropped = fixture.database.begin(soon()).await.unwrap();
        dropped.execute(&update, &[]).await.unwrap();
        drop(dropped);
        let mut undone = fixture.database.begin(soon()).await.unwrap();
        undone.execute(&update, &[]).await.unwrap();
        undone.rollback().await.unwrap();
        // The locks are gone as well.
        assert_eq!(fixture.write("UPDATE users SET n = n + 1 WHERE id = 1", &[]).await.unwrap().matched, 1);
        assert!(fixture.one("SELECT n FROM users WHERE id = 1").await == Value::Int(2), "{dialect}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_statement_forbids_the_commit() {
    for dialect in FLAVORS {
        let fixture = Fixture::with_users(dialect).await;
        let mut transaction = fixture.database.begin(soon()).await.unwrap();
        transaction.execute(&Query::new("UPDATE users SET n = 9 WHERE id = 1", 0), &[]).await.unwrap();
        let twice = Query::new("INSERT INTO users VALUES (1, 'x', 1)", 0);
        assert_eq!(transaction.execute(&twice, &[]).await.unwrap_err().kind, ErrorKind::UniqueViolation, "{dialect}");
        assert_eq!(transaction.commit().await.unwrap_err().kind, ErrorKind::UniqueViolation, "{dialect}");
        assert!(fixture.one("SELECT n FROM users WHERE id = 1").await == Value::Int(1), "{dialect}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_in_a_statement_are_found_when_it_is_prepared() {
    for dialect in FLAVORS {
        let fixture = Fixture::with_users(dialect).await;
        for (sql, parameters, offset) in [
            ("SELECT emial FROM users", 0, Some(7)),
            ("SELECT id FROM nowhere", 0, None),
            ("SELECT id FORM users", 0, None),
            ("SELECT id, n AS id FROM users", 0, None),
            ("SELECT id FROM users", 1, None),
            ("SELECT id FROM users; SELECT 1", 0, None),
        ] {
            let query = Query::new(sql, parameters);
            let error = fixture.database.prepare(&query, soon()).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Misconfigured, "{dialect}: {sql}: {error}");
            assert!(offset.is_none() || error.offset == offset, "{dialect}: {sql}: {:?}", error.offset);
        }
        // No mistake has done any harm, and nothing was run.
        let delete = Query::new("DELETE FROM users", 0);
        fixture.database.prepare(&delete, soon()).await.unwrap();
        assert!(fixture.one("SELECT count(*) FROM users").await == Value::Int(2), "{dialect}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn descriptions_name_columns() {
    for dialect in FLAVORS {
        let fixture = Fixture::with_users(dialect).await;
        let sql = format!("SELECT id, email AS mail FROM users WHERE email = {}", fixture.placeholder(1));
        let query = Query::new(sql, 1);
        let description = fixture.database.prepare(&query, soon()).await.unwrap();
        let names: Vec<_> = description.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!((names, description.parameters.len()), (vec!["id", "mail"], 1), "{dialect}");
        assert!(query.description().is_some());
        let error = fixture.database.fetch(&query, &[], soon()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Misconfigured, "{dialect}: a value is missing");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_survive_the_way_there_and_back() {
    for dialect in FLAVORS {
        let fixture = Fixture::new(dialect).await;
        let (bytes, real) = match dialect {
            Dialect::Postgres => ("bytea", "double precision"),
            Dialect::Mysql => ("varbinary(100)", "double"),
            Dialect::Sqlite => ("blob", "real"),
        };
        let columns = format!("id integer primary key, b boolean, i bigint, f {real}, t varchar(100), y {bytes}");
        fixture.run(&format!("CREATE TABLE v ({columns})")).await;
        let places: Vec<_> = (1..=6).map(|number| fixture.placeholder(number)).collect();
        let insert = format!("INSERT INTO v VALUES ({})", places.join(", "));
        let given = [
            [
                Value::Bool(true),
                Value::Int(i64::MAX),
                Value::Float(0.1),
                text("O'Brien \\ \"ü\" 😀"),
                Value::Bytes(vec![0, 255]),
            ],
            [Value::Bool(false), Value::Int(i64::MIN), Value::Float(-1.5e300), text(""), Value::Bytes(vec![])],
            [Value::Null, Value::Null, Value::Null, Value::Null, Value::Null],
        ];
        for (id, values) in (1..).zip(&given) {
            let mut arguments = vec![Value::Int(id)];
            arguments.extend(values.iter().cloned());
            fixture.write(&insert, &arguments).await.unwrap();
            let select = format!("SELECT b, i, f, t, y FROM v WHERE id = {}", fixture.placeholder(1));
            let rows = fixture.fetch(&select, &[Value::Int(id)]).await.unwrap();
            let read: Vec<_> = rows[0].iter().map(|(_, value)| value.clone()).collect();
            assert!(
                read == values,
                "{dialect} row {id}: {read:?} {:?}",
                read.iter().map(Value::to_text).collect::<Vec<_>>()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_values_and_foreign_texts_are_refused() {
    for dialect in FLAVORS {
        let fixture = Fixture::with_users(dialect).await;
        let large = match dialect {
            Dialect::Sqlite => "SELECT printf('%.*c', 1048577, 'x') AS big",
            _ => "SELECT repeat('x', 1048577) AS big",
        };
        let error = fixture.fetch(large, &[]).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Misconfigured, "{dialect}");
        assert!(error.message.contains("\"big\""), "{error}");
        assert!(fixture.one("SELECT n FROM users WHERE id = 2").await == Value::Int(2), "{dialect}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlines_are_kept_and_harm_nothing() {
    for dialect in FLAVORS {
        let fixture = Fixture::with_users(dialect).await;
        let slow = Query::new(slow_statement(dialect), 0);
        for _ in 0..8 {
            let begun = Instant::now();
            let error = fixture.database.fetch(&slow, &[], begun + Duration::from_millis(150)).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Timeout, "{dialect}: {error}");
            assert!(begun.elapsed() < Duration::from_millis(600), "{dialect}: {:?}", begun.elapsed());
        }
        let begun = Instant::now();
        let mut transaction = fixture.database.begin(begun + Duration::from_millis(150)).await.unwrap();
        assert_eq!(transaction.execute(&slow, &[]).await.unwrap_err().kind, ErrorKind::Timeout, "{dialect}");
        assert!(transaction.commit().await.is_err());
        assert!(begun.elapsed() < Duration::from_millis(600), "{dialect}");
        let expired = fixture.database.fetch(&slow, &[], Instant::now()).await.unwrap_err();
        assert_eq!(expired.kind, ErrorKind::Timeout, "{dialect}");
        assert!(fixture.one("SELECT n FROM users WHERE id = 2").await == Value::Int(2), "{dialect}");
        assert_eq!(fixture.write("UPDATE users SET n = 3 WHERE id = 2", &[]).await.unwrap().matched, 1, "{dialect}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_gives_up_by_itself() {
    for dialect in FLAVORS {
        let fixture = Fixture::with_users(dialect).await;
        let hasty = connect(&fixture.url, 4, Duration::from_millis(300));
        let begun = Instant::now();
        let deadline = begun + Duration::from_millis(300);
        let error = hasty.fetch(&Query::new(slow_statement(dialect), 0), &[], deadline).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Timeout, "{dialect}: {error}");
        if dialect != Dialect::Sqlite {
            assert!(error.code.is_some(), "{dialect}: the server should have said so: {error}");
        }
        // A lock that another transaction holds.
        let update = Query::new("UPDATE users SET n = 7 WHERE id = 1", 0);
        let mut holder = fixture.database.begin(soon()).await.unwrap();
        holder.execute(&update, &[]).await.unwrap();
        let deadline = Instant::now() + Duration::from_millis(300);
        let error = async {
            let mut waiter = hasty.begin(deadline).await?;
            waiter.execute(&update, &[]).await.map(|_| ())
        };
        assert_eq!(error.await.unwrap_err().kind, ErrorKind::Timeout, "{dialect}");
        holder.commit().await.unwrap();
        let mut waiter = hasty.begin(Instant::now() + Duration::from_millis(300)).await.unwrap();
        waiter.execute(&update, &[]).await.unwrap();
        waiter.commit().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_get_their_own_rows() {
    for dialect in FLAVORS {
        let fixture = Fixture::with_users(dialect).await;
        let cast = if dialect == Dialect::Mysql { "CAST({} AS SIGNED)" } else { "CAST({} AS bigint)" };
        let sql = format!("SELECT {} AS token", cast.replace("{}", &fixture.placeholder(1)));
        let query = std::sync::Arc::new(Query::new(sql, 1));
        let callers: Vec<_> = (0..32)
            .map(|caller| {
                let (database, query) = (fixture.database.clone(), query.clone());
                tokio::spawn(async move {
                    for i in 0..100 {
                        let token = Value::Int(caller * 1000 + i);
                        let rows = database.fetch(&query, std::slice::from_ref(&token), soon()).await.unwrap();
                        assert!(rows[0].value("token") == Some(&token), "{dialect}");
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        let state = fixture.database.state();
        assert!(state.open <= state.limit && state.last_error.is_none(), "{dialect}: {state:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_of_life_is_given() {
    for dialect in FLAVORS {
        let fixture = Fixture::new(dialect).await;
        fixture.database.ping(soon()).await.unwrap();
    }
}

/// Works for more than five seconds.
pub fn slow_statement(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "SELECT pg_sleep(6)",
        Dialect::Mysql => "SELECT SLEEP(6) AS slept",
        Dialect::Sqlite => {
            "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 4000000000) SELECT max(x) AS m FROM c"
        }
    }
}
