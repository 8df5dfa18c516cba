//! What is written down of a request, and what never is.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};
use tokio::runtime::Builder;
use tracing::Dispatch;
use tracing::dispatcher::{set_default, set_global_default};
use tracing_subscriber::fmt::MakeWriter;

use super::support::*;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn records(&self) -> Vec<Json> {
        let records = self.text().lines().map(|line| serde_json::from_str::<Json>(line).unwrap()).collect::<Vec<_>>();
        records.into_iter().filter(|record| record["target"] == "userbridge::request").collect()
    }
}

/// A gateway whose threads log everything, down to the libraries' own traces.
fn logged() -> (Running, Log) {
    // Without a global subscriber, a thread of another test may cache that nobody listens.
    let _ = set_global_default(Dispatch::new(tracing_subscriber::registry()));
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().json().with_max_level(tracing::Level::TRACE).with_writer(log.clone());
    let dispatch = Dispatch::new(subscriber.finish());
    let on_start = move || std::mem::forget(set_default(&dispatch));
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(1).enable_all().on_thread_start(on_start);
    (start_on(&mut runtime, open(), Default::default()), log)
}

#[test]
fn each_request_has_one_record() {
    let (gateway, log) = logged();
    let reply = gateway.ask("login", &json!({"identifier": "wrong", "password": "x"}));
    gateway.ask("get_user", &json!({"identifier": "down"}));
    gateway.connect().post("get_user", b"{}", "authorization: Bearer ub_idp_guess\r\n");
    gateway.connect().post("get_user", b"{}", "");
    eventually("four records", || log.records().len() == 4);
    let fields: Vec<Json> = log.records().into_iter().map(|record| record["fields"].clone()).collect();
    assert_eq!(fields[0]["request_id"], reply.header("x-request-id").unwrap());
    let expected = [
        json!(["idp", "acme", "v-7f3a", "login", "wrong_credentials", 401, "wrong_password"]),
        json!([
            "idp",
            "acme",
            "v-7f3a",
            "get_user",
            "unavailable",
            503,
            "an operator's message with secret.host.example"
        ]),
        json!([null, null, null, "get_user", "unauthorized", 401, "unknown key"]),
        json!(["idp", "acme", "v-7f3a", "get_user", "invalid_input", 400, null]),
    ];
    for (record, expected) in fields.iter().zip(expected) {
        let names = ["client", "connector", "version", "action", "outcome", "status", "reason"];
        assert_eq!(json!(names.map(|name| record[name].clone())), expected);
        assert_eq!(record["address"], "127.0.0.1");
        assert!(record["duration_us"].is_u64());
    }
}

#[test]
fn a_look_up_that_nobody_waits_for_has_its_record_too() {
    let (gateway, log) = logged();
    let mut client = gateway.connect();
    client.write(post("get_user", br#"{"identifier":"slow"}"#, ""));
    eventually("the look-up has begun", || gateway.calls() == 1);
    drop(client);
    eventually("its record", || log.records().len() == 1);
    let record = &log.records()[0]["fields"];
    assert_eq!(
        (&record["outcome"], &record["client"], &record["connector"]),
        (&json!("abandoned"), &json!("idp"), &json!("acme"))
    );
}

#[test]
fn nothing_of_a_user_or_a_key_is_logged() {
    let (gateway, log) = logged();
    let canary = "canary-4711";
    let bodies = [
        json!({"identifier": canary, "password": canary, "context": {canary: canary}}).to_string(),
        json!({"identifier": "ann", "password": [canary]}).to_string(),
        json!({"identifier": "ann", canary: canary}).to_string(),
        format!("{{\"identifier\": \"{canary}"),
        canary.to_owned(),
    ];
    for action in ["login", "create", "change_password", canary] {
        for body in &bodies {
            gateway.post(action, body);
        }
    }
    gateway.connect().post("login", b"{}", &format!("authorization: Bearer ub_{canary}_{canary}\r\n"));
    eventually("every record", || log.records().len() == 21);
    let text = log.text();
    let ours: Vec<_> = text.lines().filter(|line| line.contains("userbridge")).collect();
    assert!(ours.len() >= 21);
    let leak = text.lines().find(|line| line.contains(canary) || line.contains(KEY));
    assert_eq!(leak, None);
}
