//! The functions of the language: their names, and what the small ones do to bytes.
//!
//! Invariant: none panics; None stands for "not defined for these bytes", which no password matches.

use unicode_normalization::UnicodeNormalization;

use crate::hash::codec::{from_base64, from_hex, to_base64, to_hex};
use crate::hash::kernel::Digest;
use crate::hash::spec::{Charset, Transform};

/// A function, found by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    /// `md5(x)`
    Digest(Digest, Output),
    /// `hmac_md5(key, data)`
    Hmac(Digest, Output),
    /// `pbkdf2_sha256(pass, salt, rounds, length)`
    Pbkdf2(Digest, Output),
    /// One argument, bytes to bytes.
    Map(Map),
    /// `substr(x, start[, length])`
    Substr,
    /// `right(x, length)`
    Right,
    /// `repeat(first, next, times)`
    Repeat,
}

/// How a digest's bytes come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Lower-case hex: `md5`.
    Hex,
    /// Upper-case hex: `MD5`.
    UpperHex,
    /// The bytes themselves: `md5_bin`.
    Raw,
    /// Base64 with padding: `md5_b64`.
    Base64,
}

/// What one argument becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hash) enum Map {
    Hex,
    Unhex,
    Base64,
    Unbase64,
    Encode(Charset),
    Transform(Transform),
}

/// The functions that are not made of a digest's name.
const OTHERS: &[(&str, Function)] = &[
    ("upper", Function::Map(Map::Transform(Transform::Upper))),
    ("lower", Function::Map(Map::Transform(Transform::Lower))),
    ("trim", Function::Map(Map::Transform(Transform::Trim))),
    ("htmlspecialchars", Function::Map(Map::Transform(Transform::Html))),
    ("htmlspecialchars_compat", Function::Map(Map::Transform(Transform::HtmlCompat))),
    ("htmlspecialchars_decode", Function::Map(Map::Transform(Transform::HtmlDecode))),
    ("addslashes", Function::Map(Map::Transform(Transform::AddSlashes))),
    ("ipb_escape", Function::Map(Map::Transform(Transform::IpbEscape))),
    ("nfc", Function::Map(Map::Transform(Transform::Nfc))),
    ("nfkc", Function::Map(Map::Transform(Transform::Nfkc))),
    ("hex", Function::Map(Map::Hex)),
    ("unhex", Function::Map(Map::Unhex)),
    ("base64", Function::Map(Map::Base64)),
    ("unbase64", Function::Map(Map::Unbase64)),
    ("utf16le", Function::Map(Map::Encode(Charset::Utf16Le))),
    ("utf16be", Function::Map(Map::Encode(Charset::Utf16Be))),
    ("latin1", Function::Map(Map::Encode(Charset::Latin1))),
    ("cp1252", Function::Map(Map::Encode(Charset::Cp1252))),
    ("substr", Function::Substr),
    ("right", Function::Right),
    ("repeat", Function::Repeat),
];

impl Function {
    /// The function of this name; `MD5` in capitals is `md5` with hex in capitals.
    pub(super) fn named(name: &str) -> Option<Self> {
        if let Some((_, function)) = OTHERS.iter().find(|(known, _)| *known == name) {
            return Some(*function);
        }
        let (name, output) = if let Some(name) = name.strip_suffix("_bin").or(name.strip_suffix("_raw")) {
            (name, Output::Raw)
        } else if let Some(name) = name.strip_suffix("_b64").or(name.strip_suffix("_64")) {
            (name, Output::Base64)
        } else if name.chars().any(char::is_uppercase) && !name.chars().any(char::is_lowercase) {
            (name, Output::UpperHex)
        } else {
            (name, Output::Hex)
        };
        let name = name.to_ascii_lowercase();
        if let Some(digest) = name.strip_prefix("hmac_") {
            return Digest::named(digest).map(|digest| Self::Hmac(digest, output));
        }
        if let Some(digest) = name.strip_prefix("pbkdf2_") {
            return Digest::named(digest).map(|digest| Self::Pbkdf2(digest, output));
        }
        Digest::named(&name).map(|digest| Self::Digest(digest, output))
    }

    /// Every plain name, for suggestions.
    pub(super) fn names() -> impl Iterator<Item = String> {
        let digests = Digest::ALL.iter().map(|digest| digest.name().replace('-', "_"));
        let made = digests.flat_map(|digest| {
            let plain = [digest.clone(), format!("hmac_{digest}"), format!("pbkdf2_{digest}")];
            plain.into_iter().flat_map(|name| [format!("{name}_bin"), format!("{name}_b64"), name])
        });
        OTHERS.iter().map(|(name, _)| (*name).to_owned()).chain(made)
    }

    /// How many arguments it takes: the least and the most.
    pub(super) fn arity(self) -> (usize, usize) {
        match self {
            Self::Digest(..) | Self::Map(_) => (1, 1),
            Self::Hmac(..) | Self::Right => (2, 2),
            Self::Pbkdf2(..) => (4, 4),
            Self::Substr => (2, 3),
            Self::Repeat => (3, 3),
        }
    }

    /// Its arguments, as they are written.
    pub(super) fn usage(self) -> &'static str {
        match self {
            Self::Digest(..) | Self::Map(_) => "(x)",
            Self::Hmac(..) => "(key, data)",
            Self::Right => "(x, length)",
            Self::Pbkdf2(..) => "(password, salt, rounds, length)",
            Self::Substr => "(x, start) or (x, start, length)",
            Self::Repeat => "(first, next over $x, times)",
        }
    }
}

impl Output {
    /// Appends these bytes in this form.
    pub(super) fn append(self, bytes: &[u8], to: &mut Vec<u8>) {
        const LOWER: &[u8; 16] = b"0123456789abcdef";
        const UPPER: &[u8; 16] = b"0123456789ABCDEF";
        let digits = match self {
            Self::Raw => return to.extend_from_slice(bytes),
            Self::Base64 => return to.extend_from_slice(&zeroize::Zeroizing::new(to_base64(bytes).into_bytes())),
            Self::Hex => LOWER,
            Self::UpperHex => UPPER,
        };
        to.extend(bytes.iter().flat_map(|b| [digits[usize::from(b >> 4)], digits[usize::from(b & 15)]]));
    }

    /// The length of this many bytes in this form.
    pub(super) fn length(self, bytes: usize) -> usize {
        match self {
            Self::Raw => bytes,
            Self::Hex | Self::UpperHex => bytes * 2,
            Self::Base64 => bytes.div_ceil(3) * 4,
        }
    }
}

impl Map {
    /// The most bytes that come out for each that goes in.
    pub(super) fn growth(self) -> usize {
        match self {
            Self::Unhex | Self::Unbase64 => 1,
            Self::Hex | Self::Base64 | Self::Encode(_) => 4,
            Self::Transform(Transform::Upper | Transform::Lower | Transform::Trim | Transform::HtmlDecode) => 3,
            Self::Transform(Transform::AddSlashes) => 2,
            Self::Transform(Transform::Html | Transform::HtmlCompat | Transform::IpbEscape) => 9,
            Self::Transform(Transform::Nfc | Transform::Nfkc) => 18,
        }
    }

    /// What these bytes become.
    pub(in crate::hash) fn apply(self, bytes: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Hex => Some(to_hex(bytes).into_bytes()),
            Self::Unhex => str::from_utf8(bytes).ok().and_then(from_hex),
            Self::Base64 => Some(to_base64(bytes).into_bytes()),
            Self::Unbase64 => str::from_utf8(bytes).ok().and_then(from_base64),
            Self::Encode(charset) => encode(charset, bytes),
            Self::Transform(transform) => change(transform, bytes),
        }
    }
}

fn encode(charset: Charset, bytes: &[u8]) -> Option<Vec<u8>> {
    if charset == Charset::Utf8 {
        return Some(bytes.to_vec());
    }
    let text = str::from_utf8(bytes).ok()?;
    match charset {
        Charset::Utf8 => Some(bytes.to_vec()),
        Charset::Utf16Le => Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        Charset::Utf16Be => Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        Charset::Latin1 => text.chars().map(|c| u8::try_from(c).ok()).collect(),
        Charset::Cp1252 => text.chars().map(cp1252).collect(),
    }
}

/// Windows-1252: Latin-1 but for 0x80 to 0x9f, of which five have no character.
fn cp1252(c: char) -> Option<u8> {
    const HIGH: [char; 32] = [
        '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘', '’', '“', '”',
        '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
    ];
    match c {
        '\0'..='\x7f' | '\u{a0}'..='\u{ff}' => u8::try_from(c).ok(),
        c => HIGH.iter().position(|high| *high == c).map(|at| 0x80 + at as u8),
    }
}

fn change(transform: Transform, bytes: &[u8]) -> Option<Vec<u8>> {
    let text = || str::from_utf8(bytes).ok();
    Some(match transform {
        Transform::Trim => {
            let kept = |b: &u8| !b" \t\n\r\0\x0b".contains(b);
            let start = bytes.iter().position(kept).unwrap_or(bytes.len());
            let end = bytes.iter().rposition(kept).map_or(start, |at| at + 1);
            bytes[start..end].to_vec()
        }
        Transform::Lower => text().map_or_else(|| bytes.to_ascii_lowercase(), |text| text.to_lowercase().into_bytes()),
        Transform::Upper => text().map_or_else(|| bytes.to_ascii_uppercase(), |text| text.to_uppercase().into_bytes()),
        Transform::Html => {
            replace(bytes, &[("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#039;")])
        }
        Transform::HtmlCompat => replace(bytes, &[("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;")]),
        Transform::HtmlDecode => replace(
            bytes,
            &[("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#039;", "'"), ("&#39;", "'"), ("&amp;", "&")],
        ),
        Transform::AddSlashes => replace(bytes, &[("\\", "\\\\"), ("'", "\\'"), ("\"", "\\\""), ("\0", "\\0")]),
        // The order of IPS's `legacyEscape`; each replacement sees what the one before left.
        Transform::IpbEscape => [
            ("&", "&amp;"),
            ("<!--", "&#60;&#33;--"),
            ("-->", "--&#62;"),
            ("<script", "&#60;script"),
            (">", "&gt;"),
            ("<", "&lt;"),
            ("\"", "&quot;"),
            ("\n", "<br />"),
            ("$", "&#036;"),
            ("!", "&#33;"),
            ("'", "&#39;"),
            ("\\", "&#092;"),
        ]
        .iter()
        .fold(bytes.to_vec(), |bytes, rule| replace(&bytes, std::slice::from_ref(rule))),
        Transform::Nfc => text()?.nfc().collect::<String>().into_bytes(),
        Transform::Nfkc => text()?.nfkc().collect::<String>().into_bytes(),
    })
}

/// Replaces in one pass, so that no replacement is replaced again.
fn replace(bytes: &[u8], rules: &[(&str, &str)]) -> Vec<u8> {
    let mut result = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        // PHP code replaces `<script` whatever its case, and entities as they stand.
        let begins = |from: &str| {
            let found = bytes[at..].get(..from.len());
            found.is_some_and(|b| b == from.as_bytes() || from == "<script" && b.eq_ignore_ascii_case(from.as_bytes()))
        };
        match rules.iter().find(|(from, _)| begins(from)) {
            Some((from, to)) => {
                result.extend_from_slice(to.as_bytes());
                at += from.len();
            }
            None => {
                result.push(*byte);
                at += 1;
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found() {
        assert_eq!(Function::named("md5"), Some(Function::Digest(Digest::Md5, Output::Hex)));
        assert_eq!(Function::named("SHA256"), Some(Function::Digest(Digest::Sha256, Output::UpperHex)));
        assert_eq!(Function::named("sha3_512_bin"), Some(Function::Digest(Digest::Sha3_512, Output::Raw)));
        assert_eq!(Function::named("hmac_sha1_b64"), Some(Function::Hmac(Digest::Sha1, Output::Base64)));
        assert_eq!(Function::named("Md5x"), None);
        for name in Function::names() {
            assert!(Function::named(&name).is_some(), "{name}");
        }
    }

    #[test]
    fn transforms_are_those_of_php() {
        let apply = |transform, text: &str| String::from_utf8(change(transform, text.as_bytes()).unwrap()).unwrap();
        assert_eq!(apply(Transform::HtmlCompat, "a&b<c>\"d'"), "a&amp;b&lt;c&gt;&quot;d'");
        assert_eq!(apply(Transform::Html, "'&amp;"), "&#039;&amp;amp;");
        assert_eq!(apply(Transform::HtmlDecode, "&amp;lt;"), "&lt;");
        assert_eq!(apply(Transform::AddSlashes, "a'b\\"), "a\\'b\\\\");
        assert_eq!(apply(Transform::IpbEscape, "<!--a&$!'"), "&#60;&#33;--a&amp;&#036;&#33;&#39;");
        assert_eq!(apply(Transform::Trim, "\0 a b\x0b"), "a b");
    }

    #[test]
    fn charsets_encode_or_refuse() {
        assert_eq!(encode(Charset::Cp1252, "€é".as_bytes()), Some(vec![0x80, 0xe9]));
        assert_eq!(encode(Charset::Cp1252, "\u{81}".as_bytes()), None);
        assert_eq!(encode(Charset::Latin1, "€".as_bytes()), None);
        assert_eq!(encode(Charset::Utf16Be, "a€".as_bytes()), Some(vec![0, 0x61, 0x20, 0xac]));
        assert_eq!(encode(Charset::Utf16Le, &[0xff]), None);
    }
}
