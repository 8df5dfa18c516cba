//! The servers that are compared.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::caller::{Caller, Kind, post};
use super::postgres::{Postgres, free_port};
use super::{HASH, USERS};

pub const ON_POSTGRES: &str = "userbridge, PostgreSQL";
pub const EXPRESS: &str = "Express 5, PostgreSQL";

/// Killed when it is dropped.
pub struct Server {
    pub name: String,
    process: Child,
    port: u16,
    paths: [&'static str; 2],
    key: String,
    folder: tempfile::TempDir,
}

impl Server {
    /// The time that the process used of any core.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        // The name in parentheses may hold anything; user and system time are the 14th and 15th field.
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
    }

    pub fn caller(&self, kind: Kind) -> Caller {
        let path = match kind {
            Kind::GetUser => self.paths[0],
            Kind::Login => self.paths[1],
        };
        Caller { kind, port: self.port, path: path.to_owned(), key: self.key.clone() }
    }

    /// A whole request to this server.
    pub fn request(&self, path: &str, body: &str) -> Vec<u8> {
        post(path, &self.key, body).into_bytes()
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn wait(self) -> Self {
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(started.elapsed() < Duration::from_secs(20), "{} does not answer\n{}", self.name, log());
            std::thread::sleep(Duration::from_millis(20));
        }
        self
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts all of them; Express only where Node.js is.
pub fn start(database: &Postgres) -> Vec<Server> {
    let mut servers = vec![
        gateway(ON_POSTGRES, &database.url, "warn", "request_timeout: 30s\n", None),
        gateway("userbridge, PostgreSQL, each request logged", &database.url, "info", "request_timeout: 30s\n", None),
        gateway("userbridge, SQLite", "sqlite:users.sqlite3", "warn", "request_timeout: 30s\n", None),
    ];
    match express(&database.url) {
        Ok(server) => servers.push(server),
        Err(problem) => println!("\n*** WITHOUT EXPRESS: {problem} ***\n"),
    }
    servers
}

/// The gateway with faces and everything else as it is by default.
pub fn with_faces(database: &Postgres, faces: &str, key: &str) -> Server {
    gateway("userbridge, faces", &database.url, "warn", faces, Some(key))
}

/// The gateway with the quick start's definition, as it is shipped, and limits that do not matter.
fn gateway(name: &str, url: &str, log: &str, further: &str, key: Option<&str>) -> Server {
    let program = env!("CARGO_BIN_EXE_userbridge");
    let output = Command::new(program).args(["client", "new", "bench"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (keys, client): (Vec<&str>, Vec<&str>) =
        text.lines().filter(|line| !line.starts_with('#')).partition(|line| !line.starts_with(' '));
    let (port, admin) = (free_port(), free_port());
    let folder = tempfile::tempdir().unwrap();
    let settings = format!(
        "listen: 127.0.0.1:{port}\nadmin: 127.0.0.1:{admin}\nclients:\n{}\n\
         limits: {{ client: 1000000/s, account: 1000000/s }}\n{further}",
        client.join("\n")
    );
    std::fs::write(folder.path().join("userbridge.yaml"), settings).unwrap();
    if let Some(key) = key {
        use std::os::unix::fs::OpenOptionsExt;
        let private =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.path().join("key.pem"));
        std::io::Write::write_all(&mut private.unwrap(), key.as_bytes()).unwrap();
    }
    std::fs::create_dir(folder.path().join("connectors")).unwrap();
    let definition = include_str!("../../examples/quickstart/users.yaml");
    std::fs::write(folder.path().join("connectors/users.yaml"), definition).unwrap();
    if url.starts_with("sqlite:") {
        fill_sqlite(&folder.path().join("users.sqlite3"));
    }
    let log_file = std::fs::File::create(folder.path().join("log")).unwrap();
    let mut command = mortal(program);
    command.arg("serve").current_dir(folder.path()).env("USERS_DATABASE_URL", url).env("USERBRIDGE_LOG", log);
    let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log_file).spawn().unwrap();
    let paths = ["/v1/connectors/users/get_user", "/v1/connectors/users/login"];
    Server { name: name.to_owned(), process, port, paths, key: keys[0].to_owned(), folder }.wait()
}

fn fill_sqlite(path: &Path) {
    let mut connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch(include_str!("../../examples/quickstart/schema.sqlite.sql")).unwrap();
    let transaction = connection.transaction().unwrap();
    let insert = "INSERT INTO users (email, username, password_hash, email_verified) VALUES (?1, ?2, ?3, true)";
    for number in 1..=USERS {
        let name = format!("user{number}");
        transaction.execute(insert, (format!("{name}@example.com"), &name, HASH)).unwrap();
    }
    transaction.commit().unwrap();
}

/// The peer, installed from its lock file into a copy.
fn express(url: &str) -> Result<Server, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/express");
    let folder = tempfile::tempdir().unwrap();
    for file in ["package.json", "package-lock.json", "server.js"] {
        std::fs::copy(source.join(file), folder.path().join(file)).unwrap();
    }
    let quiet = |command: &mut Command| {
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
    };
    let installed = quiet(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]));
    match installed {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("npm ci failed: {status}")),
        Err(error) => return Err(format!("npm cannot be run ({error}): install Node.js")),
    }
    let (port, key) = (free_port(), "bench-key".to_owned());
    let mut command = mortal("node");
    command.arg("server.js").current_dir(folder.path()).env("NODE_ENV", "production");
    command.env("DATABASE_URL", url).env("API_KEY", &key).env("PORT", port.to_string());
    let process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().map_err(|error| error.to_string())?;
    let paths = ["/get_user", "/login"];
    Ok(Server { name: EXPRESS.to_owned(), process, port, paths, key, folder }.wait())
}

/// A command that ends with the benchmark, however that ends.
fn mortal(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig=KILL", "--", program]);
    command
}
