//! A database in order, behind a trap: from a given call on it fails, panics, or claims that there is nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;
use userbridge::db::{
    BoxFuture, Database, Description, Effect, Error, ErrorKind, PoolState, Query, Row, Transaction, Value,
};
use userbridge::sql::Dialect;

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    Error(ErrorKind),
    Panic,
    /// No rows instead of an error: what no database may do.
    Silence,
}

/// When it goes wrong.
#[derive(Debug)]
pub struct Plan {
    calls: AtomicUsize,
    from: usize,
    until: usize,
    fault: Fault,
}

impl Plan {
    /// Every call is counted and none fails.
    pub fn nothing() -> Arc<Self> {
        Self::between(0, 0, Fault::Panic)
    }

    /// This call fails and all later ones do; the first is 0.
    pub fn from(call: usize, fault: Fault) -> Arc<Self> {
        Self::between(call, usize::MAX, fault)
    }

    /// This call fails and no other.
    pub fn once(call: usize, fault: Fault) -> Arc<Self> {
        Self::between(call, call + 1, fault)
    }

    fn between(from: usize, until: usize, fault: Fault) -> Arc<Self> {
        Arc::new(Self { calls: AtomicUsize::new(0), from, until, fault })
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Does the work, or what is planned instead.
    async fn step<T>(&self, work: impl Future<Output = Result<T, Error>>, nothing: Option<T>) -> Result<T, Error> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        if !(self.from..self.until).contains(&call) {
            return work.await;
        }
        match (&self.fault, nothing) {
            (Fault::Error(kind), _) => Err(Error::new(kind.clone(), "injected")),
            (Fault::Panic, _) => panic!("injected"),
            (Fault::Silence, Some(nothing)) => Ok(nothing),
            (Fault::Silence, None) => work.await,
        }
    }
}

#[derive(Debug)]
pub struct Trap {
    inner: Arc<dyn Database>,
    plan: Arc<Plan>,
}

impl Trap {
    pub fn new(inner: Arc<dyn Database>, plan: Arc<Plan>) -> Self {
        Self { inner, plan }
    }
}

impl Database for Trap {
    fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }

    fn prepare<'a>(&'a self, query: &'a Query, until: Instant) -> BoxFuture<'a, Result<&'a Description, Error>> {
        Box::pin(self.plan.step(self.inner.prepare(query, until), None))
    }

    fn fetch<'a>(
        &'a self,
        query: &'a Query,
        arguments: &'a [Value],
        until: Instant,
    ) -> BoxFuture<'a, Result<Vec<Row>, Error>> {
        Box::pin(self.plan.step(self.inner.fetch(query, arguments, until), Some(Vec::new())))
    }

    fn begin(&self, until: Instant) -> BoxFuture<'_, Result<Box<dyn Transaction>, Error>> {
        let begun = async move {
            let inner = self.inner.begin(until).await?;
            Ok(Box::new(TrappedTransaction { inner, plan: Arc::clone(&self.plan) }) as Box<dyn Transaction>)
        };
        Box::pin(self.plan.step(begun, None))
    }

    fn ping(&self, until: Instant) -> BoxFuture<'_, Result<(), Error>> {
        self.inner.ping(until)
    }

    fn renew(&self) {
        self.inner.renew();
    }

    fn state(&self) -> PoolState {
        self.inner.state()
    }
}

struct TrappedTransaction {
    inner: Box<dyn Transaction>,
    plan: Arc<Plan>,
}

impl Transaction for TrappedTransaction {
    fn execute<'a>(&'a mut self, query: &'a Query, arguments: &'a [Value]) -> BoxFuture<'a, Result<Effect, Error>> {
        Box::pin(self.plan.step(self.inner.execute(query, arguments), None))
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        let Self { inner, plan } = *self;
        Box::pin(async move { plan.step(inner.commit(), None).await })
    }

    fn rollback(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        let Self { inner, plan } = *self;
        Box::pin(async move { plan.step(inner.rollback(), None).await })
    }
}
