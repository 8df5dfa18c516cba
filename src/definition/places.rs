//! Where the parts of a definition stand in its file, for findings that come later than loading.
//!
//! Invariant: places are bytes of the file that was checked; they say nothing about meaning.

use std::collections::BTreeMap;
use std::fmt;
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
    /// What it serves.
    pub owner: Owner,
    /// Its text in the file.
    pub at: At<String>,
    /// What became of it.
    pub statement: Arc<Statement>,
}

/// What a statement serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// An action; that of `rehash_sql` is `login`.
    Action(Action),
    /// The migration of users.
    Migration(Task),
}

/// What a migration asks of the database that users leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    /// Marks a user as migrated.
    Mark,
    /// Counts the users who are not migrated yet.
    Remaining,
    /// Gives a page of users with their hashes.
    Import,
    /// Tells whether a user is marked.
    Marked,
    /// Copies a row before it is deleted.
    Archive,
    /// Deletes a user who has migrated.
    Delete,
}

impl Owner {
    /// The keys that lead to the statement, as in `login` and `migration.mark`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Action(action) => action.as_str(),
            Self::Migration(Task::Mark) => "migration.mark",
            Self::Migration(Task::Remaining) => "migration.remaining",
            Self::Migration(Task::Import) => "migration.import",
            Self::Migration(Task::Marked) => "migration.purge.marked",
            Self::Migration(Task::Archive) => "migration.purge.archive",
            Self::Migration(Task::Delete) => "migration.purge.delete",
        }
    }

    /// The action, where it is one.
    pub const fn action(self) -> Option<Action> {
        match self {
            Self::Action(action) => Some(action),
            Self::Migration(_) => None,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
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
        self.statements.iter().find(holds).and_then(|located| located.owner.action())
    }
}
