//! What a reload does to connections.

use rustix::process::Signal;

use super::*;
use crate::faults::support::usage;
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
fn a_request_in_flight_is_answered_by_the_version_it_began_with() {
    let url = servers::postgres();
    let slow = |number| {
        let id =
            "CASE WHEN {{ identifier }} = 'slow' THEN (SELECT 1 FROM pg_sleep(5)) ELSE 2 END AS id /* in flight */";
        text(&url, number)
            .replace("pg_backend_pid() AS id", id)
            .replace("max_connections: 1", "max_connections: 8, timeout: 20s")
    };
    let gateway = quiet().definition("pg.yaml", &slow(0)).start();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| gateway.call("pg", "get_user", &json!({ "identifier": "slow" })));
        soon(&gateway, "the query is at work", || sessions(&url, "%pg_sleep(5)%in flight%") > 0);
        rename_over(&gateway.connectors().join("pg.yaml"), &slow(1));
        gateway.signal(Signal::HUP);
        soon(&gateway, "the edit is served meanwhile", || answer(&gateway).1 == "1");
        assert!(!waiting.is_finished(), "the request ended before the edit was served: this proves nothing");
        assert_eq!(waiting.join().unwrap().user()["name"], "0");
    });
}

/// How many generations there are in the storm below.
const GENERATIONS: u32 = 500;

#[test]
fn five_hundred_generations_leave_nothing_behind_and_keep_the_connection() {
    let gateway = quiet().definition("pg.yaml", &text(&servers::postgres(), 0)).start();
    let file = gateway.connectors().join("pg.yaml");
    let (connection, _) = answer(&gateway);
    // The first hundred fill caches and the allocator's stock.
    let mut before = (0, 0);
    for number in 1..=GENERATIONS {
        rename_over(&file, &text(&servers::postgres(), number));
        // The operator's word is taken at once; the watcher alone would wait for the dust to settle.
        gateway.signal(Signal::HUP);
        soon(&gateway, "the edit is served", || answer(&gateway).1 == number.to_string());
        if number == 100 {
            before = usage(&gateway);
        }
    }
    assert_eq!(answer(&gateway).0, connection, "another connection after {GENERATIONS} generations");
    soon(&gateway, "each was a generation", || logged(&gateway, "published") == GENERATIONS as usize);
    soon(&gateway, "descriptors are given back", || usage(&gateway).1 <= before.1 + 3);
    let grown = usage(&gateway).0.saturating_sub(before.0);
    // A generation that stayed would be its definition, its handler and its statements: tens of kilobytes.
    assert!(grown < 8 << 20, "{grown} bytes more after {GENERATIONS} generations");
    let metrics = gateway.get("/metrics").text;
    let generations = metrics.lines().find_map(|line| line.strip_prefix("userbridge_config_generations ")).unwrap();
    assert!(generations.parse::<u64>().unwrap() <= 2, "{generations} generations");
}

/// How many sessions with this query the server has.
fn sessions(url: &str, like: &str) -> i64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, session) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(session);
        let query = "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE $1";
        client.query_one(query, &[&like]).await.unwrap().get(0)
    })
}

#[test]
fn an_old_pool_whose_query_never_ends_is_gone_when_the_requests_time_is_over() {
    let url = servers::postgres();
    let sleeping = text(&url, 0).replace(
        "pg_backend_pid() AS id",
        "CASE WHEN {{ identifier }} = 'slow' THEN \
         (SELECT 1 FROM pg_sleep(60)) ELSE pg_backend_pid() END AS id /* old pool */",
    );
    let gateway = quiet().definition("pg.yaml", &sleeping).start();
    let file = gateway.connectors().join("pg.yaml");
    std::thread::scope(|scope| {
        let begun = Instant::now();
        let waiting = scope.spawn(|| gateway.call("pg", "get_user", &json!({ "identifier": "slow" })));
        soon(&gateway, "the query is at work", || sessions(&url, "%pg_sleep(60)%old pool%") > 0);
        rename_over(&file, &text(&url.replace("127.0.0.1", "localhost"), 1));
        gateway.signal(Signal::HUP);
        soon(&gateway, "the new address is served meanwhile", || answer(&gateway).1 == "1");
        assert!(
            !waiting.is_finished() && sessions(&url, "%pg_sleep(60)%old pool%") > 0,
            "the old query ended too soon"
        );
        // Its request ends with its time, and the pool with its last request.
        let reply = waiting.join().unwrap();
        assert_eq!((reply.status, reply.code().as_str()), (504, "timeout"), "{reply:?}");
        soon(&gateway, "the old pool is closed", || sessions(&url, "%pg_sleep(60)%old pool%") == 0);
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    });
}
