//! The files of networks that allowlists refer to.
//!
//! Invariant: a list that cannot be used never stands for "everybody" and never for "nobody": at the start it is
//! refused, and later the last good one stays in its place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::access::{Network, parse_networks};
use crate::cli::contents;
use crate::definition::RawNetworkFile;
use crate::diagnostic::{Code, Fault};
use crate::reload::Digest;

/// The largest file, in bytes: a hundred times the list that Auth0 publishes.
const MAX_BYTES: u64 = 4 << 20;

/// The lists of the settings in force, and those of settings that are being read.
#[derive(Debug)]
pub(in crate::cli) struct NetworkFiles {
    directory: PathBuf,
    good: BTreeMap<Key, Vec<Network>>,
    fresh: BTreeMap<Key, Vec<Network>>,
    /// What every file that was read holds now.
    digests: BTreeMap<PathBuf, Option<Digest>>,
    kept: Vec<String>,
}

/// A file, and what is taken from it.
type Key = (PathBuf, Vec<String>);

impl NetworkFiles {
    /// Files whose paths count from this directory.
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            good: BTreeMap::new(),
            fresh: BTreeMap::new(),
            digests: BTreeMap::new(),
            kept: Vec::new(),
        }
    }

    /// Forgets what was read for settings that were not put in force.
    pub fn begin(&mut self) {
        self.fresh.clear();
        self.digests.clear();
        self.kept.clear();
    }

    /// The networks in a file; those that were in force before when it cannot be used now.
    pub fn read(&mut self, raw: &RawNetworkFile) -> Result<Vec<Network>, Fault> {
        let path = self.directory.join(&raw.file.value);
        let regions: Vec<&str> = raw.regions.iter().map(|at| at.value.as_str()).collect();
        let bytes = contents(&path, MAX_BYTES);
        self.digests.insert(path.clone(), bytes.as_ref().ok().map(|bytes| Sha256::digest(bytes).into()));
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()));
        let parsed = text.and_then(|text| parse_networks(&text, &regions));
        let key = (path, regions.into_iter().map(str::to_owned).collect());
        let networks = match (parsed, self.good.get(&key)) {
            (Ok(networks), _) => networks,
            (Err(problem), Some(good)) => {
                self.kept.push(format!("`{}`: {problem}", raw.file.value));
                good.clone()
            }
            (Err(problem), None) => {
                let message = format!("cannot use the networks in `{}`: {problem}", raw.file.value);
                let help = "write one network a line, or take https://cdn.auth0.com/ip-ranges.json as it is";
                return Err(Fault::new(Code::InvalidNetworks, raw.file.span.clone(), message).help(help));
            }
        };
        self.fresh.insert(key, networks.clone());
        Ok(networks)
    }

    /// What was read last is in force; the problems of files whose last good content stays.
    pub fn commit(&mut self) -> Vec<String> {
        self.good = std::mem::take(&mut self.fresh);
        std::mem::take(&mut self.kept)
    }

    /// How many networks were read last, and how many are in force.
    pub fn counts(&self) -> (usize, usize) {
        let count = |lists: &BTreeMap<Key, Vec<Network>>| lists.values().map(Vec::len).sum();
        (count(&self.fresh), count(&self.good))
    }

    /// Adds what the files hold to a digest.
    pub fn digest(&self, hash: &mut Sha256) {
        for digest in self.digests.values() {
            hash.update([u8::from(digest.is_some())]);
            hash.update(digest.unwrap_or_default());
        }
    }

    /// The files that were read last.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.digests.keys().map(PathBuf::as_path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::At;

    #[test]
    fn the_last_good_list_stays_until_a_better_one_comes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("networks.txt");
        let at = |value: &str| At { value: value.to_owned(), span: 0..1 };
        let raw = RawNetworkFile { file: at("networks.txt"), regions: vec![] };
        let mut files = NetworkFiles::new(folder.path());
        let mut read = |text: Option<&str>| {
            match text {
                Some(text) => std::fs::write(&path, text).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            files.begin();
            let networks = files.read(&raw).map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>());
            networks.map(|networks| (networks.join(" "), files.commit().len())).map_err(|fault| fault.message)
        };
        assert!(read(Some("")).unwrap_err().contains("no network"), "there is no earlier one");
        assert_eq!(read(Some("10.0.0.0/8")), Ok(("10.0.0.0/8".to_owned(), 0)));
        for broken in [Some(""), Some("# none\n"), Some("10.0.0.0/8\n<html>"), Some("{"), None, Some("\u{0}")] {
            assert_eq!(read(broken), Ok(("10.0.0.0/8".to_owned(), 1)), "{broken:?}");
        }
        assert_eq!(read(Some("192.0.2.0/24")), Ok(("192.0.2.0/24".to_owned(), 0)));
        assert!(path.exists());
    }

    #[test]
    fn what_was_not_put_in_force_is_no_last_good_list() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let raw = RawNetworkFile { file: At { value: "a".to_owned(), span: 0..1 }, regions: vec![] };
        let mut files = NetworkFiles::new(folder.path());
        std::fs::write(&path, "10.0.0.0/8").unwrap();
        files.read(&raw).unwrap();
        files.begin();
        std::fs::write(&path, "").unwrap();
        assert!(files.read(&raw).is_err());
    }
}
