//! Words that look like columns and are none: types, units of time, character sets, aliases.

use super::reader::Reader;
use crate::sql::lexer::Kind;

impl Reader<'_> {
    /// Whether the name at this place is a word of a phrase: `::text`, `AS x`, `COLLATE de_DE`, `AT TIME ZONE`,
    /// `INTERVAL 5 MINUTE`, `extract(epoch FROM …)`, `CONVERT(… USING utf8mb4)`, `_utf8mb4'x'`.
    pub fn is_of_phrase(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1) else { return false };
        let is = |place: Option<usize>, word: &str| place.is_some_and(|place| self.is(place, word));
        matches!(self.peek_word(before), Some("AS" | "COLLATE" | "INTERVAL"))
            || self.symbol(before) == Some("::")
            || is(at.checked_sub(2), "INTERVAL") && self.kind(before) != Some(Kind::Open)
            || self.is(at, "AT") && self.is(at + 1, "TIME")
            || self.is(at, "TIME") && self.is(before, "AT")
            || self.is(at, "ZONE") && self.is(before, "TIME")
            || self.is_introducer(at)
            || self.is_special_argument(at, before)
    }

    /// Whether the place is inside the type of `CAST(… AS char CHARACTER SET utf8mb4)`.
    pub fn is_in_type(&self, at: usize) -> bool {
        let Some(open) = self.enclosing(at).filter(|open| self.is_behind(*open, &["CAST"])) else { return false };
        (open + 1..at).any(|i| self.is(i, "AS") && self.enclosing(i) == Some(open))
    }

    /// `FROM` inside `extract(… FROM …)`, or behind `IS DISTINCT`.
    pub fn is_argument_from(&self, at: usize) -> bool {
        let word = |back: usize| at.checked_sub(back).and_then(|i| self.peek_word(i));
        word(1) == Some("DISTINCT") && matches!(word(2), Some("IS" | "NOT"))
            || self.is_called_by(at, &["EXTRACT", "TRIM", "SUBSTRING", "OVERLAY"])
    }

    /// MySQL's name of a character set in front of a literal.
    fn is_introducer(&self, at: usize) -> bool {
        let named = self.kind(at) == Some(Kind::Word) && self.text[self.tokens[at].span.clone()].starts_with('_');
        named && self.kind(at + 1) == Some(Kind::String)
    }

    /// Arguments that are words: `extract(epoch FROM …)`, `timestampdiff(SECOND, …)`, `trim(BOTH ' ' FROM …)`.
    fn is_special_argument(&self, at: usize, before: usize) -> bool {
        let first = self.kind(before) == Some(Kind::Open);
        first && self.is(at + 1, "FROM") && self.is_called_by(at, &["EXTRACT"])
            || first
                && self.kind(at + 1) == Some(Kind::Comma)
                && self.is_called_by(at, &["TIMESTAMPDIFF", "TIMESTAMPADD"])
            || first
                && ["BOTH", "LEADING", "TRAILING"].iter().any(|word| self.is(at, word))
                && self.is_called_by(at, &["TRIM"])
            || self.is(before, "USING") && self.is_called_by(at, &["CONVERT"])
    }

    /// Whether the innermost parentheses are the arguments of one of these functions.
    fn is_called_by(&self, at: usize, names: &[&str]) -> bool {
        self.enclosing(at).is_some_and(|open| self.is_behind(open, names))
    }

    fn is_behind(&self, open: usize, names: &[&str]) -> bool {
        open.checked_sub(1).is_some_and(|i| names.iter().any(|name| self.is(i, name)))
    }

    /// The parenthesis that opens the innermost pair around this place.
    fn enclosing(&self, at: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for i in (0..at.min(self.tokens.len())).rev() {
            match self.tokens[i].kind {
                Kind::Close => depth += 1,
                Kind::Open if depth == 0 => return Some(i),
                Kind::Open => depth -= 1,
                _ => {}
            }
        }
        None
    }
}
