//! One binary for all integration tests: black box, through the command line and HTTP, on every database.

mod actions;
mod applications;
mod audit;
mod check;
mod db;
mod definitions;
mod expressions;
mod faults;
mod fuzz;
mod gateway;
mod guarantees;
mod hash;
mod hash_cli;
mod http;
mod layers;
mod limits;
mod metrics;
mod openapi;
mod people;
mod properties;
mod reload;
mod servers;
mod stores;
mod timing;
mod tls;
mod tokens;
