//! Which columns of its result a look-up compares with the name that was asked for, read from the SQL.
//!
//! Invariant: when in doubt, nothing. A comparison is only reported when every use of the name is an equality with a
//! column of the result, so that a row in which none of them holds cannot be the user's.

use super::lexer::{Kind, Token, tokens};
use super::{Expression, Filter, Input, Statement};

/// A column of the result that the statement compares with a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The column's name in the result; databases differ in its case.
    pub column: String,
    /// The parameter, counted from 0.
    pub parameter: usize,
    /// The SQL or a filter makes upper and lower case equal.
    pub folds: bool,
    /// The SQL or a filter takes white space off.
    pub trims: bool,
}

impl Statement {
    /// The comparisons that decide whose row the result is; None when the SQL does not tell.
    pub fn comparisons(&self) -> Option<Vec<Comparison>> {
        let tokens = tokens(&self.text, self.dialect);
        let tokens: Vec<Token> = tokens.into_iter().filter(|token| token.kind != Kind::Comment).collect();
        let reading = Reading { text: &self.text, tokens: &tokens };
        let result = reading.result()?;
        let mut found = Vec::new();
        let placeholders = (0..tokens.len()).filter(|i| tokens[*i].kind == Kind::NativePlaceholder);
        for (at, (number, parameter)) in placeholders.zip(self.parameters.iter().enumerate()) {
            let Some(filtered) = naming(&parameter.expression) else { continue };
            let other = reading.compared(at)?;
            let output = result.iter().find(|output| output.shows(&other))?;
            found.push(Comparison {
                column: output.name.clone().unwrap_or(other.name),
                parameter: number,
                folds: filtered.folds || other.folds || output.folds,
                trims: filtered.trims || other.trims || output.trims,
            });
        }
        (!found.is_empty()).then_some(found)
    }

    /// Whether a column of the result has this name, but shows something else than the table's column of this name.
    pub(super) fn renames(&self, name: &str) -> bool {
        let tokens = tokens(&self.text, self.dialect);
        let tokens: Vec<Token> = tokens.into_iter().filter(|token| token.kind != Kind::Comment).collect();
        let reading = Reading { text: &self.text, tokens: &tokens };
        let same = |other: &str| other.eq_ignore_ascii_case(name);
        let renames = |output: &Output| {
            output.name.as_deref().is_some_and(same)
                && !output.source.as_ref().is_some_and(|source| same(&source.name) && !output.folds && !output.trims)
        };
        reading.result().is_some_and(|result| result.iter().any(renames))
    }
}

/// What is done to a value before it is compared.
#[derive(Clone, Copy, Default)]
struct Filtered {
    folds: bool,
    trims: bool,
}

/// The name that was asked for, still recognisable after its filters; None for every other value.
fn naming(expression: &Expression) -> Option<Filtered> {
    match expression {
        Expression::Input { input: Input::Identifier, path } if path.is_empty() => Some(Filtered::default()),
        Expression::Filtered { filter, of } => {
            let of = naming(of)?;
            match filter {
                Filter::Lower | Filter::Upper => Some(Filtered { folds: true, ..of }),
                Filter::Trim => Some(Filtered { trims: true, ..of }),
                Filter::Int | Filter::String | Filter::Default(_) => Some(of),
                Filter::Float | Filter::Bool | Filter::Json | Filter::Domain => None,
            }
        }
        Expression::Input { .. } | Expression::Constant(_) | Expression::Column { .. } => None,
    }
}

/// A column as the SQL writes it, with what is done to it.
#[derive(Clone, Debug)]
struct Named {
    table: Option<String>,
    name: String,
    folds: bool,
    trims: bool,
}

/// A column of the result: what it shows, and its name; a `*` shows every column of its table under its own name.
struct Output {
    source: Option<Named>,
    star: bool,
    name: Option<String>,
    folds: bool,
    trims: bool,
}

impl Output {
    fn shows(&self, column: &Named) -> bool {
        let Some(source) = &self.source else { return self.star };
        let same_table = match (&source.table, &column.table) {
            (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
            _ => true,
        };
        same_table && (self.star || source.name.eq_ignore_ascii_case(&column.name))
    }
}

/// Words at which an operand of a comparison ends.
const BOUNDARIES: [&str; 22] = [
    "WHERE",
    "ON",
    "AND",
    "OR",
    "NOT",
    "HAVING",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "ORDER",
    "GROUP",
    "LIMIT",
    "OFFSET",
    "FETCH",
    "FOR",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "WINDOW",
    "RETURNING",
    "XOR",
];

struct Reading<'a> {
    text: &'a str,
    tokens: &'a [Token],
}

impl Reading<'_> {
    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &self.text[token.span.clone()])
    }

    fn is(&self, at: usize, word: &str) -> bool {
        self.kind(at) == Some(Kind::Word) && self.word(at).eq_ignore_ascii_case(word)
    }

    fn is_any(&self, at: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(at, word))
    }

    fn kind(&self, at: usize) -> Option<Kind> {
        self.tokens.get(at).map(|token| token.kind)
    }

    /// The result of a plain SELECT; None for anything that has another shape.
    fn result(&self) -> Option<Vec<Output>> {
        let mut begin = 1;
        if !self.is(0, "SELECT") {
            return None;
        }
        if self.is_any(begin, &["DISTINCT", "ALL"]) {
            begin += 1;
        }
        let mut outputs = Vec::new();
        let (mut depth, mut start) = (0_usize, begin);
        for at in begin..self.tokens.len() {
            match self.kind(at)? {
                Kind::Open => depth += 1,
                Kind::Close => depth = depth.checked_sub(1)?,
                Kind::Comma if depth == 0 => {
                    outputs.push(self.output(start, at));
                    start = at + 1;
                }
                _ if depth == 0 && self.is(at, "FROM") => {
                    outputs.push(self.output(start, at));
                    return (!self.is_compound(at)).then_some(outputs);
                }
                _ => {}
            }
        }
        None
    }

    /// Whether further SELECTs stand beside this one.
    fn is_compound(&self, from: usize) -> bool {
        (from..self.tokens.len()).any(|at| self.is_any(at, &["UNION", "EXCEPT", "INTERSECT"]))
    }

    fn output(&self, start: usize, end: usize) -> Output {
        let nothing = Output { source: None, star: false, name: None, folds: false, trims: false };
        if end > start && self.word(end - 1) == "*" {
            let table = (end - start > 2).then(|| self.name(end - 3));
            let source = table.map(|table| Named { table, name: String::new(), folds: false, trims: false });
            return Output { source, star: true, ..nothing };
        }
        let (end, alias) = if end - start > 2 && self.is(end - 2, "AS") {
            (end - 2, self.name(end - 1))
        } else if end - start > 1 && self.name(end - 1).is_some() && self.word(end - 2) != "." {
            (end - 1, self.name(end - 1))
        } else {
            (end, None)
        };
        let Some(source) = self.column(start, end) else { return Output { name: alias, ..nothing } };
        let name = alias.unwrap_or_else(|| source.name.clone());
        let (folds, trims) = (source.folds, source.trims);
        Output { source: Some(source), star: false, name: Some(name), folds, trims }
    }

    /// The column that is compared with the placeholder at this token.
    fn compared(&self, at: usize) -> Option<Named> {
        if self.is_in_subquery(at) {
            return None;
        }
        let (mut low, mut high, mut done) = (at, at, Filtered::default());
        loop {
            high = self.after_suffixes(high);
            let enclosed =
                low > 0 && self.kind(low - 1) == Some(Kind::Open) && self.kind(high + 1) == Some(Kind::Close);
            if !enclosed {
                break;
            }
            if low > 1 && self.kind(low - 2) == Some(Kind::Word) && !self.is_any(low - 2, &BOUNDARIES) {
                done = self.function(low - 2, done)?;
                low -= 1;
            }
            (low, high) = (low - 1, high + 1);
        }
        if low > 0 && self.is(low - 1, "BINARY") {
            low -= 1;
        }
        let column = if low > 0 && self.is_equality(low - 1) {
            self.column(self.begin_of(low - 1), low - 1)?
        } else if self.is_equality(high + 1) {
            self.column(high + 2, self.end_of(high + 2))?
        } else {
            return None;
        };
        // The name must stand alone on its side: `= x || y` compares something else.
        let stands_alone = self.is_boundary(high + 1) || self.is_equality(high + 1);
        let begins = low == 0 || self.is_boundary(low - 1) || self.is_equality(low - 1);
        let (folds, trims) = (column.folds || done.folds, column.trims || done.trims);
        (stands_alone && begins).then_some(Named { folds, trims, ..column })
    }

    /// A column, perhaps in parentheses, in functions that keep it recognisable, with a cast or a collation.
    fn column(&self, start: usize, end: usize) -> Option<Named> {
        let last = end.checked_sub(1)?;
        if start >= end {
            return None;
        }
        if self.is(start, "BINARY") {
            return self.column(start + 1, end);
        }
        if end - start > 2 && self.is(end - 2, "COLLATE") {
            return self.column(start, end - 2);
        }
        if end - start > 3 && self.word(end - 2) == ":" && self.word(end - 3) == ":" {
            return self.column(start, end - 3);
        }
        if end - start > 2 && self.word(end - 2) == "::" {
            return self.column(start, end - 2);
        }
        if self.kind(start) == Some(Kind::Open) && self.kind(last) == Some(Kind::Close) {
            return self.column(start + 1, last);
        }
        if self.kind(start) == Some(Kind::Word) && self.kind(start + 1) == Some(Kind::Open) {
            let done = self.function(start, Filtered::default())?;
            let inner = (start + 2..last).find(|at| self.is_any(*at, &["AS", "USING"])).unwrap_or(last);
            let of = (self.kind(last) == Some(Kind::Close)).then(|| self.column(start + 2, inner))??;
            return Some(Named { folds: of.folds || done.folds, trims: of.trims || done.trims, ..of });
        }
        let plain = |table| Some(Named { table, name: self.name(last)?, folds: false, trims: false });
        match end - start {
            1 => plain(None),
            3 | 5 if self.word(last - 1) == "." && self.name(start).is_some() => plain(self.name(last - 2)),
            _ => None,
        }
    }

    /// What a function does to a name; None when the name may not be recognised after it.
    fn function(&self, at: usize, before: Filtered) -> Option<Filtered> {
        match self.word(at).to_ascii_lowercase().as_str() {
            "lower" | "upper" | "lcase" | "ucase" | "casefold" => Some(Filtered { folds: true, ..before }),
            "trim" | "btrim" | "ltrim" | "rtrim" => Some(Filtered { trims: true, ..before }),
            "cast" | "convert" | "binary" => Some(before),
            _ => None,
        }
    }

    /// Skips `::type`, `COLLATE name`, and the `AS type` of a cast.
    fn after_suffixes(&self, mut at: usize) -> usize {
        loop {
            at = match () {
                () if self.word(at + 1) == "::" => at + 2,
                () if self.word(at + 1) == ":" && self.word(at + 2) == ":" => at + 3,
                () if self.is(at + 1, "COLLATE") => at + 2,
                () if self.is_any(at + 1, &["AS", "USING"]) => self.before_close(at + 1),
                () => return at,
            };
        }
    }

    /// The token before the parenthesis that closes what is open here.
    fn before_close(&self, from: usize) -> usize {
        let mut depth = 0_usize;
        for at in from..self.tokens.len() {
            match self.tokens[at].kind {
                Kind::Open => depth += 1,
                Kind::Close if depth == 0 => return at - 1,
                Kind::Close => depth -= 1,
                _ => {}
            }
        }
        self.tokens.len()
    }

    /// A lone `=`.
    fn is_equality(&self, at: usize) -> bool {
        let operator = |at: usize| matches!(self.word(at), "<" | ">" | "!" | "=" | "~" | ":");
        self.word(at) == "=" && !operator(at + 1) && !at.checked_sub(1).is_some_and(operator)
    }

    fn is_boundary(&self, at: usize) -> bool {
        match self.kind(at) {
            None | Some(Kind::Open | Kind::Close | Kind::Semicolon) => true,
            Some(_) => self.is_any(at, &BOUNDARIES),
        }
    }

    /// Where the operand that ends before this token begins.
    fn begin_of(&self, end: usize) -> usize {
        let mut depth = 0_usize;
        for at in (0..end).rev() {
            match self.tokens[at].kind {
                Kind::Close => depth += 1,
                Kind::Open if depth > 0 => depth -= 1,
                _ if depth == 0 && self.is_boundary(at) => return at + 1,
                _ => {}
            }
        }
        0
    }

    /// Where the operand that begins at this token ends.
    fn end_of(&self, begin: usize) -> usize {
        let mut depth = 0_usize;
        for at in begin..self.tokens.len() {
            match self.tokens[at].kind {
                Kind::Open => depth += 1,
                Kind::Close if depth > 0 => depth -= 1,
                _ if depth == 0 && self.is_boundary(at) => return at,
                _ => {}
            }
        }
        self.tokens.len()
    }

    fn is_in_subquery(&self, at: usize) -> bool {
        let mut depth = 0_usize;
        for at in (0..at).rev() {
            match self.tokens[at].kind {
                Kind::Close => depth += 1,
                Kind::Open if depth > 0 => depth -= 1,
                Kind::Open if self.is_any(at + 1, &["SELECT", "WITH", "VALUES"]) => return true,
                _ => {}
            }
        }
        false
    }

    /// The name that this token is, without its quotes.
    fn name(&self, at: usize) -> Option<String> {
        let text = self.word(at);
        match self.kind(at)? {
            Kind::Word => Some(text.to_owned()),
            Kind::QuotedName => Some(text.get(1..text.len() - 1)?.to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sql::{Dialect, Scope, Use};

    fn found(dialect: Dialect, sql: &str) -> Option<Vec<String>> {
        let (configuration, identifiers) = (serde_json::Map::new(), BTreeMap::new());
        let inputs = [("identifier", Input::Identifier), ("context", Input::Context)];
        let scope = Scope {
            source: sql,
            dialect,
            used: Use::Read,
            action: "login",
            inputs: &inputs,
            configuration: &configuration,
            identifiers: &identifiers,
            steps: &[],
            row: false,
        };
        let show = |c: &Comparison| {
            let marks = [(c.folds, " folds"), (c.trims, " trims")].map(|(set, mark)| if set { mark } else { "" });
            format!("{}={}{}{}", c.column, c.parameter, marks[0], marks[1])
        };
        Some(Statement::compile(&scope).unwrap().comparisons()?.iter().map(show).collect())
    }

    #[test]
    fn comparisons_with_columns_of_the_result_are_found() {
        let cases: [(&str, &[&str]); 11] = [
            ("SELECT id, email FROM users WHERE email = {{ identifier }}", &["email=0"]),
            ("SELECT id, email FROM users WHERE lower(email) = lower({{ identifier }})", &["email=0 folds"]),
            ("SELECT u.email FROM users u WHERE {{ identifier | trim }} = u.email LIMIT 1", &["email=0 trims"]),
            (
                "SELECT id, username, email AS mail FROM t WHERE (username = {{ identifier }} OR lower(email) = \
                 {{ identifier | lower }}) AND active",
                &["username=0", "mail=1 folds"],
            ),
            ("SELECT u.*, 1 AS x FROM users u WHERE u.email = {{ identifier }}", &["email=0"]),
            ("SELECT * FROM t WHERE (email) = CAST({{ identifier }} AS varchar(20)) ORDER BY 1", &["email=0"]),
            ("SELECT t.name FROM t JOIN o ON o.id = t.o AND t.name = TRIM({{ identifier }})", &["name=0 trims"]),
            ("SELECT id, (SELECT max(x) FROM y) AS m, email e FROM t WHERE email = {{ identifier }}", &["e=0"]),
            ("SELECT lower(email) AS email FROM t WHERE email = {{ identifier }}", &["email=0 folds"]),
            ("SELECT email FROM t WHERE tenant = {{ context.tenant }} AND email = {{ identifier }}", &["email=1"]),
            ("SELECT email FROM t WHERE host = {{ identifier | domain }} AND email = {{ identifier }}", &["email=1"]),
        ];
        for (sql, expected) in cases {
            for dialect in Dialect::ALL {
                let expected = expected.iter().map(|text| (*text).to_owned()).collect();
                assert_eq!(found(dialect, sql), Some(expected), "{dialect}: {sql}");
            }
        }
        let quoted = "SELECT `u`.`user_login` AS `username` FROM `u` WHERE `u`.`user_login` = BINARY {{ identifier }}";
        assert_eq!(found(Dialect::Mysql, quoted), Some(vec!["username=0".to_owned()]));
        let cast = "SELECT \"Email\" FROM t WHERE \"Email\"::citext = {{ identifier }}::citext COLLATE \"C\"";
        assert_eq!(found(Dialect::Postgres, cast), Some(vec!["Email=0".to_owned()]));
    }

    #[test]
    fn what_the_sql_does_not_tell_is_not_guessed() {
        for sql in [
            "SELECT id FROM users WHERE email = {{ identifier }}",
            "SELECT id, email FROM users WHERE email LIKE {{ identifier }}",
            "SELECT id, email FROM users WHERE email <= {{ identifier }}",
            "SELECT id, phone FROM users WHERE replace(phone, ' ', '') = {{ identifier }}",
            "SELECT id, email FROM users WHERE email = {{ identifier }} || '@example.com'",
            "SELECT id, email FROM users WHERE id = (SELECT owner FROM mails WHERE email = {{ identifier }})",
            "SELECT u.email FROM users u JOIN mails m ON m.owner = u.id WHERE m.email = {{ identifier }}",
            "SELECT email FROM a WHERE email = {{ identifier }} UNION SELECT mail FROM b WHERE mail = {{ identifier }}",
            "WITH x AS (SELECT 1) SELECT email FROM t WHERE email = {{ identifier }}",
            "SELECT 7 AS id, {{ identifier }} AS email",
            "SELECT id, email FROM t WHERE email = {{ identifier }} OR alias = {{ identifier }}",
            "SELECT id, email FROM t WHERE {{ identifier }} IN (email, username)",
        ] {
            assert_eq!(found(Dialect::Mysql, sql), None, "{sql}");
        }
    }
}
