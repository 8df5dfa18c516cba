//! Prepared statements and running them.
//!
//! Invariant: a value is coerced to exactly its parameter's type before anything is sent.

use std::pin::pin;
use std::sync::Arc;

use futures_util::TryStreamExt;
use tokio_postgres::Statement;

use super::decode::{Decoder, Raw};
use super::encode::{Kind, encode};
use super::error::{Context, failure};
use super::session::{Identity, Role, Session};
use crate::db::failure::{Failure, Fate, undecodable};
use crate::db::{Column, Description, Effect, Error, ErrorKind, MAX_VALUE_BYTES, ParameterType, Row, Value};

/// How many rows beyond those that are wanted are read and discarded before closing the connection is cheaper.
const MAX_DISCARDED_ROWS: usize = 10_000;

/// A statement that is prepared on one connection.
pub(super) struct Prepared {
    pub statement: Statement,
    pub kinds: Vec<Kind>,
    pub columns: Arc<[Column]>,
    pub decoders: Vec<Decoder>,
}

impl Prepared {
    /// Learns from what the server said of the statement.
    pub fn new(statement: Statement, parameters: usize) -> Result<Self, Error> {
        if statement.params().len() != parameters {
            return Err(Error::new(
                ErrorKind::Misconfigured,
                format!("the server counts {} placeholders, expected {parameters}", statement.params().len()),
            ));
        }
        let columns: Arc<[Column]> = statement
            .columns()
            .iter()
            .map(|c| Column { name: c.name().to_owned(), type_name: c.type_().name().to_owned() })
            .collect();
        Description::check_names(&columns)?;
        let decoders = statement
            .columns()
            .iter()
            .map(|c| {
                Decoder::of(c.type_()).ok_or_else(|| undecodable(c.name(), c.type_().name(), "cannot be read as it is"))
            })
            .collect::<Result<_, _>>()?;
        let kinds = statement.params().iter().map(Kind::of).collect();
        Ok(Self { statement, kinds, columns, decoders })
    }

    /// What the server said.
    pub fn describe(&self) -> Description {
        let named = |ty: &tokio_postgres::types::Type| ParameterType::Named(ty.name().to_owned());
        Description {
            parameters: self.statement.params().iter().map(named).collect(),
            columns: Arc::clone(&self.columns),
        }
    }

    fn decode(&self, raw: &tokio_postgres::Row) -> Result<Row, Error> {
        let mut values = Vec::with_capacity(self.decoders.len());
        for (index, decoder) in self.decoders.iter().enumerate() {
            let column = &self.columns[index];
            let bytes = raw.try_get::<_, Raw<'_>>(index).map_err(|error| {
                Error::new(ErrorKind::Misconfigured, format!("column \"{}\" cannot be read: {error}", column.name))
            })?;
            values.push(match bytes.0 {
                None => Value::Null,
                Some(bytes) if bytes.len() > MAX_VALUE_BYTES => {
                    return Err(undecodable(&column.name, &column.type_name, "holds a value above 1 MiB"));
                }
                Some(bytes) => decoder
                    .decode(bytes)
                    .ok_or_else(|| undecodable(&column.name, &column.type_name, "holds a value that cannot be read"))?,
            });
        }
        Ok(Row::new(Arc::clone(&self.columns), values))
    }
}

/// Runs a prepared statement and reads its answer to the end.
pub(super) async fn run(
    session: &Session,
    query: &Identity,
    prepared: &Prepared,
    arguments: &[Value],
    cached: bool,
) -> Result<Effect, Failure> {
    let context = Context { text: &query.text, role: session.role, kinds: &prepared.kinds, arguments, cached };
    let parameters = encode(&prepared.kinds, arguments)?;
    let sort = |error: tokio_postgres::Error| {
        let failure = failure(&error, &context);
        if failure.fate == Fate::Stale {
            session.forget(query.id);
        }
        failure
    };
    let stream = session.client.query_raw(&prepared.statement, parameters).await.map_err(sort)?;
    let mut stream = pin!(stream);
    let mut effect = Effect::default();
    let mut discarded = 0;
    let mut undecoded = None;
    while let Some(row) = stream.try_next().await.map_err(sort)? {
        if effect.rows.len() == query.rows || undecoded.is_some() {
            discarded += 1;
            if discarded <= MAX_DISCARDED_ROWS {
                continue;
            }
            match session.role {
                // These rows are all that the caller wants to see; whoever else waits here asks again elsewhere.
                Role::Reader => {
                    session.close();
                    break;
                }
                Role::Writer => return Err(Failure::broken(too_many())),
            }
        }
        match prepared.decode(&row) {
            Ok(row) => effect.rows.push(row),
            Err(error) => undecoded = Some(error),
        }
    }
    if let Some(error) = undecoded {
        return Err(Failure::clean(error));
    }
    effect.matched = stream.rows_affected().unwrap_or_default();
    Ok(effect)
}

fn too_many() -> Error {
    Error::new(
        ErrorKind::Misconfigured,
        format!("the statement returned more than {MAX_DISCARDED_ROWS} rows, expected one: add a WHERE that names it"),
    )
}
