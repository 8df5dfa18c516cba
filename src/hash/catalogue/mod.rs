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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Applications that change the password and then store a common hash, which looks like everybody else's: only a
    /// declaration can tell them apart, so `auto` takes such a value for the common one.
    const PLAIN_FORMS: &[(&str, &str)] = &[
        ("phpbb", "phpass"),
        ("wcf2-bcrypt-double", "bcrypt"),
        ("symfony-native", "bcrypt"),
        ("meteor", "bcrypt"),
        ("nodebb", "bcrypt"),
        ("vbulletin5", "bcrypt"),
        ("codeigniter-shield", "bcrypt"),
        ("bcrypt-sha1", "bcrypt"),
        ("php", "phpass"),
        ("smf21", "bcrypt"),
        ("devise", "bcrypt"),
        ("moodle", "sha512-crypt"),
        ("flask-security", "argon2"),
    ];

    #[test]
    fn names_are_unique_and_normal() {
        let mut seen = HashSet::new();
        for name in FORMATS.iter().flat_map(Format::names) {
            assert_eq!(normal(name), name);
            assert!(seen.insert(name), "{name} stands twice");
        }
    }

    #[test]
    fn names_resolve_however_they_are_spelt() {
        for name in ["SHA512-CRYPT", "sha512_crypt", "{sha512-crypt}", "hashcat: 1800"] {
            assert_eq!(find(name).unwrap().name, "sha512-crypt");
        }
        assert!(find("bcrypto").is_none());
        assert_eq!(nearest_name("bcrypto"), "bcrypt");
    }

    /// Every handler of passlib 1.7 and libpass, but for its markers and its one cipher.
    #[test]
    fn passlib_names_resolve() {
        for name in [
            "apr_md5_crypt",
            "argon2",
            "atlassian_pbkdf2_sha1",
            "bcrypt",
            "bcrypt_sha256",
            "bigcrypt",
            "bsd_nthash",
            "bsdi_crypt",
            "cisco_asa",
            "cisco_pix",
            "crypt16",
            "cta_pbkdf2_sha1",
            "des_crypt",
            "django_argon2",
            "django_bcrypt",
            "django_bcrypt_sha256",
            "django_des_crypt",
            "django_pbkdf2_sha1",
            "django_pbkdf2_sha256",
            "django_salted_md5",
            "django_salted_sha1",
            "dlitz_pbkdf2_sha1",
            "fshp",
            "grub_pbkdf2_sha512",
            "hex_md4",
            "hex_md5",
            "hex_sha1",
            "hex_sha256",
            "hex_sha512",
            "htdigest",
            "ldap_bcrypt",
            "ldap_bsdi_crypt",
            "ldap_des_crypt",
            "ldap_hex_md5",
            "ldap_hex_sha1",
            "ldap_md5",
            "ldap_md5_crypt",
            "ldap_pbkdf2_sha1",
            "ldap_pbkdf2_sha256",
            "ldap_pbkdf2_sha512",
            "ldap_plaintext",
            "ldap_salted_md5",
            "ldap_salted_sha1",
            "ldap_salted_sha256",
            "ldap_salted_sha512",
            "ldap_sha1",
            "ldap_sha1_crypt",
            "ldap_sha256_crypt",
            "ldap_sha512_crypt",
            "lmhash",
            "md5_crypt",
            "msdcc",
            "msdcc2",
            "mssql2000",
            "mssql2005",
            "mysql323",
            "mysql41",
            "nthash",
            "oracle10",
            "oracle11",
            "pbkdf2_sha1",
            "pbkdf2_sha256",
            "pbkdf2_sha512",
            "phpass",
            "plaintext",
            "postgres_md5",
            "roundup_plaintext",
            "scram",
            "scrypt",
            "sha1_crypt",
            "sha256_crypt",
            "sha512_crypt",
            "sun_md5_crypt",
        ] {
            assert!(find(name).is_some(), "{name}");
        }
        for name in ["unix_disabled", "django_disabled", "cisco_type7", "domino6"] {
            assert!(find(name).is_none() && no_format(name).is_some(), "{name}");
        }
    }

    #[test]
    fn dovecot_schemes_resolve() {
        for name in [
            "PLAIN",
            "CLEAR",
            "CLEARTEXT",
            "PLAIN-TRUNC",
            "CRYPT",
            "DES-CRYPT",
            "MD5-CRYPT",
            "SHA256-CRYPT",
            "SHA512-CRYPT",
            "BLF-CRYPT",
            "PBKDF2",
            "ARGON2I",
            "ARGON2ID",
            "SHA",
            "SHA1",
            "SHA256",
            "SHA512",
            "SSHA",
            "SSHA256",
            "SSHA512",
            "SMD5",
            "LDAP-MD5",
            "PLAIN-MD4",
            "PLAIN-MD5",
            "MD5",
            "CRAM-MD5",
            "HMAC-MD5",
            "DIGEST-MD5",
            "SCRAM-SHA-1",
            "SCRAM-SHA-256",
            "NTLM",
            "LANMAN",
        ] {
            assert!(find(&format!("{{{name}}}")).is_some(), "{name}");
        }
    }

    #[test]
    fn hashcat_modes_resolve() {
        for mode in [
            0, 11, 12, 20, 21, 22, 24, 100, 101, 111, 112, 121, 122, 124, 125, 131, 132, 133, 141, 200, 300, 400, 500,
            900, 1000, 1100, 1300, 1400, 1411, 1420, 1421, 1441, 1500, 1600, 1700, 1711, 1722, 1731, 1800, 2100, 2400,
            2410, 2611, 2612, 2711, 2811, 3000, 3100, 3200, 3300, 3711, 4521, 4522, 5100, 5700, 6300, 6400, 6500, 6700,
            7000, 7100, 7200, 7400, 7401, 7900, 8000, 8100, 8400, 8900, 9200, 9300, 10000, 10300, 10800, 10900, 10901,
            11000, 11900, 12000, 12001, 12100, 12150, 12300, 12400, 12600, 13900, 15000, 15100, 16400, 19000, 19100,
            19200, 19210, 19500, 20200, 20300, 20400, 20600, 20711, 20712, 21500, 21501, 21600, 22200, 24100, 24200,
            24800, 25600, 25800, 26300, 27200, 28400, 28600, 30000, 30120, 30600, 32000, 32010, 32020, 32030, 32031,
            32040, 32041, 32300, 32600, 33800, 34000, 35500,
        ] {
            assert!(find(&format!("hashcat:{mode}")).is_some(), "{mode}");
        }
    }

    #[test]
    fn every_writer_is_reached_by_its_names() {
        for format in FORMATS {
            for (writer, name) in format.writers.iter().flat_map(|w| w.names.iter().map(move |n| (w, *n))) {
                assert_eq!(find(name).unwrap().name, format.name);
                assert!(std::ptr::fn_addr_eq(format.writer(name).unwrap().template, writer.template), "{name}");
            }
        }
    }

    #[test]
    fn every_row_has_vectors_and_a_usual_cost() {
        for format in FORMATS {
            assert!(!format.vectors.is_empty() && format.usual().is_some(), "{}", format.name);
        }
    }

    #[test]
    fn every_vector_is_verified() {
        for (format, (password, value)) in FORMATS.iter().flat_map(|f| f.vectors.iter().map(move |v| (f, v))) {
            let challenge = format.parse(value, &format.given);
            let admitted = challenge.ok().and_then(|challenge| challenge.admit(&Caps::default()).ok());
            let Some(admitted) = admitted else { panic!("{} does not read its own vector", format.name) };
            let matches = |password: &str| admitted.matches(password.as_bytes()).ok();
            assert_eq!((matches(password), matches("another")), (Some(true), Some(false)), "{}", format.name);
        }
    }

    #[test]
    fn no_two_rows_claim_a_self_describing_value() {
        for (owner, (_, value)) in FORMATS.iter().flat_map(|f| f.vectors.iter().map(move |v| (f, v))) {
            let claims: Vec<_> =
                FORMATS.iter().filter(|f| f.parse_auto(value, &owner.given).is_ok()).map(|f| f.name).collect();
            let plain = PLAIN_FORMS.iter().find(|(name, _)| *name == owner.name).map(|(_, plain)| *plain);
            match owner.auto {
                Auto::Yes => assert_eq!(claims, [owner.name]),
                Auto::Only(is_own) if is_own(value) => assert_eq!(claims, [owner.name]),
                Auto::Only(_) | Auto::No => {
                    assert!(claims.iter().all(|claim| Some(*claim) == plain), "{}: {claims:?}", owner.name);
                }
            }
        }
    }
}
