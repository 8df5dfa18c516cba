//! What is understood of a body, and how everything else is refused.

use serde_json::json;

use super::support::*;

#[test]
fn requests_reach_the_connector_as_they_were_sent() {
    let gateway = start();
    let cases: [(&str, &str, &str); 13] = [
        ("login", r#"{"identifier":" Ann ","password":""}"#, r#"login " Ann " password=Some(0) context={}"#),
        (
            "login",
            r#"{"password":"\u0000é","identifier":"a\u0062","context":null}"#,
            r#"login "ab" password=Some(3) context={}"#,
        ),
        (
            "login",
            r#"{"identifier":"a","password":"x","context":{"ip":"::1","n":[1,-2,0.5,null,true]}}"#,
            r#"login "a" password=Some(1) context={"ip":"::1","n":[1,-2,0.5,null,true]}"#,
        ),
        ("get_user", "\n\t {\"identifier\" : \"a'b\\\"%_\\\\\" } \r\n", r#"identifier "a'b\"%_\\" {}"#),
        ("get_user", r#"{"user_id":"acme|7","context":{}}"#, r#"user_id "acme|7" {}"#),
        (
            "create",
            r#"{"email":"e","password":"pass","user_metadata":{"a":1},"plan":"gold","context":{"ip":"x"}}"#,
            r#"create Some("e") None None password=Some(4) {"a":1} {} {"context":{"ip":"x"},"plan":"gold"}"#,
        ),
        ("create", r#"{"username":"u","phone_number":null}"#, r#"create None Some("u") None password=None {} {} {}"#),
        ("verify", r#"{"email":"e"}"#, r#"Verify { email: "e" }"#),
        ("change_password", r#"{"email":"e","password":"12345"}"#, r#"change_password "e" password=Some(5)"#),
        (
            "change_email",
            r#"{"email":"e","new_email":"f","verified":true}"#,
            r#"ChangeEmail { email: "e", new_email: "f", verified: Some(true) }"#,
        ),
        (
            "change_username",
            r#"{"username":"e","new_username":"f"}"#,
            r#"ChangeUsername { username: "e", new_username: "f" }"#,
        ),
        (
            "change_phone_number",
            r#"{"phone_number":"1","new_phone_number":"2","verified":null}"#,
            r#"ChangePhoneNumber { phone_number: "1", new_phone_number: "2", verified: None }"#,
        ),
        ("delete", r#"{"user_id":"acme|7"}"#, r#"Delete { user_id: "acme|7" }"#),
    ];
    let mut client = gateway.connect();
    for (action, body, seen) in cases {
        assert_eq!(client.post(action, body.as_bytes(), "").status, 200, "{body}");
        let last = gateway.seen().pop().unwrap();
        // The order of members is not part of the contract.
        let sorted = |text: &str| {
            let mut chars: Vec<char> = text.chars().collect();
            chars.sort_unstable();
            chars
        };
        assert_eq!(sorted(&last), sorted(seen), "{last}");
    }
}

/// The body, the member that is named, and what is said about it.
#[test]
fn whatever_is_not_understood_is_refused() {
    let gateway = start();
    let login = |rest: &str| format!(r#"{{"identifier":"ann",{rest}}}"#);
    let name = |name: &str| json!({ "identifier": name, "password": "hunter2" }).to_string();
    let long = "x".repeat(1025);
    let nested = format!(r#""password":"hunter2","context":{}"#, "{\"a\":".repeat(200) + "1" + &"}".repeat(200));
    let cases: Vec<(String, Option<&str>, &str)> = vec![
        (String::new(), None, "not a JSON object"),
        ("null".into(), None, "not a JSON object"),
        ("[]".into(), None, "not a JSON object"),
        ("\"hunter2\"".into(), None, "not a JSON object"),
        ("{".into(), None, "EOF while parsing"),
        ("{}".into(), Some("identifier"), "`identifier` is missing or null; expected a string"),
        (login(r#""password":"hunter2"}{"#), None, "trailing characters"),
        (login(r#""password":"hunter2"} x"#).replace("x}", "x"), None, "trailing characters"),
        (login(r#""password":"hunter2","#), None, "trailing comma"),
        (login(r#""password":"hunter2","password":"hunter3""#), None, "duplicate member `password`"),
        (login(r#""password":"hunter2","identifi\u0065r":"bob""#), None, "duplicate member `identifier`"),
        (login(r#""password":"hunter2","context":{"a":{"b":1,"b":2}}"#), None, "duplicate member `b`"),
        (login(&nested), None, "recursion limit"),
        (login(r#""password":"hunter2","context":{"a":"\u0000"}"#), None, "NUL character"),
        (login(r#""password":"\ud800""#), None, "body is not valid JSON"),
        (login(r#""password":["hunter2"]"#), Some("password"), "`password` is an array; expected a string"),
        (login(r#""password":{"hunter2":1}"#), Some("password"), "`password` is an object; expected a string"),
        (login(r#""password":4711"#), Some("password"), "`password` is a number; expected a string"),
        (login(r#""password":null"#), Some("password"), "`password` is missing or null; expected a string"),
        (
            login(r#""password":"hunter2","context":"hunter2""#),
            Some("context"),
            "`context` is a string; expected an object",
        ),
        (login(r#""passwort":"hunter2""#), Some("passwort"), "unknown member `passwort`; did you mean `password`?"),
        (login(r#""password":"hunter2","zzz":1"#), Some("zzz"), "expected `identifier`, `password`, `context`"),
        (r#"{"identifier":["ann"],"password":"hunter2"}"#.into(), Some("identifier"), "is an array; expected a string"),
        (name(""), Some("identifier"), "`identifier` is empty"),
        (name(&long), Some("identifier"), "has 1025 bytes; expected at most 1024"),
        (name("a\nb"), Some("identifier"), "control character U+000A"),
        (name("a\u{7f}b"), Some("identifier"), "control character U+007F"),
        (name("a\u{85}b"), Some("identifier"), "control character U+0085"),
        ("\u{feff}{}".into(), None, "not a JSON object"),
    ];
    let mut client = gateway.connect();
    for (body, field, expected) in cases {
        let reply = client.post("login", body.as_bytes(), "");
        assert_eq!((reply.status, reply.code().as_str()), (400, "invalid_input"), "{body}");
        assert!(reply.detail().contains(expected), "{body}: {}", reply.detail());
        assert_eq!(reply.json().get("field").and_then(|field| field.as_str()), field, "{body}");
        for secret in ["hunter2", "4711"] {
            assert!(!reply.text().contains(secret), "{body}: an answer repeats no value: {}", reply.text());
        }
    }
    assert_eq!(gateway.calls(), 0);
}

#[test]
fn other_actions_name_their_own_members() {
    let gateway = start();
    let cases = [
        ("get_user", r#"{}"#, "`identifier` is missing; expected `identifier` or `user_id`"),
        (
            "get_user",
            r#"{"identifier":"a","user_id":"b"}"#,
            "found both `identifier` and `user_id`; expected one of them",
        ),
        ("get_user", r#"{"email":"a"}"#, "unknown member `email`; expected `identifier`, `user_id`, `context`"),
        ("change_password", r#"{"password":"x"}"#, "expected `identifier` or `email`"),
        (
            "change_email",
            r#"{"email":"a","new_email":"b","verified":"yes"}"#,
            "`verified` is a string; expected a boolean",
        ),
        ("create", r#"{"email":"a","user_metadata":[]}"#, "`user_metadata` is an array; expected an object"),
        ("create", r#"{"email":"a","password":7}"#, "`password` is a number"),
        ("delete", r#"{"userid":"a"}"#, "did you mean `user_id`?"),
    ];
    for (action, body, expected) in cases {
        let reply = gateway.post(action, body);
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.detail().contains(expected), "{body}: {}", reply.detail());
    }
}

#[test]
fn passwords_are_not_limited_by_the_protocol() {
    let gateway = start();
    for length in [0, 1, 72, 73, 4096, 4097, 60_000] {
        let body = json!({"identifier": "ann", "password": "x".repeat(length)});
        assert_eq!(gateway.ask("login", &body).status, 200, "{length}");
        assert_eq!(gateway.seen().pop().unwrap(), format!("login \"ann\" password=Some({length}) context={{}}"));
    }
}

#[test]
fn bytes_that_are_not_utf8_are_refused() {
    let gateway = start();
    for body in [
        &b"{\"identifier\":\"a\",\"password\":\"\xff\"}"[..],
        b"{\"identifier\":\"\xed\xa0\x80\",\"password\":\"\"}",
        b"\xff",
    ] {
        let reply = gateway.post("login", body);
        assert_eq!(reply.status, 400);
        assert!(reply.detail().contains("not UTF-8"), "{}", reply.detail());
    }
}

#[test]
fn only_json_is_read() {
    let gateway = start();
    let body = br#"{"identifier":"ann"}"#;
    let cases = [
        ("application/json", 200),
        ("Application/JSON; charset=UTF-8", 200),
        ("application/json;charset=\"utf-8\"", 200),
        ("application/json; charset=utf-16", 415),
        ("application/json, text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("text/json", 415),
        ("", 415),
    ];
    for (value, status) in cases {
        let reply = gateway.connect().post("get_user", body, &format!("content-type: {value}\r\n"));
        assert_eq!(reply.status, status, "{value}");
    }
    let twice = "content-type: application/json\r\ncontent-type: application/json\r\n";
    assert_eq!(gateway.connect().post("get_user", body, twice).code(), "unsupported_media_type");
}
