//! Secrets in files and systemd credentials: where they are looked up, and which are not taken.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::support::*;
use crate::gateway::{Setup, check, client};

/// A definition whose database is where a credential says.
fn definition(reference: &str) -> String {
    TINY.replace(
        "database: { url: 'sqlite:tiny.db?mode=rwc' }",
        &format!("configuration: {{ url: {reference} }}\ndatabase: {{ url: '{{{{ configuration.url }}}}' }}"),
    )
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn systemd_credentials_are_read_from_the_directory_that_the_unit_has() {
    let (authority, credentials) = (Authority::new(), tempfile::tempdir().unwrap());
    let identity = authority.server(-DAY, DAY * 90);
    let credential = |name: &str, text: &str| {
        let path = credentials.path().join(name);
        write(&path, text);
        mode(&path, 0o400);
    };
    credential("tls-key", &identity.key);
    credential("database", "sqlite:tiny.db?mode=rwc\n");
    credential("audit-key", "0123456789abcdef");
    let lines = "tls: { certificate: cert.pem, key: { credential: tls-key } }\n\
                 audit: { to: 'file:audit.jsonl', key: { credential: audit-key } }\n";
    let setup = || {
        let setup = setup(&identity, &authority, settings(lines, ""))
            .definition("tiny.yaml", &definition("{ credential: database }"));
        std::fs::remove_file(setup.folder().join("key.pem")).unwrap();
        setup
    };
    let directory = credentials.path().to_str().unwrap();
    let gateway = setup().env("CREDENTIALS_DIRECTORY", directory).start();
    assert_eq!(Handshake::new(&authority).status(&gateway, Some(&client().key)).unwrap(), 200);
    assert_eq!(check(&gateway.folder().join("userbridge.yaml"), &[("CREDENTIALS_DIRECTORY", directory)]).1, Some(0));
    assert_eq!(check(&gateway.connectors(), &[("CREDENTIALS_DIRECTORY", directory)]).1, Some(0));
    let (without, code) = check(&gateway.connectors(), &[]);
    assert!(without.contains("CREDENTIALS_DIRECTORY") && code == Some(1), "{without}");
    let refused = setup().try_start().err().expect("a refusal");
    assert!(refused.code == Some(78) && refused.output.contains("CREDENTIALS_DIRECTORY"), "{}", refused.output);
}

#[test]
fn a_secret_that_everybody_can_read_is_refused_by_its_path_and_never_shown() {
    const URL: &str = "sqlite:tiny.db?mode=rwc";
    let start = |mode_of_file: u32| {
        let setup = Setup::new().definition("tiny.yaml", &definition("{ file: database.secret }"));
        let path = setup.folder().join("connectors/database.secret");
        write(&path, URL);
        mode(&path, mode_of_file);
        let (checked, code) = check(&setup.folder().join("connectors"), &[]);
        (setup.try_start(), checked, code)
    };
    for private in [0o400, 0o600, 0o640] {
        let (gateway, checked, code) = start(private);
        assert!(gateway.is_ok() && code == Some(0), "{private:o}: {checked}");
    }
    for exposed in [0o644, 0o604, 0o602, 0o666] {
        let (refused, checked, code) = start(exposed);
        let refused = refused.err().unwrap_or_else(|| unreachable!("{exposed:o} is taken"));
        assert_eq!((refused.code, code), (Some(78), Some(1)), "{exposed:o}");
        for output in [&refused.output, &checked] {
            assert!(output.contains("exposed-secret") && output.contains("database.secret"), "{output}");
            assert!(output.contains("chmod o-rwx") && !output.contains(URL), "{output}");
        }
    }
}

#[test]
fn every_kind_of_secret_file_is_refused_when_everybody_can_read_it() {
    let authority = Authority::new();
    let identity = authority.server(-DAY, DAY * 90);
    let audit = "audit: { to: 'file:audit.jsonl', key: { file: audit.key } }\n";
    for (lines, file) in [(TLS, "key.pem"), (audit, "audit.key")] {
        let start = |readable| {
            let setup = setup(&identity, &authority, settings(lines, ""));
            write(&setup.folder().join("audit.key"), "0123456789abcdef");
            mode(&setup.folder().join(file), readable);
            write(&setup.folder().join("userbridge.yaml"), &settings(lines, ""));
            let checked = check(&setup.folder().join("userbridge.yaml"), &[]);
            (setup.try_start().map(drop).map_err(|refused| refused.output), checked)
        };
        let (started, (_, code)) = start(0o600);
        assert!(started.is_ok() && code == Some(0), "{file}: {started:?}");
        let (refused, (checked, code)) = start(0o644);
        let refused = refused.unwrap_err();
        assert_eq!(code, Some(1), "{file}: {checked}");
        for output in [refused, checked] {
            assert!(output.contains("exposed-secret") && output.contains(file), "{file}: {output}");
        }
    }
}

#[test]
fn a_secret_that_is_exposed_while_it_is_served_leaves_the_last_good_version() {
    let setup = Setup::new().definition("tiny.yaml", &definition("{ file: database.secret }"));
    let path = setup.folder().join("connectors/database.secret");
    write(&path, "sqlite:tiny.db?mode=rwc");
    let gateway = setup.start();
    std::fs::write(&path, "sqlite:other.db?mode=rwc").unwrap();
    mode(&path, 0o644);
    gateway.eventually("it is refused", || logged(&gateway, "exposed-secret") > 0);
    assert_eq!(gateway.call("tiny", "get_user", &body()).status, 200);
    assert!(!gateway.log().contains("other.db"), "{}", gateway.log());
}
