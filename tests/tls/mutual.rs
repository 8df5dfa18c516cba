//! Certificates of callers in the place of keys.

use std::time::Duration;

use super::support::*;
use crate::gateway::{Gateway, check, client};

const PINNED: &str = "tls: { certificate: cert.pem, key: { file: key.pem }, client_certificates: optional }\n";
const SIGNED: &str = "tls: { certificate: cert.pem, key: { file: key.pem }, client_ca: ca.pem }\n";
const REQUIRED: &str =
    "tls: { certificate: cert.pem, key: { file: key.pem }, client_ca: ca.pem, client_certificates: required }\n";

fn caller(id: &str, mark: &str, scope: &str) -> String {
    format!("  - {{ id: {id}, certificates: ['{mark}'], scopes: ['{scope}'] }}\n")
}

fn start(authority: &Authority, tls: &str, clients: &str) -> Gateway {
    setup(&authority.server(-DAY, DAY * 90), authority, settings(tls, clients)).start()
}

#[test]
fn a_certificate_stands_for_the_client_that_lists_its_digest() {
    let authority = Authority::new();
    let (known, unknown) = (self_signed("idp.example.com", DAY), self_signed("idp.example.com", DAY));
    let gateway = start(&authority, PINNED, &caller("idp", &known.digest(), "tiny:*"));
    let status = |identity| Handshake::new(&authority).with(identity).status(&gateway, None).unwrap();
    assert_eq!((status(&known), status(&unknown)), (200, 401));
    assert_eq!(Handshake::new(&authority).status(&gateway, None).unwrap(), 401, "without a certificate");
    assert_eq!(Handshake::new(&authority).status(&gateway, Some(&client().key)).unwrap(), 200, "with a key alone");
    gateway.eventually("both reasons are logged", || {
        logged(&gateway, "the certificate stands for no client") == 1 && logged(&gateway, "missing credentials") == 1
    });
    // TLS 1.2 proves the possession of the key in another way.
    let older = Handshake { versions: vec![&rustls::version::TLS12], ..Handshake::new(&authority).with(&known) };
    assert_eq!(older.status(&gateway, None).unwrap(), 200);
}

#[test]
fn a_name_counts_when_a_declared_authority_signed_it() {
    let (authority, foreign) = (Authority::new(), Authority::new());
    let clients =
        caller("idp", "dns:idp.example.com", "tiny:*") + &caller("other", "subject:CN=other", "tiny:get_user");
    let gateway = start(&authority, SIGNED, &clients);
    let status = |identity: &Identity| Handshake::new(&authority).with(identity).status(&gateway, None);
    for (name, expected) in [("idp.example.com", 200), ("other", 200), ("x.idp.example.com", 401), ("nobody", 401)] {
        assert_eq!(status(&authority.caller(name, DAY)).unwrap(), expected, "{name}");
    }
    // Anybody can write the same name into a certificate: there is no connection at all.
    assert!(status(&foreign.caller("idp.example.com", DAY)).is_err());
    assert!(status(&self_signed("idp.example.com", DAY)).is_err());
    gateway.eventually("both are counted", || failures(&gateway, "client_certificate") == 2);
}

#[test]
fn an_expired_certificate_opens_nothing_and_stops_counting_on_an_open_connection() {
    let authority = Authority::new();
    let pinned = self_signed("idp.example.com", 4);
    let gateway = start(&authority, PINNED, &caller("idp", &pinned.digest(), "tiny:*"));
    let mut connection = Handshake::new(&authority).with(&pinned).connect(gateway.address).unwrap();
    assert_eq!(connection.status(None).unwrap(), 200);
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(connection.status(None).unwrap(), 401, "the connection lives, its certificate does not");
    assert_eq!(connection.status(Some(&client().key)).unwrap(), 200, "a key is another proof");
    assert!(Handshake::new(&authority).with(&pinned).status(&gateway, None).is_err());
    let signed = start(&authority, SIGNED, &caller("idp", "dns:idp.example.com", "tiny:*"));
    assert!(Handshake::new(&authority).with(&authority.caller("idp.example.com", -10)).status(&signed, None).is_err());
    for gateway in [&gateway, &signed] {
        gateway.eventually("it is counted", || failures(gateway, "client_certificate") == 1);
    }
}

#[test]
fn a_key_beside_a_certificate_decides_alone() {
    let authority = Authority::new();
    let pinned = self_signed("idp.example.com", DAY);
    let gateway = start(&authority, PINNED, &caller("idp", &pinned.digest(), "nothing:*"));
    let mut connection = Handshake::new(&authority).with(&pinned).connect(gateway.address).unwrap();
    assert_eq!(connection.status(None).unwrap(), 403, "the certificate's client may not ask this");
    assert_eq!(connection.status(Some(&client().key)).unwrap(), 200, "the key's client may");
    let allowed = start(&authority, PINNED, &caller("idp", &pinned.digest(), "tiny:*"));
    let mut connection = Handshake::new(&authority).with(&pinned).connect(allowed.address).unwrap();
    assert_eq!(connection.status(None).unwrap(), 200);
    assert_eq!(connection.status(Some("ub_tests_wrong")).unwrap(), 401, "a wrong key is wrong");
}

#[test]
fn a_certificate_that_is_removed_is_refused_at_the_next_request_of_its_connection() {
    let authority = Authority::new();
    let (first, second) = (self_signed("idp.example.com", DAY), self_signed("idp.example.com", DAY));
    let both = caller("idp", &first.digest(), "tiny:*") + &caller("other", &second.digest(), "tiny:*");
    let gateway = start(&authority, PINNED, &both);
    let connect = |identity| Handshake::new(&authority).with(identity).connect(gateway.address).unwrap();
    let (mut removed, mut kept) = (connect(&first), connect(&second));
    assert_eq!((removed.status(None).unwrap(), kept.status(None).unwrap()), (200, 200));
    let file = gateway.folder().join("userbridge.yaml");
    replace(&file, &settings(PINNED, &caller("other", &second.digest(), "tiny:*")));
    gateway.eventually("the settings are in force", || logged(&gateway, "are those of the changed settings") == 1);
    assert_eq!((removed.status(None).unwrap(), kept.status(None).unwrap()), (401, 200));
}

#[test]
fn an_authority_that_is_replaced_is_believed_no_longer() {
    let (authority, next) = (Authority::new(), Authority::new());
    let gateway = start(&authority, SIGNED, &caller("idp", "dns:idp.example.com", "tiny:*"));
    let (old, new) = (authority.caller("idp.example.com", DAY), next.caller("idp.example.com", DAY));
    let status = |identity| Handshake::new(&authority).with(identity).status(&gateway, None).ok();
    assert_eq!((status(&old), status(&new)), (Some(200), None));
    replace(&gateway.folder().join("ca.pem"), &next.pem());
    gateway.eventually("the new authority is believed", || status(&new) == Some(200));
    assert_eq!(status(&old), None);
}

#[test]
fn where_a_certificate_is_required_there_is_no_connection_without_one() {
    let authority = Authority::new();
    let gateway = start(&authority, REQUIRED, &caller("idp", "dns:idp.example.com", "tiny:*"));
    let known = authority.caller("idp.example.com", DAY);
    assert_eq!(Handshake::new(&authority).with(&known).status(&gateway, None).unwrap(), 200);
    assert!(Handshake::new(&authority).status(&gateway, Some(&client().key)).is_err());
    gateway.eventually("it is counted", || failures(&gateway, "client_certificate") == 1);
}

#[test]
fn settings_that_would_let_anybody_in_are_refused() {
    let authority = Authority::new();
    let digest = self_signed("idp.example.com", DAY).digest();
    let cases = [
        (TLS, caller("idp", &digest, "*:*"), "no caller is asked for a certificate"),
        ("", caller("idp", &digest, "*:*"), "no caller is asked for a certificate"),
        (PINNED, caller("idp", "dns:idp.example.com", "*:*"), "anybody can write this name into a certificate"),
        (SIGNED, caller("idp", "dns:*.example.com", "*:*"), "names no certificate"),
        (
            SIGNED,
            caller("a", "dns:idp.example.com", "*:*") + &caller("b", "dns:IDP.example.com", "*:*"),
            "stands for two clients",
        ),
        (SIGNED, "  - { id: idp, scopes: ['*:*'] }\n".to_owned(), "no way to prove itself"),
        (
            "tls: { certificate: cert.pem, key: { file: key.pem }, client_certificates: required }\n",
            String::new(),
            "lets every certificate in",
        ),
        (
            "tls: { certificate: cert.pem, key: { file: key.pem }, client_ca: ca.pem, client_certificates: off }\n",
            String::new(),
            "no certificate is asked for",
        ),
        (
            "tls: { certificate: cert.pem, key: { file: key.pem }, client_certificates: 'off' }\n",
            caller("idp", &digest, "*:*"),
            "no caller is asked",
        ),
    ];
    let identity = authority.server(-DAY, DAY * 90);
    for (tls, clients, problem) in cases {
        let setup = setup(&identity, &authority, settings(tls, &clients));
        let file = setup.folder().join("userbridge.yaml");
        write(&file, &settings(tls, &clients));
        let (checked, code) = check(&file, &[]);
        let refused = setup.try_start().err().unwrap_or_else(|| unreachable!("it starts despite: {problem}"));
        assert_eq!((code, refused.code), (Some(1), Some(78)), "{problem}: {checked}");
        assert!(checked.contains(problem) && refused.output.contains(problem), "{problem}: {checked}");
    }
}

#[test]
fn a_certificate_proves_a_client_of_oauth_that_shows_nothing_else() {
    let authority = Authority::new();
    let known = self_signed("idp.example.com", DAY);
    let faces = "tokens: { issuer: 'https://users.example.com' }\n\
                 faces: [{ protocol: oauth2, connector: tiny, options: { accept_discouraged: a test } }]\n";
    let clients = caller("idp", &known.digest(), "tiny:login");
    let gateway = start(&authority, &format!("{PINNED}{faces}"), &clients);
    let ask = |handshake: Handshake<'_>, more: &str| {
        let form = format!("grant_type=password&username=ann&password=hello{more}");
        let request = format!(
            "POST /oauth2/tiny/token HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\n\r\n{form}",
            form.len()
        );
        handshake.connect(gateway.address).unwrap().status_of(request.as_bytes()).unwrap()
    };
    let with = || Handshake::new(&authority).with(&known);
    // The client comes in, and then this connector has no `login`.
    assert_eq!((ask(with(), ""), ask(with(), "&client_id=idp")), (501, 501));
    assert_eq!(ask(with(), "&client_id=tests"), 401, "another client's name");
    assert_eq!(ask(with(), "&client_id=idp&client_secret=ub_idp_wrong"), 401, "a wrong key is wrong");
    assert_eq!(ask(Handshake::new(&authority), "&client_id=idp"), 401, "without a certificate");
}
