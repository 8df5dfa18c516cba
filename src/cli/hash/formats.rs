//! `hash formats`: every name that a definition can write.

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cli::Exit;
use crate::hash::FORMATS;

/// List the known formats.
#[derive(Debug, Args)]
pub(in crate::cli) struct Formats {
    /// How the list is written.
    #[arg(long, value_enum, default_value = "text")]
    format: Listing,
}

/// How the list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Listing {
    /// For people.
    Text,
    /// For machines.
    Json,
    /// For documentation.
    Markdown,
}

impl Formats {
    pub fn run(&self) -> Exit {
        match self.format {
            Listing::Text => text(),
            Listing::Json => as_json(),
            Listing::Markdown => markdown(),
        }
        Exit::Fine
    }
}

fn text() {
    println!("{:<28} {:<5} {:<5} {:<5} also known as", "name", "guess", "auto", "new");
    for format in FORMATS {
        let (auto, new) = (yes(format.is_self_describing()), yes(format.is_writable()));
        println!("{:<28} {:<5} {auto:<5} {new:<5} {}", format.name, format.strength, format.aliases.join(", "));
    }
    println!("\n`guess` is how hard a stolen hash is to guess, `auto` whether values say by themselves what they are.");
    println!("next: userbridge hash identify '…', or userbridge hash explain '…' with a password you know");
}

fn as_json() {
    let list: Vec<_> = FORMATS
        .iter()
        .map(|format| {
            json!({
                "name": format.name,
                "aliases": format.aliases,
                "strength": format.strength.to_string(),
                "self_describing": format.is_self_describing(),
                "writable": format.is_writable(),
                "expression": format.expression(),
            })
        })
        .collect();
    println!("{:#}", json!({ "formats": list }));
}

fn markdown() {
    println!("| name | also known as | strength | recognised by itself | written | expression |");
    println!("|---|---|---|---|---|---|");
    for format in FORMATS {
        let aliases: Vec<String> = format.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        let expression = format.expression().map_or(String::new(), |text| format!("`{text}`"));
        let (auto, new) = (yes(format.is_self_describing()), yes(format.is_writable()));
        let aliases = aliases.join(", ");
        println!("| `{}` | {aliases} | {} | {auto} | {new} | {expression} |", format.name, format.strength);
    }
}

fn yes(yes: bool) -> &'static str {
    if yes { "yes" } else { "" }
}
