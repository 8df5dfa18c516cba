//! `userbridge migration export`: managed users as identity providers import them, page by page.
//!
//! Invariant: files are made readable for their owner alone; whose hash is not in them is said on standard error.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::bar::Bar;
use super::{Ended, Open, Which, failed, soon};
use crate::cli::Exit;
use crate::cli::export::{Layout, password, target};
use crate::export::{Frame, Settings, Target, User};
use crate::managed::Exported;

#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    which: Which,
    /// For which provider: okta, kratos, entra, auth0, keycloak, fusionauth or cognito; without it, profile, state and hash
    /// as one JSON object a line.
    #[arg(long = "for", value_name = "PROVIDER", value_parser = target)]
    target: Option<Target>,
    /// The file to write; standard output unless said otherwise. Where a provider limits the size of a file, further
    /// files get a number.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    layout: Layout,
}

impl Export {
    pub fn run(self) -> Result<Exit, Ended> {
        let open = self.which.open()?;
        let settings = self.layout.settings();
        let mut sink = Sink::new(self.target.map_or(LINES, Target::frame), self.output);
        open.runtime.block_on(export(&open, self.target, &settings, &mut sink))?;
        Ok(Exit::Fine)
    }
}

async fn export(open: &Open, target: Option<Target>, settings: &Settings, sink: &mut Sink) -> Result<(), Ended> {
    let managed = open.managed()?;
    let broken = |error: io::Error| (Exit::Findings, format!("error: cannot write: {error}"));
    let mut bar = Bar::new("users", None);
    let (mut after, mut count, mut incomplete) = (String::new(), 0_u64, 0_u64);
    loop {
        let page = managed.export(&after, soon()).await.map_err(failed)?;
        let Some(last) = page.last() else { break };
        after = last.profile.user_id().to_owned();
        for user in &page {
            let (text, missing) = match target {
                None => line(user),
                Some(target) => record(target, user, settings).map_err(|problem| (Exit::Findings, problem))?,
            };
            if let Some(missing) = missing {
                incomplete += 1;
                eprintln!("{}: {missing}", user.profile.user_id());
            }
            if let Some(text) = text {
                sink.write(&text).map_err(broken)?;
            }
        }
        count += page.len() as u64;
        bar.advance(page.len() as u64);
    }
    sink.end().map_err(broken)?;
    bar.finish();
    eprintln!("exported {count} users, {incomplete} of them not whole");
    Ok(())
}

/// What is written of a user, and what of him is not.
type Entry = (Option<String>, Option<String>);

/// Profile, state and hash.
fn line(user: &Exported) -> Entry {
    let hash = user.hash.as_ref().ok().and_then(|hash| std::str::from_utf8(hash.expose()).ok());
    let members = user.profile.members();
    let line = json!({
        "user_id": user.profile.user_id(), "state": user.state.as_str(), "profile": members, "hash": hash,
    });
    (Some(line.to_string()), user.hash.as_ref().err().map(|why| (*why).to_owned()))
}

/// A user as a provider takes him.
fn record(target: Target, user: &Exported, settings: &Settings) -> Result<Entry, String> {
    let hash = user.hash.as_ref().ok().and_then(|hash| std::str::from_utf8(hash.expose()).ok());
    let random = password()?;
    match target.record(&User { profile: &user.profile, hash, random: &random }, settings) {
        Ok(record) => {
            let without = user.hash.as_ref().err().map(|why| (*why).to_owned());
            let lost =
                (!record.lost.is_empty()).then(|| format!("{target} has no place for {}", record.lost.join(", ")));
            Ok((Some(record.text), without.or(lost)))
        }
        Err(unfit) => Ok((None, Some(format!("left out: {}", unfit.0)))),
    }
}

/// One JSON object a line.
const LINES: Frame = Frame { head: "", separator: "\n", tail: "\n", records: None, bytes: None };

/// Where users are written, within the provider's limit.
struct Sink {
    frame: Frame,
    output: Option<PathBuf>,
    writer: Option<Box<dyn Write>>,
    files: u32,
    /// Bytes and records in the present file.
    size: usize,
    records: usize,
}

impl Sink {
    fn new(frame: Frame, output: Option<PathBuf>) -> Self {
        Self { frame, output, writer: None, files: 0, size: 0, records: 0 }
    }

    fn write(&mut self, entry: &str) -> io::Result<()> {
        let Frame { head, separator, tail, records, bytes } = self.frame;
        let size = self.size + separator.len() + entry.len() + tail.len();
        let full = bytes.is_some_and(|limit| size > limit) || records.is_some_and(|limit| self.records == limit);
        if self.writer.is_some() && full && self.output.is_some() {
            self.close()?;
        }
        let first = self.writer.is_none();
        if first {
            self.writer = Some(self.open()?);
            (self.size, self.records) = (0, 0);
        }
        self.records += 1;
        self.put(if first { head } else { separator })?;
        self.put(entry)
    }

    fn put(&mut self, text: &str) -> io::Result<()> {
        self.size += text.len();
        self.writer.as_mut().map_or(Ok(()), |writer| writer.write_all(text.as_bytes()))
    }

    /// Ends the last file; one without users is a file all the same.
    fn end(&mut self) -> io::Result<()> {
        if self.writer.is_none() {
            self.writer = Some(self.open()?);
            self.put(self.frame.head)?;
        }
        self.close()
    }

    fn close(&mut self) -> io::Result<()> {
        self.put(self.frame.tail)?;
        self.writer.take().map_or(Ok(()), |mut writer| writer.flush())
    }

    fn open(&mut self) -> io::Result<Box<dyn Write>> {
        self.files += 1;
        let Some(path) = &self.output else { return Ok(Box::new(io::BufWriter::new(io::stdout()))) };
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(numbered(path, self.files))?;
        Ok(Box::new(io::BufWriter::new(file)))
    }
}

/// `users.json`, then `users-2.json`, `users-3.json`.
fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 1 {
        return path.to_owned();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy())).unwrap_or_default();
    path.with_file_name(format!("{stem}-{number}{extension}"))
}
