//! What is told about a place: findings, explanations, what may be written there, and fixes.
//!
//! Invariant: pure; a document and its report in, data of the protocol out.

use std::collections::{BTreeSet, HashMap};

use lsp_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeDescription, CompletionItem, CompletionItemKind,
    CompletionTextEdit, Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, Documentation, Hover,
    HoverContents, Location, MarkupContent, MarkupKind, NumberOrString, Position, Range, TextEdit, Uri, WorkspaceEdit,
};

use super::lines::{Encoding, Lines};
use super::place::{Place, Spot, Step, expression, keys_under};
use super::schemas::{Offer, Schema};
use super::session::{Document, Kind};
use crate::action::Action;
use crate::definition::input_names;
use crate::diagnostic::{Code, Report, Severity, Shown, Span};
use crate::hash::FORMATS;

/// What the client can show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Abilities {
    pub encoding: Encoding,
    pub related: bool,
    pub described: bool,
}

/// Tells what is asked of documents.
pub(super) struct Desk {
    pub abilities: Abilities,
    connector: Schema,
    gateway: Schema,
}

impl Default for Desk {
    fn default() -> Self {
        let abilities = Abilities { encoding: Encoding::Utf16, related: false, described: false };
        Self { abilities, connector: Schema::connector(), gateway: Schema::gateway() }
    }
}

impl Desk {
    /// The findings of a report.
    pub fn diagnostics(&self, uri: &Uri, text: &str, report: &Report) -> Vec<Diagnostic> {
        let lines = Lines::new(text, self.abilities.encoding);
        report.shown().map(|shown| self.diagnostic(uri, &lines, &shown)).collect()
    }

    /// What may be written at a place.
    pub fn completions(&self, document: &Document, kind: Kind, position: Position) -> Vec<CompletionItem> {
        let lines = Lines::new(&document.text, self.abilities.encoding);
        let offset = lines.offset(position);
        let place = Place::of(&document.text, offset);
        if let Some(word) = expression(&document.text, offset) {
            let names = if kind == Kind::Definition { names(&document.text, &place) } else { Vec::new() };
            let range = lines.range(&word);
            let item = |offer| item(offer, CompletionItemKind::VARIABLE, range, "");
            return names.into_iter().map(item).collect();
        }
        let range = lines.range(&place.written);
        let schema = self.schema(kind);
        let mut items = Vec::new();
        if place.spot == Spot::Key {
            let written = &document.text[place.written.end..];
            // A key that is there already keeps its colon.
            let colon = if written.trim_start_matches(' ').starts_with(':') { "" } else { ": " };
            let keys = schema.keys(&place.path).into_iter();
            items.extend(keys.map(|offer| item(offer, CompletionItemKind::PROPERTY, range, colon)));
        }
        let is_member = place.spot == Spot::Key && place.path.last() == Some(&Step::Item);
        if place.spot == Spot::Value || is_member {
            let values = schema.values(&place.path).into_iter().chain(special(schema, kind, &place));
            items.extend(values.map(|offer| item(offer, CompletionItemKind::VALUE, range, "")));
        }
        items
    }

    /// What the findings and the key at a place mean.
    pub fn hover(&self, document: &Document, kind: Kind, report: &Report, position: Position) -> Option<Hover> {
        let lines = Lines::new(&document.text, self.abilities.encoding);
        let offset = lines.offset(position);
        let here = report.shown().filter(|shown| (shown.span.start..=shown.span.end).contains(&offset));
        let mut codes: Vec<Code> = here.map(|shown| shown.code).collect();
        codes.sort_unstable();
        codes.dedup();
        let mut pages: Vec<String> = codes.iter().map(|code| code.page().to_owned()).collect();
        let Place { mut path, spot, written } = Place::of(&document.text, offset);
        let word = &document.text[written.clone()];
        if spot == Spot::Key && !word.is_empty() {
            path.push(Step::Key(word.to_owned()));
        }
        let about = self.schema(kind).description(&path).filter(|_| spot != Spot::Text && !word.is_empty());
        if let (Some(about), Some(Step::Key(name))) = (about, path.last()) {
            pages.push(format!("`{name}`: {about}"));
        }
        let value = pages.join("\n\n---\n\n");
        let range = Some(lines.range(&written)).filter(|_| !word.is_empty());
        let markup = MarkupContent { kind: MarkupKind::Markdown, value };
        (!pages.is_empty()).then_some(Hover { contents: HoverContents::Markup(markup), range })
    }

    /// The findings in a range that can be mended by a certain text.
    pub fn fixes(&self, document: &Document, report: &Report, range: Range) -> Vec<CodeActionOrCommand> {
        let lines = Lines::new(&document.text, self.abilities.encoding);
        let asked = lines.span(range);
        let touches = |span: &Span| span.start <= asked.end && asked.start <= span.end;
        let fix = |shown: Shown<'_>| {
            let new_text = shown.replacement?.to_owned();
            let edit = TextEdit { range: lines.range(&shown.span), new_text };
            let action = CodeAction {
                title: format!("write `{}`", edit.new_text),
                kind: Some(CodeActionKind::QUICKFIX),
                diagnostics: Some(vec![self.diagnostic(&document.uri, &lines, &shown)]),
                edit: Some(WorkspaceEdit::new(HashMap::from([(document.uri.clone(), vec![edit])]))),
                is_preferred: Some(true),
                ..CodeAction::default()
            };
            Some(CodeActionOrCommand::CodeAction(action))
        };
        report.shown().filter(|shown| touches(&shown.span)).filter_map(fix).collect()
    }

    fn diagnostic(&self, uri: &Uri, lines: &Lines<'_>, shown: &Shown<'_>) -> Diagnostic {
        let severity = match shown.code.severity() {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
            Severity::Note => DiagnosticSeverity::INFORMATION,
        };
        let message = match &shown.help {
            Some(help) => format!("{}\nhelp: {help}", shown.message),
            None => shown.message.clone(),
        };
        let related = shown.related.iter().map(|(span, label)| DiagnosticRelatedInformation {
            location: Location { uri: uri.clone(), range: lines.range(span) },
            message: label.clone(),
        });
        let related: Vec<_> = related.collect();
        Diagnostic {
            range: lines.range(&shown.span),
            severity: Some(severity),
            code: Some(NumberOrString::String(shown.code.as_str().to_owned())),
            code_description: page(shown.code).filter(|_| self.abilities.described),
            source: Some("userbridge".to_owned()),
            message,
            related_information: Some(related).filter(|related| self.abilities.related && !related.is_empty()),
            ..Diagnostic::default()
        }
    }

    fn schema(&self, kind: Kind) -> &Schema {
        match kind {
            Kind::Definition => &self.connector,
            Kind::Gateway => &self.gateway,
        }
    }
}

/// Where a code's page can be read.
fn page(code: Code) -> Option<CodeDescription> {
    let repository = env!("CARGO_PKG_REPOSITORY");
    let address = format!("{repository}/blob/main/src/diagnostic/pages/{code}.md");
    address.parse().ok().map(|href| CodeDescription { href })
}

fn item(offer: Offer, kind: CompletionItemKind, range: Range, behind: &str) -> CompletionItem {
    let Offer { name, about } = offer;
    let documentation =
        about.map(|value| Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value }));
    let text = format!("{name}{behind}");
    CompletionItem {
        text_edit: Some(CompletionTextEdit::Edit(TextEdit { range, new_text: text })),
        label: name,
        kind: Some(kind),
        documentation,
        ..CompletionItem::default()
    }
}

/// Words that the schema leaves open because code knows them: formats, actions, codes.
fn special(schema: &Schema, kind: Kind, place: &Place) -> Vec<Offer> {
    let offer = |name: &str, about: Option<String>| Offer { name: name.to_owned(), about };
    if kind == Kind::Gateway {
        return Vec::new();
    }
    if ["RawFormat", "RawFormats"].iter().any(|name| schema.is(&place.path, name)) {
        let writes = place.last_key() == Some("new");
        // Some are written under names of their own: `argon2` as `argon2id`.
        let own = FORMATS.iter().filter(|f| !writes || (f.is_writable() && f.written_as().next().is_none()));
        let own = own.map(|format| format.name);
        let known: BTreeSet<&str> = own.chain(FORMATS.iter().flat_map(|format| format.written_as())).collect();
        let auto = offer("auto", Some("Every format whose values say by themselves what they are.".to_owned()));
        let auto = Some(auto).filter(|_| schema.is(&place.path, "RawFormats"));
        return auto.into_iter().chain(known.into_iter().map(|name| offer(name, None))).collect();
    }
    match (place.key(0), place.last_key()) {
        (Some("allow"), Some("action")) => Action::ALL.iter().map(|action| offer(action.as_str(), None)).collect(),
        (Some("allow"), Some("code")) => {
            let allowed = Code::ALL.iter().filter(|code| code.severity() != Severity::Error);
            allowed.map(|code| offer(code.as_str(), Some(code.summary().to_owned()))).collect()
        }
        _ => Vec::new(),
    }
}

/// What an expression may name at a place.
fn names(text: &str, place: &Place) -> Vec<Offer> {
    let mut found: Vec<(String, &str)> = Vec::new();
    let mut add = |names: &[&str], about: &'static str| {
        found.extend(names.iter().map(|name| ((*name).to_owned(), about)));
    };
    let action = place.key(1).filter(|_| place.key(0) == Some("actions")).and_then(|name| name.parse().ok());
    let mut is_sql = true;
    match (place.key(0), action) {
        _ if place.is_under("rehash_sql") => {
            add(&["password_hash", "password_salt", "stored_hash"], "An input of `rehash_sql`.");
        }
        (_, Some(Action::GetUser)) if place.is_under("by_user_id") => add(&["user_id"], "An input of `by_user_id`."),
        (_, Some(action)) => add(&input_names(action).collect::<Vec<_>>(), "An input of this action."),
        (Some("migration"), _) if place.is_under("import") => add(&["after", "limit"], "An input of `import`."),
        (Some("migration"), _) if place.is_under("mark") || place.is_under("purge") => {
            add(&["user_id"], "The user's id, as its column holds it.");
        }
        (Some("migration"), _) if place.is_under("remaining") => {}
        (Some("database" | "upstream" | "identifiers" | "user_id" | "migration"), _) => is_sql = false,
        _ => return Vec::new(),
    }
    if place.is_under("after") || place.is_under("rehash_sql") {
        add(&["row"], "The row that `login` found: `row.COLUMN`.");
    }
    if action == Some(Action::Create) {
        let fields = keys_under(text, &["actions", "create", "fields"]);
        found.extend(fields.into_iter().map(|name| (name, "A field that `create` declares.")));
    }
    if is_sql {
        let tables = keys_under(text, &["identifiers"]);
        found.extend(tables.into_iter().map(|name| (name, "A name under `identifiers`, quoted.")));
    }
    let values = keys_under(text, &["configuration"]);
    found.extend(values.into_iter().map(|name| (format!("configuration.{name}"), "A value under `configuration`.")));
    found.into_iter().map(|(name, about)| Offer { name, about: Some(about.to_owned()) }).collect()
}
