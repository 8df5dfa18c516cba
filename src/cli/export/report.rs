//! What an export could not write: counts and ids.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::export::Target;

/// How many ids are shown of each kind; the file holds them all.
const SHOWN: usize = 5;

/// Numbers that outlast an interruption.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Counts {
    /// Users that were read.
    pub read: u64,
    /// Users that were left out.
    pub left_out: BTreeMap<String, Kind>,
    /// Members that were lost.
    pub lost: BTreeMap<String, Kind>,
}

/// How often something happened, and the first users whom it happened to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Kind {
    count: u64,
    first: Vec<String>,
}

impl Kind {
    fn add(&mut self, id: &str) {
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.push(id.to_owned());
        }
    }
}

/// The report of one export.
pub(super) struct Report(Counts);

impl Report {
    /// Goes on with the numbers of an interrupted export.
    pub fn new(counts: Counts) -> Self {
        Self(counts)
    }

    pub fn counts(&self) -> &Counts {
        &self.0
    }

    /// Notes a user who was written; whether something of it was lost.
    pub fn wrote(&mut self, id: &str, lost: &[String]) -> bool {
        self.0.read += 1;
        for member in lost {
            self.0.lost.entry(member.clone()).or_default().add(id);
        }
        !lost.is_empty()
    }

    /// Notes a user who was not written.
    pub fn left_out(&mut self, id: &str, why: &str) {
        self.0.read += 1;
        self.0.left_out.entry(why.to_owned()).or_default().add(id);
    }

    /// Whether everybody was written, and all of everybody.
    pub fn is_whole(&self) -> bool {
        self.0.left_out.is_empty() && self.0.lost.is_empty()
    }

    /// The report for people.
    pub fn told(&self, target: Target, file: Option<&Path>) -> String {
        let left_out: u64 = self.0.left_out.values().map(|kind| kind.count).sum();
        let mut text = format!("{} users read, {} written for {target}\n", self.0.read, self.0.read - left_out);
        let mut list = |what: &str, kinds: &BTreeMap<String, Kind>| {
            for (name, Kind { count, first }) in kinds {
                let more = if *count > first.len() as u64 { ", …" } else { "" };
                // Writing to a text cannot fail.
                let _ = writeln!(text, "  {what} {name}: {count} ({}{more})", first.join(", "));
            }
        };
        list("left out,", &self.0.left_out);
        list("without", &self.0.lost);
        if let Some(file) = file {
            let _ = writeln!(text, "  each of them: {}", file.display());
        }
        text
    }
}
