//! `userbridge schema`: the JSON Schemas that editors use, generated from the types that read the files, the OpenAPI
//! document, generated from the tables that answer requests, and the page of all password formats.

use std::path::PathBuf;

use clap::Args;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Exit;
use super::hash::formats;
use crate::definition::RawGateway;
use crate::definition::raw::RawDefinition;
use crate::protocol::openapi;

/// Write the JSON Schemas that editors use, the OpenAPI document, and the page of all password formats.
#[derive(Debug, Args)]
pub(super) struct Schema {
    /// The directory to write to.
    #[arg(long, default_value = "schemas")]
    directory: PathBuf,
    /// Write nothing; fail when a file there is not what would be written.
    #[arg(long)]
    check: bool,
}

impl Schema {
    pub fn run(self) -> Exit {
        for (name, text) in generated() {
            let path = self.directory.join(name);
            if self.check {
                if std::fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
                    eprintln!("error: {} is not current; run: userbridge schema", path.display());
                    return Exit::Findings;
                }
                continue;
            }
            let written = std::fs::create_dir_all(&self.directory).and_then(|()| std::fs::write(&path, text));
            if let Err(error) = written {
                eprintln!("error: cannot write {}: {}", path.display(), error.kind());
                return Exit::Usage;
            }
            println!("{}", path.display());
        }
        Exit::Fine
    }
}

/// The schema of definitions.
pub(super) fn connector() -> Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<RawDefinition>().to_value()
}

/// The schema of the gateway's settings.
pub(super) fn gateway() -> Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<RawGateway>().to_value()
}

/// Every generated file with its text.
fn generated() -> Vec<(&'static str, String)> {
    let documents =
        [("connector.schema.json", connector()), ("gateway.schema.json", gateway()), ("openapi.json", openapi())];
    let all = documents.into_iter().map(|(name, json)| (name, format!("{json:#}\n")));
    all.chain([("formats.md", formats::page())]).collect()
}
