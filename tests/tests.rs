//! One binary for all integration tests: black box, through the command line and HTTP, on every database.

mod check;
mod expressions;
mod hash;
mod hash_cli;
mod http;
mod layers;
