//! LDAPS and StartTLS, with clients that verify the certificate.

use std::io::Read;

use userbridge::sql::Dialect;

use super::support::{
    BASE, Directory, PASSWORD_OF_ALL, Raw, Tool, bind, element, fill, message, section, setup, tool, user,
};
use crate::stores::Store;
use crate::tls::support::{Authority, DAY, Identity, replace, write};

const OWN: &str = "  tls: { certificate: cert.pem, key: { file: key.pem } }\n";

fn start(identity: &Identity, authority: &Authority, ldap: &str, further: &str) -> Directory {
    let store = Store::new(Dialect::Sqlite);
    fill(&store, 5);
    let setup = setup(&store, &section(ldap), further, "");
    write(&setup.folder().join("cert.pem"), &identity.certificate);
    write(&setup.folder().join("key.pem"), &identity.key);
    write(&setup.folder().join("ca.pem"), &authority.pem());
    Directory::new(store, setup)
}

/// `ldapwhoami` as Ann, believing the authority in this file.
fn ann(directory: &Directory, scheme: &str, authority: &str, arguments: &[&str]) -> Tool {
    let url = format!("{scheme}://{}", directory.address);
    let authority = directory.gateway.folder().join(authority);
    let environment = [("LDAPTLS_CACERT", authority.to_str().unwrap()), ("LDAPTLS_REQCERT", "demand")];
    let name = user("ann@example.com");
    tool("ldapwhoami", &url, &[&["-D", &name, "-w", PASSWORD_OF_ALL], arguments].concat(), &environment)
}

#[test]
fn ldaps_with_a_certificate_of_its_own_that_is_renewed() {
    let authority = Authority::new();
    let directory = start(&authority.server(-DAY, DAY), &authority, OWN, "");
    assert_eq!(ann(&directory, "ldaps", "ca.pem", &[]).code, 0);
    write(&directory.gateway.folder().join("stranger.pem"), &Authority::new().pem());
    let stranger = ann(&directory, "ldaps", "stranger.pem", &[]);
    assert_ne!(stranger.code, 0, "{stranger:?}");
    assert_ne!(ann(&directory, "ldap", "ca.pem", &[]).code, 0, "there is no plain LDAP at this address");

    let new = Authority::new();
    let identity = new.server(-DAY, DAY);
    write(&directory.gateway.folder().join("new.pem"), &new.pem());
    replace(&directory.gateway.folder().join("key.pem"), &identity.key);
    replace(&directory.gateway.folder().join("cert.pem"), &identity.certificate);
    directory.gateway.eventually("the new certificate is used", || ann(&directory, "ldaps", "new.pem", &[]).code == 0);
}

#[test]
fn ldaps_with_the_certificate_of_the_gateway() {
    let authority = Authority::new();
    let tls = "tls: { certificate: cert.pem, key: { file: key.pem } }\n";
    let store = Store::new(Dialect::Sqlite);
    fill(&store, 5);
    let identity = authority.server(-DAY, DAY);
    let setup = setup(&store, &section(""), tls, "").without_databases();
    write(&setup.folder().join("cert.pem"), &identity.certificate);
    write(&setup.folder().join("key.pem"), &identity.key);
    write(&setup.folder().join("ca.pem"), &authority.pem());
    let directory = Directory::new(store, setup);
    assert_eq!(ann(&directory, "ldaps", "ca.pem", &[]).code, 0);
}

#[test]
fn starttls_comes_before_everything_else() {
    let authority = Authority::new();
    let directory = start(&authority.server(-DAY, DAY), &authority, &format!("{OWN}  starttls: true\n"), "");
    let right = ann(&directory, "ldap", "ca.pem", &["-ZZ"]);
    assert_eq!((right.code, right.out.trim()), (0, "dn:uid=ann@example.com,ou=people,dc=example,dc=com"), "{right:?}");
    write(&directory.gateway.folder().join("stranger.pem"), &Authority::new().pem());
    assert_ne!(ann(&directory, "ldap", "stranger.pem", &["-ZZ"]).code, 0);
    assert_eq!(ann(&directory, "ldap", "ca.pem", &[]).code, 13);
    assert_eq!(directory.tool("ldapsearch", &["-b", BASE]).code, 13);
    let root = directory.tool("ldapsearch", &["-LLL", "-b", "", "-s", "base", "(objectClass=*)", "supportedExtension"]);
    assert!(root.out.contains("1.3.6.1.4.1.1466.20037"), "{root:?}");
}

#[test]
fn what_was_sent_ahead_of_encryption_is_not_read() {
    let authority = Authority::new();
    let directory = start(&authority.server(-DAY, DAY), &authority, &format!("{OWN}  starttls: true\n"), "");
    let mut raw = Raw::connect(directory.address);
    let starttls = message(1, 0x77, &element(0x80, b"1.3.6.1.4.1.1466.20037"));
    let ahead = bind(2, &user("ann@example.com"), PASSWORD_OF_ALL.as_bytes());
    raw.send(&[starttls.clone(), ahead].concat());
    assert_eq!(raw.reply(), Some((1, 0x78, 0)));
    let mut rest = Vec::new();
    let _ = raw.0.read_to_end(&mut rest);
    assert!(rest.is_empty(), "nothing else is answered: {rest:?}");

    let mut raw = Raw::connect(directory.address);
    raw.send(&starttls);
    assert_eq!(raw.reply(), Some((1, 0x78, 0)));
    raw.send(&bind(2, &user("ann@example.com"), PASSWORD_OF_ALL.as_bytes()));
    let mut rest = Vec::new();
    let _ = raw.0.read_to_end(&mut rest);
    assert_ne!(rest.first(), Some(&0x30), "what is not TLS gets no LDAP: {rest:?}");
}
