//! The tables of the managed store: made when they are missing, brought up to date when they are older.
//!
//! Invariant: a step never takes away what the version before it reads or writes, so that instances of two versions can
//! share a store; steps may run twice, and from several instances at once.

use sea_orm::sea_query::{
    Index, IndexCreateStatement, MysqlQueryBuilder, OnConflict, PostgresQueryBuilder, SqliteQueryBuilder,
};
use sea_orm::{ActiveValue::Set, DbBackend, EntityTrait, QueryTrait, Schema, Statement};
use tokio::time::Instant;

use super::entity::{failure, name, progress, user, version};
use super::link::{Link, Step};
use crate::action::{Class, Error};
use crate::db::Value;

/// The version that this program makes.
const VERSION: i64 = 1;

/// How often the tables are tried to be made when another instance makes them at the same time.
const ATTEMPTS: usize = 5;

/// Brings the tables to this program's version.
pub(super) async fn prepare(link: &Link, deadline: Instant) -> Result<(), Error> {
    let mut attempt = 1;
    loop {
        match current(link, deadline).await {
            Ok(Some(found)) if found == VERSION => return Ok(()),
            Ok(Some(found)) if found > VERSION => return Err(newer(found)),
            // Only a missing table is mended here.
            Err(error) if error.class != Class::Misconfigured => return Err(error),
            Ok(_) | Err(_) => {}
        }
        match make(link, deadline).await {
            Ok(()) => return Ok(()),
            Err(error) if attempt == ATTEMPTS || Instant::now() >= deadline => return Err(error),
            // PostgreSQL reports two CREATE TABLE IF NOT EXISTS at once as a duplicate.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20 << attempt)).await,
        }
        attempt += 1;
    }
}

fn newer(found: i64) -> Error {
    let message = format!("the managed store has version {found}, expected at most {VERSION}: use a newer userbridge");
    Error::new(Class::Misconfigured, message)
}

async fn current(link: &Link, deadline: Instant) -> Result<Option<i64>, Error> {
    let rows = link.fetch(version::Entity::find().build(link.backend()), deadline).await?;
    Ok(rows.first().and_then(|row| match row.value("version") {
        Some(Value::Int(version)) => Some(*version),
        _ => None,
    }))
}

async fn make(link: &Link, deadline: Instant) -> Result<(), Error> {
    let backend = link.backend();
    let mut texts = table(user::Entity, vec![by_state(), by_day()], backend);
    texts.extend(table(name::Entity, vec![by_user()], backend));
    texts.extend(table(failure::Entity, Vec::new(), backend));
    texts.extend(table(progress::Entity, Vec::new(), backend));
    texts.extend(table(version::Entity, Vec::new(), backend));
    for text in texts {
        // One by one: some engines make tables in transactions of their own only.
        let _ = link.transact(&[Step::any(Statement::from_string(backend, text))], deadline).await?;
    }
    let row = version::ActiveModel { id: Set(1), version: Set(VERSION) };
    let conflict = OnConflict::column(version::Column::Id).update_column(version::Column::Version).to_owned();
    let insert = version::Entity::insert(row).on_conflict(conflict).build(backend);
    let _ = link.transact(&[Step::any(insert)], deadline).await?;
    Ok(())
}

fn by_state() -> IndexCreateStatement {
    let columns = [user::Column::Connector, user::Column::State, user::Column::UserId];
    index("userbridge_users_state", columns)
}

fn by_day() -> IndexCreateStatement {
    index("userbridge_users_day", [user::Column::Connector, user::Column::MigratedDay])
}

fn by_user() -> IndexCreateStatement {
    index("userbridge_names_user", [name::Column::Connector, name::Column::UserId])
}

fn index<const N: usize>(name: &str, columns: [impl sea_orm::sea_query::IntoIden; N]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name);
    for column in columns {
        index.col(column.into_iden());
    }
    index
}

/// The statements that make a table with its indexes, and change nothing where it is there.
fn table<E: EntityTrait>(entity: E, indexes: Vec<IndexCreateStatement>, backend: DbBackend) -> Vec<String> {
    let mut table = Schema::new(backend).create_table_from_entity(entity);
    table.if_not_exists();
    if backend == DbBackend::MySql {
        // MySQL knows no CREATE INDEX IF NOT EXISTS, and compares texts by their language unless told otherwise.
        table.engine("InnoDB").character_set("utf8mb4").collate("utf8mb4_bin");
        for mut index in indexes {
            table.index(&mut index);
        }
        // Its `text` ends at 64 KiB.
        return vec![table.to_string(MysqlQueryBuilder).replace(" text", " mediumtext")];
    }
    let indexes = indexes.into_iter().map(|mut index| {
        index.if_not_exists().table(entity);
        match backend {
            DbBackend::Postgres => index.to_string(PostgresQueryBuilder),
            _ => index.to_string(SqliteQueryBuilder),
        }
    });
    let made = match backend {
        DbBackend::Postgres => table.to_string(PostgresQueryBuilder),
        _ => table.to_string(SqliteQueryBuilder),
    };
    std::iter::once(made).chain(indexes).collect()
}
