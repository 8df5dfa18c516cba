//! What hooks make of answers: most only want to know whether a password is right.
//!
//! Invariant: "no" is made of a store's "no" alone; every doubt is the error that it is.

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use super::native::{failed, ok};
use super::{Code, Problem, Response};
use crate::action::{Denial, DenialReason, Outcome, Profile};
use crate::handler;

/// The answer to a login, for hooks.
pub(super) enum Login {
    /// The password is right; perhaps so old that the user must choose a new one, which is the provider's to ask for.
    Right {
        /// The user.
        profile: Profile,
        /// Whether a new password is needed.
        outdated: bool,
    },
    /// It is wrong, or nobody's, or the user is kept out for a reason.
    No(Option<Denial>),
    /// There is no answer; what to say of that.
    Doubt(Response),
}

impl Login {
    /// Reads an answer.
    pub fn of(answer: Result<Outcome, handler::Error>) -> Self {
        match answer {
            Ok(Outcome::Authenticated(profile)) => Self::Right { profile, outdated: false },
            Ok(Outcome::Denied(mut denial)) => match (denial.reason, denial.profile.take()) {
                (DenialReason::PasswordChangeRequired, Some(profile)) => Self::Right { profile, outdated: true },
                _ => Self::No(Some(denial)),
            },
            Ok(_) => Self::No(None),
            Err(error) => Self::Doubt(failed(error.class).into_response()),
        }
    }
}

/// A status that says it all; an empty object, for readers that want JSON.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = ok(Bytes::from_static(b"{}"));
    *response.status_mut() = status;
    response
}

/// This value as JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => {
            let mut response = ok(Bytes::from(body));
            *response.status_mut() = status;
            response
        }
        Err(_) => Problem::new(Code::Internal).into_response(),
    }
}
