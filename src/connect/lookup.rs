//! What a statement's conditions fix, and whether unique indexes make at most one row of it.
//!
//! Invariant: "unique" is only said when indexes prove it; conditions that are not understood fix nothing.

use super::scene::{Scene, Seen};
use crate::db::inspect::{Index, IndexPart, Table, TableKind, TypeClass};
use crate::sql::{ColumnUse, Condition, Operand, Role};

/// How many alternatives of OR are followed; beyond, nothing is said.
const BRANCHES: usize = 32;

/// A column, or an expression over it, that a condition equates with something.
#[derive(Clone, Debug)]
pub(super) struct Equality {
    /// The side that is a column.
    pub column: ColumnUse,
    /// The words of the expression in order, in lower case: `lower email`.
    pub words: Vec<String>,
    /// Whether a function or collation stands around the column.
    pub bare: bool,
    /// The other side.
    pub other: Other,
}

/// What a column is equated with.
#[derive(Clone, Debug)]
pub(super) enum Other {
    /// A parameter, counted from 0.
    Parameter(usize),
    /// Something that is the same for all rows.
    Constant,
    /// A column of another table.
    Column(ColumnUse),
}

/// Whether at most one row answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Unique indexes prove it.
    Unique,
    /// These tables, by their index in the outline, can give several rows, each in the alternative of this index.
    Several(Vec<(usize, usize)>),
    /// It cannot be told, and why.
    Unknown(&'static str),
}

/// The alternatives of a statement's conditions, each a list of equalities that hold together.
pub(super) fn branches(scene: &Scene<'_>, seen: &Seen<'_>) -> Option<Vec<Vec<Equality>>> {
    let mut all = vec![Vec::new()];
    for condition in &seen.outline.conditions {
        all = product(&all, &expand(scene, seen, condition)?)?;
    }
    Some(all)
}

fn expand(scene: &Scene<'_>, seen: &Seen<'_>, condition: &Condition) -> Option<Vec<Vec<Equality>>> {
    match condition {
        Condition::Equal(sides) => Some(vec![equalities(scene, seen, &sides.0, &sides.1)]),
        Condition::Other(_) => Some(vec![Vec::new()]),
        Condition::Any(list) => {
            let mut all = Vec::new();
            for condition in list {
                all.extend(expand(scene, seen, condition)?);
            }
            (all.len() <= BRANCHES).then_some(all)
        }
        Condition::All(list) => {
            let mut all = vec![Vec::new()];
            for condition in list {
                all = product(&all, &expand(scene, seen, condition)?)?;
            }
            Some(all)
        }
    }
}

fn product(a: &[Vec<Equality>], b: &[Vec<Equality>]) -> Option<Vec<Vec<Equality>>> {
    if a.len() * b.len() > BRANCHES {
        return None;
    }
    let joined = |x: &Vec<Equality>| b.iter().map(|y| x.iter().chain(y).cloned().collect()).collect::<Vec<_>>();
    Some(a.iter().flat_map(joined).collect())
}

/// One equality seen from each side that is a column.
fn equalities(scene: &Scene<'_>, seen: &Seen<'_>, a: &Operand, b: &Operand) -> Vec<Equality> {
    let mut found = Vec::new();
    for (side, other) in [(a, b), (b, a)] {
        let Operand::Column { functions, column, collation } = side else { continue };
        let other = match other {
            Operand::Parameter { index, .. } => Other::Parameter(*index),
            Operand::Constant => Other::Constant,
            Operand::Column { column, .. } => Other::Column(column.clone()),
            Operand::Other => continue,
        };
        let own = scene.resolve(seen, column).and_then(|(_, column)| column.alike.as_ref());
        let foreign = collation.as_ref().filter(|name| own.is_none_or(|own| !own.collation.eq_ignore_ascii_case(name)));
        let mut words: Vec<String> = functions.clone();
        words.push(column.name.to_lowercase());
        words.extend(foreign.iter().flat_map(|name| ["collate".to_owned(), name.to_lowercase()]));
        let bare = functions.is_empty() && foreign.is_none();
        found.push(Equality { column: column.clone(), words, bare, other });
    }
    found
}

/// Whether unique indexes leave at most one row, in every alternative.
pub(super) fn verdict(scene: &Scene<'_>, seen: &Seen<'_>) -> Verdict {
    if seen.outline.derived {
        return Verdict::Unknown("it reads a subselect, a function or a common table expression");
    }
    let Some(branches) = branches(scene, seen) else { return Verdict::Unknown("it has too many alternatives") };
    let own: Vec<usize> = own_tables(seen);
    if own.is_empty() {
        return Verdict::Unknown("it names no table");
    }
    let mut several: Vec<(usize, usize)> = Vec::new();
    for (branch, equalities) in branches.iter().enumerate() {
        for table in undetermined(scene, seen, &own, equalities) {
            match scene.table_at(seen, table) {
                None => return Verdict::Unknown("one of its tables is not known"),
                Some(found) if found.kind == TableKind::View => {
                    return Verdict::Unknown("a view has no indexes of its own");
                }
                Some(found) if found.kind == TableKind::Foreign => {
                    return Verdict::Unknown("another server keeps the table's indexes");
                }
                // A joined table that gives several rows does no harm where the result is collapsed to one.
                Some(_) if seen.outline.collapses && !is_named(scene, seen, equalities, table) => {}
                Some(_) => {
                    several.push((table, branch));
                    // What hangs on this table is as open as it is.
                    break;
                }
            }
        }
    }
    if several.is_empty() { Verdict::Unique } else { Verdict::Several(several) }
}

/// The tables at the statement's own level whose rows make its result.
pub(super) fn own_tables(seen: &Seen<'_>) -> Vec<usize> {
    let tables = seen.outline.tables.iter().enumerate();
    tables.filter(|(_, table)| table.scope == 0 && table.role != Role::Insert).map(|(index, _)| index).collect()
}

/// Whether a value of the request names a row of this table.
fn is_named(scene: &Scene<'_>, seen: &Seen<'_>, equalities: &[Equality], table: usize) -> bool {
    equalities.iter().any(|equality| {
        matches!(equality.other, Other::Parameter(_))
            && scene.resolve(seen, &equality.column).is_some_and(|(index, _)| index == table)
    })
}

/// The tables of which several rows can answer: those that no unique index ties to what is fixed already. The one
/// that the request names goes first.
fn undetermined(scene: &Scene<'_>, seen: &Seen<'_>, own: &[usize], equalities: &[Equality]) -> Vec<usize> {
    let mut fixed: Vec<usize> = Vec::new();
    loop {
        let next = own.iter().copied().find(|table| {
            !fixed.contains(table)
                && scene.table_at(seen, *table).is_some_and(|found| {
                    found
                        .indexes
                        .iter()
                        .any(|index| index.unique && covers(scene, seen, index, *table, equalities, &fixed))
                        // Each table that inherits has indexes of its own.
                        && (!found.inherited || seen.outline.tables[*table].only)
                })
        });
        match next {
            Some(table) => fixed.push(table),
            None => break,
        }
    }
    let mut open: Vec<usize> = own.iter().copied().filter(|table| !fixed.contains(table)).collect();
    open.sort_by_key(|table| !is_named(scene, seen, equalities, *table));
    open
}

fn covers(
    scene: &Scene<'_>,
    seen: &Seen<'_>,
    index: &Index,
    table: usize,
    equalities: &[Equality],
    fixed: &[usize],
) -> bool {
    let known = |equality: &Equality| match &equality.other {
        Other::Parameter(_) | Other::Constant => true,
        Other::Column(column) => scene.resolve(seen, column).is_some_and(|(other, _)| fixed.contains(&other)),
    };
    let matching = |part: &IndexPart| {
        equalities.iter().any(|equality| {
            scene.resolve(seen, &equality.column).is_some_and(|(of, _)| of == table)
                && fits(part, equality)
                && known(equality)
        })
    };
    // A partial index only counts where the statement repeats its condition.
    let implied = index.predicate.as_ref().is_none_or(|predicate| {
        // What equals something is not NULL.
        if let Some(column) = not_null(predicate)
            && equalities.iter().any(|equality| equality.column.name.eq_ignore_ascii_case(&column))
        {
            return true;
        }
        let text = words(&seen.located.statement.text);
        let wanted = words(predicate);
        text.windows(wanted.len().max(1)).any(|window| window == wanted)
    });
    implied && !index.parts.is_empty() && index.parts.iter().all(matching)
}

/// The column of `column IS NOT NULL`.
fn not_null(predicate: &str) -> Option<String> {
    match words(predicate).as_slice() {
        [column, is, not, null] if [is, not, null] == ["is", "not", "null"] => Some(column.clone()),
        _ => None,
    }
}

/// Whether a part of an index is what the condition compares.
pub(super) fn fits(part: &IndexPart, equality: &Equality) -> bool {
    match part {
        IndexPart::Column(name) => equality.bare && name.eq_ignore_ascii_case(&equality.column.name),
        IndexPart::Expression(text) => words(text) == equality.words,
    }
}

/// Whether an index can find rows by what the condition compares: it begins with that, or with other columns that are
/// compared as well.
pub(super) fn is_indexed(scene: &Scene<'_>, seen: &Seen<'_>, table: &Table, equality: &Equality) -> bool {
    let holds = |branch: &&Vec<Equality>| branch.iter().any(|other| other.column == equality.column);
    let all = branches(scene, seen).unwrap_or_default();
    let mut beside = all.iter().filter(holds);
    let alone = vec![equality.clone()];
    let found = |branch: &Vec<Equality>| {
        table.indexes.iter().any(|index| {
            let compared =
                |part: &&IndexPart| branch.iter().any(|other| fits(part, other) && is_comparable(scene, seen, other));
            index.parts.iter().take_while(compared).any(|part| fits(part, equality))
        })
    };
    found(&alone) && is_comparable(scene, seen, equality) || beside.any(found)
}

/// MySQL and SQLite read texts as numbers to compare them with a column of numbers: no index on texts helps then.
pub(super) fn is_comparable(scene: &Scene<'_>, seen: &Seen<'_>, equality: &Equality) -> bool {
    let class = |column: &ColumnUse| scene.resolve(seen, column).map(|(_, column)| column.class);
    match &equality.other {
        Other::Column(other) => {
            let numeric = matches!(class(other), Some(TypeClass::Integer | TypeClass::Float | TypeClass::Boolean));
            !(numeric && class(&equality.column) == Some(TypeClass::Text))
        }
        Other::Parameter(_) | Other::Constant => true,
    }
}

/// Of a table at the statement's own level: what is compared in an alternative in which no index can find its rows.
pub(super) fn unindexed(scene: &Scene<'_>, seen: &Seen<'_>, table: usize) -> Option<Equality> {
    let found = scene.table_at(seen, table)?;
    let of_table = |equality: &Equality| scene.resolve(seen, &equality.column).is_some_and(|(of, _)| of == table);
    branches(scene, seen)?.into_iter().find_map(|branch| {
        let own: Vec<Equality> = branch.into_iter().filter(of_table).collect();
        let indexed = own.iter().any(|equality| is_indexed(scene, seen, found, equality));
        own.into_iter().next().filter(|_| !indexed)
    })
}

/// An index that is over the same column, but in another form than the condition's.
pub(super) fn near_miss<'t>(table: &'t Table, equality: &Equality) -> Option<&'t Index> {
    let name = &equality.column.name;
    table.indexes.iter().find(|index| match index.parts.first() {
        Some(IndexPart::Column(column)) => !equality.bare && column.eq_ignore_ascii_case(name),
        Some(IndexPart::Expression(text)) => words(text).contains(&name.to_lowercase()),
        None => false,
    })
}

/// The words of an expression without casts, quotes and parentheses, so that `lower((email)::text)` is `lower email`.
fn words(text: &str) -> Vec<String> {
    let mut text = text.to_lowercase();
    for cast in ["::character varying", "::text", "::citext", "::bpchar", "::varchar"] {
        text = text.replace(cast, "");
    }
    let separators = |c: char| !(c.is_alphanumeric() || c == '_' || c == '$');
    text.split(separators).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_write_expressions_in_many_ways() {
        for text in ["lower((email)::text)", "lower(`email`)", "LOWER(\"email\")", "lower(email::character varying)"] {
            assert_eq!(words(text), ["lower", "email"], "{text}");
        }
    }
}
