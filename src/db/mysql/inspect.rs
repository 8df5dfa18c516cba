//! Looking at MySQL and MariaDB: PREPARE and EXPLAIN, and `information_schema`.
//!
//! Invariant: what is explained runs in a transaction that is rolled back, read-only for statements that read, since
//! these servers may call a function while they plan. Names go into catalogue queries as parameters.

use sea_orm::sqlx::mysql::{MySqlConnection, MySqlRow};
use sea_orm::sqlx::{self, AssertSqlSafe, Executor, Row as _, ValueRef};

use super::bind::bind;
use super::catalog;
use super::error::{Context, failure};
use super::session::{Role, Session, Source};
use crate::db::inspect::{
    Access, Account, Described, Function, Inspector, Mode, Plan, Refusal, Scan, Server, Subject, Table,
};
use crate::db::pool::Exclusive;
use crate::db::url;
use crate::db::{BoxFuture, Config, Error, ErrorKind, Query, Value};
use crate::secret::Secret;

/// Connects for looking. A session that may only read refuses even to prepare a statement that writes.
pub(in crate::db) async fn inspect(server: &url::Server, config: &Config) -> Result<Box<dyn Inspector>, Error> {
    let session = Session::connect(&Source::new(server, config, Role::Writer)).await?;
    Ok(Box::new(Looking { session }))
}

pub(super) struct Looking {
    session: Session,
}

impl Looking {
    pub fn connection(&mut self) -> &mut MySqlConnection {
        self.session.connection()
    }

    /// Rows of a catalogue query.
    pub async fn rows(&mut self, text: &str, parameters: &[&str]) -> Result<Vec<MySqlRow>, Error> {
        let query = sqlx::query(AssertSqlSafe(text.to_owned()));
        let query = parameters.iter().fold(query, |query, value| query.bind((*value).to_owned()));
        query.fetch_all(self.connection()).await.map_err(|error| sorted(error, text))
    }

    /// The only row of a catalogue query, as texts.
    pub async fn row(&mut self, text: &str) -> Result<Vec<Option<String>>, Error> {
        let rows = self.rows(text, &[]).await?;
        let row = rows.first().ok_or_else(|| Error::new(ErrorKind::Unavailable, "the server gave no row"))?;
        (0..row.len()).map(|index| cell(row, index)).collect()
    }

    async fn batch(&mut self, text: &'static str) -> Result<(), Error> {
        self.connection().execute(text).await.map(|_| ()).map_err(|error| sorted(error, text))
    }

    async fn describe(&mut self, text: &str, values: &[Value]) -> Result<Described, Refusal> {
        let query = Query::new(text, values.len());
        match self.session.describe_loosely(&query).await {
            Ok(description) => Ok(Described { description, ..Described::default() }),
            Err(failure) => Err(refusal(failure.error)),
        }
    }

    async fn plan(&mut self, text: &str, values: &[Value]) -> Result<Option<Plan>, Refusal> {
        let verb = text.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        let verb = verb.to_ascii_uppercase();
        if !["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH"].contains(&verb.as_str()) {
            return Ok(None);
        }
        let reads = verb == "SELECT" || verb == "WITH";
        self.batch(if reads { "START TRANSACTION READ ONLY" } else { "START TRANSACTION" }).await.map_err(refusal)?;
        let answer = self.explain(text, values).await;
        self.batch("ROLLBACK").await.map_err(refusal)?;
        match answer {
            // Views are explained only to those who may use the tables behind them.
            Err(refusal) if refusal.error.code.as_deref() == Some("1345") => Ok(None),
            answer => answer.map(Some),
        }
    }

    async fn explain(&mut self, text: &str, values: &[Value]) -> Result<Plan, Refusal> {
        const HEAD: &str = "EXPLAIN ";
        let moved = |error: Error| Error { offset: error.offset.and_then(|at| at.checked_sub(HEAD.len())), ..error };
        let explain = format!("{HEAD}{text}");
        let arguments = bind(values).map_err(refusal)?;
        let rows = sqlx::query_with(AssertSqlSafe(explain.clone()), arguments).fetch_all(self.connection()).await;
        let rows = rows.map_err(|error| refusal(moved(sorted(error, &explain))))?;
        let mut plan = Plan::default();
        for row in &rows {
            let get = |name: &str| row.try_get_unchecked::<Option<String>, _>(name).ok().flatten();
            let select_type = get("select_type").unwrap_or_default();
            plan.writes |= ["INSERT", "UPDATE", "DELETE", "REPLACE"].contains(&select_type.as_str());
            let Some(table) = get("table").filter(|table| !table.starts_with('<')) else { continue };
            let access = match (get("type").as_deref(), get("key"), get("possible_keys")) {
                (Some("ALL"), _, None) => Access::Full,
                // A whole index is read, from its beginning to its end.
                (Some("index"), Some(_), None) => Access::Full,
                (Some("ALL" | "index"), _, Some(_)) => Access::Maybe,
                (Some(_), ..) => Access::Keyed,
                // Nothing is read: an INSERT, or a table that was looked into while planning.
                (None, ..) => continue,
            };
            if select_type != "INSERT" {
                plan.scans.push(Scan { table, relation: None, access });
            }
        }
        Ok(plan)
    }

    async fn server(&mut self) -> Result<Server, Error> {
        let row = self.row("SELECT VERSION(), @@global.sql_mode, @@global.read_only, @@max_user_connections").await?;
        let text = |index: usize| row.get(index).cloned().flatten().unwrap_or_default();
        let version = text(0);
        let mariadb = version.contains("MariaDB");
        // Servers of MariaDB may say `5.5.5-10.11.6-MariaDB`.
        let plain = version.strip_prefix("5.5.5-").unwrap_or(&version);
        let mut numbers = plain.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or_default());
        let number = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
        let mut modes = Vec::new();
        if !text(1).contains("STRICT_") {
            modes.push(Mode::NotStrict);
        }
        if !catalog::sees_everything(self).await? {
            modes.push(Mode::Hides);
        }
        // 0 is no limit.
        modes.extend(text(3).parse().ok().filter(|limit| *limit > 0).map(Mode::FewConnections));
        let (oldest, name) = if mariadb { ((10, 5), "MariaDB 10.5") } else { ((8, 0), "MySQL 8.0") };
        Ok(Server {
            product: if mariadb { "MariaDB" } else { "MySQL" },
            outdated: (number < oldest).then_some(name),
            read_only: (text(2) != "0").then(|| "the server is read-only".to_owned()),
            version,
            modes,
        })
    }

    async fn sample(&mut self, text: &str) -> Result<Vec<Vec<Option<Secret>>>, Error> {
        let rows = self.rows(text, &[]).await?;
        let value = |row: &MySqlRow, index: usize| {
            let raw = row.try_get_raw(index).map_err(|error| sorted(error, ""))?;
            if raw.is_null() {
                return Ok(None);
            }
            let bytes = row.try_get_unchecked::<Vec<u8>, _>(index).map_err(|error| sorted(error, ""))?;
            Ok(Some(Secret::new(bytes)))
        };
        rows.iter().map(|row| (0..row.len()).map(|index| value(row, index)).collect()).collect()
    }
}

impl Inspector for Looking {
    fn server(&mut self) -> BoxFuture<'_, Result<Server, Error>> {
        Box::pin(Looking::server(self))
    }

    fn tables(&mut self) -> BoxFuture<'_, Result<Vec<String>, Error>> {
        Box::pin(catalog::names(self))
    }

    fn table<'a>(&'a mut self, schema: Option<&'a str>, name: &'a str) -> BoxFuture<'a, Result<Option<Table>, Error>> {
        Box::pin(catalog::table(self, schema, name))
    }

    fn functions<'a>(&'a mut self, names: &'a [String]) -> BoxFuture<'a, Result<Vec<Function>, Error>> {
        Box::pin(catalog::functions(self, names))
    }

    fn describe<'a>(&'a mut self, text: &'a str, values: &'a [Value]) -> BoxFuture<'a, Result<Described, Refusal>> {
        Box::pin(Looking::describe(self, text, values))
    }

    fn plan<'a>(&'a mut self, text: &'a str, values: &'a [Value]) -> BoxFuture<'a, Result<Option<Plan>, Refusal>> {
        Box::pin(Looking::plan(self, text, values))
    }

    fn account<'a>(&'a mut self, tables: &'a [(Option<String>, String)]) -> BoxFuture<'a, Result<Account, Error>> {
        Box::pin(catalog::account(self, tables))
    }

    fn sample<'a>(&'a mut self, text: &'a str) -> BoxFuture<'a, Result<Vec<Vec<Option<Secret>>>, Error>> {
        Box::pin(Looking::sample(self, text))
    }
}

/// A value of a catalogue as text, whatever type the server's version gives it.
pub(super) fn cell(row: &MySqlRow, index: usize) -> Result<Option<String>, Error> {
    let raw = row.try_get_raw(index).map_err(|error| sorted(error, ""))?;
    if raw.is_null() {
        return Ok(None);
    }
    if let Ok(number) = row.try_get::<i64, _>(index) {
        return Ok(Some(number.to_string()));
    }
    if let Ok(number) = row.try_get::<u64, _>(index) {
        return Ok(Some(number.to_string()));
    }
    let bytes = row.try_get_unchecked::<Vec<u8>, _>(index).map_err(|error| sorted(error, ""))?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

pub(super) fn sorted(error: sqlx::Error, text: &str) -> Error {
    failure(error, &Context { text, arguments: &[] }).error
}

fn refusal(error: Error) -> Refusal {
    let subject = match error.code.as_deref() {
        Some("1146" | "1049" | "1051" | "1109") => Subject::Table,
        Some("1054") => Subject::Column,
        Some("1305" | "1128" | "1582" | "1630") => Subject::Function,
        Some("1044" | "1142" | "1143" | "1227" | "1370") => Subject::Privilege,
        Some("1906" | "3105") => Subject::Generated,
        _ if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Timeout) => Subject::Connection,
        _ => Subject::Statement,
    };
    Refusal { subject, error }
}
