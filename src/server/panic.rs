//! Panics, kept to the request that they happen in.
//!
//! Invariant: a panic is a defect, but it ends one request with 500 and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// The future panicked and must not be polled again.
#[derive(Debug)]
pub(super) struct Panicked;

/// The future's output, unless it panics. What it shares with others is locked or atomic, so no other request sees a
/// half-made change.
pub(super) async fn caught<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}
