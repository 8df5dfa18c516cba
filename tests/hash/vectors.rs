//! Every row of `vectors.tsv`, the published and generated vectors, true and false alike, and of `more-vectors.tsv`,
//! hashes that other libraries made with unusual parameters; and what `auto` makes of each.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use userbridge::cli::{Answer, VectorOutcome, verify_vectors};
use userbridge::hash::{Policy, Stored, Unreadable, Verdict};
use userbridge::secret::Secret;

use super::{auto, verify};

const ROWS: &str = include_str!("vectors.tsv");
const MORE: &str = include_str!("more-vectors.tsv");

/// The labels whose values say nothing of themselves, and a word of the candidate that `auto` names for one of them.
const AMBIGUOUS: &[(&str, &str)] = &[
    ("bigcrypt", "bigcrypt"),
    ("crackstation-pbkdf2", "crackstation-pbkdf2"),
    ("crypt16", "crypt16"),
    ("des-crypt", "des-crypt"),
    ("gitea", "Gitea"),
    ("hashcat-pbkdf2", "crackstation-pbkdf2"),
    ("htdigest", "htdigest"),
    ("ipb4", "IPB"),
    ("joomla", "joomla"),
    ("lmhash", "lmhash"),
    ("macos-sha1", "macos-sha1"),
    ("macos-sha512", "macos-sha512"),
    ("mysql323", "mysql323"),
    ("ntlm", "ntlm"),
    ("oracle10", "oracle10"),
];

/// The lines of false rows that are a value cut off or lengthened, or of no known version, which
/// is refused without a password being tried.
const DAMAGED: &[usize] = &[41, 644];

#[test]
fn every_row_gives_the_expected_answer() {
    let rows = answered(ROWS);
    assert_eq!(rows.len(), 873);
    let mut refused = Vec::new();
    for (row, outcome) in rows {
        assert_eq!(outcome.problem, None, "line {}: {}", outcome.line, row.format);
        // A wrong password is a mismatch, not a value that cannot be read; unless it was cut below its digest's length.
        let damaged = row.stored.len() < 16 || DAMAGED.contains(&outcome.line);
        let must_refuse = row.inputs["must"] == "refuse" || row.inputs["may_error"] == true || damaged;
        if outcome.answer == Answer::Refused && !must_refuse {
            refused.push((outcome.line, row.format, row.stored));
        }
    }
    assert_eq!(refused, []);
}

#[test]
fn other_libraries_hashes_are_verified() {
    let rows = answered(MORE);
    assert!(rows.len() > 300, "{}", rows.len());
    for (row, outcome) in rows {
        assert_eq!(outcome.problem, None, "line {}: {} ({})", outcome.line, row.format, row.source);
        assert_eq!(outcome.answer == Answer::Refused, row.inputs["must"] == "refuse", "line {}", outcome.line);
    }
}

/// A value either opens under `auto` as it does under its own name, or is refused; never anything else, but for values
/// that look like a common hash of a password that was changed before.
#[test]
fn auto_takes_what_describes_itself_and_nothing_else() {
    let (auto, mut tally, mut missed) = (auto(), BTreeMap::new(), Vec::new());
    for row in rows(ROWS).chain(rows(MORE)).filter(|row| row.expected) {
        let Some(password) = row.text_password() else { continue };
        let class = match row.verdict(&auto, &password) {
            Ok(Verdict::Match { .. }) => "match",
            Ok(Verdict::Mismatch) => {
                let changed = row.inputs.get("prehash").is_some() || CHANGED.contains(&row.format) || row.is_double();
                assert!(changed, "{} was taken for another format", row.format);
                "mismatch"
            }
            Ok(Verdict::NoPassword) => panic!("{} was taken for a marker", row.format),
            Err(Unreadable::Ambiguous { candidates, .. }) => {
                assert!(!candidates.is_empty());
                if let Some((_, candidate)) = AMBIGUOUS.iter().find(|(label, _)| *label == row.format) {
                    assert!(candidates.iter().any(|c| c.contains(candidate)), "{}: {candidates:?}", row.format);
                }
                "ambiguous"
            }
            Err(Unreadable::Unrecognised { looks_like: None, .. }) => "unrecognised",
            Err(error) => {
                let beside = BESIDE.contains(&row.format);
                assert!(beside, "{}: {error}", row.format);
                "incomplete"
            }
        };
        let declared = AMBIGUOUS.iter().any(|(label, _)| *label == row.format);
        let marked = row.stored.starts_with(['$', '{']);
        assert!(!declared || class != "match" || marked, "{} was guessed", row.format);
        if SELF_DESCRIBING.contains(&row.format) && class != "match" {
            missed.push((row.format, class, row.stored));
        }
        *tally.entry(class).or_insert(0) += 1;
    }
    assert_eq!(missed, []);
    let least = [("ambiguous", 100), ("match", 400), ("mismatch", 10), ("unrecognised", 20)];
    assert!(least.iter().all(|(class, count)| tally[class] >= *count), "{tally:?}");
}

/// The labels all of whose values say what they are.
const SELF_DESCRIBING: &[&str] = &[
    "389ds-pbkdf2-sha256",
    "aix",
    "apr1",
    "argon2",
    "aspnet-identity",
    "atlassian-pbkdf2-sha1",
    "bcrypt",
    "bcrypt-2x",
    "bsdi-crypt",
    "cisco-type8",
    "cisco-type9",
    "couchdb",
    "crypt-scrypt",
    "cta-pbkdf2-sha1",
    "dlitz-pbkdf2-sha1",
    "drupal7",
    "freeradius-pbkdf2",
    "fshp",
    "gost-yescrypt",
    "grub-pbkdf2-sha512",
    "hashcat-scrypt",
    "jakarta-pbkdf2",
    "jenkins-pbkdf2",
    "liferay",
    "macos-pbkdf2",
    "mariadb-parsec",
    "md5-crypt",
    "mediawiki",
    "mssql2000",
    "mssql2005",
    "mssql2012",
    "mysql41",
    "nt-crypt",
    "oracle11",
    "otm",
    "passlib-bcrypt-sha256",
    "pbkdf2-mattermost",
    "pbkdf2-mcf",
    "phpass",
    "postgres-md5",
    "postgres-scram-sha-256",
    "scram-passlib",
    "scrypt-phc",
    "seafile",
    "sha1-crypt",
    "sha1-crypt-lenient",
    "sha256-crypt",
    "sha512-crypt",
    "shiro2",
    "solarwinds",
    "sun-md5-crypt",
    "sybase-ase",
    "xenforo1",
    "yescrypt",
];

/// The labels whose applications change the password and then store a common hash.
const CHANGED: &[&str] = &[
    "bcrypt-prehash",
    "crypt-prehash",
    "wcf2-bcrypt-double",
    "phpbb3",
    "ipb4",
    "pbkdf2-phc",
    "hashcat:25600",
    "hashcat:25800",
    "hashcat:28400",
    "hashcat:30600",
    "hashcat:33800",
];

/// The labels whose values mark their format, but need what stands beside them or a secret of the site.
const BESIDE: &[&str] = &["scrypt-firebase", "woltlab", "spring", "shiro1"];

/// The same hashes as servers and applications hand them on, behind a prefix.
#[test]
fn prefixes_are_read() {
    let auto = auto();
    let mut run = 0;
    for row in rows(ROWS) {
        let Some(password) = row.text_password() else { continue };
        let prefixed = row.inputs["prefix"].as_str().map(|prefix| format!("{prefix}{}", row.stored));
        let renamed = row.inputs["kratos_prefix"].as_str().and_then(|prefix| {
            let rest = row.stored.strip_prefix("$5$").or(row.stored.strip_prefix("$6$"))?;
            Some(format!("{prefix}{rest}"))
        });
        let kratos = row.inputs["kratos"].as_str().map(str::to_owned);
        for value in [prefixed, renamed, kratos].into_iter().flatten() {
            let verdict = verify(&auto, &password, &value);
            assert_eq!(matches!(verdict, Ok(Verdict::Match { .. })), row.expected, "{value}: {verdict:?}");
            run += 1;
        }
    }
    assert_eq!(run, 9);
}

struct Row<'a> {
    format: &'a str,
    password: &'a str,
    stored: &'a str,
    inputs: Json,
    expected: bool,
    source: &'a str,
}

impl Row<'_> {
    /// The password, where a login can send it.
    fn text_password(&self) -> Option<String> {
        let mut parts = self.password.split("\\x");
        let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
        for part in parts {
            bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
            bytes.extend(part[2..].bytes());
        }
        String::from_utf8(bytes).ok().filter(|password| !password.is_empty())
    }

    fn verdict(&self, policy: &Policy, password: &str) -> Result<Verdict, Unreadable> {
        let (value, text) = (Secret::new(self.stored), |key: &str| self.inputs[key].as_str());
        let salt = text("salt").map(Secret::new);
        let stored = Stored {
            value: Some(&value),
            salt: salt.as_ref(),
            user: text("user"),
            realm: text("realm"),
            ..Stored::default()
        };
        policy.verify_blocking(&userbridge::secret::Password::new(password), &stored)
    }

    /// Whether a secret or a name of the row goes into a common hash.
    fn is_double(&self) -> bool {
        self.inputs.get("pepper").is_some() || self.inputs["kratos"] == true
    }
}

fn answered(table: &str) -> Vec<(Row<'_>, VectorOutcome)> {
    rows(table).zip(verify_vectors(table).unwrap()).collect()
}

fn rows(table: &str) -> impl Iterator<Item = Row<'_>> {
    table.lines().skip(1).map(|line| {
        let fields: Vec<_> = line.split('\t').collect();
        let [format, password, stored, inputs, expected, source] = fields[..] else { panic!("six fields: {line}") };
        Row {
            format,
            password,
            stored,
            inputs: serde_json::from_str(inputs).unwrap(),
            expected: expected == "true",
            source,
        }
    })
}
