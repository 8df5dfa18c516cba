//! A look at a live database: known applications by their tables and columns, otherwise the likeliest table.
//!
//! Invariant: catalogues and at most fifty hashes are read, nothing is changed, and no value is told.

use std::fmt::Write;
use std::path::Path;

use super::edit::{Address, connector_name, rename};
use super::guess::{Census, Guess, Named};
use super::templates::{Template, all};
use crate::db::inspect::{Inspector, Table, TypeClass, inspect};
use crate::db::{Config, Error};
use crate::definition::{Definition, Surroundings, check};
use crate::diagnostic::Source;
use crate::sql::{Dialect, Statement};

/// How many tables are looked at.
const TABLES: usize = 1_000;
/// How many hashes are looked at.
const SAMPLE: usize = 50;

/// What a look at a database found.
pub(super) struct Found {
    /// What was considered and how sure it is, for people.
    pub told: String,
    pub choice: Option<Choice>,
}

/// What fits best.
pub(super) enum Choice {
    /// A known application's tables, with this prefix.
    Known { template: Template, prefix: Option<(String, String)> },
    /// Some table.
    Unknown { guess: Box<Guess>, census: Census, dialect: Dialect },
}

impl Choice {
    /// The connector's usual name.
    pub fn name(&self) -> String {
        match self {
            Self::Known { template, .. } => template.name.to_owned(),
            Self::Unknown { guess, .. } => connector_name(&guess.table.name),
        }
    }

    /// The definition under this name.
    pub fn definition(&self, name: &str, address: &Address) -> Result<String, String> {
        match self {
            Self::Known { template, prefix } => {
                let text = rename(template.text, name, address)?;
                Ok(match prefix {
                    Some((old, new)) => text.replacen(old, new, 1),
                    None => text,
                })
            }
            Self::Unknown { guess, census, dialect } => Ok(guess.plan(census, *dialect).definition(name, address)),
        }
    }
}

/// Looks, and decides.
pub(super) async fn look(config: &Config, url: &str) -> Result<Found, Error> {
    let mut inspector = inspect(config).await?;
    let names = inspector.tables().await?;
    let mut tables = Vec::new();
    for name in names.iter().take(TABLES) {
        let found = match inspector.table(None, name).await? {
            // Outside the search path, names come with their schema.
            None => match name.split_once('.') {
                Some((schema, name)) => inspector.table(Some(schema), name).await?,
                None => None,
            },
            found => found,
        };
        tables.extend(found.map(|table| Named { table, written: name.clone() }));
    }
    let mut told = format!("{} tables\n", tables.len());
    if names.len() > TABLES {
        let _ = writeln!(told, "only the first {TABLES} of {} were looked at", names.len());
    }
    if let Some(choice) = known(&tables, url, &mut told) {
        return Ok(Found { told, choice: Some(choice) });
    }
    let dialect = config.dialect();
    let guesses = Guess::all(&tables, dialect);
    let mut best: Option<(Guess, Census, usize)> = None;
    for guess in guesses.into_iter().take(5) {
        let census = sample(&guess, dialect, inspector.as_mut()).await?;
        let score = guess.score as usize + if census.certain.is_empty() { 0 } else { 30 };
        tell(&guess, &census, &mut told);
        if best.as_ref().is_none_or(|(.., other)| score > *other) {
            best = Some((guess, census, score));
        }
    }
    let choice = best.map(|(guess, census, _)| {
        let _ = writeln!(told, "taken: `{}`, {}", guess.written, guess.sureness(&census));
        Choice::Unknown { guess: Box::new(guess), census, dialect }
    });
    Ok(Found { told, choice })
}

fn tell(guess: &Guess, census: &Census, told: &mut String) {
    let identifiers: Vec<String> =
        guess.identifiers.iter().map(|identifier| format!("`{}`", identifier.column)).collect();
    let salt = guess.salt.as_ref().map_or(String::new(), |salt| format!(", salt `{salt}`"));
    let formats = match (census.values, census.certain.as_slice()) {
        (0, _) => "no hash to look at".to_owned(),
        (count, []) => format!("{count} hashes that do not say what they are"),
        (count, certain) => format!("{count} hashes looked at: {}", certain.join(", ")),
    };
    let _ = writeln!(
        told,
        "  `{}`: id `{}`, people log in by {}, hash `{}`{salt} ({formats})",
        guess.table.name,
        guess.id,
        identifiers.join(" or "),
        guess.hash
    );
}

async fn sample(guess: &Guess, dialect: Dialect, inspector: &mut dyn Inspector) -> Result<Census, Error> {
    let class = guess.table.column(&guess.hash).map_or(TypeClass::Other, |column| column.class);
    let hash = dialect.quote_identifier(&guess.hash);
    let bytes = match (dialect, class) {
        (Dialect::Sqlite, _) | (_, TypeClass::Bytes) => hash.clone(),
        (Dialect::Postgres, _) => format!("convert_to(CAST({hash} AS text), 'UTF8')"),
        (Dialect::Mysql, _) => format!("CAST({hash} AS char)"),
    };
    let (schema, table) = (dialect.quote_identifier(&guess.table.schema), dialect.quote_identifier(&guess.table.name));
    let text = format!("SELECT {bytes} FROM {schema}.{table} WHERE {hash} IS NOT NULL LIMIT {SAMPLE}");
    // Whoever may read the catalogue but not the table learns less, and that is all.
    Ok(inspector.sample(&text).await.map(Census::of).unwrap_or_default())
}

/// The known application whose every table and column is there; of several the one that needs most.
fn known(tables: &[Named], url: &str, told: &mut String) -> Option<Choice> {
    let mut best: Option<(usize, Choice, &'static str)> = None;
    for template in all() {
        for prefix in prefixes(template, tables, url) {
            let overridden = prefix.as_ref().map(|(variable, _, _, new)| (variable.as_str(), new.as_str()));
            let Some(definition) = compiled(template, url, overridden) else { continue };
            match fit(&definition, tables) {
                Fit::Whole(count) => {
                    let _ = writeln!(told, "  `{}` fits: all {count} names that it uses are there", template.name);
                    if best.as_ref().is_none_or(|(most, ..)| count > *most) {
                        let prefix = prefix.map(|(_, line, old, new)| (line.clone(), line.replacen(&old, &new, 1)));
                        best = Some((count, Choice::Known { template, prefix }, template.name));
                    }
                }
                Fit::Partly(missing) => {
                    let _ = writeln!(told, "  `{}` nearly fits, but there is no {missing}", template.name);
                }
                Fit::Not => {}
            }
        }
    }
    let (_, choice, name) = best?;
    let _ = writeln!(told, "taken: the template `{name}`, certain enough to try");
    Some(choice)
}

/// Values of a template's table prefix, or of its only table, that the tables suggest: variable, line, default as
/// written, value as written. None is the template as it is.
fn prefixes(template: Template, tables: &[Named], url: &str) -> Vec<Option<(String, String, String, String)>> {
    let mut found = vec![None];
    let keys = ["  table_prefix:", "  user_table:"];
    let Some(line) = template.text.lines().find(|line| keys.iter().any(|key| line.starts_with(key))) else {
        return found;
    };
    let Some(usual) = super::edit::default_of(line) else { return found };
    let variable = line.split("env:").nth(1).and_then(|rest| rest.split([',', ' ', '}']).find(|word| !word.is_empty()));
    let (Some(variable), Some(definition)) = (variable, compiled(template, url, None)) else { return found };
    let Some(first) = statements(&definition).first().and_then(|statement| statement.outline().tables.first().cloned())
    else {
        return found;
    };
    let whole = line.starts_with(keys[1]);
    let Some(base) = first.name.strip_prefix(usual) else { return found };
    for named in tables {
        let value = match whole {
            true => named.table.name.ends_with(usual).then_some(named.written.as_str()),
            false => named.written.strip_suffix(base),
        };
        let plain = |value: &str| value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        if let Some(value) = value.filter(|value| *value != usual && value.len() <= 60 && plain(value)) {
            let written = line.split_once("default:").map_or("", |(_, rest)| rest.trim().trim_end_matches('}').trim());
            let (old, new) = (format!("default: {written}"), format!("default: {}", super::edit::quoted(value)));
            found.push(Some((variable.to_owned(), line.to_owned(), old, new)));
        }
    }
    found
}

/// The template's definition for this database.
fn compiled(template: Template, url: &str, overridden: Option<(&str, &str)>) -> Option<Definition> {
    let text = template.text;
    let variable = |name: &str| match overridden {
        Some((own, default)) if own == name => super::edit::default_of(default).map(str::to_owned),
        _ if name.ends_with("_DATABASE_URL") => Some(url.to_owned()),
        _ => None,
    };
    let surroundings = Surroundings { variable: &variable, directory: Path::new(".") };
    check(&Source::new(template.name, text), &surroundings).0
}

/// Every statement of a definition, the look-ups first.
fn statements(definition: &Definition) -> Vec<&Statement> {
    let login = definition.login.iter().map(|login| &*login.statement);
    let get_user = definition.get_user.iter().flat_map(|g| g.by_identifier.iter().chain(&g.by_user_id)).map(|s| &**s);
    let writes = definition.create.iter().map(|create| &create.write).chain(definition.writes.values());
    let writes = writes.flat_map(|write| &write.steps).map(|step| &*step.statement);
    let after = definition.login.iter().flat_map(|login| &login.after).map(|step| &*step.statement);
    login.chain(get_user).chain(writes).chain(after).collect()
}

enum Fit {
    /// Everything is there: so many names.
    Whole(usize),
    /// The look-ups would work, but something is not there.
    Partly(String),
    Not,
}

fn fit(definition: &Definition, tables: &[Named]) -> Fit {
    let mut names = std::collections::BTreeSet::new();
    let mut missing = None;
    for (index, statement) in statements(definition).into_iter().enumerate() {
        match needs(statement, tables) {
            Ok(found) => names.extend(found),
            Err(_) if index == 0 => return Fit::Not,
            Err(name) => missing = missing.or(Some(name)),
        }
    }
    match missing {
        Some(missing) => Fit::Partly(missing),
        None if names.is_empty() => Fit::Not,
        None => Fit::Whole(names.len()),
    }
}

/// The tables and columns of a statement; or the first that is not there.
fn needs(statement: &Statement, tables: &[Named]) -> Result<Vec<String>, String> {
    let outline = statement.outline();
    let of = |schema: Option<&str>, name: &str| {
        tables.iter().find(|named| named.answers_to(schema, name)).map(|named| &named.table)
    };
    let mut names = Vec::new();
    for used in outline.tables.iter().filter(|used| !used.name.eq_ignore_ascii_case("dual")) {
        of(used.schema.as_deref(), &used.name).ok_or_else(|| format!("table `{}`", used.name))?;
        names.push(used.name.to_lowercase());
    }
    for assigned in &outline.assignments {
        let Some(table) = outline.tables.get(assigned.table).and_then(|used| of(used.schema.as_deref(), &used.name))
        else {
            continue;
        };
        table.column(&assigned.column).ok_or_else(|| format!("column `{}` in `{}`", assigned.column, table.name))?;
        names.push(format!("{}.{}", table.name, assigned.column).to_lowercase());
    }
    for column in &outline.columns {
        let candidates: Vec<&Table> =
            outline.candidates(column).filter_map(|(_, used)| of(used.schema.as_deref(), &used.name)).collect();
        match candidates.iter().find(|table| table.column(&column.name).is_some()) {
            Some(table) => names.push(format!("{}.{}", table.name, column.name).to_lowercase()),
            // Without a qualifier it may be a word that only looks like a column.
            None if candidates.is_empty() || column.qualifier.is_none() && outline.derived => {}
            None => return Err(format!("column `{}`", column.name)),
        }
    }
    Ok(names)
}
