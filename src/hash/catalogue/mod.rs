//! Every named format, in the order in which `auto` asks them.
//!
//! Invariant: no two rows that `auto` asks claim the same value for different algorithms; names and aliases are unique.

mod apps;
mod crypt;
mod databases;
mod digests;
mod directories;
mod frameworks;
mod kdf;
mod recipes;
mod systems;
#[cfg(test)]
mod tests;

use std::fmt;

use super::caps::Caps;
use super::challenge::{Challenge, Fault, Inputs, Parsed};
use super::format::{Draw, Writer};
use super::recipe::{Need, Recipe};
use super::spec::{Cost, nearest};

/// The formats. What stands earlier is asked first, so the special stands before the general.
pub static FORMATS: &[Format] = &ALL;

const FAMILIES: &[&[Format]] = &[
    apps::ROWS,
    crypt::ROWS,
    kdf::ROWS,
    directories::ROWS,
    databases::ROWS,
    digests::ROWS,
    systems::ROWS,
    frameworks::ROWS,
    recipes::ROWS,
];

/// Whom the vectors of formats with a name in the hash belong to.
const ALICE: Inputs<'static> = Inputs { user: Some("alice"), ..Inputs::NONE };

static ALL: [Format; count()] = all();

/// The format of this name or alias; case does not matter, `_` is `-`, and braces as in `{SSHA}` may stand around it.
pub fn find(name: &str) -> Option<&'static Format> {
    let name = normal(name);
    FORMATS.iter().find(|format| format.names().any(|known| known == name))
}

/// Why something that other tools call a password format is none that is verified here.
pub(super) fn no_format(name: &str) -> Option<&'static str> {
    let name = normal(name);
    NO_FORMATS.iter().find(|(names, _)| names.contains(&name.as_str())).map(|(_, why)| *why)
}

const NO_FORMATS: &[(&[&str], &str)] = &[
    (
        &["unix-disabled", "django-disabled", "django-unusable"],
        "such markers never verify, whatever the formats; leave it out",
    ),
    (
        &["cisco-type7", "juniper-type9"],
        "it is encrypted, not hashed: anyone who reads it has the password; export such accounts anew",
    ),
    (
        &["domino5", "domino6", "domino8", "sap-b", "sap-f", "sap-g", "racf", "as400", "ps-token", "openedge"],
        "this proprietary format is not supported",
    ),
];

/// The known name nearest to one that is not known.
pub(super) fn nearest_name(name: &str) -> &'static str {
    nearest(&normal(name), FORMATS.iter().flat_map(Format::names))
}

/// All families in one list.
const fn all() -> [Format; count()] {
    let mut all = [FAMILIES[0][0]; count()];
    let (mut next, mut family) = (0, 0);
    while family < FAMILIES.len() {
        let mut row = 0;
        while row < FAMILIES[family].len() {
            all[next] = FAMILIES[family][row];
            (next, row) = (next + 1, row + 1);
        }
        family += 1;
    }
    all
}

const fn count() -> usize {
    let (mut count, mut family) = (0, 0);
    while family < FAMILIES.len() {
        (count, family) = (count + FAMILIES[family].len(), family + 1);
    }
    count
}

/// A row of the catalogue.
#[derive(Clone, Copy)]
pub struct Format {
    /// Its name in definitions and messages.
    pub name: &'static str,
    /// Other names for it: passlib's, Dovecot's, `hashcat:<mode>`.
    pub aliases: &'static [&'static str],
    /// How hard its hashes are to guess.
    pub strength: Strength,
    pub(super) auto: Auto,
    parser: Parser,
    pub(super) writers: &'static [Writer],
    /// Passwords with a stored value of theirs, cheap to verify.
    pub(super) vectors: &'static [(&'static str, &'static str)],
    /// What the vectors need beside their stored value: what every value of this format needs.
    pub(super) given: Inputs<'static>,
    /// What it can be given besides.
    pub(super) optional: &'static [Optional],
}

/// What a definition may give to a format that knows what to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Optional {
    Pepper,
    Key,
}

/// How a stored value is taken apart.
#[derive(Clone, Copy)]
enum Parser {
    /// By itself.
    Alone(fn(&str) -> Parsed),
    /// With what the row holds beside it.
    Beside(fn(&str, &Inputs<'_>) -> Parsed),
    /// As this expression says.
    Expression(&'static str),
}

/// Whether a value says by itself that it is of a format.
#[derive(Clone, Copy)]
pub(super) enum Auto {
    /// Whatever its parser claims.
    Yes,
    /// Only these of the values that its parser claims.
    Only(fn(&str) -> bool),
    /// Never: others write the same shape.
    No,
}

impl Format {
    const fn new(name: &'static str, strength: Strength, parse: fn(&str) -> Parsed) -> Self {
        Self::of(name, strength, Parser::Alone(parse))
    }

    /// A format that needs more than the hash; its row says what, in `given`.
    const fn beside(name: &'static str, strength: Strength, parse: fn(&str, &Inputs<'_>) -> Parsed) -> Self {
        Self::of(name, strength, Parser::Beside(parse))
    }

    /// A format that an expression describes: fast to guess, and never recognised by itself.
    const fn expression_of(name: &'static str, text: &'static str) -> Self {
        Self { auto: Auto::No, ..Self::of(name, Strength::Fast, Parser::Expression(text)) }
    }

    const fn of(name: &'static str, strength: Strength, parser: Parser) -> Self {
        let given = Inputs::NONE;
        Self { name, aliases: &[], strength, auto: Auto::Yes, parser, writers: &[], vectors: &[], given, optional: &[] }
    }

    const fn bare(name: &'static str, parse: fn(&str) -> Parsed) -> Self {
        Self { auto: Auto::No, ..Self::new(name, Strength::Fast, parse) }
    }

    /// Whether new hashes can be written in it.
    pub fn is_writable(&self) -> bool {
        match self.parser {
            Parser::Expression(_) => {
                Recipe::preset(self, &Caps::default()).is_ok_and(|recipe| recipe.check_writable().is_ok())
            }
            Parser::Alone(_) | Parser::Beside(_) => !self.writers.is_empty(),
        }
    }

    /// The names under which new hashes can be written, where they are not its own.
    pub fn written_as(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.writers.iter().filter_map(|writer| writer.names.first().copied())
    }

    /// Whether a secret of the site is hashed with every password.
    pub fn needs_pepper(&self) -> bool {
        self.given.pepper.is_some()
    }

    /// Whether some of its values are verified without being declared.
    pub fn is_self_describing(&self) -> bool {
        !matches!(self.auto, Auto::No)
    }

    /// Its name and its aliases.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        [self.name].into_iter().chain(self.aliases.iter().copied())
    }

    /// The writer for the name that was asked for; None where that name is read only.
    pub(super) fn writer(&self, name: &str) -> Option<&'static Writer> {
        let name = normal(name);
        self.writers.iter().find(|writer| writer.names.is_empty() || writer.names.contains(&name.as_str()))
    }

    /// Takes a stored value apart.
    pub(super) fn parse(&self, value: &str, inputs: &Inputs<'_>) -> Parsed {
        match self.parser {
            Parser::Alone(parse) => parse(value),
            Parser::Beside(parse) => parse(value, inputs),
            Parser::Expression(_) => {
                let recipe = Recipe::preset(self, &Caps::default());
                recipe.map_err(|_| Fault::Foreign)?.parse_with(value, inputs)
            }
        }
    }

    /// The expression that it is.
    pub fn expression(&self) -> Option<&'static str> {
        match self.parser {
            Parser::Expression(text) => Some(text),
            Parser::Alone(_) | Parser::Beside(_) => None,
        }
    }

    /// What every value of it needs from the row beside the hash.
    pub fn needs(&self) -> Vec<Need> {
        if let Parser::Expression(_) = self.parser {
            return Recipe::preset(self, &Caps::default()).map_or(Vec::new(), |recipe| recipe.needs());
        }
        let given = &self.given;
        [
            (given.salt.is_some(), Need::Salt),
            (given.salt2.is_some(), Need::Salt2),
            (given.user.is_some(), Need::User),
            (given.algorithm.is_some(), Need::Algorithm),
            (given.rounds.is_some(), Need::Rounds),
            (given.realm.is_some(), Need::Realm),
        ]
        .into_iter()
        .filter_map(|(needed, need)| needed.then_some(need))
        .collect()
    }

    /// Whether it knows by itself where a pepper goes.
    pub(super) fn takes_pepper(&self) -> bool {
        self.optional.contains(&Optional::Pepper)
    }

    /// Whether it may have a key.
    pub(super) fn takes_key(&self) -> bool {
        self.optional.contains(&Optional::Key)
    }

    /// As its parser, but only values that are this format's without a declaration.
    pub(super) fn parse_auto(&self, value: &str, inputs: &Inputs<'_>) -> Parsed {
        match self.auto {
            Auto::Yes => self.parse(value, inputs),
            Auto::Only(is_own) if is_own(value) => self.parse(value, inputs),
            Auto::Only(_) | Auto::No => Err(Fault::Foreign),
        }
    }

    /// What verifying a value of this format usually costs.
    pub(super) fn usual(&self) -> Option<Challenge> {
        let written = self.writers.first().and_then(|w| (w.template)(&Cost::default(), &mut Draw(&mut |_| {})).ok());
        written.or_else(|| self.vectors.first().and_then(|(_, value)| self.parse(value, &self.given).ok()))
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// How hard a stolen hash is to turn back into a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Not hashed at all.
    None,
    /// Billions of guesses a second: plain and salted digests.
    Fast,
    /// Millions of guesses a second: the iterated digests before 2007.
    Weak,
    /// Made to be slow.
    Slow,
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Fast => "fast",
            Self::Weak => "weak",
            Self::Slow => "slow",
        })
    }
}

fn normal(name: &str) -> String {
    let name = name.strip_prefix('{').and_then(|n| n.strip_suffix('}')).unwrap_or(name);
    name.chars().filter(|c| !c.is_whitespace()).map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect()
}
