//! `userbridge init`: writes a definition for a known application, for a table, or for what a live database holds.
//!
//! Invariant: what is written passes `check`; an existing file is kept unless `--force` is said; no password of a URL
//! reaches a file.

mod edit;
mod guess;
mod known;
mod look;
mod table;
mod templates;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use self::edit::{Address, rename};
use self::table::TableArgs;
use super::{Exit, variable};
use crate::db::Config;
use crate::definition::{Surroundings, check};
use crate::diagnostic::{Source, nearest};

/// Write a definition for a known application, for a table, or for what a live database holds.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 written or listed, 1 nothing fits or the file is there already, 2 wrong usage.")]
pub(super) struct Init {
    /// The application, or `table`; without it the known ones are listed.
    template: Option<String>,
    /// Look at this database, read only, and write what fits; `env:NAME` takes the URL from the environment.
    #[arg(long, value_name = "URL", conflicts_with_all = ["template", "database"])]
    from: Option<String>,
    /// Where the users are; a password in it is left to the environment.
    #[arg(long, value_name = "URL", requires = "template")]
    database: Option<String>,
    /// The environment variable that will hold the URL.
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// The connector's name; the application's unless said otherwise.
    #[arg(long)]
    name: Option<String>,
    /// The file; `connectors/NAME.yaml` unless said otherwise, `-` for standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    table: TableArgs,
}

/// A definition to be written.
struct Draft {
    name: String,
    text: String,
    /// Where the URL comes from.
    address: Address,
}

/// Why nothing is written.
enum Refusal {
    Usage(String),
    /// Nothing fits, or the file is there.
    No(String),
}

impl Init {
    pub fn run(self) -> Exit {
        if self.template.is_none() && self.from.is_none() {
            // Without a table there is no format of passwords to be said.
            match self.table.formats() {
                [] => print!("{}", templates::list()),
                [one] if one == "text" => print!("{}", templates::list()),
                [one] if one == "json" => println!("{:#}", templates::to_json()),
                _ => {
                    eprintln!("error: the list of templates is written as `text` or `json`");
                    return Exit::Usage;
                }
            }
            return Exit::Fine;
        }
        match self.draft().and_then(|draft| self.write(&draft)) {
            Ok(()) => Exit::Fine,
            Err(Refusal::Usage(problem)) => {
                eprintln!("error: {problem}");
                Exit::Usage
            }
            Err(Refusal::No(problem)) => {
                eprintln!("{}", problem.trim_end());
                Exit::Findings
            }
        }
    }

    fn draft(&self) -> Result<Draft, Refusal> {
        match (&self.from, self.template.as_deref()) {
            (Some(url), _) => self.draft_from(url),
            (None, Some("table")) => {
                let (name, address) = self.naming(self.table.table.as_deref().unwrap_or("users"))?;
                let dialect = address.dialect().unwrap_or(self.table.dialect());
                let text = self.table.definition(&name, dialect, &address).map_err(Refusal::Usage)?;
                Ok(Draft { name, text, address })
            }
            (None, template) => {
                let wanted = template.unwrap_or_default();
                let template = templates::find(wanted).ok_or_else(|| {
                    let names = templates::TEMPLATES.iter().map(|(name, _)| *name).chain(["table"]);
                    let near = nearest(wanted, names).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                    Refusal::Usage(format!("there is no template `{wanted}`{near} (userbridge init lists them)"))
                })?;
                let (name, address) = self.naming(template.name)?;
                let text = rename(template.text, &name, &address).map_err(Refusal::Usage)?;
                Ok(Draft { name, text, address })
            }
        }
    }

    /// Looks at a live database, says what was considered, and takes what fits best.
    fn draft_from(&self, given: &str) -> Result<Draft, Refusal> {
        let (url, from_env) = match given.strip_prefix("env:") {
            Some(name) => {
                let url = variable(name);
                (url.ok_or_else(|| Refusal::Usage(format!("the environment variable {name} is not set")))?, Some(name))
            }
            None => (given.to_owned(), None),
        };
        let config = Config::parse(&url, 2, Duration::from_secs(20));
        let config = config.map_err(|error| Refusal::Usage(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Refusal::No(format!("error: cannot start: {error}")))?;
        let found = runtime.block_on(look::look(&config, &url));
        let found = found.map_err(|error| Refusal::No(format!("error: the database cannot be read: {error}")))?;
        eprint!("{}", found.told);
        let Some(choice) = found.choice else {
            return Err(Refusal::No(
                "error: no table looks like one of users; say it yourself: userbridge init table --help".into(),
            ));
        };
        let name = self.name.clone().unwrap_or_else(|| choice.name());
        let env = self.env.clone().or_else(|| from_env.map(str::to_owned)).unwrap_or_else(|| edit::env_name(&name));
        let address = Address::new(env, Some(url)).map_err(Refusal::Usage)?;
        let text = choice.definition(&name, &address).map_err(Refusal::No)?;
        Ok(Draft { name, text, address })
    }

    fn naming(&self, usual: &str) -> Result<(String, Address), Refusal> {
        let name = self.name.clone().unwrap_or_else(|| edit::connector_name(usual));
        let env = self.env.clone().unwrap_or_else(|| edit::env_name(&name));
        let url = self.database.clone();
        Ok((name, Address::new(env, url).map_err(Refusal::Usage)?))
    }

    fn write(&self, draft: &Draft) -> Result<(), Refusal> {
        let output =
            self.output.clone().unwrap_or_else(|| Path::new("connectors").join(format!("{}.yaml", draft.name)));
        draft.proven(&output).map_err(Refusal::No)?;
        if output.as_os_str() == "-" {
            print!("{}", draft.text);
            return Ok(());
        }
        let failed = |e: std::io::Error| Refusal::No(format!("error: cannot write {}: {}", output.display(), e.kind()));
        if let Some(folder) = output.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(self.force).create_new(!self.force);
        let mut file = options.open(&output).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Refusal::No(format!("error: {} is there already; --force replaces it", output.display()))
            }
            _ => failed(error),
        })?;
        file.write_all(draft.text.as_bytes()).map_err(failed)?;
        println!("written: {}", output.display());
        if let Some(line) = draft.address.to_set() {
            println!("{line}");
        }
        println!(
            "next: userbridge check {0}, then userbridge try {0} login --identifier … --password-stdin",
            output.display()
        );
        Ok(())
    }
}

impl Draft {
    /// Checks the text before anybody sees it.
    fn proven(&self, output: &Path) -> Result<(), String> {
        let source = Source::new(output.display().to_string(), self.text.as_str());
        let known = |name: &str| self.address.value_of(name).or_else(|| variable(name));
        let (definition, report) = check(&source, &Surroundings { variable: &known, directory: Path::new(".") });
        match definition {
            Some(_) => Ok(()),
            None => Err(format!("{}error: what would be written is refused, so it is not", report.render(false))),
        }
    }
}
