//! Standard OAuth client libraries get a token and call an action, with no code of their own for this gateway.

use std::process::Command;

use super::support::*;
use crate::faces::entra::beside_the_modules;
use crate::gateway::{Gateway, Setup, client};
use crate::programs::{free_port, published_keys, says, script};

/// A gateway whose issuer identifier is its address on this machine.
fn reachable(clients: &str) -> (Gateway, String) {
    let port = free_port();
    let base = format!("http://127.0.0.1:{port}");
    let settings = settings("", clients, "").replace("listen: 127.0.0.1:0", &format!("listen: 127.0.0.1:{port}"));
    (Setup::new().definition("tiny.yaml", TINY).settings(settings.replace(ISSUER, &base)).start(), base)
}

#[test]
fn authlib_needs_nothing_special() {
    let (_gateway, base) = reachable("");
    let mut python = Command::new(crate::servers::python());
    python.arg(script("tokens/authlib_client.py")).args([&base, ID, &client().key]);
    // It refuses http otherwise, rightly.
    python.env("AUTHLIB_INSECURE_TRANSPORT", "1");
    says(&mut python, "ann@example.com\nann@example.com\n");
}

#[test]
fn openid_client_needs_nothing_special() {
    let (public, private) = published_keys();
    let (_gateway, base) = reachable(&format!("  - id: signer\n    keys: [{public}]\n    scopes: [\"tiny:*\"]\n"));
    let copy = beside_the_modules(&script("tokens/openid_client.mjs"));
    let mut node = Command::new("node");
    node.arg(copy).args([&base, ID, &client().key, &private.to_string()]);
    says(&mut node, "ann@example.com\nann@example.com\nann@example.com\n");
}
