//! Password hashes: reads the ones applications left behind, and writes new ones.
//!
//! A stored value goes one way only: [`format`] takes it apart into a [`challenge::Challenge`] (what to compute, what
//! must come out), `Challenge::admit` applies the cost caps and the length rule, and only what was admitted can run a
//! [`kernel`] and compare, in constant time, decoded bytes.
//!
//! To add a format: one file (or function) in `format/` and one row in [`catalogue::FORMATS`]. To add an algorithm:
//! one file in `kernel/` and one variant of `kernel::Kernel`; the compiler names every place that must know it.
//!
//! Invariant: no value from a row reaches a kernel before its cost and its length were found acceptable, and no
//! error, warning or `Debug` output holds a stored value, a salt or a password.

mod budget;
mod caps;
mod catalogue;
mod challenge;
mod change;
mod codec;
mod compile;
mod error;
mod expression;
mod format;
mod kernel;
mod overlap;
mod policy;
mod recent;
mod recipe;
mod scan;
mod shape;
mod spec;
mod stored;
mod timings;

pub use budget::{Budget, BudgetConfig, BudgetState, Busy, turn};
pub use caps::Caps;
pub use catalogue::{FORMATS, Format, Strength, find};
pub use error::{Unreadable, WriteError};
#[cfg(test)]
pub(crate) use policy::TRAP;
pub use policy::{Policy, Verdict};
pub use recipe::Need;
pub use shape::{Candidate, identify};
pub use spec::{
    Accept, Base, Change, Charset, Columns, Cost, Description, Doubt, Encoding, FormatSpec, Item, Pepper, Position,
    Problem, Rounds, RoundsOver, SaltEncoding, SaltSpec, Secrets, Spec, SpecError, Split, SplitOrder, Text, Transform,
    Warning, When,
};
pub use stored::{Stored, Written};
pub use timings::{BOUNDS, Distribution, Timings};
