//! Userbridge puts any existing user table behind any identity provider with a YAML file instead of code.

pub mod access;
pub mod action;
pub mod db;
pub mod handler;
pub mod protocol;
pub mod registry;
pub mod secret;
pub mod server;
pub mod sql;
