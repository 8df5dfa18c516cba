use ldap3_proto::parse_ldap_filter_str;
use proptest::prelude::*;

use super::*;
use crate::action::Profile;

fn directory() -> Directory {
    Directory {
        base: Dn::parse("dc=example,dc=com").unwrap(),
        connector: "acme".to_owned(),
        client: "directory".to_owned(),
        uid: Naming::Username,
        member_of: Some("roles".to_owned()),
    }
}

fn ann() -> Entry {
    let members = serde_json::json!({
        "username": "ann", "email": "Ann@Example.com", "given_name": "Ann", "family_name": "O'Neil  Smith",
        "phone_number": "+1 555-01 00", "app_metadata": { "roles": ["staff"] }, "picture": "x",
    });
    Entry::user(&Profile::new("acme|7".to_owned(), members.as_object().unwrap().clone()), &directory()).unwrap()
}

fn judged(text: &str) -> Truth {
    evaluate(&parse_ldap_filter_str(text).unwrap_or_else(|error| panic!("{text}: {error}")), &ann())
}

#[test]
fn a_profile_becomes_an_entry() {
    let entry = ann();
    assert_eq!(entry.dn().to_string(), "uid=ann,ou=people,dc=example,dc=com");
    let shown = |wanted: &[&str]| {
        let wanted: Vec<_> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let found = entry.select(&Wanted::of(&wanted), false).attributes;
        let line = |attribute: ldap3_proto::proto::LdapPartialAttribute| {
            let values = attribute.vals.into_iter().map(|value| String::from_utf8(value).unwrap());
            format!("{}={}", attribute.atype, values.collect::<Vec<_>>().join("|"))
        };
        found.into_iter().map(line).collect::<Vec<_>>()
    };
    let user = [
        "objectClass=top|person|organizationalPerson|inetOrgPerson",
        "uid=ann",
        "cn=Ann O'Neil  Smith",
        "sn=O'Neil  Smith",
        "givenName=Ann",
        "displayName=Ann O'Neil  Smith",
        "mail=Ann@Example.com",
        "telephoneNumber=+1 555-01 00",
        "memberOf=cn=staff,ou=groups,dc=example,dc=com",
    ];
    assert_eq!(shown(&[]), user);
    assert_eq!(shown(&["*"]), user);
    assert_eq!(shown(&["1.1"]), [""; 0]);
    assert_eq!(shown(&["MAIL", "surname", "nonsense", "1.1"]), ["sn=O'Neil  Smith", "mail=Ann@Example.com"]);
    assert_eq!(shown(&["2.5.4.3"]), ["cn=Ann O'Neil  Smith"]);
    let operational = shown(&["+"]);
    assert!(operational[0].starts_with("entryUUID="), "{operational:?}");
    assert!(operational.iter().all(|line| !user.contains(&line.as_str())), "{operational:?}");
    assert_eq!(shown(&["*", "+"]).len(), user.len() + operational.len());
    let types = entry.select(&Wanted::of(&[]), true).attributes;
    assert!(types.iter().all(|attribute| attribute.vals.is_empty()) && types.len() == user.len());
}

#[test]
fn entries_have_what_their_classes_demand() {
    let bare = Profile::new("1".to_owned(), serde_json::json!({ "username": "x" }).as_object().unwrap().clone());
    let entry = Entry::user(&bare, &directory()).unwrap();
    for kind in ["cn", "sn", "uid", "displayName"] {
        assert_eq!(compare(&entry, kind, b"X"), Ok(true), "{kind}");
    }
    let nameless = Profile::new("1".to_owned(), serde_json::json!({ "username": "" }).as_object().unwrap().clone());
    assert!(Entry::user(&nameless, &directory()).is_none());
}

#[test]
fn filters_have_three_values() {
    use Truth::{False, True, Undefined};
    for (filter, expected) in [
        ("(uid=ANN)", True),
        ("(userid=ann)", True),
        ("(uid=bob)", False),
        ("(mail=ann@example.COM)", True),
        ("(mail=*)", True),
        (r#"(sn="o'neil smith")"#, True),
        (r#"(telephoneNumber="+1555 0100")"#, True),
        ("(objectClass=person)", True),
        ("(objectClass=2.5.6.6)", True),
        ("(objectClass=group)", False),
        (r#"(memberOf="CN=Staff, ou=groups,dc=example,dc=com")"#, True),
        ("(memberOf=staff)", Undefined),
        ("(entryUUID=no)", Undefined),
        ("(nickname=x)", Undefined),
        ("(!(nickname=x))", Undefined),
        ("(nickname=*)", Undefined),
        ("(ou=*)", False),
        ("(!(ou=*))", True),
        ("(uid>=a)", Undefined),
        ("(uid:caseExactMatch:=ann)", Undefined),
        ("(uid~=ann)", True),
        ("(&(uid=ann)(nickname=x))", Undefined),
        ("(&(uid=bob)(nickname=x))", False),
        ("(|(uid=ann)(nickname=x))", True),
        ("(|(uid=bob)(nickname=x))", Undefined),
        ("(&(objectClass=person)(|(uid=ann)(mail=ann)))", True),
        ("(uid=a*)", True),
        ("(uid=*n)", True),
        ("(uid=a*n)", True),
        ("(uid=an*nn)", False),
        ("(mail=*EXAMPLE*)", True),
        ("(mail=a*n@*.com)", True),
        (r#"(cn="ann *smith")"#, True),
        ("(objectClass=per*)", Undefined),
    ] {
        assert_eq!(judged(filter), expected, "{filter}");
    }
    assert_eq!(evaluate(&LdapFilter::And(vec![]), &ann()), True);
    assert_eq!(evaluate(&LdapFilter::Or(vec![]), &ann()), False);
}

#[test]
fn filters_say_whom_to_ask_for() {
    let names = |text: &str| named(&parse_ldap_filter_str(text).unwrap());
    let some = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    for (filter, expected) in [
        ("(uid=ann)", some(&["ann"])),
        ("(rfc822Mailbox=a@x)", some(&["a@x"])),
        ("(&(objectClass=person)(uid=ann))", some(&["ann"])),
        ("(|(uid=ann)(mail=ann)(mail=bob))", some(&["ann", "bob"])),
        ("(&(|(uid=a)(uid=b))(mail=c))", some(&["c"])),
        ("(|(uid=ann)(cn=ann))", None),
        ("(!(uid=ann))", None),
        ("(uid=a*)", None),
        ("(uid=*)", None),
        ("(cn=ann)", None),
    ] {
        assert_eq!(names(filter), expected, "{filter}");
    }
    let odd = LdapFilter::Equality("uid".to_owned(), "*)(uid=*".to_owned());
    assert_eq!(named(&odd), some(&["*)(uid=*"]), "a name is a name, whatever its characters");
    let many: String = (0..100).map(|n| format!("(uid={n})")).collect();
    assert_eq!(names(&format!("(|{many})")).unwrap().len(), MAX_NAMED + 1);
}

#[test]
fn no_user_is_a_group() {
    let may = |text: &str| may_be_a_user(&parse_ldap_filter_str(text).unwrap());
    assert!(may("(objectClass=*)") && may("(&(objectClass=inetOrgPerson)(cn=x))") && may("(!(cn=x))"));
    assert!(!may("(objectClass=groupOfNames)") && !may("(&(cn=x)(objectClass=group))"));
    assert!(may("(|(objectClass=group)(cn=x))") && !may("(!(objectClass=person))"));
}

/// A message with this operation, encoded as a client does.
fn message(tag: u8, content: &[u8]) -> Vec<u8> {
    let inner = [&[2, 1, 5, tag, content.len() as u8], content].concat();
    [&[0x30, inner.len() as u8], inner.as_slice()].concat()
}

#[test]
fn binds_are_read_here() {
    let decoded = |content: &[u8]| match Message::decode(&message(0x60, content)) {
        Ok(Message { id: 5, operation: Operation::Bind(bind), .. }) => Ok(bind),
        Err(malformed) => Err(malformed),
        other => panic!("{other:?}"),
    };
    let simple = decoded(b"\x02\x01\x03\x04\x03a=b\x80\x06hunter").unwrap();
    assert!(matches!(&simple.credential, Credential::Simple(password) if password.expose() == "hunter"));
    assert_eq!((simple.version, simple.name.as_str()), (3, "a=b"));
    assert!(!format!("{simple:?}").contains("hunter"));
    assert!(matches!(decoded(b"\x02\x01\x02\x04\x00\x80\x00").unwrap().credential, Credential::Empty));
    assert!(matches!(
        decoded(b"\x02\x01\x03\x04\x00\xa3\x06\x04\x04GSSX").unwrap().credential,
        Credential::Unsupported
    ));
    let no_text = decoded(b"\x02\x01\x03\x04\x00\x80\x01\xff").unwrap();
    assert!(matches!(no_text.credential, Credential::Simple(password) if !password.is_acceptable()));
    for bad in [
        &b""[..],
        b"\x02\x01\x03",
        b"\x02\x01\x03\x04\x00",
        b"\x04\x00\x04\x00\x80\x00",
        b"\x02\x01\x03\x04\x01\xff\x80\x00",
    ] {
        assert_eq!(decoded(bad).unwrap_err(), Malformed::Message, "{bad:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(content in proptest::collection::vec(any::<u8>(), 0..100), tag in 0x40_u8..0x80) {
        let _ = Message::decode(&message(tag, &content));
        let _ = Message::decode(&content);
        let _ = length(&content);
    }
}
