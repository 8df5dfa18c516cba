//! SQL templates: YAML text in, one constant statement with typed parameters out.
//!
//! Invariant: no value ever becomes SQL text. What a request carries can only become a bound parameter; the
//! text is fixed when the definition is loaded.

mod analysis;
mod dialect;
mod expression;
mod lexer;
mod lookup;
mod outline;
mod paging;
mod phrase;
mod shape;
mod statement;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

pub use self::dialect::Dialect;
pub use self::expression::{Expression, Filter, Input};
pub use self::lookup::Comparison;
pub use self::outline::{Assignment, ColumnUse, Condition, Operand, Outline, Output, Role, TableUse};
pub use self::paging::Order;
pub use self::phrase::{Part, phrase};
pub use self::statement::{MAX_TEMPLATE_BYTES, Parameter, Statement, check_length};
use crate::diagnostic::{Code, Fault, Span};

/// What a statement may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Only read.
    Read,
    /// Also change rows.
    Write,
}

/// Everything that a template may name, and where it stands.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    /// The template's text.
    pub source: &'a str,
    /// The grammar of the result.
    pub dialect: Dialect,
    /// What the statement may do.
    pub used: Use,
    /// The action's name, for messages.
    pub action: &'a str,
    /// The request's values by the names that templates use.
    pub inputs: &'a [(&'a str, Input)],
    /// Values fixed at load.
    pub configuration: &'a Map<String, Json>,
    /// Declared names with their quoted text.
    pub identifiers: &'a BTreeMap<String, String>,
    /// The `as` names of earlier statements in the same list.
    pub steps: &'a [String],
    /// Whether `row`, the login's own row, exists.
    pub row: bool,
}

impl Scope<'_> {
    fn input(&self, name: &str) -> Option<&Input> {
        self.inputs.iter().find(|(known, _)| *known == name).map(|(_, input)| input)
    }

    fn is_row(&self, name: &str) -> bool {
        (self.row && name == "row") || self.steps.iter().any(|step| step == name)
    }

    /// Every name that stands for something here.
    fn names(&self) -> impl Iterator<Item = &str> {
        let inputs = self.inputs.iter().map(|(name, _)| *name);
        let steps = self.steps.iter().map(String::as_str);
        inputs.chain(self.identifiers.keys().map(String::as_str)).chain(steps).chain(self.row.then_some("row"))
    }

    fn unknown(&self, name: &str, span: Span) -> Fault {
        if name == "password" {
            return Fault::new(Code::PlainPassword, span, "the plain password does not reach the database").help(
                "use `password_hash`, or declare `password: { verify: in_database }` when the database must compare it",
            );
        }
        let known: Vec<&str> = self.names().collect();
        let supplied = known.join("`, `");
        Fault::new(Code::UnknownParameter, span, format!("`{}` does not supply `{name}`", self.action))
            .help(format!("it supplies `{supplied}`, and `configuration.…`"))
            .did_you_mean(name, known)
    }
}
