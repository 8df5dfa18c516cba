//! Values that stand outside the file: environment variables, secret files, systemd credentials.
//!
//! Invariant: a finding names the place of a secret, never its value; a file that others on the machine can open is
//! not read at all.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::checker::Checker;
use super::raw::{RawReference, RawSecret, RawSetting};
use super::settings::Surroundings;
use super::yaml::At;
use crate::diagnostic::{Code, Fault, Span};
use crate::secret::Secret;

/// The largest secret, in bytes; a chain of certificates with its key is smaller.
const MAX_BYTES: u64 = 64 * 1024;

/// A secret text that a reference leads to.
///
/// # Errors
/// The secret cannot be had, others can read its file, or the reference has a `default`, which would be a secret in
/// the settings.
pub fn secret(raw: &RawReference, span: &Span, surroundings: &Surroundings<'_>) -> Result<String, Fault> {
    if raw.default.is_some() {
        let fault = Fault::new(Code::ConflictingKeys, span.clone(), "a secret has no `default`");
        return Err(fault.help("remove `default`"));
    }
    match resolve(raw, span, surroundings)? {
        Json::String(text) => Ok(text),
        other => Ok(other.to_string()),
    }
}

/// A secret of a format. The file that it stands in is noted, whether it can be read or not.
pub(super) fn of_format(
    raw: &RawSecret,
    span: &Span,
    surroundings: &Surroundings<'_>,
    checker: &mut Checker<'_>,
) -> Option<Secret> {
    let reference = RawReference {
        env: raw.env.clone(),
        file: raw.file.clone(),
        credential: raw.credential.clone(),
        default: None,
    };
    checker.secret_files.extend(secret_file(&reference, surroundings));
    let value = checker.take(resolve(&reference, span, surroundings))?;
    let secret = Secret::new(value.as_str().unwrap_or_default());
    if secret.expose().is_empty() {
        checker.push(
            Fault::new(Code::MissingSecret, span.clone(), "this secret is empty").help("give it a value, or remove it"),
        );
        return None;
    }
    checker.secrets.push(secret.clone());
    Some(secret)
}

/// The value that a reference leads to.
pub(super) fn resolve(raw: &RawReference, span: &Span, surroundings: &Surroundings<'_>) -> Result<Json, Fault> {
    match (&raw.env, &raw.file, &raw.credential) {
        (Some(name), None, None) => match ((surroundings.variable)(&name.value), &raw.default) {
            (Some(value), _) => Ok(Json::String(value)),
            (None, Some(default)) => Ok(default.clone()),
            (None, None) => Err(Fault::new(
                Code::MissingSecret,
                name.span.clone(),
                format!("the environment variable `{}` is not set", name.value),
            )
            .help(format!("set it: `export {}=…`, or add a `default`", name.value))),
        },
        (None, Some(path), None) => {
            let help = "the path is read from the definition's directory; the gateway's user must be able to read it";
            text_of(path, &surroundings.directory.join(&path.value), help)
        }
        (None, None, Some(name)) => {
            let help = "the unit needs `LoadCredential=` or `LoadCredentialEncrypted=` with this name";
            text_of(name, &credential(name, surroundings)?, help)
        }
        (None, None, None) => {
            Err(Fault::new(Code::MissingKey, span.clone(), "expected `env`, `file` or `credential` here")
                .help("write `{ env: NAME }`, `{ file: path }` or `{ credential: NAME }`"))
        }
        (_, file, credential) => {
            let second = credential.as_ref().or(file.as_ref()).map_or(span, |at| &at.span);
            let message = "`env`, `file` and `credential` exclude each other";
            Err(Fault::new(Code::ConflictingKeys, second.clone(), message))
        }
    }
}

/// Where systemd puts a credential (systemd.exec(5), `LoadCredential=`).
fn credential(name: &At<String>, surroundings: &Surroundings<'_>) -> Result<PathBuf, Fault> {
    let plain = !name.value.is_empty() && !name.value.contains(['/', '\0']) && name.value != "." && name.value != "..";
    if !plain {
        let message = format!("`{}` is no name of a credential", name.value);
        return Err(Fault::new(Code::InvalidValue, name.span.clone(), message).help("a credential's name has no `/`"));
    }
    let directory = (surroundings.variable)("CREDENTIALS_DIRECTORY").ok_or_else(|| {
        Fault::new(Code::MissingSecret, name.span.clone(), "there is no `CREDENTIALS_DIRECTORY` in the environment")
            .help("systemd sets it for a unit with `LoadCredential=`; elsewhere use `{ file: path }`")
    })?;
    Ok(Path::new(&directory).join(&name.value))
}

fn text_of(at: &At<String>, path: &Path, help: &str) -> Result<Json, Fault> {
    read(path).map(Json::String).map_err(|problem| match problem {
        Problem::Unreadable(why) => {
            let message = format!("cannot read `{}`: {why}", at.value);
            Fault::new(Code::MissingSecret, at.span.clone(), message).help(help)
        }
        Problem::Exposed(mode) => {
            let message = format!("everybody on this machine can open `{}` (mode {mode:04o})", at.value);
            Fault::new(Code::ExposedSecret, at.span.clone(), message).help(format!(
                "run: chmod o-rwx {} (a Kubernetes secret: `defaultMode: 0440`; a Compose secret: `mode: 0440`)",
                path.display()
            ))
        }
    })
}

/// The files that references lead to, there or not.
pub(super) fn references(raw: &IndexMap<String, At<RawSetting>>, surroundings: &Surroundings<'_>) -> Vec<PathBuf> {
    let references = raw.values().filter_map(|setting| match &setting.value {
        RawSetting::Reference(reference) => secret_file(reference, surroundings),
        RawSetting::Literal(_) => None,
    });
    references.collect()
}

/// The file that a reference leads to, there or not.
pub fn secret_file(reference: &RawReference, surroundings: &Surroundings<'_>) -> Option<PathBuf> {
    match (&reference.file, &reference.credential) {
        (Some(path), _) => Some(surroundings.directory.join(&path.value)),
        (None, Some(name)) => credential(name, surroundings).ok(),
        (None, None) => None,
    }
}

/// Why a secret's file is not read.
enum Problem {
    Unreadable(String),
    /// Its mode lets everybody in.
    Exposed(u32),
}

/// Reads a small text file; one line break at its end belongs to the editor, not to the secret. What is judged is the
/// open file, behind all links, so that nothing can be put in its place in between.
fn read(path: &Path) -> Result<String, Problem> {
    let unreadable = |e: std::io::Error| Problem::Unreadable(e.kind().to_string());
    let file = open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Problem::Unreadable("it is not a regular file".to_owned()));
    }
    if metadata.mode() & 0o006 != 0 {
        return Err(Problem::Exposed(metadata.mode() & 0o7777));
    }
    let mut text = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(Problem::Unreadable("it has more than 64 KiB".to_owned()));
    }
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// Opens a file for reading; a FIFO would wait for a writer.
fn open(path: &Path) -> Result<File, std::io::Error> {
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Whether a text is a URL with a password in it.
pub(super) fn holds_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else { return false };
    user.split_once(':').is_some_and(|(_, password)| !password.is_empty() && !password.contains("{{"))
}

/// The finding for a password in the file.
pub(super) fn inline_secret(span: Span) -> Fault {
    Fault::new(Code::InlineSecret, span, "a password stands in the file")
        .help("put the URL into the environment and write `{ env: NAME }`")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn found(key: &str, value: &str, folder: &Path, credentials: Option<&Path>) -> Result<String, (Code, String)> {
        let variable = |name: &str| match name {
            "CREDENTIALS_DIRECTORY" => credentials.map(|path| path.display().to_string()),
            _ => None,
        };
        let at = |wanted: &str| (key == wanted).then(|| At { value: value.to_owned(), span: 0..1 });
        let raw = RawReference { env: at("env"), file: at("file"), credential: at("credential"), default: None };
        secret(&raw, &(0..1), &Surroundings { variable: &variable, directory: folder })
            .map_err(|fault| (fault.code, format!("{} {:?}", fault.message, fault.help)))
    }

    fn write(path: &Path, text: &str, mode: u32) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn files_are_read_without_their_line_break_and_only_when_they_are_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (mode, exposed) in [(0o400, false), (0o640, false), (0o644, true), (0o604, true), (0o602, true)] {
            write(&path, "s3cret\r\n", mode);
            match found("file", "secret", folder.path(), None) {
                Ok(text) => assert_eq!((text.as_str(), exposed), ("s3cret", false), "{mode:o}"),
                Err((code, text)) => {
                    assert_eq!((code, exposed), (Code::ExposedSecret, true), "{mode:o}");
                    assert!(text.contains(&format!("chmod o-rwx {}", path.display())), "{text}");
                    assert!(!text.contains("s3cret"), "{text}");
                }
            }
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn links_are_followed_to_regular_files_only() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real");
        symlink(&real, folder.path().join("secret")).unwrap();
        let found = |name: &str| found("file", name, folder.path(), None);
        write(&real, "s3cret", 0o600);
        assert_eq!(found("secret").unwrap(), "s3cret");
        write(&real, "s3cret", 0o644);
        assert_eq!(found("secret").unwrap_err().0, Code::ExposedSecret);
        std::fs::remove_file(&real).unwrap();
        assert_eq!(found("secret").unwrap_err().0, Code::MissingSecret);
        std::fs::create_dir(&real).unwrap();
        assert!(found("secret").unwrap_err().1.contains("not a regular file"));
        std::fs::remove_dir(&real).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &real, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        assert!(found("secret").unwrap_err().1.contains("not a regular file"));
        write(&folder.path().join("giant"), &"x".repeat(65 * 1024), 0o600);
        assert!(found("giant").unwrap_err().1.contains("64 KiB"));
    }

    #[test]
    fn credentials_stand_in_the_directory_that_systemd_names() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("db"), "s3cret", 0o400);
        let found = |name: &str, directory| found("credential", name, Path::new("/nonexistent"), directory);
        assert_eq!(found("db", Some(folder.path())).unwrap(), "s3cret");
        let missing = found("db", None).unwrap_err();
        assert!(missing.0 == Code::MissingSecret && missing.1.contains("CREDENTIALS_DIRECTORY"), "{missing:?}");
        for name in ["../db", "/etc/passwd", "..", ""] {
            assert_eq!(found(name, Some(folder.path())).unwrap_err().0, Code::InvalidValue, "{name}");
        }
    }
}
