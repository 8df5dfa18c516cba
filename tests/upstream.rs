//! Upstreams, through the real gateway: a stand-in for a tenant's endpoints whose log of requests is asserted, a plain web
//! service, and a real server with the password grant.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

#[path = "upstream/auth0.rs"]
mod auth0;
#[path = "upstream/commands.rs"]
mod commands;
#[path = "upstream/migration.rs"]
mod migration;
#[path = "upstream/network.rs"]
mod network;
#[path = "upstream/oauth2.rs"]
mod oauth2;
#[path = "upstream/refusals.rs"]
mod refusals;
#[path = "upstream/service.rs"]
mod service;
#[path = "upstream/stand_in.rs"]
mod stand_in;
#[path = "upstream/tenant.rs"]
mod tenant;
