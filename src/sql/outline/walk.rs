//! One walk over a statement's tokens, clause by clause.

use super::condition::conditions;
use super::level::{Clause, Level, LevelKind};
use super::reader::Reader;
use super::{Assignment, ColumnUse, Outline, Role, TableUse};
use crate::sql::Dialect;
use crate::sql::lexer::{Kind, Token};

pub(super) struct Walk<'a> {
    reader: Reader<'a>,
    at: usize,
    levels: Vec<Level>,
    ctes: Vec<String>,
    parameters: usize,
    /// Where the statement's own conditions begin and end, in tokens.
    conditions: Vec<(usize, usize)>,
    /// Where the statement's own list of results begins and ends.
    results: Option<(usize, usize)>,
    /// The INSERT columns of the latest target, as indices of assignments.
    inserted: Vec<usize>,
    outline: Outline,
}

impl<'a> Walk<'a> {
    pub fn new(text: &'a str, tokens: &'a [Token], dialect: Dialect) -> Self {
        let root = Level {
            clause: Clause::None,
            scope: 0,
            target: None,
            item: 0,
            kind: LevelKind::Statement,
            begin: 0,
            since: 0,
        };
        Self {
            reader: Reader::new(text, tokens, dialect),
            at: 0,
            levels: vec![root],
            ctes: Vec::new(),
            parameters: 0,
            conditions: Vec::new(),
            results: None,
            inserted: Vec::new(),
            outline: Outline { parents: vec![None], ..Outline::default() },
        }
    }

    pub fn outline(mut self) -> Outline {
        while self.at < self.reader.tokens.len() {
            self.step();
        }
        self.close_clause(self.reader.tokens.len());
        if let Some((begin, end)) = self.results {
            self.outline.outputs = self.reader.outputs(begin, end);
        }
        let ranges = std::mem::take(&mut self.conditions);
        for (begin, end) in ranges {
            let found = conditions(&self.reader, begin, end);
            self.outline.conditions.push(found);
        }
        self.outline
    }

    fn level(&mut self) -> &mut Level {
        if self.levels.is_empty() {
            // Only an unbalanced text gets here; the database refuses it anyway.
            self.levels.push(Level {
                clause: Clause::Other,
                scope: 0,
                target: None,
                item: 0,
                kind: LevelKind::Plain,
                begin: self.at,
                since: self.at,
            });
        }
        let last = self.levels.len() - 1;
        &mut self.levels[last]
    }

    fn step(&mut self) {
        let token = &self.reader.tokens[self.at];
        match token.kind {
            Kind::Open => self.open(),
            Kind::Close => {
                self.end_item(self.at);
                self.levels.pop();
                self.at += 1;
            }
            Kind::Comma => {
                self.end_item(self.at);
                let level = self.level();
                level.item += 1;
                let from = level.clause == Clause::From;
                let set = level.clause == Clause::Set;
                self.at += 1;
                if from {
                    self.table(Role::Read);
                } else if set {
                    self.assigned();
                }
            }
            Kind::NativePlaceholder => {
                self.parameters += 1;
                self.at += 1;
            }
            Kind::Word | Kind::QuotedName => self.word(),
            _ => self.at += 1,
        }
    }

    fn open(&mut self) {
        let begin = self.at + 1;
        let scope = self.level().scope;
        let parent = *self.level();
        let inner = self.reader.peek_word(begin);
        let is_statement =
            inner.is_some_and(|word| ["SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "VALUES"].contains(&word));
        let called = self.at.checked_sub(1).is_some_and(|i| self.reader.is_name(i) && !self.reader.is_keyword(i));
        let (kind, clause) = match parent.clause {
            Clause::Target(Role::Insert) if !is_statement => (LevelKind::InsertColumns, Clause::Columns),
            Clause::Values if !is_statement => (LevelKind::ValuesRow, Clause::Other),
            // The columns of `JOIN … USING (…)` name no table; which rows they join is not followed.
            Clause::From if self.at.checked_sub(1).is_some_and(|i| self.reader.peek_word(i) == Some("USING")) => {
                self.outline.derived |= self.levels.len() == 1;
                (LevelKind::Plain, Clause::Other)
            }
            Clause::From if !is_statement && !called => (LevelKind::Plain, Clause::From),
            _ if is_statement => (LevelKind::Statement, Clause::None),
            // A value's own parentheses hold neither tables nor assignments.
            _ => (LevelKind::Plain, Clause::Other),
        };
        let scope = if is_statement {
            self.outline.parents.push(Some(scope));
            if parent.clause == Clause::From {
                self.outline.derived |= scope == 0;
            }
            self.outline.parents.len() - 1
        } else {
            scope
        };
        let target = if is_statement { None } else { parent.target };
        self.at += 1;
        self.levels.push(Level { clause, scope, target, item: 0, kind, begin, since: begin });
        if kind == LevelKind::Plain && clause == Clause::From && !called {
            self.table(Role::Read);
        }
    }

    /// The end of an item of a list: a value of VALUES, or of SET.
    fn end_item(&mut self, end: usize) {
        let level = *self.level();
        match level.kind {
            LevelKind::ValuesRow => {
                let (value, literal) = (self.single_parameter(level.begin, end), self.reader.literal(level.begin, end));
                if let Some(index) = self.inserted.get(level.item)
                    && let Some(assignment) = self.outline.assignments.get_mut(*index)
                {
                    assignment.parameter = assignment.parameter.or(value);
                    assignment.literal = assignment.literal.take().or(literal);
                }
            }
            _ if level.clause == Clause::Set => {
                let (value, literal) = (self.single_parameter(level.begin, end), self.reader.literal(level.begin, end));
                if let Some(assignment) = self.outline.assignments.last_mut().filter(|a| !a.inserts) {
                    (assignment.parameter, assignment.literal) = (value, literal);
                }
            }
            _ => {}
        }
        self.level().begin = end + 1;
    }

    /// The parameter that these tokens are, perhaps behind a cast.
    fn single_parameter(&self, begin: usize, end: usize) -> Option<usize> {
        match self.reader.operand(begin, end.min(self.reader.tokens.len()), 0) {
            super::Operand::Parameter { index, .. } if self.is_bare(begin, end) => Some(index),
            _ => None,
        }
    }

    /// Whether no function is applied.
    fn is_bare(&self, begin: usize, end: usize) -> bool {
        !(begin..end.min(self.reader.tokens.len())).any(|i| {
            self.reader.is_name(i)
                && self.reader.kind(i + 1) == Some(Kind::Open)
                && self.reader.peek_word(i) != Some("CAST")
        })
    }

    fn word(&mut self) {
        let at = self.at;
        if self.reader.is_in_type(at) {
            self.at += 1;
            return;
        }
        let keyword = self.reader.peek_word(at);
        match keyword {
            Some("SELECT") => {
                let added = self.outline.tables.iter().any(|table| table.scope == 0 && table.role == Role::Insert);
                if added && self.levels.len() == 1 {
                    self.outline.source = Some(self.reader.tokens[at].span.start..self.reader.text.len());
                }
                self.enter(Clause::Select);
            }
            Some("FROM") if !self.reader.is_argument_from(at) => {
                let clause = self.level().clause;
                self.close_clause(at);
                self.at += 1;
                if clause == Clause::Target(Role::Delete) && self.level().target.is_none() {
                    self.table(Role::Delete);
                    return;
                }
                self.level().clause = Clause::From;
                self.table(Role::Read);
            }
            Some("JOIN") => {
                self.close_clause(at);
                self.at += 1;
                self.level().clause = Clause::From;
                self.table(Role::Read);
            }
            Some("INTO") => {
                self.close_clause(at);
                self.at += 1;
                self.level().clause = Clause::Target(Role::Insert);
                self.inserted.clear();
                self.table(Role::Insert);
            }
            Some("UPDATE") => self.update(),
            Some("DELETE") if self.level().clause != Clause::Other || self.levels.len() == 1 => {
                self.enter(Clause::Target(Role::Delete));
            }
            Some("SET") => {
                self.close_clause(at);
                self.at += 1;
                self.level().clause = Clause::Set;
                self.assigned();
            }
            Some("VALUES") if self.reader.kind(at + 1) == Some(Kind::Open) && self.level().clause != Clause::Set => {
                self.enter(Clause::Values);
            }
            Some("WHERE" | "ON" | "HAVING") => {
                // ON CONFLICT and ON DUPLICATE KEY are no conditions on rows.
                let other = matches!(self.reader.peek_word(at + 1), Some("CONFLICT" | "DUPLICATE"))
                    || keyword == Some("HAVING");
                if other && keyword == Some("ON") {
                    self.end_source(at);
                }
                self.enter(if other { Clause::Other } else { Clause::Condition });
            }
            Some("RETURNING") => {
                self.end_source(at);
                self.enter(Clause::Returning);
            }
            Some("WITH") if self.level().clause == Clause::None => self.enter(Clause::With),
            Some("USING") if self.level().target.is_some() && self.level().clause == Clause::Target(Role::Delete) => {
                self.at += 1;
                self.level().clause = Clause::From;
                self.table(Role::Read);
            }
            Some("GROUP" | "ORDER" | "LIMIT" | "OFFSET" | "FETCH" | "WINDOW" | "UNION" | "EXCEPT" | "INTERSECT") => {
                self.ending(keyword);
            }
            Some("DISTINCT") => {
                self.outline.collapses |= self.level().scope == 0 && self.level().clause == Clause::Select;
                self.at += 1;
            }
            _ => self.name(),
        }
    }

    fn enter(&mut self, clause: Clause) {
        self.close_clause(self.at);
        self.at += 1;
        let at = self.at;
        let level = self.level();
        level.clause = clause;
        (level.begin, level.since) = (at, at);
        level.item = 0;
    }

    /// Notes where the statement's own conditions and results were.
    fn close_clause(&mut self, end: usize) {
        let level = *self.level();
        if level.clause == Clause::Set {
            self.end_item(end);
        }
        let own = level.scope == 0 && self.levels.len() == 1;
        match level.clause {
            Clause::Condition if own => self.conditions.push((level.since, end)),
            // What is selected to be added is no result.
            Clause::Select if own && self.outline.source.is_some() => {}
            Clause::Select | Clause::Returning if own => self.results = Some((level.since, end)),
            _ => {}
        }
    }

    /// What follows the SELECT of an INSERT sees the table that rows are added to.
    fn end_source(&mut self, at: usize) {
        let own = self.levels.len() == 1;
        if let Some(source) = self.outline.source.as_mut().filter(|_| own) {
            source.end = source.end.min(self.reader.tokens[at].span.start);
        }
    }

    fn ending(&mut self, keyword: Option<&'static str>) {
        let own = self.levels.len() == 1;
        match keyword {
            Some("GROUP") => self.outline.collapses |= own,
            Some("LIMIT") => {
                let one = self.reader.tokens.get(self.at + 1).is_some_and(|t| self.reader.text[t.span.clone()] == *"1");
                self.outline.collapses |= own && one;
            }
            Some("UNION" | "EXCEPT" | "INTERSECT") => self.outline.derived |= own,
            _ => {}
        }
        self.enter(Clause::Other);
    }

    fn update(&mut self) {
        let before = self.at.checked_sub(1).and_then(|i| self.reader.peek_word(i));
        match before {
            Some("FOR" | "KEY" | "DO") => {
                self.outline.locks |= before == Some("FOR") || (before == Some("KEY") && !self.after_duplicate());
                self.at += 1;
                // `ON DUPLICATE KEY UPDATE a = …` has no SET.
                if before == Some("KEY") && self.after_duplicate_at(self.at - 1) {
                    self.level().clause = Clause::Set;
                    self.assigned();
                }
            }
            _ => {
                self.close_clause(self.at);
                self.at += 1;
                self.level().clause = Clause::Target(Role::Update);
                self.table(Role::Update);
            }
        }
    }

    fn after_duplicate(&self) -> bool {
        self.after_duplicate_at(self.at)
    }

    fn after_duplicate_at(&self, update: usize) -> bool {
        update.checked_sub(2).is_some_and(|i| self.reader.peek_word(i) == Some("DUPLICATE"))
    }

    /// A table's name, perhaps with an alias, right here.
    fn table(&mut self, role: Role) {
        let mut only = false;
        while let Some(word @ ("ONLY" | "LATERAL" | "IGNORE" | "TABLE")) = self.reader.peek_word(self.at) {
            only |= word == "ONLY";
            self.at += 1;
        }
        if !self.reader.is_name(self.at) || self.reader.is_keyword(self.at) {
            return;
        }
        let (parts, span, next) = self.reader.qualified(self.at);
        if self.reader.kind(next) == Some(Kind::Open) && role == Role::Read {
            self.outline.derived |= self.levels.len() == 1;
            return;
        }
        self.at = next;
        let alias = self.alias();
        let name = parts.last().cloned().unwrap_or_default();
        let schema = parts.len().checked_sub(2).map(|i| parts[i].clone());
        let scope = self.level().scope;
        if schema.is_none() && self.ctes.iter().any(|cte| cte.eq_ignore_ascii_case(&name)) {
            self.outline.derived |= self.levels.len() == 1;
            return;
        }
        if role != Role::Read {
            self.level().target = Some(self.outline.tables.len());
        }
        self.outline.tables.push(TableUse { schema, name, alias, role, span, scope, only });
        let at = self.at;
        self.level().begin = at;
    }

    fn alias(&mut self) -> Option<String> {
        let explicit = self.reader.peek_word(self.at) == Some("AS");
        let at = self.at + usize::from(explicit);
        if self.reader.is_name(at) && !self.reader.is_keyword(at) && self.reader.peek_word(at) != Some("OVERRIDING") {
            self.at = at + 1;
            return Some(self.reader.folded(at));
        }
        None
    }

    /// The column on the left of `=`, in SET.
    fn assigned(&mut self) {
        let at = self.at;
        if !self.reader.is_name(at) {
            return;
        }
        let (parts, _, next) = self.reader.qualified(at);
        let Some(table) = self.level().target else { return };
        let span = self.reader.tokens[next - 1].span.clone();
        let column = parts.last().cloned().unwrap_or_default();
        let assignment = Assignment { table, column, span, parameter: None, literal: None, inserts: false };
        self.outline.assignments.push(assignment);
        // Past the `=`, so that the value begins here.
        self.at = next + usize::from(self.reader.symbol(next) == Some("="));
        let begin = self.at;
        self.level().begin = begin;
    }

    /// Any other name: a function, a column, or a word that we pass over.
    fn name(&mut self) {
        let at = self.at;
        let level = *self.level();
        if level.kind == LevelKind::InsertColumns {
            if let Some(table) = level.target {
                self.inserted.push(self.outline.assignments.len());
                let (column, span) = (self.reader.folded(at), self.reader.tokens[at].span.clone());
                self.outline.assignments.push(Assignment {
                    table,
                    column,
                    span,
                    parameter: None,
                    literal: None,
                    inserts: true,
                });
            }
            self.at += 1;
            return;
        }
        let (parts, span, next) = self.reader.qualified(at);
        self.at = next;
        if level.clause == Clause::With && self.levels.len() == 1 && parts.len() == 1 {
            let named = matches!(self.reader.peek_word(next), Some("AS")) || self.reader.kind(next) == Some(Kind::Open);
            if named && !self.reader.is_keyword(at) {
                self.ctes.push(parts[0].clone());
            }
            return;
        }
        if self.reader.kind(next) == Some(Kind::Open) {
            if !self.reader.is_keyword(at) {
                self.outline.functions.push((parts.last().cloned().unwrap_or_default(), span));
            }
            return;
        }
        if (parts.len() == 1 && self.reader.is_keyword(at)) || self.reader.is_of_phrase(at) {
            return;
        }
        let name = parts.last().cloned().unwrap_or_default();
        let qualifier = parts.len().checked_sub(2).map(|i| parts[i].clone());
        self.outline.columns.push(ColumnUse { qualifier, name, span, scope: level.scope });
    }
}
