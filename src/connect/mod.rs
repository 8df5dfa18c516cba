//! A definition against its live database: what will not work, and what will hurt.
//!
//! Reading the database is the work of [`crate::db::inspect`]; a [`scene::Scene`] holds what was read, and the rules
//! under `rules` judge it, one small function per rule.
//!
//! Invariant: nothing is ever changed. Statements are prepared and explained; only a rehearsal, which is asked for by
//! itself, runs them, in one transaction that is rolled back.

mod grants;
mod lookup;
mod rehearse;
mod rules;
mod sample;
mod scene;
mod upstream;
mod values;

pub use self::grants::{Grants, grants};
pub use self::rehearse::rehearse;
use self::scene::Scene;
use crate::db::Config;
use crate::db::inspect::inspect;
use crate::definition::{Definition, UserStore};
use crate::diagnostic::{Code, Diagnostic, Fault, Source};

/// What is looked at beside the statements and the catalogues.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How many stored hashes are read, to say which formats they are of.
    pub sample: Option<u32>,
}

/// Everything that is found about a definition on its database. An unreachable database is a finding too.
pub async fn check(definition: &Definition, source: &Source, options: Options) -> Vec<Diagnostic> {
    let config = match &definition.store {
        UserStore::Database(config) => config,
        UserStore::Upstream(_) => return upstream::check(definition).await,
    };
    match look(definition, config, source, options).await {
        Ok(found) => found,
        Err(error) => vec![unreachable(definition, &error).into()],
    }
}

async fn look(
    definition: &Definition,
    config: &Config,
    source: &Source,
    options: Options,
) -> Result<Vec<Diagnostic>, crate::db::Error> {
    let mut inspector = inspect(config).await?;
    let scene = Scene::gather(definition, config, source, inspector.as_mut()).await?;
    let mut found = rules::judge(&scene);
    if let Some(count) = options.sample {
        found.extend(sample::census(&scene, inspector.as_mut(), count).await?);
    }
    Ok(found)
}

/// The database does not answer.
fn unreachable(definition: &Definition, error: &crate::db::Error) -> Fault {
    Fault::new(Code::DatabaseUnreachable, definition.places.database.clone(), error.to_string())
        .help("nothing on this database could be checked: correct the URL, or let this machine in")
}
