//! A small user table in SQLite in front of a real gateway, for tests of what stands before the table.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::net::TcpStream;

use serde_json::{Value as Json, json};

use crate::gateway::{Gateway, Setup, client};
use crate::http::support::{Client, Reply, request};

/// Everybody's password.
pub const PASSWORD: &str = "correct horse";

/// Its phpass hash at the lowest cost, so that hashing takes no time.
pub const HASH: &str = "$P$5abcdefghAwHMLXeh48xCQuy..94JO/";

/// All ten actions.
pub const DEFINITION: &str = "
version: 1
connector: people
database: { url: 'sqlite:people.db' }
password: { column: password_hash, formats: [phpass, argon2id] }
profile: { app_metadata: { plan: gold } }
actions:
  login: { sql: 'SELECT id, email, username, password_hash FROM people WHERE email = {{ identifier }}' }
  get_user:
    sql: 'SELECT id, email, username FROM people WHERE email = {{ identifier }}'
    by_user_id: { sql: 'SELECT id, email, username FROM people WHERE id = {{ user_id }}' }
  create:
    sql: |
      INSERT INTO people (email, username, phone, password_hash)
      VALUES ({{ email }}, {{ username }}, {{ phone_number }}, {{ password_hash }})
  verify: { sql: 'UPDATE people SET verified = 1 WHERE email = {{ email }}' }
  change_password: { sql: 'UPDATE people SET password_hash = {{ password_hash }} WHERE email = {{ identifier }}' }
  change_email: { sql: 'UPDATE people SET email = {{ new_email }} WHERE email = {{ email }}' }
  change_username: { sql: 'UPDATE people SET username = {{ new_username }} WHERE username = {{ username }}' }
  change_phone_number: { sql: 'UPDATE people SET phone = {{ new_phone_number }} WHERE phone = {{ phone_number }}' }
  delete: { sql: 'DELETE FROM people WHERE id = {{ user_id }}' }
  list_users:
    sql: 'SELECT id, email, username FROM people WHERE id > {{ after | default(-1) }} ORDER BY id LIMIT {{ limit }}'
";

/// Settings with one client that may do everything, and these further lines.
pub fn setup(settings: &str) -> Setup {
    let setup = Setup::new().definition("people.yaml", DEFINITION);
    let table = rusqlite::Connection::open(setup.folder().join("people.db")).unwrap();
    table
        .execute_batch(&format!(
            "CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT UNIQUE, username TEXT UNIQUE, phone TEXT,
             password_hash TEXT, verified INTEGER DEFAULT 0);
             INSERT INTO people (email, username, phone, password_hash) VALUES
             ('ann@example.com', 'ann', '+15550001', '{HASH}'), ('bob@example.com', 'bob', '+15550002', '{HASH}');"
        ))
        .unwrap();
    let listen = "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nrequest_timeout: 30s\n";
    setup.settings(format!("{listen}{settings}\nclients:\n{}", client().yaml))
}

/// Limits that no test reaches.
pub const NO_LIMITS: &str = "limits: { client: 1000000/s, address: 1000000/s, account: 1000000/s }\n";

/// One connection to the gateway that is used again and again.
pub struct Caller(Client);

impl Caller {
    pub fn new(gateway: &Gateway) -> Self {
        Self(Client::new(TcpStream::connect(gateway.address).unwrap()))
    }

    /// Asks for an action, with further header lines that each end in CRLF.
    pub fn ask_with(&mut self, action: &str, body: &[u8], headers: &str) -> Reply {
        let key = match headers.contains("authorization:") {
            true => String::new(),
            false => format!("authorization: Bearer {}\r\n", client().key),
        };
        let path = format!("/v1/connectors/people/{action}");
        self.0.write(request("POST", &path, body, &format!("{key}{headers}"))).reply()
    }

    pub fn ask(&mut self, action: &str, body: &Json) -> Reply {
        self.ask_with(action, body.to_string().as_bytes(), "")
    }

    pub fn login(&mut self, identifier: &str, password: &str) -> Reply {
        self.ask("login", &json!({ "identifier": identifier, "password": password }))
    }
}

/// The value of a series as `/metrics` shows it; 0 where there is none.
pub fn metric(gateway: &Gateway, series: &str) -> u64 {
    let text = gateway.get("/metrics").text;
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("userbridge_{series} ")));
    line.map_or(0, |value| value.parse::<f64>().unwrap() as u64)
}

/// How many passwords reached the hashing pool.
pub fn verified(gateway: &Gateway) -> u64 {
    metric(gateway, r#"stage_duration_seconds_count{stage="hash_wait"}"#)
}
