//! A line that tells how long work goes on: how much is done, how fast, and how long it will take.
//!
//! Invariant: it is written to a terminal only, and at most ten times a second.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often the line is written.
const INTERVAL: Duration = Duration::from_millis(100);

/// How many characters the bar has.
const WIDTH: u64 = 24;

/// The line.
pub(super) struct Bar {
    what: &'static str,
    total: Option<u64>,
    done: u64,
    began: Instant,
    written: Option<Instant>,
    shown: bool,
}

impl Bar {
    pub fn new(what: &'static str, total: Option<u64>) -> Self {
        let shown = std::io::stderr().is_terminal();
        Self { what, total, done: 0, began: Instant::now(), written: None, shown }
    }

    /// So many more are done.
    pub fn advance(&mut self, by: u64) {
        self.done += by;
        if self.shown && self.written.is_none_or(|at| at.elapsed() >= INTERVAL) {
            self.written = Some(Instant::now());
            let line = line(self.what, self.done, self.total, self.began.elapsed());
            // A terminal that is gone wants no line.
            let _ = write!(std::io::stderr(), "\r\x1b[2K{line}");
        }
    }

    /// Takes the line away; how many a second were done.
    pub fn finish(self) -> f64 {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
        rate(self.done, self.began.elapsed())
    }
}

fn rate(done: u64, elapsed: Duration) -> f64 {
    done as f64 / elapsed.as_secs_f64().max(0.001)
}

fn line(what: &str, done: u64, total: Option<u64>, elapsed: Duration) -> String {
    let rate = rate(done, elapsed);
    let Some(total) = total.filter(|total| *total >= done && *total > 0) else {
        return format!("{done} {what}, {rate:.0}/s");
    };
    let full = done * WIDTH / total;
    let left = if rate > 0.0 { ((total - done) as f64 / rate) as u64 } else { 0 };
    let bar: String = (0..WIDTH).map(|n| if n < full { '█' } else { '░' }).collect();
    format!("{bar} {done}/{total} {what}, {rate:.0}/s, {} left", time(left))
}

fn time(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_rate_and_time_left() {
        let line = |done, total| line("users", done, total, Duration::from_secs(10));
        assert_eq!(line(500, None), "500 users, 50/s");
        assert_eq!(line(500, Some(1000)), "████████████░░░░░░░░░░░░ 500/1000 users, 50/s, 10s left");
        assert_eq!(line(5, Some(1000)), "░░░░░░░░░░░░░░░░░░░░░░░░ 5/1000 users, 0/s, 33m10s left");
        assert_eq!(line(7, Some(3)), "7 users, 1/s", "more than were counted");
    }
}
