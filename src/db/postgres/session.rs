//! One connection to PostgreSQL: how it is made, its session's settings, its prepared statements.
//!
//! Invariant: dropping a session closes its socket at once, whatever the server is doing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::decode::Decoder;
use super::error::{Context, connecting, failure};
use super::statement::Prepared;
use super::tls;
use crate::db::failure::Failure;
use crate::db::health::Health;
use crate::db::url::{Address, Server, TlsMode};
use crate::db::{Config, Error, Query};

/// How many prepared statements one connection keeps.
const CACHED_STATEMENTS: usize = 256;

/// How long the request to cancel a statement may take; it travels on a connection of its own.
const CANCEL_LIMIT: Duration = Duration::from_secs(1);

/// What is needed to make a session.
#[derive(Clone)]
pub(super) struct Source {
    pub server: Server,
    pub role: Role,
    pub statement_timeout: Duration,
    pub lock_timeout: Duration,
    pub health: Arc<Health>,
}

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Reads that are sent one behind the other without waiting; it cannot write.
    Reader,
    /// Transactions.
    Writer,
}

impl Source {
    pub fn new(server: &Server, config: &Config, role: Role, health: Arc<Health>) -> Self {
        Self {
            server: server.clone(),
            role,
            statement_timeout: config.statement_timeout(),
            lock_timeout: config.lock_timeout(),
            health,
        }
    }

    fn driver_config(&self) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        match &self.server.address {
            Address::Tcp { host, port } => config.host(host).port(*port),
            Address::Socket { path, port } => config.host_path(path).port(*port),
        };
        config.user(&self.server.user).application_name("userbridge");
        if let Some(password) = &self.server.password {
            config.password(password.expose());
        }
        if let Some(database) = &self.server.database {
            config.dbname(database);
        }
        config.ssl_mode(match self.server.tls.mode {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
        });
        // After a failover the demoted server still accepts connections; a writer is of no use there.
        if self.role == Role::Writer {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        config.keepalives_idle(Duration::from_secs(60));
        config
    }

    fn settings(&self) -> String {
        let mut settings = format!(
            "SET TimeZone = 'UTC'; SET standard_conforming_strings = on; SET client_encoding = 'UTF8'; \
             SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {};",
            self.statement_timeout.as_millis().max(1),
            self.lock_timeout.as_millis().max(1),
            self.statement_timeout.as_millis().max(1) * 2,
        );
        if self.role == Role::Reader {
            settings.push_str(" SET default_transaction_read_only = on;");
        }
        settings
    }
}

/// One connection.
pub(super) struct Session {
    pub client: Client,
    pub role: Role,
    task: AbortHandle,
    encryption: Option<MakeRustlsConnect>,
    statements: Mutex<Statements>,
    /// Fraction digits of the type money, which the server's locale decides.
    money_digits: Mutex<Option<u32>>,
}

#[derive(Default)]
struct Statements {
    prepared: HashMap<u64, (Arc<Prepared>, u64)>,
    clock: u64,
}

impl Session {
    /// Connects and sets the session up. The caller limits the time.
    pub async fn open(source: &Source) -> Result<Self, Error> {
        let config = source.driver_config();
        let refused = |error| connecting(&source.server, &error);
        let (client, task, encryption) = match source.server.tls.mode {
            TlsMode::Disable => {
                let (client, connection) = config.connect(NoTls).await.map_err(refused)?;
                (client, drive(connection, &source.health), None)
            }
            _ => {
                let encryption = MakeRustlsConnect::new(tls::client_config(&source.server.tls)?);
                let (client, connection) = config.connect(encryption.clone()).await.map_err(refused)?;
                (client, drive(connection, &source.health), Some(encryption))
            }
        };
        let session = Self {
            client,
            role: source.role,
            task,
            encryption,
            statements: Mutex::default(),
            money_digits: Mutex::new(None),
        };
        session.client.batch_execute(&source.settings()).await.map_err(refused)?;
        Ok(session)
    }

    /// The statement if it is prepared on this connection already.
    pub fn cached(&self, query: u64) -> Option<Arc<Prepared>> {
        let mut statements = self.statements();
        statements.clock += 1;
        let now = statements.clock;
        let (prepared, used) = statements.prepared.get_mut(&query)?;
        *used = now;
        Some(Arc::clone(prepared))
    }

    /// Prepares a statement, letting the server infer the parameters' types.
    pub async fn prepare(&self, query: u64, text: &str, parameters: usize) -> Result<Arc<Prepared>, Failure> {
        let statement = self
            .client
            .prepare(text)
            .await
            .map_err(|error| failure(&error, &Context { text, role: self.role, ..Context::default() }))?;
        let mut prepared = Prepared::new(statement, parameters)?;
        if prepared.decoders.iter().any(Decoder::needs_money_digits) {
            let digits = self.money_digits().await?;
            prepared.decoders.iter_mut().for_each(|decoder| decoder.set_money_digits(digits));
        }
        let prepared = Arc::new(prepared);
        let mut statements = self.statements();
        if statements.prepared.len() >= CACHED_STATEMENTS
            && let Some(oldest) = statements.prepared.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| *id)
        {
            statements.prepared.remove(&oldest);
        }
        statements.clock += 1;
        let now = statements.clock;
        statements.prepared.insert(query, (Arc::clone(&prepared), now));
        Ok(prepared)
    }

    /// Lets go of a statement that no longer fits the schema.
    pub fn forget(&self, query: u64) {
        self.statements().prepared.remove(&query);
        // Types may have been dropped and made anew under other numbers.
        self.client.clear_type_cache();
    }

    /// Closes the socket at once.
    pub fn close(&self) {
        self.task.abort();
    }

    /// Ends the connection now and asks the server to stop working on its statement.
    pub fn cancel(self) {
        let token = self.client.cancel_token();
        let encryption = self.encryption.clone();
        drop(self);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(timeout(CANCEL_LIMIT, async move {
            // It is only a courtesy: the server's own time limit ends the statement too.
            let _ = match encryption {
                Some(encryption) => token.cancel_query(encryption).await,
                None => token.cancel_query(NoTls).await,
            };
        }));
    }

    async fn money_digits(&self) -> Result<u32, Failure> {
        let known = *self.money_digits.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(digits) = known {
            return Ok(digits);
        }
        let text = "SELECT CAST(1 AS money)";
        let to_failure =
            |error: tokio_postgres::Error| failure(&error, &Context { text, role: self.role, ..Context::default() });
        let row = self.client.query_one(text, &[]).await.map_err(to_failure)?;
        let unit = row.try_get::<_, super::decode::Raw<'_>>(0).map_err(to_failure)?;
        let unit = unit.0.and_then(|bytes| bytes.try_into().ok()).map_or(1, i64::from_be_bytes);
        let digits = unit.max(1).ilog10();
        *self.money_digits.lock().unwrap_or_else(PoisonError::into_inner) = Some(digits);
        Ok(digits)
    }

    fn statements(&self) -> MutexGuard<'_, Statements> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Letting the connection end by itself would wait for answers that may never come.
        self.close();
    }
}

/// Moves the connection's bytes in a task of its own.
fn drive<S, T>(connection: Connection<S, T>, health: &Arc<Health>) -> AbortHandle
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let health = Arc::clone(health);
    let task = tokio::spawn(async move {
        if let Err(error) = connection.await {
            health.lost(&failure(&error, &Context::default()).error);
        }
    });
    task.abort_handle()
}

/// A statement's identity, so that work on it can outlive the caller.
#[derive(Clone)]
pub(super) struct Identity {
    pub id: u64,
    pub text: Arc<str>,
    pub parameters: usize,
    /// How many rows of the result are wanted.
    pub rows: usize,
}

impl From<&Query> for Identity {
    fn from(query: &Query) -> Self {
        Self { id: query.id(), text: query.shared_text(), parameters: query.parameters(), rows: query.rows() }
    }
}
