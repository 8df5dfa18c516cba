//! The entries of an allowlist: networks, and files of networks.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::definition::raw::{by_shape, schema_of_shapes};
use crate::definition::yaml::At;

/// An entry of an allowlist.
#[derive(Debug)]
pub enum RawNetwork {
    /// A network, as in `10.0.0.0/8`.
    Network(String),
    /// A file of networks.
    File(RawNetworkFile),
}

/// A file of networks; it is read again when it changes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawNetworkFile {
    /// The path, from the settings' directory: one network a line with `#` comments, or Auth0's published JSON.
    pub file: At<String>,
    /// The regions to take from Auth0's JSON, as in `[EU, US]`; all unless said otherwise.
    #[serde(default)]
    pub regions: Vec<At<String>>,
}

by_shape!(RawNetwork, "a network or `{ file: path }`",
    text(text) Ok(RawNetwork::Network(text.to_owned())), map RawNetwork::File);
schema_of_shapes!(RawNetwork, "RawNetwork", "A network such as `10.0.0.0/8`, or a file of networks.", |generator| [
    json_schema!({ "type": "string" }),
    generator.subschema_for::<RawNetworkFile>()
]);
