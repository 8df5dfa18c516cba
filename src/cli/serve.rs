//! `userbridge serve`: start strictly, serve, reload, and stop without losing a request.

use std::path::{Path, PathBuf};

use clap::Args;

use super::running::{Plan, run};
use super::tokens::{self, beside};
use super::{Exit, colours, log, variable};
use super::{access, audit};
use crate::definition::{Gateway, check_gateway, read};
use crate::diagnostic::Report;

/// Serve the definitions over HTTP.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The gateway's settings.
    #[arg(long, default_value = "userbridge.yaml")]
    config: PathBuf,
    /// Listen on loopback with a key that is thrown away at the end; needs no settings.
    #[arg(long)]
    dev: bool,
    /// A definition or a directory of them, instead of the directory in the settings.
    connectors: Option<PathBuf>,
    /// Start although some definitions are refused.
    #[arg(long)]
    allow_partial: bool,
}

impl Serve {
    pub fn run(self) -> Exit {
        log::start();
        let plan = if self.dev { self.dev_plan() } else { self.plan() };
        match plan {
            Ok(plan) => run(plan),
            Err(problem) => {
                eprint!("{problem}");
                Exit::Refused
            }
        }
    }

    fn plan(&self) -> Result<Plan, String> {
        let (gateway, source) = settings(&self.config)?;
        let (mut access, mut tokens) = access::settings(&gateway.raw, &source).map_err(|report| draw(&report))?;
        if access.clients.is_empty() {
            return Err(format!(
                "error: {} declares no client, so nobody could call\nhelp: make one with: userbridge client new NAME --scope 'CONNECTOR:*'\n      or try things out with: userbridge serve --dev\n",
                self.config.display()
            ));
        }
        let directory = beside(&self.config);
        tokens::read_keys(&mut tokens, directory, true)
            .and_then(|()| tokens::install(&mut access, tokens))
            .map_err(|problem| format!("error: {problem}\n"))?;
        let declared = gateway.raw.connectors.as_ref().map_or("connectors", |at| at.value.as_str());
        let connectors = self.connectors.clone().unwrap_or_else(|| directory.join(declared));
        let audit = audit::settings(&gateway.raw, &source, directory).map_err(|report| draw(&report))?;
        let plan = Plan::new(gateway, access, connectors, Some((self.config.clone(), source)), self.allow_partial);
        Ok(plan.with_audit(audit))
    }

    fn dev_plan(&self) -> Result<Plan, String> {
        let (mut gateway, _) = match self.config.exists() {
            true => settings(&self.config)?,
            false => (super::running::default_gateway()?, crate::diagnostic::Source::new("", "")),
        };
        gateway.listen.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        let (access, key) = access::throw_away()?;
        let connectors = self.connectors.clone().unwrap_or_else(|| PathBuf::from("connectors"));
        eprintln!("development: the key is {key} (valid until the gateway stops)");
        Ok(Plan::new(gateway, access, connectors, None, self.allow_partial))
    }
}

/// Reads the gateway's settings, or says what is wrong with them.
fn settings(path: &Path) -> Result<(Gateway, crate::diagnostic::Source), String> {
    let source = read(path).map_err(|report| {
        format!("{}help: write one, or try things out with: userbridge serve --dev\n", draw(&report))
    })?;
    let gateway = check_gateway(&source).map_err(|report| draw(&report))?;
    Ok((gateway, source))
}

fn draw(report: &Report) -> String {
    report.render(colours(&std::io::stderr()))
}

/// The lookup of environment variables that definitions use while serving.
pub(super) fn environment() -> crate::reload::Variable {
    std::sync::Arc::new(variable)
}
