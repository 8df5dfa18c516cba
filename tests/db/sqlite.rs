//! What is special to SQLite.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::time::sleep;
use userbridge::db::{ErrorKind, Query, Value};
use userbridge::sql::Dialect;

use super::{Fixture, connect, soon, text, write};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_declared_type_is_decoded() {
    let fixture = Fixture::new(Dialect::Sqlite).await;
    let cases: &[(&str, &str, Json)] = &[
        ("BOOLEAN", "1", json!(true)),
        ("bool", "false", json!(false)),
        ("TINYINT(1)", "1", json!(true)),
        ("BOOLEAN", "2", json!(2)),
        ("BOOLEAN", "'yes'", json!("yes")),
        ("NUMERIC", "'12.5'", json!(12.5)),
        ("DECIMAL(10,2)", "7", json!(7)),
        ("DECIMAL(10,2)", "0.1", json!(0.1)),
        ("INTEGER", "9223372036854775807", json!(i64::MAX)),
        ("REAL", "1", json!(1.0)),
        ("TEXT", "'grün'", json!("grün")),
        ("VARCHAR(3)", "'longer'", json!("longer")),
        ("DATETIME", "'2024-02-29 01:02:03'", json!("2024-02-29 01:02:03")),
        ("JSON", "'{\"a\":[1]}'", json!({"a": [1]})),
        ("JSON", "'not json'", json!("not json")),
        ("BLOB", "x'dead'", json!("3q0=")),
        ("", "'x'", json!("x")),
        ("TEXT", "NULL", Json::Null),
    ];
    for (number, (ty, literal, expected)) in cases.iter().enumerate() {
        fixture.run(&format!("CREATE TABLE t{number} (v {ty})")).await;
        fixture.run(&format!("INSERT INTO t{number} VALUES ({literal})")).await;
        assert_eq!(fixture.one(&format!("SELECT v FROM t{number}")).await.to_json(), *expected, "{ty} {literal}");
    }
    let error = fixture.fetch("SELECT CAST(x'ff' AS TEXT) AS broken", &[]).await.unwrap_err();
    assert!(error.kind == ErrorKind::Misconfigured && error.message.contains("\"broken\""), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_with_nul_comes_back_whole() {
    let fixture = Fixture::new(Dialect::Sqlite).await;
    fixture.run("CREATE TABLE t (v TEXT)").await;
    fixture.write("INSERT INTO t VALUES (?1)", &[text("a\0b")]).await.unwrap();
    assert!(fixture.one("SELECT v FROM t").await == text("a\0b"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_misspelt_column_in_double_quotes_is_an_error() {
    let fixture = Fixture::with_users(Dialect::Sqlite).await;
    let error = fixture.fetch("SELECT \"emial\" FROM users", &[]).await.unwrap_err();
    assert_eq!((error.kind, error.offset), (ErrorKind::Misconfigured, Some(7)));
    assert!(error.message.contains("emial"), "{}", error.message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_keys_are_checked() {
    let fixture = Fixture::with_users(Dialect::Sqlite).await;
    fixture.run("CREATE TABLE s (user_id INTEGER REFERENCES users (id))").await;
    let error = fixture.write("INSERT INTO s VALUES (77)", &[]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::ConstraintViolation, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn generated_keys_and_returned_rows_are_told() {
    let fixture = Fixture::new(Dialect::Sqlite).await;
    fixture.run("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)").await;
    let inserted = fixture.write("INSERT INTO t (v) VALUES (?1)", &[Value::Int(5)]).await.unwrap();
    assert_eq!((inserted.matched, inserted.last_insert_id), (1, Some(1)));
    let returned = fixture.write("UPDATE t SET v = 6 RETURNING id, v", &[]).await.unwrap();
    assert_eq!((returned.matched, returned.last_insert_id, returned.rows.len()), (1, None, 1));
    assert_eq!(fixture.write("DELETE FROM t WHERE id = 9", &[]).await.unwrap().matched, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_file_is_named_and_found_once_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let database = connect(&format!("sqlite:{}", path.display()), 4, Duration::from_secs(2));
    let query = Query::new("SELECT 1 AS one", 0);
    let error = database.fetch(&query, &[], soon()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains(&path.display().to_string()), "{error}");
    assert!(database.state().last_error.is_some() && !path.exists());
    write(
        &*connect(&format!("sqlite:{}?mode=rwc", path.display()), 4, Duration::from_secs(2)),
        "CREATE TABLE t (a)",
        &[],
    )
    .await
    .unwrap();
    assert_eq!(database.fetch(&query, &[], soon()).await.unwrap().len(), 1);
    assert!(database.state().last_error.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_or_replaced_file_is_noticed() {
    let fixture = Fixture::with_users(Dialect::Sqlite).await;
    let path = fixture.url.trim_start_matches("sqlite:").split('?').next().unwrap().to_owned();
    let database = connect(&format!("sqlite:{path}"), 4, Duration::from_secs(2));
    let query = Query::new("SELECT count(*) AS n FROM users", 0);
    assert!(database.fetch(&query, &[], soon()).await.unwrap()[0].value("n") == Some(&Value::Int(2)));
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{path}{suffix}"));
    }
    sleep(Duration::from_millis(1100)).await;
    assert_eq!(database.fetch(&query, &[], soon()).await.unwrap_err().kind, ErrorKind::Unavailable);
    let other = connect(&format!("sqlite:{path}?mode=rwc"), 4, Duration::from_secs(2));
    write(&*other, "CREATE TABLE users (id)", &[]).await.unwrap();
    assert!(database.fetch(&query, &[], soon()).await.unwrap()[0].value("n") == Some(&Value::Int(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_no_database_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    std::fs::write(&path, "this is not a database, but it is long enough to have a header of its own".repeat(20))
        .unwrap();
    let database = connect(&format!("sqlite:{}", path.display()), 4, Duration::from_secs(2));
    let error = database.ping(soon()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_in_memory_is_shared_by_readers_and_writer() {
    let database = connect("sqlite::memory:", 4, Duration::from_secs(2));
    write(&*database, "CREATE TABLE t (v INTEGER)", &[]).await.unwrap();
    write(&*database, "INSERT INTO t VALUES (1)", &[]).await.unwrap();
    let read = Query::new("SELECT v FROM t", 0);
    assert_eq!(database.fetch(&read, &[], soon()).await.unwrap().len(), 1);
    let error = database.fetch(&Query::new("DELETE FROM t", 0), &[], soon()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Misconfigured, "{error}");
    let other = connect("sqlite::memory:", 4, Duration::from_secs(2));
    assert!(other.fetch(&read, &[], soon()).await.is_err(), "another database in memory is empty");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mode_ro_refuses_transactions() {
    let fixture = Fixture::with_users(Dialect::Sqlite).await;
    let database = connect(&fixture.url.replace("rwc", "ro"), 4, Duration::from_secs(2));
    assert_eq!(database.fetch(&Query::new("SELECT id FROM users", 0), &[], soon()).await.unwrap().len(), 2);
    assert_eq!(database.begin(soon()).await.err().unwrap().kind, ErrorKind::Misconfigured);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_file_is_waited_for_until_the_deadline() {
    let fixture = Fixture::with_users(Dialect::Sqlite).await;
    let other = connect(&fixture.url, 4, Duration::from_secs(2));
    let holder = other.begin(soon()).await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_millis(200);
    assert_eq!(fixture.database.begin(deadline).await.err().unwrap().kind, ErrorKind::Timeout);
    // Readers are not held up.
    assert!(fixture.one("SELECT n FROM users WHERE id = 1").await == Value::Int(1));
    let (begun, ()) = tokio::join!(fixture.database.begin(soon()), async {
        sleep(Duration::from_millis(100)).await;
        holder.rollback().await.unwrap();
    });
    begun.unwrap().commit().await.unwrap();
}
