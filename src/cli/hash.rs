//! `userbridge hash`: make, verify and identify password hashes, and find out how an application makes them.

mod explain;
pub(super) mod formats;
mod given;
mod recipes;
mod vectors;
mod yaml;

use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use clap::{Args, Subcommand};

use self::given::Given;
pub use self::vectors::{Answer, VectorOutcome, verify_vectors};
use super::{Exit, Format};
use crate::hash::{Accept, Description, FormatSpec, Policy, Spec, Verdict, identify};
use crate::secret::{Password, Secret};

#[derive(Debug, Subcommand)]
pub(super) enum Hash {
    /// Print a new hash of the password on standard input.
    New(New),
    /// Say whether the password on standard input opens a hash.
    Verify(Verify),
    /// Say which formats a hash can be, with their parameters.
    Identify(Identify),
    /// Find out which format and which knobs make a hash of a known password; print them for a definition.
    Explain(explain::Explain),
    /// List the known formats.
    Formats(formats::Formats),
}

#[derive(Debug, Args)]
pub(super) struct New {
    /// The format of the hash.
    #[arg(long, default_value = "argon2id")]
    format: String,
    /// An expression in the place of a format, as in `sha1($salt . $pass)`.
    #[arg(long, conflicts_with = "format")]
    expr: Option<String>,
    /// What else the format is, as in `encoding=base64`; see `userbridge hash verify --help`.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The stored hash.
    #[arg(required_unless_present = "vectors")]
    hash: Option<String>,
    /// The format, when the hash does not say by itself.
    #[arg(long)]
    format: Option<String>,
    /// A digest by its name, when the column holds its bare output.
    #[arg(long, conflicts_with = "format")]
    digest: Option<String>,
    /// An expression, as in `sha1($salt . $pass)`.
    #[arg(long, conflicts_with_all = ["format", "digest"])]
    expr: Option<String>,
    /// The salt, when it stands in a column of its own.
    #[arg(long)]
    salt: Option<String>,
    /// What stands beside the hash, or what else the format is: salt, salt-hex, salt-base64, salt2, user, realm,
    /// algorithm, rounds, pepper, key; position, salt-encoding, salt-length, encoding, charset, transform, prehash,
    /// rounds-over, length, split, order, cost, memory, passes, lanes, block. A pepper or key may be `env:NAME` or
    /// `file:PATH`.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Verify every row of a table instead: format, password, hash, other inputs as JSON, `true` or `false`, source.
    #[arg(long, value_name = "FILE.tsv", conflicts_with_all = ["hash", "format", "digest", "expr", "salt", "set"])]
    vectors: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Identify {
    /// The stored hash.
    hash: String,
    /// How the answer is written.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Hash {
    pub fn run(self) -> Exit {
        let result = match self {
            Self::New(new) => new.run(),
            Self::Verify(verify) => verify.run(),
            Self::Identify(identify) => identify.run(),
            Self::Explain(explain) => explain.run(),
            Self::Formats(formats) => Ok(formats.run()),
        };
        result.unwrap_or_else(|problem| {
            eprintln!("error: {problem}");
            Exit::Usage
        })
    }
}

impl New {
    fn run(self) -> Result<Exit, String> {
        let write = if self.expr.is_none() && self.set.is_empty() {
            FormatSpec::Named(self.format)
        } else {
            let base = self.expr.map_or(Description::named(&self.format), |text| Description::expression(&text));
            let given = Given::of(base, &self.set)?;
            FormatSpec::Described(Box::new(given.description))
        };
        let policy = policy(Accept::Auto, Some(write))?;
        let password = read_password(true)?;
        let mut failed = false;
        let written = policy
            .write_blocking(&password, &mut |bytes| failed |= getrandom::fill(bytes).is_err())
            .map_err(|error| error.to_string())?;
        if failed {
            return Err("the operating system gives no random bytes".to_owned());
        }
        println!("{}", String::from_utf8_lossy(written.hash.expose()));
        if let Some(salt) = written.salt {
            println!("salt: {}", String::from_utf8_lossy(salt.expose()));
        }
        Ok(Exit::Fine)
    }
}

impl Verify {
    fn run(self) -> Result<Exit, String> {
        if let Some(path) = &self.vectors {
            return vectors::run(path);
        }
        let base = match (&self.format, &self.digest, &self.expr) {
            (_, Some(name), _) => Some(Description::digest(name)),
            (_, _, Some(text)) => Some(Description::expression(text)),
            (Some(name), ..) => Some(Description::named(name)),
            (None, None, None) => None,
        };
        let mut given = Given::of(base.clone().unwrap_or(Description::named("bcrypt")), &self.set)?;
        given.row.salt = self.salt.map(Secret::new).or(given.row.salt);
        let accept = match base {
            Some(_) => Accept::Formats(vec![FormatSpec::Described(Box::new(given.description))]),
            None => Accept::Auto,
        };
        let policy = policy(accept, None)?;
        let password = read_password(true)?;
        let value = Secret::new(self.hash.unwrap_or_default());
        match policy.verify_blocking(&password, &given.row.stored(&value)) {
            Ok(Verdict::Match { .. }) => {
                println!("match");
                Ok(Exit::Fine)
            }
            Ok(Verdict::Mismatch) => {
                println!("no match; next: check the password, or userbridge hash explain '…' to find the right knobs");
                Ok(Exit::Findings)
            }
            Ok(Verdict::NoPassword) => {
                println!("no match: no password opens this value");
                Ok(Exit::Findings)
            }
            Err(unreadable) => {
                println!("cannot tell: {unreadable}");
                Ok(Exit::Findings)
            }
        }
    }
}

impl Identify {
    fn run(self) -> Result<Exit, String> {
        let candidates = identify(&self.hash);
        match self.format {
            Format::Json => {
                let list: Vec<_> = candidates
                    .iter()
                    .map(|c| serde_json::json!({ "format": c.name, "parameters": c.parameters, "strength": c.strength.map(|s| s.to_string()) }))
                    .collect();
                println!("{:#}", serde_json::json!({ "candidates": list }));
            }
            Format::Text => {
                for candidate in &candidates {
                    let strength = candidate.strength.map_or("?".to_owned(), |strength| strength.to_string());
                    let parameters = candidate.parameters.as_deref().unwrap_or_default();
                    println!("{:<24} {strength:<6} {parameters}", candidate.name);
                }
            }
        }
        if candidates.is_empty() {
            eprintln!("no known format has this shape; next: userbridge hash explain, with a password you know");
            return Ok(Exit::Findings);
        }
        Ok(Exit::Fine)
    }
}

fn policy(accept: Accept, write: Option<FormatSpec>) -> Result<Policy, String> {
    Policy::compile(&Spec::new(accept, write)).map_err(|errors| {
        let texts = errors.iter().map(|error| match &error.within {
            Some((_, span)) => format!("{error} (at character {})", span.start + 1),
            None => error.to_string(),
        });
        texts.collect::<Vec<_>>().join("; ")
    })
}

/// Reads the password from standard input, where it shows neither in `ps` nor in the shell's history.
fn read_password(prompt: bool) -> Result<Password, String> {
    let mut input = std::io::stdin();
    if prompt && input.is_terminal() {
        eprint!("password (visible), then Ctrl-D: ");
    }
    let mut text = String::new();
    let limit = Password::MAX_BYTES as u64 + 2;
    input
        .by_ref()
        .take(limit)
        .read_to_string(&mut text)
        .map_err(|e| format!("cannot read the password: {}", e.kind()))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let password = Password::new(text.strip_suffix('\r').unwrap_or(text));
    if !password.is_acceptable() {
        return Err(format!("expected a password of 1 to {} bytes on standard input", Password::MAX_BYTES));
    }
    Ok(password)
}
