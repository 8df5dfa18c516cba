//! What is promised, which tests prove it, and how they last went: `tests/GUARANTEES.md` is written from this table and
//! from what a whole run of `tests/run` says of each test. Every test that is named exists, and what no test shows is
//! said. `UPDATE_SNAPSHOTS=1` rewrites the page.

#[path = "guarantees/always.rs"]
mod always;
#[path = "guarantees/faults.rs"]
mod faults;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A promise with its proofs, as `module::test`, and what of it no test shows yet.
struct Guarantee {
    id: &'static str,
    promise: &'static str,
    proofs: &'static [&'static str],
    missing: &'static str,
}

const fn g(
    id: &'static str,
    promise: &'static str,
    proofs: &'static [&'static str],
    missing: &'static str,
) -> Guarantee {
    Guarantee { id, promise, proofs, missing }
}

fn all() -> impl Iterator<Item = &'static Guarantee> {
    always::GUARANTEES.iter().chain(faults::GUARANTEES)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Whether `module::test` is a test in the file of its module, here or in the source.
fn exists(proof: &str) -> bool {
    let Some((module, test)) = proof.rsplit_once("::") else { return false };
    let file = format!("{}.rs", module.replace("::", "/"));
    let text = [folder(), Path::new(env!("CARGO_MANIFEST_DIR")).join("src")]
        .into_iter()
        .find_map(|folder| std::fs::read_to_string(folder.join(&file)).ok());
    let Some(text) = text else { return false };
    let Some((before, _)) = text.split_once(&format!("fn {test}(")) else { return false };
    let attributes: Vec<&str> = before
        .lines()
        .rev()
        .skip_while(|line| ["", "async"].contains(&line.trim()))
        .take_while(|line| line.trim().starts_with('#'))
        .collect();
    attributes.iter().any(|line| line.contains("test")) && !attributes.iter().any(|line| line.contains("ignore"))
}

/// How each test went, as one word.
type Results = BTreeMap<String, String>;

/// What the page says, which is what the last whole run said.
fn recorded(page: &str) -> Results {
    let mut results = Results::new();
    for row in page.lines() {
        let cells: Vec<&str> = row.split(" | ").collect();
        let [_, _, proofs, words] = cells[..] else { continue };
        let words = words.trim_end_matches(" |").split("<br>");
        for (proof, word) in proofs.split("<br>").zip(words) {
            results.insert(proof.trim_matches('`').to_owned(), word.to_owned());
        }
    }
    results
}

/// What `cargo test` printed: `test module::test ... ok`.
fn printed(output: &str) -> Results {
    let line = |line: &str| {
        let (test, word) = line.strip_prefix("test ")?.split_once(" ... ")?;
        let word = word.split_whitespace().next().filter(|word| ["ok", "FAILED", "ignored"].contains(word))?;
        Some((test.to_owned(), word.to_owned()))
    };
    output.lines().filter_map(line).collect()
}

fn page(results: &Results) -> String {
    let mut page =
        "# Guarantees and their proofs\n\nWritten by `tests/guarantees.rs`, which fails when a test that is \
                    named here does not exist. How a proof went is what the last whole run of `tests/run` said, as it \
                    was committed.\n\n| | what holds | proven by | last result |\n|---|---|---|---|\n"
            .to_owned();
    for guarantee in all() {
        let (mut proofs, mut words) = (Vec::new(), Vec::new());
        for proof in guarantee.proofs {
            proofs.push(format!("`{proof}`"));
            words.push(results.get(*proof).map_or("not run yet", String::as_str));
        }
        match (guarantee.missing, guarantee.proofs) {
            ("", _) => {}
            (missing, []) => proofs.push(format!("**not proven yet**: {missing}")),
            (missing, _) => proofs.push(format!("not proven yet: {missing}")),
        }
        let (proofs, words) = (proofs.join("<br>"), words.join("<br>"));
        page.push_str(&format!("| {} | {} | {proofs} | {words} |\n", guarantee.id, guarantee.promise));
    }
    page
}

#[test]
fn every_guarantee_has_proofs_that_exist() {
    let ids = (1..=54).map(|n| format!("A{n}")).chain((1..=60).map(|n| format!("B{n}")));
    assert_eq!(all().map(|guarantee| guarantee.id.to_owned()).collect::<Vec<_>>(), ids.collect::<Vec<_>>());
    for guarantee in all() {
        assert!(!guarantee.proofs.is_empty() || !guarantee.missing.is_empty(), "{}", guarantee.id);
        let missing: Vec<_> = guarantee.proofs.iter().filter(|proof| !exists(proof)).collect();
        assert!(missing.is_empty(), "{}: {missing:?}", guarantee.id);
    }
    // The control: what is no test is not taken for one.
    for wrong in ["faults::load::no_such_test", "guarantees::exists", "nowhere::a_test"] {
        assert!(!exists(wrong), "{wrong}");
    }
}

#[test]
fn the_page_is_current() {
    let path = folder().join("GUARANTEES.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut results = recorded(&text);
    // `tests/run` names the output of a whole run here once that is over.
    if let Some(output) = output() {
        results.extend(printed(&std::fs::read_to_string(output).unwrap()));
        return std::fs::write(&path, page(&results)).unwrap();
    }
    if option_env!("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, page(&results)).unwrap();
    }
    assert!(std::fs::read_to_string(&path).unwrap() == page(&results), "run the tests with UPDATE_SNAPSHOTS=1 set");
}

#[expect(clippy::disallowed_methods, reason = "tests/run says in the environment what the tests said")]
fn output() -> Option<String> {
    std::env::var("USERBRIDGE_TEST_OUTPUT").ok()
}

#[test]
fn results_are_read_from_what_the_tests_print_and_kept_in_the_page() {
    let proof = all().next().unwrap().proofs[0];
    let output = format!("running 3 tests\ntest {proof} ... FAILED\ntest a::b ... ok\ntest c - should panic ... ok\n");
    let results = printed(&output);
    assert_eq!((results[proof].as_str(), results["a::b"].as_str()), ("FAILED", "ok"));
    let written = page(&results);
    assert!(written.contains(&format!("`{proof}` | FAILED |\n")) && written.contains("not run yet"));
    assert_eq!(recorded(&written)[proof], "FAILED");
    assert_eq!(page(&recorded(&written)), written);
    assert_eq!(page(&recorded("")), page(&Results::new()));
}
