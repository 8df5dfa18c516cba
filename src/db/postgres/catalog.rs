//! PostgreSQL's system catalogues as tables, columns, indexes and privileges.

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::inspect::{Looking, no_answer, sorted};
use crate::db::Error;
use crate::db::inspect::{
    Account, Alike, Function, Index, IndexPart, Privilege, Reference, Sequence, Table, TableColumn, TableKind, Trigger,
    TypeClass,
};
use crate::sql::Dialect;

const TABLE: &str = "
    SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, c.relrowsecurity, row_security_active(c.oid),
           pg_has_role(c.relowner, 'USAGE'),
           ARRAY(SELECT p FROM unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE','TRUNCATE']) p
                 WHERE has_table_privilege(c.oid, p)),
           c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid),
           -- A permissive policy for all rows, which no restrictive one narrows.
           EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd = '*'
                   AND pg_get_expr(p.polqual, c.oid) = 'true'
                   AND COALESCE(pg_get_expr(p.polwithcheck, c.oid), 'true') = 'true'
                   AND EXISTS (SELECT FROM unnest(p.polroles) r WHERE r = 0 OR pg_has_role(r, 'USAGE')))
           AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p', 'f', 'v', 'm')";

const COLUMNS: &str = "
    SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), base.typname::text, base.typcategory::text,
           CASE WHEN base.typname IN ('varchar', 'bpchar')
                THEN CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END - 4 END,
           a.attnotnull OR t.typnotnull,
           a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL,
           a.attgenerated <> '' OR a.attidentity = 'a',
           co.collname::text, NOT co.collisdeterministic, cn.nspname::text,
           ARRAY(SELECT p FROM unnest(ARRAY['SELECT','INSERT','UPDATE']) p
                 WHERE has_column_privilege(a.attrelid, a.attnum, p)),
           pg_get_expr(d.adbin, d.adrelid),
           COALESCE((SELECT bool_and(has_sequence_privilege(s.oid, 'USAGE')) FROM pg_depend p
                     JOIN pg_class s ON s.oid = p.refobjid AND s.relkind = 'S'
                     WHERE p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid
                     AND p.refclassid = 'pg_class'::regclass), true)
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    JOIN pg_type base ON base.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
    LEFT JOIN pg_collation co ON co.oid = a.attcollation
    LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.attgenerated = ''
    WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

const INDEXES: &str = "
    SELECT c.relname::text, i.indisunique, pg_get_expr(i.indpred, i.indrelid, true),
           ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, true) FROM generate_series(1, i.indnkeyatts::int) k ORDER BY k),
           ARRAY(SELECT a.attname::text FROM generate_series(1, i.indnkeyatts::int) k
                 LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k - 1] AND a.attnum <> 0
                 ORDER BY k)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = $1 AND i.indisvalid AND i.indisready";

/// Names as they must be written: with a schema only where it is needed.
pub(super) async fn names(looking: &Looking) -> Result<Vec<String>, Error> {
    let rows = looking
        .rows(
            "SELECT CASE WHEN pg_table_is_visible(c.oid) THEN relname::text ELSE nspname || '.' || relname END \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE relkind IN ('r', 'p', 'f', 'v', 'm') \
             AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname NOT LIKE 'pg\\_%' LIMIT 5000",
            &[],
        )
        .await?;
    rows.iter().map(|row| get(row, 0)).collect()
}

/// One table with everything around it.
pub(super) async fn table(looking: &Looking, schema: Option<&str>, name: &str) -> Result<Option<Table>, Error> {
    let quote = |name: &str| Dialect::Postgres.quote_identifier(name);
    let full = schema.map_or_else(|| quote(name), |schema| format!("{}.{}", quote(schema), quote(name)));
    let rows = match looking.rows(TABLE, &[&full]).await {
        // The schema may not be used: preparing the statement says so in better words.
        Err(error) if error.code.as_deref() == Some("42501") => return Ok(None),
        rows => rows?,
    };
    let Some(row) = rows.first() else { return Ok(None) };
    let oid: u32 = get(row, 0)?;
    let kind: String = get(row, 3)?;
    let protected: bool = get(row, 4)?;
    let active: bool = get::<bool>(row, 5)? && !get::<bool>(row, 9)?;
    let (columns, sequences) = columns(looking, oid).await?;
    Ok(Some(Table {
        schema: get(row, 1)?,
        name: get(row, 2)?,
        kind: match kind.as_str() {
            "v" => TableKind::View,
            "m" => TableKind::Materialized,
            "f" => TableKind::Foreign,
            _ => TableKind::Table,
        },
        columns,
        indexes: indexes(looking, oid).await?,
        triggers: triggers(looking, oid).await?,
        rules: rules(looking, oid).await?,
        row_security: protected.then_some(active),
        referenced_by: references(looking, oid).await?,
        transactional: true,
        owned: get(row, 6)?,
        privileges: privileges(&get::<Vec<String>>(row, 7)?),
        sequences,
        inherited: get(row, 8)?,
    }))
}

type Columns = (Vec<TableColumn>, Vec<Sequence>);

async fn columns(looking: &Looking, oid: u32) -> Result<Columns, Error> {
    let mut columns = Vec::new();
    let mut sequences = Vec::new();
    for row in looking.rows(COLUMNS, &[&oid]).await? {
        let base: String = get(&row, 2)?;
        let category: String = get(&row, 3)?;
        let class = class(&base, &category);
        let width: Option<i32> = get(&row, 4)?;
        let name: String = get(&row, 0)?;
        let default: Option<String> = get(&row, 12)?;
        if let Some(sequence) = default.as_deref().and_then(sequence) {
            sequences.push(Sequence { column: name.clone(), name: sequence, usable: get(&row, 13)? });
        }
        let alike = if class == TypeClass::Text { Some(alike(looking, &row, &base).await?) } else { None };
        columns.push(TableColumn {
            name,
            type_name: get(&row, 1)?,
            class,
            width: width.and_then(|width| u64::try_from(width).ok()).filter(|width| *width > 0),
            required: get(&row, 5)?,
            has_default: get(&row, 6)?,
            generated: get(&row, 7)?,
            alike,
            privileges: privileges(&get::<Vec<String>>(&row, 11)?),
        });
    }
    Ok((columns, sequences))
}

fn class(base: &str, category: &str) -> TypeClass {
    match (base, category) {
        ("json" | "jsonb", _) => TypeClass::Json,
        ("bytea", _) => TypeClass::Bytes,
        ("uuid", _) => TypeClass::Uuid,
        ("float4" | "float8", _) => TypeClass::Float,
        ("citext", _) | (_, "S" | "E") => TypeClass::Text,
        (_, "N") => TypeClass::Integer,
        (_, "B") => TypeClass::Boolean,
        (_, "D") => TypeClass::Time,
        _ => TypeClass::Other,
    }
}

/// The sequence in `nextval('…'::regclass)`.
fn sequence(default: &str) -> Option<String> {
    let rest = default.strip_prefix("nextval('")?;
    rest.split_once("'::regclass").map(|(name, _)| name.replace("''", "'"))
}

/// Most columns compare byte by byte; the others are asked.
async fn alike(looking: &Looking, row: &Row, base: &str) -> Result<Alike, Error> {
    let quote = |name: &str| Dialect::Postgres.quote_identifier(name);
    let collation: Option<String> = get(row, 8)?;
    let loose: Option<bool> = get(row, 9)?;
    let loose = loose == Some(true);
    let name = collation.clone().unwrap_or_default();
    if !loose && !["citext", "bpchar"].contains(&base) {
        return Ok(Alike { collation: name, ..Alike::default() });
    }
    let schema: Option<String> = get(row, 10)?;
    let type_name: String = get(row, 1)?;
    let plain = type_name.split('(').next().unwrap_or_default();
    let plain = if base == "bpchar" { "bpchar" } else { plain };
    let collate = match (loose, &collation, &schema) {
        (true, Some(name), Some(schema)) => format!(" COLLATE {}.{}", quote(schema), quote(name)),
        _ => String::new(),
    };
    let same = |text: &str| format!("CAST('{text}' AS {plain}){collate} = CAST('admin' AS {plain}){collate}");
    let query = format!("SELECT {}, {}, {}", same("ADMIN"), same("ädmin"), same("admin "));
    let rows = looking.rows(&query, &[]).await?;
    let row = rows.first().ok_or_else(no_answer)?;
    let collation = if loose { name } else { base.replace("bpchar", "char") };
    Ok(Alike { collation, case: get(row, 0)?, accents: get(row, 1)?, blanks: get(row, 2)? })
}

async fn indexes(looking: &Looking, oid: u32) -> Result<Vec<Index>, Error> {
    let rows = looking.rows(INDEXES, &[&oid]).await?;
    let index = |row: &Row| {
        let definitions: Vec<String> = get(row, 3)?;
        let names: Vec<Option<String>> = get(row, 4)?;
        let part = |(definition, name): (String, Option<String>)| match name {
            Some(name) => IndexPart::Column(name),
            None => IndexPart::Expression(definition),
        };
        let parts = definitions.into_iter().zip(names).map(part).collect();
        Ok(Index { name: get(row, 0)?, unique: get(row, 1)?, parts, predicate: get(row, 2)? })
    };
    rows.iter().map(index).collect()
}

async fn triggers(looking: &Looking, oid: u32) -> Result<Vec<Trigger>, Error> {
    let text = "SELECT tgname::text, tgtype::int4, ARRAY(SELECT a.attname::text FROM pg_attribute a \
                WHERE a.attrelid = t.tgrelid AND a.attnum = ANY (t.tgattr::int2[])) FROM pg_trigger t WHERE tgrelid = $1 AND NOT tgisinternal AND tgenabled IN ('O', 'A')";
    let rows = looking.rows(text, &[&oid]).await?;
    let trigger = |row: &Row| {
        let bits: i32 = get(row, 1)?;
        let events = [(4, "INSERT"), (8, "DELETE"), (16, "UPDATE")];
        let events = events.into_iter().filter(|(bit, _)| bits & bit != 0).map(|(_, event)| event).collect();
        Ok(Trigger { name: get(row, 0)?, events, columns: get(row, 2)? })
    };
    rows.iter().map(trigger).collect()
}

async fn rules(looking: &Looking, oid: u32) -> Result<Vec<String>, Error> {
    let text = "SELECT rulename::text FROM pg_rewrite WHERE ev_class = $1 AND ev_type <> '1' AND ev_enabled <> 'D'";
    looking.rows(text, &[&oid]).await?.iter().map(|row| get(row, 0)).collect()
}

async fn references(looking: &Looking, oid: u32) -> Result<Vec<Reference>, Error> {
    let text = "SELECT c.relname::text, k.confdeltype::text, k.confupdtype::text, ARRAY(SELECT a.attname::text \
                FROM pg_attribute a WHERE a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey)) FROM pg_constraint k \
                JOIN pg_class c ON c.oid = k.conrelid WHERE k.contype = 'f' AND k.confrelid = $1 AND k.conparentid = 0";
    let rows = looking.rows(text, &[&oid]).await?;
    let reference = |row: &Row| {
        let restricts = |action: &str| action == "a" || action == "r";
        let (deleted, changed): (String, String) = (get(row, 1)?, get(row, 2)?);
        let (restricts, restricts_change) = (restricts(&deleted), restricts(&changed));
        Ok(Reference { table: get(row, 0)?, columns: get(row, 3)?, restricts, restricts_change })
    };
    rows.iter().map(reference).collect()
}

/// Functions of these names that may change something. What comes with the server is listed where it does.
pub(super) async fn functions(looking: &Looking, names: &[String]) -> Result<Vec<Function>, Error> {
    let text = "SELECT p.proname::text, bool_or(p.provolatile = 'v') FROM pg_proc p \
                JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.proname = ANY($1) AND (n.nspname <> 'pg_catalog' \
                OR p.proname IN ('nextval', 'setval', 'set_config', 'pg_notify', 'lo_create', 'lo_unlink', 'lo_put', \
                'pg_advisory_lock', 'pg_advisory_xact_lock', 'pg_try_advisory_lock')) GROUP BY p.proname";
    let rows = looking.rows(text, &[&names]).await?;
    // A function that is declared stable or immutable cannot write.
    rows.iter().map(|row| Ok(Function { name: get(row, 0)?, writes: Some(get(row, 1)?) })).collect()
}

/// Powers, and the other tables that the account can reach.
pub(super) async fn account(looking: &Looking, tables: &[(Option<String>, String)]) -> Result<Account, Error> {
    let powers = "SELECT rolname::text, ARRAY(SELECT p FROM (VALUES (rolsuper, 'SUPERUSER'), \
                  (rolcreaterole, 'CREATEROLE'), (rolcreatedb, 'CREATEDB'), (rolreplication, 'REPLICATION'), \
                  (rolbypassrls, 'BYPASSRLS')) v(held, p) WHERE held), \
                  NOT rolsuper FROM pg_roles WHERE rolname = current_user";
    let rows = looking.rows(powers, &[]).await?;
    let row = rows.first().ok_or_else(no_answer)?;
    let quote = |name: &str| Dialect::Postgres.quote_identifier(name);
    let used: Vec<String> = tables
        .iter()
        .map(|(schema, name)| match schema {
            Some(schema) => format!("{}.{}", quote(schema), quote(name)),
            None => quote(name),
        })
        .collect();
    let others = "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                  WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
                  AND n.nspname NOT LIKE 'pg\\_%' \
                  AND c.oid NOT IN (SELECT to_regclass(u) FROM unnest($1::text[]) u WHERE to_regclass(u) IS NOT NULL) \
                  AND has_schema_privilege(n.oid, 'USAGE') \
                  AND (has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') \
                  OR has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE')) ORDER BY 1";
    let names = looking.rows(others, &[&used]).await?;
    let names: Vec<String> = names.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
    let some = names.iter().take(3).cloned().collect();
    let mut powers: Vec<String> = get(row, 1)?;
    if get(row, 2)? {
        let reach = looking.rows(REACH, &[&used]).await?;
        powers.extend(reach.iter().map(|row| get(row, 0)).collect::<Result<Vec<String>, _>>()?);
    }
    Ok(Account { name: get(row, 0)?, powers, others: (names.len(), some), unknown: None })
}

/// What an account that is no superuser can do beyond reading and writing rows.
const REACH: &str = "
    SELECT 'member of ' || rolname FROM pg_roles
    WHERE rolname LIKE 'pg\\_%' AND pg_has_role(current_user, oid, 'MEMBER')
    UNION ALL
    SELECT 'owner of the database ' || datname FROM pg_database
    WHERE datname = current_database() AND pg_has_role(datdba, 'USAGE')
    UNION ALL
    SELECT 'CREATE on the database ' || datname FROM pg_database
    WHERE datname = current_database() AND has_database_privilege(oid, 'CREATE') AND NOT pg_has_role(datdba, 'USAGE')
    UNION ALL
    SELECT CASE WHEN pg_has_role(nspowner, 'USAGE') THEN 'owner of the schema ' ELSE 'CREATE on the schema ' END || nspname
    FROM pg_namespace
    WHERE nspname NOT LIKE 'pg\\_%' AND (has_schema_privilege(oid, 'CREATE') OR pg_has_role(nspowner, 'USAGE'))
    UNION ALL
    SELECT 'GRANT OPTION on ' || c.oid::regclass FROM pg_class c
    WHERE c.oid IN (SELECT to_regclass(u) FROM unnest($1::text[]) u) AND NOT pg_has_role(c.relowner, 'USAGE')
    AND has_any_column_privilege(c.oid, 'SELECT WITH GRANT OPTION, INSERT WITH GRANT OPTION, UPDATE WITH GRANT OPTION')
    UNION ALL
    SELECT 'GRANT OPTION on ' || c.oid::regclass FROM pg_class c
    WHERE c.oid IN (SELECT to_regclass(u) FROM unnest($1::text[]) u) AND NOT pg_has_role(c.relowner, 'USAGE')
    AND NOT has_any_column_privilege(c.oid, 'SELECT WITH GRANT OPTION, INSERT WITH GRANT OPTION, UPDATE WITH GRANT OPTION')
    AND has_table_privilege(c.oid, 'DELETE WITH GRANT OPTION, TRUNCATE WITH GRANT OPTION')";

fn privileges(words: &[String]) -> Vec<Privilege> {
    Privilege::ALL.into_iter().filter(|privilege| words.iter().any(|word| word == privilege.as_str())).collect()
}

fn get<'a, T: FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, Error> {
    row.try_get(index).map_err(|error| sorted(&error, ""))
}
