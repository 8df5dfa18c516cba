//! `userbridge hash`: make, verify and identify password hashes.

use std::io::{IsTerminal, Read};

use clap::{Args, Subcommand};

use super::{Exit, Format};
use crate::hash::{Accept, Caps, FormatSpec, Policy, Spec, Stored, Verdict, identify};
use crate::secret::{Password, Secret};

#[derive(Debug, Subcommand)]
pub(super) enum Hash {
    /// Print a new hash of the password on standard input.
    New(New),
    /// Say whether the password on standard input opens a hash.
    Verify(Verify),
    /// Say which formats a hash can be, with their parameters.
    Identify(Identify),
}

#[derive(Debug, Args)]
pub(super) struct New {
    /// The format of the hash.
    #[arg(long, default_value = "argon2id")]
    format: String,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The stored hash.
    hash: String,
    /// The format, when the hash does not say by itself.
    #[arg(long)]
    format: Option<String>,
    /// The salt, when it stands in a column of its own.
    #[arg(long)]
    salt: Option<String>,
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
        };
        result.unwrap_or_else(|problem| {
            eprintln!("error: {problem}");
            Exit::Usage
        })
    }
}

impl New {
    fn run(self) -> Result<Exit, String> {
        let policy = policy(Accept::Auto, Some(self.format))?;
        let password = read_password()?;
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
        let accept = match self.format {
            Some(name) => Accept::Formats(vec![FormatSpec::Named(name)]),
            None => Accept::Auto,
        };
        let policy = policy(accept, None)?;
        let password = read_password()?;
        let (value, salt) = (Secret::new(self.hash), self.salt.map(Secret::new));
        match policy
            .verify_blocking(&password, &Stored { value: Some(&value), salt: salt.as_ref(), ..Stored::default() })
        {
            Ok(Verdict::Match { .. }) => {
                println!("match");
                Ok(Exit::Fine)
            }
            Ok(Verdict::Mismatch) => {
                println!("no match; next: check the password, or userbridge hash identify '…' for other formats");
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
            eprintln!("no known format has this shape; describe it with `digest:` in the definition");
            return Ok(Exit::Findings);
        }
        Ok(Exit::Fine)
    }
}

fn policy(accept: Accept, write: Option<String>) -> Result<Policy, String> {
    let spec = Spec { accept, write: write.map(FormatSpec::Named), columns: Default::default(), caps: Caps::default() };
    Policy::compile(&spec).map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// Reads the password from standard input, where it shows neither in `ps` nor in the shell's history.
fn read_password() -> Result<Password, String> {
    let mut input = std::io::stdin();
    if input.is_terminal() {
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
