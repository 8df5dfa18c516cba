//! The tokens of a statement, and what stands at each of them.

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
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
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
    "LOCALTIME",
    "LOCALTIMESTAMP",
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
    "SESSION_USER",
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

/// Tokens with what is needed to read them.
pub(super) struct Reader<'a> {
    pub text: &'a str,
    pub tokens: &'a [Token],
    /// Per token: how many parameters stand before it.
    pub before: Vec<usize>,
    pub dialect: Dialect,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str, tokens: &'a [Token], dialect: Dialect) -> Self {
        let mut before = Vec::with_capacity(tokens.len());
        let mut parameters = 0;
        for token in tokens {
            before.push(parameters);
            parameters += usize::from(token.kind == Kind::NativePlaceholder);
        }
        Self { text, tokens, before, dialect }
    }

    pub fn kind(&self, at: usize) -> Option<Kind> {
        self.tokens.get(at).map(|token| token.kind)
    }

    pub fn is_name(&self, at: usize) -> bool {
        matches!(self.kind(at), Some(Kind::Word | Kind::QuotedName))
    }

    pub fn symbol(&self, at: usize) -> Option<&'a str> {
        let token = self.tokens.get(at).filter(|token| token.kind == Kind::Symbol)?;
        Some(&self.text[token.span.clone()])
    }

    pub fn is_keyword(&self, at: usize) -> bool {
        self.peek_word(at).is_some_and(|word| KEYWORDS.contains(&word))
    }

    /// The keyword that stands here, in capitals; None for names.
    pub fn peek_word(&self, at: usize) -> Option<&'static str> {
        let token = self.tokens.get(at).filter(|token| token.kind == Kind::Word)?;
        let text = &self.text[token.span.clone()];
        const FURTHER: &[&str] = &["KEY", "TABLE", "WINDOW", "OVERRIDING"];
        KEYWORDS.iter().chain(FURTHER).copied().find(|word| word.eq_ignore_ascii_case(text))
    }

    /// A name as the database keeps it.
    pub fn folded(&self, at: usize) -> String {
        let Some(token) = self.tokens.get(at) else { return String::new() };
        let text = &self.text[token.span.clone()];
        match token.kind {
            Kind::QuotedName => text[1..text.len() - 1].to_owned(),
            _ if self.dialect == Dialect::Postgres => text.to_lowercase(),
            _ => text.to_owned(),
        }
    }

    /// The text that these tokens are, when they are nothing but a literal.
    pub fn literal(&self, begin: usize, end: usize) -> Option<String> {
        let token = self.tokens.get(begin).filter(|token| end == begin + 1 && token.kind == Kind::String)?;
        let text = self.text[token.span.clone()].strip_prefix('\'')?.strip_suffix('\'')?;
        Some(text.replace("''", "'"))
    }

    /// `a`, `a.b` or `a.b.c`: the parts, their place, and the index of the token behind.
    pub fn qualified(&self, at: usize) -> (Vec<String>, Span, usize) {
        let mut parts = vec![self.folded(at)];
        let mut end = at + 1;
        while self.symbol(end) == Some(".") && self.is_name(end + 1) {
            parts.push(self.folded(end + 1));
            end += 2;
        }
        (parts, self.tokens[at].span.start..self.tokens[end - 1].span.end, end)
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

    pub fn closing(&self, open: usize) -> Option<usize> {
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

    pub fn at_level(&self, begin: usize, at: usize) -> bool {
        let opened = (begin..at).filter(|i| self.tokens[*i].kind == Kind::Open).count();
        let closed = (begin..at).filter(|i| self.tokens[*i].kind == Kind::Close).count();
        opened == closed
    }

    pub fn is(&self, at: usize, word: &str) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|t| t.kind == Kind::Word && self.text[t.span.clone()].eq_ignore_ascii_case(word))
    }

    pub fn span(&self, begin: usize, end: usize) -> Span {
        match (self.tokens.get(begin), end.checked_sub(1).and_then(|i| self.tokens.get(i))) {
            (Some(first), Some(last)) if end > begin => first.span.start..last.span.end,
            _ => 0..0,
        }
    }
}
