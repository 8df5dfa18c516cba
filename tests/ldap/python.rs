//! Python's ldap3, which reads the schema and obeys it.

use std::process::Command;

use serde_json::{Value as Json, json};

use super::support::{BASE, Directory, PASSWORD_OF_ALL, service, user};
use crate::gateway::client;
use crate::servers;

const SCRIPT: &str = r#"
import json, sys
import ldap3
host, port, base, service, key, user, password = sys.argv[1:]
server = ldap3.Server(host, int(port), get_info=ldap3.ALL)
told = {}
with ldap3.Connection(server, service, key, auto_bind=True, check_names=True) as connection:
    told["bases"] = server.info.naming_contexts
    told["classes"] = sorted(server.schema.object_classes.keys())
    told["mail"] = server.schema.attribute_types["mail"].syntax
    told["who"] = connection.extend.standard.who_am_i()
    page = connection.extend.standard.paged_search(
        base, "(objectClass=inetOrgPerson)", attributes=["uid", "entryUUID"], paged_size=5, generator=False)
    told["paged"] = len(page)
    connection.search(base, "(&(objectClass=person)(mail=ann@example.com))", attributes=[ldap3.ALL_ATTRIBUTES])
    told["ann"] = connection.entries[0].entry_attributes_as_dict
told["rebind"] = ldap3.Connection(server, user, password).bind()
wrong = ldap3.Connection(server, user, "wrong horse")
told["wrong"] = [wrong.bind(), wrong.result["description"]]
print(json.dumps(told))
"#;

#[test]
fn ldap3_reads_the_schema_and_finds_people() {
    let directory = Directory::small("");
    let port = directory.address.port().to_string();
    let (service, ann) = (service("tests"), user("ann@example.com"));
    let arguments = ["127.0.0.1", &port, BASE, &service, &client().key, &ann, PASSWORD_OF_ALL];
    let output = Command::new(servers::python()).args(["-c", SCRIPT]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["bases"], json!([BASE]));
    assert!(told["classes"].as_array().unwrap().contains(&json!("inetOrgPerson")), "{told}");
    assert_eq!(told["who"], json!(format!("dn:{service}")));
    assert_eq!(told["paged"], 24);
    assert_eq!(told["ann"]["cn"], json!(["Ann Lučić"]));
    assert_eq!(told["ann"]["memberOf"], json!(["cn=staff,ou=groups,dc=example,dc=com"]));
    assert_eq!(told["rebind"], true);
    assert_eq!(told["wrong"], json!([false, "invalidCredentials"]));
}
