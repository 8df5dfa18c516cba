//! The changes of a password's text before the kernel that databases, directories and devices make.
//!
//! Invariant: a change that is not defined for a text makes nothing of it, never something else.

use std::borrow::Cow;

use super::codec;
use super::kernel::Digest;

/// One change.
// No `Debug`: a key made of a salt must not print.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The bytes of this digest.
    Digest(Digest),
    /// The bytes of HMAC-SHA256 under this key.
    HmacSha256([u8; 22]),
    /// Base64 with padding.
    Base64,
    /// Two bytes a unit, high byte first.
    Utf16Be,
    /// Each byte and a zero, as if it were one of Latin-1.
    Widen,
    /// Capitals.
    Upper,
    /// NUL bytes up to this length; a longer text has no such form.
    Pad(usize),
    /// These bytes at the end.
    Append(&'static [u8]),
    /// The first bytes only.
    Truncate(usize),
    /// SASLprep (RFC 4013), or the text itself where that prohibits it: so do the servers.
    SaslPrep,
}

impl Change {
    pub(super) fn apply(self, text: &[u8]) -> Option<Vec<u8>> {
        let as_text = || str::from_utf8(text).ok();
        Some(match self {
            Self::Digest(digest) => {
                let mut output = vec![0; digest.length()];
                digest.hash(&[text], &mut output);
                output
            }
            Self::HmacSha256(key) => {
                let mut output = vec![0; Digest::Sha256.length()];
                Digest::Sha256.hmac(&key, &[text], &mut output).ok()?;
                output
            }
            Self::Base64 => codec::to_base64(text).into_bytes(),
            Self::Utf16Be => as_text()?.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Self::Widen => text.iter().flat_map(|byte| [*byte, 0]).collect(),
            Self::Upper => as_text()?.to_uppercase().into_bytes(),
            Self::Pad(length) if text.len() > length => return None,
            Self::Pad(length) => text.iter().copied().chain(std::iter::repeat(0)).take(length).collect(),
            Self::Append(end) => [text, end].concat(),
            Self::Truncate(length) => text[..text.len().min(length)].to_vec(),
            Self::SaslPrep => {
                let prepared = as_text().and_then(|text| stringprep::saslprep(text).ok());
                prepared.map_or_else(|| text.to_vec(), |prepared: Cow<'_, str>| prepared.into_owned().into_bytes())
            }
        })
    }
}
