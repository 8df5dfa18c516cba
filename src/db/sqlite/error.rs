//! SQLite's result codes and what follows from them.
//!
//! Invariant: no bound value gets into a message.

use std::path::Path;

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::db::failure::redact;
use crate::db::{Error, ErrorKind, Value};

/// Sorts a driver's error.
pub(super) fn sort(error: &rusqlite::Error, text: &str, arguments: &[Value]) -> Error {
    let (code, message, offset) = match error {
        rusqlite::Error::SqliteFailure(code, message) => {
            (*code, message.clone().unwrap_or_else(|| code.to_string()), None)
        }
        rusqlite::Error::SqlInputError { error, msg, offset, .. } => {
            (*error, msg.clone(), usize::try_from(*offset).ok())
        }
        rusqlite::Error::MultipleStatement => {
            return Error::new(ErrorKind::Misconfigured, "two statements in one text, expected one");
        }
        rusqlite::Error::ToSqlConversionFailure(_) => {
            return Error::new(ErrorKind::InvalidValue(None), "a value is of a form that cannot be stored");
        }
        other => return Error::new(ErrorKind::Misconfigured, redact(&other.to_string(), arguments)),
    };
    Error {
        kind: classify(code),
        message: redact(&message, arguments),
        code: Some(code.extended_code.to_string()),
        offset: offset.filter(|offset| *offset < text.len()),
    }
}

/// The file does not exist.
pub(super) fn missing(path: &Path) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("the file {} does not exist: correct the path, or add ?mode=rwc to have it created", path.display()),
    )
}

fn classify(error: ffi::Error) -> ErrorKind {
    match (error.code, error.extended_code) {
        (
            ErrorCode::ConstraintViolation,
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID,
        ) => ErrorKind::UniqueViolation,
        (ErrorCode::ConstraintViolation, _) => ErrorKind::ConstraintViolation,
        (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OperationInterrupted, _) => {
            ErrorKind::Timeout
        }
        (ErrorCode::TypeMismatch | ErrorCode::TooBig, _) => ErrorKind::InvalidValue(None),
        // A reader is read-only by our own doing: the statement writes. A writer's file is write-protected.
        (ErrorCode::ReadOnly, ffi::SQLITE_READONLY) => ErrorKind::Misconfigured,
        (
            ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::PermissionDenied
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::NoLargeFileSupport
            | ErrorCode::OperationAborted,
            _,
        ) => ErrorKind::Unavailable,
        (ErrorCode::DiskFull | ErrorCode::OutOfMemory, _) => ErrorKind::Unable,
        _ => ErrorKind::Misconfigured,
    }
}
