//! Callers that never stop, and that notice everything.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{number_in, numbered, version};
use crate::gateway::{Gateway, client};

/// Threads that ask a connector until they are told to stop.
pub struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Seen>>,
}

/// What callers saw.
#[derive(Default)]
pub struct Seen {
    pub requests: usize,
    /// The numbers that were served.
    pub numbers: BTreeSet<u32>,
    /// Everything that was not as it must be.
    pub wrong: Vec<String>,
}

impl Load {
    /// Three callers of `get_user` and one of `login`.
    pub fn on(gateway: &Gateway, connector: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let actions = ["get_user", "get_user", "get_user", "login"];
        let thread = |action| {
            let (stop, address) = (Arc::clone(&stop), gateway.address);
            std::thread::spawn(move || call(address, connector, action, &stop))
        };
        Self { threads: actions.map(thread).into(), stop }
    }

    /// Stops the callers; every answer was a success of one version.
    #[track_caller]
    pub fn end(self) -> Seen {
        let seen = self.stop();
        assert!(seen.wrong.is_empty(), "{} wrong of {}: {:?}", seen.wrong.len(), seen.requests, seen.wrong[0]);
        assert!(seen.requests > 50, "only {} requests", seen.requests);
        seen
    }

    pub fn stop(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().fold(Seen::default(), |mut all, thread| {
            let one = thread.join().unwrap();
            all.requests += one.requests;
            all.numbers.extend(one.numbers);
            all.wrong.extend(one.wrong);
            all
        })
    }
}

fn call(address: SocketAddr, connector: &str, action: &str, stop: &AtomicBool) -> Seen {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(10)));
    let agent: ureq::Agent = agent.build().into();
    let url = format!("http://{address}/v1/connectors/{connector}/{action}");
    let body = json!({ "identifier": "ann", "password": "hello" });
    let body = if action == "login" { body } else { json!({ "identifier": "ann" }) }.to_string();
    let mut seen = Seen::default();
    while !stop.load(Ordering::Relaxed) {
        let request = agent.post(&url).header("authorization", format!("Bearer {}", client().key));
        seen.requests += 1;
        let mut response = match request.content_type("application/json").send(body.as_str()) {
            Ok(response) => response,
            Err(error) => {
                seen.wrong.push(format!("{action}: {error}"));
                continue;
            }
        };
        let of = response.headers().get("x-userbridge-version").map(|value| value.to_str().unwrap().to_owned());
        let text = response.body_mut().read_to_string().unwrap();
        if response.status() != 200 {
            seen.wrong.push(format!("{action}: {} {text}", response.status()));
            continue;
        }
        let user = serde_json::from_str::<Json>(&text).unwrap()["user"].clone();
        let number = number_in(&user);
        let text = numbered(connector, number);
        if Some(version(&text)) != of {
            seen.wrong.push(format!("{action}: number {number} came as version {of:?}"));
        }
        seen.numbers.insert(number);
        // Four callers without a pause would leave nothing of two cores to whoever writes files.
        std::thread::sleep(Duration::from_millis(1));
    }
    seen
}
