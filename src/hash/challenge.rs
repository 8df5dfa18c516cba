//! A stored value, taken apart: what to do with the password, and what must come out.
//!
//! Invariant: only [`Challenge::admit`] makes an [`Admitted`], and only that runs a kernel.

use std::sync::Arc;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::caps::Caps;
use super::change::Change;
use super::codec;
use super::expression::{Map, Prehash, Values};
use super::format::bcrypt;
use super::kernel::{Digest, Kdf, Kernel, OverCap};
use super::spec::{Charset, Cost, Encoding, Transform};

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
    pub salt2: Option<&'a [u8]>,
    /// Which of the format's algorithms, by the row or by the definition.
    pub algorithm: Option<&'a str>,
    /// By the row or by the definition.
    pub rounds: Option<u32>,
    /// A secret of the site that the format itself knows what to do with.
    pub pepper: Option<&'a [u8]>,
    pub key: Option<&'a [u8]>,
    pub settings: Settings,
}

/// What a definition says of a format's values that they do not say themselves.
#[derive(Clone, Copy, Default)]
pub(super) struct Settings {
    /// The bytes of the salt that stands before the digest.
    pub salt_length: Option<usize>,
    pub encoding: Option<Encoding>,
    pub cost: Cost,
}

impl<'a> Inputs<'a> {
    /// Nothing but the hash.
    pub(super) const NONE: Self = Self {
        salt: None,
        user: None,
        realm: None,
        salt2: None,
        algorithm: None,
        rounds: None,
        pepper: None,
        key: None,
        settings: Settings { salt_length: None, encoding: None, cost: Cost::NONE },
    };

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
    /// What else may open the same value: another pepper, another spelling of the password.
    pub others: Vec<Challenge>,
}

/// A change of the password's text before the kernel.
#[derive(Clone, PartialEq)]
pub(super) enum Step {
    /// PHP's `trim`.
    Trim,
    /// The lower-case hex of SHA-256.
    Sha256Hex,
    /// The base64 of HMAC-SHA384 under this key.
    HmacSha384Base64(&'static str),
    /// The bytes of this charset.
    Encode(Charset),
    /// An expression over the password.
    Prehash(Arc<Prehash>, Values),
    /// Another algorithm, whose output in this form takes the password's place.
    Layer { kernel: Box<Kernel>, length: usize, form: LayerForm },
    /// A change that only formats of databases, directories and devices make.
    Change(Change),
}

/// How the output of a layer becomes the password of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LayerForm {
    Hex,
    /// As bcrypt's string with this mark.
    Bcrypt(&'static str),
}

impl LayerForm {
    fn of(self, kernel: &Kernel, output: &[u8]) -> Option<String> {
        match self {
            Self::Hex => Some(codec::to_hex(output)),
            Self::Bcrypt(mark) => bcrypt::render(mark, &Challenge::new(kernel.clone(), output.to_vec())),
        }
    }
}

/// Why a value that was understood is not computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    OverCap(OverCap),
    Length,
}

impl Challenge {
    pub(super) fn new(kernel: Kernel, expected: Vec<u8>) -> Self {
        Self { steps: Vec::new(), kernel, expected: Zeroizing::new(expected), others: Vec::new() }
    }

    /// The same with these steps before the kernel.
    pub(super) fn after(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        let steps: Vec<Step> = steps.into_iter().collect();
        self.steps.splice(0..0, steps.iter().cloned());
        self.others = self.others.into_iter().map(|other| other.after(steps.iter().cloned())).collect();
        self
    }

    /// The same, or else this.
    pub(super) fn or(mut self, mut other: Self) -> Self {
        let others = std::mem::take(&mut other.others);
        self.others.push(other);
        self.others.extend(others);
        self
    }

    /// Checks the cost and the length: the gate before every kernel.
    pub(super) fn admit(self, caps: &Caps) -> Result<Admitted, Refusal> {
        self.check(caps)?;
        Ok(Admitted { challenge: self, hashed_bytes: caps.hashed_bytes })
    }

    fn check(&self, caps: &Caps) -> Result<(), Refusal> {
        if !self.kernel.length().admits(self.expected.len()) {
            return Err(Refusal::Length);
        }
        self.kernel.cap(self.expected.len(), caps).map_err(Refusal::OverCap)?;
        for step in &self.steps {
            if let Step::Layer { kernel, length, .. } = step {
                kernel.cap(*length, caps).map_err(Refusal::OverCap)?;
            }
        }
        self.others.iter().try_for_each(|other| other.check(caps))
    }

    /// Puts zeros in the place of what identifies a row.
    fn forget(&mut self) {
        self.kernel.forget_salt();
        self.expected.fill(0);
        for step in &mut self.steps {
            match step {
                Step::Prehash(_, values) => values.forget(),
                Step::Layer { kernel, .. } => kernel.forget_salt(),
                Step::Change(Change::HmacSha256(key)) => key.fill(0),
                Step::Trim | Step::Sha256Hex | Step::HmacSha384Base64(_) | Step::Encode(_) | Step::Change(_) => {}
            }
        }
        self.others.iter_mut().for_each(Self::forget);
    }

    /// The bytes of memory that the hungriest of its kernels needs.
    fn memory(&self) -> u64 {
        let layers = self.steps.iter().map(|step| match step {
            Step::Layer { kernel, .. } => kernel.memory(),
            _ => 0,
        });
        layers.chain(self.others.iter().map(Self::memory)).fold(self.kernel.memory(), u64::max)
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

    /// The bytes of memory that computing it needs.
    pub(super) fn memory(&self) -> u64 {
        self.challenge.memory()
    }

    /// Whether this password is the one.
    pub(super) fn matches(&self, password: &[u8]) -> Result<bool, Failure> {
        self.opened(password).map(|opened| opened.is_some())
    }

    /// Which of the ways opens the value with this password; compares in constant time. All are tried, unless one does.
    pub(super) fn opened(&self, password: &[u8]) -> Result<Option<&Challenge>, Failure> {
        for challenge in [&self.challenge].into_iter().chain(&self.challenge.others) {
            if let Derived::Output(output) = self.derive_one(challenge, password)?
                && bool::from(output.as_slice().ct_eq(&challenge.expected))
            {
                return Ok(Some(challenge));
            }
        }
        Ok(None)
    }

    /// Computes the output, of the length that is expected.
    pub(super) fn derive(&self, password: &[u8]) -> Result<Derived, Failure> {
        self.derive_one(&self.challenge, password)
    }

    fn derive_one(&self, challenge: &Challenge, password: &[u8]) -> Result<Derived, Failure> {
        let Some(password) = self.prepare(challenge, password)? else { return Ok(Derived::Undefined) };
        self.run(&challenge.kernel, &password, challenge.expected.len())
    }

    fn run(&self, kernel: &Kernel, password: &[u8], length: usize) -> Result<Derived, Failure> {
        if kernel.ends_at_nul() && password.contains(&0) || !kernel.is_defined_for(password) {
            return Ok(Derived::Undefined);
        }
        let bytes = kernel.hashed_bytes(password.len());
        OverCap::check("bytes to hash for a password this long", bytes, self.hashed_bytes).map_err(Failure::OverCap)?;
        let mut output = Zeroizing::new(vec![0; length]);
        #[cfg(test)]
        RUNS.with_borrow_mut(|runs| runs.push(format!("{} of {} bytes", kernel.describe(), output.len())));
        match kernel.derive(password, &mut output) {
            Ok(()) => Ok(Derived::Output(output)),
            Err(problem) if problem.is_empty() => Ok(Derived::Undefined),
            Err(problem) => Err(Failure::Kernel(problem)),
        }
    }

    /// What the kernel gets to see for this password; None where a step is not defined for it.
    pub(super) fn prepared(&self, password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.prepare(&self.challenge, password).ok().flatten()
    }

    fn prepare(&self, challenge: &Challenge, password: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        let mut text = Zeroizing::new(password.to_vec());
        for step in &challenge.steps {
            let next = match step {
                Step::Layer { kernel, length, form } => match self.run(kernel, &text, *length)? {
                    Derived::Output(output) => form.of(kernel, &output).map(|text| Zeroizing::new(text.into_bytes())),
                    Derived::Undefined => None,
                },
                step => step.apply(&text),
            };
            match next {
                Some(next) => text = next,
                None => return Ok(None),
            }
        }
        Ok(Some(text))
    }

    /// The same work without what identifies a row: the salt and the expected output are zeros.
    pub(super) fn outline(&self) -> Self {
        let mut outline = self.clone();
        outline.challenge.forget();
        outline
    }
}

// What this thread's kernels computed, for the tests of the decoy.
#[cfg(test)]
thread_local! {
    pub(super) static RUNS: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
}

impl Step {
    /// Whether a stored value with this step is made as new ones with the other are, whatever the row.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Prehash(a, x), Self::Prehash(b, y)) => a == b && x.pepper == y.pepper,
            (Self::Layer { kernel: a, .. }, Self::Layer { kernel: b, .. }) => a.reaches(b),
            (a, b) => a == b,
        }
    }

    fn apply(&self, text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = match self {
            Self::Trim => Map::Transform(Transform::Trim).apply(text)?,
            Self::Sha256Hex => {
                let mut digest = Zeroizing::new([0; 32]);
                Digest::Sha256.hash(&[text], digest.as_mut_slice());
                codec::to_hex(digest.as_slice()).into_bytes()
            }
            Self::HmacSha384Base64(key) => {
                let mut mac = Zeroizing::new([0; 48]);
                Digest::Sha384.hmac(key.as_bytes(), &[text], mac.as_mut_slice()).ok()?;
                codec::to_base64(mac.as_slice()).into_bytes()
            }
            Self::Encode(charset) => Map::Encode(*charset).apply(text)?,
            Self::Prehash(prehash, values) => return prehash.apply(text, values),
            // Run where the caps are at hand.
            Self::Layer { .. } => return None,
            Self::Change(change) => (*change).apply(text)?,
        };
        Some(Zeroizing::new(bytes))
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
