//! Where log records go: standard error, as text for people and as JSON for machines.
//!
//! Invariant: no request waits for standard error. Lines are kept in memory up to a limit and written by a thread of
//! their own, at once when it is idle and 50 ms later at most; what does not fit is counted.
//! What other crates say below `info` is left out unless it is asked for by the crate's name: we answer for what our own
//! records hold; theirs may show frames and statements, and change with any release.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing_subscriber::EnvFilter;

use super::variable;

/// Starts logging; `USERBRIDGE_LOG` sets the level, as in `debug`, or `info,h2=debug` for another crate's records.
pub(super) fn start() {
    let level = variable("USERBRIDGE_LOG").unwrap_or_else(|| "info".to_owned());
    let filter = EnvFilter::try_new(confined(&level)).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = LINES.get_or_init(|| Arc::new(Lines::default()));
    let writer = Arc::clone(lines);
    if std::thread::Builder::new().name("log".to_owned()).spawn(move || writer.work()).is_err() {
        lines.lock().direct = true;
    }
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Writer(LINES.get()));
    // A second start in one process keeps the first.
    let _ = if std::io::stderr().is_terminal() { builder.try_init() } else { builder.json().try_init() };
}

/// Whether records are written.
pub(super) fn is_started() -> bool {
    LINES.get().is_some()
}

/// Waits until everything is written, but not for long: whoever reads may have stopped.
pub(super) fn flush() {
    if let Some(lines) = LINES.get() {
        lines.flush(Duration::from_secs(1));
    }
}

/// How many lines were lost because nobody took them.
pub(super) fn dropped() -> u64 {
    LINES.get().map_or(0, |lines| lines.lock().dropped)
}

/// The directives with every bare level below `info` confined to this crate.
fn confined(directives: &str) -> String {
    let confine = |directive: &str| match directive.trim() {
        detailed if ["debug", "trace", "4", "5"].contains(&detailed.to_ascii_lowercase().as_str()) => {
            format!("info,userbridge={detailed}")
        }
        other => other.to_owned(),
    };
    directives.split(',').map(confine).collect::<Vec<_>>().join(",")
}

static LINES: OnceLock<Arc<Lines>> = OnceLock::new();

/// How long lines are gathered while there are many.
const INTERVAL: Duration = Duration::from_millis(50);

/// The most bytes that wait.
const CAPACITY: usize = 4 << 20;

/// Beyond so many bytes the writer does not wait for more.
const PLENTY: usize = 64 << 10;

/// The lines that wait.
#[derive(Default)]
struct Lines {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    dropped: u64,
    /// The writer waits for a line, without a limit of time.
    idle: bool,
    writing: bool,
    /// Somebody waits for the lines to be written.
    urgent: bool,
    /// There is no thread that writes.
    direct: bool,
}

impl Lines {
    fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.direct {
            // Nothing can be done about a standard error that takes nothing.
            let _ = io::stderr().write_all(line);
            return;
        }
        if state.waiting.len() + line.len() > CAPACITY {
            state.dropped += 1;
            return;
        }
        state.waiting.extend_from_slice(line);
        let wanted = state.idle || state.waiting.len() > PLENTY;
        state.idle = false;
        drop(state);
        if wanted {
            self.changed.notify_all();
        }
    }

    fn work(&self) {
        let mut batch = Vec::new();
        loop {
            self.take(&mut batch);
            let _ = io::stderr().write_all(&batch);
            batch.clear();
            let mut state = self.lock();
            state.writing = false;
            state.urgent &= !state.waiting.is_empty();
            self.changed.notify_all();
            let full = |state: &mut State| !state.urgent && state.waiting.len() < PLENTY;
            drop(self.changed.wait_timeout_while(state, INTERVAL, full));
        }
    }

    /// Waits for lines.
    fn take(&self, batch: &mut Vec<u8>) {
        let mut state = self.lock();
        state.idle = state.waiting.is_empty();
        let mut state =
            self.changed.wait_while(state, |state| state.waiting.is_empty()).unwrap_or_else(PoisonError::into_inner);
        state.idle = false;
        state.writing = true;
        std::mem::swap(&mut state.waiting, batch);
    }

    fn flush(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        while (state.writing || !state.waiting.is_empty()) && !state.direct {
            state.urgent = true;
            self.changed.notify_all();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    // Nothing in here panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes one whole line at a time.
struct Writer(Option<&'static Arc<Lines>>);

impl Write for Writer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(lines) = self.0 {
            lines.push(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_crate_gets_more_detailed_than_info_unless_others_are_named() {
        let cases = [
            ("trace", "info,userbridge=trace"),
            ("DEBUG", "info,userbridge=DEBUG"),
            ("5", "info,userbridge=5"),
            ("warn", "warn"),
            ("userbridge=trace", "userbridge=trace"),
            ("debug, hyper=trace", "info,userbridge=debug,hyper=trace"),
            ("off", "off"),
        ];
        for (written, meant) in cases {
            assert_eq!(confined(written), meant, "{written}");
            assert!(EnvFilter::try_new(confined(written)).is_ok(), "{written}");
        }
    }
}
