//! `hash verify --vectors FILE.tsv`: every row of a table of known passwords and hashes.
//!
//! Invariant: no row is left out, and one passes only when the answer is the expected one: `true` is a match, `false` is
//! none, and a value that must be refused is, at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json};

use super::given::Given;
use crate::cli::Exit;
use crate::hash::{Accept, Base, Description, FormatSpec, Policy, Spec, Unreadable, Verdict, find};
use crate::secret::{Password, Secret};

/// The longest that refusing a value may take.
const REFUSAL: Duration = Duration::from_millis(10);

/// What came of one row of a table.
#[derive(Clone, Debug)]
pub struct VectorOutcome {
    /// Its line in the file, from 1.
    pub line: usize,
    /// The label of its format.
    pub format: String,
    /// What verifying answered.
    pub answer: Answer,
    /// Why the row fails; None = it passes.
    pub problem: Option<String>,
}

/// What verifying a row answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is the password.
    Match,
    /// It is not.
    Mismatch,
    /// No password opens the value, or it cannot be read.
    Refused,
}

/// Verifies every row, prints those that fail, and how many there were.
pub(super) fn run(path: &Path) -> Result<Exit, String> {
    let table = std::fs::read_to_string(path).map_err(|e| format!("cannot read `{}`: {}", path.display(), e.kind()))?;
    let outcomes = verify_vectors(&table)?;
    let mut failed: BTreeMap<&str, usize> = BTreeMap::new();
    for outcome in &outcomes {
        if let Some(problem) = &outcome.problem {
            *failed.entry(&outcome.format).or_default() += 1;
            println!("line {}: {}: {problem}", outcome.line, outcome.format);
        }
    }
    for (format, count) in &failed {
        println!("{format}: {count} failed");
    }
    let failures: usize = failed.values().sum();
    println!("{} passed, {failures} failed", outcomes.len() - failures);
    Ok(if failures == 0 { Exit::Fine } else { Exit::Findings })
}

/// Verifies every row of a table with a header: format, password (`\xNN` is one byte), hash, other inputs as JSON,
/// `true` or `false`, and whence it is. An error where a line is no such row.
pub fn verify_vectors(table: &str) -> Result<Vec<VectorOutcome>, String> {
    let rows = table.lines().enumerate().skip(1).filter(|(_, line)| !line.is_empty());
    let read = |(index, line)| match Row::read(line) {
        Ok(row) => Ok((index + 1, row)),
        Err(problem) => Err(format!("line {}: {problem}", index + 1)),
    };
    let rows: Vec<(usize, Row<'_>)> = rows.map(read).collect::<Result<_, _>>()?;
    // Slow hashes stand beside each other in a table, so each thread takes every so many rows.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let verify = &|first: usize| -> Vec<VectorOutcome> {
        rows.iter().skip(first).step_by(threads).map(|(line, row)| row.outcome(*line)).collect()
    };
    let mut outcomes = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|first| scope.spawn(move || verify(first))).collect();
        let mut outcomes = verify(0);
        for other in others {
            outcomes.extend(other.join().map_err(|_| "a row could not be verified: a thread ended".to_owned())?);
        }
        Ok::<_, String>(outcomes)
    })?;
    outcomes.sort_by_key(|outcome| outcome.line);
    Ok(outcomes)
}

struct Row<'a> {
    format: &'a str,
    password: Vec<u8>,
    stored: &'a str,
    inputs: Map<String, Json>,
    expected: bool,
}

impl<'a> Row<'a> {
    fn read(line: &'a str) -> Result<Self, String> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [format, password, stored, inputs, expected, ..] = fields[..] else {
            return Err(format!("expected at least five fields, found {}", fields.len()));
        };
        let inputs = serde_json::from_str(inputs).map_err(|e| format!("the inputs: {e}"))?;
        let password = unescaped(password).ok_or("the password: two hex digits are expected after `\\x`")?;
        let expected = match expected {
            "true" => true,
            "false" => false,
            other => return Err(format!("expected `true` or `false`, found `{other}`")),
        };
        Ok(Self { format, password, stored, inputs, expected })
    }

    fn outcome(&self, line: usize) -> VectorOutcome {
        let (answer, problem) = self.verify();
        VectorOutcome { line, format: self.format.to_owned(), answer, problem }
    }

    fn verify(&self) -> (Answer, Option<String>) {
        let (verdict, took) = match self.verdict() {
            Ok(answered) => answered,
            Err(problem) => return (Answer::Refused, Some(problem)),
        };
        let answer = match &verdict {
            Ok(Verdict::Match { .. }) => Answer::Match,
            Ok(Verdict::Mismatch) => Answer::Mismatch,
            Ok(Verdict::NoPassword) | Err(_) => Answer::Refused,
        };
        let must_refuse = self.inputs.get("must").is_some_and(|must| must == "refuse");
        let fits = match answer {
            Answer::Match => self.expected,
            Answer::Mismatch => !self.expected && !must_refuse,
            Answer::Refused => !self.expected || self.is_set("may_error"),
        };
        let problem = if !fits {
            Some(said(&verdict, self.expected))
        } else if verdict.is_err() && took > REFUSAL {
            Some(format!("refused as expected, but only after {} ms", took.as_millis()))
        } else {
            None
        };
        (answer, problem)
    }

    /// The verdict, and the time it took.
    fn verdict(&self) -> Result<(Result<Verdict, Unreadable>, Duration), String> {
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
        let stored = given.row.stored(&value);
        let timed = || {
            let started = Instant::now();
            // What a login can send goes the way of logins.
            let verdict = match str::from_utf8(&self.password).map(Password::new) {
                Ok(password) if password.is_acceptable() => policy.verify_blocking(&password, &stored),
                _ => policy.verify_bytes_blocking(&self.password, &stored),
            };
            (verdict, started.elapsed())
        };
        let (verdict, took) = timed();
        // The best of three: another process may take the core away.
        let took = if verdict.is_err() && took > REFUSAL { took.min(timed().1).min(timed().1) } else { took };
        Ok((verdict, took))
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
