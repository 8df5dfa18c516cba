//! The managed store: users, the names by which they are found, and the tombstones of those who are gone.
//!
//! Invariant: every change is one transaction that compares the revision it was decided upon; unique keys decide races,
//! and nothing waits for a lock that another engine does not have. A name never vanishes: it finds a user, or it is
//! retired and finds nobody.

use std::sync::Arc;

use sea_orm::sea_query::{Expr, ExprTrait, Query, SimpleExpr};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryTrait, Statement};
use serde_json::Value as Json;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::counters::Counters;
use super::entity::{name, user};
use super::link::{Done, Link, Step};
use super::name::Name;
use super::schema;
use crate::action::{Class, Error, Object, Profile};
use crate::db::{self, Config, Database, PoolState, Row, Value};

/// The largest profile that is kept, in bytes.
const MAX_PROFILE: usize = 512 << 10;

/// What a user is to the migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Is in the managed store; the row that the user came from is not known to be marked.
    Pending,
    /// Is in the managed store, and the row that the user came from is marked.
    Migrated,
    /// Was copied with the hash that was there; the row that the user came from is not marked.
    Imported,
    /// Began in the managed store.
    Native,
    /// A tombstone.
    Deleted,
}

impl State {
    /// Every state, in the order of reports.
    pub const ALL: [Self; 5] = [Self::Migrated, Self::Pending, Self::Imported, Self::Native, Self::Deleted];

    /// The name in the store, in reports and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Migrated => "migrated",
            Self::Imported => "imported",
            Self::Native => "native",
            Self::Deleted => "deleted",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A user of the managed store.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub user_id: String,
    pub state: State,
    pub revision: i64,
    pub members: Object,
    pub hash: Option<String>,
    pub legacy: Option<String>,
}

impl User {
    pub fn profile(&self) -> Profile {
        Profile::new(self.user_id.clone(), self.members.clone())
    }
}

/// Who is found by a name.
#[derive(Debug)]
pub(super) enum Found {
    User(Box<User>),
    /// The name was given up, or its user is gone.
    Retired,
    Nobody,
}

/// A user who is to be added.
pub(super) struct NewRow<'a> {
    pub user_id: &'a str,
    pub state: State,
    pub profile: &'a Object,
    pub hash: Option<String>,
    pub legacy: Option<String>,
    pub names: Vec<Name>,
}

/// What became of an addition or a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Kept {
    /// It was made.
    Yes,
    /// The user is there already, or has changed meanwhile: look again.
    Stale,
    /// A name belongs to another user.
    NameTaken,
}

/// What changes of a user.
#[derive(Default)]
pub(super) struct Patch {
    pub state: Option<State>,
    pub profile: Option<Object>,
    /// A new hash; one that came with an import goes with it.
    pub hash: Option<Option<String>>,
    pub retire: Vec<Name>,
    pub add: Vec<Name>,
    /// No name finds the user any more.
    pub retire_all: bool,
}

/// One connector's part of a managed store.
pub struct Store {
    connector: String,
    pub(super) link: Arc<Shared>,
    pub(super) counters: Arc<Counters>,
}

/// A managed store's connections; the versions of a connector share them.
pub(super) struct Shared {
    pub link: Link,
    ready: OnceCell<()>,
}

impl Store {
    /// Opens a store. Nothing connects before the first call.
    ///
    /// # Errors
    /// When the driver refuses the configuration itself.
    pub fn open(connector: &str, config: &Config) -> Result<Self, db::Error> {
        Ok(Self::on(connector, db::open(config)?, config))
    }

    /// The same store for another version of the connector.
    #[must_use]
    pub fn again(&self) -> Self {
        Self { connector: self.connector.clone(), link: Arc::clone(&self.link), counters: Arc::clone(&self.counters) }
    }

    /// A store on a database that is open already.
    pub fn on(connector: &str, database: Arc<dyn Database>, config: &Config) -> Self {
        let link = Arc::new(Shared { link: Link::new(database, config.timeout()), ready: OnceCell::new() });
        Self { connector: connector.to_owned(), link, counters: Arc::default() }
    }

    /// What its pool is doing.
    pub fn pool(&self) -> PoolState {
        self.link.link.database().state()
    }

    /// Makes the tables when they are missing.
    ///
    /// # Errors
    /// The store cannot be reached, or is of a newer version.
    pub async fn prepare(&self, deadline: Instant) -> Result<(), Error> {
        self.link().await_ready(&self.link.ready, deadline).await
    }

    pub(super) fn connector(&self) -> &str {
        &self.connector
    }

    pub(super) fn link(&self) -> &Link {
        &self.link.link
    }

    pub(super) async fn fetch(&self, query: impl QueryTrait, deadline: Instant) -> Result<Vec<Row>, Error> {
        self.prepare(deadline).await?;
        self.link().fetch(query.build(self.link().backend()), deadline).await
    }

    pub(super) async fn transact(&self, steps: &[Step], deadline: Instant) -> Result<Done, Error> {
        self.prepare(deadline).await?;
        self.link().transact(steps, deadline).await
    }

    /// Who is found by a name.
    pub(super) async fn by_name(&self, name: &Name, deadline: Instant) -> Result<Found, Error> {
        let mut query = Query::select();
        for column in COLUMNS {
            query.column((user::Entity, column));
        }
        query
            .column((name::Entity, name::Column::Retired))
            .from(name::Entity)
            .inner_join(
                user::Entity,
                Expr::col((user::Entity, user::Column::Connector))
                    .equals((name::Entity, name::Column::Connector))
                    .and(Expr::col((user::Entity, user::Column::UserId)).equals((name::Entity, name::Column::UserId))),
            )
            .and_where(Expr::col((name::Entity, name::Column::Connector)).eq(self.connector.as_str()))
            .and_where(Expr::col((name::Entity, name::Column::Name)).eq(name.as_str()));
        self.prepare(deadline).await?;
        let rows = self.link().fetch(self.link().backend().build(&query), deadline).await?;
        let Some(row) = rows.into_iter().next() else { return Ok(Found::Nobody) };
        let retired = row.value("retired") != Some(&Value::Int(0));
        let user = read(&row)?;
        Ok(match retired || user.state == State::Deleted {
            true => Found::Retired,
            false => Found::User(Box::new(user)),
        })
    }

    /// The user of an id, or the tombstone.
    pub(super) async fn by_id(&self, user_id: &str, deadline: Instant) -> Result<Option<User>, Error> {
        let rows = self.fetch(user::Entity::find().filter(self.is(user_id)), deadline).await?;
        let user = rows.first().map(read).transpose()?;
        // A database that takes other ids for equal finds somebody else.
        Ok(user.filter(|user| user.user_id == user_id))
    }

    /// Adds a user with the names that find him.
    pub(super) async fn insert(&self, row: NewRow<'_>, now: i64, deadline: Instant) -> Result<Kept, Error> {
        let retired = row.state == State::Deleted;
        let model = self.model(&row, now)?;
        for takes_over in [false, true] {
            let mut steps = vec![Step::one(self.build(user::Entity::insert(model.clone().into_active_model())))];
            match self.name_steps(row.user_id, &row.names, retired, takes_over, deadline).await? {
                Some(names) => steps.extend(names),
                None => return Ok(Kept::NameTaken),
            }
            match self.transact(&steps, deadline).await? {
                Done::Committed => return Ok(Kept::Yes),
                Done::Stale => {}
                Done::Taken if self.by_id(row.user_id, deadline).await?.is_some() => return Ok(Kept::Stale),
                Done::Taken => {}
            }
        }
        // Names came and went between looking and taking.
        Err(Error::new(Class::Timeout, "the managed store: names change too fast"))
    }

    /// Changes a user, if he still is what was read.
    pub(super) async fn update(&self, user: &User, patch: Patch, now: i64, deadline: Instant) -> Result<Kept, Error> {
        for takes_over in [false, true] {
            let mut steps = vec![Step::one(self.update_statement(user, &patch, now)?)];
            let retired = name::Entity::update_many().col_expr(name::Column::Retired, Expr::value(1_i64));
            if patch.retire_all {
                let filter = name::Column::Connector.eq(&self.connector).and(name::Column::UserId.eq(&user.user_id));
                steps.push(Step::any(self.build(retired.filter(filter))));
            } else {
                for name in &patch.retire {
                    let owned = self.names(name).and(name::Column::UserId.eq(&user.user_id));
                    steps.push(Step::any(self.build(retired.clone().filter(owned))));
                }
            }
            match self.name_steps(&user.user_id, &patch.add, false, takes_over, deadline).await? {
                Some(names) => steps.extend(names),
                None => return Ok(Kept::NameTaken),
            }
            match self.transact(&steps, deadline).await? {
                Done::Committed => return Ok(Kept::Yes),
                Done::Stale => return Ok(Kept::Stale),
                Done::Taken => {}
            }
        }
        Ok(Kept::Stale)
    }

    /// Lifts a tombstone: the user may come back. Whether there was one.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn forget(&self, user_id: &str, deadline: Instant) -> Result<bool, Error> {
        let tombstone = self.is(user_id).and(user::Column::State.eq(State::Deleted.as_str()));
        let names = name::Column::Connector.eq(&self.connector).and(name::Column::UserId.eq(user_id));
        let steps = [
            Step::one(self.build(user::Entity::delete_many().filter(tombstone))),
            Step::any(self.build(name::Entity::delete_many().filter(names))),
        ];
        Ok(self.transact(&steps, deadline).await? == Done::Committed)
    }

    /// The statements that give a user names; None when one of them is another user's. At first they are taken to be
    /// free, which is nearly always so; then each is looked at.
    async fn name_steps(
        &self,
        user_id: &str,
        names: &[Name],
        retired: bool,
        takes_over: bool,
        deadline: Instant,
    ) -> Result<Option<Vec<Step>>, Error> {
        let mut steps = Vec::new();
        for name in names {
            let owner = if takes_over { self.owner(name, deadline).await? } else { None };
            match owner {
                None => steps.push(Step::one(self.build(name::Entity::insert(name::ActiveModel {
                    connector: Set(self.connector.clone()),
                    name: Set(name.as_str().to_owned()),
                    user_id: Set(user_id.to_owned()),
                    retired: Set(i64::from(retired)),
                })))),
                Some((owner, true)) if !retired => {
                    let same =
                        self.names(name).and(name::Column::UserId.eq(owner)).and(name::Column::Retired.eq(1_i64));
                    let taken = name::Entity::update_many()
                        .col_expr(name::Column::UserId, Expr::value(user_id))
                        .col_expr(name::Column::Retired, Expr::value(0_i64))
                        .filter(same);
                    steps.push(Step::one(self.build(taken)));
                }
                // It finds him already; or a tombstone's name is somebody's, who keeps it.
                Some((owner, _)) if owner == user_id || retired => {}
                Some(_) => return Ok(None),
            }
        }
        Ok(Some(steps))
    }

    /// Whose a name is, and whether it is retired.
    async fn owner(&self, name: &Name, deadline: Instant) -> Result<Option<(String, bool)>, Error> {
        let rows = self.fetch(name::Entity::find().filter(self.names(name)), deadline).await?;
        rows.first().map(|row| Ok((text(row, "user_id")?, row.value("retired") != Some(&Value::Int(0))))).transpose()
    }

    pub(super) fn model(&self, row: &NewRow<'_>, now: i64) -> Result<user::Model, Error> {
        let migrated_at = (row.state == State::Migrated).then_some(now);
        Ok(user::Model {
            connector: self.connector.clone(),
            user_id: row.user_id.to_owned(),
            state: row.state.as_str().to_owned(),
            revision: 1,
            profile: written(row.profile)?,
            hash: row.hash.clone(),
            legacy: row.legacy.clone(),
            created_at: now,
            changed_at: now,
            migrated_at,
            migrated_day: migrated_at.map(day),
            purged_at: None,
        })
    }

    fn update_statement(&self, user: &User, patch: &Patch, now: i64) -> Result<Statement, Error> {
        let mut update = user::Entity::update_many()
            .col_expr(user::Column::Revision, Expr::col(user::Column::Revision).add(1_i64))
            .col_expr(user::Column::ChangedAt, Expr::value(now))
            .filter(self.is(&user.user_id).and(user::Column::Revision.eq(user.revision)));
        if let Some(state) = patch.state {
            update = update.col_expr(user::Column::State, Expr::value(state.as_str()));
            if state == State::Migrated {
                update = update
                    .col_expr(user::Column::MigratedAt, Expr::value(now))
                    .col_expr(user::Column::MigratedDay, Expr::value(day(now)));
            }
        }
        if let Some(profile) = &patch.profile {
            update = update.col_expr(user::Column::Profile, Expr::value(written(profile)?));
        }
        if let Some(hash) = &patch.hash {
            update = update
                .col_expr(user::Column::Hash, Expr::value(hash.clone()))
                .col_expr(user::Column::Legacy, Expr::value(None::<String>));
        }
        Ok(self.build(update))
    }

    pub(super) fn is(&self, user_id: &str) -> SimpleExpr {
        user::Column::Connector.eq(&self.connector).and(user::Column::UserId.eq(user_id))
    }

    fn names(&self, name: &Name) -> SimpleExpr {
        name::Column::Connector.eq(&self.connector).and(name::Column::Name.eq(name.as_str()))
    }

    pub(super) fn build(&self, query: impl QueryTrait) -> Statement {
        query.build(self.link().backend())
    }
}

impl Link {
    async fn await_ready(&self, ready: &OnceCell<()>, deadline: Instant) -> Result<(), Error> {
        ready.get_or_try_init(|| schema::prepare(self, deadline)).await.map(|_| ())
    }
}

/// What is read of a user.
const COLUMNS: [user::Column; 6] = [
    user::Column::UserId,
    user::Column::State,
    user::Column::Revision,
    user::Column::Profile,
    user::Column::Hash,
    user::Column::Legacy,
];

/// The day of a time, both since 1970.
pub(super) fn day(milliseconds: i64) -> i64 {
    milliseconds.div_euclid(86_400_000)
}

pub(super) fn read(row: &Row) -> Result<User, Error> {
    let state = text(row, "state")?;
    let profile = text(row, "profile")?;
    let Some(state) = State::parse(&state) else { return Err(damaged("state")) };
    let Ok(Json::Object(members)) = serde_json::from_str(&profile) else { return Err(damaged("profile")) };
    let optional = |column: &str| row.value(column).and_then(Value::to_text);
    let Some(Value::Int(revision)) = row.value("revision") else { return Err(damaged("revision")) };
    Ok(User {
        user_id: text(row, "user_id")?,
        state,
        revision: *revision,
        members,
        hash: optional("hash"),
        legacy: optional("legacy"),
    })
}

pub(super) fn text(row: &Row, column: &str) -> Result<String, Error> {
    match row.value(column) {
        Some(Value::Text(text)) => Ok(text.clone()),
        _ => Err(damaged(column)),
    }
}

pub(super) fn number(row: &Row, column: &str) -> Result<i64, Error> {
    row.value(column)
        .and_then(Value::to_text)
        .and_then(|text| text.split('.').next().and_then(|text| text.parse().ok()))
        .ok_or_else(|| damaged(column))
}

fn damaged(column: &str) -> Error {
    Error::new(Class::Misconfigured, format!("the managed store holds something odd in `{column}`"))
}

fn written(profile: &Object) -> Result<String, Error> {
    let text = serde_json::to_string(profile).unwrap_or_default();
    if text.len() <= MAX_PROFILE {
        return Ok(text);
    }
    let message = format!("a profile of {} bytes, expected at most {MAX_PROFILE}", text.len());
    Err(Error::new(Class::InvalidInput { field: "profile".to_owned(), message: message.clone() }, message))
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("connector", &self.connector).field("pool", &self.pool()).finish()
    }
}
