//! One binary for all integration tests: black box, through the command line and HTTP, on every database.

mod actions;
mod applications;
mod check;
mod check_connect;
mod db;
mod definitions;
mod expressions;
mod gateway;
mod hash;
mod hash_cli;
mod http;
mod layers;
mod properties;
mod reload;
mod servers;
mod stores;
