//! Values that must not be seen: they neither print nor serialise, and are wiped when dropped.
//!
//! Invariant: nothing outside the hashing code and the database drivers calls [`Secret::expose`].

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes that must not be seen: a stored hash, a salt, a pepper.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over; they are wiped when the value is dropped.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes themselves, for the code that computes with them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Compares in a time that depends on the lengths only.
    pub fn matches(&self, other: &[u8]) -> bool {
        self.0.as_slice().ct_eq(other).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A password as a person typed it: its bytes are never changed on the way to the hash.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The longest password that is hashed, in bytes; every kernel's cost grows with the length.
    pub const MAX_BYTES: usize = 4096;

    /// Takes the text over; it is wiped when the value is dropped.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The bytes themselves, for the hash kernels.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether this password may be hashed at all: not empty, and not above [`Self::MAX_BYTES`].
    pub fn is_acceptable(&self) -> bool {
        !self.0.is_empty() && self.0.len() <= Self::MAX_BYTES
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?} {:?}", Secret::new("s3cret"), Password::new("hunter2")), "[redacted] [redacted]");
    }
}
