//! `userbridge connect ldap`: what it says to enter works when it is entered.

use userbridge::sql::Dialect;

use super::support::{Directory, PASSWORD_OF_ALL, fill, section, setup, tool};
use crate::gateway::{Gateway, client, program};
use crate::stores::Store;

/// What it prints, and its exit code.
fn connect(gateway: &Gateway, arguments: &[&str]) -> (String, Option<i32>) {
    let mut command = program();
    command.args(["connect", "ldap"]).args(arguments).current_dir(gateway.folder());
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains(&client().key), "a key is printed: {text}");
    (text, output.status.code())
}

#[test]
fn what_to_enter_is_what_works() {
    let directory = Directory::small("");
    let url = format!("ldap://{}", directory.address);
    let (text, exit) = connect(&directory.gateway, &["--url", &url]);
    assert_eq!(exit, Some(0), "{text}");
    for words in [&url, "ou=people,dc=example,dc=com", "named by their `email`", "ub_tests_…", "staff:list_users"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let (text, exit) = connect(&directory.gateway, &["--url", &url, "--format", "json"]);
    assert_eq!(exit, Some(0), "{text}");
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    let told = |name: &str| told[name].as_str().unwrap().to_owned();
    let service = told("bind_dn");
    let arguments = ["-LLL", "-D", &service, "-w", &client().key, "-s", "one", "-b", &told("users_dn")];
    let found = tool("ldapsearch", &told("url"), &[&arguments[..], &[&told("user_filter"), "uid"]].concat(), &[]);
    assert_eq!((found.code, found.names().len()), (0, 24), "{found:?}");
    // The command as it is printed, with somebody's name and password.
    let commands = told("commands").replace("SOMEBODY", "ann@example.com").replace(" -W", " -w \"$PASSWORD\"");
    let line = commands.lines().next().unwrap();
    let output = std::process::Command::new("sh").args(["-c", line]).env("PASSWORD", PASSWORD_OF_ALL).output().unwrap();
    assert!(output.status.success() && output.stdout.starts_with(b"dn:uid=ann@example.com"), "{line} {output:?}");
}

#[test]
fn what_cannot_be_told_says_what_to_do() {
    let directory = Directory::small("");
    for (arguments, expected) in [
        (&["--probe"][..], "help: OpenLDAP's tools ask what a provider asks"),
        (&["--connector", "other"], "no directory is this connector's"),
        (&["--config", "none.yaml"], "there is no none.yaml"),
    ] {
        let (text, exit) = connect(&directory.gateway, arguments);
        assert!(exit == Some(2) && text.contains(expected), "{arguments:?}: {exit:?} {text}");
    }
    let store = Store::new(Dialect::Sqlite);
    fill(&store, 0);
    let two = section("") + "    - { base: 'dc=example,dc=org', connector: other, client: tests }\n";
    let several = setup(&store, &two, "", "").start();
    let (text, exit) = connect(&several, &[]);
    assert!(exit == Some(2) && text.contains("several connectors are directories: staff, other"), "{exit:?} {text}");
    assert!(connect(&several, &["--connector", "other"]).0.contains("cn=tests,dc=example,dc=org"));
    let none = setup(&store, "", "", "").start();
    let (text, exit) = connect(&none, &["--connector", "staff"]);
    assert!(exit == Some(2) && text.contains("connector: staff, client: tests"), "{exit:?} {text}");
}
