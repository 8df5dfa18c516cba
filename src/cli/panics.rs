//! What is said of a panic: where it happened, and never with what.
//!
//! Invariant: only texts that stand in the program are shown. A message that was put together at run time may quote what
//! the code worked on: slicing a password at a wrong place quotes the password.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write;
use std::panic::PanicHookInfo;

use super::log;

/// Has panics written to the log, or to standard error before there is one.
pub(super) fn install() {
    std::panic::set_hook(Box::new(report));
}

fn report(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let message = info.payload().downcast_ref::<&'static str>().copied().unwrap_or("the message is not shown");
    // Frames are names of functions; RUST_BACKTRACE asks for them.
    let backtrace = Backtrace::capture();
    let frames = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    match log::is_started() {
        true => tracing::error!(place, message, frames, "panic: this is a defect of userbridge, please report it"),
        false => {
            // Nothing can be done about a standard error that takes nothing.
            let _ = writeln!(
                std::io::stderr(),
                "error: a defect of userbridge at {place}: {message}; please report it\n{}",
                frames.unwrap_or_default()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Run by the test below, in a process of its own: a hook is for all threads.
    #[test]
    #[ignore = "it panics on purpose"]
    fn panics_with_a_secret() {
        install();
        let secret = std::hint::black_box("kanarienvögel-s3cret");
        let _ = std::panic::catch_unwind(|| secret[..10].len());
        let _ = std::panic::catch_unwind(|| panic!("with {secret}"));
        let _ = std::panic::catch_unwind(|| panic!("a text of the program"));
        drop(std::panic::take_hook());
        if option_is_set("SHOW") {
            let _ = std::panic::catch_unwind(|| secret[..10].len());
        }
    }

    fn option_is_set(name: &str) -> bool {
        super::super::variable(name).is_some()
    }

    #[test]
    fn a_panic_says_where_it_happened_and_not_with_what() {
        let run = |show: bool| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", "cli::panics::tests::panics_with_a_secret", "--ignored", "--nocapture"]);
            command.env_remove("RUST_BACKTRACE").env_remove("SHOW");
            if show {
                command.env("SHOW", "1");
            }
            let output = command.output().unwrap();
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
        };
        let text = run(false);
        assert_eq!(text.matches("src/cli/panics.rs:").count(), 3, "{text}");
        assert!(text.contains("a text of the program") && !text.contains("s3cret"), "{text}");
        // The control: what the standard library would have written.
        assert!(run(true).contains("s3cret"));
    }
}
