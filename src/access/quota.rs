//! Quotas, as they are written: `200/s`, `10/min`, `1000/h`.
//!
//! Invariant: a quota lets at least one attempt through.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// So many per unit of time, all at once if need be: `200/s`, `10/min`, `1000/h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    count: NonZeroU32,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
}

impl Unit {
    const fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
        })
    }
}

impl Quota {
    /// The largest count: beyond a million per unit, a limit limits nothing.
    const MAX_COUNT: u32 = 1_000_000;

    /// So many per second; 0 counts as 1.
    pub const fn per_second(count: u32) -> Self {
        Self::new(count, Unit::Second)
    }

    /// So many per minute; 0 counts as 1.
    pub const fn per_minute(count: u32) -> Self {
        Self::new(count, Unit::Minute)
    }

    const fn new(count: u32, unit: Unit) -> Self {
        let count = match NonZeroU32::new(count) {
            Some(count) => count,
            None => NonZeroU32::MIN,
        };
        Self { count, unit }
    }

    /// So many times as much.
    pub(super) const fn times(self, factor: u32) -> Self {
        Self::new(self.count.get().saturating_mul(factor), self.unit)
    }

    /// How many pass at once after a rest.
    pub(super) const fn burst(self) -> NonZeroU32 {
        self.count
    }

    /// The time in which one attempt comes back.
    pub(super) fn interval(self) -> Duration {
        self.unit.duration() / self.count.get()
    }
}

impl FromStr for Quota {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected a count and a unit, such as `200/s`, `10/min` or `1000/h`";
        let (count, unit) = text.split_once('/').ok_or_else(|| format!("`{text}` is no limit: {expected}"))?;
        let unit = match unit.trim() {
            "s" => Unit::Second,
            "min" => Unit::Minute,
            "h" => Unit::Hour,
            "m" => return Err(format!("`{text}` could mean minutes or months; write `{}/min`", count.trim())),
            unit => return Err(format!("`{unit}` is no unit of a limit: {expected}")),
        };
        match count.trim().parse() {
            Ok(0) => {
                Err(format!("`{text}` lets nothing through; to refuse everything, remove the client or the scope"))
            }
            Ok(count) if count <= Self::MAX_COUNT => Ok(Self::new(count, unit)),
            _ => Err(format!("`{}` is no count from 1 to {}: {expected}", count.trim(), Self::MAX_COUNT)),
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Second => "s",
            Unit::Minute => "min",
            Unit::Hour => "h",
        };
        write!(f, "{}/{unit}", self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_parsed_or_explained() {
        for text in ["200/s", "10/min", "1000/h"] {
            assert_eq!(text.parse::<Quota>().unwrap().to_string(), text);
        }
        assert_eq!("6/min".parse::<Quota>().unwrap().interval(), Duration::from_secs(10));
        let cases = [
            ("200", "`200` is no limit: expected a count and a unit"),
            ("10/m", "write `10/min`"),
            ("10/day", "`day` is no unit"),
            ("0/s", "lets nothing through"),
            ("-1/s", "`-1` is no count"),
            ("1e3/s", "`1e3` is no count"),
            ("1000001/s", "from 1 to 1000000"),
        ];
        for (text, expected) in cases {
            let error = text.parse::<Quota>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
