//! What a reload does to connections.

use super::*;
use crate::servers;

/// A definition that shows which connection answered.
fn text(url: &str, number: u32) -> String {
    format!(
        "version: 1
connector: pg
database: {{ url: '{url}', max_connections: 1 }}
actions:
  get_user:
    sql: SELECT pg_backend_pid() AS id, {{{{ identifier }}}}::text AS email, '{number}'::text AS name
"
    )
}

fn answer(gateway: &Gateway) -> (String, String) {
    let user = gateway.call("pg", "get_user", &json!({ "identifier": "ann" })).user();
    (user["user_id"].as_str().unwrap().to_owned(), user["name"].as_str().unwrap().to_owned())
}

#[test]
fn an_edit_of_the_sql_keeps_the_connections_and_another_address_makes_new_ones() {
    let url = servers::postgres();
    let gateway = quiet().definition("pg.yaml", &text(&url, 0)).start();
    let file = gateway.connectors().join("pg.yaml");
    let (connection, _) = answer(&gateway);
    for number in 1..=3 {
        rename_over(&file, &text(&url, number));
        soon(&gateway, "the edit is served", || answer(&gateway).1 == number.to_string());
        assert_eq!(answer(&gateway).0, connection, "another connection after edit {number}");
    }
    let other = url.replace("127.0.0.1", "localhost");
    assert_ne!(other, url);
    rename_over(&file, &text(&other, 4));
    soon(&gateway, "the other address is served", || answer(&gateway).1 == "4");
    let (new, _) = answer(&gateway);
    assert_ne!(new, connection);
    // The old pool is closed: nobody holds it any more.
    let gone = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, session) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(session);
            let pid: i32 = connection.trim_start_matches("pg|").parse().unwrap();
            client.query("SELECT 1 FROM pg_stat_activity WHERE pid = $1", &[&pid]).await.unwrap().is_empty()
        })
    };
    soon(&gateway, "the old connection is closed", gone);
}

#[test]
fn many_reloads_leave_no_descriptors_and_no_generations_behind() {
    let gateway = quiet().definition("pg.yaml", &text(&servers::postgres(), 0)).start();
    let file = gateway.connectors().join("pg.yaml");
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", gateway.pid())).unwrap().count();
    rename_over(&file, &text(&servers::postgres(), 1));
    soon(&gateway, "the first edit is served", || answer(&gateway).1 == "1");
    let before = descriptors();
    for number in 2..=12 {
        rename_over(&file, &text(&servers::postgres(), number));
        soon(&gateway, "the edit is served", || answer(&gateway).1 == number.to_string());
    }
    soon(&gateway, "descriptors are given back", || descriptors() <= before + 3);
    let metrics = gateway.get("/metrics").text;
    let generations = metrics.lines().find_map(|line| line.strip_prefix("userbridge_config_generations ")).unwrap();
    assert!(generations.parse::<u64>().unwrap() <= 2, "{generations} generations");
}
