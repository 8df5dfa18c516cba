//! One binary for all integration tests: black box, through the command line and HTTP.

mod check;
