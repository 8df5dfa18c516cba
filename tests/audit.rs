//! The journal: one record per decision, whatever becomes of the sink.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value as Json, json};

use crate::gateway::{Gateway, client};
use crate::people::{Caller, HASH, NO_LIMITS, PASSWORD, metric, setup};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn start(audit: &str) -> Gateway {
    setup(&format!("{NO_LIMITS}audit: {{ {audit} }}\n")).start()
}

fn records(path: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    // The last line may be half written while the gateway runs.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn wrong(n: usize) -> Json {
    json!({ "identifier": format!("user{n}@example.com"), "password": "wrong" })
}

#[test]
fn under_load_there_are_as_many_records_as_decisions() {
    let gateway = start("to: 'file:audit.jsonl'");
    let path = gateway.folder().join("audit.jsonl");
    let asked: Vec<String> = std::thread::scope(|scope| {
        let workers = (0..8).map(|worker| {
            let gateway = &gateway;
            scope.spawn(move || {
                let mut caller = Caller::new(gateway);
                let ask = |n: usize| {
                    let reply = match n % 6 {
                        0 => caller.login("ann@example.com", PASSWORD),
                        1 => caller.ask("login", &wrong(n)),
                        2 => caller.ask("get_user", &json!({ "identifier": "bob@example.com" })),
                        3 => caller.ask(
                            "change_phone_number",
                            &json!({ "phone_number": "+15550001", "new_phone_number": "+15550001" }),
                        ),
                        4 => caller.ask_with("login", b"junk", ""),
                        _ => caller.ask_with("login", b"{}", "authorization: Bearer ub_nobody_x\r\n"),
                    };
                    reply.header("x-request-id").unwrap().to_owned()
                };
                (worker * 100..worker * 100 + 90).map(ask).collect::<Vec<_>>()
            })
        });
        workers.collect::<Vec<_>>().into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    gateway.signal(Signal::TERM);
    gateway.eventually("everything is written at the end", || records(&path).len() >= asked.len());
    let found = records(&path);
    assert_eq!((found.len(), asked.len()), (720, 720));
    let ids = |ids: &mut dyn Iterator<Item = String>| ids.collect::<BTreeSet<_>>();
    let recorded = ids(&mut found.iter().map(|record| record["request_id"].as_str().unwrap().to_owned()));
    assert_eq!(recorded, ids(&mut asked.into_iter()));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777 & !0o640, 0, "nobody else may read it");
    let mut outcomes: Vec<_> = found.iter().map(|record| record["outcome"].as_str().unwrap()).collect();
    outcomes.sort_unstable();
    let of = |outcome: &str| outcomes.iter().filter(|other| **other == outcome).count();
    let counts = ["authenticated", "wrong_credentials", "found", "changed", "invalid_input", "unauthorized"].map(of);
    assert_eq!(counts, [120; 6]);
}

#[test]
fn a_record_tells_who_decided_what_of_whom_and_no_secret() {
    let key = "0123456789abcdef-key";
    let gateway = setup(&format!("{NO_LIMITS}audit: {{ to: 'file:audit.jsonl', key: {{ env: AUDIT_KEY }} }}\n"))
        .env("AUDIT_KEY", key)
        .env("USERBRIDGE_LOG", "trace")
        .start();
    let mut caller = Caller::new(&gateway);
    caller.ask_with(
        "login",
        json!({ "identifier": "ann@example.com", "password": PASSWORD }).to_string().as_bytes(),
        &format!("traceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\n"),
    );
    caller.login("Canary.Nobody@example.com", "canary-password");
    caller.login(" canary.nobody@EXAMPLE.com", "canary-password");
    caller.ask("delete", &json!({ "user_id": "people|2" }));
    let path = gateway.folder().join("audit.jsonl");
    gateway.eventually("four records", || records(&path).len() == 4);
    let found = records(&path);
    let expected = json!({
        "event": "decision", "trace_id": TRACE, "client": "tests", "address": "127.0.0.1", "connector": "people",
        "action": "login", "user_id": "people|1", "outcome": "authenticated", "reason": null,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&found[0][name], value, "{name} of {}", found[0]);
    }
    assert!(found[0]["version"].as_str().is_some_and(|version| !version.is_empty()));
    assert!(found[0]["duration_us"].as_u64().is_some_and(|duration| duration > 0));
    let time = chrono::DateTime::parse_from_rfc3339(found[0]["time"].as_str().unwrap()).unwrap();
    assert!((chrono::Utc::now() - time.to_utc()).num_seconds().abs() < 60, "{time}");
    assert_eq!(found[1]["reason"], "unknown_user");
    assert_eq!(found[1]["identifier_hmac"], found[2]["identifier_hmac"], "one key for all spellings");
    assert_ne!(found[0]["identifier_hmac"], found[1]["identifier_hmac"]);
    assert_eq!(found[1]["identifier_hmac"], hmac(key, "canary.nobody@example.com"));
    assert_eq!(found[3]["outcome"], "changed");
    // Neither here nor in the log at its most verbose level, and neither in the metrics.
    let everything = std::fs::read_to_string(&path).unwrap() + &gateway.log() + &gateway.get("/metrics").text;
    for secret in ["canary", PASSWORD, HASH, key, &client().key] {
        assert!(!everything.to_lowercase().contains(&secret.to_lowercase()), "{secret}");
    }
}

fn hmac(key: &str, text: &str) -> String {
    use hmac::{KeyInit, Mac};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn identifiers_are_plain_only_where_that_was_chosen() {
    let gateway = start("to: 'file:audit.jsonl', identifiers: plain");
    Caller::new(&gateway).login("Nobody@example.com", "x");
    let path = gateway.folder().join("audit.jsonl");
    gateway.eventually("a record", || records(&path).len() == 1);
    assert_eq!(records(&path)[0]["identifier"], "Nobody@example.com");
}

#[test]
fn rotation_loses_nothing() {
    let gateway = start("to: 'file:audit.jsonl'");
    let (path, moved) = (gateway.folder().join("audit.jsonl"), gateway.folder().join("audit.jsonl.1"));
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut caller = Caller::new(&gateway);
            (0..300).for_each(|n| assert_eq!(caller.ask("login", &wrong(n)).status, 401));
        });
        gateway.eventually("some records", || records(&path).len() > 20);
        std::fs::rename(&path, &moved).unwrap();
        gateway.signal(Signal::HUP);
        asking.join().unwrap();
    });
    gateway.eventually("the rest", || records(&path).len() + records(&moved).len() == 300);
    assert!(!records(&path).is_empty(), "the new file is written to");
}

/// What comes of a login, a look-up and a change while the sink is broken.
fn answers(gateway: &Gateway) -> [u16; 3] {
    let mut caller = Caller::new(gateway);
    [
        caller.login("ann@example.com", PASSWORD).status,
        caller.ask("get_user", &json!({ "identifier": "ann@example.com" })).status,
        caller.ask("change_username", &json!({ "username": "bob", "new_username": "robert" })).status,
    ]
}

fn username_of_bob(gateway: &Gateway) -> String {
    let table = rusqlite::Connection::open(gateway.folder().join("people.db")).unwrap();
    table.query_row("SELECT username FROM people WHERE id = 2", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_full_disk_follows_the_policy() {
    for (policy, expected, name) in [
        ("", [200, 200, 503], "bob"),
        (", on_failure: deny", [503, 503, 503], "bob"),
        (", on_failure: continue", [200, 200, 200], "robert"),
    ] {
        let gateway = start(&format!("to: 'file:/dev/full'{policy}"));
        // The first record finds out.
        Caller::new(&gateway).ask_with("login", b"junk", "");
        gateway.eventually("the sink is found broken", || metric(&gateway, "audit_write_failures_total") > 0);
        assert_eq!(answers(&gateway), expected, "{policy}");
        assert_eq!(username_of_bob(&gateway), name, "{policy}: what is refused is not done");
        let denied = metric(&gateway, r#"audit_records_total{result="denied"}"#);
        assert_eq!(denied, expected.iter().filter(|status| **status == 503).count() as u64);
        if expected[2] == 503 {
            let body = json!({ "username": "bob", "new_username": "robert" });
            let reply = Caller::new(&gateway).ask("change_username", &body);
            assert_eq!((reply.code().as_str(), reply.header("retry-after")), ("audit_unavailable", Some("1")));
        }
        assert_eq!(gateway.stop(), Some(0), "it ends all the same");
    }
}

#[test]
fn a_pipe_that_nobody_reads_delays_nobody_and_loses_nothing() {
    let setup = setup(&format!("{NO_LIMITS}audit: {{ to: 'file:audit.pipe' }}\n"));
    let path = setup.folder().join("audit.pipe");
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let reader = open(&path, OFlags::RDWR | OFlags::NONBLOCK, Mode::empty()).unwrap();
    let gateway = setup.start();
    let mut caller = Caller::new(&gateway);
    let mut asked = 0;
    // 64 KiB fit into the pipe.
    while metric(&gateway, "audit_write_failures_total") == 0 {
        for n in 0..50 {
            let began = Instant::now();
            assert_eq!(caller.ask("login", &wrong(n)).status, 401);
            assert!(began.elapsed() < Duration::from_secs(5));
        }
        asked += 50;
        assert!(asked < 2000);
    }
    assert_eq!(answers(&gateway), [200, 200, 503]);
    asked += 3;
    let mut text = Vec::new();
    let mut pipe = std::fs::File::from(reader);
    let read = |text: &mut Vec<u8>, pipe: &mut std::fs::File| {
        let mut part = [0; 65536];
        while let Ok(count @ 1..) = pipe.read(&mut part) {
            text.extend_from_slice(&part[..count]);
        }
    };
    let since = Instant::now();
    while text.iter().filter(|byte| **byte == b'\n').count() < asked {
        read(&mut text, &mut pipe);
        assert!(since.elapsed() < Duration::from_secs(30), "{} of {asked}", text.len());
        std::thread::sleep(Duration::from_millis(10));
    }
    gateway.eventually("the sink is whole", || metric(&gateway, "audit_queue_depth") == 0);
    assert_eq!(answers(&gateway), [200; 3], "changes are made again");
    let text = String::from_utf8(text).unwrap();
    assert!(text.lines().all(|line| serde_json::from_str::<Json>(line).is_ok()), "every record is whole");
    assert_eq!(text.lines().count(), asked);
}

#[test]
fn a_socket_gets_syslog_messages() {
    let setup = setup(&format!("{NO_LIMITS}audit: {{ to: 'unix:log.sock' }}\n"));
    let path = setup.folder().join("log.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let gateway = setup.start();
    Caller::new(&gateway).login("ann@example.com", PASSWORD);
    let message = |socket: &UnixDatagram| {
        let mut buffer = [0; 8192];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    let text = message(&socket);
    let parts: Vec<&str> = text.splitn(8, ' ').collect();
    assert_eq!(
        (parts[0], parts[2], parts[3], parts[5], parts[6]),
        ("<85>1", "-", "userbridge", "decision", "-"),
        "{text}"
    );
    assert!(chrono::DateTime::parse_from_rfc3339(parts[1]).is_ok() && parts[4].parse::<u32>().is_ok(), "{text}");
    assert_eq!(serde_json::from_str::<Json>(parts[7]).unwrap()["outcome"], "authenticated");
    // A socket that nobody reads is full after a few messages.
    let mut caller = Caller::new(&gateway);
    (0..2000).take_while(|_| metric(&gateway, "audit_write_failures_total") == 0).for_each(|n| {
        caller.ask("login", &wrong(n));
    });
    assert_eq!(answers(&gateway), [200, 200, 503]);
    // The daemon starts anew with another socket.
    drop(socket);
    std::fs::remove_file(&path).unwrap();
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert!(message(&socket).contains("wrong_credentials"));
}

#[test]
fn a_sink_that_cannot_be_opened_is_a_refused_start() {
    for (audit, expected) in [
        ("to: 'file:missing/audit.jsonl'", "cannot write audit records to file:"),
        ("to: 'unix:nobody.sock'", "cannot write audit records to unix:"),
        ("to: syslog", "expected `stdout`, `file:PATH` or `unix:PATH`"),
        ("to: stdout, on_failure: shrug", "expected `deny`, `deny_writes` or `continue`"),
        ("to: stdout, key: { env: NO_SUCH_KEY }", "NO_SUCH_KEY"),
        ("to: stdout, identifiers: plain, key: { env: NO_SUCH_KEY }", "plain identifiers need no key"),
        ("to: stdout, queue: 0", "from 1 to 1000000"),
    ] {
        let refused = setup(&format!("audit: {{ {audit} }}\n")).env("NO_COLOR", "1").try_start().err().unwrap();
        assert_eq!(refused.code, Some(78), "{audit}");
        assert!(refused.output.contains(expected), "{audit}: {}", refused.output);
    }
    let short = setup("audit: { to: stdout, key: { env: SHORT } }\n").env("SHORT", "x").try_start().err().unwrap();
    assert!(short.output.contains("at least 16") && short.code == Some(78), "{}", short.output);
}

/// A gateway whose streams the test holds itself: standard error is read until it serves, and no further.
struct Raw {
    process: std::process::Child,
    stderr: BufReader<std::process::ChildStderr>,
    address: std::net::SocketAddr,
    _folder: tempfile::TempDir,
}

impl Raw {
    fn start(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let connectors = folder.path().join("connectors");
        std::fs::create_dir(&connectors).unwrap();
        let definition = "version: 1\nconnector: people\ndatabase: { url: 'sqlite:tiny.db?mode=rwc' }\n\
            actions: { get_user: { sql: 'SELECT 7 AS id, {{ identifier }} AS email' } }\n";
        std::fs::write(connectors.join("people.yaml"), definition).unwrap();
        let settings =
            format!("listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n{NO_LIMITS}{settings}clients:\n{}", client().yaml);
        std::fs::write(folder.path().join("userbridge.yaml"), settings).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_userbridge"))
            .arg("serve")
            .env_remove("USERBRIDGE_LOG")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        let address = loop {
            let mut line = String::new();
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it ended");
            let record: Json = serde_json::from_str(&line).unwrap_or_default();
            if record["fields"]["message"] == "serving" {
                break record["fields"]["address"].as_str().unwrap().parse().unwrap();
            }
        };
        Self { process, stderr, address, _folder: folder }
    }

    fn caller(&self) -> crate::http::support::Client {
        crate::http::support::Client::new(std::net::TcpStream::connect(self.address).unwrap())
    }

    fn ask(caller: &mut crate::http::support::Client) -> u16 {
        let headers = format!("authorization: Bearer {}\r\n", client().key);
        let path = "/v1/connectors/people/get_user";
        let body = br#"{"identifier":"ann@example.com"}"#;
        caller.write(crate::http::support::request("POST", path, body, &headers)).reply().status
    }

    fn stop(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn standard_output_holds_records_only() {
    let mut gateway = Raw::start("audit: { to: stdout }\n");
    let mut caller = gateway.caller();
    (0..20).for_each(|_| assert_eq!(Raw::ask(&mut caller), 200));
    drop(caller);
    gateway.stop(Signal::TERM);
    let mut text = String::new();
    gateway.process.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    let records: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 20);
    assert!(records.iter().all(|record| record["outcome"] == "found" && record["user_id"] == "people|7"));
}

#[test]
fn a_log_that_nobody_reads_delays_nobody_and_is_whole_at_the_end() {
    let mut gateway = Raw::start("");
    let mut caller = gateway.caller();
    // 64 KiB fit into the pipe: a writer that waits for its reader would stop at about 200 lines.
    (0..1500).for_each(|n| assert_eq!(Raw::ask(&mut caller), 200, "{n}"));
    drop(caller);
    gateway.stop(Signal::TERM);
    let mut text = String::new();
    gateway.stderr.read_to_string(&mut text).unwrap();
    let lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |message: &str| lines.iter().filter(|line| line["fields"]["message"] == message).count();
    assert_eq!((of("request"), of("stopped")), (1500, 1));
}

#[test]
fn a_trace_is_honoured_only_when_it_is_well_formed_and_its_sender_known() {
    let gateway = start("to: 'file:audit.jsonl'");
    let mut caller = Caller::new(&gateway);
    let body = br#"{"identifier":"ann@example.com"}"#;
    let good = format!("traceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\n");
    let trace = |reply: &crate::http::support::Reply| {
        let header = reply.header("traceresponse").unwrap();
        let parts: Vec<&str> = header.split('-').collect();
        assert_eq!((parts[0].len(), parts[1].len(), parts[2].len(), parts[3].len()), (2, 32, 16, 2), "{header}");
        parts[1].to_owned()
    };
    let adopted = caller.ask_with("get_user", body, &good);
    assert_eq!((trace(&adopted).as_str(), &adopted.header("traceresponse").unwrap()[52..]), (TRACE, "-01"));
    for (headers, why) in [
        ("traceparent: 00-XYZ\r\n".to_owned(), "malformed"),
        (good.to_uppercase().replace("TRACEPARENT", "traceparent"), "upper case"),
        (format!("{good}{good}"), "twice"),
        (format!("{good}authorization: Bearer ub_nobody_x\r\n"), "a stranger's"),
    ] {
        assert_ne!(trace(&caller.ask_with("get_user", body, &headers)), TRACE, "{why}");
    }
    assert_eq!(caller.ask_with("get_user", body, "").header("traceresponse"), None);
    let path = gateway.folder().join("audit.jsonl");
    gateway.eventually("six records", || records(&path).len() == 6);
    let traced = |records: &[Json]| -> Vec<String> {
        records.iter().map(|record| record["trace_id"].as_str().unwrap().to_owned()).collect()
    };
    let audited = traced(&records(&path));
    assert_eq!(audited.iter().filter(|id| *id == TRACE).count(), 1);
    assert_eq!(audited.iter().collect::<BTreeSet<_>>().len(), 6, "each one begins a trace of its own");
    gateway.eventually("six lines of the log", || {
        let lines = gateway.records().into_iter().filter(|line| line["fields"]["message"] == "request");
        traced(&lines.map(|line| line["fields"].clone()).collect::<Vec<_>>()) == audited
    });
}
