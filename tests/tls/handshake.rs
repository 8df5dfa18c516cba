//! Which handshakes succeed, and what becomes of those that do not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use http::Request;
use rustls::ProtocolVersion;
use rustls::pki_types::ServerName;

use super::support::*;
use crate::gateway::{Gateway, client};

fn gateway(authority: &Authority) -> Gateway {
    setup(&authority.server(-DAY, DAY * 90), authority, settings(TLS, "")).start()
}

#[test]
fn tls_1_2_and_1_3_are_spoken_and_1_1_is_not() {
    let authority = Authority::new();
    let gateway = gateway(&authority);
    let versions =
        [(&rustls::version::TLS12, ProtocolVersion::TLSv1_2), (&rustls::version::TLS13, ProtocolVersion::TLSv1_3)];
    for (version, spoken) in versions {
        let mut connection =
            Handshake { versions: vec![version], ..Handshake::new(&authority) }.connect(gateway.address).unwrap();
        assert_eq!(connection.status(Some(&client().key)).unwrap(), 200);
        assert_eq!(connection.0.conn.protocol_version(), Some(spoken));
    }
    // Alert 70 is `protocol_version` (RFC 8446, section 6); the same bytes for TLS 1.2 get a ServerHello (22).
    assert_eq!(first_record(&gateway, 2)[..], [21, 2, 70]);
    assert_eq!(first_record(&gateway, 1)[..], [21, 2, 70]);
    assert_eq!(first_record(&gateway, 3)[0], 22);
    gateway.eventually("both are counted", || failures(&gateway, "protocol") == 2);
}

/// The type and content of the record that answers the hello of TLS 1.0 (`minor` 1), 1.1 (2) or 1.2 (3).
fn first_record(gateway: &Gateway, minor: u8) -> Vec<u8> {
    // ECDHE-ECDSA and ECDHE-RSA with AES-128-GCM for 1.2, and with AES-128-CBC for what is older.
    let suites: [u8; 8] = [0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x09, 0xc0, 0x13];
    let extensions: [&[u8]; 4] =
        [&[0, 10, 0, 4, 0, 2, 0, 23], &[0, 11, 0, 2, 1, 0], &[0, 13, 0, 6, 0, 4, 4, 3, 8, 4], &[0, 23, 0, 0]];
    let extensions = extensions.concat();
    let mut hello = vec![3, minor];
    hello.extend([7; 32]);
    hello.extend([0, 0, suites.len() as u8]);
    hello.extend(suites);
    hello.extend([1, 0, 0, extensions.len() as u8]);
    hello.extend(extensions);
    let mut message = vec![1, 0, 0, hello.len() as u8];
    message.extend(hello);
    let mut record = vec![22, 3, 1, 0, message.len() as u8];
    record.extend(message);
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream.write_all(&record).unwrap();
    let mut head = [0; 5];
    stream.read_exact(&mut head).unwrap();
    let mut content = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    stream.read_exact(&mut content).unwrap();
    [&head[..1], &content].concat()
}

#[test]
fn plain_http_gets_no_answer_from_a_tls_port() {
    let authority = Authority::new();
    let speaking = gateway(&authority);
    let plain = crate::gateway::Setup::new().definition("tiny.yaml", TINY).start();
    let answer = |gateway: &Gateway| {
        let mut stream = TcpStream::connect(gateway.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        stream.write_all(&get_user(Some(&client().key))).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    };
    let refused = answer(&speaking);
    // Nothing but an alert of TLS: neither an answer nor a redirection, which would let the key travel in the clear
    // again and again without anybody noticing.
    assert!(refused.is_empty() || refused[0] == 21, "{refused:?}");
    assert!(!String::from_utf8_lossy(&refused).contains("HTTP"), "{refused:?}");
    speaking.eventually("it is counted", || failures(&speaking, "not_tls") == 1);
    assert!(answer(&plain).starts_with(b"HTTP/1.1 200"), "the same bytes without TLS");
}

#[test]
fn http_2_and_http_1_1_are_chosen_by_alpn() {
    let authority = Authority::new();
    let gateway = gateway(&authority);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Handshake { protocols: &[b"h2", b"http/1.1"], ..Handshake::new(&authority) }.config();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(gateway.address).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
        let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        for _ in 0..3 {
            let request = Request::post("https://localhost/v1/connectors/tiny/get_user")
                .header("authorization", format!("Bearer {}", client().key))
                .header("content-type", "application/json")
                .body(())
                .unwrap();
            let (answer, mut body) = sender.send_request(request, false).unwrap();
            body.send_data(body_bytes(), true).unwrap();
            assert_eq!(answer.await.unwrap().status(), 200);
        }
    });
    let mut older =
        Handshake { protocols: &[b"http/1.1"], ..Handshake::new(&authority) }.connect(gateway.address).unwrap();
    assert_eq!(older.0.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(older.status(Some(&client().key)).unwrap(), 200);
    let other = Handshake { protocols: &[b"smtp"], ..Handshake::new(&authority) };
    assert!(other.status(&gateway, Some(&client().key)).is_err(), "no protocol in common (RFC 7301, section 3.2)");
}

fn body_bytes() -> bytes::Bytes {
    body().to_string().into_bytes().into()
}

#[test]
fn a_handshake_that_is_slow_or_never_comes_ends_in_time_and_holds_nobody_up() {
    let authority = Authority::new();
    let gateway = gateway(&authority);
    let begun = Instant::now();
    let silent: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(gateway.address).unwrap()).collect();
    let mut slow = TcpStream::connect(gateway.address).unwrap();
    let dribbling = std::thread::spawn(move || {
        let hello = [22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
        for byte in hello.iter().chain([7; 500].iter()) {
            if slow.write_all(&[*byte]).is_err() {
                return begun.elapsed();
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        begun.elapsed()
    });
    for _ in 0..5 {
        assert_eq!(Handshake::new(&authority).status(&gateway, Some(&client().key)).unwrap(), 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "they were held up for {:?}", begun.elapsed());
    for mut stream in silent {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0, "closed without a word");
    }
    assert!(begun.elapsed() > Duration::from_secs(4), "not before the limit: {:?}", begun.elapsed());
    assert!(dribbling.join().unwrap() < Duration::from_secs(15), "a byte now and then buys no time");
    gateway.eventually("they are counted", || failures(&gateway, "timeout") == 51);
}
