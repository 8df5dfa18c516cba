//! A census of stored hashes: which formats they are of, in numbers.
//!
//! Invariant: values are read, recognised and dropped; what leaves this module are counts and names of formats.

use std::collections::BTreeMap;

use super::scene::{Purpose, Scene, Seen};
use crate::db::inspect::{Inspector, Table, TypeClass};
use crate::definition::{StoredPassword, Verification};
use crate::diagnostic::{Code, Diagnostic, Fault, Span};
use crate::hash::{Stored, Unreadable};
use crate::secret::Secret;
use crate::sql::Dialect;

/// Reads the hashes of so many rows, the first that the database gives.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn census(
    scene: &Scene<'_>,
    inspector: &mut dyn Inspector,
    count: u32,
) -> Result<Vec<Diagnostic>, crate::db::Error> {
    let login = scene.statements.iter().find(|seen| seen.purpose == Purpose::Login);
    let verification = scene.definition.login.as_ref().map(|login| &login.verification);
    let (Some(seen), Some(Verification::Gateway(stored))) = (login, verification) else {
        let message = "there are no hashes to sample: no `login` compares one in the gateway";
        return Ok(vec![not_sampled(scene.definition.places.database.clone(), message)]);
    };
    let Some(source) = source(scene, seen, stored) else {
        let message = "the hashes cannot be sampled: what `login` selects is not a plain column of one table";
        return Ok(vec![not_sampled(scene.head(seen), message)]);
    };
    let rows = inspector.sample(&format!("SELECT {} FROM {} LIMIT {count}", source.columns, source.table)).await?;
    let mut counts = Counts::default();
    for row in rows {
        counts.add(stored, row);
    }
    Ok(counts.report(source.span).into_iter().map(Diagnostic::from).collect())
}

fn not_sampled(span: Span, message: &str) -> Diagnostic {
    Fault::new(Code::NotChecked, span, message).help("look at some with `userbridge hash identify`").into()
}

/// What is selected from where.
struct Where {
    columns: String,
    table: String,
    span: Span,
}

fn source(scene: &Scene<'_>, seen: &Seen<'_>, stored: &StoredPassword) -> Option<Where> {
    let mut columns = Vec::new();
    let mut home: Option<(usize, Span)> = None;
    for name in std::iter::once(&stored.column).chain(&stored.beside) {
        let output = seen.outline.outputs.iter().find(|output| output.name.as_ref() == Some(name))?;
        let (index, column) = scene.resolve(seen, output.column.as_ref()?)?;
        match &home {
            None => home = Some((index, scene.span(seen, &output.span))),
            // What belongs to the hash stands in another table: one row could not be told from the other.
            Some((other, _)) if *other != index => return None,
            Some(_) => {}
        }
        columns.push(bytes_of(scene.dialect(), &column.name, column.class));
    }
    let (index, span) = home?;
    let Table { schema, name, .. } = scene.table_at(seen, index)?;
    let quote = |name: &str| scene.dialect().quote_identifier(name);
    Some(Where { columns: columns.join(", "), table: format!("{}.{}", quote(schema), quote(name)), span })
}

fn bytes_of(dialect: Dialect, column: &str, class: TypeClass) -> String {
    let quoted = dialect.quote_identifier(column);
    match (dialect, class) {
        (Dialect::Postgres, TypeClass::Bytes) | (Dialect::Sqlite, _) | (Dialect::Mysql, TypeClass::Bytes) => quoted,
        (Dialect::Postgres, _) => format!("convert_to(CAST({quoted} AS text), 'UTF8')"),
        (Dialect::Mysql, _) => format!("CAST({quoted} AS char)"),
    }
}

#[derive(Default)]
struct Counts {
    rows: usize,
    formats: BTreeMap<String, usize>,
    null: usize,
    empty: usize,
    locked: usize,
    unreadable: BTreeMap<String, usize>,
}

impl Counts {
    fn add(&mut self, stored: &StoredPassword, row: Vec<Option<Secret>>) {
        self.rows += 1;
        let mut values = row.into_iter();
        let Some(Some(hash)) = values.next() else {
            self.null += 1;
            return;
        };
        let extra: Vec<_> = stored.beside.iter().cloned().zip(values).collect();
        match stored.policy.recognise(&Stored { value: Some(&hash), extra: &extra, ..Stored::default() }) {
            Ok(Some(format)) => *self.formats.entry(format).or_default() += 1,
            Ok(None) if hash.expose().trim_ascii().is_empty() => self.empty += 1,
            Ok(None) => self.locked += 1,
            Err(unreadable) => *self.unreadable.entry(kind(&unreadable)).or_default() += 1,
        }
    }

    fn report(&self, span: Span) -> Vec<Fault> {
        let without = [(self.null, "NULL"), (self.empty, "empty"), (self.locked, "locked")];
        let without =
            without.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        let bad: usize = self.unreadable.values().sum();
        let formats = self.formats.iter().map(|(format, count)| format!("{count} {format}"));
        let unreadable = (bad > 0).then(|| format!("{bad} that cannot be verified"));
        let parts: Vec<String> = formats.chain(without).chain(unreadable).collect();
        let list = if parts.is_empty() { "none".to_owned() } else { parts.join(", ") };
        let mut found = vec![
            Fault::new(Code::HashCensus, span.clone(), format!("of {} stored hashes: {list}", self.rows))
                .help("these are the first rows that the database gave; sample more to see rare formats"),
        ];
        if bad > 0 {
            let kinds: Vec<String> = self.unreadable.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            let message = format!("{bad} of {} sampled hashes cannot be verified: {}", self.rows, kinds.join(", "));
            found.push(
                Fault::new(Code::UnreadableHashes, span, message)
                    .help("add their format under `password: formats`; what was cut off by a short column is lost"),
            );
        }
        found
    }
}

/// What is wrong with a value, without the value.
fn kind(unreadable: &Unreadable) -> String {
    match unreadable {
        Unreadable::Unrecognised { looks_like: Some(name), .. } => {
            format!("that look like {name}, which is not accepted")
        }
        Unreadable::Unrecognised { looks_like: None, .. } => "of no known format".to_owned(),
        Unreadable::Ambiguous { shape, candidates } => {
            format!("that are {shape}, as of {}", candidates.join(", "))
        }
        Unreadable::Malformed { format, problem } => format!("cut off or damaged {format} ({problem})"),
        Unreadable::OverCap { format, what, .. } => format!("{format} above the cap of {what}"),
        Unreadable::Failed { format, .. } => format!("{format} that fail"),
    }
}
