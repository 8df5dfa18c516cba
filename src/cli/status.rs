//! `userbridge status`: what a running gateway serves, what it refused and why, and how its databases are.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use clap::Args;
use serde_json::Value as Json;

use super::{Exit, Format};

/// How long the gateway may take; its answer needs no database.
const PATIENCE: Duration = Duration::from_secs(5);

/// The largest answer that is read, in bytes.
const MAX_ANSWER: u64 = 16 << 20;

/// Show what a running gateway serves, what it refused, and how its databases are.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// The gateway's `admin` address.
    #[arg(long, default_value = "127.0.0.1:9443")]
    admin: SocketAddr,
    /// How it is written.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Status {
    pub fn run(self) -> Exit {
        let status = match ask(self.admin) {
            Ok(status) => status,
            Err(problem) => {
                eprintln!("error: {problem}");
                eprintln!("help: is the gateway running? its `admin` address is given with --admin");
                return Exit::Findings;
            }
        };
        let connectors = status["connectors"].as_array().map_or(&[][..], Vec::as_slice);
        match self.format {
            Format::Json => println!("{status:#}"),
            Format::Text => print_text(&status, connectors),
        }
        let sound = status["state"] == "ready" && connectors.iter().all(|connector| trouble(connector).is_none());
        if sound { Exit::Fine } else { Exit::Findings }
    }
}

/// Reads `/status` over plain HTTP/1.1.
fn ask(admin: SocketAddr) -> Result<Json, String> {
    let failed = |error: std::io::Error| format!("cannot ask {admin}: {}", error.kind());
    let mut stream = TcpStream::connect_timeout(&admin, PATIENCE).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    let request = format!("GET /status HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER).read_to_string(&mut answer).map_err(failed)?;
    let body =
        answer.split_once("\r\n\r\n").filter(|(head, _)| head.starts_with("HTTP/1.1 200 ")).map(|(_, body)| body);
    let status = body.and_then(|body| serde_json::from_str::<Json>(body).ok());
    status
        .filter(|status| status["connectors"].is_array())
        .ok_or_else(|| format!("what answers at {admin} is not a gateway's `admin` address"))
}

/// What is wrong with a connector, in a word.
fn trouble(connector: &Json) -> Option<&'static str> {
    let database = &connector["database"];
    match connector["state"].as_str() {
        Some("refused") => Some("refused"),
        Some("stale") => Some("stale"),
        Some("missing") => Some("missing"),
        _ if database["breaker"].as_str().is_some_and(|state| state != "closed") => Some("down"),
        _ if database["error"].is_string() => Some("database error"),
        _ => None,
    }
}

fn print_text(status: &Json, connectors: &[Json]) {
    println!("gateway: {}", text(&status["state"]));
    for connector in connectors {
        let file = text(&connector["file"]);
        let name = connector["connector"].as_str().unwrap_or(&file);
        println!("\n{name}: {}", trouble(connector).unwrap_or("fine"));
        match connector["version"].as_str() {
            Some(version) => println!("  serves version {version} of {file}"),
            None => println!("  serves nothing of {file}"),
        }
        if let Some(seconds) = connector["missing_seconds"].as_u64() {
            println!("  the file is missing for {seconds} s");
        }
        if let Some(finding) = connector["refused"].as_str() {
            println!("  refused:");
            finding.lines().for_each(|line| println!("    {line}"));
        }
        print_database(&connector["database"]);
    }
    let troubled = connectors.iter().filter(|connector| trouble(connector).is_some()).count();
    println!();
    match troubled {
        0 => println!("everything is served as its file says"),
        count => println!("{count} of {} connectors need attention; next: userbridge check", connectors.len()),
    }
}

fn print_database(database: &Json) {
    if let (Some(busy), Some(open), Some(limit)) =
        (database["busy"].as_u64(), database["open"].as_u64(), database["limit"].as_u64())
    {
        println!("  connections: {busy} at work of {open} open, at most {limit}");
        println!("  breaker: {}", text(&database["breaker"]));
    }
    if let Some(error) = database["error"].as_str() {
        println!("  last error: {error}");
    }
}

fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
