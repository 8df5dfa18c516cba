//! Conditions on rows: equalities joined by AND and OR; whatever else is there stays opaque.

use super::{ColumnUse, Condition, Operand};
use crate::diagnostic::Span;
use crate::sql::Dialect;
use crate::sql::lexer::{Kind, Token};

/// How deep parentheses are followed; deeper ones are opaque.
const DEPTH: usize = 24;

/// Tokens with what is needed to read them.
pub(super) struct Reader<'a> {
    pub text: &'a str,
    pub tokens: &'a [Token],
    /// Per token: how many parameters stand before it.
    pub before: &'a [usize],
    pub dialect: Dialect,
}

/// Reads the condition that these tokens are.
pub(super) fn conditions(reader: &Reader<'_>, begin: usize, end: usize) -> Condition {
    reader.condition(begin, end, 0)
}

impl Reader<'_> {
    fn condition(&self, begin: usize, end: usize, depth: usize) -> Condition {
        if depth > DEPTH {
            return Condition::Other(self.span(begin, end));
        }
        let (begin, end) = self.unwrapped(begin, end);
        let branches = self.split(begin, end, |i| self.is(i, "OR"));
        if branches.len() > 1 {
            return Condition::Any(branches.into_iter().map(|(b, e)| self.condition(b, e, depth + 1)).collect());
        }
        let parts = self.split_and(begin, end);
        if parts.len() > 1 {
            return Condition::All(parts.into_iter().map(|(b, e)| self.condition(b, e, depth + 1)).collect());
        }
        let sides = self.split(begin, end, |i| self.is_equality(i));
        match (sides.as_slice(), self.is(begin, "NOT")) {
            ([(a, b), (c, d)], false) => {
                Condition::Equal(Box::new((self.operand(*a, *b, depth), self.operand(*c, *d, depth))))
            }
            _ => Condition::Other(self.span(begin, end)),
        }
    }

    /// What these tokens are, as one side of a comparison.
    pub fn operand(&self, begin: usize, end: usize, depth: usize) -> Operand {
        let (begin, end) = self.unwrapped(begin, end);
        if depth > DEPTH || begin >= end {
            return Operand::Other;
        }
        if self.is(begin, "SELECT") {
            return Operand::Constant;
        }
        if end - begin > 2 && self.is(end - 2, "COLLATE") {
            return match self.operand(begin, end - 2, depth + 1) {
                Operand::Column { functions, column, .. } => {
                    let collation = Some(self.text[self.tokens[end - 1].span.clone()].to_owned());
                    Operand::Column { functions, column, collation }
                }
                other => other,
            };
        }
        if let Some(cast) = (begin..end).rev().find(|i| self.at_level(begin, *i) && self.symbol(*i) == Some("::")) {
            return self.operand(begin, cast, depth + 1);
        }
        if end == begin + 1 {
            return self.single(begin);
        }
        if self.kind(begin + 1) == Some(Kind::Open) && self.closing(begin + 1) == Some(end - 1) {
            return self.call(begin, end, depth);
        }
        if let Some(column) = self.column(begin, end) {
            return Operand::Column { functions: Vec::new(), column, collation: None };
        }
        let varies = (begin..end).any(|i| matches!(self.kind(i), Some(Kind::NativePlaceholder | Kind::QuotedName)));
        let named = (begin..end)
            .any(|i| self.kind(i) == Some(Kind::Word) && self.kind(i + 1) != Some(Kind::Open) && !self.is_literal(i));
        if varies || named { Operand::Other } else { Operand::Constant }
    }

    fn single(&self, at: usize) -> Operand {
        match self.kind(at) {
            Some(Kind::NativePlaceholder) => {
                Operand::Parameter { index: self.before[at], span: self.tokens[at].span.clone() }
            }
            Some(Kind::Number | Kind::String) => Operand::Constant,
            Some(Kind::Word) if self.is_literal(at) => Operand::Constant,
            Some(Kind::Word | Kind::QuotedName) => match self.column(at, at + 1) {
                Some(column) => Operand::Column { functions: Vec::new(), column, collation: None },
                None => Operand::Other,
            },
            _ => Operand::Other,
        }
    }

    /// A function of one argument that is a column or a parameter; of constants it is a constant.
    fn call(&self, begin: usize, end: usize, depth: usize) -> Operand {
        let name = self.text[self.tokens[begin].span.clone()].to_ascii_lowercase();
        let mut inner_end = end - 1;
        if name == "cast" {
            match (begin + 2..inner_end).rev().find(|i| self.is(*i, "AS")) {
                Some(cast) => return self.operand(begin + 2, cast, depth + 1),
                None => return Operand::Other,
            }
        }
        if name == "convert"
            && let Some(using) =
                (begin + 2..inner_end).rev().find(|i| self.is(*i, "USING") || self.kind(*i) == Some(Kind::Comma))
        {
            inner_end = using;
        }
        let arguments = self.split(begin + 2, inner_end, |i| self.kind(i) == Some(Kind::Comma));
        let operands: Vec<Operand> = arguments.iter().map(|(b, e)| self.operand(*b, *e, depth + 1)).collect();
        match operands.as_slice() {
            [Operand::Column { functions, column, collation }] => {
                let mut all = vec![name];
                all.extend(functions.iter().cloned());
                Operand::Column { functions: all, column: column.clone(), collation: collation.clone() }
            }
            [Operand::Parameter { index, span }] => Operand::Parameter { index: *index, span: span.clone() },
            list if list.iter().all(|operand| matches!(operand, Operand::Constant)) => Operand::Constant,
            // `concat({{ a }}, 'x')` is the same for all rows, but is no parameter by itself.
            list if list.iter().all(|o| matches!(o, Operand::Constant | Operand::Parameter { .. })) => {
                Operand::Constant
            }
            _ => Operand::Other,
        }
    }

    fn column(&self, begin: usize, end: usize) -> Option<ColumnUse> {
        let names: Vec<usize> = (begin..end).step_by(2).collect();
        let dots = (begin + 1..end).step_by(2).all(|i| self.symbol(i) == Some("."));
        let plain = names.iter().all(|i| matches!(self.kind(*i), Some(Kind::Word | Kind::QuotedName)));
        if !dots || !plain || (end - begin).is_multiple_of(2) {
            return None;
        }
        let name = self.folded(end - 1);
        let qualifier = (end - begin > 1).then(|| self.folded(end - 3));
        Some(ColumnUse { qualifier, name, span: self.span(begin, end), scope: 0 })
    }

    /// Parts between the tokens that separate, at the outermost level of parentheses.
    pub fn split(&self, begin: usize, end: usize, separates: impl Fn(usize) -> bool) -> Vec<(usize, usize)> {
        let mut parts = Vec::new();
        let (mut start, mut depth) = (begin, 0_usize);
        for i in begin..end {
            match self.tokens[i].kind {
                Kind::Open => depth += 1,
                Kind::Close => depth = depth.saturating_sub(1),
                Kind::Comma | Kind::Word | Kind::Symbol if depth == 0 && separates(i) => {
                    parts.push((start, i));
                    start = i + 1;
                }
                _ => {}
            }
        }
        parts.push((start, end));
        parts
    }

    /// As [`Self::split`] at AND, save the one that belongs to BETWEEN.
    fn split_and(&self, begin: usize, end: usize) -> Vec<(usize, usize)> {
        let between = |i: usize| {
            let own = (begin..i).rev().filter(|j| self.at_level(begin, *j));
            let mut words = own.filter(|j| self.is(*j, "AND") || self.is(*j, "BETWEEN"));
            words.next().is_some_and(|j| self.is(j, "BETWEEN"))
        };
        self.split(begin, end, |i| self.is(i, "AND") && !between(i))
    }

    /// Without the parentheses that enclose everything.
    fn unwrapped(&self, mut begin: usize, mut end: usize) -> (usize, usize) {
        while end > begin + 1 && self.kind(begin) == Some(Kind::Open) && self.closing(begin) == Some(end - 1) {
            begin += 1;
            end -= 1;
        }
        (begin, end)
    }

    fn closing(&self, open: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for i in open..self.tokens.len() {
            match self.tokens[i].kind {
                Kind::Open => depth += 1,
                Kind::Close => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Some(i);
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn at_level(&self, begin: usize, at: usize) -> bool {
        let opened = (begin..at).filter(|i| self.tokens[*i].kind == Kind::Open).count();
        let closed = (begin..at).filter(|i| self.tokens[*i].kind == Kind::Close).count();
        opened == closed
    }

    /// `=` alone; each character of an operator is a token of its own. SQLite also writes `==`, and `IS`.
    fn is_equality(&self, at: usize) -> bool {
        let glued = |a: usize, b: usize| self.tokens[a].span.end == self.tokens[b].span.start;
        let operator = |i: usize| self.symbol(i).is_some_and(|s| "<>!=~*@#%^&|".contains(s));
        let before = at.checked_sub(1).is_some_and(|i| operator(i) && glued(i, at));
        let after = self.tokens.get(at + 1).is_some() && operator(at + 1) && glued(at, at + 1);
        self.symbol(at) == Some("=") && !before && !after
    }

    fn is_literal(&self, at: usize) -> bool {
        ["TRUE", "FALSE", "NULL", "CURRENT_TIMESTAMP", "CURRENT_DATE"].iter().any(|word| self.is(at, word))
    }

    fn is(&self, at: usize, word: &str) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|t| t.kind == Kind::Word && self.text[t.span.clone()].eq_ignore_ascii_case(word))
    }

    fn symbol(&self, at: usize) -> Option<&str> {
        self.tokens.get(at).filter(|t| t.kind == Kind::Symbol).map(|t| &self.text[t.span.clone()])
    }

    fn kind(&self, at: usize) -> Option<Kind> {
        self.tokens.get(at).map(|token| token.kind)
    }

    fn folded(&self, at: usize) -> String {
        let text = &self.text[self.tokens[at].span.clone()];
        match self.tokens[at].kind {
            Kind::QuotedName => text[1..text.len() - 1].to_owned(),
            _ if self.dialect == Dialect::Postgres => text.to_lowercase(),
            _ => text.to_owned(),
        }
    }

    fn span(&self, begin: usize, end: usize) -> Span {
        match (self.tokens.get(begin), end.checked_sub(1).and_then(|i| self.tokens.get(i))) {
            (Some(first), Some(last)) if end > begin => first.span.start..last.span.end,
            _ => 0..0,
        }
    }
}
