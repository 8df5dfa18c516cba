//! The only module that knows the YAML parser: text in, a raw mirror with positions out, or one diagnostic.
//!
//! Invariant: what this accepts means the same to every YAML parser: no duplicate keys, aliases, tags, merge keys or
//! second documents.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_saphyr::{DuplicateKeyPolicy, Error, Location, MergeKeyPolicy, Spanned};

use crate::diagnostic::{Code, Diagnostic, Fault, Source, Span};

/// The largest definition, in bytes.
pub const MAX_BYTES: usize = 100_000;

/// A value with its place in the file, in bytes. A block scalar's place is its lines, without the `|`.
#[derive(Clone, Debug)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        let span = spanned.referenced.span();
        let start = span.byte_offset().unwrap_or(0) as usize;
        let length = span.byte_len().unwrap_or(0) as usize;
        Ok(Self { value: spanned.value, span: start..start + length })
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Parses one document.
pub fn parse<T: DeserializeOwned>(source: &Source) -> Result<T, Diagnostic> {
    let text: &str = &source.text;
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, expected {MAX_BYTES} at most", text.len());
        return Err(Fault::new(Code::UnreadableFile, 0..1, message).help("split it into several definitions").into());
    }
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        let fault = Fault::new(Code::UnreadableFile, 0..0, "the file is empty");
        return Err(fault.help("write a definition, or remove the file").into());
    }
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        budget: serde_saphyr::budget! {
            max_nodes: 20_000, max_depth: 32, max_documents: 1, max_aliases: 0, max_anchors: 0
        },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| diagnose(error.without_snippet(), source))
}

/// A parser's error as a diagnostic in our words.
fn diagnose(error: &Error, source: &Source) -> Diagnostic {
    let span = error.location().map_or(0..0, |location| place(location, source));
    let fault = match error {
        Error::SerdeUnknownField { field, expected, .. } => unknown_key(field, expected, span),
        Error::SerdeMissingField { field, .. } => {
            Fault::new(Code::MissingKey, enclosing(span, source), format!("expected a key `{field}` here"))
                .help(format!("add `{field}: …`"))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            let known = expected.join("`, `");
            Fault::new(Code::InvalidValue, span, format!("unknown value `{variant}`, expected one of `{known}`"))
                .did_you_mean(variant, expected.iter().copied())
        }
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("this key");
            Fault::new(Code::DuplicateKey, span, format!("`{key}` stands here a second time"))
                .help("keep one of the two")
        }
        Error::SerdeInvalidType { unexpected, expected, .. }
        | Error::SerdeInvalidValue { unexpected, expected, .. } => {
            Fault::new(Code::WrongType, span, format!("found {unexpected}, expected {expected}"))
        }
        Error::Unexpected { expected, .. } => {
            let fault = Fault::new(Code::WrongType, span.clone(), format!("expected {expected}"));
            match source.text.get(span.start..).is_some_and(|rest| rest.starts_with("{{")) {
                true => fault.help("put the template into quotes: `\"{{ … }}\"`"),
                false => fault,
            }
        }
        Error::InvalidScalar { ty, .. } => Fault::new(Code::WrongType, span, format!("expected {ty}")),
        Error::InvalidBooleanStrict { .. } => {
            Fault::new(Code::WrongType, span, "expected true or false").help("write `true` or `false`")
        }
        Error::NullIntoString { .. } => Fault::new(Code::WrongType, span, "found nothing, expected a text"),
        Error::MultipleDocuments { .. } => {
            Fault::new(Code::YamlFeature, span, "a second document begins here").help("one file holds one definition")
        }
        Error::MergeKeyNotAllowed { .. } => {
            Fault::new(Code::YamlFeature, span, "merge keys (`<<`) are not used in definitions")
                .help("write the keys out")
        }
        Error::Budget { .. } => Fault::new(
            Code::YamlFeature,
            span,
            "aliases, anchors and very deep or long documents are not used in definitions",
        )
        .help("write the values out"),
        other => {
            let text = other.to_string();
            let tag = text.contains("tag");
            let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
            Fault::new(if tag { Code::YamlFeature } else { Code::YamlSyntax }, span, message)
        }
    };
    fault.into()
}

fn unknown_key(field: &str, expected: &[&'static str], span: Span) -> Fault {
    let known = expected.join("`, `");
    let span = span.start..span.start + field.len().max(span.len().min(field.len()));
    Fault::new(Code::UnknownKey, span, format!("unknown key `{field}`"))
        .help(format!("the keys here are `{known}`"))
        .did_you_mean(field, expected.iter().copied())
}

/// The key whose mapping holds this place, or the file's first word. The parser reports a missing key at the last one
/// that is there.
fn enclosing(span: Span, source: &Source) -> Span {
    let text = &*source.text;
    let before = text.get(..span.start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let indentation = |line: &str| line.len() - line.trim_start_matches([' ', '-']).len();
    let own = indentation(&text[line_start..]);
    if before[line_start..].contains('{') {
        return span;
    }
    let mut end = line_start;
    while end > 0 {
        let start = before[..end - 1].rfind('\n').map_or(0, |at| at + 1);
        let line = &before[start..end - 1];
        let content = line.trim();
        if !content.is_empty() && !content.starts_with('#') && indentation(line) < own {
            let key = line.trim_end().trim_end_matches(':').len();
            return start + indentation(line)..start + key;
        }
        end = start;
    }
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#')).unwrap_or_default();
    let start = first.as_ptr() as usize - text.as_ptr() as usize;
    start..start + first.find([':', ' ']).unwrap_or(first.len())
}

fn place(location: Location, source: &Source) -> Span {
    let span = location.span();
    match span.byte_offset() {
        Some(start) => {
            let start = start as usize;
            start..start + span.byte_len().unwrap_or(0) as usize
        }
        None => {
            let start = source.offset(location.line() as usize, location.column() as usize);
            start..start
        }
    }
}
