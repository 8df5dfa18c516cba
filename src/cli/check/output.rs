//! Findings on standard output, in the form that was asked for.

use serde_json::json;

use super::Format;
use crate::cli::colours;
use crate::diagnostic::{Report, Severity, github, sarif};

/// Writes everything that was found; text ends with a summary and the next command.
pub(super) fn write(reports: &[Report], format: Format, next: &str) {
    match format {
        Format::Text => text(reports, next),
        Format::Json => println!("{:#}", json!({ "files": reports.iter().map(file).collect::<Vec<_>>() })),
        Format::Sarif => println!("{:#}", sarif(reports)),
        Format::Github => print!("{}", github(reports)),
    }
}

fn file(report: &Report) -> serde_json::Value {
    json!({ "file": &*report.source.name, "findings": report.to_json() })
}

fn text(reports: &[Report], next: &str) {
    let colours = colours(&std::io::stdout());
    for report in reports {
        print!("{}", report.render(colours));
    }
    let found = |severity| reports.iter().map(|report| report.count(severity)).sum::<usize>();
    let (errors, warnings, notes) = (found(Severity::Error), found(Severity::Warning), found(Severity::Note));
    let files = count(reports.len(), "file");
    let noted = if notes > 0 { format!(", {}", count(notes, "note")) } else { String::new() };
    match (reports.len(), errors, warnings) {
        (0, ..) => println!("found no definition (*.yaml); start with one of those in connectors/ or examples/"),
        (_, 0, 0) if notes == 0 => println!("{files} checked, nothing found; next: {next}"),
        (_, 0, 0) => println!("{files} checked{noted}; next: {next}"),
        (_, 0, _) => println!("{files} checked, {}{noted}; next: {next}", count(warnings, "warning")),
        _ => println!("{files} checked: {}, {}{noted}", count(errors, "error"), count(warnings, "warning")),
    }
    if errors + warnings > 0 {
        eprintln!("what a code means: userbridge check --explain CODE");
    }
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
