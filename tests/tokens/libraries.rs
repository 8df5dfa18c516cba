//! Standard OAuth client libraries get a token and call an action, with no code of their own for this gateway.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::support::*;
use crate::gateway::{Gateway, Setup, client};

/// A gateway whose issuer identifier is its address on this machine.
fn reachable(clients: &str) -> (Gateway, String) {
    // The port is known before the gateway binds it; another program may take it in between, once in a blue moon.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let base = format!("http://127.0.0.1:{port}");
    let settings = settings("", clients, "").replace("listen: 127.0.0.1:0", &format!("listen: 127.0.0.1:{port}"));
    (Setup::new().definition("tiny.yaml", TINY).settings(settings.replace(ISSUER, &base)).start(), base)
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tokens").join(name)
}

#[track_caller]
fn says(command: &mut Command, expected: &str) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn authlib_needs_nothing_special() {
    let (_gateway, base) = reachable("");
    let mut python = Command::new(crate::servers::python());
    python.arg(script("authlib_client.py")).args([&base, ID, &client().key]);
    // It refuses http otherwise, rightly.
    python.env("AUTHLIB_INSECURE_TRANSPORT", "1");
    says(&mut python, "ann@example.com\nann@example.com\n");
}

#[test]
fn openid_client_needs_nothing_special() {
    let public = json!({
        "kty": "EC", "crv": "P-256",
        // RFC 7515, appendix A.3.1
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let private = with(public.clone(), json!({ "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI" }));
    let (_gateway, base) = reachable(&format!("  - id: signer\n    keys: [{public}]\n    scopes: [\"tiny:*\"]\n"));
    let modules = crate::servers::node_modules();
    // Modules are looked for beside the script that needs them.
    let copy = modules.parent().unwrap().join("openid_client.mjs");
    std::fs::copy(script("openid_client.mjs"), &copy).unwrap();
    let mut node = Command::new("node");
    node.arg(copy).args([&base, ID, &client().key, &private.to_string()]);
    says(&mut node, "ann@example.com\nann@example.com\nann@example.com\n");
}
