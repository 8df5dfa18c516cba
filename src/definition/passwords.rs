//! The `password:` blocks of a definition.

use std::sync::Arc;

use super::checker::Checker;
use super::formats::Formats;
use super::raw::{RawColumn, RawFormat, RawFormats, RawPassword, RawRehash, RawVerify};
use super::settings::Surroundings;
use super::yaml::At;
use crate::diagnostic::{Code, Fault};
use crate::hash::{Columns, Need, Policy};

/// A `password:` block whose formats are compiled.
#[derive(Clone, Debug)]
pub(super) struct Passwords {
    pub column: Option<At<String>>,
    /// The columns that hold what belongs to the hash.
    pub beside: Vec<String>,
    /// Those of them that nobody may see.
    pub secret: Vec<At<String>>,
    pub policy: Arc<Policy>,
    pub in_database: bool,
    /// The statement that replaces an outdated hash, when that is wanted.
    pub rehash: Option<At<String>>,
}

/// Checks one block.
pub(super) fn passwords(
    raw: &At<RawPassword>,
    surroundings: &Surroundings<'_>,
    checker: &mut Checker<'_>,
) -> Option<Passwords> {
    let block = &raw.value;
    let in_database = block.verify.as_ref().is_some_and(|at| at.value == RawVerify::InDatabase);
    if !in_database && block.column.is_none() {
        checker.missing(
            "password",
            &raw.span,
            "expected the name of the column that holds the hash",
            "add `column: …`, or `verify: in_database` when the database compares the password itself",
        );
    }
    let rehash = rehash(raw, checker);
    let policy = Formats { block, whole: &raw.span, surroundings }.policy(checker)?;
    if !complete(&policy, raw, checker) {
        return None;
    }
    Some(Passwords {
        column: block.column.clone(),
        beside: policy.columns(),
        secret: secret_columns(block).skip(usize::from(block.column.is_some())).cloned().collect(),
        policy: Arc::new(policy),
        in_database,
        rehash,
    })
}

/// The columns of a block that never reach a profile, a log or an answer; the hash's own is the first.
pub(super) fn secret_columns(block: &RawPassword) -> impl Iterator<Item = &At<String>> {
    let formats = block.formats.iter().flat_map(|at| match &at.value {
        RawFormats::One(format) => vec![&**format],
        RawFormats::Many(formats) => formats.iter().map(|at| &at.value).collect(),
    });
    let of_formats = formats.chain(block.new.as_ref().map(|at| &at.value)).flat_map(|format| match format {
        RawFormat::Named(_) => [None, None],
        RawFormat::Described(described) => {
            let salt = described.salt.as_ref().and_then(|salt| salt.column.as_ref());
            [salt, described.salt2.as_ref().map(|raw| &raw.column)]
        }
    });
    let of_block = [&block.salt, &block.salt2].into_iter().flatten().map(|raw| &raw.column);
    block.column.iter().chain(of_block).chain(of_formats.flatten())
}

/// The columns that the block names for all of its formats.
pub(super) fn columns(block: &RawPassword) -> Columns {
    let column = |raw: &Option<RawColumn>| raw.as_ref().map(|raw| raw.column.value.clone());
    Columns {
        salt: column(&block.salt),
        salt2: column(&block.salt2),
        user: column(&block.user),
        algorithm: column(&block.algorithm),
        rounds: column(&block.rounds),
        realm: column(&block.realm),
    }
}

/// Whether a column is named for everything that the formats take from the row.
fn complete(policy: &Policy, raw: &At<RawPassword>, checker: &mut Checker<'_>) -> bool {
    let needs = policy.needs();
    for need in &needs {
        let (message, help) = match need {
            Need::Salt => (
                "a format takes its salt from a column of its own, but no column is named",
                "add `salt: { column: … }`, or `split` to the format when the salt stands beside the hash",
            ),
            Need::Salt2 => {
                ("a format takes a second salt from the row, but no column is named", "add `salt2: { column: … }`")
            }
            Need::User => ("a format hashes the user's name, but no column is named", "add `user: { column: … }`"),
            Need::Algorithm => (
                "a format keeps its algorithm in a column of its own, but no column is named",
                "add `algorithm: { column: … }`",
            ),
            Need::Rounds => {
                ("a format takes its rounds from the row, but no column is named", "add `rounds: { column: … }`")
            }
            Need::Realm => (
                "a format hashes the realm, but it is not said",
                "add `realm: …` to the format, or `realm: { column: … }`",
            ),
        };
        checker.missing("password", &raw.span, message, help);
    }
    needs.is_empty()
}

fn rehash(raw: &At<RawPassword>, checker: &mut Checker<'_>) -> Option<At<String>> {
    let wanted = raw.value.rehash.as_ref().filter(|at| at.value == RawRehash::OnLogin);
    match (wanted, &raw.value.rehash_sql) {
        (Some(at), None) => {
            checker.push(
                Fault::new(Code::MissingKey, at.span.clone(), "`rehash: on_login` needs the statement that stores the hash")
                    .help("add `rehash_sql: UPDATE … SET hash = {{ password_hash }} WHERE id = {{ row.id }} AND hash = {{ stored_hash }}`"),
            );
            None
        }
        (None, Some(sql)) => {
            checker.push(
                Fault::new(
                    Code::ConflictingKeys,
                    sql.span.clone(),
                    "`rehash_sql` is never used without `rehash: on_login`",
                )
                .help("add `rehash: on_login`, or remove the statement"),
            );
            None
        }
        (Some(_), Some(sql)) => Some(sql.clone()),
        (None, None) => None,
    }
}
