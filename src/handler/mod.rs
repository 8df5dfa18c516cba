//! Handlers: a compiled definition that answers requests.
//!
//! Invariant: handlers see no HTTP and no YAML. A request is answered wholly by the handler it began with.

mod error;

pub use error::{Class, Error};
