//! Black-box tests, one binary.

mod http;
