//! More logins than the machine can hash, from identity providers that stop waiting.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::json;
use userbridge::sql::Dialect;

use super::support::{alone, database, definition, email, percentile, settings, setup};
use crate::faces::entra::{made_by_jose, write_keys};
use crate::gateway::{Gateway, client};

/// What a busy machine may add to a provider's patience.
const MARGIN: Duration = Duration::from_millis(500);

/// One face's question about the same user, and the words of a "yes".
struct Provider {
    path: &'static str,
    body: String,
    yes: &'static str,
    patience: Duration,
}

impl Provider {
    fn ask(&self, gateway: &Gateway) -> (u16, String, bool, Duration) {
        let headers = [("authorization", client().key.clone()), ("content-type", "application/json".to_owned())];
        let asked = Instant::now();
        let reply = gateway.send("POST", self.path, &headers, self.body.as_bytes());
        let time = asked.elapsed();
        let again = reply.header("retry-after").is_some();
        (reply.status, reply.text, again, time)
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
            patience: Duration::from_secs(1),
        },
        Provider {
            path: "/okta/acme",
            body: json!({ "eventType": hook, "data": { "context": { "credential": credential } } }).to_string(),
            yes: "\"VERIFIED\"",
            patience: Duration::from_secs(3),
        },
    ]
}

#[test]
#[ignore = "measures time, so it needs a machine that does nothing else: `tests/run -- --ignored faults::storm`"]
fn providers_hear_in_time_when_twice_as_many_log_in_as_can() {
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
        // The load comes from the machine that serves: one undisturbed round is the proof.
        let rounds: Vec<String> = (0..4).map_while(|_| round(&gateway, &provider).err()).collect();
        assert!(rounds.len() < 4, "{}: {rounds:#?}", provider.path);
    }
}

/// Twice the capacity for a while; what was not as it must be.
fn round(gateway: &Gateway, provider: &Provider) -> Result<(), String> {
    let rate = 2.0 * capacity(gateway, provider);
    let (answered, mut shed, late) = storm(gateway, provider, rate);
    let mut all: Vec<Duration> = answered.iter().chain(&shed).chain(&late).copied().collect();
    let (p99, median) =
        (percentile(&mut all, 99), if shed.is_empty() { Duration::ZERO } else { percentile(&mut shed, 50) });
    let counts = format!("{rate:.0}/s: {} answered, {} shed, {} late", answered.len(), shed.len(), late.len());
    let seen = format!("{counts}; p99 {p99:?}, median of what was shed {median:?}");
    // There was more load than capacity, and what was too much was told so before it was worked on.
    let overloaded = shed.len() * 5 > all.len() && answered.len() * 5 > all.len();
    let early = late.len() * 20 <= all.len() && median < provider.patience / 2 + MARGIN;
    (overloaded && early && p99 < provider.patience + MARGIN).then_some(()).ok_or(seen)
}

/// Logins per second when nobody waits in vain.
fn capacity(gateway: &Gateway, provider: &Provider) -> f64 {
    let started = Instant::now();
    let ask = || {
        let mut count = 0;
        while started.elapsed() < Duration::from_secs(2) || count == 0 {
            let (status, text, ..) = provider.ask(gateway);
            assert!(started.elapsed() < Duration::from_secs(30), "nobody can log in: {status} {text}");
            // A breaker that a storm before has opened closes by itself.
            assert!(status >= 503 || (status == 200 && text.contains(provider.yes)), "{status} {text}");
            count += u32::from(status == 200);
        }
        count
    };
    let count: u32 = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..3).map(|_| scope.spawn(ask)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    f64::from(count) / started.elapsed().as_secs_f64()
}

/// The times of what was answered, what was shed, and what was begun and not finished, when so many come in a second
/// whatever becomes of those before them.
fn storm(gateway: &Gateway, provider: &Provider, rate: f64) -> (Vec<Duration>, Vec<Duration>, Vec<Duration>) {
    // More than can wait in the time that a login may wait for its turn.
    const CALLERS: u32 = 160;
    let times = [const { Mutex::new(Vec::new()) }; 3];
    let started = Instant::now();
    let every = Duration::from_secs_f64(f64::from(CALLERS) / rate);
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let times = &times;
            scope.spawn(move || {
                let mut turn = started + every * caller / CALLERS;
                while turn < started + Duration::from_secs(5) {
                    std::thread::sleep(turn.saturating_duration_since(Instant::now()));
                    let (status, text, again, time) = provider.ask(gateway);
                    let class = match status {
                        200 => {
                            assert!(text.contains(provider.yes), "{text}");
                            0
                        }
                        503 if text.contains("overloaded") => {
                            assert!(again, "{text}");
                            1
                        }
                        // Begun in time and not finished in time, or the store was not: no decision either.
                        status => {
                            assert!(status >= 503, "{status} {text}");
                            2
                        }
                    };
                    times[class].lock().unwrap().push(time);
                    turn += every;
                }
            });
        }
    });
    times.map(|times| times.into_inner().unwrap()).into()
}
