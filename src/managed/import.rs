//! Users with the hashes that they had, many at a time; and how far that and a purge have come.
//!
//! Invariant: a page and the place that it reaches are one transaction, so an import that was ended goes on where it was.
//! Statements have one of a few sizes, so that their texts stay few.

use sea_orm::sea_query::ExprTrait;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use serde_json::Value as Json;
use tokio::time::Instant;

use super::entity::{name, progress, user};
use super::link::{Done, Step};
use super::name::Name;
use super::store::{Kept, NewRow, text};
use super::{Managed, State, credential};
use crate::action::{Error, Profile};
use crate::db::Value;
use crate::secret::Secret;

/// How many rows a statement inserts; the largest that fits is taken.
const SIZES: [usize; 4] = [200, 50, 10, 1];

/// The task whose place is kept.
const TASK: &str = "import";

/// A user who is to be copied.
#[derive(Debug)]
pub struct Copied {
    /// The user.
    pub profile: Profile,
    /// The hash that was there; None = no password opens the account.
    pub hash: Option<Secret>,
    /// The columns that belong to the hash.
    pub beside: Vec<(String, Option<Secret>)>,
}

/// What became of a page of users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// Copied.
    pub copied: u64,
    /// Were in the managed store already, or have a tombstone.
    pub present: u64,
    /// The ids of users whose name belongs to another user.
    pub taken: Vec<String>,
}

impl Managed {
    /// How far an earlier import has come; None when there was none.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn reached(&self, deadline: Instant) -> Result<Option<Value>, Error> {
        let this = progress::Column::Connector.eq(self.store.connector()).and(progress::Column::Task.eq(TASK));
        let rows = self.store.fetch(progress::Entity::find().filter(this), deadline).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let reached = serde_json::from_str::<Json>(&text(row, "reached")?).ok();
        Ok(reached.as_ref().map(Value::from))
    }

    /// Forgets how far an earlier import has come.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn start_over(&self, deadline: Instant) -> Result<(), Error> {
        let this = progress::Column::Connector.eq(self.store.connector()).and(progress::Column::Task.eq(TASK));
        let step = Step::any(self.store.build(progress::Entity::delete_many().filter(this)));
        self.store.transact(&[step], deadline).await.map(|_| ())
    }

    /// Copies a page of users and notes the place that it reaches.
    ///
    /// # Errors
    /// The store cannot be asked, or a profile is too large; nothing of the page is kept then, or all that came before.
    pub async fn copy(&self, users: &[Copied], reached: &Value, deadline: Instant) -> Result<Pages, Error> {
        let rows: Vec<NewRow<'_>> = users.iter().map(|user| self.row(user)).collect();
        let mut steps = Vec::new();
        let models = rows.iter().map(|row| Ok(self.store.model(row, self.now())?.into_active_model()));
        let models = models.collect::<Result<Vec<user::ActiveModel>, Error>>()?;
        for part in parts(&models) {
            steps.push(Step::any(self.store.build(user::Entity::insert_many(part.to_vec()))));
        }
        let names: Vec<name::ActiveModel> = rows.iter().flat_map(|row| self.names_of(row)).collect();
        for part in parts(&names) {
            steps.push(Step::any(self.store.build(name::Entity::insert_many(part.to_vec()))));
        }
        steps.extend(self.progress(reached));
        match self.store.transact(&steps, deadline).await? {
            Done::Committed => Ok(Pages { copied: users.len() as u64, ..Pages::default() }),
            Done::Taken | Done::Stale => self.one_by_one(rows, reached, deadline).await,
        }
    }

    /// Somebody of the page is there already, or shares a name.
    async fn one_by_one(&self, rows: Vec<NewRow<'_>>, reached: &Value, deadline: Instant) -> Result<Pages, Error> {
        let mut pages = Pages::default();
        for row in rows {
            let user_id = row.user_id.to_owned();
            match self.store.insert(row, self.now(), deadline).await? {
                Kept::Yes => pages.copied += 1,
                Kept::Stale => pages.present += 1,
                Kept::NameTaken if self.store.by_id(&user_id, deadline).await?.is_some() => pages.present += 1,
                Kept::NameTaken => pages.taken.push(user_id),
            }
        }
        self.store.transact(&self.progress(reached), deadline).await.map(|_| pages)
    }

    fn row<'a>(&self, user: &'a Copied) -> NewRow<'a> {
        NewRow {
            user_id: user.profile.user_id(),
            state: State::Imported,
            profile: user.profile.members(),
            hash: None,
            legacy: Some(credential::imported(user.hash.as_ref(), &user.beside)),
            names: self.naming.all(user.profile.members()),
        }
    }

    fn names_of<'a>(&'a self, row: &'a NewRow<'_>) -> impl Iterator<Item = name::ActiveModel> + 'a {
        row.names.iter().map(|name: &Name| name::ActiveModel {
            connector: Set(self.store.connector().to_owned()),
            name: Set(name.as_str().to_owned()),
            user_id: Set(row.user_id.to_owned()),
            retired: Set(0),
        })
    }

    /// Replaces the place that was reached.
    fn progress(&self, reached: &Value) -> Vec<Step> {
        let this = progress::Column::Connector.eq(self.store.connector()).and(progress::Column::Task.eq(TASK));
        let row = progress::ActiveModel {
            connector: Set(self.store.connector().to_owned()),
            task: Set(TASK.to_owned()),
            reached: Set(reached.to_json().to_string()),
            changed_at: Set(self.now()),
        };
        vec![
            Step::any(self.store.build(progress::Entity::delete_many().filter(this))),
            Step::any(self.store.build(progress::Entity::insert(row))),
        ]
    }

    /// Notes that the row that a user came from was deleted.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn purged(&self, user_id: &str, deadline: Instant) -> Result<(), Error> {
        use sea_orm::sea_query::Expr;
        let noted = user::Entity::update_many()
            .col_expr(user::Column::PurgedAt, Expr::value(self.now()))
            .filter(self.store.is(user_id));
        self.store.transact(&[Step::any(self.store.build(noted))], deadline).await.map(|_| ())
    }
}

/// Cuts a list into pieces of a few sizes.
fn parts<T>(mut rest: &[T]) -> Vec<&[T]> {
    let mut parts = Vec::new();
    for size in SIZES {
        while rest.len() >= size {
            let (part, more) = rest.split_at(size);
            parts.push(part);
            rest = more;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_all_of_it_in_a_few_sizes() {
        for count in [0, 1, 9, 10, 199, 200, 777] {
            let list: Vec<usize> = (0..count).collect();
            let parts = parts(&list);
            assert_eq!(parts.concat(), list);
            assert!(parts.iter().all(|part| SIZES.contains(&part.len())));
        }
    }
}
