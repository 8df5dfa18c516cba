//! How rows are found: by a unique key, by an index, and which names count as the same.

use super::Findings;
use crate::connect::lookup::{
    Equality, Other, Verdict, branches, is_indexed, near_miss, own_tables, unindexed, verdict,
};
use crate::connect::scene::{Purpose, Scene, Seen};
use crate::db::inspect::{Access, IndexPart, Plan, Scan, Table, TableKind};
use crate::definition::ScalarMap;
use crate::diagnostic::{Code, Fault, Span};
use crate::sql::{Dialect, Input, Role, TableUse};

pub(super) fn rules(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    if seen.described.is_err() || seen.plan.is_err() {
        return;
    }
    expression_indexes(scene, seen, findings);
    stale(scene, seen, findings);
    if seen.purpose.looks_up() || changes_one_row(seen) {
        unique(scene, seen, findings);
    }
    match seen.purpose {
        Purpose::ListUsers | Purpose::Import => sorted_pages(scene, seen, findings),
        // Whoever counts reads what there is to count.
        Purpose::Remaining => {}
        _ => scans(scene, seen, findings),
    }
}

/// Whether exactly one row must match an UPDATE or DELETE.
fn changes_one_row(seen: &Seen<'_>) -> bool {
    let inserts = seen.outline.tables.iter().any(|table| table.role == Role::Insert);
    matches!(seen.purpose, Purpose::Write { deciding: true }) && !inserts
}

/// An index on the column, but the condition compares an expression over it, or the other way round.
fn expression_indexes(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    for (equality, table) in named(scene, seen) {
        if is_indexed(scene, seen, table, &equality) || !is_read_fully(seen, &equality, scene) {
            continue;
        }
        let Some(index) = near_miss(table, &equality) else { continue };
        let expression = spelled(&equality);
        let span = scene.span(seen, &equality.column.span);
        let message = format!(
            "index `{}` is not over `{expression}`, so it neither finds rows nor keeps them unique",
            index.name
        );
        let fault = Fault::new(Code::ExpressionIndex, span, message);
        let ignores_case =
            scene.resolve(seen, &equality.column).and_then(|(_, c)| c.alike.as_ref()).is_some_and(|a| a.case);
        findings.push(match (equality.bare, ignores_case) {
            (true, _) => fault
                .help(format!("compare what the index is over, or {}", create_index(scene, table, &equality, true))),
            (false, true) => {
                fault.help(format!("compare `{}` alone: its collation ignores case already", equality.column.name))
            }
            (false, false) => fault.help(create_index(scene, table, &equality, index.unique)),
        });
    }
}

/// Nothing keeps the look-up from finding two rows.
fn unique(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    let several = match verdict(scene, seen) {
        Verdict::Unique => return,
        Verdict::Unknown(why) => {
            let message = format!("whether two rows can answer this look-up cannot be told: {why}");
            findings.push(
                Fault::new(Code::NotChecked, scene.head(seen), message)
                    .help("see to it that one name belongs to one user; two rows are refused when it happens"),
            );
            return;
        }
        Verdict::Several(several) => several,
    };
    for (table, branch) in several {
        if let Some(fault) = ambiguous(scene, seen, table, branch, findings) {
            findings.push(fault);
        }
    }
}

/// A table of which several rows can answer.
fn ambiguous(scene: &Scene<'_>, seen: &Seen<'_>, table: usize, branch: usize, findings: &Findings) -> Option<Fault> {
    let found = scene.table_at(seen, table)?;
    let all = branches(scene, seen).unwrap_or_default();
    let of_table = |equality: &&Equality| scene.resolve(seen, &equality.column).is_some_and(|(of, _)| of == table);
    let equalities: Vec<&Equality> = all.get(branch).into_iter().flatten().filter(of_table).collect();
    let named = equalities.iter().find(|equality| matches!(equality.other, Other::Parameter(_)));
    Some(match named {
        Some(equality) => {
            let span = scene.span(seen, &equality.column.span);
            if findings.has(Code::ExpressionIndex, &span) {
                return None;
            }
            let message = format!(
                "no unique index on `{}` by `{}`: two users can have the same, and then neither can be told",
                found.name,
                spelled(equality)
            );
            Fault::new(Code::LookupNotUnique, span, message).help(create_index(scene, found, equality, true))
        }
        None if own_tables(seen).first() != Some(&table) => {
            let span = scene.span(seen, &seen.outline.tables[table].span);
            let message =
                format!("several rows of `{}` can belong to one user: the look-up gives several rows then", found.name);
            Fault::new(Code::LookupNotUnique, span, message)
                .help("select what is needed in a subselect, or group by the user")
        }
        None => {
            let span = scene.span(seen, &seen.outline.tables[table].span);
            let message = format!("no unique index ties the row of `{}` to the request", found.name);
            Fault::new(Code::LookupNotUnique, span, message)
                .help("compare a unique column with `=`, as in `WHERE email = {{ identifier }}`")
        }
    })
}

/// Without an index that begins with the key, every page reads and sorts the whole table.
fn sorted_pages(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    let Some(order) = seen.located.statement.order() else { return };
    let Some((qualifier, name)) = &order.column else { return };
    let of_key = |index: &usize| {
        let named = qualifier.as_ref().is_none_or(|name| seen.outline.tables[*index].answers_to(name));
        named && scene.table_at(seen, *index).is_some_and(|table| table.column(name).is_some())
    };
    let Some(table) = own_tables(seen).into_iter().find(of_key).and_then(|index| scene.table_at(seen, index)) else {
        return;
    };
    let is_key =
        |part: Option<&IndexPart>| matches!(part, Some(IndexPart::Column(column)) if column.eq_ignore_ascii_case(name));
    if table.kind == TableKind::View || table.indexes.iter().any(|index| is_key(index.parts.first())) {
        return;
    }
    let map = ScalarMap::new(&scene.source.text, &seen.located.at.span, &seen.located.at.value);
    let message = format!("every page reads and sorts the whole of `{}`: no index begins with `{name}`", table.name);
    let help = format!("CREATE UNIQUE INDEX {}_{name} ON {} ({name})", table.name, table.name);
    findings.push(Fault::new(Code::SeqScan, map.span(&order.span), message).help(help));
}

/// Rows that are as old as the latest refresh.
fn stale(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    for (used, table) in scene.used(seen, &[Role::Read]).filter(|(_, table)| table.kind == TableKind::Materialized) {
        let message = format!(
            "`{}` is a materialised view: a password or lock that changed counts only after a refresh",
            table.name
        );
        findings
            .push(Fault::new(Code::StaleView, scene.span(seen, &used.span), message).help("read the tables behind it"));
    }
}

/// A whole table is read.
fn scans(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    let Ok(Some(plan)) = &seen.plan else { return };
    let mut scans = plan.scans.clone();
    if scene.dialect() == Dialect::Mysql {
        // While planning, the server looks up unique keys; when there is no such row, it explains nothing further.
        let explained = |table: &TableUse| plan.scans.iter().any(|scan| table.answers_to(&scan.table));
        let rest =
            own_tables(seen).into_iter().map(|index| &seen.outline.tables[index]).filter(|table| !explained(table));
        let name = |table: &TableUse| table.alias.clone().unwrap_or_else(|| table.name.clone());
        scans.extend(rest.map(|table| Scan { table: name(table), relation: None, access: Access::Maybe }));
    }
    for scan in &scans {
        let called = seen.outline.tables.iter().position(|table| table.answers_to(&scan.table));
        // PostgreSQL numbers a table's second use.
        let named_so = |table: &TableUse| scan.relation.as_deref() == Some(table.name.as_str());
        let used = called.or_else(|| seen.outline.tables.iter().rposition(named_so));
        let equalities: Vec<(Equality, &Table)> = named(scene, seen)
            .into_iter()
            .filter(|(equality, _)| scene.resolve(seen, &equality.column).map(|(of, _)| of) == used)
            .collect();
        if let Some(fault) = pointing_table(scene, seen, plan, scan, used) {
            findings.push(fault);
            continue;
        }
        let known = used.and_then(|used| scene.table_at(seen, used));
        let without = equalities.into_iter().find(|(equality, table)| !is_indexed(scene, seen, table, equality));
        let without = without.or_else(|| {
            let equality = unindexed(scene, seen, used?)?;
            scene.table_at(seen, used?).map(|table| (equality, table))
        });
        let full = match scan.access {
            Access::Keyed => false,
            // Another server's indexes are not seen from here.
            _ if known.is_some_and(|table| table.kind == TableKind::Foreign) => false,
            // An empty parent is planned otherwise than an empty table.
            Access::Full if known.is_some_and(|table| table.inherited) => without.is_some(),
            Access::Full => true,
            // The planner chose so because the table is small: what its indexes are over tells what would become of it.
            Access::Maybe => without.is_some(),
        };
        if !full {
            continue;
        }
        let (span, help) = match (without, used) {
            (Some((equality, table)), _) => {
                let help = create_index(scene, table, &equality, seen.purpose.looks_up());
                (scene.span(seen, &equality.column.span), Some(help))
            }
            (None, Some(used)) => {
                let compared = named(scene, seen)
                    .into_iter()
                    .find(|(equality, _)| scene.resolve(seen, &equality.column).is_some_and(|(of, _)| of == used));
                let place =
                    compared.map_or(seen.outline.tables[used].span.clone(), |(equality, _)| equality.column.span);
                (scene.span(seen, &place), None)
            }
            (None, None) => (scene.head(seen), None),
        };
        if findings.has(Code::ExpressionIndex, &span) {
            continue;
        }
        let name = used.map_or(scan.table.as_str(), |used| seen.outline.tables[used].name.as_str());
        let message = format!("the whole of `{name}` is read to find the rows: no index can be used");
        let help = help.unwrap_or_else(|| format!("add an index to `{name}` over the columns that are compared"));
        findings.push(Fault::new(Code::SeqScan, span, message).help(help));
    }
}

/// SQLite also explains how it looks for rows that point to those which are changed or removed.
fn pointing_table(scene: &Scene<'_>, seen: &Seen<'_>, plan: &Plan, scan: &Scan, used: Option<usize>) -> Option<Fault> {
    let target = own_tables(seen).into_iter().find(|table| seen.outline.tables[*table].role != Role::Read);
    let table = scene.table_at(seen, target.filter(|_| scene.dialect() == Dialect::Sqlite)?)?;
    let keyed = |other: &Scan| other.table == scan.table && other.access == Access::Keyed;
    let own = used.is_some() && !plan.scans.iter().any(keyed);
    let pointing = table.referenced_by.iter().find(|reference| reference.table.eq_ignore_ascii_case(&scan.table))?;
    if own || scan.access != Access::Full {
        return None;
    }
    let message =
        format!("each change reads the whole of `{}` for rows that point to `{}`", pointing.table, table.name);
    let span = scene.span(seen, &seen.outline.tables[target?].span);
    let help = format!("add an index to `{}` over its columns that point to `{}`", pointing.table, table.name);
    Some(Fault::new(Code::SeqScan, span, message).help(help))
}

/// Which names the look-up takes for one; said once for each column.
pub(super) fn collations(scene: &Scene<'_>, findings: &mut Findings) {
    let mut told: Vec<(String, String)> = Vec::new();
    for seen in scene.statements.iter().filter(|seen| seen.described.is_ok()) {
        for (equality, table) in named(scene, seen) {
            let Some((_, column)) = scene.resolve(seen, &equality.column) else { continue };
            let key = (table.name.clone(), column.name.clone());
            let Some(alike) = column.alike.as_ref().filter(|_| names_user(seen, &equality)) else { continue };
            // A collation that the statement asks for itself is its author's own choice.
            if told.contains(&key) || equality.words.contains(&"collate".to_owned()) {
                continue;
            }
            let span = scene.span(seen, &equality.column.span);
            let same = [(alike.case, "`ADMIN`"), (alike.blanks, "`admin `"), (alike.accents, "`ädmin`")];
            let same: Vec<&str> = same.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect();
            let Some(fault) = loose(scene, &column.name, alike, &same, span) else { continue };
            told.push(key);
            findings.push(fault);
        }
    }
}

fn loose(
    scene: &Scene<'_>,
    column: &str,
    alike: &crate::db::inspect::Alike,
    same: &[&str],
    span: Span,
) -> Option<Fault> {
    let message = format!("`{column}` compares by {}: {} and `admin` are one user", alike.collation, same.join(", "));
    if alike.accents || alike.blanks {
        let help = match scene.dialect() {
            Dialect::Mysql => {
                let collation = if scene.server.product == "MariaDB" {
                    "utf8mb4_uca1400_nopad_as_ci"
                } else {
                    "utf8mb4_0900_as_ci"
                };
                format!(
                    "give the column a collation that tells them apart, such as {collation}: \
                     ALTER TABLE … MODIFY {column} … COLLATE {collation}"
                )
            }
            Dialect::Postgres => "give the column the type text or citext and a deterministic collation".to_owned(),
            Dialect::Sqlite => "declare the column COLLATE BINARY or COLLATE NOCASE".to_owned(),
        };
        return Some(Fault::new(Code::LooseCollation, span, message).help(help));
    }
    alike
        .case
        .then(|| Fault::new(Code::CaseInsensitive, span, message).help("nothing needs to be done if that is meant"))
}

/// The equalities with values of the request, with the tables of their columns.
fn named<'s>(scene: &'s Scene<'_>, seen: &'s Seen<'_>) -> Vec<(Equality, &'s Table)> {
    let mut found: Vec<(Equality, &Table)> = Vec::new();
    for equality in branches(scene, seen).unwrap_or_default().into_iter().flatten() {
        let table = scene.resolve(seen, &equality.column).and_then(|(index, _)| scene.table_at(seen, index));
        let named = matches!(equality.other, Other::Parameter(_));
        let known = found.iter().any(|(other, _)| other.column == equality.column);
        if let Some(table) = table.filter(|_| named && !known) {
            found.push((equality, table));
        }
    }
    found
}

fn names_user(seen: &Seen<'_>, equality: &Equality) -> bool {
    let Other::Parameter(index) = equality.other else { return false };
    let parameter = seen.located.statement.parameters.get(index);
    let names = [Input::Identifier, Input::Email, Input::Username, Input::PhoneNumber];
    parameter.and_then(|parameter| parameter.expression.input()).is_some_and(|input| names.contains(input))
}

/// Whether the plan reads the whole table of this column.
fn is_read_fully(seen: &Seen<'_>, equality: &Equality, scene: &Scene<'_>) -> bool {
    let Ok(Some(plan)) = &seen.plan else { return true };
    let Some((used, _)) = scene.resolve(seen, &equality.column) else { return false };
    let scans = plan.scans.iter().filter(|scan| seen.outline.tables[used].answers_to(&scan.table));
    scans.into_iter().any(|scan| scan.access != Access::Keyed)
}

/// `lower(email)` for the words `lower email`.
fn spelled(equality: &Equality) -> String {
    if equality.bare {
        return equality.column.name.clone();
    }
    if let Some(at) = equality.words.iter().position(|word| word == "collate") {
        return equality.words[at - 1..].join(" ");
    }
    let functions = &equality.words[..equality.words.len() - 1];
    let close = ")".repeat(functions.len());
    format!("{}({}{close}", functions.join("("), equality.column.name)
}

fn create_index(scene: &Scene<'_>, table: &Table, equality: &Equality, unique: bool) -> String {
    let unique = if unique { "UNIQUE " } else { "" };
    let expression = spelled(equality);
    // MySQL wants parentheses of their own around expressions; MariaDB has no such index.
    if scene.server.product == "MariaDB" && !equality.bare {
        return format!(
            "compare `{}` alone, in a collation that does what `{}` is for",
            equality.column.name, equality.words[0]
        );
    }
    let expression =
        if equality.bare || scene.dialect() != Dialect::Mysql { expression } else { format!("({expression})") };
    format!("CREATE {unique}INDEX {}_{} ON {} ({expression})", table.name, equality.column.name, table.name)
}
