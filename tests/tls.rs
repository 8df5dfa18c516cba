//! TLS, client certificates, Unix sockets, files of networks and private files, as callers and operators meet them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod handshake;
mod mutual;
mod networks;
mod private;
mod renewal;
mod socket;
pub mod support;
