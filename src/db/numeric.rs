//! Numbers as text, the same for every database.
//!
//! Invariant: the shortest text that means exactly the same number.

/// A narrow float's shortest decimal form as a wide float: 0.1 stays 0.1.
pub(super) fn widen(value: f32) -> Option<f64> {
    value.to_string().parse().ok()
}

/// The fraction of a second, with its point; nothing when there is none. The sign is ignored.
pub(super) fn fraction(microseconds: i64) -> String {
    match microseconds.unsigned_abs() {
        0 => String::new(),
        some => format!(".{some:06}").trim_end_matches('0').to_owned(),
    }
}
