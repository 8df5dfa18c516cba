//! `userbridge migration purge`: deletes the rows of users who have moved, where they came from.
//!
//! Invariant: a row is deleted when the managed store says that its user has moved, long enough ago, and the row itself
//! is marked; each in a transaction of its own that must delete exactly one row. The first surprise ends the work.

use clap::Args;
use serde_json::json;

use super::bar::Bar;
use super::{Ended, Open, Which, failed, soon};
use crate::cli::running::clock;
use crate::cli::{Exit, Format};
use crate::handler::Mark;

/// How many users are asked for at once.
const BATCH: u64 = 200;

/// How many ids a dry run names.
const SAMPLE: u64 = 10;

#[derive(Debug, Args)]
pub(crate) struct Purge {
    #[command(flatten)]
    which: Which,
    /// Delete; without it nothing is changed.
    #[arg(long)]
    yes: bool,
    /// Delete at most so many rows.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// How the result is written.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// What was done.
#[derive(Default)]
struct Tally {
    deleted: u64,
    gone: u64,
    surprise: Option<String>,
}

impl Purge {
    pub fn run(self) -> Result<Exit, Ended> {
        let open = self.which.open()?;
        let Some(purge) = open.connector.definition().migration.as_ref().and_then(|m| m.purge.as_ref()) else {
            let help = "declare `older_than`, `marked` and `delete` under `migration.purge`";
            return Err((Exit::Usage, format!("error: the definition declares no `migration.purge`\nhelp: {help}")));
        };
        let age = i64::try_from(purge.older_than.as_millis()).unwrap_or(i64::MAX);
        let before = clock().saturating_sub(age);
        match self.yes {
            false => self.tell(&open, before),
            true => self.delete(&open, before),
        }
    }

    /// What would be deleted.
    fn tell(&self, open: &Open, before: i64) -> Result<Exit, Ended> {
        let managed = open.managed()?;
        let (count, sample) = open.runtime.block_on(async {
            let count = managed.store().count_purgeable(before, soon()).await.map_err(failed)?;
            let ids = managed.store().purgeable(before, "", SAMPLE, soon()).await.map_err(failed)?;
            let mut sample = Vec::new();
            for id in ids {
                let mark = open.legacy()?.marked(&id, soon()).await.map_err(failed)?;
                sample.push((id, mark));
            }
            Ok::<_, Ended>((count, sample))
        })?;
        let surprise = sample.iter().any(|(_, mark)| *mark == Mark::Missing);
        if self.format == Format::Json {
            let sample: Vec<_> = sample.iter().map(|(id, mark)| json!({ "user_id": id, "row": said(*mark) })).collect();
            println!("{:#}", json!({ "dry_run": true, "rows": count, "sample": sample }));
        } else {
            println!("{count} rows would be deleted; nothing was changed");
            sample.iter().for_each(|(id, mark)| println!("  {id}  {}", said(*mark)));
            println!("next: userbridge migration purge {} --yes", open.connector.name);
        }
        Ok(if surprise { Exit::Findings } else { Exit::Fine })
    }

    fn delete(&self, open: &Open, before: i64) -> Result<Exit, Ended> {
        let (tally, rate) = open.runtime.block_on(delete(open, before, self.limit.unwrap_or(u64::MAX)))?;
        match self.format {
            Format::Json => println!(
                "{:#}",
                json!({
                    "dry_run": false, "deleted": tally.deleted, "gone": tally.gone, "surprise": tally.surprise,
                    "per_second": rate.round(),
                })
            ),
            Format::Text => {
                println!("deleted {} rows ({rate:.0}/s); {} were gone already", tally.deleted, tally.gone);
                if let Some(surprise) = &tally.surprise {
                    println!("stopped: {surprise}");
                }
            }
        }
        Ok(if tally.surprise.is_none() { Exit::Fine } else { Exit::Findings })
    }
}

fn said(mark: Mark) -> &'static str {
    match mark {
        Mark::Set => "marked",
        Mark::Missing => "not marked",
        Mark::NoRow => "gone",
    }
}

async fn delete(open: &Open, before: i64, limit: u64) -> Result<(Tally, f64), Ended> {
    let (managed, legacy) = (open.managed()?, open.legacy()?);
    let store = managed.store();
    let count = store.count_purgeable(before, soon()).await.map_err(failed)?;
    let mut bar = Bar::new("rows", Some(count.min(limit)));
    let mut tally = Tally::default();
    let mut after = String::new();
    'all: loop {
        let ids = store.purgeable(before, &after, BATCH, soon()).await.map_err(failed)?;
        let Some(last) = ids.last().cloned() else { break };
        for id in ids {
            if tally.deleted == limit {
                break 'all;
            }
            match legacy.marked(&id, soon()).await {
                Ok(Mark::Set) => {
                    if let Err(error) = legacy.purge(&id, soon()).await {
                        tally.surprise = Some(format!("{id}: {error}"));
                        break 'all;
                    }
                    tally.deleted += 1;
                }
                // An earlier run deleted it and was ended before it could say so.
                Ok(Mark::NoRow) => tally.gone += 1,
                Ok(Mark::Missing) => {
                    tally.surprise = Some(format!("{id}: the row is not marked"));
                    break 'all;
                }
                Err(error) => {
                    tally.surprise = Some(format!("{id}: {error}"));
                    break 'all;
                }
            }
            managed.purged(&id, soon()).await.map_err(failed)?;
            bar.advance(1);
        }
        after = last;
    }
    Ok((tally, bar.finish()))
}
