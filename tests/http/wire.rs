//! Bytes that are slow, too many, ambiguous or missing.

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::json;
use userbridge::server::Settings;

use super::support::*;

const ANN: &[u8] = br#"{"identifier":"ann"}"#;

fn quick() -> Settings {
    Settings {
        header_timeout: Duration::from_millis(200),
        body_timeout: Duration::from_millis(200),
        keep_alive: Duration::from_millis(600),
        write_timeout: Duration::from_millis(300),
        ..Settings::default()
    }
}

/// Whether the peer closes between these times.
fn closes(client: &mut Client, after: u64, before: u64) {
    let start = Instant::now();
    assert!(client.is_closed());
    let elapsed = start.elapsed();
    let range = Duration::from_millis(after)..Duration::from_millis(before);
    assert!(range.contains(&elapsed), "closed after {elapsed:?}, expected {range:?}");
}

#[test]
fn silent_and_slow_connections_are_closed() {
    let gateway = start_with(open(), quick());
    std::thread::scope(|scope| {
        // The last two are the beginning of HTTP/2's preface.
        for beginning in [
            "",
            "P",
            "POST /v1/connectors/acme/get_user HTTP/1.1\r\nhost: a",
            "PRI * HT",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ] {
            let gateway = &gateway;
            scope.spawn(move || {
                let mut client = gateway.connect();
                client.write(beginning);
                let start = Instant::now();
                while client.try_reply_bytes() {}
                assert!(start.elapsed() < Duration::from_secs(2), "{beginning:?}");
                assert!(start.elapsed() > Duration::from_millis(100), "{beginning:?}");
            });
        }
        scope.spawn(|| {
            let mut client = gateway.connect();
            let start = Instant::now();
            // One byte now and then never completes a head.
            while start.elapsed() < Duration::from_secs(2) && client.stream.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
            assert!(start.elapsed() < Duration::from_secs(1), "a dribbling head was not cut");
        });
    });
    assert_eq!(gateway.post("get_user", ANN).status, 200, "honest clients are served");
}

#[test]
fn slow_heads_in_great_number_hold_nobody_up() {
    let gateway = start_with(open(), quick());
    let slow: Vec<_> = (0..300)
        .map(|_| {
            let mut client = gateway.connect();
            client.write("POST /v1/connectors/acme/get_user HTTP/1.1\r\n");
            client
        })
        .collect();
    let start = Instant::now();
    assert_eq!(gateway.post("get_user", ANN).status, 200);
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    eventually("the slow ones are cut", || gateway.metrics.render().unwrap().contains("userbridge_connections 0\n"));
    drop(slow);
}

#[test]
fn connections_are_kept_between_requests_and_not_for_ever() {
    let gateway = start_with(open(), quick());
    let mut client = gateway.connect();
    assert_eq!(client.post("get_user", ANN, "").status, 200);
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(client.post("get_user", ANN, "").status, 200, "idle for longer than a head may take");
    closes(&mut client, 400, 1500);
    let mut client = gateway.connect();
    assert_eq!(client.post("get_user", ANN, "").status, 200);
    client.write("POST ");
    closes(&mut client, 100, 550);
}

#[test]
fn a_slow_connector_is_not_taken_for_a_slow_client() {
    let gateway = start_with(open(), quick());
    let mut client = gateway.connect();
    for _ in 0..2 {
        assert_eq!(client.post("get_user", br#"{"identifier":"slow"}"#, "").status, 200);
    }
}

#[test]
fn a_peer_that_does_not_read_is_cut() {
    let gateway = start_with(open(), Settings { write_timeout: Duration::from_millis(300), ..Settings::default() });
    let client = gateway.connect();
    client.stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let request = post("get_user", ANN, "").repeat(100);
    let start = Instant::now();
    loop {
        match (&client.stream).write_all(&request) {
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset) =>
            {
                break;
            }
            // All that fits into the buffers between the two is answered first, which takes a busy machine a while.
            _ => assert!(start.elapsed() < Duration::from_secs(15), "still open"),
        }
    }
}

#[test]
fn bodies_end_in_time_and_size() {
    let gateway = start_with(open(), quick());
    let head = |length: usize| {
        let head = String::from_utf8(post("get_user", b"", "")).unwrap();
        head.replace("content-length: 0", &format!("content-length: {length}"))
    };
    let mut unfinished = gateway.connect();
    let reply = unfinished.write(head(20)).write("{\"identifier\"").reply();
    assert_eq!((reply.code().as_str(), reply.status), ("request_timeout", 408));
    assert_eq!(reply.header("connection"), Some("close"));
    assert!(unfinished.is_closed());

    let mut half = gateway.connect();
    half.write(head(20)).write("{").stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(half.try_reply().is_none_or(|reply| reply.status == 400));

    for (length, status) in [(65_536, 200), (65_537, 413), (1 << 20, 413), (64 << 20, 413)] {
        let mut body = json!({"identifier": "ann"}).to_string();
        body.push_str(&" ".repeat(length.min(1 << 20) - body.len()));
        let mut client = gateway.connect();
        // A body that is too large by its announcement is refused before it is sent.
        let sent = if length > 1 << 20 { "" } else { &body };
        let reply = client.write(head(length)).write(sent).reply();
        assert_eq!(reply.status, status, "{length}");
        if status == 413 {
            assert_eq!(reply.code(), "too_large");
        }
    }
    let mut chunked = gateway.connect();
    let head = String::from_utf8(post("get_user", b"", ""))
        .unwrap()
        .replace("content-length: 0", "transfer-encoding: chunked");
    chunked.write(&head);
    for _ in 0..40 {
        chunked.write(format!("1000\r\n{}\r\n", " ".repeat(0x1000)));
    }
    assert_eq!(chunked.write("0\r\n\r\n").reply().status, 413);
    assert_eq!(gateway.calls(), 1);
}

#[test]
fn chunked_bodies_are_read_and_their_connections_closed() {
    let gateway = start();
    let head = String::from_utf8(post("get_user", b"", ""))
        .unwrap()
        .replace("content-length: 0", "transfer-encoding: chunked");
    let mut client = gateway.connect();
    client.write(format!("{head}5\r\n{{\"ide\r\nf\r\nntifier\":\"ann\"}}\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n"));
    let reply = client.reply();
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    assert!(client.is_closed(), "nothing is read behind a chunked body");
}

#[test]
fn heads_with_two_readings_are_refused() {
    let gateway = start();
    let ann = String::from_utf8(ANN.to_vec()).unwrap();
    let good = String::from_utf8(post("get_user", ANN, "")).unwrap();
    let smuggled = String::from_utf8(post("delete", br#"{"user_id":"acme|7"}"#, "")).unwrap();
    let chunked = format!("{:x}\r\n{ann}\r\n0\r\n\r\n", ann.len());
    let with = |line: &str| good.replacen("content-length: 20\r\n", line, 1);
    let cases = [
        with("content-length: 20\r\ntransfer-encoding: chunked\r\n").replace(&ann, &chunked),
        with("transfer-encoding: chunked\r\ncontent-length: 20\r\n").replace(&ann, &chunked),
        with("content-length: 4\r\nTransfer-Encoding: chunked\r\n"),
        with("content-length: 20\r\ncontent-length: 21\r\n"),
        with("content-length: 20, 20\r\n"),
        with("content-length: +20\r\n"),
        with("content-length: 0x14\r\n"),
        with("content-length: 20\n"),
        with("x: y\ncontent-length: 20\r\n"),
        good.replacen("HTTP/1.1\r\n", "HTTP/1.1\n", 1),
        good.replacen("\r\n\r\n", "\r\n\n", 1),
        good.replace("\r\n", "\n"),
        with("content-length : 20\r\n"),
        with(" content-length: 20\r\n"),
        with("transfer-encoding: chunked, identity\r\n"),
        with("transfer-encoding: xchunked\r\n"),
        good.replacen("HTTP/1.1", "HTTP/1.1 ", 1),
        good.replacen("host: gateway\r\n", "host: gateway\r\nx: a\0b\r\n", 1),
    ];
    for case in cases {
        let mut client = gateway.connect();
        client.write(format!("{case}{smuggled}"));
        let reply = client.reply();
        assert_eq!(reply.status, 400, "{case}");
        assert!(client.is_closed(), "{case}");
    }
    // The same behind an honest request of the same connection.
    let mut client = gateway.connect();
    client.write(format!("{good}{}", good.replacen("HTTP/1.1\r\n", "HTTP/1.1\n", 1)));
    assert_eq!((client.reply().status, client.reply().status), (200, 400));
    assert!(!gateway.seen().iter().any(|seen| seen.contains("Delete")), "{:?}", gateway.seen());
}

#[test]
fn heads_are_bounded() {
    let gateway = start();
    let many: String = (0..80).map(|n| format!("x-{n}: y\r\n")).collect();
    assert_eq!(gateway.connect().post("get_user", ANN, &many).status, 431);
    let mut client = gateway.connect();
    client.write(format!("POST / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(20_000)));
    assert_eq!(client.reply().status, 431);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let gateway = start();
    let mut client = gateway.connect();
    let names = ["ann", "missing", "slow", "down", "ann"];
    let all: Vec<u8> = names
        .iter()
        .flat_map(|name| post("get_user", format!(r#"{{"identifier":"{name}"}}"#).as_bytes(), ""))
        .collect();
    client.write(all);
    assert_eq!(names.map(|_| client.reply().status), [200, 404, 200, 503, 200]);
}

#[test]
fn http2_with_prior_knowledge_is_spoken() {
    let gateway = start_with(open(), quick());
    let statuses = gateway.runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(gateway.address).await.unwrap();
        let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let mut answers = Vec::new();
        for name in ["ann", "slow", "missing", "panic"] {
            let request = http::Request::post(format!("http://{}/v1/connectors/acme/get_user", gateway.address))
                .header("authorization", format!("Bearer {KEY}"))
                .header("content-type", "application/json")
                .body(())
                .unwrap();
            let (answer, mut body) = client.send_request(request, false).unwrap();
            body.send_data(format!(r#"{{"identifier":"{name}"}}"#).into(), true).unwrap();
            answers.push(answer);
        }
        let mut statuses = Vec::new();
        for answer in answers {
            let answer = answer.await.unwrap();
            assert_eq!(answer.headers().get("x-userbridge-version").unwrap(), "v-7f3a");
            assert!(answer.headers().get("connection").is_none());
            statuses.push(answer.status().as_u16());
        }
        // Nothing to do for longer than a connection may be idle.
        tokio::time::sleep(Duration::from_millis(1200)).await;
        assert!(client.clone().ready().await.is_err(), "an idle connection is closed");
        statuses
    });
    assert_eq!(statuses, [200, 200, 404, 500]);
}

/// CVE-2023-44487: requests that are reset at once must not pile up work.
#[test]
fn http2_rapid_reset_ends_the_connection() {
    let gateway = start();
    let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        let length = (payload.len() as u32).to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    };
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    for stream in (1..4000).step_by(2) {
        // `:method: POST`, `:scheme: http` and `:path: /` of HPACK's static table, then RST_STREAM with CANCEL.
        bytes.extend(frame(1, 4, stream, &[0x83, 0x86, 0x84]));
        bytes.extend(frame(3, 0, stream, &[0, 0, 0, 8]));
    }
    let mut client = gateway.connect();
    let _ = client.stream.write_all(&bytes);
    let start = Instant::now();
    while client.try_reply_bytes() {}
    assert!(start.elapsed() < Duration::from_secs(2), "the connection outlived 2000 resets");
    assert_eq!(gateway.post("get_user", ANN).status, 200);
}
