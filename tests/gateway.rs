//! The real gateway, as its users run it: a folder with settings and definitions, `userbridge serve` on free ports,
//! and a client that calls it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value as Json, json};

/// How long a gateway may take for what is usually done at once; machines that run tests are busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway that is about to be started: a folder with its settings, and definitions in `connectors/`.
pub struct Setup {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
    prefix: Vec<String>,
    settings: String,
    wait: bool,
}

impl Setup {
    /// Settings with one client that may do everything, and limits that no test reaches.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("connectors")).unwrap();
        let settings = "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nrequest_timeout: 30s\n\
                        limits: { client: 1000000/s, address: 1000000/s, account: 1000000/s }\n";
        let settings = format!("{settings}clients:\n{}", client().yaml);
        Self { folder, environment: Vec::new(), arguments: Vec::new(), prefix: Vec::new(), settings, wait: true }
    }

    /// Adds a definition; the name is that of its file, as in `acme.yaml`.
    pub fn definition(self, name: &str, text: &str) -> Self {
        std::fs::write(self.folder.path().join("connectors").join(name), text).unwrap();
        self
    }

    /// Sets a variable in the gateway's environment.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Adds an argument to `userbridge serve`.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Starts it through another program, which takes the gateway's command after these arguments and becomes it.
    pub fn through(mut self, prefix: &[&str]) -> Self {
        self.prefix = prefix.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Replaces the settings, which then need their own clients, as [`client`] has.
    pub fn settings(mut self, settings: impl Into<String>) -> Self {
        self.settings = settings.into();
        self
    }

    /// Does not wait until the statements are prepared: for databases that are down.
    pub fn without_databases(mut self) -> Self {
        self.wait = false;
        self
    }

    /// The folder of the settings; definitions are in its `connectors`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it and waits until it is ready.
    pub fn start(self) -> Gateway {
        match self.try_start() {
            Ok(gateway) => gateway,
            Err(refused) => panic!("the gateway does not start ({:?}):\n{}", refused.code, refused.output),
        }
    }

    /// Starts it and waits until it is ready, or until it ended by itself.
    pub fn try_start(self) -> Result<Gateway, Refused> {
        std::fs::write(self.folder.path().join("userbridge.yaml"), &self.settings).unwrap();
        let mut command = through(&self.prefix);
        command.arg("serve").args(&self.arguments).current_dir(self.folder.path());
        let environment = self.environment;
        command
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = Process(command.spawn().unwrap());
        let log = Log::follow(process.0.stderr.take().unwrap());
        let started = Instant::now();
        let serving = loop {
            if let Some(record) = log.records().into_iter().find(|record| record["fields"]["message"] == "serving") {
                break record;
            }
            if let Some(status) = process.0.try_wait().unwrap() {
                return Err(Refused { code: status.code(), output: log.into_text() });
            }
            assert!(started.elapsed() < PATIENCE, "the gateway neither serves nor ends:\n{}", log.text());
            std::thread::sleep(Duration::from_millis(5));
        };
        let listen = serving["fields"]["address"].as_str().unwrap().to_owned();
        let admin: SocketAddr = serving["fields"]["admin"].as_str().unwrap().parse().unwrap();
        // One connection for each request: whether connections are kept is tested elsewhere.
        let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        let agent = agent.max_idle_connections(0).build();
        let gateway = Gateway {
            // A socket has no address.
            address: listen.parse().unwrap_or(([0, 0, 0, 0], 0).into()),
            listen,
            admin,
            agent: agent.into(),
            log,
            process,
            folder: self.folder,
            canaries: Canaries::of(&environment),
        };
        gateway.eventually("it is ready", || gateway.get("/readyz").status == 200);
        if self.wait {
            gateway.eventually("the databases answer", || gateway.is_warm());
        }
        Ok(gateway)
    }
}

/// A gateway that ended instead of serving.
pub struct Refused {
    pub code: Option<i32>,
    /// All of its standard error.
    pub output: String,
}

/// A running gateway; killed when it is dropped.
pub struct Gateway {
    /// Where requests are answered.
    pub address: SocketAddr,
    /// The same as it was logged, as in `unix:/run/userbridge.sock`.
    pub listen: String,
    /// Where it shows its state.
    pub admin: SocketAddr,
    agent: ureq::Agent,
    log: Log,
    process: Process,
    folder: tempfile::TempDir,
    canaries: Canaries,
}

impl Gateway {
    /// A gateway with these definitions, by the names of their files.
    pub fn start(definitions: &[(&str, &str)]) -> Self {
        definitions.iter().fold(Setup::new(), |setup, (name, text)| setup.definition(name, text)).start()
    }

    /// Calls an action of a connector.
    pub fn call(&self, connector: &str, action: &str, body: &Json) -> Reply {
        self.post(&format!("/v1/connectors/{connector}/{action}"), body.to_string().as_bytes())
    }

    /// Sends a body, as the one client that may do everything.
    pub fn post(&self, path: &str, body: &[u8]) -> Reply {
        self.canaries.note(body);
        let request = self.agent.post(format!("http://{}{path}", self.address));
        let request = request.header("authorization", format!("Bearer {}", client().key));
        Reply::of(request.content_type("application/json").send(body).unwrap())
    }

    /// Sends any request with these headers and no others of its own.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, String)], body: &[u8]) -> Reply {
        let request = ureq::http::Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        match body {
            [] => Reply::of(self.agent.run(request.body(()).unwrap()).unwrap()),
            body => Reply::of(self.agent.run(request.body(body).unwrap()).unwrap()),
        }
    }

    /// Asks the operator's listener.
    pub fn get(&self, path: &str) -> Reply {
        Reply::of(self.agent.get(format!("http://{}{path}", self.admin)).call().unwrap())
    }

    /// The folder of the definitions, which is watched.
    pub fn connectors(&self) -> PathBuf {
        self.folder.path().join("connectors")
    }

    /// The folder of the settings.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process.0), signal).unwrap();
    }

    /// All that it wrote to standard error.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// The records that it logged.
    pub fn records(&self) -> Vec<Json> {
        self.log.records()
    }

    /// Waits until it is so; fails the test when that takes too long.
    #[track_caller]
    pub fn eventually(&self, what: &str, so: impl Fn() -> bool) {
        let started = Instant::now();
        while !so() {
            assert!(started.elapsed() < PATIENCE, "not in time: {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it to end, and waits for that; its exit code.
    pub fn stop(mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.process.0.wait().unwrap().code()
    }

    /// Whether every connector's statements are prepared. Fails the test when a database refuses one.
    fn is_warm(&self) -> bool {
        let status = self.get("/status").json();
        status["connectors"].as_array().unwrap().iter().all(|connector| {
            let database = &connector["database"];
            assert_eq!(database["error"], Json::Null, "{}\n{}", connector["connector"], self.log());
            database["open"].as_u64() > Some(0) && database["busy"] == 0
        })
    }
}

impl Drop for Gateway {
    /// Whatever a test is about: nothing secret that this gateway was given stands in what it printed.
    fn drop(&mut self) {
        // It may have ended already; what it printed is whole once its end of the pipe is closed.
        let _ = self.process.0.kill();
        let _ = self.process.0.wait();
        self.log.finish();
        if !std::thread::panicking() {
            let found = self.canaries.found_in(&self.log.text());
            assert!(found.is_empty(), "secrets in what a gateway printed: {}", found.join("\n"));
        }
    }
}

/// The secrets that a gateway was given by its tests: keys, passwords of users, and those of databases.
struct Canaries(Mutex<BTreeSet<String>>);

impl Canaries {
    /// The shortest secret that is no word which stands in a log by chance.
    const SHORTEST: usize = 8;

    fn of(environment: &[(String, String)]) -> Self {
        let canaries = Self(Mutex::default());
        canaries.add(client().key.rsplit_once('_').unwrap().1);
        for (_, value) in environment {
            let authority = value.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
            if let Some((_, password)) = authority.and_then(|(user, _)| user.split_once(':')) {
                canaries.add(password);
            }
        }
        canaries
    }

    /// Remembers the passwords in a body. One that is a name, too, may be printed as such.
    fn note(&self, body: &[u8]) {
        let Ok(Json::Object(members)) = serde_json::from_slice(body) else { return };
        for name in ["password", "new_password"] {
            let Some(password) = members.get(name).and_then(Json::as_str) else { continue };
            let is_name = members.iter().any(|(other, value)| !other.contains("password") && value == password);
            if !is_name && password != "password" {
                self.add(password);
            }
        }
    }

    fn add(&self, secret: &str) {
        if secret.len() >= Self::SHORTEST {
            self.0.lock().unwrap().insert(secret.to_owned());
        }
    }

    /// The lines that hold one, as it is or as JSON writes it.
    fn found_in(&self, text: &str) -> Vec<String> {
        let secrets = self.0.lock().unwrap();
        let forms = secrets.iter().flat_map(|secret| {
            let json = json!(secret).to_string();
            [secret.clone(), json[1..json.len() - 1].to_owned()]
        });
        let forms: BTreeSet<String> = forms.collect();
        text.lines().filter(|line| forms.iter().any(|form| line.contains(form.as_str()))).map(str::to_owned).collect()
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Reply {
    fn of(mut response: ureq::http::Response<ureq::Body>) -> Self {
        let text = |value: &ureq::http::HeaderValue| value.to_str().unwrap().to_owned();
        let headers = response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let status = response.status().as_u16();
        Self { status, headers, text: response.body_mut().read_to_string().unwrap() }
    }

    pub fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The user in the answer.
    #[track_caller]
    pub fn user(&self) -> Json {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["user"].clone()
    }

    /// What was answered, in one word: the code of a problem, or `user`, `listed`, `created`, `changed` or `unchanged`.
    pub fn code(&self) -> String {
        let json = self.json();
        if let Some(code) = json["code"].as_str() {
            assert_eq!(json["status"], self.status, "{self:?}");
            assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
            return code.to_owned();
        }
        assert_eq!(self.status, 200, "{self:?}");
        let known = [
            ("user", json!({ "user": json["user"] })),
            ("listed", json!({ "users": json["users"], "next": json["next"] })),
            ("created", json!({ "created": true })),
            ("changed", json!({ "changed": true })),
            ("unchanged", json!({ "changed": false })),
        ];
        let found = known.into_iter().find(|(_, shape)| *shape == json);
        found.unwrap_or_else(|| panic!("an answer of unknown shape: {self:?}")).0.to_owned()
    }

    /// The words of a problem for its reader.
    pub fn detail(&self) -> String {
        self.json()["detail"].as_str().unwrap_or_default().to_owned()
    }
}

/// The client that may do everything, as `userbridge client new` makes it.
pub struct Client {
    /// Its entry under `clients:`.
    pub yaml: String,
    /// What it sends.
    pub key: String,
}

/// One client for all tests of this run.
pub fn client() -> &'static Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        let output = program().args(["client", "new", "tests"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (keys, yaml): (Vec<&str>, Vec<&str>) =
            text.lines().filter(|line| !line.starts_with('#')).partition(|line| !line.starts_with(' '));
        Client { yaml: yaml.join("\n") + "\n", key: keys[0].to_owned() }
    })
}

/// What `userbridge check` says of a file, and its exit code.
pub fn check(path: &Path, environment: &[(&str, &str)]) -> (String, Option<i32>) {
    let mut command = program();
    let output = command.arg("check").arg(path).envs(environment.iter().copied()).output().unwrap();
    (String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(), output.status.code())
}

/// The program under test, with nothing of this process's own settings.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_userbridge"));
    command.env_remove("USERBRIDGE_LOG");
    command
}

/// The same at the end of another program's arguments.
fn through(prefix: &[String]) -> Command {
    let program = program();
    let [other, arguments @ ..] = prefix else { return program };
    let mut command = Command::new(other);
    command.args(arguments).arg(program.get_program()).env_remove("USERBRIDGE_LOG");
    command
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a process writes to standard error, line by line, while it runs.
struct Log {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Log {
    fn follow(stream: impl std::io::Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let mut written = written.lock().unwrap();
                written.push_str(&line);
                written.push('\n');
            }
        });
        Self { text, reader: Some(reader) }
    }

    fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// Everything, once the process has ended.
    fn into_text(mut self) -> String {
        self.finish();
        self.text()
    }

    /// Waits until everything is read, once the process has ended.
    fn finish(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }

    fn records(&self) -> Vec<Json> {
        self.text().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

/// A definition that answers without a table; the path is that of an SQLite file.
const TINY: &str = "
version: 1
connector: tiny
database: { url: 'sqlite:tiny.db?mode=rwc' }
actions: { get_user: { sql: 'SELECT 7 AS id, {{ identifier }} AS email' } }
";

#[test]
fn a_gateway_serves_what_its_folder_holds_and_ends_when_told() {
    let gateway = Gateway::start(&[("tiny.yaml", TINY)]);
    let reply = gateway.call("tiny", "get_user", &json!({ "identifier": "ann@example.com" }));
    assert_eq!(reply.user(), json!({ "email": "ann@example.com", "user_id": "tiny|7" }));
    let absent = gateway.call("tiny", "delete", &json!({ "user": "tiny|7" }));
    assert_eq!((absent.code().as_str(), absent.status), ("invalid_input", 400));
    assert!(absent.detail().contains("`user_id`"), "{absent:?}");
    assert_eq!(gateway.get("/livez").text, "live\n");
    assert!(gateway.folder().join("tiny.db").exists() && gateway.connectors().join("tiny.yaml").exists());
    let requests = |record: &Json| record["fields"]["message"] == "request";
    gateway.eventually("the requests are logged", || gateway.records().iter().any(requests));
    assert_eq!(gateway.stop(), Some(0));
}

#[test]
fn a_refused_definition_is_a_refused_start_unless_told_otherwise() {
    let setup = || Setup::new().definition("tiny.yaml", TINY).definition("acme.yaml", "version: 1\nconnector: acme\n");
    let refused = setup().try_start().err().expect("a refusal");
    assert_eq!(refused.code, Some(78));
    assert!(refused.output.contains("missing-key") && refused.output.contains("acme.yaml"), "{}", refused.output);
    let gateway = setup().argument("--allow-partial").without_databases().start();
    assert_eq!(gateway.call("acme", "get_user", &json!({ "identifier": "a" })).code(), "unknown_connector");
    assert_eq!(gateway.call("tiny", "get_user", &json!({ "identifier": "a" })).code(), "user");
}

#[test]
fn settings_without_clients_are_refused() {
    let setup = Setup::new().definition("tiny.yaml", TINY);
    assert!(setup.folder().join("connectors/tiny.yaml").exists());
    let refused = setup.settings("listen: 127.0.0.1:0\n").env("NO_COLOR", "1").try_start().err().expect("a refusal");
    assert_eq!(refused.code, Some(78));
    assert!(refused.output.contains("userbridge client new"), "{}", refused.output);
}

#[test]
fn a_gateway_that_prints_a_secret_fails_its_test() {
    // A line of a refused file is printed, here with what a body held and with the key.
    let leaking = |secret: &str| {
        let broken = format!("version: 1\nconnektor: '{secret}'\n");
        let setup = Setup::new().definition("tiny.yaml", TINY).definition("acme.yaml", &broken);
        let gateway = setup.argument("--allow-partial").without_databases().start();
        let body = json!({ "identifier": "ann@example.com", "password": "Tr0ub4dor \"&3" });
        gateway.call("tiny", "login", &body);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(gateway))).is_err()
    };
    assert!(leaking("Tr0ub4dor \"&3"));
    assert!(leaking(&client().key));
    assert!(!leaking("something else"), "the control");
    // A database's password comes from the environment.
    let url = ("URL".to_owned(), "postgres://ann:s3cret-of-ann@db/users".to_owned());
    assert_eq!(Canaries::of(&[url]).found_in("a\nlost s3cret-of-ann\nb"), ["lost s3cret-of-ann"]);
}
