//! Edits faster than anybody could make them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::load::Load;
use super::*;

#[test]
fn a_thousand_edits_fail_no_request_and_mix_no_versions() {
    let gateway = quiet().definition("twin.yaml", &numbered("twin", 0)).start();
    let file = gateway.connectors().join("twin.yaml");
    let load = Load::on(&gateway, "twin");
    let tick = || -> f64 {
        let text = gateway.get("/metrics").text;
        let line = text.lines().find(|line| line.starts_with("userbridge_watcher_last_tick_timestamp_seconds "));
        line.unwrap().split(' ').nth(1).unwrap().parse().unwrap()
    };
    let (mut last, mut ticks) = (tick(), 0);
    for number in 1..=1000 {
        // About every three seconds: the slowest that the watcher may look is every second and the time of a look.
        if number % 200 == 0 {
            let now = tick();
            assert!(now > last, "the watcher has not looked for three seconds, at edit {number}");
            (last, ticks) = (now, ticks + 1);
        }
        let text = match number % 10 {
            3 => numbered("twin", number).replace("actions:", "actoins:"),
            6 => numbered("twin", number).replace("{{ identifier }}", "'{{ identifier }}'"),
            _ => numbered("twin", number),
        };
        rename_over(&file, &text);
        std::thread::sleep(Duration::from_millis(12));
    }
    assert_eq!(ticks, 5);
    served(&gateway, "twin", 1000);
    let seen = load.end();
    assert!(seen.numbers.contains(&1000) && seen.numbers.len() >= 4, "{:?}", seen.numbers);
    let broken = |number: &u32| matches!(number % 10, 3 | 6);
    assert!(!seen.numbers.iter().any(broken), "a broken version was served: {:?}", seen.numbers);
    assert_eq!(state_of(&gateway, "twin.yaml"), "current");
}

#[test]
fn a_broken_edit_keeps_the_last_good_version_and_says_why() {
    let gateway = quiet().definition("twin.yaml", &numbered("twin", 1)).start();
    let file = gateway.connectors().join("twin.yaml");
    let load = Load::on(&gateway, "twin");
    for (broken, code, place) in [
        ("actoins:", "unknown-key", "twin.yaml:7:1"),
        ("actions: 'x", "yaml-syntax", "twin.yaml:"),
        ("actions: &anchor", "yaml-feature", "twin.yaml:"),
    ] {
        rename_over(&file, &numbered("twin", 2).replace("actions:", broken));
        soon(&gateway, "the edit is refused", || state_of(&gateway, "twin.yaml") == "stale");
        let status = status_of(&gateway, "twin.yaml");
        assert_eq!(status["version"], version(&numbered("twin", 1)));
        let refused = status["refused"].as_str().unwrap().to_owned();
        assert!(refused.contains(&format!("error[{code}]")) && refused.contains(place), "{broken}: {refused}");
        assert!(gateway.get("/metrics").text.contains("last_reload_successful{connector=\"twin\"} 0"));
        assert_eq!(ask(&gateway, "twin"), 1);
        rename_over(&file, &numbered("twin", 1));
        soon(&gateway, "it is mended", || state_of(&gateway, "twin.yaml") == "current");
    }
    assert_eq!(load.end().numbers.len(), 1);
    assert_eq!(logged(&gateway, "published"), 0, "the same bytes are nothing new");
}

#[test]
fn an_edit_is_served_in_less_than_a_second() {
    let gateway = quiet().definition("twin.yaml", &numbered("twin", 0)).start();
    let mut times: Vec<_> = (1..=5)
        .map(|number| {
            let saved = Instant::now();
            rename_over(&gateway.connectors().join("twin.yaml"), &numbered("twin", number));
            served(&gateway, "twin", number);
            saved.elapsed()
        })
        .collect();
    times.sort();
    assert!(times[2] < Duration::from_secs(1), "{times:?}");
}

#[test]
fn identical_bytes_change_nothing() {
    let gateway = quiet().definition("twin.yaml", &numbered("twin", 1)).start();
    let file = gateway.connectors().join("twin.yaml");
    let metric = || -> Vec<String> {
        let text = gateway.get("/metrics").text;
        let lines = text.lines().filter(|line| line.starts_with("userbridge_config_"));
        lines.map(str::to_owned).collect()
    };
    let (before, metric_before) = (status(&gateway), metric());
    assert!(metric_before.iter().any(|line| line.contains("timestamp")), "{metric_before:?}");
    for round in 0..100 {
        match round % 3 {
            0 => std::fs::File::open(&file).unwrap().set_modified(std::time::SystemTime::now()).unwrap(),
            1 => std::fs::write(&file, numbered("twin", 1)).unwrap(),
            _ => rename_over(&file, &numbered("twin", 1)),
        }
        std::thread::sleep(Duration::from_millis(15));
    }
    std::thread::sleep(Duration::from_millis(800));
    assert_eq!((status(&gateway), metric()), (before, metric_before));
    assert_eq!(logged(&gateway, "published") + logged(&gateway, "the file has vanished; serving on"), 0);
}

#[test]
fn a_hundred_hangups_are_one_question() {
    let gateway = quiet().definition("twin.yaml", &numbered("twin", 1)).start();
    let load = Load::on(&gateway, "twin");
    for _ in 0..50 {
        gateway.signal(Signal::HUP);
    }
    rename_over(&gateway.connectors().join("twin.yaml"), &numbered("twin", 2));
    for _ in 0..50 {
        gateway.signal(Signal::HUP);
        std::thread::sleep(Duration::from_millis(2));
    }
    served(&gateway, "twin", 2);
    load.end();
    assert_eq!(logged(&gateway, "published"), 1);
    assert_eq!(gateway.stop(), Some(0));
}

#[test]
fn a_hangup_at_the_start_does_not_end_the_gateway() {
    let gateway = quiet().definition("twin.yaml", &numbered("twin", 1)).start();
    gateway.signal(Signal::HUP);
    assert_eq!(ask(&gateway, "twin"), 1);
    assert_eq!(gateway.stop(), Some(0));
}

#[test]
fn sigterm_during_reloads_finishes_what_is_in_flight() {
    let gateway = quiet().definition("twin.yaml", &numbered("twin", 0)).start();
    let file = gateway.connectors().join("twin.yaml");
    let stop = Arc::new(AtomicBool::new(false));
    let writer = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            // The folder goes with the gateway: then there is nothing left to write to.
            for number in (1..1000).take_while(|_| !stop.load(Ordering::Relaxed) && file.exists()) {
                let aside = file.with_extension("new");
                let _ = std::fs::write(&aside, numbered("twin", number)).and_then(|()| std::fs::rename(aside, &file));
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    });
    let load = Load::on(&gateway, "twin");
    std::thread::sleep(Duration::from_millis(700));
    for _ in 0..5 {
        gateway.signal(Signal::HUP);
    }
    let started = Instant::now();
    assert_eq!(gateway.stop(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    // After the end nobody answers; what was accepted before was answered. A request may cross the closing of its
    // idle connection on the way, once for each caller: HTTP/1.1 cannot do better.
    let wrong = load.stop().wrong;
    let (crossed, refused): (Vec<_>, Vec<_>) = wrong.iter().partition(|text| text.contains("Peer disconnected"));
    assert!(crossed.len() <= 4, "{crossed:?}");
    let other = refused.iter().find(|text| !text.to_lowercase().contains("connection refused"));
    assert!(other.is_none(), "{other:?}");
}

#[test]
fn a_second_sigterm_ends_at_once() {
    // A row lock that is never released keeps a request in flight: SQLite's own, held by this process.
    let text =
        numbered("twin", 1).replace("deny:", "  verify: { sql: 'UPDATE t SET x = 1 WHERE y = {{ email }}' }\ndeny:");
    let setup = quiet().definition("twin.yaml", &text.replace("mode=rwc'", "mode=rwc'\n  , timeout: 20s"));
    let database = rusqlite::Connection::open(setup.folder().join("twin.db")).unwrap();
    database.execute_batch("CREATE TABLE t (x, y)").unwrap();
    let gateway = setup.start();
    assert_eq!(gateway.call("twin", "verify", &json!({ "email": "ann" })).code(), "unchanged");
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let address = gateway.address;
    let waiting = std::thread::spawn(move || {
        let body = json!({ "email": "ann" }).to_string();
        let request = ureq::post(format!("http://{address}/v1/connectors/twin/verify"));
        let key = &crate::gateway::client().key;
        request.header("authorization", format!("Bearer {key}")).content_type("application/json").send(body)
    });
    std::thread::sleep(Duration::from_millis(500));
    assert!(!waiting.is_finished(), "no request waits: {:?}", waiting.join());
    gateway.signal(Signal::TERM);
    soon(&gateway, "it stops", || gateway.log().contains("stopping"));
    std::thread::sleep(Duration::from_millis(300));
    let started = Instant::now();
    assert_eq!(gateway.stop(), Some(1));
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert!(waiting.join().unwrap().is_err(), "the request was cut");
}
