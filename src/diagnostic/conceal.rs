//! What stands in a file but must not stand in its pictures: those are logged, shown in the status and kept by CI.
//!
//! Invariant: the text keeps its length and its line breaks, so every place in it stays where it is.

use super::Span;

/// A source's text with asterisks in the place of passwords in URLs, of private keys in PEM, of values under keys that
/// name a secret, and of these spans.
pub(super) fn concealed<'a>(text: &str, spans: impl Iterator<Item = &'a Span>) -> String {
    covered(text, spans.cloned().chain(secrets(text)).collect())
}

/// A sentence with asterisks in the place of passwords in URLs and of private keys in PEM.
pub(super) fn said(text: &str) -> String {
    covered(text, url_passwords(text).chain(private_keys(text)).collect())
}

fn covered(text: &str, mut secrets: Vec<Span>) -> String {
    if secrets.is_empty() {
        return text.to_owned();
    }
    secrets.sort_unstable_by_key(|span| span.start);
    let mut next = secrets.into_iter().peekable();
    let mut covered_to = 0;
    let mut shown = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        while let Some(span) = next.next_if(|span| span.start <= at) {
            covered_to = covered_to.max(span.end);
        }
        match at < covered_to && !matches!(c, '\n' | '\r') {
            true => (0..c.len_utf8()).for_each(|_| shown.push('*')),
            false => shown.push(c),
        }
    }
    shown
}

/// Where passwords in URLs, private keys and values under keys that name a secret stand.
pub(super) fn secrets(text: &str) -> impl Iterator<Item = Span> {
    url_passwords(text).chain(private_keys(text)).chain(named(text))
}

/// `scheme://user:PASSWORD@`, also when the password has characters that a URL would need encoded.
fn url_passwords(text: &str) -> impl Iterator<Item = Span> {
    text.match_indices("://").filter_map(|(at, separator)| {
        let start = at + separator.len();
        let line = text[start..].lines().next()?;
        let scheme = text[..at].trim_end_matches(|c: char| c.is_ascii_alphanumeric() || "+.-".contains(c));
        let quote = scheme.chars().next_back().filter(|c| QUOTES.contains(c));
        let within = |ends: &dyn Fn(char) -> bool| line.find(ends).map_or(line, |end| &line[..end]);
        let url = match quote {
            Some(quote) => within(&|c| c == quote),
            None => Some(within(&|c| c.is_whitespace() || QUOTES.contains(&c)))
                .filter(|url| url.contains('@'))
                .unwrap_or_else(|| within(&|c| QUOTES.contains(&c))),
        };
        let end = url.rfind('@')?;
        let password = url[..end].find(':')? + 1;
        Some(start + password..start + end)
    })
}

/// What `migration.unmigrated.change_password` may say.
const POLICIES: [&str; 3] = ["migrate", "legacy", "refuse"];

const QUOTES: [char; 3] = ['"', '\'', '`'];

/// What stands between the lines of a private key in PEM, or behind its first line when it never ends.
fn private_keys(text: &str) -> impl Iterator<Item = Span> {
    text.match_indices("PRIVATE KEY-----").filter_map(|(at, words)| {
        let label = text[..at].rfind("-----")?;
        let start = at + words.len();
        let end = text[start..].find("-----END").map_or(text.len(), |end| start + end);
        text[label..].starts_with("-----BEGIN").then_some(start..end)
    })
}

/// What stands behind `password:`, `client_secret:`, `key:` and their like, unless it only says where the secret is.
fn named(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for (key, at) in keys(text) {
        if !names_a_secret(key) {
            continue;
        }
        let value = text[at..].trim_start_matches([' ', '\t']);
        let start = text.len() - value.len();
        if value.is_empty() {
            continue;
        }
        let end = match value.as_bytes()[0] {
            // What `password:` holds is declared, not secret.
            b'{' | b'\n' | b'\r' | b'#' if key.to_ascii_lowercase().ends_with("password") => continue,
            b'{' => value.find('}').unwrap_or(value.len()),
            b'\n' | b'\r' | b'#' => block(&text[..at], value),
            _ => {
                let span = scalar(&text[..at], value).map(|span| start + span.start..start + span.end);
                // What becomes of an action is a policy, not a password.
                found.extend(span.filter(|span| key != "change_password" || !POLICIES.contains(&&text[span.clone()])));
                continue;
            }
        };
        for (inner, at) in keys(&value[..end]) {
            if !["env", "file", "credential", "position"].contains(&inner) {
                let rest = value[at..end].trim_start_matches([' ', '\t']);
                let from = start + end - rest.len();
                found.extend(scalar(&value[..at], rest).map(|span| from + span.start..from + span.end));
            }
        }
    }
    found
}

/// Keys with the places right behind their colons.
fn keys(text: &str) -> impl Iterator<Item = (&str, usize)> {
    text.match_indices(':').filter_map(|(at, _)| {
        let key = text[..at].trim_end_matches(QUOTES);
        let start = key.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-').len();
        text[at + 1..].starts_with(char::is_whitespace).then_some((&key[start..], at + 1))
    })
}

/// The place of a value or of a list's entries; None for a template.
fn scalar(before: &str, value: &str) -> Option<Span> {
    let first = value.chars().next()?;
    let end = match first {
        '[' => value.find([']', '\n']),
        '"' | '\'' => value[1..].find([first, '\n']).map(|end| end + 1),
        '|' | '>' => Some(block(before, value)),
        _ => value.find(['\n', '#', ',', '}']),
    };
    let open = usize::from(['[', '"', '\''].contains(&first));
    let plain = value[open..end.unwrap_or(value.len())].trim_end();
    let span = open..open + plain.len();
    (!plain.starts_with("{{") && !plain.is_empty()).then_some(span)
}

/// The length of a block scalar: the lines that stand deeper than its key.
fn block(before: &str, value: &str) -> usize {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let own = depth(before.rsplit('\n').next().unwrap_or_default());
    let mut end = 0;
    for (index, line) in value.split_inclusive('\n').enumerate() {
        if index > 0 && !line.trim().is_empty() && depth(line) <= own {
            break;
        }
        end += line.len();
    }
    end
}

fn names_a_secret(key: &str) -> bool {
    const WORDS: [&str; 11] = [
        "password",
        "passwd",
        "pwd",
        "passphrase",
        "secret",
        "secrets",
        "token",
        "pepper",
        "api_key",
        "apikey",
        "private_key",
    ];
    if key.len() < "key".len() {
        return false;
    }
    let key = key.to_ascii_lowercase().replace('-', "_");
    // A slip of the pen hides nothing: `pasword`, `passwort`. `tokens` is a section.
    let last = key.rsplit('_').next().unwrap_or_default();
    let near = |word: &&str| {
        let may_be = word.len() > 4 && word.len().abs_diff(last.len()) < 2 && last != "tokens";
        may_be && strsim::damerau_levenshtein(last, word) < 2
    };
    let ends = |word: &&str| key.strip_suffix(*word).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'));
    key == "key" || WORDS.iter().any(|word| ends(word) || near(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_keys_are_covered_and_nothing_moves() {
        let cases = [
            ("url: postgres://app:hunter2@h/db", "url: postgres://app:*******@h/db"),
            ("url: 'mysql://app:a/b@c@h/db' # x@y", "url: 'mysql://app:*****@h/db' # x@y"),
            ("url: postgres://app:ü@h", "url: postgres://app:**@h"),
            ("url: postgres://app@h:5432/db", "url: postgres://app@h:5432/db"),
            ("see https://example.com:8080/a", "see https://example.com:8080/a"),
            (
                "a: |\n  -----BEGIN PRIVATE KEY-----\n  AB\n  -----END PRIVATE KEY-----\nz: 1",
                "a: |\n  -----BEGIN PRIVATE KEY-----\n****\n**-----END PRIVATE KEY-----\nz: 1",
            ),
            ("-----BEGIN EC PRIVATE KEY-----\nABC", "-----BEGIN EC PRIVATE KEY-----\n***"),
            ("password: hunter2 # mine", "password: ******* # mine"),
            ("- { client_secret: 'a b', id: x }", "- { client_secret: '***', id: x }"),
            ("\"api-key\": abc, \"x\": 1", "\"api-key\": ***, \"x\": 1"),
            ("{ change_password: migrate, x: y }", "{ change_password: migrate, x: y }"),
            ("change_password: hunter2", "change_password: *******"),
            ("pasword: abc", "pasword: ***"),
            ("\u{feff}password: ü # ä: b", "\u{feff}password: ** # ä: b"),
            ("{ größe: 1, schlüssel.token: 'ü'}", "{ größe: 1, schlüssel.token: '**'}"),
            ("tokens: { issuer: x }", "tokens: { issuer: x }"),
            ("secrets: [ub_x_1, ub_y_2]", "secrets: [**************]"),
            ("key: |\n  ab\n  c\nz: 1", "key: *\n****\n***\nz: 1"),
            ("password: { column: hash, new: argon2id }", "password: { column: hash, new: argon2id }"),
            ("token: \"{{ configuration.token }}\"", "token: \"{{ configuration.token }}\""),
            ("secret:\n  env: A", "secret:\n  env: A"),
            ("secret:\n  env: A\n  default: b\nz: 1", "secret:\n  env: A\n  default: *\nz: 1"),
            ("pepper: { value: ab, position: prefix }", "pepper: { value: **, position: prefix }"),
            ("url: 'x://app:a b@h/db', z: 1", "url: 'x://app:***@h/db', z: 1"),
            ("url: [x://app:a b@h/db]", "url: [x://app:***@h/db]"),
            ("monkey: business, column: password_hash", "monkey: business, column: password_hash"),
            ("-----BEGIN CERTIFICATE-----\nABC", "-----BEGIN CERTIFICATE-----\nABC"),
        ];
        for (text, expected) in cases {
            assert_eq!(concealed(text, std::iter::empty()), expected);
            assert_eq!(expected.len(), text.len());
        }
        assert_eq!(concealed("ids: [ub_x]", std::iter::once(&(6..10))), "ids: [****]");
    }
}
