//! `userbridge test`: the cases under `tests:` of definitions, on the rows that they give or on the real database.
//!
//! Invariant: a case runs through the connector that serves. On a database every case is rolled back.

mod case;
mod output;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::time::Instant;

use self::case::{differences, label, request};
use super::check::env_file;
use super::undoable::lasting_table;
use super::{Exit, resources, variable};
use crate::db::{self, Database, Given, Provisional, Query, Reads};
use crate::definition::{Definition, Loaded, Test as Case, load};
use crate::diagnostic::{Code, Fault, Report};
use crate::handler::Resources;
use crate::registry::Connector;

/// How long one case may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Run the `tests:` of definitions.
///
/// Without options no database is touched: each case gives the rows. With `--connect` a case runs in a transaction of
/// the real database, after its `setup`, and is rolled back; a case that gives rows and has no `setup` is left out.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 every case holds, 1 a case fails, a definition is refused or nothing ran, 2 wrong \
                        usage."
)]
pub(super) struct Test {
    /// Definitions, or directories of them.
    #[arg(default_value = "connectors")]
    paths: Vec<PathBuf>,
    /// Run the cases on the definitions' databases, and roll back.
    #[arg(long)]
    connect: bool,
    /// Run the cases whose name holds this text.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// How the results are written.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// A file of NAME=VALUE lines that stand in for environment variables.
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, with the place of each failure.
    Text,
    /// The Test Anything Protocol, version 14.
    Tap,
    /// The XML that continuous integration reads.
    Junit,
    /// For programs.
    Json,
}

/// One file's results.
struct Suite {
    file: String,
    /// What loading found; the failures of cases are theirs.
    report: Report,
    /// None when the definition is refused.
    results: Option<Vec<CaseResult>>,
    /// How many cases the filter left out.
    filtered: usize,
}

/// One case's result.
struct CaseResult {
    name: String,
    line: usize,
    elapsed: Duration,
    verdict: Verdict,
}

enum Verdict {
    Holds,
    Fails(Vec<Fault>),
    LeftOut(&'static str),
}

impl Test {
    pub fn run(self) -> Exit {
        match self.suites() {
            Ok(suites) => {
                match self.format {
                    Format::Text => output::text(&suites, self.connect),
                    Format::Tap => print!("{}", output::tap(&suites)),
                    Format::Junit => print!("{}", output::junit(&suites)),
                    Format::Json => println!("{:#}", output::json(&suites)),
                }
                let failed = suites.iter().any(|suite| suite.results.is_none() || suite.count(is_failure) > 0);
                let ran = suites.iter().any(|suite| suite.count(|verdict| matches!(verdict, Verdict::Holds)) > 0);
                if failed || !ran { Exit::Findings } else { Exit::Fine }
            }
            Err(problem) => {
                eprintln!("error: {problem}");
                Exit::Usage
            }
        }
    }

    fn suites(&self) -> Result<Vec<Suite>, String> {
        let extra = self.env_file.as_deref().map(env_file).transpose()?.unwrap_or_default();
        let variable = |name: &str| extra.get(name).cloned().or_else(|| variable(name));
        let resources = resources()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
        let mut suites = Vec::new();
        for path in &self.paths {
            let all = load(path, &variable).map_err(|e| format!("cannot read {}: {}", path.display(), e.kind()))?;
            for loaded in all {
                suites.push(runtime.block_on(self.suite(loaded, resources.clone()))?);
            }
        }
        Ok(suites)
    }

    async fn suite(&self, loaded: Loaded, resources: Resources) -> Result<Suite, String> {
        let Loaded { definition, report, .. } = loaded;
        let file = report.source.name.to_string();
        let Some(definition) = definition else { return Ok(Suite { file, report, results: None, filtered: 0 }) };
        if self.connect
            && let Ok(Some(table)) = lasting_table(&definition, None).await
        {
            return Err(format!(
                "{file}: the engine of `{table}` has no transactions, so no case could be rolled back"
            ));
        }
        let bench = Bench::new(definition, self.connect, resources)?;
        let mut results = Vec::new();
        let mut filtered = 0;
        for case in &bench.connector.definition().tests {
            let name = label(case);
            if self.filter.as_ref().is_some_and(|text| !name.to_lowercase().contains(&text.to_lowercase())) {
                filtered += 1;
                continue;
            }
            let began = Instant::now();
            let verdict = bench.run(case).await;
            let line = report.source.position(case.raw.expect.outcome.span.start).0;
            results.push(CaseResult { name, line, elapsed: began.elapsed(), verdict });
        }
        Ok(Suite { file, report, results: Some(results), filtered })
    }
}

impl Suite {
    fn count(&self, which: impl Fn(&Verdict) -> bool) -> usize {
        self.results.iter().flatten().filter(|result| which(&result.verdict)).count()
    }
}

fn is_failure(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Fails(_))
}

/// A connector on the database that its cases run on.
struct Bench {
    connector: Arc<Connector>,
    ground: Ground,
}

enum Ground {
    /// The rows of each case.
    Rows(Arc<Given>),
    /// A real database.
    Real(Arc<Provisional>),
    /// A real upstream, where nothing can be rolled back.
    Upstream,
    /// Nothing that answers.
    Nothing,
}

impl Bench {
    fn new(definition: Definition, connect: bool, resources: Resources) -> Result<Self, String> {
        let Some(config) = definition.database().cloned() else {
            let ground = if connect { Ground::Upstream } else { Ground::Nothing };
            let connector = Connector::open(definition, resources, None).map_err(|error| error.to_string())?;
            return Ok(Self { connector: Arc::new(connector), ground });
        };
        let (ground, database) = if connect {
            let real = db::open(&config.clone().for_rehearsal(config.timeout()))
                .map_err(|error| format!("`{}`: {error}", definition.name))?;
            let provisional = Provisional::new(real, Reads::Inside);
            (Ground::Real(Arc::clone(&provisional)), provisional as Arc<dyn Database>)
        } else {
            let rows = definition.tests.iter().flat_map(|case| &case.raw.rows);
            let given = Given::new(config.dialect(), rows);
            (Ground::Rows(Arc::clone(&given)), given as Arc<dyn Database>)
        };
        Ok(Self { connector: Arc::new(Connector::on(definition, database, resources)), ground })
    }

    async fn run(&self, case: &Case) -> Verdict {
        let place = case.raw.expect.outcome.span.clone();
        let request = match request(case) {
            Ok(request) => request,
            Err(problem) => return Verdict::Fails(vec![Fault::new(Code::FailedTest, place, problem)]),
        };
        let deadline = Instant::now() + LIMIT;
        match &self.ground {
            Ground::Rows(given) => given.set(&case.raw.rows),
            Ground::Nothing => return Verdict::LeftOut("an upstream is only asked with --connect"),
            Ground::Upstream if !case.action.reads() => {
                return Verdict::LeftOut("what an upstream did cannot be rolled back");
            }
            Ground::Upstream => {}
            Ground::Real(database) => {
                let Some(setup) = &case.setup else { return Verdict::LeftOut("it gives rows and has no `setup`") };
                let done = self.set_up(database, setup, deadline).await;
                if let Err(error) = done {
                    let _ = database.undo().await;
                    let message = format!("the `setup` fails: {error}");
                    return Verdict::Fails(vec![Fault::new(Code::FailedTest, place, message)]);
                }
            }
        }
        let answer = self.connector.run(request, deadline).await;
        if let Ground::Real(database) = &self.ground
            && let Err(error) = database.undo().await
        {
            let message = format!("the case cannot be rolled back in order: {error}");
            return Verdict::Fails(vec![Fault::new(Code::FailedTest, place, message)]);
        }
        let found = differences(&case.raw.expect, &answer);
        if found.is_empty() { Verdict::Holds } else { Verdict::Fails(found) }
    }

    async fn set_up(
        &self,
        database: &Provisional,
        setup: &[Arc<crate::sql::Statement>],
        deadline: Instant,
    ) -> Result<(), db::Error> {
        if setup.is_empty() {
            return Ok(());
        }
        let limit = self.connector.definition().database().map_or(LIMIT, db::Config::timeout);
        let mut transaction = database.begin(deadline.min(Instant::now() + limit)).await?;
        for statement in setup {
            // A setup has no inputs, but constants of the configuration are bound.
            let values: Vec<db::Value> = statement.parameters.iter().map(|p| constant(&p.expression)).collect();
            transaction.execute(&Query::new(Arc::clone(&statement.text), values.len()), &values).await?;
        }
        transaction.commit().await
    }
}

fn constant(expression: &crate::sql::Expression) -> db::Value {
    match expression {
        crate::sql::Expression::Constant(value) => db::Value::from(value),
        _ => db::Value::Null,
    }
}
