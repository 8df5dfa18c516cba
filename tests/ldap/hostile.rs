//! Bytes that no client sends, and clients that take their time.

use std::io::Write;
use std::time::{Duration, Instant};

use super::support::{BASE, Directory, PASSWORD_OF_ALL, anybody, bind, element, message, search, service, user};
use crate::gateway::client;
use crate::people::metric;

/// The server said that it ends the connection, and did.
fn is_ended(directory: &Directory, bytes: &[u8]) {
    let mut raw = directory.connect();
    raw.send(bytes);
    assert_eq!(raw.reply(), Some((0, 0x78, 2)), "a notice of disconnection with protocolError");
    assert!(raw.is_closed());
}

#[test]
fn what_is_no_message_ends_its_connection_only() {
    let directory = Directory::small("");
    let mut healthy = directory.connect();
    healthy.send(&bind(1, &user("ann@example.com"), PASSWORD_OF_ALL.as_bytes()));
    assert_eq!(healthy.reply(), Some((1, 0x61, 0)));
    let negations = (0..10_000)
        .fold(anybody(), |inner, _| [vec![0xa2, 0x84], (inner.len() as u32).to_be_bytes().to_vec(), inner].concat());
    let few = (0..200).fold(anybody(), |inner, _| element(0xa2, &inner));
    for bytes in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"\x30\x80\x02\x01\x01\x42\x00\x00\x00".to_vec(),
        // A message of two gigabytes, of which nothing else comes.
        b"\x30\x84\x7f\xff\xff\xff".to_vec(),
        message(1, 0x63, b"\x04\x00"),
        message(1, 0x60, b"\x02\x01\x03"),
        message(1, 0x5f, b""),
        search(1, BASE, &element(0xaf, b"")),
        search(1, BASE, &few),
        search(1, BASE, &negations),
    ] {
        is_ended(&directory, &bytes);
    }
    healthy.send(&message(2, 0x77, &element(0x80, b"1.3.6.1.4.1.4203.1.11.3")));
    assert_eq!(healthy.reply(), Some((2, 0x78, 0)), "others go on");
    assert_eq!(metric(&directory.gateway, "panics_total"), 0);
}

#[test]
fn filters_nest_as_deep_as_people_write_them() {
    let directory = Directory::small("");
    let mut raw = directory.connect();
    raw.send(&bind(1, &service("tests"), client().key.as_bytes()));
    assert_eq!(raw.reply(), Some((1, 0x61, 0)));
    let nested = (0..40).fold(anybody(), |inner, _| element(0xa2, &inner));
    raw.send(&search(2, BASE, &nested));
    let replies: Vec<_> = std::iter::from_fn(|| raw.reply()).take_while(|(_, tag, _)| *tag == 0x64).collect();
    assert_eq!(replies.len(), 26, "everybody, and two entries above");
}

#[test]
fn messages_may_come_byte_by_byte_and_many_at_once() {
    let directory = Directory::small("");
    let mut raw = directory.connect();
    raw.0.set_nodelay(true).unwrap();
    for byte in bind(1, &user("ann@example.com"), PASSWORD_OF_ALL.as_bytes()) {
        raw.send(&[byte]);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(raw.reply(), Some((1, 0x61, 0)));
    let who = |id| message(id, 0x77, &element(0x80, b"1.3.6.1.4.1.4203.1.11.3"));
    let abandon = element(0x30, &[2, 1, 9, 0x50, 1, 2]);
    raw.send(&[who(2), abandon, who(3), who(4)].concat());
    assert_eq!([raw.reply(), raw.reply(), raw.reply()].map(|reply| reply.unwrap().0), [2, 3, 4]);
    raw.send(&message(5, 0x42, b""));
    assert!(raw.is_closed(), "an unbind ends the connection without an answer");
}

#[test]
fn a_bind_that_fails_leaves_nobody() {
    let directory = Directory::small("");
    let mut raw = directory.connect();
    raw.send(&bind(1, &service("tests"), client().key.as_bytes()));
    assert_eq!(raw.reply(), Some((1, 0x61, 0)));
    raw.send(&bind(2, &service("tests"), b"ub_tests_wrong"));
    assert_eq!(raw.reply(), Some((2, 0x61, 49)));
    raw.send(&search(3, BASE, &anybody()));
    assert_eq!(raw.reply(), Some((3, 0x65, 50)));
    let sasl = [vec![2, 1, 3], element(4, b""), element(0xa3, &element(4, b"PLAIN"))].concat();
    raw.send(&message(4, 0x60, &sasl));
    assert_eq!(raw.reply(), Some((4, 0x61, 7)));
    let second = [vec![2, 1, 2], element(4, b""), element(0x80, b"")].concat();
    raw.send(&message(5, 0x60, &second));
    assert_eq!(raw.reply(), Some((5, 0x61, 2)));
    raw.send(&bind(6, &user("ann@example.com"), b"\xff\xfe"));
    assert_eq!(raw.reply(), Some((6, 0x61, 49)), "a password that is no text is wrong");
    raw.send(&bind(7, &user("ann@example.com"), &[b'x'; 60_000]));
    assert_eq!(raw.reply(), Some((7, 0x61, 49)), "and so is one that is too long");
    raw.send(&message(8, 0x77, &element(0x80, b"1.2.3")));
    assert_eq!(raw.reply(), Some((8, 0x78, 2)));
}

#[test]
fn whoever_is_slow_is_cut_off() {
    let directory = Directory::small("");
    let begun = Instant::now();
    let (mut half, mut silent) = (directory.connect(), directory.connect());
    half.send(&bind(1, &user("ann@example.com"), b"x")[..10]);
    let mut greedy = directory.connect();
    greedy.send(&bind(1, &service("tests"), client().key.as_bytes()));
    assert_eq!(greedy.reply(), Some((1, 0x61, 0)));
    // Asks again and again, and reads nothing: in the end the server does not read either.
    greedy.0.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let ask = search(2, BASE, &anybody()).repeat(100);
    let deadline = Instant::now() + Duration::from_secs(25);
    while greedy.0.write_all(&ask).is_ok() && Instant::now() < deadline {}
    assert!(half.is_closed() && silent.is_closed());
    assert!(begun.elapsed() < Duration::from_secs(28), "{:?}", begun.elapsed());
    directory.gateway.eventually("no connection is left", || metric(&directory.gateway, "connections") == 0);
}
