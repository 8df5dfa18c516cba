//! Floods of HTTP/2 frames that cost their sender little: the connection ends, and the process hardly notices.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use userbridge::sql::Dialect;

use super::support::{alone, cpu, database, get_user, start, usage};
use crate::gateway::Gateway;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
const CANCEL: [u8; 4] = [0, 0, 0, 8];
/// `:method: POST`, `:scheme: http` and `:path: /` of the static table.
const HEAD: [u8; 3] = [0x83, 0x86, 0x84];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field without a name in any table, which stays in none: the cheapest way to fill a head.
fn field(value: &[u8]) -> Vec<u8> {
    // A literal without indexing; both lengths are below 127, so that one byte says them.
    [&[0, 1, b'x', value.len() as u8], value].concat()
}

/// A request without a body to come.
fn opened(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &HEAD)
}

/// The pieces of a flood.
type Frames = Box<dyn Iterator<Item = Vec<u8>> + Send>;

/// What became of a flood.
#[derive(Debug)]
struct Flooded {
    /// Bytes that were taken before the connection ended, or all that there were.
    taken: usize,
    /// Whether it was ended by the other side.
    ended: bool,
    /// The code of the GOAWAY frame that it was told, if it was.
    code: Option<u32>,
}

/// Sends the pieces until the peer ends the connection.
fn flood(gateway: &Gateway, pieces: impl Iterator<Item = Vec<u8>> + Send) -> Flooded {
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut answers = stream.try_clone().unwrap();
    // Whoever floods reads as well, or its own buffers would stop it.
    let reader = std::thread::spawn(move || {
        let (mut all, mut piece) = (Vec::new(), [0; 16384]);
        loop {
            match answers.read(&mut piece) {
                Ok(0) => return (all, true),
                Ok(count) => all.extend_from_slice(&piece[..count]),
                Err(error) => {
                    return (all, [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&error.kind()));
                }
            }
        }
    });
    let mut taken = 0;
    for piece in std::iter::once([PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).chain(pieces) {
        if stream.write_all(&piece).is_err() {
            break;
        }
        taken += piece.len();
    }
    let (answers, ended) = reader.join().unwrap();
    Flooded { taken, ended, code: code(&answers) }
}

/// The code of the first GOAWAY frame among these.
fn code(mut frames: &[u8]) -> Option<u32> {
    while let Some((head, rest)) = frames.split_at_checked(9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let payload = rest.get(..length)?;
        if head[3] == GO_AWAY {
            return Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
        frames = &rest[length..];
    }
    None
}

const CALM_DOWN: u32 = 11;

#[test]
fn floods_of_frames_end_their_connection_and_cost_next_to_nothing() {
    let _turn = alone();
    let gateway = start(&database(Dialect::Postgres));
    assert_eq!(get_user(&gateway, 1).status, 200);
    let streams = || (1..60_000_u32).step_by(2);
    let filler: Vec<u8> = std::iter::repeat_n(field(&[b'y'; 100]), 150).flatten().collect();
    let floods: [(&str, Frames); 4] = [
        // CVE-2023-44487.
        ("resets", Box::new(streams().map(|n| [opened(n), frame(RESET, 0, n, &CANCEL)].concat()))),
        // CVE-2025-8671: frames that make the server itself reset the stream.
        ("made to reset", Box::new(streams().map(|n| [opened(n), frame(WINDOW_UPDATE, 0, n, &[0; 4])].concat()))),
        // RUSTSEC-2024-0332: a head that never ends.
        (
            "a head without an end",
            Box::new(
                std::iter::once(frame(HEADERS, 0, 1, &HEAD))
                    .chain((0..4000).map(move |_| frame(CONTINUATION, 0, 1, &filler))),
            ),
        ),
        (
            "a head of nothing without an end",
            Box::new(
                std::iter::once(frame(HEADERS, 0, 1, &HEAD))
                    .chain((0..200_000).map(|_| frame(CONTINUATION, 0, 1, &[]))),
            ),
        ),
    ];
    for (name, pieces) in floods {
        let (memory, used) = (usage(&gateway).0, cpu(&gateway));
        let flooded = flood(&gateway, pieces);
        let (memory, used) = (usage(&gateway).0.saturating_sub(memory), cpu(&gateway) - used);
        assert!(flooded.ended, "{name}: {flooded:?}");
        assert!(flooded.taken < 16 << 20, "{name}: {flooded:?}");
        // The reason is lost when the connection ends while more arrives.
        assert!([None, Some(CALM_DOWN), Some(1)].contains(&flooded.code), "{name}: {flooded:?}");
        assert!(used < Duration::from_millis(1500), "{name}: {used:?} of processor time, {flooded:?}");
        assert!(memory < 24 << 20, "{name}: {memory} bytes more, {flooded:?}");
        assert_eq!(get_user(&gateway, 1).status, 200, "{name}");
    }
    // The control: as many frames as an honest client sends are all taken.
    let honest = streams().take(10).map(|n| {
        std::thread::sleep(Duration::from_millis(20));
        [opened(n), frame(RESET, 0, n, &CANCEL)].concat()
    });
    let taken = flood(&gateway, honest.chain(std::iter::once(frame(GO_AWAY, 0, 0, &[0; 8]))));
    assert_eq!(taken.code.unwrap_or(0), 0, "{taken:?}");
}
