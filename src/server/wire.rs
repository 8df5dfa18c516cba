//! One connection's bytes under deadlines.
//!
//! Invariant: a connection that neither sends a whole request head, nor waits for an answer, nor takes its answer,
//! ends: hyper's own limits leave out a connection that sends nothing at all, an HTTP/2 connection that stays idle,
//! and a peer that stops reading. The deadlines cost a request no timer of its own: one timer per connection is set
//! late and checked when it fires.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Version;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::framing::Framing;

/// How long a peer may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For a request head, from its first byte; for the first head, from the connection's beginning.
    pub(super) head: Duration,
    /// Between requests.
    pub(super) idle: Duration,
    /// Without taking a byte that is ready for it.
    pub(super) write: Duration,
}

/// What the requests of a connection are doing; shared by its [`Wire`] and its service.
#[derive(Debug)]
pub(super) struct Activity {
    born: Instant,
    busy: AtomicUsize,
    served: AtomicBool,
    http2: AtomicBool,
    /// When the last request ended, in milliseconds since `born`.
    rested: AtomicU64,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            born: Instant::now(),
            busy: AtomicUsize::new(0),
            served: AtomicBool::new(false),
            http2: AtomicBool::new(false),
            rested: AtomicU64::new(0),
        }
    }

    /// A request has begun; it ends when the value is dropped.
    pub(super) fn begin(self: &Arc<Self>, version: Version) -> Busy {
        self.busy.fetch_add(1, Ordering::Relaxed);
        if !self.served.load(Ordering::Relaxed) {
            self.http2.store(version == Version::HTTP_2, Ordering::Relaxed);
            self.served.store(true, Ordering::Relaxed);
        }
        Busy(Arc::clone(self))
    }

    fn rested(&self) -> Instant {
        self.born + Duration::from_millis(self.rested.load(Ordering::Relaxed))
    }
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct Busy(Arc<Activity>);

impl Drop for Busy {
    fn drop(&mut self) {
        let rested = u64::try_from(self.0.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.rested.store(rested, Ordering::Relaxed);
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream that ends with [`io::ErrorKind::TimedOut`] when the peer takes too long.
#[derive(Debug)]
pub(super) struct Wire<IO> {
    io: IO,
    framing: Framing,
    activity: Arc<Activity>,
    patience: Patience,
    head_since: Option<Instant>,
    blocked_since: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

impl<IO> Wire<IO> {
    pub(super) fn new(io: IO, activity: Arc<Activity>, patience: Patience) -> Self {
        let timer = Box::pin(tokio::time::sleep_until(activity.born + patience.head));
        let framing = Framing::new();
        Self { io, framing, activity, patience, head_since: None, blocked_since: None, timer }
    }

    /// When the peer has taken too long; None while it waits for us.
    fn deadline(&self) -> Option<Instant> {
        let read = self.read_deadline();
        let write = self.blocked_since.map(|since| since + self.patience.write);
        match (read, write) {
            (Some(read), Some(write)) => Some(read.min(write)),
            (read, write) => read.or(write),
        }
    }

    fn read_deadline(&self) -> Option<Instant> {
        let activity = &self.activity;
        if activity.busy.load(Ordering::Relaxed) > 0 {
            return None;
        }
        if !activity.served.load(Ordering::Relaxed) {
            return Some(activity.born + self.patience.head);
        }
        let rested = activity.rested();
        match self.head_since {
            Some(since) if !activity.http2.load(Ordering::Relaxed) => Some(since.max(rested) + self.patience.head),
            _ => Some(rested + self.patience.idle),
        }
    }

    /// Ready once the deadline has passed; otherwise the task is woken when it has to be asked again.
    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if let Some(deadline) = self.deadline()
            && self.timer.deadline() > deadline
        {
            self.timer.as_mut().reset(deadline);
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let next = match self.deadline() {
                Some(deadline) if deadline <= now => return Poll::Ready(io::ErrorKind::TimedOut.into()),
                Some(deadline) => deadline,
                None => now + self.patience.idle,
            };
            self.timer.as_mut().reset(next);
        }
    }

    /// Notes whether the peer takes what is written.
    fn written<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.blocked_since = None;
            return result;
        }
        self.blocked_since.get_or_insert_with(Instant::now);
        self.poll_expired(cx).map(Err)
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Wire<IO> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        match Pin::new(&mut this.io).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                this.framing.filter(&mut buf.filled_mut()[before..]);
                match this.framing.in_head() {
                    true => _ = this.head_since.get_or_insert_with(Instant::now),
                    false => this.head_since = None,
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => this.poll_expired(cx).map(Err),
        }
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Wire<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.written(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_flush(cx);
        self.written(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_shutdown(cx);
        self.written(cx, result)
    }
}
