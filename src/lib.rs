//! Userbridge puts any existing user table behind any identity provider with a YAML file instead of code.

pub mod action;
pub mod cli;
pub mod db;
pub mod definition;
pub mod diagnostic;
pub mod handler;
pub mod hash;
pub mod registry;
pub mod reload;
pub mod secret;
pub mod sql;
