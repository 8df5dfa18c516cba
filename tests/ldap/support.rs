//! A table of users as a directory, OpenLDAP's tools, and a client of plain bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Output};
use std::time::Duration;

use userbridge::sql::Dialect;

use crate::gateway::{Gateway, Setup, client};
use crate::people::{HASH, NO_LIMITS, PASSWORD};
use crate::stores::Store;

pub const BASE: &str = "dc=example,dc=com";
pub const PEOPLE: &str = "ou=people,dc=example,dc=com";

const DEFINITION: &str = "
version: 1
connector: staff
configuration: { database_url: { env: STORE_URL } }
database: { url: '{{ configuration.database_url }}', timeout: 20s, max_connections: 4 }
password: { column: password_hash, formats: [phpass] }
profile:
  given_name: '{{ first }}'
  family_name: '{{ last }}'
  app_metadata: { roles: '{{ [team] }}' }
deny:
  - when: '{{ locked == 1 }}'
    message: This account is locked
actions:
  login:
    sql: |
      SELECT id, email, username, first, last, team, locked, password_hash
      FROM members WHERE email = {{ identifier | lower }}
  get_user:
    sql: 'SELECT id, email, username, first, last, team FROM members WHERE email = {{ identifier | lower }}'
  list_users:
    sql: |
      SELECT id, email, username, first, last, team FROM members
      WHERE id > {{ after | default(-1) }} ORDER BY id LIMIT {{ limit }}
";

/// The same without a list.
pub fn without_list() -> String {
    DEFINITION.split("  list_users:").next().unwrap().replace("connector: staff", "connector: unlisted")
}

/// Four people of whom the tests know, and so many others.
pub fn fill(store: &Store, others: usize) {
    store.script(
        "CREATE TABLE members (id INTEGER PRIMARY KEY, email VARCHAR(100), username VARCHAR(100), first VARCHAR(50), \
         last VARCHAR(50), team VARCHAR(50), locked INTEGER, password_hash VARCHAR(200))",
    );
    let mut rows = vec![
        format!("(1, 'ann@example.com', 'ann', 'Ann', 'Lučić', 'staff', 0, '{HASH}')"),
        format!("(2, 'bob@example.com', 'bob', 'Bob', 'Smith', 'a, b', 0, '{HASH}')"),
        format!("(3, 'lee@example.com', 'lee', 'Lee', 'Locked', 'staff', 1, '{HASH}')"),
        format!("(4, 'o''neil@example.com', 'o,neil', 'Pat', 'O''Neil', 'staff', 0, '{HASH}')"),
    ];
    rows.extend((0..others).map(|n| format!("({}, 'u{n}@example.com', 'u{n}', 'Una', 'U{n}', 'x', 0, '')", n + 10)));
    for some in rows.chunks(500) {
        store.script(&format!("INSERT INTO members VALUES {}", some.join(", ")));
    }
}

/// A gateway with a directory.
pub struct Directory {
    pub gateway: Gateway,
    pub address: SocketAddr,
    pub store: Store,
}

/// The section with this directory, and further keys of the section.
pub fn section(keys: &str) -> String {
    format!(
        "ldap:\n  listen: 127.0.0.1:0\n{keys}  directories:\n\
         \x20   - {{ base: '{BASE}', connector: staff, client: tests, member_of: roles }}\n"
    )
}

/// A gateway's settings and definitions: LDAP with these keys, and further settings.
pub fn setup(store: &Store, ldap: &str, further: &str, clients: &str) -> Setup {
    let head = "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nrequest_timeout: 30s\n";
    let limits = if further.contains("limits:") { "" } else { NO_LIMITS };
    let settings = format!("{head}{limits}{further}{ldap}clients:\n{}{clients}", client().yaml);
    Setup::new().definition("staff.yaml", DEFINITION).env("STORE_URL", &store.url).settings(settings)
}

impl Directory {
    pub fn new(store: Store, setup: Setup) -> Self {
        let gateway = setup.start();
        let serving = gateway.records().into_iter().find(|record| record["fields"]["message"] == "serving").unwrap();
        let address = serving["fields"]["ldap"].as_str().unwrap().parse().unwrap();
        Self { gateway, address, store }
    }

    /// On SQLite, with these further settings.
    pub fn small(further: &str) -> Self {
        Self::with(further, "")
    }

    /// On SQLite, with these further settings and clients.
    pub fn with(further: &str, clients: &str) -> Self {
        let store = Store::new(Dialect::Sqlite);
        fill(&store, 20);
        let setup = setup(&store, &section(""), further, clients);
        Self::new(store, setup)
    }

    /// `ldapwhoami` as somebody.
    pub fn who_am_i(&self, name: &str, password: &str) -> Tool {
        self.tool("ldapwhoami", &["-D", name, "-w", password])
    }

    /// `ldapsearch` as the client that may do everything.
    pub fn search(&self, arguments: &[&str]) -> Tool {
        self.search_as(&service("tests"), &client().key, arguments)
    }

    /// `ldapsearch` as somebody.
    pub fn search_as(&self, name: &str, password: &str, arguments: &[&str]) -> Tool {
        let all = [&["-LLL", "-o", "ldif-wrap=no", "-D", name, "-w", password], arguments].concat();
        self.tool("ldapsearch", &all)
    }

    /// Any of OpenLDAP's tools, without encryption.
    pub fn tool(&self, program: &str, arguments: &[&str]) -> Tool {
        tool(program, &format!("ldap://{}", self.address), arguments, &[])
    }

    pub fn connect(&self) -> Raw {
        Raw::connect(self.address)
    }
}

/// The name of a user.
pub fn user(uid: &str) -> String {
    format!("uid={uid},{PEOPLE}")
}

/// The name by which a client binds.
pub fn service(client: &str) -> String {
    format!("cn={client},{BASE}")
}

/// Runs one of OpenLDAP's tools.
pub fn tool(program: &str, url: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Tool {
    let mut command = Command::new(program);
    command.env("LDAPNOINIT", "1").envs(environment.iter().copied().filter(|(name, _)| *name != "LDAPNOINIT"));
    if environment.iter().any(|(name, _)| name.starts_with("LDAPTLS")) {
        command.env_remove("LDAPNOINIT");
    }
    let Output { status, stdout, stderr } = command.args(["-x", "-H", url]).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Tool { code: status.code().unwrap(), out: text(stdout), errors: text(stderr) }
}

/// What a tool said; its exit code is the result of the operation.
#[derive(Debug, PartialEq)]
pub struct Tool {
    pub code: i32,
    pub out: String,
    pub errors: String,
}

impl Tool {
    /// The names of the entries.
    pub fn names(&self) -> Vec<&str> {
        self.out.lines().filter_map(|line| line.strip_prefix("dn: ")).collect()
    }

    /// The attributes of an only entry.
    pub fn lines(&self) -> Vec<&str> {
        self.out.lines().filter(|line| !line.is_empty() && !line.starts_with("dn:")).collect()
    }
}

pub const PASSWORD_OF_ALL: &str = PASSWORD;

/// A connection of plain bytes.
pub struct Raw(pub TcpStream);

impl Raw {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self(stream)
    }

    pub fn send(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.write_all(bytes).unwrap();
        self
    }

    /// The next message: its number, the tag of its operation, and the result's code.
    pub fn reply(&mut self) -> Option<(i32, u8, u8)> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).ok()?;
        assert_eq!(head[0], 0x30);
        let length = match head[1] {
            short @ 0..=0x7f => usize::from(short),
            long => {
                let mut digits = vec![0; usize::from(long - 0x80)];
                self.0.read_exact(&mut digits).ok()?;
                digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit))
            }
        };
        let mut content = vec![0; length];
        self.0.read_exact(&mut content).ok()?;
        assert_eq!(content[0], 2);
        let end = 2 + usize::from(content[1]);
        let id = content[2..end].iter().fold(0, |sum, digit| sum << 8 | i32::from(*digit));
        // An enumerated result code is the first primitive in the operation.
        let at = content[end..].windows(2).position(|pair| pair == [0x0a, 1]).map(|at| content[end + at + 2]);
        Some((id, content[end], at.unwrap_or(0)))
    }

    /// Whether nothing more comes.
    pub fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => rest.is_empty(),
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

/// An element of BER.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag, 0x84];
    bytes.extend((content.len() as u32).to_be_bytes());
    bytes.extend(content);
    bytes
}

/// A message.
pub fn message(id: u8, tag: u8, content: &[u8]) -> Vec<u8> {
    element(0x30, &[vec![2, 1, id], element(tag, content)].concat())
}

/// A simple bind.
pub fn bind(id: u8, name: &str, password: &[u8]) -> Vec<u8> {
    let parts = [vec![2, 1, 3], element(4, name.as_bytes()), element(0x80, password)];
    message(id, 0x60, &parts.concat())
}

/// A search below the people with this filter.
pub fn search(id: u8, base: &str, filter: &[u8]) -> Vec<u8> {
    let head = [0x0a, 1, 2, 0x0a, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0];
    message(id, 0x63, &[element(4, base.as_bytes()), head.to_vec(), filter.to_vec(), element(0x30, &[])].concat())
}

/// `(objectClass=*)`.
pub fn anybody() -> Vec<u8> {
    element(0x87, b"objectClass")
}
