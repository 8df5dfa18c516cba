//! Splits SQL into tokens, far enough to know where a value may stand and what kind of statement it is.
//!
//! Invariant: what the database would treat as text, comment or quoted name is one token here, for each dialect's
//! own rules of quoting. Unknown characters are symbols; the database's own prepare is the judge of the rest.

use super::Dialect;
use crate::diagnostic::Span;

/// The characters that enclose a placeholder's number in rendered text; a template that holds them is refused.
pub(super) const OPEN: char = '\u{E000}';
/// See [`OPEN`].
pub(super) const CLOSE: char = '\u{E001}';

/// A piece of SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    pub span: Span,
}

/// What a piece of SQL is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or a plain name.
    Word,
    Number,
    /// `'…'`, `E'…'`, `$tag$…$tag$`, and `"…"` on MySQL.
    String,
    /// `"…"`, `` `…` `` or `[…]`.
    QuotedName,
    Comment,
    /// A comment that MySQL executes: `/*! … */`.
    ExecutableComment,
    /// Our own placeholder.
    Placeholder,
    /// A driver's placeholder, such as `$1`, `?`, `:name` or `%s`.
    NativePlaceholder,
    Semicolon,
    Open,
    Close,
    Comma,
    /// Any other character.
    Symbol,
    /// A string, comment or quoted name that does not end.
    Unterminated,
}

/// Splits a text into tokens; white space is left out.
pub(super) fn tokens(text: &str, dialect: Dialect) -> Vec<Token> {
    let mut lexer = Lexer { text, at: 0, dialect };
    let mut tokens = Vec::new();
    while let Some(c) = lexer.peek() {
        if c.is_whitespace() {
            lexer.at += c.len_utf8();
            continue;
        }
        let start = lexer.at;
        let kind = lexer.token(c);
        tokens.push(Token { kind, span: start..lexer.at });
    }
    tokens
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    dialect: Dialect,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Reads one token that begins with this character.
    fn token(&mut self, c: char) -> Kind {
        use Dialect::{Mysql, Postgres, Sqlite};
        match (c, self.dialect) {
            (OPEN, _) => self.through(CLOSE, Kind::Placeholder),
            ('\'', Mysql) => self.quoted('\'', true, Kind::String),
            ('\'', _) => self.quoted('\'', false, Kind::String),
            ('"', Mysql) => self.quoted('"', true, Kind::String),
            ('"', _) => self.quoted('"', false, Kind::QuotedName),
            ('`', Mysql | Sqlite) => self.quoted('`', false, Kind::QuotedName),
            ('[', Sqlite) => self.through(']', Kind::QuotedName),
            ('-', _) if self.starts_line_comment() => self.line_comment(),
            ('#', Mysql) => self.line_comment(),
            ('/', _) if self.rest().starts_with("/*") => self.block_comment(),
            ('$', Postgres) => self.dollar(),
            ('$' | '@', Sqlite) => self.named_placeholder(),
            ('?', _) => self.question_mark(),
            (':', _) => self.colon(),
            ('%', _) => self.percent(),
            (';', _) => self.one(c, Kind::Semicolon),
            ('(', _) => self.one(c, Kind::Open),
            (')', _) => self.one(c, Kind::Close),
            (',', _) => self.one(c, Kind::Comma),
            _ if c.is_ascii_digit() => self.run(Kind::Number, |c| c.is_alphanumeric() || c == '.' || c == '_'),
            _ if c.is_alphabetic() || c == '_' => self.word(),
            _ => self.one(c, Kind::Symbol),
        }
    }

    fn one(&mut self, c: char, kind: Kind) -> Kind {
        self.at += c.len_utf8();
        kind
    }

    fn run(&mut self, kind: Kind, belongs: impl Fn(char) -> bool) -> Kind {
        let length = self.rest().find(|c| !belongs(c)).unwrap_or(self.rest().len());
        self.at += length;
        kind
    }

    /// Up to and including the closing character.
    fn through(&mut self, close: char, kind: Kind) -> Kind {
        match self.rest().find(close) {
            Some(length) => {
                self.at += length + close.len_utf8();
                kind
            }
            None => self.unterminated(),
        }
    }

    fn unterminated(&mut self) -> Kind {
        self.at = self.text.len();
        Kind::Unterminated
    }

    /// A name or keyword, or a string with a letter in front: `E'…'`, `X'…'`, `N'…'`, `U&'…'`.
    fn word(&mut self) -> Kind {
        let backslashes = match self.dialect {
            Dialect::Postgres => {
                ['E', 'e'].iter().any(|p| self.rest().strip_prefix(*p).is_some_and(|r| r.starts_with('\'')))
            }
            Dialect::Mysql => true,
            Dialect::Sqlite => false,
        };
        for prefix in ["E", "X", "B", "N", "U&"] {
            let head = self.rest().get(..prefix.len()).unwrap_or_default();
            if head.eq_ignore_ascii_case(prefix) && self.rest()[prefix.len()..].starts_with('\'') {
                self.at += prefix.len();
                return self.quoted('\'', backslashes, Kind::String);
            }
        }
        let dollar = self.dialect != Dialect::Sqlite;
        self.run(Kind::Word, |c| c.is_alphanumeric() || c == '_' || (dollar && c == '$'))
    }

    /// A quoted piece in which the doubled quote stands for itself, and perhaps a backslash escapes.
    fn quoted(&mut self, quote: char, backslashes: bool, kind: Kind) -> Kind {
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((offset, c)) = chars.next() {
            if c == '\\' && backslashes {
                chars.next();
            } else if c == quote {
                if chars.peek().is_some_and(|(_, next)| *next == quote) {
                    chars.next();
                } else {
                    self.at += offset + quote.len_utf8();
                    return kind;
                }
            }
        }
        self.unterminated()
    }

    /// MySQL wants white space after `--`; without it, it is two minus signs.
    fn starts_line_comment(&self) -> bool {
        self.rest().strip_prefix("--").is_some_and(|rest| {
            self.dialect != Dialect::Mysql || rest.chars().next().is_none_or(|c| c.is_whitespace() || c.is_control())
        })
    }

    fn line_comment(&mut self) -> Kind {
        self.run(Kind::Comment, |c| c != '\n')
    }

    /// `/* … */`; nested on PostgreSQL only.
    fn block_comment(&mut self) -> Kind {
        let executable =
            self.dialect == Dialect::Mysql && (self.rest().starts_with("/*!") || self.rest().starts_with("/*M!"));
        let kind = if executable { Kind::ExecutableComment } else { Kind::Comment };
        let mut depth = 0_usize;
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        while at + 1 < bytes.len() {
            match &bytes[at..at + 2] {
                b"/*" if depth == 0 || self.dialect == Dialect::Postgres => {
                    depth += 1;
                    at += 2;
                }
                b"*/" => {
                    depth -= 1;
                    at += 2;
                    if depth == 0 {
                        self.at = at;
                        return kind;
                    }
                }
                _ => at += 1,
            }
        }
        // SQLite closes an open comment at the end of the text; an author never means that.
        self.unterminated()
    }

    /// `$1`, or a dollar quote `$tag$ … $tag$`.
    fn dollar(&mut self) -> Kind {
        let rest = &self.rest()[1..];
        let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let tag = &rest[..length];
        if rest[length..].starts_with('$') && !tag.starts_with(|c: char| c.is_ascii_digit()) {
            let quote = format!("${tag}$");
            let body = self.at + quote.len();
            return match self.text[body..].find(&quote) {
                Some(end) => {
                    self.at = body + end + quote.len();
                    Kind::String
                }
                None => self.unterminated(),
            };
        }
        self.at += 1 + length;
        if tag.starts_with(|c: char| c.is_ascii_digit()) { Kind::NativePlaceholder } else { Kind::Symbol }
    }

    /// SQLite's `$name` and `@name`.
    fn named_placeholder(&mut self) -> Kind {
        self.at += 1;
        self.run(Kind::NativePlaceholder, |c| c.is_alphanumeric() || c == '_')
    }

    fn question_mark(&mut self) -> Kind {
        self.at += 1;
        self.run(Kind::NativePlaceholder, |c| c.is_ascii_digit())
    }

    /// `::` casts and `:=` assigns; `a[1:n]` slices; every other `:name` or `:1` is a driver's placeholder.
    fn colon(&mut self) -> Kind {
        let rest = self.rest();
        if rest.starts_with("::") || rest.starts_with(":=") {
            self.at += 2;
            return Kind::Symbol;
        }
        let glued = self.text[..self.at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ']' || c == ')');
        let named = rest[1..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
        self.at += 1;
        if named && !glued {
            return self.run(Kind::NativePlaceholder, |c| c.is_alphanumeric() || c == '_');
        }
        Kind::Symbol
    }

    /// `%s` and `%(name)s`; the modulo operator is left alone.
    fn percent(&mut self) -> Kind {
        let rest = &self.rest()[1..];
        let named = rest
            .strip_prefix('(')
            .and_then(|r| r.find(")s"))
            .filter(|end| rest[1..=*end].chars().all(|c| c.is_alphanumeric() || c == '_'));
        let bare =
            rest.starts_with('s') && !rest[1..].starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.');
        self.at += 1;
        if let Some(end) = named {
            self.at += end + 3;
            return Kind::NativePlaceholder;
        }
        if bare {
            self.at += 1;
            return Kind::NativePlaceholder;
        }
        Kind::Symbol
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str, dialect: Dialect) -> Vec<(Kind, &str)> {
        tokens(text, dialect).into_iter().map(|t| (t.kind, &text[t.span])).collect()
    }

    fn only(text: &str, dialect: Dialect) -> Kind {
        let found = kinds(text, dialect);
        assert_eq!(found.len(), 1, "{text:?} on {dialect}: {found:?}");
        found[0].0
    }

    #[test]
    fn strings_end_where_each_database_ends_them() {
        for dialect in Dialect::ALL {
            assert_eq!(only("'it''s'", dialect), Kind::String);
        }
        assert_eq!(only(r"'it\'s'", Dialect::Mysql), Kind::String);
        assert_eq!(only(r"'c:\'", Dialect::Sqlite), Kind::String);
        assert_eq!(only(r"'c:\'", Dialect::Postgres), Kind::String);
        assert_eq!(only(r"E'it\'s'", Dialect::Postgres), Kind::String);
        assert_eq!(only(r#""a\"b""#, Dialect::Mysql), Kind::String);
        assert_eq!(only(r#""a""b""#, Dialect::Postgres), Kind::QuotedName);
        assert_eq!(only("$tag$ it's $x$ $tag$", Dialect::Postgres), Kind::String);
        assert_eq!(only("$$ ; $$", Dialect::Postgres), Kind::String);
        assert_eq!(only("[a;b]", Dialect::Sqlite), Kind::QuotedName);
        assert_eq!(only("`a;b`", Dialect::Mysql), Kind::QuotedName);
        assert_eq!(only("'open", Dialect::Sqlite), Kind::Unterminated);
    }

    #[test]
    fn comments_follow_each_database() {
        assert_eq!(only("/* a /* b */ c */", Dialect::Postgres), Kind::Comment);
        assert_eq!(kinds("/* a /* b */ c", Dialect::Mysql)[0], (Kind::Comment, "/* a /* b */"));
        assert_eq!(only("-- x", Dialect::Mysql), Kind::Comment);
        assert_eq!(kinds("1--2", Dialect::Mysql).len(), 4);
        assert_eq!(kinds("1--2", Dialect::Sqlite)[1].0, Kind::Comment);
        assert_eq!(only("# x", Dialect::Mysql), Kind::Comment);
        assert_eq!(only("/*!50000 DROP */", Dialect::Mysql), Kind::ExecutableComment);
        assert_eq!(only("/* open", Dialect::Sqlite), Kind::Unterminated);
    }

    #[test]
    fn native_placeholders_are_recognised_and_operators_are_not() {
        for (text, dialect) in [
            ("$1", Dialect::Postgres),
            ("?", Dialect::Mysql),
            ("?2", Dialect::Sqlite),
            (":name", Dialect::Postgres),
            ("@name", Dialect::Sqlite),
            ("$name", Dialect::Sqlite),
            ("%s", Dialect::Mysql),
            ("%(name)s", Dialect::Postgres),
        ] {
            assert_eq!(only(text, dialect), Kind::NativePlaceholder, "{text}");
        }
        for text in ["a::int", "a[1:2]", "x % 2", "x%score", "x := 1"] {
            assert!(kinds(text, Dialect::Postgres).iter().all(|(kind, _)| *kind != Kind::NativePlaceholder), "{text}");
        }
    }

    #[test]
    fn any_bytes_are_split_without_a_gap_or_a_panic() {
        for text in ["é'ü", "\u{E000}", "$é$ x", "%(", "%(é)s", ":é", "E'", "U&'", "\\", "/*/", "--", "$"] {
            for dialect in Dialect::ALL {
                let found = tokens(text, dialect);
                assert!(found.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start));
            }
        }
    }
}
