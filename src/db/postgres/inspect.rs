//! Looking at PostgreSQL: PREPARE and EXPLAIN on a read-only session, and the system catalogues.
//!
//! Invariant: `EXPLAIN` never has `ANALYZE`, so nothing is executed; names go into catalogue queries as parameters.

use std::sync::Arc;

use serde_json::Value as Json;
use tokio_postgres::types::ToSql;

use super::catalog;
use super::decode::Decoder;
use super::encode::{Kind, encode};
use super::error::{Context, failure};
use super::session::{Role, Session, Source};
use crate::db::failure::undecodable;
use crate::db::health::Health;
use crate::db::inspect::{
    Access, Account, Described, Function, Inspector, Mode, Plan, Refusal, Scan, Server, Subject, Table,
};
use crate::db::url;
use crate::db::{BoxFuture, Column, Config, Description, Error, ErrorKind, ParameterType, Value};
use crate::secret::Secret;

/// The oldest version that is tested, as `server_version_num` counts.
const OLDEST: i32 = 120_000;

/// Connects for looking.
pub(in crate::db) async fn inspect(server: &url::Server, config: &Config) -> Result<Box<dyn Inspector>, Error> {
    let session = Session::open(&Source::new(server, config, Role::Reader, Arc::new(Health::default()))).await?;
    let looking = Looking { session };
    // A small table is read as a whole whatever its indexes; a plan for any value shows what would become of a large one.
    looking.batch("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off").await?;
    Ok(Box::new(looking))
}

pub(super) struct Looking {
    session: Session,
}

impl Looking {
    async fn batch(&self, text: &str) -> Result<(), Error> {
        self.session.client.batch_execute(text).await.map_err(|error| sorted(&error, text))
    }

    /// Rows of a catalogue query.
    pub async fn rows(
        &self,
        text: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, Error> {
        self.session.client.query(text, parameters).await.map_err(|error| sorted(&error, text))
    }

    async fn describe(&self, text: &str, values: &[Value]) -> Result<Described, Refusal> {
        let refused = |error: tokio_postgres::Error| refusal(sorted(&error, text));
        let statement = self.session.client.prepare(text).await.map_err(refused)?;
        let kinds: Vec<Kind> = statement.params().iter().map(Kind::of).collect();
        if kinds.len() != values.len() {
            let message = format!("the server counts {} placeholders, expected {}", kinds.len(), values.len());
            return Err(refusal(Error::new(ErrorKind::Misconfigured, message)));
        }
        let misfits = kinds.iter().zip(values).enumerate().filter_map(|(index, (kind, value))| {
            let outcome = encode(std::slice::from_ref(kind), std::slice::from_ref(value));
            let type_name = statement.params()[index].name();
            outcome.err().map(|_| (index, type_name.to_owned()))
        });
        let misfits = misfits.collect();
        let columns = statement.columns();
        let unreadable = columns
            .iter()
            .filter(|c| Decoder::of(c.type_()).is_none())
            .map(|c| (c.name().to_owned(), undecodable(c.name(), c.type_().name(), "cannot be read as it is").message));
        let unreadable = unreadable.collect();
        let columns =
            columns.iter().map(|c| Column { name: c.name().to_owned(), type_name: c.type_().name().to_owned() });
        let parameters = statement.params().iter().map(|ty| ParameterType::Named(ty.name().to_owned())).collect();
        Ok(Described { description: Description { parameters, columns: columns.collect() }, misfits, unreadable })
    }

    async fn plan(&self, text: &str, count: usize) -> Result<Option<Plan>, Refusal> {
        if text.trim_start().get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case("CALL")) {
            return Ok(None);
        }
        const HEAD: &str = "PREPARE userbridge_check AS ";
        let prepare = format!("{HEAD}{text}");
        let moved =
            |error: Error| refusal(Error { offset: error.offset.and_then(|at| at.checked_sub(HEAD.len())), ..error });
        self.batch(&prepare).await.map_err(moved)?;
        let nulls = vec!["NULL"; count].join(", ");
        let arguments = if count == 0 { String::new() } else { format!("({nulls})") };
        let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE userbridge_check{arguments}");
        let answer = self.rows(&explain, &[]).await;
        self.batch("DEALLOCATE userbridge_check").await.map_err(refusal)?;
        let rows = answer.map_err(|error| refusal(Error { offset: None, ..error }))?;
        let json: Option<Json> = rows.first().and_then(|row| row.try_get(0).ok());
        let mut plan = Plan::default();
        if let Some(root) = json.as_ref().and_then(|json| json.get(0)).and_then(|root| root.get("Plan")) {
            read_plan(root, &mut plan);
        }
        Ok(Some(plan))
    }

    async fn server(&self) -> Result<Server, Error> {
        let rows = self
            .rows(
                "SELECT current_setting('server_version'), current_setting('server_version_num')::int4, \
                 pg_is_in_recovery(), current_setting('server_encoding'), \
                 (SELECT reset_val FROM pg_settings WHERE name = 'default_transaction_read_only'), \
                 (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user)",
                &[],
            )
            .await?;
        let row = rows.first().ok_or_else(no_answer)?;
        let get = |index: usize| row.try_get::<_, String>(index).map_err(|e| sorted(&e, ""));
        let number: i32 = row.try_get(1).map_err(|e| sorted(&e, ""))?;
        let replica: bool = row.try_get(2).map_err(|e| sorted(&e, ""))?;
        let read_only: Option<String> = row.try_get(4).map_err(|e| sorted(&e, ""))?;
        let mut modes = Vec::new();
        if get(3)? == "SQL_ASCII" {
            modes.push(Mode::NoCharset);
        }
        let limit: Option<i32> = row.try_get(5).map_err(|e| sorted(&e, ""))?;
        // -1 is no limit.
        modes.extend(limit.and_then(|limit| u32::try_from(limit).ok()).map(Mode::FewConnections));
        Ok(Server {
            product: "PostgreSQL",
            version: get(0)?,
            outdated: (number < OLDEST).then_some("PostgreSQL 12"),
            read_only: if replica {
                Some("the server is a replica".to_owned())
            } else {
                (read_only.as_deref() == Some("on"))
                    .then(|| "`default_transaction_read_only` is on for this user or database".to_owned())
            },
            modes,
        })
    }

    async fn sample(&self, text: &str) -> Result<Vec<Vec<Option<Secret>>>, Error> {
        let rows = self.rows(text, &[]).await?;
        rows.iter()
            .map(|row| {
                (0..row.len())
                    .map(|i| {
                        let value: Option<&[u8]> = row.try_get(i).map_err(|error| sorted(&error, ""))?;
                        Ok(value.map(Secret::new))
                    })
                    .collect()
            })
            .collect()
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
        Box::pin(Looking::plan(self, text, values.len()))
    }

    fn account<'a>(&'a mut self, tables: &'a [(Option<String>, String)]) -> BoxFuture<'a, Result<Account, Error>> {
        Box::pin(catalog::account(self, tables))
    }

    fn sample<'a>(&'a mut self, text: &'a str) -> BoxFuture<'a, Result<Vec<Vec<Option<Secret>>>, Error>> {
        Box::pin(Looking::sample(self, text))
    }
}

/// Collects the scans below a node. Without a key, what filters the rows does not matter: all of them are read.
fn read_plan(node: &Json, plan: &mut Plan) {
    let text = |key: &str| node.get(key).and_then(Json::as_str).unwrap_or_default();
    let kind = text("Node Type");
    let access = match kind {
        "ModifyTable" => {
            plan.writes = true;
            None
        }
        "Seq Scan" | "Sample Scan" => Some(Access::Full),
        "Index Scan" | "Index Only Scan" if node.get("Index Cond").is_none() => Some(Access::Full),
        "Index Scan" | "Index Only Scan" | "Tid Scan" => Some(Access::Keyed),
        "Bitmap Heap Scan" if has_keyless_bitmap(node) => Some(Access::Full),
        "Bitmap Heap Scan" => Some(Access::Keyed),
        _ => None,
    };
    if let Some(access) = access {
        let table = if text("Alias").is_empty() { text("Relation Name") } else { text("Alias") };
        let relation = Some(text("Relation Name").to_owned());
        plan.scans.push(Scan { table: table.to_owned(), relation, access });
    }
    for child in node.get("Plans").and_then(Json::as_array).into_iter().flatten() {
        read_plan(child, plan);
    }
}

fn has_keyless_bitmap(node: &Json) -> bool {
    let children = node.get("Plans").and_then(Json::as_array);
    children.into_iter().flatten().any(|child| match child.get("Node Type").and_then(Json::as_str) {
        Some("Bitmap Index Scan") => child.get("Index Cond").is_none(),
        _ => has_keyless_bitmap(child),
    })
}

pub(super) fn no_answer() -> Error {
    Error::new(ErrorKind::Unavailable, "the server gave no row")
}

pub(super) fn sorted(error: &tokio_postgres::Error, text: &str) -> Error {
    failure(error, &Context { text, role: Role::Reader, ..Context::default() }).error
}

fn refusal(error: Error) -> Refusal {
    let subject = match error.code.as_deref() {
        Some("42P01" | "3F000") => Subject::Table,
        Some("42703") => Subject::Column,
        // The same code is for operators.
        Some("42883") if error.message.contains("operator") => Subject::Statement,
        Some("42883") => Subject::Function,
        Some("42501") => Subject::Privilege,
        Some("428C9") => Subject::Generated,
        _ if error.kind == ErrorKind::Misconfigured => Subject::Statement,
        Some(code) if code.starts_with("22") || code.starts_with("42") => Subject::Statement,
        _ => Subject::Connection,
    };
    Refusal { subject, error }
}
