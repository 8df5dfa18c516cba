//! `check --connect`: good stores give no finding; every fault that is planted in one is found, with its code and
//! line; and looking leaves no trace.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod faults;
mod good;
mod grants;
mod moving;
mod output;
pub mod traces;

use std::panic::catch_unwind;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use serde_json::Value as Json;
use userbridge::sql::Dialect;

use self::faults::{FAULTS, FURTHER, Fault};
use crate::stores::Store;

pub const SCHEMA: &str = include_str!("connect/schema.sql");
pub const DEFINITION: &str = include_str!("connect/definition.yaml");

/// How many cases run at once.
const WORKERS: usize = 4;

/// A store with a user of its own for the gateway, and a folder with its definition.
pub struct Scene {
    pub store: Store,
    pub role: String,
    /// The store's URL for the gateway's user.
    pub url: String,
    folder: tempfile::TempDir,
}

impl Scene {
    /// A store filled by a script; the gateway's user has no privilege yet.
    pub fn new(dialect: Dialect, schema: &str, definition: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let store = Store::new(dialect);
        store.script(&in_dialect(schema, dialect));
        let role = format!("ub_role_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let url = match dialect {
            Dialect::Postgres => {
                store.script(&format!("CREATE ROLE {role} LOGIN"));
                store.url.replace("postgres://postgres@", &format!("postgres://{role}@"))
            }
            Dialect::Mysql => {
                store.script(&format!("CREATE USER '{role}'@'%'"));
                store.url.replace("mysql://root@", &format!("mysql://{role}@"))
            }
            Dialect::Sqlite => {
                store.script("PRAGMA journal_mode = WAL");
                store.url.clone()
            }
        };
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("definition.yaml"), definition).unwrap();
        Self { store, role, url, folder }
    }

    /// The folder of the definition.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Gives the gateway's user what `check --grants` says that it needs.
    pub fn grant(&self) {
        for statement in self.grants() {
            self.store.script(statement.0.trim_end_matches(';'));
        }
    }

    /// What `check --grants` prints, with the actions that need it.
    pub fn grants(&self) -> Vec<(String, Vec<String>)> {
        let output = self.run(&self.store.url, &["--grants", "--role", &self.role, "--format", "json"]);
        let json: Json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        let statements = json["definitions"][0]["statements"].as_array().unwrap_or_else(|| panic!("{json:#}"));
        let texts = |list: &Json| list.as_array().unwrap().iter().map(|t| t.as_str().unwrap().to_owned()).collect();
        statements.iter().map(|s| (s["sql"].as_str().unwrap().to_owned(), texts(&s["actions"]))).collect()
    }

    /// Runs `check` with this URL for the store.
    pub fn run(&self, url: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_userbridge"));
        command.arg("check").args(arguments).arg("definition.yaml").env("STORE_URL", url);
        command.current_dir(self.folder.path()).output().unwrap()
    }

    /// What `check --connect` finds as the gateway's user: code, severity, line, message.
    pub fn findings(&self, arguments: &[&str]) -> Vec<Finding> {
        self.findings_as(&self.url, arguments)
    }

    /// What it finds as the user of this URL.
    pub fn findings_as(&self, url: &str, arguments: &[&str]) -> Vec<Finding> {
        let mut all = vec!["--connect", "--format", "json"];
        all.extend(arguments);
        let output = self.run(url, &all);
        let json: Json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        let findings = json["files"][0]["findings"].as_array().unwrap_or_else(|| panic!("{json:#}"));
        findings.iter().map(Finding::of).collect()
    }
}

/// One finding.
#[derive(Clone, Debug)]
pub struct Finding {
    pub code: String,
    pub severity: String,
    pub line: u64,
    pub message: String,
    pub help: String,
}

impl Finding {
    fn of(json: &Json) -> Self {
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        let line = json["line"].as_u64().unwrap();
        Self { code: text("code"), severity: text("severity"), line, message: text("message"), help: text("help") }
    }
}

/// The words that differ from database to database.
fn in_dialect(schema: &str, dialect: Dialect) -> String {
    let (id, bytes) = match dialect {
        Dialect::Postgres => ("bigserial PRIMARY KEY", "bytea"),
        Dialect::Mysql => ("bigint AUTO_INCREMENT PRIMARY KEY", "blob"),
        Dialect::Sqlite => ("integer PRIMARY KEY", "blob"),
    };
    schema.replace(" ID,", &format!(" {id},")).replace(" BLOB", &format!(" {bytes}"))
}

fn every_fault() -> impl Iterator<Item = &'static Fault> {
    FAULTS.iter().chain(FURTHER).chain(moving::FAULTS)
}

#[test]
fn every_planted_fault_is_found_where_it_stands() {
    let cases: Vec<(&Fault, Dialect)> =
        every_fault().flat_map(|fault| fault.on.iter().map(move |dialect| (fault, *dialect))).collect();
    let faults = every_fault().count();
    assert!(faults >= 145, "{faults} faults");
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((fault, dialect)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let planted = catch_unwind(|| plant(fault, *dialect));
                    if let Err(problem) = planted.unwrap_or_else(|_| Err("the test panics".to_owned())) {
                        wrong.lock().unwrap().push(format!("{dialect}: {}: {problem}", fault.name));
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    let found = cases.len() - wrong.len();
    println!(
        "{faults} faults on their databases: {found} of {} found with code and line ({:.1} %)",
        cases.len(),
        100.0 * found as f64 / cases.len() as f64
    );
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Plants one fault; says what is wrong with what was found.
fn plant(fault: &Fault, dialect: Dialect) -> Result<(), String> {
    let replaced = |text: &str, changes: &[(&str, &str)]| {
        changes.iter().try_fold(text.to_owned(), |text, (from, to)| {
            if text.contains(from) { Ok(text.replace(from, to)) } else { Err(format!("the text has no {from:?}")) }
        })
    };
    let definition = replaced(DEFINITION, fault.definition)?;
    let scene = Scene::new(dialect, &replaced(SCHEMA, fault.schema)?, &definition);
    let then = then(fault, &scene);
    // What is made must be there before it can be granted; what is taken away must have been granted.
    let (before, after): (Vec<&String>, Vec<&String>) = then.iter().partition(|sql| sql.starts_with("CREATE"));
    before.iter().for_each(|sql| scene.store.script(sql));
    if dialect != Dialect::Sqlite && fault.code != "database-unreachable" || fault.then == "DROP_ROLE" {
        scene.grant();
    }
    after.iter().for_each(|sql| scene.store.script(sql));
    let owner = hidden_from_others(fault, dialect);
    let findings = if owner { scene.findings_as(&scene.store.url, &[]) } else { scene.findings(&[]) };
    let line =
        definition[..definition.find(fault.at).ok_or("the definition has no such marker")?].matches('\n').count();
    let (line, told) = (line as u64 + 1, format!("{findings:#?}"));
    let hit = findings.iter().find(|finding| finding.code == fault.code && finding.line == line);
    match hit {
        None => return Err(format!("expected {} in line {line}, found {told}", fault.code)),
        Some(hit) if hit.help.is_empty() => return Err(format!("no fix is given for {}", hit.message)),
        Some(_) => {}
    }
    let noise = findings.iter().find(|finding| {
        let expected = finding.code == fault.code || fault.also.contains(&finding.code.as_str());
        // That a row cannot prove whose it is follows from some changes of a look-up.
        let implied = finding.code == "unproven-row" || (owner && finding.code == "excess-privilege");
        finding.severity != "note" && !expected && !implied
    });
    match noise {
        None => Ok(()),
        Some(noise) => Err(format!("also found {} in line {}: {}", noise.code, noise.line, noise.message)),
    }
}

/// MySQL tells what is absent from what is not granted, and shows foreign keys and columns, only to whom everything is.
fn hidden_from_others(fault: &Fault, dialect: Dialect) -> bool {
    let hidden = ["unknown-table", "unknown-column", "unknown-function", "required-column", "foreign-key"];
    dialect == Dialect::Mysql && hidden.contains(&fault.code)
}

/// The SQL that follows the schema, in the words of the database.
fn then(fault: &Fault, scene: &Scene) -> Vec<String> {
    let (dialect, role) = (scene.store.dialect, &scene.role);
    let mysql_role = format!("'{role}'@'%'");
    let named = if dialect == Dialect::Mysql { &mysql_role } else { role };
    let text = match (fault.then, dialect) {
        ("TRIGGER", Dialect::Postgres) => {
            "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$;
             CREATE TRIGGER goodbye BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION t()"
                .to_owned()
        }
        ("TRIGGER", Dialect::Mysql) => {
            format!(
                "CREATE TRIGGER goodbye BEFORE DELETE ON users FOR EACH ROW SET @x = 1|GRANT TRIGGER ON users TO {named}"
            )
        }
        ("TRIGGER", Dialect::Sqlite) => {
            "CREATE TRIGGER goodbye BEFORE DELETE ON users BEGIN DELETE FROM roles WHERE user_id = old.id; END"
                .to_owned()
        }
        ("FUNCTION", Dialect::Postgres) => {
            "CREATE FUNCTION seen(x text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN x; END $$".to_owned()
        }
        ("FUNCTION", _) => {
            "CREATE FUNCTION seen(x varchar(190)) RETURNS varchar(190) MODIFIES SQL DATA RETURN x".to_owned()
        }
        ("REVOKE_SELECT", Dialect::Postgres) => format!("REVOKE SELECT (password_hash) ON users FROM {named}"),
        ("REVOKE_SELECT", _) => format!("REVOKE SELECT (password_hash) ON users FROM {named}"),
        ("REVOKE_INSERT", _) => format!("REVOKE INSERT (email) ON users FROM {named}"),
        ("SUPERUSER", Dialect::Postgres) => format!("ALTER ROLE {named} SUPERUSER"),
        ("SUPERUSER", _) => format!("GRANT ALL PRIVILEGES ON *.* TO {named}"),
        ("DROP_ROLE", Dialect::Postgres) => format!("ALTER ROLE {named} NOLOGIN"),
        ("DROP_ROLE", _) => format!("DROP USER {named}"),
        (sql, _) => {
            let database = scene.store.url.rsplit('/').next().unwrap().to_owned();
            sql.replace("ON DATABASE.*", &format!("ON `{database}`.*"))
                .replace("DATABASE DB", &format!("DATABASE {database}"))
                .replace(" ROLE CONNECTION", &format!(" {named} CONNECTION"))
                .replace(" ROLE WITH MAX", &format!(" {named} WITH MAX"))
                .replace(" ROLE SET", &format!(" {named} SET"))
                .replace("TO ROLE", &format!("TO {named}"))
                .replace("FROM ROLE", &format!("FROM {named}"))
        }
    };
    text.split('|').map(str::trim).filter(|sql| !sql.is_empty()).map(str::to_owned).collect()
}

#[test]
fn good_stores_give_no_finding() {
    let everywhere = GOOD.iter().map(|(name, change)| (*name, faults::ALL, change));
    let somewhere = good::GOOD.iter().chain(moving::GOOD).map(|(name, on, change)| (*name, *on, change));
    let all = everywhere.chain(somewhere);
    let cases: Vec<_> = all.flat_map(|(name, on, change)| on.iter().map(move |on| (name, *on, change))).collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((name, dialect, change)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = catch_unwind(|| alarms(name, *dialect, change));
                    let found = found.unwrap_or_else(|_| Some("the test panics".to_owned()));
                    wrong.lock().unwrap().extend(found.map(|found| format!("{dialect}: {name}: {found}")));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What is found in a good store, which should be nothing.
fn alarms(name: &str, dialect: Dialect, (schema, then, definition): &Change) -> Option<String> {
    let replace = |text: &str, changes: &[(&str, &str)]| {
        changes.iter().fold(text.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{name}: {from}");
            text.replace(from, to)
        })
    };
    if dialect == Dialect::Mysql && then.contains("(lower(") {
        // MariaDB has no index over an expression.
        return None;
    }
    let scene = Scene::new(dialect, &replace(SCHEMA, schema), &replace(DEFINITION, definition));
    if !then.is_empty() {
        scene.store.script(then);
    }
    scene.grant();
    let findings = scene.findings(&[]);
    // Without the privilege TRIGGER, MySQL shows no triggers: a note says so.
    let blind = |finding: &Finding| finding.code == "not-checked" && finding.message.contains("hides triggers");
    // Whether the row proves whose it is, is a matter of the files alone.
    let unproven = |finding: &Finding| finding.code == "unproven-row";
    let findings: Vec<_> = findings.iter().filter(|f| !blind(f) && !unproven(f)).collect();
    (!findings.is_empty()).then(|| format!("{findings:#?}"))
}

type Change = (&'static [(&'static str, &'static str)], &'static str, &'static [(&'static str, &'static str)]);

const GOOD: &[(&str, Change)] = &[
    ("as it is", (&[], "", &[])),
    (
        "an index over the expression that is compared",
        (
            &[],
            "CREATE UNIQUE INDEX users_lower ON users (lower(email))",
            &[("WHERE u.email = {{ identifier }}", "WHERE lower(u.email) = lower({{ identifier }})")],
        ),
    ),
    (
        "two unique names",
        (
            &[],
            "",
            &[
                (
                    "WHERE u.email = {{ identifier }}",
                    "WHERE (u.email = {{ identifier }} OR u.username = {{ identifier }})",
                ),
                ("             u.password_hash\n", "             u.username, u.password_hash\n"),
            ],
        ),
    ),
    (
        "a further condition, a subselect and a constant",
        (
            &[],
            "",
            &[(
                "WHERE u.email = {{ identifier }}",
                "WHERE u.status <> 'gone' AND u.email = {{ identifier }} AND (SELECT count(*) FROM sessions s WHERE s.user_id = u.id) < 100",
            )],
        ),
    ),
    (
        "an opt-out that is needed",
        (
            &[("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) NOT NULL")],
            "CREATE INDEX users_email ON users (email)",
            &[(
                "actions:\n",
                "allow:\n  - code: lookup-not-unique\n    reason: The application keeps addresses apart\nactions:\n",
            )],
        ),
    ),
    (
        "foreign keys that cascade",
        (
            &[(
                "user_id         bigint NOT NULL UNIQUE,",
                "user_id         bigint NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,",
            )],
            "",
            &[],
        ),
    ),
];
