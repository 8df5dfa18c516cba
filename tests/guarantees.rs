//! What is promised, and which test proves it: `tests/GUARANTEES.md` is written from this table, and every test that is
//! named here exists. `UPDATE_SNAPSHOTS=1` rewrites the file.

use std::path::{Path, PathBuf};

/// A promise with its proofs, as `module::test`.
struct Guarantee {
    id: &'static str,
    promise: &'static str,
    proofs: &'static [&'static str],
}

const fn g(id: &'static str, promise: &'static str, proofs: &'static [&'static str]) -> Guarantee {
    Guarantee { id, promise, proofs }
}

const GUARANTEES: &[Guarantee] = &[
    g(
        "A33",
        "Trouble with the infrastructure is never a statement about a user: only a 5xx, never 401 or 404",
        &[
            "faults::processes::a_server_that_is_killed_stopped_or_cuts_its_connections_is_used_again",
            "faults::processes::a_demoted_primary_is_read_from_and_left_for_writes",
        ],
    ),
    g(
        "A35",
        "Service resumes within two seconds of the end of every network fault, without a restart",
        &[
            "faults::recovery::service_resumes_within_two_seconds_of_every_network_fault",
            "faults::recovery::a_naive_pool_dies_of_the_same_faults",
        ],
    ),
    g(
        "A36",
        "No answer carries the row of another request, whoever leaves and however slow the network is",
        &["faults::writes::no_answer_carries_the_row_of_another_request"],
    ),
    g(
        "A37",
        "A client that leaves neither half-executes nor repeats a change",
        &[
            "faults::writes::a_change_whose_client_left_is_made_or_not_made_and_the_audit_agrees",
            "db::cancellation::a_cancelled_transaction_is_done_or_undone",
        ],
    ),
    g(
        "A38, B40",
        "A connection that is lost during COMMIT is an unknown outcome, and nothing is repeated",
        &["db::faults::a_connection_lost_after_commit_was_sent_is_an_unknown_outcome"],
    ),
    g(
        "A39",
        "Every request ends within its budget, whatever the database does",
        &[
            "faults::processes::a_server_that_is_killed_stopped_or_cuts_its_connections_is_used_again",
            "faults::recovery::service_resumes_within_two_seconds_of_every_network_fault",
        ],
    ),
    g(
        "A40",
        "A slow or dead connector does not slow another",
        &["faults::breaker::a_silent_connector_does_not_slow_another"],
    ),
    g(
        "A41",
        "Load beyond the capacity is shed with 503 and Retry-After before it is worked on",
        &["faults::load::overload_is_shed_before_it_is_worked_on"],
    ),
    g(
        "A42, B34",
        "A dead database costs at most one connection attempt a second, and requests to it milliseconds",
        &[
            "faults::breaker::a_dead_database_costs_one_probe_per_interval",
            "faults::breaker::the_proxy_counts_every_attempt",
        ],
    ),
    g(
        "A47",
        "A database that is down takes no instance out of service",
        &["faults::processes::a_server_that_is_killed_stopped_or_cuts_its_connections_is_used_again"],
    ),
    g(
        "A51",
        "Parsers never panic, and the database agrees with them on what is a parameter",
        &[
            "fuzz::accepted_sql_prepares_with_the_same_number_of_parameters",
            "fuzz::no_text_makes_the_statement_compiler_panic",
            "fuzz::addresses_behind_proxies_are_those_of_a_model",
            "fuzz::no_body_makes_the_decoder_panic_and_doubled_members_are_refused",
        ],
    ),
    g("A54", "Memory and descriptors do not grow", &["faults::load::memory_and_descriptors_stay_flat"]),
    g(
        "B13",
        "A table that is gone is a misconfiguration: said once, and the breaker stays closed",
        &["faults::breaker::a_missing_table_is_misconfigured_and_complained_of_once"],
    ),
    g(
        "B15",
        "A row of another name is nobody's, whatever the collation takes for equal",
        &[
            "faults::rows::a_row_of_another_name_is_nobodys_on_a_lenient_database",
            "faults::rows::strict_databases_find_no_such_row",
        ],
    ),
    g(
        "B35, B36, B47",
        "A silent, dribbling or garbling database costs its requests their budget, and the pool nothing",
        &[
            "faults::recovery::service_resumes_within_two_seconds_of_every_network_fault",
            "db::faults::a_silent_peer_costs_one_deadline",
        ],
    ),
    g(
        "B37",
        "A lost connection is replaced; a read is tried once more, a write never",
        &[
            "db::faults::a_read_that_loses_its_connection_is_tried_once_more_and_a_write_is_not",
            "db::faults::terminated_connections_are_replaced",
        ],
    ),
    g(
        "B38",
        "A demoted primary is left for writes and still read from",
        &["faults::processes::a_demoted_primary_is_read_from_and_left_for_writes"],
    ),
    g("B39", "Of two transactions in each other's way one is tried again", &["db::faults::deadlocks_are_conflicts"]),
    g(
        "B42",
        "A row that somebody else has locked is waited for within the budget, and holds up nobody else",
        &["faults::writes::a_locked_row_is_waited_for_within_the_budget_and_blocks_nobody_else"],
    ),
    g(
        "B43",
        "A server without a free connection is out of reach until it has one",
        &["faults::processes::a_server_without_a_free_connection_is_out_of_reach_until_it_has_one"],
    ),
    g(
        "B46",
        "A locked, full, deleted or replaced SQLite file is answered with 503 or 504, and never served for ever",
        &[
            "faults::sqlite::a_locked_file_is_waited_for_within_the_budget",
            "faults::sqlite::a_full_disk_refuses_writes_and_answers_reads",
            "faults::sqlite::a_file_that_was_deleted_or_replaced_is_not_served_for_ever",
        ],
    ),
    g(
        "B48",
        "Of a result with millions of rows two are read",
        &["db::cancellation::ten_million_rows_are_not_waited_for"],
    ),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Whether `module::test` is a test in the file of its module.
fn exists(proof: &str) -> bool {
    let Some((module, test)) = proof.rsplit_once("::") else { return false };
    let file = folder().join(format!("{}.rs", module.replace("::", "/")));
    let Ok(text) = std::fs::read_to_string(file) else { return false };
    let Some((before, _)) = text.split_once(&format!("fn {test}(")) else { return false };
    let attributes: Vec<&str> = before
        .lines()
        .rev()
        .skip_while(|line| ["", "async"].contains(&line.trim()))
        .take_while(|line| line.trim().starts_with('#'))
        .collect();
    attributes.iter().any(|line| line.contains("test")) && !attributes.iter().any(|line| line.contains("ignore"))
}

fn page() -> String {
    let mut page =
        "# Guarantees and their proofs\n\nWritten by `tests/guarantees.rs`, which fails when a test that is \
        named here does not exist; `tests/run` runs them all.\n\n| | what holds | proven by |\n|---|---|---|\n"
            .to_owned();
    for guarantee in GUARANTEES {
        let proofs: Vec<String> = guarantee.proofs.iter().map(|proof| format!("`{proof}`")).collect();
        page.push_str(&format!("| {} | {} | {} |\n", guarantee.id, guarantee.promise, proofs.join("<br>")));
    }
    page
}

#[test]
fn every_guarantee_has_proofs_that_exist() {
    for guarantee in GUARANTEES {
        assert!(!guarantee.proofs.is_empty(), "{}", guarantee.id);
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
    if option_env!("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    assert!(std::fs::read_to_string(&path).unwrap() == page(), "run the tests with UPDATE_SNAPSHOTS=1 set");
}
