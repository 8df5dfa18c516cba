//! Standard clients log somebody in, with no code of their own for this gateway.

use std::process::Command;

use super::prepared;
use crate::faces::entra::beside_the_modules;
use crate::gateway::{Gateway, client};
use crate::people::PASSWORD;
use crate::programs::{free_port, published_keys, says, script};
use crate::tokens::support::{ID, ISSUER, Signer};

/// A gateway whose issuer identifier is its address on this machine, with a client that signs.
fn reachable(key: &serde_json::Value) -> (Gateway, String) {
    let port = free_port();
    let base = format!("http://127.0.0.1:{port}");
    let settings = format!(
        "listen: 127.0.0.1:{port}\nadmin: 127.0.0.1:0\ntokens: {{ issuer: \"{base}\" }}\n{}clients:\n{}  - id: signer\n    \
         keys: [{key}]\n    scopes: [\"people:login\"]\n",
        super::FACES,
        client().yaml
    );
    (prepared("").settings(settings).start(), base)
}

#[test]
fn authlib_logs_a_user_in() {
    let (_gateway, base) = reachable(&Signer::new().jwk("a"));
    assert_ne!(base, ISSUER);
    let mut python = Command::new(crate::servers::python());
    python.arg(script("password_grant/authlib_client.py")).args([&base, ID, &client().key, PASSWORD]);
    // It refuses http otherwise, rightly.
    python.env("AUTHLIB_INSECURE_TRANSPORT", "1");
    says(&mut python, "client_secret_basic people|1 ann\nclient_secret_post people|1 ann\n");
}

#[test]
fn openid_client_logs_a_user_in() {
    let (public, private) = published_keys();
    let (_gateway, base) = reachable(&public);
    let copy = beside_the_modules(&script("password_grant/password_grant.mjs"));
    let mut node = Command::new("node");
    node.arg(copy).args([&base, ID, &client().key, PASSWORD, &private.to_string()]);
    let line = "people|1 ann@example.com people|1 invalid_grant\n";
    says(&mut node, &line.repeat(3));
}
