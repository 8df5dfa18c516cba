//! What the requests of all listeners have in common: where they come from, on whose behalf, how often, and the
//! question itself.
//!
//! Invariant: the order of [`super::gateway`]: whatever is cheap and refuses stands before whatever is dear, and an
//! attempt at an account is counted before its work.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderValue;
use tokio::time::Instant;

use super::connectors::{Answer, Connectors};
use super::gateway::Gateway;
use super::metrics::{Limit, Stage, Verdict};
use super::panic::caught;
use super::record::{Record, Served};
use crate::access::{Access, Attempt, Client, RateLimited, Reservation, Source};
use crate::action::{Action, Outcome, Request};
use crate::handler;
use crate::protocol::{Code, Problem};

/// The connector answered, or a defect kept it from answering.
pub(super) type Asked = Result<Result<Outcome, handler::Error>, ()>;

impl<C: Connectors> Gateway<C> {
    /// Whether anybody at the record's address may ask.
    pub(super) fn admit_source(&self, access: &Access, record: &mut Record) -> Result<(), Problem> {
        if access.admits(record.address) {
            return Ok(());
        }
        let reason = "the address is not in the allowlist".to_owned();
        Err(forbidden(record, "address_not_allowed", reason, "this address may not ask"))
    }

    /// Counts a request that has not proved yet on whose behalf it is; it is given back once it has. Only requests that
    /// do not authenticate count against the address: an identity provider sends all of its requests from a few
    /// addresses.
    pub(super) fn reserve_address(&self, access: &Access, record: &mut Record) -> Result<Option<Reservation>, Problem> {
        let Some(limiter) = access.address_limiter() else { return Ok(None) };
        let decision = limiter.reserve_address(record.address, record.started);
        self.decided(Limit::Address, decision, record).map(Some)
    }

    /// Whether the client may ask from the record's address.
    pub(super) fn admit_from(&self, client: &Client, record: &mut Record) -> Result<(), Problem> {
        if client.admits(record.address) {
            return Ok(());
        }
        let reason = "the address is not in the client's allowlist".to_owned();
        Err(forbidden(record, "client_address_not_allowed", reason, "this client may not ask from this address"))
    }

    /// Counts one request of the client.
    pub(super) fn reserve_client(&self, client: &Client, record: &mut Record) -> Result<(), Problem> {
        self.decided(Limit::Client, client.reserve(), record)
    }

    /// The connector of this name; the record is of its version from now on.
    pub(super) fn find(&self, name: &str, record: &mut Record) -> Result<Arc<C::Connector>, Problem> {
        let connector = self.connectors().find(name).ok_or_else(|| Problem::new(Code::UnknownConnector))?;
        let version = HeaderValue::from_str(connector.version()).unwrap_or(HeaderValue::from_static("invalid"));
        record.connector = Some(Served { metrics: self.metrics().connector(name), version });
        Ok(connector)
    }

    /// Makes sure that the attempt may be made and can be recorded, before its work.
    pub(super) fn reserve(
        &self,
        access: &Access,
        connector: &str,
        request: &Request,
        record: &mut Record,
    ) -> Result<Option<Attempt>, Problem> {
        record.about(request);
        let attempt = self.reserve_account(access, connector, request, record)?;
        if let Err(unwritable) = record.reserve(request.action()) {
            if let Some(attempt) = attempt {
                attempt.give_back();
            }
            record.reason = Some(unwritable.to_string());
            return Err(Problem::new(Code::AuditUnavailable));
        }
        Ok(attempt)
    }

    /// Counts the attempt before its work. Looking up is no attempt at anything and stands on the hot path; how much
    /// may be looked up is the client's limit.
    fn reserve_account(
        &self,
        access: &Access,
        connector: &str,
        request: &Request,
        record: &mut Record,
    ) -> Result<Option<Attempt>, Problem> {
        let (Some(limiter), Some(account)) = (access.account_limiter(), request.account()) else { return Ok(None) };
        if request.action() == Action::GetUser {
            return Ok(None);
        }
        let end_user = if access.trusts_end_user_address() { end_user_address(request) } else { None };
        let client = record.client.as_ref().map_or("", |client| client.id());
        let source = Source { client, address: end_user.unwrap_or(record.address) };
        let reserved = limiter.reserve(connector, account, source, Instant::now());
        self.decided(Limit::Account, reserved, record).map(Some)
    }

    fn decided<T>(&self, limit: Limit, decision: Result<T, RateLimited>, record: &mut Record) -> Result<T, Problem> {
        self.metrics().limited(limit, decision.is_ok());
        decision.map_err(|limited| {
            record.class = Some(limit.reason());
            Problem::rate_limited(limited.retry_after)
        })
    }

    /// Asks the connector, settles the attempt, and notes in the record what came of it.
    pub(super) async fn ask(
        &self,
        connector: Arc<C::Connector>,
        request: Request,
        attempt: Option<Attempt>,
        deadline: Instant,
        record: &mut Record,
    ) -> (Verdict, Asked) {
        let begun = Instant::now();
        let answer = caught(connector.answer(request, deadline)).await;
        self.metrics().stage(Stage::Connector, begun.elapsed());
        if let Some(attempt) = attempt {
            settle(attempt, answer.as_ref().ok());
        }
        match answer {
            Ok(answer) => {
                if let Ok(outcome) = &answer {
                    record.answered(outcome);
                }
                let (verdict, reason) = verdict(&answer);
                (record.reason, record.class) = reason;
                (verdict, Ok(answer))
            }
            Err(_) => {
                self.metrics().panicked();
                record.class = Some("panic");
                (Code::Internal.into(), Err(()))
            }
        }
    }
}

/// Whether who asks may ask this of this connector.
pub(super) fn may(allowed: bool, connector: &str, action: Action, record: &mut Record) -> Result<(), Problem> {
    if allowed {
        return Ok(());
    }
    let detail = format!("the client has no scope for `{connector}:{action}`");
    Err(forbidden(record, "missing_scope", detail.clone(), detail))
}

/// Notes for the operator why this may not be asked, and tells the caller.
fn forbidden(
    record: &mut Record,
    class: &'static str,
    reason: String,
    detail: impl Into<Cow<'static, str>>,
) -> Problem {
    (record.class, record.reason) = (Some(class), Some(reason));
    Problem::new(Code::Forbidden).with_detail(detail)
}

/// Whether the attempt counts: not when it succeeded, or could not be answered (a panic included).
fn settle(attempt: Attempt, answer: Option<&Result<Outcome, handler::Error>>) {
    match answer {
        None | Some(Err(_)) => attempt.give_back(),
        Some(Ok(outcome)) => match outcome {
            Outcome::Authenticated(_) => attempt.succeed(),
            Outcome::Found(_) | Outcome::Created(_) | Outcome::Changed | Outcome::Listed(_) => attempt.give_back(),
            Outcome::WrongCredentials(_)
            | Outcome::Denied(_)
            | Outcome::NotFound
            | Outcome::UserExists
            | Outcome::Rejected(_)
            | Outcome::Unchanged => {}
        },
    }
}

/// The address that the client states as its user's.
fn end_user_address(request: &Request) -> Option<IpAddr> {
    match request {
        Request::Login { context, .. } | Request::GetUser { context, .. } => context.get("ip")?.as_str()?.parse().ok(),
        _ => None,
    }
}

/// The operator's reason, in words and as one of a closed set.
type Reason = (Option<String>, Option<&'static str>);

/// The label of an answer, and the operator's reason.
fn verdict(answer: &Result<Outcome, handler::Error>) -> (Verdict, Reason) {
    match answer {
        Ok(outcome @ Outcome::WrongCredentials(refusal)) => (outcome.into(), (None, Some(refusal.as_str()))),
        Ok(outcome @ Outcome::Denied(denial)) => (outcome.into(), (None, Some(denial.reason.as_str()))),
        Ok(outcome @ Outcome::Rejected(rejection)) => (outcome.into(), (None, Some(rejection.code))),
        Ok(outcome) => (outcome.into(), (None, None)),
        Err(error) => (Code::of(&error.class).into(), (Some(error.message.clone()), Some(error.class.as_str()))),
    }
}
