//! Definitions: YAML in, a checked [`Definition`] or a report of everything that is wrong with it out.
//!
//! Invariant: no network I/O. Once a `Definition` exists, no later code checks it again.

pub mod raw;
mod scalar;
mod yaml;
