//! SQL templates: YAML text in, one constant statement with typed parameters out.
//!
//! Invariant: no value ever becomes SQL text. What a request carries can only become a bound parameter; the
//! text is fixed when the definition is loaded.

mod dialect;

pub use dialect::Dialect;
