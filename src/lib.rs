//! Userbridge puts any existing user table behind any identity provider with a YAML file instead of code.
//!
//! # Layout
//!
//! Modules import upward in this list only; `tests/layers.rs` proves it by reading the source.
//!
//! | level | module | what it is |
//! |---|---|---|
//! | 0 | [`diagnostic`] | findings with a code and a place, drawn for people or written for machines |
//! | 0 | [`action`], [`secret`] | the vocabulary: requests, outcomes, profiles; what must not be seen |
//! | 1 | [`hash`] | password formats: parse, cap, compute, compare; the bounded pool that computes |
//! | 1 | [`sql`] | templates become one constant statement with typed parameters; no I/O |
//! | 1 | [`breaker`], [`complaint`] | a store that is down is spared; what only the operator can mend is said loudly |
//! | 1 | [`outbound`] | requests to other hosts: bounded, and only where the configuration says |
//! | 1 | [`db`] | PostgreSQL, MySQL/MariaDB and SQLite behind one small trait |
//! | 1 | [`export`] | users in the layouts that identity providers take in bulk; no I/O |
//! | 2 | [`definition`] | YAML becomes a checked definition, or a report of everything that is wrong |
//! | 3 | [`handler`] | a definition on its database answers requests |
//! | 3 | [`upstream`] | a definition in front of another tenant or service answers requests |
//! | 3 | [`managed`] | users who have moved over, and how the others do |
//! | 4 | [`registry`] | the connectors in service, behind one atomic pointer |
//! | 4 | [`connect`] | a definition against its live database: what will not work, and what will hurt |
//! | 5 | [`access`], [`protocol`] | who may ask and how often; what the wire looks like |
//! | 5 | [`audit`] | one record per decision, kept without making a request wait |
//! | 6 | [`server`], [`reload`], [`cli`] | listeners, the watcher, the commands |
//!
//! # Two flows
//!
//! A file: `definition::load` → `Definition` → `Connector::open` → a new `Registry` swapped in by [`reload`].
//! A request: [`server`] → [`access`] → [`protocol`] decodes → [`registry`] → [`handler`] → [`protocol`] encodes.
//!
//! # Invariants
//!
//! * Definitions do no network I/O; handlers see no HTTP and no YAML; protocols see no row.
//! * Only [`protocol`] (and the operator's listener) knows status codes; only [`sql`] makes SQL text, and it never
//!   inserts a value.
//! * A request uses exactly one version of its definition.
//! * Nothing below [`cli`] reads the environment, the wall clock or randomness by itself.
//! * "No" is only said when the store said no; every doubt is an error.

pub mod access;
pub mod action;
pub mod audit;
pub mod breaker;
pub mod cli;
pub mod complaint;
pub mod connect;
pub mod db;
pub mod definition;
pub mod diagnostic;
pub mod export;
pub mod handler;
pub mod hash;
pub mod managed;
pub mod outbound;
pub mod protocol;
pub mod registry;
pub mod reload;
pub mod secret;
pub mod server;
pub mod sql;
pub mod upstream;
