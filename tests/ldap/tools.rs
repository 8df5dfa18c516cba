//! OpenLDAP's tools on every kind of database: who may bind, and what is found.

use userbridge::sql::Dialect;

use super::support::{BASE, Directory, PASSWORD_OF_ALL, PEOPLE, fill, section, service, setup, user};
use crate::gateway::client;
use crate::stores::Store;

#[test]
fn sqlite() {
    answers_on(Dialect::Sqlite);
}

#[test]
fn postgres() {
    answers_on(Dialect::Postgres);
}

#[test]
fn mysql() {
    answers_on(Dialect::Mysql);
}

const OTHERS: usize = 2500;

fn answers_on(dialect: Dialect) {
    let store = Store::new(dialect);
    fill(&store, OTHERS);
    let setup = setup(&store, &section(""), "", "");
    let directory = Directory::new(store, setup);
    binds(&directory);
    finds_by_name(&directory);
    finds_by_list(&directory);
    selects(&directory);
    pages(&directory);
    is_one_own_entry(&directory);
    compares(&directory);
}

fn binds(directory: &Directory) {
    let ann = directory.who_am_i(&user("ann@example.com"), PASSWORD_OF_ALL);
    assert_eq!((ann.code, ann.out.trim()), (0, "dn:uid=ann@example.com,ou=people,dc=example,dc=com"), "{ann:?}");
    let shouted = directory.who_am_i("UID=ANN@example.com, OU=People,dc=EXAMPLE,dc=com", PASSWORD_OF_ALL);
    assert_eq!(shouted.out, ann.out, "{shouted:?}");
    let quoted = directory.who_am_i(&user("o'neil@example.com"), PASSWORD_OF_ALL);
    assert_eq!(quoted.code, 0, "{quoted:?}");
    let service = directory.who_am_i(&service("tests"), &client().key);
    assert_eq!((service.code, service.out.trim()), (0, "dn:cn=tests,dc=example,dc=com"), "{service:?}");
    let nobody = directory.tool("ldapwhoami", &[]);
    assert_eq!((nobody.code, nobody.out.trim()), (0, "anonymous"));

    let wrong = directory.who_am_i(&user("ann@example.com"), "wrong horse");
    assert_eq!(wrong.code, 49, "{wrong:?}");
    for (name, password) in [
        (user("nobody@example.com"), PASSWORD_OF_ALL),
        (user("u1@example.com"), PASSWORD_OF_ALL),
        (user("*"), PASSWORD_OF_ALL),
        (user(r"a\00nn@example.com"), PASSWORD_OF_ALL),
        (user(r"x\27 OR 1\3d1 -- "), PASSWORD_OF_ALL),
        (format!("cn=ann@example.com,{PEOPLE}"), PASSWORD_OF_ALL),
        ("uid=ann@example.com,dc=example,dc=org".to_owned(), PASSWORD_OF_ALL),
        (BASE.to_owned(), PASSWORD_OF_ALL),
        (super::support::service("tests"), "ub_tests_wrong"),
        (super::support::service("nobody"), &client().key),
        (super::support::service("tests"), PASSWORD_OF_ALL),
    ] {
        assert_eq!(directory.who_am_i(&name, password), wrong, "{name}");
    }
    let denied = directory.who_am_i(&user("lee@example.com"), PASSWORD_OF_ALL);
    assert_eq!(denied.code, 49);
    assert!(denied.errors.contains("This account is locked"), "{denied:?}");
    let denied = directory.who_am_i(&user("lee@example.com"), "wrong horse");
    assert_eq!(denied, wrong);
    assert_eq!(directory.who_am_i(&user("ann@example.com"), "").code, 53);
    assert_eq!(directory.who_am_i("uid=\"ann\"", PASSWORD_OF_ALL).code, 34);
    let second = directory.tool("ldapwhoami", &["-P", "2", "-D", &user("ann@example.com"), "-w", PASSWORD_OF_ALL]);
    assert_ne!(second.code, 0, "{second:?}");
}

fn finds_by_name(directory: &Directory) {
    let bob = directory.search(&["-b", BASE, "(&(objectClass=inetOrgPerson)(mail=BOB@example.com))"]);
    assert_eq!(bob.code, 0, "{bob:?}");
    assert_eq!(bob.names(), [user("bob@example.com")]);
    let expected = [
        "objectClass: top",
        "objectClass: person",
        "objectClass: organizationalPerson",
        "objectClass: inetOrgPerson",
        "uid: bob@example.com",
        "cn: Bob Smith",
        "sn: Smith",
        "givenName: Bob",
        "displayName: Bob Smith",
        "mail: bob@example.com",
        r"memberOf: cn=a\, b,ou=groups,dc=example,dc=com",
    ];
    assert_eq!(bob.lines(), expected);
    let base = directory.search(&["-b", &user("bob@example.com"), "-s", "base"]);
    assert_eq!(base.out, bob.out);
    let both = directory.search(&["-b", PEOPLE, "-s", "one", "(|(uid=ann@example.com)(uid=bob@example.com)(uid=x))"]);
    assert_eq!(both.names(), [user("ann@example.com"), user("bob@example.com")]);
    for (filter, count) in [
        ("(&(uid=bob@example.com)(sn=smith))", 1),
        ("(&(uid=bob@example.com)(sn=jones))", 0),
        ("(&(uid=bob@example.com)(!(sn=jones)))", 1),
        ("(&(uid=bob@example.com)(!(nickname=x)))", 0),
        ("(uid=nobody@example.com)", 0),
        ("(uid=\\2a\\29\\28uid=\\2a)", 0),
        ("(mail=x' OR '1'='1)", 0),
        ("(objectClass=groupOfNames)", 0),
    ] {
        let found = directory.search(&["-b", PEOPLE, filter]);
        assert_eq!((found.code, found.names().len()), (0, count), "{filter} {found:?}");
    }
    for nowhere in [user("nobody@example.com"), "dc=org".to_owned(), format!("ou=x,{BASE}"), service("tests")] {
        assert_eq!(directory.search(&["-b", &nowhere, "-s", "base"]).code, 32, "{nowhere}");
    }
    assert_eq!(directory.search(&["-b", "uid=\"x\""]).code, 34);
    assert_eq!(directory.search(&["-b", "", "-s", "sub"]).code, 53);
    let many: String = (0..40).map(|n| format!("(uid={n})")).collect();
    assert_eq!(directory.search(&["-b", BASE, &format!("(|{many})")]).code, 11);
}

fn finds_by_list(directory: &Directory) {
    let all = directory.search(&["-b", BASE, "1.1"]);
    assert_eq!((all.code, all.names().len()), (0, OTHERS + 4 + 2));
    assert_eq!(all.names()[..3], [BASE, PEOPLE, &user("ann@example.com")]);
    let some = directory.search(&["-b", PEOPLE, "(&(givenName=una)(cn=Una U7*))", "cn"]);
    assert_eq!(some.names().len(), 111, "{some:?}");
    // The tool writes what is not ASCII in Base64.
    let other = directory.search(&["-b", PEOPLE, "(sn=LUČIĆ)", "uid"]);
    assert_eq!(other.lines(), ["uid: ann@example.com"]);
    let limited = directory.search(&["-b", PEOPLE, "-s", "one", "-z", "10", "(givenName=una)"]);
    assert_eq!((limited.code, limited.names().len()), (4, 10), "{limited:?}");
    let enough = directory.search(&["-b", PEOPLE, "-s", "one", "-z", "1", "(sn=smith)"]);
    assert_eq!((enough.code, enough.names().len()), (0, 1), "{enough:?}");
}

fn selects(directory: &Directory) {
    let ann = user("ann@example.com");
    let shown = |attributes: &[&str]| {
        let arguments = [&["-b", ann.as_str(), "-s", "base", "(objectClass=*)"], attributes].concat();
        directory.search(&arguments).lines().join("\n")
    };
    assert_eq!(shown(&["mail", "UserId"]), "uid: ann@example.com\nmail: ann@example.com");
    assert_eq!(shown(&["1.1"]), "");
    assert!(shown(&["+"]).starts_with("entryUUID: "), "{}", shown(&["+"]));
    assert!(shown(&["*", "+"]).contains("memberOf: cn=staff,ou=groups,dc=example,dc=com"));
    let types = directory.search(&["-A", "-b", &ann, "-s", "base", "(objectClass=*)", "mail"]);
    assert_eq!(types.lines(), ["mail:"]);
    let by_uuid = shown(&["entryUUID"]);
    let id = by_uuid.strip_prefix("entryUUID: ").unwrap().to_uppercase();
    assert_eq!(directory.search(&["-b", BASE, &format!("(entryUUID={id})"), "1.1"]).names(), [ann.as_str()]);

    let root = directory.tool("ldapsearch", &["-LLL", "-b", "", "-s", "base", "(objectClass=*)", "+"]);
    assert!(root.out.contains("namingContexts: dc=example,dc=com\nsupportedLDAPVersion: 3\n"), "{root:?}");
    assert!(!root.out.contains("1.3.6.1.4.1.1466.20037"), "StartTLS is not possible here: {root:?}");
    assert_eq!(directory.tool("ldapsearch", &["-LLL", "-b", BASE]).code, 50);
    let sorted = directory.search(&["-E", "!sss=cn", "-b", BASE, "(uid=x)"]);
    assert_eq!(sorted.code, 12, "{sorted:?}");
    assert_eq!(directory.search(&["-E", "sss=cn", "-b", BASE, "(uid=x)"]).code, 0);
}

fn pages(directory: &Directory) {
    for (size, filter, expected) in [
        ("7", "(|(cn=una u1*)(uid=*ann*))", 1112),
        ("500", "(objectClass=*)", OTHERS + 6),
        ("1000", "(objectClass=person)", OTHERS + 4),
        ("1", "(|(uid=ann@example.com)(uid=bob@example.com))", 2),
        ("1", "(|(ou=people)(mail=ann@example.com)(mail=bob@example.com)(dc=example))", 4),
    ] {
        if size == "7" && directory.store.name() != "sqlite" {
            continue;
        }
        let found = directory.search(&["-E", &format!("pr={size}/noprompt"), "-b", BASE, filter, "1.1"]);
        let mut names = found.names();
        names.sort_unstable();
        names.dedup();
        assert_eq!((found.code, found.names().len(), names.len()), (0, expected, expected), "{size} {filter}");
    }
}

fn is_one_own_entry(directory: &Directory) {
    let ann = user("ann@example.com");
    let search = |arguments: &[&str]| directory.search_as(&ann, PASSWORD_OF_ALL, arguments);
    assert_eq!(search(&["-b", BASE, "(objectClass=person)", "1.1"]).names(), [ann.as_str()]);
    assert_eq!(search(&["-b", &ann, "-s", "base", "(objectClass=*)", "sn", "givenName"]).lines().len(), 2);
    assert_eq!(search(&["-b", BASE, "(mail=bob@example.com)"]).names(), [""; 0]);
    for other in ["bob@example.com", "nobody@example.com"] {
        assert_eq!(search(&["-b", &user(other), "-s", "base"]).code, 50, "{other}");
    }
}

fn compares(directory: &Directory) {
    let compare = |name: &str, assertion: &str| {
        let arguments = ["-D", &service("tests"), "-w", &client().key, name, assertion];
        directory.tool("ldapcompare", &arguments).code
    };
    let ann = user("ann@example.com");
    assert_eq!(compare(&ann, "mail:ANN@example.com"), 6);
    assert_eq!(compare(&ann, "mail:bob@example.com"), 5);
    assert_eq!(compare(&ann, "telephoneNumber:1"), 16);
    assert_eq!(compare(&ann, "nickname:1"), 17);
    assert_eq!(compare(&user("nobody@example.com"), "mail:x"), 32);
    let write = directory.tool("ldapdelete", &["-D", &service("tests"), "-w", &client().key, &ann]);
    assert_eq!(write.code, 53, "{write:?}");
}
