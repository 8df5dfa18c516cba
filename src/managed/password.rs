//! What a new password must be like: its length, and that no known breach holds it (NIST SP 800-63B, section 3.1.1).
//!
//! Invariant: the file of breached passwords is searched where it lies, a few reads for each password, however large it is.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use sha1::{Digest, Sha1};
use tokio::time::Instant;

use super::Managed;
use crate::action::{Class, Error, Rejection};
use crate::secret::Password;

/// The longest line of the file: 40 digits, a colon, a count.
const MAX_LINE: u64 = 80;

impl Managed {
    /// Why a new password is refused; None when it is not.
    pub(super) async fn refuse(&self, password: &Password, _: Instant) -> Result<Option<Rejection>, Error> {
        let rules = &self.settings.passwords;
        let reject = |message: String| Ok(Some(Rejection { code: "invalid_password", message }));
        if !password.is_acceptable() {
            let length = password.expose().len();
            return reject(format!("the password has {length} bytes, expected 1 to {}", Password::MAX_BYTES));
        }
        let length = u32::try_from(password.expose().chars().count()).unwrap_or(u32::MAX);
        if length < rules.min_length {
            return reject(format!("the password has {length} characters, expected at least {}", rules.min_length));
        }
        if let Some(most) = rules.max_length.filter(|most| length > *most) {
            return reject(format!("the password has {length} characters, expected at most {most}"));
        }
        let Some(path) = rules.breached.clone() else { return Ok(None) };
        let digest = hex(&Sha1::digest(password.expose().as_bytes()));
        let found = tokio::task::spawn_blocking(move || is_breached(&path, &digest)).await;
        match found {
            Ok(Ok(true)) => reject("the password is known from a breach; choose another one".to_owned()),
            Ok(Ok(false)) => Ok(None),
            Ok(Err(error)) => Err(unreadable(&error.to_string())),
            Err(_) => Err(unreadable("the search failed")),
        }
    }
}

fn unreadable(why: &str) -> Error {
    Error::new(Class::Misconfigured, format!("`migration.password.breached` cannot be read: {why}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Whether a sorted file has a line that the digest begins with: whole hashes, or their first digits.
fn is_breached(path: &Path, digest: &str) -> io::Result<bool> {
    let file = File::open(path)?;
    let (mut low, mut high) = (0, file.metadata()?.len());
    // The line that is sought begins in low..high, if it is there.
    while low < high {
        let middle = low + (high - low) / 2;
        let Some((start, line)) = line_from(&file, middle, high)? else {
            high = middle;
            continue;
        };
        let key = line.split(':').next().unwrap_or_default().trim().to_ascii_uppercase();
        if !key.is_empty() && digest.starts_with(&key) {
            return Ok(true);
        }
        match key.as_str() < digest {
            true => low = start + line.len() as u64 + 1,
            false => high = middle,
        }
    }
    Ok(false)
}

/// The first line that begins at this place or later, and before the end; the file's first line begins at 0.
fn line_from(file: &File, place: u64, end: u64) -> io::Result<Option<(u64, String)>> {
    let mut buffer = vec![0; (2 * MAX_LINE) as usize];
    let from = place.saturating_sub(1);
    let read = file.read_at(&mut buffer, from)?;
    let text = &buffer[..read];
    let skipped = match place {
        0 => 0,
        _ => match text.iter().position(|byte| *byte == b'\n') {
            Some(position) => position + 1,
            None if (read as u64) < 2 * MAX_LINE => return Ok(None),
            None => return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is too long")),
        },
    };
    let start = from + skipped as u64;
    if start >= end || skipped >= text.len() {
        return Ok(None);
    }
    let rest = &text[skipped..];
    let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    Ok(Some((start, String::from_utf8_lossy(&rest[..length]).into_owned())))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn digest(text: &str) -> String {
        hex(&Sha1::digest(text.as_bytes()))
    }

    #[test]
    fn every_line_is_found_and_nothing_else() {
        for (cut, tail) in [(40, ":12"), (40, ""), (12, ""), (40, ":1\r")] {
            for count in [0, 1, 2, 3, 100, 1001] {
                let mut lines: Vec<String> =
                    (0..count).map(|n| format!("{}{tail}", &digest(&format!("breached{n}"))[..cut])).collect();
                lines.sort();
                let mut file = tempfile::NamedTempFile::new().unwrap();
                file.write_all(lines.join("\n").as_bytes()).unwrap();
                for n in 0..count {
                    assert!(is_breached(file.path(), &digest(&format!("breached{n}"))).unwrap(), "{n} of {count}");
                    assert!(!is_breached(file.path(), &digest(&format!("fine{n}"))).unwrap(), "{n} of {count}");
                }
                assert!(!is_breached(file.path(), &digest("fine")).unwrap());
            }
        }
    }
}
