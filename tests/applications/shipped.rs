//! The `tests:` of every shipped definition, on the rows that they give instead of a database.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json};
use tokio::time::Instant;
use userbridge::action::{Lookup, Object, Outcome, Request};
use userbridge::db::{
    BoxFuture, Column, Database, Description, Effect, Error, PoolState, Query, Row, Transaction, Value,
};
use userbridge::definition::raw::{RawExpect, RawTest};
use userbridge::definition::{Loaded, load_file};
use userbridge::handler::Resources;
use userbridge::hash::{Budget, BudgetConfig};
use userbridge::registry::Connector;
use userbridge::secret::Password;
use userbridge::sql::Dialect;

use super::cheaper;

#[test]
fn every_case_of_every_definition_holds() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut cases = 0;
    for path in definitions() {
        let tests = load(&path, 0).definition().tests.len();
        assert!(tests >= 3, "{} has {tests} tests", path.display());
        for index in 0..tests {
            let connector = load(&path, index);
            let case = &connector.definition().tests[index].value;
            let outcome = runtime.block_on(connector.run(request(case), Instant::now() + Duration::from_secs(30)));
            let outcome = outcome.unwrap_or_else(|error| panic!("{} test {}: {error}", path.display(), index + 1));
            let wrong = difference(&case.expect, &outcome);
            assert_eq!(wrong, None, "{} test {}", path.display(), index + 1);
            cases += 1;
        }
    }
    assert!(cases >= 11, "{cases} cases");
}

/// All YAML files under `connectors` and `examples` that define a connector.
fn definitions() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("connectors"), root.join("examples")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let yaml = path.extension().is_some_and(|extension| extension == "yaml");
            if path.is_dir() {
                folders.push(path);
            } else if yaml && std::fs::read_to_string(&path).unwrap().contains("\nconnector: ") {
                found.push(path);
            }
        }
    }
    assert!(found.len() >= 3, "{found:?}");
    found
}

/// The connector of a file, on a database that gives the rows of one of its tests.
fn load(path: &Path, test: usize) -> Arc<Connector> {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join(path.file_name().unwrap());
    std::fs::write(&copy, cheaper(&std::fs::read_to_string(path).unwrap())).unwrap();
    let Loaded { definition, report, .. } = load_file(&copy, &|_| None);
    let definition = definition.unwrap_or_else(|| panic!("{}", report.render(false)));
    let budget = Budget::new(BudgetConfig { threads: 1, queue: 4, memory: 512 << 20 }).unwrap();
    let resources = Resources { budget: Arc::new(budget), entropy: |bytes| bytes.fill(7) };
    let rows = definition.tests.get(test).map(|test| test.value.rows.iter().map(row).collect());
    let database = Fixed { dialect: definition.database.dialect(), rows: rows.unwrap_or_default() };
    Arc::new(Connector::on(definition, Arc::new(database), resources))
}

fn row(members: &Map<String, Json>) -> Row {
    let column = |(name, value): (&String, &Json)| {
        let type_name = if value.is_i64() { "bigint" } else { "text" };
        Column { name: name.clone(), type_name: type_name.to_owned() }
    };
    Row::new(members.iter().map(column).collect(), members.values().map(Value::from).collect())
}

fn request(case: &RawTest) -> Request {
    let context = Object::new();
    match (&case.login, &case.get_user) {
        (Some(login), None) => {
            let password = Password::new(login.password.as_str());
            Request::Login { identifier: login.identifier.clone(), password, context }
        }
        (None, Some(get_user)) => {
            let by = match (&get_user.identifier, &get_user.user_id) {
                (Some(identifier), None) => Lookup::Identifier(identifier.clone()),
                (None, Some(user_id)) => Lookup::UserId(user_id.clone()),
                _ => panic!("expected `identifier` or `user_id`"),
            };
            Request::GetUser { by, context }
        }
        _ => panic!("expected one action"),
    }
}

/// What is not as expected.
fn difference(expect: &RawExpect, outcome: &Outcome) -> Option<String> {
    if expect.outcome.value != outcome.as_str() {
        return Some(format!("expected {}, found {outcome:?}", expect.outcome.value));
    }
    let user = match outcome {
        Outcome::Authenticated(profile) | Outcome::Found(profile) => Json::Object(profile.members().clone()),
        _ => Json::Null,
    };
    let message = match outcome {
        Outcome::Denied(message) => Some(message),
        _ => None,
    };
    if expect.message.is_some() && expect.message.as_ref() != message {
        return Some(format!("expected the message {:?}, found {message:?}", expect.message));
    }
    let expected = expect.user.clone().map(Json::Object)?;
    (!holds(&user, &expected)).then(|| format!("expected {expected}, found {user}"))
}

/// Whether every member that is expected is there; others may be, too.
fn holds(found: &Json, expected: &Json) -> bool {
    match (found, expected) {
        (Json::Object(found), Json::Object(expected)) => {
            expected.iter().all(|(name, value)| found.get(name).is_some_and(|found| holds(found, value)))
        }
        (found, expected) => found == expected,
    }
}

/// A database that gives the same rows whatever it is asked, and takes every change.
#[derive(Debug)]
struct Fixed {
    dialect: Dialect,
    rows: Vec<Row>,
}

impl Database for Fixed {
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn prepare<'a>(&'a self, _: &'a Query, _: Instant) -> BoxFuture<'a, Result<&'a Description, Error>> {
        Box::pin(async { panic!("no test of a shipped definition needs the types of columns") })
    }

    fn fetch<'a>(&'a self, query: &'a Query, given: &'a [Value], _: Instant) -> BoxFuture<'a, Result<Vec<Row>, Error>> {
        assert_eq!(query.parameters(), given.len());
        Box::pin(async { Ok(self.rows.clone()) })
    }

    fn begin(&self, _: Instant) -> BoxFuture<'_, Result<Box<dyn Transaction>, Error>> {
        Box::pin(async { Ok(Box::new(Agreeable) as Box<dyn Transaction>) })
    }

    fn ping(&self, _: Instant) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    fn renew(&self) {}

    fn state(&self) -> PoolState {
        PoolState::default()
    }
}

/// A transaction whose every statement matches one row.
struct Agreeable;

impl Transaction for Agreeable {
    fn execute<'a>(&'a mut self, query: &'a Query, given: &'a [Value]) -> BoxFuture<'a, Result<Effect, Error>> {
        assert_eq!(query.parameters(), given.len());
        Box::pin(async { Ok(Effect { matched: 1, ..Effect::default() }) })
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    fn rollback(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }
}
