//! `userbridge connect`: what to enter at an identity provider, and whether its own request is answered.

mod directory;
mod probe;

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::settings;
use super::tokens::FirstKey;
use super::{Exit, Format, variable};
use crate::action::Action;
use crate::definition::{Listen, RawGateway};
use crate::diagnostic::nearest;
use crate::protocol::{FACES, Face};

/// Tell what to enter at an identity provider, or ask the running gateway as it would.
#[derive(Debug, Args)]
pub(super) struct Connect {
    /// The provider's protocol, as in `okta`; without it, all are listed.
    provider: Option<String>,
    /// The connector; the one that the settings declare for this protocol unless said otherwise.
    #[arg(long)]
    connector: Option<String>,
    /// The gateway's settings.
    #[arg(long, default_value = "userbridge.yaml")]
    config: PathBuf,
    /// The address by which the provider reaches this gateway, as in `https://users.example.com`.
    #[arg(long)]
    url: Option<String>,
    /// How it is written.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Send the provider's own request to the running gateway, and explain the answer. The key is read from the variable
    /// USERBRIDGE_KEY.
    #[arg(long)]
    probe: bool,
    /// Whom the probe asks about; nobody who exists unless said otherwise.
    #[arg(long, requires = "probe")]
    identifier: Option<String>,
    /// Read the probe's password from standard input.
    #[arg(long, requires = "probe")]
    password_stdin: bool,
    /// A PEM file of authorities that the probe trusts beside the public ones.
    #[arg(long, requires = "probe")]
    ca: Option<PathBuf>,
}

impl Connect {
    pub fn run(self) -> Exit {
        let Some(name) = &self.provider else {
            list(self.format);
            return Exit::Fine;
        };
        if name == directory::NAME {
            return directory::tell(&self);
        }
        let Some(face) = Face::named(name) else {
            let names = FACES.iter().map(|face| face.name).chain([directory::NAME]);
            let hint = nearest(name, names).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            eprintln!("error: `{name}` is no protocol that is spoken here{hint}\nhelp: userbridge connect lists them");
            return Exit::Usage;
        };
        let place = match self.place(face) {
            Ok(place) => place,
            Err(problem) => {
                eprintln!("error: {problem}");
                return Exit::Usage;
            }
        };
        match self.probe {
            true => probe::run(&self, face, &place),
            false => self.tell(face, &place),
        }
    }

    /// What the settings say of this protocol.
    fn place(&self, face: &'static Face) -> Result<Place, String> {
        let (ready, report) = match self.config.exists() {
            true => settings::load(&self.config, &variable, FirstKey::Refuse),
            false => return self.elsewhere(face),
        };
        let Some(ready) = ready else {
            let path = self.config.display();
            return Err(format!("{path} is not in order\n{}help: userbridge check {path}", report.render(false)));
        };
        let raw = &ready.gateway.raw;
        let declared: Vec<_> = raw.faces.iter().filter(|declared| declared.protocol.value == face.name).collect();
        let connector = match (&self.connector, declared.as_slice()) {
            (Some(name), _) => name.clone(),
            (None, [one]) => one.connector.value.clone(),
            (None, []) => {
                return Err(format!("no connector speaks `{}` yet\nhelp: name one: --connector …", face.name));
            }
            (None, several) => {
                let names: Vec<_> = several.iter().map(|face| face.connector.value.as_str()).collect();
                return Err(format!(
                    "several connectors speak `{}`: {}\nhelp: name one: --connector …",
                    face.name,
                    names.join(", ")
                ));
            }
        };
        let found = ready.faces.find(face.name, &connector);
        let credentials = found.as_ref().map_or(&face.credentials, |mount| &mount.credentials).to_string();
        let base = match &self.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => usual_base(raw, &ready.gateway.listen)?,
        };
        let client = clients(raw, &connector, face).into_iter().next();
        Ok(Place { declared: found.is_some(), connector, credentials, base, client })
    }

    /// Without settings there is still something to tell.
    fn elsewhere(&self, face: &Face) -> Result<Place, String> {
        let (Some(connector), Some(url)) = (&self.connector, &self.url) else {
            let path = self.config.display();
            return Err(format!("there is no {path}\nhelp: name it with --config, or say --connector and --url"));
        };
        let base = url.trim_end_matches('/').to_owned();
        let credentials = face.credentials.to_string();
        let connector = connector.clone();
        Ok(Place { declared: false, connector, credentials, base, client: None })
    }

    fn tell(&self, face: &Face, place: &Place) -> Exit {
        let guide = place.filled(face);
        match self.format {
            Format::Json => {
                let told = json!({
                    "protocol": face.name,
                    "hook": face.hook,
                    "connector": place.connector,
                    "declared": place.declared,
                    "url": place.url(face),
                    "credentials_header": place.credentials,
                    "client": place.client,
                    "scopes": scopes(face, &place.connector),
                    "answers_within_ms": u64::try_from(face.time.as_millis()).unwrap_or(u64::MAX),
                    "guide": guide,
                });
                println!("{told:#}");
            }
            Format::Text => self.print(face, place, &guide),
        }
        if place.declared { Exit::Fine } else { Exit::Findings }
    }

    fn print(&self, face: &Face, place: &Place, guide: &str) {
        println!("{} for connector `{}`\n", face.hook, place.connector);
        let mut step = 0;
        let mut next = || {
            step += 1;
            step
        };
        if !place.declared {
            println!("{}. Declare it in {}:\n", next(), self.config.display());
            println!("faces:\n  - {{ protocol: {}, connector: {} }}\n", face.name, place.connector);
            for option in face.options {
                let must = if option.required { "needed" } else { "may be said" };
                println!("   `options: {{ {}: … }}` {must}: {}", option.name, option.about);
            }
        }
        match &place.client {
            Some(client) => println!("{}. Its key is one of client `{client}`, which may ask this.\n", next()),
            None => {
                let scopes = scopes(face, &place.connector);
                let scopes: Vec<_> = scopes.iter().map(|scope| format!("--scope '{scope}'")).collect();
                println!("{}. Make it a key:\n\nuserbridge client new {} {}\n", next(), face.name, scopes.join(" "));
            }
        }
        println!("{}. Enter at the provider:\n\n{guide}", next());
        println!("next: userbridge connect {} --connector {} --probe", face.name, place.connector);
    }
}

/// Where a provider finds its face.
struct Place {
    connector: String,
    declared: bool,
    /// The header of the key.
    credentials: String,
    /// Scheme and host.
    base: String,
    /// A client that may ask this.
    client: Option<String>,
}

impl Place {
    fn url(&self, face: &Face) -> String {
        format!("{}/{}/{}", self.base, face.name, self.connector)
    }

    /// The guide in this gateway's words; of the key only its beginning is known here.
    fn filled(&self, face: &Face) -> String {
        let client = self.client.as_deref().unwrap_or(face.name);
        let host = self.base.split_once("://").map_or(self.base.as_str(), |(_, host)| host);
        face.guide
            .replace("{url}", &self.url(face))
            .replace("{host}", host)
            .replace("{connector}", &self.connector)
            .replace("{client}", client)
            .replace("{key}", &format!("ub_{client}_…"))
    }
}

/// The scopes that a caller needs.
fn scopes(face: &Face, connector: &str) -> Vec<String> {
    face.actions.iter().map(|action| format!("{connector}:{action}")).collect()
}

/// The clients that may ask all that the protocol asks.
fn clients(raw: &RawGateway, connector: &str, face: &Face) -> Vec<String> {
    let may = |scopes: &[crate::access::Scope], action: &Action| scopes.iter().any(|s| s.grants(connector, *action));
    let mut found = Vec::new();
    for client in &raw.clients {
        let scopes: Vec<_> = client.scopes.iter().filter_map(|at| at.value.parse().ok()).collect();
        if face.actions.iter().all(|action| may(&scopes, action)) {
            found.push(client.id.value.clone());
        }
    }
    found
}

/// The address that the settings give away: the issuer of tokens, else where requests are answered.
fn usual_base(raw: &RawGateway, listen: &Listen) -> Result<String, String> {
    if let Some(tokens) = &raw.tokens {
        return Ok(tokens.issuer.value.trim_end_matches('/').to_owned());
    }
    let scheme = if raw.tls.is_some() { "https" } else { "http" };
    match listen {
        Listen::Tcp(address) => Ok(format!("{scheme}://{address}")),
        Listen::Unix(_) => {
            Err("the gateway answers at a Unix socket\nhelp: say how providers reach it: --url …".to_owned())
        }
    }
}

/// All that can be told about: the name and what its provider calls it.
fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    FACES.iter().map(|face| (face.name, face.hook)).chain([(directory::NAME, directory::HOOK)])
}

fn list(format: Format) {
    match format {
        Format::Json => {
            let faces: Vec<_> = known().map(|(name, hook)| json!({ "protocol": name, "hook": hook })).collect();
            println!("{:#}", json!(faces));
        }
        Format::Text => {
            for (name, hook) in known() {
                println!("{name:12} {hook}");
            }
            println!("\nAuth0 asks over /v1 with the scripts of examples/auth0");
            println!("next: userbridge connect PROTOCOL --connector NAME");
        }
    }
}
