//! What stands in a file but must not stand in its pictures: those are logged, shown in the status and kept by CI.
//!
//! Invariant: the text keeps its length and its line breaks, so every place in it stays where it is.

use super::Span;

/// The text with asterisks in the place of passwords in URLs, of private keys in PEM, and of these spans.
pub(super) fn concealed<'a>(text: &str, spans: impl Iterator<Item = &'a Span>) -> String {
    let secrets: Vec<Span> = spans.cloned().chain(url_passwords(text)).chain(private_keys(text)).collect();
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
            ("-----BEGIN CERTIFICATE-----\nABC", "-----BEGIN CERTIFICATE-----\nABC"),
        ];
        for (text, expected) in cases {
            assert_eq!(concealed(text, std::iter::empty()), expected);
            assert_eq!(expected.len(), text.len());
        }
        assert_eq!(concealed("secrets: [ub_x]", std::iter::once(&(10..14))), "secrets: [****]");
    }
}
