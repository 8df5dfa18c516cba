//! What `check` says of the face's declaration.

use crate::gateway::{Setup, check, client};
use crate::tokens::support::{ISSUER, TINY};

/// What is said of these settings, and the exit code.
fn said(lines: &str, arguments: &[&str]) -> (String, Option<i32>) {
    let setup = Setup::new().definition("tiny.yaml", TINY);
    let path = setup.folder().join("userbridge.yaml");
    std::fs::write(&path, format!("{lines}\nclients:\n{}", client().yaml)).unwrap();
    if arguments.is_empty() {
        return check(&path, &[("NO_COLOR", "1")]);
    }
    let output = crate::gateway::program().arg("check").arg(&path).args(arguments).output().unwrap();
    (String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(), output.status.code())
}

fn tokens() -> String {
    format!("tokens: {{ issuer: \"{ISSUER}\" }}\n")
}

#[test]
fn the_grant_is_discouraged_until_somebody_says_why_it_is_right() {
    let bare = format!("{}faces: [{{ protocol: oauth2, connector: tiny }}]", tokens());
    let (text, exit) = said(&bare, &[]);
    assert_eq!(exit, Some(0), "{text}");
    assert!(text.contains("warning[discouraged-grant]") && text.contains("userbridge.yaml:2"), "{text}");
    assert!(text.contains("accept_discouraged"), "{text}");
    assert_eq!(said(&bare, &["--strict"]).1, Some(1));
    let accepted = bare.replace("tiny }", "tiny, options: { accept_discouraged: until we have moved } }");
    let (text, exit) = said(&accepted, &["--strict"]);
    assert!(exit == Some(0) && !text.contains("discouraged-grant"), "{text}");
    let (text, exit) = said(&accepted.replace("until we have moved", "' '"), &[]);
    assert!(exit == Some(1) && text.contains("the reason is empty"), "{text}");
    let output = crate::gateway::program().args(["check", "--explain", "discouraged-grant"]).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("RFC 9700, section 2.4"));
}

#[test]
fn what_cannot_work_is_found_where_it_stands() {
    let face = "faces: [{ protocol: oauth2, connector: tiny, options: { accept_discouraged: a test } }]";
    let with = |more: &str| format!("{}{}", tokens(), face.replace("tiny,", &format!("tiny, {more},")));
    let claims = |list: &str| format!("{}{}", tokens(), face.replace("a test", &format!("a test, claims: {list}")));
    let trusted = format!(
        "{}{face}\ntrusted_issuers: [{{ issuer: \"{ISSUER}/oauth2/tiny\", audience: a, client: tests, subjects: [a] }}]",
        tokens()
    );
    for (settings, code, expected, line) in [
        (face.to_owned(), "missing-key", "nothing says in whose name they are signed", 1),
        (with("credentials: x-api-key"), "conflicting-keys", "prove themselves as clients of OAuth do", 2),
        (claims("[roles, sub]"), "invalid-value", "`sub` is a claim with a meaning of its own", 2),
        (trusted, "invalid-value", "open nothing but userinfo", 3),
    ] {
        let (text, exit) = said(&settings, &[]);
        assert_eq!(exit, Some(1), "{text}");
        assert!(text.contains(&format!("error[{code}]")) && text.contains(expected), "{text}");
        assert!(text.contains(&format!("userbridge.yaml:{line}")), "{text}");
    }
    let (text, exit) = said(&claims("[roles]"), &[]);
    assert_eq!(exit, Some(0), "{text}");
}
