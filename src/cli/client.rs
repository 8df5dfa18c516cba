//! `userbridge client`: make the keys with which identity providers call.

use clap::{Args, Subcommand};

use super::{Exit, random};
use crate::access::{ClientId, NewKey, Scope};

#[derive(Debug, Subcommand)]
pub(super) enum Client {
    /// Make a client with a new key; the key is shown once.
    New(New),
}

#[derive(Debug, Args)]
pub(super) struct New {
    /// The name of the caller, such as `auth0`.
    id: String,
    /// What the caller may do, as in `acme:login` or `acme:*`; can be given several times.
    #[arg(long = "scope", default_value = "*:*")]
    scopes: Vec<String>,
}

impl Client {
    pub fn run(self) -> Exit {
        let Self::New(new) = self;
        match new.run() {
            Ok(()) => Exit::Fine,
            Err(problem) => {
                eprintln!("error: {problem}");
                Exit::Usage
            }
        }
    }
}

impl New {
    fn run(self) -> Result<(), String> {
        let id: ClientId = self.id.parse().map_err(|e: <ClientId as std::str::FromStr>::Err| e.to_string())?;
        for scope in &self.scopes {
            scope.parse::<Scope>().map_err(|e| e.to_string())?;
        }
        let key = NewKey::new(&id, &random()?);
        let scopes = self.scopes.iter().map(|scope| format!("{scope:?}")).collect::<Vec<_>>().join(", ");
        println!("# add to userbridge.yaml under `clients:`");
        println!("  - id: {}\n    secrets: [\"{}\"]\n    scopes: [{scopes}]", id.as_str(), key.digest);
        println!("# the key, shown this once; the caller sends it as `Authorization: Bearer …`");
        println!("{}", *key.key);
        Ok(())
    }
}
