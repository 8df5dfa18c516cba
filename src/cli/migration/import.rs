//! `userbridge migration import`: copies users page by page, and goes on where it was ended.
//!
//! Invariant: one page is copied while the next one is read, so memory holds two pages however many users there are.

use clap::Args;
use serde_json::json;

use super::bar::Bar;
use super::{Ended, Open, Which, failed, soon};
use crate::cli::{Exit, Format};
use crate::db::Value;
use crate::handler::Candidate;
use crate::managed::Copied;

/// How many users are named who could not be copied.
const SAMPLE: usize = 10;

#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(flatten)]
    which: Which,
    /// Begin with the first user again, also after an earlier import; users who are there stay as they are.
    #[arg(long)]
    restart: bool,
    /// How the result is written.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// What was done.
#[derive(Default)]
struct Tally {
    copied: u64,
    present: u64,
    denied: u64,
    failed: u64,
    sample: Vec<String>,
}

impl Tally {
    fn fail(&mut self, who: &str, why: &str) {
        self.failed += 1;
        if self.sample.len() < SAMPLE {
            self.sample.push(format!("{who}: {why}"));
        }
    }
}

impl Import {
    pub fn run(self) -> Result<Exit, Ended> {
        let open = self.which.open()?;
        let (tally, rate) = open.runtime.block_on(import(&open, self.restart))?;
        match self.format {
            Format::Json => println!(
                "{:#}",
                json!({
                    "copied": tally.copied, "present": tally.present, "denied": tally.denied, "failed": tally.failed,
                    "sample": tally.sample, "per_second": rate.round(),
                })
            ),
            Format::Text => print!("{}", text(&tally, rate)),
        }
        Ok(if tally.failed == 0 { Exit::Fine } else { Exit::Findings })
    }
}

fn text(tally: &Tally, rate: f64) -> String {
    let mut text = format!(
        "copied {} users ({rate:.0}/s); {} were there already, {} are kept out by `deny` and stay\n",
        tally.copied, tally.present, tally.denied
    );
    if tally.failed > 0 {
        text.push_str(&format!("{} could not be copied:\n", tally.failed));
        tally.sample.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
    }
    text.push_str("next: userbridge migration status\n");
    text
}

async fn import(open: &Open, restart: bool) -> Result<(Tally, f64), Ended> {
    let (managed, legacy) = (open.managed()?, open.legacy()?);
    if restart {
        managed.start_over(soon()).await.map_err(failed)?;
    }
    let import = legacy.definition().migration.as_ref().and_then(|migration| migration.import.as_ref());
    let declared = import.and_then(|import| import.start.as_deref());
    let mut after = match managed.reached(soon()).await.map_err(failed)? {
        Some(reached) => reached,
        None => legacy.import_start(declared, soon()).await.map_err(failed)?,
    };
    let mut bar = Bar::new("users", legacy.remaining(soon()).await.map_err(failed)?);
    let mut tally = Tally::default();
    let mut page = legacy.import_page(&after, soon()).await.map_err(failed)?;
    while let Some(last) = page.last().map(|candidate| candidate.key.clone()) {
        if last == after {
            let problem = "the page ends where the one before did: `migration.import` must select `> {{ after }}` in \
                           the order of the ids";
            return Err((Exit::Findings, format!("error: {problem}")));
        }
        let count = page.len() as u64;
        let users = sort(page, &mut tally);
        let (copied, next) = tokio::join!(managed.copy(&users, &last, soon()), legacy.import_page(&last, soon()));
        let copied = copied.map_err(failed)?;
        tally.copied += copied.copied;
        tally.present += copied.present;
        copied.taken.iter().for_each(|id| tally.fail(id, "a name belongs to another user of the managed store"));
        bar.advance(count);
        page = next.map_err(failed)?;
        after = last;
    }
    Ok((tally, bar.finish()))
}

/// Those of a page who can be copied.
fn sort(page: Vec<Candidate>, tally: &mut Tally) -> Vec<Copied> {
    let mut users = Vec::with_capacity(page.len());
    for Candidate { key, user } in page {
        match user {
            Ok(user) if user.denied => tally.denied += 1,
            Ok(user) => users.push(Copied { profile: user.profile, hash: user.hash, beside: user.beside }),
            Err(error) => tally.fail(&name(&key), &error.to_string()),
        }
    }
    users
}

fn name(key: &Value) -> String {
    key.to_text().unwrap_or_default()
}
