//! One walk over a statement's tokens, clause by clause.

use super::condition::conditions;
use super::{Assignment, ColumnUse, Outline, Output, Role, TableUse};
use crate::diagnostic::Span;
use crate::sql::Dialect;
use crate::sql::lexer::{Kind, Token};

/// Words that are never a column's or an alias's bare name where this reader looks for one.
const KEYWORDS: &[&str] = &[
    "ALL",
    "AND",
    "ANY",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "COLLATE",
    "CONFLICT",
    "CROSS",
    "CURRENT_DATE",
    "CURRENT_TIMESTAMP",
    "DEFAULT",
    "DELETE",
    "DESC",
    "DISTINCT",
    "DO",
    "DUPLICATE",
    "ELSE",
    "END",
    "ESCAPE",
    "EXCEPT",
    "EXISTS",
    "FALSE",
    "FETCH",
    "FOR",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "IGNORE",
    "ILIKE",
    "IN",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "ISNULL",
    "JOIN",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LOCK",
    "NATURAL",
    "NOT",
    "NOTHING",
    "NOTNULL",
    "NULL",
    "OF",
    "OFFSET",
    "ON",
    "ONLY",
    "OR",
    "ORDER",
    "OUTER",
    "REPLACE",
    "RETURNING",
    "RIGHT",
    "SELECT",
    "SET",
    "SIMILAR",
    "THEN",
    "TRUE",
    "UNION",
    "UPDATE",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WITH",
];

/// What the words at a level of parentheses are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clause {
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
struct Level {
    clause: Clause,
    scope: usize,
    /// The table that the level writes to.
    target: Option<usize>,
    /// The item of VALUES or of a list, counted from 0.
    item: usize,
    kind: LevelKind,
    /// The first token of the item.
    begin: usize,
    /// The first token of the clause.
    since: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LevelKind {
    Statement,
    InsertColumns,
    ValuesRow,
    /// The arguments of a function or anything else that is not a statement of its own.
    Plain,
}

pub(super) struct Walk<'a> {
    text: &'a str,
    tokens: &'a [Token],
    dialect: Dialect,
    at: usize,
    levels: Vec<Level>,
    ctes: Vec<String>,
    parameters: usize,
    /// Per token: how many parameters stand before it.
    before: Vec<usize>,
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
        let mut before = Vec::with_capacity(tokens.len());
        let mut parameters = 0;
        for token in tokens {
            before.push(parameters);
            parameters += usize::from(token.kind == Kind::NativePlaceholder);
        }
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
            text,
            tokens,
            dialect,
            at: 0,
            levels: vec![root],
            ctes: Vec::new(),
            parameters: 0,
            before,
            conditions: Vec::new(),
            results: None,
            inserted: Vec::new(),
            outline: Outline { parents: vec![None], ..Outline::default() },
        }
    }

    pub fn outline(mut self) -> Outline {
        while self.at < self.tokens.len() {
            self.step();
        }
        self.close_clause(self.tokens.len());
        if let Some((begin, end)) = self.results {
            self.outline.outputs = self.outputs(begin, end);
        }
        let ranges = std::mem::take(&mut self.conditions);
        for (begin, end) in ranges {
            let found = conditions(&self.reader(), begin, end);
            self.outline.conditions.push(found);
        }
        self.outline
    }

    fn reader(&self) -> super::condition::Reader<'_> {
        super::condition::Reader { text: self.text, tokens: self.tokens, before: &self.before, dialect: self.dialect }
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
        let token = &self.tokens[self.at];
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
        let inner = self.peek_word(begin);
        let is_statement =
            inner.is_some_and(|word| ["SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "VALUES"].contains(&word));
        let called = self.at.checked_sub(1).is_some_and(|i| self.is_name(i) && !self.is_keyword(i));
        let (kind, clause) = match parent.clause {
            Clause::Target(Role::Insert) if !is_statement => (LevelKind::InsertColumns, Clause::Columns),
            Clause::Values if !is_statement => (LevelKind::ValuesRow, Clause::Other),
            // The columns of `JOIN … USING (…)` name no table; which rows they join is not followed.
            Clause::From if self.at.checked_sub(1).is_some_and(|i| self.peek_word(i) == Some("USING")) => {
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
                let value = self.single_parameter(level.begin, end);
                if let Some(index) = self.inserted.get(level.item)
                    && let Some(assignment) = self.outline.assignments.get_mut(*index)
                {
                    assignment.parameter = assignment.parameter.or(value);
                }
            }
            _ if level.clause == Clause::Set => {
                let value = self.single_parameter(level.begin, end);
                if let Some(assignment) = self.outline.assignments.last_mut().filter(|a| !a.inserts) {
                    assignment.parameter = value;
                }
            }
            _ => {}
        }
        self.level().begin = end + 1;
    }

    /// The parameter that these tokens are, perhaps behind a cast.
    fn single_parameter(&self, begin: usize, end: usize) -> Option<usize> {
        match self.reader().operand(begin, end.min(self.tokens.len()), 0) {
            super::Operand::Parameter { index, .. } if self.is_bare(begin, end) => Some(index),
            _ => None,
        }
    }

    /// Whether no function is applied.
    fn is_bare(&self, begin: usize, end: usize) -> bool {
        !(begin..end.min(self.tokens.len()))
            .any(|i| self.is_name(i) && self.kind(i + 1) == Some(Kind::Open) && self.peek_word(i) != Some("CAST"))
    }

    fn word(&mut self) {
        let at = self.at;
        let keyword = self.peek_word(at);
        match keyword {
            Some("SELECT") => self.enter(Clause::Select),
            Some("FROM") if !self.is_argument_from() => {
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
            Some("VALUES") if self.kind(at + 1) == Some(Kind::Open) && self.level().clause != Clause::Set => {
                self.enter(Clause::Values);
            }
            Some("WHERE" | "ON" | "HAVING") => {
                // ON CONFLICT and ON DUPLICATE KEY are no conditions on rows.
                let other =
                    matches!(self.peek_word(at + 1), Some("CONFLICT" | "DUPLICATE")) || keyword == Some("HAVING");
                self.enter(if other { Clause::Other } else { Clause::Condition });
            }
            Some("RETURNING") => self.enter(Clause::Returning),
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
            Clause::Select | Clause::Returning if own => self.results = Some((level.since, end)),
            _ => {}
        }
    }

    fn ending(&mut self, keyword: Option<&'static str>) {
        let own = self.levels.len() == 1;
        match keyword {
            Some("GROUP") => self.outline.collapses |= own,
            Some("LIMIT") => {
                let one = self.tokens.get(self.at + 1).is_some_and(|t| self.text[t.span.clone()] == *"1");
                self.outline.collapses |= own && one;
            }
            Some("UNION" | "EXCEPT" | "INTERSECT") => self.outline.derived |= own,
            _ => {}
        }
        self.enter(Clause::Other);
    }

    fn update(&mut self) {
        let before = self.at.checked_sub(1).and_then(|i| self.peek_word(i));
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
        update.checked_sub(2).is_some_and(|i| self.peek_word(i) == Some("DUPLICATE"))
    }

    /// A table's name, perhaps with an alias, right here.
    fn table(&mut self, role: Role) {
        while matches!(self.peek_word(self.at), Some("ONLY" | "LATERAL" | "IGNORE" | "TABLE")) {
            self.at += 1;
        }
        if !self.is_name(self.at) || self.is_keyword(self.at) {
            return;
        }
        let (parts, span, next) = self.qualified(self.at);
        if self.kind(next) == Some(Kind::Open) && role == Role::Read {
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
        self.outline.tables.push(TableUse { schema, name, alias, role, span, scope });
        let at = self.at;
        self.level().begin = at;
    }

    fn alias(&mut self) -> Option<String> {
        let explicit = self.peek_word(self.at) == Some("AS");
        let at = self.at + usize::from(explicit);
        if self.is_name(at) && !self.is_keyword(at) && self.peek_word(at) != Some("OVERRIDING") {
            self.at = at + 1;
            return Some(self.folded(at));
        }
        None
    }

    /// The column on the left of `=`, in SET.
    fn assigned(&mut self) {
        let at = self.at;
        if !self.is_name(at) {
            return;
        }
        let (parts, _, next) = self.qualified(at);
        let Some(table) = self.level().target else { return };
        let span = self.tokens[next - 1].span.clone();
        let column = parts.last().cloned().unwrap_or_default();
        let assignment = Assignment { table, column, span, parameter: None, inserts: false };
        self.outline.assignments.push(assignment);
        // Past the `=`, so that the value begins here.
        self.at = next + usize::from(self.symbol(next) == Some("="));
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
                let (column, span) = (self.folded(at), self.tokens[at].span.clone());
                self.outline.assignments.push(Assignment { table, column, span, parameter: None, inserts: true });
            }
            self.at += 1;
            return;
        }
        let (parts, span, next) = self.qualified(at);
        self.at = next;
        if level.clause == Clause::With && self.levels.len() == 1 && parts.len() == 1 {
            let named = matches!(self.peek_word(next), Some("AS")) || self.kind(next) == Some(Kind::Open);
            if named && !self.is_keyword(at) {
                self.ctes.push(parts[0].clone());
            }
            return;
        }
        if self.kind(next) == Some(Kind::Open) {
            if !self.is_keyword(at) {
                self.outline.functions.push((parts.last().cloned().unwrap_or_default(), span));
            }
            return;
        }
        if (parts.len() == 1 && self.is_keyword(at)) || self.is_type_or_alias(at) {
            return;
        }
        let name = parts.last().cloned().unwrap_or_default();
        let qualifier = parts.len().checked_sub(2).map(|i| parts[i].clone());
        self.outline.columns.push(ColumnUse { qualifier, name, span, scope: level.scope });
    }

    /// Whether the word behind this place is a type (`::text`, `CAST(x AS text)`), an alias or a collation.
    fn is_type_or_alias(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1) else { return false };
        matches!(self.peek_word(before), Some("AS" | "COLLATE" | "INTERVAL")) || self.symbol(before) == Some("::")
    }

    /// `FROM` inside `extract(… FROM …)`, or behind `IS DISTINCT`.
    fn is_argument_from(&self) -> bool {
        let distinct = self.at.checked_sub(1).is_some_and(|i| self.peek_word(i) == Some("DISTINCT"));
        distinct && self.at.checked_sub(2).is_some_and(|i| matches!(self.peek_word(i), Some("IS" | "NOT")))
            || self.levels.last().is_some_and(|level| {
                level.kind == LevelKind::Plain
                    && level.clause != Clause::From
                    && level.begin >= 2
                    && self.levels.len() > 1
                    && self.is_function_level()
            })
    }

    fn is_function_level(&self) -> bool {
        let mut depth = 0_usize;
        for i in (0..self.at).rev() {
            match self.tokens[i].kind {
                Kind::Close => depth += 1,
                Kind::Open if depth > 0 => depth -= 1,
                Kind::Open => {
                    let names = ["EXTRACT", "TRIM", "SUBSTRING", "OVERLAY"];
                    return i > 0
                        && names
                            .iter()
                            .any(|name| self.text[self.tokens[i - 1].span.clone()].eq_ignore_ascii_case(name));
                }
                _ => {}
            }
        }
        false
    }

    /// `a`, `a.b` or `a.b.c`: the parts, their place, and the index of the token behind.
    fn qualified(&self, at: usize) -> (Vec<String>, Span, usize) {
        let mut parts = vec![self.folded(at)];
        let mut end = at + 1;
        while self.symbol(end) == Some(".") && self.is_name(end + 1) {
            parts.push(self.folded(end + 1));
            end += 2;
        }
        (parts, self.tokens[at].span.start..self.tokens[end - 1].span.end, end)
    }

    /// The items of the result's list.
    fn outputs(&self, begin: usize, end: usize) -> Vec<Output> {
        let reader = self.reader();
        reader
            .split(begin, end, |i| self.tokens[i].kind == Kind::Comma)
            .into_iter()
            .map(|(b, e)| self.output(b, e))
            .collect()
    }

    fn output(&self, begin: usize, end: usize) -> Output {
        let span = match (self.tokens.get(begin), end.checked_sub(1).and_then(|i| self.tokens.get(i))) {
            (Some(first), Some(last)) if end > begin => first.span.start..last.span.end,
            _ => 0..0,
        };
        let explicit = end >= begin + 2 && self.peek_word(end - 2) == Some("AS");
        let value_end = if explicit { end - 2 } else { end };
        let column = match self.is_name(begin) {
            true => {
                let (parts, span, next) = self.qualified(begin);
                let whole = next == value_end || (!explicit && next + 1 == end && self.is_name(next));
                let plain = whole && !self.is_keyword(begin);
                plain.then(|| ColumnUse {
                    qualifier: parts.len().checked_sub(2).map(|i| parts[i].clone()),
                    name: parts.last().cloned().unwrap_or_default(),
                    span,
                    scope: 0,
                })
            }
            false => None,
        };
        let named = explicit || (end > begin + 1 && self.is_name(end - 1) && self.symbol(end - 2) != Some("."));
        let named = named && !self.is_keyword(end - 1) && self.symbol(end.saturating_sub(2)) != Some("::");
        let name = if named { Some(self.folded(end - 1)) } else { column.as_ref().map(|column| column.name.clone()) };
        Output { name, column, span }
    }

    fn kind(&self, at: usize) -> Option<Kind> {
        self.tokens.get(at).map(|token| token.kind)
    }

    fn is_name(&self, at: usize) -> bool {
        matches!(self.kind(at), Some(Kind::Word | Kind::QuotedName))
    }

    fn symbol(&self, at: usize) -> Option<&'a str> {
        let token = self.tokens.get(at).filter(|token| token.kind == Kind::Symbol)?;
        Some(&self.text[token.span.clone()])
    }

    fn is_keyword(&self, at: usize) -> bool {
        self.peek_word(at).is_some_and(|word| KEYWORDS.contains(&word))
    }

    /// The keyword that stands here, in capitals; None for names.
    fn peek_word(&self, at: usize) -> Option<&'static str> {
        let token = self.tokens.get(at).filter(|token| token.kind == Kind::Word)?;
        let text = &self.text[token.span.clone()];
        const FURTHER: &[&str] = &["KEY", "TABLE", "WINDOW", "OVERRIDING"];
        KEYWORDS.iter().chain(FURTHER).copied().find(|word| word.eq_ignore_ascii_case(text))
    }

    /// A name as the database keeps it.
    fn folded(&self, at: usize) -> String {
        let Some(token) = self.tokens.get(at) else { return String::new() };
        let text = &self.text[token.span.clone()];
        match token.kind {
            Kind::QuotedName => text[1..text.len() - 1].to_owned(),
            _ if self.dialect == Dialect::Postgres => text.to_lowercase(),
            _ => text.to_owned(),
        }
    }
}
