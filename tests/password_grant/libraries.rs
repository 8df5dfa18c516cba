//! Standard clients log somebody in, with no code of their own for this gateway.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::prepared;
use crate::faces::entra::beside_the_modules;
use crate::gateway::{Gateway, client};
use crate::people::PASSWORD;
use crate::tokens::support::{ID, ISSUER, Signer};

/// A gateway whose issuer identifier is its address on this machine, with a client that signs.
fn reachable(key: &serde_json::Value) -> (Gateway, String) {
    // The port is known before the gateway binds it; another program may take it in between, once in a blue moon.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let base = format!("http://127.0.0.1:{port}");
    let settings = format!(
        "listen: 127.0.0.1:{port}\nadmin: 127.0.0.1:0\ntokens: {{ issuer: \"{base}\" }}\n{}clients:\n{}  - id: signer\n    \
         keys: [{key}]\n    scopes: [\"people:login\"]\n",
        super::FACES,
        client().yaml
    );
    (prepared("").settings(settings).start(), base)
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/password_grant").join(name)
}

#[track_caller]
fn says(command: &mut Command, expected: &str) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn authlib_logs_a_user_in() {
    let (_gateway, base) = reachable(&Signer::new().jwk("a"));
    assert_ne!(base, ISSUER);
    let mut python = Command::new(crate::servers::python());
    python.arg(script("authlib_client.py")).args([&base, ID, &client().key, PASSWORD]);
    // It refuses http otherwise, rightly.
    python.env("AUTHLIB_INSECURE_TRANSPORT", "1");
    says(&mut python, "client_secret_basic people|1 ann\nclient_secret_post people|1 ann\n");
}

#[test]
fn openid_client_logs_a_user_in() {
    let public = json!({
        "kty": "EC", "crv": "P-256",
        // RFC 7515, appendix A.3.1
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let mut private = public.clone();
    private["d"] = json!("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI");
    let (_gateway, base) = reachable(&public);
    let copy = beside_the_modules(&script("password_grant.mjs"));
    let mut node = Command::new("node");
    node.arg(copy).args([&base, ID, &client().key, PASSWORD, &private.to_string()]);
    let line = "people|1 ann@example.com people|1 invalid_grant\n";
    says(&mut node, &line.repeat(3));
}
