//! Fuzz targets for everything that reads what others write.
//!
//! With `cargo install cargo-fuzz`, and from the top of the repository:
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz-targets definition` (or `statement`, `forwarded`, `body`,
//! `stored_hash`). The variable lets a stable compiler instrument; a nightly one needs it not.

pub mod targets;
