//! Everything at once, for a while: all actions on all databases, while definitions change and networks fail. What a
//! process holds must not grow. `USERBRIDGE_TEST_SOAK=1200` goes on for twenty minutes.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use userbridge::sql::Dialect;

use super::proxy::{Mode, Proxy};
use super::support::{Dice, alone, database, recovered, run, server_of, settings, setup};
use crate::gateway::{Gateway, Reply};
use crate::people::{HASH, PASSWORD, metric};

const CONNECTORS: [&str; 3] = ["pg", "my", "lite"];
const USERS: u64 = 50;

/// All nine actions. The version is a comment: what changes is the text, and with it every statement.
fn definition(name: &str, url: &str, version: u32) -> String {
    let written = if name == "my" { "" } else { "RETURNING id" };
    format!(
        "version: 1
connector: {name}
database: {{ url: '{url}', max_connections: 4, timeout: 1s }}
password: {{ column: password_hash, formats: [phpass], new: phpass }}
actions:
  login: {{ sql: 'SELECT id, email, password_hash FROM people WHERE email = {{{{ identifier }}}} /* {version} */' }}
  get_user:
    sql: 'SELECT id, email, username FROM people WHERE email = {{{{ identifier }}}} /* {version} */'
    by_user_id: {{ sql: 'SELECT id, email, username FROM people WHERE id = {{{{ user_id }}}} /* {version} */' }}
  create: {{ sql: 'INSERT INTO people (email, password_hash) VALUES ({{{{ email }}}}, {{{{ password_hash }}}}) {written}' }}
  verify: {{ sql: 'UPDATE people SET verified = 1 WHERE email = {{{{ email }}}}' }}
  change_password: {{ sql: 'UPDATE people SET password_hash = {{{{ password_hash }}}} WHERE email = {{{{ identifier }}}}' }}
  change_email: {{ sql: 'UPDATE people SET email = {{{{ new_email }}}} WHERE email = {{{{ email }}}}' }}
  change_username: {{ sql: 'UPDATE people SET username = {{{{ new_username }}}} WHERE username = {{{{ username }}}}' }}
  change_phone_number: {{ sql: 'UPDATE people SET phone = {{{{ new_phone_number }}}} WHERE phone = {{{{ phone_number }}}}' }}
  delete: {{ sql: 'DELETE FROM people WHERE id = {{{{ user_id }}}}' }}
"
    )
}

/// The table and its users, in the words of this database.
fn table(id: &str) -> [String; 2] {
    let users: Vec<String> =
        (0..USERS).map(|n| format!("('user{n}@example.com', 'user{n}', '+1555{n:04}', '{HASH}')")).collect();
    [
        format!(
            "CREATE TABLE people (id {id}, email VARCHAR(100) UNIQUE, username VARCHAR(100) UNIQUE, \
             phone VARCHAR(100), password_hash VARCHAR(200), verified INTEGER DEFAULT 0)"
        ),
        format!("INSERT INTO people (email, username, phone, password_hash) VALUES {}", users.join(", ")),
    ]
}

/// How often each action of each connector was done.
type Done = Mutex<BTreeMap<(&'static str, &'static str), u64>>;

/// One request of each action in turn; the user is one of those that stay, or one of this thread's own.
fn ask(gateway: &Gateway, connector: &'static str, dice: &mut Dice, own: &str, done: &Done) {
    let user = dice.below(USERS);
    let (email, name, phone) = (format!("user{user}@example.com"), format!("user{user}"), format!("+1555{user:04}"));
    let right = json!({ "identifier": email, "password": PASSWORD });
    let call = |action: &'static str, body: &Json, allowed: &[&str]| -> Reply {
        let reply = gateway.call(connector, action, body);
        let code = reply.code();
        let trouble = reply.status >= 500;
        assert!(trouble || allowed.contains(&code.as_str()), "{connector} {action} {body}: {reply:?}");
        if !trouble {
            *done.lock().unwrap().entry((connector, action)).or_default() += 1;
        }
        reply
    };
    match dice.below(12) {
        0 | 1 => drop(call("login", &right, &["user"])),
        2 => {
            let wrong = json!({ "identifier": email, "password": "wrong" });
            drop(call("login", &wrong, &["wrong_credentials"]))
        }
        3 => {
            let body = json!({ "identifier": format!("nobody{}", dice.below(1 << 30)) });
            drop(call("get_user", &body, &["not_found"]))
        }
        4 => drop(call("change_password", &right, &["changed"])),
        5 => drop(call("verify", &json!({ "email": email }), &["changed"])),
        6 => drop(call("change_email", &json!({ "email": email, "new_email": email }), &["changed"])),
        7 => drop(call("change_username", &json!({ "username": name, "new_username": name }), &["changed"])),
        8 => {
            let body = json!({ "phone_number": phone, "new_phone_number": phone });
            drop(call("change_phone_number", &body, &["changed"]))
        }
        9 => {
            // Left over from a request whose answer was lost, it is there already.
            let body = json!({ "email": own, "password": PASSWORD });
            call("create", &body, &["created", "user", "user_exists"]);
            let found = call("get_user", &json!({ "identifier": own }), &["user", "not_found"]);
            if found.status == 200 {
                let body = json!({ "user_id": found.json()["user"]["user_id"] });
                call("delete", &body, &["changed", "unchanged"]);
            }
        }
        _ => drop(call("get_user", &json!({ "identifier": email }), &["user"])),
    }
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    bytes: f64,
    descriptors: f64,
    threads: f64,
    tasks: f64,
}

impl Held {
    fn by(gateway: &Gateway) -> Self {
        let (bytes, descriptors) = super::support::usage(gateway);
        let threads = std::fs::read_dir(format!("/proc/{}/task", gateway.pid())).unwrap().count();
        let tasks = metric(gateway, "runtime_tasks");
        assert!(tasks > 0, "nothing is counted");
        Self { bytes: bytes as f64, descriptors: descriptors as f64, threads: threads as f64, tasks: tasks as f64 }
    }
}

/// The straight line that fits best: by how much it rises from the first sample to the last.
fn rise(samples: &[f64]) -> f64 {
    let count = samples.len() as f64;
    let middle = (count - 1.0) / 2.0;
    let mean = samples.iter().sum::<f64>() / count;
    let (mut above, mut below) = (0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let x = n as f64 - middle;
        above += x * (sample - mean);
        below += x * x;
    }
    above / below * (count - 1.0)
}

/// What may rise without being a leak: an allocator's slack, and connections that come and go with the faults.
const NOISE: Held = Held { bytes: 12.0 * 1024.0 * 1024.0, descriptors: 10.0, threads: 4.0, tasks: 10.0 };

/// What rose by more than its noise.
fn leaks(samples: &[Held]) -> Vec<String> {
    let of = |name: &str, noise: f64, value: fn(&Held) -> f64| {
        let risen = rise(&samples.iter().map(value).collect::<Vec<_>>());
        (risen > noise).then(|| format!("{name} rose by {risen:.0}, at most {noise:.0} are noise"))
    };
    let all = [
        of("bytes of memory", NOISE.bytes, |held| held.bytes),
        of("descriptors", NOISE.descriptors, |held| held.descriptors),
        of("threads", NOISE.threads, |held| held.threads),
        of("tasks", NOISE.tasks, |held| held.tasks),
    ];
    all.into_iter().flatten().collect()
}

/// Networks that fail and definitions that change, until it is over.
fn disturb(gateway: &Gateway, proxies: &[&Proxy], urls: &[String; 3], done: &AtomicBool) -> u32 {
    let mut version = 0;
    while !done.load(Ordering::Relaxed) {
        version += 1;
        let which = version as usize % 3;
        let path = gateway.connectors().join(format!("{}.yaml", CONNECTORS[which]));
        let aside = path.with_extension("new");
        // Each seventh edit is a mistake, and the last good version goes on.
        let text = definition(CONNECTORS[which], &urls[which], version);
        let text = if version % 7 == 0 { text.replace("actions:", "acts:") } else { text };
        std::fs::write(&aside, text).unwrap();
        std::fs::rename(&aside, &path).unwrap();
        for proxy in proxies {
            proxy.set(match version % 8 {
                3 => Mode::Dribble,
                5 => Mode::Reset,
                7 => Mode::HalfClose,
                _ => Mode::Pass,
            });
        }
        std::thread::sleep(Duration::from_millis(900));
    }
    proxies.iter().for_each(|proxy| proxy.set(Mode::Pass));
    version
}

#[expect(clippy::disallowed_methods, reason = "a longer soak is asked for in the environment")]
fn seconds() -> u64 {
    std::env::var("USERBRIDGE_TEST_SOAK").ok().and_then(|text| text.parse().ok()).unwrap_or(45).max(20)
}

#[test]
fn under_faults_and_reloads_nothing_that_a_process_holds_grows() {
    let _turn = alone();
    let (pg, my) = (database(Dialect::Postgres), database(Dialect::Mysql));
    run(&pg, &table("SERIAL PRIMARY KEY").each_ref().map(String::as_str));
    run(&my, &table("INTEGER AUTO_INCREMENT PRIMARY KEY").each_ref().map(String::as_str));
    let setup = setup().settings(settings());
    let file = setup.folder().join("people.db");
    let lite = rusqlite::Connection::open(&file).unwrap();
    lite.execute_batch(&format!("PRAGMA journal_mode = WAL; {}", table("INTEGER PRIMARY KEY").join("; "))).unwrap();
    let proxies = [Proxy::start(&server_of(&pg)), Proxy::start(&server_of(&my))];
    let urls = [proxies[0].url(&pg), proxies[1].url(&my), format!("sqlite:{}", file.display())];
    let gateway = CONNECTORS
        .iter()
        .zip(&urls)
        .fold(setup, |setup, (name, url)| setup.definition(&format!("{name}.yaml"), &definition(name, url, 0)))
        .env("USERBRIDGE_LOG", "info,userbridge::request=off")
        .start();
    let (over, done) = (AtomicBool::new(false), Done::default());
    let (samples, edits) = std::thread::scope(|scope| {
        for thread in 0..4 {
            let (gateway, over, done) = (&gateway, &over, &done);
            scope.spawn(move || {
                let mut dice = Dice(thread);
                let own = format!("own{thread}@example.com");
                while !over.load(Ordering::Relaxed) {
                    ask(gateway, CONNECTORS[dice.below(3) as usize], &mut dice, &own, done);
                }
            });
        }
        let disturbing = scope.spawn(|| disturb(&gateway, &proxies.each_ref(), &urls, &over));
        // Caches and pools fill up first.
        let begun = Instant::now();
        std::thread::sleep(Duration::from_secs(10));
        let mut samples = Vec::new();
        while begun.elapsed() < Duration::from_secs(seconds()) {
            std::thread::sleep(Duration::from_millis(500));
            samples.push(Held::by(&gateway));
        }
        over.store(true, Ordering::Relaxed);
        (samples, disturbing.join().unwrap())
    });
    assert_eq!(leaks(&samples), Vec::<String>::new(), "{samples:?}");
    assert!(edits > 10 && samples.len() > 15, "{edits} edits, {} samples: this proves nothing", samples.len());
    let done = done.into_inner().unwrap();
    assert_eq!(done.len(), 3 * 9, "every action of every connector was done: {done:?}");
    for connector in CONNECTORS {
        recovered(&gateway, || {
            gateway.call(connector, "get_user", &json!({ "identifier": "user1@example.com" })).status == 200
        });
    }
}

#[test]
fn a_leak_is_seen_and_noise_is_not() {
    let mut dice = Dice(1);
    let flat: Vec<Held> = (0..70)
        .map(|_| Held {
            bytes: (60 << 20) as f64 + dice.below(6 << 20) as f64,
            descriptors: 30.0 + dice.below(8) as f64,
            threads: 8.0 + dice.below(2) as f64,
            tasks: 20.0 + dice.below(6) as f64,
        })
        .collect();
    assert_eq!(leaks(&flat), Vec::<String>::new());
    // 512 KiB a second, one descriptor each two seconds, one thread each five, one task a second.
    let leaking = |leak: fn(&mut Held, f64)| {
        let mut samples = flat.clone();
        samples.iter_mut().enumerate().for_each(|(n, held)| leak(held, n as f64 / 2.0));
        leaks(&samples).join("; ")
    };
    assert!(leaking(|held, second| held.bytes += second * 524_288.0).starts_with("bytes of memory rose"));
    assert!(leaking(|held, second| held.descriptors += second / 2.0).starts_with("descriptors rose"));
    assert!(leaking(|held, second| held.threads += second / 5.0).starts_with("threads rose"));
    assert!(leaking(|held, second| held.tasks += second).starts_with("tasks rose"));
    assert!((rise(&[1.0, 2.0, 3.0, 4.0]) - 3.0).abs() < 1e-9);
}
