//! The bounded pool that all hashing runs on: a fixed number of threads, a bounded queue, a memory budget.
//!
//! Invariant: at no time do running jobs hold more memory permits than the budget has. A permit belongs to the job, so
//! a caller that leaves cannot free memory that is still in use; a job whose caller left is never started.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::timings::{Distribution, Timings};
use crate::action::Class;

/// The size of a [`Budget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetConfig {
    /// Threads that hash; as many as cores. 0 counts as 1.
    pub threads: usize,
    /// Jobs that may wait besides those that a free thread takes at once.
    pub queue: usize,
    /// Bytes that running jobs may need together.
    pub memory: u64,
}

/// Until when a password may wait for its turn: a fifth of what is left, about 500 ms of the usual 2.5 s. What starts
/// later would hardly be answered in time, and is better refused while the caller can still try elsewhere.
pub fn turn(deadline: Instant) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / 5
}

/// The pool. Dropping it lets running jobs finish and starts no others.
pub struct Budget {
    shared: Arc<Shared>,
}

/// Why a job gave no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// As many jobs wait as may wait, or as can be begun in time.
    QueueFull,
    /// The deadline passed, before the job's start or during it.
    Deadline,
    /// The job did not start within the time that it may wait.
    Waited,
    /// The job needs more memory than the whole budget has.
    TooLarge,
    /// The job panicked; the thread lives on.
    Panicked,
}

impl Busy {
    /// What it is to a request.
    pub fn class(self) -> Class {
        match self {
            Self::Deadline => Class::Timeout,
            Self::QueueFull | Self::Waited => Class::Overloaded,
            Self::TooLarge | Self::Panicked => Class::UnreadableHash,
        }
    }
}

/// What the pool is doing, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetState {
    /// Jobs that wait.
    pub queued: usize,
    /// Jobs that run.
    pub running: usize,
    /// Bytes that running jobs hold.
    pub memory: u64,
}

impl Budget {
    /// Starts the threads. Fails when the system gives none.
    pub fn new(config: BudgetConfig) -> std::io::Result<Self> {
        let config = BudgetConfig { threads: config.threads.max(1), ..config };
        let (state, changed) = (Mutex::default(), Condvar::new());
        let (waits, work) = (Timings::default(), Timings::default());
        let shared = Arc::new(Shared { config, state, changed, waits, work });
        // Made before the threads, so that those already started end if a later one cannot be.
        let budget = Self { shared };
        for index in 0..config.threads {
            let shared = Arc::clone(&budget.shared);
            std::thread::Builder::new().name(format!("hash-{index}")).spawn(move || shared.work())?;
        }
        Ok(budget)
    }

    /// Runs a job that needs this many bytes, and waits for it no longer than until the deadline.
    ///
    /// Dropping the future withdraws a job that has not started; one that has runs to its end.
    pub async fn run<T: Send + 'static>(
        &self,
        memory: u64,
        deadline: Instant,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        self.run_soon(memory, deadline, deadline, job).await
    }

    /// Like [`Budget::run`], but gives up when the job has not started by `start`, and at once when those before it
    /// would keep it waiting until then: who is told early can still ask elsewhere, and who waits in vain is in the way.
    pub async fn run_soon<T: Send + 'static>(
        &self,
        memory: u64,
        start: Instant,
        deadline: Instant,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        if memory > self.shared.config.memory {
            return Err(Busy::TooLarge);
        }
        let caller = Caller::default();
        let (answer, mut result) = oneshot::channel();
        let started = Arc::clone(&caller.started);
        let run = Box::new(move || {
            started.store(true, Ordering::Relaxed);
            // Without an answer the sender is dropped, which the caller sees.
            if let Ok(value) = catch_unwind(AssertUnwindSafe(job)) {
                let _ = answer.send(value);
            }
        });
        let start = start.min(deadline);
        self.shared.enqueue(Job { memory, since: Instant::now(), left: Arc::clone(&caller.left), run }, start)?;
        let mut answer = timeout_at(start, &mut result).await;
        if answer.is_err() {
            if !caller.started.load(Ordering::Relaxed) {
                return Err(if start < deadline { Busy::Waited } else { Busy::Deadline });
            }
            answer = timeout_at(deadline, result).await;
        }
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(Busy::Panicked),
            Err(_) => Err(Busy::Deadline),
        }
    }

    /// How long the jobs that were started had waited.
    pub fn waits(&self) -> Distribution {
        self.shared.waits.read()
    }

    /// How long the jobs that are done took.
    pub fn work(&self) -> Distribution {
        self.shared.work.read()
    }

    /// What the pool is doing now.
    pub fn state(&self) -> BudgetState {
        let state = self.shared.lock();
        let queued = state.queue.iter().filter(|job| !job.is_withdrawn()).count();
        BudgetState { queued, running: state.running, memory: state.memory }
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("config", &self.shared.config).field("state", &self.state()).finish()
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueFull => "too many passwords are waiting to be hashed",
            Self::Deadline => "the password was not hashed in time",
            Self::Waited => "the password waited too long for its turn to be hashed",
            Self::TooLarge => "the hash needs more memory than `hashing.memory` allows altogether",
            Self::Panicked => "hashing ended in a panic",
        })
    }
}

impl std::error::Error for Busy {}

/// Marks its job as withdrawn when the caller is gone.
#[derive(Default)]
struct Caller {
    left: Arc<AtomicBool>,
    started: Arc<AtomicBool>,
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.left.store(true, Ordering::Relaxed);
    }
}

struct Job {
    memory: u64,
    since: Instant,
    left: Arc<AtomicBool>,
    run: Box<dyn FnOnce() + Send>,
}

impl Job {
    fn is_withdrawn(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }
}

struct Shared {
    config: BudgetConfig,
    state: Mutex<State>,
    changed: Condvar,
    waits: Timings,
    work: Timings,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    running: usize,
    memory: u64,
    closed: bool,
    /// How long a job takes of late, as the clock sees it.
    pace: Duration,
}

impl State {
    /// Each job moves the pace by an eighth of what it differs: a few dozen make another pace of it.
    fn learn(&mut self, took: Duration) {
        self.pace = if self.pace.is_zero() { took } else { (self.pace * 7 + took) / 8 };
    }

    /// How long a job waits for those that wait already. What runs is not counted, so this is rather too short.
    fn wait(&self, threads: usize) -> Duration {
        let before = self.queue.iter().filter(|job| !job.is_withdrawn()).count();
        self.pace.mul_f64(before as f64 / threads as f64)
    }
}

impl Shared {
    fn enqueue(&self, job: Job, start: Instant) -> Result<(), Busy> {
        let mut state = self.lock();
        if job.since + state.wait(self.config.threads) > start {
            return Err(Busy::QueueFull);
        }
        let room = self.config.queue + (self.config.threads - state.running);
        if state.queue.len() >= room {
            state.queue.retain(|job| !job.is_withdrawn());
        }
        if state.queue.len() >= room {
            return Err(Busy::QueueFull);
        }
        state.queue.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    fn work(&self) {
        lower_priority();
        while let Some(job) = self.next() {
            let (memory, begun) = (job.memory, Instant::now());
            self.waits.note(begun - job.since);
            (job.run)();
            let took = begun.elapsed();
            self.work.note(took);
            let mut state = self.lock();
            state.learn(took);
            state.running -= 1;
            state.memory -= memory;
            drop(state);
            // The memory that came back may be what several waiting threads need.
            self.changed.notify_all();
        }
    }

    /// The oldest job, once its memory is there; None when the pool is closed. No later job overtakes it, however small.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            while state.queue.front().is_some_and(Job::is_withdrawn) {
                state.queue.pop_front();
            }
            let free = self.config.memory - state.memory;
            if let Some(job) = state.queue.pop_front_if(|job| job.memory <= free) {
                state.running += 1;
                state.memory += job.memory;
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    // Jobs run outside of the lock, so a panic cannot leave the state half changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// On a machine where every core hashes, look-ups must still be answered at once: the scheduler then prefers the
/// threads that answer. Linux applies this to the calling thread only; without the right to do it, nothing is lost.
#[cfg(target_os = "linux")]
fn lower_priority() {
    const NICE: i32 = 5;
    let _ = rustix::process::setpriority_process(None, NICE);
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}
