//! Every published and generated vector end to end: definitions as an administrator writes them, on a table with one
//! user per row of `tests/hash/vectors.tsv`, served over HTTP, everybody logging in.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod explained;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Map, Value as Json, json};
use userbridge::sql::Dialect;

use crate::gateway::{Gateway, Setup};
use crate::stores::Store;

const ROWS: &str = include_str!("hash/vectors.tsv");

/// Requests at a time.
const AT_ONCE: usize = 4;

/// A vector that must open.
struct Row {
    /// Its line in the file, from 1.
    line: usize,
    label: &'static str,
    password: String,
    stored: &'static str,
    inputs: Map<String, Json>,
}

/// Every true row whose password a request can carry; how many have an empty password, and one that is not UTF-8.
fn rows() -> (Vec<Row>, usize, usize) {
    let (mut rows, mut empty, mut raw) = (Vec::new(), 0, 0);
    for (index, line) in ROWS.lines().enumerate().skip(1) {
        let fields: Vec<_> = line.split('\t').collect();
        let [label, password, stored, inputs, expected, _] = fields[..] else { panic!("six fields: {line}") };
        if expected != "true" {
            continue;
        }
        match String::from_utf8(unescaped(password)) {
            Err(_) => raw += 1,
            Ok(password) if password.is_empty() => empty += 1,
            Ok(password) => {
                let inputs = serde_json::from_str(inputs).unwrap();
                rows.push(Row { line: index + 1, label, password, stored, inputs });
            }
        }
    }
    (rows, empty, raw)
}

/// `\xNN` stands for one byte.
fn unescaped(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(part[2..].bytes());
    }
    bytes
}

#[test]
fn every_true_vector_logs_in() {
    let (rows, empty, raw) = rows();
    // An empty password is never one, and JSON carries nothing but UTF-8: those rows run beside the kernels.
    assert_eq!((rows.len(), empty, raw), (591, 13, 21));
    let mut world = World::new(&rows);
    for row in &rows {
        let definition = Definition::of(row, &rows, &mut world.secrets);
        world.serve(row, &definition.password());
    }
    assert!(world.connectors.len() > 200, "{} definitions", world.connectors.len());
    world.log_everybody_in(&rows);
}

/// The table, and the definitions on it.
struct World {
    store: Store,
    /// Secrets of sites, by their value: the names of environment variables.
    secrets: BTreeMap<String, String>,
    /// The names of connectors, by their `password:` block.
    connectors: BTreeMap<String, String>,
    /// The connector of each row, by its line.
    of_line: BTreeMap<usize, String>,
}

impl World {
    /// A table with one user for each row; who it is, is the row's line.
    fn new(rows: &[Row]) -> Self {
        let store = Store::new(Dialect::Sqlite);
        let mut sql = "CREATE TABLE users (id integer PRIMARY KEY, email text, username text, password_hash text, \
                       password_salt text, password_salt2 text, password_algorithm text);\nBEGIN;\n"
            .to_owned();
        for row in rows {
            let columns = [
                Some(row.stored.to_owned()),
                row.salt(),
                row.text("salt2"),
                row.text("user").or(row.text("user_id")),
                row.algorithm(),
            ];
            let columns = columns.map(|text| text.map_or("NULL".to_owned(), |text| quoted(&text)));
            let [stored, salt, salt2, user, algorithm] = columns;
            sql.push_str(&format!(
                "INSERT INTO users (id, email, password_hash, password_salt, password_salt2, username, \
                 password_algorithm) VALUES ({}, 'line{}@example.com', {stored}, {salt}, {salt2}, {user}, {algorithm});\n",
                row.line, row.line
            ));
        }
        store.script(&(sql + "COMMIT;"));
        Self { store, secrets: BTreeMap::new(), connectors: BTreeMap::new(), of_line: BTreeMap::new() }
    }

    /// Lets a row's user log in through a definition with this block; one connector serves all with the same.
    fn serve(&mut self, row: &Row, password: &str) {
        let next = format!("c{}", self.connectors.len());
        let connector = self.connectors.entry(password.to_owned()).or_insert(next);
        self.of_line.insert(row.line, connector.clone());
    }

    /// Starts a gateway, and logs every served row in: with its password, and with another.
    fn log_everybody_in(&self, rows: &[Row]) {
        let mut setup = self.secrets.iter().fold(Setup::new(), |setup, (value, name)| setup.env(name, value.clone()));
        for (password, connector) in &self.connectors {
            setup = setup.definition(&format!("{connector}.yaml"), &self.definition(connector, password));
        }
        let gateway = setup.start();
        let served: Vec<&Row> = rows.iter().filter(|row| self.of_line.contains_key(&row.line)).collect();
        let next = AtomicUsize::new(0);
        let failures: Vec<String> = std::thread::scope(|scope| {
            let worker = || {
                let mut failures = Vec::new();
                while let Some(row) = served.get(next.fetch_add(1, Ordering::Relaxed)) {
                    failures.extend(self.log_in(&gateway, row));
                }
                failures
            };
            let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(worker)).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
        });
        assert!(failures.is_empty(), "{} of {} rows:\n{}", failures.len(), served.len(), failures.join("\n"));
    }

    fn log_in(&self, gateway: &Gateway, row: &Row) -> Option<String> {
        let connector = &self.of_line[&row.line];
        let login = |password: &str| {
            let body = json!({ "identifier": format!("line{}@example.com", row.line), "password": password });
            // As an honest caller does: on a busy machine some slow formats are not begun in time.
            let reply = (0..10).map(|_| gateway.call(connector, "login", &body)).find(|reply| reply.status != 503);
            reply.map_or((503, "overloaded".to_owned()), |reply| (reply.status, reply.code()))
        };
        let answers = (login(&row.password), login(&format!("x{}", row.password)));
        let expected = ((200, "user".to_owned()), (401, "wrong_credentials".to_owned()));
        let block = self.connectors.iter().find(|(_, name)| *name == connector).map(|(block, _)| block);
        (answers != expected).then(|| format!("line {}: {}: {answers:?} {block:?}", row.line, row.label))
    }

    fn definition(&self, connector: &str, password: &str) -> String {
        format!(
            "version: 1\nconnector: {connector}\ndatabase: {{ url: '{}', max_connections: 1, timeout: 20s }}\n{password}\
             actions:\n  login:\n    sql: >\n      SELECT id, email, username, password_hash, password_salt, password_salt2, \
             password_algorithm\n      FROM users WHERE email = {{{{ identifier }}}}\n",
            self.store.url
        )
    }
}

/// A `password:` block in the making.
struct Definition {
    /// Columns for the whole block.
    columns: Vec<(&'static str, &'static str)>,
    /// The parts of the format.
    parts: Vec<(&'static str, String)>,
}

impl Definition {
    /// What an administrator writes for a column of such values.
    fn of(row: &Row, rows: &[Row], secrets: &mut BTreeMap<String, String>) -> Self {
        let own = |key: &str| row.inputs.contains_key(key);
        // A table's definition names its columns also where one row has nothing in them.
        let of_label = |key: &str| match row.label {
            "custom" | "pbkdf2" | "scrypt" | "bcrypt-prehash" => own(key),
            label => rows.iter().any(|other| other.label == label && other.inputs.contains_key(key)),
        };
        let columns = [
            ("salt", "password_salt", of_label("salt") || own("salt_hex") || own("salt_b64")),
            ("salt2", "password_salt2", own("salt2")),
            ("user", "username", of_label("user") || own("user_id")),
            ("algorithm", "password_algorithm", own("passwd_hash_algo") || own("credential_data")),
        ];
        let columns = columns.into_iter().filter(|(.., used)| *used).map(|(key, column, _)| (key, column)).collect();
        let mut definition = Self { columns, parts: vec![row.base()] };
        definition.parts.extend(row.around());
        for (input, key) in [("pepper", "pepper"), ("secret", "pepper"), ("hmac_key", "key"), ("signer_key", "key")] {
            if let Some(secret) = row.text(input) {
                let next = format!("SECRET_{}", secrets.len());
                let name = secrets.entry(secret).or_insert(next);
                definition.parts.push((key, format!("{{ env: {name} }}")));
            }
        }
        definition
    }

    fn password(&self) -> String {
        let mut text = "password:\n  column: password_hash\n".to_owned();
        for (key, column) in &self.columns {
            text.push_str(&format!("  {key}: {{ column: {column} }}\n"));
        }
        let formats = match &self.parts[..] {
            [("format", name)] => name.clone(),
            parts => {
                let parts: Vec<_> = parts.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                format!("{{ {} }}", parts.join(", "))
            }
        };
        text + &format!("  formats: {formats}\n")
    }
}

impl Row {
    fn text(&self, key: &str) -> Option<String> {
        Some(match self.inputs.get(key)? {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        })
    }

    fn is_set(&self, key: &str) -> bool {
        self.inputs.get(key) == Some(&Json::Bool(true))
    }

    /// What the column of the salt holds.
    fn salt(&self) -> Option<String> {
        self.text("salt").or(self.text("salt_hex")).or(self.text("salt_b64"))
    }

    /// What the column of the algorithm holds, in the tables that have one.
    fn algorithm(&self) -> Option<String> {
        self.text("passwd_hash_algo").or(self.text("credential_data"))
    }

    /// What is computed.
    fn base(&self) -> (&'static str, String) {
        let name = match self.label {
            "custom" => return ("expr", quoted(&self.text("expr").unwrap())),
            "pbkdf2" => return ("digest", format!("pbkdf2-{}", self.text("prf").unwrap())),
            "scrypt" => return ("digest", "scrypt".to_owned()),
            "bcrypt-prehash" | "crypt-prehash" if self.stored.starts_with("$6$") => "sha512-crypt",
            "bcrypt-prehash" | "crypt-prehash" if self.stored.starts_with("$argon2") => "argon2",
            "bcrypt-prehash" => "bcrypt",
            "crackstation-pbkdf2" if self.is_set("salt_as_text") => "crackstation-pbkdf2-php",
            "pbkdf2-phc" if self.is_set("kratos") => "kratos-pbkdf2",
            "sha1-crypt-lenient" => "sha1-crypt",
            label => label,
        };
        ("format", name.to_owned())
    }

    /// What stands around it.
    fn around(&self) -> Vec<(&'static str, String)> {
        let mut parts = Vec::new();
        let mut part = |key: &'static str, value: Option<String>| parts.extend(value.map(|value| (key, value)));
        let in_parts = matches!(self.label, "pbkdf2" | "scrypt");
        let salt_encoding = match (self.text("salt_hex"), self.text("salt_b64")) {
            (Some(_), _) => Some("hex"),
            (_, Some(_)) => Some("base64"),
            _ if in_parts => Some("text"),
            _ => None,
        };
        let salt_length =
            self.text("salt_size").or(self.text("salt_len")).map(|length| format!("{{ length: {length} }}"));
        part("salt", salt_encoding.map(|encoding| format!("{{ encoding: {encoding} }}")).or(salt_length));
        part("encoding", self.text("encoding").filter(|_| in_parts));
        part("encoding", self.inputs.get("base64").map(|on| if *on == true { "base64" } else { "hex" }.to_owned()));
        part("rounds", self.text("rounds").or(self.text("iterations")));
        part("cost", self.inputs.get("n").map(|n| n.as_u64().unwrap().ilog2().to_string()));
        part("block", self.text("r"));
        part("lanes", self.text("p"));
        part("prehash", self.text("prehash").map(|text| quoted(&text)));
        part("realm", self.text("realm").map(|text| quoted(&text)));
        let algorithm = self.text("algorithm").or(self.text("id"));
        let algorithm = algorithm.map(|name| self.text("prf").map_or(name.clone(), |prf| format!("{name}-{prf}")));
        part("algorithm", algorithm);
        parts
    }
}

/// As SQL and YAML write a text.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
