//! The commands. Each one prints what the next sensible command is.
//!
//! Invariant: only this layer reads the environment, the clock and randomness; everything below gets them handed in.

// First, for its macros.
#[macro_use]
mod standard;

mod access;
mod audit;
mod binding;
mod check;
mod client;
mod demo;
mod export;
mod following;
mod hash;
mod init;
mod log;
mod lsp;
mod migration;
mod panics;
mod provider;
mod running;
mod schema;
mod serve;
mod settings;
mod status;
#[cfg(feature = "otel")]
mod telemetry;
mod test;
mod tls;
mod tokens;
mod trial;
mod undoable;

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand, ValueEnum};

pub use self::hash::{Answer, VectorOutcome, verify_vectors};
use crate::handler::Resources;
use crate::hash::{Budget, BudgetConfig};

/// Puts any existing user table behind any identity provider with a YAML file instead of code.
#[derive(Debug, Parser)]
#[command(name = "userbridge", version, about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the definitions over HTTP.
    Serve(serve::Serve),
    /// Show what a running gateway serves, what it refused, and how its databases are.
    Status(status::Status),
    /// Check definitions; with `--connect`, against their databases.
    Check(check::Check),
    /// Run one action on the real database and tell every step; changes are rolled back.
    #[command(name = "try")]
    Trial(trial::Trial),
    /// Run the `tests:` of definitions.
    Test(test::Test),
    /// Write a definition for a known application, for a table, or for what a live database holds.
    Init(Box<init::Init>),
    /// Write all users of a connector in the layout that an identity provider imports.
    Export(Box<export::Export>),
    /// Make, verify and identify password hashes.
    #[command(subcommand)]
    Hash(hash::Hash),
    /// Show how far users have moved into a managed store, copy, export or purge them.
    #[command(subcommand)]
    Migration(migration::Migration),
    /// Make the keys with which identity providers call.
    #[command(subcommand)]
    Client(client::Client),
    /// Tell what to enter at an identity provider, or ask the running gateway as it would.
    Connect(Box<provider::Connect>),
    /// Rotate the keys that sign tokens.
    #[command(subcommand)]
    Tokens(tokens::Tokens),
    /// Write the JSON Schemas that editors use, and the OpenAPI document.
    Schema(schema::Schema),
    /// Check files in an editor while they are written, by the Language Server Protocol on standard input and output.
    Lsp(lsp::Lsp),
    /// Serve a complete example on an embedded database, with the requests to try.
    Demo(demo::Demo),
}

/// How a command writes what it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// The exit codes of every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Nothing to complain about.
    Fine = 0,
    /// Findings, or a "no".
    Findings = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// Refused to start (EX_CONFIG).
    Refused = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Runs the command line.
pub fn main() -> ExitCode {
    panics::install();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let wrong = error.use_stderr();
            // Nothing can be done about a closed terminal.
            let _ = error.print();
            return if wrong { Exit::Usage.into() } else { Exit::Fine.into() };
        }
    };
    let exit = match arguments.command {
        Command::Serve(serve) => serve.run(),
        Command::Status(status) => status.run(),
        Command::Check(check) => check.run(),
        Command::Trial(trial) => trial.run(),
        Command::Test(test) => test.run(),
        Command::Init(init) => init.run(),
        Command::Export(export) => export.run(),
        Command::Hash(hash) => hash.run(),
        Command::Migration(migration) => migration.run(),
        Command::Client(client) => client.run(),
        Command::Connect(connect) => connect.run(),
        Command::Tokens(tokens) => tokens.run(),
        Command::Schema(schema) => schema.run(),
        Command::Lsp(lsp) => lsp.run(),
        Command::Demo(demo) => demo.run(),
    };
    match standard::failure() {
        Some(kind) => {
            eprintln!("error: standard output cannot be written: {kind}");
            if exit == Exit::Fine { Exit::Findings.into() } else { exit.into() }
        }
        None => exit.into(),
    }
}

/// What a handler needs that answers one request at a time.
fn resources() -> Result<Resources, String> {
    let budget = Budget::new(BudgetConfig { threads: 2, queue: 64, memory: 2 << 30 });
    let budget = budget.map_err(|error| format!("cannot start the hash threads: {error}"))?;
    Ok(Resources { budget: Arc::new(budget), entropy: running::entropy, clock: running::clock })
}

/// The value of an environment variable; one that is not UTF-8 counts as not set.
#[expect(clippy::disallowed_methods, reason = "this is the layer that reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether people read this stream and want colours (https://no-color.org).
fn colours(stream: &impl std::io::IsTerminal) -> bool {
    stream.is_terminal() && variable("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// What a regular file of at most so many bytes holds.
fn contents(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| error.kind().to_string();
    // A FIFO would wait for a writer.
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 > limit {
        true => Err(format!("it has more than {} KiB", limit >> 10)),
        false => Ok(bytes),
    }
}

/// Random bytes of the operating system.
fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| format!("the operating system gives no random bytes: {e}"))?;
    Ok(bytes)
}
