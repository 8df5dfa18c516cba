//! Reads definitions from files and directories.
//!
//! Invariant: only regular files are read, none that a link puts into a directory from elsewhere, and a broken file says
//! nothing about the others.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::yaml::MAX_BYTES;
use super::{Definition, Surroundings, check};
use crate::diagnostic::{Code, Fault, Report, Source};

/// One file and what became of it.
#[derive(Debug)]
pub struct Loaded {
    /// The file.
    pub path: PathBuf,
    /// The definition, unless it is refused.
    pub definition: Option<Definition>,
    /// Everything that was found.
    pub report: Report,
}

/// Loads a file, or every `.yaml` and `.yml` file of a directory in the order of their names.
///
/// # Errors
/// When the path itself cannot be read.
pub fn load(path: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Loaded>, std::io::Error> {
    let mut names: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut all = Vec::new();
    for file in files(path)? {
        let mut loaded = load_file(&file, variable);
        let name = loaded.definition.as_ref().map(|definition| definition.name.clone());
        if let Some(name) = name {
            match names.get(&name) {
                Some(other) => loaded.refuse_as_duplicate_of(other),
                None => drop(names.insert(name, file)),
            }
        }
        all.push(loaded);
    }
    Ok(all)
}

/// Loads one file.
pub fn load_file(path: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Loaded {
    load_text(path, read(path), variable)
}

/// Loads what [`read`] gave for a file, without another look at the file.
pub fn load_text(path: &Path, read: Result<Source, Report>, variable: &dyn Fn(&str) -> Option<String>) -> Loaded {
    let (definition, report) = match read {
        Ok(source) => {
            let directory = path.parent().unwrap_or(Path::new("."));
            check(&source, &Surroundings { variable, directory })
        }
        Err(report) => (None, report),
    };
    Loaded { path: path.to_owned(), definition, report }
}

impl Loaded {
    /// Refuses the definition, because another file defines a connector of the same name: which of the two is served
    /// would be a matter of chance.
    pub fn refuse_as_duplicate_of(&mut self, other: &Path) {
        let Some(definition) = self.definition.take() else { return };
        let text = &self.report.source.text;
        let key = text.match_indices("connector:").find(|(at, _)| *at == 0 || text[..*at].ends_with('\n'));
        let start = key.map_or(0, |(at, key)| at + key.len());
        let start = start + (text[start..].len() - text[start..].trim_start().len());
        let end = text[start..].find(['\n', '#']).map_or(text.len(), |at| start + at);
        let message = format!("`{}` is defined in {} as well", definition.name, other.display());
        let fault = Fault::new(Code::DuplicateConnector, start..end, message).help("give one of the two another name");
        let mut diagnostics = std::mem::take(&mut self.report.diagnostics);
        diagnostics.push(fault.into());
        self.report = Report::new(self.report.source.clone(), diagnostics);
    }
}

/// The definition files of a path, in the order of their names.
///
/// # Errors
/// When the path cannot be read.
pub fn files(path: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let yaml = name.ends_with(".yaml") || name.ends_with(".yml");
        // Hidden files are an editor's or a ConfigMap's own; the gateway's settings may stand beside definitions.
        if yaml && !name.starts_with('.') && name != "userbridge.yaml" && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads a file's text, or says why it cannot be read.
///
/// # Errors
/// A report with one finding.
pub fn read(path: &Path) -> Result<Source, Report> {
    let name = path.display().to_string();
    let refuse = |problem: String, help: &str| {
        let fault = Fault::new(Code::UnreadableFile, 0..0, problem).help(help);
        Report::new(Source::new(name.clone(), ""), vec![fault.into()])
    };
    let unreadable =
        |e: std::io::Error| refuse(format!("cannot read the file: {}", e.kind()), "check the path and its permissions");
    if leads_out(path).map_err(unreadable)? {
        let help = "copy the file, or make the directory of definitions itself a link";
        return Err(refuse("this link leads out of its directory".to_owned(), help));
    }
    // Without the flag, opening a FIFO would wait for its writer.
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = File::options().read(true).custom_flags(nonblocking).open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(refuse("this is not a regular file".to_owned(), "a definition is a regular file"));
    }
    if metadata.len() > MAX_BYTES as u64 {
        return Err(Report::new(Source::new(name, ""), vec![too_long(metadata.len()).into()]));
    }
    let mut bytes = Vec::new();
    // A file that grows meanwhile is refused by its size all the same.
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(name, text)),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let fault = Fault::new(Code::UnreadableFile, valid..valid + 1, "this byte is not UTF-8")
                .help("save the file as UTF-8");
            Err(Report::new(Source::new(name, text), vec![fault.into()]))
        }
    }
}

/// Takes a file's text from elsewhere, such as an editor in which it is not saved yet.
///
/// # Errors
/// A report with one finding: the text is too long.
pub fn given(path: &Path, text: &str) -> Result<Source, Report> {
    let name = path.display().to_string();
    if text.len() > MAX_BYTES {
        return Err(Report::new(Source::new(name, ""), vec![too_long(text.len() as u64).into()]));
    }
    Ok(Source::new(name, text))
}

fn too_long(bytes: u64) -> Fault {
    let message = format!("the file has {bytes} bytes, expected {MAX_BYTES} at most");
    Fault::new(Code::UnreadableFile, 0..0, message).help("split it into several definitions")
}

/// Whether a path is a link to somewhere outside of its directory. What is found in a definition is shown with its
/// lines, and whoever may write definitions may not thereby read everything that the gateway can.
fn leads_out(path: &Path) -> Result<bool, std::io::Error> {
    if !std::fs::symlink_metadata(path)?.is_symlink() {
        return Ok(false);
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(!path.canonicalize()?.starts_with(directory.canonicalize()?))
}
