//! Bodies: written straight into memory that is wiped, each value encoded for its place.

use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

/// The media type of forms.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// The media type of JSON.
pub(super) const JSON: &str = "application/json";

/// Room for the longest password, thrice encoded: a buffer that grows would leave copies behind.
pub(super) const ROOM: usize = 16 * 1024;

/// A form (WHATWG URL, section 5.2).
pub(super) struct Form(Zeroizing<Vec<u8>>);

impl Form {
    /// A form without fields.
    pub fn new() -> Self {
        Self(Zeroizing::new(Vec::with_capacity(ROOM)))
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.push(name, value.as_ref());
        self
    }

    /// Adds a field.
    pub fn push(&mut self, name: &str, value: &[u8]) {
        if !self.0.is_empty() {
            self.0.push(b'&');
        }
        byte_serialize(name.as_bytes()).for_each(|piece| self.0.extend_from_slice(piece.as_bytes()));
        self.0.push(b'=');
        byte_serialize(value).for_each(|piece| self.0.extend_from_slice(piece.as_bytes()));
    }

    /// The body with its media type.
    pub fn body(self) -> (&'static str, Zeroizing<Vec<u8>>) {
        (FORM, self.0)
    }
}
