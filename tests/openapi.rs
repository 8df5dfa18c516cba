//! The OpenAPI document, held against a real gateway by schemathesis: every answer must be one that it describes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;

use crate::gateway::{Gateway, client};
use crate::people::{DEFINITION, NO_LIMITS, setup};
use crate::servers;

/// What came of a run.
struct Report {
    passed: bool,
    text: String,
}

/// Sends what the document allows and what it forbids, and compares each answer with it.
fn exercise(gateway: &Gateway, document: &Path, checks: &str) -> Report {
    let settings = format!(
        "headers = {{ Authorization = \"Bearer {}\" }}\ncolor = false\n\n[parameters]\n\"path.connector\" = \"people\"\n",
        client().key
    );
    std::fs::write(gateway.folder().join("schemathesis.toml"), settings).unwrap();
    let program = Path::new(&servers::python()).with_file_name("st");
    let output = Command::new(program)
        .arg("run")
        .arg(document)
        .args(["--url", &format!("http://{}", gateway.address), "--checks", checks])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "30", "--seed", "1", "--workers", "1"])
        .args(["--generation-database", "none", "--request-timeout", "30"])
        .current_dir(gateway.folder())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Report { passed: output.status.success(), text }
}

fn document() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/openapi.json"))
}

const CONFORMANCE: &str = "status_code_conformance,content_type_conformance,response_headers_conformance,\
                           response_schema_conformance,missing_required_header";

#[test]
fn every_answer_is_in_the_document() {
    let gateway = setup(&format!("{NO_LIMITS}tokens: {{ issuer: 'https://users.example.com' }}\n")).start();
    let checks = format!("{CONFORMANCE},not_a_server_error,unsupported_method,negative_data_rejection");
    let report = exercise(&gateway, document(), &checks);
    assert!(
        report.passed,
        "{}\n{}",
        report.text,
        gateway.log().lines().filter(|l| l.contains("\"status\":5")).collect::<String>()
    );
    let served = gateway.records().iter().filter(|record| record["fields"]["outcome"] == "found").count();
    let refused = gateway.records().iter().filter(|record| record["fields"]["outcome"] == "invalid_input").count();
    assert!(refused > 50, "{served} {refused}: it sends what is not allowed, too");
}

#[test]
fn with_the_database_down_every_answer_is_in_the_document() {
    let setup = crate::gateway::Setup::new();
    // Nobody listens on port 1.
    let down = DEFINITION.replace("sqlite:people.db", "postgres://nobody@127.0.0.1:1/nothing");
    let gateway = setup.definition("people.yaml", &down).without_databases().start();
    let report = exercise(&gateway, document(), CONFORMANCE);
    assert!(report.passed, "{}", report.text);
    let outcomes = gateway.records();
    let of = |outcome: &str| outcomes.iter().filter(|record| record["fields"]["outcome"] == outcome).count();
    assert!(of("unavailable") > 20, "{}", of("unavailable"));
    assert_eq!(of("internal") + of("wrong_credentials") + of("not_found"), 0, "no doubt becomes a no");
}

#[test]
fn an_answer_that_is_not_described_is_found() {
    let gateway = setup(NO_LIMITS).start();
    let text = std::fs::read_to_string(document()).unwrap();
    let mut altered: Json = serde_json::from_str(&text).unwrap();
    let paths = altered["paths"].as_object_mut().unwrap();
    paths.retain(|path, _| path.ends_with("/get_user"));
    for (_, path) in paths.iter_mut() {
        path["post"]["responses"].as_object_mut().unwrap().shift_remove("404");
    }
    let path = gateway.folder().join("altered.json");
    std::fs::write(&path, altered.to_string()).unwrap();
    let report = exercise(&gateway, &path, CONFORMANCE);
    assert!(!report.passed && report.text.contains("404"), "the control: {}", report.text);
}

#[test]
fn the_document_describes_every_action_and_code() {
    let text = std::fs::read_to_string(document()).unwrap();
    let written: Json = serde_json::from_str(&text).unwrap();
    assert_eq!(written, userbridge::protocol::openapi(), "run: userbridge schema");
    // And the token endpoint, its keys and its metadata.
    assert_eq!(written["paths"].as_object().unwrap().len(), userbridge::action::Action::ALL.len() + 3);
    for code in userbridge::protocol::Code::ALL {
        let described = text.contains(&format!("\"{code}\""));
        assert_eq!(described, code.as_str() != "method_not_allowed", "{code}");
    }
}
