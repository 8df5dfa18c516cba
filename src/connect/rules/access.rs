//! What the database user may do beyond what the definition needs.

use super::Findings;
use crate::connect::grants::grants_of;
use crate::connect::scene::Scene;
use crate::db::inspect::Privilege;
use crate::diagnostic::{Code, Fault};
use crate::sql::Dialect;

pub(super) fn rules(scene: &Scene<'_>, findings: &mut Findings) {
    let account = &scene.account;
    let fault = |message: String| Fault::new(Code::ExcessPrivilege, scene.definition.places.database.clone(), message);
    let help = "make a user of its own with what `userbridge check --grants` prints";
    if let Some(unknown) = &account.unknown {
        let span = scene.definition.places.database.clone();
        findings.push(
            Fault::new(Code::NotChecked, span, unknown.clone()).help("grant to the user itself to have it checked"),
        );
    }
    if !account.powers.is_empty() {
        let message = format!("`{}` has power over more than its tables: {}", account.name, account.powers.join("; "));
        findings.push(fault(message).help(help));
        // Whoever may do everything on the server holds every privilege below, too.
        if scene.dialect() != Dialect::Postgres || account.powers.iter().any(|power| power == "SUPERUSER") {
            return;
        }
    }
    let owned: Vec<String> =
        scene.tables.iter().filter(|table| table.owned).map(|table| format!("`{}`", table.name)).collect();
    if !owned.is_empty() {
        let message = format!("`{}` owns {}: it can change and drop them", account.name, owned.join(", "));
        findings.push(fault(message).help(help));
    }
    if account.others.0 > 0 {
        let message = format!(
            "`{}` may also use {} that the definition does not: {}{}",
            account.name,
            if account.others.0 == 1 { "a table".to_owned() } else { format!("{} tables", account.others.0) },
            account.others.1.join(", "),
            if account.others.0 > account.others.1.len() { ", …" } else { "" }
        );
        findings.push(fault(message).help("REVOKE what the gateway does not need"));
    }
    let needless = needless(scene);
    if !needless.is_empty() {
        let message = format!("`{}` may do more than the definition needs: {}", account.name, needless.join(", "));
        findings.push(
            fault(message).help("REVOKE what the gateway does not need; `userbridge check --grants` prints the rest"),
        );
    }
}

/// Privileges on the definition's own tables that no statement needs.
fn needless(scene: &Scene<'_>) -> Vec<String> {
    let needed = grants_of(scene);
    let mut found = Vec::new();
    for table in scene.tables.iter().filter(|table| !table.owned) {
        for privilege in Privilege::ALL {
            let held = table.privileges.contains(&privilege)
                || table.columns.iter().any(|column| column.privileges.contains(&privilege));
            if held && !needed.needs(&table.schema, &table.name, privilege) && !is_file(scene) {
                found.push(format!("{privilege} on {}", table.name));
            }
        }
    }
    found
}

/// Whoever can open a file may do everything with it.
fn is_file(scene: &Scene<'_>) -> bool {
    scene.dialect() == Dialect::Sqlite
}
