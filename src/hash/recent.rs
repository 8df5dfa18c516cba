//! What verifications cost lately, so that a decoy costs the same.
//!
//! Invariant: it remembers parameters only; salts and digests are zeros.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use super::challenge::Admitted;

/// How many verifications are remembered.
const REMEMBERED: usize = 64;

/// The work of the last verifications.
pub(super) struct Recent(Mutex<VecDeque<Admitted>>);

impl Recent {
    /// Starts with what the formats usually cost, until rows were seen.
    pub(super) fn new(usual: &Admitted) -> Self {
        Self(Mutex::new(VecDeque::from([usual.outline()])))
    }

    /// Takes note of one verification.
    pub(super) fn note(&self, work: &Admitted) {
        let outline = work.outline();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() == REMEMBERED {
            seen.pop_back();
        }
        seen.push_front(outline);
    }

    /// The work most of them did; of equals, the latest.
    pub(super) fn dominant(&self) -> Option<Admitted> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts: Vec<(&Admitted, usize)> = Vec::new();
        for work in seen.iter() {
            match counts.iter_mut().find(|(known, _)| *known == work) {
                Some((_, count)) => *count += 1,
                None => counts.push((work, 1)),
            }
        }
        // `max_by_key` would return the last of equals, and the latest stands first.
        counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(work, _)| work.clone())
    }
}
