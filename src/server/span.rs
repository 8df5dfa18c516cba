//! What traces tell of a request.
//!
//! Invariant: no more than the log does; nothing of a user.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::action::Action;

/// Where spans of sampled traces go.
pub type Spans = mpsc::Sender<Span>;

/// A request that has just been answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The trace.
    pub trace: u128,
    /// This part of it.
    pub id: u64,
    /// The client's part of it.
    pub parent: Option<u64>,
    /// What was asked for.
    pub action: Option<Action>,
    /// Who asked.
    pub client: Option<String>,
    /// Which store was asked.
    pub connector: Option<String>,
    /// The version of its definition.
    pub version: Option<String>,
    /// What came of it.
    pub outcome: &'static str,
    /// Why, as one of a closed set.
    pub reason: Option<&'static str>,
    /// The HTTP status; None when nobody waited for the answer.
    pub status: Option<u16>,
    /// From the first byte of the head to the answer.
    pub duration: Duration,
}
