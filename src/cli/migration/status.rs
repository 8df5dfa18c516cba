//! `userbridge migration status`: how far it has come, how fast it goes, when it is done, and what fails.

use clap::Args;
use serde_json::{Map, Value as Json, json};

use super::{Ended, Which, failed, soon};
use crate::cli::running::clock;
use crate::cli::{Exit, Format};
use crate::managed::{Counts, State};

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    which: Which,
    /// How it is written.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Status {
    pub fn run(self) -> Result<Exit, Ended> {
        let open = self.which.open()?;
        let managed = open.managed()?;
        let (counts, remaining) = open.runtime.block_on(async {
            let counts = managed.store().counts(clock(), soon()).await.map_err(failed)?;
            let remaining = match open.connector.handler() {
                Some(legacy) => legacy.remaining(soon()).await.map_err(failed)?,
                None => None,
            };
            Ok::<_, Ended>((counts, remaining))
        })?;
        let report = report(&open.connector.name, &counts, remaining, clock());
        match self.format {
            Format::Json => println!("{report:#}"),
            Format::Text => print!("{}", text(&report)),
        }
        Ok(Exit::Fine)
    }
}

fn report(connector: &str, counts: &Counts, remaining: Option<u64>, now: i64) -> Json {
    let per_day = counts.per_day(now);
    let days_left = remaining.zip(per_day.filter(|rate| *rate > 0.0)).map(|(left, rate)| (left as f64 / rate).ceil());
    let end = days_left.filter(|days| *days < 36_500.0).map(|days| date(now / 86_400_000 + days as i64));
    let days: Map<String, Json> = counts.days.iter().map(|(day, count)| (date(*day), json!(count))).collect();
    json!({
        "connector": connector,
        "migrated": counts.of(State::Migrated),
        "pending": counts.of(State::Pending),
        "imported": counts.of(State::Imported),
        "native": counts.of(State::Native),
        "tombstones": counts.of(State::Deleted),
        "purged": counts.purged,
        "remaining": remaining,
        "per_day": per_day.map(|rate| (rate * 10.0).round() / 10.0),
        "estimated_end": end,
        "days": days,
        "failures": counts.failures,
    })
}

/// The date of a day since 1970.
fn date(day: i64) -> String {
    let date = chrono::DateTime::from_timestamp(day * 86_400, 0);
    date.map_or_else(String::new, |date| date.format("%Y-%m-%d").to_string())
}

fn text(report: &Json) -> String {
    let mut text = format!("{}\n", report["connector"].as_str().unwrap_or_default());
    for (name, what) in [
        ("migrated", "moved at a login"),
        ("pending", "moved; the mark is repeated at the next login"),
        ("imported", "copied; upgraded at the next login"),
        ("native", "began in the managed store"),
        ("tombstones", "deleted; no login brings them back"),
        ("purged", "rows deleted where they came from"),
        ("remaining", "not moved yet"),
    ] {
        match report[name].as_u64() {
            Some(count) => text.push_str(&format!("  {name:<10} {count:>10}  {what}\n")),
            None => text.push_str(&format!("  {name:<10} {:>10}  declare `migration.remaining` to count them\n", "?")),
        }
    }
    if let Some(rate) = report["per_day"].as_f64() {
        text.push_str(&format!("  {rate} a day"));
        if let Some(end) = report["estimated_end"].as_str() {
            text.push_str(&format!(", done about {end}"));
        }
        text.push('\n');
    }
    for (class, count) in report["failures"].as_object().into_iter().flatten() {
        text.push_str(&format!("  {count} right logins failed to move their user: {class}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_estimated_from_the_days_that_are_over() {
        let day = 86_400_000;
        let mut counts = Counts::default();
        counts.days.extend([(100, 30), (101, 10), (102, 1000)]);
        let report = report("acme", &counts, Some(100), 102 * day + 5);
        assert_eq!((&report["per_day"], &report["estimated_end"]), (&json!(20.0), &json!("1970-04-18")));
        assert_eq!(report["days"]["1970-04-11"], json!(30));
        let report = super::report("acme", &Counts::default(), Some(100), 102 * day);
        assert_eq!((&report["per_day"], &report["estimated_end"]), (&Json::Null, &Json::Null));
    }
}
