//! An upstream as it is: whether it is reached, who it is, and what it lets the gateway do. Nothing of a user is asked.

use std::time::Duration;

use tokio::time::Instant;

use crate::action::{Action, Class, Error};
use crate::definition::{Definition, UserStore};
use crate::diagnostic::{Code, Diagnostic, Fault};
use crate::upstream::{self, Link, Standing};

/// How long the upstream may take for the whole check.
const LIMIT: Duration = Duration::from_secs(10);

/// Everything that is found about a definition on its upstream.
pub(super) async fn check(definition: &Definition) -> Vec<Diagnostic> {
    let UserStore::Upstream(settings) = &definition.store else { return Vec::new() };
    let place = definition.places.database.clone();
    let finding = |code: Code, message: String, help: &str| -> Vec<Diagnostic> {
        vec![Fault::new(code, place.clone(), message).help(help).into()]
    };
    let link = match Link::open(&definition.name, settings, |bytes| bytes.fill(0)) {
        Ok(link) => link,
        Err(problem) => return finding(Code::UpstreamUnreachable, problem, "this machine cannot speak TLS"),
    };
    let deadline = Instant::now() + LIMIT;
    let unreachable = |error: &Error| {
        let help = "nothing on this upstream could be checked: correct the address, or let this machine out";
        finding(Code::UpstreamUnreachable, error.to_string(), help)
    };
    if let Err(error) = upstream::reach(settings, &link, deadline).await {
        return unreachable(&error);
    }
    match upstream::standing(settings, &link, deadline).await {
        Err(error) if error.class == Class::Misconfigured => {
            let help = "compare `client_id`, `client_secret` and `audience` with the application in the tenant";
            finding(Code::UpstreamCredentials, error.to_string(), help)
        }
        Err(error) => unreachable(&error),
        Ok(Standing::NotNeeded | Standing::Unknown) => migration(definition),
        Ok(Standing::Granted(scopes)) => {
            let lacking = Action::ALL.into_iter().filter(|action| definition.declares(*action)).flat_map(|action| {
                let missing =
                    upstream::needed_scopes(settings, action).iter().filter(|scope| !scopes.contains(**scope));
                missing.map(move |scope| (action, *scope))
            });
            let findings = lacking.flat_map(|(action, scope)| {
                let message = format!("the gateway's token lacks `{scope}`, which `{action}` needs");
                finding(Code::MissingScope, message, "grant it to the application, or do not declare the action")
            });
            findings.chain(migration(definition)).collect()
        }
    }
}

/// What a migration asks of a database has no counterpart on an upstream.
fn migration(definition: &Definition) -> Vec<Diagnostic> {
    let message =
        "nothing of `migration` is checked: an upstream has no statements that mark, count, copy or delete users";
    let fault = Fault::new(Code::NotChecked, definition.places.database.clone(), message)
        .help("see how the first users fare: `userbridge migration status`");
    definition.migration.iter().map(|_| fault.clone().into()).collect()
}
