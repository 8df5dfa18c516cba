//! One record per decision, for whoever has to answer for it later.
//!
//! Invariant: no request ever waits for the sink. A record that was accepted is kept until it is written, and what
//! could not be kept is counted; an action whose record is required is refused before it is begun, never afterwards.

mod entry;
mod queue;
mod sink;
mod writer;

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

pub use self::entry::{Entry, Identifiers, Shown};
use self::queue::Queue;
use self::sink::Sink;
pub use self::sink::Target;
use self::writer::Writer;
use crate::action::Action;

/// Where records go, and what happens when they cannot.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where records are written.
    pub to: Target,
    /// What happens to an action whose record cannot be kept.
    pub on_failure: OnFailure,
    /// How identifiers are shown.
    pub identifiers: Identifiers,
    /// Records that may wait for the sink.
    pub queue: usize,
    /// The wall clock.
    pub clock: fn() -> SystemTime,
    /// The one spelling of an identifier that stands for all of its spellings.
    pub canonical: fn(&str) -> String,
}

/// What happens to an action whose record cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Changes are refused; logins and look-ups go on and are counted.
    DenyWrites,
    /// Every action is refused.
    Deny,
    /// Every action goes on and is counted.
    Continue,
}

impl OnFailure {
    fn denies(self, action: Action) -> bool {
        match self {
            Self::DenyWrites => !action.reads(),
            Self::Deny => true,
            Self::Continue => false,
        }
    }
}

impl FromStr for OnFailure {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "deny" => Ok(Self::Deny),
            "continue" => Ok(Self::Continue),
            "deny_writes" => Ok(Self::DenyWrites),
            _ => Err(format!("`{text}` is no policy: expected `deny`, `deny_writes` or `continue`")),
        }
    }
}

/// The record of an action cannot be kept, and the policy requires it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unwritable;

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the audit record cannot be kept")
    }
}

impl std::error::Error for Unwritable {}

/// What became of the records so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records that the sink took.
    pub written: u64,
    /// Records that were lost: the queue was full, or the process ended before the sink was mended.
    pub dropped: u64,
    /// Actions that were refused because their record could not be kept.
    pub denied: u64,
    /// Attempts to write that the sink refused.
    pub failures: u64,
    /// Records that wait.
    pub waiting: u64,
}

/// The journal: a bounded queue and the thread that empties it.
pub struct Audit {
    queue: Arc<Queue>,
    on_failure: OnFailure,
    clock: fn() -> SystemTime,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Audit {
    /// Opens the sink and starts the writer.
    ///
    /// # Errors
    /// The sink cannot be opened, or the system gives no thread.
    pub fn start(settings: Settings) -> io::Result<Arc<Self>> {
        let sink = Sink::open(settings.to)?;
        let queue = Arc::new(Queue::new(settings.queue));
        let writer = Writer::new(Arc::clone(&queue), sink, settings.identifiers, settings.canonical);
        let thread = std::thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run())?;
        let (on_failure, clock) = (settings.on_failure, settings.clock);
        Ok(Arc::new(Self { queue, on_failure, clock, thread: Mutex::new(Some(thread)) }))
    }

    /// Makes sure, before an action is begun, that its record can be kept.
    ///
    /// # Errors
    /// The sink is full or broken, and the policy refuses such an action.
    pub fn reserve(&self, action: Action) -> Result<Slot, Unwritable> {
        match self.on_failure.denies(action) {
            true if !self.queue.reserve() => Err(Unwritable),
            required => Ok(Slot { queue: Arc::clone(&self.queue), reserved: required }),
        }
    }

    /// Takes a record; with the slot that was reserved for it, there is room.
    pub fn record(&self, slot: Option<Slot>, mut entry: Entry) {
        entry.time = (self.clock)();
        let reserved = slot.is_some_and(Slot::into_reserved);
        self.queue.push(entry, reserved);
    }

    /// Opens a file or a socket anew, after its file was moved away.
    pub fn reopen(&self) {
        self.queue.ask_to_reopen();
    }

    /// What became of the records so far.
    pub fn totals(&self) -> Totals {
        self.queue.totals()
    }

    /// Writes what waits, for so long at most; whether everything was written.
    pub fn close(&self, limit: Duration) -> bool {
        let written = self.queue.close(limit);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (true, Some(thread)) = (written, thread) {
            // A writer that has nothing left to write ends at once.
            let _ = thread.join();
        }
        written
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("on_failure", &self.on_failure).field("totals", &self.totals()).finish()
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.queue.close(Duration::ZERO);
    }
}

/// Room for one record. Dropping it gives the room back.
#[derive(Debug)]
#[must_use = "the record of the action belongs into the slot"]
pub struct Slot {
    queue: Arc<Queue>,
    reserved: bool,
}

impl Slot {
    fn into_reserved(mut self) -> bool {
        std::mem::take(&mut self.reserved)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.reserved {
            self.queue.release();
        }
    }
}
