//! Commands whose output nobody reads to the end, or cannot be written.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_userbridge");

/// Each with its own exit code.
const COMMANDS: &[(&[&str], i32)] = &[
    (&["--help"], 0),
    (&["check", "tests/check/identifier-injection.yaml"], 1),
    (&["check", "--format", "json", "tests/check/empty-file.yaml"], 1),
    (&["check", "--format", "sarif", "tests/check/empty-file.yaml"], 1),
    (&["check", "--format", "github", "tests/check/empty-file.yaml"], 1),
    (&["check", "--explain", "seq-scan"], 0),
    (&["check", "--explain", "nonsense"], 2),
    (&["test", "tests/check/empty-file.yaml"], 1),
    (&["test", "--format", "tap", "tests/check/empty-file.yaml"], 1),
    (&["init"], 0),
    (&["init", "django", "--output", "-"], 0),
    (&["hash", "formats"], 0),
    (&["hash", "identify", "$1$abcdefgh$vc.h.b7/b1zYYwJ7DKEQG1"], 0),
    (&["client", "new", "--help"], 0),
];

fn run(arguments: &[&str], output: Stdio, error: Stdio) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).current_dir(Path::new(env!("CARGO_MANIFEST_DIR"))).stdin(Stdio::null());
    command.stdout(output).stderr(error).spawn().unwrap().wait_with_output().unwrap()
}

/// The writing end of a pipe that has no reading end any more.
fn closed() -> Stdio {
    let (_, writer) = std::io::pipe().unwrap();
    writer.into()
}

#[test]
fn a_reader_that_left_changes_nothing_but_the_output() {
    for (arguments, code) in COMMANDS {
        let usual = run(arguments, Stdio::piped(), Stdio::piped());
        assert_eq!(usual.status.code(), Some(*code), "{arguments:?}: {usual:?}");
        let output = run(arguments, closed(), Stdio::piped());
        assert_eq!(output.status.code(), Some(*code), "{arguments:?}: {output:?}");
        assert_eq!(output.stderr, usual.stderr, "{arguments:?}");
        let blind = run(arguments, closed(), closed());
        assert_eq!(blind.status.code(), Some(*code), "{arguments:?}");
    }
}

#[test]
fn head_takes_the_first_lines_and_nothing_is_said() {
    let script = format!("set -o pipefail; '{PROGRAM}' check --format json tests/check | head -n 2");
    let output = Command::new("bash").args(["-c", &script]).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2);
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_full_disk_is_an_error() {
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
    let output = run(&["init", "django", "--output", "-"], full(), Stdio::piped());
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && error.contains("standard output cannot be written"), "{output:?}");
    assert!(!error.contains("defect"), "{error}");
}
