//! What limits promise, each with a control that shows what would happen without them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use userbridge::access::{AccountLimiter, Source};

use crate::gateway::Gateway;
use crate::people::{Caller, NO_LIMITS, PASSWORD, metric, setup, verified};

fn limited(limits: &str) -> Gateway {
    setup(&format!("limits: {{ {limits} }}\n")).start()
}

/// Thirty ways to write one address that some user store or other holds for equal.
fn spellings() -> Vec<String> {
    let plain = "ann@example.com";
    let wide: String = plain.chars().map(|c| char::from_u32(u32::from(c) - 0x20 + 0xff00).unwrap()).collect();
    let bold: String = plain
        .chars()
        .map(|c| if c.is_ascii_lowercase() { char::from_u32(c as u32 - 97 + 0x1d41a).unwrap() } else { c })
        .collect();
    let mut all: Vec<String> = [
        plain,
        "ANN@EXAMPLE.COM",
        "Ann@example.com",
        "aNN@Example.Com",
        "ann@EXAMPLE.com",
        " ann@example.com",
        "ann@example.com ",
        "  Ann@example.com  ",
        "\u{a0}ann@example.com",
        "ann@example.com\u{3000}",
        "ánn@example.com",
        "a\u{301}nn@example.com",
        "añn@example.com",
        "an\u{303}n@example.com",
        "ÀNN@EXAMPLE.COM",
        "\u{200b}ann@example.com",
        "ann\u{200d}@example.com",
        "ann@exam\u{ad}ple.com",
        "\u{feff}ann@example.com",
        "ann@example\u{2060}.com",
        "ann\u{fe0f}@example.com",
        "ann\u{202e}@example.com",
        "ⓐnn@example.com",
        "ann@ｅxample.com",
        "ann@example.ⓒom",
        "ann@example\u{ff0e}com",
        "ａnn@example.com",
        "ann@éxample.com",
    ]
    .map(str::to_owned)
    .into();
    all.extend([wide, bold]);
    all
}

/// 200 wrong passwords at once over 20 connections; how many were refused for the limit.
fn guess(gateway: &Gateway, names: &[String]) -> usize {
    let refused = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for worker in 0..20 {
            let (refused, names) = (&refused, &names);
            scope.spawn(move || {
                let mut caller = Caller::new(gateway);
                for attempt in 0..10 {
                    let reply = caller.login(&names[(worker * 10 + attempt) % names.len()], "wrong");
                    match reply.status {
                        429 => {
                            let seconds: u32 = reply.header("retry-after").unwrap().parse().unwrap();
                            assert!((1..=720).contains(&seconds), "{seconds}");
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                        status => assert_eq!(status, 401, "{reply:?}"),
                    }
                }
            });
        }
    });
    refused.into_inner()
}

#[test]
fn a21_parallel_guesses_in_all_spellings_reach_the_verifier_as_often_as_the_limit_says() {
    let names = spellings();
    assert_eq!(names.iter().collect::<std::collections::HashSet<_>>().len(), 30);
    let gateway = limited("client: 1000000/s, account: 5/h");
    assert_eq!(guess(&gateway, &names), 195);
    assert_eq!(verified(&gateway), 5);
    // A wrong spelling of the limit's key would look like this: thirty accounts, each with attempts of its own.
    let others: Vec<_> = (0..30).map(|n| format!("user{n}@example.com")).collect();
    assert_eq!(guess(&gateway, &others), 50);
    assert_eq!(verified(&gateway), 155);
    // And without the limit, everything reaches the verifier.
    let open = setup(NO_LIMITS).start();
    assert_eq!((guess(&open, &names), verified(&open)), (0, 200));
}

/// Attacks an account from one address until told to stop, while its owner tries from another one.
fn owner_under_attack(limits: &str) -> u16 {
    let gateway = limited(limits);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut stranger = Caller::new(&gateway);
            while !over.load(Ordering::Relaxed) {
                let body =
                    json!({ "identifier": "ann@example.com", "password": "x", "context": { "ip": "203.0.113.9" } });
                stranger.ask("login", &body);
            }
        });
        gateway.eventually("the stranger is refused", || {
            metric(&gateway, r#"limiter_decisions_total{scope="account",decision="refused"}"#) > 20
        });
        let body =
            json!({ "identifier": "ann@example.com", "password": PASSWORD, "context": { "ip": "198.51.100.7" } });
        let status = Caller::new(&gateway).ask("login", &body).status;
        over.store(true, Ordering::Relaxed);
        status
    })
}

#[test]
fn a22_a_stranger_cannot_lock_the_owner_out() {
    let limits = "client: 1000000/s, account: 10/h, end_user_address: true";
    assert_eq!(owner_under_attack(limits), 200);
    // When the gateway does not learn who is at the other end, both are one source.
    let blind = "client: 1000000/s, account: 10/h";
    assert_eq!(owner_under_attack(blind), 429);
}

/// An hour of guessing in the limiter's own time: from these many addresses, ten times a second in all. How often an
/// owner who tries once a minute, from an address of before or from a new one, is let in.
fn hour_of_attack(sources: u32, home_is_known: bool) -> usize {
    let limiter = Arc::new(AccountLimiter::new("10/min".parse().unwrap(), 100_000));
    let start = Instant::now();
    let source = |n: u32| Source { client: "idp", address: std::net::Ipv4Addr::from(0xcb00_7100 + n).into() };
    let home = Source { client: "idp", address: "198.51.100.7".parse().unwrap() };
    if home_is_known {
        limiter.reserve("acme", "ann", home, start).unwrap().succeed();
    }
    let attempts = (0..36_000_u32).map(|n| (n, start + Duration::from_millis(u64::from(n) * 100)));
    let mut admitted = 0;
    for (n, now) in attempts {
        let _ = limiter.reserve("acme", "ann", source(n % sources), now);
        if n % 600 == 599
            && let Ok(attempt) = limiter.reserve("acme", "ann", home, now)
        {
            admitted += 1;
            // The owner mistypes: only then nothing is learned from the attempt.
            drop(attempt);
        }
    }
    admitted
}

#[test]
fn a22_owners_are_let_in_while_an_attack_lasts() {
    assert_eq!(hour_of_attack(1, false), 60, "one stranger");
    assert_eq!(hour_of_attack(4, false), 60, "four strangers");
    assert_eq!(hour_of_attack(200, true), 60, "many strangers, and the owner where the owner was before");
    assert!(hour_of_attack(200, false) < 60, "the control: many strangers make a new source wait");
}

#[test]
fn a23_limits_stand_before_what_they_protect() {
    let gateway = limited("client: 3/h, account: 1000/h");
    let mut caller = Caller::new(&gateway);
    let junk = |caller: &mut Caller| caller.ask_with("login", b"no JSON at all", "").status;
    let before: Vec<_> = (0..3).map(|_| junk(&mut caller)).collect();
    assert_eq!((before, junk(&mut caller)), (vec![400; 3], 429), "no body is parsed beyond the client's limit");

    let gateway = limited("client: 1000000/s, account: 2/h");
    let mut caller = Caller::new(&gateway);
    let hashed: Vec<_> = (0..6)
        .map(|_| {
            caller.login("ann@example.com", "wrong");
            verified(&gateway)
        })
        .collect();
    assert_eq!(hashed, [1, 2, 2, 2, 2, 2], "nothing is hashed beyond the account's limit");
}

#[test]
fn a24_strangers_cannot_fill_the_memory() {
    let source = Source { client: "idp", address: "192.0.2.1".parse().unwrap() };
    let flood = |names: u32, cap: usize| {
        let limiter = Arc::new(AccountLimiter::new("10/h".parse().unwrap(), cap));
        let now = Instant::now();
        let admitted = (0..names).filter(|n| limiter.reserve("acme", &format!("user{n}"), source, now).is_ok()).count();
        (limiter.keys(), admitted, limiter.reserve("acme", "a new name", source, now).is_ok())
    };
    let ((sources, accounts), admitted, fresh) = flood(500_000, 20_000);
    assert!(sources <= 20_032 && accounts <= 20_032, "{sources} {accounts}");
    assert!(admitted <= 20_032 && !fresh, "{admitted}: new names are refused while the limiter is full");
    let ((sources, _), admitted, fresh) = flood(50_000, 200_000);
    assert_eq!((sources, admitted, fresh), (50_000, 50_000, true), "the control: room for all");
}

#[test]
fn b31_unknown_users_are_answered_alike_and_counted_in_bounds() {
    let gateway = limited("client: 1000000/s, account: 1/h");
    let mut caller = Caller::new(&gateway);
    let known = caller.login("bob@example.com", "wrong");
    for n in 0..500 {
        let reply = caller.login(&format!("nobody{n}@example.com"), "wrong");
        assert_eq!((reply.status, &reply.body), (known.status, &known.body));
        let names = |reply: &crate::http::support::Reply| -> Vec<String> {
            reply.headers.iter().map(|(name, _)| name.clone()).collect()
        };
        assert_eq!(names(&reply), names(&known));
    }
    assert_eq!(metric(&gateway, r#"limiter_keys{scope="account"}"#), 501);
    assert_eq!(metric(&gateway, r#"limiter_keys{scope="account_source"}"#), 501);
    assert_eq!(caller.login("nobody7@example.com", "wrong").status, 429);
}

#[test]
fn b32_the_identity_providers_address_is_not_one_user() {
    let gateway = limited("client: 300/h, address: 3/h, account: 2/h");
    let mut caller = Caller::new(&gateway);
    for n in 0..100 {
        assert_eq!(caller.login(&format!("user{n}@example.com"), "wrong").status, 401, "{n}");
    }
    let own: Vec<_> = (0..3).map(|_| caller.login("user7@example.com", "wrong").status).collect();
    assert_eq!(own, [401, 429, 429], "the account's limit applies");
    let unknown: Vec<_> =
        (0..5).map(|_| caller.ask_with("login", b"{}", "authorization: Bearer ub_tests_guess\r\n").status).collect();
    assert_eq!(unknown, [401, 401, 401, 429, 429], "the control: without a key it is one address");
    let mut limited = false;
    for n in 0..300 {
        limited |= caller.ask("get_user", &json!({ "identifier": format!("user{n}") })).status == 429;
    }
    assert!(limited, "the client's limit applies");
}

#[test]
fn a49_every_instance_counts_for_itself() {
    // What README says to divide the limits for.
    let instances = [limited("client: 1000000/s, account: 2/h"), limited("client: 1000000/s, account: 2/h")];
    for gateway in &instances {
        let mut caller = Caller::new(gateway);
        let attempts: Vec<_> = (0..3).map(|_| caller.login("ann@example.com", "wrong").status).collect();
        assert_eq!(attempts, [401, 401, 429]);
    }
    // A database that is gone takes no count with it: there is no store of limits that could be down.
    let gateway = &instances[0];
    std::fs::remove_file(gateway.folder().join("people.db")).unwrap();
    assert_eq!(Caller::new(gateway).login("ann@example.com", "wrong").status, 429);
}
