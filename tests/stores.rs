//! User stores for tests: a database of one's own on each kind of server, filled by scripts.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sea_orm::sqlx::{self, AssertSqlSafe, Connection, Executor};
use serde_json::Value as Json;
use tokio::runtime::Runtime;
use tokio::time::Instant;
use userbridge::db::{Config, Database, Query, Row, Value, open};
use userbridge::sql::Dialect;

use crate::servers;

/// A database that nobody else uses.
pub struct Store {
    pub dialect: Dialect,
    /// Where it is, as a definition says it.
    pub url: String,
    database: Arc<dyn Database>,
    runtime: Runtime,
    _folder: Option<tempfile::TempDir>,
}

impl Store {
    /// An empty database. MySQL compares texts byte by byte in it, as the other two do.
    pub fn new(dialect: Dialect) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ub_store_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (url, folder) = match dialect {
            Dialect::Postgres => {
                runtime.block_on(postgres(&servers::postgres(), &format!("CREATE DATABASE {name}")));
                (with_database(&servers::postgres(), &name), None)
            }
            Dialect::Mysql => {
                let sql = format!("CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin");
                runtime.block_on(mysql(&servers::mysql(), &sql));
                (with_database(&servers::mysql(), &name), None)
            }
            Dialect::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("users.db");
                std::fs::write(&path, "").unwrap();
                (format!("sqlite:{}", path.display()), Some(folder))
            }
        };
        let database = open(&Config::parse(&url, 2, Duration::from_secs(20)).unwrap()).unwrap();
        Self { dialect, url, database, runtime, _folder: folder }
    }

    /// The kind of database in one word.
    pub fn name(&self) -> &'static str {
        match self.dialect {
            Dialect::Postgres => "postgres",
            Dialect::Mysql => "mysql",
            Dialect::Sqlite => "sqlite",
        }
    }

    /// Runs a script of several statements.
    #[track_caller]
    pub fn script(&self, sql: &str) {
        match self.dialect {
            Dialect::Postgres => self.runtime.block_on(postgres(&self.url, sql)),
            Dialect::Mysql => self.runtime.block_on(mysql(&self.url, sql)),
            Dialect::Sqlite => {
                let file = self.url.strip_prefix("sqlite:").unwrap();
                rusqlite::Connection::open(file).unwrap().execute_batch(sql).unwrap();
            }
        }
    }

    /// Runs one statement with these values, which stand in it as `?`.
    #[track_caller]
    pub fn run(&self, sql: &str, values: &[Value]) {
        let query = self.query(sql, values.len());
        let work = async {
            let mut transaction = self.database.begin(soon()).await?;
            transaction.execute(&query, values).await?;
            transaction.commit().await
        };
        self.runtime.block_on(work).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The rows of a SELECT, at most two.
    #[track_caller]
    pub fn rows(&self, sql: &str, values: &[Value]) -> Vec<Row> {
        let query = self.query(sql, values.len());
        let fetched = self.runtime.block_on(self.database.fetch(&query, values, soon()));
        fetched.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The only value of the only row.
    #[track_caller]
    pub fn one(&self, sql: &str, values: &[Value]) -> Json {
        let rows = self.rows(sql, values);
        assert_eq!(rows.len(), 1, "{sql}");
        rows[0].iter().next().unwrap().1.to_json()
    }

    fn query(&self, sql: &str, count: usize) -> Query {
        let mut pieces = sql.split('?');
        let mut text = pieces.next().unwrap().to_owned();
        for (index, piece) in pieces.enumerate() {
            self.dialect.push_placeholder(&mut text, index + 1);
            text.push_str(piece);
        }
        Query::new(text, count)
    }
}

/// A text to bind.
pub fn text(value: impl Into<String>) -> Value {
    Value::Text(value.into())
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

async fn postgres(url: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    drop(client);
    driver.await.unwrap().unwrap();
}

async fn mysql(url: &str, sql: &str) {
    let mut connection = sqlx::MySqlConnection::connect(url).await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    connection.close().await.unwrap();
}

fn with_database(url: &str, name: &str) -> String {
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}
