//! A Unix socket in the place of an address.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use super::support::*;
use crate::gateway::{Gateway, Setup, client};

const ADMIN: &str = "admin: 127.0.0.1:0\nrequest_timeout: 30s\n";

fn setup(lines: &str) -> Setup {
    let settings = format!("listen: unix:gateway.sock\n{ADMIN}{lines}clients:\n{}", client().yaml);
    Setup::new().definition("tiny.yaml", TINY).settings(settings)
}

/// The status that a request gets, with further header lines that each end in CRLF.
fn status(path: &Path, headers: &str) -> Option<u16> {
    let mut stream = UnixStream::connect(path).ok()?;
    let request = String::from_utf8(get_user(Some(&client().key))).unwrap();
    let request = request.replace("host: localhost\r\n", &format!("host: localhost\r\nconnection: close\r\n{headers}"));
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.get(9..12)?.parse().ok()
}

fn socket(gateway: &Gateway) -> std::path::PathBuf {
    gateway.folder().join("gateway.sock")
}

#[test]
fn curl_calls_through_a_socket_that_only_owner_and_group_may_open() {
    let gateway = setup("").start();
    let path = socket(&gateway);
    assert_eq!(gateway.listen, "unix:./gateway.sock");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o660);
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--fail", "--unix-socket"]).arg(&path);
    curl.args(["-H", &format!("Authorization: Bearer {}", client().key), "-H", "Content-Type: application/json"]);
    curl.args(["http://localhost/v1/connectors/tiny/get_user", "-d", &body().to_string()]);
    let output = curl.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["user"]["user_id"], "tiny|7");
    gateway.signal(Signal::TERM);
    gateway.eventually("the file is removed at the end", || !path.exists());
}

#[test]
fn a_socket_that_somebody_listens_on_is_left_alone_and_a_stale_one_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shared.sock");
    let setup = || {
        let settings = format!("listen: 'unix:{}'\n{ADMIN}clients:\n{}", path.display(), client().yaml);
        Setup::new().definition("tiny.yaml", TINY).settings(settings)
    };
    let first = setup().start();
    let second = setup().try_start().err().expect("a refusal");
    assert_eq!(second.code, Some(78));
    assert!(second.output.contains("another process listens there"), "{}", second.output);
    assert_eq!(status(&path, ""), Some(200), "the first one's socket is as it was");
    first.signal(Signal::KILL);
    first.eventually("it is dead", || UnixStream::connect(&path).is_err());
    assert!(path.exists(), "nobody removed it");
    let third = setup().start();
    assert_eq!(status(&path, ""), Some(200));
    assert_eq!(third.stop(), Some(0));
    std::fs::write(&path, "precious").unwrap();
    let fourth = setup().try_start().err().expect("a refusal");
    assert!(fourth.output.contains("there is a file that is no socket"), "{}", fourth.output);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_sockets_peers_count_as_the_loopback_address() {
    let outside = setup("allowlist: [10.0.0.0/8]\n").start();
    assert_eq!(status(&socket(&outside), ""), Some(403), "an allowlist admits nobody unasked");
    let inside = setup("allowlist: [127.0.0.1]\n").start();
    assert_eq!(status(&socket(&inside), ""), Some(200));
    assert_eq!(status(&socket(&inside), "x-forwarded-for: 10.0.0.1\r\n"), Some(200), "nobody is believed unasked");
    let proxied = setup("allowlist: [10.0.0.0/8]\ntrusted_proxies: [127.0.0.1]\n").start();
    assert_eq!(status(&socket(&proxied), "x-forwarded-for: 10.0.0.1\r\n"), Some(200));
    assert_eq!(status(&socket(&proxied), "x-forwarded-for: 192.0.2.1\r\n"), Some(403));
    let limited = setup("limits: { address: 3/min }\n").start();
    let wrong = || {
        let mut stream = UnixStream::connect(socket(&limited)).unwrap();
        stream.write_all(&get_user(Some("ub_nobody_x"))).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[9..]).into_owned()
    };
    assert_eq!([wrong(), wrong(), wrong(), wrong()], ["401", "401", "401", "429"], "they share one address's limit");
}

#[test]
fn tls_is_spoken_on_a_socket_too() {
    let authority = Authority::new();
    let setup = setup(TLS);
    let identity = authority.server(-DAY, DAY * 90);
    write(&setup.folder().join("cert.pem"), &identity.certificate);
    write(&setup.folder().join("key.pem"), &identity.key);
    let gateway = setup.start();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let config = std::sync::Arc::new(Handshake::new(&authority).config());
    let stream = UnixStream::connect(socket(&gateway)).unwrap();
    let mut tls = rustls::StreamOwned::new(rustls::ClientConnection::new(config, name).unwrap(), stream);
    tls.write_all(&get_user(Some(&client().key))).unwrap();
    let mut answer = [0; 12];
    tls.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}
