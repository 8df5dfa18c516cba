//! `userbridge export`: all users of a connector in an identity provider's layout, read page by page.
//!
//! Invariant: the memory that this takes does not grow with the table. What is said to be written is on disk, and a
//! user who could not be written, or not wholly, is reported by id.

mod output;
mod report;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::time::Instant;

use self::output::Output;
use self::report::Report;
use super::check::env_file;
use super::trial::find;
use super::{Exit, random, resources, variable};
use crate::action::{Action, Page};
use crate::db;
use crate::definition::{Definition, Loaded, Verification};
use crate::export::{Settings, Target, User};
use crate::handler::{Class, Stored};
use crate::registry::Connector;

/// How long a page may take; the definition's own `timeout` holds too.
const LIMIT: Duration = Duration::from_secs(30);

/// How often a page is asked for while the database does not answer.
const TRIES: u32 = 5;

/// Write all users of a connector in the layout that an identity provider imports.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 every user is written whole, 1 something is left out or the database does not \
                        answer, 2 wrong usage, 78 the definition is refused.")]
pub(super) struct Export {
    /// A connector's name, or the file of its definition.
    connector: String,
    /// The identity provider: okta, kratos, entra, auth0, keycloak, fusionauth or cognito.
    #[arg(long = "for", value_name = "PROVIDER", value_parser = target)]
    target: Target,
    /// Where the users are written; standard output without. Layouts of several files number them before the extension.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Go on where an earlier export to the same file stopped.
    #[arg(long, requires = "output")]
    resume: bool,
    /// Write the stored hashes too, where the layout takes them as they are.
    #[arg(long)]
    hashes: bool,
    /// How many users are read at once: 1 to 1000.
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=i64::from(Page::MAX)))]
    page: u16,
    #[command(flatten)]
    layout: Layout,
    /// Where definitions are looked for by name.
    #[arg(long, value_name = "FOLDER", default_value = "connectors")]
    connectors: PathBuf,
    /// A file of NAME=VALUE lines that stand in for environment variables.
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
}

/// What single providers' layouts want to know.
#[derive(Debug, Args)]
pub(super) struct Layout {
    /// Kratos: the id of the identities' schema; `default` unless said otherwise.
    #[arg(long, value_name = "ID")]
    schema_id: Option<String>,
    /// Entra: the tenant's own domain, such as contoso.onmicrosoft.com.
    #[arg(long, value_name = "DOMAIN")]
    issuer: Option<String>,
    /// Entra: the property that says "to be migrated", such as extension_0a1b…_toBeMigrated.
    #[arg(long, value_name = "PROPERTY")]
    flag: Option<String>,
}

impl Layout {
    pub fn settings(&self) -> Settings {
        Settings { schema_id: self.schema_id.clone(), issuer: self.issuer.clone(), flag: self.flag.clone() }
    }
}

pub(super) fn target(name: &str) -> Result<Target, String> {
    let known = Target::ALL.map(Target::as_str);
    Target::ALL
        .into_iter()
        .find(|target| target.as_str() == name)
        .ok_or_else(|| format!("expected one of {}", known.join(", ")))
}

type Refusal = (Exit, String);

fn usage(problem: String) -> Refusal {
    (Exit::Usage, format!("error: {problem}"))
}

fn stopped(problem: String) -> Refusal {
    (Exit::Findings, format!("error: {problem}"))
}

impl Export {
    pub fn run(self) -> Exit {
        self.exported().unwrap_or_else(|(exit, problem)| {
            eprintln!("{}", problem.trim_end());
            exit
        })
    }

    fn exported(self) -> Result<Exit, Refusal> {
        let definition = self.definition()?;
        self.judge(&definition).map_err(usage)?;
        let output = Output::open(self.output.as_deref(), self.target, self.resume).map_err(usage)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| stopped(format!("cannot start: {error}")))?;
        runtime.block_on(self.stream(definition, output))
    }

    fn definition(&self) -> Result<Definition, Refusal> {
        let extra = self.env_file.as_deref().map(env_file).transpose().map_err(usage)?.unwrap_or_default();
        let variable = |name: &str| extra.get(name).cloned().or_else(|| variable(name));
        let Loaded { definition, report, .. } = find(&self.connector, &self.connectors, &variable).map_err(usage)?;
        definition.ok_or_else(|| (Exit::Refused, format!("{}error: the definition is refused", report.render(false))))
    }

    /// What can be said before the database is asked.
    fn judge(&self, definition: &Definition) -> Result<(), String> {
        let Some(list) = &definition.list_users else {
            return Err(format!(
                "`{}` does not declare `{}`, which gives the users",
                definition.name,
                Action::ListUsers
            ));
        };
        if self.target == Target::Entra && (self.layout.issuer.is_none() || self.layout.flag.is_none()) {
            return Err("`--for entra` needs `--issuer` and `--flag`".to_owned());
        }
        if self.output.is_none() && (self.target.frame().bytes.is_some() || self.target.frame().records.is_some()) {
            return Err(format!("`--for {}` writes several files: add `--output FILE`", self.target));
        }
        if !self.hashes {
            return Ok(());
        }
        let column = match definition.login.as_ref().map(|login| &login.verification) {
            Some(Verification::Gateway(stored)) if stored.beside.is_empty() => &stored.column,
            Some(Verification::Gateway(_)) => {
                return Err("`--hashes` needs hashes that are whole in one column; here a salt stands apart".to_owned());
            }
            _ => return Err("`--hashes` needs a `login` that says which column holds the hash".to_owned()),
        };
        match list.sql.mentions(column) && list.first.as_ref().is_none_or(|first| first.mentions(column)) {
            true => Ok(()),
            false => Err(format!("`--hashes` needs `{column}` in the SELECT list of `list_users`")),
        }
    }

    async fn stream(&self, definition: Definition, mut output: Output) -> Result<Exit, Refusal> {
        let Some(config) = definition.database() else {
            return Err(stopped("an upstream lists no users; export them there".to_owned()));
        };
        let database = db::open(config).map_err(|error| stopped(error.to_string()))?;
        let connector = Connector::on(definition, database, resources().map_err(stopped)?);
        let settings = self.layout.settings();
        let progress = std::io::stderr().is_terminal();
        let mut report = Report::new(output.counted());
        loop {
            let page = self.page(&connector, output.after()).await?;
            for stored in &page {
                self.write(stored, &settings, &mut output, &mut report)?;
            }
            let last = page.last().map(|stored| stored.profile.user_id().to_owned());
            output.settle(last, report.counts()).map_err(stopped)?;
            if progress {
                eprint!("\r{} users", report.counts().read);
            }
            if page.len() < usize::from(self.page) {
                break;
            }
        }
        if progress {
            eprintln!();
        }
        let reported = output.finish().map_err(stopped)?;
        eprint!("{}", report.told(self.target, reported.as_deref()));
        Ok(if report.is_whole() { Exit::Fine } else { Exit::Findings })
    }

    fn write(
        &self,
        stored: &Stored,
        settings: &Settings,
        output: &mut Output,
        report: &mut Report,
    ) -> Result<(), Refusal> {
        let hash =
            stored.hash.as_ref().filter(|_| self.hashes).and_then(|hash| std::str::from_utf8(hash.expose()).ok());
        let random = password().map_err(stopped)?;
        let user = User { profile: &stored.profile, hash: hash.filter(|hash| !hash.is_empty()), random: &random };
        let id = stored.profile.user_id();
        match self.target.record(&user, settings) {
            Ok(record) => {
                output.record(&record.text).map_err(stopped)?;
                if report.wrote(id, &record.lost) {
                    output.note(&serde_json::json!({ "user_id": id, "lost": record.lost })).map_err(stopped)?;
                }
            }
            Err(unfit) => {
                report.left_out(id, unfit.0);
                output.note(&serde_json::json!({ "user_id": id, "left_out": unfit.0 })).map_err(stopped)?;
            }
        }
        Ok(())
    }

    /// One page; a database that is away for a moment does not end an export of hours.
    async fn page(&self, connector: &Connector, after: Option<&str>) -> Result<Vec<Stored>, Refusal> {
        let mut tries = 0;
        loop {
            tries += 1;
            match connector.stored_page(after, self.page, Instant::now() + LIMIT).await {
                Ok(page) => return Ok(page),
                Err(error) => {
                    let passing = matches!(error.class, Class::Unavailable | Class::Timeout | Class::Overloaded);
                    if !passing || tries == TRIES {
                        let resume = if self.output.is_some() { "; add --resume to go on from here" } else { "" };
                        return Err(stopped(format!("{}: {}{resume}", error.class.as_str(), error.message)));
                    }
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

/// A password that nobody knows, with all the kinds of characters that directories ask for.
pub(super) fn password() -> Result<String, String> {
    use base64ct::{Base64UrlUnpadded, Encoding};
    Ok(format!("{}aA1!", Base64UrlUnpadded::encode_string(&random::<24>()?)))
}
