//! A template that is no SQL: constant texts with values of the request between them, each to be encoded for its place.
//!
//! Invariant: as for statements, no value becomes text here; what a request carries is a [`Part::Value`] and stays one.

use super::lexer::{CLOSE, OPEN};
use super::statement::{check_length, rendered, reserved};
use super::{Expression, Scope};
use crate::diagnostic::Fault;

/// A piece of a phrase.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// What the author wrote.
    Text(String),
    /// A value.
    Value(Expression),
}

/// Compiles a template; the faults point into its source.
///
/// # Errors
/// What a statement's template is refused for as well.
pub fn phrase(scope: &Scope<'_>) -> Result<Vec<Part>, Vec<Fault>> {
    check_length(scope.source)?;
    reserved(scope.source)?;
    let (text, mut expressions) = rendered(scope)?;
    let mut parts = Vec::new();
    for piece in text.split(OPEN) {
        // Only the formatter writes markers, and it numbers them in the order of the text.
        let (value, rest) = piece.split_once(CLOSE).map_or((None, piece), |(number, rest)| (number.parse().ok(), rest));
        if let Some(expression) = value.and_then(|number: usize| expressions.get_mut(number)) {
            parts.push(Part::Value(std::mem::replace(expression, Expression::Constant(serde_json::Value::Null))));
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
    }
    Ok(parts)
}
