//! Certificates that are wrong at the start, and certificates that are replaced while the gateway serves.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::support::*;
use crate::gateway::{Gateway, check, client};

const RENEWED: &str = "TLS uses the changed certificate";
const REFUSED: &str = "TLS files refused, the last good ones stay";

#[test]
fn a_certificate_is_renewed_under_load_without_a_failed_request() {
    let authority = Authority::new();
    let gateway = setup(&authority.server(-DAY, DAY * 90), &authority, settings(TLS, "")).start();
    let (stop, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let last = std::thread::scope(|scope| {
        for kept in [false, false, true] {
            let (gateway, authority, stop, answered) = (&gateway, &authority, &stop, &answered);
            scope.spawn(move || {
                let mut connection = Handshake::new(authority).connect(gateway.address).unwrap();
                while !stop.load(Ordering::Relaxed) {
                    if !kept {
                        connection = Handshake::new(authority).connect(gateway.address).unwrap();
                    }
                    assert_eq!(connection.status(Some(&client().key)).unwrap(), 200);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut new = authority.server(-DAY, DAY * 90);
        for round in 1..=4 {
            new = authority.server(-DAY, DAY * 90);
            let (certificate, key) = (gateway.folder().join("cert.pem"), gateway.folder().join("key.pem"));
            match round % 2 {
                0 => write_slowly(&certificate, &new.certificate),
                _ => replace(&certificate, &new.certificate),
            }
            // Long enough for the half-written pair to be looked at.
            std::thread::sleep(Duration::from_millis(if round == 3 { 1500 } else { 20 }));
            replace(&key, &new.key);
            gateway.eventually("it is renewed", || shown(&gateway, &authority) == new.der());
        }
        stop.store(true, Ordering::Relaxed);
        new
    });
    assert!(answered.load(Ordering::Relaxed) > 100, "{answered:?}");
    assert_eq!(shown(&gateway, &authority), last.der());
    assert!(logged(&gateway, REFUSED) >= 1, "the third pair was looked at when it was half there");
    assert!(crate::people::metric(&gateway, "tls_certificate_expiry_timestamp_seconds") > 1_700_000_000);
}

fn write_slowly(path: &std::path::Path, text: &str) {
    let half = text.len() / 2;
    write(path, &text[..half]);
    std::thread::sleep(Duration::from_millis(50));
    write(path, text);
}

fn shown(gateway: &Gateway, authority: &Authority) -> rustls::pki_types::CertificateDer<'static> {
    Handshake::new(authority).connect(gateway.address).unwrap().certificate()
}

#[test]
fn files_that_cannot_be_used_leave_the_last_good_pair_in_use() {
    let authority = Authority::new();
    let (first, second) = (authority.server(-DAY, DAY * 90), authority.server(-DAY, DAY * 90));
    let gateway = setup(&first, &authority, settings(TLS, "")).start();
    let (certificate, key) = (gateway.folder().join("cert.pem"), gateway.folder().join("key.pem"));
    let expired = authority.server(-DAY * 9, -DAY);
    let wrongs: [(&str, &dyn Fn()); 6] = [
        ("the key does not belong to the certificate", &|| replace(&certificate, &second.certificate)),
        ("found no certificate", &|| replace(&certificate, "")),
        ("cannot read `cert.pem`", &|| std::fs::remove_file(&certificate).unwrap()),
        ("the certificate expired on ", &|| {
            replace(&key, &expired.key);
            replace(&certificate, &expired.certificate);
        }),
        ("found no private key", &|| replace(&key, &first.certificate)),
        ("everybody on this machine can open `key.pem`", &|| expose(&key)),
    ];
    for (number, (problem, wrong)) in wrongs.iter().enumerate() {
        wrong();
        gateway.eventually(problem, || logged(&gateway, problem) >= 1 && logged(&gateway, REFUSED) > number);
        assert_eq!(shown(&gateway, &authority), first.der(), "{problem}");
    }
    assert_eq!(logged(&gateway, RENEWED), 0);
    replace(&certificate, &second.certificate);
    replace(&key, &second.key);
    gateway.eventually("the second pair is in use", || shown(&gateway, &authority) == second.der());
    assert!(!gateway.log().contains("PRIVATE KEY"), "{}", gateway.log());
}

fn expose(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
}

#[test]
fn a_pair_behind_links_is_renewed_when_the_link_is() {
    let authority = Authority::new();
    let (first, second) = (authority.server(-DAY, DAY * 90), authority.server(-DAY, DAY * 90));
    let tls = "tls: { certificate: mount/tls.crt, key: { file: mount/tls.key } }\n";
    let setup = setup(&first, &authority, settings(tls, ""));
    let mount = setup.folder().join("mount");
    // As Kubernetes mounts a secret.
    for (version, identity) in [("..1", &first), ("..2", &second)] {
        std::fs::create_dir_all(mount.join(version)).unwrap();
        write(&mount.join(version).join("tls.crt"), &identity.certificate);
        write(&mount.join(version).join("tls.key"), &identity.key);
    }
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, mount.join(name)).unwrap();
    link("..1", "..data");
    link("..data/tls.crt", "tls.crt");
    link("..data/tls.key", "tls.key");
    let gateway = setup.start();
    assert_eq!(shown(&gateway, &authority), first.der());
    link("..2", "..new");
    std::fs::rename(mount.join("..new"), mount.join("..data")).unwrap();
    gateway.eventually("the second pair is in use", || shown(&gateway, &authority) == second.der());
    assert_eq!(logged(&gateway, REFUSED), 0, "both files changed at once");
}

#[test]
fn what_cannot_be_served_is_found_by_check_and_refused_at_the_start_alike() {
    let authority = Authority::new();
    let (good, other) = (authority.server(-DAY, DAY * 90), authority.server(-DAY, DAY * 90));
    let (expired, future) = (authority.server(-DAY * 9, -DAY), authority.server(DAY, DAY * 90));
    let with_ca = "tls: { certificate: cert.pem, key: { file: key.pem }, client_ca: ca.pem }\n";
    let plain = |identity: &Identity| (TLS, identity.certificate.clone(), identity.key.clone(), "ca");
    let cases = [
        (plain(&good), None),
        ((with_ca, good.certificate.clone(), good.key.clone(), &*authority.pem()), None),
        ((TLS, good.certificate.clone(), other.key.clone(), ""), Some("the key does not belong to the certificate")),
        ((TLS, String::new(), good.key.clone(), ""), Some("found no certificate, expected PEM")),
        (
            (TLS, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(), good.key.clone(), ""),
            Some("the certificate cannot be used"),
        ),
        ((TLS, good.certificate.clone(), "junk".to_owned(), ""), Some("found no private key")),
        (plain(&expired), Some("the certificate expired on 20")),
        (plain(&future), Some("the certificate is not valid before 20")),
        ((with_ca, good.certificate.clone(), good.key.clone(), "junk"), Some("found no certificate, expected PEM")),
        (
            (
                "tls: { certificate: absent.pem, key: { file: key.pem } }\n",
                good.certificate.clone(),
                good.key.clone(),
                "",
            ),
            Some("cannot read `absent.pem`"),
        ),
        (
            (
                "tls: { certificate: cert.pem, key: { file: absent.pem } }\n",
                good.certificate.clone(),
                good.key.clone(),
                "",
            ),
            Some("cannot read `absent.pem`"),
        ),
        (
            (
                "tls: { certificate: cert.pem, key: { env: NO_SUCH_KEY } }\n",
                good.certificate.clone(),
                good.key.clone(),
                "",
            ),
            Some("`NO_SUCH_KEY` is not set"),
        ),
    ];
    for ((tls, certificate, key, ca), problem) in cases {
        let setup = setup(&Identity { certificate, key }, &authority, settings(tls, ""));
        write(&setup.folder().join("ca.pem"), ca);
        let file = setup.folder().join("userbridge.yaml");
        write(&file, &settings(tls, ""));
        let (checked, code) = check(&file, &[]);
        match problem {
            None => {
                assert_eq!(code, Some(0), "{checked}");
                assert_eq!(Handshake::new(&authority).status(&setup.start(), Some(&client().key)).unwrap(), 200);
            }
            Some(problem) => {
                let refused = setup.try_start().err().unwrap_or_else(|| unreachable!("it starts despite: {problem}"));
                assert_eq!((code, refused.code), (Some(1), Some(78)), "{checked}\n{}", refused.output);
                for output in [&checked, &refused.output] {
                    assert!(output.contains(problem) && output.contains("userbridge.yaml:5:"), "{problem}: {output}");
                    assert!(output.contains("help: "), "{output}");
                    assert!(!output.contains("PRIVATE KEY"), "{output}");
                }
            }
        }
    }
}
