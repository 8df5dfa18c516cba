//! How often anybody may ask, and that what is refused costs nothing.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use userbridge::access::{Access, Limits, Settings};

use super::support::*;

fn limited(client: Option<&str>, address: Option<&str>, account: Option<&str>) -> Settings {
    let quota = |text: Option<&str>| text.map(|text| text.parse().unwrap());
    let limits = Limits {
        client: quota(client),
        address: quota(address),
        account: quota(account),
        keys: 10_000,
        ..Limits::default()
    };
    Settings { limits, ..open() }
}

fn login(name: &str) -> Vec<u8> {
    json!({"identifier": name, "password": "x"}).to_string().into_bytes()
}

#[test]
fn parallel_attempts_stay_under_the_accounts_limit() {
    let gateway = start_with(limited(None, None, Some("5/h")), Default::default());
    let (passed, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for worker in 0..20 {
            let (gateway, passed, refused) = (&gateway, &passed, &refused);
            scope.spawn(move || {
                let mut client = gateway.connect();
                for attempt in 0..10 {
                    // Every spelling is the same account to some database.
                    let name = ["wrong", "WRONG", " Wrong", "wróng", "ｗｒｏｎｇ"][(worker + attempt) % 5];
                    let reply = client.post("login", &login(name), "");
                    match reply.status {
                        429 => {
                            assert_eq!(reply.code(), "rate_limited");
                            let seconds: u32 = reply.header("retry-after").unwrap().parse().unwrap();
                            assert!((1..=720).contains(&seconds), "{seconds}");
                            refused.fetch_add(1, Ordering::Relaxed)
                        }
                        _ => passed.fetch_add(1, Ordering::Relaxed),
                    };
                }
            });
        }
    });
    // A spelling that the fake store does not know succeeds there and gives its attempt back.
    let wrong = gateway.seen().iter().filter(|seen| seen.contains(r#""wrong""#)).count();
    assert!(wrong <= 5, "{wrong} guesses reached the store");
    assert_eq!(passed.into_inner() + refused.into_inner(), 200);
    assert!(gateway.calls() < 200);
}

#[test]
fn two_hundred_parallel_guesses_reach_the_store_five_times() {
    let gateway = start_with(limited(None, None, Some("5/h")), Default::default());
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let mut client = gateway.connect();
                for _ in 0..10 {
                    let status = client.post("login", &login("wrong"), "").status;
                    assert!([401, 429].contains(&status), "{status}");
                }
            });
        }
    });
    assert_eq!(gateway.calls(), 5);
    assert_eq!(gateway.post("login", login("ann")).status, 200, "another account is not touched");
    let path = "/v1/connectors/other/login";
    let elsewhere = gateway.connect().write(request("POST", path, &login("wrong"), "")).reply();
    assert_eq!(elsewhere.status, 401, "nor the same name in another connector");
}

#[test]
fn successes_and_infrastructure_do_not_count() {
    let gateway = start_with(limited(None, None, Some("2/h")), Default::default());
    let mut client = gateway.connect();
    for name in ["ann", "down", "late", "busy", "twice", "unreadable", "misfit", "unsure", "undeclared", "panic", "bad"]
    {
        for _ in 0..4 {
            let status = client.post("login", &login(name), "").status;
            assert_ne!(status, 429, "{name}");
        }
    }
    // Whatever the store answered with "no" counts.
    for (name, status) in [("wrong", 401), ("unknown", 401), ("locked", 403)] {
        let statuses: Vec<_> = (0..3).map(|_| client.post("login", &login(name), "").status).collect();
        assert_eq!(statuses, [status, status, 429], "{name}");
    }
}

#[test]
fn every_action_with_an_account_is_limited_save_the_look_up() {
    let gateway = start_with(limited(None, None, Some("1/h")), Default::default());
    let cases = [
        ("change_password", json!({"identifier": "unmatched", "password": "x"}), 429),
        ("verify", json!({"email": "unmatched"}), 429),
        ("change_email", json!({"email": "taken", "new_email": "b"}), 429),
        ("create", json!({"email": "taken"}), 429),
        ("delete", json!({"user_id": "unmatched"}), 429),
        ("get_user", json!({"identifier": "missing"}), 404),
    ];
    for (action, body, second) in cases {
        gateway.access.store(Access::new(limited(None, None, Some("1/h")), None).unwrap().into());
        assert_ne!(gateway.ask(action, &body).status, 429, "{action}");
        assert_eq!(gateway.ask(action, &body).status, second, "{action}");
    }
}

#[test]
fn the_clients_limit_stands_before_the_body() {
    let gateway = start_with(limited(Some("3/h"), None, None), Default::default());
    for _ in 0..3 {
        assert_eq!(gateway.post("get_user", "no JSON at all").status, 400);
    }
    // A body that never comes is not waited for.
    let head =
        String::from_utf8(post("get_user", b"", "")).unwrap().replace("content-length: 0", "content-length: 100");
    let reply = gateway.connect().write(head).reply();
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("1200")));
    assert_eq!(gateway.calls(), 0);
}

#[test]
fn addresses_are_limited_until_they_authenticate() {
    let gateway = start_with(limited(None, Some("3/h"), None), Default::default());
    for _ in 0..20 {
        assert_eq!(gateway.post("get_user", r#"{"identifier":"ann"}"#).status, 200);
    }
    let statuses: Vec<_> = (0..5)
        .map(|_| gateway.connect().post("get_user", b"{}", "authorization: Bearer ub_idp_guess\r\n").status)
        .collect();
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    let metrics = gateway.metrics.render().unwrap();
    assert!(metrics.contains(r#"limiter_decisions_total{scope="address",decision="refused"} 2"#), "{metrics}");
    assert!(metrics.contains(r#"limiter_keys{scope="address"} 1"#), "{metrics}");
}

#[test]
fn a_reload_gives_no_fresh_attempts() {
    let settings = || limited(None, None, Some("1/h"));
    let gateway = start_with(settings(), Default::default());
    assert_eq!(gateway.post("login", login("wrong")).status, 401);
    let reloaded = Access::new(settings(), Some(&gateway.access.load())).unwrap();
    gateway.access.store(reloaded.into());
    assert_eq!(gateway.post("login", login("wrong")).status, 429);
}
