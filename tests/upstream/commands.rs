//! `check`, `try` and `test` on upstreams.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value as Json, json};

use super::stand_in::Act;
use super::tenant::{ALL, SECRET, Tenant};

fn run(folder: &Path, secret: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_userbridge"));
    command.args(arguments).current_dir(folder).env("TENANT_SECRET", secret).stdin(Stdio::null());
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn folder(tenant: &Tenant, more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tenant.yaml"), tenant.definition(more)).unwrap();
    std::fs::write(folder.path().join("ca.pem"), &tenant.server.authority).unwrap();
    folder
}

/// The codes of findings, with the exit code.
fn checked(folder: &Path, secret: &str) -> (Vec<String>, Option<i32>, String) {
    let output = run(folder, secret, &["check", "--connect", "--format", "json", "tenant.yaml"]);
    let report: Json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
    let findings = report["files"][0]["findings"].as_array().unwrap();
    let codes = findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect();
    (codes, output.status.code(), report.to_string())
}

#[test]
fn check_reaches_the_tenant_and_compares_what_the_token_allows() {
    let tenant = Tenant::start();
    let folder = folder(&tenant, ALL);
    let (codes, exit, report) = checked(folder.path(), SECRET);
    assert_eq!((codes, exit), (Vec::new(), Some(0)), "{report}");
    // Nothing was asked about any user.
    tenant.server.assert_asked(&["POST /oauth/token"]);
    let (codes, exit, report) = checked(folder.path(), "wrong-secret");
    assert_eq!((codes, exit), (vec!["upstream-credentials".to_owned()], Some(1)));
    assert!(report.contains("access_denied") && !report.contains("wrong-secret"), "{report}");
    tenant.state.lock().unwrap().scope = "read:users update:users".to_owned();
    let (codes, _, report) = checked(folder.path(), SECRET);
    assert_eq!(codes, ["missing-scope", "missing-scope"]);
    assert!(report.contains("`create:users`") && report.contains("`delete:users`"), "{report}");
    tenant.force("POST /oauth/token", Act::Plain(503, "", Vec::new()));
    assert_eq!(checked(folder.path(), SECRET).0, ["upstream-unreachable"]);
    // A stranger is told nothing.
    std::fs::write(folder.path().join("tenant.yaml"), tenant.definition(ALL).replace("  ca: ca.pem\n", "")).unwrap();
    tenant.server.take();
    let (codes, _, report) = checked(folder.path(), SECRET);
    assert_eq!(codes, ["upstream-unreachable"]);
    assert!(report.contains("UnknownIssuer"), "{report}");
    tenant.server.assert_asked(&[]);
}

/// An upstream has no statements for the check to look at; that is said.
#[test]
fn check_says_that_nothing_of_a_migration_is_checked() {
    let tenant = Tenant::start();
    let folder = folder(&tenant, &format!("{ALL}migration:\n  store: sqlite:managed.db\n"));
    let (codes, exit, report) = checked(folder.path(), SECRET);
    assert_eq!((codes, exit), (vec!["not-checked".to_owned()], Some(0)), "{report}");
    assert!(report.contains("nothing of `migration` is checked"), "{report}");
    assert!(!folder.path().join("managed.db").exists());
}

#[test]
fn try_tells_what_was_asked_and_changes_nothing_without_leave() {
    let tenant = Tenant::start();
    let folder = folder(&tenant, ALL);
    let output = run(folder.path(), SECRET, &["try", "tenant.yaml", "get_user", "--identifier", "ann@example.com"]);
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    for part in
        ["auth0", "(client credentials)", "/api/v2/users-by-email", "status 200", "outcome: found", "tenant|ann"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains(SECRET) && !shown.contains("management-token"), "{shown}");
    tenant.server.take();
    let verify = ["try", "tenant.yaml", "verify", "--email", "ann@example.com"];
    let output = run(folder.path(), SECRET, &verify);
    assert!(output.status.code() == Some(1) && text(&output).contains("--commit"), "{}", text(&output));
    tenant.server.assert_asked(&[]);
    let output = run(folder.path(), SECRET, &[&verify[..], &["--commit", "--format", "json"]].concat());
    let told: Json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
    assert_eq!((&told["changes"], &told["steps"][2]["status"]), (&json!("committed"), &json!(200)), "{told}");
    assert_eq!(tenant.state.lock().unwrap().users[0]["email_verified"], true);
}

#[test]
fn cases_run_against_the_upstream_when_they_only_read() {
    let tenant = Tenant::start();
    let tests = "tests:\n  - get_user: { identifier: ann@example.com }\n    expect: { outcome: found, user: { user_id: 'tenant|ann' } }\n  \
                 - login: { identifier: ann, password: wrong }\n    expect: { outcome: wrong_credentials }\n  \
                 - verify: { email: ann@example.com }\n    expect: { outcome: changed }\n";
    let folder = folder(&tenant, &format!("{ALL}{tests}"));
    let output = run(folder.path(), SECRET, &["test", "tenant.yaml"]);
    let shown = text(&output);
    assert!(output.status.code() == Some(1) && shown.contains("only asked with --connect"), "{shown}");
    tenant.server.assert_asked(&[]);
    let output = run(folder.path(), SECRET, &["test", "--connect", "tenant.yaml"]);
    let shown = text(&output);
    assert!(output.status.code() == Some(0) && shown.contains("2 passed, 0 failed, 1 left out"), "{shown}");
    assert!(tenant.server.take().iter().all(|seen| seen.method != "PATCH"));
}
