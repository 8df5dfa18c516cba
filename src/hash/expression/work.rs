//! What computing an expression costs.
//!
//! Invariant: the count is never too small; sums saturate.

use super::plan::{Node, Values};
use crate::hash::caps::Caps;
use crate::hash::kernel::OverCap;

/// The cost of one computation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::hash) struct Work {
    /// How many digests are taken.
    pub digests: u64,
    /// Rounds times blocks of PBKDF2.
    pub pbkdf2: u64,
    /// Likewise, with wide digests.
    pub pbkdf2_wide: u64,
}

impl Work {
    /// The cost of this node.
    pub(super) fn of(node: &Node, values: &Values) -> Self {
        match node {
            Node::Text(_) | Node::Variable(_) | Node::X => Self::default(),
            Node::Join(parts) => parts.iter().fold(Self::default(), |work, part| work.and(Self::of(part, values))),
            Node::Digest { of, .. } => Self::of(of, values).and(Self { digests: 1, ..Self::default() }),
            Node::Hmac { key, data, .. } => {
                Self::of(key, values).and(Self::of(data, values)).and(Self { digests: 2, ..Self::default() })
            }
            Node::Pbkdf2 { digest, password, salt, rounds, length, .. } => {
                let blocks = length.div_ceil(digest.length()) as u64;
                let work = u64::from(rounds.of(values)).saturating_mul(blocks);
                let own = if digest.is_wide() {
                    Self { pbkdf2_wide: work, ..Self::default() }
                } else {
                    Self { pbkdf2: work, ..Self::default() }
                };
                Self::of(password, values).and(Self::of(salt, values)).and(own)
            }
            Node::Map { of, .. } | Node::Part { of, .. } => Self::of(of, values),
            Node::Repeat { first, next, times } => {
                let (once, times) = (Self::of(next, values), u64::from(times.of(values)));
                Self::of(first, values).and(Self {
                    digests: once.digests.max(1).saturating_mul(times),
                    pbkdf2: once.pbkdf2.saturating_mul(times),
                    pbkdf2_wide: once.pbkdf2_wide.saturating_mul(times),
                })
            }
        }
    }

    /// Both, one after the other.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            digests: self.digests.saturating_add(other.digests),
            pbkdf2: self.pbkdf2.saturating_add(other.pbkdf2),
            pbkdf2_wide: self.pbkdf2_wide.saturating_add(other.pbkdf2_wide),
        }
    }

    /// Whether it keeps within the caps.
    pub(in crate::hash) fn cap(self, caps: &Caps) -> Result<(), OverCap> {
        OverCap::check("digests", self.digests, caps.digest_rounds)?;
        OverCap::check("rounds times blocks", self.pbkdf2, caps.pbkdf2_rounds)?;
        OverCap::check("rounds times blocks", self.pbkdf2_wide, caps.pbkdf2_wide_rounds)
    }
}
