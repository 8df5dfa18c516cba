//! Networks, scopes, limits, records and metrics hold for LDAP as for HTTP.

use serde_json::Value as Json;

use super::support::{BASE, Directory, PASSWORD_OF_ALL, section, service, setup, user, without_list};
use crate::gateway::{client, program};
use crate::people::metric;
use crate::stores::Store;

/// A client with these scopes and further lines: its key, and its entry.
fn another(id: &str, scopes: &str, further: &str) -> (String, String) {
    let output = program().args(["client", "new", id]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let key = text.lines().find(|line| line.starts_with("ub_")).unwrap().to_owned();
    let digest = text.split('"').find(|part| part.starts_with("sha256:")).unwrap().to_owned();
    (key, format!("  - id: {id}\n    secrets: ['{digest}']\n    scopes: [{scopes}]\n{further}"))
}

#[test]
fn scopes_say_who_may_search_what() {
    let (none, first) = another("none", "'other:*'", "");
    let (login, second) = another("checker", "'staff:login'", "");
    let (get, third) = another("getter", "'staff:get_user'", "");
    let directory = Directory::with("", &format!("{first}{second}{third}"));
    let search = |id: &str, key: &str, filter: &str| directory.search_as(&service(id), key, &["-b", BASE, filter]);
    for (id, key) in [("none", &none), ("checker", &login)] {
        let refused = search(id, key, "(uid=ann@example.com)");
        assert_eq!(refused.code, 50, "{id} {refused:?}");
        assert!(refused.errors.contains("staff:get_user"), "{refused:?}");
    }
    assert_eq!(search("getter", &get, "(uid=ann@example.com)").names().len(), 1);
    let refused = search("getter", &get, "(cn=Ann*)");
    assert_eq!(refused.code, 50);
    assert!(refused.errors.contains("staff:list_users"), "{refused:?}");
    // A key is its own client's.
    assert_eq!(search("checker", &get, "(uid=x)").code, 49);
}

#[test]
fn what_cannot_be_listed_is_refused_and_not_empty() {
    let store = Store::new(userbridge::sql::Dialect::Sqlite);
    super::support::fill(&store, 0);
    let section = section("").replace("connector: staff", "connector: unlisted");
    let setup = setup(&store, &section, "", "").definition("unlisted.yaml", &without_list());
    let directory = Directory::new(store, setup);
    let refused = directory.search(&["-b", BASE, "(cn=Ann*)"]);
    assert_eq!(refused.code, 53);
    assert!(refused.errors.contains("declares no `list_users`"), "{refused:?}");
    assert_eq!(directory.search(&["-b", BASE, "(mail=ann@example.com)"]).names().len(), 1);
}

#[test]
fn networks_say_who_may_ask() {
    let elsewhere = Directory::small("allowlist: [10.0.0.0/8]\n");
    let right = elsewhere.who_am_i(&user("ann@example.com"), PASSWORD_OF_ALL);
    assert_eq!((right.code, right.errors.contains("this address may not ask")), (50, true), "{right:?}");
    assert_eq!(elsewhere.who_am_i(&user("ann@example.com"), "wrong horse"), right);
    assert_eq!(elsewhere.who_am_i(&service("tests"), &client().key).code, 50);

    let (key, far) = another("far", "'staff:*'", "    allowlist: [10.0.0.0/8]\n");
    let directory = Directory::with("", &far);
    let refused = directory.who_am_i(&service("far"), &key);
    assert_eq!((refused.code, refused.errors.contains("from this address")), (50, true), "{refused:?}");
}

#[test]
fn attempts_are_counted_before_they_are_made() {
    let directory = Directory::small("limits: { account: 3/h, address: 1000000/s }\n");
    let bind = |name: &str, password: &str| directory.who_am_i(&user(name), password).code;
    let codes: Vec<_> = (0..5).map(|_| bind("ann@example.com", "wrong horse")).collect();
    assert_eq!(codes, [49, 49, 49, 51, 51]);
    assert_eq!(bind("ann@example.com", PASSWORD_OF_ALL), 51);
    assert_eq!(bind("ANN@example.com", PASSWORD_OF_ALL), 51, "another spelling is the same account");
    assert_eq!(bind("bob@example.com", PASSWORD_OF_ALL), 0);

    let directory = Directory::small("limits: { account: 1000000/s, address: 3/h }\n");
    let bind = |name: &str, password: &str| directory.who_am_i(&user(name), password).code;
    let right: Vec<_> = (0..5).map(|_| bind("ann@example.com", PASSWORD_OF_ALL)).collect();
    assert_eq!(right, [0; 5], "whoever proves a password does not count against the address");
    let codes: Vec<_> = (0..5).map(|n| bind(&format!("x{n}@example.com"), "wrong horse")).collect();
    assert_eq!(codes, [49, 49, 49, 51, 51]);
    assert_eq!(directory.who_am_i(&service("tests"), &client().key).code, 51);

    let directory = Directory::small("limits: { client: 3/h }\n");
    let codes: Vec<_> = (0..4).map(|_| directory.who_am_i(&user("bob@example.com"), PASSWORD_OF_ALL).code).collect();
    assert_eq!(codes, [0, 0, 0, 51]);
}

#[test]
fn everything_is_recorded_once() {
    let directory = Directory::small("audit: { to: 'file:audit.jsonl' }\n");
    assert_eq!(directory.who_am_i(&user("ann@example.com"), PASSWORD_OF_ALL).code, 0);
    assert_eq!(directory.who_am_i(&user("ann@example.com"), "wrong horse").code, 49);
    assert_eq!(directory.search(&["-b", BASE, "(mail=bob@example.com)"]).code, 0);
    let requests = || -> Vec<Json> {
        let records = directory.gateway.records().into_iter();
        records.filter(|record| record["fields"]["protocol"] == "ldap").map(|record| record["fields"].clone()).collect()
    };
    directory.gateway.eventually("four requests are logged", || requests().len() == 4);
    let told: Vec<_> = requests()
        .iter()
        .map(|fields| {
            [&fields["client"], &fields["connector"], &fields["action"], &fields["outcome"]]
                .map(Json::to_string)
                .join(" ")
        })
        .collect();
    let expected = [
        r#""tests" "staff" "login" "authenticated""#,
        r#""tests" "staff" "login" "wrong_credentials""#,
        r#""tests" null null "bound""#,
        r#""tests" "staff" "get_user" "found""#,
    ];
    assert_eq!(told, expected);
    let log = directory.gateway.log();
    assert!(
        !log.contains(PASSWORD_OF_ALL) && !log.contains("wrong horse") && !log.contains("bob@example.com"),
        "{log}"
    );
    let series = r#"requests_total{connector="staff",action="login",outcome="wrong_credentials"}"#;
    assert_eq!(metric(&directory.gateway, series), 1);
    let journal = directory.gateway.folder().join("audit.jsonl");
    directory.gateway.eventually("the journal has them", || {
        std::fs::read_to_string(&journal)
            .is_ok_and(|text| text.lines().filter(|line| line.contains("\"login\"")).count() == 2)
    });
}
