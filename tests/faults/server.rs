//! A database server of the test's own.

use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use userbridge::sql::Dialect;

use super::support::try_run;

/// A database server that this test may do anything to.
pub struct Server {
    dialect: Dialect,
    folder: tempfile::TempDir,
    port: u16,
    process: Option<Child>,
    further: Vec<String>,
}

impl Server {
    pub fn new(dialect: Dialect) -> Self {
        Self::with(dialect, |_| Vec::new())
    }

    /// A server with these further arguments, which are made once its folder of data is there.
    pub fn with(dialect: Dialect, further: impl FnOnce(&Self) -> Vec<String>) -> Self {
        // Not under TMPDIR: the path of a Unix socket has room for about 100 characters.
        let folder = tempfile::Builder::new().prefix("userbridge-server.").tempdir_in("/tmp").unwrap();
        if let Some(user) = variable("USERBRIDGE_TEST_SERVER_USER") {
            assert!(Command::new("chown").arg(format!("{user}:")).arg(folder.path()).status().unwrap().success());
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { dialect, folder, port, process: None, further: Vec::new() };
        let data = server.data();
        let mut create = match dialect {
            Dialect::Postgres => {
                let mut create = program("USERBRIDGE_TEST_PG_BIN", "initdb");
                create.args(["--pgdata", &data, "--username", "postgres", "--auth", "trust", "--no-sync"]);
                create.args(["--encoding", "UTF8", "--locale", "C.UTF-8", "--no-instructions"]);
                create
            }
            _ => {
                let mut create = as_server("mariadb-install-db".to_owned());
                create.args(["--no-defaults", &format!("--datadir={data}"), "--skip-test-db", "--skip-name-resolve"]);
                create.arg("--auth-root-authentication-method=normal");
                create
            }
        };
        assert!(create.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
        server.further = further(&server);
        server.start();
        server
    }

    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    pub fn start(&mut self) {
        let (data, port) = (self.data(), self.port.to_string());
        let mut command = match self.dialect {
            Dialect::Postgres => {
                let mut command = program("USERBRIDGE_TEST_PG_BIN", "postgres");
                command.args(["-D", &data, "-p", &port, "-c", "listen_addresses=127.0.0.1"]);
                command.args(["-c", "unix_socket_directories=", "-c", "max_connections=20", "-c", "fsync=off"]);
                command
            }
            _ => {
                let mut command = program("USERBRIDGE_TEST_MYSQL_BIN", "mariadbd");
                command.args(["--no-defaults", &format!("--datadir={data}"), &format!("--port={port}")]);
                command.args(["--bind-address=127.0.0.1", "--skip-name-resolve", "--max-connections=15"]);
                command.args([&format!("--socket={data}/socket"), &format!("--pid-file={data}/pid")]);
                command.args(["--innodb-buffer-pool-size=32M", "--performance-schema=off", "--skip-log-bin"]);
                command
            }
        };
        let command = command.args(&self.further).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(command.spawn().unwrap());
        let begun = Instant::now();
        while let Err(error) = try_run(&self.url(), "SELECT 1") {
            assert!(begun.elapsed() < Duration::from_secs(30), "the server does not start: {error}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Writes a file that only the server may read, and says where it is.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        // As one step, for a server that reads it while it is replaced.
        let aside = self.folder.path().join("aside");
        std::fs::write(&aside, text).unwrap();
        std::fs::set_permissions(&aside, std::fs::Permissions::from_mode(0o600)).unwrap();
        if let Some(user) = variable("USERBRIDGE_TEST_SERVER_USER") {
            assert!(Command::new("chown").arg(format!("{user}:")).arg(&aside).status().unwrap().success());
        }
        std::fs::rename(&aside, &path).unwrap();
        path.display().to_string()
    }

    pub fn url(&self) -> String {
        match self.dialect {
            Dialect::Postgres => format!("postgres://postgres@127.0.0.1:{}/postgres", self.port),
            _ => format!("mysql://root@127.0.0.1:{}/mysql", self.port),
        }
    }

    /// Sends a signal to all of the server's processes: PostgreSQL has one for each connection.
    pub fn signal(&self, signal: Signal) {
        let parent = Pid::from_child(self.process.as_ref().unwrap());
        for entry in std::fs::read_dir("/proc").unwrap().map_while(Result::ok) {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw)
            else {
                continue;
            };
            let status = std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
            let of = status.lines().find_map(|line| line.strip_prefix("PPid:")).map(str::trim);
            if pid == parent || of == Some(&parent.as_raw_nonzero().to_string()) {
                // It may have ended just now.
                let _ = kill_process(pid, signal);
            }
        }
    }

    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.process.take().unwrap().wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // QUIT makes PostgreSQL remove its shared memory.
            let signal = if self.dialect == Dialect::Postgres { Signal::QUIT } else { Signal::KILL };
            let _ = kill_process(Pid::from_child(&process), signal);
            let _ = process.wait();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "tests/run says in the environment where the servers' programs are")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn program(folder: &str, name: &str) -> Command {
    let folder = variable(folder).unwrap_or_else(|| panic!("{folder} is not set: run tests/run"));
    as_server(format!("{folder}/{name}"))
}

/// Neither server runs as root.
fn as_server(program: String) -> Command {
    let mut command = match variable("USERBRIDGE_TEST_SERVER_USER") {
        None => Command::new(program),
        Some(user) => {
            let mut command = Command::new("setpriv");
            command.args([&format!("--reuid={user}"), "--regid=nogroup", "--clear-groups", "--", &program]);
            command
        }
    };
    command.current_dir("/");
    command
}
