//! Texts that were made to break a reader: no panic, no more time than their length is worth.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use userbridge::action::Action;
use userbridge::definition::{Surroundings, check, check_gateway};
use userbridge::diagnostic::Source;
use userbridge::protocol::Native;
use userbridge::sql::Dialect;

/// Whether a definition is accepted; its findings are drawn as well, since that reads the text again.
fn accepted(text: &str) -> bool {
    let surroundings = Surroundings { variable: &|_| None, directory: Path::new(".") };
    let (definition, report) = check(&Source::new("acme.yaml", text), &surroundings);
    assert_eq!(definition.is_some(), !report.is_fatal(), "refused without a reason, or the reverse");
    report.render(false);
    definition.is_some()
}

const DEFINITIONS: [&str; 3] =
    [include_str!("../../src/cli/demo/shop.yaml"), include_str!("../definitions/flow.yaml"), crate::people::DEFINITION];

/// What breaks readers of YAML, of templates and of SQL.
const PIECES: [&str; 36] = [
    "\n",
    "\t",
    " ",
    "  ",
    ":",
    "- ",
    "? ",
    "|",
    ">",
    "'",
    "\"",
    "\\",
    "#",
    "&a ",
    "*a",
    "<<: *a",
    "!!str ",
    "!x ",
    "%YAML 9\n",
    "---\n",
    "...\n",
    "{",
    "}",
    "[",
    "]",
    "{{",
    "}}",
    "{% if x %}",
    "{% endif %}",
    "{{ a.b | c }}",
    "$$",
    "/*",
    "--",
    "\u{0}",
    "\u{feff}",
    "\u{2028}",
];

/// Cuts, repeats and pieces, at places anywhere in the text.
fn mutated(text: &str, edits: &[(usize, usize, u8)]) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for (place, piece, kind) in edits {
        let place = place % (letters.len() + 1);
        let end = (place + piece % 40).min(letters.len());
        match kind % 4 {
            0 => drop(letters.drain(place..end)),
            1 => {
                let again = letters[place..end].to_vec();
                letters.splice(place..place, again);
            }
            2 => drop(letters.splice(place..end, PIECES[piece % PIECES.len()].chars())),
            _ => drop(letters.splice(place..place, PIECES[piece % PIECES.len()].chars())),
        }
    }
    letters.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_mutation_makes_the_loader_panic(
        original in prop::sample::select(&DEFINITIONS[..]),
        edits in prop::collection::vec((any::<usize>(), any::<usize>(), any::<u8>()), 0..6),
        garbage in "\\PC{0,60}",
    ) {
        accepted(&mutated(original, &edits));
        accepted(&garbage);
        // The gateway's own settings go through the same reader.
        let _ = check_gateway(&Source::new("userbridge.yaml", mutated(SETTINGS, &edits)));
    }
}

const SETTINGS: &str = "listen: 127.0.0.1:8443\nadmin: 127.0.0.1:9443\nallowlist: [10.0.0.0/8]\nclients:\n  - id: a\n    \
                        secrets: ['sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824']\n    \
                        scopes: ['acme:*']\nlimits: { client: 200/s, account: 10/min }\n";

#[test]
fn the_originals_are_accepted() {
    assert!(DEFINITIONS.into_iter().all(accepted), "mutants of refused texts would prove nothing");
    assert!(check_gateway(&Source::new("userbridge.yaml", SETTINGS)).is_ok());
}

/// The processor time that this thread has used: others use this machine too, and what they take does not count.
fn used() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// The quickest of three.
fn time<T>(of: impl Fn() -> T) -> Duration {
    let once = || {
        let before = used();
        drop(of());
        used() - before
    };
    (0..3).map(|_| once()).min().unwrap()
}

/// A text that is repeated until it has this many bytes.
fn long(piece: &str, bytes: usize) -> String {
    piece.repeat(bytes / piece.len())
}

/// Four times the text may take four times the time, with room for noise; where it is squared it takes sixteen times.
/// Returns what the long one took.
#[track_caller]
fn linear<T>(name: &str, read: impl Fn(usize) -> T) -> Duration {
    up_to(92_000, name, read)
}

#[track_caller]
fn up_to<T>(bytes: usize, name: &str, read: impl Fn(usize) -> T) -> Duration {
    let (short, whole) = (time(|| read(bytes / 4)), time(|| read(bytes)));
    assert!(whole < short * 9 + Duration::from_millis(40), "{name}: {short:?} for a quarter, {whole:?} for all");
    // Built without optimisation; 100 ms are meant for what is shipped.
    assert!(whole < Duration::from_millis(1000), "{name}: {whole:?}");
    whole
}

#[test]
fn hostile_definitions_are_read_in_linear_time() {
    let head = "version: 1\nconnector: acme\n";
    let pieces = [
        "[",
        "{",
        "- ",
        "? ",
        "a: ",
        "'",
        "\"",
        "\\",
        "[[],",
        "{a: [",
        "x: |\n ",
        "# c\n",
        "\n",
        "&a [",
        "*a ",
        "!!a ",
        "---\n",
        "- - - - -\n",
        "\"\\u0000\"\n",
        "\t",
        "{{",
        "{{ a | b }}",
        "{% for x in y %}",
    ];
    for piece in pieces {
        linear(piece, |bytes| accepted(&long(piece, bytes)));
        linear(piece, |bytes| accepted(&format!("{head}description: {}", long(piece, bytes))));
    }
    let keys = |bytes: usize| (0..bytes / 12).map(|n| format!("key{n:06}: 1\n")).collect::<String>();
    linear("many keys", |bytes| accepted(&keys(bytes)));
    let profile = |bytes: usize| format!("{head}profile: {{ name: \"{{{{ email }}}} {}\" }}\n", long("x", bytes));
    linear("a long profile", |bytes| accepted(&profile(bytes)));
    let configuration = |bytes: usize| (0..bytes / 14).map(|n| format!("  key{n:06}: 1\n")).collect::<String>();
    linear("many values", |bytes| accepted(&format!("{head}configuration:\n{}", configuration(bytes))));
    // The control: what is squared is seen.
    let squared = |bytes: usize| {
        let text = long("a", bytes / 16);
        let found: usize = (0..text.len()).map(|n| text[n..].bytes().filter(|byte| *byte == b'b').count()).sum();
        assert_eq!(found, 0);
    };
    let (short, whole) = (time(|| squared(23_000)), time(|| squared(92_000)));
    assert!(whole > short * 9, "{short:?} and {whole:?}");
}

#[test]
fn bombs_of_aliases_and_a_megabyte_are_refused_at_once() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let last = format!("*a{}, ", n - 1).repeat(9);
        bomb.push_str(&format!("a{n}: &a{n} [{last}x]\n"));
    }
    let megabyte = |piece: &str| long(piece, 1 << 20);
    let texts = [bomb, megabyte("a: "), megabyte("["), megabyte("'"), megabyte("- &a *a\n"), megabyte("é")];
    for text in &texts {
        let before = used();
        assert!(!accepted(text) && check_gateway(&Source::new("userbridge.yaml", text.as_str())).is_err());
        let time = used() - before;
        // Unoptimised code is a tenfold slower, and is drawing a picture of the one long line.
        let limit = Duration::from_millis(if cfg!(debug_assertions) { 3000 } else { 300 });
        assert!(time < limit, "{time:?} for {text:.40}");
    }
}

#[test]
fn hostile_statements_are_compiled_in_linear_time() {
    let pieces = [
        "'",
        "\"",
        "`",
        "$$",
        "$a$",
        "/*",
        "*/",
        "--",
        "(",
        ")",
        "((1",
        "a.",
        "a = ",
        "{{ identifier }} ",
        "{{ identifier | lower }}, ",
        "E'\\",
        ";",
        "SELECT ",
        "CASE WHEN ",
        "x AND ",
        "{% if a %}",
        "{{ '",
        "{#",
        "\n",
    ];
    for dialect in Dialect::ALL {
        for piece in pieces {
            let name = format!("{dialect}: {piece}");
            up_to(56_000, &name, |bytes| super::compile(dialect, &format!("SELECT {}", long(piece, bytes))));
            up_to(56_000, &name, |bytes| {
                let tail = long(piece, bytes);
                super::compile(dialect, &format!("SELECT a FROM t WHERE a = {{{{ identifier }}}} {tail}"));
            });
        }
    }
    // Longer ones the template engine cannot count, so it never sees them.
    let long_one = |bytes: usize| format!("SELECT a FROM t WHERE a = {{{{ identifier }}}} -- {}", long("x", bytes));
    assert!(super::compile(Dialect::Postgres, &long_one(50_000)).is_some());
    assert!(super::compile(Dialect::Postgres, &long_one(60_000)).is_none());
}

#[test]
fn hostile_bodies_are_decoded_in_linear_time() {
    let decode = |text: &str| Native::request(Action::Login, text.as_bytes()).is_ok();
    for piece in ["[", "{", "{\"a\":", "\"", "\\", "\\u0000", "1", "-", "1e", " ", "[],", "{},", "\"a\":1,", "\u{feff}"]
    {
        linear(piece, |bytes| decode(&long(piece, bytes)));
        linear(piece, |bytes| decode(&format!("{{\"identifier\":\"a\",\"context\":{}", long(piece, bytes))));
        linear(piece, |bytes| decode(&format!("{{\"identifier\":\"{}", long(piece, bytes))));
    }
    let members = |bytes: usize| (0..bytes / 14).map(|n| format!("\"key{n:06}\":1,")).collect::<String>();
    linear("many members", |bytes| decode(&format!("{{{}\"identifier\":\"a\"}}", members(bytes))));
    let context =
        |bytes: usize| format!("{{\"identifier\":\"a\",\"password\":\"b\",\"context\":{{{}\"z\":1}}}}", members(bytes));
    linear("a large context", |bytes| decode(&context(bytes)));
    // The control: the last one is an ordinary request.
    assert!(decode(&context(1000)));
}
