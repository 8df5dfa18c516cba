//! What one column of hashes accepts and what is written to it.
//!
//! Invariant: immutable after compilation, save for the memory of recent costs; `…_blocking` functions compute for
//! milliseconds to seconds and belong on the [`super::Budget`]'s threads.

use std::fmt;
use std::sync::OnceLock;

use subtle::ConstantTimeEq;

use super::caps::Caps;
use super::challenge::{Admitted, Challenge, Derived, Failure, Fault, Refusal, Step};
use super::compile::{Author, Reader, compile};
use super::error::{Unreadable, WriteError};
use super::format::Draw;
use super::kernel::{Kdf, OverCap};
use super::recent::Recent;
use super::recipe::Need;
use super::shape::{ambiguous, is_locked, looks_like, trimmed};
use super::spec::{Columns, Spec, SpecError, Warning};
use super::stored::{Stored, Written};
use crate::secret::{Password, Secret};

/// A compiled [`Spec`].
pub struct Policy {
    pub(super) readers: Vec<Reader>,
    pub(super) author: Option<Author>,
    /// What new hashes are like, to tell whether a stored one is outdated.
    pub(super) target: Option<Challenge>,
    pub(super) caps: Caps,
    pub(super) columns: Columns,
    pub(super) recent: Recent,
    pub(super) warnings: Vec<Warning>,
    pub(super) signature: String,
    pub(super) written_lengths: OnceLock<Option<(usize, usize)>>,
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

/// A stored value that was understood.
enum Read {
    Challenge { format: String, admitted: Box<Admitted> },
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

    /// What the accepted and written formats take from a row beside the hash, where no column is named for it.
    pub fn needs(&self) -> Vec<Need> {
        let mut needs: Vec<Need> = self.readers.iter().flat_map(Reader::needs).collect();
        needs.sort();
        needs.dedup();
        let Columns { salt, salt2, user, algorithm, rounds, realm } = &self.columns;
        needs.retain(|need| match need {
            Need::Salt => salt.is_none(),
            Need::Salt2 => salt2.is_none(),
            Need::User => user.is_none(),
            Need::Algorithm => algorithm.is_none(),
            Need::Rounds => rounds.is_none(),
            Need::Realm => realm.is_none(),
        });
        needs
    }

    /// Whether some accepted or written format takes its salt from another column.
    pub fn needs_salt(&self) -> bool {
        self.readers.iter().any(|reader| reader.needs().contains(&Need::Salt))
    }

    /// Whether some accepted format hashes the user's name with the password.
    pub fn needs_user(&self) -> bool {
        self.readers.iter().any(|reader| reader.needs().contains(&Need::User))
    }

    /// Every column that the formats name beside the hash, once each.
    pub fn columns(&self) -> Vec<String> {
        let named = self.readers.iter().flat_map(|reader| match reader {
            Reader::Recipe(recipe) => recipe.columns().map(str::to_owned).collect(),
            Reader::Row(_) | Reader::SelfDescribing(_) => Vec::new(),
        });
        let mut columns: Vec<String> = self.columns.names().map(str::to_owned).chain(named).collect();
        columns.sort();
        columns.dedup();
        columns
    }

    /// The format that a stored value is of; None for a row without a password. Nothing is computed.
    pub fn recognise(&self, stored: &Stored<'_>) -> Result<Option<String>, Unreadable> {
        Ok(self.describe(stored)?.map(|(format, _)| format))
    }

    /// The format that a stored value is of, and its algorithm and cost in words; None for a row without a password.
    /// Nothing is computed.
    pub fn describe(&self, stored: &Stored<'_>) -> Result<Option<(String, String)>, Unreadable> {
        Ok(match self.read(stored)? {
            Read::Challenge { format, admitted } => Some((format, admitted.kernel().describe())),
            Read::NoPassword => None,
        })
    }

    /// The lengths in bytes of a new hash and of its salt, for their columns. Costs as much as writing one.
    pub fn written_lengths_blocking(&self) -> Option<(usize, usize)> {
        *self.written_lengths.get_or_init(|| {
            // Only the lengths are of interest, so the bytes need not be random.
            let mut fixed = |bytes: &mut [u8]| bytes.fill(0x5a);
            let written = self.write_blocking(&Password::new("correct horse"), &mut fixed).ok()?;
            Some((written.hash.expose().len(), written.salt.map_or(0, |salt| salt.expose().len())))
        })
    }

    /// Equal for policies that were declared alike, whatever their secrets are.
    pub fn signature(&self) -> &str {
        &self.signature
    }

    /// Whether new passwords can be written.
    pub fn can_write(&self) -> bool {
        self.author.is_some()
    }

    /// Whether new hashes have a salt for a column of its own: without it nobody could log in with them.
    pub fn writes_salt(&self) -> bool {
        matches!(&self.author, Some(Author::Recipe(recipe)) if recipe.keeps_salt_apart())
    }

    /// Whether this is the password of the row. Takes as long as the row's own cost; a row without a password costs a
    /// decoy. A password that may not be hashed at all (`Password::is_acceptable`) is a mismatch at no cost.
    pub fn verify_blocking(&self, password: &Password, stored: &Stored<'_>) -> Result<Verdict, Unreadable> {
        if !password.is_acceptable() {
            return Ok(Verdict::Mismatch);
        }
        self.verify_bytes_blocking(password.expose().as_bytes(), stored)
    }

    /// As [`Self::verify_blocking`], for any bytes: published vectors have passwords that are empty or no text, which
    /// no login can send. Not for logins, since it has no limit of length.
    pub fn verify_bytes_blocking(&self, password: &[u8], stored: &Stored<'_>) -> Result<Verdict, Unreadable> {
        match self.read(stored)? {
            Read::NoPassword => {
                self.decoy(password);
                Ok(Verdict::NoPassword)
            }
            Read::Challenge { format, admitted } => {
                self.recent.note(&admitted);
                #[cfg(test)]
                trip(password);
                let opened = admitted.opened(password);
                let opened = opened.map_err(|failure| unreadable(format, failure))?;
                Ok(opened.map_or(Verdict::Mismatch, |by| Verdict::Match { outdated: self.is_outdated(by) }))
            }
        }
    }

    /// Costs what verifying the prevailing format at its usual cost does, by the same code: for unknown users. A
    /// password that may not be hashed costs as much as a short one, so that it tells nobody who is known.
    pub fn decoy_blocking(&self, password: &Password) {
        self.decoy(if password.is_acceptable() { password.expose().as_bytes() } else { b"password" });
    }

    fn decoy(&self, password: &[u8]) {
        if let Some(work) = self.recent.dominant() {
            #[cfg(test)]
            trip(password);
            // The answer is of no use, only its cost.
            let _ = std::hint::black_box(work.matches(password));
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
            Author::Row { writer, .. } => (writer.render)(&finished).map(String::into_bytes),
            Author::Recipe(recipe) => recipe.render(&finished, salt.as_deref()),
        };
        let hash = hash.ok_or_else(|| failed("it cannot be rendered"))?;
        let salt = salt.filter(|_| self.writes_salt()).map(Secret::new);
        let written = Written { hash: Secret::new(hash), salt, algorithm: author.algorithm().map(str::to_owned) };
        self.confirm(password, &written, author)?;
        Ok(written)
    }

    /// Whether a row holds exactly what was written. Computes nothing.
    pub fn holds(&self, row: &Stored<'_>, written: &Written) -> bool {
        let is = |found: Option<&[u8]>, written: &Secret| {
            found.is_some_and(|found| trimmed_bytes(found).ct_eq(trimmed_bytes(written.expose())).into())
        };
        let salt = || row.inputs(&self.salt_columns()).ok().and_then(|inputs| inputs.salt);
        is(row.value.map(Secret::expose), &written.hash)
            && written.salt.as_ref().is_none_or(|written| is(salt(), written))
    }

    /// Bytes of memory that verifying this row needs; without one, and for a row that only a decoy answers, what that
    /// needs.
    pub fn memory_needed(&self, stored: Option<&Stored<'_>>) -> u64 {
        let decoy = || self.recent.dominant().map_or(0, |work| work.memory());
        match stored.map(|stored| self.read(stored)) {
            None | Some(Ok(Read::NoPassword) | Err(_)) => decoy(),
            Some(Ok(Read::Challenge { admitted, .. })) => admitted.memory(),
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
        let columns = self.columns_of(&written);
        let row = Stored { extra: &columns, ..written.as_stored() };
        match self.verify_blocking(&Password::new("correct horsf"), &row) {
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

    /// The columns of what is written: those of its format, or of the whole policy.
    fn salt_columns(&self) -> Columns {
        match &self.author {
            Some(Author::Recipe(recipe)) => recipe.with_columns_of(&self.columns),
            Some(Author::Row { .. }) | None => self.columns.clone(),
        }
    }

    /// The columns beside the hash, as they are once it is stored.
    fn columns_of(&self, written: &Written) -> Vec<(String, Option<Secret>)> {
        self.salt_columns().salt.map(|column| (column, written.salt.clone())).into_iter().collect()
    }

    fn confirm(&self, password: &Password, written: &Written, author: &Author) -> Result<(), WriteError> {
        let columns = self.columns_of(written);
        let accepted = match self.read(&Stored { extra: &columns, ..written.as_stored() }) {
            Ok(Read::Challenge { admitted, .. }) => admitted.matches(password.expose().as_bytes()).unwrap_or(false),
            Ok(Read::NoPassword) | Err(_) => false,
        };
        if accepted { Ok(()) } else { Err(WriteError::NotVerified { format: author.name() }) }
    }

    /// Whether what opened a value is below what is written: an older pepper counts as much as a lower cost.
    fn is_outdated(&self, stored: &Challenge) -> bool {
        self.target
            .as_ref()
            .is_some_and(|target| !stored.kernel.reaches(&target.kernel) || !are_alike(&stored.steps, &target.steps))
    }

    fn read(&self, stored: &Stored<'_>) -> Result<Read, Unreadable> {
        let Some(value) = stored.value else { return Ok(Read::NoPassword) };
        let unrecognised = |looks_like| Unreadable::Unrecognised { length: value.expose().len(), looks_like };
        let text = str::from_utf8(value.expose()).ok().map(trimmed);
        if value.expose().is_empty() || text.is_some_and(str::is_empty) {
            return Ok(Read::NoPassword);
        }
        for reader in &self.readers {
            return match reader.parse(value.expose(), text, stored, &self.columns) {
                Err(Fault::Foreign) => continue,
                Err(Fault::Malformed(problem)) => Err(Unreadable::Malformed { format: reader.name(), problem }),
                Ok(challenge) => self.admit(reader, challenge),
            };
        }
        let text = text.ok_or_else(|| unrecognised(None))?;
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
            Ok(admitted) => Ok(Read::Challenge { format, admitted: Box::new(admitted) }),
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

impl Reader {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Row(format) | Self::SelfDescribing(format) => format.name.to_owned(),
            Self::Recipe(recipe) => recipe.name(),
        }
    }

    fn needs(&self) -> Vec<Need> {
        match self {
            Self::Row(format) => format.needs(),
            Self::SelfDescribing(_) => Vec::new(),
            Self::Recipe(recipe) => recipe.needs(),
        }
    }

    fn parse(
        &self,
        value: &[u8],
        text: Option<&str>,
        stored: &Stored<'_>,
        columns: &Columns,
    ) -> Result<Challenge, Fault> {
        match self {
            Self::Row(format) => format.parse(text.ok_or(Fault::Foreign)?, &stored.inputs(columns)?),
            Self::SelfDescribing(format) => format.parse_auto(text.ok_or(Fault::Foreign)?, &stored.inputs(columns)?),
            Self::Recipe(recipe) => recipe.parse(value, stored, columns),
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
                format.parse(value, &format.given).ok().and_then(|challenge| test(challenge, password.as_bytes()))
                    == Some(true)
            }),
            Self::Recipe(recipe) => {
                let made = recipe.template(&mut Draw(&mut |_| {})).ok();
                let tested = made.and_then(|(mut challenge, _)| {
                    if let Derived::Output(output) =
                        challenge.clone().admit(&Caps::default()).ok()?.derive(b"abc").ok()?
                    {
                        challenge.expected = output;
                    }
                    test(challenge, b"abc")
                });
                tested == Some(true)
            }
        };
        if passed { Ok(()) } else { Err(format!("the self-test of {} failed", self.name())) }
    }
}

/// Without the padding of CHAR(n) and BINARY(n) columns.
fn trimmed_bytes(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|byte| !matches!(byte, b' ' | 0)).map_or(0, |last| last + 1);
    &value[..end]
}

/// Whether stored values are prepared as new ones are.
fn are_alike(stored: &[Step], target: &[Step]) -> bool {
    stored.len() == target.len() && stored.iter().zip(target).all(|(a, b)| a.is_like(b))
}

fn unreadable(format: String, failure: Failure) -> Unreadable {
    match failure {
        Failure::OverCap(OverCap { what, found, cap }) => Unreadable::OverCap { format, what, found, cap },
        Failure::Kernel(problem) => Unreadable::Failed { format, problem },
    }
}

/// A password on which hashing panics, in the tests of what becomes of that.
#[cfg(test)]
pub(crate) const TRAP: &str = "a password that no kernel survives";

#[cfg(test)]
fn trip(password: &[u8]) {
    assert!(password != TRAP.as_bytes(), "injected");
}

#[cfg(test)]
mod tests;
