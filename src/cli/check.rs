//! `userbridge check`: the compiler that a database administrator runs before anything goes live.

mod live;
mod output;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::tokens::FirstKey;
use super::{Exit, settings, variable};
use crate::definition::{Definition, Loaded, load};
use crate::diagnostic::{Code, Fault, Report, Severity, nearest};

/// Check definitions; with `--connect`, against their databases.
///
/// Without options no database is touched. `--connect` prepares and explains every statement and reads the catalogues;
/// it changes nothing.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 nothing but notes (with --strict: no warning either), 1 findings, a refused file, \
                        an unreachable database or no definition at all, 2 wrong usage."
)]
pub(super) struct Check {
    /// Definitions, directories of them, or a gateway's `userbridge.yaml`.
    #[arg(default_value = "connectors")]
    paths: Vec<PathBuf>,
    /// Also compare each definition with its live database; nothing is executed.
    #[arg(long)]
    connect: bool,
    /// Read the stored hashes of N users and say in numbers which formats they are of; never a value.
    #[arg(long, value_name = "N", requires = "connect", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    sample: Option<u32>,
    /// Add, find, log in, change and remove a throw-away user in a transaction that is rolled back.
    #[arg(long, requires = "connect")]
    rehearse: bool,
    /// Print the GRANT statements that the definitions need, and no others; the databases are asked for their columns.
    #[arg(long, conflicts_with_all = ["connect", "explain"])]
    grants: bool,
    /// For whom the statements are, instead of the user of the URL.
    #[arg(long, value_name = "NAME", requires = "grants")]
    role: Option<String>,
    /// Show what a finding's code means, with an example and the fix.
    #[arg(long, value_name = "CODE")]
    explain: Option<String>,
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

/// How findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, in the manner of rustc.
    Text,
    /// For programs.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Workflow commands, for annotations on GitHub.
    Github,
}

/// One file that was checked.
struct Checked {
    definition: Option<Definition>,
    report: Report,
}

impl Check {
    pub fn run(self) -> Exit {
        match &self.explain {
            Some(code) => explain(code),
            None => self.check().unwrap_or_else(|problem| {
                eprintln!("error: {problem}");
                Exit::Usage
            }),
        }
    }

    fn check(self) -> Result<Exit, String> {
        let extra = self.env_file.as_deref().map(env_file).transpose()?.unwrap_or_default();
        let variable = |name: &str| extra.get(name).cloned().or_else(|| variable(name));
        let mut all = Vec::new();
        for path in &self.paths {
            let found = checked(path, &variable);
            all.extend(found.map_err(|error| format!("cannot read {}: {}", path.display(), error.kind()))?);
        }
        if self.grants {
            return live::grants(&all, self.role.as_deref(), self.format == Format::Json);
        }
        if self.connect {
            all = live::connect(all, self.sample, self.rehearse)?;
        }
        let reports: Vec<Report> = all.into_iter().map(|checked| checked.report).collect();
        let next = if self.connect { "userbridge serve" } else { "userbridge check --connect" };
        output::write(&reports, self.format, next);
        let count = |severity| reports.iter().map(|report| report.count(severity)).sum::<usize>();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        let bad = errors > 0 || (self.strict && warnings > 0) || reports.is_empty();
        Ok(if bad { Exit::Findings } else { Exit::Fine })
    }
}

fn explain(text: &str) -> Exit {
    if let Ok(code) = text.parse::<Code>() {
        print!("{}", code.page());
        return Exit::Fine;
    }
    let known = || Code::ALL.iter().map(|code| code.as_str());
    match nearest(text, known()) {
        Some(near) => eprintln!("error: no finding has the code `{text}`\nhelp: did you mean `{near}`?"),
        None => {
            let list: Vec<&str> = known().collect();
            eprintln!("error: no finding has the code `{text}`\nhelp: the codes are {}", list.join(", "));
        }
    }
    Exit::Usage
}

fn checked(path: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Checked>, std::io::Error> {
    if path.file_name().is_some_and(|name| name == "userbridge.yaml") {
        let report = settings::load(path, variable, FirstKey::Imagine).1;
        return Ok(vec![Checked { definition: None, report }]);
    }
    let mut tested = BTreeSet::new();
    Ok(load(path, variable)?.into_iter().map(|loaded| self_tested(loaded, &mut tested)).collect())
}

/// Writes and verifies a hash of every declared format: what fails here is the gateway's own fault, found in time.
/// Formats that many definitions declare alike are tested once.
fn self_tested(loaded: Loaded, tested: &mut BTreeSet<String>) -> Checked {
    let Loaded { definition, mut report, .. } = loaded;
    for policy in definition.iter().flat_map(|definition| definition.policies()) {
        if !tested.insert(policy.signature().to_owned()) {
            continue;
        }
        if let Err(problem) = policy.self_test() {
            let message = format!("a password format fails its self-test: {problem}");
            let fault =
                Fault::new(Code::InvalidFormat, 0..0, message).help("this is a defect of userbridge: please report it");
            report.diagnostics.push(fault.into());
        }
    }
    Checked { definition, report }
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
