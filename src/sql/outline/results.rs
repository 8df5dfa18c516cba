//! The columns of a result, as far as its list tells.

use super::reader::Reader;
use super::{ColumnUse, Output};
use crate::sql::lexer::Kind;

impl Reader<'_> {
    /// The items of the result's list.
    pub fn outputs(&self, begin: usize, end: usize) -> Vec<Output> {
        self.split(begin, end, |i| self.tokens[i].kind == Kind::Comma)
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
}
