//! The gateway over real sockets, in front of connectors whose answers the tests choose.

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
#[path = "http/support.rs"]
mod support;
#[path = "http/wire.rs"]
mod wire;
