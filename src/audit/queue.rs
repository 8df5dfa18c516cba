//! The records that wait for the sink.
//!
//! Invariant: records and reserved room together never exceed the capacity, and the lock is held only to move values.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Entry, Totals};

/// A bounded queue with one reader.
#[derive(Debug)]
pub(super) struct Queue {
    capacity: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Entry>,
    /// Room that is promised to actions in progress.
    reserved: usize,
    /// Records that the writer took and has not written yet.
    taken: usize,
    /// Whether the last attempt to write failed.
    broken: bool,
    reopen: bool,
    /// When the writer gives up; set once nobody will add records.
    closing: Option<Instant>,
    ended: bool,
    totals: Totals,
}

impl State {
    fn is_full(&self, capacity: usize) -> bool {
        self.waiting.len() + self.reserved + self.taken >= capacity
    }
}

/// What the writer is to do next.
#[derive(Debug)]
pub(super) struct Work {
    pub entries: Vec<Entry>,
    pub reopen: bool,
}

impl Queue {
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), state: Mutex::default(), changed: Condvar::new() }
    }

    /// Promises room for one record; whether there is any and the sink works.
    pub fn reserve(&self) -> bool {
        let mut state = self.lock();
        if state.broken || state.is_full(self.capacity) {
            state.totals.denied += 1;
            return false;
        }
        state.reserved += 1;
        true
    }

    /// Takes a promise back.
    pub fn release(&self) {
        self.lock().reserved -= 1;
    }

    /// Adds a record, into the room that was reserved for it or where there is some; else it is lost.
    pub fn push(&self, entry: Entry, reserved: bool) {
        let mut state = self.lock();
        match reserved {
            true => state.reserved -= 1,
            false if state.is_full(self.capacity) => {
                state.totals.dropped += 1;
                return;
            }
            false => {}
        }
        state.waiting.push(entry);
        let first = state.waiting.len() == 1;
        drop(state);
        if first {
            self.changed.notify_all();
        }
    }

    pub fn ask_to_reopen(&self) {
        self.lock().reopen = true;
        self.changed.notify_all();
    }

    pub fn totals(&self) -> Totals {
        let state = self.lock();
        Totals { waiting: (state.waiting.len() + state.taken) as u64, ..state.totals }
    }

    /// Waits until everything is written or the limit has passed; whether everything was.
    pub fn close(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        state.closing.get_or_insert(deadline);
        self.changed.notify_all();
        while !state.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.waiting.is_empty() && state.taken == 0
    }

    /// What is to be done, once there is something; None at the end.
    pub fn next(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if state.reopen || !state.waiting.is_empty() {
                let entries = std::mem::take(&mut state.waiting);
                state.taken = entries.len();
                return Some(Work { entries, reopen: std::mem::take(&mut state.reopen) });
            }
            if state.closing.is_some() {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The sink took this many of the records that were taken; whether it had been broken until now.
    pub fn written(&self, count: usize) -> bool {
        let mut state = self.lock();
        state.taken -= count;
        state.totals.written += count as u64;
        std::mem::take(&mut state.broken)
    }

    /// A record cannot be written, now or ever.
    pub fn lost(&self) {
        let mut state = self.lock();
        state.taken -= 1;
        state.totals.dropped += 1;
        state.totals.failures += 1;
    }

    /// The sink refused; whether it worked until now.
    pub fn failed(&self) -> bool {
        let mut state = self.lock();
        state.totals.failures += 1;
        !std::mem::replace(&mut state.broken, true)
    }

    /// Waits before the next attempt to write.
    pub fn pause(&self, time: Duration) -> Pause {
        let until = Instant::now() + time;
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if std::mem::take(&mut state.reopen) {
                return Pause::Reopen;
            }
            if state.closing.is_some_and(|deadline| deadline <= now) {
                return Pause::GiveUp;
            }
            let left = until.saturating_duration_since(now);
            if left.is_zero() {
                return Pause::Over;
            }
            let left = state.closing.map_or(left, |deadline| left.min(deadline - now));
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The writer ends; what is left is lost.
    pub fn end(&self) {
        let mut state = self.lock();
        let left = state.waiting.len() + state.taken;
        state.totals.dropped += left as u64;
        state.ended = true;
        drop(state);
        self.changed.notify_all();
    }

    // Nothing in here panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a pause ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    /// Its time is over.
    Over,
    /// The sink is to be opened anew.
    Reopen,
    /// The process is about to end.
    GiveUp,
}
