//! What was migrated and what could not be, counted: in this process for the metrics, in the store for the operator.
//!
//! Invariant: counting never fails a request, and never holds it up for long.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use tokio::time::Instant;

use super::entity::failure;
use super::link::{Done, Step};
use super::store::day;
use super::{Counts, Managed};
use crate::action::{Error, Outcome};

/// How long the note of a failure may take.
const LIMIT: Duration = Duration::from_millis(200);

/// What one process has seen.
#[derive(Debug, Default)]
pub struct Counters {
    migrated: AtomicU64,
    failures: Mutex<BTreeMap<&'static str, u64>>,
    seen: Mutex<Option<Seen>>,
}

/// What a count of everything gave when it was last made.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What the managed store holds.
    pub counts: Counts,
    /// How many users are not migrated yet, where the definition counts them.
    pub remaining: Option<u64>,
}

impl Counters {
    pub(super) fn migrated(&self) {
        self.migrated.fetch_add(1, Ordering::Relaxed);
    }

    /// Users whose migration this process has completed.
    pub fn completed(&self) -> u64 {
        self.migrated.load(Ordering::Relaxed)
    }

    /// Logins that were right and still could not migrate their user, by the class of the error.
    pub fn failures(&self) -> BTreeMap<&'static str, u64> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers a count for the metrics.
    pub fn remember(&self, seen: Seen) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    }

    /// The last count; None before the first.
    pub fn seen(&self) -> Option<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn failed(&self, class: &'static str) {
        *self.failures.lock().unwrap_or_else(PoisonError::into_inner).entry(class).or_default() += 1;
    }
}

impl Managed {
    /// What this process has counted.
    pub fn counters(&self) -> &Counters {
        &self.store.counters
    }

    /// Counts a migration that failed.
    pub(super) async fn note(&self, outcome: &Result<Outcome, Error>, deadline: Instant) {
        let Err(error) = outcome else { return };
        let class = error.class.as_str();
        self.store.counters.failed(class);
        let connector = self.store.connector();
        tracing::warn!(connector, class, %error, "a right password did not migrate its user");
        let deadline = deadline.min(Instant::now() + LIMIT);
        if let Err(error) = self.keep_failure(class, deadline).await {
            tracing::debug!(connector, %error, "the failure is not counted in the managed store");
        }
    }

    async fn keep_failure(&self, class: &'static str, deadline: Instant) -> Result<(), Error> {
        let (connector, day) = (self.store.connector(), day(self.now()));
        let this = failure::Column::Connector
            .eq(connector)
            .and(failure::Column::Day.eq(day))
            .and(failure::Column::Class.eq(class));
        let raised = failure::Entity::update_many()
            .col_expr(failure::Column::Count, Expr::col(failure::Column::Count).add(1_i64))
            .filter(this);
        let row = failure::ActiveModel {
            connector: Set(connector.to_owned()),
            day: Set(day),
            class: Set(class.to_owned()),
            count: Set(1),
        };
        let first = failure::Entity::insert(row);
        let raise = || [Step::one(self.store.build(raised.clone()))];
        if self.store.transact(&raise(), deadline).await? == Done::Committed {
            return Ok(());
        }
        if self.store.transact(&[Step::one(self.store.build(first))], deadline).await? == Done::Taken {
            let _ = self.store.transact(&raise(), deadline).await?;
        }
        Ok(())
    }
}
