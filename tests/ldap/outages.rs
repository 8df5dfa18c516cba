//! Stores that do not answer: never "wrong password", and never an empty result.

use std::net::TcpListener;
use std::time::Duration;

use userbridge::sql::Dialect;

use super::support::{BASE, Directory, PASSWORD_OF_ALL, bind, fill, section, setup, user};
use crate::stores::Store;

fn behind(url: &str, further: &str) -> Directory {
    let mut store = Store::new(Dialect::Sqlite);
    fill(&store, 0);
    let own = std::mem::replace(&mut store.url, url.to_owned());
    let setup = setup(&store, &section(""), further, "").without_databases();
    store.url = own;
    Directory::new(store, setup)
}

#[test]
fn a_store_that_is_down_is_unavailable() {
    let directory = behind("sqlite:/nowhere/users.db", "");
    let right = directory.who_am_i(&user("ann@example.com"), PASSWORD_OF_ALL);
    assert_eq!(right.code, 52, "{right:?}");
    assert!(!right.errors.contains("nowhere"), "{right:?}");
    for filter in ["(uid=ann@example.com)", "(cn=Ann*)", "(objectClass=*)"] {
        let found = directory.search(&["-b", BASE, filter]);
        assert_eq!(found.code, 52, "{filter} {found:?}");
    }
}

#[test]
fn a_store_that_is_silent_is_busy_and_a_stop_waits_for_the_answer() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://u@127.0.0.1:{}/x?sslmode=disable", silent.local_addr().unwrap().port());
    let mut directory = behind(&url, "");
    let _ = &mut directory;
    let started = std::time::Instant::now();
    let code = directory.who_am_i(&user("ann@example.com"), PASSWORD_OF_ALL).code;
    assert!([51, 52].contains(&code), "{code} after {:?}", started.elapsed());
    let mut raw = directory.connect();
    raw.send(&bind(1, &user("ann@example.com"), PASSWORD_OF_ALL.as_bytes()));
    std::thread::sleep(Duration::from_millis(100));
    let reader = std::thread::spawn(move || [raw.reply(), raw.reply()]);
    assert_eq!(directory.gateway.stop(), Some(0));
    let [answer, notice] = reader.join().unwrap();
    assert!(matches!(answer, Some((1, 0x61, 51 | 52))), "{answer:?}");
    assert_eq!(notice, Some((0, 0x78, 52)));
}
