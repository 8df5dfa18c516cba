//! What kind of statement a text is, and whether every placeholder stands where a value can.
//!
//! Invariant: a text that passes is exactly one statement of a kind that the action may run.

use super::lexer::{Kind, Token, tokens};
use super::{Dialect, Use};
use crate::diagnostic::{Code, Fault, Span};

/// A rendered text whose tokens are known.
pub(super) struct Shape<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    dialect: Dialect,
}

impl<'a> Shape<'a> {
    pub fn new(text: &'a str, dialect: Dialect) -> Self {
        Self { text, tokens: tokens(text, dialect), dialect }
    }

    /// The placeholders, in the order of the text.
    pub fn placeholders(&self) -> impl Iterator<Item = &Span> {
        self.tokens.iter().filter(|t| t.kind == Kind::Placeholder).map(|t| &t.span)
    }

    /// Everything that is wrong with the text for this use.
    pub fn faults(&self, used: Use) -> Vec<Fault> {
        let mut faults = self.token_faults();
        let code: Vec<&Token> = self.code().collect();
        if code.is_empty() {
            faults.push(
                Fault::new(Code::EmptyStatement, 0..self.text.len(), "expected an SQL statement, found none")
                    .help("write one SELECT, INSERT, UPDATE or DELETE statement"),
            );
            return faults;
        }
        faults.extend(self.several_statements(&code));
        faults.extend(self.verb_fault(&code, used));
        faults.extend(self.missing_where(&code));
        faults
    }

    /// Whether the statement changes rows; also inside a common table expression, by locks, or by a procedure.
    pub fn writes(&self) -> Option<Span> {
        let code: Vec<&Token> = self.code().collect();
        let first = code.first()?;
        if !["SELECT", "WITH", "VALUES", "TABLE"].iter().any(|verb| self.is(first, verb)) {
            return Some(first.span.clone());
        }
        code.iter().enumerate().find(|(i, token)| self.is_write(&code, *i, token)).map(|(_, token)| token.span.clone())
    }

    /// Whether a `*` stands for all columns of the result.
    pub fn star(&self) -> Option<Span> {
        let code: Vec<&Token> = self.code().collect();
        code.windows(2)
            .find(|pair| {
                self.text[pair[1].span.clone()] == *"*"
                    && (["SELECT", "ALL", "DISTINCT", "RETURNING"].iter().any(|word| self.is(pair[0], word))
                        || pair[0].kind == Kind::Comma
                        || self.text[pair[0].span.clone()] == *".")
            })
            .map(|pair| pair[1].span.clone())
    }

    /// Whether a name occurs in the statement, plain or quoted; databases differ in case, so this does not.
    pub fn mentions(&self, name: &str) -> bool {
        self.tokens.iter().any(|token| match token.kind {
            Kind::Word => self.text[token.span.clone()].eq_ignore_ascii_case(name),
            Kind::QuotedName => {
                let inside = token.span.start + 1..token.span.end - 1;
                self.text[inside].eq_ignore_ascii_case(name)
            }
            _ => false,
        })
    }

    fn code(&self) -> impl Iterator<Item = &Token> {
        self.tokens.iter().filter(|token| token.kind != Kind::Comment)
    }

    fn is(&self, token: &Token, word: &str) -> bool {
        token.kind == Kind::Word && self.text[token.span.clone()].eq_ignore_ascii_case(word)
    }

    /// Faults that one token shows by itself.
    fn token_faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (index, token) in self.tokens.iter().enumerate() {
            match token.kind {
                Kind::String => faults.extend(self.placeholder_inside(token, Code::PlaceholderInString)),
                Kind::Comment => faults.extend(self.placeholder_inside(token, Code::PlaceholderInComment)),
                Kind::QuotedName => faults.extend(self.placeholder_inside(token, Code::PlaceholderInIdentifier)),
                Kind::Placeholder => faults.extend(self.glued(index)),
                Kind::NativePlaceholder => faults.push(self.native(token)),
                Kind::ExecutableComment => faults.push(
                    Fault::new(Code::UnsupportedStatement, token.span.clone(), "MySQL executes this comment")
                        .help("write the SQL without `/*! … */`"),
                ),
                Kind::Unterminated => faults.push(
                    Fault::new(
                        Code::UnterminatedSql,
                        token.span.start..token.span.start + 1,
                        format!("what begins here does not end ({})", self.dialect),
                    )
                    .help("close the string, comment or quoted name"),
                ),
                Kind::Word | Kind::Number | Kind::Semicolon | Kind::Open | Kind::Close | Kind::Comma | Kind::Symbol => {
                }
            }
        }
        faults
    }

    fn placeholder_inside(&self, token: &Token, code: Code) -> Option<Fault> {
        let text = &self.text[token.span.clone()];
        let start = token.span.start + text.find(super::lexer::OPEN)?;
        let end = start + self.text[start..].find(super::lexer::CLOSE)? + super::lexer::CLOSE.len_utf8();
        let (place, help) = match code {
            Code::PlaceholderInString => (
                "a string literal",
                "remove the quotes: the value is bound, so it needs none; join texts with `||` or CONCAT",
            ),
            Code::PlaceholderInComment => ("a comment", "remove the placeholder or the comment"),
            _ => ("a quoted name", "a value cannot name a table or column; declare the name under `identifiers`"),
        };
        Some(Fault::new(code, start..end, format!("this placeholder stands inside {place}")).help(help))
    }

    /// A placeholder next to a word, number or other placeholder would change its meaning.
    fn glued(&self, index: usize) -> Option<Fault> {
        let span = &self.tokens[index].span;
        let wordish = |token: &&Token| {
            matches!(token.kind, Kind::Word | Kind::Number | Kind::Placeholder | Kind::String | Kind::QuotedName)
        };
        let before = index.checked_sub(1).map(|i| &self.tokens[i]);
        let touches_before = before.filter(wordish).is_some_and(|t| t.span.end == span.start);
        let touches_after = self.tokens.get(index + 1).filter(wordish).is_some_and(|t| t.span.start == span.end);
        let after_name = index.checked_sub(1).is_some_and(|i| self.names_a_table(i));
        let dotted = before.is_some_and(|t| self.text[t.span.clone()] == *".")
            || self
                .tokens
                .get(index + 1)
                .is_some_and(|t| self.text[t.span.clone()] == *"." && t.span.start == span.end);
        (touches_before || touches_after || after_name || dotted).then(|| {
            Fault::new(Code::PlaceholderPosition, span.clone(), "a value cannot stand here")
                .help("a placeholder is one whole value; declare table and column names under `identifiers`")
        })
    }

    /// Whether a table's name must follow this token. `IS DISTINCT FROM x` and `trim(both from x)` take values.
    fn names_a_table(&self, index: usize) -> bool {
        let token = &self.tokens[index];
        let before = index.checked_sub(1).map(|i| &self.tokens[i]);
        if self.is(token, "FROM") {
            return !before.is_some_and(|t| self.is(t, "DISTINCT")) && !self.is_inside_call(index);
        }
        ["JOIN", "INTO", "TABLE"].iter().any(|word| self.is(token, word))
            || (self.is(token, "UPDATE") && !before.is_some_and(|t| self.is(t, "DO") || self.is(t, "KEY")))
    }

    /// Whether the nearest open parenthesis belongs to a function that takes `FROM` between its arguments.
    fn is_inside_call(&self, index: usize) -> bool {
        let mut depth = 0;
        for i in (0..index).rev() {
            match self.tokens[i].kind {
                Kind::Close => depth += 1,
                Kind::Open if depth > 0 => depth -= 1,
                Kind::Open => {
                    let names = ["EXTRACT", "TRIM", "SUBSTRING", "OVERLAY"];
                    return i > 0 && names.iter().any(|name| self.is(&self.tokens[i - 1], name));
                }
                _ => {}
            }
        }
        false
    }

    fn native(&self, token: &Token) -> Fault {
        let found = &self.text[token.span.clone()];
        let help = if found == "?" && self.dialect == Dialect::Postgres {
            "write `{{ name }}` for a value; for the JSON operator write jsonb_exists(column, key)"
        } else {
            "write `{{ name }}` for a value; the gateway makes the database's own placeholder of it"
        };
        Fault::new(Code::NativePlaceholder, token.span.clone(), format!("`{found}` is a driver's own placeholder"))
            .help(help)
    }

    fn several_statements(&self, code: &[&Token]) -> Option<Fault> {
        let semicolon = code.iter().position(|t| t.kind == Kind::Semicolon)?;
        let next = code[semicolon..].iter().find(|t| t.kind != Kind::Semicolon)?;
        Some(
            Fault::new(Code::SeveralStatements, next.span.clone(), "a second statement begins here")
                .help("write a list: one statement per item, all in one transaction"),
        )
    }

    fn verb_fault(&self, code: &[&Token], used: Use) -> Option<Fault> {
        let first = code[0];
        let verb = self.text[first.span.clone()].to_ascii_uppercase();
        let known =
            ["SELECT", "WITH", "VALUES", "TABLE", "INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "CALL", "EXEC"];
        if first.kind == Kind::Word && !known.contains(&verb.as_str()) {
            return Some(
                Fault::new(Code::UnsupportedStatement, first.span.clone(), format!("`{verb}` does not belong here"))
                    .help("an action runs SELECT, INSERT, UPDATE, DELETE, MERGE or CALL statements"),
            );
        }
        if first.kind != Kind::Word && first.kind != Kind::Open {
            return Some(Fault::new(Code::UnsupportedStatement, first.span.clone(), "expected an SQL statement"));
        }
        let span = self.writes().filter(|_| used == Use::Read)?;
        let word = self.text[span.clone()].to_ascii_uppercase();
        Some(
            Fault::new(
                Code::WriteInReadAction,
                span,
                format!("`{word}` writes or locks, but this action may only read"),
            )
            .help("put changes that follow a login under `after`"),
        )
    }

    /// Whether the token at this place makes a query change or lock rows.
    fn is_write(&self, code: &[&Token], index: usize, token: &Token) -> bool {
        let before = index.checked_sub(1).map(|i| code[i]);
        let opens = before.is_some_and(|t| t.kind == Kind::Open || t.kind == Kind::Close);
        let verb = ["INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"].iter().any(|word| self.is(token, word));
        let called = code.get(index + 1).is_some_and(|t| t.kind == Kind::Open);
        if verb && !called && opens {
            return true;
        }
        let locks = before.is_some_and(|t| self.is(t, "FOR"))
            && ["UPDATE", "SHARE", "NO", "KEY"].iter().any(|word| self.is(token, word));
        let mysql_lock = self.is(token, "LOCK") && code.get(index + 1).is_some_and(|t| self.is(t, "IN"));
        locks || mysql_lock || self.is(token, "INTO")
    }

    /// An UPDATE or DELETE whose own level of parentheses holds no WHERE.
    fn missing_where(&self, code: &[&Token]) -> Option<Fault> {
        let mut depth = 0_i32;
        let depths: Vec<i32> = code
            .iter()
            .map(|t| {
                match t.kind {
                    Kind::Open => depth += 1,
                    Kind::Close => depth -= 1,
                    _ => {}
                }
                depth
            })
            .collect();
        for (i, token) in code.iter().enumerate() {
            let verb = ["UPDATE", "DELETE"].into_iter().find(|word| self.is(token, word));
            let Some(verb) = verb.filter(|_| self.begins_statement(code, i)) else { continue };
            let level = depths[i];
            let rest = code[i + 1..].iter().zip(&depths[i + 1..]);
            let mut own =
                rest.take_while(|(t, d)| **d >= level && t.kind != Kind::Semicolon).filter(|(_, d)| **d == level);
            if !own.any(|(t, _)| self.is(t, "WHERE")) {
                return Some(
                    Fault::new(
                        Code::MissingWhere,
                        token.span.clone(),
                        format!("this {verb} has no WHERE and would touch every row"),
                    )
                    .help("name the row, as in `WHERE id = {{ user_id }}`"),
                );
            }
        }
        None
    }

    /// A verb at the beginning, after `(` or `)`: not `FOR UPDATE`, `DO UPDATE`, `ON DELETE`, `ON DUPLICATE KEY UPDATE`.
    fn begins_statement(&self, code: &[&Token], index: usize) -> bool {
        match index.checked_sub(1).map(|i| code[i]) {
            None => true,
            Some(before) => {
                matches!(before.kind, Kind::Open | Kind::Close | Kind::Semicolon)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str, used: Use) -> Vec<&'static str> {
        Shape::new(text, Dialect::Postgres).faults(used).into_iter().map(|f| f.code.as_str()).collect()
    }

    #[test]
    fn ordinary_statements_pass() {
        for text in [
            "SELECT a FROM t WHERE b = \u{E000}0\u{E001}",
            "select a from t -- note\n where b in (select c from d where e = \u{E000}0\u{E001});",
            "WITH x AS (SELECT 1) SELECT * FROM x",
            "SELECT replace(a, 'x', 'y') FROM t",
            "SELECT a FROM t WHERE b IS DISTINCT FROM \u{E000}0\u{E001}",
            "SELECT trim(both ' ' from \u{E000}0\u{E001})",
        ] {
            assert_eq!(codes(text, Use::Read), Vec::<&str>::new(), "{text}");
        }
        for text in [
            "INSERT INTO t (a) VALUES (\u{E000}0\u{E001}) ON CONFLICT (a) DO UPDATE SET a = excluded.a",
            "UPDATE t SET a = (SELECT max(b) FROM u) WHERE c = 1",
            "WITH x AS (DELETE FROM t WHERE a = 1 RETURNING b) INSERT INTO u SELECT b FROM x",
            "SELECT a FROM t WHERE b = 1 FOR UPDATE",
        ] {
            assert_eq!(codes(text, Use::Write), Vec::<&str>::new(), "{text}");
        }
    }

    #[test]
    fn writes_are_found_where_they_hide() {
        for text in [
            "WITH x AS (DELETE FROM t WHERE a = 1 RETURNING b) SELECT b FROM x",
            "SELECT a INTO u FROM t",
            "SELECT a FROM t FOR UPDATE",
            "SELECT a FROM t FOR NO KEY UPDATE",
            "UPDATE t SET a = 1 WHERE b = 2",
            "CALL p()",
        ] {
            assert!(codes(text, Use::Read).contains(&"write-in-read-action"), "{text}");
        }
    }

    #[test]
    fn every_row_is_never_touched_by_accident() {
        for text in [
            "DELETE FROM t",
            "UPDATE t SET a = (SELECT b FROM u WHERE c = 1)",
            "WITH x AS (UPDATE t SET a = 1 RETURNING a) SELECT a FROM x WHERE a = 1",
        ] {
            assert!(codes(text, Use::Write).contains(&"missing-where"), "{text}");
        }
    }

    #[test]
    fn placeholders_stand_only_where_values_can() {
        let bad = [
            ("SELECT '\u{E000}0\u{E001}'", "placeholder-in-string"),
            ("SELECT $a$ \u{E000}0\u{E001} $a$", "placeholder-in-string"),
            ("SELECT 1 /* \u{E000}0\u{E001} */", "placeholder-in-comment"),
            ("SELECT 1 -- \u{E000}0\u{E001}", "placeholder-in-comment"),
            ("SELECT \"\u{E000}0\u{E001}\"", "placeholder-in-identifier"),
            ("SELECT a\u{E000}0\u{E001}", "placeholder-position"),
            ("SELECT \u{E000}0\u{E001}\u{E000}1\u{E001}", "placeholder-position"),
            ("SELECT a FROM \u{E000}0\u{E001}", "placeholder-position"),
            ("SELECT t.\u{E000}0\u{E001} FROM t", "placeholder-position"),
        ];
        for (text, code) in bad {
            assert!(codes(text, Use::Read).contains(&code), "{text}: {:?}", codes(text, Use::Read));
        }
    }
}
