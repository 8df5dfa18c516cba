//! Types that are written in one of several shapes: how they are read, and how the JSON Schema says so.
//!
//! Invariant: the shape alone decides; no shape is tried after another.

/// Implements `Deserialize` for a type that is written as a scalar, a list or a mapping.
macro_rules! by_shape {
    ($type:ty, $expected:literal
        $(, text($text:ident) $from_text:expr)? $(, whole($whole:ident) $from_whole:expr)? $(, constant($constant:ident) $from_constant:expr)?
        $(, list $from_list:expr)? $(, map $from_map:expr)?) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Shape;
                impl<'de> Visitor<'de> for Shape {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }
                    $(fn visit_str<E: Error>(self, $text: &str) -> Result<Self::Value, E> { $from_text })?
                    $(
                    fn visit_u64<E: Error>(self, $whole: u64) -> Result<Self::Value, E> { $from_whole }
                    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                        let $whole = u64::try_from(number).map_err(|_| E::custom("expected a number above zero"))?;
                        $from_whole
                    }
                    )?
                    $(
                    fn visit_bool<E: Error>(self, $constant: bool) -> Result<Self::Value, E> { $from_constant }
                    fn visit_i64<E: Error>(self, $constant: i64) -> Result<Self::Value, E> { $from_constant }
                    fn visit_u64<E: Error>(self, $constant: u64) -> Result<Self::Value, E> { $from_constant }
                    fn visit_f64<E: Error>(self, $constant: f64) -> Result<Self::Value, E> { $from_constant }
                    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> { let $constant = (); $from_constant }
                    )?
                    $(fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                        Deserialize::deserialize(SeqAccessDeserializer::new(seq)).map($from_list)
                    })?
                    $(fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                        Deserialize::deserialize(MapAccessDeserializer::new(map)).map($from_map)
                    })?
                }
                deserializer.deserialize_any(Shape)
            }
        }
    };
}

/// Implements `JsonSchema` for a type that is written in one of several shapes.
macro_rules! schema_of_shapes {
    ($type:ty, $name:literal, $description:literal, |$generator:ident| $shapes:expr) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                let shapes = $shapes;
                json_schema!({ "description": $description, "anyOf": shapes })
            }
        }
    };
}

pub(in crate::definition) use {by_shape, schema_of_shapes};
