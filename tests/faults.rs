//! Faults of every kind, against the real gateway: databases that die, networks that forget, clients that leave, load
//! beyond any capacity. Nothing may be lost, wrong or stuck. Each proof has a control that shows that it can fail.
//! `USERBRIDGE_TEST_ROUNDS=10` makes the long ones ten times as long.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod breaker;
mod credentials;
mod descriptors;
mod floods;
mod load;
mod operator;
mod processes;
mod proxy;
mod recovery;
mod rows;
mod server;
mod soak;
mod sqlite;
mod steps;
mod storm;
pub mod support;
pub mod trap;
mod writes;
