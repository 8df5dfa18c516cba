//! Properties of everything that reads what others write: SQL, request bodies, proxies' headers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[path = "fuzz/hostile.rs"]
mod hostile;

use std::collections::BTreeMap;
use std::net::IpAddr;

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use sea_orm::sqlx::{self, Connection, Either, Executor, SqlSafeStr, Statement as _};
use userbridge::access::{Network, TrustedProxies};
use userbridge::action::Action;
use userbridge::protocol::Native;
use userbridge::sql::{Dialect, Input, Scope, Statement, Use};

use crate::servers;

fn compile(dialect: Dialect, sql: &str) -> Option<Statement> {
    let (configuration, identifiers) = (serde_json::Map::new(), BTreeMap::new());
    let scope = Scope {
        source: sql,
        dialect,
        used: Use::Read,
        action: "login",
        inputs: &[("identifier", Input::Identifier)],
        configuration: &configuration,
        identifiers: &identifiers,
        steps: &[],
        row: false,
    };
    let statement = Statement::compile(&scope).ok()?;
    // It reads the same text again, with its own idea of what an operand is.
    statement.comparisons();
    Some(statement)
}

/// Pieces of a SELECT list: what databases read as text, comment or name, each by rules of its own.
const PIECES: [&str; 26] = [
    "CAST({{ identifier }} AS CHAR(9))",
    "CAST({{ identifier }} AS CHAR(8))",
    "COALESCE(CAST({{ identifier }} AS CHAR(7)), 'x')",
    "1",
    "'a'",
    "'it''s'",
    "'\\'",
    "'\\''",
    "E'\\''",
    "'a' 'b'",
    "$$x$$",
    "$t$ ' $t$",
    "\"q\"",
    "'\"'",
    "\"'\"",
    "`q`",
    "U&'x'",
    "X'41'",
    "1 -- c '\n",
    "1 --c\n",
    "1 # c '\n",
    "/* c ' */ 1",
    "/* /* c */ */ 1",
    "2 -1",
    "'{{ identifier }}'",
    "1 /*! , 2 */",
];

/// How many parameters a database sees in a text; None when it refuses it.
struct Judges {
    runtime: tokio::runtime::Runtime,
    postgres: tokio_postgres::Client,
    mysql: sqlx::MySqlConnection,
    sqlite: rusqlite::Connection,
}

impl Judges {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let postgres = runtime.block_on(async {
            let (client, connection) =
                tokio_postgres::connect(&servers::postgres(), tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        });
        let mysql = runtime.block_on(sqlx::MySqlConnection::connect(&servers::mysql())).unwrap();
        Self { runtime, postgres, mysql, sqlite: rusqlite::Connection::open_in_memory().unwrap() }
    }

    fn parameters(&mut self, dialect: Dialect, text: &str) -> Option<usize> {
        match dialect {
            Dialect::Postgres => {
                self.runtime.block_on(self.postgres.prepare(text)).ok().map(|statement| statement.params().len())
            }
            Dialect::Mysql => {
                let text = sqlx::AssertSqlSafe(text.to_owned()).into_sql_str();
                let statement = self.runtime.block_on((&mut self.mysql).prepare(text)).ok()?;
                match statement.parameters() {
                    Some(Either::Right(count)) => Some(count),
                    _ => None,
                }
            }
            Dialect::Sqlite => self.sqlite.prepare(text).ok().map(|statement| statement.parameter_count()),
        }
    }
}

#[test]
fn accepted_sql_prepares_with_the_same_number_of_parameters() {
    let mut judges = Judges::new();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let lists = prop::collection::vec(prop::sample::select(&PIECES[..]), 1..6);
    let mut prepared = BTreeMap::new();
    for _ in 0..1500 {
        let list = lists.new_tree(&mut runner).unwrap().current();
        let sql = format!("SELECT {}", list.join(", "));
        for dialect in Dialect::ALL {
            let Some(statement) = compile(dialect, &sql) else { continue };
            if let Some(count) = judges.parameters(dialect, &statement.text) {
                assert_eq!(count, statement.parameters.len(), "{dialect}: {}", statement.text);
                *prepared.entry(dialect.as_str()).or_insert(0) += 1;
            }
        }
    }
    assert!(prepared.len() == 3 && prepared.values().all(|count| *count > 100), "{prepared:?}");
    // The control: a placeholder in a text is seen by us and not by the database.
    assert_eq!(judges.parameters(Dialect::Postgres, "SELECT '$1', CAST($1 AS text)"), Some(1));
    assert!(compile(Dialect::Postgres, "SELECT '{{ identifier }}'").is_none());
}

/// The model: from the right, skip trusted hops; the first other one is the client, the leftmost when all are trusted.
fn model(peer: IpAddr, hops: &[&str]) -> Option<IpAddr> {
    let trusted = |address: IpAddr| address.to_canonical().to_string().starts_with("10.");
    let mut nearest = peer.to_canonical();
    for (index, hop) in hops.iter().rev().enumerate() {
        if !trusted(nearest) {
            return Some(nearest);
        }
        if index == 16 {
            return None;
        }
        nearest = hop.trim().parse::<IpAddr>().ok()?.to_canonical();
    }
    Some(nearest)
}

const HOPS: [&str; 10] = [
    "10.0.0.1",
    "10.9.9.9",
    "192.0.2.7",
    "::ffff:10.0.0.3",
    "::ffff:192.0.2.1",
    "2001:db8::1",
    "",
    "x",
    "10.0.0",
    " 10.0.0.5 ",
];

fn pairs() -> impl Strategy<Value = Vec<(String, u8)>> {
    let names = prop::sample::select(vec!["identifier", "password", "context", "x"]);
    prop::collection::vec((names.prop_map(str::to_owned), 0_u8..6), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_statement_compiler_panic(sql in "\\PC{0,80}", tail in "[ -~\\n]{0,60}") {
        for dialect in Dialect::ALL {
            compile(dialect, &sql);
            compile(dialect, &format!("SELECT a FROM t WHERE {sql} = {{{{ identifier }}}} {tail}"));
            compile(dialect, &format!("SELECT {tail} FROM t WHERE ({tail}) = ({{{{ identifier }}}})"));
        }
    }

    #[test]
    fn addresses_behind_proxies_are_those_of_a_model(
        peer in prop::sample::select(vec!["10.0.0.7", "::ffff:10.0.0.7", "192.0.2.9"]),
        hops in prop::collection::vec(prop::sample::select(&HOPS[..]), 1..20),
        split in 0_usize..20,
    ) {
        let peer: IpAddr = peer.parse().unwrap();
        let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse::<Network>().unwrap()]).unwrap();
        let mut headers = HeaderMap::new();
        let (first, second) = hops.split_at(split.min(hops.len()));
        for line in [first, second].into_iter().filter(|line| !line.is_empty()) {
            headers.append("x-forwarded-for", HeaderValue::from_str(&line.join(",")).unwrap());
        }
        prop_assert_eq!(proxies.client_address(peer, &headers).ok(), model(peer, &hops));
    }

    #[test]
    fn no_body_makes_the_decoder_panic_and_doubled_members_are_refused(
        pairs in pairs(),
        garbage in prop::collection::vec(any::<u8>(), 0..60),
        cut in 0_usize..200,
    ) {
        let values = ["\"a\"", "1", "null", "[]", "{}", "\"\\u0000\""];
        let members: Vec<String> =
            pairs.iter().map(|(name, value)| format!("\"{name}\": {}", values[usize::from(*value)])).collect();
        let body = format!("{{{}}}", members.join(", "));
        let decode = |body: &[u8]| Native::request(Action::Login, body);
        let decoded = decode(body.as_bytes());
        let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let doubled = names.windows(2).any(|pair| pair[0] == pair[1]);
        let right = |name: &str| pairs.iter().any(|(other, value)| other == name && *value == 0);
        // A password may hold any character; a name with NUL is nobody's.
        let any_text = pairs.iter().any(|(name, value)| name == "password" && [0, 5].contains(value));
        let texts = right("identifier") && any_text;
        let other = pairs.iter().any(|(name, value)| name == "x" || (name == "context" && *value != 4 && *value != 2));
        if doubled || !texts || names.contains(&"x") {
            prop_assert!(decoded.is_err(), "{}", body);
        } else if !other {
            prop_assert!(decoded.is_ok() || names.contains(&"context"), "{}", body);
        }
        prop_assert!(decode(&body.as_bytes()[..cut.min(body.len() - 1)]).is_err());
        let trailing = [body.as_bytes(), b"}", &garbage].concat();
        prop_assert!(decode(&trailing).is_err());
        let _ = decode(&garbage);
    }
}
