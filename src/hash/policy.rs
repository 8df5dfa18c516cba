//! What one column of hashes accepts and what is written to it.
//!
//! Invariant: immutable after compilation, save for the memory of recent costs; `…_blocking` functions compute for
//! milliseconds to seconds and belong on the [`super::Budget`]'s threads.

use std::fmt;

use super::caps::Caps;
use super::challenge::{Admitted, Challenge, Derived, Failure, Fault, Refusal};
use super::compile::{Author, Reader, compile};
use super::error::{Unreadable, WriteError};
use super::format::Draw;
use super::kernel::{Kdf, OverCap};
use super::recent::Recent;
use super::shape::{ambiguous, is_locked, looks_like, trimmed};
use super::spec::{Spec, SpecError, Warning};
use crate::secret::{Password, Secret};

/// A compiled [`Spec`].
pub struct Policy {
    pub(super) readers: Vec<Reader>,
    pub(super) author: Option<Author>,
    /// What new hashes are like, to tell whether a stored one is outdated.
    pub(super) target: Option<Challenge>,
    pub(super) caps: Caps,
    pub(super) recent: Recent,
    pub(super) warnings: Vec<Warning>,
}

/// What a row holds; None = NULL.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// The column of the hash.
    pub value: Option<&'a Secret>,
    /// The column of the salt, for formats that keep it apart.
    pub salt: Option<&'a Secret>,
}

/// What came of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It is the password.
    Match {
        /// Whether format or cost are below what would be written now.
        outdated: bool,
    },
    /// It is not.
    Mismatch,
    /// The row has none: NULL, empty, or a marker of a locked account. A decoy was computed already.
    NoPassword,
}

/// A new hash.
#[derive(Clone, Debug)]
pub struct Written {
    /// For the column of the hash.
    pub hash: Secret,
    /// For the column of the salt, where the format keeps it apart.
    pub salt: Option<Secret>,
}

/// A stored value that was understood.
enum Read {
    Challenge { format: String, admitted: Admitted },
    NoPassword,
}

impl Policy {
    /// Resolves every name, and reports every mistake with a suggestion.
    pub fn compile(spec: &Spec) -> Result<Self, Vec<SpecError>> {
        compile(spec)
    }

    /// What compiles but deserves a second thought.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Whether some accepted or written format takes its salt from another column.
    pub fn needs_salt(&self) -> bool {
        self.readers.iter().any(|reader| matches!(reader, Reader::Digest(digest) if digest.needs_salt()))
    }

    /// Whether new passwords can be written.
    pub fn can_write(&self) -> bool {
        self.author.is_some()
    }

    /// Whether this is the password of the row. Takes as long as the row's own cost; a row without a password costs a
    /// decoy. A password that may not be hashed at all (`Password::is_acceptable`) is a mismatch at no cost.
    pub fn verify_blocking(&self, password: &Password, stored: &Stored<'_>) -> Result<Verdict, Unreadable> {
        if !password.is_acceptable() {
            return Ok(Verdict::Mismatch);
        }
        match self.read(stored)? {
            Read::NoPassword => {
                self.decoy_blocking(password);
                Ok(Verdict::NoPassword)
            }
            Read::Challenge { format, admitted } => {
                self.recent.note(&admitted);
                let matches = admitted.matches(password.expose().as_bytes());
                let matches = matches.map_err(|failure| unreadable(format, failure))?;
                Ok(if matches { Verdict::Match { outdated: self.is_outdated(&admitted) } } else { Verdict::Mismatch })
            }
        }
    }

    /// Costs what verifying the prevailing format at its usual cost does, by the same code: for unknown users. A
    /// password that may not be hashed costs as much as a short one, so that it tells nobody who is known.
    pub fn decoy_blocking(&self, password: &Password) {
        if let Some(work) = self.recent.dominant() {
            let bytes = if password.is_acceptable() { password.expose().as_bytes() } else { b"password" };
            // The answer is of no use, only its cost.
            let _ = std::hint::black_box(work.matches(bytes));
        }
    }

    /// Makes a new hash, and returns it only if this policy itself verifies it. Costs two hashes.
    pub fn write_blocking(
        &self,
        password: &Password,
        entropy: &mut dyn FnMut(&mut [u8]),
    ) -> Result<Written, WriteError> {
        let author = self.author.as_ref().ok_or(WriteError::NotDeclared)?;
        if !password.is_acceptable() {
            return Err(WriteError::Unacceptable);
        }
        let failed = |problem: &str| WriteError::Failed { format: author.name(), problem: problem.to_owned() };
        let (template, salt) = author.template(&mut Draw(entropy)).map_err(failed)?;
        let finished = self.finish(author, template, password.expose().as_bytes())?;
        let hash = match author {
            Author::Row { writer, .. } => (writer.render)(&finished).ok_or_else(|| failed("it cannot be rendered"))?,
            Author::Digest(digest) => digest.render(&finished, salt.as_deref()),
        };
        let separate = matches!(author, Author::Digest(digest) if digest.needs_salt());
        let written = Written { hash: Secret::new(hash), salt: salt.filter(|_| separate).map(Secret::new) };
        self.confirm(password, &written, author)?;
        Ok(written)
    }

    /// Bytes of memory that verifying this row needs; with None, what the decoy needs.
    pub fn memory_needed(&self, stored: Option<&Stored<'_>>) -> u64 {
        let decoy = || self.recent.dominant().map_or(0, |work| work.kernel().memory());
        match stored.map(|stored| self.read(stored)) {
            None | Some(Ok(Read::NoPassword)) => decoy(),
            Some(Ok(Read::Challenge { admitted, .. })) => admitted.kernel().memory(),
            Some(Err(_)) => 0,
        }
    }

    /// Bytes of memory that writing needs.
    pub fn memory_to_write(&self) -> u64 {
        self.target.as_ref().map_or(0, |target| target.kernel.memory())
    }

    /// Verifies a known value of every accepted format, and writes and verifies one.
    pub fn self_test(&self) -> Result<(), String> {
        for reader in &self.readers {
            reader.self_test()?;
        }
        if self.author.is_none() {
            return Ok(());
        }
        // A self-test needs different bytes, not secret ones.
        let mut next = 0_u8;
        let mut counter = |bytes: &mut [u8]| bytes.iter_mut().for_each(|b| (*b, next) = (next, next.wrapping_add(1)));
        let password = Password::new("correct horse");
        let written = self.write_blocking(&password, &mut counter).map_err(|e| e.to_string())?;
        match self.verify_blocking(&Password::new("correct horsf"), &written.as_stored()) {
            Ok(Verdict::Mismatch) => Ok(()),
            Ok(_) => Err("a wrong password was accepted".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The template with the output that this password has.
    fn finish(&self, author: &Author, template: Challenge, password: &[u8]) -> Result<Challenge, WriteError> {
        let format = author.name();
        let failed = |problem| WriteError::Failed { format: author.name(), problem };
        let mut finished = template.clone();
        let admitted = template.admit(&self.caps).map_err(|_| failed("its cost is above the caps".to_owned()))?;
        if let (Some(limit), Some(key)) = (admitted.kernel().significant_bytes(), admitted.prepared(password))
            && key.len() > limit
        {
            return Err(WriteError::TooLong { format, limit });
        }
        match admitted.derive(password) {
            Ok(Derived::Output(output)) => finished.expected = output,
            Ok(Derived::Undefined) => return Err(WriteError::Unencodable { format }),
            Err(Failure::Kernel(problem)) => return Err(failed(problem)),
            Err(Failure::OverCap(over)) => {
                return Err(failed(format!("{} {} are above the cap", over.found, over.what)));
            }
        }
        Ok(finished)
    }

    fn confirm(&self, password: &Password, written: &Written, author: &Author) -> Result<(), WriteError> {
        let accepted = match self.read(&written.as_stored()) {
            Ok(Read::Challenge { admitted, .. }) => admitted.matches(password.expose().as_bytes()).unwrap_or(false),
            Ok(Read::NoPassword) | Err(_) => false,
        };
        if accepted { Ok(()) } else { Err(WriteError::NotVerified { format: author.name() }) }
    }

    fn is_outdated(&self, stored: &Admitted) -> bool {
        self.target
            .as_ref()
            .is_some_and(|target| !stored.kernel().reaches(&target.kernel) || stored.steps() != target.steps)
    }

    fn read(&self, stored: &Stored<'_>) -> Result<Read, Unreadable> {
        let Some(value) = stored.value else { return Ok(Read::NoPassword) };
        let unrecognised = |looks_like| Unreadable::Unrecognised { length: value.expose().len(), looks_like };
        let text = trimmed(str::from_utf8(value.expose()).map_err(|_| unrecognised(None))?);
        if text.is_empty() {
            return Ok(Read::NoPassword);
        }
        for reader in &self.readers {
            return match reader.parse(text, stored.salt.map(Secret::expose)) {
                Err(Fault::Foreign) => continue,
                Err(Fault::Malformed(problem)) => Err(Unreadable::Malformed { format: reader.name(), problem }),
                Ok(challenge) => self.admit(reader, challenge),
            };
        }
        if is_locked(text) {
            return Ok(Read::NoPassword);
        }
        match (looks_like(text), ambiguous(text)) {
            (None, Some((shape, candidates))) => Err(Unreadable::Ambiguous { shape, candidates }),
            (name, _) => Err(unrecognised(name)),
        }
    }

    fn admit(&self, reader: &Reader, challenge: Challenge) -> Result<Read, Unreadable> {
        let format = reader.name();
        match challenge.admit(&self.caps) {
            Ok(admitted) => Ok(Read::Challenge { format, admitted }),
            Err(Refusal::Length) => {
                Err(Unreadable::Malformed { format, problem: "its digest has not the length it must have" })
            }
            Err(Refusal::OverCap(over)) => Err(unreadable(format, Failure::OverCap(over))),
        }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accepts: Vec<_> = self.readers.iter().map(Reader::name).collect();
        let writes = self.author.as_ref().map(Author::name);
        f.debug_struct("Policy").field("accepts", &accepts).field("writes", &writes).finish()
    }
}

impl Written {
    /// The same as a row would hold it.
    pub fn as_stored(&self) -> Stored<'_> {
        Stored { value: Some(&self.hash), salt: self.salt.as_ref() }
    }
}

impl Reader {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Row(format) | Self::SelfDescribing(format) => format.name.to_owned(),
            Self::Digest(digest) => digest.name(),
        }
    }

    fn parse(&self, value: &str, salt: Option<&[u8]>) -> Result<Challenge, Fault> {
        match self {
            Self::Row(format) => (format.parse)(value),
            Self::SelfDescribing(format) => format.parse_auto(value),
            Self::Digest(digest) => digest.parse(value, salt),
        }
    }

    fn self_test(&self) -> Result<(), String> {
        let test = |challenge: Challenge, password: &[u8]| {
            let work = challenge.admit(&Caps::default()).ok()?;
            let (right, wrong) = (work.matches(password).ok()?, work.matches(b"another").ok()?);
            Some(right && !wrong)
        };
        let passed = match self {
            Self::Row(format) | Self::SelfDescribing(format) => format.vectors.iter().all(|(password, value)| {
                (format.parse)(value).ok().and_then(|challenge| test(challenge, password.as_bytes())) == Some(true)
            }),
            Self::Digest(digest) => {
                let (mut challenge, _) = digest.template(&mut Draw(&mut |_| {}));
                let output = challenge.clone().admit(&Caps::default()).ok().and_then(|work| work.derive(b"abc").ok());
                if let Some(Derived::Output(output)) = output {
                    challenge.expected = output;
                }
                test(challenge, b"abc") == Some(true)
            }
        };
        if passed { Ok(()) } else { Err(format!("the self-test of {} failed", self.name())) }
    }
}

fn unreadable(format: String, failure: Failure) -> Unreadable {
    match failure {
        Failure::OverCap(OverCap { what, found, cap }) => Unreadable::OverCap { format, what, found, cap },
        Failure::Kernel(problem) => Unreadable::Failed { format, problem },
    }
}

#[cfg(test)]
mod tests {
    use super::super::challenge::RUNS;
    use super::super::spec::{Accept, FormatSpec};
    use super::*;

    fn runs(f: impl FnOnce()) -> Vec<String> {
        RUNS.take();
        f();
        RUNS.take()
    }

    /// After one row was seen, a decoy runs the kernel of that row with its parameters, and so does a locked account.
    #[test]
    fn a_decoy_does_the_same_work() {
        let password = Password::new("a password");
        for value in [
            "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$wp$2y$05$2U3rNcTurfs2v.ToWqB1s.r7vbvruREGt6vTVfqu3NU8Z5tP7k3mm",
            "$argon2id$v=19$m=16,t=3,p=1$qod0wW65c/HHQb195Ipj1Q$BB8H5tJY09pL6bmA9ga0WZi7nJeqS98isZm4A0QfBTE",
            "pbkdf2_sha256$5000$N2FkLBm4mOKNvuRM84ejph$gHk9QRlSGgkOKGLMilBlpOspwWF/111VTQKy9olyghc=",
        ] {
            let policy = Policy::compile(&Spec { accept: Accept::Auto, write: None, caps: Caps::default() }).unwrap();
            let secret = Secret::new(value);
            let stored = Stored { value: Some(&secret), salt: None };
            let verified = runs(|| assert_eq!(policy.verify_blocking(&password, &stored), Ok(Verdict::Mismatch)));
            assert_eq!(verified.len(), 1);
            assert_eq!(runs(|| policy.decoy_blocking(&password)), verified);
            let absent = Stored { value: None, salt: None };
            assert_eq!(
                runs(|| assert_eq!(policy.verify_blocking(&password, &absent), Ok(Verdict::NoPassword))),
                verified
            );
            assert_eq!(policy.memory_needed(None), policy.memory_needed(Some(&stored)));
        }
    }

    #[test]
    fn before_any_row_a_decoy_costs_what_is_usual() {
        let decoy = |accept| {
            let policy = Policy::compile(&Spec { accept, write: None, caps: Caps::default() }).unwrap();
            runs(|| policy.decoy_blocking(&Password::new("a")))
        };
        assert_eq!(decoy(Accept::Auto), ["argon2id v=19 m=19456 t=2 p=1 of 32 bytes"]);
        assert_eq!(
            decoy(Accept::Formats(vec![FormatSpec::Named("phpass".to_owned())])),
            ["phpass md5 cost=13 of 16 bytes"]
        );
    }
}
