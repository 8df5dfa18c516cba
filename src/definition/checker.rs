//! Collects findings while a raw definition becomes a checked one.
//!
//! Invariant: a finding never stops the others; only what depends on a faulty value is left out.

use std::path::PathBuf;

use super::places::Located;
use super::scalar::ScalarMap;
use super::yaml::At;
use crate::diagnostic::{Code, Diagnostic, Fault, Source, Span};
use crate::secret::Secret;

/// The findings of one file.
pub(super) struct Checker<'a> {
    pub source: &'a Source,
    pub diagnostics: Vec<Diagnostic>,
    /// Files that secrets of formats were read from.
    pub secret_files: Vec<PathBuf>,
    /// Those secrets, for telling whether one of them changed.
    pub secrets: Vec<Secret>,
    /// The statements that were compiled.
    pub statements: Vec<Located>,
}

impl<'a> Checker<'a> {
    pub fn new(source: &'a Source) -> Self {
        Self { source, diagnostics: Vec::new(), secret_files: Vec::new(), secrets: Vec::new(), statements: Vec::new() }
    }

    /// Notes a finding.
    pub fn push(&mut self, fault: Fault) {
        self.diagnostics.push(fault.into());
    }

    /// Notes a finding whose place is relative to a scalar's value.
    pub fn push_inside(&mut self, at: &At<String>, fault: Fault) {
        self.push_all_inside(at, [fault]);
    }

    /// Notes findings whose places are relative to a scalar's value.
    pub fn push_all_inside(&mut self, at: &At<String>, faults: impl IntoIterator<Item = Fault>) {
        let map = ScalarMap::new(&self.source.text, &at.span, &at.value);
        for mut fault in faults {
            fault.span = map.span(&fault.span);
            self.push(fault);
        }
    }

    /// Takes the value of a step that may fail with one fault.
    pub fn take<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.push(fault)).ok()
    }

    /// Where a key of a mapping stands, given the place of its value: on the same line or above it.
    pub fn key_span(&self, key: &str, value: &Span) -> Span {
        let before = self.source.text.get(..value.start).unwrap_or_default();
        let found = before.rmatch_indices(key).find(|(at, _)| {
            let rest = before[at + key.len()..].trim_start_matches(['"', '\'']);
            let begins = before[..*at].chars().next_back().is_none_or(|c| " \t\n{,\"'".contains(c));
            begins && rest.trim_start().starts_with(':')
        });
        found.map_or(value.clone(), |(at, _)| at..at + key.len())
    }

    /// A finding about the absence of something in a mapping, shown at the mapping's key.
    pub fn missing(&mut self, key: &str, value: &Span, message: impl Into<String>, help: impl Into<String>) {
        let span = self.key_span(key, value);
        self.push(Fault::new(Code::MissingKey, span, message).help(help));
    }
}
