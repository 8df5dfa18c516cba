//! What fuzzers found worth keeping, and what they began with, goes through the same targets again.

#![expect(clippy::expect_used, reason = "a test fails by panicking, in its helpers too")]

#[path = "../fuzz-targets/src/targets.rs"]
mod targets;

use std::panic::catch_unwind;
use std::path::Path;

use self::targets::{ALL, Target};

/// The inputs of a target on which it panics, and how many there are.
fn replay((name, target): Target) -> (Vec<String>, usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz-targets/corpus").join(name);
    let inputs: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let bad = inputs.iter().filter(|path| {
        let bytes = std::fs::read(path).unwrap();
        // Cut anywhere it is another input.
        let halves = [&bytes[..], &bytes[..bytes.len() / 2], &bytes[bytes.len() / 3..]];
        halves.into_iter().any(|bytes| catch_unwind(|| target(bytes)).is_err())
    });
    (bad.map(|path| path.display().to_string()).collect(), inputs.len())
}

#[test]
fn no_input_of_the_corpus_makes_a_target_panic() {
    for target in ALL {
        let (bad, count) = replay(target);
        assert!(bad.is_empty(), "{bad:?}");
        assert!(count >= 2, "{}: {count} inputs", target.0);
    }
    // The control: a target that panics is noticed.
    let (bad, count) = replay(("body", |bytes| assert!(bytes.is_empty(), "a planted defect")));
    assert_eq!(bad.len(), count);
}
