//! Messages on a stream, each behind a header that says how long it is.
//!
//! Invariant: a peer makes nothing be kept in memory beyond [`MOST`]; what is no message ends no session, as long as it
//! can be told where the next one begins.

use std::io::{self, BufRead, ErrorKind, Read};

use lsp_server::{ErrorCode, Message};
use serde_json::Value as Json;

/// The most bytes of a message; a definition has at most 100 kB.
const MOST: usize = 16 << 20;

/// The most bytes of a header line.
const MOST_OF_LINE: u64 = 4_096;

/// What came.
pub(super) enum Frame {
    Message(Message),
    /// What is no JSON, or no message, and why.
    Malformed(ErrorCode, String),
}

/// Reads the next frame; None at the end of the stream.
///
/// # Errors
/// The stream breaks, or nobody can tell where the next message begins.
pub(super) fn read(stream: &mut impl BufRead) -> io::Result<Option<Frame>> {
    let Some(length) = length(stream)? else { return Ok(None) };
    if length > MOST {
        let dropped = io::copy(&mut stream.take(length as u64), &mut io::sink())?;
        if dropped < length as u64 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let problem = format!("a message of {length} bytes, expected {MOST} at most");
        return Ok(Some(Frame::Malformed(ErrorCode::InvalidRequest, problem)));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    let json = match serde_json::from_slice::<Json>(&bytes) {
        Ok(json) => json,
        Err(error) => return Ok(Some(Frame::Malformed(ErrorCode::ParseError, error.to_string()))),
    };
    Ok(Some(match serde_json::from_value(json) {
        Ok(message) => Frame::Message(message),
        Err(error) => Frame::Malformed(ErrorCode::InvalidRequest, error.to_string()),
    }))
}

/// Reads the header part.
fn length(stream: &mut impl BufRead) -> io::Result<Option<usize>> {
    let invalid = |what: &str| io::Error::new(ErrorKind::InvalidData, what.to_owned());
    let mut length = None;
    loop {
        let mut line = Vec::new();
        let read = stream.take(MOST_OF_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return if length.is_none() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
        }
        if line.last() != Some(&b'\n') {
            return Err(invalid("a header that does not end"));
        }
        let text = String::from_utf8(line).map_err(|_| invalid("a header that is not UTF-8"))?;
        let text = text.trim_end();
        if text.is_empty() {
            return length.map(Some).ok_or_else(|| invalid("a message without Content-Length"));
        }
        let (name, value) = text.split_once(':').ok_or_else(|| invalid("a header without a colon"))?;
        if name.trim().eq_ignore_ascii_case("Content-Length") {
            length = Some(value.trim().parse().map_err(|_| invalid("a Content-Length that is no number"))?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut text: &[u8]) -> Vec<Result<Option<bool>, ErrorKind>> {
        let mut found = Vec::new();
        loop {
            let next = read(&mut text).map(|frame| frame.map(|frame| matches!(frame, Frame::Message(_))));
            let ends = !matches!(next, Ok(Some(_)));
            found.push(next.map_err(|error| error.kind()));
            if ends {
                return found;
            }
        }
    }

    #[test]
    fn frames_are_told_apart() {
        let good = "Content-Length: 32\r\nContent-Type: x\r\n\r\n{\"jsonrpc\":\"2.0\",\"method\":\"exit\"}";
        let good = good.replace("32", "33");
        assert_eq!(all(good.as_bytes()), [Ok(Some(true)), Ok(None)]);
        let bad = format!("content-length: 3\r\n\r\n{{]}}{good}");
        assert_eq!(all(bad.as_bytes()), [Ok(Some(false)), Ok(Some(true)), Ok(None)]);
        for broken in ["X\r\n\r\n", "A: b\r\n\r\n", "Content-Length: -1\r\n\r\n", &"x".repeat(9_999)] {
            assert_eq!(all(broken.as_bytes()), [Err(ErrorKind::InvalidData)], "{broken}");
        }
        assert_eq!(all(b"Content-Length: 9\r\n\r\n{}"), [Err(ErrorKind::UnexpectedEof)]);
        let mut giant = format!("Content-Length: {}\r\n\r\n", MOST + 1).into_bytes();
        giant.extend(vec![b'x'; MOST + 1]);
        giant.extend(good.as_bytes());
        assert_eq!(all(&giant), [Ok(Some(false)), Ok(Some(true)), Ok(None)]);
    }
}
