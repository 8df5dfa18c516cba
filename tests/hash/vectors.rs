//! Every row of `vectors.tsv` whose format is implemented: the published and generated vectors, true and false alike,
//! and the hostile values that must be refused.

use std::time::{Duration, Instant};

use serde_json::Value as Json;
use userbridge::hash::{
    Accept, Description, FormatSpec, Pepper, Policy, Position, SaltEncoding, SaltSpec, Secrets, Stored, Verdict, find,
};
use userbridge::secret::{Password, Secret};

use super::{accepting, auto, policy, verify};

const ROWS: &str = include_str!("vectors.tsv");

/// Formats of the catalogue whose rows run under their own name.
const NAMED: &[&str] = &[
    "389ds-pbkdf2-sha256",
    "aix",
    "apr1",
    "argon2",
    "atlassian-pbkdf2-sha1",
    "bcrypt",
    "bcrypt-2x",
    "bigcrypt",
    "bsdi-crypt",
    "cisco-asa",
    "cisco-pix",
    "cisco-type4",
    "cisco-type8",
    "cisco-type9",
    "couchdb",
    "crackstation-pbkdf2",
    "crypt-scrypt",
    "crypt16",
    "cta-pbkdf2-sha1",
    "des-crypt",
    "django",
    "dlitz-pbkdf2-sha1",
    "dovecot",
    "fortigate",
    "freeradius-pbkdf2",
    "fshp",
    "gost-yescrypt",
    "grub-pbkdf2-sha512",
    "hashcat-pbkdf2",
    "hashcat-scrypt",
    "htdigest",
    "jakarta-pbkdf2",
    "jenkins-pbkdf2",
    "ldap",
    "liferay",
    "lmhash",
    "macos-pbkdf2",
    "macos-sha1",
    "macos-sha512",
    "md5-crypt",
    "msdcc",
    "msdcc2",
    "mssql2000",
    "mssql2005",
    "mssql2012",
    "mysql323",
    "mysql41",
    "netscaler",
    "nt-crypt",
    "ntlm",
    "oracle10",
    "oracle11",
    "oracle12c",
    "otm",
    "passlib-bcrypt-sha256",
    "pbkdf2-mattermost",
    "pbkdf2-mcf",
    "pbkdf2-phc",
    "phpass",
    "plaintext",
    "postgres-md5",
    "postgres-scram-sha-256",
    "rabbitmq",
    "sap-h",
    "scram-passlib",
    "scrypt-phc",
    "seafile",
    "sha1-crypt",
    "sha1-crypt-lenient",
    "sha256-crypt",
    "sha512-crypt",
    "solarwinds",
    "sun-md5-crypt",
    "sybase-ase",
    "tomcat",
    "wordpress",
    "yescrypt",
];

/// Those of them whose values could be another format's too.
const DECLARED: &[&str] = &[
    "bigcrypt",
    "cisco-asa",
    "cisco-pix",
    "cisco-type4",
    "crackstation-pbkdf2",
    "crypt16",
    "des-crypt",
    "fortigate",
    "hashcat-pbkdf2",
    "htdigest",
    "lmhash",
    "macos-sha1",
    "macos-sha512",
    "mysql323",
    "netscaler",
    "ntlm",
    "oracle10",
    "plaintext",
    "rabbitmq",
    "tomcat",
];

struct Row<'a> {
    format: &'a str,
    password: String,
    stored: &'a str,
    inputs: Json,
    expected: bool,
    source: &'a str,
}

impl Row<'_> {
    fn must_be_refused(&self) -> bool {
        self.inputs["must"] == "refuse"
    }

    fn check(&self, policy: &Policy, salt: Option<&[u8]>) {
        // The rows of locked markers come with an empty password, which would be refused for itself.
        let password = if self.password.is_empty() { "anything" } else { &self.password };
        let secret = Secret::new(self.stored);
        let salt = salt.map(Secret::new);
        let text = |key: &str| self.inputs[key].as_str();
        let salt2 = text("salt2").map(Secret::new);
        let stored = Stored {
            value: Some(&secret),
            salt: salt.as_ref(),
            salt2: salt2.as_ref(),
            user: text("user"),
            realm: text("realm"),
            ..Stored::default()
        };
        let verdict = policy.verify_blocking(&Password::new(password), &stored);
        let fits = match &verdict {
            Ok(Verdict::Match { .. }) => self.expected,
            Ok(Verdict::Mismatch) => !self.expected && !self.must_be_refused(),
            Ok(Verdict::NoPassword) | Err(_) => self.must_be_refused() || self.inputs["may_error"] == true,
        };
        assert!(fits, "{} {:?}: {verdict:?} ({})", self.format, self.password, self.source);
        if verdict.is_err() {
            // The best of three: another process may take the core away.
            let tries = [(); 3].map(|()| {
                let started = Instant::now();
                assert!(policy.verify_blocking(&Password::new(password), &stored).is_err());
                started.elapsed()
            });
            assert!(tries.into_iter().min() < Some(Duration::from_millis(10)), "{}: {tries:?}", self.format);
        }
    }

    /// The name in the catalogue.
    fn name(&self) -> &'static str {
        let name = match self.format {
            "sha1-crypt-lenient" => "sha1-crypt",
            "crackstation-pbkdf2" if self.inputs["salt_as_text"] == true => "crackstation-pbkdf2-php",
            label => label,
        };
        find(name).unwrap().name
    }

    /// SHA-3 under a SHA-2 name, and DES in Django, are formats of their own.
    fn is_elsewhere(&self) -> bool {
        self.inputs["kratos"] == true || self.stored.starts_with("crypt$")
    }

    /// Whether its format has to be declared.
    fn is_declared(&self) -> bool {
        DECLARED.contains(&self.format)
            || self.inputs["salt_as_text"] == true
            || ["crypt$", "md5$", "sha1$", "{PLAIN}"].iter().any(|prefix| self.stored.starts_with(prefix))
            || self.stored.len() == 32
            || self.format == "oracle12c"
    }
}

#[test]
fn named_formats() {
    let mut run = 0;
    for row in rows().filter(|row| NAMED.contains(&row.format) && !row.is_elsewhere()) {
        row.check(&accepting(&[row.name()]), None);
        run += 1;
    }
    assert_eq!(run, 466);
}

#[test]
fn self_describing_values_need_no_declaration() {
    let auto = auto();
    let mut run = 0;
    for row in rows().filter(|row| NAMED.contains(&row.format) || row.format == "auto") {
        if !row.is_elsewhere() && !row.is_declared() {
            row.check(&auto, None);
            run += 1;
        }
    }
    assert_eq!(run, 387);
}

/// The same hashes as servers and applications hand them on, behind a prefix.
#[test]
fn prefixes_are_read() {
    let auto = auto();
    let mut run = 0;
    for row in rows().filter(|row| row.inputs["prefix"].is_string()) {
        let value = format!("{}{}", row.inputs["prefix"].as_str().unwrap(), row.stored);
        let verdict = verify(&auto, &row.password, &value);
        assert_eq!(matches!(verdict, Ok(Verdict::Match { .. })), row.expected, "{value}: {verdict:?}");
        run += 1;
    }
    assert_eq!(run, 3);
}

/// The rows of applications' own formulas, as expressions.
#[test]
fn expressions() {
    let mut run = 0;
    for row in rows().filter(|row| row.format == "custom") {
        let text = |key: &str| row.inputs[key].as_str();
        let salt = text("salt").or(text("salt_hex")).or(text("salt_b64"));
        let encoding = match (text("salt_hex"), text("salt_b64")) {
            (Some(_), _) => SaltEncoding::Hex,
            (_, Some(_)) => SaltEncoding::Base64,
            _ => SaltEncoding::Text,
        };
        let mut spec = Description::expression(text("expr").unwrap());
        spec.salt = salt.map(|_| SaltSpec { encoding, ..SaltSpec::text(Position::Prefix) });
        spec.pepper =
            text("pepper").map(|pepper| Pepper { secrets: Secrets(vec![Secret::new(pepper)]), position: None });
        let policy = policy(Accept::Formats(vec![FormatSpec::Described(Box::new(spec))]), None);
        // A row that was cut to two characters is of no digest's shape: refused, which is better than a mismatch.
        if row.stored.len() < 16 {
            assert!(verify(&policy, &row.password, row.stored).is_err());
        } else {
            row.check(&policy, salt.map(str::as_bytes));
        }
        run += 1;
    }
    assert_eq!(run, 214);
}

/// The rows whose password is text; the others run beside the kernels.
fn rows() -> impl Iterator<Item = Row<'static>> {
    ROWS.lines().skip(1).filter_map(|line| {
        let fields: Vec<_> = line.split('\t').collect();
        let [format, password, stored, inputs, expected, source] = fields[..] else { panic!("six fields: {line}") };
        let password = String::from_utf8(unescape(password)).ok()?;
        let row = Row {
            format,
            password,
            stored,
            inputs: serde_json::from_str(inputs).unwrap(),
            expected: expected == "true",
            source,
        };
        (!row.password.is_empty() || row.must_be_refused()).then_some(row)
    })
}

/// `\xNN` stands for one byte.
fn unescape(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(part[2..].bytes());
    }
    bytes
}
