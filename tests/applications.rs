//! The shipped definitions, on the tables that the applications themselves made.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, in its helpers too")]

mod django;
mod ghost;
mod mediawiki;
mod schemas;
mod shipped;
mod strapi;
mod wordpress;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use crate::actions::listing::all;
use crate::gateway::{Gateway, Reply};
use crate::servers;

/// A user of an application's fixture, as its `users.tsv` lists it.
struct User<'a> {
    username: &'a str,
    email: &'a str,
    password: &'a str,
    active: bool,
}

fn users(list: &str) -> Vec<User<'_>> {
    let parse = |line| -> Option<User<'_>> {
        let [username, email, password, _, active] = *Vec::from_iter(str::split(line, '\t')) else { return None };
        Some(User { username, email, password, active: active == "true" })
    };
    list.lines().skip(1).map(|line| parse(line).expect("five columns")).collect()
}

/// One application's connector.
struct Application {
    gateway: Gateway,
    name: &'static str,
}

impl Application {
    /// Calls an action, and checks the answer's code.
    #[track_caller]
    fn expect(&self, action: &str, body: Json, code: &str) -> Reply {
        let reply = self.gateway.call(self.name, action, &body);
        assert_eq!(reply.code(), code, "{} {action} {body} {reply:?}\n{}", self.name, self.gateway.log());
        reply
    }

    /// All users, which are the same in small pages and in one; this one is among them.
    #[track_caller]
    fn lists(&self, user: &Json) {
        let page = |body: Json| self.expect("list_users", body, "listed").json();
        let whole = page(json!({ "limit": 1000 }))["users"].clone();
        assert_eq!(Json::Array(all(page, 2)), whole, "{}", self.name);
        assert!(whole.as_array().unwrap().contains(user), "{} {user} {whole:#}", self.name);
    }

    #[track_caller]
    fn login(&self, identifier: &str, password: &str, code: &str) -> Reply {
        self.expect("login", json!({ "identifier": identifier, "password": password }), code)
    }
}

/// Asks a Python script of the tests whether these passwords are right for these hashes.
#[track_caller]
fn checked_by(script: &str, pairs: &[(&str, &str)]) -> Vec<bool> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(script);
    let mut command = Command::new(servers::python());
    command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let lines: String = pairs.iter().map(|(hash, password)| format!("{hash}\n{password}\n")).collect();
    process.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line == "true").collect()
}

/// Asks the bcrypt library of an application on Node.js whether these passwords are right for these hashes.
#[track_caller]
fn compared_by_node(library: &str, pairs: &[(&str, &str)]) -> Vec<bool> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/applications/compare.js");
    let mut command = Command::new("node");
    command.arg(script).arg(servers::node_modules().join(library)).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    process.stdin.take().unwrap().write_all(json!(pairs).to_string().as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A definition's text, at costs that unoptimised code can afford.
fn cheaper(text: &str) -> String {
    CHEAPER.iter().fold(text.to_owned(), |text, (costly, cheap)| text.replace(costly, cheap))
}

/// What a definition says of the costs of new hashes, everywhere it does.
const CHEAPER: [(&str, &str); 10] = [
    ("600000", "6000"),
    ("210000", "2100"),
    ("50000", "500"),
    ("rounds: 10000 }", "rounds: 1000 }"),
    ("cost: 10", "cost: 5"),
    ("cost: 12", "cost: 5"),
    ("cost: 13", "cost: 5"),
    ("new: bcrypt-2a", "new: { format: bcrypt-2a, cost: 5 }"),
    ("new: aspnet-identity", "new: { format: aspnet-identity, rounds: 1000 }"),
    ("new: mediawiki", "new: { format: mediawiki, rounds: 1000 }"),
];
