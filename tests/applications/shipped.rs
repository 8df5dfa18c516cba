//! The `tests:` of every shipped definition, by the command that runs them.

use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn every_case_of_every_definition_holds() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_userbridge"));
    let output = command
        .env("UPSTREAM_CLIENT_SECRET", "s3cret")
        .args(["test", "--format", "json"])
        .args(definitions())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let results: serde_json::Value = serde_json::from_str(&text).unwrap();
    for file in results["files"].as_array().unwrap() {
        let cases = file["cases"].as_array().unwrap().len();
        // An upstream has no rows that a case could give.
        let upstream = file["file"].as_str().unwrap().contains("/examples/upstream/");
        assert!(upstream || cases >= 1, "{} has no tests", file["file"]);
        let shipped = file["file"].as_str().unwrap().contains("/connectors/");
        assert!(!shipped || cases >= 3, "{} has {cases} tests", file["file"]);
    }
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
