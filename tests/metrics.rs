//! The numbers that operators build on: their names are an interface.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Value as Json, json};

use crate::gateway::Gateway;
use crate::people::{Caller, NO_LIMITS, PASSWORD, setup};
use crate::servers;

/// Reads the exposition with the reference implementation's strict parser: name, type, and the samples of each.
const PARSER: &str = "
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = {}
for family in text_string_to_metric_families(sys.stdin.read()):
    families[family.name] = {'type': family.type, 'help': family.documentation, 'samples': [
        {'name': s.name, 'labels': s.labels, 'value': s.value} for s in family.samples]}
json.dump(families, sys.stdout)
";

fn parsed(text: &str) -> Json {
    use std::io::Write;
    let mut python = Command::new(servers::python());
    python.args(["-c", PARSER]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut python = python.spawn().unwrap();
    python.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "not OpenMetrics:\n{text}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_promised_name_is_there_with_its_labels_and_nothing_of_a_user() {
    let gateway =
        setup("limits: { client: 1000000/s, address: 20/h, account: 2/h }\naudit: { to: 'file:audit.jsonl' }\n")
            .start();
    let mut caller = Caller::new(&gateway);
    caller.login("ann@example.com", PASSWORD);
    for _ in 0..3 {
        caller.login("canary-name@example.com", "canary-password");
    }
    caller.ask("get_user", &json!({ "identifier": "canary-name@example.com" }));
    caller.ask_with("login", b"{}", "authorization: Bearer ub_canary_key\r\n");
    let text = gateway.get("/metrics").text;
    let families = parsed(&text);
    let expected: BTreeMap<&str, (&str, &[&str])> = BTreeMap::from([
        ("requests", ("counter", &["connector", "action", "outcome"][..])),
        ("request_duration_seconds", ("histogram", &["connector", "action"])),
        ("stage_duration_seconds", ("histogram", &["stage"])),
        ("refusals", ("counter", &["code"])),
        ("limiter_decisions", ("counter", &["scope", "decision"])),
        ("limiter_keys", ("gauge", &["scope"])),
        ("hash_queue_depth", ("gauge", &[])),
        ("runtime_tasks", ("gauge", &[])),
        ("pool_connections", ("gauge", &["connector", "state"])),
        ("breaker_state", ("gauge", &["connector"])),
        ("config_last_reload_successful", ("gauge", &["connector"])),
        ("config_last_reload_success_timestamp_seconds", ("gauge", &["connector"])),
        ("config_hash_info", ("gauge", &["hash"])),
        ("config_generations", ("gauge", &[])),
        ("watcher_last_tick_timestamp_seconds", ("gauge", &[])),
        ("audit_records", ("counter", &["result"])),
        ("audit_write_failures", ("counter", &[])),
        ("audit_queue_depth", ("gauge", &[])),
        ("log_lines_dropped", ("counter", &[])),
        ("connections", ("gauge", &[])),
        ("tls_handshake_failures", ("counter", &["reason"])),
        ("panics", ("counter", &[])),
    ]);
    for (name, (kind, labels)) in &expected {
        let family = &families[format!("userbridge_{name}")];
        assert_eq!(family["type"], *kind, "{name}\n{text}");
        let samples = family["samples"].as_array().unwrap();
        assert!(!samples.is_empty(), "{name}");
        for sample in samples {
            let found: BTreeSet<&str> = sample["labels"].as_object().unwrap().keys().map(String::as_str).collect();
            let wanted: BTreeSet<&str> = labels.iter().copied().collect();
            assert_eq!(found.into_iter().filter(|label| *label != "le").collect::<BTreeSet<_>>(), wanted, "{name}");
        }
    }
    let known: BTreeSet<String> = expected.keys().map(|name| format!("userbridge_{name}")).collect();
    let found: BTreeSet<String> = families.as_object().unwrap().keys().cloned().collect();
    assert_eq!(found, known, "a name that is not promised here");
    assert!(!text.contains("canary") && !text.contains("ann@"), "{text}");
    values(&families);
}

fn values(families: &Json) {
    let value = |name: &str, labels: Json| {
        let family = name.trim_end_matches("_total").trim_end_matches("_count");
        let samples = families[format!("userbridge_{family}")]["samples"].as_array().unwrap();
        let name = format!("userbridge_{name}");
        let found = samples.iter().find(|sample| sample["name"] == name.as_str() && sample["labels"] == labels);
        found.map(|sample| sample["value"].as_f64().unwrap())
    };
    let requests = |outcome: &str| {
        value("requests_total", json!({ "connector": "people", "action": "login", "outcome": outcome }))
    };
    assert_eq!(requests("authenticated"), Some(1.0));
    assert_eq!(requests("wrong_credentials"), Some(2.0));
    assert_eq!(requests("rate_limited"), Some(1.0));
    let decisions =
        |decision: &str| value("limiter_decisions_total", json!({ "scope": "account", "decision": decision }));
    assert_eq!((decisions("allowed"), decisions("refused")), (Some(3.0), Some(1.0)));
    for (stage, count) in [("hash_wait", 3.0), ("connector", 4.0), ("body", 5.0)] {
        assert_eq!(value("stage_duration_seconds_count", json!({ "stage": stage })), Some(count), "{stage}");
    }
    assert_eq!(value("refusals_total", json!({ "code": "unauthorized" })), Some(1.0));
    assert_eq!(value("audit_write_failures_total", json!({})), Some(0.0));
    assert_eq!(value("breaker_state", json!({ "connector": "people" })), Some(0.0));
}

#[test]
fn instances_with_different_definitions_are_told_apart() {
    let hash = |gateway: &Gateway| {
        let text = gateway.get("/metrics").text;
        let line = text.lines().find(|line| line.starts_with("userbridge_config_hash_info{")).unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    };
    let other = crate::people::DEFINITION.replace("plan: gold", "plan: silver");
    let [one, same, different] = [None, None, Some(&other)].map(|text| {
        let setup = setup(NO_LIMITS);
        let setup = match text {
            Some(text) => setup.definition("people.yaml", text),
            None => setup,
        };
        setup.start()
    });
    assert_eq!(hash(&one), hash(&same));
    assert_ne!(hash(&one), hash(&different));
    // Until both have the change, they differ; then they are equal again.
    for gateway in [&one, &same] {
        assert_ne!(hash(gateway), hash(&different));
        std::fs::write(gateway.connectors().join("people.yaml"), &other).unwrap();
        gateway.eventually("the change is served", || hash(gateway) == hash(&different));
    }
}
