//! MySQL's and MariaDB's error numbers and what follows from them.
//!
//! Invariant: no bound value gets into a message; the servers quote values, so quoted values are cut.

use sea_orm::sqlx;
use sea_orm::sqlx::mysql::MySqlDatabaseError;

use crate::db::failure::{Failure, Fate, cut_quoted, redact, without_password};
use crate::db::url::Server;
use crate::db::{Error, ErrorKind, Value};

/// What a statement was, to say more of its error.
#[derive(Clone, Copy, Default)]
pub(super) struct Context<'a> {
    pub text: &'a str,
    pub arguments: &'a [Value],
}

/// Sorts a driver's error.
pub(super) fn failure(error: sqlx::Error, context: &Context<'_>) -> Failure {
    let sqlx::Error::Database(db) = &error else {
        return match error {
            // The driver counts placeholders before it sends anything.
            sqlx::Error::Protocol(message) if message.contains("parameters were provided") => {
                Failure::clean(Error::new(ErrorKind::Misconfigured, message))
            }
            other => Failure::broken(Error::new(ErrorKind::Unavailable, other.to_string())),
        };
    };
    let Some(db) = db.try_downcast_ref::<MySqlDatabaseError>() else {
        return Failure::broken(Error::new(ErrorKind::Unavailable, db.message()));
    };
    let (kind, fate) = classify(db.number());
    let message = without_values(db.number(), &redact(db.message(), context.arguments));
    let offset = if kind == ErrorKind::Misconfigured { place(db.message(), context.text) } else { None };
    Failure { error: Error { kind, message, code: Some(db.number().to_string()), offset }, fate }
}

/// Sorts an error of the attempt to connect.
pub(super) fn connecting(server: &Server, error: sqlx::Error) -> Error {
    let failure = failure(error, &Context::default());
    let why = without_password(&failure.error.message, server);
    let message = format!("cannot connect to {}: {why}", server.address);
    Error { kind: ErrorKind::Unavailable, message, ..failure.error }
}

fn classify(number: u16) -> (ErrorKind, Fate) {
    use ErrorKind::{
        Conflict, ConstraintViolation, InvalidValue, Misconfigured, ReadOnly, Timeout, Unable, Unavailable,
        UniqueViolation,
    };
    match number {
        1022 | 1062 | 1169 | 1586 | 1859 => (UniqueViolation, Fate::Clean),
        // NOT NULL, no default, foreign keys, too long, CHECK, SIGNAL from a trigger.
        1048 | 1216 | 1217 | 1263 | 1364 | 1369 | 1406 | 1451 | 1452 | 1644 | 1761 | 1762 | 3819 | 4025 => {
            (ConstraintViolation, Fate::Clean)
        }
        // Out of range, truncated, of another type, not JSON, not of the character set.
        1264 | 1265 | 1292 | 1300 | 1366 | 1367 | 1411 | 1690 | 3140 | 3141 | 3854 => (InvalidValue(None), Fate::Clean),
        // Lock wait, interrupted, time limit (MariaDB, MySQL), lock NOWAIT.
        1205 | 1317 | 1969 | 3024 | 3572 => (Timeout, Fate::Clean),
        // Deadlock, changed since read, table definition changed.
        1020 | 1213 | 1412 | 3101 => (Conflict, Fate::Clean),
        // The prepared statement is no longer known or no longer fits.
        1243 | 1615 => (Unavailable, Fate::Broken),
        // A server that was made read-only.
        1290 | 1836 => (ReadOnly, Fate::Broken),
        // Too many connections, shutdown, killed, packets lost, not ready server.
        1040
        | 1043
        | 1047
        | 1053
        | 1077..=1081
        | 1129
        | 1152..=1161
        | 1180
        | 1184
        | 1189
        | 1190
        | 1203
        | 1218
        | 1226
        | 1927
        | 2006
        | 2013
        | 3169
        | 4031 => (Unavailable, Fate::Broken),
        // Disk or table full, out of memory, engine errors.
        1021 | 1026 | 1030 | 1034 | 1037 | 1038 | 1041 | 1114 | 1206 => (Unable, Fate::Clean),
        // 1792 among them: a statement that writes in a session that may only read.
        _ => (Misconfigured, Fate::Clean),
    }
}

/// Cuts the values that these messages quote: `Duplicate entry 'x' for key 'k'`, `Incorrect integer value: 'x' for …`.
fn without_values(number: u16, message: &str) -> String {
    let (start, end) = match number {
        1022 | 1062 | 1169 | 1586 | 1859 => ("entry '", "' for key"),
        1292 | 1366 | 1367 | 1411 | 1300 => (": '", "' for "),
        // An expression with the values in it.
        1690 => return cut_quoted(message, '\''),
        _ => return message.to_owned(),
    };
    let Some(begin) = message.find(start).map(|at| at + start.len()) else { return message.to_owned() };
    let stop = message.rfind(end).or_else(|| message.rfind('\'')).filter(|stop| *stop >= begin);
    match stop {
        Some(stop) => format!("{}…{}", &message[..begin], &message[stop..]),
        None => format!("{}…", &message[..begin]),
    }
}

/// The server quotes the rest of the statement (`near '…'`) or a name; its place is known when it is the only one.
fn place(message: &str, text: &str) -> Option<usize> {
    let quoted = match message.split_once("near '") {
        Some((_, rest)) => rest.rsplit_once("' at line").map(|(near, _)| near)?,
        None => message.split('\'').nth(1)?,
    };
    let mut found = text.match_indices(quoted).map(|(offset, _)| offset);
    match (found.next(), found.next()) {
        (Some(offset), None) if !quoted.is_empty() => Some(offset),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_values_are_cut() {
        assert_eq!(
            without_values(1062, "Duplicate entry 'a' for key 'b' for key 'k'"),
            "Duplicate entry '…' for key 'k'"
        );
        let message = "Incorrect integer value: 'x' for column `d`.`t`.`n` at row 1";
        assert_eq!(without_values(1366, message), "Incorrect integer value: '…' for column `d`.`t`.`n` at row 1");
        assert_eq!(
            without_values(1292, "Truncated incorrect DOUBLE value: 'x'"),
            "Truncated incorrect DOUBLE value: '…'"
        );
    }

    #[test]
    fn the_place_of_an_error_is_found() {
        assert_eq!(place("Unknown column 'emial' in 'field list'", "SELECT emial FROM t"), Some(7));
        assert_eq!(place("… near 'FORM t' at line 1", "SELECT a FORM t"), Some(9));
        assert_eq!(place("Unknown column 'a' in 'field list'", "SELECT a, a"), None);
    }
}
