//! A PostgreSQL server of our own, with the users in it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{HASH, USERS};

/// Killed and removed when it is dropped.
pub struct Postgres {
    process: Child,
    _folder: tempfile::TempDir,
    pub url: String,
}

impl Postgres {
    /// Starts a server and fills it.
    pub fn start() -> Self {
        let bin = bin();
        // Not under TMPDIR, which the server's own user may not be able to enter.
        let folder = tempfile::Builder::new().prefix("userbridge-bench.").tempdir_in("/tmp").unwrap();
        let data = folder.path().join("data");
        if is_root() {
            let owned = Command::new("chown").arg("nobody").arg(folder.path()).status().unwrap();
            assert!(owned.success(), "cannot give the folder to nobody");
        }
        let mut initdb = as_server(&bin.join("initdb"));
        initdb.arg("--pgdata").arg(&data);
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
        let made = initdb.stdout(Stdio::null()).output().unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let mut server = as_server(&bin.join("postgres"));
        server.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "shared_buffers=128MB"] {
            server.args(["-c", setting]);
        }
        let process = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let server = Self { process, _folder: folder, url };
        server.fill();
        server
    }

    fn fill(&self) {
        let schema = include_str!("../../examples/quickstart/schema.postgres.sql");
        let users = format!(
            "INSERT INTO users (email, username, password_hash, email_verified)
             SELECT 'user' || n || '@example.com', 'user' || n, '{HASH}', true FROM generate_series(1, {USERS}) AS n;
             ANALYZE users;"
        );
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let started = Instant::now();
            let (client, connection) = loop {
                match tokio_postgres::connect(&self.url, tokio_postgres::NoTls).await {
                    Ok(connected) => break connected,
                    Err(error) => assert!(started.elapsed() < Duration::from_secs(30), "PostgreSQL: {error}"),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            };
            tokio::spawn(connection);
            client.batch_execute(schema).await.unwrap();
            client.batch_execute(&users).await.unwrap();
        });
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // QUIT makes it end at once and give its shared memory back; it may have ended already.
        let pid = rustix::process::Pid::from_child(&self.process);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
        let _ = self.process.wait();
    }
}

/// The folder of the newest installed server, which Debian keeps out of PATH.
fn bin() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> = installed.map(|entry| entry.path().join("bin")).collect();
    found.sort();
    let asked = Command::new("pg_config").arg("--bindir").output().ok();
    let asked = asked.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let all = found.into_iter().rev().chain(asked);
    all.into_iter().find(|bin| bin.join("initdb").exists()).expect("install PostgreSQL's server")
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A command that does not run as root, since PostgreSQL refuses to, and ends with the benchmark.
fn as_server(program: &std::path::Path) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--", "setpriv"]);
    }
    command.args(["--pdeathsig=QUIT", "--"]).arg(program);
    command.current_dir("/").stdin(Stdio::null());
    command
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
