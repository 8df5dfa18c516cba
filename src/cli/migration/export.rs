//! `userbridge migration export`: managed users as identity providers import them, page by page.
//!
//! Invariant: files are made readable for their owner alone; whose hash is not in them is said on standard error.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::bar::Bar;
use super::{Ended, Open, Which, failed, soon};
use crate::cli::Exit;
use crate::managed::Layout;

#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    which: Which,
    /// For which provider.
    #[arg(long, value_enum, default_value = "json-lines")]
    layout: Provider,
    /// The file to write; standard output unless said otherwise. Where a provider limits the size of a file, further
    /// files get a number.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// For which provider users are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Provider {
    /// Profile, state and hash, one JSON object a line.
    JsonLines,
    /// Auth0: bulk user import.
    Auth0,
    /// Okta: bodies of `POST /api/v1/users`.
    Okta,
    /// Keycloak: partial import.
    Keycloak,
    /// FusionAuth: `POST /api/user/import`.
    Fusionauth,
    /// Ory Kratos: `PATCH /admin/identities`.
    Kratos,
}

impl From<Provider> for Layout {
    fn from(provider: Provider) -> Self {
        match provider {
            Provider::JsonLines => Self::JsonLines,
            Provider::Auth0 => Self::Auth0,
            Provider::Okta => Self::Okta,
            Provider::Keycloak => Self::Keycloak,
            Provider::Fusionauth => Self::Fusionauth,
            Provider::Kratos => Self::Kratos,
        }
    }
}

impl Export {
    pub fn run(self) -> Result<Exit, Ended> {
        let open = self.which.open()?;
        let mut sink = Sink::new(self.layout.into(), self.output);
        open.runtime.block_on(export(&open, self.layout.into(), &mut sink))?;
        Ok(Exit::Fine)
    }
}

async fn export(open: &Open, layout: Layout, sink: &mut Sink) -> Result<(), Ended> {
    let managed = open.managed()?;
    let broken = |error: io::Error| (Exit::Findings, format!("error: cannot write: {error}"));
    let mut bar = Bar::new("users", None);
    let (mut after, mut count, mut without) = (String::new(), 0_u64, 0_u64);
    loop {
        let page = managed.export(&after, layout, soon()).await.map_err(failed)?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.user_id);
        for user in &page {
            if let Some(why) = user.without_hash {
                without += 1;
                eprintln!("{}: {why}", user.user_id);
            }
            sink.write(&user.entry.to_string()).map_err(broken)?;
        }
        count += page.len() as u64;
        bar.advance(page.len() as u64);
    }
    sink.end().map_err(broken)?;
    bar.finish();
    eprintln!("exported {count} users, {without} of them without a hash");
    Ok(())
}

/// Where users are written, within the provider's limit.
struct Sink {
    layout: Layout,
    output: Option<PathBuf>,
    writer: Option<Box<dyn Write>>,
    files: u32,
    /// Bytes in the present file.
    size: usize,
}

impl Sink {
    fn new(layout: Layout, output: Option<PathBuf>) -> Self {
        Self { layout, output, writer: None, files: 0, size: 0 }
    }

    fn write(&mut self, entry: &str) -> io::Result<()> {
        let (begin, between, end) = self.layout.frame();
        let full = self.layout.limit().is_some_and(|limit| self.size + between.len() + entry.len() + end.len() > limit);
        if self.writer.is_some() && full && self.output.is_some() {
            self.close()?;
        }
        let first = self.writer.is_none();
        if first {
            self.writer = Some(self.open()?);
            self.size = 0;
        }
        let before = if first { begin } else { between };
        self.put(before)?;
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
            self.put(self.layout.frame().0)?;
        }
        self.close()
    }

    fn close(&mut self) -> io::Result<()> {
        self.put(self.layout.frame().2)?;
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
