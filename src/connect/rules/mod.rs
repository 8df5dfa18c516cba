//! The rules, one small function each.

mod access;
mod contract;
mod find;
mod refusal;
mod server;
mod write;

use super::scene::Scene;
use crate::diagnostic::{Code, Diagnostic, Fault, Span};

/// Applies every rule.
pub(super) fn judge(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let mut findings = Findings::default();
    server::rules(scene, &mut findings);
    for seen in &scene.statements {
        refusal::rules(scene, seen, &mut findings);
        contract::rules(scene, seen, &mut findings);
        find::rules(scene, seen, &mut findings);
        write::rules(scene, seen, &mut findings);
    }
    find::collations(scene, &mut findings);
    access::rules(scene, &mut findings);
    findings.0
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Findings(Vec<Diagnostic>);

impl Findings {
    /// Notes a finding; the same one at the same place counts once.
    pub fn push(&mut self, fault: Fault) {
        let diagnostic = Diagnostic::from(fault);
        if !self.0.contains(&diagnostic) {
            self.0.push(diagnostic);
        }
    }

    /// Whether something of this kind was found at this place.
    pub fn has(&self, code: Code, span: &Span) -> bool {
        self.0.iter().any(|found| found.fault.code == code && found.fault.span == *span)
    }
}
