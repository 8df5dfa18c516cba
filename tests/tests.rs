//! One binary for all integration tests: black box, through the command line and HTTP, on every database.

mod check;
mod definitions;
mod hash;
mod http;
mod layers;
