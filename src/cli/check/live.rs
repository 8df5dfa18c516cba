//! The parts of `check` that need the definitions' databases.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use serde_json::json;

use super::Checked;
use crate::cli::{Exit, random};
use crate::connect::{Grants, Options, check, grants as grants_of, rehearse};
use crate::definition::{Definition, without_allowed};
use crate::diagnostic::{Code, Diagnostic, Report, Severity, Source, Stage};
use crate::handler::Resources;
use crate::hash::{Budget, BudgetConfig};

/// How many databases are asked at once.
const PARALLEL: usize = 8;

/// Checks every definition that is sound on its database, and adds what is found to its report.
pub(super) fn connect(all: Vec<Checked>, sample: Option<u32>, rehearses: bool) -> Result<Vec<Checked>, String> {
    let resources = if rehearses { Some(resources()?) } else { None };
    let nonce = random::<6>()?.map(|byte| format!("{byte:02x}")).concat();
    runtime()?.block_on(async {
        let work = all.into_iter().map(|checked| one(checked, Options { sample }, resources.as_ref(), &nonce));
        Ok(stream::iter(work).buffered(PARALLEL).collect().await)
    })
}

async fn one(checked: Checked, options: Options, resources: Option<&Resources>, nonce: &str) -> Checked {
    let Checked { definition: Some(definition), report } = checked else { return checked };
    let Report { source, mut diagnostics } = report;
    let mut found = check(&definition, &source, options).await;
    let places = definition.places.clone();
    let reached =
        !found.iter().any(|found| matches!(found.fault.code, Code::DatabaseUnreachable | Code::UpstreamUnreachable));
    if let Some(resources) = resources.filter(|_| reached) {
        found.extend(rehearse(definition, &source, resources.clone(), nonce).await);
    }
    let looked_for = |code: Code| match code.stage() {
        Stage::Files => false,
        Stage::Database => reached,
        Stage::Sample => reached && options.sample.is_some(),
        Stage::Rehearsal => reached && resources.is_some(),
    };
    diagnostics.extend(merged(without_allowed(found, &places, looked_for)));
    Checked { definition: None, report: Report::new(source, diagnostics) }
}

/// What is wrong with a table is said once, with the other statements that meet it.
fn merged(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut all: Vec<Diagnostic> = Vec::with_capacity(found.len());
    for diagnostic in found {
        let fault = &diagnostic.fault;
        let same = |other: &&mut Diagnostic| other.fault.code == fault.code && other.fault.message == fault.message;
        match all.iter_mut().find(same).filter(|_| fault.code.is_of_schema()) {
            Some(first) => first.context.push((fault.span.clone(), "also here".to_owned())),
            None => all.push(diagnostic),
        }
    }
    all
}

/// Prints the privileges that the definitions need.
pub(super) fn grants(all: &[Checked], role: Option<&str>, as_json: bool) -> Result<Exit, String> {
    let mut exit = if all.is_empty() { Exit::Findings } else { Exit::Fine };
    let mut documents = Vec::new();
    let runtime = runtime()?;
    for checked in all {
        let Some(definition) = &checked.definition else {
            if checked.report.count(Severity::Error) > 0 {
                eprint!("{}", checked.report.render(false));
                exit = Exit::Findings;
            }
            continue;
        };
        let Some(config) = definition.database() else {
            eprintln!("note: {}: an upstream has no GRANT statements", checked.report.source.name);
            continue;
        };
        match runtime.block_on(grants_of(definition, config, &checked.report.source)) {
            Ok(grants) if as_json => documents.push(document(definition, &checked.report.source, &grants, role)),
            Ok(grants) => print(definition, &checked.report.source, &grants, role),
            Err(error) => {
                eprintln!("error: {}: {error}", checked.report.source.name);
                exit = Exit::Findings;
            }
        }
    }
    if as_json {
        println!("{:#}", json!({ "definitions": documents }));
    }
    Ok(exit)
}

fn print(definition: &Definition, source: &Source, grants: &Grants, role: Option<&str>) {
    println!("-- {} ({})", definition.name, source.name);
    let statements = grants.statements(role);
    if statements.is_empty() && definition.database().is_some_and(|config| config.user().is_none()) {
        println!("-- SQLite has no privileges: whoever can open the file can do everything with it");
    }
    for remark in grants.remarks() {
        println!("-- {remark}");
    }
    for (statement, owners) in statements {
        let owners: Vec<&str> = owners.iter().map(|owner| owner.as_str()).collect();
        println!("{statement} -- {}", owners.join(", "));
    }
}

fn document(definition: &Definition, source: &Source, grants: &Grants, role: Option<&str>) -> serde_json::Value {
    let statements = grants.statements(role).into_iter().map(|(sql, owners)| {
        let owners: Vec<&str> = owners.iter().map(|owner| owner.as_str()).collect();
        json!({ "sql": sql, "actions": owners })
    });
    json!({
        "connector": definition.name,
        "file": &*source.name,
        "statements": statements.collect::<Vec<_>>(),
        "remarks": grants.remarks(),
    })
}

fn resources() -> Result<Resources, String> {
    let budget = Budget::new(BudgetConfig { threads: 2, queue: 64, memory: 2 << 30 });
    let budget = Arc::new(budget.map_err(|error| format!("cannot start the hash threads: {error}"))?);
    Ok(Resources { budget, entropy: super::super::running::entropy, clock: super::super::running::clock })
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("cannot start: {error}"))
}
