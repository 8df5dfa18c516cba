//! What holds always.

use super::{Guarantee, g};

pub const GUARANTEES: &[Guarantee] = &[
    g(
        "A1",
        "A request sees exactly one version of its definition",
        &["reload::storm::a_thousand_edits_fail_no_request_and_mix_no_versions"],
        "",
    ),
    g(
        "A2",
        "A request in flight is answered by the version it began with",
        &["reload::pools::a_request_in_flight_is_answered_by_the_version_it_began_with"],
        "",
    ),
    g(
        "A3",
        "An invalid file keeps the last good version and says why, with its place",
        &["reload::storm::a_broken_edit_keeps_the_last_good_version_and_says_why"],
        "",
    ),
    g(
        "A4",
        "A broken connector never affects another",
        &["reload::faults::a_broken_definition_affects_only_itself"],
        "",
    ),
    g(
        "A5",
        "An empty, missing or half-written file is no deletion",
        &[
            "reload::saves::every_kind_of_save_is_noticed_and_never_an_error",
            "reload::faults::a_vanished_file_is_served_on",
        ],
        "",
    ),
    g(
        "A6",
        "Deletion in masses is refused until it is confirmed",
        &["reload::faults::nothing_is_removed_in_masses_until_the_operator_confirms"],
        "",
    ),
    g(
        "A7",
        "A disabled connector or a removed client is refused within two seconds",
        &[
            "reload::settings::a_disabled_connector_is_refused_within_two_seconds",
            "reload::settings::a_removed_client_is_refused_and_an_added_one_admitted",
        ],
        "that a client is refused within two seconds, and not three",
    ),
    g(
        "A8",
        "Every kind of write is noticed",
        &[
            "reload::saves::every_kind_of_save_is_noticed_and_never_an_error",
            "reload::saves::a_config_maps_swap_is_noticed",
            "reload::saves::a_symlinked_directory_that_is_pointed_elsewhere_is_noticed",
            "reload::saves::a_file_behind_a_link_of_its_own_is_noticed",
        ],
        "bind mounts, an overflow of the kernel's queue, no notifications at all",
    ),
    g(
        "A9",
        "The watcher never dies",
        &["reload::storm::a_thousand_edits_fail_no_request_and_mix_no_versions"],
        "that its tick goes on meanwhile",
    ),
    g(
        "A10",
        "An edit of the SQL keeps the connections",
        &[
            "reload::pools::an_edit_of_the_sql_keeps_the_connections_and_another_address_makes_new_ones",
            "reload::pools::five_hundred_generations_leave_nothing_behind_and_keep_the_connection",
        ],
        "",
    ),
    g(
        "A11",
        "Another address is served before the old one is left, and the old pool is gone within a request's time",
        &["reload::pools::an_old_pool_whose_query_never_ends_is_gone_when_the_requests_time_is_over"],
        "",
    ),
    g(
        "A12",
        "At most two generations of a connector; descriptors and memory stay flat over five hundred",
        &["reload::pools::five_hundred_generations_leave_nothing_behind_and_keep_the_connection"],
        "",
    ),
    g("A13", "Identical bytes change nothing", &["reload::storm::identical_bytes_change_nothing"], ""),
    g(
        "A14",
        "`check` accepts exactly what `serve` loads",
        &[
            "definitions::check_accepts_exactly_what_serve_loads",
            "definitions::mutated_definitions_get_one_verdict_too",
            "definitions::the_real_program_agrees",
        ],
        "",
    ),
    g("A15", "`check` has no side effects", &[], "a run under a tracer of system calls"),
    g(
        "A16",
        "No request reaches the text of a statement",
        &[
            "properties::whatever_a_request_carries_is_bound_and_never_text",
            "check::every_faulty_definition_gives_its_findings_at_their_places",
            "actions::sqlite",
            "actions::postgres",
            "actions::mysql",
        ],
        "",
    ),
    g(
        "A17",
        "An unknown user and a wrong password are answered alike",
        &[
            "http::answers::unknown_user_and_wrong_password_are_the_same_bytes",
            "actions::sqlite",
            "actions::postgres",
            "actions::mysql",
        ],
        "",
    ),
    g(
        "A18",
        "They take the same time, within a stated bound",
        &[
            "timing::a18_unknown_and_known_users_take_the_same_time",
            "timing::a18_without_the_decoy_the_same_measurement_goes_red",
        ],
        "",
    ),
    g("A19", "Secrets are compared in constant time", &[], "a measurement"),
    g(
        "A20",
        "A password is verified exactly as it was received",
        &[
            "http::input::requests_reach_the_connector_as_they_were_sent",
            "actions::sqlite",
            "actions::postgres",
            "actions::mysql",
        ],
        "a property over every byte of a password",
    ),
    g(
        "A21",
        "However parallel and however spelled, guesses reach the verifier as often as the limit says",
        &[
            "limits::a21_parallel_guesses_in_all_spellings_reach_the_verifier_as_often_as_the_limit_says",
            "http::limits::two_hundred_parallel_guesses_reach_the_store_five_times",
        ],
        "",
    ),
    g(
        "A22",
        "A stranger cannot lock the owner of an account out",
        &["limits::a22_a_stranger_cannot_lock_the_owner_out", "limits::a22_owners_are_let_in_while_an_attack_lasts"],
        "",
    ),
    g("A23", "Limits stand before what they protect", &["limits::a23_limits_stand_before_what_they_protect"], ""),
    g("A24", "The memory of the limits is bounded", &["limits::a24_strangers_cannot_fill_the_memory"], ""),
    g(
        "A25",
        "Hashing uses no more memory than its pool has, also when clients leave",
        &[
            "faults::load::logins_whose_clients_leave_use_no_more_memory_than_the_hash_pool_has",
            "hash::budget::memory_is_never_exceeded",
            "hash::budget::a_permit_outlives_a_caller_that_left",
        ],
        "",
    ),
    g(
        "A26",
        "A stored hash that asks for too much is refused before any work",
        &["hash::robust::what_asks_for_too_much_is_refused_at_once"],
        "",
    ),
    g(
        "A27",
        "A client's address comes from trusted hops only; junk denies",
        &[
            "fuzz::addresses_behind_proxies_are_those_of_a_model",
            "http::access::addresses_decide",
            "tls::socket::a_sockets_peers_count_as_the_loopback_address",
        ],
        "",
    ),
    g("A28", "Forged tokens are refused, all alike", &["tokens::vectors::forged_tokens_are_refused_alike"], ""),
    g(
        "A29",
        "Rotated keys lose no request, and unknown keys cost one fetch",
        &[
            "tokens::rotation::keys_rotate_under_load_without_a_lost_request",
            "tokens::issuers::the_issuers_rotation_is_followed_and_unknown_keys_cost_one_fetch",
        ],
        "",
    ),
    g(
        "A30",
        "A client's assertion is good once",
        &["tokens::assertion::a_signature_is_as_good_as_a_secret_once"],
        "on every instance: instances share nothing",
    ),
    g("A31", "Of an API key only the digest is stored", &[], "a search for keys in everything that is stored"),
    g(
        "A32",
        "No secret leaves in logs, metrics, errors or panics",
        &[
            "http::log::nothing_of_a_user_or_a_key_is_logged",
            "audit::a_record_tells_who_decided_what_of_whom_and_no_secret",
            "metrics::every_promised_name_is_there_with_its_labels_and_nothing_of_a_user",
            "secrets::gateway::no_secret_leaves_the_gateway_on_sqlite",
            "secrets::gateway::no_secret_leaves_the_gateway_on_postgres",
            "secrets::gateway::no_secret_leaves_the_gateway_on_mariadb",
            "secrets::gateway::a_secret_in_a_place_that_is_shown_is_found",
            "secrets::commands::check_shows_no_secret_of_broken_files",
            "secrets::commands::the_hash_commands_show_neither_password_nor_pepper_nor_hash",
            "secrets::search::the_search_finds_a_secret_in_every_form",
        ],
        "a scan of what the other tests produce",
    ),
    g(
        "A33",
        "Trouble with the infrastructure is never a statement about a user: only a 5xx, never 401 or 404",
        &[
            "faults::processes::a_server_that_is_killed_stopped_or_cuts_its_connections_is_used_again",
            "faults::processes::a_demoted_primary_is_read_from_and_left_for_writes",
            "faults::steps::a_fault_in_any_step_is_neither_yes_nor_no_and_costs_no_attempt",
            "actions::outage::sqlite",
            "actions::outage::postgres",
            "actions::outage::mysql",
        ],
        "",
    ),
    g(
        "A34",
        "Nothing fails open: whatever fails on the way, and panics included, the answer is no yes, and a yes was done once",
        &[
            "faults::steps::a_fault_in_any_step_is_neither_yes_nor_no_and_costs_no_attempt",
            "faults::steps::what_was_answered_with_yes_was_done_once_whatever_failed_on_the_way",
            "faults::steps::a_fault_in_the_hash_pool_is_neither_yes_nor_no",
            "faults::steps::a_connection_that_ends_after_any_byte_is_neither_yes_nor_no",
        ],
        "",
    ),
    g(
        "A35",
        "Service resumes within two seconds of the end of every network fault, without a restart",
        &[
            "faults::recovery::service_resumes_within_two_seconds_of_every_network_fault",
            "faults::recovery::a_naive_pool_dies_of_the_same_faults",
        ],
        "",
    ),
    g(
        "A36",
        "No answer carries the row of another request, whoever leaves and however slow the network is",
        &[
            "faults::writes::no_answer_carries_the_row_of_another_request",
            "faults::writes::no_cancelled_look_up_leaves_its_row_to_another",
        ],
        "",
    ),
    g(
        "A37",
        "A client that leaves neither half-executes nor repeats a change, and the journal agrees",
        &[
            "faults::writes::a_change_whose_client_left_is_made_or_not_made_and_the_audit_agrees",
            "db::cancellation::a_cancelled_transaction_is_done_or_undone",
        ],
        "",
    ),
    g(
        "A38",
        "A connection that is lost during COMMIT is an unknown outcome, and nothing is repeated",
        &["db::faults::a_connection_lost_after_commit_was_sent_is_an_unknown_outcome"],
        "",
    ),
    g(
        "A39",
        "Every request ends within its budget, whatever the database does",
        &[
            "faults::processes::a_server_that_is_killed_stopped_or_cuts_its_connections_is_used_again",
            "faults::recovery::service_resumes_within_two_seconds_of_every_network_fault",
        ],
        "",
    ),
    g(
        "A40",
        "A slow or dead connector does not slow another",
        &["faults::breaker::a_silent_connector_does_not_slow_another"],
        "",
    ),
    g(
        "A41",
        "Load beyond the capacity is shed with 503 and Retry-After before it is worked on",
        &["faults::load::overload_is_shed_before_it_is_worked_on"],
        "",
    ),
    g(
        "A42",
        "A dead database costs at most one connection attempt a second",
        &[
            "faults::breaker::a_dead_database_costs_one_probe_per_interval",
            "faults::breaker::the_proxy_counts_every_attempt",
        ],
        "",
    ),
    g(
        "A43",
        "Slow clients cannot hold the server",
        &[
            "http::wire::silent_and_slow_connections_are_closed",
            "http::wire::slow_heads_in_great_number_hold_nobody_up",
        ],
        "",
    ),
    g(
        "A44",
        "Floods of HTTP/2 frames end their connection and cost next to nothing",
        &[
            "faults::floods::floods_of_frames_end_their_connection_and_cost_next_to_nothing",
            "http::wire::http2_rapid_reset_ends_the_connection",
        ],
        "",
    ),
    g(
        "A45",
        "A request with two readings is refused, and its connection closed",
        &[
            "http::wire::heads_with_two_readings_are_refused",
            "http::wire::chunked_bodies_are_read_and_their_connections_closed",
        ],
        "",
    ),
    g(
        "A46",
        "SIGTERM loses nothing that was accepted",
        &[
            "reload::storm::sigterm_during_reloads_finishes_what_is_in_flight",
            "http::lifecycle::a_drain_finishes_what_is_in_flight",
        ],
        "",
    ),
    g(
        "A47",
        "A database that is down takes no instance out of service",
        &[
            "faults::processes::a_server_that_is_killed_stopped_or_cuts_its_connections_is_used_again",
            "http::admin::liveness_readiness_and_status",
        ],
        "",
    ),
    g(
        "A48",
        "Each decision has one record; a journal that cannot be written follows the policy",
        &["audit::under_load_there_are_as_many_records_as_decisions", "audit::a_full_disk_follows_the_policy"],
        "",
    ),
    g("A49", "Several instances share one limit", &[], "instances share nothing yet"),
    g(
        "A50",
        "Every answer is one that the OpenAPI document describes",
        &[
            "openapi::every_answer_is_in_the_document",
            "openapi::with_the_database_down_every_answer_is_in_the_document",
            "openapi::an_answer_that_is_not_described_is_found",
        ],
        "",
    ),
    g(
        "A51",
        "Parsers never panic and take linear time, and databases agree with them on what is a parameter",
        &[
            "fuzz::accepted_sql_prepares_with_the_same_number_of_parameters",
            "fuzz::no_text_makes_the_statement_compiler_panic",
            "fuzz::addresses_behind_proxies_are_those_of_a_model",
            "fuzz::no_body_makes_the_decoder_panic_and_doubled_members_are_refused",
            "fuzz::hostile::no_mutation_makes_the_loader_panic",
            "fuzz::hostile::hostile_definitions_are_read_in_linear_time",
            "fuzz::hostile::hostile_statements_are_compiled_in_linear_time",
            "fuzz::hostile::hostile_bodies_are_decoded_in_linear_time",
            "fuzz::hostile::bombs_of_aliases_and_a_megabyte_are_refused_at_once",
            "hash::robust::no_parser_panics",
        ],
        "a megabyte in 100 ms as it is shipped: measured without optimisation",
    ),
    g(
        "A52",
        "Connections need only the privileges that are declared",
        &[
            "check::connect::grants::postgres_grants_are_enough_and_none_is_too_much",
            "check::connect::grants::mysql_grants_are_enough_and_none_is_too_much",
        ],
        "",
    ),
    g(
        "A53",
        "TLS to a database checks authority and name by default; less has to be asked for",
        &[
            "faults::credentials::a_database_is_who_its_certificate_says_or_is_not_spoken_to",
            "faults::credentials::a_server_without_tls_is_not_spoken_to_unless_that_was_asked_for",
        ],
        "a warning when less is asked for",
    ),
    g(
        "A54",
        "Memory, descriptors, threads and tasks do not grow",
        &[
            "faults::soak::under_faults_and_reloads_nothing_that_a_process_holds_grows",
            "faults::soak::a_leak_is_seen_and_noise_is_not",
        ],
        "",
    ),
];
