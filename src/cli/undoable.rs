//! Whether what a definition writes can be rolled back: some engines of MySQL know no transactions.

use crate::action::Action;
use crate::db::Error;
use crate::db::inspect::inspect;
use crate::definition::{Definition, Verification};
use crate::sql::{Dialect, Role, Statement};

/// The first table that keeps what is written to it, whatever becomes of the transaction. `only` limits the question to
/// one action.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn lasting_table(definition: &Definition, only: Option<Action>) -> Result<Option<String>, Error> {
    let Some(config) = definition.database().filter(|config| config.dialect() == Dialect::Mysql) else {
        return Ok(None);
    };
    let mut inspector = inspect(config).await?;
    for statement in writing(definition, only) {
        for used in statement.outline().tables.iter().filter(|used| used.role != Role::Read) {
            let table = inspector.table(used.schema.as_deref(), &used.name).await?;
            if let Some(table) = table.filter(|table| !table.transactional) {
                return Ok(Some(table.name));
            }
        }
    }
    Ok(None)
}

fn writing(definition: &Definition, only: Option<Action>) -> Vec<&Statement> {
    let asked = |action: Action| only.is_none_or(|only| only == action);
    let login = definition.login.iter().filter(|_| asked(Action::Login));
    let follows = login.flat_map(|login| {
        let rehash = match &login.verification {
            Verification::Gateway(stored) => stored.rehash.as_deref(),
            Verification::Database => None,
        };
        login.after.iter().map(|step| &*step.statement).chain(rehash)
    });
    let create = definition.create.iter().filter(|_| asked(Action::Create)).map(|create| &create.write);
    let writes = definition.writes.iter().filter(|(action, _)| asked(**action)).map(|(_, write)| write);
    let steps = create.chain(writes).flat_map(|write| &write.steps).map(|step| &*step.statement);
    let setups = definition.tests.iter().filter(|_| only.is_none()).filter_map(|case| case.setup.as_ref());
    follows.chain(steps).chain(setups.flatten().map(|statement| &**statement)).collect()
}
