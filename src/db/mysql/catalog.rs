//! `information_schema` as tables, columns, indexes and privileges. It shows only what the account may touch.

use std::collections::BTreeMap;

use super::inspect::{Looking, cell};
use crate::db::Error;
use crate::db::inspect::{
    Account, Alike, Function, Index, IndexPart, Privilege, Reference, Table, TableColumn, TableKind, Trigger, TypeClass,
};

/// Names in the current database.
pub(super) async fn names(looking: &mut Looking) -> Result<Vec<String>, Error> {
    let text = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() LIMIT 5000";
    texts(looking, text, &[]).await.map(|rows| rows.into_iter().filter_map(|row| row.into_iter().next()).collect())
}

/// One table with everything around it.
pub(super) async fn table(looking: &mut Looking, schema: Option<&str>, name: &str) -> Result<Option<Table>, Error> {
    let text = "SELECT table_schema, table_name, table_type, engine FROM information_schema.tables \
                WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ?";
    let schema = match schema {
        Some(schema) => schema.to_owned(),
        None => first(looking, "SELECT DATABASE()").await?,
    };
    let found = texts(looking, text, &[&schema, name]).await?;
    let Some([schema, name, kind, engine]) = found.into_iter().next().and_then(|row| <[String; 4]>::try_from(row).ok())
    else {
        return Ok(None);
    };
    let grants = grants(looking).await?;
    let indexes = indexes(looking, &schema, &name).await?;
    Ok(Some(Table {
        kind: if kind.contains("VIEW") { TableKind::View } else { TableKind::Table },
        columns: columns(looking, &schema, &name).await?,
        indexes,
        triggers: triggers(looking, &schema, &name).await?,
        rules: Vec::new(),
        row_security: None,
        referenced_by: references(looking, &schema, &name).await?,
        transactional: engine.is_empty() || ["InnoDB", "ROCKSDB", "TokuDB", "NDBCLUSTER"].contains(&engine.as_str()),
        owned: false,
        privileges: on_table(&grants, &schema, &name),
        sequences: Vec::new(),
        inherited: false,
        schema,
        name,
    }))
}

async fn columns(looking: &mut Looking, schema: &str, table: &str) -> Result<Vec<TableColumn>, Error> {
    let text = "SELECT column_name, column_type, data_type, character_maximum_length, is_nullable, column_default, \
                extra, character_set_name, collation_name, privileges FROM information_schema.columns \
                WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position";
    let mut columns = Vec::new();
    for row in looking.rows(text, &[schema, table]).await? {
        let cells = (0..10).map(|index| cell(&row, index)).collect::<Result<Vec<_>, _>>()?;
        let text = |index: usize| cells[index].clone().unwrap_or_default();
        let extra = text(6).to_ascii_lowercase();
        let generated = ["virtual generated", "stored generated", "persistent"].iter().any(|word| extra.contains(word));
        let class = class(&text(2).to_ascii_lowercase(), &text(1).to_ascii_lowercase());
        let alike = match (&cells[7], &cells[8]) {
            (Some(charset), Some(collation)) => Some(alike(looking, charset, collation).await?),
            _ => None,
        };
        columns.push(TableColumn {
            name: text(0),
            type_name: text(1),
            class,
            width: cells[3].as_deref().and_then(|width| width.parse().ok()),
            required: text(4) == "NO",
            has_default: cells[5].is_some() || extra.contains("auto_increment") || text(4) == "YES",
            generated,
            alike,
            privileges: words(&text(9)),
        });
    }
    Ok(columns)
}

fn class(data_type: &str, column_type: &str) -> TypeClass {
    match data_type {
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" => TypeClass::Text,
        "tinyint" if column_type.starts_with("tinyint(1)") => TypeClass::Boolean,
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "year" => TypeClass::Integer,
        "float" | "double" => TypeClass::Float,
        "json" => TypeClass::Json,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => TypeClass::Bytes,
        "date" | "datetime" | "timestamp" | "time" => TypeClass::Time,
        "uuid" => TypeClass::Uuid,
        _ => TypeClass::Other,
    }
}

/// What the collation takes for the same. Its name comes from the catalogue and is a plain word.
async fn alike(looking: &mut Looking, charset: &str, collation: &str) -> Result<Alike, Error> {
    let plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !plain(charset) || !plain(collation) {
        return Ok(Alike { collation: collation.to_owned(), ..Alike::default() });
    }
    let text = |text: &str| format!("CONVERT(_utf8mb4'{text}' USING {charset}) COLLATE {collation}");
    let same = |other: &str| format!("{} = {}", text(other), text("admin"));
    let query = format!("SELECT {}, {}, {}", same("ADMIN"), same("ädmin"), same("admin "));
    let row = looking.row(&query).await?;
    let is = |index: usize| row.get(index).is_some_and(|cell| cell.as_deref() == Some("1"));
    Ok(Alike { collation: collation.to_owned(), case: is(0), accents: is(1), blanks: is(2) })
}

async fn indexes(looking: &mut Looking, schema: &str, table: &str) -> Result<Vec<Index>, Error> {
    // MariaDB has no column `expression`.
    let has = "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'information_schema' \
               AND table_name = 'STATISTICS' AND column_name = 'EXPRESSION'";
    let expression = if first(looking, has).await? == "0" { "NULL" } else { "expression" };
    let text = format!(
        "SELECT index_name, non_unique, column_name, {expression} FROM information_schema.statistics \
         WHERE table_schema = ? AND table_name = ? AND index_type <> 'FULLTEXT' ORDER BY index_name, seq_in_index"
    );
    let mut indexes: BTreeMap<String, Index> = BTreeMap::new();
    for row in looking.rows(&text, &[schema, table]).await? {
        let name = cell(&row, 0)?.unwrap_or_default();
        let unique = cell(&row, 1)?.as_deref() == Some("0");
        let part = match cell(&row, 2)? {
            Some(column) => IndexPart::Column(column),
            None => IndexPart::Expression(cell(&row, 3)?.unwrap_or_default()),
        };
        let new = || Index { name: name.clone(), unique, parts: Vec::new(), predicate: None };
        indexes.entry(name.clone()).or_insert_with(new).parts.push(part);
    }
    Ok(indexes.into_values().collect())
}

async fn triggers(looking: &mut Looking, schema: &str, table: &str) -> Result<Vec<Trigger>, Error> {
    let text = "SELECT trigger_name, event_manipulation FROM information_schema.triggers \
                WHERE event_object_schema = ? AND event_object_table = ?";
    let rows = texts(looking, text, &[schema, table]).await?;
    let event = |word: &str| ["INSERT", "UPDATE", "DELETE"].into_iter().find(|event| *event == word);
    Ok(rows
        .into_iter()
        .map(|row| Trigger { name: row[0].clone(), events: event(&row[1]).into_iter().collect(), columns: Vec::new() })
        .collect())
}

async fn references(looking: &mut Looking, schema: &str, table: &str) -> Result<Vec<Reference>, Error> {
    let text = "SELECT r.table_name, r.delete_rule, r.update_rule, GROUP_CONCAT(k.referenced_column_name) \
                FROM information_schema.referential_constraints r JOIN information_schema.key_column_usage k \
                ON k.constraint_schema = r.constraint_schema AND k.constraint_name = r.constraint_name \
                AND k.table_name = r.table_name WHERE r.unique_constraint_schema = ? AND r.referenced_table_name = ? \
                GROUP BY r.constraint_schema, r.constraint_name, r.table_name, r.delete_rule, r.update_rule";
    let rows = texts(looking, text, &[schema, table]).await?;
    let restricts = |rule: &str| rule == "RESTRICT" || rule == "NO ACTION";
    let reference = |row: Vec<String>| Reference {
        table: row[0].clone(),
        columns: row[3].split(',').map(str::to_owned).collect(),
        restricts: restricts(&row[1]),
        restricts_change: restricts(&row[2]),
    };
    Ok(rows.into_iter().map(reference).collect())
}

/// Stored functions of these names; whether they write is only what their author declared.
pub(super) async fn functions(looking: &mut Looking, names: &[String]) -> Result<Vec<Function>, Error> {
    let text = "SELECT routine_name, sql_data_access FROM information_schema.routines \
                WHERE routine_schema = DATABASE() AND routine_type = 'FUNCTION'";
    let rows = texts(looking, text, &[]).await?;
    let known = |name: &str| names.iter().any(|other| other.eq_ignore_ascii_case(name));
    let writes = |access: &str| match access {
        "MODIFIES SQL DATA" => Some(true),
        "NO SQL" => Some(false),
        _ => None,
    };
    let rows = rows.into_iter().filter(|row| known(&row[0]));
    Ok(rows.map(|row| Function { name: row[0].clone(), writes: writes(&row[1]) }).collect())
}

/// Whether the account holds the privileges without which triggers, foreign keys and columns are invisible.
pub(super) async fn sees_everything(looking: &mut Looking) -> Result<bool, Error> {
    let database = first(looking, "SELECT DATABASE()").await?;
    let grants = grants(looking).await?;
    let holds = |privilege: &str| {
        let named = |grant: &&Grant| grant.words.iter().any(|word| word == privilege || word == "ALL PRIVILEGES");
        grants.iter().filter(|grant| grant.covers(&database, None)).any(|grant| named(&grant))
    };
    Ok(holds("TRIGGER") && holds("SELECT"))
}

/// Powers, and other tables.
pub(super) async fn account(looking: &mut Looking, tables: &[(Option<String>, String)]) -> Result<Account, Error> {
    let database = first(looking, "SELECT DATABASE()").await?;
    let name = first(looking, "SELECT CURRENT_USER()").await?;
    let grants = grants(looking).await?;
    let mut powers = Vec::new();
    let mut others = Vec::new();
    for grant in &grants {
        let words: Vec<&str> = grant.words.iter().map(String::as_str).filter(|word| *word != "USAGE").collect();
        if words.is_empty() {
            continue;
        }
        match (grant.schema.as_str(), &grant.table) {
            ("*", _) => powers.push(format!("{} on *.*", words.join(", "))),
            (schema, None) => powers.push(format!("{} on {schema}.*", words.join(", "))),
            (schema, Some(table)) => {
                let used = tables.iter().any(|(of, name)| {
                    of.as_deref().unwrap_or(&database).eq_ignore_ascii_case(schema) && name.eq_ignore_ascii_case(table)
                });
                if !used {
                    others.push(table.clone());
                }
                if grant.passes_on {
                    powers.push(format!("GRANT OPTION on {schema}.{table}"));
                }
            }
        }
    }
    let some = others.iter().take(3).cloned().collect();
    let roles = grants.iter().any(|grant| grant.role);
    let unknown = roles.then(|| "some privileges come from a role, which is not looked into".to_owned());
    Ok(Account { name, powers, others: (others.len(), some), unknown })
}

/// One line of SHOW GRANTS.
struct Grant {
    words: Vec<String>,
    schema: String,
    table: Option<String>,
    role: bool,
    /// Whether what is granted may be passed on.
    passes_on: bool,
}

impl Grant {
    fn covers(&self, schema: &str, table: Option<&str>) -> bool {
        let like = self.schema.replace("\\_", "_").replace("\\%", "%");
        (self.schema == "*" || like == schema || like == "%")
            && (self.table.is_none() || self.table.as_deref() == table)
    }
}

async fn grants(looking: &mut Looking) -> Result<Vec<Grant>, Error> {
    let mut grants = Vec::new();
    for row in looking.rows("SHOW GRANTS", &[]).await? {
        grants.extend(cell(&row, 0)?.and_then(|line| grant(&line)));
    }
    Ok(grants)
}

/// ``GRANT SELECT, UPDATE (`a`) ON `d`.`t` TO …``; columns are read elsewhere.
fn grant(line: &str) -> Option<Grant> {
    let rest = line.strip_prefix("GRANT ")?;
    let Some((words, place)) = rest.split_once(" ON ") else {
        return Some(Grant { words: Vec::new(), schema: String::new(), table: None, role: true, passes_on: false });
    };
    let place = place.split(" TO ").next()?;
    if place.starts_with("FUNCTION ") || place.starts_with("PROCEDURE ") {
        return None;
    }
    let (schema, table) = place.split_once('.')?;
    let bare = |name: &str| name.trim_matches('`').to_owned();
    let mut list = Vec::new();
    let (mut depth, mut word) = (0, String::new());
    for c in words.chars().chain([',']) {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => list.push(std::mem::take(&mut word).trim().to_owned()),
            c if depth == 0 => word.push(c),
            _ => {}
        }
    }
    let table = Some(bare(table)).filter(|table| table != "*");
    let passes_on = line.ends_with("WITH GRANT OPTION");
    Some(Grant { words: list, schema: bare(schema), table, role: false, passes_on })
}

/// What is granted on the whole table, its database, or everything. Grants on single columns are not meant.
fn on_table(grants: &[Grant], schema: &str, table: &str) -> Vec<Privilege> {
    let holds = |privilege: &Privilege| {
        let word = if *privilege == Privilege::Truncate { "DROP" } else { privilege.as_str() };
        let named = |grant: &&Grant| grant.words.iter().any(|held| held == word || held == "ALL PRIVILEGES");
        grants.iter().filter(|grant| grant.covers(schema, Some(table))).any(|grant| named(&grant))
    };
    Privilege::ALL.into_iter().filter(holds).collect()
}

fn words(list: &str) -> Vec<Privilege> {
    let list = list.to_ascii_uppercase();
    Privilege::ALL.into_iter().filter(|p| list.split(',').any(|word| word.trim() == p.as_str())).collect()
}

async fn texts(looking: &mut Looking, text: &str, parameters: &[&str]) -> Result<Vec<Vec<String>>, Error> {
    let rows = looking.rows(text, parameters).await?;
    let one = |row: &sea_orm::sqlx::mysql::MySqlRow| {
        let cells = (0..sea_orm::sqlx::Row::len(row)).map(|index| Ok(cell(row, index)?.unwrap_or_default()));
        cells.collect::<Result<Vec<_>, Error>>()
    };
    rows.iter().map(one).collect()
}

async fn first(looking: &mut Looking, text: &str) -> Result<String, Error> {
    Ok(looking.row(text).await?.into_iter().next().flatten().unwrap_or_default())
}
