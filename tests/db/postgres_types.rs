//! PostgreSQL's types, in both directions.

use serde_json::{Value as Json, json};
use userbridge::db::{ErrorKind, ParameterType, Query, Value};
use userbridge::sql::Dialect;

use super::{Fixture, soon, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_type_is_decoded() {
    let fixture = Fixture::new(Dialect::Postgres).await;
    types(&fixture).await;
    let max = "123456789012345678901234567890.123456789";
    let cases: &[(&str, Json)] = &[
        ("true", json!(true)),
        ("'-32768'::int2", json!(-32768)),
        ("9223372036854775807", json!(i64::MAX)),
        ("4294967295::oid", json!(4_294_967_295_u32)),
        ("0.1::float4", json!(0.1)),
        ("0.1::float8", json!(0.1)),
        ("'NaN'::float8", json!("NaN")),
        ("12.50::numeric", json!(12.5)),
        (max, json!(max)),
        ("'-0.00012'::numeric", json!(-0.00012)),
        ("10000::numeric", json!(10000)),
        ("100000000.0001::numeric", json!(100_000_000.000_1)),
        ("'NaN'::numeric", json!("NaN")),
        ("'Infinity'::numeric", json!("Infinity")),
        ("0::numeric(10,2)", json!(0)),
        ("'-12.34'::money", json!(-12.34)),
        ("'grün'::text", json!("grün")),
        ("'ab'::char(4)", json!("ab  ")),
        ("'n'::name", json!("n")),
        ("'c'::\"char\"", json!("c")),
        ("'Ann'::citext", json!("Ann")),
        ("'happy'::mood", json!("happy")),
        ("'ann@x'::email", json!("ann@x")),
        ("'<a/>'::xml", json!("<a/>")),
        ("'\\xdead'::bytea", json!("3q0=")),
        ("'6f9619ff-8b86-d011-b42d-00c04fc964ff'::uuid", json!("6f9619ff-8b86-d011-b42d-00c04fc964ff")),
        ("'{\"b\":1,\"a\":[2]}'::json", json!({"b": 1, "a": [2]})),
        ("'{\"b\":1,\"a\":[2]}'::jsonb", json!({"b": 1, "a": [2]})),
        ("'2024-02-29 12:00:00.5'::timestamp", json!("2024-02-29T12:00:00.5")),
        ("'2024-02-29 12:00:00+02'::timestamptz", json!("2024-02-29T10:00:00Z")),
        ("'1999-12-31 23:59:59.999999Z'::timestamptz", json!("1999-12-31T23:59:59.999999Z")),
        ("'infinity'::timestamptz", json!("infinity")),
        ("'2024-02-29'::date", json!("2024-02-29")),
        ("'-infinity'::date", json!("-infinity")),
        ("'24:00:00'::time", json!("24:00:00")),
        ("'10:00:00.25-03:30'::timetz", json!("10:00:00.25-03:30")),
        ("'1 year 2 months 3 days 4 hours 5.5 seconds'::interval", json!("P1Y2M3DT4H5.5S")),
        ("'-1 day -00:00:01'::interval", json!("P-1DT-1S")),
        ("'0'::interval", json!("PT0S")),
        ("'10.0.0.1'::inet", json!("10.0.0.1")),
        ("'10.0.0.0/8'::cidr", json!("10.0.0.0/8")),
        ("'10.0.0.1/32'::cidr", json!("10.0.0.1/32")),
        ("'2001:db8::1/64'::inet", json!("2001:db8::1/64")),
        ("'08:00:2b:01:02:03'::macaddr", json!("08:00:2b:01:02:03")),
        ("'08:00:2b:01:02:03:04:05'::macaddr8", json!("08:00:2b:01:02:03:04:05")),
        ("point(1.5,-2)", json!("(1.5,-2)")),
        ("B'101'", json!("101")),
        ("'10110011101'::varbit", json!("10110011101")),
        ("'a=>1,b=>NULL'::hstore", json!({"a": "1", "b": null})),
        ("ARRAY[[1,2],[3,NULL]]", json!([[1, 2], [3, null]])),
        ("'{}'::text[]", json!([])),
        ("ARRAY['happy']::mood[]", json!(["happy"])),
        ("ARRAY[1.50]::numeric[]", json!([1.5])),
        ("NULL::mood", Json::Null),
        ("'x'", json!("x")),
    ];
    for (sql, expected) in cases {
        let value = fixture.one(&format!("SELECT {sql} AS v")).await;
        assert_eq!(value.to_json(), *expected, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_without_a_decoder_is_named_with_its_remedy() {
    let fixture = Fixture::new(Dialect::Postgres).await;
    let error = fixture.fetch("SELECT int4range(1, 2) AS span", &[]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Misconfigured);
    assert!(error.message.contains("\"span\" of type int4range"), "{error}");
    assert!(error.message.contains("CAST(span AS text)"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_have_the_column_s_type() {
    let fixture = Fixture::new(Dialect::Postgres).await;
    types(&fixture).await;
    let cases: &[(&str, Value, Value)] = &[
        ("int2", text("42"), Value::Int(42)),
        ("int4", Value::Float(3.0), Value::Int(3)),
        ("int8", Value::Int(1 << 40), Value::Int(1 << 40)),
        ("float4", text("1.5"), Value::Float(1.5)),
        ("float8", Value::Int(2), Value::Float(2.0)),
        ("numeric", Value::Float(0.1), Value::Decimal("0.1".to_owned())),
        ("numeric(30,5)", text("1234567890123456789.5"), Value::Decimal("1234567890123456789.50000".to_owned())),
        ("money", text("12.34"), Value::Decimal("12.34".to_owned())),
        ("bool", text("true"), Value::Bool(true)),
        ("bool", Value::Int(0), Value::Bool(false)),
        ("text", Value::Int(7), text("7")),
        ("varchar(9)", Value::Bool(true), text("true")),
        ("char(3)", text("ab"), text("ab ")),
        ("name", text("n"), text("n")),
        ("citext", text("Ann"), text("Ann")),
        ("mood", text("happy"), text("happy")),
        ("email", text("ann@x"), text("ann@x")),
        ("positive", Value::Int(5), Value::Int(5)),
        ("uuid", text("6F9619FF-8B86-D011-B42D-00C04FC964FF"), text("6f9619ff-8b86-d011-b42d-00c04fc964ff")),
        ("timestamp", text("2024-02-29T01:02:03.5"), text("2024-02-29T01:02:03.5")),
        ("timestamptz", text("2024-02-29T01:02:03+01:00"), text("2024-02-29T00:02:03Z")),
        ("timestamptz", text("2024-02-29 01:02:03"), text("2024-02-29T01:02:03Z")),
        ("date", text("1969-07-20"), text("1969-07-20")),
        ("time", text("23:59:59.5"), text("23:59:59.5")),
        ("timetz", text("10:00:00+01"), text("10:00:00+01:00")),
        ("interval", text("90 minutes"), text("PT1H30M")),
        ("json", text("[1]"), Value::Json(json!([1]))),
        ("jsonb", Value::Json(json!({"a": null})), Value::Json(json!({"a": null}))),
        ("jsonb", Value::Int(5), Value::Json(json!(5))),
        ("bytea", Value::Bytes(vec![0, 255]), Value::Bytes(vec![0, 255])),
        ("bytea", text("ab"), Value::Bytes(b"ab".to_vec())),
        ("inet", text("10.0.0.1"), text("10.0.0.1")),
        ("text[]", Value::Json(json!(["a\"b", null, "c,d"])), Value::Json(json!(["a\"b", null, "c,d"]))),
        ("int4[]", Value::Json(json!([[1], [2]])), Value::Json(json!([[1], [2]]))),
        ("mood[]", Value::Json(json!(["happy"])), Value::Json(json!(["happy"]))),
        ("xml", text("<a/>"), text("<a/>")),
        ("bit(3)", text("101"), text("101")),
    ];
    for (number, (ty, given, expected)) in cases.iter().enumerate() {
        fixture.run(&format!("CREATE TABLE t{number} (v {ty})")).await;
        fixture
            .write(&format!("INSERT INTO t{number} VALUES ($1)"), std::slice::from_ref(given))
            .await
            .unwrap_or_else(|e| panic!("{ty}: {e}"));
        let value = fixture.one(&format!("SELECT v FROM t{number}")).await;
        assert!(value == *expected, "{ty}: {:?}", value.to_text());
        fixture
            .write(&format!("UPDATE t{number} SET v = $1"), &[Value::Null])
            .await
            .unwrap_or_else(|e| panic!("{ty}: {e}"));
        assert!(fixture.one(&format!("SELECT v FROM t{number}")).await == Value::Null, "{ty}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_do_not_fit_are_blamed_by_number_and_not_shown() {
    let fixture = Fixture::new(Dialect::Postgres).await;
    types(&fixture).await;
    fixture.run("CREATE TABLE t (a int2, b uuid, c mood, d inet, e numeric, f text, g date, h varchar(3))").await;
    for (index, column, value) in [
        (0, 'a', Value::Int(40_000)),
        (0, 'a', Value::Float(1.5)),
        (1, 'b', text("wrong-value")),
        (2, 'c', text("wrong-value")),
        (3, 'd', text("wrong-value")),
        (4, 'e', text("wrong-value")),
        (5, 'f', text("wrong\0value")),
        (6, 'g', text("2023-02-29")),
    ] {
        let mut arguments = vec![Value::Null; 8];
        arguments[index] = value;
        let error =
            fixture.write("INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", &arguments).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidValue(Some(index)), "{column}: {error}");
        assert!(!error.to_string().contains("wrong-value"), "{error}");
    }
    let mut arguments = vec![Value::Null; 8];
    arguments[7] = text("long");
    let error = fixture.write("INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", &arguments).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::ConstraintViolation, "{error}");
    assert!(fixture.one("SELECT count(*) FROM t").await == Value::Int(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_insensitive_column_is_compared_case_insensitively() {
    let fixture = Fixture::new(Dialect::Postgres).await;
    types(&fixture).await;
    fixture.run("CREATE TABLE u (name citext PRIMARY KEY)").await;
    fixture.run("INSERT INTO u VALUES ('Bob')").await;
    let query = Query::new("SELECT count(*) AS n FROM u WHERE name = $1", 1);
    let description = fixture.database.prepare(&query, soon()).await.unwrap();
    assert_eq!(description.parameters, [ParameterType::Named("citext".to_owned())]);
    let rows = fixture.database.fetch(&query, &[text("bob")], soon()).await.unwrap();
    assert!(rows[0].value("n") == Some(&Value::Int(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parameter_without_a_type_asks_for_a_cast() {
    let fixture = Fixture::with_users(Dialect::Postgres).await;
    let query = Query::new("SELECT id FROM users WHERE $1 IS NULL", 1);
    let error = fixture.database.prepare(&query, soon()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Misconfigured);
    assert!(error.message.contains("cast"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_statements_than_a_connection_keeps_are_served() {
    let fixture = Fixture::new(Dialect::Postgres).await;
    let queries: Vec<_> = (0..300).map(|n| Query::new(format!("SELECT {n} AS n"), 0)).collect();
    for _ in 0..2 {
        for (n, query) in (0..).zip(&queries) {
            let rows = fixture.database.fetch(query, &[], soon()).await.unwrap();
            assert!(rows[0].value("n") == Some(&Value::Int(n)));
        }
    }
}

async fn types(fixture: &Fixture) {
    fixture.run("CREATE EXTENSION citext").await;
    fixture.run("CREATE EXTENSION hstore").await;
    fixture.run("CREATE TYPE mood AS ENUM ('happy', 'sad')").await;
    fixture.run("CREATE DOMAIN email AS varchar(50) CHECK (value LIKE '%@%')").await;
    fixture.run("CREATE DOMAIN positive AS integer CHECK (value > 0)").await;
}
