//! Why connections fail, remembered for the operator and to spare a dead server.
//!
//! Invariant: within [`BACK_OFF`] of a failed attempt nobody tries again; all get that attempt's error at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::failure::{expired, within};
use super::{Error, ErrorKind};

/// How long nobody connects after an attempt failed.
const BACK_OFF: Duration = Duration::from_millis(200);

/// A server may take five eighths of the time that is left to accept a connection, 1.25 s of the usual 2 s: TCP repeats
/// a lost SYN after one second, and whoever comes next can still try within the two seconds that a fault may cost.
const CONNECTING_EIGHTHS: u32 = 5;

/// What is known of a server's health.
#[derive(Debug, Default)]
pub(super) struct Health {
    known: Mutex<Known>,
    /// Whether there is an error to clear; spares every answer a lock.
    troubled: AtomicBool,
}

#[derive(Debug, Default)]
struct Known {
    last_error: Option<String>,
    refused: Option<(Instant, Error)>,
}

impl Health {
    /// Connects within the deadline, unless an attempt has failed just now.
    pub async fn connect<C>(
        &self,
        deadline: Instant,
        attempt: impl Future<Output = Result<C, Error>>,
    ) -> Result<C, Error> {
        if let Some((at, error)) = &self.known().refused
            && at.elapsed() < BACK_OFF
        {
            return Err(error.clone());
        }
        let begun = Instant::now();
        let limit = begun + deadline.saturating_duration_since(begun) / 8 * CONNECTING_EIGHTHS;
        match within(limit, "connecting", attempt).await {
            Ok(Ok(connection)) => {
                *self.known() = Known::default();
                Ok(connection)
            }
            Ok(Err(error)) => {
                match error.kind {
                    ErrorKind::Unavailable => self.refused(&error),
                    // Reads are still answered there.
                    _ => self.lost(&error),
                }
                Err(error)
            }
            // A caller who came with no time left says nothing about the server.
            Err(timeout) if begun.elapsed() < BACK_OFF => Err(timeout),
            Err(_) => {
                let error = Error::new(ErrorKind::Unavailable, "the server did not accept a connection in time");
                self.refused(&error);
                Err(if Instant::now() < deadline { error } else { expired("connecting") })
            }
        }
    }

    /// Lets the next attempt be made at once: somebody has reason to try.
    pub fn try_again(&self) {
        self.known().refused = None;
    }

    /// A connection that was open broke.
    pub fn lost(&self, error: &Error) {
        self.known().last_error = Some(error.to_string());
        self.troubled.store(true, Ordering::Relaxed);
    }

    /// A statement was answered on a connection that is open; new ones may be refused all the same.
    pub fn answered(&self) {
        if self.troubled.load(Ordering::Relaxed) {
            self.troubled.store(false, Ordering::Relaxed);
            self.known().last_error = None;
        }
    }

    /// Why the last connection could not be made or was lost.
    pub fn last_error(&self) -> Option<String> {
        self.known().last_error.clone()
    }

    fn refused(&self, error: &Error) {
        *self.known() = Known { last_error: Some(error.to_string()), refused: Some((Instant::now(), error.clone())) };
        self.troubled.store(true, Ordering::Relaxed);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
