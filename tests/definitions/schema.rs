//! A validator of the part of JSON Schema (draft 7) that the generated schemas use. A keyword that it does not know is
//! a failure, so that nothing is taken for valid unseen.

use std::path::Path;

use serde_json::Value as Json;

pub fn load(path: &Path) -> Json {
    serde_json::from_str(&std::fs::read_to_string(path).expect("readable")).expect("JSON")
}

/// Everything about a value that the schema forbids, with its place.
pub fn faults(schema: &Json, value: &Json) -> Vec<String> {
    let mut faults = Vec::new();
    validate(schema, schema, value, "", &mut faults);
    faults
}

fn validate(root: &Json, schema: &Json, value: &Json, at: &str, faults: &mut Vec<String>) {
    let Json::Object(keywords) = schema else {
        assert!(schema.is_boolean(), "{schema} is no schema");
        if schema == &Json::Bool(false) {
            faults.push(format!("{at}: nothing may stand here"));
        }
        return;
    };
    let passes = |schema: &Json| {
        let mut inner = Vec::new();
        validate(root, schema, value, at, &mut inner);
        inner.is_empty()
    };
    for (keyword, content) in keywords {
        let fine = match keyword.as_str() {
            "$schema" | "title" | "description" | "default" | "definitions" | "format" => true,
            "$ref" => {
                let pointer = content.as_str().and_then(|text| text.strip_prefix('#')).expect("a local reference");
                validate(root, root.pointer(pointer).expect("a definition"), value, at, faults);
                true
            }
            "type" => match content {
                Json::Array(types) => types.iter().any(|name| is_a(value, name)),
                name => is_a(value, name),
            },
            "const" => value == content,
            "enum" => list(content).contains(value),
            "minimum" => value.as_f64().is_none_or(|number| Some(number) >= content.as_f64()),
            "maximum" => value.as_f64().is_none_or(|number| Some(number) <= content.as_f64()),
            "anyOf" => list(content).iter().any(passes),
            "oneOf" => list(content).iter().filter(|schema| passes(schema)).count() == 1,
            "allOf" => list(content).iter().all(passes),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    validate(root, content, item, &format!("{at}/{index}"), faults);
                }
                true
            }
            "required" => {
                value.is_null() || !value.is_object() || list(content).iter().all(|k| value.get(key(k)).is_some())
            }
            "properties" => {
                for (name, property) in content.as_object().expect("an object") {
                    if let Some(member) = value.get(name) {
                        validate(root, property, member, &format!("{at}/{name}"), faults);
                    }
                }
                true
            }
            "patternProperties" => {
                for (pattern, schema) in content.as_object().expect("an object") {
                    assert_eq!(pattern, NUMBERS, "the validator does not know this pattern");
                    for (name, member) in value.as_object().into_iter().flatten().filter(|(name, _)| is_number(name)) {
                        validate(root, schema, member, &format!("{at}/{name}"), faults);
                    }
                }
                true
            }
            "additionalProperties" => {
                let declared = keywords.get("properties").and_then(Json::as_object);
                let matched = |name: &str| keywords.contains_key("patternProperties") && is_number(name);
                for (name, member) in value.as_object().into_iter().flatten().filter(|(name, _)| !matched(name)) {
                    if declared.is_none_or(|declared| !declared.contains_key(name)) {
                        validate(root, content, member, &format!("{at}/{name}"), faults);
                    }
                }
                true
            }
            other => panic!("the validator does not know `{other}`"),
        };
        if !fine {
            faults.push(format!("{at}: {keyword} {content}"));
        }
    }
}

/// The names of members that are numbers.
const NUMBERS: &str = r"^\d+$";

fn is_number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

fn list(content: &Json) -> &Vec<Json> {
    content.as_array().expect("a list")
}

fn key(name: &Json) -> &str {
    name.as_str().expect("a name")
}

fn is_a(value: &Json, name: &Json) -> bool {
    match key(name) {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the validator does not know the type `{other}`"),
    }
}

/// The places of properties without a description.
pub fn undescribed(schema: &Json) -> Vec<String> {
    let mut found = Vec::new();
    search(schema, "", &mut found);
    found
}

fn search(schema: &Json, at: &str, found: &mut Vec<String>) {
    match schema {
        Json::Object(members) => {
            for (name, member) in members {
                if name == "properties" {
                    for (property, schema) in member.as_object().expect("an object") {
                        let described = schema.get("description").and_then(Json::as_str).is_some_and(|d| !d.is_empty());
                        if !described {
                            found.push(format!("{at}/{property}"));
                        }
                    }
                }
                search(member, &format!("{at}/{name}"), found);
            }
        }
        Json::Array(list) => list.iter().for_each(|schema| search(schema, at, found)),
        _ => {}
    }
}
