//! What `check` writes for people and for programs, what a code means, what can be allowed, and how it ends.

use std::process::Output;

use serde_json::Value as Json;
use userbridge::diagnostic::Code;
use userbridge::sql::Dialect;

use super::{DEFINITION, SCHEMA, Scene};

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A definition with warnings, for a store that is never asked.
fn scene(changes: &[(&str, &str)]) -> Scene {
    let definition = changes.iter().fold(DEFINITION.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    Scene::new(Dialect::Sqlite, SCHEMA, &definition)
}

const STAR: (&str, &str) = (
    "SELECT u.id, u.email, u.email_verified,\n             u.given_name, u.status, r.plan,\n             u.password_hash\n",
    "SELECT *\n",
);

#[test]
fn a_missing_index_is_said_once_with_every_place_that_wants_it() {
    let schema =
        SCHEMA.replace("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) NOT NULL");
    let scene = Scene::new(Dialect::Sqlite, &schema, DEFINITION);
    let output = scene.run(&scene.url, &["--connect", "--format", "json"]);
    let report: Json = serde_json::from_str(&text(&output)).unwrap();
    let findings = report["files"][0]["findings"].as_array().unwrap();
    for code in ["seq-scan", "lookup-not-unique"] {
        let found: Vec<&Json> = findings.iter().filter(|finding| finding["code"] == code).collect();
        assert_eq!(found.len(), 1, "{code}: {findings:#?}");
        let lines = |list: &[Json]| list.iter().map(|place| place["line"].as_u64().unwrap()).collect::<Vec<_>>();
        let at = |text: &str| DEFINITION[..DEFINITION.find(text).unwrap()].matches('\n').count() as u64 + 1;
        let first = at("WHERE u.email = {{ identifier }}");
        let others = lines(found[0]["related"].as_array().unwrap());
        assert_eq!(found[0]["line"].as_u64(), Some(first));
        assert!(others.len() == 4 && others.contains(&at("WHERE email = {{ email }}")), "{code}: {others:?}");
    }
    let log: Json = serde_json::from_str(&text(&scene.run(&scene.url, &["--connect", "--format", "sarif"]))).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let related = |result: &Json| result["relatedLocations"].as_array().unwrap().len();
    assert!(results.iter().any(|result| result["ruleId"] == "seq-scan" && related(result) == 4), "{log:#}");
}

#[test]
fn sarif_has_what_its_schema_requires() {
    let scene = scene(&[STAR, ("WHERE username = {{ username }}", "")]);
    let output = scene.run(&scene.url, &["--format", "sarif"]);
    assert_eq!(output.status.code(), Some(1));
    let log: Json = serde_json::from_str(&text(&output)).unwrap();
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().unwrap().contains("sarif-schema-2.1.0"));
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "userbridge");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert!(results.len() >= 2, "{log:#}");
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "definition.yaml");
        let region = &place["region"];
        let number = |key: &str| region[key].as_u64().unwrap_or_else(|| panic!("{key}: {region:#}"));
        assert!(number("startLine") >= 1 && number("startColumn") >= 1);
        assert!((number("endLine"), number("endColumn")) >= (number("startLine"), number("startColumn")));
    }
    let star = results.iter().find(|result| result["ruleId"] == "select-star").unwrap();
    let line = scene_line(&scene, "SELECT *");
    assert_eq!(star["locations"][0]["physicalLocation"]["region"]["startLine"], line);
}

fn scene_line(scene: &Scene, marker: &str) -> u64 {
    let text = std::fs::read_to_string(scene.folder.path().join("definition.yaml")).unwrap();
    text[..text.find(marker).unwrap()].matches('\n').count() as u64 + 1
}

#[test]
fn github_gets_one_command_for_each_finding() {
    let scene = scene(&[STAR]);
    let output = scene.run(&scene.url, &["--format", "github"]);
    let text = text(&output);
    let line = scene_line(&scene, "SELECT *");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with(&format!("::warning file=definition.yaml,line={line},endLine={line},col=")), "{text}");
    assert!(text.contains("title=select-star::") && text.contains("%0Ahelp: "), "{text}");
}

#[test]
fn every_code_has_a_page_with_an_example_and_a_fix() {
    for code in Code::ALL {
        let page = code.page();
        assert!(page.starts_with(&format!("# {code} (")), "{code}");
        let example = page.split("\n## Example\n\n```").nth(1).unwrap_or_else(|| panic!("{code} has no example"));
        let fix = page.split("\n## Fix\n\n").nth(1).unwrap_or_else(|| panic!("{code} has no fix"));
        assert!(example.len() > 20 && fix.trim().len() >= 8, "{code}");
    }
    let scene = scene(&[]);
    let output = scene.run("", &["--explain", "seq-scan"]);
    assert_eq!((output.status.code(), text(&output).as_str()), (Some(0), Code::SeqScan.page()));
    let wrong = scene.run("", &["--explain", "seq-scna"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("did you mean `seq-scan`"), "{wrong:?}");
}

/// The codes that are found offline when this stands under `allow`.
fn with(allow: &str) -> Vec<String> {
    let scene = scene(&[STAR, ("actions:\n", &format!("allow:\n{allow}actions:\n"))]);
    let output = scene.run(&scene.url, &["--format", "json"]);
    let json: Json = serde_json::from_slice(&output.stdout).unwrap();
    let findings = json["files"][0]["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn opt_outs_suppress_what_they_name_and_nothing_else() {
    assert_eq!(with("  - { code: select-star, reason: a view keeps the columns }\n"), Vec::<String>::new());
    assert_eq!(with("  - { code: select-star, action: login, reason: a view }\n"), Vec::<String>::new());
    assert_eq!(with("  - { code: select-star, action: get_user, reason: a view }\n"), ["unused-allow", "select-star"]);
    assert_eq!(with("  - { code: weak-format, reason: the application }\n"), ["unused-allow", "select-star"]);
    // What only the database shows is not looked for offline.
    assert_eq!(with("  - { code: seq-scan, reason: a small table }\n"), ["select-star"]);
    for (allow, code) in [
        ("  - { code: missing-where, reason: it is meant }\n", "invalid-value"),
        ("  - { code: selectstar, reason: it is meant }\n", "invalid-value"),
        ("  - { code: select-star, action: log_in, reason: it is meant }\n", "invalid-value"),
        ("  - { code: select-star, reason: \" \" }\n", "invalid-value"),
        ("  - { code: select-star }\n", "missing-key"),
    ] {
        assert!(with(allow).contains(&code.to_owned()), "{allow}: {:?}", with(allow));
    }
}

#[test]
fn an_opt_out_of_what_is_not_there_is_found_when_the_database_was_asked() {
    let scene = scene(&[("actions:\n", "allow:\n  - { code: seq-scan, reason: a small table }\nactions:\n")]);
    let codes: Vec<String> = scene.findings(&[]).into_iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["unused-allow"]);
}

#[test]
fn an_unprotected_connection_is_found_without_connecting() {
    let scene = scene(&[]);
    for (url, found) in [
        ("postgres://u@db.example.com/x?sslmode=disable", true),
        ("mysql://u@db.example.com/x?ssl-mode=REQUIRED", true),
        ("postgres://u@db.example.com/x", false),
        ("postgres://u@127.0.0.1/x", false),
    ] {
        let output = scene.run(url, &["--format", "json"]);
        assert_eq!(text(&output).contains("unencrypted-connection"), found, "{url}: {}", text(&output));
    }
}

#[test]
fn exit_codes_say_how_it_ended() {
    let good = scene(&[]);
    let warned = scene(&[STAR]);
    let absent = format!("{}.absent", good.url);
    for (scene, url, arguments, code) in [
        (&good, &good.url, vec![], 0),
        (&good, &good.url, vec!["--connect", "--strict"], 0),
        (&good, &absent, vec![], 0),
        (&good, &absent, vec!["--connect"], 1),
        (&good, &absent, vec!["--grants"], 1),
        (&warned, &warned.url, vec![], 0),
        (&warned, &warned.url, vec!["--strict"], 1),
        (&good, &good.url, vec!["--sample", "3"], 2),
        (&good, &good.url, vec!["--rehearse"], 2),
        (&good, &good.url, vec!["--connect", "--sample", "0"], 2),
        (&good, &good.url, vec!["--role", "x"], 2),
        (&good, &good.url, vec!["--env-file", "absent"], 2),
    ] {
        let output = scene.run(url, &arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    }
}
