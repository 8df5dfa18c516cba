//! Checking has no effects: it runs nothing, writes nothing, speaks to nobody but the databases that it was sent to, and
//! reads nothing but what it was given, also when the definitions are a stranger's. strace says what it asked of the
//! kernel.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use userbridge::sql::Dialect;

use super::connect::traces::store;
use super::connect::{DEFINITION, SCHEMA, Scene};
use crate::gateway::program;
use crate::people::DEFINITION as PEOPLE;
use crate::stores::text;

/// What a program asked of the kernel.
struct Traced {
    calls: Vec<String>,
    folder: PathBuf,
    /// What it printed.
    output: String,
}

/// Runs the program in a folder under strace.
fn traced(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Traced {
    let calls = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new("strace");
    command.args(["--follow-forks", "--quiet=all", "--string-limit=4096", "--trace=%file,%network,%process"]);
    command.arg("-o").arg(calls.path()).arg(program().get_program()).args(arguments);
    command
        .current_dir(folder)
        .env_remove("USERBRIDGE_LOG")
        .env_remove("LD_LIBRARY_PATH")
        .envs(environment.iter().copied());
    let output = command.output().expect("strace, which tests/run installs");
    let calls = std::fs::read_to_string(calls.path()).unwrap();
    // Each line begins with the number of its thread.
    let call = |line: &str| line.split_once(char::is_whitespace).map(|(_, call)| call.trim_start().to_owned());
    let calls: Vec<String> = calls.lines().filter_map(call).filter(|call| !call.starts_with("<...")).collect();
    assert!(calls.iter().any(|call| call.starts_with("exit_group")), "no trace: {output:?}");
    let output = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    Traced { calls, folder: folder.canonicalize().unwrap(), output }
}

/// What looks at files and changes nothing.
const LOOKS: [&str; 11] = [
    "access",
    "faccessat",
    "faccessat2",
    "getcwd",
    "lstat",
    "newfstatat",
    "readlink",
    "readlinkat",
    "stat",
    "statfs",
    "statx",
];

/// What a process may always do to itself: threads are no programs, and a pair of sockets is its own two ends.
const OWN: [&str; 8] = ["clone", "clone3", "exit", "exit_group", "wait4", "rt_sigreturn", "futex", "socketpair"];

/// What is done to sockets.
const NETWORK: [&str; 12] = [
    "bind",
    "connect",
    "getpeername",
    "getsockname",
    "getsockopt",
    "recvfrom",
    "recvmsg",
    "sendmsg",
    "sendto",
    "setsockopt",
    "shutdown",
    "socket",
];

/// What every program reads at its start, and what tells this one of its machine.
const SYSTEM: [&str; 11] = [
    "/dev/null",
    "/dev/urandom",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/lib/",
    "/lib64/",
    "/proc/self/",
    "/proc/sys/",
    "/sys/devices/system/cpu/",
    "/sys/fs/cgroup/",
    "/usr/lib/",
];

impl Traced {
    /// What had an effect on others, in the words of strace: further programs, changed files, the network.
    fn effects(&self) -> Vec<&str> {
        let programs = self.calls.iter().filter(|call| call.starts_with("execve"));
        let further = programs.skip(1).map(String::as_str);
        let others = self.calls.iter().map(String::as_str).filter(|call| match name(call) {
            "execve" | "execveat" => false,
            "open" | "openat" | "openat2" => !call.contains("O_RDONLY") || call.contains("O_CREAT"),
            name => !LOOKS.contains(&name) && !OWN.contains(&name) && !is_noise(call),
        });
        further.chain(others).collect()
    }

    /// The same without the network.
    fn local_effects(&self) -> Vec<&str> {
        self.effects().into_iter().filter(|call| !NETWORK.contains(&name(call))).collect()
    }

    /// The files that it opened, or tried to, which neither the folder holds nor the system's list.
    fn foreign(&self) -> BTreeSet<PathBuf> {
        let opened = self.calls.iter().filter(|call| name(call).starts_with("open"));
        let paths = opened.map(|call| {
            let path = call.split('"').nth(1).unwrap_or_else(|| panic!("{call}"));
            self.folder.join(path)
        });
        let known = |path: &Path| {
            // Where links lead is where it read.
            let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            real.starts_with(&self.folder) || SYSTEM.iter().any(|known| path.to_str().unwrap().starts_with(known))
        };
        paths.filter(|path| !known(path)).collect()
    }

    /// The addresses that it asked for a connection.
    fn peers(&self) -> BTreeSet<&str> {
        let peers = self.calls.iter().filter(|call| name(call) == "connect");
        peers.map(|call| call.split('{').nth(1).unwrap().split('}').next().unwrap()).collect()
    }
}

fn name(call: &str) -> &str {
    call.split('(').next().unwrap_or(call)
}

/// Signals and the ends of threads are told between the calls.
fn is_noise(call: &str) -> bool {
    ["+++", "---"].iter().any(|noise| call.starts_with(noise))
}

/// A stranger's repository: definitions that want files, variables, programs and a database.
fn hostile() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let dialling = PEOPLE.replace("sqlite:people.db", "postgres://root@127.0.0.1:9/x");
    write("fine.yaml", PEOPLE);
    write("dialling.yaml", &dialling.replace("connector: ", "connector: d"));
    write(
        "created.yaml",
        "version: 1\nconnector: c\ndatabase: { url: 'sqlite:made-by-check.db?mode=rwc' }\nactions: { get_user: { sql: 'SELECT 1 AS id, {{ identifier }} AS email' } }\n",
    );
    write("tags.yaml", "version: !!python/object/apply:os.system ['touch pwned']\nconnector: !include /etc/passwd\n");
    write(
        "merge.yaml",
        "<<: { file: /etc/passwd }\nversion: 1\nconnector: ${HOME}\ndatabase: { url: '$(touch pwned)' }\n",
    );
    write(
        "template.yaml",
        "version: 1\nconnector: t\ndatabase: { url: \"sqlite:{% include '/etc/passwd' %}{{ env.HOME }}{{ self.__init__ }}\" }\n",
    );
    write(
        "attached.yaml",
        "version: 1\nconnector: a\ndatabase: { url: 'sqlite:fine.db' }\nactions: { get_user: { sql: \"ATTACH DATABASE 'pwned.db' AS x; SELECT load_extension('./x.so') AS id\" } }\n",
    );
    write(
        "userbridge.yaml",
        "listen: 0.0.0.0:80\naudit: { file: pwned.log }\ntokens: { issuer: 'https://x.example', keys: pwned }\nclients: []\n",
    );
    symlink("/etc/passwd", folder.path().join("link.yaml")).unwrap();
    symlink("../../../../../../../../etc/group", folder.path().join("upwards.yaml")).unwrap();
    std::fs::create_dir(folder.path().join(".git")).unwrap();
    folder
}

#[test]
fn a_strangers_definitions_run_nothing_and_reach_nothing_else() {
    let folder = hostile();
    let before = listing(folder.path());
    for arguments in [
        &["check", "."][..],
        &["check", ".", "--format", "json", "--strict"],
        &["check", "userbridge.yaml", "fine.yaml", "link.yaml"],
    ] {
        let run = traced(folder.path(), arguments, &[("HOME", "/nowhere"), ("USERS_URL", "sqlite:users.db")]);
        assert_eq!(run.effects(), [""; 0], "{arguments:?}");
        assert_eq!(run.foreign(), BTreeSet::new(), "{arguments:?}");
        assert!(!run.output.contains("root:x:0") && !run.output.contains("/bin/"), "{}", run.output);
        assert_eq!(listing(folder.path()), before, "{arguments:?}");
    }
}

/// The names and times of everything in a folder.
fn listing(folder: &Path) -> Vec<(PathBuf, std::time::SystemTime)> {
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| (entry.as_ref().unwrap().path(), entry.unwrap().metadata().unwrap().modified().unwrap()))
        .collect();
    all.sort();
    all
}

#[test]
fn a_secret_that_a_definition_names_is_all_that_is_read_elsewhere() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let secret = elsewhere.path().canonicalize().unwrap().join("token");
    std::fs::write(&secret, "correct-horse").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let reference = format!("configuration: {{ t: {{ file: {} }} }}\ndatabase:", secret.display());
    std::fs::write(folder.path().join("a.yaml"), PEOPLE.replacen("database:", &reference, 1)).unwrap();
    let run = traced(folder.path(), &["check", "a.yaml"], &[]);
    assert_eq!((run.effects(), run.foreign()), (vec![], [secret].into()), "{}", run.output);
    assert!(!run.output.contains("correct-horse"), "{}", run.output);
}

#[test]
fn connecting_reaches_the_database_only_and_changes_nothing_there() {
    for dialect in Dialect::ALL {
        let scene = store(dialect, SCHEMA, DEFINITION);
        let environment = [("STORE_URL", scene.url.as_str())];
        let check = |more: &[&str]| {
            let arguments = [&["check", "--connect", "definition.yaml"], more].concat();
            let run = traced(scene.folder(), &arguments, &environment);
            assert!(run.output.contains("definition.yaml") && !run.output.contains("unreachable"), "{}", run.output);
            run
        };
        let before = written(&scene);
        let run = check(&["--sample", "100"]);
        match scene.url.strip_prefix("sqlite:") {
            Some(file) => {
                // What SQLite writes beside a database is how its readers tell each other that they are there.
                let effects: Vec<_> = run.effects().into_iter().filter(|call| !call.contains(file)).collect();
                assert_eq!((effects, run.peers()), (vec![], BTreeSet::new()));
                assert!(
                    run.foreign().iter().all(|path| path.to_str().unwrap().starts_with(file)),
                    "{:?}",
                    run.foreign()
                );
            }
            None => {
                assert_eq!(run.local_effects(), [""; 0], "{dialect}");
                let port = scene.url.rsplit(':').next().unwrap().split('/').next().unwrap();
                let server = format!("sa_family=AF_INET, sin_port=htons({port}), sin_addr=inet_addr(\"127.0.0.1\")");
                assert_eq!(run.peers(), [server.as_str()].into(), "{dialect}");
                let resolver = |path: &PathBuf| {
                    ["/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"]
                        .contains(&path.to_str().unwrap())
                };
                assert!(run.foreign().iter().all(resolver), "{:?}", run.foreign());
            }
        }
        // Statements that are never begun change no row, not even one that is rolled back.
        assert_eq!(written(&scene), before, "{dialect}");
        // The control: a rehearsal does change rows, and takes it back.
        if dialect != Dialect::Sqlite {
            check(&["--rehearse"]);
            let begun = Instant::now();
            while written(&scene) == before {
                assert!(begun.elapsed() < Duration::from_secs(20), "{dialect}: the server counts nothing");
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

/// How many rows the gateway's user has inserted, changed or deleted, rolled back or not, as the server counts them.
fn written(scene: &Scene) -> Json {
    match scene.store.dialect {
        Dialect::Postgres => {
            let sum = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::text FROM pg_stat_user_tables";
            scene.store.one(sum, &[])
        }
        Dialect::Mysql => {
            scene.store.script("SET GLOBAL userstat = 1");
            let sum = "SELECT CAST(COALESCE(SUM(rows_inserted + rows_updated + rows_deleted), 0) AS CHAR) \
                       FROM information_schema.user_statistics WHERE user = ?";
            scene.store.one(sum, &[text(scene.role.as_str())])
        }
        Dialect::Sqlite => format!("{:?}", std::fs::read(scene.url.trim_start_matches("sqlite:")).unwrap()).into(),
    }
}

#[test]
fn effects_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.yaml"), PEOPLE.replace("sqlite:people.db", "postgres://a@127.0.0.1:9/a"))
        .unwrap();
    let help = traced(folder.path(), &["check", "--help"], &[]);
    assert_eq!((help.effects(), help.foreign()), (vec![], BTreeSet::new()));
    let table = ["--table", "t", "--hash", "h", "--identifier", "i", "--format", "bcrypt", "--output", "b.yaml"];
    let written = traced(folder.path(), &[&["init", "table"], &table[..]].concat(), &[]);
    assert!(written.effects().iter().any(|call| call.contains("b.yaml")), "{}", written.output);
    let outside = traced(folder.path(), &["check", "/etc/hostname"], &[]);
    assert_eq!(outside.foreign(), [PathBuf::from("/etc/hostname")].into());
    let dialled = traced(folder.path(), &["check", "--connect", "a.yaml"], &[]);
    assert!(dialled.peers().iter().any(|peer| peer.contains("htons(9)")), "{:#?}", dialled.calls);
    let program = Traced { calls: vec!["execve(\"a\")".into(), "execve(\"/bin/sh\")".into()], ..help };
    assert_eq!(program.effects(), ["execve(\"/bin/sh\")"]);
}
