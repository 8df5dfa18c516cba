//! How far a migration has come, as the store counts it.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, ExprTrait, Func, Order, Query, SimpleExpr};
use sea_orm::{ColumnTrait, DbBackend, EntityTrait};
use tokio::time::Instant;

use super::entity::{failure, user};
use super::store::{State, Store, day, number, text};
use crate::action::Error;

/// Of how many days a report tells.
const DAYS: i64 = 30;

/// How far a migration has come.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// How many users there are of each state.
    pub states: BTreeMap<&'static str, u64>,
    /// How many users were migrated on each of the last days; days since 1970.
    pub days: BTreeMap<i64, u64>,
    /// How many rows were deleted where users came from.
    pub purged: u64,
    /// How often a user could not be migrated in the last days, by the class of the error.
    pub failures: BTreeMap<String, u64>,
}

impl Counts {
    /// How many users of this state there are.
    pub fn of(&self, state: State) -> u64 {
        self.states.get(state.as_str()).copied().unwrap_or_default()
    }

    /// Users migrated a day, of those days that are over; None when there is none yet.
    pub fn per_day(&self, now: i64) -> Option<f64> {
        let today = day(now);
        let over: Vec<_> = self.days.iter().filter(|(day, _)| **day < today).collect();
        let first = over.first().map(|(day, _)| **day)?;
        let sum: u64 = over.iter().map(|(_, count)| **count).sum();
        Some(sum as f64 / (today - first) as f64)
    }
}

impl Store {
    /// Counts everything.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn counts(&self, now: i64, deadline: Instant) -> Result<Counts, Error> {
        let mut counts = Counts::default();
        let mut by_state = self.select();
        by_state.column(user::Column::State).add_group_by([Expr::col(user::Column::State)]);
        for row in self.run(&by_state, deadline).await? {
            if let Some(state) = State::parse(&text(&row, "state")?) {
                counts.states.insert(state.as_str(), counted(&row)?);
            }
        }
        let since = day(now) - DAYS;
        let mut by_day = self.select();
        by_day
            .column(user::Column::MigratedDay)
            .and_where(user::Column::MigratedDay.gte(since))
            .add_group_by([Expr::col(user::Column::MigratedDay)]);
        for row in self.run(&by_day, deadline).await? {
            counts.days.insert(number(&row, "migrated_day")?, counted(&row)?);
        }
        let mut purged = self.select();
        purged.and_where(user::Column::PurgedAt.is_not_null());
        for row in self.run(&purged, deadline).await? {
            counts.purged = counted(&row)?;
        }
        let mut failures = Query::select();
        failures
            .column(failure::Column::Class)
            .expr_as(self.sum(Expr::col(failure::Column::Count)), "counted")
            .from(failure::Entity)
            .and_where(failure::Column::Connector.eq(self.connector()))
            .and_where(failure::Column::Day.gte(since))
            .add_group_by([Expr::col(failure::Column::Class)]);
        for row in self.run(&failures, deadline).await? {
            counts.failures.insert(text(&row, "class")?, counted(&row)?);
        }
        Ok(counts)
    }

    /// How many users a purge may concern.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn count_purgeable(&self, before: i64, deadline: Instant) -> Result<u64, Error> {
        let mut query = self.select();
        query.cond_where(self.purgeable_filter(before));
        let rows = self.run(&query, deadline).await?;
        rows.first().map_or(Ok(0), counted)
    }

    /// Users whose rows may be deleted where they came from, in the order of their ids: migrated before this time.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn purgeable(
        &self,
        before: i64,
        after: &str,
        limit: u64,
        deadline: Instant,
    ) -> Result<Vec<String>, Error> {
        let mut query = Query::select();
        query
            .column(user::Column::UserId)
            .from(user::Entity)
            .cond_where(self.purgeable_filter(before))
            .and_where(user::Column::UserId.gt(after))
            .order_by(user::Column::UserId, Order::Asc)
            .limit(limit);
        self.run(&query, deadline).await?.iter().map(|row| text(row, "user_id")).collect()
    }

    /// Users from here on, without tombstones.
    pub(super) async fn page(
        &self,
        after: &str,
        limit: u64,
        deadline: Instant,
    ) -> Result<Vec<super::store::User>, Error> {
        use sea_orm::{QueryFilter, QueryOrder, QuerySelect};
        let filter = user::Column::Connector
            .eq(self.connector())
            .and(user::Column::UserId.gt(after))
            .and(user::Column::State.ne(State::Deleted.as_str()));
        let query = user::Entity::find().filter(filter).order_by_asc(user::Column::UserId).limit(limit);
        self.fetch(query, deadline).await?.iter().map(super::store::read).collect()
    }

    /// Tombstones count, too: whoever was migrated and deleted afterwards left a marked row behind.
    fn purgeable_filter(&self, before: i64) -> sea_orm::Condition {
        sea_orm::Condition::all()
            .add(user::Column::Connector.eq(self.connector()))
            .add(user::Column::State.is_in([State::Migrated.as_str(), State::Deleted.as_str()]))
            .add(user::Column::MigratedAt.lte(before))
            .add(user::Column::PurgedAt.is_null())
    }

    fn select(&self) -> sea_orm::sea_query::SelectStatement {
        let mut query = Query::select();
        query
            .expr_as(Expr::col(user::Column::UserId).count(), "counted")
            .from(user::Entity)
            .and_where(user::Column::Connector.eq(self.connector()));
        query
    }

    /// A sum that is a whole number on every database: PostgreSQL and MySQL make a decimal of it.
    fn sum(&self, of: Expr) -> SimpleExpr {
        let sum = Func::sum(of);
        match self.link().backend() {
            DbBackend::MySql => Expr::expr(sum).cast_as("signed"),
            _ => Expr::expr(sum).cast_as("bigint"),
        }
    }

    async fn run(
        &self,
        query: &sea_orm::sea_query::SelectStatement,
        deadline: Instant,
    ) -> Result<Vec<crate::db::Row>, Error> {
        self.prepare(deadline).await?;
        self.link().fetch(self.link().backend().build(query), deadline).await
    }
}

fn counted(row: &crate::db::Row) -> Result<u64, Error> {
    Ok(u64::try_from(number(row, "counted")?).unwrap_or_default())
}
