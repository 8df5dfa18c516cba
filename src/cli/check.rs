//! `userbridge check`: the compiler that a database administrator runs before anything goes live.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Exit, Format, access, colours, variable};
use crate::definition::{Loaded, check_gateway, load, read};
use crate::diagnostic::{Code, Fault, Report, Severity};

/// Check definitions without touching a database.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Definitions, directories of them, or a gateway's `userbridge.yaml`.
    #[arg(default_value = "connectors")]
    paths: Vec<PathBuf>,
    /// How findings are written.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// A file of NAME=VALUE lines that stand in for environment variables.
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Count warnings as findings in the exit code.
    #[arg(long)]
    strict: bool,
}

impl Check {
    pub fn run(self) -> Exit {
        let extra = match self.env_file.as_deref().map(env_file).transpose() {
            Ok(extra) => extra.unwrap_or_default(),
            Err(problem) => {
                eprintln!("error: {problem}");
                return Exit::Usage;
            }
        };
        let variable = |name: &str| extra.get(name).cloned().or_else(|| variable(name));
        let mut reports = Vec::new();
        for path in &self.paths {
            match reports_of(path, &variable) {
                Ok(found) => reports.extend(found),
                Err(error) => {
                    eprintln!("error: cannot read {}: {}", path.display(), error.kind());
                    return Exit::Usage;
                }
            }
        }
        let errors: usize = reports.iter().map(|report| report.count(Severity::Error)).sum();
        let warnings: usize = reports.iter().map(|report| report.count(Severity::Warning)).sum();
        match self.format {
            Format::Text => print_text(&reports, errors, warnings),
            Format::Json => print_json(&reports),
        }
        if errors > 0 || (self.strict && warnings > 0) || reports.is_empty() { Exit::Findings } else { Exit::Fine }
    }
}

fn reports_of(path: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Report>, std::io::Error> {
    if path.file_name().is_some_and(|name| name == "userbridge.yaml") {
        return Ok(vec![match read(path) {
            Ok(source) => check_gateway(&source)
                .and_then(|gateway| access::settings(&gateway.raw, &source))
                .map_or_else(|report| report, |_| Report::new(source.clone(), Vec::new())),
            Err(report) => report,
        }]);
    }
    Ok(load(path, variable)?.into_iter().map(self_tested).collect())
}

/// Writes and verifies a hash of every declared format: what fails here is the gateway's own fault, found in time.
fn self_tested(loaded: Loaded) -> Report {
    let Loaded { definition, mut report, .. } = loaded;
    for policy in definition.iter().flat_map(|definition| definition.policies()) {
        if let Err(problem) = policy.self_test() {
            let message = format!("a password format fails its self-test: {problem}");
            let fault =
                Fault::new(Code::InvalidFormat, 0..0, message).help("this is a defect of userbridge: please report it");
            report.diagnostics.push(fault.into());
        }
    }
    report
}

fn print_text(reports: &[Report], errors: usize, warnings: usize) {
    let colours = colours(&std::io::stdout());
    for report in reports {
        print!("{}", report.render(colours));
    }
    let files = count(reports.len(), "file");
    match (reports.len(), errors, warnings) {
        (0, ..) => println!("found no definition (*.yaml); start with one of those in connectors/ or examples/"),
        (_, 0, 0) => println!("{files} checked, nothing found; next: userbridge serve"),
        (_, 0, _) => println!("{files} checked, {}; next: userbridge serve", count(warnings, "warning")),
        _ => println!("{files} checked: {}, {}", count(errors, "error"), count(warnings, "warning")),
    }
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn print_json(reports: &[Report]) {
    let files: Vec<_> = reports
        .iter()
        .map(|report| serde_json::json!({ "file": &*report.source.name, "findings": report.to_json() }))
        .collect();
    println!("{:#}", serde_json::json!({ "files": files }));
}

/// Lines of NAME=VALUE; empty lines and lines that begin with `#` are left out.
pub(super) fn env_file(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {}", path.display(), e.kind()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|(index, line)| match line.split_once('=') {
            Some((name, value)) => Ok((name.trim().to_owned(), value.to_owned())),
            None => Err(format!("{}:{}: expected NAME=VALUE", path.display(), index + 1)),
        })
        .collect()
}
