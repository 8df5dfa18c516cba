//! Userbridge puts any existing user table behind any identity provider with a YAML file instead of code.

pub mod action;
pub mod db;
pub mod handler;
pub mod hash;
pub mod registry;
pub mod secret;
pub mod sql;
