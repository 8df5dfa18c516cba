//! `userbridge serve`: start strictly, serve, reload, and stop without losing a request.

use std::path::PathBuf;

use clap::Args;

use super::running::{Plan, run};
use super::settings::{self, Ready};
use super::tokens::{FirstKey, beside};
use super::{Exit, access, colours, log, variable};
use crate::definition::{Listen, check_gateway, read};
use crate::diagnostic::Report;

/// Serve the definitions over HTTP.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The gateway's settings.
    #[arg(long, default_value = "userbridge.yaml")]
    config: PathBuf,
    /// Listen on loopback, without TLS, with a key that is thrown away at the end; needs no settings.
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
        if !self.config.exists() {
            let path = self.config.display();
            return Err(format!(
                "error: cannot read {path}: there is no such file\nhelp: write one, or try things out with: userbridge serve --dev\n"
            ));
        }
        let (ready, report) = settings::load(&self.config, &variable, FirstKey::Make);
        let Some(ready) = ready else { return Err(draw(&report)) };
        eprint!("{}", draw(&report));
        let declared = ready.gateway.raw.connectors.as_ref().map_or("connectors", |at| at.value.as_str());
        let connectors = self.connectors.clone().unwrap_or_else(|| beside(&self.config).join(declared));
        let Ready { source, gateway, access, networks, faces, directories, audit, tls, ldap_tls } = ready;
        let plan = Plan::new(gateway, access, connectors, self.allow_partial);
        let plan = plan.with_faces(faces).with_audit(audit).with_tls(tls).with_ldap(directories, ldap_tls);
        Ok(plan.following(self.config.clone(), source, networks))
    }

    fn dev_plan(&self) -> Result<Plan, String> {
        let mut gateway = match self.config.exists() {
            true => read(&self.config).and_then(|source| check_gateway(&source)).map_err(|report| draw(&report))?,
            false => super::running::default_gateway()?,
        };
        let port = match &gateway.listen {
            Listen::Tcp(address) => address.port(),
            Listen::Unix(_) => 8080,
        };
        gateway.listen = Listen::Tcp((std::net::Ipv4Addr::LOCALHOST, port).into());
        // Its directories' clients are not there.
        gateway.ldap = None;
        let (access, key) = access::throw_away()?;
        let connectors = self.connectors.clone().unwrap_or_else(|| PathBuf::from("connectors"));
        eprintln!("development: the key is {key} (valid until the gateway stops)");
        Ok(Plan::new(gateway, access, connectors, self.allow_partial))
    }
}

fn draw(report: &Report) -> String {
    report.render(colours(&std::io::stderr()))
}

/// The lookup of environment variables that definitions use while serving.
pub(super) fn environment() -> crate::reload::Variable {
    std::sync::Arc::new(variable)
}
