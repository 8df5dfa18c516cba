//! Identity providers that stop waiting, while twice as many log in as the machine can hash: the faces of Okta and Entra.
//!
//! The load is open: requests come at their times, whatever became of those before them, and each one's time counts from
//! when it was due. So a server that stalls cannot hide it by holding its callers up.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use base64ct::{Base64UrlUnpadded, Encoding};
use rsa::PrivateKey;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use serde_json::json;
use sha2::Sha256;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::PASSWORD;
use super::caller::read_text;
use super::peers::Server;

/// How long each storm lasts.
const STORM: Duration = Duration::from_secs(10);

/// A provider's question, and its patience.
pub struct Provider {
    name: &'static str,
    path: &'static str,
    body: String,
    yes: &'static str,
    patience: Duration,
}

/// The settings of the faces, the private key that Entra's needs, and what both send.
pub fn providers() -> (&'static str, String, [Provider; 2]) {
    // What Microsoft's own commands make.
    let key = PrivateKey::new(&mut getrandom::SysRng, 2048).unwrap();
    let pem = key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string();
    let settings = "faces: [{ protocol: okta, connector: users }, \
                    { protocol: entra, connector: users, options: { key: { file: key.pem } } }]\n";
    let credential = json!({ "username": "user1@example.com", "password": PASSWORD });
    let hook = "com.okta.user.credential.password.import";
    let okta = json!({ "eventType": hook, "data": { "context": { "credential": credential } } });
    let kind = "microsoft.graph.authenticationEvent.passwordSubmit";
    let entra = json!({ "type": kind, "data": { "encryptedPasswordContext": sealed(&key) } });
    let seconds = Duration::from_secs;
    let provider = |name, path, body: serde_json::Value, yes, patience| Provider {
        name,
        path,
        body: body.to_string(),
        yes,
        patience,
    };
    let okta = provider("Okta", "/okta/users", okta, "\"VERIFIED\"", seconds(3));
    let entra = provider("Entra", "/entra/users", entra, "Password", seconds(1));
    (settings, pem, [okta, entra])
}

/// A name and a password as Entra encrypts them: an unsigned JWT in a JWE.
fn sealed(key: &PrivateKey) -> String {
    let encode = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    let claims = json!({ "username": "user1@example.com", "user-password": PASSWORD, "nonce": "1" }).to_string();
    let token = format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(&claims));
    let header = encode(r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#);
    let (content_key, iv) = ([7; 32], [9; 12]);
    let wrapped = key.as_public_key().oaep_encrypt::<Sha256>(&content_key).unwrap();
    let cipher = Aes256Gcm::new_from_slice(&content_key).unwrap();
    let payload = Payload { msg: token.as_bytes(), aad: header.as_bytes() };
    let text = cipher.encrypt(&Nonce::<U12>::from(iv), payload).unwrap();
    let (text, tag) = text.split_at(text.len() - 16);
    let parts = [&wrapped[..], &iv[..], text, tag].map(Base64UrlUnpadded::encode_string);
    format!("{header}.{}", parts.join("."))
}

/// Prints how long each provider waits.
pub fn overload(server: &Server, providers: &[Provider]) {
    println!("\nfaces while twice as many log in as can, {STORM:?} each\n");
    println!(
        "| provider | waits | capacity/s | asked/s | answered | shed | late | p50 of answered | p99 of answered \
         | p50 of shed | p99 of all |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for provider in providers {
        let request: Arc<[u8]> = server.request(provider.path, &provider.body).into();
        let seen = runtime.block_on(async {
            let capacity = capacity(server, &request, provider).await;
            (capacity, storm(server, &request, provider, 2.0 * capacity).await)
        });
        print(provider, seen);
    }
    println!("\ntarget: p99 of all within what the provider waits; what cannot be answered is shed at once");
}

fn print(provider: &Provider, (capacity, [mut answered, mut shed, late]): (f64, [Vec<Duration>; 3])) {
    let mut all: Vec<Duration> = answered.iter().chain(&shed).chain(&late).copied().collect();
    let rate = all.len() as f64 / STORM.as_secs_f64();
    let counts = format!("{} | {} | {}", answered.len(), shed.len(), late.len());
    let [p50, p99] = [50, 99].map(|percent| percentile(&mut answered, percent));
    let (shed, all) = (percentile(&mut shed, 50), percentile(&mut all, 99));
    let (name, patience) = (provider.name, provider.patience);
    println!(
        "| {name} | {patience:?} | {capacity:.0} | {rate:.0} | {counts} | {p50:.1?} | {p99:.1?} | {shed:.1?} | {all:.1?} |"
    );
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Logins per second when as many ask as can be answered without waiting.
async fn capacity(server: &Server, request: &Arc<[u8]>, provider: &Provider) -> f64 {
    let callers = std::thread::available_parallelism().unwrap().get() + 1;
    let (started, time) = (Instant::now(), Duration::from_secs(4));
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (request, port, yes) = (Arc::clone(request), server.port(), provider.yes);
            tokio::spawn(async move {
                let mut stream = connect(port).await;
                let mut count = 0;
                while started.elapsed() < time {
                    let text = ask(&mut stream, &request).await;
                    assert!(text.contains(yes), "{text}");
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut count = 0;
    for task in tasks {
        count += task.await.unwrap();
    }
    f64::from(count) / started.elapsed().as_secs_f64()
}

/// The times of what was answered, what was refused before its work, and what was given up during it.
async fn storm(server: &Server, request: &Arc<[u8]>, provider: &Provider, rate: f64) -> [Vec<Duration>; 3] {
    let times = Arc::new(Mutex::new([const { Vec::new() }; 3]));
    let idle = Arc::new(Mutex::new(VecDeque::new()));
    let started = Instant::now();
    let mut tasks = Vec::new();
    for turn in 0..(rate * STORM.as_secs_f64()) as u32 {
        let due = started + Duration::from_secs_f64(f64::from(turn) / rate);
        tokio::time::sleep_until(due.into()).await;
        let (times, idle, request) = (Arc::clone(&times), Arc::clone(&idle), Arc::clone(request));
        let (port, yes) = (server.port(), provider.yes);
        tasks.push(tokio::spawn(async move {
            let kept = idle.lock().unwrap().pop_back();
            let mut stream = match kept {
                Some(stream) => stream,
                None => connect(port).await,
            };
            let text = ask(&mut stream, &request).await;
            let class = match text.get(9..12) {
                Some("200") if text.contains(yes) => 0,
                Some("503") if text.contains("overloaded") => 1,
                Some("503" | "504") => 2,
                _ => panic!("{text}"),
            };
            times.lock().unwrap()[class].push(due.elapsed());
            idle.lock().unwrap().push_back(stream);
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    std::mem::take(&mut *times.lock().unwrap())
}

async fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

async fn ask(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    read_text(stream, &mut Vec::new()).await
}
