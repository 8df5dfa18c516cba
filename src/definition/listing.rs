//! `list_users`: pages that follow each other by the users' ids.
//!
//! Invariant: every page is sorted by what its cursor is compared with, and holds `limit` users at most.

use std::sync::Arc;

use super::actions::{inputs, needed, profile_columns, unused};
use super::checker::Checker;
use super::model::ListUsers;
use super::raw::RawListUsers;
use super::statements::{Ground, Names, compile, first_word};
use super::yaml::At;
use crate::action::Action;
use crate::diagnostic::{Code, Fault};
use crate::sql::{Expression, Filter, Input, Statement, Use};

/// Checks the action.
pub(super) fn list_users(raw: &At<RawListUsers>, ground: &Ground<'_>, checker: &mut Checker<'_>) -> Option<ListUsers> {
    let action = Action::ListUsers;
    let sql = page(&raw.value.sql, &inputs(action), needed(action), ground, checker);
    let first = match &raw.value.first {
        Some(first) => Some(page(first, &[("limit", Input::Limit)], &[Input::Limit], ground, checker)?),
        None => None,
    };
    let sql = sql?;
    if first.is_none() && cursors(&sql).any(|expression| !has_default(expression)) {
        let fault = Fault::new(
            Code::MissingKey,
            first_word(checker, &raw.value.sql.span),
            "the first page has no `{{ after }}`, and no id is greater than NULL",
        );
        checker.push(fault.help(
            "write a value that is smaller than every id, as in `id > {{ after | default(-1) }}`, or the first page's \
             own statement: `first: SELECT … ORDER BY id LIMIT {{ limit }}`",
        ));
        return None;
    }
    Some(ListUsers { first, sql })
}

fn page(
    sql: &At<String>,
    inputs: &[(&str, Input)],
    needed: &[Input],
    ground: &Ground<'_>,
    checker: &mut Checker<'_>,
) -> Option<Arc<Statement>> {
    let names = Names { action: "list_users", used: Use::Read, inputs, steps: &[], row: false };
    let statement = compile(sql, &names, ground, checker)?;
    unused(needed, &[&statement], "list_users", sql, checker);
    profile_columns(&statement, sql, ground, checker);
    in_order(&statement, sql, checker);
    listed_secrets(&statement, sql, ground, checker);
    Some(statement)
}

/// Rows in another order than that of the cursor would be left out between two pages.
fn in_order(statement: &Statement, sql: &At<String>, checker: &mut Checker<'_>) {
    let Some(order) = statement.order() else {
        let span = first_word(checker, &sql.span);
        checker.push(
            Fault::new(Code::UnorderedList, span, "the rows of this page are in no order")
                .help("sort by the id, as in `ORDER BY id LIMIT {{ limit }}`"),
        );
        return;
    };
    let pages = cursors(statement).next().is_some();
    let problem = if order.descending {
        format!("`{}` is sorted downwards, but the next page begins with greater ids", order.text)
    } else if pages && !statement.follows(&order, &Input::After) {
        format!("the page is sorted by `{}`, which is not compared with `{{{{ after }}}}`", order.text)
    } else {
        return;
    };
    checker.push_inside(
        sql,
        Fault::new(Code::UnorderedList, order.span, problem)
            .help("write `WHERE id > {{ after }} … ORDER BY id`, with the same column in both places"),
    );
}

/// Hashes leave the database with every page, although no answer holds them.
fn listed_secrets(statement: &Statement, sql: &At<String>, ground: &Ground<'_>, checker: &mut Checker<'_>) {
    let Some(password) = &ground.password else { return };
    let secrets = password.column.iter().chain(&password.secret);
    for column in secrets.filter(|column| statement.mentions(&column.value)) {
        let span = first_word(checker, &sql.span);
        let message = format!("`{}` is selected for whole pages of users", column.value);
        checker.push(Fault::new(Code::ListedSecret, span, message).help(
            "leave it out: no answer holds it. Only `userbridge export --hashes` needs it; allow this finding while \
             that is used",
        ));
    }
}

/// The expressions that carry the cursor.
fn cursors(statement: &Statement) -> impl Iterator<Item = &Expression> {
    statement.parameters.iter().map(|parameter| &parameter.expression).filter(|e| e.input() == Some(&Input::After))
}

fn has_default(expression: &Expression) -> bool {
    match expression {
        Expression::Filtered { filter: Filter::Default(_), .. } => true,
        Expression::Filtered { of, .. } => has_default(of),
        Expression::Constant(_) | Expression::Input { .. } | Expression::Column { .. } => false,
    }
}
