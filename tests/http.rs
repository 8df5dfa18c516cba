//! The gateway over real sockets, in front of connectors whose answers the tests choose.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends where it cannot go on")]

#[path = "http/access.rs"]
mod access;
#[path = "http/admin.rs"]
mod admin;
#[path = "http/answers.rs"]
mod answers;
#[path = "http/input.rs"]
mod input;
#[path = "http/lifecycle.rs"]
mod lifecycle;
#[path = "http/limits.rs"]
mod limits;
#[path = "http/log.rs"]
mod log;
#[path = "http/support.rs"]
pub mod support;
#[path = "http/wire.rs"]
mod wire;
