//! The probe: a provider's own request, sent to the running gateway, and what the answer means.
//!
//! Invariant: what is printed of an answer is what the provider would get; the key and the password are never printed.

use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use rustls::RootCertStore;
use serde_json::{Value as Json, json};
use zeroize::Zeroizing;

use super::{Connect, Place};
use crate::access::client_id;
use crate::cli::{Exit, Format, variable};
use crate::outbound::{Answer, Client, Network, Origin, Request, Unfit, authorities};
use crate::protocol::{Face, Somebody};
use crate::secret::Password;

/// Longer than any provider waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// Nobody: a name that RFC 2606 keeps free.
const NOBODY: &str = "userbridge-probe@probe.invalid";

/// Sends the request and tells what came of it.
pub(super) fn run(connect: &Connect, face: &Face, place: &Place) -> Exit {
    let (answer, took) = match ask(connect, face, place) {
        Ok(answered) => answered,
        Err(problem) => {
            eprintln!("error: {problem}");
            return Exit::Findings;
        }
    };
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    let problem = problem_code(&answer, &body);
    let meaning = meaning(face, place, connect.identifier.is_some(), problem.as_deref(), &body, took);
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match connect.format {
        Format::Json => {
            let told = json!({
                "url": place.url(face), "status": answer.status, "milliseconds": milliseconds, "body": body,
                "problem": problem, "meaning": meaning,
            });
            println!("{told:#}");
        }
        Format::Text => {
            println!("asked     {} as {} does", place.url(face), face.hook);
            println!("answered  {} in {milliseconds} ms: {body}", answer.status);
            println!("meaning   {meaning}");
        }
    }
    if problem.is_none() && took <= face.time { Exit::Fine } else { Exit::Findings }
}

fn ask(connect: &Connect, face: &Face, place: &Place) -> Result<(Answer, Duration), String> {
    let Some(sample) = face.sample else {
        return Err(format!("only {} itself can make its request; try it there", face.hook));
    };
    let key = variable("USERBRIDGE_KEY").map(Zeroizing::new);
    let key = key.ok_or("the variable USERBRIDGE_KEY is not set\nhelp: set it to the key that the provider has")?;
    let password = match connect.password_stdin {
        true => typed()?,
        false => Password::new("userbridge probe"),
    };
    let identifier = connect.identifier.as_deref().unwrap_or(NOBODY);
    let key = Zeroizing::new(key.trim().to_owned());
    let client = client_id(&key).unwrap_or_default();
    let sample = sample(&Somebody { identifier, password: &password, client, key: &key });
    let (origin, path) = Origin::parse(&place.url(face)).map_err(|unfit| match unfit {
        Unfit::Invalid(why) => format!("`{}` is no address: {why}", place.base),
        Unfit::Unencrypted | Unfit::Private => format!("`{}` cannot be asked", place.base),
    })?;
    let name: HeaderName = place.credentials.parse().map_err(|_| "the header of the key has no name".to_owned())?;
    let value = match name == AUTHORIZATION {
        true => Zeroizing::new(format!("Bearer {}", key.as_str())),
        false => key.clone(),
    };
    let mut headers = Vec::new();
    if !sample.proved {
        headers.push((name, secret(&value)?));
    }
    for (name, value) in &sample.headers {
        headers.push((name.clone(), secret(value)?));
    }
    let target = format!("{path}{}", sample.tail);
    let body = Zeroizing::new(sample.body.as_bytes().to_vec());
    let request = Request { origin, method: sample.method, target, headers, body };
    let authorities = connect.ca.as_deref().map_or_else(|| Ok(RootCertStore::empty()), trusted)?;
    let client = Client::new(Network { max_connections: 1, authorities, allow_private: true })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {}", error.kind()))?;
    let begun = Instant::now();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let answer = runtime.block_on(client.send(request, deadline));
    let answer =
        answer.map_err(|error| format!("{} does not answer: {error}\nhelp: is the gateway running?", place.base))?;
    Ok((answer, begun.elapsed()))
}

fn typed() -> Result<Password, String> {
    let mut text = Zeroizing::new(String::new());
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot read the password: {}", error.kind()))?;
    Ok(Password::new(text.trim_end_matches(['\r', '\n'])))
}

fn trusted(path: &Path) -> Result<RootCertStore, String> {
    let pem = std::fs::read(path).map_err(|error| format!("cannot read {}: {}", path.display(), error.kind()))?;
    authorities(&pem).map_err(|problem| format!("{}: {problem}", path.display()))
}

/// A header's value that no debug output shows.
fn secret(text: &str) -> Result<HeaderValue, String> {
    let mut value =
        HeaderValue::from_str(text).map_err(|_| "the key has characters that no header can hold".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

/// The code of a problem document, or of what OAuth has in its place; None for an answer of the protocol.
fn problem_code(answer: &Answer, body: &str) -> Option<String> {
    let answered: Json = serde_json::from_str(body).ok()?;
    let code = match answer.media_type.as_str() {
        "application/problem+json" => &answered["code"],
        _ if answered["error"].is_string() => &answered["problem"],
        _ => return None,
    };
    code.as_str().map(str::to_owned)
}

fn meaning(face: &Face, place: &Place, somebody: bool, problem: Option<&str>, body: &str, took: Duration) -> String {
    let Some(code) = problem else {
        let late = format!(
            "the answer is of the provider's protocol, but took longer than {} ms: it would not have waited",
            face.time.as_millis()
        );
        let fine = match somebody {
            true => "the gateway answers as this provider expects".to_owned(),
            false => {
                "the gateway answers as this provider expects, with a \"no\", since nobody has this name".to_owned()
            }
        };
        return if took > face.time { late } else { fine };
    };
    let connector = &place.connector;
    match code {
        "unauthorized" => {
            "the gateway does not know the key: is it the one that `userbridge client new` printed?".to_owned()
        }
        "forbidden" => format!("the key is right, but may not ask this: {}", detail(body)),
        "unknown_path" => {
            format!("no face is declared here: add `faces: [{{ protocol: {}, connector: {connector} }}]`", face.name)
        }
        "unknown_connector" => format!("no connector `{connector}` is served: userbridge status"),
        "action_not_declared" => {
            format!("`{connector}` does not declare the action: add {} to its `actions:`", actions(face))
        }
        "unavailable" | "timeout" | "overloaded" => "the connector cannot answer now: userbridge status".to_owned(),
        "misconfigured" | "unreadable_hash" | "ambiguous_user" => {
            format!("the definition does not fit its store: userbridge check --connect, and the gateway's log ({code})")
        }
        other => format!("{other}: {}", detail(body)),
    }
}

fn actions(face: &Face) -> String {
    let names: Vec<_> = face.actions.iter().map(|action| format!("`{action}`")).collect();
    names.join(" and ")
}

/// What a problem says in words.
fn detail(body: &str) -> String {
    let problem: Json = serde_json::from_str(body).unwrap_or_default();
    let words = ["detail", "error_description", "title"].into_iter().find_map(|name| problem[name].as_str());
    words.unwrap_or_default().to_owned()
}
