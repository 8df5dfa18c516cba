//! `userbridge try`: one action on the real database, told step by step.
//!
//! Invariant: the connector that is tried is the one that serves, decoded and encoded by the same protocol. Without
//! `--commit` nothing is committed; no secret is printed.

mod json;
mod request;
mod text;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::time::Instant;

use self::request::Inputs;
use super::check::env_file;
use super::undoable::lasting_table;
use super::{Exit, Format, resources, variable};
use crate::action::{Action, Outcome};
use crate::db::{self, Database, Provisional, Reads};
use crate::definition::{Definition, Loaded, load, load_file};
use crate::diagnostic::nearest;
use crate::handler::{self, Class, Event, Trace, TraceStep};
use crate::protocol::{Native, Protocol};
use crate::registry::Connector;

/// How long an action may take; hashing included.
const LIMIT: Duration = Duration::from_secs(30);

/// Run one action on the real database and tell every step; changes are rolled back.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 a positive answer, 1 a \"no\" or an error, 2 wrong usage, 78 the definition is \
                        refused.")]
pub(super) struct Trial {
    /// A connector's name, or the file of its definition.
    connector: String,
    /// What is asked: login, get_user, create, verify, change_password, change_email, …
    action: String,
    #[command(flatten)]
    inputs: Inputs,
    /// Make the changes last.
    #[arg(long)]
    commit: bool,
    /// Where definitions are looked for by name.
    #[arg(long, value_name = "FOLDER", default_value = "connectors")]
    connectors: PathBuf,
    /// A file of NAME=VALUE lines that stand in for environment variables.
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// How the steps are written.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// What came of it.
struct Told {
    connector: Arc<Connector>,
    file: PathBuf,
    action: Action,
    steps: Vec<Event>,
    elapsed: Duration,
    /// The outcome's name, or the error's class.
    outcome: &'static str,
    /// What the caller must not know: the refusal's kind, or the error's message.
    reason: Option<String>,
    positive: bool,
    /// The status and the body over HTTP.
    http: (u16, serde_json::Value),
    last: Last,
    next: String,
}

/// What became of the changes.
enum Last {
    /// There were none.
    Nothing,
    /// They last.
    Committed,
    /// They were undone, save what a rollback does not undo.
    RolledBack(&'static str),
}

impl Trial {
    pub fn run(self) -> Exit {
        self.tried().unwrap_or_else(|(exit, problem)| {
            eprintln!("{}", problem.trim_end());
            exit
        })
    }

    fn tried(self) -> Result<Exit, (Exit, String)> {
        let usage = |problem: String| (Exit::Usage, format!("error: {problem}"));
        let action = action(&self.action).map_err(usage)?;
        let extra = self.env_file.as_deref().map(env_file).transpose().map_err(usage)?.unwrap_or_default();
        let variable = |name: &str| extra.get(name).cloned().or_else(|| variable(name));
        let loaded = find(&self.connector, &self.connectors, &variable).map_err(usage)?;
        let Loaded { path, definition: Some(definition), .. } = loaded else {
            return Err((Exit::Refused, format!("{}error: the definition is refused", loaded.report.render(false))));
        };
        let request = self.inputs.request(action, &definition).map_err(usage)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| (Exit::Findings, format!("error: cannot start: {error}")))?;
        let told = runtime.block_on(perform(definition, path, action, request, self.commit));
        let told = told.map_err(|problem| (Exit::Findings, format!("error: {problem}")))?;
        match self.format {
            Format::Text => print!("{}", text::told(&told)),
            Format::Json => println!("{:#}", json::told(&told)),
        }
        Ok(if told.positive { Exit::Fine } else { Exit::Findings })
    }
}

fn action(name: &str) -> Result<Action, String> {
    name.parse().map_err(|()| {
        let known = Action::ALL.map(Action::as_str);
        let near = nearest(name, known).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        format!("unknown action `{name}`, expected one of {}{near}", known.join(", "))
    })
}

/// The definition of a file, or of a connector's name in a folder.
pub(super) fn find(
    connector: &str,
    folder: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded, String> {
    let path = Path::new(connector);
    if path.is_file() {
        return Ok(load_file(path, variable));
    }
    let all = load(folder, variable);
    let all = all.map_err(|e| format!("there is no file `{connector}`, and {}: {}", folder.display(), e.kind()))?;
    let mut names = Vec::new();
    for loaded in all {
        // A refused file has no name; the one in its text is meant all the same.
        let written =
            || loaded.report.source.text.lines().find_map(|line| line.strip_prefix("connector:")).map(name_in);
        let name = loaded.definition.as_ref().map(|definition| definition.name.clone()).or_else(written);
        if name.as_deref() == Some(connector) {
            return Ok(loaded);
        }
        names.extend(name);
    }
    let near = nearest(connector, names.iter().map(String::as_str));
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "there is no definition at all".to_owned(),
        None => format!("there are {}", names.join(", ")),
    };
    Err(format!("{} has no connector `{connector}`: {hint}", folder.display()))
}

fn name_in(rest: &str) -> String {
    rest.split('#').next().unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned()
}

async fn perform(
    definition: Definition,
    file: PathBuf,
    action: Action,
    request: crate::action::Request,
    commit: bool,
) -> Result<Told, String> {
    let config = match commit {
        true => definition.database.clone(),
        false => definition.database.clone().for_rehearsal(definition.database.timeout()),
    };
    // A database that does not answer says so in a moment, as the answer to the action.
    if let (false, Ok(Some(table))) = (commit, lasting_table(&definition, Some(action)).await) {
        return Err(format!(
            "the engine of `{table}` has no transactions, so nothing could be rolled back; add --commit to write all the same"
        ));
    }
    let real = db::open(&config).map_err(|error| error.to_string())?;
    let provisional = (!commit).then(|| Provisional::new(Arc::clone(&real), Reads::Apart));
    let database = provisional.clone().map_or(real, |provisional| provisional as Arc<dyn Database>);
    let trace = Arc::new(Trace::default());
    let connector = Arc::new(Connector::on(definition, database, resources()?).traced(Arc::clone(&trace)));
    let began = Instant::now();
    let answer = connector.run(request, began + LIMIT).await;
    let elapsed = began.elapsed();
    if let Some(provisional) = provisional {
        provisional.undo().await.map_err(|error| format!("the changes could not be rolled back in order: {error}"))?;
    }
    let steps = trace.take();
    let last = last(&steps, commit, connector.definition());
    let next = next(&answer, action, &file, &last);
    let (outcome, reason, positive) = named(&answer);
    let response = Native.encode(answer);
    let body = serde_json::from_slice(response.body()).unwrap_or_default();
    let http = (response.status().as_u16(), body);
    Ok(Told { connector, file, action, steps, elapsed, outcome, reason, positive, http, last, next })
}

fn last(steps: &[Event], commit: bool, definition: &Definition) -> Last {
    let wrote = steps.iter().any(|event| matches!(event.step, TraceStep::Committed(None)));
    match (wrote, commit) {
        (false, _) => Last::Nothing,
        (true, true) => Last::Committed,
        (true, false) => Last::RolledBack(match definition.database.dialect() {
            crate::sql::Dialect::Postgres => "sequences have advanced",
            crate::sql::Dialect::Mysql => "AUTO_INCREMENT has advanced",
            crate::sql::Dialect::Sqlite => "nothing else stays",
        }),
    }
}

/// The outcome's name, what only the operator may know of it, and whether it is positive.
fn named(answer: &Result<Outcome, handler::Error>) -> (&'static str, Option<String>, bool) {
    match answer {
        Ok(outcome) => {
            let reason = match outcome {
                Outcome::WrongCredentials(refusal) => Some(refusal.as_str().to_owned()),
                Outcome::Denied(message) => Some(message.clone()),
                Outcome::Rejected(rejection) => Some(format!("{}: {}", rejection.code, rejection.message)),
                _ => None,
            };
            let positive = matches!(
                outcome,
                Outcome::Authenticated(_) | Outcome::Found(_) | Outcome::Created(_) | Outcome::Changed
            );
            (outcome.as_str(), reason, positive)
        }
        Err(error) => (error.class.as_str(), Some(error.message.clone()), false),
    }
}

/// The next sensible command.
fn next(answer: &Result<Outcome, handler::Error>, action: Action, file: &Path, last: &Last) -> String {
    use crate::action::Refusal;
    let file = file.display();
    match answer {
        Ok(Outcome::WrongCredentials(Refusal::WrongPassword)) => {
            "userbridge hash explain, when the password should be right: it finds how the hash was made".to_owned()
        }
        Ok(Outcome::WrongCredentials(Refusal::UnknownUser) | Outcome::NotFound | Outcome::Unchanged) => {
            format!("compare the statement's WHERE with the table; userbridge try {file} get_user --identifier …")
        }
        Ok(Outcome::WrongCredentials(_)) => {
            format!("userbridge try {file} change_password --identifier … --password-stdin")
        }
        Ok(Outcome::Denied(_) | Outcome::UserExists | Outcome::Rejected(_)) => {
            "nothing to mend: the definition and the store say no".to_owned()
        }
        Ok(_) => match last {
            Last::RolledBack(_) if !action.reads() => {
                format!("add --commit to make it last, or userbridge test {file}")
            }
            _ => format!("userbridge test {file}, then userbridge serve"),
        },
        Err(error) => match &error.class {
            Class::UnreadableHash => "userbridge hash identify, with the stored value".to_owned(),
            Class::Unavailable | Class::Timeout | Class::Overloaded => {
                "see whether this machine reaches the database of the URL".to_owned()
            }
            Class::InvalidInput { .. } | Class::ActionNotDeclared => "userbridge try --help".to_owned(),
            _ => format!("userbridge check {file}"),
        },
    }
}
