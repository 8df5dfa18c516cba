//! Where a walk is: which parentheses, and which clause in them.

use super::Role;

/// What the words at a level of parentheses are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clause {
    None,
    With,
    Select,
    From,
    Condition,
    Target(Role),
    Columns,
    Values,
    Set,
    Returning,
    Other,
}

/// A level of parentheses.
#[derive(Clone, Copy)]
pub(super) struct Level {
    pub clause: Clause,
    pub scope: usize,
    /// The table that the level writes to.
    pub target: Option<usize>,
    /// The item of VALUES or of a list, counted from 0.
    pub item: usize,
    pub kind: LevelKind,
    /// The first token of the item.
    pub begin: usize,
    /// The first token of the clause.
    pub since: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LevelKind {
    Statement,
    InsertColumns,
    ValuesRow,
    /// The arguments of a function or anything else that is not a statement of its own.
    Plain,
}
