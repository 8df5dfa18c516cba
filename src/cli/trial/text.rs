//! The steps for people.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value as Json;

use super::{Last, Steps, Told};
use crate::definition::{Definition, MEMBERS, UserStore};
use crate::handler::{Cell, Event, Gave, Given, Ran, TraceStep};

/// The longest value that is shown whole, in characters.
const SHOWN: usize = 80;

/// Everything that is to be said.
pub(super) fn told(told: &Told) -> String {
    let definition = told.connector.definition();
    let store = match &definition.store {
        UserStore::Database(config) => config.dialect().to_string(),
        UserStore::Upstream(upstream) => upstream.type_name().to_owned(),
    };
    let mut text = format!("{} · {} · {store} · {}\n", told.action, definition.name, told.file.display());
    match &told.steps {
        Steps::Database(steps) => {
            for (index, event) in steps.iter().enumerate() {
                text.push_str(&step(index + 1, event, definition, &told.last));
            }
        }
        Steps::Upstream(calls) => {
            for (index, call) in calls.iter().enumerate() {
                let _ = writeln!(text, "\n{}. {} · {}", index + 1, call.what, time(call.elapsed));
                let _ = match &call.status {
                    Ok(status) => writeln!(text, "   status {status}"),
                    Err(error) => writeln!(text, "   no answer: {error}"),
                };
            }
        }
    }
    let reason = told.reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
    let _ = writeln!(text, "\noutcome: {}{reason} · {}", told.outcome, time(told.elapsed));
    match &told.last {
        Last::Nothing => {}
        Last::Committed => text.push_str("committed: the changes last\n"),
        Last::RolledBack(remains) => {
            let _ = writeln!(
                text,
                "rolled back: no change lasts ({remains}); what triggers did outside of the database cannot be undone"
            );
        }
    }
    let (status, body) = &told.http;
    let _ = writeln!(text, "over HTTP the caller gets {status}\n{}", indented(&format!("{body:#}"), 2));
    let _ = writeln!(text, "next: {}", told.next);
    text
}

fn step(number: usize, event: &Event, definition: &Definition, last: &Last) -> String {
    let elapsed = time(event.elapsed);
    let withheld = matches!(last, Last::RolledBack(_));
    let line = match &event.step {
        TraceStep::Began(None) => "a transaction begins".to_owned(),
        TraceStep::Began(Some(error)) => format!("no transaction begins: {error}"),
        TraceStep::Committed(None) if withheld => "COMMIT is withheld: this is a trial".to_owned(),
        TraceStep::Committed(None) => "COMMIT".to_owned(),
        TraceStep::Committed(Some(error)) => format!("COMMIT fails: {error}"),
        TraceStep::RolledBack => "ROLLBACK".to_owned(),
        TraceStep::OtherUser => {
            "the row is of another name or id than the one asked for: it counts as no row".to_owned()
        }
        TraceStep::Compared { recognised: Ok(Some(found)), verdict } => {
            format!("password · {} ({}) · {verdict}", found.format, found.cost)
        }
        TraceStep::Compared { recognised: Ok(None), verdict } => format!("password · the row has none · {verdict}"),
        TraceStep::Compared { recognised: Err(problem), .. } => format!("password · unreadable: {problem}"),
        TraceStep::Decoy => "password · a decoy of the usual cost: there is nothing to compare".to_owned(),
        TraceStep::Hashed(None) => "a new hash is computed".to_owned(),
        TraceStep::Hashed(Some(problem)) => format!("no new hash: {problem}"),
        TraceStep::Rule { index, holds } => {
            let message = definition.deny.get(*index).map_or("", |rule| rule.message.as_str());
            let holds = match holds {
                Ok(true) => "holds",
                Ok(false) => "does not hold",
                Err(problem) => problem,
            };
            format!("deny rule {} (\"{message}\") · {holds}", index + 1)
        }
        TraceStep::Statement(ran) => return statement(number, ran, &elapsed, definition),
    };
    format!("\n{number}. {line} · {elapsed}\n")
}

fn statement(number: usize, ran: &Ran, elapsed: &str, definition: &Definition) -> String {
    let mut text = format!("\n{number}. statement · {elapsed}\n{}\n", indented(ran.text.trim(), 3));
    for (index, given) in ran.parameters.iter().enumerate() {
        let _ = writeln!(text, "   parameter {}: {}, {}, {}", index + 1, given.name, given.type_name, input(given));
    }
    match &ran.answer {
        Err(error) => {
            let _ = writeln!(text, "   error: {error}");
        }
        Ok(gave) => text.push_str(&answer(gave, definition)),
    }
    text
}

fn answer(gave: &Gave, definition: &Definition) -> String {
    let mut text = String::new();
    if let Some(matched) = gave.matched {
        let _ = writeln!(text, "   {matched} matched");
    }
    let rows = match gave.rows {
        0 if gave.matched.is_some() => return text,
        0 => "no row",
        1 => "1 row",
        _ => "2 rows or more; the first:",
    };
    let _ = writeln!(text, "   {rows}");
    let width = gave.columns.iter().map(|cell| cell.name.chars().count()).max().unwrap_or_default();
    for cell in &gave.columns {
        let uses = uses(&cell.name, definition);
        let value = column(cell, !uses.is_empty());
        let target = if uses.is_empty() { "unused".to_owned() } else { format!("→ {}", uses.join(", ")) };
        let _ = writeln!(text, "     {:width$}  {:8} {value}  {target}", cell.name, cell.type_name);
    }
    text
}

/// What a column of a row is used for.
pub(super) fn uses(column: &str, definition: &Definition) -> Vec<String> {
    let mut uses = Vec::new();
    if definition.secret_columns.contains(column) {
        uses.push("the stored password".to_owned());
    }
    if definition.user_id.column == column {
        uses.push("user_id".to_owned());
    }
    let declared: Vec<&String> = definition.profile.iter().map(|(name, _)| name).collect();
    if MEMBERS.contains(&column) && !declared.iter().any(|name| *name == column) {
        uses.push(column.to_owned());
    }
    let templates = definition.profile.iter().filter(|(_, template)| template.columns().contains(column));
    uses.extend(templates.map(|(name, _)| name.clone()));
    let rules = definition.deny.iter().enumerate().filter(|(_, rule)| rule.when.columns().contains(column));
    uses.extend(rules.map(|(index, _)| format!("deny rule {}", index + 1)));
    uses
}

fn input(given: &Given) -> String {
    given.value.as_ref().map_or_else(|| "[not shown]".to_owned(), shown)
}

/// What no caller would get is not shown either: it may be anything.
fn column(cell: &Cell, used: bool) -> String {
    cell.value.as_ref().filter(|_| used).map_or_else(|| "[not shown]".to_owned(), shown)
}

fn shown(value: &Json) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn indented(text: &str, width: usize) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("{:width$}{line}", "")).collect();
    lines.join("\n")
}

pub(super) fn time(elapsed: Duration) -> String {
    format!("{:.1} ms", elapsed.as_secs_f64() * 1000.0)
}
