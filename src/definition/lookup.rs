//! Whether a row that a look-up finds can prove whose it is.

use super::checker::Checker;
use super::raw::RawMatch;
use super::statements::{Ground, first_word};
use super::yaml::At;
use crate::diagnostic::{Code, Fault};
use crate::sql::{Dialect, Input, Statement};

/// Warns when nobody can tell whose row a look-up finds, on databases that take `ädmin` for `admin`.
pub(super) fn unproven(statement: &Statement, sql: &At<String>, ground: &Ground<'_>, checker: &mut Checker<'_>) {
    let lenient = ground.dialects == [Dialect::Mysql] && ground.matching != RawMatch::Database;
    let named = statement.parameters.iter().any(|parameter| parameter.expression.input() == Some(&Input::Identifier));
    if lenient && named && statement.comparisons().is_none() {
        let span = first_word(checker, &sql.span);
        let message = "the row does not tell whether it is that of the identifier asked for";
        checker.push(Fault::new(Code::UnprovenRow, span, message).help(
            "select every column that is compared with `{{ identifier }}`, or take whatever the database takes for \
             equal: `lookup: { match: database }`",
        ));
    }
}
