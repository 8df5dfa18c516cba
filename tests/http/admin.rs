//! The operator's listener.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use serde_json::{Value as Json, json};
use userbridge::db::PoolState;
use userbridge::handler::BreakerState;
use userbridge::server::{Admin, Metrics, Moving, Readings, Reload, Settings, run_admin};

use super::support::*;

fn serve(gateway: &Running, metrics: Arc<Metrics>) -> SocketAddr {
    let listener = gateway.runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let status = || json!({"acme": {"version": "v-7f3a", "state": "serving"}});
    let admin = Arc::new(Admin::new(metrics, gateway.readiness.clone(), status));
    gateway.runtime.spawn(run_admin(listener, admin, Settings::default(), std::future::pending()));
    address
}

fn get(address: SocketAddr, path: &str) -> Reply {
    let mut client = Client::new(TcpStream::connect(address).unwrap());
    client.write(format!("GET {path} HTTP/1.1\r\nhost: admin\r\n\r\n")).reply()
}

#[test]
fn liveness_readiness_and_status() {
    let gateway = start();
    let address = serve(&gateway, gateway.metrics.clone());
    assert_eq!(get(address, "/livez").status, 200);
    assert_eq!((get(address, "/readyz").status, get(address, "/readyz").text()), (200, "ready\n".to_owned()));
    let status: Json = get(address, "/status").json();
    assert_eq!(status, json!({"state": "ready", "connectors": {"acme": {"version": "v-7f3a", "state": "serving"}}}));
    // A database that is down changes neither.
    assert_eq!(gateway.ask("get_user", &json!({"identifier": "down"})).status, 503);
    assert_eq!((get(address, "/livez").status, get(address, "/readyz").status), (200, 200));
    gateway.readiness.set_draining();
    assert_eq!((get(address, "/readyz").status, get(address, "/readyz").text()), (503, "draining\n".to_owned()));
    assert_eq!(get(address, "/livez").status, 200);
    gateway.readiness.set_ready();
    assert_eq!(get(address, "/readyz").status, 503, "there is no way back");
    assert_eq!(get(address, "/elsewhere").status, 404);
    let mut client = Client::new(TcpStream::connect(address).unwrap());
    let reply = client.write("POST /status HTTP/1.1\r\nhost: admin\r\ncontent-length: 0\r\n\r\n").reply();
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD")));
}

#[test]
fn requests_are_counted_by_what_came_of_them() {
    let gateway = start();
    let address = serve(&gateway, gateway.metrics.clone());
    for name in ["ann", "wrong", "unknown", "down", "canary-identifier"] {
        gateway.ask("login", &json!({"identifier": name, "password": "canary-password"}));
    }
    gateway.ask("get_user", &json!({"identifier": "ann"}));
    gateway.ask("get_user", &json!({"identifer": "ann"}));
    gateway.connect().write(request("POST", "/v1/connectors/nobody/login", b"{}", "")).reply();
    gateway.connect().write(request("POST", "/v1/connectors/nobody/nothing", b"{}", "")).reply();
    let reply = get(address, "/metrics");
    assert!(reply.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    let text = reply.text();
    let expected = [
        r#"userbridge_requests_total{connector="acme",action="login",outcome="authenticated"} 2"#,
        r#"userbridge_requests_total{connector="acme",action="login",outcome="wrong_credentials"} 2"#,
        r#"userbridge_requests_total{connector="acme",action="login",outcome="unavailable"} 1"#,
        r#"userbridge_requests_total{connector="acme",action="get_user",outcome="found"} 1"#,
        r#"userbridge_requests_total{connector="acme",action="get_user",outcome="invalid_input"} 1"#,
        r#"userbridge_request_duration_seconds_count{connector="acme",action="login"} 5"#,
        r#"userbridge_refusals_total{code="unknown_connector"} 1"#,
        r#"userbridge_refusals_total{code="unknown_path"} 1"#,
        "userbridge_connections ",
        "userbridge_panics_total 0",
        "userbridge_config_generations 0",
        "userbridge_hash_queue_depth 0",
        "# EOF",
    ];
    for line in expected {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    for never in ["canary", "nobody"] {
        assert!(!text.contains(never), "{never}");
    }
}

#[test]
fn readings_are_taken_at_each_scrape() {
    let gateway = start();
    let readings = || Readings {
        reloads: vec![Reload { connector: "acme".to_owned(), successful: false, last_success: 1_700_000_000.5 }],
        config_hash: Some("abc".to_owned()),
        generations: 2,
        watcher_last_tick: Some(1_700_000_001.0),
        pools: vec![("acme".to_owned(), PoolState { open: 5, busy: 3, limit: 10, last_error: None })],
        breakers: vec![("acme".to_owned(), BreakerState::Open)],
        hash_queue_depth: 4,
        migrations: vec![Moving {
            connector: "acme".to_owned(),
            users: vec![("migrated", 7), ("pending", 1)],
            remaining: Some(90),
            completed: 3,
            failures: vec![("unavailable", 2)],
        }],
        ..Readings::default()
    };
    let text = get(serve(&gateway, Arc::new(Metrics::new(gateway.access.clone(), readings))), "/metrics").text();
    let expected = [
        r#"userbridge_config_last_reload_successful{connector="acme"} 0.0"#,
        r#"userbridge_config_last_reload_success_timestamp_seconds{connector="acme"} 1700000000.5"#,
        r#"userbridge_config_hash_info{hash="abc"} 1"#,
        "userbridge_config_generations 2",
        "userbridge_watcher_last_tick_timestamp_seconds 1700000001.0",
        r#"userbridge_pool_connections{connector="acme",state="idle"} 2"#,
        r#"userbridge_pool_connections{connector="acme",state="busy"} 3"#,
        r#"userbridge_pool_connections{connector="acme",state="limit"} 10"#,
        r#"userbridge_breaker_state{connector="acme"} 2"#,
        "userbridge_hash_queue_depth 4",
        r#"userbridge_migration_users{connector="acme",state="migrated"} 7"#,
        r#"userbridge_migration_remaining_users{connector="acme"} 90"#,
        r#"userbridge_migration_completed_total{connector="acme"} 3"#,
        r#"userbridge_migration_failures_total{connector="acme",class="unavailable"} 2"#,
    ];
    for line in expected {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
