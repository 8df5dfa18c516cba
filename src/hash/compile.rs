//! From a [`Spec`] to a [`Policy`]: every name is resolved and every mistake is reported, not only the first.
//!
//! Invariant: a policy that compiles can verify what it writes.

use super::caps::Caps;
use super::catalogue::{FORMATS, Format, Strength, find, nearest_name};
use super::challenge::{Admitted, Challenge, Refusal};
use super::format::argon2;
use super::format::digest::DigestFormat;
use super::format::{Draw, Writer};
use super::kernel::{Kdf, Kernel};
use super::policy::Policy;
use super::recent::Recent;
use super::spec::{Accept, Cost, FormatSpec, Item, Spec, SpecError, Warning};

/// How one accepted format is recognised.
#[derive(Clone)]
pub(super) enum Reader {
    /// A row of the catalogue.
    Row(&'static Format),
    /// A row, but only its self-describing values.
    SelfDescribing(&'static Format),
    /// A description.
    Digest(DigestFormat),
}

/// What new hashes are made of.
pub(super) enum Author {
    Row { format: &'static Format, writer: &'static Writer, cost: Cost },
    Digest(DigestFormat),
}

impl Author {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Row { format, .. } => format.name.to_owned(),
            Self::Digest(digest) => digest.name(),
        }
    }

    /// A challenge as new hashes are, and the salt for its own column.
    pub(super) fn template(&self, draw: &mut Draw<'_>) -> Result<(Challenge, Option<String>), &'static str> {
        match self {
            Self::Row { writer, cost, .. } => (writer.template)(cost, draw).map(|challenge| (challenge, None)),
            Self::Digest(digest) => Ok(digest.template(draw)),
        }
    }
}

/// Compiles all of it, or says everything that is wrong.
pub(super) fn compile(spec: &Spec) -> Result<Policy, Vec<SpecError>> {
    let mut errors = Vec::new();
    let mut readers = readers(&spec.accept, &mut errors);
    let mut author = None;
    match spec.write.as_ref().map(|write| compile_author(write, &spec.caps)) {
        None => {}
        Some(Ok(compiled)) => author = Some(compiled),
        Some(Err((message, help))) => errors.push(SpecError { item: Item::Write, message, help }),
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let warnings = warnings(spec, &readers, author.as_ref());
    readers.extend(author.as_ref().and_then(|author| missing_reader(author, &readers)));
    let usual = usual(&spec.accept, &readers, author.as_ref(), &spec.caps)?;
    let target =
        author.as_ref().and_then(|author| author.template(&mut Draw(&mut |_| {})).ok()).map(|(target, _)| target);
    Ok(Policy { readers, author, target, caps: spec.caps, recent: Recent::new(&usual), warnings })
}

type Mistake = (String, Option<String>);

fn readers(accept: &Accept, errors: &mut Vec<SpecError>) -> Vec<Reader> {
    let formats = match accept {
        Accept::Auto => return FORMATS.iter().filter(|f| f.is_self_describing()).map(Reader::SelfDescribing).collect(),
        Accept::Formats(formats) => formats,
    };
    if formats.is_empty() {
        let help = Some("list the formats of the column, or write `auto`".to_owned());
        errors.push(SpecError { item: Item::Accept(0), message: "no format is accepted".to_owned(), help });
    }
    let mut readers = Vec::new();
    for (index, format) in formats.iter().enumerate() {
        match compile_reader(format) {
            Ok(reader) => readers.push(reader),
            Err((message, help)) => errors.push(SpecError { item: Item::Accept(index), message, help }),
        }
    }
    readers
}

fn compile_reader(spec: &FormatSpec) -> Result<Reader, Mistake> {
    match spec {
        FormatSpec::Named(name) => resolve(name).map(Reader::Row),
        FormatSpec::Tuned { format, .. } => {
            let format = resolve(format)?;
            let help = format!("write `{}`; the cost of stored hashes stands in the hashes", format.name);
            Err(("an accepted format takes no cost".to_owned(), Some(help)))
        }
        FormatSpec::Digest(spec) => DigestFormat::compile(spec).map(Reader::Digest),
    }
}

fn compile_author(spec: &FormatSpec, caps: &Caps) -> Result<Author, Mistake> {
    let author = match spec {
        FormatSpec::Named(name) => row_author(name, Cost::default())?,
        FormatSpec::Tuned { format, cost } => row_author(format, *cost)?,
        FormatSpec::Digest(spec) => {
            let digest = DigestFormat::compile(spec)?;
            if !digest.is_salted() {
                let help = "add a `salt`, or better write `argon2id`".to_owned();
                return Err(("an unsalted digest is verified but never written".to_owned(), Some(help)));
            }
            Author::Digest(digest)
        }
    };
    let template = author.template(&mut Draw(&mut |_| {}));
    let (template, _) = template.map_err(|problem| (problem.to_owned(), None))?;
    if let Kernel::Bcrypt(bcrypt) = &template.kernel
        && bcrypt.cost > caps.bcrypt_write_cost
    {
        return Err((
            format!("new bcrypt hashes of cost {} are above the cap of {}", bcrypt.cost, caps.bcrypt_write_cost),
            None,
        ));
    }
    match template.admit(caps) {
        Ok(_) => Ok(author),
        Err(Refusal::OverCap(over)) => {
            Err((format!("new hashes would ask for {} {}, allowed are {}", over.found, over.what, over.cap), None))
        }
        Err(Refusal::Length) => Err(("the format's own output has not its length".to_owned(), None)),
    }
}

fn row_author(name: &str, cost: Cost) -> Result<Author, Mistake> {
    let format = resolve(name)?;
    let Some(writer) = format.writer(name) else {
        let known: Vec<_> = format.writers.iter().filter_map(|w| w.names.first().copied()).collect();
        let help =
            if known.is_empty() { "write `argon2id`".to_owned() } else { format!("write `{}`", known.join("` or `")) };
        return Err((format!("`{name}` is verified but not written"), Some(help)));
    };
    if let Some(knob) = cost.set().find(|knob| !writer.knobs.contains(knob)) {
        let help = format!("it takes {}", writer.knobs.join(", "));
        return Err((format!("`{name}` has no `{knob}`"), Some(help)));
    }
    Ok(Author::Row { format, writer, cost })
}

fn resolve(name: &str) -> Result<&'static Format, Mistake> {
    find(name).ok_or_else(|| {
        let help = format!("did you mean `{}`?", nearest_name(name));
        (format!("`{name}` is not a known password format"), Some(help))
    })
}

/// What is written is accepted too: the account must still be able to log in.
fn missing_reader(author: &Author, readers: &[Reader]) -> Option<Reader> {
    match author {
        Author::Row { format, .. } => {
            let known =
                |reader: &Reader| matches!(reader, Reader::Row(f) | Reader::SelfDescribing(f) if f.name == format.name);
            (!readers.iter().any(known)).then_some(Reader::Row(format))
        }
        Author::Digest(digest) => {
            let known = |reader: &Reader| matches!(reader, Reader::Digest(d) if d == digest);
            (!readers.iter().any(known)).then(|| Reader::Digest(digest.clone()))
        }
    }
}

/// The work of a decoy before any row was seen: that of the first declared format, or of what is written.
fn usual(
    accept: &Accept,
    readers: &[Reader],
    author: Option<&Author>,
    caps: &Caps,
) -> Result<Admitted, Vec<SpecError>> {
    let first = match accept {
        Accept::Auto => None,
        Accept::Formats(_) => readers.first().and_then(|reader| match reader {
            Reader::Row(format) | Reader::SelfDescribing(format) => format.usual(),
            Reader::Digest(digest) => Some(digest.template(&mut Draw(&mut |_| {})).0),
        }),
    };
    let written =
        || author.and_then(|author| author.template(&mut Draw(&mut |_| {})).ok()).map(|(challenge, _)| challenge);
    let default = || (argon2::WRITER.template)(&Cost::default(), &mut Draw(&mut |_| {})).ok();
    let admitted = [first, written(), default()].into_iter().flatten().find_map(|challenge| challenge.admit(caps).ok());
    admitted.ok_or_else(|| {
        let message = "the caps admit none of the accepted formats at its usual cost".to_owned();
        vec![SpecError { item: Item::Accept(0), message, help: Some("raise the caps".to_owned()) }]
    })
}

fn warnings(spec: &Spec, readers: &[Reader], author: Option<&Author>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let strength =
        author.and_then(|author| author.template(&mut Draw(&mut |_| {})).ok()).map(|(c, _)| c.kernel.strength());
    if let (Some(author), Some(strength @ (Strength::None | Strength::Fast | Strength::Weak))) = (author, strength) {
        let message = format!(
            "new passwords are written as {}, which is {strength} to guess; prefer `argon2id` unless the old application must read them",
            author.name()
        );
        warnings.push(Warning { item: Item::Write, message });
    }
    if matches!(spec.accept, Accept::Formats(_)) {
        for (index, reader) in readers.iter().enumerate() {
            if let Some(earlier) = readers[..index].iter().find(|earlier| hides(earlier, reader)) {
                let message =
                    format!("{} is never reached: {} before it has the same shape", reader.name(), earlier.name());
                warnings.push(Warning { item: Item::Accept(index), message });
            }
        }
    }
    warnings
}

fn hides(earlier: &Reader, later: &Reader) -> bool {
    match (earlier, later) {
        (Reader::Digest(a), Reader::Digest(b)) => a.hides(b),
        (Reader::Row(a) | Reader::SelfDescribing(a), Reader::Row(b) | Reader::SelfDescribing(b)) => a.name == b.name,
        _ => false,
    }
}
