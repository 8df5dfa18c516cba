//! A bounded pool of connections that are used by one caller at a time.
//!
//! Invariant: handing back is synchronous and does no I/O, and only [`Lease::release`] does it. A lease that is
//! dropped in any other way (deadline, cancelled caller, panic) closes its connection at once.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::failure::{Failure, free};
use super::health::Health;
use super::{Effect, Error, PoolState, Query, Value};

/// The oldest connection that is handed out: failovers and rotated passwords reach every connection by then.
pub(super) const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// A connection that serves one caller at a time. Dropping it closes its socket without further I/O.
pub(super) trait Exclusive: Send + Sized + 'static {
    /// What is needed to connect.
    type Source: Send + Sync + 'static;

    /// Connects and sets up the session.
    fn connect(source: &Self::Source) -> impl Future<Output = Result<Self, Error>> + Send;

    /// Begins, commits or rolls back.
    fn control(&mut self, verb: Control) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Runs one statement inside a transaction.
    fn execute<'a>(
        &'a mut self,
        query: &'a Query,
        arguments: &'a [Value],
    ) -> impl Future<Output = Result<Effect, Failure>> + Send + 'a;

    /// Ends a connection whose statement is still at work, so that its locks do not outlive it for long.
    fn abandon(self);
}

/// What is said to a server around a transaction's statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// Begins a transaction.
    Begin,
    /// Makes its changes last.
    Commit,
    /// Undoes its changes.
    Rollback,
}

/// The pool; clones are the same one.
pub(super) struct Pool<C: Exclusive> {
    shared: Arc<Shared<C>>,
}

impl<C: Exclusive> Clone for Pool<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

struct Shared<C: Exclusive> {
    source: C::Source,
    health: Arc<Health>,
    permits: Arc<Semaphore>,
    limit: usize,
    idle: Mutex<Vec<Idle<C>>>,
}

struct Idle<C> {
    connection: C,
    born: Instant,
}

/// A connection that was checked out.
pub(super) struct Lease<C: Exclusive> {
    idle: Option<Idle<C>>,
    shared: Arc<Shared<C>>,
    _permit: OwnedSemaphorePermit,
}

impl<C: Exclusive> Pool<C> {
    /// A pool of at most this many connections, none of which is open yet.
    pub fn new(source: C::Source, limit: usize, health: Arc<Health>) -> Self {
        let shared = Shared { source, health, permits: Arc::new(Semaphore::new(limit)), limit, idle: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// An idle connection, or a new one.
    pub async fn checkout(&self, deadline: Instant) -> Result<Lease<C>, Error> {
        let waiting = Arc::clone(&self.shared.permits).acquire_owned();
        let permit = free(deadline, waiting)
            .await?
            .map_err(|_| Error::new(super::ErrorKind::Unavailable, "the pool is closed"))?;
        let mut lease = Lease { idle: self.shared.take_idle(), shared: Arc::clone(&self.shared), _permit: permit };
        if lease.idle.is_none() {
            lease.reconnect(deadline).await?;
        }
        Ok(lease)
    }

    /// Gives up the place of one connection, for one of another kind, until the permit is dropped. Not the last place,
    /// unless the pool has no other: whoever needs a connection of this kind would wait.
    pub fn lend(&self) -> Option<OwnedSemaphorePermit> {
        if !self.can_lend() {
            return None;
        }
        let permit = Arc::clone(&self.shared.permits).try_acquire_owned().ok()?;
        let mut idle = self.shared.idle();
        let taken = self.shared.limit.saturating_sub(self.shared.permits.available_permits());
        let surplus = (idle.len() + taken).saturating_sub(self.shared.limit).min(idle.len());
        // The ones that were used the longest time ago.
        let closed: Vec<_> = idle.drain(..surplus).collect();
        drop(idle);
        drop(closed);
        Some(permit)
    }

    /// Whether a place could be given up now.
    pub fn can_lend(&self) -> bool {
        self.shared.permits.available_permits() >= self.shared.limit.min(2)
    }

    /// Whether the next caller has to wait.
    pub fn is_exhausted(&self) -> bool {
        self.shared.permits.available_permits() == 0
    }

    /// Closes every idle connection.
    pub fn condemn(&self) {
        self.shared.condemn();
    }

    /// Closes every idle connection, and lets the next one be made at once.
    pub fn renew(&self) {
        self.shared.condemn();
        self.shared.health.try_again();
    }

    /// What the pool is doing.
    pub fn state(&self) -> PoolState {
        let busy = self.shared.limit - self.shared.permits.available_permits().min(self.shared.limit);
        PoolState {
            open: busy + self.shared.idle().len(),
            busy,
            limit: self.shared.limit,
            last_error: self.shared.health.last_error(),
        }
    }
}

impl<C: Exclusive> Lease<C> {
    /// The connection; None after it was abandoned.
    pub fn connection(&mut self) -> Option<&mut C> {
        self.idle.as_mut().map(|idle| &mut idle.connection)
    }

    /// Closes this connection and every idle one, which likely shares its fate, and opens a new one.
    pub async fn renew(&mut self, deadline: Instant) -> Result<(), Error> {
        self.condemn();
        self.idle = None;
        self.reconnect(deadline).await
    }

    /// Closes every idle connection of the pool.
    pub fn condemn(&self) {
        self.shared.condemn();
    }

    /// Hands a connection back that has finished cleanly.
    pub fn release(mut self) {
        self.shared.health.answered();
        if let Some(idle) = self.idle.take() {
            self.shared.idle().push(idle);
        }
    }

    /// Ends a connection whose statement is still at work.
    pub fn abandon(mut self) {
        if let Some(idle) = self.idle.take() {
            idle.connection.abandon();
        }
    }

    /// A connection broke: the operator may want to know why.
    pub fn lost(&self, error: &Error) {
        self.shared.health.lost(error);
    }

    async fn reconnect(&mut self, deadline: Instant) -> Result<(), Error> {
        let connection = self.shared.health.connect(deadline, C::connect(&self.shared.source)).await?;
        self.idle = Some(Idle { connection, born: Instant::now() });
        Ok(())
    }
}

impl<C: Exclusive> Shared<C> {
    /// The connection that was used last: it is the least likely to have been cut by a firewall.
    fn take_idle(&self) -> Option<Idle<C>> {
        let mut idle = self.idle();
        while let Some(candidate) = idle.pop() {
            if candidate.born.elapsed() < MAX_LIFETIME {
                return Some(candidate);
            }
        }
        None
    }

    fn condemn(&self) {
        let condemned = std::mem::take(&mut *self.idle());
        drop(condemned);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle<C>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Exclusive> fmt::Debug for Pool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pool").field(&self.state()).finish()
    }
}
