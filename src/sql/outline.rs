//! What a statement touches, as far as its text tells: tables, columns, what is written, what is compared.
//!
//! Invariant: names and places only. What a name means is decided by whoever knows the database; what this reader does
//! not understand is left out or marked as [`Operand::Other`], never guessed.

mod condition;
mod level;
mod phrases;
mod reader;
mod results;
mod walk;

use std::fmt;

use super::Dialect;
use super::lexer::{Kind, Token, tokens};
use crate::diagnostic::Span;

/// What a statement touches.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    /// Tables and views, in the order of the text; common table expressions are not among them.
    pub tables: Vec<TableUse>,
    /// Every name that may be a column, save those on the left of an assignment.
    pub columns: Vec<ColumnUse>,
    /// The columns of the result, or of RETURNING, where the list can be read.
    pub outputs: Vec<Output>,
    /// Columns that are given a value.
    pub assignments: Vec<Assignment>,
    /// The condition of the statement's own WHERE and of its joins, in conjunction.
    pub conditions: Vec<Condition>,
    /// Names that are called.
    pub functions: Vec<(String, Span)>,
    /// Whether rows are locked, as by FOR UPDATE.
    pub locks: bool,
    /// Whether the statement reads from something whose rows this reader cannot tell: a subselect in FROM, a common
    /// table expression, a function, UNION.
    pub derived: bool,
    /// Whether groups, DISTINCT or LIMIT 1 keep the result at one row per user.
    pub collapses: bool,
    /// Where the SELECT stands that gives an INSERT its rows, in bytes of the text.
    pub source: Option<Span>,
    /// The scopes' parents; a name is looked for in its own scope first, then outwards.
    pub(crate) parents: Vec<Option<usize>>,
}

/// A table's name in a statement.
#[derive(Clone, Debug)]
pub struct TableUse {
    /// The schema or database, when it is named.
    pub schema: Option<String>,
    /// The table.
    pub name: String,
    /// What the statement calls it.
    pub alias: Option<String>,
    /// What is done with it.
    pub role: Role,
    /// Where it stands, in bytes of the text.
    pub span: Span,
    /// The parentheses that it stands in; 0 is the statement itself.
    pub scope: usize,
    /// Whether tables that inherit from it are left out.
    pub only: bool,
}

/// What is done with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its rows are read.
    Read,
    /// Rows are added.
    Insert,
    /// Rows are changed.
    Update,
    /// Rows are removed.
    Delete,
}

/// A name that may be a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnUse {
    /// The table's name or alias in front of it.
    pub qualifier: Option<String>,
    /// The name.
    pub name: String,
    /// Where it stands, in bytes of the text.
    pub span: Span,
    /// The parentheses that it stands in.
    pub scope: usize,
}

/// A column of the result.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its name, where the text says it.
    pub name: Option<String>,
    /// The column, when it is nothing but one.
    pub column: Option<ColumnUse>,
    /// Where it stands, in bytes of the text.
    pub span: Span,
}

/// A column that is given a value.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// Index of the table in [`Outline::tables`].
    pub table: usize,
    /// The column.
    pub column: String,
    /// Where it stands, in bytes of the text.
    pub span: Span,
    /// The parameter that alone is the value, counted from 0.
    pub parameter: Option<usize>,
    /// The text that alone is the value.
    pub literal: Option<String>,
    /// Whether a new row gets it; otherwise an existing one.
    pub inserts: bool,
}

/// A condition on rows.
#[derive(Clone, Debug)]
pub enum Condition {
    /// Both sides are equal.
    Equal(Box<(Operand, Operand)>),
    /// One of these holds.
    Any(Vec<Self>),
    /// All of these hold.
    All(Vec<Self>),
    /// Anything else, with the columns that it reads.
    Other(Span),
}

/// One side of a comparison.
#[derive(Clone, Debug)]
pub enum Operand {
    /// A column, perhaps as the only argument of functions, the outermost first.
    Column {
        /// The functions around it.
        functions: Vec<String>,
        /// The column.
        column: ColumnUse,
        /// The collation that is asked for.
        collation: Option<String>,
    },
    /// A parameter, counted from 0, perhaps inside functions.
    Parameter {
        /// Which one.
        index: usize,
        /// Where it stands, in bytes of the text.
        span: Span,
    },
    /// Something that is the same for all rows: a literal, a scalar subselect, a function of such.
    Constant,
    /// Anything else.
    Other,
}

impl Outline {
    /// Reads a statement.
    pub fn new(text: &str, dialect: Dialect) -> Self {
        let tokens: Vec<Token> = tokens(text, dialect).into_iter().filter(|t| t.kind != Kind::Comment).collect();
        walk::Walk::new(text, &tokens, dialect).outline()
    }

    /// Whether rows are written.
    pub fn writes(&self) -> bool {
        self.tables.iter().any(|table| table.role != Role::Read)
    }

    /// The scopes from this one outwards.
    pub fn scopes(&self, scope: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(scope), |scope| self.parents.get(*scope).copied().flatten())
    }

    /// The tables that a column may belong to: the one that its qualifier names, else those of the nearest scope.
    pub fn candidates<'a>(&'a self, column: &'a ColumnUse) -> impl Iterator<Item = (usize, &'a TableUse)> {
        // The rows that are added come from elsewhere.
        let sourced = self.source.as_ref().is_some_and(|source| source.contains(&column.span.start));
        let seen = move |table: &TableUse| !(sourced && table.scope == 0 && table.role == Role::Insert);
        let tables =
            move |scope| self.tables.iter().enumerate().filter(move |(_, table)| table.scope == scope && seen(table));
        self.scopes(column.scope).flat_map(tables).filter(move |(_, table)| match &column.qualifier {
            None => true,
            Some(qualifier) => table.answers_to(qualifier),
        })
    }
}

impl TableUse {
    /// Whether this is what the statement calls the table.
    pub fn answers_to(&self, name: &str) -> bool {
        self.alias.as_deref().unwrap_or(&self.name).eq_ignore_ascii_case(name)
    }
}

impl fmt::Display for TableUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(text: &str) -> Vec<(String, Role)> {
        let outline = Outline::new(text, Dialect::Postgres);
        outline.tables.into_iter().map(|table| (table.name, table.role)).collect()
    }

    #[test]
    fn tables_are_found_with_what_is_done_to_them() {
        use Role::{Delete, Insert, Read, Update};
        let named =
            |list: &[(&str, Role)]| list.iter().map(|(name, role)| ((*name).to_owned(), *role)).collect::<Vec<_>>();
        for (text, expected) in [
            ("SELECT a FROM t, u AS v JOIN s.w x ON x.a = v.b", named(&[("t", Read), ("u", Read), ("w", Read)])),
            ("INSERT INTO t (a, b) SELECT a, b FROM u", named(&[("t", Insert), ("u", Read)])),
            ("UPDATE ONLY t SET a = (SELECT max(b) FROM u) WHERE c = 1", named(&[("t", Update), ("u", Read)])),
            ("DELETE FROM t USING u WHERE t.a = u.a", named(&[("t", Delete), ("u", Read)])),
            (
                "WITH x AS (DELETE FROM t WHERE a = 1 RETURNING b) INSERT INTO u SELECT b FROM x",
                named(&[("t", Delete), ("u", Insert)]),
            ),
            ("INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET b = excluded.b", named(&[("t", Insert)])),
            (
                "SELECT extract(year FROM a), trim(both ' ' from b) FROM t WHERE a IS DISTINCT FROM b",
                named(&[("t", Read)]),
            ),
            ("SELECT a FROM (SELECT b AS a FROM t) x JOIN u USING (a)", named(&[("t", Read), ("u", Read)])),
            ("SELECT a FROM t FOR UPDATE", named(&[("t", Read)])),
        ] {
            assert_eq!(tables(text), expected, "{text}");
        }
    }

    #[test]
    fn values_are_matched_with_their_columns() {
        let written = |text: &str, dialect| {
            let outline = Outline::new(text, dialect);
            outline.assignments.into_iter().map(|a| (a.column, a.parameter)).collect::<Vec<_>>()
        };
        let pair = |name: &str, parameter| (name.to_owned(), parameter);
        assert_eq!(
            written("INSERT INTO t (a, B, \"C\") VALUES (lower($1), $2::text, 'x')", Dialect::Postgres),
            [pair("a", None), pair("b", Some(1)), pair("C", None)]
        );
        assert_eq!(
            written("UPDATE t SET a = ?, t.b = coalesce(?, b), c = CAST(? AS char) WHERE d = ?", Dialect::Mysql),
            [pair("a", Some(0)), pair("b", None), pair("c", Some(2))]
        );
        assert_eq!(
            written("INSERT INTO t (a) VALUES (?) ON DUPLICATE KEY UPDATE b = ?", Dialect::Mysql),
            [pair("a", Some(0)), pair("b", Some(1))]
        );
    }

    #[test]
    fn conditions_are_read_and_what_is_not_understood_is_left_open() {
        let shape = |text: &str| format!("{:?}", Outline::new(text, Dialect::Postgres).conditions);
        let both = shape("SELECT 1 FROM t WHERE (lower(a) = lower($1) OR b = $2) AND c BETWEEN 1 AND 2");
        for part in ["functions: [\"lower\"]", "name: \"a\"", "index: 0", "name: \"b\"", "index: 1", "Any(", "Other("] {
            assert!(both.contains(part), "{part} in {both}");
        }
        assert!(shape("SELECT 1 FROM t WHERE NOT a = $1").starts_with("[Other("));
        assert!(shape("SELECT 1 FROM t WHERE a >= $1").starts_with("[Other("));
        assert!(shape("SELECT 1 FROM t WHERE a = (SELECT b FROM u LIMIT 1)").contains("Constant"));
    }

    #[test]
    fn words_of_phrases_are_no_columns() {
        for (text, expected) in [
            ("SELECT extract(epoch FROM a), b AT TIME ZONE 'UTC' FROM t", "a b"),
            ("SELECT _utf8mb4'x', CONVERT(a USING utf8), CAST(b AS char CHARACTER SET utf8mb4) FROM t", "a b"),
            ("SELECT a + INTERVAL 5 MINUTE, timestampdiff(SECOND, b, now()), trim(BOTH 'x' FROM c) FROM t", "a b c"),
            ("SELECT epoch, at, time, zone FROM t WHERE utf8 = minute", "epoch at time zone utf8 minute"),
            ("UPDATE t SET a = CAST(? AS char CHARACTER SET latin1), b = c", "c"),
        ] {
            let outline = Outline::new(text, Dialect::Mysql);
            let names: Vec<&str> = outline.columns.iter().map(|column| column.name.as_str()).collect();
            assert_eq!(names.join(" "), expected, "{text}");
            assert_eq!(outline.tables.len(), 1, "{text}");
        }
    }

    #[test]
    fn a_list_of_one_member_is_an_equality() {
        let shape = |text: &str| format!("{:?}", Outline::new(text, Dialect::Postgres).conditions);
        assert!(shape("SELECT 1 FROM t WHERE lower(a) IN (lower($1))").starts_with("[Equal("));
        for other in ["a NOT IN ($1)", "NOT a IN ($1)", "a IN ($1, $2)", "a IN (SELECT b FROM u)"] {
            assert!(shape(&format!("SELECT 1 FROM t WHERE {other}")).starts_with("[Other("), "{other}");
        }
    }

    #[test]
    fn rows_that_are_added_are_selected_from_elsewhere() {
        let of = |text: &str| -> Vec<String> {
            let outline = Outline::new(text, Dialect::Postgres);
            let first = |column: &ColumnUse| outline.candidates(column).next().map(|(_, table)| table.name.clone());
            outline.columns.iter().map(|column| first(column).unwrap_or_default()).collect()
        };
        assert_eq!(of("INSERT INTO t (a) SELECT a FROM u WHERE b = $1"), ["u", "u"]);
        assert!(Outline::new("INSERT INTO t (a) SELECT a FROM u", Dialect::Mysql).outputs.is_empty());
        assert_eq!(Outline::new("INSERT INTO t (a) SELECT a FROM u RETURNING b", Dialect::Mysql).outputs.len(), 1);
        assert_eq!(of("INSERT INTO t (a) SELECT a FROM u RETURNING a"), ["u", "t"]);
        assert_eq!(of("INSERT INTO t (a) SELECT a FROM u ON CONFLICT (a) DO UPDATE SET a = b"), ["u", "t", "t"]);
        assert_eq!(of("INSERT INTO t (a) VALUES ((SELECT a FROM u)) RETURNING a"), ["u", "t"]);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        for text in [
            "",
            ")",
            "(((",
            "SELECT",
            "SELECT ,",
            "INSERT INTO",
            "INSERT INTO t (",
            "UPDATE t SET",
            "UPDATE t SET a =",
            "é ( ü",
            "WITH",
            "VALUES (1),(2",
            "SET SET",
            ") ) VALUES ( ?",
            "FROM a.",
            "a..b = = c",
            "ON ON =",
        ] {
            for dialect in Dialect::ALL {
                let _ = Outline::new(text, dialect);
            }
        }
    }
}
