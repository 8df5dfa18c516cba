//! Tokens, through the real gateway: what it issues, what it believes, and what it refuses.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod assertion;
mod endpoint;
mod issuers;
mod libraries;
mod rotation;
pub mod support;
mod vectors;
