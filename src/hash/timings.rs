//! How long things took, counted without a lock.
//!
//! Invariant: noting one costs two atomic additions; what is read is at most one addition behind.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the classes, in seconds: from an indexed look-up to a whole budget. Beyond is one more class.
pub const BOUNDS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

const CLASSES: usize = BOUNDS.len() + 1;

/// A histogram of durations.
#[derive(Debug, Default)]
pub struct Timings {
    classes: [AtomicU64; CLASSES],
    nanoseconds: AtomicU64,
}

/// What a histogram holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Distribution {
    /// How many durations fell into each class of [`BOUNDS`], and how many were longer.
    pub classes: [u64; CLASSES],
    /// Their sum, in seconds.
    pub sum: f64,
}

impl Timings {
    /// Notes one duration.
    pub fn note(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let class = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.classes[class].fetch_add(1, Ordering::Relaxed);
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// What it holds now.
    pub fn read(&self) -> Distribution {
        Distribution {
            classes: std::array::from_fn(|class| self.classes[class].load(Ordering::Relaxed)),
            sum: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)).as_secs_f64(),
        }
    }
}

impl Distribution {
    /// How many durations it holds.
    pub fn count(&self) -> u64 {
        self.classes.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_fall_into_their_classes() {
        let timings = Timings::default();
        for micros in [0, 100, 101, 2_500_000, 2_500_001] {
            timings.note(Duration::from_micros(micros));
        }
        let read = timings.read();
        assert_eq!((read.classes[0], read.classes[1], read.classes[13], read.classes[14]), (2, 1, 1, 1));
        assert_eq!(read.count(), 5);
        assert!((read.sum - 5.000_202).abs() < 1e-9, "{}", read.sum);
    }
}
