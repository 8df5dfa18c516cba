//! Every row of `vectors.tsv` whose format is implemented: the published and generated vectors, true and false alike,
//! and the hostile values that must be refused.

use serde_json::Value as Json;
use userbridge::hash::{
    Accept, Charset, DigestSpec, Encoding, FormatSpec, Policy, Position, SaltEncoding, SaltSpec, Split, SplitOrder,
    Verdict,
};

use super::{accepting, auto, policy, verify, verify_salted};

const ROWS: &str = include_str!("vectors.tsv");

/// Formats of the catalogue whose rows run under their own name.
const NAMED: &[&str] = &[
    "apr1",
    "argon2",
    "bcrypt",
    "bcrypt-2x",
    "django",
    "md5-crypt",
    "pbkdf2-mcf",
    "pbkdf2-phc",
    "phpass",
    "sha256-crypt",
    "sha512-crypt",
    "wordpress",
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
        let verdict = verify_salted(policy, password, self.stored, salt);
        let fits = match &verdict {
            Ok(Verdict::Match { .. }) => self.expected,
            Ok(Verdict::Mismatch) => !self.expected && !self.must_be_refused(),
            Ok(Verdict::NoPassword) | Err(_) => self.must_be_refused() || self.inputs["may_error"] == true,
        };
        assert!(fits, "{} {:?}: {verdict:?} ({})", self.format, self.password, self.source);
    }
}

#[test]
fn named_formats() {
    let mut run = 0;
    for row in rows().filter(|row| NAMED.contains(&row.format)) {
        // SHA-3 under a SHA-2 name, and DES, are formats of their own.
        if row.inputs["kratos"] == true || row.stored.starts_with("crypt$") {
            continue;
        }
        row.check(&accepting(&[row.format]), None);
        run += 1;
    }
    assert_eq!(run, 180);
}

#[test]
fn self_describing_values_need_no_declaration() {
    let auto = auto();
    let mut run = 0;
    for row in rows().filter(|row| NAMED.contains(&row.format) || row.format == "auto") {
        let declared = row.format != "auto"
            && (row.inputs["kratos"] == true
                || ["crypt$", "md5$", "sha1$"].iter().any(|prefix| row.stored.starts_with(prefix))
                || row.stored.len() == 32);
        if !declared {
            row.check(&auto, None);
            run += 1;
        }
    }
    assert_eq!(run, 176);
}

#[test]
fn described_digests() {
    let mut run = 0;
    for row in rows().filter(|row| row.format == "custom") {
        let Some(spec) = row.inputs["expr"].as_str().and_then(describe) else { continue };
        let text = |key: &str| row.inputs[key].as_str();
        let (salt, encoding) = match (text("salt"), text("salt_hex"), text("salt_b64")) {
            (Some(salt), ..) => (Some(salt), SaltEncoding::Text),
            (_, Some(salt), _) => (Some(salt), SaltEncoding::Hex),
            (.., Some(salt)) => (Some(salt), SaltEncoding::Base64),
            _ => (None, SaltEncoding::Text),
        };
        let spec = DigestSpec { salt: spec.salt.map(|salt| SaltSpec { encoding, ..salt }), ..spec };
        if spec.split.is_some() && encoding != SaltEncoding::Text || spec.salt.is_some() && salt.is_none() {
            continue;
        }
        let salt = salt.filter(|_| spec.split.is_none());
        let policy = policy(Accept::Formats(vec![FormatSpec::Digest(spec)]), None);
        // A row that was cut to two characters is of no digest's shape: refused, which is better than a mismatch.
        if row.stored.len() < 16 {
            assert!(verify(&policy, &row.password, row.stored).is_err());
        } else {
            row.check(&policy, salt.map(str::as_bytes));
        }
        run += 1;
    }
    assert_eq!(run, 69);
}

/// The description of an expression that is one digest over password and salt.
fn describe(expression: &str) -> Option<DigestSpec> {
    let whole = expression.strip_suffix(".\":\".$salt");
    let split = whole.map(|_| Split { separator: ":".to_owned(), order: SplitOrder::DigestFirst });
    let (function, parts) = whole.unwrap_or(expression).strip_suffix(')')?.split_once('(')?;
    let (digest, encoding) = match function.strip_suffix("_b64") {
        Some(digest) => (digest, Encoding::Base64),
        None => (function, Encoding::Hex),
    };
    if !["md5", "sha1", "sha224", "sha256", "sha384", "sha512"].contains(&digest.to_lowercase().as_str()) {
        return None;
    }
    let salted = |position| Some(SaltSpec { position, encoding: SaltEncoding::Text });
    let (salt, password) = match (parts.strip_prefix("$salt."), parts.strip_suffix(".$salt")) {
        (Some(rest), None) => (salted(Position::Prefix), rest),
        (None, Some(rest)) => (salted(Position::Suffix), rest),
        (None, None) => (None, parts),
        (Some(_), Some(_)) => return None,
    };
    let charset = match password {
        "$pass" => Charset::Utf8,
        "utf16le($pass)" => Charset::Utf16Le,
        "latin1($pass)" => Charset::Latin1,
        _ => return None,
    };
    Some(DigestSpec { digest: digest.to_owned(), encoding, salt, rounds: None, split, charset })
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
