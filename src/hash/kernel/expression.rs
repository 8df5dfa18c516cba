//! Expressions of a definition, with the values of a row.
//!
//! Invariant: every variable that the expression mentions has its value.

use std::sync::Arc;

use super::{Caps, Kdf, Length, OverCap, Strength};
use crate::hash::expression::{Expression, Undefined, Values};

/// An expression with the values of its variables.
#[derive(Clone)]
pub(in crate::hash) struct Computed {
    pub expression: Arc<Expression>,
    pub values: Values,
}

impl PartialEq for Computed {
    fn eq(&self, other: &Self) -> bool {
        self.expression == other.expression && self.values == other.values
    }
}

impl Kdf for Computed {
    fn cap(&self, _output: usize, caps: &Caps) -> Result<(), OverCap> {
        self.expression.work(&self.values).cap(caps)
    }

    fn length(&self) -> Length {
        Length::Exactly(self.expression.length())
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        self.expression.derive(password, &self.values, output).map_err(|Undefined| String::new())
    }

    fn reaches(&self, target: &Self) -> bool {
        self.expression == target.expression
            && self.values.rounds >= target.values.rounds
            && self.values.pepper == target.values.pepper
            && self.values.key == target.values.key
    }

    fn describe(&self) -> String {
        match self.values.rounds.filter(|_| self.expression.uses_rounds()) {
            None => self.expression.text().to_owned(),
            Some(rounds) => format!("{} rounds={rounds}", self.expression.text()),
        }
    }

    fn forget_salt(&mut self) {
        self.values.forget();
    }

    fn strength(&self) -> Strength {
        let work = self.expression.work(&self.values);
        match (work.digests, work.pbkdf2.max(work.pbkdf2_wide)) {
            (_, 10_000..) => Strength::Slow,
            (1_000.., _) | (_, 1_000..) => Strength::Weak,
            _ => Strength::Fast,
        }
    }

    fn hashed_bytes(&self, password: usize) -> u64 {
        // Every digest may see the password, written out as wide as a charset or an escape makes it.
        self.expression.work(&self.values).digests.saturating_mul(password as u64 + 64)
    }
}
