//! What Microsoft Entra sends, made by a library that is not ours (`jose`), and its host of keys.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use super::start;
use crate::gateway::client;
use crate::tokens::support::Signer;

/// The keys of RFC 7516's examples, which everybody knows.
const KEYS: [(&str, &str); 4] = [
    ("key.pem", include_str!("../../src/protocol/jwe/rfc7516-a1.pem")),
    ("other.pem", include_str!("../../src/protocol/jwe/rfc7516-a2.pem")),
    // As the example calls its own.
    ("entra.pem", include_str!("../../src/protocol/jwe/rfc7516-a1.pem")),
    ("none.pem", "no key\n"),
];

/// Writes the keys of the gateway where its settings look for them.
pub fn write_keys(folder: &Path) {
    for (name, text) in KEYS {
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(folder.join(name));
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }
}

/// Texts that stand in a recording by their names: contexts encrypted for the gateway, and tokens of an issuer, whose
/// address is `{issuer}`.
pub struct Made(BTreeMap<String, String>);

impl Made {
    /// Makes what a recording wants.
    pub fn new(wanted: &BTreeMap<String, Json>) -> Self {
        if wanted.is_empty() {
            return Self(BTreeMap::new());
        }
        let issuer = issuer(|address| format!("http://{address}/"));
        let wanted = super::filled(&json!(wanted).to_string()).replace("{issuer}", &issuer);
        let mut texts = made_by_jose(&wanted);
        texts.insert("issuer".to_owned(), issuer);
        Self(texts)
    }

    /// The text with what was made in the place of names.
    pub fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, made)| text.replace(&format!("{{{name}}}"), made))
    }
}

pub fn made_by_jose(wanted: &str) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = |name: &str| root.join(name);
    let mut node = Command::new("node");
    node.arg(beside_the_modules(&path("tests/faces/entra.mjs")));
    let keys = ["src/protocol/jwe/rfc7516-a1.pem", "src/protocol/jwe/rfc7516-a2.pem", "tests/tokens/issuer.pem"];
    let mut node = node.args(keys.map(path)).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    node.stdin.take().unwrap().write_all(wanted.as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A copy of a script where it finds its modules.
pub fn beside_the_modules(script: &Path) -> PathBuf {
    let copy = crate::servers::node_modules().parent().unwrap().join(script.file_name().unwrap());
    std::fs::copy(script, &copy).unwrap();
    copy
}

/// A host with an issuer's metadata and its keys; what issuer it says it is, depends on its address.
fn issuer(named: impl Fn(std::net::SocketAddr) -> String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let metadata = json!({ "issuer": named(address), "jwks_uri": format!("http://{address}/keys"), "more": [] });
    let keys = json!({ "keys": [Signer::rsa().jwk("k1")] });
    // Ends with the process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 2048];
            let length = stream.read(&mut head).unwrap();
            let (status, body) = match String::from_utf8_lossy(&head[..length]).split(' ').nth(1) {
                Some("/.well-known/openid-configuration") => (200, metadata.to_string()),
                Some("/keys") => (200, keys.to_string()),
                _ => (404, String::new()),
            };
            let head = format!("HTTP/1.1 {status} It\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    format!("http://{address}/")
}

/// The settings of the face with an issuer at this address.
fn settings(issuer: &str) -> String {
    format!(
        "faces: [{{ protocol: entra, connector: people, options: {{ key: {{ file: key.pem }} }} }}]\n\
         trusted_issuers:\n  - issuer: '{issuer}'\n    audience: us\n    claims: {{ azp: them }}\n    \
         scopes: ['people:login']\n    client: tests\n    metadata: '{issuer}.well-known/openid-configuration'"
    )
}

#[test]
fn metadata_of_another_issuer_are_not_believed() {
    for (named, status) in [("", 400), ("v2.0", 503)] {
        let issuer = issuer(|address| format!("http://{address}/{named}"));
        let (gateway, _silent) = start(&settings(&issuer));
        let wanted = json!({ "token": { "jwt": { "claims": {
            "iss": issuer, "aud": "us", "azp": "them", "sub": "somebody",
        } } } });
        let token = format!("Bearer {}", made_by_jose(&wanted.to_string())["token"]);
        let headers = [("content-type", "application/json".to_owned()), ("authorization", token)];
        assert_eq!(gateway.send("POST", "/entra/people", &headers, b"{}").status, status, "{named}");
        if status == 503 {
            gateway.eventually("it says why", || gateway.log().contains("the metadata are of another issuer"));
        }
    }
}

#[test]
fn a_context_that_is_not_for_us_says_no_more_than_that() {
    let (gateway, _silent) = start(&settings("http://127.0.0.1:9/"));
    let event = |context: &str| {
        let kind = "microsoft.graph.authenticationEvent.passwordSubmit";
        let body = json!({ "type": kind, "data": { "encryptedPasswordContext": context } }).to_string();
        let headers = [("content-type", "application/json".to_owned()), ("authorization", client().key.clone())];
        let reply = gateway.send("POST", "/entra/people", &headers, body.as_bytes());
        (reply.status, reply.json()["detail"].as_str().unwrap_or_default().to_owned())
    };
    let claims = json!({ "username": "ann@example.com", "user-password": crate::people::PASSWORD, "nonce": "1" });
    let made = made_by_jose(&json!({ "good": { "jwe": { "claims": claims } } }).to_string());
    assert_eq!(event(&made["good"]).0, 200);
    let undecipherable = (400, "it cannot be decrypted with the declared keys".to_owned());
    let parts: Vec<&str> = made["good"].split('.').collect();
    for part in 1..5 {
        let mut altered: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
        let first = if altered[part].starts_with('A') { "B" } else { "A" };
        altered[part].replace_range(..1, first);
        assert_eq!(event(&altered.join(".")), undecipherable, "part {part}");
    }
    assert_eq!(event(&parts[..4].join(".")), (400, "it is no compact JWE".to_owned()));
    let long = "A".repeat(48 * 1024);
    assert_eq!(event(&long), (400, "it is no compact JWE".to_owned()));
    assert!(event(&(long + "A")).1.contains("expected at most 49152"));
}
