//! Databases, through the trait that the rest of the gateway sees.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod cancellation;
mod contract;
mod faults;
mod mysql_types;
mod postgres_types;
mod slow_reads;
mod sqlite;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sea_orm::sqlx::{self, AssertSqlSafe, Connection, Executor};
use tokio::time::Instant;
use userbridge::db::{Config, Database, Effect, Error, Query, Row, Value, open};
use userbridge::sql::Dialect;

use crate::servers;

/// A database of its own for one test.
pub struct Fixture {
    pub database: Arc<dyn Database>,
    pub url: String,
    _folder: Option<tempfile::TempDir>,
}

impl Fixture {
    pub async fn new(dialect: Dialect) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ub_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let (url, folder) = match dialect {
            Dialect::Postgres => {
                postgres_admin(&format!("CREATE DATABASE {name}")).await;
                (with_database(&servers::postgres(), &name), None)
            }
            Dialect::Mysql => {
                mysql_admin(&format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")).await;
                (with_database(&servers::mysql(), &name), None)
            }
            Dialect::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                (format!("sqlite:{}?mode=rwc", folder.path().join("users.db").display()), Some(folder))
            }
        };
        let database = connect(&url, 6, Duration::from_secs(5));
        Self { database, url, _folder: folder }
    }

    /// A database with the table that most tests use.
    pub async fn with_users(dialect: Dialect) -> Self {
        let fixture = Self::new(dialect).await;
        fixture.run("CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(100) NOT NULL UNIQUE, n INTEGER)").await;
        fixture.run("INSERT INTO users VALUES (1, 'ann@example.com', 1), (2, 'bob@example.com', 2)").await;
        fixture
    }

    /// Runs one statement and commits it.
    pub async fn run(&self, sql: &str) {
        let mut transaction = self.database.begin(soon()).await.unwrap();
        transaction.execute(&Query::new(sql, 0), &[]).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        transaction.commit().await.unwrap();
    }

    /// Runs one statement in a transaction that is committed when the statement succeeded.
    pub async fn write(&self, sql: &str, arguments: &[Value]) -> Result<Effect, Error> {
        write(&*self.database, sql, arguments).await
    }

    /// Reads with a statement of its own.
    pub async fn fetch(&self, sql: &str, arguments: &[Value]) -> Result<Vec<Row>, Error> {
        self.database.fetch(&Query::new(sql, arguments.len()), arguments, soon()).await
    }

    /// The only column of the only row.
    pub async fn one(&self, sql: &str) -> Value {
        let rows = self.fetch(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(rows.len(), 1, "{sql}");
        rows[0].iter().next().unwrap().1.clone()
    }

    /// The native placeholder of the `number`th parameter.
    pub fn placeholder(&self, number: usize) -> String {
        let mut text = String::new();
        self.database.dialect().push_placeholder(&mut text, number);
        text
    }
}

pub async fn write(database: &dyn Database, sql: &str, arguments: &[Value]) -> Result<Effect, Error> {
    let mut transaction = database.begin(soon()).await?;
    let effect = transaction.execute(&Query::new(sql, arguments.len()), arguments).await?;
    transaction.commit().await?;
    Ok(effect)
}

pub fn connect(url: &str, connections: u32, timeout: Duration) -> Arc<dyn Database> {
    open(&Config::parse(url, connections, timeout).unwrap()).unwrap()
}

pub fn soon() -> Instant {
    Instant::now() + Duration::from_secs(4)
}

pub fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

pub async fn postgres_admin(sql: &str) {
    let (client, connection) = tokio_postgres::connect(&servers::postgres(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
}

pub async fn mysql_admin(sql: &str) {
    let mut connection = sqlx::MySqlConnection::connect(&servers::mysql()).await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
}

fn with_database(url: &str, name: &str) -> String {
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}
