//! Formats that a definition describes: what is done to the password, what is computed, where its inputs come from.
//!
//! Invariant: a recipe that compiles has every input that does not come from a row; one value of one row is tried with
//! a fixed, small number of spellings and secrets.

mod compile;
mod raw;
mod template;

use std::sync::Arc;

use zeroize::Zeroizing;

use self::raw::RawKdf;
use super::caps::Caps;
use super::catalogue::{Format, nearest_name, no_format};
use super::challenge::{Challenge, Fault, Inputs, Parsed, Settings, Step};
use super::codec::{from_base64, from_hex};
use super::expression::{Expression, Map, Prehash, Values, Variable};
use super::format::Writer;
use super::kernel::{Computed, Kernel};
use super::spec::{Columns, Cost, Encoding, Problem, Rounds, SaltEncoding, SaltSpec, Text, When};
use super::stored::Stored;
use crate::secret::Secret;

/// The most spellings and secrets together that one value is tried with.
const MOST_ATTEMPTS: usize = 8;

/// What does not fit together in a description.
#[derive(Debug)]
pub(super) struct Misfit {
    pub problem: Problem,
    pub message: String,
    pub help: Option<String>,
    pub within: Option<(Text, std::ops::Range<usize>)>,
}

impl Misfit {
    /// A name that no format has.
    pub(super) fn unknown_format(name: &str) -> Self {
        Self {
            problem: Problem::Unknown,
            message: format!("`{name}` is not a known password format"),
            help: Some(
                no_format(name).map_or_else(|| format!("did you mean `{}`?", nearest_name(name)), ToOwned::to_owned),
            ),
            within: None,
        }
    }
}

/// A described format, ready to read values and to write them.
#[derive(Clone)]
pub(super) struct Recipe {
    name: String,
    base: Base,
    /// What is done to the password first; several where some of it is optional.
    spellings: Vec<Vec<Arc<Prehash>>>,
    /// Never empty; None = there is none.
    peppers: Vec<Option<Secret>>,
    /// Likewise.
    keys: Vec<Option<Secret>>,
    rounds: Option<Rounds>,
    algorithm: Option<String>,
    realm: Option<String>,
    settings: Settings,
    salt: Option<SaltSpec>,
    /// What an expression's salt is decoded from before the expression sees it; one made of parts decodes it itself.
    decoded_from: SaltEncoding,
    encoding: Encoding,
    columns: Columns,
    when: When,
}

/// What is computed.
#[derive(Clone)]
enum Base {
    /// A row of the catalogue, and how it is written where that was asked for.
    Row {
        format: &'static Format,
        writer: Option<(&'static Writer, Cost)>,
    },
    Expression(Arc<Expression>),
    Raw(RawKdf),
}

/// What a recipe takes from a row beside the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The salt.
    Salt,
    /// A second salt.
    Salt2,
    /// The user's name.
    User,
    /// Which algorithm.
    Algorithm,
    /// The number of rounds.
    Rounds,
    /// The realm of HTTP digest authentication.
    Realm,
}

impl Need {
    /// What it is, in a definition's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Salt => "salt",
            Self::Salt2 => "salt2",
            Self::User => "user",
            Self::Algorithm => "algorithm",
            Self::Rounds => "rounds",
            Self::Realm => "realm",
        }
    }
}

impl Recipe {
    /// Its name in messages.
    pub(super) fn name(&self) -> String {
        self.name.clone()
    }

    /// The inputs for which this recipe names no column of its own.
    pub(super) fn needs(&self) -> Vec<Need> {
        let named = |need| match need {
            Need::Salt => self.columns.salt.is_some(),
            Need::Salt2 => self.columns.salt2.is_some(),
            Need::User => self.columns.user.is_some(),
            Need::Algorithm => self.columns.algorithm.is_some(),
            Need::Rounds => self.columns.rounds.is_some(),
            Need::Realm => self.columns.realm.is_some(),
        };
        self.takes().into_iter().filter(|need| !named(*need)).collect()
    }

    /// Which algorithm the definition names.
    pub(in crate::hash) fn algorithm(&self) -> Option<&str> {
        self.algorithm.as_deref()
    }

    /// Everything it takes from a row.
    fn takes(&self) -> Vec<Need> {
        let uses = |variable| self.spellings.iter().flatten().any(|prehash| prehash.uses(variable));
        let mut takes = match &self.base {
            Base::Row { format, .. } => {
                let mut needs = format.needs();
                needs.retain(|need| {
                    !(*need == Need::Algorithm && self.algorithm.is_some()
                        || *need == Need::Rounds && self.rounds.is_some()
                        || *need == Need::Realm && self.realm.is_some())
                });
                needs
            }
            Base::Expression(expression) => {
                let takes = |variable| expression.uses(variable) && !expression.holds(variable);
                [(Variable::Salt, Need::Salt), (Variable::Salt2, Need::Salt2), (Variable::User, Need::User)]
                    .into_iter()
                    .filter_map(|(variable, need)| takes(variable).then_some(need))
                    .chain(expression.uses_rounds().then_some(Need::Rounds))
                    .collect()
            }
            Base::Raw(raw) => raw.needs(),
        };
        takes.extend(uses(Variable::Salt).then_some(Need::Salt));
        takes.extend(uses(Variable::User).then_some(Need::User));
        if self.rounds == Some(Rounds::Row) {
            takes.push(Need::Rounds);
        }
        takes.sort();
        takes.dedup();
        takes
    }

    /// Every column it names.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.names().chain(self.when.column.as_deref())
    }

    /// The row of the catalogue that it is made of.
    pub(super) fn format(&self) -> Option<&'static Format> {
        match &self.base {
            Base::Row { format, .. } => Some(format),
            Base::Expression(_) | Base::Raw(_) => None,
        }
    }

    /// Whether a value of another recipe may be this one's, as far as `when` says: another column tells them apart,
    /// unless it would have to say the same for both.
    pub(super) fn may_be(&self, value: &str, other: Option<&Self>) -> bool {
        let same_column = || other.is_some_and(|other| self.when == other.when);
        self.when.fits(value.as_bytes()) && (self.when.column.is_none() || same_column())
    }

    /// Whether both compute the same from the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let base = match (&self.base, &other.base) {
            (Base::Expression(a), Base::Expression(b)) => a == b,
            (Base::Raw(a), Base::Raw(b)) => a == b,
            (Base::Row { format: a, .. }, Base::Row { format: b, .. }) => a.name == b.name,
            _ => false,
        };
        base && self.spellings == other.spellings
            // How long a new salt is says nothing about what is stored.
            && self.salt.map(|salt| (salt.position, salt.encoding)) == other.salt.map(|salt| (salt.position, salt.encoding))
            && self.encoding == other.encoding
            && self.when == other.when
    }

    /// A stored value, with what stands beside it in the row.
    pub(super) fn parse(&self, value: &[u8], stored: &Stored<'_>, columns: &Columns) -> Parsed {
        let text = str::from_utf8(value).ok().map(super::shape::trimmed);
        if !self.when.holds(text.map_or(value, str::as_bytes), stored) {
            return Err(Fault::Foreign);
        }
        let inputs = stored.inputs(&self.with_columns_of(columns))?;
        self.challenges(value, text, inputs)
    }

    /// The columns that it reads, where those of the whole policy are these.
    pub(super) fn with_columns_of(&self, policy: &Columns) -> Columns {
        policy.overridden_by(&self.columns)
    }

    /// As `parse`, with inputs that are at hand already.
    pub(super) fn parse_with(&self, value: &str, inputs: &Inputs<'_>) -> Parsed {
        self.challenges(value.as_bytes(), Some(value), *inputs)
    }

    fn challenges(&self, value: &[u8], text: Option<&str>, inputs: Inputs<'_>) -> Parsed {
        let mut all: Option<Challenge> = None;
        for (pepper, key) in self.peppers.iter().flat_map(|pepper| self.keys.iter().map(move |key| (pepper, key))) {
            let inputs = self.completed(inputs, pepper.as_ref(), key.as_ref())?;
            let base = self.base_challenge(value, text, &inputs)?;
            let values = values_of(&inputs, self.decoded_from)?;
            for spelling in &self.spellings {
                for prehash in spelling {
                    if prehash.uses(Variable::User) && values.user.is_none() {
                        return Err(Fault::Malformed("its user name is NULL"));
                    }
                    if prehash.uses(Variable::Salt) && values.salt.is_none() {
                        return Err(Fault::Malformed("its salt is NULL"));
                    }
                }
                let steps = spelling.iter().map(|prehash| Step::Prehash(Arc::clone(prehash), values.clone()));
                let challenge = base.clone().after(steps);
                all = Some(match all {
                    None => challenge,
                    Some(all) => all.or(challenge),
                });
            }
        }
        all.ok_or(Fault::Foreign)
    }

    /// The row's inputs with what the definition says.
    fn completed<'a>(
        &'a self,
        inputs: Inputs<'a>,
        pepper: Option<&'a Secret>,
        key: Option<&'a Secret>,
    ) -> Result<Inputs<'a>, Fault> {
        let rounds = match self.rounds {
            Some(Rounds::Fixed(rounds)) => Some(rounds),
            Some(Rounds::Row) | None => inputs.rounds,
        };
        Ok(Inputs {
            rounds,
            pepper: pepper.map(Secret::expose).or(inputs.pepper),
            key: key.map(Secret::expose).or(inputs.key),
            algorithm: inputs.algorithm.or(self.algorithm.as_deref()),
            realm: inputs.realm.or(self.realm.as_deref()),
            settings: self.settings,
            ..inputs
        })
    }

    fn base_challenge(&self, value: &[u8], text: Option<&str>, inputs: &Inputs<'_>) -> Parsed {
        match &self.base {
            Base::Row { format, .. } => format.parse(text.ok_or(Fault::Foreign)?, inputs),
            Base::Raw(raw) => raw.parse(&self.decoder(value, text), inputs),
            Base::Expression(expression) => {
                let mut values = values_of(inputs, self.decoded_from)?;
                for (variable, value) in [
                    (Variable::Salt, &mut values.salt),
                    (Variable::Salt2, &mut values.salt2),
                    (Variable::User, &mut values.user),
                ] {
                    if expression.holds(variable) {
                        *value = None;
                    }
                }
                let expected = if expression.is_raw() {
                    let bytes = self.decoder(value, text).whole().ok_or(Fault::Foreign)?;
                    expression.read(&bytes, &mut values)?
                } else {
                    expression.read(unwrapped(text.ok_or(Fault::Foreign)?).as_bytes(), &mut values)?
                };
                complete(expression, &values)?;
                let kernel = Computed { expression: Arc::clone(expression), values };
                Ok(Challenge::new(Kernel::Computed(kernel), expected))
            }
        }
    }

    fn decoder<'a>(&self, value: &'a [u8], text: Option<&'a str>) -> Decoder<'a> {
        Decoder { encoding: self.encoding, value, text }
    }
}

/// Whether everything that an expression mentions is there, once the value was found to be of its shape.
fn complete(expression: &Expression, values: &Values) -> Result<(), Fault> {
    let missing = |variable| expression.uses(variable) && values.get(variable).is_none();
    if missing(Variable::Salt) || missing(Variable::Salt2) {
        return Err(Fault::Malformed("its salt is NULL"));
    }
    if missing(Variable::User) {
        return Err(Fault::Malformed("its user name is NULL"));
    }
    if expression.uses_rounds() && values.rounds.is_none_or(|rounds| rounds == 0) {
        return Err(Fault::Malformed("its rounds are not a positive number"));
    }
    Ok(())
}

/// A stored value that this expression describes, for formats that choose one of several.
pub(super) fn by_expression(text: &str, value: &str, inputs: &Inputs<'_>) -> Parsed {
    let expression = Expression::compile(text, &Caps::default());
    // The text is a format's own: its tests compile it.
    let expression = expression.map_err(|_| Fault::Malformed("its formula does not compile"))?;
    let mut values = values_of(inputs, SaltEncoding::Text)?;
    if expression.holds(Variable::Salt) {
        values.salt = None;
    }
    let expected = expression.read(value.as_bytes(), &mut values)?;
    complete(&expression, &values)?;
    Ok(Challenge::new(Kernel::Computed(Computed { expression: Arc::new(expression), values }), expected))
}

/// A step that replaces the password by what this expression or digest makes of it.
pub(super) fn prehash(text: &str, inputs: &Inputs<'_>) -> Result<Step, Fault> {
    let prehash = Prehash::compile(text, &Caps::default());
    let prehash = prehash.map_err(|_| Fault::Malformed("its formula does not compile"))?;
    Ok(Step::Prehash(Arc::new(prehash), values_of(inputs, SaltEncoding::Text)?))
}

/// A step that is one transform or charset.
pub(super) fn map_step(map: Map) -> Step {
    Step::Prehash(Arc::new(Prehash::map(map)), Values::default())
}

/// Reads a column in its encoding.
struct Decoder<'a> {
    encoding: Encoding,
    value: &'a [u8],
    text: Option<&'a str>,
}

impl Decoder<'_> {
    /// The bytes that the whole column holds.
    fn whole(&self) -> Option<Vec<u8>> {
        match self.encoding {
            Encoding::Raw => Some(self.value.to_vec()),
            Encoding::Hex | Encoding::Base64 => self.decode(self.text?),
        }
    }

    fn decode(&self, text: &str) -> Option<Vec<u8>> {
        match self.encoding {
            Encoding::Hex => from_hex(unwrapped(text)),
            Encoding::Base64 => from_base64(text),
            Encoding::Raw => Some(text.as_bytes().to_vec()),
        }
    }
}

/// Hex as database tools print it: `0x…` and `\x…`.
fn unwrapped(text: &str) -> &str {
    text.strip_prefix("0x").or(text.strip_prefix("\\x")).unwrap_or(text)
}

/// The values of an expression's variables.
fn values_of(inputs: &Inputs<'_>, encoding: SaltEncoding) -> Result<Values, Fault> {
    let owned = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
    let decoded = |salt: Option<&[u8]>| salt.map(|salt| decoded_salt(salt, encoding)).transpose();
    Ok(Values {
        salt: decoded(inputs.salt)?.map(Zeroizing::new),
        salt2: inputs.salt2.map(owned),
        user: inputs.user.map(|user| owned(user.as_bytes())),
        pepper: inputs.pepper.map(owned),
        key: inputs.key.map(owned),
        rounds: inputs.rounds,
    })
}

/// The bytes of a salt's column.
fn decoded_salt(salt: &[u8], encoding: SaltEncoding) -> Result<Vec<u8>, Fault> {
    let text = || str::from_utf8(salt).ok().map(str::trim_ascii);
    match encoding {
        SaltEncoding::Text => Some(salt.to_vec()),
        SaltEncoding::Hex => text().and_then(|text| from_hex(unwrapped(text))),
        SaltEncoding::Base64 => text().and_then(from_base64),
    }
    .ok_or(Fault::Malformed("its salt is not in the declared encoding"))
}

impl When {
    /// Whether the value itself is as it is said.
    fn fits(&self, value: &[u8]) -> bool {
        self.length.is_none_or(|length| value.len() == length)
            && self.prefix.as_ref().is_none_or(|prefix| value.starts_with(prefix.as_bytes()))
    }

    /// Whether everything that is said holds for this row.
    fn holds(&self, value: &[u8], stored: &Stored<'_>) -> bool {
        let column = || self.column.as_deref().and_then(|name| stored.column(name));
        self.fits(value)
            && self.empty.is_none_or(|empty| column().is_none_or(|found| found.expose().is_empty()) == empty)
            && self.equals.as_ref().is_none_or(|text| column().is_some_and(|found| found.matches(text.as_bytes())))
    }
}

impl Columns {
    /// These, or the other's where it names them.
    fn overridden_by(&self, other: &Self) -> Self {
        let pick = |own: &Option<String>, other: &Option<String>| other.as_ref().or(own.as_ref()).cloned();
        Self {
            salt: pick(&self.salt, &other.salt),
            salt2: pick(&self.salt2, &other.salt2),
            user: pick(&self.user, &other.user),
            algorithm: pick(&self.algorithm, &other.algorithm),
            rounds: pick(&self.rounds, &other.rounds),
            realm: pick(&self.realm, &other.realm),
        }
    }
}
