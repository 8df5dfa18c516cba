//! One action on an upstream, where nothing can be rolled back.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::time::Instant;

use super::{LIMIT, Last, Steps, Told};
use crate::action::{Action, Outcome, Request};
use crate::cli::resources;
use crate::definition::Definition;
use crate::registry::Connector;
use crate::upstream::Trace;

/// Runs the action; one that changes something only when that is meant to last.
pub(super) async fn perform(
    definition: Definition,
    file: PathBuf,
    action: Action,
    request: Request,
    commit: bool,
) -> Result<Told, String> {
    if !commit && !action.reads() {
        return Err(format!("what an upstream did cannot be rolled back; add --commit to run `{action}` all the same"));
    }
    let trace = Arc::new(Trace::default());
    let connector = Connector::open(definition, resources()?, None).map_err(|error| error.to_string())?;
    let connector = Arc::new(connector.traced_calls(Arc::clone(&trace)));
    let began = Instant::now();
    let answer = connector.run(request, began + LIMIT).await;
    let last = match &answer {
        Ok(Outcome::Created(_) | Outcome::Changed) => Last::Committed,
        _ => Last::Nothing,
    };
    Ok(Told::of(connector, file, action, Steps::Upstream(trace.take()), began.elapsed(), answer, last))
}
