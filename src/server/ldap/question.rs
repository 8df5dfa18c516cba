//! One question of LDAP to a connector, under the rules that hold for every protocol.
//!
//! Invariant: each question has exactly one record, and passes networks, scopes and limits before the connector works.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use super::session::Session;
use crate::access::{Access, Client};
use crate::action::{Action, Outcome, Request};
use crate::protocol::ldap::Refusal;
use crate::protocol::{Code, Problem};
use crate::server::asking::{Asked, may};
use crate::server::connectors::Connectors;
use crate::server::record::Record;

impl<C: Connectors> Session<C> {
    /// The record of an operation that begins now.
    pub(super) fn record(&self, action: Option<Action>) -> Record {
        let mut record = self.ldap.gateway.record(self.peer, &HeaderMap::new());
        (record.protocol, record.action) = (Some("ldap"), action);
        record
    }

    /// Notes that an operation got no further than the gateway.
    pub(super) fn refuse(&self, record: &mut Record, problem: &Problem) -> Refusal {
        record.refuse(self.ldap.gateway.metrics(), problem.code(), problem.code().status());
        Refusal::of(problem.code(), problem.detail())
    }

    /// Asks on behalf of this client.
    ///
    /// # Errors
    /// The client may not ask this, or the store did not answer; "no" is an outcome.
    pub(super) async fn ask(
        &self,
        client: &Arc<Client>,
        connector: &str,
        request: Request,
    ) -> Result<Outcome, Refusal> {
        let mut record = self.record(Some(request.action()));
        let access = self.ldap.gateway.access();
        if let Err(problem) = self.ldap.gateway.admit_source(&access, &mut record) {
            return Err(self.refuse(&mut record, &problem));
        }
        self.ask_from_here(&access, client, connector, request, record).await
    }

    /// The same once the address is known to be one that may ask.
    pub(super) async fn ask_from_here(
        &self,
        access: &Access,
        client: &Arc<Client>,
        connector: &str,
        request: Request,
        mut record: Record,
    ) -> Result<Outcome, Refusal> {
        let gateway = &self.ldap.gateway;
        record.client = Some(Arc::clone(client));
        let prepared = (|| {
            let action = request.action();
            gateway.admit_from(client, &mut record)?;
            may(client.may(connector, action), connector, action, &mut record)?;
            gateway.reserve_client(client, &mut record)?;
            let found = gateway.find(connector, &mut record)?;
            let attempt = gateway.reserve(access, connector, &request, &mut record)?;
            Ok::<_, Problem>((found, attempt))
        })();
        let (found, attempt) = match prepared {
            Ok(prepared) => prepared,
            Err(problem) => return Err(self.refuse(&mut record, &problem)),
        };
        let deadline = Instant::now() + gateway.settings().budget;
        let (verdict, asked) = gateway.ask(found, request, attempt, deadline, &mut record).await;
        let (status, answer) = judged(asked);
        record.finish(gateway.metrics(), verdict, status);
        answer
    }
}

/// What came of it as records have it, and as LDAP does.
fn judged(asked: Asked) -> (StatusCode, Result<Outcome, Refusal>) {
    match asked {
        Err(()) => (Code::Internal.status(), Err(Refusal::of(Code::Internal, None))),
        Ok(Err(error)) => {
            let code = Code::of(&error.class);
            let detail = match &error.class {
                crate::handler::Class::InvalidInput { message, .. } => Some(message.as_ref()),
                _ => None,
            };
            (code.status(), Err(Refusal::of(code, detail)))
        }
        Ok(Ok(outcome)) => {
            let status = match &outcome {
                Outcome::WrongCredentials(_) => Code::WrongCredentials.status(),
                Outcome::Denied(_) => Code::Denied.status(),
                Outcome::NotFound => Code::NotFound.status(),
                _ => StatusCode::OK,
            };
            (status, Ok(outcome))
        }
    }
}
