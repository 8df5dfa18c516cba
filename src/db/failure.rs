//! What a driver's error means for the connection it came from.
//!
//! Invariant: a message never holds a bound value; servers quote values, so [`redact`] takes them out.

use tokio::time::{Instant, timeout_at};

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

/// Takes every bound value out of a server's message.
pub(super) fn redact(message: &str, arguments: &[Value]) -> String {
    let mut message = message.to_owned();
    for text in arguments.iter().filter_map(Value::to_text) {
        // Shorter values are words of the message itself more often than not, and quoted ones are cut by the caller.
        if text.chars().count() >= 4 && message.contains(&text) {
            message = message.replace(&text, "…");
        }
    }
    message
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
        assert_eq!(cut_quoted("bad \"a\"b\" here", '"'), "bad \"…\" here");
    }
}
