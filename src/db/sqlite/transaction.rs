//! Transactions on SQLite's one writing connection, on threads that may block.
//!
//! Invariant: the connection never lies idle inside a transaction: whoever drops it rolls back first.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::error::sort;
use super::lost_thread;
use super::session::{Interrupt, Limit, Session, Shared};
use super::statement::run;
use crate::db::failure::{expired, free, within};
use crate::db::{BoxFuture, Effect, Error, ErrorKind, Query, Transaction, Value};

/// A transaction that has begun.
pub(super) struct SqliteTransaction {
    writer: Option<Writer>,
    deadline: Instant,
    failed: Option<Error>,
}

impl SqliteTransaction {
    /// Waits for the writing connection, then for the file's write lock.
    pub async fn begin(shared: &Arc<Shared>, deadline: Instant) -> Result<Self, Error> {
        if shared.file.read_only {
            return Err(Error::new(
                ErrorKind::Misconfigured,
                "the database is opened with mode=ro, expected mode=rw to write",
            ));
        }
        shared.notice_replaced_file()?;
        let permit = free(deadline, shared.writing()).await??;
        let shared = Arc::clone(shared);
        let opening = tokio::task::spawn_blocking(move || {
            let session = shared.take_writer()?;
            Ok(Writer { session: Some(session), shared, broken: false, _permit: permit })
        });
        let writer = within(deadline, "opening the database", opening).await?.map_err(lost_thread)??;
        let mut transaction = Self { writer: Some(writer), deadline, failed: None };
        transaction.on_thread("beginning a transaction", |session, _| control(session, "BEGIN IMMEDIATE")).await?;
        Ok(transaction)
    }

    /// Does work on a thread that may block. A caller who goes, or the deadline, interrupts it; then it is rolled back
    /// on that thread.
    async fn on_thread<T: Send + 'static>(
        &mut self,
        doing: &str,
        work: impl FnOnce(&Session, Instant) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let deadline = self.deadline;
        if Instant::now() >= deadline {
            return Err(expired(doing));
        }
        let Some(mut writer) = self.writer.take() else { return Err(expired(doing)) };
        let limit = writer.session.as_ref().map(|session| Arc::clone(&session.limit));
        let mut thread = tokio::task::spawn_blocking(move || {
            let outcome = match &writer.session {
                Some(session) => {
                    session.limit.set(Some(deadline));
                    session.wait_for_locks(deadline).and_then(|()| work(session, deadline))
                }
                None => Err(Error::new(ErrorKind::Unavailable, "the connection is closed")),
            };
            let outcome = outcome.map_err(write_protected);
            writer.broken = !writer.shared.judge(&outcome);
            (writer, outcome)
        });
        // Declared after the thread, so that it is dropped first and cannot interrupt the connection's next user.
        let interrupt = limit.map(Limit::interrupt_on_drop);
        let (writer, outcome) = within(deadline, doing, &mut thread).await?.map_err(lost_thread)?;
        interrupt.into_iter().for_each(Interrupt::disarm);
        self.writer = Some(writer);
        if let Err(error) = &outcome {
            self.failed = Some(error.clone());
        }
        outcome
    }

    async fn run(&mut self, query: &Query, arguments: &[Value]) -> Result<Effect, Error> {
        query.check_count(arguments.len())?;
        let (text, parameters, arguments) = (query.shared_text(), query.parameters(), arguments.to_vec());
        self.on_thread("a statement was at work", move |session, _| {
            run(&session.connection, &Query::new(text, parameters), &arguments)
        })
        .await
    }

    async fn finish(mut self) -> Result<(), Error> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let had_writer = self.writer.is_some();
        let outcome = self
            .on_thread("committing", |session, _| {
                // Half a commit helps nobody; only waiting for locks is limited.
                session.limit.set(None);
                control(session, "COMMIT")
            })
            .await;
        match outcome {
            // The thread is still at it: the file system, not a lock, keeps it waiting.
            Err(error) if had_writer && self.writer.is_none() => Err(unknown(error)),
            // The disk failed while the changes were on their way.
            Err(error) if error.kind == ErrorKind::Unavailable && self.failed.is_some() => Err(unknown(error)),
            other => other,
        }
    }
}

fn control(session: &Session, text: &str) -> Result<(), Error> {
    session.connection.execute_batch(text).map_err(|error| sort(&error, text, &[]))
}

/// A writing connection to a file that may only be read: nothing is wrong with the statement.
fn write_protected(error: Error) -> Error {
    match error.code.as_deref() {
        Some("8") => Error { kind: ErrorKind::Unavailable, ..error },
        _ => error,
    }
}

fn unknown(error: Error) -> Error {
    Error { kind: ErrorKind::OutcomeUnknown, ..error }
}

impl Transaction for SqliteTransaction {
    fn execute<'a>(&'a mut self, query: &'a Query, arguments: &'a [Value]) -> BoxFuture<'a, Result<Effect, Error>> {
        Box::pin(self.run(query, arguments))
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin((*self).finish())
    }

    fn rollback(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        // Dropping the writer rolls back.
        Box::pin(async move {
            drop(self);
            Ok(())
        })
    }
}

/// The writing connection while a transaction has it.
struct Writer {
    session: Option<Session>,
    shared: Arc<Shared>,
    /// The file failed it: it is closed, which rolls back too.
    broken: bool,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Writer {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        if self.broken {
            return;
        }
        session.limit.set(None);
        if !session.connection.is_autocommit() && control(&session, "ROLLBACK").is_err() {
            return;
        }
        if session.do_not_wait_for_locks().is_ok() {
            self.shared.put_back_writer(session);
        }
    }
}
