//! How bytes stand in stored strings: hex, the base64 alphabets, and the two orders of crypt(3)'s own.
//!
//! Invariant: decoding is lenient where applications differ (case, padding, alphabet, unused low bits) and exact in
//! length; nothing here panics.

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const ADAPTED: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./";
const BCRYPT: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The alphabet of crypt(3): phpass, md5-crypt, SHA-crypt, DES.
pub(super) const CRYPT: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Hexadecimal of either case.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Hexadecimal in lower case.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).filter_map(|d| char::from_digit(d.into(), 16)).collect()
}

/// Base64 of the standard, the url-safe and passlib's adapted alphabet, with or without padding.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let value = |c| match c {
        b'+' | b'-' | b'.' => Some(62),
        b'/' | b'_' => Some(63),
        _ => position(STANDARD, c),
    };
    let bare = text.strip_suffix("==").or(text.strip_suffix('=')).unwrap_or(text);
    from_high_first(bare, value)
}

/// Base64 of the standard alphabet with padding.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    let mut text = to_base64_bare(bytes);
    text.extend(std::iter::repeat_n('=', (3 - bytes.len() % 3) % 3));
    text
}

/// Base64 of the standard alphabet without padding.
pub(super) fn to_base64_bare(bytes: &[u8]) -> String {
    to_high_first(bytes, STANDARD)
}

/// Base64 as passlib writes it: `.` for `+`, no padding.
pub(super) fn to_adapted(bytes: &[u8]) -> String {
    to_high_first(bytes, ADAPTED)
}

/// bcrypt's own alphabet.
pub(super) fn from_bcrypt(text: &str) -> Option<Vec<u8>> {
    from_high_first(text, |c| position(BCRYPT, c))
}

/// bcrypt's own alphabet.
pub(super) fn to_bcrypt(bytes: &[u8]) -> String {
    to_high_first(bytes, BCRYPT)
}

/// crypt(3)'s alphabet with the high bits first, as DES and Cisco write it.
pub(super) fn from_crypt_high(text: &str) -> Option<Vec<u8>> {
    from_high_first(text, |c| position(CRYPT, c))
}

/// AIX's order: groups of three bytes as a big number, its low bits first; a group that is not full is left out, since
/// AIX cuts off its high bits.
pub(super) fn from_aix(text: &str) -> Option<Vec<u8>> {
    let values: Vec<u8> = text.bytes().map(|c| position(CRYPT, c)).collect::<Option<_>>()?;
    let groups = values.chunks_exact(4).map(|four| four.iter().rev().fold(0_u32, |n, v| n << 6 | u32::from(*v)));
    Some(groups.flat_map(|n| [(n >> 16) as u8, (n >> 8) as u8, n as u8]).collect())
}

/// crypt(3)'s alphabet with the low bits first, into exactly `length` bytes.
pub(super) fn from_crypt(text: &str, length: usize) -> Option<Vec<u8>> {
    if text.len() != (length * 8).div_ceil(6) {
        return None;
    }
    let mut bytes = Vec::with_capacity(length);
    let (mut bits, mut held) = (0_u32, 0);
    for c in text.bytes() {
        bits |= u32::from(position(CRYPT, c)?) << held;
        held += 6;
        if held >= 8 {
            bytes.push(bits as u8);
            bits >>= 8;
            held -= 8;
        }
    }
    Some(bytes)
}

/// crypt(3)'s alphabet with the low bits first.
pub(super) fn to_crypt(bytes: &[u8]) -> String {
    let mut text = String::with_capacity((bytes.len() * 8).div_ceil(6));
    for group in bytes.chunks(3) {
        let bits = group.iter().rev().fold(0_u32, |bits, b| bits << 8 | u32::from(*b));
        text.extend((0..=group.len()).map(|i| char::from(CRYPT[(bits >> (6 * i) & 63) as usize])));
    }
    text
}

/// The value of a character of crypt(3)'s alphabet.
pub(super) fn crypt_value(c: u8) -> Option<u8> {
    position(CRYPT, c)
}

fn position(alphabet: &[u8; 64], c: u8) -> Option<u8> {
    alphabet.iter().position(|a| *a == c).map(|i| i as u8)
}

fn from_high_first(text: &str, value: impl Fn(u8) -> Option<u8>) -> Option<Vec<u8>> {
    // A single left-over character carries six bits, which is no byte: such a text was cut.
    if text.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0);
    for c in text.bytes() {
        bits = bits << 6 | u32::from(value(c)?);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    Some(bytes)
}

fn to_high_first(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut text = String::with_capacity((bytes.len() * 8).div_ceil(6));
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, i| bits << 8 | u32::from(group.get(i).copied().unwrap_or(0)));
        text.extend((0..=group.len()).map(|i| char::from(alphabet[(bits >> (18 - 6 * i) & 63) as usize])));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn alphabets_and_padding_are_all_read() {
        for text in ["+/+/Zg==", "-_-_Zg", "././Zg="] {
            assert_eq!(from_base64(text), Some(vec![0xfb, 0xff, 0xbf, b'f']), "{text}");
        }
        assert_eq!(from_base64("Zg==="), None);
        assert_eq!(from_base64("Zgggg"), None);
        assert_eq!(from_hex("0aFF"), Some(vec![10, 255]));
        assert_eq!(from_hex("0aF"), None);
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(bytes: Vec<u8>) {
            prop_assert_eq!(from_hex(&to_hex(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(from_base64(&to_base64(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(from_base64(&to_adapted(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(from_bcrypt(&to_bcrypt(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(from_crypt_high(&to_high_first(&bytes, CRYPT)), Some(bytes.clone()));
            prop_assert_eq!(from_crypt(&to_crypt(&bytes), bytes.len()), Some(bytes));
        }
    }
}
