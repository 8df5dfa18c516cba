//! Where in a YAML text somebody writes: the keys that lead there, and whether a key, a value or a text is written.
//!
//! Invariant: the text may be broken, as texts are while they are written: lines and their indentation are looked at,
//! and nothing needs to parse.

use crate::diagnostic::Span;

/// One step on the way from the document's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Into the value of a key.
    Key(String),
    /// Into a member of a list.
    Item,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// A key of a mapping; or the member of a list, which could become a mapping.
    Key,
    /// The value of the path's last key.
    Value,
    /// A text of several lines, or nothing that YAML has.
    Text,
}

/// A place in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub path: Vec<Step>,
    pub spot: Spot,
    /// The word that the cursor touches.
    pub written: Span,
}

impl Place {
    /// The place of a byte of the text.
    pub fn of(text: &str, offset: usize) -> Self {
        let begin = text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let line = text[begin..].lines().next().unwrap_or_default();
        let column = offset - begin;
        let row = Row::of(line);
        let blank = row.steps.is_empty() && line.trim().is_empty();
        let (limit, is_item) = match row.steps.first() {
            Some((indent, step)) => (*indent, *step == Step::Item),
            None => (if blank { column } else { row.content }, false),
        };
        let (mut path, parent) = above(text, begin, limit, is_item);
        let written = word(text, offset);
        let within = |from: usize, mut path: Vec<Step>| match flow(&text[from..offset]) {
            Some((steps, spot)) => {
                path.extend(steps);
                Self { path, spot, written: written.clone() }
            }
            None => Self { path, spot: Spot::Text, written: written.clone() },
        };
        if let Some(value) = parent {
            return within(value, path);
        }
        let before = row.steps.iter().filter(|(indent, step)| match step {
            Step::Item => *indent < column,
            Step::Key(_) => row.value.is_some_and(|value| value <= column),
        });
        path.extend(before.map(|(_, step)| step.clone()));
        match row.value.filter(|value| *value <= column) {
            Some(value) if is_bracket(line, value, column) => within(begin + value, path),
            Some(_) => Self { path, spot: Spot::Value, written },
            None if is_bracket(line, row.content, column) => within(begin + row.content, path),
            None => Self { path, spot: Spot::Key, written },
        }
    }

    /// Whether a key of this name leads here.
    pub fn is_under(&self, name: &str) -> bool {
        self.path.iter().any(|step| *step == Step::Key(name.to_owned()))
    }

    /// The key at this depth.
    pub fn key(&self, depth: usize) -> Option<&str> {
        match self.path.get(depth)? {
            Step::Key(name) => Some(name),
            Step::Item => None,
        }
    }

    /// The last key.
    pub fn last_key(&self) -> Option<&str> {
        self.path.iter().rev().find_map(|step| match step {
            Step::Key(name) => Some(name.as_str()),
            Step::Item => None,
        })
    }
}

/// Whether a bracket that begins a value stands in front of a column.
fn is_bracket(line: &str, value: usize, column: usize) -> bool {
    let rest = line[value..].trim_start();
    rest.starts_with(['{', '[']) && column > line.len() - rest.len()
}

/// The expression `{{ … }}` that this byte is in: the word that the cursor touches, dots included.
pub(super) fn expression(text: &str, offset: usize) -> Option<Span> {
    let open = text[..offset].rfind("{{")?;
    let inside = &text[open + 2..offset];
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let length = inside.len() - inside.trim_end_matches(is_part).len();
    (!inside.contains("}}") && inside.len() < 400).then(|| {
        let rest = &text[offset..];
        offset - length..offset + rest.find(|c| !is_part(c)).unwrap_or(rest.len())
    })
}

/// The keys of the mapping to which these keys lead.
pub(super) fn keys_under(text: &str, path: &[&str]) -> Vec<String> {
    let wanted: Vec<Step> = path.iter().map(|name| Step::Key((*name).to_owned())).collect();
    let mut found = Vec::new();
    let mut begin = 0;
    let top = path.first().copied().unwrap_or_default();
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        if !line.starts_with([' ', '\t', '#', '-', '\r', '\n']) {
            inside = key(line.trim_end()).is_some_and(|(name, _)| name == top);
        }
        if !inside {
            begin += line.len();
            continue;
        }
        let row = Row::of(line.trim_end());
        if let Some(value) = row.value {
            let place = Place::of(text, begin + value);
            match place.path.split_last() {
                Some((Step::Key(name), parents)) if parents == wanted && place.spot != Spot::Text => {
                    found.push(name.clone());
                }
                _ if place.path == wanted => found.extend(keys_within(&line[value..])),
                _ => {}
            }
        }
        begin += line.len();
    }
    found
}

/// The keys of `{ a: 1, b: 2 }`.
fn keys_within(value: &str) -> Vec<String> {
    let Some(inner) = value.trim().strip_prefix('{') else { return Vec::new() };
    let name = |part: &str| part.split_once(':').map(|(name, _)| name.trim().trim_matches(['"', '\'']).to_owned());
    inner.split(',').filter_map(name).filter(|name| !name.is_empty() && !name.contains(['{', '['])).collect()
}

/// A line: what it begins, and where.
struct Row {
    /// Dashes and at last the key, each with its column.
    steps: Vec<(usize, Step)>,
    /// Where what follows the dashes begins.
    content: usize,
    /// Where the value of the key begins: behind its colon.
    value: Option<usize>,
}

impl Row {
    fn of(line: &str) -> Self {
        let mut at = line.len() - line.trim_start_matches(' ').len();
        let mut steps = Vec::new();
        while line[at..].starts_with("- ") || &line[at..] == "-" {
            steps.push((at, Step::Item));
            let rest = &line[at + 1..];
            at += 1 + (rest.len() - rest.trim_start_matches(' ').len());
        }
        let key = key(&line[at..]);
        steps.extend(key.map(|(name, _)| (at, Step::Key(name.to_owned()))));
        Self { steps, content: at, value: key.map(|(_, length)| at + length) }
    }
}

/// The key that a text begins with, and how long it is with its colon.
fn key(text: &str) -> Option<(&str, usize)> {
    let quote = text.chars().next().filter(|c| "\"'".contains(*c));
    let (name, end) = match quote {
        Some(quote) => {
            let close = text[1..].find(quote)? + 1;
            (&text[1..close], close + 1)
        }
        None => {
            let end = text.find(|c: char| !(c.is_alphanumeric() || "_-.".contains(c)))?;
            (&text[..end], end)
        }
    };
    let rest = text[end..].trim_start().strip_prefix(':')?;
    (!name.is_empty() && (rest.is_empty() || rest.starts_with([' ', '\t', '\r'])))
        .then(|| (name, text.len() - rest.len()))
}

/// The steps of the lines above; when one of them has its value on its own line, where that begins: what follows is
/// part of it.
fn above(text: &str, begin: usize, mut limit: usize, mut is_item: bool) -> (Vec<Step>, Option<usize>) {
    let mut path = Vec::new();
    let mut value = None;
    let mut end = begin;
    while end > 0 && (limit > 0 || is_item) {
        let start = text[..end - 1].rfind('\n').map_or(0, |at| at + 1);
        let line = text[start..end].trim_end();
        end = start;
        if line.trim_start().starts_with('#') {
            continue;
        }
        let row = Row::of(line);
        for (indent, step) in row.steps.iter().rev() {
            let is_key = *step != Step::Item;
            if *indent < limit || (*indent == limit && is_item && is_key) {
                (limit, is_item) = (*indent, !is_key);
                let rest = row.value.filter(|_| is_key).map(|at| (start + at, line[at..].trim_start()));
                if let Some((at, rest)) = rest.filter(|(_, rest)| !rest.is_empty() && !rest.starts_with('#')) {
                    path.clear();
                    value = Some(at + (text[at..].len() - text[at..].trim_start().len()).min(rest.len()));
                }
                path.push(step.clone());
            }
        }
    }
    path.reverse();
    (path, value)
}

/// The steps inside `{ a: [ …`, up to the end of this text; None when no bracket is open there.
fn flow(text: &str) -> Option<(Vec<Step>, Spot)> {
    /// A bracket that is open: of a mapping, with its present key, or of a list.
    enum Open {
        Mapping(Option<String>),
        List,
    }
    let mut open: Vec<Open> = Vec::new();
    let mut token = String::new();
    let mut quote = None;
    for c in text.trim_start().chars() {
        match (c, quote) {
            (c, Some(end)) if c == end => quote = None,
            (c, Some(_)) => token.push(c),
            ('"' | '\'', None) if token.trim().is_empty() => quote = Some(c),
            ('{', None) => open.push(Open::Mapping(None)),
            ('[', None) => open.push(Open::List),
            ('}' | ']', None) => drop(open.pop()),
            (',', None) => {
                if let Some(Open::Mapping(key)) = open.last_mut() {
                    *key = None;
                }
            }
            (':', None) => {
                if let Some(Open::Mapping(key @ None)) = open.last_mut() {
                    *key = Some(token.trim().to_owned());
                    token.clear();
                }
            }
            (c, None) => token.push(c),
        }
        if "{[]},".contains(c) && quote.is_none() {
            token.clear();
        }
        // Not a bracket at all: a plain or block scalar.
        if open.is_empty() {
            return None;
        }
    }
    let spot = match open.last()? {
        Open::Mapping(None) => Spot::Key,
        Open::Mapping(Some(_)) => Spot::Value,
        Open::List => Spot::Key,
    };
    let steps = open.into_iter().filter_map(|open| match open {
        Open::Mapping(key) => key.map(Step::Key),
        Open::List => Some(Step::Item),
    });
    Some((steps.collect(), spot))
}

/// The word around a byte.
fn word(text: &str, offset: usize) -> Span {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let before = &text[..offset];
    let start = before.trim_end_matches(is_part).len();
    // A dash that begins the member of a list is no part of it.
    let dashes = before[start..].len() - before[start..].trim_start_matches('-').len();
    let rest = &text[offset..];
    start + dashes..offset + rest.find(|c| !is_part(c)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The place of `|` in a text, as `a/b/- key word`.
    fn at(text: &str) -> String {
        let offset = text.find('|').unwrap();
        let text = text.replacen('|', "", 1);
        let place = Place::of(&text, offset);
        let steps = place.path.iter().map(|step| match step {
            Step::Key(name) => name.as_str(),
            Step::Item => "-",
        });
        format!("{} {:?} {}", steps.collect::<Vec<_>>().join("/"), place.spot, &text[place.written.clone()])
    }

    #[test]
    fn places_are_found_by_indentation() {
        for (text, expected) in [
            ("|", " Key "),
            ("ver|", " Key ver"),
            ("version: 1\nco|nn: a", " Key conn"),
            ("version: |1", "version Value 1"),
            ("actions:\n  login:\n    |", "actions/login Key "),
            ("actions:\n  login:\n    sql: SELECT 1\n    |", "actions/login Key "),
            ("actions:\n  login:\n    sql: SELECT 1\n  |", "actions Key "),
            ("actions:\n  login:\n    sql: SELECT 1\n|", " Key "),
            ("actions:\n  # note: x\n\n  lo|:", "actions Key lo"),
            ("deny:\n  - wh|", "deny/- Key wh"),
            ("deny:\n  - when: x\n    mes|", "deny/- Key mes"),
            ("deny:\n- when: x\n  mes|", "deny/- Key mes"),
            ("deny:\n- when: x\n- |", "deny/- Key "),
            ("password:\n  formats:\n    - bc|", "password/formats/- Key bc"),
            ("password: { formats: [bcrypt, ph|", "password/formats/- Key ph"),
            ("password: { column: a, ne|", "password Key ne"),
            ("password: { \"column\": |", "password/column Value "),
            ("password: { column: x }|", "password Text "),
            ("tests:\n  - login: { identifier: a,\n             pass| }", "tests/-/login Key pass"),
            ("user_id: { column: id, pre|fix: x }", "user_id Key prefix"),
        ] {
            assert_eq!(at(text), expected, "{text}");
        }
    }

    #[test]
    fn texts_of_several_lines_are_no_keys() {
        for text in [
            "actions:\n  login:\n    sql: @\n      SELECT id\n      FR|",
            "actions:\n  login:\n    sql: @\n      SELECT id,\n        note: b\n          F|",
            "actions:\n  login:\n    sql: SELECT id\n      FR|",
        ] {
            assert!(at(&text.replace('@', ">")).starts_with("actions/login/sql Text"), "{text}: {}", at(text));
        }
    }

    #[test]
    fn expressions_and_names_are_found() {
        let text = "sql: x = {{ configuration.ur";
        assert_eq!(&text[expression(text, text.len()).unwrap()], "configuration.ur");
        assert_eq!(expression("sql: {{ a }} b", 14), None);
        assert_eq!(expression("sql: a", 6), None);
        let text =
            "configuration:\n  url: { env: A }\n  schema: x\nidentifiers: { users: u, \"roles\": r }\nb:\n  c: 1\n";
        assert_eq!(keys_under(text, &["configuration"]), ["url", "schema"]);
        assert_eq!(keys_under(text, &["identifiers"]), ["users", "roles"]);
        assert_eq!(keys_under(text, &["nothing"]), [""; 0]);
    }

    #[test]
    fn any_place_of_any_text_is_some_place() {
        let text = "a: {b: [\"c\n- - é:\n  'x: |\n :\n}]\r\n\t- {{ k\n-\n--- \n\"q\": >\n   z";
        for offset in (0..=text.len()).filter(|offset| text.is_char_boundary(*offset)) {
            let _ = (Place::of(text, offset), expression(text, offset));
        }
        let _ = keys_under(text, &["a"]);
    }
}
