//! Files that break, vanish, change places, or are no files.

use std::os::unix::fs::symlink;

use rustix::process::Signal;

use super::load::Load;
use super::*;

fn two() -> Gateway {
    quiet().definition("a.yaml", &numbered("a", 1)).definition("b.yaml", &numbered("b", 1)).start()
}

#[test]
fn a_broken_definition_affects_only_itself() {
    let gateway = two();
    let (a, b) = (gateway.connectors().join("a.yaml"), gateway.connectors().join("b.yaml"));
    let (on_a, on_b) = (Load::on(&gateway, "a"), Load::on(&gateway, "b"));
    for broken in ["", "\n# nothing\n", "version: 1\n", "}", "\u{0}", &"[".repeat(5000)] {
        std::fs::write(&a, broken).unwrap();
        soon(&gateway, "a is refused", || state_of(&gateway, "a.yaml") == "stale");
        assert_eq!((ask(&gateway, "a"), state_of(&gateway, "b.yaml").as_str()), (1, "current"), "{broken:?}");
        std::fs::write(&a, numbered("a", 1)).unwrap();
        soon(&gateway, "a is mended", || state_of(&gateway, "a.yaml") == "current");
    }
    std::fs::write(&a, "").unwrap();
    std::fs::write(&b, numbered("b", 2)).unwrap();
    served(&gateway, "b", 2);
    soon(&gateway, "the empty file is refused", || {
        status_of(&gateway, "a.yaml")["refused"].to_string().contains("empty")
    });
    assert_eq!(on_a.end().numbers, [1].into());
    assert_eq!(on_b.end().numbers, [1, 2].into());
}

#[test]
fn a_vanished_file_is_served_on() {
    let gateway = two();
    let load = Load::on(&gateway, "a");
    std::fs::remove_file(gateway.connectors().join("a.yaml")).unwrap();
    soon(&gateway, "it is missing", || state_of(&gateway, "a.yaml") == "missing");
    assert!(gateway.get("/metrics").text.contains("last_reload_successful{connector=\"a\"} 0"));
    assert_eq!((ask(&gateway, "a"), ask(&gateway, "b"), state_of(&gateway, "b.yaml").as_str()), (1, 1, "current"));
    std::fs::write(gateway.connectors().join("a.yaml"), numbered("a", 1)).unwrap();
    soon(&gateway, "it is back", || state_of(&gateway, "a.yaml") == "current");
    assert_eq!(load.end().numbers, [1].into());
    assert_eq!(logged(&gateway, "the file has vanished; serving on"), 1);
    assert_eq!(logged(&gateway, "published"), 0);
}

#[test]
fn a_vanished_file_is_removed_when_its_grace_is_over() {
    let gateway = quiet()
        .definition("a.yaml", &numbered("a", 1))
        .definition("b.yaml", &numbered("b", 1))
        .definition("c.yaml", &numbered("c", 1))
        .start();
    let is_served = || gateway.call("a", "get_user", &json!({ "identifier": "ann" })).status == 200;
    let removed = "removed, because its file has vanished";
    std::fs::remove_file(gateway.connectors().join("a.yaml")).unwrap();
    let vanished = Instant::now();
    soon(&gateway, "it is missing", || state_of(&gateway, "a.yaml") == "missing");
    let grace = userbridge::reload::GRACE;
    while vanished.elapsed() < grace - Duration::from_secs(2) {
        assert!(is_served() && logged(&gateway, removed) == 0, "removed after {:?}", vanished.elapsed());
        std::thread::sleep(Duration::from_millis(500));
    }
    while is_served() {
        assert!(vanished.elapsed() < grace + Duration::from_secs(10), "still served");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(vanished.elapsed() >= grace, "removed after {:?}", vanished.elapsed());
    assert_eq!(logged(&gateway, removed), 1);
    assert_eq!((ask(&gateway, "b"), ask(&gateway, "c"), state_of(&gateway, "a.yaml").as_str()), (1, 1, "absent"));
}

#[test]
fn nothing_is_removed_in_masses_until_the_operator_confirms() {
    let gateway = two();
    let load = Load::on(&gateway, "a");
    for file in ["a.yaml", "b.yaml"] {
        std::fs::remove_file(gateway.connectors().join(file)).unwrap();
    }
    soon(&gateway, "both are missing", || ["a.yaml", "b.yaml"].iter().all(|f| state_of(&gateway, f) == "missing"));
    // Longer than a look or two.
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!((ask(&gateway, "a"), ask(&gateway, "b")), (1, 1));
    let warned = logged(&gateway, "more than half of the definitions have vanished; SIGHUP confirms their removal");
    assert!((1..=2).contains(&warned), "warned {warned} times");
    load.end();
    gateway.signal(Signal::HUP);
    soon(&gateway, "both are removed", || status(&gateway).as_array().unwrap().is_empty());
    let reply = gateway.call("a", "get_user", &json!({ "identifier": "ann" }));
    assert_eq!((reply.status, reply.code().as_str()), (503, "unknown_connector"));
    soon(&gateway, "both are logged", || logged(&gateway, "removed, because its file has vanished") == 2);
    std::fs::write(gateway.connectors().join("a.yaml"), numbered("a", 3)).unwrap();
    served(&gateway, "a", 3);
}

#[test]
fn a_directory_that_cannot_be_read_says_nothing_about_connectors() {
    let gateway = two();
    let (directory, away) = (gateway.connectors(), gateway.folder().join("away"));
    let load = Load::on(&gateway, "a");
    std::fs::rename(&directory, &away).unwrap();
    soon(&gateway, "both are missing", || ["a.yaml", "b.yaml"].iter().all(|f| state_of(&gateway, f) == "missing"));
    gateway.signal(Signal::HUP);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((ask(&gateway, "a"), ask(&gateway, "b")), (1, 1));
    assert_eq!(
        logged(&gateway, "cannot read the directory of definitions; serving on"),
        1,
        "said once, not at each look"
    );
    std::fs::write(away.join("b.yaml"), numbered("b", 2)).unwrap();
    std::fs::rename(&away, &directory).unwrap();
    served(&gateway, "b", 2);
    soon(&gateway, "all is well", || ["a.yaml", "b.yaml"].iter().all(|f| state_of(&gateway, f) == "current"));
    assert_eq!(load.end().numbers, [1].into());
}

#[test]
fn files_that_change_places_keep_their_connectors() {
    let gateway = two();
    let path = |name: &str| gateway.connectors().join(name);
    let (on_a, on_b) = (Load::on(&gateway, "a"), Load::on(&gateway, "b"));
    // A renamed file.
    std::fs::rename(path("a.yaml"), path("c.yaml")).unwrap();
    soon(&gateway, "the file has its new name", || state_of(&gateway, "c.yaml") == "current");
    assert_eq!(state_of(&gateway, "a.yaml"), "absent");
    // Two files that swap their names.
    std::fs::rename(path("b.yaml"), path("x")).unwrap();
    std::fs::rename(path("c.yaml"), path("b.yaml")).unwrap();
    std::fs::rename(path("x"), path("c.yaml")).unwrap();
    soon(&gateway, "both have their new names", || {
        let connector = |file| status_of(&gateway, file)["connector"].clone();
        (connector("b.yaml"), connector("c.yaml")) == ("a".into(), "b".into())
    });
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((state_of(&gateway, "b.yaml").as_str(), state_of(&gateway, "c.yaml").as_str()), ("current", "current"));
    on_a.end();
    on_b.end();
}

#[test]
fn a_second_file_of_one_name_is_refused_until_the_first_is_gone() {
    let gateway = two();
    let path = |name: &str| gateway.connectors().join(name);
    std::fs::write(path("0.yaml"), numbered("a", 2)).unwrap();
    soon(&gateway, "it is refused", || state_of(&gateway, "0.yaml") == "refused");
    let refused = status_of(&gateway, "0.yaml")["refused"].to_string();
    assert!(refused.contains("duplicate-connector") && refused.contains("a.yaml"), "{refused}");
    assert_eq!(ask(&gateway, "a"), 1, "the one in service stays, although the other's name comes first");
    std::thread::sleep(Duration::from_secs(3));
    let records = gateway.records();
    let refusals = records.iter().filter(|record| record["fields"]["file"].to_string().contains("0.yaml"));
    assert_eq!(refusals.count(), 1, "said once, not at each look");
    std::fs::remove_file(path("a.yaml")).unwrap();
    served(&gateway, "a", 2);
    assert_eq!(state_of(&gateway, "0.yaml"), "current");
}

#[test]
fn a_link_that_leads_out_of_the_directory_is_refused() {
    let gateway = two();
    let path = |name: &str| gateway.connectors().join(name);
    let private = gateway.folder().join("private");
    std::fs::create_dir(&private).unwrap();
    std::fs::write(private.join("x.yaml"), format!("{}}} # not-for-everybody\n", numbered("x", 1))).unwrap();
    symlink(private.join("x.yaml"), path("absolute.yaml")).unwrap();
    symlink("../private/x.yaml", path("upwards.yaml")).unwrap();
    symlink(&private, path("elsewhere")).unwrap();
    symlink("elsewhere/x.yaml", path("by-a-directory.yaml")).unwrap();
    symlink("/proc/self/environ", path("proc.yaml")).unwrap();
    let bad = ["absolute.yaml", "upwards.yaml", "by-a-directory.yaml", "proc.yaml"];
    soon(&gateway, "all are refused", || bad.iter().all(|file| state_of(&gateway, file) == "refused"));
    for file in bad {
        let refused = status_of(&gateway, file)["refused"].to_string();
        assert!(refused.contains("unreadable-file") && refused.contains("leads out of its directory"), "{refused}");
        assert!(!refused.contains("not-for-everybody"), "{refused}");
    }
    // The controls: the same file within the directory is read and shown, and one that is fine is served.
    std::fs::create_dir(path(".store")).unwrap();
    std::fs::copy(private.join("x.yaml"), path(".store/x.yaml")).unwrap();
    symlink(".store/x.yaml", path("inside.yaml")).unwrap();
    soon(&gateway, "it is read", || {
        status_of(&gateway, "inside.yaml")["refused"].to_string().contains("not-for-every")
    });
    std::fs::write(path(".store/x.yaml"), numbered("x", 5)).unwrap();
    served(&gateway, "x", 5);
}

#[test]
fn what_is_no_regular_file_is_refused_and_blocks_nothing() {
    let gateway = two();
    let path = |name: &str| gateway.connectors().join(name);
    rustix::fs::mknodat(rustix::fs::CWD, path("fifo.yaml"), rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
    symlink("/dev/zero", path("zero.yaml")).unwrap();
    symlink("nowhere", path("dangling.yaml")).unwrap();
    symlink("loop.yaml", path("loop.yaml")).unwrap();
    std::fs::write(path("giant.yaml"), "#".repeat(200_000)).unwrap();
    let bad = ["fifo.yaml", "zero.yaml", "dangling.yaml", "loop.yaml", "giant.yaml"];
    soon(&gateway, "all are refused", || bad.iter().all(|file| state_of(&gateway, file) == "refused"));
    rename_over(&path("a.yaml"), &numbered("a", 2));
    served(&gateway, "a", 2);
    for file in bad {
        std::fs::remove_file(path(file)).unwrap();
    }
    soon(&gateway, "they are forgotten", || status(&gateway).as_array().unwrap().len() == 2);
}
