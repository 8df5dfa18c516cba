//! The shape of the code, proved by reading it: imports point to lower levels, and a few things have one home.
//!
//! Invariant: test code is free; only what is shipped is judged.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Every module of the crate and its level; a module imports from lower levels only, never from its siblings.
const LEVELS: &[(u8, &[&str])] = &[
    (0, &["diagnostic", "action", "secret"]),
    (1, &["breaker", "complaint", "hash", "sql", "db", "export", "outbound"]),
    (2, &["definition"]),
    (3, &["handler", "managed", "upstream"]),
    (4, &["registry", "connect"]),
    (5, &["access", "audit", "protocol"]),
    (6, &["server", "reload"]),
    (7, &["cli"]),
    (8, &["lib", "main"]),
];

/// The imports from a sibling that are right all the same: (module, path).
const EXCEPTIONS: &[(&str, &str)] = &[("action", "secret::Password"), ("db", "sql::Dialect")];

/// What may be named in these modules only, and why.
const HOMES: &[(&[&str], &[&str], &str)] = &[
    (&["serde_saphyr"], &["definition"], "YAML is read in one place"),
    (&["ldap3_proto"], &["protocol"], "one protocol has its codec in one place"),
    (&["hyper", "hyper_util", "http_body_util"], &["protocol", "server", "cli", "outbound"], "handlers see no HTTP"),
    (
        &["http"],
        &["access", "definition", "protocol", "server", "cli", "outbound", "upstream"],
        "handlers see no HTTP (`access` reads headers)",
    ),
    (&["StatusCode"], &["protocol", "server"], "only protocols know status codes"),
    (&["tokio_postgres", "sea_orm", "sqlx"], &["db", "managed"], "no driver type leaks out of the databases"),
    (&["rusqlite"], &["db", "managed", "cli"], "no driver type leaks out of the databases (`demo` makes a file)"),
    (&["std::env"], &["cli", "main"], "nothing below `cli` reads the environment: pass the value down"),
    (
        &["SystemTime::now", "Utc::now", "Local::now"],
        &["cli", "main"],
        "nothing below `cli` reads the clock: pass it down",
    ),
    (
        &["getrandom", "new_v4", "OsRng"],
        &["cli", "main"],
        "nothing below `cli` draws random bytes: pass the source down",
    ),
];

#[test]
fn the_source_keeps_to_its_layers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = rust_files(&root.join("src")).unwrap();
    assert!(files.len() > 10, "found only {} files: is this the right folder?", files.len());
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
        let source = fs::read_to_string(file).unwrap();
        findings.extend(check(file.strip_prefix(root).unwrap(), &source));
    }
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

#[test]
fn planted_violations_are_found() {
    for (file, source, expected) in [
        ("src/db/pool.rs", "use crate::handler::run;", "src/db/pool.rs:1: `db` (L1) imports `handler` (L3)"),
        ("src/hash/mod.rs", "\nuse crate::{action::Action, sql};", "src/hash/mod.rs:2: `hash` (L1) imports `sql` (L1)"),
        ("src/db/mod.rs", "use crate::sql::{Dialect, Statement};", "src/db/mod.rs:1: `db` (L1) imports `sql` (L1)"),
        ("src/sql/mod.rs", "fn f() -> super::db::Row {}", "src/sql/mod.rs:1: `sql` (L1) imports `db` (L1)"),
        ("src/sql/lexer.rs", "use super::super::registry;", "src/sql/lexer.rs:1: `sql` (L1) imports `registry` (L4)"),
        ("src/server/mod.rs", "crate::unheard::of();", "src/server/mod.rs:1: `unheard` has no level"),
        ("src/novel.rs", "", "src/novel.rs:1: `novel` has no level"),
        ("src/access/mod.rs", "use hyper::Request;", "src/access/mod.rs:1: `hyper` stands in `access`"),
        ("src/handler/mod.rs", "fn f(_: http::Uri) {}", "src/handler/mod.rs:1: `http` stands in `handler`"),
        ("src/handler/login.rs", "use std::{env, fmt};", "src/handler/login.rs:1: `std::env` stands in `handler`"),
        ("src/server/mod.rs", "let t = chrono::Utc::now();", "src/server/mod.rs:1: `Utc::now` stands in `server`"),
    ] {
        let findings = check(Path::new(file), source);
        assert!(
            findings.len() == 1 && findings[0].starts_with(expected),
            "{source:?} in {file}: expected {expected:?}, found {findings:?}"
        );
    }
}

#[test]
fn what_is_right_is_not_found() {
    for (file, source) in [
        ("src/db/mod.rs", "use crate::sql::Dialect; use self::handler::Pool; use super::db::Row;"),
        ("src/handler/mod.rs", "use crate::{action::{Action, Outcome}, definition, hash::Budget};"),
        (
            "src/sql/mod.rs",
            "// use crate::db;\n/* crate::db /* nested */ crate::db */ let c = '\"'; f(\"crate::db\", r#\"crate::db\"#);",
        ),
        ("src/sql/mod.rs", "fn f<'a>(_: &'a str) { self.http.env(); crate::action::Action::now() }"),
        ("src/cli/mod.rs", "use std::env; use crate::{reload, server}; env!(\"X\");"),
        ("src/hash/mod.rs", "fn f() {}\n#[cfg(test)]\nmod tests { use crate::registry; use std::env; }"),
        ("src/lib.rs", "pub mod db; pub use crate::cli::main;"),
    ] {
        assert_eq!(check(Path::new(file), source), Vec::<String>::new(), "{source:?} in {file}");
    }
}

/// Every breach of the tables in one file, as `file:line: what: why`.
fn check(file: &Path, source: &str) -> Vec<String> {
    let place = module_of(file);
    let module = place[0].as_str();
    let finding = |line: usize, text: String| format!("{}:{line}: {text}", file.display());
    let Some(level) = level_of(module) else {
        return vec![finding(1, format!("`{module}` has no level: add it to LEVELS in tests/layers.rs"))];
    };
    let mut findings = BTreeSet::new();
    for (line, path) in paths(&shipped(source)) {
        if let Some(imported) = in_crate(&path, &place) {
            findings.extend(breach(module, level, &imported).map(|text| (line, text)));
        }
        for (names, homes, why) in HOMES {
            let name = names.iter().find(|name| names_it(&path, name)).filter(|_| !homes.contains(&module));
            findings.extend(name.map(|name| (line, format!("`{name}` stands in `{module}`: {why}"))));
        }
    }
    findings.into_iter().map(|(line, text)| finding(line, text)).collect()
}

fn breach(module: &str, level: u8, imported: &[String]) -> Option<String> {
    let target = imported.first().map_or("lib", |name| name.as_str());
    let path = imported.join("::");
    let excepted = |&(from, to): &(&str, &str)| from == module && (path == to || path.starts_with(&format!("{to}::")));
    match level_of(target) {
        _ if target == module || EXCEPTIONS.iter().any(excepted) => None,
        None => Some(format!("`{target}` has no level: add it to LEVELS in tests/layers.rs")),
        Some(other) if other < level => None,
        Some(other) => {
            Some(format!("`{module}` (L{level}) imports `{target}` (L{other}): imports point to lower levels only"))
        }
    }
}

fn level_of(module: &str) -> Option<u8> {
    LEVELS.iter().find(|(_, modules)| modules.contains(&module)).map(|(level, _)| *level)
}

/// The module path of a file: `src/db/pool.rs` is `db::pool`, `src/db/mod.rs` is `db`.
fn module_of(file: &Path) -> Vec<String> {
    let parts = file.with_extension("");
    let parts = parts.iter().skip(1).map(|part| part.to_string_lossy().into_owned());
    parts.filter(|part| part != "mod").collect()
}

/// What follows `crate::` in a path, also when it is written with `super`.
fn in_crate(path: &[String], place: &[String]) -> Option<Vec<String>> {
    let supers = path.iter().take_while(|segment| *segment == "super").count();
    let up = if path[0] == "crate" { 1 } else { supers };
    (path.len() > 1 && (path[0] == "crate" || supers == place.len())).then(|| path[up..].to_vec())
}

/// Whether a name such as `std::env` or `hyper` stands in a path: a crate at its start, anything else anywhere.
fn names_it(path: &[String], name: &str) -> bool {
    let name: Vec<&str> = name.split("::").collect();
    let is_crate = name.len() == 1 && name[0].chars().all(|c| c.is_lowercase() || c == '_');
    if is_crate { path.len() > 1 && path[0] == name[0] } else { path.windows(name.len()).any(|window| window == name) }
}

/// Every path of two or more segments with its line; `a::{b, c}` counts as `a::b` and `a::c`.
fn paths(source: &str) -> Vec<(usize, Vec<String>)> {
    let tokens = tokens(source);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let continues = at > 0 && matches!(tokens[at - 1].1, "::" | ".");
        if is_name(tokens[at].1) && !continues { tree(&tokens, &mut at, &[], &mut found) } else { at += 1 }
    }
    found.retain(|(_, path)| path.len() > 1);
    found
}

/// Reads one path, or one tree of a `use`, that begins at a name or a brace.
fn tree(tokens: &[(usize, &str)], at: &mut usize, before: &[String], found: &mut Vec<(usize, Vec<String>)>) {
    let token = |at: usize| tokens.get(at).map_or("", |token| token.1);
    let mut path = before.to_vec();
    let mut line = tokens[*at].0;
    while is_name(token(*at)) {
        path.push(token(*at).to_owned());
        line = tokens[*at].0;
        *at += 1;
        if token(*at) != "::" {
            break;
        }
        *at += 1;
    }
    if token(*at) != "{" || token(at.saturating_sub(1)) != "::" {
        return found.push((line, path));
    }
    *at += 1;
    while !matches!(token(*at), "}" | "") {
        if is_name(token(*at)) { tree(tokens, at, &path, found) } else { *at += 1 }
    }
    *at += 1;
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::` and single characters, each with its line.
fn tokens(source: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let name = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = if rest.starts_with("::") { 2 } else { name.max(first.len_utf8()) };
        if !first.is_whitespace() {
            found.push((line, &rest[..length]));
        }
        line += usize::from(first == '\n');
        rest = &rest[length..];
    }
    found
}

/// The source without comments, literals and the test module at its end; lines keep their numbers.
fn shipped(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skipped = comment(rest).or_else(|| literal(rest, code.chars().next_back())).unwrap_or(0);
        let length = skipped.max(first.len_utf8());
        if skipped == 0 {
            code.push(first);
        } else {
            code.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = &rest[length..];
    }
    if let Some(tests) = code.find("#[cfg(test)]\nmod ").filter(|&at| !code[at..].trim_end().ends_with(';')) {
        code.truncate(tests);
    }
    code
}

/// The length of the comment that the text begins with.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    let mut depth = 0;
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let (step, length) = match &text[at..] {
            rest if rest.starts_with("/*") => (1, 2),
            rest if rest.starts_with("*/") => (-1, 2),
            _ => (0, first.len_utf8()),
        };
        depth += step;
        at += length;
        if depth <= 0 {
            break;
        }
    }
    (at > 1 && text.starts_with("/*")).then_some(at)
}

/// The length of the string or character that the text begins with.
fn literal(text: &str, before: Option<char>) -> Option<usize> {
    let in_name = before.is_some_and(|c| c.is_alphanumeric() && c != 'b' && c != 'c');
    if let Some(raw) = text.strip_prefix('r').filter(|_| !in_name) {
        let hashes = raw.bytes().take_while(|&b| b == b'#').count();
        if let Some(body) = raw[hashes..].strip_prefix('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            return Some(2 + hashes + body.find(&end).map_or(body.len(), |at| at + end.len()));
        }
    }
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut characters = text.char_indices().skip(1);
    let mut length = 0;
    while let Some((at, c)) = characters.next() {
        length += 1;
        // A lifetime such as `'a` has no quote after its first character.
        if quote == '\'' && length == 2 && c != quote && !text.starts_with("'\\") {
            return None;
        }
        if c == quote {
            return Some(at + 1);
        }
        if c == '\\' {
            characters.next();
        }
    }
    None
}

fn rust_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
