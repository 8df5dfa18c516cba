//! Connections to one SQLite file: how they are opened, limited in time, kept and given up.
//!
//! Invariant: a connection that met a damaged or vanished file is closed; so are all when the file was replaced.

use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::error::{self, sort};
use crate::db::health::Health;
use crate::db::url::{File, Place};
use crate::db::{Error, ErrorKind, PoolState};

/// How many prepared statements one connection keeps.
const CACHED_STATEMENTS: usize = 256;

/// The virtual machine looks at its time limit after so many instructions, about ten microseconds.
const INSTRUCTIONS_PER_CHECK: i32 = 1000;

/// How often the path is compared with the file that is open.
const FILE_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Reader,
    Writer,
}

/// One connection.
pub(super) struct Session {
    pub connection: Connection,
    pub limit: Arc<Limit>,
    generation: u64,
    /// Counts itself as open.
    _open: OpenCount,
}

impl Session {
    /// Lets statements wait for other connections' locks until the deadline.
    pub fn wait_for_locks(&self, deadline: Instant) -> Result<(), Error> {
        let remaining = deadline.saturating_duration_since(Instant::now());
        self.connection.busy_timeout(remaining).map_err(|error| sort(&error, "", &[]))
    }

    /// Lets statements fail at once on other connections' locks.
    pub fn do_not_wait_for_locks(&self) -> Result<(), Error> {
        self.connection.busy_timeout(Duration::ZERO).map_err(|error| sort(&error, "", &[]))
    }
}

/// Until when a connection may work; read by its progress handler.
pub(super) struct Limit {
    base: Instant,
    nanoseconds: AtomicU64,
}

impl Limit {
    fn new() -> Self {
        Self { base: Instant::now(), nanoseconds: AtomicU64::new(u64::MAX) }
    }

    /// Sets the limit; None lifts it.
    pub fn set(&self, until: Option<Instant>) {
        let nanoseconds = until.map_or(u64::MAX, |until| {
            u64::try_from(until.saturating_duration_since(self.base).as_nanos()).unwrap_or(u64::MAX)
        });
        self.nanoseconds.store(nanoseconds, Ordering::Relaxed);
    }

    /// Interrupts the connection when the caller goes before its answer has come.
    pub fn interrupt_on_drop(self: Arc<Self>) -> Interrupt {
        Interrupt(Some(self))
    }

    fn has_passed(&self) -> bool {
        let limit = self.nanoseconds.load(Ordering::Relaxed);
        limit != u64::MAX && self.base.elapsed().as_nanos() >= u128::from(limit)
    }
}

/// Interrupts a connection when dropped.
pub(super) struct Interrupt(Option<Arc<Limit>>);

impl Interrupt {
    /// The work is done.
    pub fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        if let Some(limit) = &self.0 {
            limit.nanoseconds.store(0, Ordering::Relaxed);
        }
    }
}

/// Everything that the connections of one file share.
pub(super) struct Shared {
    pub file: File,
    idle: Mutex<Vec<Session>>,
    writer: Mutex<Option<Session>>,
    reading: Arc<Semaphore>,
    writing: Arc<Semaphore>,
    readers: usize,
    open: Arc<AtomicUsize>,
    known: Mutex<KnownFile>,
    health: Health,
    /// A database in memory lives as long as a connection to it.
    anchor: Mutex<Option<Connection>>,
}

struct KnownFile {
    identity: Option<(u64, u64)>,
    checked: Option<Instant>,
    generation: u64,
}

impl Shared {
    pub fn new(file: File, readers: usize) -> Self {
        Self {
            file,
            idle: Mutex::default(),
            writer: Mutex::default(),
            reading: Arc::new(Semaphore::new(readers)),
            writing: Arc::new(Semaphore::new(1)),
            readers,
            open: Arc::default(),
            known: Mutex::new(KnownFile { identity: None, checked: None, generation: 0 }),
            health: Health::default(),
            anchor: Mutex::default(),
        }
    }

    /// The right to use one reading connection.
    pub async fn reading(&self) -> Result<OwnedSemaphorePermit, Error> {
        Arc::clone(&self.reading).acquire_owned().await.map_err(closed)
    }

    /// The right to use the writing connection.
    pub async fn writing(&self) -> Result<OwnedSemaphorePermit, Error> {
        Arc::clone(&self.writing).acquire_owned().await.map_err(closed)
    }

    /// A reading connection that is free.
    pub fn take_idle(&self) -> Option<Session> {
        lock(&self.idle).pop()
    }

    /// The writing connection, opened now if need be. The caller has the right to it.
    pub fn take_writer(&self) -> Result<Session, Error> {
        match lock(&self.writer).take() {
            Some(session) => Ok(session),
            None => self.open(Role::Writer),
        }
    }

    /// Keeps the writing connection for the next transaction.
    pub fn put_back_writer(&self, session: Session) {
        if session.generation == lock(&self.known).generation {
            *lock(&self.writer) = Some(session);
        }
    }

    /// Keeps a reading connection for the next read.
    pub fn put_back(&self, session: Session) {
        session.limit.set(None);
        if session.generation == lock(&self.known).generation {
            lock(&self.idle).push(session);
        }
    }

    /// Says how a connection's work ended; false when its file failed it and it must be closed.
    pub fn judge<T>(&self, outcome: &Result<T, Error>) -> bool {
        match outcome {
            Err(error) if error.kind == ErrorKind::Unavailable => {
                self.health.lost(error);
                false
            }
            _ => {
                self.health.answered();
                true
            }
        }
    }

    /// Opens a connection. It blocks.
    pub fn open(&self, role: Role) -> Result<Session, Error> {
        let opened = self.open_session(role);
        match &opened {
            Ok(_) => self.health.answered(),
            Err(error) => self.health.lost(error),
        }
        opened
    }

    /// Closes all connections when the path names another file than the one that is open.
    pub fn notice_replaced_file(&self) -> Result<(), Error> {
        let Place::Path(path) = &self.file.place else { return Ok(()) };
        let mut known = lock(&self.known);
        let now = Instant::now();
        if known.identity.is_none() || known.checked.is_some_and(|at| now.duration_since(at) < FILE_CHECK_INTERVAL) {
            return Ok(());
        }
        let present = identity(path);
        if present.is_some() && present == known.identity {
            known.checked = Some(now);
            return Ok(());
        }
        *known = KnownFile { identity: None, checked: None, generation: known.generation + 1 };
        drop(known);
        self.close_idle();
        if present.is_some() || self.file.create {
            return Ok(());
        }
        let error = error::missing(path);
        self.health.lost(&error);
        Err(error)
    }

    /// Closes every connection that is idle.
    pub fn close_idle(&self) {
        lock(&self.idle).clear();
        *lock(&self.writer) = None;
    }

    pub fn state(&self) -> PoolState {
        let reading = self.readers.saturating_sub(self.reading.available_permits());
        let writing = 1_usize.saturating_sub(self.writing.available_permits());
        PoolState {
            open: self.open.load(Ordering::Relaxed),
            busy: reading + writing,
            limit: self.readers + 1,
            last_error: self.health.last_error(),
        }
    }

    fn open_session(&self, role: Role) -> Result<Session, Error> {
        let connection = match &self.file.place {
            Place::Memory(number) => self.open_memory(*number, role)?,
            Place::Path(path) => self.open_path(path, role)?,
        };
        let limit = Arc::new(Limit::new());
        self.set_up(&connection, role, &limit).map_err(|error| self.explain(&error))?;
        let mut known = lock(&self.known);
        if let Place::Path(path) = &self.file.place
            && known.identity.is_none()
        {
            known.identity = identity(path);
            known.checked = Some(Instant::now());
        }
        let generation = known.generation;
        Ok(Session { connection, limit, generation, _open: OpenCount::new(&self.open) })
    }

    fn open_path(&self, path: &Path, role: Role) -> Result<Connection, Error> {
        let base = OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = |flags| Connection::open_with_flags(path, base | flags).map_err(|error| self.explain(&error));
        let create = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        if !path.exists() {
            if !self.file.create {
                return Err(error::missing(path));
            }
            drop(open(create)?);
        }
        match role {
            Role::Reader => open(OpenFlags::SQLITE_OPEN_READ_ONLY),
            Role::Writer => open(OpenFlags::SQLITE_OPEN_READ_WRITE),
        }
    }

    /// The `memdb` file system shares a database between connections with the locks of a real file.
    fn open_memory(&self, number: u64, role: Role) -> Result<Connection, Error> {
        let name = format!("file:/userbridge-{number}?vfs=memdb");
        let base = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let write = base | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let open = |flags| Connection::open_with_flags(&name, flags).map_err(|error| self.explain(&error));
        let mut anchor = lock(&self.anchor);
        if anchor.is_none() {
            *anchor = Some(open(write)?);
        }
        match role {
            Role::Reader => open(base | OpenFlags::SQLITE_OPEN_READ_ONLY),
            Role::Writer => open(write),
        }
    }

    fn set_up(&self, connection: &Connection, role: Role, limit: &Arc<Limit>) -> rusqlite::Result<()> {
        connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        connection.busy_timeout(Duration::from_millis(100))?;
        // A misspelt column in double quotes must be an error, not a string.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        match role {
            Role::Reader => connection.pragma_update(None, "query_only", true)?,
            Role::Writer if self.file.keep_journal => {}
            // Readers and the writer do not block each other then. A file system without shared memory refuses.
            Role::Writer => connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).unwrap_or(()),
        }
        // The first real access: it finds what is no database.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        connection.busy_timeout(Duration::ZERO)?;
        let limit = Arc::clone(limit);
        connection.progress_handler(INSTRUCTIONS_PER_CHECK, Some(move || limit.has_passed()))
    }

    /// Says which file it is.
    fn explain(&self, error: &rusqlite::Error) -> Error {
        let error = sort(error, "", &[]);
        let message = match &self.file.place {
            Place::Memory(_) => error.message.clone(),
            Place::Path(path) => format!("cannot open {}: {}", path.display(), error.message),
        };
        let kind = if error.kind == ErrorKind::Timeout { ErrorKind::Timeout } else { ErrorKind::Unavailable };
        Error { kind, message, ..error }
    }
}

/// A reading connection in use; it goes back when dropped.
pub(super) struct Reading {
    session: Option<Session>,
    shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
}

impl Reading {
    /// Uses a connection, opened now if there is none. It blocks if it has to open one.
    pub fn new(shared: &Arc<Shared>, idle: Option<Session>, permit: OwnedSemaphorePermit) -> Result<Self, Error> {
        let session = match idle {
            Some(session) => session,
            None => shared.open(Role::Reader)?,
        };
        Ok(Self { session: Some(session), shared: Arc::clone(shared), _permit: permit })
    }

    /// Works on the connection, which is closed when its file failed it.
    pub fn with<T>(&mut self, work: impl FnOnce(&Session) -> Result<T, Error>) -> Result<T, Error> {
        let Some(session) = &self.session else {
            return Err(Error::new(ErrorKind::Unavailable, "the connection is closed"));
        };
        let outcome = work(session);
        if !self.shared.judge(&outcome) {
            self.session = None;
        }
        outcome
    }

    /// The connection's time limit.
    pub fn limit(&self) -> Option<Arc<Limit>> {
        self.session.as_ref().map(|session| Arc::clone(&session.limit))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(session) = self.session.take()
            && session.do_not_wait_for_locks().is_ok()
        {
            self.shared.put_back(session);
        }
    }
}

/// Counts open connections.
struct OpenCount(Arc<AtomicUsize>);

impl OpenCount {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for OpenCount {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Device and number of the file that the path names now.
#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|data| (data.dev(), data.ino()))
}

/// Elsewhere a file that is open cannot be replaced.
#[cfg(not(unix))]
fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|_| (0, 0))
}

fn closed(_: tokio::sync::AcquireError) -> Error {
    Error::new(ErrorKind::Unavailable, "the pool is closed")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
