//! Looking at an SQLite file: prepared and explained on a connection that is opened read-only.
//!
//! Invariant: the journal mode, which the gateway's own writer changes, stays as it is.

use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::catalog;
use super::error::{missing, sort};
use crate::db::inspect::{
    Access, Account, Described, Function, Inspector, Mode, Plan, Refusal, Scan, Server, Subject, Table,
};
use crate::db::url::{File, Place};
use crate::db::{BoxFuture, Column, Description, Error, ErrorKind, ParameterType, Value};
use crate::secret::Secret;

/// Opens a file for looking; one that is missing is not created.
pub(in crate::db) fn inspect(file: &File) -> Result<Box<dyn Inspector>, Error> {
    let Place::Path(path) = &file.place else {
        return Err(Error::new(ErrorKind::Unavailable, "a database in memory is empty whenever it is opened"));
    };
    if !path.exists() {
        return Err(missing(path));
    }
    let opened = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    let looking = opened.and_then(|connection| {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.busy_timeout(std::time::Duration::from_secs(2))?;
        // The first real access: it finds what is no database.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(Looking { connection, file: file.clone() })
    });
    match looking {
        Ok(looking) => Ok(Box::new(looking)),
        Err(error) => {
            let error = sort(&error, "", &[]);
            let message = format!("cannot open {}: {}", path.display(), error.message);
            Err(Error { kind: ErrorKind::Unavailable, message, ..error })
        }
    }
}

pub(super) struct Looking {
    pub connection: Connection,
    file: File,
}

impl Looking {
    fn server(&self) -> Result<Server, Error> {
        let journal: String = self
            .connection
            .query_row("PRAGMA journal_mode", [], |row| row.get(0))
            .map_err(|error| sort(&error, "", &[]))?;
        let wal = journal.eq_ignore_ascii_case("wal");
        Ok(Server {
            product: "SQLite",
            version: rusqlite::version().to_owned(),
            outdated: None,
            read_only: self.read_only(),
            modes: if wal { Vec::new() } else { vec![Mode::Journal(journal)] },
        })
    }

    fn read_only(&self) -> Option<String> {
        let Place::Path(path) = &self.file.place else { return None };
        if self.file.read_only {
            return Some("the URL says `mode=ro`".to_owned());
        }
        let may_write = |path: &std::path::Path| rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
        if !may_write(path) {
            return Some(format!("the file {} cannot be written by this user", path.display()));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(std::path::Path::new("."));
        (!may_write(folder)).then(|| format!("no journal can be written into {} by this user", folder.display()))
    }

    fn describe(&self, text: &str, values: &[Value]) -> Result<Described, Refusal> {
        let statement = self.connection.prepare(text).map_err(|error| refusal(&error, text))?;
        let count = statement.parameter_count();
        if count != values.len() {
            let message = format!("the database counts {count} placeholders, expected {}", values.len());
            let error = Error::new(ErrorKind::Misconfigured, message);
            return Err(Refusal { subject: Subject::Statement, error });
        }
        let column = |column: &rusqlite::Column<'_>| Column {
            name: column.name().to_owned(),
            type_name: column.decl_type().unwrap_or_default().to_ascii_lowercase(),
        };
        let columns = statement.columns().iter().map(column).collect();
        let parameters = vec![ParameterType::Any; count];
        Ok(Described { description: Description { parameters, columns }, ..Described::default() })
    }

    /// Parameters that are not bound count as unknown, not as NULL, to the planner.
    fn plan(&self, text: &str) -> Result<Option<Plan>, Refusal> {
        let explain = format!("EXPLAIN QUERY PLAN {text}");
        let fail = |error: rusqlite::Error| Refusal {
            error: Error { offset: None, ..refusal(&error, "").error },
            ..refusal(&error, "")
        };
        let mut statement = self.connection.prepare(&explain).map_err(fail)?;
        let mut rows = statement.raw_query();
        let mut plan = Plan::default();
        while let Some(row) = rows.next().map_err(fail)? {
            let detail: String = row.get(3).map_err(fail)?;
            plan.scans.extend(scan(&detail));
        }
        Ok(Some(plan))
    }

    fn sample(&self, text: &str) -> Result<Vec<Vec<Option<Secret>>>, Error> {
        let fail = |error: rusqlite::Error| sort(&error, text, &[]);
        let mut statement = self.connection.prepare(text).map_err(fail)?;
        let count = statement.column_count();
        let mut rows = statement.query([]).map_err(fail)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().map_err(fail)? {
            let value = |index: usize| {
                Ok(match row.get_ref(index).map_err(fail)? {
                    ValueRef::Null => None,
                    ValueRef::Integer(number) => Some(Secret::new(number.to_string())),
                    ValueRef::Real(number) => Some(Secret::new(number.to_string())),
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(Secret::new(bytes)),
                })
            };
            all.push((0..count).map(value).collect::<Result<Vec<_>, Error>>()?);
        }
        Ok(all)
    }
}

impl Inspector for Looking {
    fn server(&mut self) -> BoxFuture<'_, Result<Server, Error>> {
        Box::pin(std::future::ready(Looking::server(self)))
    }

    fn tables(&mut self) -> BoxFuture<'_, Result<Vec<String>, Error>> {
        Box::pin(std::future::ready(catalog::names(&self.connection)))
    }

    fn table<'a>(&'a mut self, _: Option<&'a str>, name: &'a str) -> BoxFuture<'a, Result<Option<Table>, Error>> {
        Box::pin(std::future::ready(catalog::table(&self.connection, name)))
    }

    fn functions<'a>(&'a mut self, _: &'a [String]) -> BoxFuture<'a, Result<Vec<Function>, Error>> {
        // There are no stored functions, and none that is built in writes.
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn describe<'a>(&'a mut self, text: &'a str, values: &'a [Value]) -> BoxFuture<'a, Result<Described, Refusal>> {
        Box::pin(std::future::ready(Looking::describe(self, text, values)))
    }

    fn plan<'a>(&'a mut self, text: &'a str, _: &'a [Value]) -> BoxFuture<'a, Result<Option<Plan>, Refusal>> {
        Box::pin(std::future::ready(Looking::plan(self, text)))
    }

    fn account<'a>(&'a mut self, _: &'a [(Option<String>, String)]) -> BoxFuture<'a, Result<Account, Error>> {
        // Whoever can open the file may do everything.
        Box::pin(std::future::ready(Ok(Account::default())))
    }

    fn sample<'a>(&'a mut self, text: &'a str) -> BoxFuture<'a, Result<Vec<Vec<Option<Secret>>>, Error>> {
        Box::pin(std::future::ready(Looking::sample(self, text)))
    }
}

/// `SCAN users`, `SCAN users USING COVERING INDEX i`, `SEARCH u USING INDEX i (email=?)`.
fn scan(detail: &str) -> Option<Scan> {
    let (verb, rest) = detail.split_once(' ')?;
    let rest = rest.strip_prefix("TABLE ").unwrap_or(rest);
    let table = rest.split(' ').next()?.to_owned();
    // `SCAN CONSTANT ROW`, `SCAN 2 CONSTANT ROWS`, `SCAN (subquery-1)` read no table.
    let none = rest.contains("CONSTANT ROW") || rest.starts_with('(') || rest.contains("VIRTUAL TABLE");
    // An automatic index is built for each run, by reading the whole table.
    let automatic = rest.contains("USING AUTOMATIC");
    let access = match verb {
        _ if none => return None,
        "SCAN" => Access::Full,
        "SEARCH" if automatic => Access::Full,
        "SEARCH" => Access::Keyed,
        _ => return None,
    };
    Some(Scan { table, relation: None, access })
}

fn refusal(error: &rusqlite::Error, text: &str) -> Refusal {
    let error = sort(error, text, &[]);
    let message = error.message.as_str();
    let subject = match message {
        _ if message.starts_with("no such table") => Subject::Table,
        _ if message.starts_with("no such column") || message.contains("has no column named") => Subject::Column,
        _ if message.starts_with("no such function") || message.starts_with("wrong number of arguments") => {
            Subject::Function
        }
        _ if message.contains("generated column") => Subject::Generated,
        _ if error.kind == ErrorKind::Misconfigured => Subject::Statement,
        _ => Subject::Connection,
    };
    Refusal { subject, error }
}
