//! A gateway that logs everything, with secrets in every place that takes one.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value as Json, json};
use userbridge::sql::Dialect;

use super::search::Search;
use crate::gateway::{Gateway, Reply, Setup, client, program};
use crate::people::NO_LIMITS;
use crate::stores::{Store, text};

/// The plain text of [`HASH`].
const PASSWORD: &str = "md5pass";
const HASH: &str = "$1$abcdefgh$vc.h.b7/b1zYYwJ7DKEQG1";

/// Passwords that people type.
const WRONG: &str = "Kanari-Wrong-7Q\"x'%41";
const CREATED: &str = "Kanari-Created-4711-and-some-more-words";
const CHANGED: &str = "Kanari-Changed-0815";
const NUMBER: &str = "Kanari-Number-1234";
/// What stands in columns of hashes.
const UNREADABLE: &str = "Kanari-Stored-Unreadable-55";
const STORED: &str = "$1$kanarien$QLQn5EZ0Fhc6lNRt8UjzC/";
/// Secrets of the settings.
const PEPPER: &str = "Kanari-Pepper-99/ü";
const AUDIT_KEY: &str = "Kanari-Audit-Key-0123456789";
const INLINE: &str = "Kanari-Inline-Secret-66";
/// What is none of the gateway's keys and yet sent as one.
const TOKEN: &str = "ub_tests_Kanari-wrong-key-88";

const SECRETS: [(&str, &str); 12] = [
    ("a right password", PASSWORD),
    ("a stored hash", HASH),
    ("a wrong password", WRONG),
    ("a created password", CREATED),
    ("a changed password", CHANGED),
    ("a password in a number's place", NUMBER),
    ("an unreadable stored value", UNREADABLE),
    ("another stored hash", STORED),
    ("the pepper", PEPPER),
    ("the audit's key", AUDIT_KEY),
    ("a secret that was written into a file", INLINE),
    ("a wrong key", TOKEN),
];

/// What new hashes begin with; definitions have the name alone.
const NEW_HASH: &str = "argon2id$v=";

/// Users behind `keep`; `indb` leaves the comparison to the database; `pepper` has a secret of its own; `closed` has a
/// database that refuses its password.
fn definitions(dialect: Dialect) -> [(&'static str, String); 4] {
    let head = |name: &str, url: &str| {
        format!(
            "version: 1\nconnector: {name}\nconfiguration: {{ database_url: {{ env: {url} }} }}\n\
             database: {{ url: '{{{{ configuration.database_url }}}}', timeout: 20s, max_connections: 2 }}\n"
        )
    };
    // Each of these makes the server complain of a value.
    let wrong_value = match dialect {
        Dialect::Postgres => "number = CAST(CAST({{ password }} AS text) AS integer)",
        Dialect::Mysql => "number = odd({{ password }})",
        Dialect::Sqlite => "note = json_extract('{}', {{ password }})",
    };
    let keep = head("keep", "STORE_URL")
        + "password: { column: password_hash, formats: [md5-crypt, argon2id], new: argon2id }\n\
           actions:\n  login: { sql: 'SELECT id, email, password_hash FROM keep WHERE email = {{ identifier }} OR twin = {{ identifier }}' }\n  \
           get_user: { sql: 'SELECT id, email FROM keep WHERE email = {{ identifier }}' }\n  \
           create: { sql: 'INSERT INTO keep (email, password_hash) VALUES ({{ email }}, {{ password_hash }})' }\n  \
           change_password: { sql: 'UPDATE keep SET password_hash = {{ password_hash }} WHERE email = {{ identifier }}' }\n  \
           verify: { sql: 'UPDATE keep SET password_hash = NULL WHERE email = {{ email }}' }\n";
    let indb = head("indb", "STORE_URL")
        + &format!(
            "password: {{ verify: in_database }}\nactions:\n  \
             login: {{ sql: \"SELECT id, email FROM keep WHERE email = {{{{ identifier }}}} AND {wrong_value}\" }}\n"
        );
    let pepper = head("pepper", "STORE_URL")
        + "password: { column: password_hash, formats: { digest: sha256, pepper: { env: PEPPER } } }\n\
           actions: { login: { sql: 'SELECT id, email, password_hash FROM keep WHERE email = {{ identifier }}' } }\n";
    let closed = head("closed", "CLOSED_URL")
        + "actions: { get_user: { sql: 'SELECT id, email FROM keep WHERE email = {{ identifier }}' } }\n";
    [("keep.yaml", keep), ("indb.yaml", indb), ("pepper.yaml", pepper), ("closed.yaml", closed)]
}

/// A table whose trigger tells everything it sees.
fn fill(store: &Store) {
    let (id, trigger) = match store.dialect {
        Dialect::Postgres => (
            "SERIAL PRIMARY KEY",
            "CREATE FUNCTION tell() RETURNS trigger AS $$ BEGIN
               IF OLD.email = 'raise@example.com' THEN
                 RAISE EXCEPTION 'no % for % in %', upper(left(NEW.password_hash, 20)), OLD.password_hash, row_to_json(NEW);
               END IF; RETURN NEW; END $$ LANGUAGE plpgsql;
             CREATE TRIGGER tell BEFORE UPDATE ON keep FOR EACH ROW EXECUTE FUNCTION tell();",
        ),
        Dialect::Mysql => (
            "INTEGER AUTO_INCREMENT PRIMARY KEY",
            "CREATE FUNCTION odd(p VARCHAR(300)) RETURNS INTEGER DETERMINISTIC NO SQL BEGIN
               DECLARE words VARCHAR(128) DEFAULT LEFT(CONCAT('odd ', UPPER(p)), 128);
               SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = words;
               RETURN 1; END;
             CREATE TRIGGER tell BEFORE UPDATE ON keep FOR EACH ROW BEGIN
               DECLARE words VARCHAR(128);
               IF OLD.email = 'raise@example.com' THEN
                 SET words = LEFT(CONCAT('no ', UPPER(LEFT(COALESCE(NEW.password_hash, ''), 20)), ' for ', OLD.password_hash), 128);
                 SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = words;
               END IF; END;",
        ),
        Dialect::Sqlite => (
            "INTEGER PRIMARY KEY",
            "CREATE TRIGGER tell BEFORE UPDATE ON keep WHEN OLD.email = 'raise@example.com'
             BEGIN SELECT RAISE(ABORT, 'no more changes'); END;",
        ),
    };
    store.script(&format!(
        "CREATE TABLE keep (id {id}, email VARCHAR(200) UNIQUE, twin VARCHAR(200), number INTEGER,
         note VARCHAR(200) UNIQUE, password_hash VARCHAR(200),
         CONSTRAINT short CHECK (email <> 'short@example.com' OR length(password_hash) < 3));"
    ));
    for (email, hash) in
        [("ann", HASH), ("unreadable", UNREADABLE), ("raise", STORED), ("twin1", STORED), ("twin2", STORED)]
    {
        let twin = if email.starts_with("twin") { "twins@example.com" } else { "" };
        let insert = "INSERT INTO keep (email, twin, password_hash) VALUES (?, ?, ?)";
        store.run(insert, &[text(format!("{email}@example.com")), text(twin), text(hash)]);
    }
    store.script(trigger);
}

/// Asks for everything that can go wrong; every answer is looked through, and goes back with its name.
fn ask(gateway: &Gateway, search: &mut Search) -> Vec<(String, u16)> {
    let email = |name: &str| format!("{name}@example.com");
    let login = |name: &str, password: &str| json!({ "identifier": email(name), "password": password });
    let create = |name: &str, password: &str| json!({ "email": email(name), "password": password });
    let calls = [
        ("right", "keep", "login", login("ann", PASSWORD)),
        ("wrong", "keep", "login", login("ann", WRONG)),
        ("unknown", "keep", "login", login("nobody", WRONG)),
        ("unreadable", "keep", "login", login("unreadable", WRONG)),
        ("twins", "keep", "login", login("twins", WRONG)),
        ("created", "keep", "create", create("new", CREATED)),
        ("exists", "keep", "create", create("ann", CREATED)),
        ("constraint", "keep", "create", create("short", CREATED)),
        ("trigger", "keep", "change_password", login("raise", CHANGED)),
        ("trigger of the stored", "keep", "verify", json!({ "email": email("raise") })),
        ("changed", "keep", "change_password", login("new", CHANGED)),
        ("in the database", "indb", "login", login("ann", NUMBER)),
        ("pepper", "pepper", "login", login("ann", WRONG)),
        ("closed", "closed", "get_user", json!({ "identifier": email("ann") })),
        ("unknown member", "keep", "login", json!({ "identifier": "ann", "password": WRONG, "passwort": WRONG })),
        ("wrong type", "keep", "login", json!({ "identifier": "ann", "password": [WRONG] })),
        ("wrong place", "keep", "login", json!({ "password": { "value": WRONG } })),
    ];
    let mut answered = Vec::new();
    let mut seen = |name: &str, reply: Reply, search: &mut Search| {
        search.through(&format!("the answer to `{name}`"), format!("{:?} {}", reply.headers, reply.text));
        answered.push((name.to_owned(), reply.status));
    };
    for (name, connector, action, body) in calls {
        seen(name, gateway.call(connector, action, &body), search);
    }
    let half = json!({ "identifier": "ann", "password": WRONG }).to_string();
    seen("half a body", gateway.post("/v1/connectors/keep/login", &half.as_bytes()[..half.len() - 4]), search);
    for (name, header) in [
        ("a wrong key", format!("authorization: Bearer {TOKEN}")),
        ("basic credentials", format!("authorization: Basic {TOKEN}")),
        ("a broken token", format!("authorization: Bearer eyJhbGciOiJub25lIn0.{INLINE}.x")),
        ("a key in the address", format!("x-api-key: {TOKEN}")),
    ] {
        let reply = raw(gateway, &format!("POST /v1/connectors/keep/login?key={TOKEN} HTTP/1.1\r\n{header}"), b"{}");
        search.through(&format!("the answer to `{name}`"), &reply);
        answered.push((name.to_owned(), reply[9..12].parse().unwrap()));
    }
    answered
}

fn raw(gateway: &Gateway, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    let rest = format!(
        "\r\nhost: gateway\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), rest.as_bytes(), body].concat()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

/// Fetches a token, uses it, and searches for it from then on; the answer that brings it is its only place.
fn tokens(gateway: &Gateway, search: &mut Search) {
    let body = format!("grant_type=client_credentials&client_id=tests&client_secret={}", client().key);
    // As JSON, which it is not.
    let reply = raw(gateway, "POST /oauth/token HTTP/1.1", body.as_bytes());
    search.through("the answer to a malformed request of a token", &reply);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let sent = agent.post(format!("http://{}/oauth/token", gateway.address));
    let mut reply = sent.content_type("application/x-www-form-urlencoded").send(body.as_bytes()).unwrap();
    let answer: Json = serde_json::from_str(&reply.body_mut().read_to_string().unwrap()).unwrap();
    let token = answer["access_token"].as_str().unwrap().to_owned();
    search.add("an access token", &token);
    search.add("the signature of a token", token.rsplit('.').next().unwrap());
    let reply = raw(
        gateway,
        &format!("POST /v1/connectors/keep/get_user HTTP/1.1\r\nauthorization: Bearer {token}"),
        br#"{"identifier":"ann@example.com"}"#,
    );
    assert_eq!(&reply[9..12], "200", "{reply}");
    search.through("the answer to a token", &reply);
    for entry in std::fs::read_dir(gateway.folder().join("keys")).unwrap() {
        let pem = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        pem.lines().filter(|line| !line.starts_with("---")).for_each(|line| search.add("a signing key", line));
    }
}

/// Puts broken files in the place of good ones, with secrets where none belong.
fn reload(gateway: &Gateway, good: &str) {
    let path = gateway.connectors().join("keep.yaml");
    let broken = [
        good.replace("{ env: STORE_URL }", &format!("'postgres://app:{INLINE}@host/db' nonsense")),
        good.replace("{ env: STORE_URL }", &format!("'nosuch://app:{INLINE}@host/db'")),
        good.replace("database: {", &format!("database: {{ pasword: {INLINE}, ")),
        good.replace("database: {", &format!("database: {{ password: [{INLINE}], ")),
    ];
    for (number, text) in broken.iter().enumerate() {
        std::fs::write(&path, text).unwrap();
        gateway.eventually("it is refused", || {
            gateway.log().matches("refused, serving the last good version").count() > number
        });
    }
    std::fs::write(&path, good).unwrap();
    let file = gateway.folder().join("userbridge.yaml");
    let settings = std::fs::read_to_string(&file).unwrap();
    for (number, (key, value)) in [
        ("audit:", format!("audit: {{ key: {INLINE} }}\nodit:")),
        ("clients:", format!("clients:\n  - {{ id: other, secrets: [{INLINE}], scopes: ['*:*'] }}")),
        ("clients:", format!("tls: {{ certificate: c, key: {INLINE} }}\nclients:")),
    ]
    .iter()
    .enumerate()
    {
        std::fs::write(&file, settings.replace(key, value)).unwrap();
        gateway.eventually("they are refused", || gateway.log().matches("settings refused").count() > number);
    }
    std::fs::write(&file, settings).unwrap();
}

fn run(store: &Store, open: &str, closed: &str, url_password: Option<&str>, complaint: &str) {
    fill(store);
    let settings = format!(
        "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nrequest_timeout: 30s\n{NO_LIMITS}\
         tokens: {{ issuer: 'https://users.example.com' }}\n\
         audit: {{ to: 'file:audit.jsonl', key: {{ env: AUDIT_KEY }} }}\nclients:\n{}",
        client().yaml
    );
    let definitions = definitions(store.dialect);
    let setup = definitions.iter().fold(Setup::new(), |setup, (name, text)| setup.definition(name, text));
    let environment = [("STORE_URL", open), ("CLOSED_URL", closed), ("PEPPER", PEPPER), ("AUDIT_KEY", AUDIT_KEY)];
    let setup = environment.iter().fold(setup, |setup, (name, value)| setup.env(name, *value));
    let gateway = setup.settings(settings).env("USERBRIDGE_LOG", "trace").without_databases().start();
    let mut search = Search::new(&SECRETS);
    search.add("a key", &client().key);
    search.add("a new hash", NEW_HASH);
    if let Some(password) = url_password {
        search.add("the database's password", password);
    }
    let answered = ask(&gateway, &mut search);
    for expected in &ALWAYS {
        let found = answered.iter().find(|(name, _)| name == expected.0).unwrap();
        assert_eq!((found.0.as_str(), found.1), *expected, "{}", gateway.log());
    }
    tokens(&gateway, &mut search);
    reload(&gateway, &definitions[0].1);
    search.through("/metrics", gateway.get("/metrics").text);
    search.through("/status", gateway.get("/status").text);
    for arguments in [&["status"][..], &["status", "--format", "json"]] {
        let output = program().args(arguments).args(["--admin", &gateway.admin.to_string()]).output().unwrap();
        search.through("userbridge status", String::from_utf8([output.stdout, output.stderr].concat()).unwrap());
    }
    let audit = gateway.folder().join("audit.jsonl");
    gateway.signal(rustix::process::Signal::TERM);
    gateway.eventually("it has ended", || gateway.log().contains("stopped"));
    search.through("the audit", std::fs::read_to_string(audit).unwrap());
    let log = gateway.log();
    assert!(
        log.contains("\"connector\":\"keep\"") && log.contains("the definition and the user store do not fit"),
        "{log}"
    );
    assert!(log.contains(complaint), "the database quotes nothing: {log}");
    search.through("the log", log);
    search.nothing();
}

/// What is answered on every database.
const ALWAYS: [(&str, u16); 10] = [
    ("right", 200),
    ("wrong", 401),
    ("unreadable", 500),
    ("twins", 500),
    ("created", 200),
    ("exists", 409),
    ("constraint", 422),
    ("changed", 200),
    ("closed", 503),
    ("a wrong key", 401),
];

#[test]
fn no_secret_leaves_the_gateway_on_sqlite() {
    let store = Store::new(Dialect::Sqlite);
    run(&store, &store.url, "sqlite:/nonexistent/closed.db", None, "JSON path");
}

#[test]
fn no_secret_leaves_the_gateway_on_postgres() {
    let store = Store::new(Dialect::Postgres);
    let password = "Kanari-Postgres-77#/@";
    let user = format!("{}_u", store.url.rsplit('/').next().unwrap());
    store.script(&format!("CREATE ROLE {user} LOGIN SUPERUSER PASSWORD '{password}'"));
    let open = store.url.replace("postgres@", &format!("{user}:{}@", encoded(password)));
    let closed = format!("postgres://app:{}@{}/x?sslmode=disable", encoded(password), echoing_server());
    run(&store, &open, &closed, Some(password), "invalid input syntax for type integer: \\\"…");
    store.script(&format!("DROP ROLE {user}"));
}

#[test]
fn no_secret_leaves_the_gateway_on_mariadb() {
    let store = Store::new(Dialect::Mysql);
    let password = "Kanari-Maria-77#/@";
    let user = format!("{}_u", store.url.rsplit('/').next().unwrap());
    store.script(&format!("CREATE USER {user} IDENTIFIED BY '{password}'"));
    store.script(&format!("GRANT ALL ON *.* TO {user}"));
    let open = store.url.replace("root@", &format!("{user}:{}@", encoded(password)));
    let closed = store.url.replace("root@", &format!("{user}:{}@", encoded(&format!("{password}-wrong"))));
    run(&store, &open, &closed, Some(password), "odd …");
    store.script(&format!("DROP USER {user}"));
}

fn encoded(password: &str) -> String {
    password.replace('#', "%23").replace('/', "%2F").replace('@', "%40")
}

/// A server that asks for the password in the clear and quotes it when it refuses.
fn echoing_server() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = echo(&mut stream);
        }
    });
    address
}

fn echo(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut startup = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut startup)?;
    // AuthenticationCleartextPassword (PostgreSQL's protocol 3.0).
    stream.write_all(&[b'R', 0, 0, 0, 8, 0, 0, 0, 3])?;
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    let mut password = vec![0; u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize - 4];
    stream.read_exact(&mut password)?;
    let password = String::from_utf8_lossy(&password).trim_end_matches('\0').to_owned();
    let fields = format!("SFATAL\0VFATAL\0C28P01\0Mpassword \"{password}\" is wrong\0\0");
    stream.write_all(&[b"E", &(fields.len() as u32 + 4).to_be_bytes()[..], fields.as_bytes()].concat())
}

#[test]
fn a_secret_in_a_place_that_is_shown_is_found() {
    let store = Store::new(Dialect::Sqlite);
    fill(&store);
    let [(name, keep), ..] = definitions(Dialect::Sqlite);
    let settings = format!(
        "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n{NO_LIMITS}audit: {{ to: 'file:audit.jsonl', identifiers: plain }}\nclients:\n{}",
        client().yaml
    );
    // The deliberate leaks: a password in the identifier's place, a key in the connector's.
    let keep = keep.replace("connector: keep", "connector: Kanari-leaked-key");
    let setup = Setup::new().definition(name, &keep).settings(settings).env("STORE_URL", &store.url);
    let gateway = setup.env("USERBRIDGE_LOG", "trace").start();
    let mut search = Search::new(&[("a password", WRONG), ("a key", "Kanari-leaked-key")]);
    let reply = gateway.call("Kanari-leaked-key", "login", &json!({ "identifier": WRONG, "password": "x" }));
    assert_eq!(reply.status, 401);
    let audit = gateway.folder().join("audit.jsonl");
    gateway.eventually("it is recorded", || std::fs::read_to_string(&audit).is_ok_and(|text| text.ends_with('\n')));
    gateway.eventually("it is logged", || gateway.log().contains("wrong_credentials"));
    for (output, text) in [
        ("the audit", std::fs::read_to_string(&audit).unwrap()),
        ("the log", gateway.log()),
        ("/metrics", gateway.get("/metrics").text),
        ("/status", gateway.get("/status").text),
    ] {
        search.through(output, &text);
        assert!(!search.take().is_empty(), "nothing was found in {output}: {text}");
    }
}
