//! A description as a definition writes it.
//!
//! Invariant: what is printed here is read back as the same description; no secret is printed.

use super::given::Row;
use crate::hash::{
    Base, Change, Charset, Description, Encoding, Position, Rounds, RoundsOver, SaltEncoding, SplitOrder, Transform,
};

/// The `password:` block with this format.
pub(super) fn block(description: &Description, row: &Row) -> String {
    let mut text = "password:\n  column: password_hash\n".to_owned();
    let columns = [
        ("salt", "password_salt", row.salt.is_some() && uses(description, "$s")),
        ("salt2", "password_salt2", row.salt2.is_some()),
        ("user", "username", row.user.is_some() && uses(description, "$u")),
        ("algorithm", "password_algorithm", row.algorithm.is_some()),
    ];
    for (key, column, used) in columns {
        if used {
            text.push_str(&format!("  {key}: {{ column: {column} }}\n"));
        }
    }
    text.push_str(&format!("  formats: {}\n", format(description, row)));
    text
}

/// Whether a description takes something of the row that is given: an expression says so, other formats may.
fn uses(description: &Description, variable: &str) -> bool {
    let mentioned = |text: &str| text.contains(variable);
    let in_prehash = description.prehash.as_deref().is_some_and(mentioned);
    in_prehash
        || match &description.base {
            Base::Expression(text) => mentioned(text),
            Base::Named(_) | Base::Digest(_) => true,
        }
}

/// The format alone.
fn format(description: &Description, row: &Row) -> String {
    let mut parts = Vec::new();
    let mut part = |key: &str, value: String| parts.push(format!("{key}: {value}"));
    match &description.base {
        Base::Named(name) => part("format", name.clone()),
        Base::Digest(name) => part("digest", name.clone()),
        Base::Expression(text) => part("expr", quoted(text)),
    }
    if let Some(salt) = &description.salt {
        let position = match salt.position {
            Position::Prefix => "prefix",
            Position::Suffix => "suffix",
            Position::Both => "both",
        };
        let encoding = match salt.encoding {
            SaltEncoding::Text => "text",
            SaltEncoding::Hex => "hex",
            SaltEncoding::Base64 => "base64",
        };
        let expression = matches!(description.base, Base::Expression(_));
        let position = if expression { String::new() } else { format!("position: {position}, ") };
        part("salt", format!("{{ {position}encoding: {encoding} }}"));
    }
    if let Some(encoding) = description.encoding {
        let word = match encoding {
            Encoding::Hex => "hex",
            Encoding::Base64 => "base64",
            Encoding::Raw => "raw",
        };
        part("encoding", word.to_owned());
    }
    if let Some(split) = &description.split {
        part("split", quoted(&split.separator));
        if split.order == SplitOrder::SaltFirst {
            part("order", "[salt, digest]".to_owned());
        }
    }
    if let Some(algorithm) = &description.algorithm {
        part("algorithm", quoted(algorithm));
    }
    if let (Some(realm), Base::Named(_)) = (&row.realm, &description.base) {
        part("realm", quoted(realm));
    }
    if let Some(Rounds::Fixed(rounds)) = description.rounds {
        part("rounds", rounds.to_string());
    }
    if description.rounds_over != RoundsOver::Digest {
        let word = match description.rounds_over {
            RoundsOver::Digest => "digest",
            RoundsOver::DigestAndSalt => "digest+salt",
            RoundsOver::DigestAndPassword => "digest+password",
            RoundsOver::Hex => "hex",
        };
        part("rounds_over", word.to_owned());
    }
    if let Some(length) = description.length {
        part("length", length.to_string());
    }
    let cost = &description.cost;
    for (key, value) in [
        ("cost", cost.cost),
        ("memory", cost.memory),
        ("passes", cost.passes),
        ("lanes", cost.lanes),
        ("block", cost.block),
    ] {
        if let Some(value) = value {
            part(key, value.to_string());
        }
    }
    if !description.transform.is_empty() {
        let words: Vec<_> = description.transform.iter().map(change).collect();
        part("transform", format!("[{}]", words.join(", ")));
    }
    if let Some(word) = charset(description.charset) {
        part("charset", word.to_owned());
    }
    if let Some(pepper) = &description.pepper {
        let position = if pepper.position == Some(Position::Prefix) { ", position: prefix" } else { "" };
        part("pepper", format!("{{ env: PASSWORD_PEPPER{position} }}"));
    }
    if !description.key.0.is_empty() {
        part("key", "{ env: PASSWORD_KEY }".to_owned());
    }
    if let Some(prehash) = &description.prehash {
        part("prehash", quoted(prehash));
    }
    match (&description.base, parts.len()) {
        (Base::Named(name), 1) => name.clone(),
        _ => format!("{{ {} }}", parts.join(", ")),
    }
}

/// As YAML writes a text that may hold anything.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn change(change: &Change) -> String {
    let word = match change.transform {
        Transform::Trim => "trim",
        Transform::Lower => "lower",
        Transform::Upper => "upper",
        Transform::Html => "htmlspecialchars",
        Transform::HtmlCompat => "html",
        Transform::HtmlDecode => "html-decode",
        Transform::AddSlashes => "addslashes",
        Transform::IpbEscape => "ipb-escape",
        Transform::Nfc => "nfc",
        Transform::Nfkc => "nfkc",
    };
    if change.optional { format!("{word}?") } else { word.to_owned() }
}

fn charset(charset: Charset) -> Option<&'static str> {
    match charset {
        Charset::Utf8 => None,
        Charset::Utf16Le => Some("utf-16le"),
        Charset::Utf16Be => Some("utf-16be"),
        Charset::Latin1 => Some("latin-1"),
        Charset::Cp1252 => Some("cp1252"),
    }
}
