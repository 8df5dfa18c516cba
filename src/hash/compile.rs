//! From a [`Spec`] to a [`Policy`]: every name is resolved and every mistake is reported, not only the first.
//!
//! Invariant: a policy that compiles can verify what it writes.

use std::sync::OnceLock;

use super::caps::Caps;
use super::catalogue::{FORMATS, Format, Strength, find};
use super::challenge::{Admitted, Challenge, Refusal};
use super::format::argon2;
use super::format::{Draw, Writer};
use super::kernel::{Kdf, Kernel};
use super::overlap;
use super::policy::Policy;
use super::recent::Recent;
use super::recipe::{Misfit, Recipe};
use super::spec::{Accept, Cost, Description, Doubt, FormatSpec, Item, Problem, Spec, SpecError, Warning};

/// How one accepted format is recognised.
#[derive(Clone)]
pub(super) enum Reader {
    /// A row of the catalogue.
    Row(&'static Format),
    /// A row, but only its self-describing values.
    SelfDescribing(&'static Format),
    /// A description.
    Recipe(Box<Recipe>),
}

/// What new hashes are made of.
pub(super) enum Author {
    Row { format: &'static Format, writer: &'static Writer, cost: Cost },
    Recipe(Box<Recipe>),
}

impl Author {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Row { format, .. } => format.name.to_owned(),
            Self::Recipe(recipe) => recipe.name(),
        }
    }

    /// What the definition says that stands in the column of the algorithm beside a new hash.
    pub(super) fn algorithm(&self) -> Option<&str> {
        match self {
            Self::Row { .. } => None,
            Self::Recipe(recipe) => recipe.algorithm(),
        }
    }

    /// A challenge as new hashes are, and the salt for its own column.
    pub(super) fn template(&self, draw: &mut Draw<'_>) -> Result<(Challenge, Option<String>), &'static str> {
        match self {
            Self::Row { writer, cost, .. } => (writer.template)(cost, draw).map(|challenge| (challenge, None)),
            Self::Recipe(recipe) => recipe.template(draw),
        }
    }
}

/// Compiles all of it, or says everything that is wrong.
pub(super) fn compile(spec: &Spec) -> Result<Policy, Vec<SpecError>> {
    let mut errors = Vec::new();
    let mut readers = readers(&spec.accept, &spec.caps, &mut errors);
    let mut author = None;
    match spec.write.as_ref().map(|write| compile_author(write, &spec.caps)) {
        None => {}
        Some(Ok(compiled)) => {
            let own = missing_reader(&compiled, &readers);
            let taken = |own: &Reader| readers.iter().find(|earlier| overlap::takes_all(earlier, own, &spec.caps));
            let earlier = own.as_ref().and_then(|own| taken(own).map(|earlier| ambiguous(earlier, own)));
            errors.extend(earlier.map(|misfit| misfit.about(Item::Write)));
            author = Some(compiled);
        }
        Some(Err(misfit)) => errors.push(misfit.about(Item::Write)),
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let warnings = warnings(spec, &readers, author.as_ref());
    readers.extend(author.as_ref().and_then(|author| missing_reader(author, &readers)));
    let usual = usual(&spec.accept, &readers, author.as_ref(), &spec.caps)?;
    let target =
        author.as_ref().and_then(|author| author.template(&mut Draw(&mut |_| {})).ok()).map(|(target, _)| target);
    let (caps, columns) = (spec.caps, spec.columns.clone());
    // Secrets print as such, so the signature holds none.
    let signature = format!("{spec:?}");
    let (recent, written_lengths) = (Recent::new(&usual), OnceLock::new());
    Ok(Policy { readers, author, target, caps, columns, recent, warnings, signature, written_lengths })
}

impl Misfit {
    fn about(self, item: Item) -> SpecError {
        let Self { problem, within, message, help } = self;
        SpecError { item, problem, within, message, help }
    }
}

fn misfit(message: String, help: Option<String>) -> Misfit {
    Misfit { problem: Problem::Invalid, message, help, within: None }
}

fn readers(accept: &Accept, caps: &Caps, errors: &mut Vec<SpecError>) -> Vec<Reader> {
    let formats = match accept {
        Accept::Auto => return FORMATS.iter().filter(|f| f.is_self_describing()).map(Reader::SelfDescribing).collect(),
        Accept::Formats(formats) => formats,
    };
    if formats.is_empty() {
        let help = Some("list the formats of the column, or write `auto`".to_owned());
        errors.push(misfit("no format is accepted".to_owned(), help).about(Item::Accept(0)));
    }
    let mut readers = Vec::new();
    for (index, format) in formats.iter().enumerate() {
        match compile_reader(format, caps) {
            Ok(reader) => {
                let earlier = readers.iter().find(|earlier| overlap::takes_all(earlier, &reader, caps));
                errors.extend(earlier.map(|earlier| ambiguous(earlier, &reader).about(Item::Accept(index))));
                readers.push(reader);
            }
            Err(misfit) => errors.push(misfit.about(Item::Accept(index))),
        }
    }
    readers
}

/// One value, one format: two that cannot be told apart are never tried one after the other.
fn ambiguous(earlier: &Reader, later: &Reader) -> Misfit {
    let (earlier, later) = (earlier.name(), later.name());
    let message = format!("values of {later} have the shape of {earlier}, which is asked first");
    let help = "say with `when:` which values are of the first, as in `when: { column: salt, empty: true }`, \
                `when: { prefix: … }` or `when: { length: … }`, or list only one of them";
    Misfit { problem: Problem::Ambiguous, ..misfit(message, Some(help.to_owned())) }
}

fn compile_reader(spec: &FormatSpec, caps: &Caps) -> Result<Reader, Misfit> {
    match spec {
        FormatSpec::Named(name) => {
            let format = resolve(name)?;
            if format.expression().is_none() {
                return Ok(Reader::Row(format));
            }
            Recipe::compile(&Description::named(name), caps, false).map(|recipe| Reader::Recipe(Box::new(recipe)))
        }
        FormatSpec::Tuned { format, .. } => {
            let format = resolve(format)?;
            let help = format!("write `{}`; the cost of stored hashes stands in the hashes", format.name);
            Err(misfit("an accepted format takes no cost".to_owned(), Some(help)))
        }
        FormatSpec::Described(spec) => {
            Recipe::compile(spec, caps, false).map(|recipe| Reader::Recipe(Box::new(recipe)))
        }
    }
}

fn compile_author(spec: &FormatSpec, caps: &Caps) -> Result<Author, Misfit> {
    let recipe = |spec: &Description| -> Result<Author, Misfit> {
        let recipe = Recipe::compile(spec, caps, true)?;
        recipe.check_writable()?;
        Ok(Author::Recipe(Box::new(recipe)))
    };
    let author = match spec {
        FormatSpec::Named(name) | FormatSpec::Tuned { format: name, .. } if resolve(name)?.expression().is_some() => {
            recipe(&Description::named(name))?
        }
        FormatSpec::Named(name) => row_author(name, Cost::default())?,
        FormatSpec::Tuned { format, cost } => row_author(format, *cost)?,
        FormatSpec::Described(spec) => recipe(spec)?,
    };
    let template = author.template(&mut Draw(&mut |_| {}));
    let (template, _) = template.map_err(|problem| misfit(problem.to_owned(), None))?;
    if let Kernel::Bcrypt(bcrypt) = &template.kernel
        && bcrypt.cost > caps.bcrypt_write_cost
    {
        let cap = caps.bcrypt_write_cost;
        return Err(misfit(format!("new bcrypt hashes of cost {} are above the cap of {cap}", bcrypt.cost), None));
    }
    match template.admit(caps) {
        Ok(_) => Ok(author),
        Err(Refusal::OverCap(over)) => {
            let message = format!("new hashes would ask for {} {}, allowed are {}", over.found, over.what, over.cap);
            Err(misfit(message, None))
        }
        Err(Refusal::Length) => Err(misfit("the format's own output has not its length".to_owned(), None)),
    }
}

fn row_author(name: &str, cost: Cost) -> Result<Author, Misfit> {
    let format = resolve(name)?;
    let Some(writer) = format.writer(name) else {
        let known: Vec<_> = format.writers.iter().filter_map(|w| w.names.first().copied()).collect();
        let help =
            if known.is_empty() { "write `argon2id`".to_owned() } else { format!("write `{}`", known.join("` or `")) };
        let misfit = misfit(format!("`{name}` is verified but not written"), Some(help));
        return Err(Misfit { problem: Problem::Unwritable, ..misfit });
    };
    if let Some(knob) = cost.set().find(|knob| !writer.knobs.contains(knob)) {
        let help = format!("it takes {}", writer.knobs.join(", "));
        return Err(misfit(format!("`{name}` has no `{knob}`"), Some(help)));
    }
    Ok(Author::Row { format, writer, cost })
}

fn resolve(name: &str) -> Result<&'static Format, Misfit> {
    find(name).ok_or_else(|| Misfit::unknown_format(name))
}

/// What is written is accepted too: the account must still be able to log in.
fn missing_reader(author: &Author, readers: &[Reader]) -> Option<Reader> {
    match author {
        Author::Row { format, .. } => {
            let known =
                |reader: &Reader| matches!(reader, Reader::Row(f) | Reader::SelfDescribing(f) if f.name == format.name);
            (!readers.iter().any(known)).then_some(Reader::Row(format))
        }
        Author::Recipe(recipe) => {
            let known = |reader: &Reader| matches!(reader, Reader::Recipe(r) if r.is_same(recipe));
            (!readers.iter().any(known)).then(|| Reader::Recipe(recipe.clone()))
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
            Reader::Recipe(recipe) => recipe.usual(),
        }),
    };
    let written =
        || author.and_then(|author| author.template(&mut Draw(&mut |_| {})).ok()).map(|(challenge, _)| challenge);
    let default = || (argon2::WRITER.template)(&Cost::default(), &mut Draw(&mut |_| {})).ok();
    let admitted = [first, written(), default()].into_iter().flatten().find_map(|challenge| challenge.admit(caps).ok());
    admitted.ok_or_else(|| {
        let message = "the caps admit none of the accepted formats at its usual cost".to_owned();
        vec![misfit(message, Some("raise the caps".to_owned())).about(Item::Accept(0))]
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
        warnings.push(Warning { item: Item::Write, doubt: Doubt::Weak, message });
    }
    if matches!(spec.accept, Accept::Formats(_)) {
        for (index, reader) in readers.iter().enumerate() {
            if readers[..index].iter().any(|earlier| is_repeated(earlier, reader)) {
                let message = format!("{} stands in the list already", reader.name());
                warnings.push(Warning { item: Item::Accept(index), doubt: Doubt::Repeated, message });
            }
        }
    }
    warnings
}

fn is_repeated(earlier: &Reader, later: &Reader) -> bool {
    match (earlier, later) {
        (Reader::Recipe(a), Reader::Recipe(b)) => a.is_same(b),
        (Reader::Row(a) | Reader::SelfDescribing(a), Reader::Row(b) | Reader::SelfDescribing(b)) => a.name == b.name,
        _ => false,
    }
}
