//! Shared connections on which reads are pipelined: many requests travel on one connection without waiting for
//! each other's answers.
//!
//! Invariant: a request that was sent is read to its end, in the background when its caller has gone, so that
//! answers never shift; a connection that does not answer in time is closed. When all are behind slow statements, a
//! place of the writers' is borrowed, so that the number of connections stays within its limit.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, OwnedSemaphorePermit};
use tokio::time::{Instant, timeout};

use super::session::{Session, Source};
use crate::db::Error;
use crate::db::failure::within;
use crate::db::pool::{MAX_LIFETIME, Pool};

/// A connection that has answered nothing for this long is stuck behind a slow statement, or lost.
pub(super) const PATIENCE: Duration = Duration::from_millis(30);

/// So many requests in flight on every connection call for one more, up to [`BASE`].
const GROW_AT: u64 = 4;

/// The number of connections that ordinary load uses; more are opened only when all are stuck.
const BASE: usize = 2;

/// One shared connection.
pub(super) struct Reader {
    pub session: Session,
    born: Instant,
    submitted: AtomicU64,
    completed: AtomicU64,
    /// When it last answered or was last idle, in milliseconds since its birth.
    progress: AtomicU64,
    retired: AtomicBool,
    limit: Duration,
    /// The writers' place that it takes, given back when the last answer has been read.
    loan: Option<OwnedSemaphorePermit>,
}

impl Reader {
    fn new(session: Session, limit: Duration, loan: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            session,
            born: Instant::now(),
            submitted: AtomicU64::new(0),
            completed: AtomicU64::new(0),
            progress: AtomicU64::new(0),
            retired: AtomicBool::new(false),
            limit,
            loan,
        }
    }

    /// Sends work down the connection.
    pub fn submit<T: Send + 'static>(self: &Arc<Self>, work: impl Future<Output = T> + Send + 'static) -> Running<T> {
        if self.in_flight() == 0 {
            self.note_progress();
        }
        let ticket = self.submitted.fetch_add(1, Ordering::Relaxed);
        Running { work: Some(Box::pin(work)), reader: Arc::clone(self), ticket }
    }

    /// How many requests wait for their answers.
    pub fn in_flight(&self) -> u64 {
        self.submitted.load(Ordering::Relaxed).saturating_sub(self.completed.load(Ordering::Relaxed))
    }

    /// How long nothing was answered.
    pub fn silence(&self) -> Duration {
        let progress = Duration::from_millis(self.progress.load(Ordering::Relaxed));
        self.born.elapsed().saturating_sub(progress)
    }

    fn is_stuck(&self) -> bool {
        self.in_flight() > 0 && self.silence() > PATIENCE
    }

    fn is_usable(&self) -> bool {
        !self.retired.load(Ordering::Relaxed) && !self.session.client.is_closed() && self.born.elapsed() < MAX_LIFETIME
    }

    fn complete(&self) {
        self.completed.fetch_add(1, Ordering::Relaxed);
        self.note_progress();
    }

    fn note_progress(&self) {
        let now = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.progress.store(now, Ordering::Relaxed);
    }

    /// Closes the connection at once. Whoever waits on it is told that it is lost.
    pub fn close(&self) {
        self.retired.store(true, Ordering::Relaxed);
        self.session.close();
    }
}

/// A request in flight. Dropped before its end, it is read to the end in the background under a time limit.
pub(super) struct Running<T: Send + 'static> {
    work: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    reader: Arc<Reader>,
    ticket: u64,
}

impl<T: Send + 'static> Running<T> {
    /// Whether requests that were sent earlier on this connection are unanswered, and nothing moves.
    pub fn is_held_up(&self) -> bool {
        self.reader.completed.load(Ordering::Relaxed) < self.ticket && self.reader.silence() >= PATIENCE
    }
}

impl<T: Send + 'static> Future for Running<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        let answer = std::task::ready!(work.as_mut().poll(context));
        self.work = None;
        self.reader.complete();
        Poll::Ready(answer)
    }
}

impl<T: Send + 'static> Drop for Running<T> {
    fn drop(&mut self) {
        let Some(work) = self.work.take() else { return };
        let reader = Arc::clone(&self.reader);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return reader.close() };
        runtime.spawn(async move {
            match timeout(reader.limit, work).await {
                Ok(_) => reader.complete(),
                Err(_) => reader.close(),
            }
        });
    }
}

/// The shared connections of one database.
pub(super) struct Readers {
    source: Source,
    list: ArcSwap<Vec<Arc<Reader>>>,
    opening: Mutex<()>,
    growing: AtomicBool,
    /// The most connections that are opened, besides those in borrowed places.
    pub limit: usize,
    time_limit: Duration,
    writers: Pool<Session>,
    borrowing: AtomicBool,
}

impl Readers {
    pub fn new(source: Source, limit: usize, time_limit: Duration, writers: Pool<Session>) -> Self {
        Self {
            source,
            list: ArcSwap::default(),
            opening: Mutex::default(),
            growing: AtomicBool::new(false),
            limit,
            time_limit,
            writers,
            borrowing: AtomicBool::new(false),
        }
    }

    /// The connection with the fewest requests in flight, a new one when there is none or all are stuck.
    pub async fn pick(self: &Arc<Self>, deadline: Instant) -> Result<Arc<Reader>, Error> {
        if self.borrowing.load(Ordering::Relaxed) && flowing(&own(&self.list.load())).is_some() {
            self.give_back();
        }
        let list = self.list.load();
        let Some(best) = flowing(&list) else {
            drop(list);
            return self.open(deadline).await;
        };
        if best.in_flight() >= GROW_AT && list.len() < BASE.min(self.limit) {
            self.grow();
        }
        Ok(Arc::clone(best))
    }

    /// Lets go of a connection that is of no more use.
    pub fn remove(&self, reader: &Arc<Reader>) {
        reader.close();
        self.list.rcu(|list| usable(list));
    }

    /// Closes every connection on which nobody waits for an answer, or nothing is answered.
    pub fn close_idle(&self) {
        let list = self.list.load();
        list.iter().filter(|reader| reader.in_flight() == 0 || reader.is_stuck()).for_each(|reader| reader.close());
        self.list.rcu(|list| usable(list));
    }

    /// Sends nothing more down connections in borrowed places: each is given back when its last answer has come.
    pub fn give_back(&self) {
        if self.borrowing.swap(false, Ordering::Relaxed) {
            self.list.rcu(|list| own(list));
        }
    }

    /// Whether a request that is held up here could fare better elsewhere.
    pub fn has_other(&self, reader: &Arc<Reader>) -> bool {
        let list = usable(&self.list.load());
        let others = || list.iter().filter(|other| !Arc::ptr_eq(other, reader));
        let room = others().filter(|other| other.loan.is_none()).count() + 1 < self.limit;
        room || others().any(|other| !other.is_stuck()) || self.writers.can_lend()
    }

    /// Connections that are open, and those that are at work; not those in borrowed places, which the writers count.
    pub fn counts(&self) -> (usize, usize) {
        let list = self.list.load();
        let open = list.iter().filter(|reader| reader.is_usable() && reader.loan.is_none());
        open.fold((0, 0), |(open, busy), reader| (open + 1, busy + usize::from(reader.in_flight() > 0)))
    }

    /// One caller connects, the others wait for the outcome.
    async fn open(&self, deadline: Instant) -> Result<Arc<Reader>, Error> {
        let _turn = within(deadline, "waiting for a connection", self.opening.lock()).await?;
        let list = usable(&self.list.load());
        if let Some(reader) = flowing(&list) {
            return Ok(Arc::clone(reader));
        }
        if own(&list).len() >= self.limit
            && let Some(reader) = list.iter().min_by_key(|reader| reader.in_flight())
        {
            // One that has been silent for this long is more likely lost than slow, and somebody must find out.
            let lost = list.iter().filter(|reader| reader.is_stuck()).max_by_key(|reader| reader.silence());
            match lost.filter(|reader| reader.silence() > self.time_limit / 2) {
                Some(lost) => self.remove(lost),
                None => return Ok(self.borrow(deadline).await.unwrap_or_else(|| Arc::clone(reader))),
            }
        }
        self.connect(deadline, None).await
    }

    /// A connection in a place of the writers', if they can spare one and the server has room.
    async fn borrow(&self, deadline: Instant) -> Option<Arc<Reader>> {
        let loan = self.writers.lend()?;
        let reader = self.connect(deadline, Some(loan)).await.ok()?;
        self.borrowing.store(true, Ordering::Relaxed);
        Some(reader)
    }

    async fn connect(&self, deadline: Instant, loan: Option<OwnedSemaphorePermit>) -> Result<Arc<Reader>, Error> {
        let session = self.source.health.connect(deadline, Session::open(&self.source)).await?;
        let reader = Arc::new(Reader::new(session, self.time_limit, loan));
        self.list.rcu(|list| {
            let mut list = usable(list);
            list.push(Arc::clone(&reader));
            list
        });
        Ok(reader)
    }

    /// Adds a connection in the background.
    fn grow(self: &Arc<Self>) {
        if self.growing.swap(true, Ordering::Relaxed) {
            return;
        }
        let readers = Arc::clone(self);
        tokio::spawn(async move {
            // It takes no turn: callers must not wait for what is useful later only. When it fails the present
            // connections serve on; the reason is in the pool's state.
            let _ = readers.connect(Instant::now() + readers.time_limit, None).await;
            readers.growing.store(false, Ordering::Relaxed);
        });
    }
}

fn flowing(list: &[Arc<Reader>]) -> Option<&Arc<Reader>> {
    list.iter().filter(|reader| reader.is_usable() && !reader.is_stuck()).min_by_key(|reader| reader.in_flight())
}

fn usable(list: &[Arc<Reader>]) -> Vec<Arc<Reader>> {
    list.iter().filter(|reader| reader.is_usable()).cloned().collect()
}

/// Those that are in nobody else's place.
fn own(list: &[Arc<Reader>]) -> Vec<Arc<Reader>> {
    list.iter().filter(|reader| reader.loan.is_none()).cloned().collect()
}
