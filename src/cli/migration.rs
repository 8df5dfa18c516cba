//! `userbridge migration`: how far a migration has come, what moves users in bulk, and what ends it.
//!
//! Invariant: nothing here runs inside a login. What deletes says first what it would delete, and stops at the first
//! surprise.

mod bar;
mod export;
mod forget;
mod import;
mod purge;
mod status;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::check::env_file;
use super::{Exit, resources, trial, variable};
use crate::action::Error;
use crate::definition::UserStore;
use crate::handler::Handler;
use crate::managed::Managed;
use crate::registry::Connector;

/// How long one step may take: a count over a large table is slow.
const LIMIT: Duration = Duration::from_secs(600);

#[derive(Debug, Subcommand)]
pub(super) enum Migration {
    /// Show how far a migration has come, and when it will be done.
    Status(status::Status),
    /// Copy all users with the hashes that they have; they are verified and upgraded at their next login.
    Import(import::Import),
    /// Write the managed users in the layout of an identity provider's bulk import.
    Export(export::Export),
    /// Delete the rows of migrated users where they came from; without --yes it says what it would delete.
    Purge(purge::Purge),
    /// Lift the tombstone of a deleted user, who may come back then.
    Forget(forget::Forget),
}

/// Which migration is meant.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// A connector's name, or the file of its definition.
    connector: String,
    /// Where definitions are looked for by name.
    #[arg(long, value_name = "FOLDER", default_value = "connectors")]
    connectors: PathBuf,
    /// A file of NAME=VALUE lines that stand in for environment variables.
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
}

/// A migration, ready to work on.
struct Open {
    connector: Connector,
    runtime: Runtime,
}

/// Why a command ends, and with which code.
type Ended = (Exit, String);

impl Migration {
    pub fn run(self) -> Exit {
        let done = match self {
            Self::Status(status) => status.run(),
            Self::Import(import) => import.run(),
            Self::Export(export) => export.run(),
            Self::Purge(purge) => purge.run(),
            Self::Forget(forget) => forget.run(),
        };
        done.unwrap_or_else(|(exit, problem)| {
            eprintln!("{}", problem.trim_end());
            exit
        })
    }
}

impl Which {
    fn open(&self) -> Result<Open, Ended> {
        let usage = |problem: String| (Exit::Usage, format!("error: {problem}"));
        let failed = |problem: String| (Exit::Findings, format!("error: {problem}"));
        let extra = self.env_file.as_deref().map(env_file).transpose().map_err(usage)?.unwrap_or_default();
        let variable = |name: &str| extra.get(name).cloned().or_else(|| variable(name));
        let loaded = trial::find(&self.connector, &self.connectors, &variable).map_err(usage)?;
        let Some(mut definition) = loaded.definition else {
            return Err((Exit::Refused, format!("{}error: the definition is refused", loaded.report.render(false))));
        };
        let Some(migration) = &mut definition.migration else {
            return Err(usage(format!("`{}` declares no `migration:`", definition.name)));
        };
        if let Some(migration) = Arc::get_mut(migration) {
            migration.store = migration.store.clone().with_timeout(LIMIT);
        }
        if let UserStore::Database(database) = &mut definition.store {
            *database = database.clone().with_timeout(LIMIT);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|error| failed(format!("cannot start: {error}")))?;
        let connector = Connector::open(definition, resources().map_err(failed)?, None);
        Ok(Open { connector: connector.map_err(|error| failed(error.to_string()))?, runtime })
    }
}

impl Open {
    fn managed(&self) -> Result<&Managed, Ended> {
        self.connector.managed().ok_or_else(|| (Exit::Usage, "error: there is no managed store".to_owned()))
    }

    /// The database that users come from.
    fn legacy(&self) -> Result<&Handler, Ended> {
        let problem = || (Exit::Usage, "error: users come from an upstream, which has no rows".to_owned());
        self.connector.handler().ok_or_else(problem)
    }
}

/// By when a step must be done.
fn soon() -> Instant {
    Instant::now() + LIMIT
}

fn failed(error: Error) -> Ended {
    (Exit::Findings, format!("error: {error}"))
}
