//! Known secrets go through everything that the program does, at its most verbose, and come out nowhere.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod commands;
mod comparison;
mod gateway;
mod keys;
mod passwords;
mod search;
