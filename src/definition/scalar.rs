//! Maps a place inside a YAML scalar's value back to its place in the file.
//!
//! Invariant: the map is exact for literal blocks, folded blocks, plain and quoted scalars; where a style defies
//! it, the place is the beginning of the scalar, never a wrong line.

use crate::diagnostic::Span;

/// Knows where each byte of a scalar's value stands in the file.
#[derive(Debug)]
pub struct ScalarMap {
    /// The place in the file of each character of the value, with its offset in the value; ends with the end.
    places: Vec<(usize, usize)>,
    whole: Span,
}

impl ScalarMap {
    /// Walks the value and the file's text side by side.
    pub fn new(file: &str, span: &Span, value: &str) -> Self {
        let (style, start) = Style::of(file, span);
        let raw = file.get(start..span.end).unwrap_or_default();
        let places =
            Walk { raw, start, at: 0, style, indentation: indentation(raw).saturating_sub(indentation(value)) }
                .places(value);
        Self { places: places.unwrap_or_default(), whole: span.clone() }
    }

    /// The place in the file of a range of the value.
    pub fn span(&self, within: &Span) -> Span {
        match (self.place(within.start), self.place(within.end.max(within.start + 1) - 1)) {
            (Some((start, _)), Some((_, end))) if within.end > within.start && end >= start => start..end,
            (Some((start, _)), _) => start..start,
            _ => self.whole.clone(),
        }
    }

    /// Where the character that holds this byte of the value begins and ends in the file.
    fn place(&self, offset: usize) -> Option<(usize, usize)> {
        let index = self.places.partition_point(|(value, _)| *value <= offset).checked_sub(1)?;
        let (_, start) = self.places[index];
        let next = self.places.get(index + 1).map_or(start, |(_, next)| *next);
        Some((start, next.max(start)))
    }
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// `|` or `>`.
    Block,
    SingleQuoted,
    DoubleQuoted,
    Plain,
}

impl Style {
    /// The style, and where the scalar's own text begins. A block's span begins at its first word, so the header
    /// stands on an earlier line; its text begins right behind the header.
    fn of(file: &str, span: &Span) -> (Self, usize) {
        let before = file.get(..span.start).unwrap_or_default();
        if before.trim_end_matches([' ', '\t']).ends_with('\n') {
            let header = before.trim_end();
            let line = header.rsplit('\n').next().unwrap_or_default();
            let bare = line.split(" #").next().unwrap_or_default().trim_end();
            if bare.trim_end_matches(|c: char| c.is_ascii_digit() || c == '+' || c == '-').ends_with(['|', '>']) {
                let rest = &before[header.len()..];
                return (Self::Block, header.len() + rest.find('\n').map_or(0, |at| at + 1));
            }
        }
        let style = match file.get(span.start..).and_then(|rest| rest.chars().next()) {
            Some('\'') => Self::SingleQuoted,
            Some('"') => Self::DoubleQuoted,
            _ => Self::Plain,
        };
        (style, span.start)
    }
}

struct Walk<'a> {
    raw: &'a str,
    start: usize,
    at: usize,
    style: Style,
    /// How many blanks a block's lines have in the file but not in the value.
    indentation: usize,
}

impl Walk<'_> {
    /// The place of every character of the value; None when value and file do not agree.
    fn places(mut self, value: &str) -> Option<Vec<(usize, usize)>> {
        let mut places = Vec::with_capacity(value.len() + 1);
        if matches!(self.style, Style::SingleQuoted | Style::DoubleQuoted) {
            self.at = 1;
        }
        if self.style == Style::Block {
            self.skip_indentation();
        }
        for (offset, c) in value.char_indices() {
            self.align(c)?;
            places.push((offset, self.start + self.at));
            self.advance(c)?;
        }
        places.push((value.len(), self.start + self.at));
        Some(places)
    }

    fn rest(&self) -> &str {
        &self.raw[self.at..]
    }

    /// Skips what is in the file but not in the value before this character.
    fn align(&mut self, c: char) -> Option<()> {
        if self.style == Style::DoubleQuoted && self.rest().starts_with("\\\n") {
            self.at += 2;
            self.skip_indentation();
        }
        if c != ' ' && c != '\n' {
            // A folded line: the break was one blank of the value, the indentation is in the file only.
            while self.rest().starts_with(['\n', '\r']) {
                self.at += 1;
                self.skip_indentation();
            }
        }
        Some(())
    }

    /// Moves past this character of the value.
    fn advance(&mut self, c: char) -> Option<()> {
        let rest = &self.raw[self.at..];
        let next = rest.chars().next();
        if self.style == Style::DoubleQuoted && next == Some('\\') {
            self.at += escape_length(rest);
            return Some(());
        }
        if self.style == Style::SingleQuoted && rest.starts_with("''") {
            self.at += 2;
            return Some(());
        }
        match next {
            Some(found) if found == c && c != '\n' => {
                self.at += found.len_utf8();
                if c == ' ' {
                    self.fold();
                }
                Some(())
            }
            Some('\n' | '\r') if c == '\n' || c == ' ' => {
                self.line_break();
                if c == ' ' {
                    self.skip_blanks();
                }
                Some(())
            }
            // The end of a block without a final line break.
            None if c == '\n' => Some(()),
            Some(' ' | '\t') if c == '\n' || c == ' ' => {
                self.skip_blanks();
                self.advance(c)
            }
            _ => None,
        }
    }

    /// In flow scalars blanks before a folded break belong to the break.
    fn fold(&mut self) {
        if matches!(self.style, Style::Block) {
            return;
        }
        let blanks = self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
        if self.rest()[blanks..].starts_with(['\n', '\r']) {
            self.at += blanks;
            self.line_break();
        }
    }

    fn line_break(&mut self) {
        if self.rest().starts_with("\r\n") {
            self.at += 1;
        }
        self.at += 1;
        self.skip_indentation();
    }

    fn skip_blanks(&mut self) {
        if self.style != Style::Block {
            self.skip_indentation();
        }
    }

    /// Flow scalars ignore all indentation.
    fn skip_indentation(&mut self) {
        let blanks = self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
        let limit = if self.style == Style::Block { self.indentation } else { usize::MAX };
        self.at += blanks.min(limit);
    }
}

/// The blanks before the first word.
fn indentation(text: &str) -> usize {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    first.len() - first.trim_start_matches(' ').len()
}

/// The length of an escape in a double-quoted scalar: `\n`, `\x41`, `\u00e9`, `\U0001f600`.
fn escape_length(rest: &str) -> usize {
    let length = match rest[1..].chars().next() {
        Some('x') => 4,
        Some('u') => 6,
        Some('U') => 10,
        Some(other) => 1 + other.len_utf8(),
        None => 1,
    };
    length.min(rest.len())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::definition::yaml::{At, parse};
    use crate::diagnostic::Source;

    /// Every word of the value must be found in the file at the place that the map gives.
    fn assert_exact(file: &str) {
        let source = Source::new("a.yaml", file);
        let parsed: BTreeMap<String, At<String>> = parse(&source).unwrap_or_else(|e| panic!("{file}: {e:?}"));
        for (key, at) in parsed {
            let map = ScalarMap::new(file, &at.span, &at.value);
            for word in at.value.split([' ', '\n']).filter(|word| !word.is_empty()) {
                let start = word.as_ptr() as usize - at.value.as_ptr() as usize;
                let place = map.span(&(start..start + word.len()));
                assert_eq!(file.get(place.clone()), Some(word), "{key} in {file:?} at {place:?}");
            }
        }
    }

    #[test]
    fn places_are_exact_in_every_style() {
        assert_exact("x: 1\nsql: |\n  SELECT é, 'ü'\n    FROM t\n\n  WHERE a = {{ b }}\nz: plain text\n");
        assert_exact("sql: >\n  SELECT é\n  FROM t\n\n  WHERE a\n    more indented\n  end\n");
        assert_exact("sql: >-\n    SELECT a\n    FROM täble\n    WHERE x = 1\n");
        assert_exact("sql: |2\n    SELECT a\n   FROM b\n");
        assert_exact("sql: \"SELECT ä FROM t\n    WHERE a = b\n\n    AND c\"\n");
        assert_exact("sql: 'SELECT ä FROM t\n    WHERE a = b'\n");
        assert_exact("sql: SELECT a FROM\n    t WHERE\n    b = c\nnext: 1x\n");
        assert_exact("sql: | # a note\n  SELECT a\n  FROM b\n");
        assert_exact("\u{feff}sql: |\r\n  SELECT a\r\n  FROM b\r\nnext: c\r\n");
        assert_exact("a:   |+\n  'quoted first'\n  second\n\nb: x\n");
    }

    #[test]
    fn escapes_are_stepped_over() {
        let file = "sql: \"a\\tb \\u00e9 'c' \\\"d\\\" end\"\n";
        let source = Source::new("a.yaml", file);
        let parsed: BTreeMap<String, At<String>> = parse(&source).unwrap();
        let at = &parsed["sql"];
        let map = ScalarMap::new(file, &at.span, &at.value);
        let start = at.value.find("end").unwrap();
        assert_eq!(&file[map.span(&(start..start + 3))], "end");
        let file = "sql: 'it''s here'\n";
        let parsed: BTreeMap<String, At<String>> = parse(&Source::new("a.yaml", file)).unwrap();
        let at = &parsed["sql"];
        let map = ScalarMap::new(file, &at.span, &at.value);
        let start = at.value.find("here").unwrap();
        assert_eq!(&file[map.span(&(start..start + 4))], "here");
    }
}
