//! Small steps shared by the parsers of stored strings.
//!
//! Invariant: none of them panics, whatever the text.

/// An unsigned decimal number: digits only, at most ten of them.
pub(super) fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 10 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// As [`number`], where the algorithm's own type has 32 bits; larger values become its maximum, which no cap admits.
pub(super) fn number32(text: &str) -> Option<u32> {
    number(text).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

/// Exactly `N` fields between separators.
pub(super) fn fields<const N: usize>(text: &str, separator: char) -> Option<[&str; N]> {
    let mut parts = text.split(separator);
    let mut fields = [""; N];
    for field in &mut fields {
        *field = parts.next()?;
    }
    parts.next().is_none().then_some(fields)
}

/// Whether the text is hexadecimal of exactly this many digits.
pub(super) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit())
}
