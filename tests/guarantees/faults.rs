//! What happens on bad input, and when something fails.

use super::{Guarantee, g};

pub const GUARANTEES: &[Guarantee] = &[
    g(
        "B1",
        "A syntax error in an edit keeps the last good version",
        &["reload::storm::a_broken_edit_keeps_the_last_good_version_and_says_why"],
        "",
    ),
    g(
        "B2",
        "A refused definition is a refused start",
        &["gateway::a_refused_definition_is_a_refused_start_unless_told_otherwise"],
        "",
    ),
    g(
        "B3",
        "An unknown key is an error that says what was meant",
        &["check::every_faulty_definition_gives_its_findings_at_their_places"],
        "",
    ),
    g(
        "B4",
        "A key or a connector that is declared twice is refused",
        &[
            "check::every_faulty_definition_gives_its_findings_at_their_places",
            "check::two_files_with_one_connector_name_both_are_named",
            "reload::faults::a_second_file_of_one_name_is_refused_until_the_first_is_gone",
        ],
        "",
    ),
    g(
        "B5",
        "Bombs of aliases, huge and deep files are refused at once",
        &[
            "fuzz::hostile::bombs_of_aliases_and_a_megabyte_are_refused_at_once",
            "fuzz::hostile::hostile_definitions_are_read_in_linear_time",
        ],
        "",
    ),
    g(
        "B6",
        "An empty or missing file keeps the last good version",
        &[
            "reload::faults::a_broken_definition_affects_only_itself",
            "reload::faults::a_vanished_file_is_served_on",
            "reload::faults::a_vanished_file_is_removed_when_its_grace_is_over",
        ],
        "",
    ),
    g(
        "B7",
        "A directory that is gone says nothing about connectors",
        &["reload::faults::a_directory_that_cannot_be_read_says_nothing_about_connectors"],
        "",
    ),
    g(
        "B8",
        "What is no regular file is refused and blocks nothing",
        &[
            "reload::faults::what_is_no_regular_file_is_refused_and_blocks_nothing",
            "reload::faults::a_link_that_leads_out_of_the_directory_is_refused",
        ],
        "",
    ),
    g(
        "B9",
        "An unreadable secret refuses its connector, by its path",
        &[
            "reload::saves::a_changed_secret_is_a_changed_definition",
            "tls::private::a_secret_that_everybody_can_read_is_refused_by_its_path_and_never_shown",
            "tls::private::every_kind_of_secret_file_is_refused_when_everybody_can_read_it",
        ],
        "",
    ),
    g(
        "B10",
        "A placeholder in a text, comment or name is refused",
        &[
            "check::every_faulty_definition_gives_its_findings_at_their_places",
            "fuzz::accepted_sql_prepares_with_the_same_number_of_parameters",
        ],
        "",
    ),
    g(
        "B11",
        "A placeholder that the action does not have is refused",
        &["check::every_faulty_definition_gives_its_findings_at_their_places"],
        "",
    ),
    g(
        "B12",
        "Two statements in one text are refused",
        &["check::every_faulty_definition_gives_its_findings_at_their_places"],
        "",
    ),
    g(
        "B13",
        "A table that is gone is a misconfiguration: said once, and the breaker stays closed",
        &["faults::breaker::a_missing_table_is_misconfigured_and_complained_of_once"],
        "",
    ),
    g("B14", "Two rows for one user are neither", &["actions::sqlite", "actions::postgres", "actions::mysql"], ""),
    g(
        "B15",
        "A row of another name is nobody's, whatever the collation takes for equal",
        &[
            "faults::rows::a_row_of_another_name_is_nobodys_on_a_lenient_database",
            "faults::rows::strict_databases_find_no_such_row",
        ],
        "",
    ),
    g(
        "B16",
        "An account without a password lets nobody in",
        &[
            "hash::robust::a_row_without_a_password_lets_nobody_in",
            "actions::sqlite",
            "actions::postgres",
            "actions::mysql",
        ],
        "",
    ),
    g(
        "B17",
        "A damaged or cut-off hash matches nothing and is told to the operator",
        &[
            "hash::robust::what_a_short_column_cut_off_never_matches",
            "actions::sqlite",
            "actions::postgres",
            "actions::mysql",
        ],
        "",
    ),
    g(
        "B18",
        "A stored hash of extreme cost is refused before any work",
        &["hash::robust::what_asks_for_too_much_is_refused_at_once"],
        "",
    ),
    g(
        "B19",
        "Passwords of every length are verified or refused in the time of the others",
        &[
            "http::input::passwords_are_not_limited_by_the_protocol",
            "http::wire::bodies_end_in_time_and_size",
            "actions::sqlite",
            "actions::postgres",
            "actions::mysql",
        ],
        "",
    ),
    g(
        "B20",
        "What is no UTF-8 is refused; a password may hold any character",
        &[
            "http::input::bytes_that_are_not_utf8_are_refused",
            "http::input::requests_reach_the_connector_as_they_were_sent",
            "actions::sqlite",
            "actions::postgres",
            "actions::mysql",
        ],
        "",
    ),
    g(
        "B21",
        "Strange names are bound, and encoded in logs",
        &["actions::sqlite", "actions::postgres", "actions::mysql", "http::log::nothing_of_a_user_or_a_key_is_logged"],
        "",
    ),
    g(
        "B22",
        "Doubled members, trailing bytes and other types are refused",
        &[
            "http::input::whatever_is_not_understood_is_refused",
            "http::input::only_json_is_read",
            "fuzz::no_body_makes_the_decoder_panic_and_doubled_members_are_refused",
        ],
        "",
    ),
    g(
        "B23",
        "A body that does not fit its length ends its connection",
        &["http::wire::bodies_end_in_time_and_size"],
        "",
    ),
    g("B24", "Unknown paths and methods have one answer", &["http::answers::paths_and_methods"], ""),
    g(
        "B25",
        "Plain HTTP to a port of HTTPS is refused",
        &["tls::handshake::plain_http_gets_no_answer_from_a_tls_port"],
        "",
    ),
    g(
        "B26",
        "A forwarded address of an untrusted peer is ignored",
        &["fuzz::addresses_behind_proxies_are_those_of_a_model", "http::access::addresses_decide"],
        "",
    ),
    g("B27", "Junk among forwarded addresses denies", &["fuzz::addresses_behind_proxies_are_those_of_a_model"], ""),
    g("B28", "Forged tokens are refused, all alike", &["tokens::vectors::forged_tokens_are_refused_alike"], ""),
    g(
        "B29",
        "A host of keys that misbehaves is outlived by the keys at hand",
        &[
            "tokens::issuers::a_host_that_misbehaves_is_outlived_by_the_keys_at_hand",
            "tokens::issuers::without_any_keys_the_answer_is_neither_yes_nor_no",
        ],
        "",
    ),
    g(
        "B30",
        "Of two hundred parallel guesses as many reach the verifier as the limit says",
        &["http::limits::two_hundred_parallel_guesses_reach_the_store_five_times"],
        "",
    ),
    g(
        "B31",
        "Unknown users are answered alike and counted in bounds",
        &["limits::b31_unknown_users_are_answered_alike_and_counted_in_bounds"],
        "",
    ),
    g(
        "B32",
        "An identity provider's address is not one user",
        &["limits::b32_the_identity_providers_address_is_not_one_user"],
        "",
    ),
    g(
        "B33",
        "No store of limits can be down: each instance has its own",
        &["limits::a49_every_instance_counts_for_itself"],
        "",
    ),
    g(
        "B34",
        "Requests to a database that is down cost milliseconds",
        &[
            "faults::breaker::a_dead_database_costs_one_probe_per_interval",
            "faults::operator::status_tells_what_is_served_what_is_refused_and_what_is_down",
        ],
        "",
    ),
    g(
        "B35",
        "A database that goes silent costs a request its budget, and the pool nothing",
        &[
            "faults::recovery::service_resumes_within_two_seconds_of_every_network_fault",
            "db::faults::a_silent_peer_costs_one_deadline",
        ],
        "",
    ),
    g(
        "B36",
        "Answers that dribble harm no pool",
        &[
            "faults::recovery::service_resumes_within_two_seconds_of_every_network_fault",
            "faults::recovery::a_naive_pool_dies_of_the_same_faults",
        ],
        "",
    ),
    g(
        "B37",
        "A lost connection is replaced; a read is tried once more, a write never",
        &[
            "db::faults::a_read_that_loses_its_connection_is_tried_once_more_and_a_write_is_not",
            "db::faults::terminated_connections_are_replaced",
            "faults::processes::a_server_that_is_killed_stopped_or_cuts_its_connections_is_used_again",
        ],
        "",
    ),
    g(
        "B38",
        "A demoted primary is left for writes and still read from",
        &["faults::processes::a_demoted_primary_is_read_from_and_left_for_writes"],
        "",
    ),
    g(
        "B39",
        "Of two transactions in each other's way one is tried again",
        &["db::faults::deadlocks_are_conflicts"],
        "",
    ),
    g(
        "B40",
        "A connection that is lost during COMMIT is an unknown outcome",
        &["db::faults::a_connection_lost_after_commit_was_sent_is_an_unknown_outcome"],
        "",
    ),
    g(
        "B41",
        "A user who exists already is that, in one shape",
        &["actions::sqlite", "actions::postgres", "actions::mysql"],
        "",
    ),
    g(
        "B42",
        "A row that somebody else has locked is waited for within the budget, and holds up nobody else",
        &["faults::writes::a_locked_row_is_waited_for_within_the_budget_and_blocks_nobody_else"],
        "",
    ),
    g(
        "B43",
        "A server without a free connection is out of reach until it has one",
        &["faults::processes::a_server_without_a_free_connection_is_out_of_reach_until_it_has_one"],
        "",
    ),
    g(
        "B44",
        "A password of the database that was changed is used without a restart, and fails no request",
        &["faults::credentials::a_rotated_password_is_used_without_a_restart_and_fails_no_request"],
        "",
    ),
    g(
        "B45",
        "A database whose certificate has expired is not spoken to, and the reason is told",
        &["faults::credentials::a_database_is_who_its_certificate_says_or_is_not_spoken_to"],
        "",
    ),
    g(
        "B46",
        "A locked, full, deleted or replaced SQLite file is answered with 503 or 504, and never served for ever",
        &[
            "faults::sqlite::a_locked_file_is_waited_for_within_the_budget",
            "faults::sqlite::a_full_disk_refuses_writes_and_answers_reads",
            "faults::sqlite::a_file_that_was_deleted_or_replaced_is_not_served_for_ever",
        ],
        "",
    ),
    g(
        "B47",
        "Corrupt packets close their connection, and no part of a row is used",
        &[
            "faults::recovery::service_resumes_within_two_seconds_of_every_network_fault",
            "faults::steps::a_connection_that_ends_after_any_byte_is_neither_yes_nor_no",
        ],
        "",
    ),
    g(
        "B48",
        "Of a result with millions of rows two are read",
        &[
            "db::cancellation::ten_million_rows_are_not_waited_for",
            "db::contract::large_values_and_foreign_texts_are_refused",
        ],
        "",
    ),
    g(
        "B49",
        "A panic ends one request only, and costs nobody an attempt",
        &[
            "http::answers::a_panic_ends_one_request_only",
            "hash::budget::a_panic_is_its_callers_only",
            "handler::tests::a_panic_while_a_password_is_verified_is_neither_yes_nor_no_and_harms_nobody",
            "faults::steps::a_fault_in_any_step_is_neither_yes_nor_no_and_costs_no_attempt",
        ],
        "",
    ),
    g(
        "B50",
        "Without descriptors it waits without a busy loop, and goes on afterwards",
        &["faults::descriptors::without_descriptors_it_waits_without_a_busy_loop_and_goes_on_afterwards"],
        "",
    ),
    g(
        "B51",
        "A clock that jumps changes no limit and panics nowhere",
        &["clock::a_clock_that_jumps_changes_no_limit_and_panics_nowhere"],
        "",
    ),
    g(
        "B52",
        "A log or journal that blocks or is full delays nobody",
        &[
            "audit::a_pipe_that_nobody_reads_delays_nobody_and_loses_nothing",
            "audit::a_full_disk_follows_the_policy",
            "audit::a_log_that_nobody_reads_delays_nobody_and_is_whole_at_the_end",
        ],
        "",
    ),
    g(
        "B53",
        "A hundred SIGHUPs are one reload, and the last state wins",
        &["reload::storm::a_hundred_hangups_are_one_question"],
        "",
    ),
    g(
        "B54",
        "SIGTERM during a reload finishes what is in flight; a second one ends at once",
        &[
            "reload::storm::sigterm_during_reloads_finishes_what_is_in_flight",
            "reload::storm::a_second_sigterm_ends_at_once",
        ],
        "",
    ),
    g(
        "B55",
        "Another address to listen on needs a restart, which is said",
        &["reload::settings::what_needs_a_restart_is_said_and_not_done"],
        "",
    ),
    g(
        "B56",
        "A removed client's token is refused at its next request",
        &[
            "tokens::rotation::a_client_that_is_removed_or_may_less_is_held_to_that_at_once",
            "http::access::a_removed_client_is_refused_at_once",
        ],
        "",
    ),
    g(
        "B57",
        "Slow, idle and flooding clients do not affect honest ones",
        &[
            "http::wire::slow_heads_in_great_number_hold_nobody_up",
            "http::lifecycle::connections_beyond_the_cap_wait",
            "faults::floods::floods_of_frames_end_their_connection_and_cost_next_to_nothing",
        ],
        "",
    ),
    g(
        "B58",
        "Memory has a bound",
        &[
            "faults::load::logins_whose_clients_leave_use_no_more_memory_than_the_hash_pool_has",
            "faults::load::overload_is_shed_before_it_is_worked_on",
            "faults::load::the_whole_process_stays_below_the_memory_of_its_hash_pool_and_a_fixed_amount",
        ],
        "",
    ),
    g(
        "B59",
        "Instances with different definitions are told apart by a label of `/metrics`",
        &["metrics::instances_with_different_definitions_are_told_apart"],
        "",
    ),
    g(
        "B60",
        "`check` of definitions by strangers runs nothing and reads nothing else",
        &[
            "check::effects::a_strangers_definitions_run_nothing_and_reach_nothing_else",
            "check::effects::a_secret_that_a_definition_names_is_all_that_is_read_elsewhere",
            "check::effects::effects_are_seen",
        ],
        "",
    ),
];
