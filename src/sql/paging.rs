//! What a page of rows is sorted by, and whether the next page begins where this one ends, read from the SQL.
//!
//! Invariant: "follows" is only said when the first key of the ORDER BY is what the statement compares with the cursor:
//! sorted by anything else, rows between two pages would be left out without a word.

use super::lexer::{Kind, Token, tokens};
use super::{Input, Statement};
use crate::diagnostic::Span;

/// The first key of a statement's own ORDER BY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Where it stands in the template.
    pub span: Span,
    /// The key as it is written.
    pub text: String,
    /// The table or alias and the column; None for any other expression.
    pub column: Option<(Option<String>, String)>,
    /// Whether the largest value comes first.
    pub descending: bool,
    /// Its tokens, in the statement's own list.
    key: std::ops::Range<usize>,
}

/// Words that end a key.
const ENDS: [&str; 8] = ["ASC", "DESC", "NULLS", "LIMIT", "OFFSET", "FETCH", "FOR", "USING"];

impl Statement {
    /// What the outermost ORDER BY sorts by first.
    pub fn order(&self) -> Option<Order> {
        let reading = Reading::new(self);
        let begin = reading.order_by()?;
        let end = reading.end_of_key(begin);
        let (first, last) = (reading.tokens.get(begin)?, reading.tokens.get(end.checked_sub(1)?)?);
        let span = self.source_span(first.span.start).start..self.source_span(last.span.end - 1).end;
        Some(Order {
            span,
            text: self.text[first.span.start..last.span.end].to_owned(),
            column: reading.column(begin, end),
            descending: reading.is(end, "DESC"),
            key: begin..end,
        })
    }

    /// Whether the statement asks for rows whose key is greater than this input.
    pub fn follows(&self, order: &Order, input: &Input) -> bool {
        // An ORDER BY means a column of the result first, whatever the WHERE means by that name.
        if order.column.as_ref().is_some_and(|(table, name)| table.is_none() && self.renames(name)) {
            return false;
        }
        let reading = Reading::new(self);
        let placeholders = (0..reading.tokens.len()).filter(|at| reading.kind(*at) == Some(Kind::NativePlaceholder));
        let mut cursors =
            placeholders.zip(&self.parameters).filter(|(_, parameter)| parameter.expression.input() == Some(input));
        cursors.any(|(at, _)| reading.is_greater(&order.key, at))
    }
}

struct Reading<'a> {
    text: &'a str,
    tokens: Vec<Token>,
}

impl<'a> Reading<'a> {
    fn new(statement: &'a Statement) -> Self {
        let tokens = tokens(&statement.text, statement.dialect);
        Self { text: &statement.text, tokens: tokens.into_iter().filter(|t| t.kind != Kind::Comment).collect() }
    }

    fn word(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| &self.text[token.span.clone()])
    }

    fn kind(&self, at: usize) -> Option<Kind> {
        self.tokens.get(at).map(|token| token.kind)
    }

    fn is(&self, at: usize, word: &str) -> bool {
        self.kind(at) == Some(Kind::Word) && self.word(at).eq_ignore_ascii_case(word)
    }

    /// Where the first key of the last ORDER BY outside of all parentheses begins.
    fn order_by(&self) -> Option<usize> {
        let mut depth = 0_usize;
        let mut found = None;
        for at in 0..self.tokens.len() {
            match self.kind(at) {
                Some(Kind::Open) => depth += 1,
                Some(Kind::Close) => depth = depth.saturating_sub(1),
                _ if depth == 0 && self.is(at, "ORDER") && self.is(at + 1, "BY") => found = Some(at + 2),
                _ => {}
            }
        }
        found
    }

    fn end_of_key(&self, begin: usize) -> usize {
        let mut depth = 0_usize;
        (begin..self.tokens.len())
            .find(|at| match self.kind(*at) {
                Some(Kind::Open) => {
                    depth += 1;
                    false
                }
                Some(Kind::Close) => {
                    depth = depth.saturating_sub(1);
                    false
                }
                Some(Kind::Comma | Kind::Semicolon) => depth == 0,
                _ => depth == 0 && ENDS.iter().any(|word| self.is(*at, word)),
            })
            .unwrap_or(self.tokens.len())
    }

    /// `column` or `table.column`; a position such as `1` is neither.
    fn column(&self, begin: usize, end: usize) -> Option<(Option<String>, String)> {
        match end.checked_sub(begin)? {
            1 => Some((None, self.name(begin)?)),
            3 if self.word(begin + 1) == "." => Some((Some(self.name(begin)?), self.name(begin + 2)?)),
            _ => None,
        }
    }

    fn name(&self, at: usize) -> Option<String> {
        let word = self.word(at);
        match self.kind(at)? {
            Kind::Word => Some(word.to_owned()),
            Kind::QuotedName => Some(word[1..word.len() - 1].to_owned()),
            _ => None,
        }
    }

    /// Whether `key >` stands before this placeholder, or before a CAST of it.
    fn is_greater(&self, key: &std::ops::Range<usize>, placeholder: usize) -> bool {
        let cast =
            placeholder >= 2 && self.kind(placeholder - 1) == Some(Kind::Open) && self.is(placeholder - 2, "CAST");
        let operand = if cast { placeholder - 2 } else { placeholder };
        let Some(sign) = operand.checked_sub(1).filter(|at| self.word(*at) == ">") else { return false };
        let own = self.column(key.start, key.end);
        // Tables may be named in one place and not in the other.
        if let Some((_, name)) = own {
            return sign
                .checked_sub(1)
                .and_then(|at| self.name(at))
                .is_some_and(|other| other.eq_ignore_ascii_case(&name));
        }
        let Some(begin) = sign.checked_sub(key.len()) else { return false };
        key.clone().zip(begin..sign).all(|(one, other)| self.word(one).eq_ignore_ascii_case(self.word(other)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Map;

    use super::*;
    use crate::sql::{Dialect, Scope, Use};

    fn compiled(source: &str) -> Statement {
        let scope = Scope {
            source,
            dialect: Dialect::Postgres,
            used: Use::Read,
            action: "list_users",
            inputs: &[("after", Input::After), ("limit", Input::Limit)],
            configuration: &Map::new(),
            identifiers: &BTreeMap::new(),
            steps: &[],
            row: false,
        };
        Statement::compile(&scope).unwrap_or_else(|faults| panic!("{source}: {faults:?}"))
    }

    fn follows(source: &str) -> bool {
        let statement = compiled(source);
        statement.order().is_some_and(|order| !order.descending && statement.follows(&order, &Input::After))
    }

    #[test]
    fn pages_follow_each_other_by_the_key_that_is_compared() {
        for source in [
            "SELECT id FROM t WHERE id > {{ after }} ORDER BY id LIMIT {{ limit }}",
            "SELECT u.id FROM t u WHERE u.id > {{ after | default(-1) }} AND u.a ORDER BY id ASC LIMIT {{ limit }}",
            "SELECT id FROM t WHERE (id > CAST({{ after }} AS uuid)) ORDER BY t.id FETCH FIRST {{ limit }} ROWS ONLY",
            "SELECT -u.id AS id FROM t u WHERE u.id > {{ after }} ORDER BY u.id LIMIT {{ limit }}",
            "SELECT a || b AS id FROM t WHERE a || b > {{ after }} ORDER BY a || b, c LIMIT {{ limit }}",
            "SELECT id, (SELECT x FROM y ORDER BY z LIMIT 1) FROM t WHERE \"id\" > {{ after }} ORDER BY id LIMIT {{ limit }}",
        ] {
            assert!(follows(source), "{source}");
        }
        for source in [
            "SELECT id FROM t WHERE id > {{ after }} LIMIT {{ limit }}",
            "SELECT id FROM t WHERE id >= {{ after }} ORDER BY id LIMIT {{ limit }}",
            "SELECT id FROM t WHERE id < {{ after }} ORDER BY id DESC LIMIT {{ limit }}",
            "SELECT id FROM t WHERE id > {{ after }} ORDER BY id DESC LIMIT {{ limit }}",
            "SELECT id FROM t WHERE id > {{ after }} ORDER BY email LIMIT {{ limit }}",
            "SELECT id FROM t WHERE id > {{ after }} ORDER BY email, id LIMIT {{ limit }}",
            "SELECT id FROM t WHERE id > {{ after }} ORDER BY 1 LIMIT {{ limit }}",
            "SELECT -id AS id FROM t WHERE id > {{ after }} ORDER BY id LIMIT {{ limit }}",
            "SELECT email AS id FROM t WHERE id > {{ after }} ORDER BY id LIMIT {{ limit }}",
            "SELECT id FROM t WHERE id IN (SELECT i FROM u WHERE i > {{ after }} ORDER BY i) LIMIT {{ limit }}",
        ] {
            assert!(!follows(source), "{source}");
        }
    }

    #[test]
    fn the_key_is_found_in_the_template() {
        let source = "SELECT id FROM t WHERE id > {{ after }} ORDER BY u.email LIMIT {{ limit }}";
        let order = compiled(source).order().expect("an order");
        assert_eq!((&source[order.span.clone()], order.column), ("u.email", Some((Some("u".into()), "email".into()))));
    }
}
