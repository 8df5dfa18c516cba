//! The process ends between any two steps, and another one goes on with what is there.
//!
//! An end is simulated at each call of either database in turn: from that call on nothing answers any more, and a new
//! connector on the same databases takes over. Processes that are really killed: `reach.rs`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::Instant;
use userbridge::action::{Error, Object, Outcome, Request};
use userbridge::db::{Config, Database, ErrorKind, open};
use userbridge::definition::{Definition, Surroundings, check};
use userbridge::diagnostic::Source;
use userbridge::handler::Resources;
use userbridge::hash::{Budget, BudgetConfig};
use userbridge::registry::Connector;
use userbridge::secret::Password;
use userbridge::sql::Dialect;

use super::{HASH, PASSWORD, definition, email, legacy_store};
use crate::faults::trap::{Fault, Plan, Trap};
use crate::stores::{Store, text};

/// More calls than any login makes: those that come after the last one change nothing.
const MOST_CALLS: usize = 40;

struct Scene {
    legacy: Store,
    managed: Store,
    runtime: Runtime,
    resources: Resources,
}

impl Scene {
    fn new(legacy: Dialect, managed: Dialect) -> Self {
        let budget = Budget::new(BudgetConfig { threads: 1, queue: 8, memory: 64 << 20 }).unwrap();
        Self {
            legacy: legacy_store(legacy),
            managed: Store::new(managed),
            runtime: crate::faults::support::runtime(),
            resources: Resources { budget: Arc::new(budget), entropy: |bytes| bytes.fill(7), clock: || 1_000 },
        }
    }

    fn definition(&self) -> Definition {
        let variable =
            |name: &str| Some(if name == "LEGACY_URL" { self.legacy.url.clone() } else { self.managed.url.clone() });
        let source = Source::new("shop.yaml", &*definition("shop", &[]));
        let (definition, report) = check(&source, &Surroundings { variable: &variable, directory: Path::new(".") });
        definition.unwrap_or_else(|| panic!("{}", report.render(false)))
    }

    /// A process whose databases follow a plan.
    fn process(&self, plan: &Arc<Plan>) -> Arc<Connector> {
        let trapped = |url: &str| -> Arc<dyn Database> {
            let database = open(&Config::parse(url, 3, Duration::from_secs(20)).unwrap()).unwrap();
            Arc::new(Trap::new(database, Arc::clone(plan)))
        };
        let (legacy, managed) = (trapped(&self.legacy.url), trapped(&self.managed.url));
        Arc::new(Connector::migrating(self.definition(), legacy, managed, self.resources.clone()))
    }

    fn run(&self, connector: &Arc<Connector>, request: Request) -> Result<Outcome, Error> {
        self.runtime.block_on(connector.run(request, Instant::now() + Duration::from_secs(20)))
    }

    fn login(&self, connector: &Arc<Connector>, name: &str, password: &str) -> Result<Outcome, Error> {
        let request =
            Request::Login { identifier: email(name), password: Password::new(password), context: Object::new() };
        self.run(connector, request)
    }

    fn user(&self, name: &str) -> String {
        let insert = "INSERT INTO users (email, username, password_hash) VALUES (?, ?, ?)";
        self.legacy.run(insert, &[text(email(name)), text(name), text(HASH)]);
        format!("shop|{}", self.legacy.one("SELECT id FROM users WHERE username = ?", &[text(name)]))
    }

    fn state(&self, id: &str) -> Option<String> {
        let rows = self.managed.rows("SELECT state FROM userbridge_users WHERE user_id = ?", &[text(id)]);
        rows.first().map(|row| row.value("state").unwrap().to_text().unwrap())
    }

    fn is_marked(&self, name: &str) -> bool {
        let marked = self.legacy.one("SELECT migrated FROM users WHERE username = ?", &[text(name)]);
        [serde_json::json!(true), serde_json::json!(1)].contains(&marked)
    }
}

/// Ends the process at each call of a login in turn; the states in which users were found afterwards.
fn ends_everywhere(scene: &Scene, fault: &Fault) -> Vec<Option<String>> {
    let healthy = scene.process(&Plan::nothing());
    let mut seen = Vec::new();
    // Before the first call the tables are there.
    scene.user("warm");
    let _ = scene.login(&healthy, "warm", PASSWORD).unwrap();
    for call in 0..MOST_CALLS {
        let name = format!("user{call}");
        let id = scene.user(&name);
        let plan = Plan::from(call, fault.clone());
        let first = scene.login(&scene.process(&plan), &name, PASSWORD);
        if plan.calls() <= call {
            assert!(matches!(first, Ok(Outcome::Authenticated(_))), "{first:?}");
            break;
        }
        let state = scene.state(&id);
        // A purge believes this pair only.
        assert!(state.as_deref() != Some("migrated") || scene.is_marked(&name), "call {call}: migrated, not marked");
        if state.is_some() {
            // What the legacy store says from now on does not count.
            scene.legacy.run("UPDATE users SET password_hash = NULL WHERE username = ?", &[text(&name)]);
        }
        let wrong = scene.login(&healthy, &name, "wrong").unwrap();
        assert!(matches!(wrong, Outcome::WrongCredentials(_)), "call {call}: {wrong:?}");
        let second = scene.login(&healthy, &name, PASSWORD).unwrap();
        let Outcome::Authenticated(profile) = second else { panic!("call {call}: lost: {second:?}") };
        assert_eq!(profile.user_id(), id);
        assert!(scene.is_marked(&name), "call {call}");
        assert_eq!(scene.state(&id).as_deref(), Some("migrated"), "call {call}");
        seen.push(state);
    }
    assert!(seen.len() < MOST_CALLS, "a login makes more calls than expected");
    let count = scene.managed.one("SELECT count(*) FROM userbridge_users", &[]);
    assert_eq!(count.as_u64(), Some(seen.len() as u64 + 2), "exactly one row each");
    seen
}

fn every_end(legacy: Dialect, managed: Dialect) {
    let scene = Scene::new(legacy, managed);
    let seen = ends_everywhere(&scene, &Fault::Error(ErrorKind::Unavailable));
    for state in [None, Some("pending")] {
        assert!(seen.iter().any(|seen| seen.as_deref() == state), "no end left {state:?} behind: {seen:?}");
    }
}

#[test]
fn a_login_that_ends_anywhere_is_gone_on_with_sqlite() {
    every_end(Dialect::Postgres, Dialect::Sqlite);
}

#[test]
fn a_login_that_ends_anywhere_is_gone_on_with_postgres() {
    every_end(Dialect::Mysql, Dialect::Postgres);
}

#[test]
fn a_login_that_ends_anywhere_is_gone_on_with_mysql() {
    every_end(Dialect::Sqlite, Dialect::Mysql);
}

/// A deletion, a reset and a change of address that end anywhere have happened or have not, and never halfway.
#[test]
fn a_change_that_ends_anywhere_is_whole_or_nothing() {
    let scene = Scene::new(Dialect::Sqlite, Dialect::Postgres);
    let healthy = scene.process(&Plan::nothing());
    scene.user("warm");
    let _ = scene.login(&healthy, "warm", PASSWORD).unwrap();
    for migrated in [true, false] {
        for call in 0..MOST_CALLS {
            let name = |what: &str| format!("{what}-{migrated}-{call}");
            let ids = ["gone", "reset", "moved"].map(|what| scene.user(&name(what)));
            if migrated {
                for what in ["gone", "reset", "moved"] {
                    let _ = scene.login(&healthy, &name(what), PASSWORD).unwrap();
                }
            }
            let attempt = |request: Request| {
                let plan = Plan::from(call, Fault::Error(ErrorKind::Unavailable));
                scene.run(&scene.process(&plan), request)
            };
            let gone = attempt(Request::Delete { user_id: ids[0].clone() });
            let new = Password::new("another password");
            let reset = attempt(Request::ChangePassword { identifier: email(&name("reset")), password: new });
            let new_email = format!("new-{}", email(&name("moved")));
            let moved = attempt(Request::ChangeEmail {
                email: email(&name("moved")),
                new_email: new_email.clone(),
                verified: None,
            });
            let opens = |name: &str, password: &str| {
                matches!(scene.login(&healthy, name, password).unwrap(), Outcome::Authenticated(_))
            };
            // A tombstone is there as soon as the deletion was answered; an end before the answer may have left one.
            assert!(gone.is_err() || !opens(&name("gone"), PASSWORD), "call {call}: deleted, and back");
            let (old, new) = (opens(&name("reset"), PASSWORD), opens(&name("reset"), "another password"));
            assert!(old != new, "call {call}: {old} {new}: exactly one password opens the account");
            assert!(reset.is_err() || new, "call {call}: the answer was {reset:?}");
            let (old, new) = (opens(&name("moved"), PASSWORD), opens(&format!("new-{}", name("moved")), PASSWORD));
            assert!(old != new, "call {call}: {old} {new}: exactly one address finds the user");
            assert!(moved.is_err() || new, "call {call}: the answer was {moved:?}");
            if gone.is_ok() && reset.is_ok() && moved.is_ok() {
                break;
            }
            assert!(call + 1 < MOST_CALLS, "the changes make more calls than expected");
        }
    }
}
