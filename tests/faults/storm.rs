//! More logins than the machine can hash, from identity providers that stop waiting.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::json;
use userbridge::sql::Dialect;

use super::support::{alone, database, definition, email, settings, setup, status};
use crate::faces::entra::{made_by_jose, write_keys};
use crate::gateway::{Gateway, client};

#[derive(Clone, Copy, PartialEq)]
enum Became {
    Answered,
    Shed,
    Late,
}

/// One face's question about the same user, and the words of a "yes".
struct Provider {
    path: &'static str,
    body: String,
    yes: &'static str,
}

impl Provider {
    /// What became of one question; whatever is neither a yes nor a doubt fails the test.
    fn ask(&self, gateway: &Gateway) -> Became {
        let headers = [("authorization", client().key.clone()), ("content-type", "application/json".to_owned())];
        let reply = gateway.send("POST", self.path, &headers, self.body.as_bytes());
        match reply.status {
            200 => {
                assert!(reply.text.contains(self.yes), "{reply:?}");
                Became::Answered
            }
            503 if reply.text.contains("overloaded") => {
                assert!(reply.header("retry-after").is_some(), "{reply:?}");
                Became::Shed
            }
            // Begun in time and not finished in time, on a machine that does nothing but hash.
            status => {
                assert!(status >= 503, "{reply:?}");
                Became::Late
            }
        }
    }
}

fn providers() -> [Provider; 2] {
    let claims = json!({ "username": email(1), "user-password": "hello", "nonce": "1" });
    let context = made_by_jose(&json!({ "context": { "jwe": { "claims": claims } } }).to_string());
    let kind = "microsoft.graph.authenticationEvent.passwordSubmit";
    let credential = json!({ "username": email(1), "password": "hello" });
    let hook = "com.okta.user.credential.password.import";
    [
        Provider {
            path: "/entra/acme",
            body: json!({ "type": kind, "data": { "encryptedPasswordContext": context["context"] } }).to_string(),
            yes: "MigratePassword",
        },
        Provider {
            path: "/okta/acme",
            body: json!({ "eventType": hook, "data": { "context": { "credential": credential } } }).to_string(),
            yes: "\"VERIFIED\"",
        },
    ]
}

#[test]
fn a_storm_of_logins_is_shed_and_shuts_nobody_out_afterwards() {
    let _turn = alone();
    let url = database(Dialect::Postgres);
    let text = definition("acme")
        .replace("[sha256, phpass], new: { format: phpass, cost: 7 }", "[sha256, argon2], new: argon2id");
    let faces = "faces: [{ protocol: okta, connector: acme }, \
                 { protocol: entra, connector: acme, options: { key: { file: key.pem } } }]\n";
    // As many may wait as by default: who comes too late is told by the clock, not by the queue's length.
    let settings = settings().replace("threads: 2, queue: 16", "threads: 1, queue: 256") + faces;
    let setup = setup().settings(settings).definition("acme.yaml", &text).env("URL_ACME", &url);
    write_keys(setup.folder());
    let gateway = setup.start();
    let body = json!({ "identifier": email(1), "password": "hello" });
    assert_eq!(gateway.call("acme", "change_password", &body).code(), "changed");
    for provider in providers() {
        gateway.eventually("somebody can log in", || provider.ask(&gateway) == Became::Answered);
        let became = storm(&gateway, &provider);
        let count = |class| became.iter().filter(|became| **became == class).count();
        let counts = (count(Became::Answered), count(Became::Shed), count(Became::Late));
        assert!(counts.0 > 0 && counts.1 > 0, "{}: {counts:?}", provider.path);
        // How long each waited is for the benchmark; that the database was not taken for a dead one is not.
        assert_eq!(status(&gateway)["database"]["breaker"], "closed", "{}: {counts:?}", provider.path);
        gateway.eventually("somebody can log in", || provider.ask(&gateway) == Became::Answered);
    }
}

/// Far more callers than can be served, each asking again as soon as it has its answer.
fn storm(gateway: &Gateway, provider: &Provider) -> Vec<Became> {
    let became = Mutex::new(Vec::new());
    let end = Instant::now() + Duration::from_secs(3);
    std::thread::scope(|scope| {
        for _ in 0..80 {
            scope.spawn(|| {
                while Instant::now() < end {
                    let answer = provider.ask(gateway);
                    became.lock().unwrap().push(answer);
                    if answer != Became::Answered {
                        std::thread::sleep(Duration::from_millis(100));
                    }
                }
            });
        }
    });
    became.into_inner().unwrap()
}
