//! Standard output and standard error, whose reader may have gone.
//!
//! Invariant: a reader that has seen enough, as in `userbridge check | head`, changes nothing but that no more is
//! written: the command does its work to the end and exits with its own code. What cannot be written for another reason,
//! as on a full disk, is an error.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::sync::OnceLock;

/// Why standard output takes nothing any more.
static REFUSAL: OnceLock<ErrorKind> = OnceLock::new();

/// The standard library's macros of these names panic where a stream takes nothing. In the commands these stand in for
/// them, so that none can forget it.
macro_rules! print {
    ($($argument:tt)*) => { $crate::cli::standard::output(format_args!($($argument)*)) };
}

/// See `print!`.
macro_rules! println {
    () => { $crate::cli::standard::output(format_args!("\n")) };
    ($($argument:tt)*) => { $crate::cli::standard::output(format_args!("{}\n", format_args!($($argument)*))) };
}

/// See `print!`.
macro_rules! eprint {
    ($($argument:tt)*) => { $crate::cli::standard::error(format_args!($($argument)*)) };
}

/// See `print!`.
macro_rules! eprintln {
    () => { $crate::cli::standard::error(format_args!("\n")) };
    ($($argument:tt)*) => { $crate::cli::standard::error(format_args!("{}\n", format_args!($($argument)*))) };
}

/// Writes to standard output, as long as it takes anything.
pub(super) fn output(text: Arguments<'_>) {
    if REFUSAL.get().is_some() {
        return;
    }
    let mut stream = std::io::stdout().lock();
    // What ends in the middle of a line must be there, too, before somebody waits for it or the command ends.
    if let Err(error) = stream.write_fmt(text).and_then(|()| stream.flush()) {
        let _ = REFUSAL.set(error.kind());
    }
}

/// Writes to standard error; where that takes nothing, nobody can be told.
pub(super) fn error(text: Arguments<'_>) {
    let _ = std::io::stderr().lock().write_fmt(text);
}

/// Why not everything that should be on standard output is there, unless its reader left by its own choice.
pub(super) fn failure() -> Option<ErrorKind> {
    REFUSAL.get().copied().filter(|kind| *kind != ErrorKind::BrokenPipe)
}
