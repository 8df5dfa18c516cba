//! The `oauth2` face, through the real gateway: what its tokens open, who gets one, and what standard clients make of it.
//! Its answers byte by byte are in `faces/oauth2.yaml`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[path = "password_grant/callers.rs"]
mod callers;
#[path = "password_grant/libraries.rs"]
mod libraries;
#[path = "password_grant/settings.rs"]
mod settings;
#[path = "password_grant/stores.rs"]
mod stores;
#[path = "password_grant/tokens.rs"]
mod tokens;

use std::net::SocketAddr;

use crate::gateway::{Gateway, Setup, client};
use crate::people::{DEFINITION, NO_LIMITS, PASSWORD, setup};
use crate::tokens::support::{ID, ISSUER, Reply, send};

/// Two connectors with the face, and another face.
const FACES: &str = "faces:
  - { protocol: oauth2, connector: people, options: { accept_discouraged: a test } }
  - { protocol: oauth2, connector: other, options: { accept_discouraged: a test } }
  - { protocol: okta, connector: people }
";

/// A gateway that is about to be started, with these further settings.
fn prepared(more: &str) -> Setup {
    let limits = if more.contains("limits:") { "" } else { NO_LIMITS };
    let other = DEFINITION.replace("connector: people", "connector: other");
    setup(&format!("{limits}tokens: {{ issuer: \"{ISSUER}\" }}\n{FACES}{more}")).definition("other.yaml", &other)
}

fn start(more: &str) -> Gateway {
    prepared(more).start()
}

/// What a client that is asked by a user sends, with these further parameters.
fn form(name: &str, password: &str, more: &str) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs([("grant_type", "password"), ("username", name), ("password", password)]);
    format!("{}{more}", form.finish())
}

/// The credentials of the client that may do everything.
fn proof() -> String {
    format!("&client_id={ID}&client_secret={}", client().key)
}

fn ask(gateway: SocketAddr, connector: &str, form: &str) -> Reply {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    send(gateway, "POST", &format!("/oauth2/{connector}/token"), &headers, form.as_bytes())
}

/// What Ann's client gets.
fn ann(gateway: SocketAddr, more: &str) -> Reply {
    ask(gateway, "people", &form("ann@example.com", PASSWORD, &format!("{}{more}", proof())))
}

fn userinfo(gateway: SocketAddr, connector: &str, token: &str) -> Reply {
    let authorization = format!("Bearer {token}");
    send(gateway, "GET", &format!("/oauth2/{connector}/userinfo"), &[("authorization", &authorization)], b"")
}
