//! The steps for machines.

use serde_json::{Value as Json, json};

use super::text::uses;
use super::{Last, Steps, Told};
use crate::definition::Definition;
use crate::handler::{Event, Ran, TraceStep};
use crate::upstream::Call;

/// Everything that is to be said.
pub(super) fn told(told: &Told) -> Json {
    let definition = told.connector.definition();
    let steps: Vec<Json> = match &told.steps {
        Steps::Database(steps) => steps.iter().map(|event| step(event, definition)).collect(),
        Steps::Upstream(calls) => calls.iter().map(asked).collect(),
    };
    json!({
        "connector": definition.name,
        "file": told.file,
        "version": definition.version,
        "action": told.action.as_str(),
        "steps": steps,
        "outcome": told.outcome,
        "reason": told.reason,
        "positive": told.positive,
        "elapsed_ms": milliseconds(told.elapsed),
        "changes": match told.last {
            Last::Nothing => "none",
            Last::Committed => "committed",
            Last::RolledBack(_) => "rolled_back",
        },
        "http": { "status": told.http.0, "body": told.http.1 },
        "next": told.next,
    })
}

fn asked(call: &Call) -> Json {
    json!({
        "step": "call",
        "what": call.what,
        "status": call.status.as_ref().ok(),
        "error": call.status.as_ref().err(),
        "elapsed_ms": milliseconds(call.elapsed),
    })
}

fn step(event: &Event, definition: &Definition) -> Json {
    let mut step = match &event.step {
        TraceStep::Began(error) => json!({ "step": "begin", "error": error }),
        TraceStep::Committed(error) => json!({ "step": "commit", "error": error }),
        TraceStep::RolledBack => json!({ "step": "rollback" }),
        TraceStep::OtherUser => json!({ "step": "other_user" }),
        TraceStep::Compared { recognised, verdict } => json!({
            "step": "compare",
            "format": recognised.as_ref().ok().and_then(|found| found.as_ref()).map(|found| &found.format),
            "cost": recognised.as_ref().ok().and_then(|found| found.as_ref()).map(|found| &found.cost),
            "error": recognised.as_ref().err(),
            "verdict": verdict,
        }),
        TraceStep::Decoy => json!({ "step": "decoy" }),
        TraceStep::Hashed(error) => json!({ "step": "hash", "error": error }),
        TraceStep::Rule { index, holds } => json!({
            "step": "deny",
            "rule": index + 1,
            "message": definition.deny.get(*index).map(|rule| &rule.message),
            "holds": holds.as_ref().ok(),
            "error": holds.as_ref().err(),
        }),
        TraceStep::Statement(ran) => statement(ran, definition),
    };
    step["elapsed_ms"] = json!(milliseconds(event.elapsed));
    step
}

fn statement(ran: &Ran, definition: &Definition) -> Json {
    let parameters: Vec<Json> = ran.parameters.iter().map(|given| {
        json!({ "name": given.name, "type": given.type_name, "secret": given.value.is_none(), "value": given.value })
    }).collect();
    let mut step = json!({ "step": "statement", "sql": ran.text, "parameters": parameters });
    match &ran.answer {
        Err(error) => step["error"] = json!(error),
        Ok(gave) => {
            let columns: Vec<Json> = gave.columns.iter().map(|cell| {
                let uses = uses(&cell.name, definition);
                let value = cell.value.as_ref().filter(|_| !uses.is_empty());
                json!({ "name": cell.name, "type": cell.type_name, "used_for": uses, "shown": value.is_some(), "value": value })
            }).collect();
            step["matched"] = json!(gave.matched);
            step["rows"] = json!(gave.rows);
            step["columns"] = json!(columns);
        }
    }
    step
}

fn milliseconds(elapsed: std::time::Duration) -> f64 {
    (elapsed.as_secs_f64() * 1e6).round() / 1e3
}
