//! One binary for all integration tests: black box, through the command line and HTTP, on every database.

mod check;
mod db;
mod gateway;
mod hash;
mod http;
mod layers;
mod servers;
mod tokens;
