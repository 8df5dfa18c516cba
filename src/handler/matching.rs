//! Whose row it is: databases take more names for equal than people do.
//!
//! Invariant: a row counts only when one of its columns holds the name that was asked for, up to what the definition
//! lets differ. Where the SQL does not tell which columns those are, the database is trusted.

use unicode_normalization::UnicodeNormalization;

use crate::db::{Row, Value};
use crate::definition::Match;
use crate::sql::{Comparison, Statement};

/// What has to hold for the rows of one look-up.
pub(super) struct Matching {
    rule: Match,
    comparisons: Vec<Comparison>,
}

impl Matching {
    /// None when the database decides.
    pub fn new(rule: Match, statement: &Statement) -> Option<Self> {
        match rule {
            Match::Database => None,
            Match::Exact | Match::CaseInsensitive => {
                statement.comparisons().map(|comparisons| Self { rule, comparisons })
            }
        }
    }

    /// Whether the row that was found with these arguments is that of the name among them.
    pub fn holds(&self, row: &Row, arguments: &[Value]) -> bool {
        self.comparisons.iter().any(|comparison| {
            let asked = arguments.get(comparison.parameter).and_then(text);
            // Databases write a column's name in the case of the table or in that of the statement.
            let found = row.iter().find(|(name, _)| name.eq_ignore_ascii_case(&comparison.column));
            match (asked, found.and_then(|(_, value)| stored(value))) {
                (Some(asked), Some(found)) => {
                    let folds = comparison.folds || self.rule == Match::CaseInsensitive;
                    canonical(&asked, folds, comparison.trims) == canonical(&found, folds, comparison.trims)
                }
                _ => false,
            }
        })
    }
}

/// Whether two names of one user are the same under a rule.
pub(super) fn same(rule: Match, asked: &Value, found: &Value) -> bool {
    let folds = rule != Match::Exact;
    let canonical = |text: Option<String>| text.map(|text| canonical(&text, folds, false));
    rule == Match::Database || canonical(text(asked)) == canonical(stored(found))
}

fn text(value: &Value) -> Option<String> {
    super::id_text(value)
}

/// A column of fixed width is filled up with blanks, which are no part of the name.
fn stored(value: &Value) -> Option<String> {
    text(value).map(|text| text.trim_end_matches(' ').to_owned())
}

/// Canonically equivalent texts (Unicode, section 3.7) become equal, and on request those that differ in case. Letter
/// by letter: a text's lower case as a whole would depend on what stands beside a letter (the Greek sigma).
fn canonical(text: &str, folds: bool, trims: bool) -> String {
    let text = if trims { text.trim() } else { text };
    match folds {
        true => text.nfc().flat_map(char::to_lowercase).nfc().collect(),
        false => text.nfc().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_may_differ_and_marks_and_blanks_may_not() {
        let same = |one: &str, other: &str| canonical(one, true, false) == canonical(other, true, false);
        assert!(same("ADMIN", "admin") && same("Ärger", "ärger") && same("a\u{308}", "\u{e4}") && same("ΟΔΟΣ", "οδοσ"));
        for other in ["ädmin", "admin ", " admin", "admın", "ａdmin", "admin\0", ""] {
            assert!(!same(other, "admin"), "{other:?}");
        }
        assert!(canonical("ADMIN", false, false) != canonical("admin", false, false));
        assert!(canonical(" admin ", false, true) == canonical("admin", false, true));
    }
}
