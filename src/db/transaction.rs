//! Transactions on connections that serve one caller at a time (PostgreSQL, MySQL).
//!
//! Invariant: the connection goes back to its pool only after the server has answered COMMIT or ROLLBACK.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::failure::{Fate, expired, within};
use super::pool::{Control, Exclusive, Lease, Pool};
use super::{BoxFuture, Effect, Error, ErrorKind, Query, Transaction, Value};

/// How long the rollback of a dropped transaction may take in the background before its connection is closed.
const ROLLBACK_LIMIT: Duration = Duration::from_secs(1);

/// A transaction that has begun.
pub(super) struct Exclusively<C: Exclusive> {
    lease: Option<Lease<C>>,
    deadline: Instant,
    progress: Progress,
}

enum Progress {
    /// The server waits for the next statement.
    Ready,
    /// A statement is at work, or its answer was not read to the end.
    Busy,
    /// A statement failed: the server accepts nothing but a rollback, or the caller must want one.
    Failed(Error),
}

/// Begins a transaction; once more on a new connection when the idle one turns out to be broken, for nothing was
/// sent that could be done twice.
pub(super) async fn begin<C: Exclusive>(pool: &Pool<C>, deadline: Instant) -> Result<Exclusively<C>, Error> {
    let mut lease = pool.checkout(deadline).await?;
    let mut renewed = false;
    loop {
        let Some(connection) = lease.connection() else { return Err(closed()) };
        match within(deadline, "beginning a transaction", connection.control(Control::Begin)).await? {
            Ok(()) => return Ok(Exclusively { lease: Some(lease), deadline, progress: Progress::Ready }),
            Err(failure) if failure.fate == Fate::Broken && !renewed => {
                lease.lost(&failure.error);
                lease.renew(deadline).await?;
                renewed = true;
            }
            Err(failure) => return Err(failure.error),
        }
    }
}

impl<C: Exclusive> Exclusively<C> {
    async fn run(&mut self, query: &Query, arguments: &[Value]) -> Result<Effect, Error> {
        if let Progress::Failed(error) = &self.progress {
            return Err(error.clone());
        }
        query.check_count(arguments.len())?;
        let Some(connection) = self.lease.as_mut().and_then(Lease::connection) else { return Err(closed()) };
        self.progress = Progress::Busy;
        match within(self.deadline, "a statement was at work", connection.execute(query, arguments)).await {
            Ok(Ok(effect)) => {
                self.progress = Progress::Ready;
                Ok(effect)
            }
            Ok(Err(failure)) => {
                if failure.fate == Fate::Broken {
                    self.close(&failure.error);
                }
                self.progress = Progress::Failed(failure.error.clone());
                Err(failure.error)
            }
            Err(timeout) => {
                // The statement is still at work on the server; its locks should not outlive the caller.
                if let Some(lease) = self.lease.take() {
                    // The server's own time limit is shorter than ours: it is silent, likely on every connection.
                    lease.condemn();
                    lease.abandon();
                }
                self.progress = Progress::Failed(timeout.clone());
                Err(timeout)
            }
        }
    }

    async fn finish_with_commit(mut self) -> Result<(), Error> {
        if let Progress::Failed(error) = &self.progress {
            return Err(error.clone());
        }
        if Instant::now() >= self.deadline {
            return Err(expired("waiting for the commit"));
        }
        let Some(connection) = self.lease.as_mut().and_then(Lease::connection) else { return Err(closed()) };
        self.progress = Progress::Busy;
        let answer = within(self.deadline, "committing", connection.control(Control::Commit)).await;
        match answer {
            Ok(Ok(())) => {
                self.release();
                Ok(())
            }
            // The server answered that it did not commit.
            Ok(Err(failure)) if failure.fate != Fate::Broken => {
                self.progress = Progress::Failed(failure.error.clone());
                Err(failure.error)
            }
            Ok(Err(failure)) => {
                self.close(&failure.error);
                Err(unknown(&failure.error))
            }
            Err(timeout) => Err(unknown(&timeout)),
        }
    }

    async fn finish_with_rollback(mut self) -> Result<(), Error> {
        let Some(connection) = self.lease.as_mut().and_then(Lease::connection) else { return Ok(()) };
        self.progress = Progress::Busy;
        match within(self.deadline, "rolling back", connection.control(Control::Rollback)).await {
            Ok(Ok(())) => {
                self.release();
                Ok(())
            }
            // Closing the connection rolls back too.
            Ok(Err(failure)) => {
                self.close(&failure.error);
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    fn release(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.release();
        }
    }

    /// Closes the connection, and the idle ones: a server that stops or was demoted has broken them as well.
    fn close(&mut self, error: &Error) {
        if let Some(lease) = self.lease.take() {
            lease.lost(error);
            lease.condemn();
        }
    }
}

impl<C: Exclusive> Transaction for Exclusively<C> {
    fn execute<'a>(&'a mut self, query: &'a Query, arguments: &'a [Value]) -> BoxFuture<'a, Result<Effect, Error>> {
        Box::pin(self.run(query, arguments))
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin((*self).finish_with_commit())
    }

    fn rollback(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin((*self).finish_with_rollback())
    }
}

impl<C: Exclusive> Drop for Exclusively<C> {
    fn drop(&mut self) {
        let Some(mut lease) = self.lease.take() else { return };
        if matches!(self.progress, Progress::Busy) {
            return lease.abandon();
        }
        // Without a runtime the lease is dropped here, which closes the connection.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let Some(connection) = lease.connection() else { return };
            if let Ok(Ok(())) = timeout(ROLLBACK_LIMIT, connection.control(Control::Rollback)).await {
                lease.release();
            }
        });
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Unavailable, "the transaction's connection is closed")
}

/// After COMMIT was sent nothing but the server's answer tells whether the changes last.
fn unknown(error: &Error) -> Error {
    Error { kind: ErrorKind::OutcomeUnknown, ..error.clone() }
}
