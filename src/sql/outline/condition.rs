//! Conditions on rows: equalities joined by AND and OR; whatever else is there stays opaque.

use super::reader::Reader;
use super::{ColumnUse, Condition, Operand};
use crate::sql::lexer::Kind;

/// How deep parentheses are followed; deeper ones are opaque.
const DEPTH: usize = 24;

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
            _ => match self.membership(begin, end) {
                Some((left, open)) => {
                    let sides = (self.operand(begin, left, depth), self.operand(open + 1, end - 1, depth));
                    Condition::Equal(Box::new(sides))
                }
                None => Condition::Other(self.span(begin, end)),
            },
        }
    }

    /// `a IN (b)` with one member says what `a = b` says: where its left side ends, and its parenthesis.
    fn membership(&self, begin: usize, end: usize) -> Option<(usize, usize)> {
        let word = (begin + 1..end).find(|i| self.is(*i, "IN") && self.at_level(begin, *i))?;
        let whole = self.kind(word + 1) == Some(Kind::Open) && self.closing(word + 1) == Some(end - 1);
        let one = whole && self.split(word + 2, end - 1, |i| self.kind(i) == Some(Kind::Comma)).len() == 1;
        let plain = one && !self.is(word + 2, "SELECT") && !self.is(word + 2, "WITH");
        (plain && !self.is(word - 1, "NOT") && !self.is(begin, "NOT")).then_some((word, word + 1))
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
        if ["any", "some"].contains(&name.as_str()) && self.is(begin + 2, "ARRAY") {
            return self
                .only_element(begin + 3, inner_end)
                .map_or(Operand::Other, |(b, e)| self.operand(b, e, depth + 1));
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

    /// `a = ANY (ARRAY[b])` with one element says what `a = b` says: where the element is. A cast may follow the bracket.
    fn only_element(&self, open: usize, end: usize) -> Option<(usize, usize)> {
        let close = (open..end).find(|i| self.symbol(*i) == Some("]"))?;
        let nested = self.symbol(open) != Some("[") || (open + 1..close).any(|i| self.symbol(i) == Some("["));
        let one = self.split(open + 1, close, |i| self.kind(i) == Some(Kind::Comma)).len() == 1;
        let ends = close + 1 == end || self.symbol(close + 1) == Some("::");
        (!nested && one && ends && close > open + 1).then_some((open + 1, close))
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
}
