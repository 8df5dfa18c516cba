//! Templates of any text, and an own count of what they became.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use serde_json::json;
use userbridge::diagnostic::Fault;
use userbridge::sql::{Dialect, Input, Scope, Statement, Use};

const INPUTS: &[(&str, Input)] =
    &[("identifier", Input::Identifier), ("email", Input::Email), ("user_metadata", Input::UserMetadata)];

fn compile(source: &str, dialect: Dialect, used: Use) -> Result<Statement, Vec<Fault>> {
    let configuration = json!({ "flag": true, "limit": 5, "list": ["a", "'"], "text": "it's $1 ? -- /*" });
    let identifiers = BTreeMap::from([("users".to_owned(), dialect.quote_identifier("users"))]);
    let scope = Scope {
        source,
        dialect,
        used,
        action: "create",
        inputs: INPUTS,
        configuration: configuration.as_object().unwrap(),
        identifiers: &identifiers,
        steps: &["user".to_owned()],
        row: true,
    };
    Statement::compile(&scope)
}

/// Whether every fault points at whole characters of the template.
fn are_inside(faults: &[Fault], source: &str) -> bool {
    faults.iter().all(|fault| source.get(fault.span.clone()).is_some())
}

/// Pieces from which statements and their breakers are put together.
const PIECES: &[&str] = &[
    "SELECT ",
    "id ",
    "FROM t ",
    "WHERE ",
    "x = ",
    "AND ",
    "UPDATE t SET ",
    "INSERT INTO t VALUES (",
    ")",
    ", ",
    "; ",
    "{{ identifier }} ",
    "{{ email | lower }} ",
    "{{ user_metadata.a }} ",
    "{{ configuration.text }} ",
    "{{ users }} ",
    "{{ row.id }} ",
    "{{ user.id }} ",
    "{% if configuration.flag %}",
    "{% endif %}",
    "{% for x in configuration.list %}",
    "{% endfor %}",
    "{{ x }} ",
    "{#",
    "#}",
    "{{",
    "}}",
    "{%",
    "%}",
    "{% raw %}",
    "{% endraw %}",
    "{% set a = 1 %}",
    "'",
    "''",
    "\"",
    "`",
    "[",
    "]",
    "$$",
    "$a$",
    "$1 ",
    "?",
    ":a ",
    "::text ",
    "%s ",
    "--",
    "#",
    "/*",
    "*/",
    "/*!",
    "\\",
    "E'",
    "U&'",
    "x'",
    "\n",
    "\r\n",
    " ",
    "\t",
    "\0",
    "é",
    "東",
    "🦀",
    "\u{e000}",
    "\u{e001}",
    "e",
    "_",
    "1",
    ".",
    "=",
    "'it''s' ",
];

fn template() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => select(PIECES).prop_map(str::to_owned),
        1 => vec(any::<char>(), 0..5).prop_map(String::from_iter),
    ];
    vec(piece, 0..25).prop_map(|pieces| pieces.concat())
}

/// Mostly statements that compile, with something hostile inside.
fn statement() -> impl Strategy<Value = String> {
    let value =
        || select(&["{{ identifier }}", "{{ email }}", "{{ row.id }}", "{{ configuration.text }}", "'a''b'", "1"][..]);
    let noise = || select(&["", "'x' ", "\"x\" ", "/* $1 ' */ ", "-- ' ?\n", "'--' || ", "'/*' || ", "\n"][..]);
    (value(), noise(), value(), noise(), value()).prop_map(|(a, b, c, d, e)| {
        format!("SELECT {b}id FROM {{{{ users }}}} WHERE x = {d}{a} AND y IN ({c}, {e}) {b}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn no_template_breaks_the_compiler(source in template(), writes in any::<bool>()) {
        for dialect in Dialect::ALL {
            let used = if writes { Use::Write } else { Use::Read };
            let compiled = compile(&source, dialect, used);
            prop_assert!(compiled.as_ref().err().is_none_or(|faults| are_inside(faults, &source)), "{compiled:?}");
            if let Ok(statement) = compiled {
                let counted = placeholders(&statement.text, dialect);
                prop_assert_eq!(statement.parameters.len(), counted, "{}: {:?}", dialect, statement.text);
                prop_assert!(!statement.text.contains(['\u{e000}', '\u{e001}']), "{:?}", statement.text);
                prop_assert!(writes || !statement.writes);
            }
        }
    }

    #[test]
    fn a_statement_has_as_many_parameters_as_placeholders(source in statement()) {
        for dialect in Dialect::ALL {
            let Ok(statement) = compile(&source, dialect, Use::Read) else { continue };
            prop_assert_eq!(statement.parameters.len(), source.matches("{{").count() - 1, "{:?}", statement.text);
            prop_assert_eq!(statement.parameters.len(), placeholders(&statement.text, dialect), "{:?}", statement.text);
        }
    }
}

#[test]
fn the_statements_that_are_put_together_mostly_compile() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let tree = |runner: &mut _| statement().new_tree(runner).unwrap().current();
    let compiled = (0..300).filter(|_| compile(&tree(&mut runner), Dialect::Postgres, Use::Read).is_ok()).count();
    assert!(compiled > 100, "{compiled} of 300");
}

/// The native placeholders of a statement outside quotes and comments, found by a scanner that knows nothing of ours.
pub fn placeholders(text: &str, dialect: Dialect) -> usize {
    let (mut rest, mut count, mut before) = (text, 0, ' ');
    while let Some(c) = rest.chars().next() {
        let quoted = match (c, dialect) {
            ('\'', Dialect::Mysql) | ('"', Dialect::Mysql) => Some(string(rest, c, true)),
            ('\'', Dialect::Postgres) => Some(string(rest, c, before == 'E' || before == 'e')),
            ('\'' | '"', _) => Some(string(rest, c, false)),
            ('`', Dialect::Mysql | Dialect::Sqlite) => Some(string(rest, c, false)),
            ('[', Dialect::Sqlite) => Some(rest.find(']').map_or(rest.len(), |at| at + 1)),
            ('#', Dialect::Mysql) => Some(line(rest)),
            ('-', Dialect::Mysql) => {
                let space = rest[1..].strip_prefix('-').map(|rest| rest.chars().next());
                space.filter(|c| c.is_none_or(|c| c.is_whitespace() || c.is_control())).map(|_| line(rest))
            }
            ('-', _) => rest.starts_with("--").then(|| line(rest)),
            ('/', _) => rest.starts_with("/*").then(|| comment(rest, dialect == Dialect::Postgres)),
            ('$', Dialect::Postgres) if !is_word(before) => dollar(rest),
            _ => None,
        };
        let native = match dialect {
            Dialect::Postgres => c == '$' && !is_word(before) && rest[1..].starts_with(|c: char| c.is_ascii_digit()),
            Dialect::Mysql | Dialect::Sqlite => c == '?',
        };
        count += usize::from(quoted.is_none() && native);
        let length = quoted.unwrap_or(c.len_utf8());
        before = rest[..length].chars().next_back().unwrap_or(' ');
        rest = &rest[length..];
    }
    count
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

/// The length of a quoted text; a doubled quote is part of it.
fn string(rest: &str, quote: char, backslash: bool) -> usize {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && backslash {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return at + c.len_utf8();
        }
    }
    rest.len()
}

fn line(rest: &str) -> usize {
    rest.find('\n').unwrap_or(rest.len())
}

fn comment(rest: &str, nested: bool) -> usize {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 && at < rest.len() {
        if rest[at..].starts_with("*/") {
            (at, depth) = (at + 2, depth - 1);
        } else if nested && rest[at..].starts_with("/*") {
            (at, depth) = (at + 2, depth + 1);
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// The length of `$tag$…$tag$`.
fn dollar(rest: &str) -> Option<usize> {
    let end = rest[1..].find('$')? + 2;
    let tag = &rest[..end];
    let name = &tag[1..end - 1];
    let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_' || !c.is_ascii());
    let starts = !name.starts_with(|c: char| c.is_ascii_digit());
    (plain && starts).then(|| rest[end..].find(tag).map_or(rest.len(), |at| end + at + tag.len()))
}
