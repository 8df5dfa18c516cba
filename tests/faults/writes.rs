//! Clients that leave: no half of a change, no other user's row.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use userbridge::action::{Lookup, Object, Outcome, Request};
use userbridge::registry::Connector;
use userbridge::sql::Dialect;

use super::proxy::{Mode, Proxy};
use super::support::{
    BUDGET, Dice, Kept, SERVERS, abandon, alone, checked, count, database, definition, email, get_user, journal, login,
    resources, rounds, run, runtime, server_of, start, start_audited, status, try_run,
};
use crate::gateway::Gateway;

const USERS: usize = 8;

/// The newest of these passwords that opens the account; a change under way may take a moment.
fn current(gateway: &Gateway, user: usize, candidates: &[String]) -> usize {
    let begun = Instant::now();
    loop {
        let found = (0..candidates.len()).rev().find(|n| login(gateway, user, &candidates[*n]).status == 200);
        if let Some(found) = found {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "no password opens the account of user {user}");
    }
}

#[test]
fn a_change_whose_client_left_is_made_or_not_made_and_the_audit_agrees() {
    let _turn = alone();
    for dialect in SERVERS {
        let url = database(dialect);
        let gateway = start_audited(&url);
        let (answered, left) = (AtomicUsize::new(0), AtomicUsize::new(0));
        // Two thousand on both databases together.
        let per_user = rounds(1000) / USERS;
        std::thread::scope(|scope| {
            for user in 0..USERS {
                let (gateway, answered, left) = (&gateway, &answered, &left);
                scope.spawn(move || {
                    let mut dice = Dice(user as u64);
                    let mut candidates = vec!["hello".to_owned()];
                    // Requests whose clients left may come after later ones, until their time is over.
                    let mut begun = vec![Instant::now()];
                    // Finds by itself how long a change takes here, so that about every second client leaves too early.
                    let mut limit = 50_000.0;
                    for round in 0..per_user {
                        let new = format!("password-{user}-{round}");
                        let body = json!({ "identifier": email(user), "password": new });
                        let patience = Duration::from_micros(dice.below(limit as u64));
                        // Which candidate is known to have been the password just now.
                        let known = match abandon(gateway, "change_password", &body, patience) {
                            Some(text) if text.starts_with("HTTP/1.1 200") => {
                                assert!(text.contains("{\"changed\":true}"), "{text}");
                                answered.fetch_add(1, Ordering::Relaxed);
                                candidates.push(new);
                                begun.push(Instant::now());
                                limit *= 0.9;
                                candidates.len() - 1
                            }
                            refused => {
                                assert!(refused.is_none_or(|text| text.starts_with("HTTP/1.1 5")));
                                left.fetch_add(1, Ordering::Relaxed);
                                limit *= 1.1;
                                candidates.push(new);
                                begun.push(Instant::now());
                                current(gateway, user, &candidates)
                            }
                        };
                        let over = begun[..known].iter().take_while(|begun| begun.elapsed() > BUDGET * 2).count();
                        drop((candidates.drain(..over), begun.drain(..over)));
                    }
                    current(gateway, user, &candidates);
                });
            }
        });
        let torn = "SELECT count(*) FROM users JOIN audit ON users.email = audit.email WHERE hash <> password_hash";
        assert_eq!(count(&url, torn), 0, "{dialect}");
        let (answered, left) = (answered.into_inner() as i64, left.into_inner() as i64);
        let made = count(&url, "SELECT CAST(sum(n) AS SIGNED) FROM audit".replace("SIGNED", integer(dialect)).as_str());
        assert!(
            (answered..=answered + left).contains(&made),
            "{dialect}: {answered} answered, {left} left, {made} made"
        );
        assert!(answered > 20 && left > 20, "{dialect}: {answered} answered, {left} left: this proves nothing");
        // The journal has one record for each request that arrived, and `changed` as often as a change was made.
        let asked = answered + left;
        gateway.eventually("the journal is complete", || {
            journal(&gateway, "change_password").iter().filter(|outcome| *outcome == "changed").count() as i64 >= made
        });
        let decisions = journal(&gateway, "change_password");
        let changed = decisions.iter().filter(|outcome| *outcome == "changed").count() as i64;
        assert_eq!(changed, made, "{dialect}: the journal does not agree: {answered} answered, {left} left");
        assert!(decisions.len() as i64 <= asked, "{dialect}: {} records of {asked} requests", decisions.len());
        // The control: an audit that does not agree is found.
        run(&url, &["UPDATE audit SET hash = 'x' WHERE email = 'user1@example.com'"]);
        assert_eq!(count(&url, torn), 1, "{dialect}");
    }
}

pub fn integer(dialect: Dialect) -> &'static str {
    if dialect == Dialect::Postgres { "BIGINT" } else { "SIGNED" }
}

/// Whether an answer is about nobody but this user.
fn is_about(text: &str, user: usize) -> bool {
    let addresses = text.match_indices("@example.com").count();
    let own = text.contains(&format!("\"{}\"", email(user))) && text.contains(&format!("\"acme|{user}\""));
    addresses == 1 && own
}

#[test]
fn no_answer_carries_the_row_of_another_request() {
    let _turn = alone();
    let each = rounds(10_000) / 8;
    for dialect in SERVERS {
        let url = database(dialect);
        let proxy = Proxy::start(&server_of(&url));
        let gateway = start(&proxy.url(&url));
        let (checked, left) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (gateway, proxy, checked, left) = (&gateway, &proxy, &checked, &left);
                scope.spawn(move || {
                    let mut dice = Dice(thread);
                    let mut connection = Kept::new(gateway);
                    for round in 0..each {
                        let user = dice.below(200) as usize;
                        let body = json!({ "identifier": email(user) });
                        let hasty = dice.below(10) == 0;
                        let patience = Duration::from_micros(if hasty { dice.below(2000) } else { 5_000_000 });
                        match connection.ask("get_user", &body, patience) {
                            Some(text) if text.starts_with("HTTP/1.1 200") => {
                                assert!(is_about(&text, user), "{dialect}: asked for {user}, got {text}");
                                checked.fetch_add(1, Ordering::Relaxed);
                            }
                            Some(text) => assert!(text.starts_with("HTTP/1.1 5"), "{dialect}: {text}"),
                            None => drop(left.fetch_add(1, Ordering::Relaxed)),
                        }
                        // One of the threads makes the network worse and better.
                        if thread == 0 && round % 100 == 0 {
                            proxy.set(if round % 500 == 200 { Mode::Dribble } else { Mode::Pass });
                        }
                        if thread == 0 && round % 400 == 399 {
                            proxy.set(Mode::Reset);
                            proxy.set(Mode::Pass);
                        }
                    }
                });
            }
        });
        let (checked, left) = (checked.into_inner(), left.into_inner());
        assert!(checked * 2 > each * 8 && left > 50, "{dialect}: {checked} checked, {left} left");
    }
    // The control: another's row would be noticed.
    let other = "HTTP/1.1 200 OK\r\n\r\n{\"user\":{\"email\":\"user2@example.com\",\"user_id\":\"acme|2\"}}";
    assert!(is_about(other, 2) && !is_about(other, 20) && !is_about(other, 1));
}

/// Without HTTP a request costs a tenth: here are the others of a hundred thousand. Dropping the future is what becomes
/// of a look-up whose client leaves.
#[test]
fn no_cancelled_look_up_leaves_its_row_to_another() {
    let _turn = alone();
    let each = rounds(40_000) / 16;
    for dialect in SERVERS {
        let url = database(dialect);
        let proxy = Proxy::start(&server_of(&url));
        let definition = checked(&definition("acme"), &proxy.url(&url));
        let resources = resources();
        let runtime = runtime();
        let (answered, left) = runtime.block_on(async {
            let connector = Arc::new(Connector::open(definition, resources, None).unwrap());
            let tasks: Vec<_> =
                (0..16).map(|task| tokio::spawn(look_up_and_leave(Arc::clone(&connector), Dice(task), each))).collect();
            let disturbing = async {
                for round in 0.. {
                    proxy.set(if round % 10 == 5 { Mode::Dribble } else { Mode::Pass });
                    if round % 20 == 19 {
                        proxy.set(Mode::Reset);
                        proxy.set(Mode::Pass);
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            };
            let asking = async {
                let (mut answered, mut left) = (0, 0);
                for task in tasks {
                    let (one, other) = task.await.unwrap();
                    (answered, left) = (answered + one, left + other);
                }
                (answered, left)
            };
            tokio::select! {
                counts = asking => counts,
                () = disturbing => unreachable!("it goes on for ever"),
            }
        });
        assert!(answered * 2 > each * 16 && left > each / 10, "{dialect}: {answered} answered, {left} left");
    }
}

/// Looks users up, each time another one, and now and then does not wait for the answer; how often it had one, and not.
async fn look_up_and_leave(connector: Arc<Connector>, mut dice: Dice, requests: usize) -> (usize, usize) {
    let (mut answered, mut left) = (0, 0);
    for _ in 0..requests {
        let user = dice.below(200) as usize;
        let by = Lookup::Identifier(email(user));
        let request = Request::GetUser { by, context: Object::new() };
        let patience = Duration::from_micros(if dice.below(10) == 0 { dice.below(1500) } else { 5_000_000 });
        let deadline = tokio::time::Instant::now() + BUDGET;
        match tokio::time::timeout(patience, connector.run(request, deadline)).await {
            Ok(Ok(Outcome::Found(profile))) => {
                assert_eq!(profile.user_id(), format!("acme|{user}"));
                answered += 1;
            }
            Ok(Ok(other)) => panic!("user {user}: {other:?}"),
            // The network's fault: in time, and about nobody.
            Ok(Err(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(_) => left += 1,
        }
    }
    (answered, left)
}

#[test]
fn a_locked_row_is_waited_for_within_the_budget_and_blocks_nobody_else() {
    let _turn = alone();
    for dialect in SERVERS {
        let url = database(dialect);
        let gateway = start(&url);
        let held = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let lock = "UPDATE users SET id = id WHERE id = 1";
                let sleep = if dialect == Dialect::Postgres { "SELECT pg_sleep(4)" } else { "DO SLEEP(4)" };
                held.wait();
                match dialect {
                    Dialect::Postgres => try_run(&url, &format!("BEGIN; {lock}; {sleep}; COMMIT")).unwrap(),
                    _ => try_run(&url, &format!("BEGIN NOT ATOMIC START TRANSACTION; {lock}; {sleep}; COMMIT; END"))
                        .unwrap(),
                }
            });
            held.wait();
            std::thread::sleep(Duration::from_millis(800));
            let change = |user: usize| {
                let begun = Instant::now();
                let body = json!({ "identifier": email(user), "password": "another" });
                (gateway.call("acme", "change_password", &body), begun.elapsed())
            };
            let (reply, time) = change(1);
            assert!(reply.status >= 503 && time < Duration::from_millis(2800), "{dialect}: {reply:?} {time:?}");
            // The control: the same change of another row is made meanwhile, and reads go on.
            let (reply, time) = change(2);
            assert!(reply.status == 200 && time < Duration::from_millis(1500), "{dialect}: {reply:?} {time:?}");
            assert_eq!(get_user(&gateway, 1).status, 200, "{dialect}");
            assert_eq!(status(&gateway)["database"]["breaker"], "closed", "{dialect}");
        });
        assert_eq!(login(&gateway, 1, "hello").status, 200, "{dialect}: what timed out was not made");
    }
}
