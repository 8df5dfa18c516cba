//! The tests that see the crate from outside, in one binary.

mod db;
mod servers;
