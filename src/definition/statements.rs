//! Texts of SQL on their way to statements: what they may name, one by one or as a list.
//!
//! Invariant: while the database is not known, only what is wrong on every database is a finding.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::checker::Checker;
use super::model::Step;
use super::passwords::Passwords;
use super::places::{Located, Owner};
use super::raw::{RawMatch, RawSql, RawStep};
use super::settings::Surroundings;
use super::yaml::At;
use crate::action::Action;
use crate::diagnostic::{Code, Fault, Span};
use crate::sql::{Dialect, Input, Scope, Statement, Use};

/// What the SQL of every action can rely on.
pub(super) struct Ground<'a> {
    /// The database's dialect; every one while the database is not known.
    pub dialects: Vec<Dialect>,
    pub configuration: &'a Map<String, Json>,
    /// Quoted names, per dialect.
    pub identifiers: &'a BTreeMap<&'static str, BTreeMap<String, String>>,
    /// How passwords are stored; None also when the block is faulty.
    pub password: Option<Passwords>,
    pub surroundings: &'a Surroundings<'a>,
    /// Whether there is a block at all.
    pub password_declared: bool,
    pub user_id_column: &'a str,
    pub matching: RawMatch,
    /// Columns that the profile and the `deny` rules read, with what reads them.
    pub read_columns: &'a [(String, Span)],
    pub deny_columns: &'a [(String, Span)],
}

/// What one text of SQL may name.
pub(super) struct Names<'a> {
    pub action: &'a str,
    pub used: Use,
    pub inputs: &'a [(&'a str, Input)],
    pub steps: &'a [String],
    pub row: bool,
}

/// Compiles one text.
pub(super) fn compile(
    at: &At<String>,
    names: &Names<'_>,
    ground: &Ground<'_>,
    checker: &mut Checker<'_>,
) -> Option<Arc<Statement>> {
    let empty = BTreeMap::new();
    let mut common: Option<Vec<Fault>> = None;
    for dialect in &ground.dialects {
        let scope = Scope {
            source: &at.value,
            dialect: *dialect,
            used: names.used,
            action: names.action,
            inputs: names.inputs,
            configuration: ground.configuration,
            identifiers: ground.identifiers.get(dialect.as_str()).unwrap_or(&empty),
            steps: names.steps,
            row: names.row,
        };
        match Statement::compile(&scope) {
            Ok(statement) => {
                if let Some(star) = &statement.star {
                    let fault = Fault::new(Code::SelectStar, star.clone(), "`*` selects whatever the table holds")
                        .help("name the columns that the profile needs");
                    checker.push_inside(at, fault);
                }
                let statement = Arc::new(statement);
                // What replaces a hash runs in a login.
                let owner = Owner::Action(names.action.parse().unwrap_or(Action::Login));
                checker.statements.push(Located { owner, at: at.clone(), statement: Arc::clone(&statement) });
                return Some(statement);
            }
            Err(faults) => {
                common = Some(match common {
                    None => faults,
                    Some(before) => before.into_iter().filter(|fault| faults.contains(fault)).collect(),
                });
            }
        }
    }
    checker.push_all_inside(at, common.unwrap_or_default());
    None
}

/// One statement of a list: its text, its name, and whether it is declared to decide.
type Listed<'a> = (At<String>, Option<&'a At<String>>, bool);

/// A statement or a list of them; also the index of the one that is declared to decide.
pub(super) fn steps(
    sql: &At<RawSql>,
    names: &Names<'_>,
    ground: &Ground<'_>,
    checker: &mut Checker<'_>,
) -> Option<(Vec<Step>, Option<usize>)> {
    let texts: Vec<Listed<'_>> = match &sql.value {
        RawSql::One(text) => vec![(At { value: text.clone(), span: sql.span.clone() }, None, false)],
        RawSql::Many(list) => list
            .iter()
            .map(|at| match &at.value {
                RawStep::Text(text) => (At { value: text.clone(), span: at.span.clone() }, None, false),
                RawStep::Full(step) => (step.sql.clone(), step.name.as_ref(), step.decides),
            })
            .collect(),
    };
    if texts.is_empty() {
        checker.push(Fault::new(Code::EmptyStatement, sql.span.clone(), "the list of statements is empty"));
        return None;
    }
    let mut steps = Vec::new();
    let mut known: Vec<String> = Vec::new();
    let mut complete = true;
    let mut deciding = None;
    for (index, (text, name, decides)) in texts.into_iter().enumerate() {
        let own = Names { action: names.action, used: names.used, inputs: names.inputs, steps: &known, row: names.row };
        match compile(&text, &own, ground, checker) {
            Some(statement) => steps.push(Step { name: name.map(|at| at.value.clone()), statement }),
            None => complete = false,
        }
        if decides && deciding.replace(index).is_some() {
            checker.push(
                Fault::new(Code::ConflictingKeys, text.span.clone(), "two statements claim to decide")
                    .help("keep `decides: true` on one of them"),
            );
        }
        if let Some(name) = name {
            known.extend(step_name(name, &known, names, checker));
        }
    }
    complete.then_some((steps, deciding))
}

fn step_name(at: &At<String>, known: &[String], names: &Names<'_>, checker: &mut Checker<'_>) -> Option<String> {
    let plain = at.value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && at.value.starts_with(|c: char| c.is_ascii_alphabetic());
    let taken = known.contains(&at.value)
        || ["row", "configuration"].contains(&at.value.as_str())
        || names.inputs.iter().any(|(name, _)| *name == at.value);
    if plain && !taken {
        return Some(at.value.clone());
    }
    let message = if taken {
        format!("`{}` names something else here", at.value)
    } else {
        format!("`{}` is not a plain name", at.value)
    };
    checker.push(
        Fault::new(Code::InvalidIdentifier, at.span.clone(), message)
            .help("choose another name of letters, digits and `_`"),
    );
    None
}

pub(super) fn sql_span(sql: &At<RawSql>) -> Span {
    match &sql.value {
        RawSql::One(_) => sql.span.clone(),
        RawSql::Many(list) => list.first().map_or(sql.span.clone(), |at| match &at.value {
            RawStep::Text(_) => at.span.clone(),
            RawStep::Full(step) => step.sql.span.clone(),
        }),
    }
}

/// A whole statement is too long to underline: its first word stands for it.
pub(super) fn first_word(checker: &Checker<'_>, span: &Span) -> Span {
    let text = checker.source.text.get(span.clone()).unwrap_or_default();
    let length = text.find(char::is_whitespace).unwrap_or(text.len());
    span.start..span.start + length
}
