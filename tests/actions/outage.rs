//! A database that is down when the gateway starts, and comes up later.

use std::net::SocketAddr;

use serde_json::json;
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use userbridge::sql::Dialect;

use super::{PASSWORD, schema};
use crate::gateway::{Gateway, Setup};
use crate::stores::Store;

#[test]
fn sqlite() {
    let store = Store::new(Dialect::Sqlite);
    store.script(&schema(Dialect::Sqlite));
    let file = store.url.strip_prefix("sqlite:").unwrap();
    let later = format!("{file}.later");
    let gateway = start(&format!("sqlite:{later}"));
    is_down(&gateway);
    std::fs::copy(file, later).unwrap();
    recovers(&gateway);
}

#[test]
fn postgres() {
    recovers_behind_a_port(Dialect::Postgres, 5432);
}

#[test]
fn mysql() {
    recovers_behind_a_port(Dialect::Mysql, 3306);
}

fn recovers_behind_a_port(dialect: Dialect, usual: u16) {
    let store = Store::new(dialect);
    store.script(&schema(dialect));
    let mut url = url::Url::parse(&store.url).unwrap();
    let server = SocketAddr::new(url.host_str().unwrap().parse().unwrap(), url.port().unwrap_or(usual));
    let closed = Reserved::new();
    url.set_port(Some(closed.port)).unwrap();
    let gateway = start(url.as_str());
    is_down(&gateway);
    let _forwarding = closed.forward_to(server);
    recovers(&gateway);
}

fn start(url: &str) -> Gateway {
    let setup = Setup::new().env("STORE_URL", url).env("STORE_DIALECT", "unknown").without_databases();
    setup.definition("shop.yaml", include_str!("definitions/shop.yaml")).start()
}

/// Every action says "not now", and the instance stays in service.
fn is_down(gateway: &Gateway) {
    let bodies = [
        ("login", json!({ "identifier": "ann", "password": PASSWORD })),
        ("get_user", json!({ "identifier": "ann" })),
        ("create", json!({ "email": "x@example.com" })),
        ("verify", json!({ "email": "ann@example.com" })),
        ("delete", json!({ "user_id": "shop|1" })),
    ];
    for (action, body) in bodies {
        let reply = gateway.call("shop", action, &body);
        assert_eq!((reply.status, reply.code().as_str()), (503, "unavailable"), "{action}: {reply:?}");
        assert!(reply.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{reply:?}");
    }
    assert_eq!(gateway.get("/readyz").status, 200);
    let status = gateway.get("/status").json();
    assert!(status["connectors"][0]["database"]["error"].is_string(), "{status}");
}

fn recovers(gateway: &Gateway) {
    let ann = json!({ "identifier": "ann", "password": PASSWORD });
    gateway.eventually("the login works", || gateway.call("shop", "login", &ann).status == 200);
    assert_eq!(gateway.call("shop", "get_user", &json!({ "identifier": "ann" })).user()["visits"], 3);
    assert_eq!(gateway.call("shop", "verify", &json!({ "email": "ann@example.com" })).code(), "changed");
}

/// A port that is bound but not listened on: nobody else gets it, and whoever connects is refused.
struct Reserved {
    runtime: Runtime,
    socket: TcpSocket,
    port: u16,
}

impl Reserved {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = socket.local_addr().unwrap().port();
        Self { runtime, socket, port }
    }

    /// From now on, connections reach this server.
    fn forward_to(self, server: SocketAddr) -> Runtime {
        let Self { runtime, socket, .. } = self;
        runtime.spawn(async move {
            let listener = socket.listen(64).unwrap();
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(server).await.unwrap();
                    // Either side may end it.
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        runtime
    }
}
