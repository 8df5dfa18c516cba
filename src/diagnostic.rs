//! What `check` finds: coded, placed in the source, and drawn for people or written for machines.
//!
//! Invariant: a diagnostic is data. Whoever finds something says what and where; only this module renders.

mod code;
mod conceal;
mod machine;

use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use serde::Serialize;

pub use self::code::{Code, Stage};
pub use self::machine::{github, sarif};

/// A half-open range of bytes in a [`Source`].
pub type Span = Range<usize>;

/// A file that diagnostics point into.
#[derive(Clone, Debug)]
pub struct Source {
    /// The path as the user gave it.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
}

impl Source {
    /// A file with its text.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// Line and column of a byte offset, counted from 1; columns count characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..self.floor_char(offset)];
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (line, before[start..].chars().count() + 1)
    }

    /// The byte offset of a line and column, both counted from 1; columns count characters.
    pub fn offset(&self, line: usize, column: usize) -> usize {
        let start = match line {
            0 | 1 => 0,
            _ => self.text.match_indices('\n').nth(line - 2).map_or(self.text.len(), |(at, _)| at + 1),
        };
        self.text[start..].char_indices().nth(column.saturating_sub(1)).map_or(self.text.len(), |(at, _)| start + at)
    }

    fn floor_char(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    /// A range that can be drawn: inside the text, on character boundaries, and not empty where that is possible.
    fn drawable(&self, span: &Span) -> Span {
        let start = self.floor_char(span.start);
        let end = self.floor_char(span.end.max(start));
        if end > start {
            return start..end;
        }
        let next = self.text[start..].chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
        start..start + next
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is wrong, or it cannot be told.
    Note,
    /// The definition works, but something about it is likely to hurt.
    Warning,
    /// The definition is refused.
    Error,
}

/// A fault found in a piece of text, before it is known where in the file that text stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of fault.
    pub code: Code,
    /// Where, in bytes of the piece of text.
    pub span: Span,
    /// What was found and what was expected.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// The text to put in the span's place, when that is certain.
    pub replacement: Option<String>,
    /// What stands there may be a secret: no picture shows it.
    pub concealed: bool,
}

impl Fault {
    /// A fault without help. A value that the message repeats may be a URL's password or a key in the wrong place.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        let message = conceal::said(&message.into());
        Self { code, span, message, help: None, replacement: None, concealed: false }
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(conceal::said(&help.into()));
        self
    }

    /// Adds what to write in the place of the faulty text.
    #[must_use]
    pub fn replace_with(mut self, replacement: impl Into<String>) -> Self {
        self.replacement = Some(replacement.into());
        self
    }

    /// Says that what stands there may be a secret.
    #[must_use]
    pub fn conceal(mut self) -> Self {
        self.concealed = true;
        self
    }

    /// Offers the known name that is nearest to what was written, if one is near.
    #[must_use]
    pub fn did_you_mean<'a>(self, written: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(written, known) {
            Some(name) => self.help(format!("did you mean `{name}`?")).replace_with(name),
            None => self,
        }
    }
}

/// The known name that is nearest to a written one, if it is near enough to be a slip.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(written, name), name))
        .filter(|(distance, name)| *distance <= (name.chars().count().max(written.chars().count()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// A finding with its place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What was found, where, and how to mend it.
    pub fault: Fault,
    /// Other places that explain the finding.
    pub context: Vec<(Span, String)>,
}

impl From<Fault> for Diagnostic {
    fn from(fault: Fault) -> Self {
        Self { fault, context: Vec::new() }
    }
}

/// Everything found in one file.
#[derive(Clone, Debug)]
pub struct Report {
    /// The file.
    pub source: Source,
    /// What was found, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// A report whose findings are put into the order of the file.
    pub fn new(source: Source, mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by_key(|d| (d.fault.span.start, d.fault.code));
        diagnostics.dedup();
        Self { source, diagnostics }
    }

    /// How many findings have this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|d| d.fault.code.severity() == severity).count()
    }

    /// Whether the file is refused.
    pub fn is_fatal(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// The findings as rustc draws them; with colours when the reader is a terminal.
    pub fn render(&self, colours: bool) -> String {
        let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
        let faults = self.diagnostics.iter().map(|diagnostic| &diagnostic.fault);
        let source = conceal::concealed(&self.source.text, faults.filter(|f| f.concealed).map(|f| &f.span));
        let mut text = String::new();
        for diagnostic in &self.diagnostics {
            text.push_str(&self.draw(&renderer, diagnostic, &source));
            text.push_str("\n\n");
        }
        text
    }

    /// The findings for machines.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!(self.records().collect::<Vec<_>>())
    }

    fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.diagnostics.iter().map(|diagnostic| self.record(diagnostic))
    }

    /// The findings as an editor shows them, without the secrets that messages quote.
    pub fn shown(&self) -> impl Iterator<Item = Shown<'_>> {
        self.diagnostics.iter().map(|Diagnostic { fault, context }| Shown {
            code: fault.code,
            span: self.source.drawable(&fault.span),
            message: self.said(&fault.message),
            help: fault.help.as_deref().map(|help| self.said(help)),
            replacement: fault.replacement.as_deref(),
            related: context.iter().map(|(span, label)| (self.source.drawable(span), self.said(label))).collect(),
        })
    }

    /// A message without the secrets of the source that it quotes.
    fn said(&self, message: &str) -> String {
        let concealed = self.diagnostics.iter().map(|diagnostic| &diagnostic.fault).filter(|fault| fault.concealed);
        let spans = concealed.map(|fault| fault.span.clone()).chain(conceal::secrets(&self.source.text));
        let mut message = message.to_owned();
        for secret in spans.filter_map(|span| self.source.text.get(span)).map(str::trim) {
            if secret.chars().count() >= 4 {
                message = message.replace(secret, "****");
            }
        }
        message
    }

    /// Draws a finding on the source's text as it may be shown.
    fn draw(&self, renderer: &Renderer, diagnostic: &Diagnostic, text: &str) -> String {
        let fault = &diagnostic.fault;
        let (message, help) = (self.said(&fault.message), fault.help.as_deref().map(|help| self.said(help)));
        let level = match fault.code.severity() {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let mut snippet = Snippet::source(text)
            .path(&*self.source.name)
            .annotation(AnnotationKind::Primary.span(self.source.drawable(&fault.span)));
        for (span, label) in &diagnostic.context {
            let span = self.source.drawable(span);
            snippet = snippet.annotation(AnnotationKind::Context.span(span).label(label));
        }
        let mut groups =
            vec![Group::with_title(level.primary_title(&message).id(fault.code.as_str())).element(snippet)];
        match (&help, &fault.replacement) {
            (Some(help), Some(replacement)) => groups.push(
                Group::with_title(Level::HELP.secondary_title(help)).element(
                    Snippet::source(text)
                        .path(&*self.source.name)
                        .patch(Patch::new(self.source.drawable(&fault.span), replacement)),
                ),
            ),
            (Some(help), None) => groups.push(Group::with_title(Level::HELP.secondary_title(help))),
            (None, _) => {}
        }
        renderer.render(&groups)
    }

    fn record(&self, diagnostic: &Diagnostic) -> Record<'_> {
        let fault = &diagnostic.fault;
        let span = self.source.drawable(&fault.span);
        let (line, column) = self.source.position(span.start);
        let (end_line, end_column) = self.source.position(span.end);
        let related = diagnostic.context.iter().map(|(span, label)| {
            let span = self.source.drawable(span);
            let (line, column) = self.source.position(span.start);
            let (end_line, end_column) = self.source.position(span.end);
            Place { line, column, end_line, end_column, message: self.said(label) }
        });
        Record {
            code: fault.code.as_str(),
            severity: fault.code.severity(),
            file: self.source.name.to_string(),
            line,
            column,
            end_line,
            end_column,
            message: self.said(&fault.message),
            help: fault.help.as_deref().map(|help| self.said(help)),
            replacement: fault.replacement.clone(),
            related: related.collect(),
        }
    }
}

/// One finding as an editor shows it.
#[derive(Debug)]
pub struct Shown<'a> {
    /// What kind of finding.
    pub code: Code,
    /// Where: inside the text, on character boundaries.
    pub span: Span,
    /// What was found and what was expected.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// The text to put in the span's place, when that is certain.
    pub replacement: Option<&'a str>,
    /// Other places that explain it.
    pub related: Vec<(Span, String)>,
}

/// One finding as `--format json` writes it. Lines and columns count from 1, columns in characters.
#[derive(Serialize)]
struct Record<'a> {
    code: &'a str,
    severity: Severity,
    file: String,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    message: String,
    help: Option<String>,
    replacement: Option<String>,
    related: Vec<Place>,
}

/// Another place that belongs to a finding.
#[derive(Serialize)]
struct Place {
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_round_trip() {
        let source = Source::new("a.yaml", "ä: 1\nbé: ö\n");
        let offset = source.text.find('ö').unwrap();
        assert_eq!(source.position(offset), (2, 5));
        assert_eq!(source.offset(2, 5), offset);
        assert_eq!(source.offset(99, 1), source.text.len());
    }

    #[test]
    fn near_names_are_offered_and_far_ones_are_not() {
        assert_eq!(nearest("emial", ["email", "username"]), Some("email"));
        assert_eq!(nearest("hsah", ["sql", "hash"]), Some("hash"));
        assert_eq!(nearest("zebra", ["email", "username"]), None);
    }
}
