//! `userbridge demo`: a realistic user table on an embedded database, served, with the requests to try.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use clap::Args;
use rusqlite::Connection;

use super::running::{Plan, default_gateway, run};
use super::{Exit, access, log, random};
use crate::definition::Listen;
use crate::hash::{Accept, Caps, FormatSpec, Policy, Spec};
use crate::secret::Password;

/// Serve a complete example on an embedded database, with the requests to try.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Make the files, show the requests, and stop.
    #[arg(long)]
    no_serve: bool,
}

/// The definition that the demo serves; a reader is meant to edit it.
const DEFINITION: &str = include_str!("demo/shop.yaml");
/// The table that the definition is for.
const SCHEMA: &str = include_str!("demo/schema.sql");
/// How many users the table holds.
const USERS: usize = 300;

impl Demo {
    pub fn run(self) -> Exit {
        log::start();
        match self.plan() {
            Ok(None) => Exit::Fine,
            Ok(Some((plan, folder))) => {
                let exit = run(plan);
                drop(folder);
                exit
            }
            Err(problem) => {
                eprintln!("error: {problem}");
                Exit::Refused
            }
        }
    }

    fn plan(&self) -> Result<Option<(Plan, tempfile::TempDir)>, String> {
        let folder = tempfile::Builder::new().prefix("userbridge-demo-").tempdir().map_err(|e| e.to_string())?;
        let database = folder.path().join("shop.db");
        let connectors = folder.path().join("connectors");
        std::fs::create_dir(&connectors).map_err(|e| e.to_string())?;
        let definition = connectors.join("shop.yaml");
        let text = DEFINITION.replace("shop.db", &database.display().to_string());
        std::fs::write(&definition, text).map_err(|e| e.to_string())?;
        fill(&database)?;
        let mut gateway = default_gateway()?;
        gateway.listen = Listen::Tcp(free((std::net::Ipv4Addr::LOCALHOST, 8080).into())?);
        gateway.admin = free(gateway.admin)?;
        let (access, key) = access::throw_away()?;
        let admin = gateway.admin;
        if self.no_serve {
            println!("{}", requests(&gateway.listen, admin, &key, &definition));
            return Ok(None);
        }
        let mut plan = Plan::new(gateway, access, connectors, false);
        plan.announce = Some(Box::new(move |address| println!("{}", requests(address, admin, &key, &definition))));
        Ok(Some((plan, folder)))
    }
}

/// The usual address, or any free port of it.
fn free(usual: SocketAddr) -> Result<SocketAddr, String> {
    let any = SocketAddr::new(usual.ip(), 0);
    let listener = TcpListener::bind(usual).or_else(|_| TcpListener::bind(any)).map_err(|e| e.to_string())?;
    listener.local_addr().map_err(|e| e.to_string())
}

/// Makes the table: several hash formats, blocked and unverified users, as a shop of ten years has them.
fn fill(path: &Path) -> Result<(), String> {
    let mut connection = Connection::open(path).map_err(|e| e.to_string())?;
    connection.execute_batch(SCHEMA).map_err(|e| e.to_string())?;
    let transaction = connection.transaction().map_err(|e| e.to_string())?;
    let hashes = Hashes::new()?;
    for number in 1..=USERS {
        let name = if number == 1 { "ann".to_owned() } else { format!("user{number}") };
        let status = match number % 20 {
            7 => "blocked",
            11 => "new",
            _ => "active",
        };
        let plan = ["free", "silver", "gold"][number % 3];
        let hash = hashes.of(number);
        transaction
            .execute(
                "INSERT INTO users (email, username, given_name, password_hash, status, plan) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                (format!("{name}@example.com"), &name, name.to_uppercase(), hash, status, plan),
            )
            .map_err(|e| e.to_string())?;
    }
    transaction.commit().map_err(|e| e.to_string())
}

/// Hashes of the password `hello`, a few per format: hashing for every user would take a minute.
struct Hashes(Vec<String>);

impl Hashes {
    fn new() -> Result<Self, String> {
        let mut hashes = Vec::new();
        for (format, count) in [("phpass", 8), ("sha512-crypt", 8), ("bcrypt", 1), ("argon2id", 4)] {
            let write = Some(FormatSpec::Named(format.to_owned()));
            let spec = Spec { accept: Accept::Auto, write, columns: Default::default(), caps: Caps::default() };
            let policy =
                Policy::compile(&spec).map_err(|errors| errors.iter().map(ToString::to_string).collect::<String>())?;
            for _ in 0..count {
                let seed: [u8; 64] = random()?;
                let mut stream = seed.iter().cycle();
                let written = policy
                    .write_blocking(&Password::new("hello"), &mut |bytes| {
                        bytes.iter_mut().zip(&mut stream).for_each(|(byte, random)| *byte = *random);
                    })
                    .map_err(|e| e.to_string())?;
                hashes.push(String::from_utf8_lossy(written.hash.expose()).into_owned());
            }
        }
        Ok(Self(hashes))
    }

    fn of(&self, number: usize) -> &str {
        &self.0[number % self.0.len()]
    }
}

/// What to type in another terminal.
fn requests(address: &Listen, admin: SocketAddr, key: &str, definition: &Path) -> String {
    let call = |action: &str, body: &str| {
        format!(
            "curl -s -H \"Authorization: Bearer $KEY\" -H 'Content-Type: application/json' \\\n  http://{address}/v1/connectors/shop/{action} -d '{body}'\n"
        )
    };
    let calls = [
        ("login", r#"{"identifier":"ann@example.com","password":"hello"}"#),
        ("login", r#"{"identifier":"user7@example.com","password":"hello"}"#),
        ("get_user", r#"{"identifier":"ANN@example.com"}"#),
        ("get_user", r#"{"user_id":"shop|1"}"#),
        (
            "create",
            r#"{"email":"new@example.com","username":"new","phone_number":"+4912345","password":"correct horse"}"#,
        ),
        ("verify", r#"{"email":"new@example.com"}"#),
        ("change_password", r#"{"identifier":"new@example.com","password":"battery staple"}"#),
        ("change_email", r#"{"email":"new@example.com","new_email":"newer@example.com","verified":true}"#),
        ("change_username", r#"{"username":"new","new_username":"newer"}"#),
        ("change_phone_number", r#"{"phone_number":"+4912345","new_phone_number":"+4967890","verified":false}"#),
        ("delete", r#"{"user_id":"shop|301"}"#),
    ];
    let calls: String = calls.iter().map(|(action, body)| call(action, body)).collect();
    format!(
        "\n{USERS} users are served on http://{address}; every password is hello. In another terminal:\n\nKEY={key}\n{calls}\n\
         State: http://{admin}/status   Metrics: http://{admin}/metrics\n\
         Hot reload: edit {}\n  (add `plan` to `app_metadata`, or break it and look at /status); the next answer shows it.\n\
         Ctrl-C stops the gateway and removes the files.\n",
        definition.display()
    )
}
