//! `database.url` parsed once: what the drivers need, and nothing that could print the password.
//!
//! Invariant: no message of this module holds any part of the URL that could be a password.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};

use crate::secret::Secret;
use crate::sql::Dialect;

/// A database to connect to.
#[derive(Clone, Debug)]
pub struct Config {
    endpoint: Endpoint,
    max_connections: u32,
    timeout: Duration,
}

impl Config {
    /// Reads a URL such as `postgres://user:password@host/database`, `mysql://…`, `mariadb://…`, `sqlite:users.db`
    /// or `sqlite::memory:`. The timeout is the longest time that any call may take; servers are told to give up a
    /// little earlier. Reads and transactions have connections of their own, so that two are open at least.
    ///
    /// # Errors
    /// What was found, what was expected, and how to fix it; never a part of the password.
    pub fn parse(url: &str, max_connections: u32, timeout: Duration) -> Result<Self, UrlError> {
        if max_connections == 0 {
            return fail("max_connections is 0, expected at least 1");
        }
        if timeout < Duration::from_millis(10) {
            return fail("the timeout is below 10 ms, expected a time such as 2s");
        }
        let Some((scheme, rest)) = url.trim().split_once(':') else {
            return fail("the URL has no scheme, expected postgres://, mysql://, mariadb:// or sqlite:");
        };
        let endpoint = match Dialect::of_scheme(scheme) {
            Some(Dialect::Postgres) => Endpoint::Postgres(Server::parse(url.trim(), &POSTGRES)?),
            Some(Dialect::Mysql) => Endpoint::Mysql(Server::parse(url.trim(), &MYSQL)?),
            Some(Dialect::Sqlite) => Endpoint::Sqlite(File::parse(rest)?),
            None => return fail("unknown scheme in the URL, expected postgres://, mysql://, mariadb:// or sqlite:"),
        };
        Ok(Self { endpoint, max_connections, timeout })
    }

    /// The grammar of this database's statements.
    pub fn dialect(&self) -> Dialect {
        match &self.endpoint {
            Endpoint::Postgres(_) => Dialect::Postgres,
            Endpoint::Mysql(_) => Dialect::Mysql,
            Endpoint::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// Whether the URL holds a password.
    pub fn has_literal_password(&self) -> bool {
        matches!(&self.endpoint, Endpoint::Postgres(server) | Endpoint::Mysql(server) if server.password.is_some())
    }

    /// As whom the gateway connects; None for files.
    pub fn user(&self) -> Option<&str> {
        match &self.endpoint {
            Endpoint::Postgres(server) | Endpoint::Mysql(server) => Some(&server.user),
            Endpoint::Sqlite(_) => None,
        }
    }

    /// What is not protected on the way to another machine: everybody there could read and change it.
    pub fn unprotected(&self) -> Option<&'static str> {
        let (Endpoint::Postgres(server) | Endpoint::Mysql(server)) = &self.endpoint else { return None };
        match (&server.address, server.tls.mode) {
            (Address::Tcp { host, .. }, _) if is_loopback(host) => None,
            (Address::Socket { .. }, _) | (_, TlsMode::VerifyFull | TlsMode::VerifyCa) => None,
            (_, TlsMode::Disable) => Some("the connection to the database is not encrypted"),
            (_, TlsMode::Require) => {
                Some("the database's certificate is not verified, so anybody could stand in for it")
            }
        }
    }

    /// The most connections that are open at once.
    pub fn max_connections(&self) -> u32 {
        self.max_connections
    }

    /// The longest time that any call may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Equal for configurations that can share one pool; the password counts too, so that a new one makes a new pool.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        // Debug shows every field but the password.
        hash.update(format!("{self:?}"));
        if let Endpoint::Postgres(Server { password: Some(password), .. })
        | Endpoint::Mysql(Server { password: Some(password), .. }) = &self.endpoint
        {
            hash.update([0]);
            hash.update(password.expose());
        }
        Fingerprint(hash.finalize().into())
    }

    /// The same database for a transaction that is rolled back: nothing outlasts it, not even a file's journal mode.
    #[must_use]
    pub fn for_rehearsal(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        if let Endpoint::Sqlite(file) = &mut self.endpoint {
            file.keep_journal = true;
        }
        self
    }

    /// The same database with another limit of time.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The same database; a file that is missing is created, with an empty database in it.
    #[must_use]
    pub fn creating(mut self) -> Self {
        if let Endpoint::Sqlite(file) = &mut self.endpoint {
            file.create = !file.read_only;
        }
        self
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// How long the server may work on one statement: it should give up before we do, so that it can say so.
    pub(super) fn statement_timeout(&self) -> Duration {
        self.timeout - (self.timeout / 10).min(Duration::from_millis(100))
    }

    /// How long a statement may wait for a lock: less, so that the error names the lock.
    pub(super) fn lock_timeout(&self) -> Duration {
        self.timeout - self.timeout / 5
    }
}

/// Says whether two configurations can share one pool.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A fast hash over a password would be an oracle for guesses.
        f.write_str("[fingerprint]")
    }
}

/// What is wrong with a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlError(String);

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UrlError {}

/// Which database, and where.
#[derive(Clone, Debug)]
pub(super) enum Endpoint {
    Postgres(Server),
    Mysql(Server),
    Sqlite(File),
}

/// A server that is reached over the network or a socket.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub address: Address,
    pub user: String,
    pub password: Option<Secret>,
    pub database: Option<String>,
    pub tls: Tls,
}

/// Where a server listens.
#[derive(Clone, Debug)]
pub(super) enum Address {
    Tcp { host: String, port: u16 },
    Socket { path: PathBuf, port: u16 },
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Socket { path, .. } => write!(f, "{}", path.display()),
        }
    }
}

/// How the connection is protected.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    pub mode: TlsMode,
    /// A PEM file with the authorities to trust instead of the public ones.
    pub root_certificate: Option<PathBuf>,
}

impl Tls {
    /// What was asked for; by default everything is checked unless packets stay on this machine.
    fn of(address: &Address, asked: Option<TlsMode>, root_certificate: Option<PathBuf>) -> Self {
        let local = match address {
            Address::Tcp { host, .. } => is_loopback(host),
            Address::Socket { .. } => true,
        };
        let mode = match asked {
            Some(TlsMode::Require) if root_certificate.is_some() => TlsMode::VerifyCa,
            Some(mode) => mode,
            None if local => TlsMode::Disable,
            None => TlsMode::VerifyFull,
        };
        Self { mode, root_certificate }
    }
}

/// What is checked of the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TlsMode {
    /// No TLS.
    Disable,
    /// TLS with any certificate.
    Require,
    /// The certificate's authority is checked.
    VerifyCa,
    /// The authority and the host's name are checked.
    VerifyFull,
}

/// What differs between the two kinds of servers.
struct Kind {
    name: &'static str,
    port: u16,
    parameters: &'static str,
    tls_mode: &'static str,
    tls_modes: [&'static str; 4],
    root_certificate: &'static str,
}

const POSTGRES: Kind = Kind {
    name: "postgres",
    port: 5432,
    parameters: "host, port, user, password, dbname, sslmode and sslrootcert",
    tls_mode: "sslmode",
    tls_modes: ["disable", "require", "verify-ca", "verify-full"],
    root_certificate: "sslrootcert",
};

const MYSQL: Kind = Kind {
    name: "mysql",
    port: 3306,
    parameters: "socket, user, password, ssl-mode and ssl-ca",
    tls_mode: "ssl-mode",
    tls_modes: ["disabled", "required", "verify_ca", "verify_identity"],
    root_certificate: "ssl-ca",
};

impl Server {
    fn parse(url: &str, kind: &Kind) -> Result<Self, UrlError> {
        let hint = "; characters such as / ? # @ : in a user name or password must be percent-encoded";
        let Ok(parsed) = url::Url::parse(url) else {
            return fail(format!("the URL cannot be read, expected {}://user@host/database{hint}", kind.name));
        };
        if parsed.fragment().is_some() || parsed.cannot_be_a_base() {
            return fail(format!("the URL is not of the form {}://user@host/database{hint}", kind.name));
        }
        let mut found = Found::default();
        for (name, value) in parsed.query_pairs() {
            found.set(kind, &name, &value)?;
        }
        let user = found.user.or_else(|| Some(decode(parsed.username())).filter(|user| !user.is_empty()));
        let Some(user) = user else {
            return fail(format!("the URL names no user, expected {}://USER@host/database", kind.name));
        };
        let password = found.password.or_else(|| parsed.password().map(decode));
        let database = found.database.or_else(|| Some(decode(parsed.path().trim_start_matches('/'))));
        let port = found.port.or(parsed.port()).unwrap_or(kind.port);
        let host = found.host.or_else(|| parsed.host_str().map(decode)).filter(|host| !host.is_empty());
        let address = match (found.socket, host) {
            (Some(path), _) => Address::Socket { path, port },
            (None, Some(host)) if host.starts_with('/') => Address::Socket { path: host.into(), port },
            (None, Some(host)) => {
                Address::Tcp { host: host.trim_start_matches('[').trim_end_matches(']').to_owned(), port }
            }
            (None, None) => Address::Tcp { host: "localhost".to_owned(), port },
        };
        let tls = Tls::of(&address, found.tls_mode, found.root_certificate);
        let database = database.filter(|name| !name.is_empty());
        Ok(Self { address, user, password: password.map(Secret::new), database, tls })
    }
}

/// What the parameters behind the question mark say.
#[derive(Default)]
struct Found {
    host: Option<String>,
    socket: Option<PathBuf>,
    port: Option<u16>,
    user: Option<String>,
    password: Option<String>,
    database: Option<String>,
    tls_mode: Option<TlsMode>,
    root_certificate: Option<PathBuf>,
}

impl Found {
    fn set(&mut self, kind: &Kind, name: &str, value: &str) -> Result<(), UrlError> {
        let postgres = kind.port == POSTGRES.port;
        match name {
            "user" => self.user = Some(value.to_owned()),
            "password" => self.password = Some(value.to_owned()),
            "host" if postgres => self.host = Some(value.to_owned()),
            "dbname" if postgres => self.database = Some(value.to_owned()),
            "port" if postgres => match value.parse() {
                Ok(port) => self.port = Some(port),
                Err(_) => return fail("parameter port of the URL is not a port number"),
            },
            "socket" if !postgres => self.socket = Some(value.into()),
            _ if name == kind.root_certificate => self.root_certificate = Some(value.into()),
            _ if name == kind.tls_mode => self.tls_mode = Some(tls_mode(kind, value)?),
            // A parameter's name cannot be told from the rest of a password that was not percent-encoded.
            _ => return fail(format!("unknown parameter in the URL, known are {}", kind.parameters)),
        }
        Ok(())
    }
}

fn tls_mode(kind: &Kind, value: &str) -> Result<TlsMode, UrlError> {
    let modes = [TlsMode::Disable, TlsMode::Require, TlsMode::VerifyCa, TlsMode::VerifyFull];
    let value = value.to_ascii_lowercase();
    let position = kind.tls_modes.iter().position(|name| *name == value);
    match position {
        Some(index) => Ok(modes[index]),
        None => fail(format!(
            "{} of the URL is not known, expected {}; a mode that falls back to no TLS is not offered",
            kind.tls_mode,
            kind.tls_modes.join(", ")
        )),
    }
}

/// An SQLite database.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub place: Place,
    /// A file that is missing is created.
    pub create: bool,
    /// Nothing can be written.
    pub read_only: bool,
    /// The journal mode stays as it is.
    pub keep_journal: bool,
}

/// Where an SQLite database is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// In memory; the number tells one from the other.
    Memory(u64),
    Path(PathBuf),
}

impl File {
    fn parse(rest: &str) -> Result<Self, UrlError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        if rest == ":memory:" {
            let place = Place::Memory(NEXT.fetch_add(1, Ordering::Relaxed));
            return Ok(Self { place, create: true, read_only: false, keep_journal: false });
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = decode(path.strip_prefix("//").unwrap_or(path));
        if path.is_empty() {
            return fail("the URL names no file, expected sqlite:path/to/users.db or sqlite:///absolute/path.db");
        }
        let (create, read_only) = match query {
            "" | "mode=rw" => (false, false),
            "mode=ro" => (false, true),
            "mode=rwc" => (true, false),
            _ => return fail("unknown parameter in the URL, known are mode=ro, mode=rw and mode=rwc"),
        };
        Ok(Self { place: Place::Path(path.into()), create, read_only, keep_journal: false })
    }
}

/// Whether packets to this host stay on this machine.
fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn fail<T>(message: impl Into<String>) -> Result<T, UrlError> {
    Err(UrlError(message.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Config {
        Config::parse(url, 5, Duration::from_secs(2)).unwrap()
    }

    fn server(url: &str) -> Server {
        match parse(url).endpoint {
            Endpoint::Postgres(server) | Endpoint::Mysql(server) => server,
            Endpoint::Sqlite(_) => panic!("not a server"),
        }
    }

    #[test]
    fn tls_is_verified_unless_the_host_is_this_machine() {
        for (url, mode) in [
            ("postgres://u@db.example.com/x", TlsMode::VerifyFull),
            ("mysql://u@db.example.com/x", TlsMode::VerifyFull),
            ("postgres://u@127.0.0.1/x", TlsMode::Disable),
            ("postgres://u@[::1]/x", TlsMode::Disable),
            ("mysql://u@localhost/x", TlsMode::Disable),
            ("postgres:///x?host=/run/postgresql&user=u", TlsMode::Disable),
            ("postgres://u@db.example.com/x?sslmode=require", TlsMode::Require),
            ("postgres://u@db.example.com/x?sslmode=require&sslrootcert=ca.pem", TlsMode::VerifyCa),
            ("mysql://u@db.example.com/x?ssl-mode=VERIFY_CA", TlsMode::VerifyCa),
        ] {
            assert_eq!(server(url).tls.mode, mode, "{url}");
        }
    }

    #[test]
    fn parts_are_decoded() {
        let server = server("postgres://a%40b:p%2Fw@[::1]:6000/my%20db");
        assert_eq!((server.user.as_str(), server.database.as_deref()), ("a@b", Some("my db")));
        assert!(server.password.unwrap().matches(b"p/w"));
        assert_eq!(server.address.to_string(), "[::1]:6000");
    }

    #[test]
    fn messages_and_debug_never_hold_the_password() {
        for url in [
            "postgres://u:s3cret#x@host/db",
            "postgres://u:s3cret/x@host/db",
            "postgres://u:s3cret@ho st/db",
            "postgres://u@host/db?s3cret=1",
            "postgres://u@host/db?sslmode=s3cret",
            "oracle://u:s3cret@host/db",
            "u:s3cret@host/db",
            "sqlite:x.db?s3cret",
            "postgres://:s3cret@host/db",
        ] {
            let error = Config::parse(url, 5, Duration::from_secs(2)).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{url}: {error}");
        }
        assert!(!format!("{:?}", parse("mysql://u:s3cret@h/db")).contains("s3cret"));
    }

    #[test]
    fn fingerprints_differ_with_everything_that_a_pool_depends_on() {
        let same = parse("postgres://u:a@h/db").fingerprint();
        assert_eq!(same, parse("postgres://u:a@h/db").fingerprint());
        for other in ["postgres://u:b@h/db", "postgres://u:a@h/other", "postgres://u@h/db", "mysql://u:a@h/db"] {
            assert_ne!(same, parse(other).fingerprint(), "{other}");
        }
        let slower = Config::parse("postgres://u:a@h/db", 5, Duration::from_secs(3)).unwrap();
        assert_ne!(same, slower.fingerprint());
    }
}
