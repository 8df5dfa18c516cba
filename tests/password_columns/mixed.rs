//! Several formats in one column: each value is of exactly one of them.

use userbridge::sql::Dialect;

use super::{Connector, World, md5, sha1, sha256};

const CONNECTORS: &[Connector] = &[
    Connector::new(
        "forum",
        "  salt: { column: password_salt }
  formats:
    - bcrypt
    - { expr: 'md5($pass)', when: { column: password_salt, empty: true } }
    - { expr: 'md5(md5($pass) . $salt)' }
    - { expr: '\"s1:\" . sha1($pass)', when: { prefix: 's1:' } }
    - { digest: sha256, when: { length: 64 } }
",
    ),
    Connector::new(
        "marked",
        "  formats:
    - { expr: 'md5($pass)', when: { column: password_salt, equals: plain } }
    - { expr: 'md5(upper($pass))', when: { column: password_salt, equals: upper } }
    - argon2id
",
    ),
];

#[test]
fn the_shape_decides() {
    let world = World::new(Dialect::Sqlite, CONNECTORS);
    let bcrypt = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    for (email, hash, salt, password) in [
        ("bcrypt", bcrypt, None, "U*U"),
        ("plain", &*md5("hello"), None, "hello"),
        ("empty", &*md5("hello"), Some(""), "hello"),
        ("salted", &*md5(&(md5("hello") + "Zx9")), Some("Zx9"), "hello"),
        ("prefix", &*format!("s1:{}", sha1("hello")), None, "hello"),
        ("length", &*sha256("hello"), Some("unused"), "hello"),
    ] {
        world.user("users", email, hash, salt);
        world.login("forum", email, password, "user");
        world.login("forum", email, "wrong", "wrong_credentials");
    }
}

/// A value that another format of the list would open is still of its own format only.
#[test]
fn formats_are_never_tried_one_after_another() {
    let world = World::new(Dialect::Sqlite, CONNECTORS);
    world.user("users", "salted", &md5("hello"), Some("Zx9"));
    world.login("forum", "salted", "hello", "wrong_credentials");
    world.user("users", "unsalted", &md5(&(md5("hello") + "")), None);
    world.login("forum", "unsalted", "hello", "wrong_credentials");
    world.user("users", "upper", &md5("HELLO"), Some("upper"));
    world.login("marked", "upper", "hello", "user");
    world.user("users", "plain", &md5("HELLO"), Some("plain"));
    world.login("marked", "plain", "hello", "wrong_credentials");
    world.login("marked", "plain", "HELLO", "user");
}

/// What no format of the list has the shape of is no answer, and the log names what it looks like.
#[test]
fn other_values_are_no_answer() {
    let world = World::new(Dialect::Sqlite, CONNECTORS);
    for (email, hash, salt) in [
        ("phpass", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", None),
        ("nowhere", "5f4dcc3b5aa765d61d8327deb882cf99", Some("neither")),
        ("cut", "5f4dcc3b5aa765d61d8327deb882cf", Some("plain")),
    ] {
        world.user("users", email, hash, salt);
        world.login("marked", email, "hello", "unreadable_hash");
    }
    let said = |word: &str| world.gateway.log().contains(word);
    world.gateway.eventually("the log says what it looks like", || said("looks like phpass") && said("32 hex digits"));
}
