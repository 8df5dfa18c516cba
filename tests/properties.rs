//! What must hold for every input: no request reaches the text of a statement, and no template breaks the compiler.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

#[path = "properties/spy.rs"]
mod spy;
#[path = "properties/templates.rs"]
mod templates;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value as Json};
use userbridge::action::{Action, Lookup, NewUser, Object, Request};
use userbridge::db::{Database, Value};
use userbridge::definition::{Definition, Step, Surroundings, Verification, check};
use userbridge::diagnostic::Source;
use userbridge::handler::{Handler, Resources, Store};
use userbridge::hash::{Budget, BudgetConfig};
use userbridge::secret::Password;

use self::spy::Spy;

/// All nine actions, with everything that a template can take from a request.
const DEFINITION: &str = r#"
version: 1
connector: acme
database: { url: "URL" }
identifiers: { users: users }
password:
  column: password_hash
  formats: [argon2id, md5-crypt]
  new: argon2id
  rehash: on_login
  rehash_sql: UPDATE {{ users }} SET password_hash = {{ password_hash }} WHERE id = {{ row.id }} AND password_hash = {{ stored_hash }}
profile: { app_metadata: { plan: "{{ plan }}" } }
deny:
  - { when: "{{ status == 'locked' }}", message: locked }
actions:
  login:
    sql: |
      SELECT id, email, plan, status, password_hash, {{ context.ip }} AS ip FROM {{ users }} -- it's $1 of many
      WHERE lower(email) = lower({{ identifier }}) OR username = {{ identifier | trim | lower }}
    after:
      - UPDATE {{ users }} SET seen = {{ context }} WHERE id = {{ row.id }}
      - INSERT INTO logins (user_id, ip, who) VALUES ({{ row.id }}, {{ context.ip }}, {{ identifier }})
  get_user:
    sql: SELECT id, email, plan, status FROM {{ users }} WHERE email = {{ identifier }} AND ip = {{ context.a.b }}
    by_user_id:
      sql: SELECT id, email, plan, status FROM {{ users }} WHERE id = {{ user_id }}
  create:
    fields: { shoe_size: json }
    sql:
      - as: user
        sql: |
          INSERT INTO {{ users }} (email, username, phone, hash, meta, plan, size)
          VALUES ({{ email | lower }}, {{ username }}, {{ phone_number }}, {{ password_hash }}, {{ user_metadata }},
                  {{ app_metadata.plan | default('free') }}, {{ shoe_size }})
      - INSERT INTO profiles (email, first) VALUES ({{ email }}, {{ user_metadata.first }})
  verify: { sql: "UPDATE {{ users }} SET status = 'active' WHERE email = {{ email }}" }
  change_password:
    sql: UPDATE {{ users }} SET password_hash = {{ password_hash }} WHERE email = {{ identifier }}
  change_email:
    sql: UPDATE {{ users }} SET email = {{ new_email }}, verified = {{ verified }} WHERE email = {{ email }}
  change_username: { sql: "UPDATE {{ users }} SET username = {{ new_username }} WHERE username = {{ username }}" }
  change_phone_number:
    sql: UPDATE {{ users }} SET phone = {{ new_phone_number }}, verified = {{ verified }} WHERE phone = {{ phone_number }}
  delete:
    sql:
      - DELETE FROM sessions WHERE user_id = {{ user_id }}
      - DELETE FROM {{ users }} WHERE id = {{ user_id }}
"#;

const URLS: [&str; 3] = ["postgres://u@127.0.0.1/d", "mysql://u@127.0.0.1/d", "sqlite:users.db"];

fn definition(url: &str) -> Definition {
    let source = Source::new("acme.yaml", DEFINITION.replace("URL", url));
    let surroundings = Surroundings { variable: &|_| None, directory: Path::new(".") };
    let (definition, report) = check(&source, &surroundings);
    definition.unwrap_or_else(|| panic!("{}", report.render(false)))
}

/// Every text that loading produced.
fn constants(definition: &Definition) -> BTreeSet<String> {
    let steps = |steps: &[Step]| -> Vec<_> { steps.iter().map(|step| Arc::clone(&step.statement)).collect() };
    let login = definition.login.as_ref().unwrap();
    let get_user = definition.get_user.as_ref().unwrap();
    let Verification::Gateway(stored) = &login.verification else { panic!("the gateway verifies") };
    let mut all = vec![Arc::clone(&login.statement)];
    all.extend(steps(&login.after));
    all.extend(
        [&get_user.by_identifier, &get_user.by_user_id, &stored.rehash].map(|one| Arc::clone(one.as_ref().unwrap())),
    );
    all.extend(steps(&definition.create.as_ref().unwrap().write.steps));
    all.extend(definition.writes.values().flat_map(|write| steps(&write.steps)));
    all.iter().map(|statement| statement.text.to_string()).collect()
}

/// Texts that have broken other programs.
const HOSTILE: &[&str] = &[
    "' OR '1'='1",
    "'; DROP TABLE users; --",
    "\\'; DELETE FROM users; #",
    "\" OR \"\"=\"",
    "$1",
    "?",
    "?1",
    ":name",
    "%s",
    "{{ identifier }}",
    "{% raw %}",
    "}}",
    "$$; SELECT pg_sleep(9); $$",
    "/*",
    "*/",
    "--",
    "\0",
    "\u{e000}0\u{e001}",
    "\u{feff}",
    "\u{202e}",
    "ａ'",
    "¿'",
    "\r\n",
    "0x27",
    "NULL",
    "ann@example.com",
    "",
];

fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        select(HOSTILE).prop_map(str::to_owned),
        vec(any::<char>(), 0..12).prop_map(String::from_iter),
        vec(any::<u8>(), 0..12).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    ];
    vec(part, 1..4).prop_map(|parts| parts.concat())
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        text().prop_map(Json::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Json::from),
            vec((text(), inner), 0..3).prop_map(|members| Json::Object(Map::from_iter(members))),
        ]
    })
}

/// An object whose members are partly those that the definition uses.
fn object() -> impl Strategy<Value = Object> {
    let name = prop_oneof![select(&["ip", "plan", "first", "a"][..]).prop_map(str::to_owned), text()];
    vec((name, json()), 0..4).prop_map(Object::from_iter)
}

fn password() -> impl Strategy<Value = Password> {
    prop_oneof![Just("hello".to_owned()), text()].prop_map(Password::new)
}

fn user_id() -> impl Strategy<Value = String> {
    prop_oneof![text().prop_map(|id| format!("acme|{id}")), any::<i64>().prop_map(|id| format!("acme|{id}")), text()]
}

fn request() -> impl Strategy<Value = Request> {
    let user = (
        (option::of(text()), option::of(text()), option::of(text()), option::of(password())),
        (object(), object(), json()),
    );
    let create = user.prop_map(|((email, username, phone_number, password), (user_metadata, app_metadata, size))| {
        let fields = Object::from_iter([("shoe_size".to_owned(), size)]);
        Request::Create(Box::new(NewUser {
            email,
            username,
            phone_number,
            password,
            user_metadata,
            app_metadata,
            fields,
        }))
    });
    let verified = || option::of(any::<bool>());
    prop_oneof![
        (text(), password(), object()).prop_map(|(identifier, password, context)| Request::Login {
            identifier,
            password,
            context
        }),
        (text(), object()).prop_map(|(text, context)| Request::GetUser { by: Lookup::Identifier(text), context }),
        (user_id(), object()).prop_map(|(id, context)| Request::GetUser { by: Lookup::UserId(id), context }),
        create,
        text().prop_map(|email| Request::Verify { email }),
        (text(), password()).prop_map(|(identifier, password)| Request::ChangePassword { identifier, password }),
        (text(), text(), verified()).prop_map(|(email, new_email, verified)| Request::ChangeEmail {
            email,
            new_email,
            verified
        }),
        (text(), text()).prop_map(|(username, new_username)| Request::ChangeUsername { username, new_username }),
        (text(), text(), verified()).prop_map(|(phone_number, new_phone_number, verified)| {
            Request::ChangePhoneNumber { phone_number, new_phone_number, verified }
        }),
        user_id().prop_map(|user_id| Request::Delete { user_id }),
    ]
}

/// The texts of a request that some statement of its action takes as they are.
fn values(request: &Request) -> Vec<String> {
    match request {
        Request::Login { identifier, .. } | Request::ChangePassword { identifier, .. } => vec![identifier.clone()],
        Request::GetUser { by: Lookup::Identifier(identifier), .. } => vec![identifier.clone()],
        Request::GetUser { by: Lookup::UserId(id), .. } | Request::Delete { user_id: id } => {
            vec![id.strip_prefix("acme|").unwrap_or(id).to_owned()]
        }
        Request::Create(user) => {
            [&user.email, &user.username, &user.phone_number].into_iter().flatten().cloned().collect()
        }
        Request::Verify { email } => vec![email.clone()],
        Request::ChangeEmail { email, new_email, .. } => vec![email.clone(), new_email.clone()],
        Request::ChangeUsername { username, new_username } => vec![username.clone(), new_username.clone()],
        Request::ChangePhoneNumber { phone_number, new_phone_number, .. } => {
            vec![phone_number.clone(), new_phone_number.clone()]
        }
    }
}

/// One handler for each database, on spies.
struct Rig {
    runtime: tokio::runtime::Runtime,
    handlers: Vec<(Handler, Arc<Spy>, BTreeSet<String>)>,
}

impl Rig {
    fn new() -> Self {
        let budget = Budget::new(BudgetConfig { threads: 2, queue: 100, memory: 256 << 20 }).unwrap();
        let resources = Resources { budget: Arc::new(budget), entropy: |bytes| bytes.fill(7), clock: || 0 };
        let handlers = URLS.map(|url| {
            let definition = definition(url);
            let constants = constants(&definition);
            assert!(constants.len() >= 14, "{constants:?}");
            let spy = Arc::new(Spy::new(definition.database.dialect()));
            let store = Store::new("spied", Arc::clone(&spy) as _, Duration::from_secs(5), resources.entropy);
            (Handler::new(definition, store, resources.clone()), spy, constants)
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, handlers: handlers.into() }
    }

    /// Runs a request on every database; what the drivers were given.
    fn run(&self, request: &Request) -> Vec<(String, Vec<Value>)> {
        let mut all = Vec::new();
        for (handler, spy, constants) in &self.handlers {
            let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
            // The answer is not what this is about: many of these values are refused.
            let _ = self.runtime.block_on(handler.run(request, deadline));
            let calls = spy.take();
            for (text, arguments) in &calls {
                assert!(constants.contains(text), "not a text of the definition: {text}");
                assert_eq!(arguments.len(), templates::placeholders(text, spy.dialect()), "{text}");
            }
            all.extend(calls);
        }
        all
    }
}

#[test]
fn whatever_a_request_carries_is_bound_and_never_text() {
    let rig = Rig::new();
    let (mut asked, mut bound) = (BTreeSet::new(), 0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(250)
    });
    let property = |request: Request| {
        let calls = rig.run(&request);
        if !calls.is_empty() {
            asked.insert(request.action());
        }
        let arguments: Vec<_> = calls.iter().flat_map(|(_, arguments)| arguments).map(Value::to_text).collect();
        // A request that is refused before it is asked binds nothing; one that is asked binds what it names.
        if !calls.is_empty() {
            for value in values(&request) {
                prop_assert!(arguments.contains(&Some(value.clone())), "{value:?} is not bound");
                bound += 1;
            }
        }
        Ok(())
    };
    {
        let property = std::cell::RefCell::new(property);
        runner.run(&request(), |request| (property.borrow_mut())(request)).unwrap();
    }
    assert_eq!(asked.len(), Action::ALL.len(), "only {asked:?} reached the database");
    assert!(bound > 100, "only {bound} values were looked for");
}
