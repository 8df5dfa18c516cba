//! More load than there is capacity, and load for a long time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use userbridge::sql::Dialect;

use super::support::{
    BUDGET, Dice, abandon, alone, database, definition, email, get_user, login, percentile, rounds, settings, setup,
    start, usage,
};

#[test]
fn overload_is_shed_before_it_is_worked_on() {
    let _turn = alone();
    let url = database(Dialect::Postgres);
    let text = definition("acme").replace("[sha256, phpass], new: phpass", "[sha256, argon2], new: argon2id");
    let gateway = setup().settings(settings().replace("threads: 2, queue: 16", "threads: 1, queue: 4"));
    let gateway = gateway.definition("acme.yaml", &text).env("URL_ACME", &url).start();
    // From now on each login costs a real hash; about ten times as many callers as one thread can serve.
    let body = json!({ "identifier": email(1), "password": "hello" });
    assert_eq!(gateway.call("acme", "change_password", &body).code(), "changed");
    assert_eq!(login(&gateway, 1, "hello").status, 200);
    let before = usage(&gateway).0;
    let (accepted, shed) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let (late, lookups) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let end = Instant::now() + Duration::from_secs(4);
    std::thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| {
                while Instant::now() < end {
                    let asked = Instant::now();
                    let reply = login(&gateway, 1, "hello");
                    let time = asked.elapsed();
                    match reply.status {
                        200 => accepted.lock().unwrap().push(time),
                        503 if reply.code() == "overloaded" => {
                            assert!(reply.header("retry-after").is_some(), "{reply:?}");
                            shed.lock().unwrap().push(time);
                            std::thread::sleep(Duration::from_millis(20));
                        }
                        // Begun in time and not finished in time, on a machine that does nothing but hash.
                        status => {
                            assert!(status >= 503, "{reply:?}");
                            late.lock().unwrap().push(time);
                            std::thread::sleep(Duration::from_millis(20));
                        }
                    }
                }
            });
        }
        scope.spawn(|| {
            while Instant::now() < end {
                let asked = Instant::now();
                let found = get_user(&gateway, 2).status == 200;
                lookups.lock().unwrap().push(if found { asked.elapsed() } else { BUDGET });
                std::thread::sleep(Duration::from_millis(20));
            }
        });
    });
    let (mut accepted, mut shed) = (accepted.into_inner().unwrap(), shed.into_inner().unwrap());
    assert!(accepted.len() > 5, "{} accepted", accepted.len());
    let late = late.into_inner().unwrap().len();
    assert!(late * 20 <= shed.len() + accepted.len(), "{late} late, {} shed, {} accepted", shed.len(), accepted.len());
    // The control: there was more load than capacity.
    assert!(shed.len() > accepted.len(), "{} shed of {}", shed.len(), accepted.len());
    assert!(percentile(&mut accepted, 99) < BUDGET + Duration::from_millis(200), "{:?}", percentile(&mut accepted, 99));
    assert!(percentile(&mut shed, 99) < BUDGET, "{:?}", percentile(&mut shed, 99));
    assert!(percentile(&mut lookups.into_inner().unwrap(), 90) < Duration::from_millis(500));
    let grown = usage(&gateway).0.saturating_sub(before);
    assert!(grown < 150 << 20, "{grown} bytes more");
    assert_eq!(login(&gateway, 1, "hello").status, 200);
}

#[test]
fn memory_and_descriptors_stay_flat() {
    let _turn = alone();
    let url = database(Dialect::Mysql);
    let gateway = start(&url);
    let done = AtomicBool::new(false);
    let samples = std::thread::scope(|scope| {
        for thread in 0..4 {
            let (gateway, done) = (&gateway, &done);
            scope.spawn(move || {
                let mut dice = Dice(thread);
                while !done.load(Ordering::Relaxed) {
                    let user = dice.below(200) as usize;
                    match dice.below(10) {
                        0 => drop(login(gateway, user, "hello")),
                        1 => drop(login(gateway, user, "wrong")),
                        2 => {
                            let body = json!({ "identifier": format!("nobody{}", dice.below(1 << 30)) });
                            gateway.call("acme", "get_user", &body);
                        }
                        3 => {
                            let body = json!({ "identifier": email(user) });
                            abandon(gateway, "get_user", &body, Duration::from_micros(dice.below(2000)));
                        }
                        _ => drop(get_user(gateway, user)),
                    }
                }
            });
        }
        // Caches and pools fill up first.
        std::thread::sleep(Duration::from_secs(4));
        let samples: Vec<(u64, usize)> = (0..rounds(24))
            .map(|_| {
                std::thread::sleep(Duration::from_millis(500));
                usage(&gateway)
            })
            .collect();
        done.store(true, Ordering::Relaxed);
        samples
    });
    let memory: Vec<f64> = samples.iter().map(|(bytes, _)| *bytes as f64).collect();
    let files: Vec<f64> = samples.iter().map(|(_, files)| *files as f64).collect();
    let seconds = samples.len() as f64 / 2.0;
    // Logged lines are read by the test itself; an allocator's slack is all that may move.
    let grown = slope(&memory) * samples.len() as f64;
    assert!(grown < 8.0 * 1024.0 * 1024.0, "{grown:.0} bytes in {seconds} s: {memory:?}");
    assert!(slope(&files) * (samples.len() as f64) < 8.0, "{files:?}");
    // The control: a leak of 1 MiB a second would be seen.
    let leaking: Vec<f64> = memory.iter().enumerate().map(|(n, bytes)| bytes + n as f64 * 524_288.0).collect();
    assert!(slope(&leaking) * leaking.len() as f64 > 8.0 * 1024.0 * 1024.0);
}

/// The slope of the straight line that fits best, per sample.
fn slope(samples: &[f64]) -> f64 {
    let count = samples.len() as f64;
    let middle = (count - 1.0) / 2.0;
    let mean = samples.iter().sum::<f64>() / count;
    let (mut above, mut below) = (0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let x = n as f64 - middle;
        above += x * (sample - mean);
        below += x * x;
    }
    above / below
}
