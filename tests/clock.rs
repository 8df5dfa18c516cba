//! A wall clock that jumps: limits, deadlines and reloads go by another one, tokens are judged, and nothing panics.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, in its helpers too")]

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::gateway::Gateway;
use crate::people::{DEFINITION, setup};
use crate::tokens::support::{ask, form, send};

/// A library that stands between programs and the clock (package `faketime`): it reads the time's distance from a file.
fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path().join("faketime"));
    let mut found = folders.map(|folder| folder.join("libfaketimeMT.so.1")).filter(|path| path.exists());
    found.next().expect("libfaketime, which tests/run installs")
}

/// Sets the gateway's clock, as in `+1h`; in one step, since it is read at any moment.
fn set(file: &Path, distance: &str) {
    let aside = file.with_extension("new");
    std::fs::write(&aside, format!("{distance}\n")).unwrap();
    std::fs::rename(aside, file).unwrap();
}

fn start(clock: &Path) -> Gateway {
    set(clock, "+0");
    let settings = "limits: { client: 1000000/s, address: 1000000/s, account: 3/h }\n\
                    tokens: { issuer: 'https://a.example' }\naudit: { to: 'file:audit.jsonl' }\n";
    setup(settings)
        .env("LD_PRELOAD", library().to_str().unwrap())
        .env("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap())
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("DONT_FAKE_MONOTONIC", "1")
        .start()
}

/// The year of the last line of the log.
fn year(gateway: &Gateway) -> u32 {
    let records = gateway.records();
    let time = records.last().unwrap()["timestamp"].as_str().unwrap().to_owned();
    time.trim_start_matches('+').split('-').next().unwrap().parse().unwrap()
}

fn token_is_good(gateway: &Gateway, token: &str) -> u16 {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let body = br#"{"identifier":"bob@example.com"}"#;
    send(gateway.address, "POST", "/v1/connectors/people/get_user", &headers, body).status
}

#[test]
fn a_clock_that_jumps_changes_no_limit_and_panics_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    let gateway = start(&clock);
    let now = year(&gateway);
    let wrong = |user: &str| {
        gateway
            .call("people", "login", &json!({ "identifier": format!("{user}@example.com"), "password": "wrong" }))
            .status
    };
    let token = ask(gateway.address, &[], &form("")).token();
    assert_eq!(token_is_good(&gateway, &token), 200);
    assert_eq!([wrong("ann"), wrong("ann")], [401, 401]);
    let jumps = [
        "+1h",
        "-1h",
        "+2h",
        "-1d",
        "+30y",
        "-20y",
        "@1970-01-01 00:00:00",
        "@2100-01-01 00:00:00",
        "-1h",
        "+1h",
        "+0",
    ];
    for (number, jump) in jumps.into_iter().enumerate() {
        set(&clock, jump);
        // Two of ann's three attempts an hour are used up: one is left, at the first jump, whatever time it is.
        assert_eq!(wrong("ann"), if number == 0 { 401 } else { 429 }, "after {jump}");
        let reply = gateway.call("people", "get_user", &json!({ "identifier": "bob@example.com" }));
        assert_eq!(reply.status, 200, "after {jump}: {reply:?}");
        // A token is good for its time, and none that was issued now is bad.
        let old = token_is_good(&gateway, &token);
        assert!([200, 401].contains(&old), "after {jump}: {old}");
        let new = ask(gateway.address, &[], &form("")).token();
        assert_eq!(token_is_good(&gateway, &new), 200, "after {jump}");
        match jump {
            // The control: the clock has jumped, and back.
            "+30y" | "+0" => {
                let (token, then) = if jump == "+0" { (200, now) } else { (401, now + 30) };
                assert_eq!(old, token, "after {jump}");
                gateway.eventually("the log is written by the new clock", || year(&gateway) == then);
            }
            _ => {}
        }
        // Files are followed all the same.
        let text = DEFINITION.replace("plan: gold", &format!("plan: plan{number}"));
        std::fs::write(gateway.connectors().join("people.yaml"), text).unwrap();
        gateway.eventually("the new definition is served", || {
            let user = gateway.call("people", "get_user", &json!({ "identifier": "bob@example.com" })).user();
            user["app_metadata"]["plan"] == format!("plan{number}")
        });
        for path in ["/status", "/metrics", "/readyz"] {
            assert_eq!(gateway.get(path).status, 200, "{path} after {jump}");
        }
    }
    assert_eq!(wrong("ann"), 429);
    assert!(!gateway.log().contains("panicked"), "{}", gateway.log());
    assert_eq!(gateway.stop(), Some(0));
}
