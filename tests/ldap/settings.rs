//! The section of the settings, and what is found to be wrong with it.

use super::support::{section, setup};
use crate::gateway::{check, client};
use crate::stores::Store;

/// What `check` says of this section.
fn findings(ldap: &str, clients: &str) -> String {
    let store = Store::new(userbridge::sql::Dialect::Sqlite);
    let folder = setup(&store, "", "", "");
    let path = folder.folder().join("userbridge.yaml");
    std::fs::write(&path, format!("{ldap}clients:\n{}{clients}", client().yaml)).unwrap();
    check(&path, &[("STORE_URL", &store.url)]).0
}

#[test]
fn what_the_readme_shows_is_in_order() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (_, rest) = readme.split_once("```yaml\nldap:").unwrap();
    let shown = format!("ldap:{}", rest.split_once("```").unwrap().0);
    // There is no certificate here.
    let shown = shown.replace("0.0.0.0:636", "127.0.0.1:0").replace("client: directory", "client: tests");
    let said = findings(&shown, "");
    assert!(!said.contains("error"), "{said}");
}

#[test]
fn every_mistake_is_found_where_it_is() {
    let good = section("");
    assert!(!findings(&good, "").contains("error"), "{}", findings(&good, ""));
    let more = |line: &str| format!("{good}    - {line}\n");
    let other = "  - id: other\n    secrets: ['sha256:0000000000000000000000000000000000000000000000000000000000000000']\n    scopes: ['staff:get_user']\n";
    for (ldap, expected) in [
        (good.replace("dc=example,dc=com", "example.com"), "`example.com` is no distinguished name"),
        (good.replace("dc=example,dc=com", ""), "`` is a name that every LDAP server has"),
        (more("{ base: 'DC=Example,DC=com', connector: a, client: tests }"), "is the base of a directory already"),
        (
            more("{ base: 'ou=x,dc=example,dc=com', connector: a, client: tests }"),
            "is inside of another directory's base",
        ),
        (good.replace("client: tests", "client: test"), "no client `test` is declared"),
        (good.replace("client: tests", "client: other"), "has no scope for `staff:login`"),
        (good.replace("connector: staff", "connector: 'st aff'"), "cannot be a connector's name"),
        (good.replace("member_of: roles", "uid: user_name"), "did you mean `username`"),
        (good.replace("member_of: roles", "memberof: roles"), "member_of"),
        (good.replace("127.0.0.1:0", "0.0.0.0:389"), "would cross the network to 0.0.0.0:389 in the clear"),
        (good.replace("127.0.0.1:0", "localhost"), "`localhost` is not an address with a port"),
        (section("  starttls: true\n"), "StartTLS needs a certificate"),
        (section("  tls: { certificate: none.pem, key: { file: none.pem } }\n"), "cannot read `none.pem`"),
        ("ldap: { listen: '127.0.0.1:0', directories: [] }\n".to_owned(), "no directory is declared"),
    ] {
        let said = findings(&ldap, other);
        assert!(said.contains(expected), "{ldap}\n{said}");
        assert!(said.contains("userbridge.yaml:"), "{said}");
    }
}
