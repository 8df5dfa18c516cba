//! SQLSTATEs and what follows from them.
//!
//! Invariant: no bound value gets into a message. Class 22 quotes the offending value, so quoted parts are cut there.

use tokio_postgres::error::{DbError, ErrorPosition};

use super::encode::Kind;
use super::session::Role;
use crate::db::failure::{Failure, Fate, cut_quoted, redact, without_password};
use crate::db::url::Server;
use crate::db::{Error, ErrorKind, Value};

/// What a statement was, to say more of its error.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub text: &'a str,
    pub role: Role,
    pub kinds: &'a [Kind],
    pub arguments: &'a [Value],
    /// The statement came from the connection's cache, so the schema may have changed since.
    pub cached: bool,
}

impl Default for Context<'_> {
    fn default() -> Self {
        Self { text: "", role: Role::Writer, kinds: &[], arguments: &[], cached: false }
    }
}

/// Sorts a driver's error.
pub(super) fn failure(error: &tokio_postgres::Error, context: &Context<'_>) -> Failure {
    let Some(db) = error.as_db_error() else {
        return Failure::broken(Error::new(ErrorKind::Unavailable, causes(error)));
    };
    let code = db.code().code();
    let (kind, fate) = classify(code, context);
    let mut message = redact(db.message(), context.arguments);
    if code.starts_with("22") {
        message = cut_quoted(&message, '"');
    }
    let kind = match kind {
        ErrorKind::InvalidValue(_) => ErrorKind::InvalidValue(blamed(db, context)),
        other => other,
    };
    if code == "42P08" || code == "42P18" {
        message.push_str("; tell the type with a cast, as in CAST({{ x }} AS text)");
    }
    let offset = match db.position() {
        Some(ErrorPosition::Original(position)) => byte_offset(context.text, *position),
        _ => None,
    };
    Failure { error: Error { kind, message, code: Some(code.to_owned()), offset }, fate }
}

/// Sorts an error of the attempt to connect.
pub(super) fn connecting(server: &Server, error: &tokio_postgres::Error) -> Error {
    let (message, code) = match error.as_db_error() {
        Some(db) => (db.message().to_owned(), Some(db.code().code().to_owned())),
        None => (causes(error), None),
    };
    // A server that is none may answer with whatever it was sent.
    let message = format!("cannot connect to {}: {}", server.address, without_password(&message, server));
    let kind = if refuses_writes(error) { ErrorKind::ReadOnly } else { ErrorKind::Unavailable };
    Error { kind, message, code, offset: None }
}

/// Whether the driver turned away from a server because it takes no writes (`target_session_attrs`).
fn refuses_writes(error: &tokio_postgres::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::PermissionDenied && cause.raw_os_error().is_none())
}

fn classify(code: &str, context: &Context<'_>) -> (ErrorKind, Fate) {
    use ErrorKind::{
        Conflict, ConstraintViolation, InvalidValue, Misconfigured, OutcomeUnknown, ReadOnly, Timeout, Unable,
        Unavailable, UniqueViolation,
    };
    match code {
        "57P01" | "57P02" | "57P03" | "57P04" | "57P05" | "25P03" | "53300" => (Unavailable, Fate::Broken),
        // A reading session is read-only by our own doing: the statement is at fault. A writer was demoted.
        "25006" if context.role == Role::Reader => (Misconfigured, Fate::Clean),
        "25006" => (ReadOnly, Fate::Broken),
        "08007" | "40003" => (OutcomeUnknown, Fate::Broken),
        "57014" | "55P03" => (Timeout, Fate::Clean),
        "23505" => (UniqueViolation, Fate::Clean),
        "22001" | "44000" | "P0001" | "40002" => (ConstraintViolation, Fate::Clean),
        "22P02" | "22P03" | "22P05" | "22003" | "22007" | "22008" | "22021" | "22032" => {
            (InvalidValue(None), Fate::Clean)
        }
        // The plan or the statement itself was lost; nothing was executed. A transaction is over, but can be tried anew.
        "0A000" | "26000" if context.cached && context.role == Role::Reader => (Misconfigured, Fate::Stale),
        "0A000" | "26000" if context.cached => (Conflict, Fate::Stale),
        _ => match code.get(..2).unwrap_or_default() {
            "08" => (Unavailable, Fate::Broken),
            "23" => (ConstraintViolation, Fate::Clean),
            "40" => (Conflict, Fate::Clean),
            "25" | "53" | "58" | "XX" | "F0" => (Unable, Fate::Broken),
            "55" | "57" => (Unable, Fate::Clean),
            _ => (Misconfigured, Fate::Clean),
        },
    }
}

/// Which parameter the server complains of: it says so in the context, or the named type fits one parameter only.
fn blamed(db: &DbError, context: &Context<'_>) -> Option<usize> {
    if let Some(rest) = db.where_().and_then(|text| text.split("parameter $").nth(1)) {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        return digits.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    }
    let message = db.message();
    let named = |kind: &Kind| kind.server_name().is_some_and(|name| message.contains(name));
    let mut candidates = context.kinds.iter().enumerate().filter(|(_, kind)| named(kind));
    match (candidates.next(), candidates.next()) {
        (Some((index, _)), None) => Some(index),
        _ => None,
    }
}

/// The server counts characters from 1.
fn byte_offset(text: &str, position: u32) -> Option<usize> {
    let index = usize::try_from(position).ok()?.checked_sub(1)?;
    text.char_indices().map(|(offset, _)| offset).chain([text.len()]).nth(index)
}

/// An error with all its causes, each said once.
fn causes(error: &tokio_postgres::Error) -> String {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !message.contains(&cause_text) {
            message.push_str(": ");
            message.push_str(&cause_text);
        }
        source = cause.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters() {
        assert_eq!(byte_offset("é x", 3), Some(3));
        assert_eq!(byte_offset("x", 0), None);
        assert_eq!(byte_offset("x", 9), None);
    }
}
