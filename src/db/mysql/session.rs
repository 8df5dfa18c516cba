//! One connection to MySQL or MariaDB: how it is made, its session's settings, how statements run on it.
//!
//! Invariant: dropping a session closes its socket without further I/O.

use std::sync::Arc;

use futures_util::TryStreamExt;
use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sea_orm::sqlx::{
    self, AssertSqlSafe, Column as _, ConnectOptions, Connection, Either, Executor, Row as _, SqlSafeStr, Statement,
    TypeInfo,
};

use super::bind::bind;
use super::decode::decode;
use super::error::{Context, connecting, failure};
use crate::db::failure::Failure;
use crate::db::pool::{Control, Exclusive};
use crate::db::url::{Address, Server, TlsMode};
use crate::db::{Column, Config, Description, Effect, Error, ErrorKind, ParameterType, Query, Value};

/// How many prepared statements one connection keeps.
const CACHED_STATEMENTS: usize = 256;

/// How many rows beyond [`Query::rows`] are read and discarded before closing the connection is cheaper.
const MAX_DISCARDED_ROWS: usize = 10_000;

/// Values that do not fit are refused, not bent. Nothing here changes how a statement's text is read.
const SQL_MODE: &str = "STRICT_ALL_TABLES,STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION";

/// What is needed to make a session.
pub(super) struct Source {
    server: Server,
    role: Role,
    options: MySqlConnectOptions,
    statement_milliseconds: u128,
    lock_seconds: u64,
}

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Single reads; it cannot write.
    Reader,
    /// Transactions.
    Writer,
}

impl Source {
    pub fn new(server: &Server, config: &Config, role: Role) -> Self {
        Self {
            server: server.clone(),
            role,
            options: driver_options(server),
            statement_milliseconds: config.statement_timeout().as_millis().max(1),
            // The server counts whole seconds.
            lock_seconds: config.lock_timeout().as_secs().max(1),
        }
    }

    fn settings(&self, mariadb: bool) -> String {
        let limit = self.statement_milliseconds;
        let limit = if mariadb {
            format!("max_statement_time = {}.{:03}", limit / 1000, limit % 1000)
        } else {
            format!("max_execution_time = {limit}")
        };
        format!(
            "SET SESSION sql_mode = '{SQL_MODE}', time_zone = '+00:00', innodb_lock_wait_timeout = {}, {limit}",
            self.lock_seconds
        )
    }
}

fn driver_options(server: &Server) -> MySqlConnectOptions {
    let mut options = MySqlConnectOptions::new()
        .username(&server.user)
        .charset("utf8mb4")
        .statement_cache_capacity(CACHED_STATEMENTS)
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .ssl_mode(match server.tls.mode {
            TlsMode::Disable => MySqlSslMode::Disabled,
            TlsMode::Require => MySqlSslMode::Required,
            TlsMode::VerifyCa => MySqlSslMode::VerifyCa,
            TlsMode::VerifyFull => MySqlSslMode::VerifyIdentity,
        })
        .disable_statement_logging();
    options = match &server.address {
        Address::Tcp { host, port } => options.host(host).port(*port),
        Address::Socket { path, .. } => options.socket(path),
    };
    if let Some(path) = &server.tls.root_certificate {
        options = options.ssl_ca(path);
    }
    if let Some(password) = &server.password {
        options = options.password(&String::from_utf8_lossy(password.expose()));
    }
    match &server.database {
        Some(database) => options.database(database),
        None => options,
    }
}

/// One connection.
pub(super) struct Session {
    connection: MySqlConnection,
    role: Role,
}

impl Session {
    /// Runs one statement and reads its answer to the end.
    pub async fn run(&mut self, query: &Query, arguments: &[Value]) -> Result<Effect, Failure> {
        let context = Context { text: query.text(), arguments };
        let sort = |error| failure(error, &context);
        let statement = sqlx::query_with(AssertSqlSafe(query.shared_text()), bind(arguments)?);
        let mut stream = self.connection.fetch_many(statement);
        let mut effect = Effect::default();
        let mut rows_read = 0;
        let mut columns: Option<Arc<[Column]>> = None;
        let mut undecoded = None;
        while let Some(step) = stream.try_next().await.map_err(sort)? {
            let row = match step {
                Either::Left(done) => {
                    effect.matched += done.rows_affected();
                    effect.last_insert_id =
                        i64::try_from(done.last_insert_id()).ok().filter(|id| *id != 0).or(effect.last_insert_id);
                    continue;
                }
                Either::Right(row) => row,
            };
            rows_read += 1;
            if effect.rows.len() == query.rows() || undecoded.is_some() {
                if rows_read > query.rows() + MAX_DISCARDED_ROWS {
                    return Err(Failure::broken(too_many()));
                }
                continue;
            }
            let columns = columns.get_or_insert_with(|| remember(query, row.columns())).clone();
            match Description::check_names(&columns).and_then(|()| decode(&row, columns)) {
                Ok(row) => effect.rows.push(row),
                Err(error) => undecoded = Some(error),
            }
        }
        if let Some(error) = undecoded {
            return Err(Failure::clean(error));
        }
        if effect.matched == 0 {
            effect.matched = rows_read as u64;
        }
        Ok(effect)
    }

    /// The connection itself, for looking at the server's catalogues.
    pub fn connection(&mut self) -> &mut MySqlConnection {
        &mut self.connection
    }

    /// Prepares a statement without running it.
    pub async fn describe(&mut self, query: &Query) -> Result<Description, Failure> {
        let description = self.describe_loosely(query).await?;
        Description::check_names(&description.columns)?;
        Ok(description)
    }

    /// As [`Self::describe`]; two columns may have one name.
    pub async fn describe_loosely(&mut self, query: &Query) -> Result<Description, Failure> {
        let context = Context { text: query.text(), arguments: &[] };
        let text = AssertSqlSafe(query.shared_text()).into_sql_str();
        let statement = self.connection.prepare(text).await.map_err(|error| failure(error, &context))?;
        let count = match statement.parameters() {
            Some(Either::Left(types)) => types.len(),
            Some(Either::Right(count)) => count,
            None => query.parameters(),
        };
        if count != query.parameters() {
            return Err(Failure::clean(Error::new(
                ErrorKind::Misconfigured,
                format!("the server counts {count} placeholders, expected {}", query.parameters()),
            )));
        }
        let columns = described(statement.columns());
        Ok(Description { parameters: vec![ParameterType::Any; count], columns })
    }

    /// Asks the server for a sign of life.
    pub async fn ping(&mut self) -> Result<(), Failure> {
        self.connection.ping().await.map_err(|error| failure(error, &Context::default()))
    }

    async fn command(&mut self, text: &'static str) -> Result<(), Failure> {
        let answer = self.connection.execute(text).await;
        answer.map(|_| ()).map_err(|error| failure(error, &Context::default()))
    }
}

impl Exclusive for Session {
    type Source = Source;

    async fn connect(source: &Source) -> Result<Self, Error> {
        let refused = |error| connecting(&source.server, error);
        let mut connection = source.options.connect().await.map_err(refused)?;
        let version: String =
            sqlx::query_scalar("SELECT VERSION()").fetch_one(&mut connection).await.map_err(refused)?;
        let settings = source.settings(version.contains("MariaDB"));
        connection.execute(AssertSqlSafe(settings)).await.map_err(refused)?;
        if source.role == Role::Reader {
            connection.execute("SET SESSION TRANSACTION READ ONLY").await.map_err(refused)?;
        }
        Ok(Self { connection, role: source.role })
    }

    async fn control(&mut self, verb: Control) -> Result<(), Failure> {
        debug_assert_eq!(self.role, Role::Writer);
        self.command(match verb {
            Control::Begin => "START TRANSACTION",
            Control::Commit => "COMMIT",
            Control::Rollback => "ROLLBACK",
        })
        .await
    }

    async fn execute<'a>(&'a mut self, query: &'a Query, arguments: &'a [Value]) -> Result<Effect, Failure> {
        self.run(query, arguments).await
    }

    fn abandon(self) {
        // The server ends the statement at its own time limit, a little before ours.
        drop(self.connection);
    }
}

fn described(columns: &[sqlx::mysql::MySqlColumn]) -> Arc<[Column]> {
    let column = |c: &sqlx::mysql::MySqlColumn| Column {
        name: c.name().to_owned(),
        type_name: c.type_info().name().to_ascii_lowercase(),
    };
    columns.iter().map(column).collect()
}

/// The result's columns; those of an earlier run when they are the same.
fn remember(query: &Query, present: &[sqlx::mysql::MySqlColumn]) -> Arc<[Column]> {
    let same = |column: &Column, now: &sqlx::mysql::MySqlColumn| {
        column.name == now.name() && column.type_name.eq_ignore_ascii_case(now.type_info().name())
    };
    match query.description() {
        Some(known)
            if known.columns.len() == present.len()
                && known.columns.iter().zip(present).all(|(column, now)| same(column, now)) =>
        {
            Arc::clone(&known.columns)
        }
        _ => {
            let columns = described(present);
            let parameters = vec![ParameterType::Any; query.parameters()];
            query.describe(Description { parameters, columns: Arc::clone(&columns) });
            columns
        }
    }
}

fn too_many() -> Error {
    Error::new(
        ErrorKind::Misconfigured,
        format!("the statement returned more than {MAX_DISCARDED_ROWS} rows, expected one: add a WHERE that names it"),
    )
}
