//! A real server with the password grant: Django OAuth Toolkit.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::stand_in::{Act, StandIn, json as answer};
use crate::gateway::{Gateway, Setup};

const SECRET: &str = "s3cr3t/+=:é";

/// The server, killed when it is dropped.
struct Server {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = Command::new("openssl")
            .args(["genrsa", "-out", folder.path().join("key.pem").to_str().unwrap(), "2048"])
            .stderr(Stdio::null())
            .status();
        assert!(made.unwrap().success());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upstream/oauth_server.py");
        let mut command = Command::new(crate::servers::python());
        command.arg(script).arg(folder.path()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, port: line.trim().parse().unwrap(), _folder: folder }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn definition(port: u16, client: &str, more: &str) -> String {
    format!(
        "version: 1\nconnector: web\nupstream:\n  type: oauth2\n  token_url: http://127.0.0.1:{port}/o/token/\n  \
         userinfo_url: http://127.0.0.1:{port}/o/userinfo/\n  client_id: {client}\n  client_secret: {{ env: CLIENT_SECRET }}\n  \
         allow_private: true\n{more}profile: {{ username: '{{{{ preferred_username }}}}' }}\n"
    )
}

fn gateway(port: u16, client: &str, secret: &str, more: &str) -> Gateway {
    Setup::new().definition("web.yaml", &definition(port, client, more)).env("CLIENT_SECRET", secret).start()
}

fn login(gateway: &Gateway, identifier: &str, password: &str) -> (u16, serde_json::Value) {
    let reply = gateway.call("web", "login", &json!({ "identifier": identifier, "password": password }));
    (reply.status, reply.json())
}

#[test]
fn a_real_server_is_asked_with_either_way_of_authentication() {
    let server = Server::start();
    for way in ["", "  client_authentication: post\n"] {
        let gateway = gateway(server.port, "gateway", SECRET, way);
        let (status, body) = login(&gateway, "ann", "hello & welcome é");
        assert_eq!(status, 200, "{way} {body}\n{}", gateway.log());
        let user = json!({ "user_id": "web|1", "email": "ann@example.com", "email_verified": true, "username": "ann" });
        assert_eq!(body["user"], user);
        for (name, password) in
            [("ann", "hello"), ("nobody", "hello & welcome é"), ("bob", "hello"), ("ann", "hello & welcome é ")]
        {
            let (status, body) = login(&gateway, name, password);
            assert_eq!((status, body["code"].as_str()), (401, Some("wrong_credentials")), "{way} {name} {body}");
        }
        let find = gateway.call("web", "get_user", &json!({ "identifier": "ann" }));
        assert_eq!(find.json()["code"], "action_not_declared");
    }
    // A wrong secret, a client without the grant and an unknown scope are nobody's wrong password.
    for (client, secret, more) in [
        ("gateway", "wrong", ""),
        ("nobody", SECRET, ""),
        ("other", SECRET, ""),
        ("gateway", SECRET, "  scope: openid other\n"),
    ] {
        let gateway = gateway(server.port, client, secret, more);
        let (status, body) = login(&gateway, "ann", "hello & welcome é");
        assert_eq!((status, body["code"].as_str()), (500, Some("misconfigured")), "{client} {more} {body}");
    }
}

#[test]
fn what_is_not_invalid_grant_is_doubt() {
    let error = |status: u16, code: &str| answer(status, json!({ "error": code }));
    let cases = vec![
        (error(400, "invalid_grant"), "wrong_credentials"),
        (error(401, "invalid_grant"), "wrong_credentials"),
        (error(400, "invalid_request"), "misconfigured"),
        (error(401, "invalid_client"), "misconfigured"),
        (error(429, "invalid_grant"), "unavailable"),
        (error(500, "invalid_grant"), "unavailable"),
        (error(503, "temporarily_unavailable"), "unavailable"),
        (Act::Plain(401, "", Vec::new()), "misconfigured"),
        (answer(200, json!({ "access_token": "a", "token_type": "mac" })), "misconfigured"),
        (answer(200, json!({ "token_type": "bearer" })), "misconfigured"),
        (answer(200, json!({ "access_token": "a\r\nb", "token_type": "bearer" })), "misconfigured"),
        (answer(200, json!({ "access_token": "unknown", "token_type": "bearer" })), "misconfigured"),
    ];
    for (act, code) in cases {
        let shown = format!("{act:?}");
        let server = StandIn::plain(move |seen| match seen.method.as_str() {
            "POST" => act.clone(),
            _ => Act::Plain(401, "", Vec::new()),
        });
        let gateway = gateway(server.address.port(), "gateway", SECRET, "");
        assert_eq!(login(&gateway, "ann", "hello").1["code"], code, "{shown}");
    }
}
