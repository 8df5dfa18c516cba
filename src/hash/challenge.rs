//! A stored value, taken apart: what to do with the password, and what must come out.
//!
//! Invariant: only [`Challenge::admit`] makes an [`Admitted`], and only that runs a kernel.

use hmac::{Hmac, KeyInit, Mac};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::caps::Caps;
use super::change::Change;
use super::codec;
use super::kernel::{Digest, Kdf, Kernel, OverCap};
use super::spec::Charset;

/// What a format's parser makes of a stored value.
pub(super) type Parsed = Result<Challenge, Fault>;

/// What a row holds beside the hash, for the formats that need it; None = not declared, or NULL.
#[derive(Clone, Copy, Default)]
pub(super) struct Inputs<'a> {
    pub salt: Option<&'a [u8]>,
    /// The name that the hash was computed with.
    pub user: Option<&'a str>,
    /// The realm of HTTP digest authentication.
    pub realm: Option<&'a str>,
}

impl<'a> Inputs<'a> {
    /// Nothing but the hash.
    pub(super) const NONE: Self = Self { salt: None, user: None, realm: None };

    /// The user's name, which the format cannot do without.
    pub(super) fn user(&self) -> Result<&'a str, Fault> {
        self.user.ok_or(Fault::Malformed("it cannot be verified without the user's name"))
    }

    /// The realm, which the format cannot do without.
    pub(super) fn realm(&self) -> Result<&'a str, Fault> {
        self.realm.ok_or(Fault::Malformed("it cannot be verified without the realm"))
    }
}

/// Why a parser made nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Another format's shape.
    Foreign,
    /// This format's marks, but not by its rules.
    Malformed(&'static str),
}

/// What to compute over a password, and what must come out.
#[derive(Clone, PartialEq)]
pub(super) struct Challenge {
    /// Applied to the password in this order before the kernel sees it.
    pub steps: Vec<Step>,
    pub kernel: Kernel,
    pub expected: Zeroizing<Vec<u8>>,
}

/// A change of the password's text before the kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// PHP's `trim`.
    Trim,
    /// The lower-case hex of SHA-256.
    Sha256Hex,
    /// The base64 of HMAC-SHA384 under this key.
    HmacSha384Base64(&'static str),
    /// The bytes of this charset.
    Encode(Charset),
    /// A change that only formats of databases, directories and devices make.
    Change(Change),
}

/// Why a value that was understood is not computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    OverCap(OverCap),
    Length,
}

impl Challenge {
    pub(super) fn new(kernel: Kernel, expected: Vec<u8>) -> Self {
        Self { steps: Vec::new(), kernel, expected: Zeroizing::new(expected) }
    }

    /// The same with these steps before the kernel.
    pub(super) fn after(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.steps.splice(0..0, steps);
        self
    }

    /// Checks the cost and the length: the gate before every kernel.
    pub(super) fn admit(self, caps: &Caps) -> Result<Admitted, Refusal> {
        if !self.kernel.length().admits(self.expected.len()) {
            return Err(Refusal::Length);
        }
        self.kernel.cap(self.expected.len(), caps).map_err(Refusal::OverCap)?;
        Ok(Admitted { challenge: self, hashed_bytes: caps.hashed_bytes })
    }
}

/// A challenge whose cost and length were found acceptable.
#[derive(Clone, PartialEq)]
pub(super) struct Admitted {
    challenge: Challenge,
    hashed_bytes: u64,
}

/// What came of running a kernel.
pub(super) enum Derived {
    /// Its output.
    Output(Zeroizing<Vec<u8>>),
    /// No hash of this kind is defined for this password.
    Undefined,
}

/// Why a kernel did not answer.
pub(super) enum Failure {
    /// This password makes it cost more than the caps allow.
    OverCap(OverCap),
    /// The kernel's own words.
    Kernel(String),
}

impl Admitted {
    pub(super) fn kernel(&self) -> &Kernel {
        &self.challenge.kernel
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.challenge.steps
    }

    /// Whether this password is the one; compares in constant time.
    pub(super) fn matches(&self, password: &[u8]) -> Result<bool, Failure> {
        match self.derive(password)? {
            Derived::Output(output) => Ok(output.as_slice().ct_eq(&self.challenge.expected).into()),
            Derived::Undefined => Ok(false),
        }
    }

    /// Computes the output, of the length that is expected.
    pub(super) fn derive(&self, password: &[u8]) -> Result<Derived, Failure> {
        let Some(password) = self.prepared(password) else { return Ok(Derived::Undefined) };
        let kernel = self.kernel();
        if kernel.ends_at_nul() && password.contains(&0) || !kernel.is_defined_for(&password) {
            return Ok(Derived::Undefined);
        }
        let bytes = kernel.hashed_bytes(password.len());
        OverCap::check("bytes to hash for a password this long", bytes, self.hashed_bytes).map_err(Failure::OverCap)?;
        let mut output = Zeroizing::new(vec![0; self.challenge.expected.len()]);
        #[cfg(test)]
        RUNS.with_borrow_mut(|runs| runs.push(format!("{} of {} bytes", kernel.describe(), output.len())));
        kernel.derive(&password, &mut output).map_err(Failure::Kernel)?;
        Ok(Derived::Output(output))
    }

    /// What the kernel gets to see for this password; None where a step is not defined for it.
    pub(super) fn prepared(&self, password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let start = Zeroizing::new(password.to_vec());
        self.steps().iter().try_fold(start, |text, step| step.apply(&text))
    }

    /// The same work without what identifies a row: the salt and the expected output are zeros.
    pub(super) fn outline(&self) -> Self {
        let mut outline = self.clone();
        outline.challenge.kernel.forget_salt();
        outline.challenge.steps.iter_mut().for_each(Step::forget_salt);
        outline.challenge.expected.fill(0);
        outline
    }
}

// What this thread's kernels computed, for the tests of the decoy.
#[cfg(test)]
thread_local! {
    pub(super) static RUNS: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
}

impl Step {
    fn forget_salt(&mut self) {
        if let Self::Change(Change::HmacSha256(key)) = self {
            key.fill(0);
        }
    }

    fn apply(self, text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = match self {
            Self::Trim => {
                let kept = |b: &u8| !b" \t\n\r\0\x0b".contains(b);
                let start = text.iter().position(kept).unwrap_or(text.len());
                let end = text.iter().rposition(kept).map_or(start, |i| i + 1);
                text[start..end].to_vec()
            }
            Self::Sha256Hex => {
                let mut digest = Zeroizing::new([0; 32]);
                Digest::Sha256.hash(&[text], digest.as_mut_slice());
                codec::to_hex(digest.as_slice()).into_bytes()
            }
            Self::HmacSha384Base64(key) => {
                let mac = Hmac::<sha2::Sha384>::new_from_slice(key.as_bytes()).ok()?.chain_update(text);
                codec::to_base64(&mac.finalize().into_bytes()).into_bytes()
            }
            Self::Encode(charset) => encode(charset, text)?,
            Self::Change(change) => change.apply(text)?,
        };
        Some(Zeroizing::new(bytes))
    }
}

fn encode(charset: Charset, text: &[u8]) -> Option<Vec<u8>> {
    match charset {
        Charset::Utf8 => Some(text.to_vec()),
        Charset::Utf16Le => Some(str::from_utf8(text).ok()?.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        Charset::Latin1 => str::from_utf8(text).ok()?.chars().map(|c| u8::try_from(c).ok()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(step: Step, text: &str) -> Option<Vec<u8>> {
        step.apply(text.as_bytes()).map(|bytes| bytes.to_vec())
    }

    #[test]
    fn steps_change_the_text() {
        assert_eq!(apply(Step::Trim, " \0a b\x0b\n"), Some(b"a b".to_vec()));
        assert_eq!(apply(Step::Trim, " "), Some(vec![]));
        assert_eq!(apply(Step::Encode(Charset::Latin1), "é"), Some(vec![0xe9]));
        assert_eq!(apply(Step::Encode(Charset::Latin1), "€"), None);
        assert_eq!(apply(Step::Encode(Charset::Utf16Le), "a€"), Some(vec![0x61, 0, 0xac, 0x20]));
    }
}
