//! The formats of a `password:` block, compiled to a policy.
//!
//! Invariant: every finding stands at the format it is about, and one about an expression inside of it.

use super::checker::Checker;
use super::passwords::columns;
use super::raw::{
    RawColumn, RawDescription, RawFormat, RawFormats, RawNumber, RawPassword, RawSecret, RawSecrets, RawText,
};
use super::secrets;
use super::settings::Surroundings;
use super::yaml::At;
use crate::diagnostic::{Code, Fault, Span};
use crate::hash::{
    Accept, Base, Caps, Change, Charset, Columns, Cost, Description, Doubt, Encoding, FormatSpec, Item, Pepper, Policy,
    Position, Problem, Rounds, RoundsOver, SaltEncoding, SaltSpec, Secrets, Spec, SpecError, Split, SplitOrder, Text,
    When,
};

/// A block with what its formats may refer to.
pub(super) struct Formats<'a> {
    pub block: &'a RawPassword,
    /// Where the whole block stands.
    pub whole: &'a Span,
    pub surroundings: &'a Surroundings<'a>,
}

/// A format as it is written, with its place.
type Written<'a> = (&'a RawFormat, &'a Span);

impl Formats<'_> {
    /// Compiles them, or reports everything that is wrong.
    pub fn policy(&self, checker: &mut Checker<'_>) -> Option<Policy> {
        let accepted = self.accepted(checker)?;
        let accept = match &accepted {
            None => Accept::Auto,
            Some(formats) => {
                let specs: Vec<_> = formats.iter().map(|(format, span)| self.spec(format, span, checker)).collect();
                Accept::Formats(specs.into_iter().collect::<Option<_>>()?)
            }
        };
        let write = match &self.block.new {
            Some(at) => self.spec(&at.value, &at.span, checker)?,
            None => FormatSpec::Named("argon2id".to_owned()),
        };
        let mut spec = Spec { accept, write: Some(write), columns: columns(self.block), caps: Caps::default() };
        let item = |item: Item| match item {
            Item::Accept(index) => accepted.as_ref().and_then(|formats| formats.get(index).copied()),
            Item::Write => self.block.new.as_ref().map(|at| (&at.value, &at.span)),
        };
        let mut compiled = Policy::compile(&spec);
        // Who only reads need not say what is written, also where our own default could not be told apart.
        let is_default = |errors: &Vec<SpecError>| errors.iter().all(|error| error.item == Item::Write);
        if self.block.new.is_none() && compiled.as_ref().is_err_and(is_default) {
            spec.write = None;
            compiled = Policy::compile(&spec);
        }
        match compiled {
            Ok(policy) => {
                for warning in policy.warnings() {
                    let span = item(warning.item).map_or(self.whole, |(_, span)| span).clone();
                    let code = match warning.doubt {
                        Doubt::Weak => Code::WeakFormat,
                        Doubt::Repeated => Code::RepeatedFormat,
                    };
                    checker.push(Fault::new(code, span, warning.message.clone()));
                }
                Some(policy)
            }
            Err(errors) => {
                errors.into_iter().for_each(|error| self.report(item(error.item), error, checker));
                None
            }
        }
    }

    /// The accepted formats; None inside = `auto`.
    fn accepted(&self, checker: &mut Checker<'_>) -> Option<Option<Vec<Written<'_>>>> {
        let Some(At { value, span }) = &self.block.formats else { return Some(None) };
        match value {
            RawFormats::One(format) => match &**format {
                RawFormat::Named(name) if name.eq_ignore_ascii_case("auto") => Some(None),
                format => Some(Some(vec![(format, span)])),
            },
            RawFormats::Many(formats) if formats.is_empty() => {
                checker.push(
                    Fault::new(Code::InvalidFormat, span.clone(), "the list of formats is empty")
                        .help("write `auto`, or name a format"),
                );
                None
            }
            RawFormats::Many(formats) => Some(Some(formats.iter().map(|at| (&at.value, &at.span)).collect())),
        }
    }

    fn report(&self, item: Option<Written<'_>>, error: SpecError, checker: &mut Checker<'_>) {
        let code = match error.problem {
            Problem::Unknown => Code::UnknownFormat,
            Problem::Invalid => Code::InvalidFormat,
            Problem::Unwritable => Code::UnwritableFormat,
            Problem::Ambiguous => Code::AmbiguousFormats,
        };
        let text = match (item, &error.within) {
            (Some((RawFormat::Described(raw), _)), Some((text, _))) => match text {
                Text::Expression => raw.expr.as_ref(),
                Text::Prehash => raw.prehash.as_ref(),
            },
            _ => None,
        };
        let span = match (&error.within, text) {
            (Some((_, within)), Some(_)) => within.clone(),
            _ => item.map_or(self.whole, |(_, span)| span).clone(),
        };
        let fault = Fault::new(code, span, error.message);
        let fault = match error.help {
            Some(help) => fault.help(help),
            None => fault,
        };
        match text {
            Some(text) => checker.push_inside(text, fault),
            None => checker.push(fault),
        }
    }

    fn spec(&self, format: &RawFormat, span: &Span, checker: &mut Checker<'_>) -> Option<FormatSpec> {
        match format {
            RawFormat::Named(name) => Some(FormatSpec::Named(name.clone())),
            RawFormat::Described(raw) => {
                self.description(raw, span, checker).map(|described| FormatSpec::Described(Box::new(described)))
            }
        }
    }

    fn description(&self, raw: &RawDescription, span: &Span, checker: &mut Checker<'_>) -> Option<Description> {
        let base = base(raw, span, checker);
        let encoding = raw.encoding.as_ref().map(|at| word(at, checker));
        let salt = salt(raw, checker);
        let split = split(raw, checker);
        let rounds = raw.rounds.as_ref().map(|at| self.rounds(at, checker));
        let rounds_over = raw.rounds_over.as_ref().map(|at| word(at, checker));
        let charset = raw.charset.as_ref().map(|at| word(at, checker));
        let transform: Vec<Option<Change>> = raw.transform.iter().map(|at| word(at, checker)).collect();
        let pepper = raw.pepper.as_ref().map(|at| self.pepper(at, checker));
        let key = raw.key.as_ref().map(|at| self.secrets(at, checker).map(|(key, _)| key));
        let base = base?;
        let rounds = match rounds {
            Some(rounds) => Some(rounds?),
            // The block's column is for the formats that do not say their rounds.
            None if self.block.rounds.is_some() && matches!(base, Base::Digest(_)) => Some(Rounds::Row),
            None => None,
        };
        let mut description = match base {
            Base::Named(name) => Description::named(&name),
            Base::Digest(name) => Description::digest(&name),
            Base::Expression(text) => Description::expression(&text),
        };
        description.encoding = optional::<Encoding>(encoding)?;
        description.salt = optional(salt)?;
        description.split = optional(split)?;
        description.rounds = rounds;
        description.rounds_over = optional(rounds_over)?.unwrap_or(RoundsOver::Digest);
        description.length = raw.length.as_ref().map(|at| at.value);
        description.cost = cost(raw);
        description.charset = optional(charset)?.unwrap_or(Charset::Utf8);
        description.transform = transform.into_iter().collect::<Option<_>>()?;
        description.pepper = optional(pepper)?;
        description.prehash = raw.prehash.as_ref().map(|at| at.value.clone());
        description.key = optional(key)?.unwrap_or_default();
        description.columns = own_columns(raw);
        description.algorithm = fixed(raw.algorithm.as_ref());
        description.realm = fixed(raw.realm.as_ref());
        description.when = when(raw);
        Some(description)
    }

    fn rounds(&self, at: &At<RawNumber>, checker: &mut Checker<'_>) -> Option<Rounds> {
        match &at.value {
            RawNumber::Column(_) => Some(Rounds::Row),
            RawNumber::Fixed(number) => match u32::try_from(*number) {
                Ok(number) => Some(Rounds::Fixed(number)),
                Err(_) => {
                    let message = format!("{number} rounds are more than any cap allows");
                    checker.push(Fault::new(Code::InvalidFormat, at.span.clone(), message));
                    None
                }
            },
        }
    }

    fn pepper(&self, at: &At<RawSecrets>, checker: &mut Checker<'_>) -> Option<Pepper> {
        let (secrets, position) = self.secrets(at, checker)?;
        Some(Pepper { secrets, position })
    }

    fn secrets(&self, at: &At<RawSecrets>, checker: &mut Checker<'_>) -> Option<(Secrets, Option<Position>)> {
        let listed: Vec<(&RawSecret, &Span)> = match &at.value {
            RawSecrets::One(secret) => vec![(secret, &at.span)],
            RawSecrets::Many(secrets) => secrets.iter().map(|at| (&at.value, &at.span)).collect(),
        };
        let position = listed.iter().find_map(|(secret, _)| secret.position.as_ref());
        let position = position.map(|at| word(at, checker));
        let secrets: Vec<_> = listed
            .into_iter()
            .map(|(secret, span)| secrets::of_format(secret, span, self.surroundings, checker))
            .collect();
        Some((Secrets(secrets.into_iter().collect::<Option<_>>()?), optional(position)?))
    }
}

/// Exactly one of `format`, `digest` and `expr`.
fn base(raw: &RawDescription, span: &Span, checker: &mut Checker<'_>) -> Option<Base> {
    match (&raw.format, &raw.digest, &raw.expr) {
        (Some(at), None, None) => Some(Base::Named(at.value.clone())),
        (None, Some(at), None) => Some(Base::Digest(at.value.clone())),
        (None, None, Some(at)) => Some(Base::Expression(at.value.clone())),
        (None, None, None) => {
            checker.push(
                Fault::new(Code::MissingKey, span.clone(), "expected `format`, `digest` or `expr` here")
                    .help("write `format: bcrypt`, `digest: sha256` or `expr: md5($salt . $pass)`"),
            );
            None
        }
        (_, _, Some(at)) | (_, Some(at), _) => {
            let message = "`format`, `digest` and `expr` exclude each other";
            checker.push(Fault::new(Code::ConflictingKeys, at.span.clone(), message));
            None
        }
    }
}

fn salt(raw: &RawDescription, checker: &mut Checker<'_>) -> Option<Option<SaltSpec>> {
    let raw = raw.salt.as_ref()?;
    let position = raw.position.as_ref().map_or(Some(Position::Prefix), |at| word(at, checker));
    let encoding = raw.encoding.as_ref().map_or(Some(SaltEncoding::Text), |at| word(at, checker));
    let length = raw.length.as_ref().map(|at| at.value);
    Some(position.zip(encoding).map(|(position, encoding)| SaltSpec { position, encoding, length }))
}

fn split(raw: &RawDescription, checker: &mut Checker<'_>) -> Option<Option<Split>> {
    let order = match &raw.order {
        None => Some(SplitOrder::DigestFirst),
        Some(at) => match at.value.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["digest", "salt"] => Some(SplitOrder::DigestFirst),
            ["salt", "digest"] => Some(SplitOrder::SaltFirst),
            _ => {
                let fault = Fault::new(Code::InvalidFormat, at.span.clone(), "this is not an order of digest and salt");
                checker.push(fault.help("write `[digest, salt]` or `[salt, digest]`"));
                None
            }
        },
    };
    match (&raw.split, &raw.order) {
        (None, None) => None,
        (None, Some(order)) => {
            let fault = Fault::new(Code::MissingKey, order.span.clone(), "`order` says nothing without `split`");
            checker.push(fault.help("add `split: \":\"`, or remove `order`"));
            Some(None)
        }
        (Some(at), _) => Some(order.map(|order| Split { separator: at.value.clone(), order })),
    }
}

fn cost(raw: &RawDescription) -> Cost {
    let value = |at: &Option<At<u32>>| at.as_ref().map(|at| at.value);
    let rounds = match (&raw.format, raw.rounds.as_ref().map(|at| &at.value)) {
        (Some(_), Some(RawNumber::Fixed(rounds))) => u32::try_from(*rounds).ok(),
        _ => None,
    };
    Cost {
        memory: value(&raw.memory),
        passes: value(&raw.passes),
        lanes: value(&raw.lanes),
        cost: value(&raw.cost),
        block: value(&raw.block),
        rounds,
    }
}

fn fixed(raw: Option<&RawText>) -> Option<String> {
    match raw {
        Some(RawText::Fixed(text)) => Some(text.clone()),
        Some(RawText::Column(_)) | None => None,
    }
}

fn own_columns(raw: &RawDescription) -> Columns {
    let column = |raw: &Option<RawColumn>| raw.as_ref().map(|raw| raw.column.value.clone());
    let text = |raw: &Option<RawText>| match raw {
        Some(RawText::Column(raw)) => Some(raw.column.value.clone()),
        Some(RawText::Fixed(_)) | None => None,
    };
    Columns {
        salt: raw.salt.as_ref().and_then(|salt| salt.column.as_ref()).map(|at| at.value.clone()),
        salt2: column(&raw.salt2),
        user: column(&raw.user),
        algorithm: text(&raw.algorithm),
        realm: text(&raw.realm),
        rounds: match raw.rounds.as_ref().map(|at| &at.value) {
            Some(RawNumber::Column(raw)) => Some(raw.column.value.clone()),
            Some(RawNumber::Fixed(_)) | None => None,
        },
    }
}

fn when(raw: &RawDescription) -> When {
    raw.when.as_ref().map_or(When::default(), |when| When {
        length: when.length,
        prefix: when.prefix.clone(),
        column: when.column.as_ref().map(|at| at.value.clone()),
        empty: when.empty,
        equals: when.equals.clone(),
    })
}

/// One word of a closed set.
fn word<T: std::str::FromStr<Err = String>>(at: &At<String>, checker: &mut Checker<'_>) -> Option<T> {
    let parsed = at.value.parse().map_err(|problem: String| Fault::new(Code::InvalidFormat, at.span.clone(), problem));
    checker.take(parsed)
}

/// Something that may be left out: None only when it was there and faulty, which was reported.
fn optional<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(None) => None,
        Some(value) => Some(value),
    }
}
