//! PostgreSQL's dates, times and durations as ISO 8601 text.
//!
//! Invariant: microseconds are kept, and what the calendar cannot hold is refused.

use std::fmt::Write;

use chrono::{Duration, NaiveDate, NaiveDateTime};

use super::cursor::Cursor;
use crate::db::numeric;

/// Microseconds since 2000-01-01 as RFC 3339.
pub(super) fn timestamp(microseconds: i64, zone: &str) -> Option<String> {
    match microseconds {
        i64::MAX => return Some("infinity".to_owned()),
        i64::MIN => return Some("-infinity".to_owned()),
        _ => {}
    }
    let epoch = NaiveDate::from_ymd_opt(2000, 1, 1)?.and_hms_opt(0, 0, 0)?;
    let time: NaiveDateTime = epoch.checked_add_signed(Duration::microseconds(microseconds))?;
    let since_midnight = time.time().signed_duration_since(chrono::NaiveTime::MIN).num_microseconds()?;
    Some(format!("{}T{}{zone}", time.date(), self::time(since_midnight)))
}

/// Days since 2000-01-01.
pub(super) fn date(days: i32) -> Option<String> {
    match days {
        i32::MAX => Some("infinity".to_owned()),
        i32::MIN => Some("-infinity".to_owned()),
        _ => {
            let epoch = NaiveDate::from_ymd_opt(2000, 1, 1)?;
            Some(format!("{}", epoch.checked_add_signed(Duration::days(days.into()))?))
        }
    }
}

/// Midnight at the end of a day is 24:00:00.
pub(super) fn time(microseconds: i64) -> String {
    let seconds = microseconds / 1_000_000;
    let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    text + &numeric::fraction(microseconds % 1_000_000)
}

/// A time of day and the seconds that its zone lies west of UTC.
pub(super) fn zoned_time(mut cursor: Cursor<'_>) -> Option<String> {
    let (microseconds, west) = (cursor.i64()?, cursor.i32()?);
    let (sign, east) = if west > 0 { ('-', west) } else { ('+', west.checked_neg()?) };
    let zone = match east % 60 {
        0 => format!("{sign}{:02}:{:02}", east / 3600, east / 60 % 60),
        seconds => format!("{sign}{:02}:{:02}:{seconds:02}", east / 3600, east / 60 % 60),
    };
    cursor.is_at_end().then(|| time(microseconds) + &zone)
}

/// An ISO 8601 duration; every part has its own sign, as in the server's `iso_8601` style.
pub(super) fn interval(mut cursor: Cursor<'_>) -> Option<String> {
    let (microseconds, days, months) = (cursor.i64()?, cursor.i32()?, cursor.i32()?);
    let mut text = "P".to_owned();
    for (amount, unit) in [(months / 12, 'Y'), (months % 12, 'M'), (days, 'D')] {
        if amount != 0 {
            write!(text, "{amount}{unit}").ok()?;
        }
    }
    let seconds = microseconds / 1_000_000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let rest = microseconds % 1_000_000;
    if microseconds != 0 || text == "P" {
        text.push('T');
    }
    for (amount, unit) in [(hours, 'H'), (minutes, 'M')] {
        if amount != 0 {
            write!(text, "{amount}{unit}").ok()?;
        }
    }
    if seconds != 0 || rest != 0 || text == "PT" {
        let sign = if seconds < 0 || rest < 0 { "-" } else { "" };
        write!(text, "{sign}{}{}S", seconds.abs(), numeric::fraction(rest)).ok()?;
    }
    cursor.is_at_end().then_some(text)
}
