//! Where the parts of a definition stand in its file, for findings that come later than loading.
//!
//! Invariant: places are bytes of the file that was checked; they say nothing about meaning.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::allow::Allow;
use super::scalar::ScalarMap;
use super::yaml::At;
use crate::action::Action;
use crate::diagnostic::{Source, Span};
use crate::sql::Statement;

/// The places of a definition's parts.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Every statement, in the order in which they were checked.
    pub statements: Vec<Located>,
    /// The database's URL.
    pub database: Span,
    /// The name of the column that holds the hash, or the whole block.
    pub password: Option<Span>,
    /// The name of the column that identifies the user.
    pub user_id: Option<Span>,
    /// The members under `profile`.
    pub profile: BTreeMap<String, Span>,
    /// What is opted out of.
    pub allow: Vec<Allow>,
}

/// A statement with its place.
#[derive(Clone, Debug)]
pub struct Located {
    /// The action that it belongs to; that of `rehash_sql` is `login`.
    pub action: Action,
    /// Its text in the file.
    pub at: At<String>,
    /// What became of it.
    pub statement: Arc<Statement>,
}

impl Located {
    /// The place in the file of a range of the statement's text.
    pub fn span(&self, source: &Source, within: &Span) -> Span {
        let start = self.statement.source_span(within.start);
        let last = self.statement.source_span(within.end.saturating_sub(1).max(within.start));
        ScalarMap::new(&source.text, &self.at.span, &self.at.value).span(&(start.start..last.end.max(start.end)))
    }

    /// The statement's first word, which stands for the whole.
    pub fn first_word(&self, source: &Source) -> Span {
        let text = source.text.get(self.at.span.clone()).unwrap_or_default();
        // A quoted scalar begins with its quote.
        let quote = usize::from(text.starts_with(['"', '\'']));
        let length = text[quote..].find(char::is_whitespace).unwrap_or(text.len() - quote);
        self.at.span.start + quote..self.at.span.start + quote + length
    }
}

impl Places {
    /// Where this statement stands.
    pub fn of(&self, statement: &Arc<Statement>) -> Option<&Located> {
        self.statements.iter().find(|located| Arc::ptr_eq(&located.statement, statement))
    }

    /// The action whose SQL stands here; None for what belongs to no action.
    pub fn action_at(&self, span: &Span) -> Option<Action> {
        let holds = |located: &&Located| (located.at.span.start..=located.at.span.end).contains(&span.start);
        self.statements.iter().find(holds).map(|located| located.action)
    }
}
