//! What the operator is told by `userbridge status`.

use std::process::{Command, Output};

use super::proxy::{Mode, Proxy};
use super::support::{alone, database, definition, get_user, server_of, setup, status};
use crate::gateway::Gateway;

fn ask(gateway: &Gateway, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_userbridge"));
    command.args(["status", "--admin", &gateway.admin.to_string()]).args(arguments);
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

#[test]
fn status_tells_what_is_served_what_is_refused_and_what_is_down() {
    let _turn = alone();
    let url = database(userbridge::sql::Dialect::Postgres);
    let proxy = Proxy::start(&server_of(&url));
    let gateway = setup().definition("acme.yaml", &definition("acme")).env("URL_ACME", proxy.url(&url)).start();
    let (code, text) = ask(&gateway, &[]);
    assert_eq!(code, Some(0), "{text}");
    for line in ["gateway: ready", "acme: fine", "breaker: closed", "everything is served"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let (code, text) = ask(&gateway, &["--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &json["connectors"][0]["connector"]), (Some(0), &"acme".into()));

    proxy.set(Mode::Reset);
    gateway.eventually("the breaker opens", || {
        get_user(&gateway, 1);
        status(&gateway)["database"]["breaker"] != "closed"
    });
    let (code, text) = ask(&gateway, &[]);
    assert!(code == Some(1) && text.contains("acme: down") && text.contains("last error: "), "{text}");
    proxy.set(Mode::Pass);

    let broken = definition("acme").replace("get_user:", "get_usr:");
    std::fs::write(gateway.connectors().join("acme.yaml"), broken).unwrap();
    gateway.eventually("the definition is refused", || status(&gateway)["state"] == "stale");
    let (code, text) = ask(&gateway, &[]);
    assert!(code == Some(1) && text.contains("acme: stale") && text.contains("did you mean `get_user`?"), "{text}");

    let mut nobody = Command::new(env!("CARGO_BIN_EXE_userbridge"));
    let output = nobody.args(["status", "--admin", &gateway.address.to_string()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("is not a gateway's `admin` address"));
}
