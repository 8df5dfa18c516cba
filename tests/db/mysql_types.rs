//! MySQL's and MariaDB's types.

use serde_json::{Value as Json, json};
use userbridge::db::{ErrorKind, Value};
use userbridge::sql::Dialect;

use super::{Fixture, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_type_is_decoded() {
    let fixture = Fixture::new(Dialect::Mysql).await;
    let cases: &[(&str, &str, Json)] = &[
        ("boolean", "true", json!(true)),
        ("tinyint(1)", "0", json!(false)),
        ("tinyint(1)", "2", json!(2)),
        ("tinyint", "-128", json!(-128)),
        ("tinyint unsigned", "255", json!(255)),
        ("smallint", "-32768", json!(-32768)),
        ("mediumint", "-8388608", json!(-8_388_608)),
        ("mediumint unsigned", "16777215", json!(16_777_215)),
        ("int unsigned", "4294967295", json!(4_294_967_295_u32)),
        ("bigint", "-9223372036854775808", json!(i64::MIN)),
        ("bigint unsigned", "18446744073709551615", json!(u64::MAX)),
        ("bit(1)", "b'1'", json!(1)),
        ("bit(12)", "b'100000000001'", json!(2049)),
        ("year", "2024", json!(2024)),
        ("float", "0.1", json!(0.1)),
        ("double", "1e300", json!(1e300)),
        ("decimal(30,10)", "12345678901234567890.5", json!("12345678901234567890.5000000000")),
        ("decimal(6,2)", "-12.50", json!(-12.5)),
        ("date", "'2024-02-29'", json!("2024-02-29")),
        ("datetime", "'2024-02-29 00:00:00'", json!("2024-02-29T00:00:00")),
        ("datetime(6)", "'2024-02-29 01:02:03.000450'", json!("2024-02-29T01:02:03.00045")),
        ("timestamp", "'2024-02-29 12:00:00'", json!("2024-02-29T12:00:00Z")),
        ("time", "'-838:59:59'", json!("-838:59:59")),
        ("time(3)", "'00:00:00.250'", json!("00:00:00.25")),
        ("char(5)", "'ab'", json!("ab")),
        ("varchar(20)", "'grün 😀'", json!("grün 😀")),
        ("varchar(20) collate utf8mb4_bin", "'bin'", json!("bin")),
        ("varchar(20) character set latin1", "'grün'", json!("grün")),
        ("text", "'t'", json!("t")),
        ("longtext", "'t'", json!("t")),
        ("enum('a','b')", "'b'", json!("b")),
        ("set('a','b')", "'a,b'", json!("a,b")),
        ("binary(2)", "x'00ff'", json!("AP8=")),
        ("varbinary(9)", "x'ff'", json!("/w==")),
        ("blob", "x'00'", json!("AA==")),
        ("uuid", "'6f9619ff-8b86-d011-b42d-00c04fc964ff'", json!("6f9619ff-8b86-d011-b42d-00c04fc964ff")),
        ("inet6", "'2001:db8::1'", json!("2001:db8::1")),
        // MariaDB keeps documents as text and does not tell them apart on the wire.
        ("json", "'{\"a\": 1}'", json!("{\"a\": 1}")),
        ("int", "NULL", Json::Null),
    ];
    for (number, (ty, literal, expected)) in cases.iter().enumerate() {
        fixture.run(&format!("CREATE TABLE t{number} (v {ty} NULL)")).await;
        fixture.run(&format!("INSERT INTO t{number} VALUES ({literal})")).await;
        let value = fixture.one(&format!("SELECT v FROM t{number}")).await;
        assert_eq!(value.to_json(), *expected, "{ty} {literal}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zero_dates_are_not_null() {
    let fixture = Fixture::new(Dialect::Mysql).await;
    fixture.run("CREATE TABLE t (d date, t datetime)").await;
    // As an application without strict mode leaves them.
    fixture.run("SET STATEMENT sql_mode = '' FOR INSERT INTO t VALUES ('0000-00-00', '0000-00-00')").await;
    let rows = fixture.fetch("SELECT d, t FROM t", &[]).await.unwrap();
    let shown: Vec<_> = rows[0].iter().map(|(_, value)| value.to_text().unwrap()).collect();
    assert_eq!(shown, ["0000-00-00", "0000-00-00T00:00:00"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_session_is_strict_and_in_utc() {
    let fixture = Fixture::new(Dialect::Mysql).await;
    fixture.run("CREATE TABLE t (h varchar(45), n int)").await;
    let long = text(&"x".repeat(60));
    let error = fixture.write("INSERT INTO t (h) VALUES (?)", &[long]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::ConstraintViolation, "{error}");
    let error = fixture.write("INSERT INTO t (n) VALUES (?)", &[text("wrong-value")]).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::InvalidValue(_)) && !error.to_string().contains("wrong-value"), "{error}");
    assert!(fixture.one("SELECT @@time_zone").await == text("+00:00"));
    assert!(fixture.one("SELECT \"a string\"").await == text("a string"));
    assert!(fixture.one("SELECT 'a\\'b'").await == text("a'b"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn generated_keys_and_returned_rows_are_told() {
    let fixture = Fixture::new(Dialect::Mysql).await;
    fixture.run("CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, v int)").await;
    let inserted = fixture.write("INSERT INTO t (v) VALUES (?)", &[Value::Int(5)]).await.unwrap();
    assert_eq!((inserted.matched, inserted.last_insert_id), (1, Some(1)));
    let updated = fixture.write("UPDATE t SET v = 6", &[]).await.unwrap();
    assert_eq!((updated.matched, updated.last_insert_id), (1, None));
    let returned = fixture.write("INSERT INTO t (v) VALUES (7) RETURNING id, v", &[]).await.unwrap();
    assert_eq!(returned.matched, 1);
    assert!(returned.rows[0].value("id") == Some(&Value::Int(2)));
}
