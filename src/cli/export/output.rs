//! The files of an export: records, the report, and how far both have come.
//!
//! Invariant: `FILE.state` tells a length that is on disk, and the user who is last within it. Whoever goes on cuts the
//! files to that length first, so that nobody is missing and nobody is there twice.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::report::Counts;
use crate::export::{Frame, Target};

/// How far an export has come.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    /// The layout; another one cannot go on here.
    target: String,
    /// The last user who was read.
    after: Option<String>,
    /// The number of the present file, from 1.
    number: usize,
    /// Its bytes and records.
    bytes: u64,
    records: usize,
    /// The bytes of the report.
    report: u64,
    counts: Counts,
}

/// Where an export goes.
pub(super) struct Output {
    frame: Frame,
    /// None for standard output.
    path: Option<PathBuf>,
    state: State,
    writer: Option<Box<dyn Write>>,
    file: Option<File>,
    notes: Option<BufWriter<File>>,
}

impl Output {
    /// Opens the files, or says why not.
    pub fn open(path: Option<&Path>, target: Target, resume: bool) -> Result<Self, String> {
        let frame = target.frame();
        let fresh = State { target: target.to_string(), number: 1, ..State::default() };
        let mut output =
            Self { frame, path: path.map(Path::to_owned), state: fresh, writer: None, file: None, notes: None };
        let Some(path) = path else {
            output.writer = Some(Box::new(BufWriter::new(std::io::stdout())));
            return Ok(output);
        };
        if resume {
            output.state = read_state(&beside(path, "state"), target)?;
            output.go_on()?;
        } else {
            let first = output.numbered(path, 1);
            let taken = [first, beside(path, "state"), beside(path, "report")].into_iter().find(|path| path.exists());
            if let Some(taken) = taken {
                return Err(format!("{} exists: add --resume to go on with it, or remove it", taken.display()));
            }
        }
        Ok(output)
    }

    /// The last user who was read.
    pub fn after(&self) -> Option<&str> {
        self.state.after.as_deref()
    }

    /// What the interrupted export counted.
    pub fn counted(&self) -> Counts {
        self.state.counts.clone()
    }

    /// Writes one record; begins another file where this one is full.
    pub fn record(&mut self, text: &str) -> Result<(), String> {
        let needed = (text.len() + self.frame.separator.len() + self.frame.tail.len()) as u64;
        let full = self.frame.records.is_some_and(|most| self.state.records >= most)
            || self.frame.bytes.is_some_and(|most| self.state.records > 0 && self.state.bytes + needed > most as u64);
        if full {
            self.close()?;
            self.state.number += 1;
            (self.state.bytes, self.state.records) = (0, 0);
        }
        let first = self.state.records == 0;
        self.put(if first { self.frame.head } else { self.frame.separator })?;
        self.put(text)?;
        self.state.records += 1;
        Ok(())
    }

    /// Writes a line of the report.
    pub fn note(&mut self, note: &Json) -> Result<(), String> {
        let Some(path) = &self.path else { return Ok(()) };
        if self.notes.is_none() {
            self.notes = Some(BufWriter::new(create(&beside(path, "report"))?));
        }
        let line = format!("{note}\n");
        self.state.report += line.len() as u64;
        match &mut self.notes {
            Some(notes) => notes.write_all(line.as_bytes()).map_err(|error| error.to_string()),
            None => Ok(()),
        }
    }

    /// A page is complete: from here an export can go on.
    pub fn settle(&mut self, last: Option<String>, counts: &Counts) -> Result<(), String> {
        if last.is_some() {
            self.state.after = last;
        }
        self.state.counts = counts.clone();
        self.flush()?;
        let Some(path) = &self.path else { return Ok(()) };
        let text = serde_json::to_vec(&self.state).map_err(|error| error.to_string())?;
        let new = beside(path, "state.new");
        let mut file = create(&new)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(|error| error.to_string())?;
        std::fs::rename(&new, beside(path, "state")).map_err(|error| error.to_string())
    }

    /// Completes the files; where the report is, when there is anything in it.
    pub fn finish(mut self) -> Result<Option<PathBuf>, String> {
        if self.state.records == 0 {
            self.put(self.frame.head)?;
        }
        self.close()?;
        self.flush()?;
        let Some(path) = &self.path else { return Ok(None) };
        std::fs::remove_file(beside(path, "state")).map_err(|error| error.to_string())?;
        Ok((self.state.report > 0).then(|| beside(path, "report")))
    }

    fn close(&mut self) -> Result<(), String> {
        if self.state.records > 0 || self.frame.head.contains(['[', '{']) {
            self.put(self.frame.tail)?;
        }
        self.flush()?;
        if self.path.is_some() {
            (self.writer, self.file) = (None, None);
        }
        Ok(())
    }

    fn put(&mut self, text: &str) -> Result<(), String> {
        if self.writer.is_none()
            && let Some(path) = &self.path
        {
            let file = create(&self.numbered(path, self.state.number))?;
            self.file = Some(file.try_clone().map_err(|error| error.to_string())?);
            self.writer = Some(Box::new(BufWriter::new(file)));
        }
        self.state.bytes += text.len() as u64;
        match &mut self.writer {
            Some(writer) => writer.write_all(text.as_bytes()).map_err(|error| error.to_string()),
            None => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), String> {
        let write = |error: std::io::Error| format!("cannot write: {error}");
        if let Some(writer) = &mut self.writer {
            writer.flush().map_err(write)?;
        }
        if let Some(file) = &self.file {
            file.sync_data().map_err(write)?;
        }
        if let Some(notes) = &mut self.notes {
            notes.flush().and_then(|()| notes.get_ref().sync_data()).map_err(write)?;
        }
        Ok(())
    }

    /// Cuts the files to what the state tells, and opens them at their ends.
    fn go_on(&mut self) -> Result<(), String> {
        let Some(path) = self.path.clone() else { return Ok(()) };
        let later = (self.state.number + 1..).map(|number| self.numbered(&path, number));
        if self.frame.records.or(self.frame.bytes).is_some() {
            for file in later.take_while(|file| file.exists()) {
                std::fs::remove_file(file).map_err(|error| error.to_string())?;
            }
        }
        if self.state.bytes > 0 {
            let file = reopen(&self.numbered(&path, self.state.number), self.state.bytes)?;
            self.file = Some(file.try_clone().map_err(|error| error.to_string())?);
            self.writer = Some(Box::new(BufWriter::new(file)));
        }
        let report = beside(&path, "report");
        if self.state.report > 0 {
            self.notes = Some(BufWriter::new(reopen(&report, self.state.report)?));
        } else if report.exists() {
            std::fs::remove_file(report).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// `users.json` is `users.0001.json` where there are several.
    fn numbered(&self, path: &Path, number: usize) -> PathBuf {
        if self.frame.records.is_none() && self.frame.bytes.is_none() {
            return path.to_owned();
        }
        match path.extension() {
            Some(extension) => path.with_extension(format!("{number:04}.{}", extension.to_string_lossy())),
            None => path.with_extension(format!("{number:04}")),
        }
    }
}

/// A file that belongs to the output: `users.json.state`.
fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{what}"));
    name.into()
}

/// A file that only its owner can read: it is full of personal data.
fn create(path: &Path) -> Result<File, String> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path).map_err(|error| format!("cannot write {}: {}", path.display(), error.kind()))
}

fn reopen(path: &Path, length: u64) -> Result<File, String> {
    let failed = |problem: String| format!("cannot go on with {}: {problem}", path.display());
    let mut file = OpenOptions::new().write(true).open(path).map_err(|error| failed(error.kind().to_string()))?;
    let found = file.metadata().map_err(|error| failed(error.kind().to_string()))?.len();
    if found < length {
        return Err(failed(format!("it has {found} bytes, expected {length} at least")));
    }
    file.set_len(length).and_then(|()| file.seek(SeekFrom::End(0))).map_err(|error| failed(error.to_string()))?;
    Ok(file)
}

fn read_state(path: &Path, target: Target) -> Result<State, String> {
    let text = std::fs::read(path)
        .map_err(|error| format!("there is nothing to go on with: {}: {}", path.display(), error.kind()))?;
    let state: State = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    match state.target == target.as_str() {
        true => Ok(state),
        false => Err(format!("{} is of an export for {}", path.display(), state.target)),
    }
}
