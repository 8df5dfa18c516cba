//! What a driver's error means for the connection it came from.
//!
//! Invariant: a message never holds a bound value; servers quote values, so [`redact`] takes them out.

use tokio::time::{Instant, timeout_at};

use super::url::Server;
use super::{Error, ErrorKind, Value};

/// An error, and what became of the connection.
#[derive(Debug)]
pub(super) struct Failure {
    /// What the caller is told.
    pub error: Error,
    /// What became of the connection.
    pub fate: Fate,
}

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It answered in full and can be used again.
    Clean,
    /// It answered that a cached statement no longer fits the schema; the cache has let go of it.
    Stale,
    /// It must be closed.
    Broken,
}

impl Failure {
    /// The connection is fine.
    pub fn clean(error: Error) -> Self {
        Self { error, fate: Fate::Clean }
    }

    /// The connection must be closed.
    pub fn broken(error: Error) -> Self {
        Self { error, fate: Fate::Broken }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::clean(error)
    }
}

/// The deadline passed while doing this.
pub(super) fn expired(doing: &str) -> Error {
    Error::new(ErrorKind::Timeout, format!("the deadline passed while {doing}"))
}

/// A caller waits for a free connection no longer than this part of the time it has left: about 300 ms of the usual
/// 2.5 s. Whoever waited longer could hardly use the connection, and would only make the others wait.
const WAITING_SHARE: u32 = 8;

/// Waits for a free connection.
pub(super) async fn free<T>(deadline: Instant, connection: impl Future<Output = T>) -> Result<T, Error> {
    let patience = deadline.saturating_duration_since(Instant::now()) / WAITING_SHARE;
    if patience.is_zero() {
        return Err(expired("waiting for a free connection"));
    }
    tokio::time::timeout(patience, connection).await.map_err(|_| {
        let message = format!("no connection was free within {} ms", patience.as_millis());
        Error::new(ErrorKind::Exhausted, message)
    })
}

/// Waits until the deadline at the latest.
pub(super) async fn within<T>(deadline: Instant, doing: &str, work: impl Future<Output = T>) -> Result<T, Error> {
    timeout_at(deadline, work).await.map_err(|_| expired(doing))
}

/// An error for a column that cannot be read.
pub(super) fn undecodable(column: &str, type_name: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::Misconfigured,
        format!(
            "column \"{column}\" of type {type_name} {why}; cast it in SQL: CAST({column} AS {})",
            if type_name.ends_with("blob") { "char" } else { "text" }
        ),
    )
}

/// Takes out of a server's message every bound value, and whatever looks like a stored hash: triggers quote rows.
pub(super) fn redact(message: &str, arguments: &[Value]) -> String {
    let texts: Vec<String> = arguments.iter().filter_map(Value::to_text).collect();
    without(message, texts.iter().map(String::as_str))
}

/// A part of a value that is so long, in characters, is no coincidence: servers shorten what they quote.
const PART: usize = 8;

/// Takes these texts, long parts of them, and whatever looks like a hash out of a message.
pub(super) fn without<'a>(message: &str, texts: impl Iterator<Item = &'a str>) -> String {
    // ASCII only, so that every place stays where it is.
    let lower = message.to_ascii_lowercase();
    let places: Vec<usize> = lower.char_indices().map(|(at, _)| at).chain([lower.len()]).collect();
    let mut covered = vec![false; message.len()];
    for text in texts.map(str::to_ascii_lowercase) {
        // Shorter values are words of the message itself more often than not, and quoted ones are cut by the caller.
        if text.chars().count() >= 4 {
            lower.match_indices(&text).for_each(|(at, found)| covered[at..at + found.len()].fill(true));
        }
        for window in places.windows(PART + 1) {
            let part = window[0]..window[PART];
            if text.contains(&lower[part.clone()]) {
                covered[part].fill(true);
            }
        }
    }
    for (at, word) in words(message) {
        if is_hash(word) {
            covered[at..at + word.len()].fill(true);
        }
    }
    let mut shown = String::with_capacity(message.len());
    for (at, c) in message.char_indices() {
        match covered[at] {
            false => shown.push(c),
            true if !shown.ends_with('…') => shown.push('…'),
            true => {}
        }
    }
    shown
}

/// Takes the password of a server's URL out of a message.
pub(super) fn without_password(message: &str, server: &Server) -> String {
    let password = server.password.as_ref().map(|password| String::from_utf8_lossy(password.expose()));
    without(message, password.iter().map(AsRef::as_ref))
}

/// The runs of characters that hashes and their encodings are made of.
fn words(message: &str) -> impl Iterator<Item = (usize, &str)> {
    let part = |c: char| c.is_ascii_alphanumeric() || "$./+=,*{}-_".contains(c);
    message.split(move |c| !part(c)).map(move |word| (word.as_ptr().addr() - message.as_ptr().addr(), word))
}

/// Whether a word is a crypt or PHC string, hexadecimal digits, or Base64.
fn is_hash(word: &str) -> bool {
    let word = word.trim_end_matches(['.', ',', '-']);
    let has = |test: fn(&char) -> bool| word.chars().any(|c| test(&c));
    let crypt = word.contains('$') && word.matches('$').count() >= 2 && word.len() >= 8;
    let hex = word.len() >= 32 && word.chars().all(|c| c.is_ascii_hexdigit());
    let mixed = has(char::is_ascii_digit) && has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase);
    crypt || hex || (word.len() >= 24 && mixed)
}

/// Replaces everything between the first and the last of this quote by an ellipsis.
pub(super) fn cut_quoted(message: &str, quote: char) -> String {
    match (message.find(quote), message.rfind(quote)) {
        (Some(first), Some(last)) if first < last => format!("{}…{}", &message[..=first], &message[last..]),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_out_of_messages() {
        let arguments = [Value::Text("ann@example.com".to_owned())];
        let message = redact("Duplicate entry 'ann@example.com' for key 'email'", &arguments);
        assert_eq!(message, "Duplicate entry '…' for key 'email'");
        let long = [Value::Text("Kanarienvogel und Zaunkönig".to_owned())];
        assert_eq!(redact("trigger: kanarienVOGEL UND Zau", &long), "trigger: …");
        assert_eq!(redact("trigger: Kanarien", &long), "trigger: …");
        assert_eq!(redact("trigger: Kanarie", &long), "trigger: Kanarie", "a word of any message");
        assert_eq!(cut_quoted("bad \"a\"b\" here", '"'), "bad \"…\" here");
    }

    #[test]
    fn stored_hashes_are_taken_out_and_names_are_not() {
        for hash in [
            "$2b$04$oBop9oEj4hCukKE67Oegfeq/",
            "$P$5abcdefghAwHMLXeh48xCQuy..94JO/",
            "pbkdf2_sha256$600000$abc$def=",
            "5d41402abc4b2a76b9719d911017c592",
            "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
        ] {
            assert_eq!(redact(&format!("refused {hash} said the trigger"), &[]), "refused … said the trigger");
        }
        for message in [
            "duplicate key value violates unique constraint \"members_email_2024_key\"",
            "Cannot add or update a child row: a foreign key constraint fails (`shop`.`orders_2024`, CONSTRAINT `x`)",
            "relation \"legacy.users_before_migration_2019\" does not exist",
        ] {
            assert_eq!(redact(message, &[]), message);
        }
    }
}
