//! Reading a question. Where that takes a private key it is work for the pool of hashes: it costs as much as a cheap
//! hash, so it is bounded, shed and kept away from the threads that answer others like one.
//!
//! Invariant: what is read on a thread that answers is read in microseconds.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use tokio::time::Instant;

use super::connectors::Connectors;
use super::gateway::Gateway;
use super::record::Record;
use crate::hash::{Budget, Busy, turn};
use crate::protocol::{Asked, Code, Entered, Problem, Question, Route};

impl<C: Connectors> Gateway<C> {
    /// Reads the question by the deadline.
    ///
    /// # Errors
    /// It is not as its protocol wants it, or there was no time to read it.
    pub(super) async fn decode(
        &self,
        route: &Route<'_>,
        head: &Parts,
        entered: Entered,
        body: Bytes,
        deadline: Instant,
        record: &mut Record,
    ) -> Result<Asked, Problem> {
        let (action, tail, query) = (route.action, route.tail, head.uri.query());
        let pool = self.pool().filter(|_| route.protocol().is_dear());
        let (Some(pool), Some(mount)) = (pool, route.face().cloned()) else {
            let question = Question { action, tail, query, entered: &entered, headers: &head.headers, body: &body };
            return route.protocol().decode(&question);
        };
        let (tail, query, headers) = (tail.to_owned(), query.map(str::to_owned), head.headers.clone());
        let job = move || {
            let (query, headers) = (query.as_deref(), &headers);
            let question = Question { action, tail: &tail, query, entered: &entered, headers, body: &body };
            mount.protocol.decode(&question)
        };
        run(pool, deadline, job).await.unwrap_or_else(|busy| {
            record.reason = Some(format!("the question was not read: {busy}"));
            Err(Problem::new(match busy {
                Busy::Panicked => Code::Internal,
                busy => Code::of(&busy.class()),
            }))
        })
    }
}

async fn run<T: Send + 'static>(
    pool: &Arc<Budget>,
    deadline: Instant,
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Busy> {
    pool.run_soon(0, turn(deadline), deadline, job).await
}
