//! What tokens need from outside: the files of their keys, the clock, randomness and the network; and
//! `userbridge tokens rotate`.
//!
//! Invariant: a private key is readable for its owner (and group) only, from its first byte on; a file that others can
//! read is refused, since its key may be known.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use ring::rand::SystemRandom;

use super::Exit;
use super::access::tokens::{Declared, declared};
use crate::access::token::{self, Algorithm, Outside, SigningKey};
use crate::access::{Access, Settings};
use crate::definition::{check_gateway, read};
use crate::server::Fetcher;

/// The keys that sign and verify our tokens.
#[derive(Debug, Subcommand)]
pub(super) enum Tokens {
    /// Add a new key; it verifies at once and signs after the time of `settle`.
    Rotate(Rotate),
}

#[derive(Debug, Args)]
pub(super) struct Rotate {
    /// The gateway's settings.
    #[arg(long, default_value = "userbridge.yaml")]
    config: PathBuf,
}

impl Tokens {
    pub fn run(self) -> Exit {
        let Self::Rotate(rotate) = self;
        match rotate.run() {
            Ok(()) => Exit::Fine,
            Err(problem) => {
                eprintln!("error: {problem}");
                Exit::Findings
            }
        }
    }
}

impl Rotate {
    fn run(self) -> Result<(), String> {
        let source = read(&self.config).map_err(|report| report.render(false))?;
        let gateway = check_gateway(&source).map_err(|report| report.render(false))?;
        let own = declared(&gateway.raw, &mut Vec::new()).and_then(|declared| declared.own);
        let own = own.ok_or_else(|| format!("{} has no valid `tokens:` section", self.config.display()))?;
        let directory = beside(&self.config).join(&own.directory);
        let files = files(&directory)?;
        let last = files.last().and_then(|path| path.file_stem()).map(|stem| stem.to_string_lossy());
        let name = following(last.as_deref(), seconds());
        if !make(&directory, own.algorithm, &name)? {
            return Err(format!("{name}.pem was made this very moment; look at {}", directory.display()));
        }
        println!("{}", directory.join(name).with_extension("pem").display());
        let (settle, lifetime) = (own.settings.settle.as_secs(), own.settings.lifetime.as_secs());
        println!("# running gateways read it by themselves, and sign with it after {settle} seconds;");
        println!("# remove older keys from {} in {} seconds or later", directory.display(), settle + lifetime + 60);
        Ok(())
    }
}

/// The directory that the settings' paths are relative to.
pub(super) fn beside(config: &Path) -> &Path {
    config.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What to do where there is no key yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstKey {
    /// Make one.
    Make,
    /// Go on as if there were one: this is only a check.
    Imagine,
    /// They were there and have vanished.
    Refuse,
}

/// Reads the keys of our own tokens from their directory.
///
/// # Errors
/// A key cannot be read, made or trusted.
pub(super) fn read_keys(declared: &mut Option<Declared>, directory: &Path, first: FirstKey) -> Result<(), String> {
    let Some(own) = declared.as_mut().and_then(|declared| declared.own.as_mut()) else { return Ok(()) };
    let (directory, random) = (directory.join(&own.directory), SystemRandom::new());
    own.settings.keys = load(&directory, &random)?;
    if own.settings.keys.is_empty() && first == FirstKey::Imagine {
        let text = SigningKey::generate(own.algorithm, &random)?;
        let key = SigningKey::from_pem(text.as_bytes(), &random).map_err(|error| error.to_string())?;
        own.settings.keys.push(Arc::new(key));
    }
    if own.settings.keys.is_empty() && first == FirstKey::Make {
        // Of two instances that start in the same second, one makes it, and both use it.
        make(&directory, own.algorithm, &following(None, seconds()))?;
        tracing::info!(directory = %directory.display(), "made a key to sign tokens with");
        own.settings.keys = load(&directory, &random)?;
    }
    match own.settings.keys.is_empty() {
        true => Err(format!("{} holds no key (*.pem)", directory.display())),
        false => Ok(()),
    }
}

/// The names of the keys that were read, to notice a change.
pub(super) fn key_ids(declared: Option<&Declared>) -> Vec<String> {
    let own = declared.and_then(|declared| declared.own.as_ref());
    own.map_or_else(Vec::new, |own| own.settings.keys.iter().map(|key| key.kid().to_owned()).collect())
}

/// Adds the declared tokens to the access rules.
///
/// # Errors
/// TLS cannot be set up.
pub(super) fn install(settings: &mut Settings, declared: Option<Declared>) -> Result<(), String> {
    let Some(Declared { own, trusted }) = declared else { return Ok(()) };
    let fetcher = Fetcher::new(rustls::RootCertStore::empty())?;
    let outside = Outside { now: seconds, random: SystemRandom::new(), fetch: Arc::new(move |url| fetcher.fetch(url)) };
    settings.tokens = Some(token::Settings { own: own.map(|own| own.settings), trusted, outside });
    Ok(())
}

/// Fetches the keys of issuers outside before anybody needs them.
pub(super) fn warm(access: &Access) {
    for cache in access.authenticator().key_caches() {
        let cache = Arc::clone(cache);
        tokio::spawn(async move { cache.refresh().await });
    }
}

/// The keys of a directory, oldest first.
fn load(directory: &Path, random: &SystemRandom) -> Result<Vec<Arc<SigningKey>>, String> {
    files(directory)?.iter().map(|path| load_one(path, random).map(Arc::new)).collect()
}

/// The files of keys in the order of their names; none when the directory does not exist.
fn files(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error: std::io::Error| format!("cannot read {}: {}", directory.display(), error.kind());
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.extension().is_some_and(|extension| extension == "pem") && !hidden {
            paths.push(path);
        }
    }
    // Without the extension, `a` comes before `a-1`.
    paths.sort_by(|a, b| a.file_stem().cmp(&b.file_stem()));
    Ok(paths)
}

fn load_one(path: &Path, random: &SystemRandom) -> Result<SigningKey, String> {
    let shown = path.display();
    let mode = fs::metadata(path).map_err(|e| format!("cannot read {shown}: {}", e.kind()))?.permissions().mode();
    if mode & 0o007 != 0 {
        return Err(format!(
            "{shown} can be read by everybody (mode {:o}); make a new key, and chmod 600",
            mode & 0o777
        ));
    }
    let text = fs::read(path).map_err(|e| format!("cannot read {shown}: {}", e.kind()))?;
    let text = zeroize::Zeroizing::new(text);
    SigningKey::from_pem(&text, random).map_err(|error| format!("{shown}: {error}"))
}

/// Makes a key of this name; whether it was made, and not there already.
fn make(directory: &Path, algorithm: Algorithm, name: &str) -> Result<bool, String> {
    let failed = |error: std::io::Error| format!("cannot write to {}: {}", directory.display(), error.kind());
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    let text = SigningKey::generate(algorithm, &SystemRandom::new())?;
    // Whole or not at all: others may be reading the directory.
    let mut file = tempfile::Builder::new()
        .prefix(".key")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(directory)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    match file.persist_noclobber(directory.join(name).with_extension("pem")) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(error.error)),
    }
}

/// A name that comes after this one: the time, behind whatever names were chosen by hand.
fn following(last: Option<&str>, second: u64) -> String {
    let time = format!("{second:012}");
    match last {
        Some(last) if *last >= *time => match last.rsplit_once('-').filter(|(_, tail)| **tail < *time) {
            Some((base, _)) => format!("{base}-{time}"),
            None => format!("{last}-{time}"),
        },
        _ => time,
    }
}

/// Seconds since 1970.
pub(super) fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_privately_and_read_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let (directory, random) = (folder.path().join("new/keys"), SystemRandom::new());
        assert!(load(&directory, &random).unwrap().is_empty());
        assert!(make(&directory, Algorithm::Es256, "000000000999").unwrap());
        assert!(make(&directory, Algorithm::EdDsa, "000000001000").unwrap());
        // Another instance in the same second.
        assert!(!make(&directory, Algorithm::EdDsa, "000000001000").unwrap());
        let keys = load(&directory, &random).unwrap();
        assert_eq!(keys.iter().map(|key| key.algorithm()).collect::<Vec<_>>(), [Algorithm::Es256, Algorithm::EdDsa]);
        let old = directory.join("000000000999.pem");
        assert_eq!(fs::metadata(&old).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(directory.join("README"), "").unwrap();
        assert_eq!(load(&directory, &random).unwrap().len(), 2);
        fs::set_permissions(&old, Permissions::from_mode(0o644)).unwrap();
        assert!(load(&directory, &random).unwrap_err().contains("can be read by everybody (mode 644)"));
        fs::set_permissions(&old, Permissions::from_mode(0o640)).unwrap();
        fs::write(directory.join("z.pem"), "no key").unwrap();
        fs::set_permissions(directory.join("z.pem"), Permissions::from_mode(0o600)).unwrap();
        assert!(load(&directory, &random).unwrap_err().contains("z.pem: expected a PEM text"));
    }

    #[test]
    fn a_new_key_comes_after_all_others() {
        let cases = [
            (None, "000000001000"),
            (Some("000000000999"), "000000001000"),
            (Some("000000001000"), "000000001000-000000001000"),
            (Some("given"), "given-000000001000"),
            (Some("given-000000000999"), "given-000000001000"),
            (Some("given-a"), "given-a-000000001000"),
            (Some("given-000000001000"), "given-000000001000-000000001000"),
        ];
        for (last, expected) in cases {
            assert_eq!(following(last, 1000), expected, "{last:?}");
            assert!(last.is_none_or(|last| last < expected));
        }
    }
}
