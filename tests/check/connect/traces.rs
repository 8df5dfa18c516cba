//! Looking leaves no trace: the whole database is the same before and after, also after a rehearsal, save for the
//! numbers that its sequences gave away.

use serde_json::json;
use userbridge::sql::Dialect;

use super::{DEFINITION, SCHEMA, Scene};

/// Hashes of several kinds: bcrypt's is cut off, the last ones are of no format that the definition accepts.
const HASHES: [&str; 6] = [
    "'$1$abcdefgh$vc.h.b7/b1zYYwJ7DKEQG1'",
    "'$argon2id$v=19$m=16,t=3,p=1$qod0wW65c/HHQb195Ipj1Q$BB8H5tJY09pL6bmA9ga0WZi7nJeqS98isZm4A0QfBTE'",
    "'$argon2id$v=19$m=16,t=3,p=1$qod0wW65c/HHQb195Ipj1Q$BB8H5tJY09pL6b'",
    "NULL",
    "''",
    "'$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0'",
];

/// A store with users whose hashes are of several kinds.
pub fn store(dialect: Dialect, schema: &str, definition: &str) -> Scene {
    let scene = Scene::new(dialect, schema, definition);
    for (index, hash) in HASHES.iter().enumerate() {
        scene.store.script(&format!(
            "INSERT INTO users (email, username, password_hash) VALUES ('u{index}@example.com', 'u{index}', {hash})"
        ));
        scene.store.script(&format!("INSERT INTO sessions (user_id, note) VALUES ({}, 'n')", index + 1));
    }
    scene.grant();
    scene
}

/// Everything in the database, with or without the state of its sequences.
fn dump(scene: &Scene, sequences: bool) -> String {
    let one = |sql: &str| scene.store.one(sql, &[]).to_string();
    let mut text = match scene.store.dialect {
        Dialect::Postgres => one("SELECT database_to_xml(true, false, '')::text"),
        Dialect::Mysql => ["users", "sessions", "roles", "secrets"]
            .map(|table| {
                let columns = one(&format!("SELECT group_concat(column_name ORDER BY ordinal_position) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '{table}'"));
                one(&format!("SELECT group_concat(concat_ws('|', {})) FROM {table}", columns.trim_matches('"')))
            })
            .join("\n"),
        Dialect::Sqlite => {
            let path = scene.url.trim_start_matches("sqlite:");
            return format!("{:?}", std::fs::read(path).unwrap());
        }
    };
    if sequences {
        text += &match scene.store.dialect {
            Dialect::Postgres => one(
                "SELECT last_value || ' ' || is_called || (SELECT last_value FROM sessions_id_seq) FROM users_id_seq",
            ),
            _ => one(
                "SELECT group_concat(concat(table_name, auto_increment) ORDER BY table_name) FROM information_schema.tables WHERE table_schema = DATABASE()",
            ),
        };
    }
    text
}

#[test]
fn connecting_and_sampling_change_nothing() {
    for dialect in Dialect::ALL {
        let scene = store(dialect, SCHEMA, DEFINITION);
        let before = dump(&scene, true);
        assert!(before.len() > 300, "{before}");
        let findings = scene.findings(&["--sample", "100"]);
        assert!(findings.iter().any(|finding| finding.code == "hash-census"), "{findings:#?}");
        assert!(dump(&scene, true) == before, "{dialect}: the database has changed");
    }
}

#[test]
fn a_rehearsal_is_rolled_back() {
    for dialect in Dialect::ALL {
        let scene = store(dialect, SCHEMA, DEFINITION);
        if dialect == Dialect::Sqlite {
            scene.store.script("PRAGMA journal_mode = DELETE");
        }
        let before = dump(&scene, false);
        let findings = scene.findings(&["--rehearse"]);
        let note = findings
            .iter()
            .find(|finding| finding.code == "rehearsed")
            .unwrap_or_else(|| panic!("{dialect}: {findings:#?}"));
        assert!(note.message.contains("create, get_user, login, change_password, login, delete"), "{}", note.message);
        assert!(dump(&scene, false) == before, "{dialect}: the database has changed");
    }
}

#[test]
fn a_rehearsal_finds_what_only_running_shows() {
    for dialect in Dialect::ALL {
        let schema = SCHEMA
            .replace("given_name      varchar(100)", "given_name      varchar(100) CHECK (given_name <> 'rehearsal')");
        let scene = store(dialect, &schema, DEFINITION);
        let findings = scene.findings(&["--rehearse"]);
        let failed = findings.iter().find(|finding| finding.code == "rehearsal-failed");
        let failed = failed.unwrap_or_else(|| panic!("{dialect}: {findings:#?}"));
        let line = DEFINITION[..DEFINITION.find("INSERT INTO users (").unwrap()].matches('\n').count() as u64 + 1;
        assert_eq!(failed.line, line, "{failed:?}");
        assert!(failed.message.contains("`create` answers rejected"), "{failed:?}");
    }
}

/// A login stands when its hash cannot be replaced; the rehearsal says so all the same.
#[test]
fn a_rehearsal_tells_what_was_rolled_back_on_its_way() {
    let schema = SCHEMA.replace("password_hash   varchar(255)", "password_hash   varchar(60)");
    let definition = DEFINITION
        .replace("formats: [argon2id, md5-crypt]", "formats: [argon2id, bcrypt]")
        .replace("  create:\n", "  create:\n    password: { column: password_hash, formats: [bcrypt], new: bcrypt }\n");
    for dialect in [Dialect::Postgres, Dialect::Mysql] {
        let scene = Scene::new(dialect, &schema, &definition);
        scene.grant();
        let findings = scene.findings(&["--rehearse"]);
        let failed = findings.iter().find(|finding| finding.code == "rehearsal-failed");
        let failed = failed.unwrap_or_else(|| panic!("{dialect}: {findings:#?}"));
        assert!(
            failed.message.starts_with("before `change_password`, a change that failed was rolled back"),
            "{failed:?}"
        );
        assert_eq!(scene.store.one("SELECT count(*) FROM users", &[]).as_i64(), Some(0));
    }
}

#[test]
fn an_engine_without_transactions_is_not_rehearsed() {
    let schema = SCHEMA.replace(
        "note            varchar(64) NOT NULL DEFAULT ''\n)",
        "note            varchar(64) NOT NULL DEFAULT ''\n) ENGINE = MyISAM",
    );
    let scene = store(Dialect::Mysql, &schema, DEFINITION);
    let before = dump(&scene, true);
    let findings = scene.findings(&["--rehearse"]);
    assert!(
        findings.iter().any(|f| f.code == "not-checked" && f.message.contains("nothing is rehearsed")),
        "{findings:#?}"
    );
    assert!(!findings.iter().any(|f| f.code == "rehearsed"), "{findings:#?}");
    assert!(dump(&scene, true) == before);
}

#[test]
fn a_census_counts_and_shows_no_value() {
    for dialect in Dialect::ALL {
        let scene = store(dialect, SCHEMA, DEFINITION);
        let findings = scene.findings(&["--sample", "100"]);
        let find =
            |code: &str| findings.iter().find(|f| f.code == code).unwrap_or_else(|| panic!("{code}: {findings:#?}"));
        let census = &find("hash-census").message;
        assert!(census.starts_with("of 6 stored hashes: 1 argon2, 1 md5-crypt, 1 NULL, 1 empty, 2 that"), "{census}");
        let unreadable = &find("unreadable-hashes").message;
        assert!(unreadable.contains("1 cut off or damaged argon2"), "{unreadable}");
        assert!(unreadable.contains("1 that look like phpass, which is not accepted"), "{unreadable}");
        let told = format!("{findings:?}");
        for hash in HASHES.iter().filter(|hash| hash.len() > 6) {
            assert!(!told.contains(&hash[5..20]), "{told}");
        }
        let limited = scene.findings(&["--sample", "2"]);
        assert!(limited.iter().any(|f| f.message.starts_with("of 2 stored hashes")), "{limited:#?}");
        // What a census is for is in the file as well.
        assert_eq!(scene.store.one("SELECT count(*) FROM users", &[]), json!(6));
    }
}
