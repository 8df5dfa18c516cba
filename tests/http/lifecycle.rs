//! Connections that come, wait and leave, and the end of it all.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;
use userbridge::server::{Drain, Settings};

use super::support::*;

fn slow(action: &str) -> Vec<u8> {
    let body = match action {
        "login" | "change_password" => json!({"identifier": "slow", "password": "x"}),
        _ => json!({"identifier": "slow"}),
    };
    post(action, body.to_string().as_bytes(), "")
}

#[test]
fn a_drain_finishes_what_is_in_flight() {
    let mut gateway = start();
    let mut idle = gateway.connect();
    assert_eq!(idle.post("get_user", br#"{"identifier":"ann"}"#, "").status, 200);
    let mut clients: Vec<_> = ["login", "get_user", "change_password"]
        .map(|action| {
            let mut client = gateway.connect();
            client.write(slow(action));
            client
        })
        .into();
    eventually("three requests begin", || gateway.calls() == 4);
    assert!(gateway.readiness.is_ready());
    let served = gateway.stop();
    for client in &mut clients {
        let reply = client.reply();
        assert_eq!(reply.status, 200);
        assert!(client.is_closed());
    }
    assert!(idle.is_closed());
    assert_eq!(gateway.runtime.block_on(served).unwrap(), Drain::Complete);
    assert!(!gateway.readiness.is_ready());
    assert!(std::net::TcpStream::connect(gateway.address).is_err(), "nobody listens");
}

#[test]
fn a_drain_has_a_limit() {
    let settings = Settings { drain_limit: Duration::from_millis(50), ..Settings::default() };
    let mut gateway = start_with(open(), settings);
    let mut client = gateway.connect();
    client.write(slow("get_user"));
    eventually("the request begins", || gateway.calls() == 1);
    let start = Instant::now();
    let served = gateway.stop();
    assert_eq!(gateway.runtime.block_on(served).unwrap(), Drain::Cut);
    assert!(start.elapsed() < Duration::from_millis(250));
    assert!(client.try_reply().is_none());
}

#[test]
fn changes_and_logins_outlive_their_clients() {
    let mut gateway = start();
    for action in ["change_password", "login"] {
        let (begun, ended) = (gateway.calls(), gateway.store.ended.load(Ordering::SeqCst));
        let mut client = gateway.connect();
        client.write(slow(action));
        eventually("the request begins", || gateway.calls() == begun + 1);
        drop(client);
        eventually("and ends", || gateway.store.ended.load(Ordering::SeqCst) == ended + 1);
    }
    // A drain waits for them as well.
    let mut client = gateway.connect();
    client.write(slow("change_password"));
    eventually("the request begins", || gateway.calls() == 3);
    drop(client);
    let served = gateway.stop();
    assert_eq!(gateway.runtime.block_on(served).unwrap(), Drain::Complete);
    assert_eq!(gateway.store.ended.load(Ordering::SeqCst), 3);
}

#[test]
fn an_attempt_counts_although_its_client_left() {
    let mut settings = open();
    settings.limits.account = Some("1/h".parse().unwrap());
    let gateway = start_with(settings, Settings::default());
    let body = json!({"identifier": "slow-wrong", "password": "x"}).to_string();
    let mut client = gateway.connect();
    client.write(post("login", body.as_bytes(), ""));
    eventually("the guess reaches the store", || gateway.calls() == 1);
    drop(client);
    eventually("and is answered", || gateway.store.ended.load(Ordering::SeqCst) == 1);
    assert_eq!(gateway.post("login", body).status, 429);
}

#[test]
fn connections_beyond_the_cap_wait() {
    let gateway = start_with(open(), Settings { max_connections: 2, ..Settings::default() });
    let mut held: Vec<_> = (0..2).map(|_| gateway.connect()).collect();
    for client in &mut held {
        assert_eq!(client.post("get_user", br#"{"identifier":"ann"}"#, "").status, 200);
    }
    let mut third = gateway.connect();
    third.write(post("get_user", br#"{"identifier":"ann"}"#, ""));
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(gateway.calls(), 2, "the third waits");
    held.pop();
    assert_eq!(third.reply().status, 200);
}

#[test]
fn unix_sockets_are_served() {
    let gateway = start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.sock");
    let stores = Stores([("acme".to_owned(), gateway.store.clone())].into());
    let second = userbridge::server::Gateway::new(
        stores,
        gateway.access.clone(),
        gateway.metrics.clone(),
        gateway.readiness.clone(),
        Settings::default(),
        1,
    );
    let listener = gateway.runtime.block_on(async { tokio::net::UnixListener::bind(&path) }).unwrap();
    gateway.runtime.spawn(userbridge::server::run(listener, second.into(), std::future::pending()));
    let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let request = post("get_user", br#"{"identifier":"ann"}"#, "connection: close\r\n");
    std::io::Write::write_all(&mut stream, &request).unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn the_registry_is_asked_for_each_request() {
    let gateway = start();
    let registry: userbridge::registry::Shared = Default::default();
    let empty = userbridge::server::Gateway::new(
        registry,
        gateway.access.clone(),
        gateway.metrics.clone(),
        gateway.readiness.clone(),
        Settings::default(),
        1,
    );
    let listener = gateway.runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let mut client = Client::new(std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap());
    gateway.runtime.spawn(userbridge::server::run(listener, empty.into(), std::future::pending()));
    assert_eq!(client.post("get_user", b"{}", "").code(), "unknown_connector");
}
