//! The way to an upstream: who is believed, what is kept, and what happens when it is gone.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::stand_in::{Act, StandIn, json as answer};
use super::tenant::Tenant;
use crate::gateway::{Gateway, Setup};

fn web(port: u16, more: &str) -> String {
    format!(
        "version: 1\nconnector: web\nupstream:\n  type: http\n  base_url: http://127.0.0.1:{port}\n  allow_private: true\n{more}  \
         actions:\n    get_user: {{ path: '/u/{{{{ identifier }}}}', outcomes: {{ 200: found, 404: not_found }} }}\n    \
         delete: {{ path: '/u/{{{{ user_id }}}}', outcomes: {{ 200: changed }} }}\n"
    )
}

fn find(gateway: &Gateway, connector: &str) -> Json {
    gateway.call(connector, "get_user", &json!({ "identifier": "ann@example.com" })).json()
}

fn ann() -> Act {
    answer(200, json!({ "id": "ann" }))
}

#[test]
fn a_certificate_of_another_name_or_of_nobody_is_not_believed() {
    let right = Tenant::start();
    let gateway = right.gateway("");
    assert_eq!(find(&gateway, "tenant")["user"]["user_id"], "tenant|ann");
    let wrong = Tenant::named(&["tenant.example"]);
    let gateway = wrong.setup("").without_databases().start();
    assert_eq!(find(&gateway, "tenant")["code"], "unavailable");
    assert!(wrong.server.take().is_empty(), "nothing was said to a stranger");
    gateway.eventually("it is said why", || gateway.log().contains("TLS"));
    // The right name, signed by an authority that nobody trusts.
    let definition = right.definition("").replace("  ca: ca.pem\n", "");
    let setup = Setup::new().definition("tenant.yaml", &definition).env("TENANT_SECRET", super::tenant::SECRET);
    let gateway = setup.without_databases().start();
    right.server.take();
    assert_eq!(find(&gateway, "tenant")["code"], "unavailable");
    assert!(right.server.take().is_empty());
    gateway.eventually("it is said why", || gateway.log().contains("UnknownIssuer"));
}

#[test]
fn a_name_that_leads_to_this_machine_is_refused_when_it_is_connected_to() {
    let server = StandIn::plain(|_| ann());
    // The name of this machine: public by its text, private by its address.
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
    let text = web(server.address.port(), "  allow_insecure: true\n").replace("127.0.0.1", &name);
    let refused = text.replace("  allow_private: true\n", "");
    let gateway = Setup::new().definition("web.yaml", &refused).without_databases().start();
    assert_eq!(find(&gateway, "web")["code"], "unavailable");
    gateway.eventually("it is said why", || {
        let log = gateway.log();
        log.contains("private network") || log.contains("name is not known")
    });
    assert_eq!(server.connections(), 0);
}

#[test]
fn connections_are_kept_over_requests_and_over_edits() {
    let server = StandIn::plain(|_| ann());
    let text = web(server.address.port(), "");
    let gateway = Setup::new().definition("web.yaml", &text).start();
    (0..20).for_each(|_| assert_eq!(find(&gateway, "web")["user"]["user_id"], "web|ann"));
    assert_eq!(server.connections(), 1);
    // Another path on the same host.
    let edited = text.replace("/u/{{ identifier }}", "/v/{{ identifier }}");
    std::fs::write(gateway.connectors().join("web.yaml"), edited).unwrap();
    gateway.eventually("the edit is served", || {
        find(&gateway, "web");
        server.take().iter().any(|seen| seen.target.starts_with("/v/"))
    });
    let warm = server.connections();
    assert!(warm <= 3, "{warm}");
    (0..20).for_each(|_| assert_eq!(find(&gateway, "web")["user"]["user_id"], "web|ann"));
    assert_eq!(server.connections(), warm);
    let status = &gateway.get("/status").json()["connectors"][0];
    assert_eq!((status["store"].as_str(), status["database"]["breaker"].as_str()), (Some("upstream"), Some("closed")));
    assert!(status["database"]["open"].as_u64() >= Some(1), "{status}");
    assert!(gateway.get("/metrics").text.contains("connector=\"web\""));
}

#[test]
fn no_more_connections_are_open_than_declared() {
    let server = StandIn::plain(|_| Act::Slow(Duration::from_millis(100), Box::new(ann())));
    let gateway = Setup::new().definition("web.yaml", &web(server.address.port(), "  max_connections: 2\n")).start();
    std::thread::scope(|scope| {
        (0..12).for_each(|_| drop(scope.spawn(|| assert_eq!(find(&gateway, "web")["user"]["user_id"], "web|ann"))));
    });
    assert!(server.connections() <= 3, "{}", server.connections());
}

#[test]
fn a_connection_that_was_closed_meanwhile_costs_nobody_a_request() {
    let server = StandIn::plain(|_| Act::Last(Box::new(ann())));
    let gateway = Setup::new().definition("web.yaml", &web(server.address.port(), "")).start();
    for _ in 0..5 {
        assert_eq!(find(&gateway, "web")["user"]["user_id"], "web|ann");
        std::thread::sleep(Duration::from_millis(120));
        let deleted = gateway.call("web", "delete", &json!({ "user_id": "web|ann" })).json();
        assert_eq!(deleted, json!({ "changed": true }));
        std::thread::sleep(Duration::from_millis(120));
    }
    assert_eq!(server.take().len(), 10);
}

#[test]
fn an_upstream_that_is_gone_is_spared_and_found_again() {
    let server = StandIn::plain(|_| ann());
    let port = server.address.port();
    let gateway = Setup::new().definition("web.yaml", &web(port, "")).start();
    assert_eq!(find(&gateway, "web")["user"]["user_id"], "web|ann");
    drop(server);
    gateway.eventually("the breaker opens", || {
        assert_eq!(find(&gateway, "web")["code"], "unavailable");
        gateway.get("/status").json()["connectors"][0]["database"]["breaker"] != "closed"
    });
    gateway.eventually("it is logged", || gateway.log().contains("breaker open: the upstream is not asked"));
    let _back = StandIn::again(port, |_| ann());
    gateway.eventually("it is asked again", || find(&gateway, "web")["user"]["user_id"] == "web|ann");
    gateway.eventually("it is logged", || gateway.log().contains("breaker closed: the upstream answers"));
}
