//! The gateway while it runs: settings that change, and its end.

use super::support::{BASE, Directory, PASSWORD_OF_ALL, anybody, bind, search, service, user};
use crate::gateway::client;

#[test]
fn directories_follow_the_settings() {
    let directory = Directory::small("");
    let mut open = directory.connect();
    open.send(&bind(1, &user("ann@example.com"), PASSWORD_OF_ALL.as_bytes()));
    assert_eq!(open.reply(), Some((1, 0x61, 0)));
    let mut bound = directory.connect();
    bound.send(&bind(1, &service("tests"), client().key.as_bytes()));
    assert_eq!(bound.reply(), Some((1, 0x61, 0)));

    let path = directory.gateway.folder().join("userbridge.yaml");
    let before = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, before.replace(BASE, "dc=example,dc=org")).unwrap();
    let moved = "uid=ann@example.com,ou=people,dc=example,dc=org";
    directory.gateway.eventually("the base is another one", || directory.who_am_i(moved, PASSWORD_OF_ALL).code == 0);
    assert_eq!(directory.who_am_i(&user("ann@example.com"), PASSWORD_OF_ALL).code, 49);
    open.send(&search(2, "dc=example,dc=org", &anybody()));
    assert_eq!(open.reply(), Some((2, 0x65, 50)), "who was somebody elsewhere is nobody here");

    std::fs::write(&path, before.replace(BASE, "nonsense")).unwrap();
    directory.gateway.eventually("it is refused", || directory.gateway.log().contains("is no distinguished name"));
    assert_eq!(directory.who_am_i(moved, PASSWORD_OF_ALL).code, 0, "the last good ones stay");

    std::fs::write(
        &path,
        before.replacen("listen: 127.0.0.1:0\n  directories", "listen: 127.0.0.2:0\n  directories", 1),
    )
    .unwrap();
    directory.gateway.eventually("it is reported", || directory.gateway.log().contains("need a restart"));
    assert!(directory.gateway.log().contains(r#""settings":"ldap""#), "{}", directory.gateway.log());

    // A key that is withdrawn opens nothing any more, also where it was shown before.
    let digest = before.split('"').find(|part| part.starts_with("sha256:")).unwrap();
    let other = format!("sha256:{}", "0".repeat(64));
    std::fs::write(&path, before.replace(digest, &other)).unwrap();
    directory
        .gateway
        .eventually("the key is withdrawn", || directory.who_am_i(&service("tests"), &client().key).code == 49);
    bound.send(&search(2, BASE, &anybody()));
    assert_eq!(bound.reply(), Some((2, 0x65, 50)));
}

#[test]
fn a_stop_tells_those_who_wait() {
    let directory = Directory::small("");
    let mut raw = directory.connect();
    raw.send(&bind(1, &user("ann@example.com"), PASSWORD_OF_ALL.as_bytes()));
    assert_eq!(raw.reply(), Some((1, 0x61, 0)));
    assert_eq!(directory.gateway.stop(), Some(0));
    assert_eq!(raw.reply(), Some((0, 0x78, 52)), "a notice of disconnection: unavailable");
    assert!(raw.is_closed());
}
