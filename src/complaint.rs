//! What only the operator can mend is said loudly, but not with every request.
//!
//! Invariant: of one connector's errors of one class at most one a minute is logged as such; requests themselves are
//! recorded elsewhere.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::action::{Class, Error};

/// How long the same complaint is not repeated.
const SILENCE: Duration = Duration::from_secs(60);

/// The complaints of one version of a definition.
#[derive(Debug, Default)]
pub struct Complaints(Mutex<BTreeMap<&'static str, Made>>);

#[derive(Debug)]
struct Made {
    at: Instant,
    left_out: u64,
}

impl Complaints {
    /// Logs an error that calls for the operator, unless the same was logged within the last minute.
    pub fn consider(&self, connector: &str, error: &Error) {
        let theirs = matches!(error.class, Class::Misconfigured | Class::AmbiguousUser | Class::UnreadableHash);
        let class = error.class.as_str();
        if !theirs {
            return;
        }
        if let Some(left_out) = self.due(class, Instant::now()) {
            tracing::error!(connector, class, left_out, %error, "the definition and the user store do not fit");
        }
    }

    /// Logs that rows were refused because they belong to another identifier.
    pub fn other_user(&self, connector: &str) {
        if let Some(left_out) = self.due("other_identifier", Instant::now()) {
            let hint = "the database takes other spellings for equal; see `lookup` in the definition";
            tracing::warn!(connector, left_out, hint, "a row of another identifier counts as no row");
        }
    }

    /// How many were left out since the last one of this kind, when it is time for another.
    fn due(&self, kind: &'static str, now: Instant) -> Option<u64> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match made.get_mut(kind) {
            Some(last) if now.duration_since(last.at) < SILENCE => {
                last.left_out += 1;
                None
            }
            last => {
                let left_out = last.map_or(0, |last| last.left_out);
                made.insert(kind, Made { at: now, left_out: 0 });
                Some(left_out)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_due_once_a_minute() {
        let (complaints, now) = (Complaints::default(), Instant::now());
        assert_eq!(complaints.due("misconfigured", now), Some(0));
        assert_eq!((0..7).find_map(|_| complaints.due("misconfigured", now)), None);
        assert_eq!(complaints.due("ambiguous_user", now), Some(0));
        assert_eq!(complaints.due("misconfigured", now + SILENCE), Some(7));
    }
}
