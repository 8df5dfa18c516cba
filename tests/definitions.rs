//! Every shipped definition and every legal oddity of YAML: read as other parsers read it, accepted by `check`, loaded
//! by `serve`, and described by the schemas.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

#[path = "definitions/schema.rs"]
mod schema;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use serde_json::Value as Json;
use userbridge::definition;
use userbridge::diagnostic::Source;
use userbridge::handler::Resources;
use userbridge::hash::{Budget, BudgetConfig};
use userbridge::reload::{Deletion, Reloader};

use crate::gateway::client;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The YAML files below a directory of the repository.
fn yaml_below(directory: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(directory)];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).expect("the directory is there") {
            let path = entry.expect("readable").path();
            match path.extension().and_then(|extension| extension.to_str()) {
                _ if path.is_dir() => open.push(path),
                Some("yaml" | "yml") => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no YAML below {directory}");
    found
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether a YAML text is a definition or the gateway's settings; deployment files are neither.
fn has_key(text: &str, key: &str) -> bool {
    text.trim_start_matches('\u{feff}').lines().any(|line| line.starts_with(key))
}

/// Everything that is shipped for people to use.
fn shipped() -> Vec<PathBuf> {
    let all = ["connectors", "examples", "src/cli/demo"].into_iter().flat_map(yaml_below);
    all.filter(|path| has_key(&text(path), "connector:")).collect()
}

/// Legal YAML that looks odd.
fn odd() -> Vec<PathBuf> {
    yaml_below("tests/definitions")
}

fn ours(path: &Path) -> Json {
    let source = Source::new(path.display().to_string(), text(path));
    definition::parse(&source).unwrap_or_else(|diagnostic| panic!("{}: {diagnostic:?}", path.display()))
}

/// A parser of other authors that shares no code with ours.
fn theirs(path: &Path) -> Json {
    let text = text(path);
    serde_yaml::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn every_accepted_file_means_what_another_parser_reads() {
    let files: Vec<_> = ["connectors", "examples", "src/cli/demo", "tests/definitions"]
        .into_iter()
        .flat_map(yaml_below)
        .filter(|path| has_key(&text(path), "connector") || path.ends_with("userbridge.yaml") || odd().contains(path))
        .collect();
    assert!(files.len() >= 13, "{files:?}");
    let differing: Vec<_> = files.iter().filter(|path| ours(path) != theirs(path)).collect();
    assert!(
        differing.is_empty(),
        "read differently: {differing:?}\n{:#}\n{:#}",
        ours(differing[0]),
        theirs(differing[0])
    );
}

#[test]
fn the_odd_files_mean_what_they_were_written_to_mean() {
    let read = |name: &str| ours(&root().join("tests/definitions").join(name));
    let words = read("words.yaml");
    assert_eq!((&words["connector"], &words["description"]), (&"1234".into(), &"yes".into()));
    for (name, value) in [("on", "on"), ("off", "Off"), ("yes", "no"), ("leading", "0123"), ("underscored", "1_000")] {
        assert_eq!(words["configuration"][name], value, "{name}");
    }
    assert_eq!(words["configuration"]["truth"], true);
    let scalars = read("scalars.yaml");
    assert_eq!(scalars["description"], "folded into one line,\nsave for this one");
    assert_eq!(scalars["database"]["url"], "sqlite:it's.db");
    assert_eq!(scalars["actions"]["delete"]["sql"], "  DELETE FROM users\nWHERE id = {{ user_id }}");
    let by_user_id = &scalars["actions"]["get_user"]["by_user_id"]["sql"];
    assert_eq!(by_user_id, "SELECT id, email, given_name, family_name FROM users WHERE id = {{ user_id | int }}");
    for name in ["crlf.yaml", "bom-crlf.yaml"] {
        assert!(text(&root().join("tests/definitions").join(name)).contains("\r\n"), "{name} lost its line ends");
        assert_eq!(read(name)["description"], "two\nlines\n", "{name}");
    }
    assert!(text(&root().join("tests/definitions/bom.yaml")).starts_with('\u{feff}'));
}

fn userbridge(arguments: &[&str], directory: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_userbridge"));
    // A client's secret has no default, so that no example has one.
    command.env("UPSTREAM_CLIENT_SECRET", "a secret");
    command.args(arguments).current_dir(directory).output().expect("the program runs")
}

fn assert_checks(path: &Path, shown: &str) {
    let output = userbridge(&["check", &path.display().to_string()], root());
    assert!(output.status.success(), "{shown}:\n{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn every_shipped_and_odd_definition_passes_check() {
    for path in shipped().into_iter().chain(odd()) {
        assert_checks(&path, &path.display().to_string());
    }
    for path in yaml_below("examples").into_iter().filter(|path| path.ends_with("userbridge.yaml")) {
        // Completed as it asks its reader to.
        let folder = tempfile::tempdir().expect("a temporary folder");
        let completed = folder.path().join("userbridge.yaml");
        crate::faces::entra::write_keys(folder.path());
        let clients = match has_key(&text(&path), "clients:") {
            true => String::new(),
            false => format!("clients:\n{}", client().yaml),
        };
        std::fs::write(&completed, text(&path) + &clients).expect("writable");
        assert_checks(&completed, &path.display().to_string());
    }
}

/// The blocks between "```yaml" and "```".
fn fences(markdown: &str) -> Vec<String> {
    let blocks = markdown.split("\n```yaml\n").skip(1);
    blocks.map(|rest| rest.split("\n```").next().unwrap_or_default().to_owned() + "\n").collect()
}

#[test]
fn every_whole_example_of_the_readme_passes_check() {
    let readme = root().join("README.md");
    if !readme.exists() {
        eprintln!("there is no README.md: nothing to check");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let fences = fences(&text(&readme));
    let definitions = fences.iter().filter(|fence| has_key(fence, "connector:")).map(|fence| ("acme.yaml", fence));
    let settings = fences.iter().filter(|fence| has_key(fence, "clients:")).map(|fence| ("userbridge.yaml", fence));
    assert!(definitions.clone().count() > 0, "README.md shows no whole definition");
    for (name, fence) in definitions.chain(settings) {
        let path = folder.path().join(name);
        std::fs::write(&path, fence).expect("writable");
        assert_checks(&path, fence);
    }
}

/// The `password:` blocks that the README shows, each in a definition that selects what it names.
#[test]
fn every_password_block_of_the_readme_passes_check() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("secrets.env"), "APP_PEPPER=secret\n").expect("writable");
    let fences = fences(&text(&root().join("README.md")));
    let blocks = fences.iter().filter(|fence| has_key(fence, "password:") && !has_key(fence, "connector:"));
    let mut checked = 0;
    for block in blocks {
        let definition = format!(
            "version: 1\nconnector: acme\ndatabase: {{ url: 'sqlite:acme.db' }}\n{block}actions:\n  login:\n    sql: >\n      \
             SELECT id, email, user_pass, pw, pw_salt, password, salt FROM users WHERE email = {{{{ identifier }}}}\n"
        );
        std::fs::write(path("acme.yaml"), &definition).expect("writable");
        let output = userbridge(&["check", &path("acme.yaml"), "--env-file", &path("secrets.env")], root());
        assert!(output.status.success(), "{definition}\n{}", String::from_utf8_lossy(&output.stdout));
        checked += 1;
    }
    assert!(checked >= 3, "README.md shows {checked} blocks");
}

#[test]
fn the_schemas_are_current_and_describe_every_property() {
    let output = userbridge(&["schema", "--check"], root());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for name in ["connector", "gateway"] {
        let schema = schema::load(&root().join(format!("schemas/{name}.schema.json")));
        assert_eq!(schema::undescribed(&schema), Vec::<String>::new(), "in the schema of {name}");
    }
}

#[test]
fn the_schemas_accept_what_check_accepts() {
    let connector = schema::load(&root().join("schemas/connector.schema.json"));
    for path in shipped().into_iter().chain(odd()) {
        assert_eq!(schema::faults(&connector, &theirs(&path)), Vec::<String>::new(), "{}", path.display());
    }
    let gateway = schema::load(&root().join("schemas/gateway.schema.json"));
    for path in yaml_below("examples").into_iter().filter(|path| path.ends_with("userbridge.yaml")) {
        assert_eq!(schema::faults(&gateway, &theirs(&path)), Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn the_schemas_refuse_wrong_shapes() {
    let connector = schema::load(&root().join("schemas/connector.schema.json"));
    for case in ["unknown-key-top", "unknown-key-nested", "wrong-type-list", "missing-connector", "unknown-action"] {
        let path = root().join(format!("tests/check/{case}.yaml"));
        assert_ne!(schema::faults(&connector, &theirs(&path)), Vec::<String>::new(), "{case}");
    }
}

#[test]
fn every_shipped_definition_names_its_schema_in_the_first_line() {
    for path in ["connectors", "examples"].into_iter().flat_map(yaml_below) {
        let text = text(&path);
        if !has_key(&text, "connector:") {
            continue;
        }
        let schema = text.lines().next().and_then(|line| line.strip_prefix("# yaml-language-server: $schema="));
        let schema = schema.unwrap_or_else(|| panic!("{} does not begin with the modeline", path.display()));
        let target = path.parent().expect("a directory").join(schema);
        assert!(target.is_file(), "{}: no schema at {schema}", path.display());
    }
}

fn resources() -> Resources {
    let budget = Budget::new(BudgetConfig { threads: 1, queue: 1, memory: 64 << 20 }).expect("threads");
    Resources { budget: Arc::new(budget), entropy: |bytes| bytes.fill(7), clock: || 0 }
}

/// Whether `check` accepts a file, and whether the reloader serves it.
fn verdicts(path: &Path, resources: &Resources) -> (bool, bool) {
    let environment: fn(&str) -> Option<String> = |_| None;
    let loaded = definition::load(path, &environment).expect("readable");
    let accepted = loaded.iter().all(|loaded| loaded.definition.is_some());
    let clean = loaded.iter().all(|loaded| !loaded.report.is_fatal());
    assert_eq!(accepted, clean, "{}: an error without refusal, or the reverse", path.display());
    let mut reloader = Reloader::new(path, resources.clone(), Arc::new(environment));
    let change = reloader.pass(tokio::time::Instant::now(), Deletion::Careful);
    assert_eq!(change.refused.is_empty(), !change.published.is_empty(), "{}", path.display());
    (accepted, !change.published.is_empty())
}

#[tokio::test]
async fn check_accepts_exactly_what_serve_loads() {
    let resources = resources();
    let (mut accepted, mut refused) = (0, 0);
    for path in yaml_below("tests/check").into_iter().chain(shipped()).chain(odd()) {
        let (check, serve) = verdicts(&path, &resources);
        assert_eq!(check, serve, "{}", path.display());
        if check { accepted += 1 } else { refused += 1 }
    }
    assert!(accepted >= 12 && refused >= 90, "{accepted} accepted, {refused} refused");
}

#[tokio::test]
async fn mutated_definitions_get_one_verdict_too() {
    let resources = resources();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut seen = BTreeSet::new();
    for original in [root().join("src/cli/demo/shop.yaml"), root().join("tests/definitions/flow.yaml")] {
        let original = text(&original);
        let lines: Vec<&str> = original.lines().collect();
        for left_out in 0..lines.len() {
            let mutant: Vec<_> = lines.iter().enumerate().filter(|(n, _)| *n != left_out).map(|(_, l)| *l).collect();
            let path = folder.path().join("mutant.yaml");
            std::fs::write(&path, mutant.join("\n")).expect("writable");
            let (check, serve) = verdicts(&path, &resources);
            assert_eq!(check, serve, "without line {}: {}", left_out + 1, lines[left_out]);
            seen.insert(check);
        }
    }
    assert_eq!(seen.len(), 2, "both verdicts occur");
}

/// Whether the real program serves a definition.
fn serves(path: &Path) -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let settings = folder.path().join("userbridge.yaml");
    std::fs::write(&settings, "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n").expect("writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_userbridge"));
    command.args(["serve", "--dev", "--config"]).arg(&settings).arg(path);
    command.current_dir(folder.path()).stderr(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().expect("the program runs");
    let lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let serving = lines.into_iter().any(|line| line.contains("\"serving\""));
    if serving {
        child.kill().expect("it runs");
    }
    let status = child.wait().expect("it ends");
    assert!(serving || status.code() == Some(78), "{}: {status}", path.display());
    serving
}

#[test]
fn the_real_program_agrees() {
    for (path, expected) in [
        ("tests/definitions/flow.yaml", true),
        ("tests/definitions/bom-crlf.yaml", true),
        ("examples/quickstart/users.yaml", true),
        ("tests/check/duplicate-key-top.yaml", false),
        ("tests/check/two-deciding.yaml", false),
    ] {
        let path = root().join(path);
        let output = userbridge(&["check", &path.display().to_string()], root());
        assert_eq!(output.status.success(), expected, "check {}", path.display());
        assert_eq!(serves(&path), expected, "serve {}", path.display());
    }
}
