//! Where the servers for the tests are: `tests/run` starts them and says so in the environment.

#![expect(clippy::panic, reason = "a test without its server must fail loudly")]

/// The URL of a PostgreSQL server on which everything may be done.
pub fn postgres() -> String {
    address("USERBRIDGE_TEST_POSTGRES")
}

/// The URL of a MySQL or MariaDB server on which everything may be done.
pub fn mysql() -> String {
    address("USERBRIDGE_TEST_MYSQL")
}

/// A Python with the libraries that tests use.
pub fn python() -> String {
    address("USERBRIDGE_TEST_PYTHON")
}

/// The folder with the modules for Node.js that tests use.
pub fn node_modules() -> std::path::PathBuf {
    address("USERBRIDGE_TEST_NODE_MODULES").into()
}

#[expect(clippy::disallowed_methods, reason = "tests/run says in the environment where its servers are")]
fn address(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run tests/run, which starts the servers"))
}
