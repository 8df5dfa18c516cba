//! What stands in a file but must not stand in its pictures: those are logged, shown in the status and kept by CI.
//!
//! Invariant: the text keeps its length and its line breaks, so every place in it stays where it is.

use super::Span;

/// The text with asterisks in the place of passwords in URLs, of private keys in PEM, of values under keys that name a
/// secret, and of these spans.
pub(super) fn concealed<'a>(text: &str, spans: impl Iterator<Item = &'a Span>) -> String {
    let secrets: Vec<Span> =
        spans.cloned().chain(url_passwords(text)).chain(private_keys(text)).chain(named(text)).collect();
    if secrets.is_empty() {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match secrets.iter().any(|span| span.contains(&at)) && !matches!(c, '\n' | '\r') {
            true => (0..c.len_utf8()).for_each(|_| shown.push('*')),
            false => shown.push(c),
        }
    }
    shown
}

/// `scheme://user:PASSWORD@`, also when the password has characters that a URL would need encoded.
fn url_passwords(text: &str) -> impl Iterator<Item = Span> {
    text.match_indices("://").filter_map(|(at, separator)| {
        let start = at + separator.len();
        let rest = &text[start..];
        let url =
            &rest[..rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`')).unwrap_or(rest.len())];
        let end = url.rfind('@')?;
        let password = url[..end].find(':')? + 1;
        Some(start + password..start + end)
    })
}

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
fn named(text: &str) -> impl Iterator<Item = Span> {
    text.match_indices(':').filter_map(|(at, _)| {
        let key = text[..at].trim_end_matches(['"', '\'']);
        let start = key.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).map_or(0, |at| at + 1);
        if !names_a_secret(&key[start..]) || !text[at + 1..].starts_with(char::is_whitespace) {
            return None;
        }
        let value = text[at + 1..].trim_start_matches([' ', '\t']);
        let start = text.len() - value.len();
        let end = match value.chars().next()? {
            '{' | '\n' | '\r' | '#' => return None,
            '[' => value.find([']', '\n']),
            quote @ ('"' | '\'') => value[1..].find([quote, '\n']).map(|end| end + 1),
            '|' | '>' => Some(block(&text[..at], value)),
            _ => value.find(['\n', '#', ',', '}']),
        };
        let open = usize::from(value.starts_with(['[', '"', '\'']));
        let end = end.unwrap_or(value.len());
        // A template or a digest is no secret.
        let plain = value[open..end].trim();
        (!plain.starts_with("{{") && !plain.is_empty()).then_some(start + open..start + end)
    })
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
    let key = key.to_ascii_lowercase().replace('-', "_");
    let ends = |word: &&str| key.strip_suffix(*word).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'));
    key == "key" || WORDS.iter().any(|word| ends(&word))
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
                "key: |\n  -----BEGIN PRIVATE KEY-----\n  AB\n  -----END PRIVATE KEY-----\nz: 1",
                "key: |\n  -----BEGIN PRIVATE KEY-----\n****\n**-----END PRIVATE KEY-----\nz: 1",
            ),
            ("-----BEGIN EC PRIVATE KEY-----\nABC", "-----BEGIN EC PRIVATE KEY-----\n***"),
            ("password: hunter2 # mine", "password: *********** mine"),
            ("- { client_secret: 'a b', id: x }", "- { client_secret: '***', id: x }"),
            ("\"api-key\": abc, \"x\": 1", "\"api-key\": ***, \"x\": 1"),
            ("secrets: [ub_x_1, ub_y_2]", "secrets: [**************]"),
            ("key: |\n  ab\n  c\nz: 1", "key: *\n****\n***\nz: 1"),
            ("password: { column: hash, new: argon2id }", "password: { column: hash, new: argon2id }"),
            ("token: \"{{ configuration.token }}\"", "token: \"{{ configuration.token }}\""),
            ("secret:\n  env: A", "secret:\n  env: A"),
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
