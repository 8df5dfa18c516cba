//! Callers on raw sockets: connections that are kept, one request at a time on each, and the answers' times.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::peers::Server;
use super::{PASSWORD, USERS};

/// What is asked.
#[derive(Clone, Copy)]
pub enum Kind {
    GetUser,
    Login,
}

/// What one kind of callers saw.
pub struct Measured {
    /// Of every success, sorted.
    times: Vec<Duration>,
    pub errors: usize,
    elapsed: Duration,
    cpu: Duration,
}

impl Measured {
    pub fn rate(&self) -> f64 {
        self.times.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// Requests for each second that the server's process used of any core.
    pub fn rate_per_cpu(&self) -> f64 {
        self.times.len() as f64 / self.cpu.as_secs_f64().max(0.01)
    }

    pub fn percentile(&self, percent: f64) -> Duration {
        let index = (self.times.len() as f64 * percent / 100.0) as usize;
        self.times.get(index.min(self.times.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// Lets so many callers of each kind ask for a while, all on one thread.
pub fn measure(server: &Server, callers: &[(Kind, usize)], time: Duration) -> Vec<Measured> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (cpu, started) = (server.cpu(), Instant::now());
    let end = started + time;
    let results = runtime.block_on(async {
        let mut groups = Vec::new();
        for (kind, count) in callers {
            let tasks: Vec<_> = (0..*count).map(|seed| tokio::spawn(call(server.caller(*kind), seed, end))).collect();
            groups.push(tasks);
        }
        let mut results = Vec::new();
        for group in groups {
            let (mut times, mut errors) = (Vec::new(), 0);
            for task in group {
                let (some, failed) = task.await.unwrap();
                times.extend(some);
                errors += failed;
            }
            times.sort_unstable();
            results.push((times, errors));
        }
        results
    });
    let (elapsed, cpu) = (started.elapsed(), server.cpu() - cpu);
    results.into_iter().map(|(times, errors)| Measured { times, errors, elapsed, cpu }).collect()
}

/// Where and how to ask.
#[derive(Clone)]
pub struct Caller {
    pub kind: Kind,
    pub port: u16,
    pub path: String,
    pub key: String,
}

impl Caller {
    fn write(&self, request: &mut Vec<u8>, user: u32) {
        let password = match self.kind {
            Kind::GetUser => String::new(),
            Kind::Login => format!(",\"password\":\"{PASSWORD}\""),
        };
        let body = format!("{{\"identifier\":\"user{user}@example.com\"{password}}}");
        request.clear();
        request.extend_from_slice(post(&self.path, &self.key, &body).as_bytes());
    }
}

/// A whole request.
pub fn post(path: &str, key: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

async fn call(caller: Caller, seed: usize, end: Instant) -> (Vec<Duration>, usize) {
    let mut stream = TcpStream::connect(("127.0.0.1", caller.port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut times, mut errors, mut request, mut answer) = (Vec::new(), 0, Vec::new(), Vec::new());
    let mut random = seed as u32 * 7919 + 1;
    while Instant::now() < end {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        caller.write(&mut request, 1 + (random >> 8) % USERS);
        let asked = Instant::now();
        stream.write_all(&request).await.unwrap();
        match read(&mut stream, &mut answer).await {
            true => times.push(asked.elapsed()),
            false => errors += 1,
        }
    }
    (times, errors)
}

/// Reads one answer; whether it is a success.
async fn read(stream: &mut TcpStream, answer: &mut Vec<u8>) -> bool {
    read_whole(stream, answer).await;
    answer.starts_with(b"HTTP/1.1 200 ")
}

/// Reads one answer, with its head.
pub async fn read_text(stream: &mut TcpStream, answer: &mut Vec<u8>) -> String {
    read_whole(stream, answer).await;
    String::from_utf8_lossy(answer).into_owned()
}

async fn read_whole(stream: &mut TcpStream, answer: &mut Vec<u8>) {
    answer.clear();
    loop {
        let count = stream.read_buf(answer).await.unwrap();
        assert!(count > 0, "the server closed a connection: {}", String::from_utf8_lossy(answer));
        let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&answer[..head]).unwrap();
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
        });
        if answer.len() >= head + 4 + length.unwrap_or(0) {
            return;
        }
    }
}
