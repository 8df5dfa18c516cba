//! Faulty definitions: each `tests/check/NAME.yaml` gives exactly the findings of `NAME.expect` (code, line, column)
//! and the picture of `NAME.txt`. `UPDATE_SNAPSHOTS=1` rewrites the pictures; the expectations are written by hand.

#![expect(clippy::expect_used, reason = "a test stops at what cannot be")]

mod connect;
mod effects;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check")
}

fn check(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_userbridge"));
    command.arg("check").args(arguments).current_dir(folder()).env_remove("ACME_DATABASE_URL").env_remove("A");
    command.output().expect("the program runs")
}

/// The faulty definitions, by name.
fn cases() -> Vec<String> {
    let files = std::fs::read_dir(folder()).expect("tests/check is there");
    let mut names: Vec<String> = files
        .map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"))
        .filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned))
        .collect();
    names.sort();
    names
}

#[test]
fn every_faulty_definition_gives_its_findings_at_their_places() {
    let cases = cases();
    assert!(cases.len() >= 100, "{} cases", cases.len());
    let mut wrong = String::new();
    for case in cases {
        let output = check(&["--format", "json", &format!("{case}.yaml")]);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let findings = report["files"][0]["findings"].as_array().expect("findings");
        let mut found: Vec<String> = findings
            .iter()
            .map(|f| format!("{} {}:{}", f["code"].as_str().expect("code"), f["line"], f["column"]))
            .collect();
        let text = std::fs::read_to_string(folder().join(format!("{case}.expect"))).expect("NAME.expect");
        let mut expected: Vec<&str> = text.lines().collect();
        found.sort();
        expected.sort_unstable();
        if found != expected {
            wrong.push_str(&format!("{case}: expected {expected:?}, found {found:?}\n"));
        }
        let errors = findings.iter().any(|f| f["severity"] == "error");
        assert_eq!(output.status.code(), Some(i32::from(errors)), "exit code of {case}");
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_picture_is_as_it_was_reviewed() {
    let update = option_env!("UPDATE_SNAPSHOTS").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        let output = check(&[&format!("{case}.yaml")]);
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let path = folder().join(format!("{case}.txt"));
        if update {
            std::fs::write(&path, text).expect("writable");
        } else if std::fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
            wrong.push(case);
        }
    }
    assert!(wrong.is_empty(), "changed pictures: {wrong:?}; review with UPDATE_SNAPSHOTS=1 and git diff");
}

#[test]
fn what_cannot_be_read_is_told_apart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("latin1.yaml"), b"version: 1\nconnector: caf\xe9\n").expect("writable");
    std::fs::write(path("giant.yaml"), vec![b'#'; 100_001]).expect("writable");
    std::fs::write(path("bomb.yaml"), "a: ".to_owned() + &"[".repeat(5_000)).expect("writable");
    for (file, code, word) in
        [("latin1.yaml", 1, "not UTF-8"), ("giant.yaml", 1, "100001 bytes"), ("bomb.yaml", 1, "error[")]
    {
        let output = check(&[&path(file)]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{file}");
        assert!(text.contains(word), "{file}: {text}");
    }
    assert_eq!(check(&[&path("absent.yaml")]).status.code(), Some(2));
    assert_eq!(check(&["--format", "nonsense"]).status.code(), Some(2));
}

#[test]
fn two_files_with_one_connector_name_both_are_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = "version: 1\nconnector: acme\ndatabase: { url: 'sqlite:a.db' }\nactions:\n  get_user:\n    sql: SELECT id FROM users WHERE email = {{ identifier }}\n";
    std::fs::write(folder.path().join("a.yaml"), text).expect("writable");
    std::fs::write(folder.path().join("b.yaml"), text).expect("writable");
    let output = check(&[&folder.path().display().to_string()]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("duplicate-connector") && text.contains("a.yaml") && text.contains("b.yaml"), "{text}");
}
