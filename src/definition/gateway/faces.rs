//! The faces of connectors as they are declared: which identity provider's own protocol is spoken where.

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::definition::raw::{RawReference, by_shape, schema_of_shapes};
use crate::definition::yaml::At;

/// One connector that speaks an identity provider's own protocol, at `/{protocol}/{connector}`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawFace {
    /// The protocol: `okta`, `kratos`, … (`userbridge connect` lists them).
    pub protocol: At<String>,
    /// The connector that answers.
    pub connector: At<String>,
    /// The header in which the provider sends a client's key; `authorization` unless the protocol needs that for
    /// something else. There the key may stand bare, after `Bearer`, or as the password of `Basic` whose user is the
    /// client's id; in another header it stands bare.
    pub credentials: Option<At<String>>,
    /// How long an answer may take; a little less than the provider waits unless said otherwise.
    pub timeout: Option<At<String>>,
    /// What only this protocol knows; each protocol has its own keys.
    #[serde(default)]
    pub options: IndexMap<String, At<RawFaceOption>>,
}

/// The value of a face's option.
#[derive(Debug)]
pub enum RawFaceOption {
    /// One text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
    /// Where a secret comes from.
    Secret(RawReference),
}

by_shape!(RawFaceOption, "a text, a list of texts, or `{ env: NAME }`, `{ file: path }` or `{ credential: NAME }`",
    text(text) Ok(RawFaceOption::Text(text.to_owned())), list RawFaceOption::List, map RawFaceOption::Secret);
schema_of_shapes!(
    RawFaceOption,
    "RawFaceOption",
    "A text, a list of texts, or where a secret comes from.",
    |generator| [
        json_schema!({ "type": "string" }),
        json_schema!({ "type": "array", "items": { "type": "string" } }),
        generator.subschema_for::<RawReference>()
    ]
);
