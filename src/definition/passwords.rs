//! The `password:` blocks of a definition.

use std::sync::Arc;

use super::checker::Checker;
use super::raw::{RawDigest, RawFormat, RawFormats, RawPassword, RawRehash, RawVerify};
use super::yaml::At;
use crate::diagnostic::{Code, Fault, Span};
use crate::hash::{
    Accept, Caps, Charset, DigestSpec, Encoding, FormatSpec, Item, Policy, Position, SaltEncoding, SaltSpec, Spec,
    Split, SplitOrder,
};

/// A `password:` block whose formats are compiled.
#[derive(Clone, Debug)]
pub(super) struct Passwords {
    pub column: Option<At<String>>,
    pub salt_column: Option<At<String>>,
    pub policy: Arc<Policy>,
    pub in_database: bool,
    /// The statement that replaces an outdated hash, when that is wanted.
    pub rehash: Option<At<String>>,
}

/// Checks one block.
pub(super) fn passwords(raw: &At<RawPassword>, checker: &mut Checker<'_>) -> Option<Passwords> {
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
    let policy = policy(block, &raw.span, checker)?;
    if policy.needs_salt() && block.salt.is_none() {
        checker.missing(
            "password",
            &raw.span,
            "a format takes its salt from a column of its own, but no column is named",
            "add `salt: { column: … }`, or `split` to the format when the salt stands beside the hash",
        );
        return None;
    }
    Some(Passwords {
        column: block.column.clone(),
        salt_column: block.salt.as_ref().map(|salt| salt.column.clone()),
        policy: Arc::new(policy),
        in_database,
        rehash,
    })
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

fn policy(block: &RawPassword, whole: &Span, checker: &mut Checker<'_>) -> Option<Policy> {
    let mut spans = Vec::new();
    let accept = match block.formats.as_ref().map(|at| (&at.value, &at.span)) {
        None => Accept::Auto,
        Some((RawFormats::One(format), span)) => match &**format {
            RawFormat::Named(name) if name.eq_ignore_ascii_case("auto") => Accept::Auto,
            format => {
                spans.push(span.clone());
                Accept::Formats(vec![spec_of(format, checker)?])
            }
        },
        Some((RawFormats::Many(formats), span)) => {
            if formats.is_empty() {
                checker.push(
                    Fault::new(Code::InvalidFormat, span.clone(), "the list of formats is empty")
                        .help("write `auto`, or name a format"),
                );
                return None;
            }
            spans.extend(formats.iter().map(|at| at.span.clone()));
            Accept::Formats(formats.iter().map(|at| spec_of(&at.value, checker)).collect::<Option<_>>()?)
        }
    };
    let write = match &block.new {
        Some(at) => spec_of(&at.value, checker)?,
        None => FormatSpec::Named("argon2id".to_owned()),
    };
    let place = |item: Item| match item {
        Item::Accept(index) => spans.get(index).cloned().unwrap_or(whole.clone()),
        Item::Write => block.new.as_ref().map_or(whole.clone(), |at| at.span.clone()),
    };
    match Policy::compile(&Spec { accept, write: Some(write), caps: Caps::default() }) {
        Ok(policy) => {
            for warning in policy.warnings() {
                checker.push(Fault::new(Code::WeakFormat, place(warning.item), warning.message.clone()));
            }
            Some(policy)
        }
        Err(errors) => {
            for error in errors {
                let code = if error.message.contains("is not a known password format") {
                    Code::UnknownFormat
                } else {
                    Code::InvalidFormat
                };
                let fault = Fault::new(code, place(error.item), error.message);
                checker.push(match error.help {
                    Some(help) => fault.help(help),
                    None => fault,
                });
            }
            None
        }
    }
}

fn spec_of(format: &RawFormat, checker: &mut Checker<'_>) -> Option<FormatSpec> {
    match format {
        RawFormat::Named(name) => Some(FormatSpec::Named(name.clone())),
        RawFormat::Digest(digest) => digest_spec(digest, checker).map(FormatSpec::Digest),
    }
}

fn digest_spec(raw: &RawDigest, checker: &mut Checker<'_>) -> Option<DigestSpec> {
    let encoding = word(raw.encoding.as_ref(), Encoding::Hex, checker);
    let charset = word(raw.charset.as_ref(), Charset::Utf8, checker);
    let salt = match &raw.salt {
        None => Some(None),
        Some(salt) => {
            let position = word(salt.position.as_ref(), Position::Prefix, checker);
            let encoding = word(salt.encoding.as_ref(), SaltEncoding::Text, checker);
            position.zip(encoding).map(|(position, encoding)| Some(SaltSpec { position, encoding }))
        }
    };
    Some(DigestSpec {
        digest: raw.digest.value.clone(),
        encoding: encoding?,
        salt: salt?,
        rounds: raw.rounds.as_ref().map(|at| at.value),
        split: raw.split.as_ref().map(|at| Split { separator: at.value.clone(), order: SplitOrder::DigestFirst }),
        charset: charset?,
    })
}

/// One word of a closed set.
fn word<T: std::str::FromStr<Err = String>>(
    at: Option<&At<String>>,
    default: T,
    checker: &mut Checker<'_>,
) -> Option<T> {
    match at {
        None => Some(default),
        Some(at) => checker.take(
            at.value.parse().map_err(|problem: String| Fault::new(Code::InvalidFormat, at.span.clone(), problem)),
        ),
    }
}
