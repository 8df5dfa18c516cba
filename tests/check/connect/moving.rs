//! The statements under `migration:` are examined as those of actions are: faults planted in them, good ones, what they
//! need, and their rehearsal.

use userbridge::sql::Dialect::{Mysql, Postgres, Sqlite};

use super::faults::{ALL, Fault, SERVERS, fault};
use super::{Change, DEFINITION, Dialect, SCHEMA, Scene, traces};

const BLOCK: (&str, &str) = (
    "actions:\n",
    "migration:
  store: sqlite:managed.db
  mark: UPDATE users SET migrated_at = CURRENT_TIMESTAMP WHERE id = {{ user_id }}
  remaining: SELECT count(*) FROM users WHERE migrated_at IS NULL
  import:
    sql: |
      SELECT u.id, u.email, u.email_verified, u.given_name, u.status, r.plan, u.password_hash
      FROM users u LEFT JOIN roles r ON r.user_id = u.id
      WHERE u.id > {{ after }} ORDER BY u.id LIMIT {{ limit }}
  purge:
    older_than: 30d
    marked: SELECT migrated_at IS NOT NULL AS moved FROM users WHERE id = {{ user_id }}
    archive: INSERT INTO archive (user_id, email) SELECT id, email FROM users WHERE id = {{ user_id }}
    delete:
      - DELETE FROM sessions WHERE user_id = {{ user_id }}
      - DELETE FROM users WHERE id = {{ user_id }}
actions:
",
);
const COLUMN: (&str, &str) = (
    "    last_login      timestamp",
    "    migrated_at     timestamp NULL DEFAULT NULL,\n    last_login      timestamp",
);
const ARCHIVE: (&str, &str) = (
    "CREATE TABLE secrets (",
    "CREATE TABLE archive (\n    user_id         bigint PRIMARY KEY,\n    email           varchar(190) NOT NULL\n);\nCREATE TABLE secrets (",
);

/// A fault in a definition whose users move.
macro_rules! moving {
    ($name:literal, $on:expr, $code:literal, $at:literal, [$($definition:expr),*], [$($schema:expr),*]) => {
        fault($name, $on, $code, $at).schema(&[COLUMN, ARCHIVE, $($schema),*]).definition(&[BLOCK, $($definition),*])
    };
}

pub const FAULTS: &[Fault] = &[
    moving!(
        "mark: a column that is not there",
        ALL,
        "unknown-column",
        "mark: UPDATE",
        [("migrated_at = CURRENT", "moved_at = CURRENT")],
        []
    ),
    moving!(
        "mark: several rows",
        ALL,
        "lookup-not-unique",
        "mark: UPDATE",
        [("TIMESTAMP WHERE id =", "TIMESTAMP WHERE given_name =")],
        []
    )
    .then("CREATE INDEX users_given ON users (given_name)")
    .also(&["seq-scan"]),
    moving!(
        "mark: no index",
        ALL,
        "seq-scan",
        "mark: UPDATE",
        [("TIMESTAMP WHERE id =", "TIMESTAMP WHERE given_name =")],
        []
    )
    .also(&["lookup-not-unique"]),
    moving!(
        "mark: an id that is a time",
        &[Postgres],
        "parameter-type",
        "mark: UPDATE",
        [("TIMESTAMP WHERE id =", "TIMESTAMP WHERE last_login =")],
        []
    )
    .also(&["lookup-not-unique", "seq-scan"]),
    moving!("mark: a missing privilege", SERVERS, "missing-privilege", "mark: UPDATE", [], [])
        .then("REVOKE UPDATE (migrated_at) ON users FROM ROLE"),
    moving!(
        "mark: a value of another type",
        &[Postgres],
        "refused-statement",
        "mark: UPDATE",
        [("migrated_at = CURRENT_TIMESTAMP", "migrated_at = true")],
        []
    ),
    moving!(
        "mark: a view",
        &[Postgres, Mysql],
        "writes-view",
        "mark: UPDATE",
        [("mark: UPDATE users", "mark: UPDATE people")],
        []
    )
    .then("CREATE VIEW people AS SELECT * FROM users")
    .also(&["not-checked"]),
    moving!(
        "remaining: a table that is not there",
        ALL,
        "unknown-table",
        "remaining: SELECT",
        [("count(*) FROM users", "count(*) FROM usr")],
        []
    ),
    moving!(
        "remaining: no number",
        SERVERS,
        "column-type",
        "remaining: SELECT",
        [("SELECT count(*) FROM users WHERE migrated_at IS NULL", "SELECT max(migrated_at) FROM users")],
        []
    ),
    moving!(
        "import: the hash under another name",
        ALL,
        "missing-column",
        "SELECT u.id, u.email, u.email_verified, u.given_name, u.status, r.plan, u.password_hash",
        [("r.plan, u.password_hash\n", "r.plan, u.password_hash AS hash\n")],
        []
    ),
    moving!(
        "import: what a rule reads under another name",
        ALL,
        "missing-column",
        "SELECT u.id, u.email, u.email_verified, u.given_name, u.status AS state",
        [("u.status, r.plan, u.password_hash\n", "u.status AS state, r.plan, u.password_hash\n")],
        []
    ),
    moving!(
        "import: pages in no index's order",
        ALL,
        "seq-scan",
        "WHERE u.given_name > {{ after }}",
        [("WHERE u.id > {{ after }} ORDER BY u.id", "WHERE u.given_name > {{ after }} ORDER BY u.given_name")],
        []
    ),
    moving!(
        "import: e-mail addresses that are bytes",
        ALL,
        "column-type",
        "SELECT u.id, u.email, u.email_verified, u.given_name, u.status, r.plan, u.password_hash",
        [],
        [("given_name      varchar(100)", "given_name      BLOB")]
    ),
    moving!(
        "import: a function that writes",
        SERVERS,
        "hidden-write",
        "WHERE u.id > {{ after }} AND u.email = seen(u.email)",
        [("WHERE u.id > {{ after }}", "WHERE u.id > {{ after }} AND u.email = seen(u.email)")],
        []
    )
    .then("FUNCTION"),
    moving!(
        "purge: a text for a truth value",
        ALL,
        "column-type",
        "marked: SELECT",
        [("migrated_at IS NOT NULL AS moved", "status AS moved")],
        []
    ),
    moving!(
        "purge: a time for a truth value",
        ALL,
        "column-type",
        "marked: SELECT",
        [("migrated_at IS NOT NULL AS moved", "migrated_at AS moved")],
        []
    ),
    moving!(
        "purge: several rows that are marked",
        ALL,
        "lookup-not-unique",
        "marked: SELECT",
        [("moved FROM users WHERE id =", "moved FROM users WHERE given_name =")],
        []
    )
    .then("CREATE INDEX users_given ON users (given_name)"),
    moving!(
        "purge: an archive that is not there",
        ALL,
        "unknown-table",
        "archive: INSERT",
        [("INTO archive (", "INTO archives (")],
        []
    ),
    moving!(
        "purge: an archive that wants more",
        ALL,
        "required-column",
        "archive: INSERT",
        [],
        [(
            "    email           varchar(190) NOT NULL\n",
            "    email           varchar(190) NOT NULL,\n    reason          varchar(9) NOT NULL\n"
        )]
    )
    .also(&["refused-statement"]),
    moving!(
        "purge: an archive without transactions",
        &[Mysql],
        "no-transactions",
        "archive: INSERT",
        [],
        [(
            "    email           varchar(190) NOT NULL\n)",
            "    email           varchar(190) NOT NULL\n) ENGINE = MyISAM"
        )]
    ),
    moving!("purge: an archive that may not be filled", SERVERS, "missing-privilege", "archive: INSERT", [], [])
        .then("REVOKE INSERT (user_id) ON archive FROM ROLE"),
    moving!(
        "purge: rows that point to the user",
        ALL,
        "foreign-key",
        "- DELETE FROM users WHERE id = {{ user_id }}",
        [(
            "      - DELETE FROM sessions WHERE user_id = {{ user_id }}\n      - DELETE FROM users WHERE",
            "      - DELETE FROM users WHERE"
        )],
        []
    ),
    moving!("purge: a trigger", ALL, "trigger", "- DELETE FROM users WHERE id", [], []).then("TRIGGER"),
    moving!(
        "purge: no index",
        ALL,
        "seq-scan",
        "- DELETE FROM sessions WHERE note",
        [("- DELETE FROM sessions WHERE user_id", "- DELETE FROM sessions WHERE note")],
        []
    ),
    moving!("a privilege that no statement needs", SERVERS, "excess-privilege", "  url: ", [], [])
        .then("GRANT DELETE ON archive TO ROLE"),
];

macro_rules! good {
    ([$($definition:expr),*]) => { (&[COLUMN, ARCHIVE], "", &[BLOCK, $($definition),*]) };
}

pub const GOOD: &[(&str, &[Dialect], Change)] = &[
    ("users move", ALL, good!([])),
    (
        "a mark of two statements",
        ALL,
        good!([(
            "  mark: UPDATE users SET migrated_at = CURRENT_TIMESTAMP WHERE id = {{ user_id }}\n",
            "  mark:\n    - DELETE FROM sessions WHERE user_id = {{ user_id }}\n    - UPDATE users SET migrated_at = CURRENT_TIMESTAMP WHERE id = {{ user_id }}\n"
        )]),
    ),
    (
        "a number for a truth value",
        ALL,
        good!([("migrated_at IS NOT NULL AS moved", "CASE WHEN migrated_at IS NULL THEN 0 ELSE 1 END AS moved")]),
    ),
    ("users are counted by a sum", ALL, good!([("SELECT count(*) FROM", "SELECT sum(1) FROM")])),
    (
        "an archive that is emptied first",
        ALL,
        good!([(
            "    archive: INSERT INTO archive (user_id, email) SELECT id, email FROM users WHERE id = {{ user_id }}\n",
            "    archive:\n      - DELETE FROM archive WHERE user_id = {{ user_id }}\n      - INSERT INTO archive (user_id, email) SELECT id, email FROM users WHERE id = {{ user_id }}\n"
        )]),
    ),
    (
        "what is deleted with the archive holds nobody",
        ALL,
        good!([
            (
                "      - DELETE FROM sessions WHERE user_id = {{ user_id }}\n      - DELETE FROM users WHERE",
                "      - DELETE FROM users WHERE"
            ),
            (
                "    archive: INSERT",
                "    archive:\n      - DELETE FROM sessions WHERE user_id = {{ user_id }}\n      - INSERT"
            )
        ]),
    ),
];

fn texts() -> (String, String) {
    let schema = [COLUMN, ARCHIVE].iter().fold(SCHEMA.to_owned(), |text, (from, to)| text.replace(from, to));
    (schema, DEFINITION.replace(BLOCK.0, BLOCK.1))
}

#[test]
fn grants_name_what_a_migration_needs() {
    let (schema, definition) = texts();
    for dialect in [Postgres, Mysql] {
        let scene = Scene::new(dialect, &schema, &definition);
        let all = scene.grants();
        let needs = |owner: &str| -> Vec<String> {
            let lines = all.iter().filter(|(_, owners)| owners.iter().any(|other| other == owner));
            lines.map(|(sql, _)| sql.replace(['"', '`'], "")).filter(|sql| !sql.contains("SCHEMA")).collect()
        };
        let holds = |owner: &str, privilege: &str, table: &str| {
            let found = needs(owner);
            let table = format!(".{table} ");
            assert!(
                found.iter().any(|sql| sql.starts_with(&format!("GRANT {privilege}")) && sql.contains(&table)),
                "{dialect}: {owner} lacks {privilege} on {table}: {found:#?}"
            );
            found.len()
        };
        assert_eq!(holds("migration.mark", "UPDATE", "users"), 2, "and to read the id");
        assert_eq!(holds("migration.remaining", "SELECT", "users"), 1);
        assert_eq!(holds("migration.import", "SELECT", "roles"), 2);
        assert_eq!(holds("migration.purge.marked", "SELECT", "users"), 1);
        assert_eq!(holds("migration.purge.archive", "INSERT", "archive"), 2);
        holds("migration.purge.delete", "DELETE", "users");
        holds("migration.purge.delete", "DELETE", "sessions");
        // Of users who move, no statement but the archive's adds to the archive.
        assert!(all.iter().all(|(sql, owners)| !sql.contains("archive") || owners == &["migration.purge.archive"]));
    }
}

#[test]
fn a_migration_is_rehearsed_and_leaves_no_store() {
    let (schema, definition) = texts();
    for dialect in Dialect::ALL {
        let scene = traces::store(dialect, &schema, &definition);
        let findings = scene.findings(&["--rehearse"]);
        let note = findings.iter().find(|finding| finding.code == "rehearsed");
        let note = note.unwrap_or_else(|| panic!("{dialect}: {findings:#?}"));
        let expected = "login, migration.mark, migration.remaining, migration.purge.marked, delete";
        assert!(note.message.contains(expected), "{}", note.message);
        assert!(!scene.folder().join("managed.db").exists(), "the managed store is none of the check's business");
        assert_eq!(scene.store.one("SELECT count(*) FROM users WHERE migrated_at IS NOT NULL", &[]).as_i64(), Some(0));
    }
}

#[test]
fn a_rehearsal_finds_marks_that_nobody_sees() {
    let (schema, definition) = texts();
    let definition = definition.replace("migrated_at IS NOT NULL AS moved", "status = 'moved' AS moved");
    for dialect in Dialect::ALL {
        let scene = traces::store(dialect, &schema, &definition);
        let findings = scene.findings(&["--rehearse"]);
        let failed = findings.iter().find(|finding| finding.code == "rehearsal-failed");
        let failed = failed.unwrap_or_else(|| panic!("{dialect}: {findings:#?}"));
        let line = definition[..definition.find("marked: SELECT").unwrap()].matches('\n').count() as u64 + 1;
        assert_eq!(failed.line, line, "{failed:?}");
        assert!(failed.message.contains("does not see what `migration.mark` wrote"), "{failed:?}");
    }
}

/// A definition that writes nothing but the mark.
#[test]
fn a_mark_needs_a_database_that_can_be_written() {
    let definition = "version: 1
connector: shop
configuration:
  database_url: { env: STORE_URL }
database: { url: \"{{ configuration.database_url }}?mode=ro\" }
password: { column: password_hash, formats: [bcrypt] }
migration:
  store: sqlite:managed.db
  mark: UPDATE users SET migrated_at = CURRENT_TIMESTAMP WHERE id = {{ user_id }}
actions:
  login:
    sql: SELECT id, email, password_hash FROM users WHERE email = {{ identifier }}
  get_user:
    sql: SELECT id, email FROM users WHERE email = {{ identifier }}
";
    let scene = Scene::new(Sqlite, &texts().0, definition);
    let findings = scene.findings(&[]);
    assert!(findings.iter().any(|finding| finding.code == "read-only-database"), "{findings:#?}");
    let (block, rest) = definition.split_once("migration:").unwrap();
    let unmoved = format!("{block}actions:{}", rest.split_once("actions:").unwrap().1);
    let scene = Scene::new(Sqlite, &texts().0, &unmoved);
    let findings = scene.findings(&[]);
    assert!(!findings.iter().any(|finding| finding.code == "read-only-database"), "{findings:#?}");
}
