//! What a client says and what it is answered, in the order that the protocol prescribes.
//!
//! Invariant: every request gets one answer; after `shutdown` nothing but `exit` is obeyed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lsp_server::{ErrorCode, Message, Notification, Request, Response};
use lsp_types::notification::{
    DidChangeTextDocument, DidCloseTextDocument, DidOpenTextDocument, DidSaveTextDocument, Exit as ExitNotification,
    Notification as _, PublishDiagnostics,
};
use lsp_types::request::{CodeActionRequest, Completion, HoverRequest, Initialize, Request as _, Shutdown};
use lsp_types::{
    CodeActionKind, CodeActionOptions, CodeActionProviderCapability, CompletionOptions, HoverProviderCapability,
    InitializeParams, InitializeResult, PublishDiagnosticsParams, SaveOptions, ServerCapabilities, ServerInfo,
    TextDocumentContentChangeEvent, TextDocumentSyncCapability, TextDocumentSyncKind, TextDocumentSyncOptions,
    TextDocumentSyncSaveOptions, Uri,
};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::lines::{Encoding, Lines};
use super::offers::{Abilities, Desk};
use crate::cli::Exit;
use crate::cli::settings;
use crate::cli::tokens::FirstKey;
use crate::definition::{MAX_BYTES, given, load_text};
use crate::diagnostic::Report;

/// How long after the last keystroke a text is checked.
const PAUSE: Duration = Duration::from_millis(150);

/// The values of environment variables.
type Variables = Box<dyn Fn(&str) -> Option<String>>;

/// A conversation with one client.
pub(super) struct Session {
    phase: Phase,
    variable: Variables,
    desk: Desk,
    documents: BTreeMap<String, Document>,
    said: Vec<Json>,
}

/// How far the conversation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// `initialize` is still to come.
    Fresh,
    Open,
    /// `shutdown` was answered.
    Shut,
    /// `exit` was said, after `shutdown` or not.
    Ended {
        orderly: bool,
    },
}

/// A text that the client shows.
pub(super) struct Document {
    pub uri: Uri,
    pub path: PathBuf,
    pub text: String,
    version: i32,
    /// When it is to be checked.
    due: Option<Instant>,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Definition,
    Gateway,
}

impl Session {
    pub fn new(variable: Variables) -> Self {
        Self { phase: Phase::Fresh, variable, desk: Desk::default(), documents: BTreeMap::new(), said: Vec::new() }
    }

    /// What is to be sent.
    pub fn said(&mut self) -> Vec<Json> {
        std::mem::take(&mut self.said)
    }

    /// How long to wait for the client before something is due; None when nothing will be.
    pub fn patience(&self) -> Option<Duration> {
        let due = self.documents.values().filter_map(|document| document.due).min()?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    pub fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }

    /// 0 after `shutdown` and `exit`, 1 otherwise.
    pub fn exit(&self) -> Exit {
        match self.phase {
            Phase::Ended { orderly: true } => Exit::Fine,
            _ => Exit::Findings,
        }
    }

    /// Says that what came is no message; nobody can tell whose answer that is.
    pub fn refuse(&mut self, code: ErrorCode, problem: &str) {
        self.said.push(json!({ "jsonrpc": "2.0", "id": null, "error": { "code": code as i32, "message": problem } }));
    }

    /// Takes what the client said.
    pub fn take(&mut self, message: Message) {
        match message {
            Message::Request(request) => {
                let id = request.id.clone();
                let response = match self.answer(request) {
                    Ok(result) => Response::new_ok(id, result),
                    Err((code, problem)) => Response::new_err(id, code as i32, problem),
                };
                self.send(Message::Response(response));
            }
            Message::Notification(notification) => self.note(notification),
            // Nothing was asked.
            Message::Response(_) => {}
        }
    }

    /// Checks the texts whose pause is over.
    pub fn check_what_is_due(&mut self) {
        let now = Instant::now();
        let due = |document: &&mut Document| document.due.is_some_and(|due| due <= now);
        let mut found = Vec::new();
        for document in self.documents.values_mut().filter(due) {
            document.due = None;
            let diagnostics = report(document, &self.variable)
                .map(|report| self.desk.diagnostics(&document.uri, &document.text, &report))
                .unwrap_or_default();
            found.push(PublishDiagnosticsParams::new(document.uri.clone(), diagnostics, Some(document.version)));
        }
        found.into_iter().for_each(|found| self.publish(found));
    }

    fn answer(&mut self, request: Request) -> Result<Json, (ErrorCode, String)> {
        let Request { method, params, .. } = request;
        match (self.phase, method.as_str()) {
            (Phase::Fresh, Initialize::METHOD) => {
                let result = self.open(&parameters(params)?);
                self.phase = Phase::Open;
                Ok(result)
            }
            (Phase::Fresh, _) => Err((ErrorCode::ServerNotInitialized, "`initialize` comes first".to_owned())),
            (Phase::Shut | Phase::Ended { .. }, _) => {
                Err((ErrorCode::InvalidRequest, "after `shutdown` nothing is answered".to_owned()))
            }
            (Phase::Open, Initialize::METHOD) => {
                Err((ErrorCode::InvalidRequest, "`initialize` comes only once".to_owned()))
            }
            (Phase::Open, Shutdown::METHOD) => {
                self.phase = Phase::Shut;
                Ok(Json::Null)
            }
            (Phase::Open, Completion::METHOD) => {
                let asked: lsp_types::CompletionParams = parameters(params)?;
                let place = asked.text_document_position;
                Ok(self.about(&place.text_document.uri, |desk, document, kind, _| {
                    json!(desk.completions(document, kind, place.position))
                }))
            }
            (Phase::Open, HoverRequest::METHOD) => {
                let asked: lsp_types::HoverParams = parameters(params)?;
                let place = asked.text_document_position_params;
                Ok(self.about(&place.text_document.uri, |desk, document, kind, report| {
                    json!(desk.hover(document, kind, &report, place.position))
                }))
            }
            (Phase::Open, CodeActionRequest::METHOD) => {
                let asked: lsp_types::CodeActionParams = parameters(params)?;
                Ok(self.about(&asked.text_document.uri, |desk, document, _, report| {
                    json!(desk.fixes(document, &report, asked.range))
                }))
            }
            (Phase::Open, _) => Err((ErrorCode::MethodNotFound, format!("`{method}` is not offered"))),
        }
    }

    /// What is told about an open document of ours; null for any other.
    fn about(&self, uri: &Uri, tell: impl FnOnce(&Desk, &Document, Kind, Report) -> Json) -> Json {
        let document = self.documents.get(uri.as_str());
        let known = document.filter(|document| document.text.len() <= MAX_BYTES);
        let known = known.and_then(|document| Some((document, kind(document)?, report(document, &self.variable)?)));
        known.map_or(Json::Null, |(document, kind, report)| tell(&self.desk, document, kind, report))
    }

    fn open(&mut self, client: &InitializeParams) -> Json {
        let general = client.capabilities.general.as_ref();
        let encoding = Encoding::chosen(general.and_then(|general| general.position_encodings.as_deref()));
        let published = client.capabilities.text_document.as_ref().and_then(|text| text.publish_diagnostics.as_ref());
        self.desk.abilities = Abilities {
            encoding,
            related: published.and_then(|published| published.related_information).unwrap_or(false),
            described: published.and_then(|published| published.code_description_support).unwrap_or(false),
        };
        let synchronisation = TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::FULL),
            save: Some(TextDocumentSyncSaveOptions::SaveOptions(SaveOptions { include_text: Some(false) })),
            ..TextDocumentSyncOptions::default()
        };
        let capabilities = ServerCapabilities {
            position_encoding: Some(encoding.kind()),
            text_document_sync: Some(TextDocumentSyncCapability::Options(synchronisation)),
            completion_provider: Some(CompletionOptions {
                trigger_characters: Some(["{", " ", "."].map(str::to_owned).to_vec()),
                ..CompletionOptions::default()
            }),
            hover_provider: Some(HoverProviderCapability::Simple(true)),
            code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
                code_action_kinds: Some(vec![CodeActionKind::QUICKFIX]),
                ..CodeActionOptions::default()
            })),
            ..ServerCapabilities::default()
        };
        let version = Some(env!("CARGO_PKG_VERSION").to_owned());
        json!(InitializeResult {
            capabilities,
            server_info: Some(ServerInfo { name: "userbridge".to_owned(), version })
        })
    }

    /// Takes a notification; those that make no sense have nobody who could be told.
    fn note(&mut self, notification: Notification) {
        let Notification { method, params } = notification;
        if method == ExitNotification::METHOD {
            self.phase = Phase::Ended { orderly: self.phase == Phase::Shut };
            return;
        }
        if self.phase != Phase::Open {
            return;
        }
        match method.as_str() {
            DidOpenTextDocument::METHOD => {
                if let Ok(lsp_types::DidOpenTextDocumentParams { text_document: opened }) = parameters(params) {
                    let path = path(&opened.uri);
                    let due = Some(Instant::now());
                    let (uri, version, text) = (opened.uri, opened.version, opened.text);
                    let key = uri.as_str().to_owned();
                    self.documents.insert(key, Document { uri, path, text, version, due });
                }
            }
            DidChangeTextDocument::METHOD => {
                if let Ok(lsp_types::DidChangeTextDocumentParams { text_document, content_changes }) =
                    parameters(params)
                    && let Some(document) = self.documents.get_mut(text_document.uri.as_str())
                {
                    document.version = text_document.version;
                    content_changes
                        .into_iter()
                        .for_each(|change| document.change(change, self.desk.abilities.encoding));
                    document.due = Some(Instant::now() + PAUSE);
                }
            }
            DidSaveTextDocument::METHOD => {
                // What one file says may matter to another, such as a file of networks to the settings.
                self.documents.values_mut().for_each(|document| document.due = Some(Instant::now()));
            }
            DidCloseTextDocument::METHOD => {
                if let Ok(lsp_types::DidCloseTextDocumentParams { text_document }) = parameters(params)
                    && let Some(document) = self.documents.remove(text_document.uri.as_str())
                {
                    self.publish(PublishDiagnosticsParams::new(document.uri, Vec::new(), None));
                }
            }
            _ => {}
        }
    }

    fn publish(&mut self, found: PublishDiagnosticsParams) {
        let method = PublishDiagnostics::METHOD.to_owned();
        self.send(Message::Notification(Notification { method, params: json!(found) }));
    }

    fn send(&mut self, message: Message) {
        let mut json = json!(message);
        json["jsonrpc"] = json!("2.0");
        self.said.push(json);
    }
}

impl Document {
    /// A change of a range, or of the whole.
    fn change(&mut self, change: TextDocumentContentChangeEvent, encoding: Encoding) {
        match change.range {
            Some(range) => {
                let span = Lines::new(&self.text, encoding).span(range);
                self.text.replace_range(span, &change.text);
            }
            None => self.text = change.text,
        }
    }
}

fn parameters<T: DeserializeOwned>(params: Json) -> Result<T, (ErrorCode, String)> {
    serde_json::from_value(params).map_err(|error| (ErrorCode::InvalidParams, error.to_string()))
}

/// The file that a URI means; of others, such as a text that was never saved, the last part stands for the name.
fn path(uri: &Uri) -> PathBuf {
    let file = url::Url::parse(uri.as_str()).ok().filter(|url| url.scheme() == "file");
    let path = file.and_then(|url| url.to_file_path().ok());
    path.unwrap_or_else(|| PathBuf::from(uri.as_str().rsplit(['/', ':']).next().unwrap_or_default()))
}

/// What a document is, by its name, its place, or what it says of itself; None for a file of somebody else's.
fn kind(document: &Document) -> Option<Kind> {
    let named = |schema: &str| document.text.lines().take(3).any(|line| line.starts_with('#') && line.contains(schema));
    if document.path.file_name().is_some_and(|name| name == "userbridge.yaml") || named("gateway.schema.json") {
        return Some(Kind::Gateway);
    }
    let folder = document.path.parent().and_then(Path::file_name);
    let declared = document.text.lines().any(|line| line.starts_with("connector:"));
    (declared || named("connector.schema.json") || folder.is_some_and(|name| name == "connectors"))
        .then_some(Kind::Definition)
}

/// What `check` would find in the text as it is shown.
fn report(document: &Document, variable: &dyn Fn(&str) -> Option<String>) -> Option<Report> {
    let text = given(&document.path, &document.text);
    Some(match kind(document)? {
        Kind::Definition => load_text(&document.path, text, variable).report,
        Kind::Gateway => settings::load_text(&document.path, text, variable, FirstKey::Imagine).1,
    })
}
