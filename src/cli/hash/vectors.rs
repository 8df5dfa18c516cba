//! `hash verify --vectors FILE.tsv`: every row of a table of known passwords and hashes.
//!
//! Invariant: a row passes only when the answer is the expected one: `true` is a match, `false` is none, and a value that
//! must be refused is.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value as Json};

use super::given::Given;
use crate::cli::Exit;
use crate::hash::{Accept, Base, Description, FormatSpec, Policy, Spec, Unreadable, Verdict, find};
use crate::secret::{Password, Secret};

/// What came of a row.
enum Outcome {
    Passed,
    Failed(String),
    /// No password can be sent that a vector like this is for.
    Skipped,
}

/// Verifies every row, prints those that fail, and how many there were.
pub(super) fn run(path: &Path) -> Result<Exit, String> {
    let table = std::fs::read_to_string(path).map_err(|e| format!("cannot read `{}`: {}", path.display(), e.kind()))?;
    let (mut passed, mut skipped) = (0, 0);
    let mut failed: BTreeMap<String, usize> = BTreeMap::new();
    for (index, line) in table.lines().enumerate().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [format, password, stored, inputs, expected, ..] = fields[..] else {
            return Err(format!("line {}: expected at least five fields, found {}", index + 1, fields.len()));
        };
        let inputs = serde_json::from_str(inputs).map_err(|e| format!("line {}: the inputs: {e}", index + 1))?;
        let row = Row { format, password, stored, inputs, expected: expected == "true" };
        match row.verify() {
            Outcome::Passed => passed += 1,
            Outcome::Skipped => skipped += 1,
            Outcome::Failed(problem) => {
                *failed.entry(format.to_owned()).or_default() += 1;
                println!("line {}: {format}: {problem}", index + 1);
            }
        }
    }
    for (format, count) in &failed {
        println!("{format}: {count} failed");
    }
    let failures: usize = failed.values().sum();
    if skipped > 0 {
        println!("{passed} passed, {failures} failed, {skipped} skipped");
    } else {
        println!("{passed} passed, {failures} failed");
    }
    Ok(if failures == 0 { Exit::Fine } else { Exit::Findings })
}

struct Row<'a> {
    format: &'a str,
    /// `\xNN` stands for one byte.
    password: &'a str,
    stored: &'a str,
    inputs: Map<String, Json>,
    expected: bool,
}

impl Row<'_> {
    fn verify(&self) -> Outcome {
        let refused = self.inputs.get("must").is_some_and(|must| must == "refuse");
        let Some(password) = unescaped(self.password).and_then(|bytes| String::from_utf8(bytes).ok()) else {
            return Outcome::Skipped;
        };
        // A marker comes with an empty password, which would be refused for itself.
        let password = match (password.is_empty(), refused) {
            (true, false) => return Outcome::Skipped,
            (true, true) => "anything".to_owned(),
            (false, _) => password,
        };
        match self.verdict(&Password::new(password)) {
            Err(problem) => Outcome::Failed(problem),
            Ok(verdict) => {
                let fits = match &verdict {
                    Ok(Verdict::Match { .. }) => self.expected,
                    Ok(Verdict::Mismatch) => !self.expected && !refused,
                    Ok(Verdict::NoPassword) | Err(_) => !self.expected || self.is_set("may_error"),
                };
                if fits { Outcome::Passed } else { Outcome::Failed(said(&verdict, self.expected)) }
            }
        }
    }

    fn verdict(&self, password: &Password) -> Result<Result<Verdict, Unreadable>, String> {
        let mut given = Given::of(self.base(), &[])?;
        for (key, value) in &self.inputs {
            self.set(&mut given, key, value)?;
        }
        given.complete();
        let accept = match self.format {
            "auto" => Accept::Auto,
            _ => Accept::Formats(vec![FormatSpec::Described(Box::new(given.description))]),
        };
        let policy = Policy::compile(&Spec::new(accept, None));
        let policy = policy.map_err(|errors| errors.first().map_or(String::new(), ToString::to_string))?;
        let value = Secret::new(self.stored);
        Ok(policy.verify_blocking(password, &given.row.stored(&value)))
    }

    /// What the row's format is, by its name and its inputs.
    fn base(&self) -> Description {
        let text = |key: &str| self.inputs.get(key).and_then(Json::as_str);
        if let Some(expression) = text("expr") {
            return Description::expression(expression);
        }
        match (self.format, text("prf")) {
            ("pbkdf2", Some(prf)) => Description::digest(&format!("pbkdf2-{prf}")),
            ("scrypt", _) => Description::digest("scrypt"),
            _ if self.is_set("salt_as_text") => Description::named("crackstation-pbkdf2-php"),
            ("pbkdf2-phc", _) if self.is_set("kratos") => Description::named("kratos-pbkdf2"),
            ("sha1-crypt-lenient", _) => Description::named("sha1-crypt"),
            _ if find(self.format).is_some() => Description::named(self.format),
            // A table may name what a value is used for; the value itself says what it is.
            _ if self.stored.starts_with("$2") => Description::named("bcrypt"),
            _ if self.stored.starts_with("$argon2") => Description::named("argon2"),
            _ if self.stored.starts_with("$6$") => Description::named("sha512-crypt"),
            _ => Description::named(self.format),
        }
    }

    fn is_set(&self, key: &str) -> bool {
        self.inputs.get(key).is_some_and(|value| *value == true)
    }

    /// One input, under the names that tables give it.
    fn set(&self, given: &mut Given, key: &str, value: &Json) -> Result<(), String> {
        let text = match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        let named = matches!(given.description.base, Base::Named(_));
        let key = match (key, self.format) {
            ("salt_b64", "aspnet-membership") => "salt",
            ("user_id", _) => "user",
            ("secret", _) => "pepper",
            ("hmac_key" | "signer_key", _) => "key",
            ("id" | "passwd_hash_algo" | "credential_data" | "salt_separator", _) => "algorithm",
            ("iterations" | "stretches", _) => "rounds",
            ("rounds", "scrypt-firebase") => "block",
            ("mem_cost", _) => "cost",
            ("salt_len" | "salt_size", _) => "salt-length",
            ("prf", _) if named && given.row.algorithm.is_some() => {
                let algorithm = given.row.algorithm.take().unwrap_or_default();
                given.row.algorithm = Some(format!("{algorithm}-{text}"));
                return Ok(());
            }
            ("n", _) => {
                let n: u64 = text.parse().map_err(|_| "n is not a number".to_owned())?;
                given.description.cost.cost = Some(n.max(1).ilog2());
                return Ok(());
            }
            ("r", _) => "block",
            ("p", _) => "lanes",
            ("base64", _) => {
                return given.set("encoding", if *value == true { "base64" } else { "hex" });
            }
            ("stretches_column", _) => return Ok(()),
            (
                "salt" | "salt2" | "salt_hex" | "salt_b64" | "user" | "realm" | "pepper" | "algorithm" | "rounds"
                | "encoding" | "prehash" | "charset" | "split" | "length" | "transform",
                _,
            ) => key,
            // Whence the row is, and what the stored value says itself.
            _ => return Ok(()),
        };
        given.set(key, &text)
    }
}

fn said(verdict: &Result<Verdict, Unreadable>, expected: bool) -> String {
    let found = match verdict {
        Ok(Verdict::Match { .. }) => "a match".to_owned(),
        Ok(Verdict::Mismatch) => "no match".to_owned(),
        Ok(Verdict::NoPassword) => "a value that no password opens".to_owned(),
        Err(unreadable) => unreadable.to_string(),
    };
    format!("expected {}, found: {found}", if expected { "a match" } else { "none" })
}

fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend(part[2..].bytes());
    }
    Some(bytes)
}
