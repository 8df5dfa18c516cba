//! Opt-outs: findings that the author has seen and accepts, each with a reason.
//!
//! Invariant: only warnings and notes can be allowed, and an opt-out that suppresses nothing is itself a finding.

use super::checker::Checker;
use super::places::Places;
use super::raw::RawAllow;
use crate::action::Action;
use crate::diagnostic::{Code, Diagnostic, Fault, Severity, Span, nearest};

/// One opt-out.
#[derive(Clone, Debug)]
pub struct Allow {
    /// The finding that is accepted.
    pub code: Code,
    /// The only action in which it is; None = everywhere.
    pub action: Option<Action>,
    /// Where the code stands.
    pub span: Span,
}

/// Checks the list; what is wrong in it is a finding like any other.
pub(super) fn allow(raw: &[RawAllow], checker: &mut Checker<'_>) -> Vec<Allow> {
    raw.iter().filter_map(|raw| one(raw, checker)).collect()
}

fn one(raw: &RawAllow, checker: &mut Checker<'_>) -> Option<Allow> {
    if raw.reason.value.trim().is_empty() {
        checker.push(
            Fault::new(Code::InvalidValue, raw.reason.span.clone(), "the reason is empty")
                .help("say why this finding is acceptable here"),
        );
    }
    let code = code(raw, checker);
    let action = match &raw.action {
        None => None,
        Some(at) => match at.value.parse::<Action>() {
            Ok(action) => Some(action),
            Err(()) => {
                let known = Action::ALL.map(Action::as_str);
                let message = format!("`{}` is no action, expected one of `{}`", at.value, known.join("`, `"));
                let fault = Fault::new(Code::InvalidValue, at.span.clone(), message);
                checker.push(fault.did_you_mean(&at.value, known));
                return None;
            }
        },
    };
    Some(Allow { code: code?, action, span: raw.code.span.clone() })
}

fn code(raw: &RawAllow, checker: &mut Checker<'_>) -> Option<Code> {
    let at = &raw.code;
    let refuse = |message: String| Fault::new(Code::InvalidValue, at.span.clone(), message);
    match at.value.parse::<Code>() {
        Ok(code) if code.severity() == Severity::Error => {
            let message = format!("`{code}` is an error, and only warnings and notes can be allowed");
            checker.push(refuse(message).help("mend what it points at"));
            None
        }
        Ok(code) => Some(code),
        Err(()) => {
            let fault = refuse(format!("`{}` is no code of a finding", at.value));
            let known = Code::ALL.iter().filter(|code| code.severity() != Severity::Error).map(|code| code.as_str());
            checker.push(match nearest(&at.value, known.clone()) {
                Some(_) => fault.did_you_mean(&at.value, known),
                None => fault.help("write a code as findings show it between brackets, such as `seq-scan`"),
            });
            None
        }
    }
}

/// Takes away the findings that are allowed. Then every opt-out whose code was looked for, but that suppressed
/// nothing, is a finding.
pub fn without_allowed(found: Vec<Diagnostic>, places: &Places, looked_for: impl Fn(Code) -> bool) -> Vec<Diagnostic> {
    let mut used = vec![false; places.allow.len()];
    let mut kept: Vec<Diagnostic> = Vec::with_capacity(found.len());
    for diagnostic in found {
        let fault = &diagnostic.fault;
        let action = places.action_at(&fault.span);
        let covers = |allow: &Allow| allow.code == fault.code && (allow.action.is_none() || allow.action == action);
        let mut allowed = false;
        for (allow, used) in places.allow.iter().zip(&mut used) {
            if covers(allow) {
                (*used, allowed) = (true, true);
            }
        }
        if !allowed {
            kept.push(diagnostic);
        }
    }
    let unused = places.allow.iter().zip(used).filter(|(allow, used)| !used && looked_for(allow.code));
    kept.extend(unused.map(|(allow, _)| {
        let place = allow.action.map_or(String::new(), |action| format!(" in `{action}`"));
        let message = format!("there is no `{}`{place} to allow", allow.code);
        Fault::new(Code::UnusedAllow, allow.span.clone(), message).help("remove this opt-out").into()
    }));
    kept
}
