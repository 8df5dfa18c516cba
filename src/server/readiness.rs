//! Whether traffic should come here.
//!
//! Invariant: readiness speaks of this process only. A database that is down takes no instance out of service: every
//! instance shares it.

use std::sync::atomic::{AtomicU8, Ordering};

/// Starting, ready, or draining; there is no way back.
#[derive(Debug, Default)]
pub struct Readiness(AtomicU8);

const READY: u8 = 1;
const DRAINING: u8 = 2;

impl Readiness {
    /// The configuration is loaded and the listeners are bound.
    pub fn set_ready(&self) {
        self.0.fetch_max(READY, Ordering::Relaxed);
    }

    /// The process is about to end: load balancers should look elsewhere.
    pub fn set_draining(&self) {
        self.0.fetch_max(DRAINING, Ordering::Relaxed);
    }

    /// Whether traffic should come here.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Relaxed) == READY
    }

    /// The state in `/readyz` and `/status`.
    pub fn as_str(&self) -> &'static str {
        match self.0.load(Ordering::Relaxed) {
            READY => "ready",
            DRAINING => "draining",
            _ => "starting",
        }
    }
}
