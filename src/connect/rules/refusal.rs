//! Statements that the database refuses to prepare or to explain.

use super::Findings;
use crate::connect::grants::for_statement;
use crate::connect::scene::{Scene, Seen};
use crate::db::inspect::{Refusal, Subject};
use crate::diagnostic::{Code, Fault, Span, nearest};
use crate::sql::Dialect;

pub(super) fn rules(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    let refusals = seen.described.as_ref().err().into_iter().chain(seen.plan.as_ref().err());
    for refusal in refusals {
        if let Some(fault) = fault(scene, seen, refusal) {
            findings.push(fault);
        }
    }
}

fn fault(scene: &Scene<'_>, seen: &Seen<'_>, refusal: &Refusal) -> Option<Fault> {
    Some(match refusal.subject {
        Subject::Table => unknown_table(scene, seen, refusal),
        Subject::Column => unknown_column(scene, seen, refusal),
        Subject::Function => unknown_function(scene, seen, refusal),
        Subject::Privilege => missing_privilege(scene, seen, refusal),
        // What is written to a computed column is found by its own rule, in the statement's list of columns.
        Subject::Generated if !seen.outline.assignments.is_empty() => return None,
        Subject::Generated | Subject::Statement | Subject::Connection => refused(scene, seen, refusal),
    })
}

fn unknown_table(scene: &Scene<'_>, seen: &Seen<'_>, refusal: &Refusal) -> Fault {
    let absent = seen.outline.tables.iter().zip(&seen.tables).find(|(_, table)| table.is_none());
    let (name, within) = match absent {
        Some((used, _)) => (used.name.clone(), used.span.clone()),
        None => named_at(seen, refusal),
    };
    let span = place(scene, seen, &within);
    let message = format!("{} has no table `{name}`: {}", scene.server.product, refusal.error);
    let elsewhere = scene.known.iter().find(|known| known.ends_with(&format!(".{name}"))).map(String::as_str);
    let near = elsewhere.or_else(|| nearest(&name, scene.known.iter().map(String::as_str)));
    let fault = Fault::new(Code::UnknownTable, span, message);
    match near {
        Some(near) => fault.help(format!("did you mean `{near}`?")),
        None if scene.known.is_empty() => {
            fault.help("this user sees no table at all: connect to another database, or grant the privileges")
        }
        None => fault.help("correct the name, put its schema in front, or connect to another database"),
    }
}

fn unknown_column(scene: &Scene<'_>, seen: &Seen<'_>, refusal: &Refusal) -> Fault {
    let said = |name: &str| refusal.error.message.to_lowercase().contains(&name.to_lowercase());
    let unresolved = |column: &&crate::sql::ColumnUse| scene.resolve(seen, column).is_none() && said(&column.name);
    let read = seen.outline.columns.iter().find(unresolved).map(|column| {
        let start = column.span.end - last_part(seen, &column.span);
        (column.name.clone(), start..column.span.end)
    });
    let written = seen.outline.assignments.iter().find(|assignment| {
        let table = scene.table_at(seen, assignment.table);
        table.is_some_and(|table| table.column(&assignment.column).is_none()) && said(&assignment.column)
    });
    let written = written.map(|assignment| (assignment.column.clone(), assignment.span.clone()));
    let (name, within) = written.or(read).unwrap_or_else(|| named_at(seen, refusal));
    let columns = seen.tables.iter().flatten().flat_map(|index| &scene.tables[*index].columns);
    let near = nearest(&name, columns.map(|column| column.name.as_str()));
    let tables: Vec<String> = seen.outline.tables.iter().map(|used| format!("`{}`", used.name)).collect();
    let message = format!("no column `{name}` in {}: {}", tables.join(", "), refusal.error);
    let fault = Fault::new(Code::UnknownColumn, place(scene, seen, &within), message);
    match near {
        Some(near) => fault.help(format!("did you mean `{near}`?")),
        None => fault.help("correct the name, or add the column to the table"),
    }
}

/// The length of the last part of `a.b.c`.
fn last_part(seen: &Seen<'_>, span: &Span) -> usize {
    let text = seen.located.statement.text.get(span.clone()).unwrap_or_default();
    text.rsplit('.').next().map_or(text.len(), |part| part.trim_start().len())
}

fn unknown_function(scene: &Scene<'_>, seen: &Seen<'_>, refusal: &Refusal) -> Fault {
    let message = refusal.error.message.to_lowercase();
    let called = seen.outline.functions.iter().find(|(name, _)| message.contains(&name.to_lowercase()));
    let (name, within) = called.cloned().unwrap_or_else(|| named_at(seen, refusal));
    let near = nearest(&name, scene.dialect_functions());
    let message = format!("{} has no such function `{name}`: {}", scene.server.product, refusal.error);
    let fault = Fault::new(Code::UnknownFunction, place(scene, seen, &within), message);
    match near.filter(|near| !near.eq_ignore_ascii_case(&name)) {
        Some(near) => fault.help(format!("did you mean `{near}`?")),
        None => fault.help("correct its name, or the types of its arguments with CAST"),
    }
}

impl Scene<'_> {
    /// Functions that statements of user stores commonly call.
    fn dialect_functions(&self) -> impl Iterator<Item = &'static str> {
        [
            "lower",
            "upper",
            "trim",
            "coalesce",
            "concat",
            "now",
            "substring",
            "replace",
            "length",
            "count",
            "max",
            "min",
            "cast",
            "nullif",
            "md5",
            "sha2",
            "crypt",
            "encode",
            "decode",
            "hex",
            "datetime",
            "uuid",
            "gen_random_uuid",
        ]
        .into_iter()
    }
}

/// MySQL also calls a column or function that does not exist "denied" to whom not everything is granted. A slip of the
/// pen is taken for what it is; otherwise both are said.
fn missing_privilege(scene: &Scene<'_>, seen: &Seen<'_>, refusal: &Refusal) -> Fault {
    if let Some(slip) = slip(scene, seen, refusal) {
        return slip;
    }
    let fault = denied(scene, seen, refusal);
    let hides = scene.dialect() == Dialect::Mysql && !scene.server.modes.is_empty();
    match fault.help.clone().filter(|_| hides) {
        Some(help) => fault.help(format!("{help}; or the name is wrong, which MySQL does not tell apart")),
        None => fault,
    }
}

fn slip(scene: &Scene<'_>, seen: &Seen<'_>, refusal: &Refusal) -> Option<Fault> {
    if scene.dialect() != Dialect::Mysql {
        return None;
    }
    let message = &refusal.error.message;
    if message.contains("for column") {
        let fault = unknown_column(scene, seen, refusal);
        return fault.help.as_ref().is_some_and(|help| help.starts_with("did you mean")).then_some(fault);
    }
    let absent = seen.tables.iter().any(Option::is_none);
    let fault = unknown_table(scene, seen, refusal);
    (absent
        && message.contains("for table")
        && fault.help.as_ref().is_some_and(|help| help.starts_with("did you mean")))
    .then_some(fault)
}

fn denied(scene: &Scene<'_>, seen: &Seen<'_>, refusal: &Refusal) -> Fault {
    let message = format!("`{}` may not run this statement: {}", scene.account.name, refusal.error);
    let fault = Fault::new(Code::MissingPrivilege, scene.head(seen), message);
    let grants = for_statement(scene, seen);
    match grants.is_empty() {
        true => fault.help("`userbridge check --grants` prints what the definition needs"),
        false => fault.help(format!("as the tables' owner: {}", grants.join(" "))),
    }
}

fn refused(scene: &Scene<'_>, seen: &Seen<'_>, refusal: &Refusal) -> Fault {
    // MySQL names what it complains of between quotes, but not where it stands.
    let quoted = seen
        .outline
        .columns
        .iter()
        .find(|column| column.qualifier.is_none() && refusal.error.message.contains(&format!("'{}'", column.name)));
    let span = match (refusal.error.offset, quoted) {
        (Some(_), _) => place(scene, seen, &named_at(seen, refusal).1),
        (None, Some(column)) => place(scene, seen, &column.span),
        (None, None) => scene.head(seen),
    };
    let message = format!("{} refuses this statement: {}", scene.server.product, refusal.error);
    Fault::new(Code::RefusedStatement, span, message)
        .help("correct the statement; the words behind the colon are the database's own")
}

/// The name at the place that the database points at.
fn named_at(seen: &Seen<'_>, refusal: &Refusal) -> (String, Span) {
    let text = &*seen.located.statement.text;
    let start = refusal.error.offset.filter(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let rest = &text[start..];
    let length = rest.find(|c: char| !(c.is_alphanumeric() || "_$\"`".contains(c))).unwrap_or(rest.len());
    let length = length.max(rest.chars().next().map_or(0, char::len_utf8));
    (rest[..length].trim_matches(['"', '`']).to_owned(), start..start + length)
}

fn place(scene: &Scene<'_>, seen: &Seen<'_>, within: &Span) -> Span {
    scene.span(seen, within)
}
