//! What may stand at a place, by the JSON Schemas that are generated from the types that read the files.
//!
//! Invariant: nothing about the language is written here a second time.

use serde_json::Value as Json;

use super::place::Step;
use crate::cli::schema;

/// The schema of one kind of file.
pub(super) struct Schema(Json);

/// A name that may be written, with what it means.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Offer {
    pub name: String,
    pub about: Option<String>,
}

impl Schema {
    /// Of definitions.
    pub fn connector() -> Self {
        Self(schema::connector())
    }

    /// Of the gateway's settings.
    pub fn gateway() -> Self {
        Self(schema::gateway())
    }

    /// The keys of the mapping at a place.
    pub fn keys(&self, path: &[Step]) -> Vec<Offer> {
        let properties = self.at(path).into_iter().filter_map(|shape| shape.get("properties")?.as_object());
        let offers = properties.flatten().map(|(name, value)| Offer { name: name.clone(), about: self.about(value) });
        sorted(offers.collect())
    }

    /// The words that a value may be.
    pub fn values(&self, path: &[Step]) -> Vec<Offer> {
        let mut found = Vec::new();
        for shape in self.at(path) {
            let listed = shape.get("enum").and_then(Json::as_array).into_iter().flatten().chain(shape.get("const"));
            let words = listed.filter_map(Json::as_str).map(str::to_owned);
            found.extend(words.map(|name| Offer { name, about: self.about(shape) }));
            if shape.get("type").and_then(Json::as_str) == Some("boolean") {
                found.extend(["true", "false"].map(|name| Offer { name: name.to_owned(), about: None }));
            }
        }
        sorted(found)
    }

    /// What the last key of a path means.
    pub fn description(&self, path: &[Step]) -> Option<String> {
        let (Step::Key(name), parents) = path.split_last()? else { return None };
        let mut properties = self.at(parents).into_iter().filter_map(|shape| shape.get("properties")?.get(name));
        properties.find_map(|value| self.about(value))
    }

    /// Whether a definition of this name is what describes the place.
    pub fn is(&self, path: &[Step], name: &str) -> bool {
        let reference = format!("#/definitions/{name}");
        self.reached(path).iter().any(|shape| shape.get("$ref").and_then(Json::as_str) == Some(&reference))
    }

    /// The shapes that a value at this place may have, without references.
    fn at(&self, path: &[Step]) -> Vec<&Json> {
        let mut shapes = self.reached(path);
        shapes.retain(|shape| shape.get("$ref").is_none());
        shapes
    }

    fn reached(&self, path: &[Step]) -> Vec<&Json> {
        let mut shapes = Vec::new();
        self.expand(&self.0, &mut shapes);
        for step in path {
            let mut next = Vec::new();
            for shape in shapes {
                let inner = match step {
                    Step::Item => shape.get("items"),
                    Step::Key(name) => shape
                        .get("properties")
                        .and_then(|properties| properties.get(name))
                        .or_else(|| shape.get("additionalProperties")),
                };
                if let Some(inner) = inner {
                    self.expand(inner, &mut next);
                }
            }
            shapes = next;
        }
        shapes
    }

    /// A shape, what it refers to, and its alternatives.
    fn expand<'s>(&'s self, shape: &'s Json, found: &mut Vec<&'s Json>) {
        if found.iter().any(|known| std::ptr::eq(*known, shape)) {
            return;
        }
        found.push(shape);
        let referred =
            shape.get("$ref").and_then(Json::as_str).and_then(|to| self.0.pointer(to.trim_start_matches('#')));
        let all = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|key| shape.get(key)?.as_array()).flatten();
        for inner in referred.into_iter().chain(all) {
            self.expand(inner, found);
        }
    }

    /// The description that stands nearest.
    fn about(&self, shape: &Json) -> Option<String> {
        let mut shapes = Vec::new();
        self.expand(shape, &mut shapes);
        shapes.into_iter().find_map(|shape| shape.get("description")?.as_str().map(str::to_owned))
    }
}

fn sorted(mut offers: Vec<Offer>) -> Vec<Offer> {
    offers.sort();
    offers.dedup_by(|a, b| a.name == b.name);
    offers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_walked_through_references_and_alternatives() {
        let path = |text: &str| -> Vec<Step> {
            let step = |part: &str| if part == "-" { Step::Item } else { Step::Key(part.to_owned()) };
            text.split('/').filter(|part| !part.is_empty()).map(step).collect()
        };
        let connector = Schema::connector();
        let names = |offers: Vec<Offer>| offers.into_iter().map(|offer| offer.name).collect::<Vec<_>>().join(" ");
        assert!(names(connector.keys(&path(""))).contains("actions allow configuration connector"));
        assert_eq!(names(connector.keys(&path("actions/delete"))), "password sql");
        assert!(names(connector.keys(&path("actions/login/after/-"))).contains("as"));
        assert_eq!(names(connector.values(&path("password/rehash"))), "off on_login");
        assert_eq!(names(connector.values(&path("disabled"))), "false true");
        assert!(connector.is(&path("password/formats/-"), "RawFormat"));
        assert!(!connector.is(&path("password/column"), "RawFormat"));
        assert!(connector.description(&path("actions/login")).is_some_and(|about| !about.is_empty()));
        assert_eq!(connector.description(&path("nothing")), None);
        assert!(names(Schema::gateway().keys(&path("clients/-"))).contains("scopes"));
    }
}
