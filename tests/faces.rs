//! The identity providers' own protocols, against recorded requests and answers.
//!
//! Invariant: a recording is one file for each face, `tests/faces/{protocol}.yaml`, with the settings of the face and
//! every outcome; answers are compared byte for byte. A face without a recording, or a recording without one of the
//! outcomes, is a failed test.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "faces/entra.rs"]
pub mod entra;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;

use base64ct::{Base64, Encoding};
use serde::Deserialize;
use userbridge::protocol::FACES;

use crate::gateway::{Gateway, Setup, client};
use crate::people::{HASH, PASSWORD};

/// What every recording shows; `unknown` may be left out where the protocol cannot ask for an unknown user.
const OUTCOMES: [&str; 10] =
    ["right", "wrong", "unknown", "denied", "locked", "down", "slow", "malformed", "no credential", "wrong credential"];

/// One face and its exchanges. In every text `{key}` stands for the client's key, `{basic}` for its pair of HTTP Basic,
/// `{password}` for everybody's password, and `{token}` for the access token that was answered last.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recording {
    /// The faces of the connectors `people`, `down` (no database there) and `silent` (a database that never answers).
    faces: String,
    /// What has to be made when it is needed, because it expires or because others make it; see [`entra::Made`].
    #[serde(default)]
    made: BTreeMap<String, serde_json::Value>,
    exchanges: Vec<Exchange>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    /// One of [`OUTCOMES`], perhaps with more after a colon.
    name: String,
    /// Method and path.
    request: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    status: u16,
    /// Headers that the answer has with exactly this value.
    #[serde(default)]
    answer_headers: BTreeMap<String, String>,
    /// The answer's whole body. Of a problem document, the code is enough: `problem: unavailable`.
    answer: Answer,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Exactly(String),
    Problem(String),
    /// Each `…` in the text stands for a token, which differs from answer to answer.
    Tokens(String),
}

/// Everybody's password is the same; what keeps them out differs.
const DEFINITION: &str = "
version: 1
connector: people
database: { url: 'sqlite:people.db' }
password: { column: password_hash, formats: [phpass] }
profile:
  email_verified: '{{ verified == 1 }}'
  phone_verified: false
  app_metadata: { plan: '{{ plan }}', roles: ['{{ role }}'] }
deny:
  - { when: \"{{ state == 'disabled' }}\", message: This account is disabled, reason: disabled }
  - { when: \"{{ state == 'locked' }}\", message: This account is locked, reason: locked }
  - { when: \"{{ state == 'expired' }}\", message: This account has expired, reason: expired }
  - { when: \"{{ state == 'stale' }}\", message: Choose a new password, reason: password_change_required }
  - { when: \"{{ state == 'unverified' }}\", message: Verify your address, reason: unverified }
  - { when: \"{{ state == 'denied' }}\", message: You may not log in }
actions:
  login:
    sql: |
      SELECT id, email, username, phone AS phone_number, given_name, family_name, given_name || ' ' || family_name AS name,
             verified, plan, role, state, password_hash
      FROM people WHERE email = {{ identifier }} OR username = {{ identifier }}
  get_user:
    sql: |
      SELECT id, email, username, phone AS phone_number, given_name, family_name, given_name || ' ' || family_name AS name,
             verified, plan, role
      FROM people WHERE email = {{ identifier }} OR username = {{ identifier }}
    by_user_id:
      sql: |
        SELECT id, email, username, phone AS phone_number, given_name, family_name,
               given_name || ' ' || family_name AS name, verified, plan, role
        FROM people WHERE id = {{ user_id }}
";

/// A table whose people differ in what keeps them out: each is called after it, and `ann` by nothing.
fn table(path: &Path) {
    let table = rusqlite::Connection::open(path).unwrap();
    let rows = ["ann", "disabled", "locked", "expired", "stale", "unverified", "denied"].map(|name| {
        format!("('{name}@example.com', '{name}', '+15550001', 'Ann', 'Lee', 1, 'gold', 'admin', '{name}', '{HASH}')")
    });
    table
        .execute_batch(&format!(
            "CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT UNIQUE, username TEXT UNIQUE, phone TEXT,
             given_name TEXT, family_name TEXT, verified INTEGER, plan TEXT, role TEXT, state TEXT, password_hash TEXT);
             INSERT INTO people (email, username, phone, given_name, family_name, verified, plan, role, state,
             password_hash) VALUES {}",
            rows.join(", ")
        ))
        .unwrap();
}

/// A gateway with the faces of these settings, and the socket of the database that never answers.
pub fn start(faces: &str) -> (Gateway, TcpListener) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let elsewhere = |name: &str, address: std::net::SocketAddr| {
        let url = format!("postgres://nobody@{address}/none?sslmode=disable");
        let text = DEFINITION.replace("connector: people", &format!("connector: {name}"));
        text.replace("sqlite:people.db", &url)
    };
    let setup = Setup::new()
        .definition("people.yaml", DEFINITION)
        .definition("down.yaml", &elsewhere("down", closed))
        .definition("silent.yaml", &elsewhere("silent", silent.local_addr().unwrap()))
        .without_databases();
    table(&setup.folder().join("people.db"));
    entra::write_keys(setup.folder());
    let settings = format!(
        "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n\
         limits: {{ client: 1000000/s, address: 1000000/s, account: 1000000/s }}\n{faces}\nclients:\n{}",
        client().yaml
    );
    // 32 bytes from 0 up, in Base64: the key of the recordings.
    let setup = setup.env("KINDE_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    (setup.settings(settings).start(), silent)
}

fn recorded(protocol: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/faces/{protocol}.yaml"));
    let recording: Recording = serde_yaml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let made = entra::Made::new(&recording.made);
    let (gateway, _silent) = start(&made.fill(&recording.faces));
    let shown = |outcome: &str| {
        let name = |exchange: &Exchange| exchange.name.split(':').next().unwrap().trim().to_owned();
        recording.exchanges.iter().any(|exchange| name(exchange) == outcome)
    };
    for outcome in OUTCOMES {
        assert!(shown(outcome), "{protocol}.yaml has no exchange called `{outcome}`");
    }
    let mut token = String::new();
    let failures: Vec<String> =
        recording.exchanges.iter().filter_map(|exchange| exchange.failure(&gateway, &made, &mut token)).collect();
    assert!(failures.is_empty(), "{protocol}:\n{}", failures.join("\n"));
}

impl Exchange {
    /// What differs from the recording.
    fn failure(&self, gateway: &Gateway, made: &entra::Made, token: &mut String) -> Option<String> {
        let filled = |text: &str| made.fill(&filled(text)).replace("{token}", token);
        let (method, path) = self.request.split_once(' ').expect("a method and a path");
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), filled(value))).collect();
        let reply = gateway.send(method, &filled(path), &headers, filled(&self.body).as_bytes());
        let mut differences = Vec::new();
        if reply.status != self.status {
            differences.push(format!("status {}, recorded {}", reply.status, self.status));
        }
        match &self.answer {
            Answer::Exactly(text) if *text == reply.text => {}
            Answer::Exactly(text) => differences.push(format!("recorded {text}")),
            Answer::Tokens(text) if is_with_tokens(text, &reply.text) => {}
            Answer::Tokens(text) => differences.push(format!("recorded {text}")),
            Answer::Problem(code) => {
                let found = serde_json::from_str::<serde_json::Value>(&reply.text).unwrap_or_default();
                if found["code"] != **code {
                    differences.push(format!("recorded the problem `{code}`"));
                }
            }
        }
        for (name, value) in &self.answer_headers {
            if reply.header(name) != Some(value) {
                differences.push(format!("header {name}: {:?}, recorded {value}", reply.header(name)));
            }
        }
        if let Some(given) =
            serde_json::from_str::<serde_json::Value>(&reply.text).unwrap_or_default()["access_token"].as_str()
        {
            given.clone_into(token);
        }
        if reply.text.contains(PASSWORD) || reply.text.contains(&client().key) {
            differences.push("a secret in the answer".to_owned());
        }
        (!differences.is_empty())
            .then(|| format!("{} ({}): {}\n  answered {}", self.name, self.request, differences.join("; "), reply.text))
    }
}

/// Whether the answer is the recorded one with a token in the place of each `…`.
fn is_with_tokens(recorded: &str, answer: &str) -> bool {
    let Some((before, after)) = recorded.split_once('…') else { return recorded == answer };
    let Some(rest) = answer.strip_prefix(before) else { return false };
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)).unwrap_or(rest.len());
    rest[..end].split('.').filter(|part| !part.is_empty()).count() == 3 && is_with_tokens(after, &rest[end..])
}

fn filled(text: &str) -> String {
    let key = &client().key;
    let basic = Base64::encode_string(format!("tests:{key}").as_bytes());
    text.replace("{key}", key).replace("{basic}", &basic).replace("{password}", PASSWORD)
}

#[test]
fn every_face_has_a_recording() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faces");
    for face in FACES {
        assert!(folder.join(format!("{}.yaml", face.name)).exists(), "tests/faces/{}.yaml is missing", face.name);
    }
}

#[test]
fn okta() {
    recorded("okta");
}

#[test]
fn kratos() {
    recorded("kratos");
}

#[test]
fn keycloak() {
    recorded("keycloak");
}

#[test]
fn fusionauth() {
    recorded("fusionauth");
}

#[test]
fn cas() {
    recorded("cas");
}

#[test]
fn cognito() {
    recorded("cognito");
}

#[test]
fn logto() {
    recorded("logto");
}

#[test]
fn kinde() {
    recorded("kinde");
}

#[test]
fn b2c() {
    recorded("b2c");
}

#[test]
fn entra() {
    recorded("entra");
}

#[test]
fn oauth2() {
    recorded("oauth2");
}

#[test]
fn what_is_not_declared_is_not_there() {
    let (gateway, _silent) = start("faces: [{ protocol: okta, connector: people }]");
    for path in [
        "/okta/down",
        "/okta/nobody",
        "/kratos/people",
        "/unheard/people",
        "/okta",
        "/okta/people/more",
        "/okta/people/",
    ] {
        let reply = gateway.send("POST", path, &[("authorization", client().key.clone())], b"{}");
        assert_eq!((reply.status, reply.code().as_str()), (404, "unknown_path"), "{path}");
    }
}

#[test]
fn faces_come_and_go_with_the_settings() {
    let (gateway, _silent) = start("faces: [{ protocol: okta, connector: people }]");
    let status = || gateway.send("POST", "/okta/people", &[("authorization", client().key.clone())], b"{}").status;
    assert_eq!(status(), 415);
    let path = gateway.folder().join("userbridge.yaml");
    let settings = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, settings.replace("faces: [{ protocol: okta, connector: people }]", "faces: []")).unwrap();
    gateway.eventually("the face is gone", || status() == 404);
    std::fs::write(&path, settings).unwrap();
    gateway.eventually("the face is back", || status() == 415);
}

#[test]
fn faces_that_cannot_be_are_refused_at_their_places() {
    for (declared, expected) in [
        ("[{ protocol: octa, connector: people }]", "did you mean `okta`?"),
        ("[{ protocol: okta, connector: 'a b' }]", "`a b` cannot be a connector's name"),
        ("[{ protocol: okta, connector: people }, { protocol: okta, connector: people }]", "already"),
        ("[{ protocol: okta, connector: people, credentials: 'a b' }]", "`a b` is no name of a header"),
        ("[{ protocol: okta, connector: people, timeout: soon }]", "`soon`"),
        ("[{ protocol: okta, connector: people, options: { salt: a } }]", "`okta` has no options"),
        ("[{ protocol: okta }]", "connector"),
        ("[{ protocol: entra, connector: people }]", "`entra` needs the option `key`"),
        (
            "[{ protocol: entra, connector: people, options: { key: { file: key.pem }, other_key_id: a } }]",
            "there is no `other_key` that `other_key_id` could name",
        ),
        ("[{ protocol: entra, connector: people, options: { key: { file: none.pem } } }]", "there is no private key"),
    ] {
        let setup = Setup::new().definition("people.yaml", DEFINITION);
        entra::write_keys(setup.folder());
        let settings = format!("listen: 127.0.0.1:0\nfaces: {declared}\nclients:\n{}", client().yaml);
        let refused = setup.settings(settings).try_start().err().expect("a refusal");
        assert_eq!(refused.code, Some(78));
        assert!(refused.output.contains(expected), "{declared}\n{}", refused.output);
        assert!(refused.output.contains("userbridge.yaml:2"), "{declared}\n{}", refused.output);
    }
}

/// `userbridge connect` beside a gateway's own settings.
fn connect(gateway: &Gateway, arguments: &[&str], key: &str, password: &str) -> (String, Option<i32>) {
    use std::io::Write;
    use std::process::Stdio;
    let mut command = crate::gateway::program();
    command.arg("connect").args(arguments).args(["--url", &format!("http://{}", gateway.address)]);
    command.current_dir(gateway.folder()).env("USERBRIDGE_KEY", key).env("KINDE_KEY", "x");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains(key) && (password.is_empty() || !text.contains(password)), "a secret is printed: {text}");
    (text, output.status.code())
}

#[test]
fn what_to_enter_is_told_for_every_face() {
    let (gateway, _silent) = start(
        "faces: [{ protocol: okta, connector: people }, { protocol: cas, connector: people, credentials: x-api-key }]",
    );
    let key = &client().key;
    let (text, exit) = connect(&gateway, &["okta"], key, "");
    assert_eq!(exit, Some(0), "{text}");
    let url = format!("http://{}/okta/people", gateway.address);
    assert!(text.contains(&url) && text.contains("client `tests`") && text.contains("Bearer ub_tests_…"), "{text}");
    for face in FACES {
        let (text, exit) = connect(&gateway, &[face.name, "--connector", "people", "--format", "json"], key, "");
        let declared = ["okta", "cas"].contains(&face.name);
        assert_eq!(exit, Some(if declared { 0 } else { 1 }), "{text}");
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(told["declared"], declared, "{}", face.name);
        let guide = told["guide"].as_str().unwrap();
        assert!(guide.contains(told["url"].as_str().unwrap()), "{}: {guide}", face.name);
        assert!(!guide.contains("{url}") && !guide.contains("{key}") && !guide.contains("{client}"), "{guide}");
        assert!(!told["scopes"].as_array().unwrap().is_empty());
    }
    let (text, exit) = connect(&gateway, &["kratos", "--connector", "people"], key, "");
    assert!(exit == Some(1) && text.contains("- { protocol: kratos, connector: people }"), "{text}");
    let (text, exit) = connect(&gateway, &["octa"], key, "");
    assert!(exit == Some(2) && text.contains("did you mean `okta`?"), "{text}");
    let (text, exit) = connect(&gateway, &["kratos"], key, "");
    assert!(exit == Some(2) && text.contains("no connector speaks `kratos` yet"), "{text}");
}

#[test]
fn a_probe_asks_as_the_provider_does_and_explains_the_answer() {
    let declared: Vec<String> = FACES
        .iter()
        .filter(|face| face.sample.is_some())
        .flat_map(|face| {
            [("people", ""), ("down", "")].map(|(name, _)| format!("{{ protocol: {}, connector: {name} }}", face.name))
        })
        .collect();
    let tokens = "tokens: { issuer: 'https://users.example.com' }";
    let (gateway, _silent) = start(&format!("{tokens}\nfaces: [{}]", declared.join(", ")));
    let key = &client().key;
    for face in FACES.iter().filter(|face| face.sample.is_some()) {
        let at = |connector: &'static str| ["--connector", connector, "--probe"];
        let probe = |connector, key: &str| connect(&gateway, &[&[face.name][..], &at(connector)].concat(), key, "");
        let (text, exit) = probe("people", key);
        assert!(exit == Some(0) && text.contains("nobody has this name"), "{}: {text}", face.name);
        let (text, exit) = probe("people", "ub_tests_wrong");
        assert!(exit == Some(1) && text.contains("does not know the key"), "{}: {text}", face.name);
        let (text, exit) = probe("down", key);
        assert!(exit == Some(1) && text.contains("userbridge status"), "{}: {text}", face.name);
    }
    let (text, exit) = connect(
        &gateway,
        &["okta", "--connector", "people", "--probe", "--identifier", "ann@example.com", "--password-stdin"],
        key,
        PASSWORD,
    );
    assert!(exit == Some(0) && text.contains("\"VERIFIED\""), "{text}");
    let (text, exit) = connect(&gateway, &["okta", "--connector", "nobody", "--probe"], key, "");
    assert!(exit == Some(1) && text.contains("no face is declared here"), "{text}");
}
