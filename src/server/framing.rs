//! A strict reading of HTTP/1 heads, before hyper's lenient one.
//!
//! Invariant: a head with a bare line feed, or with both `Content-Length` and `Transfer-Encoding`, never parses: its
//! offending line end is overwritten with NUL, so hyper answers 400 and closes. hyper alone reads both, and a proxy
//! that reads them differently could be made to smuggle a request (RFC 9112, sections 2.2 and 6.3). Bodies pass
//! untouched. After a chunked body nothing may follow: its connection is closed by whoever answers.

/// Follows one connection's incoming bytes.
#[derive(Debug)]
pub(super) struct Framing {
    state: State,
    /// The beginning of the line that is being read; enough for the headers that matter.
    line: [u8; LINE],
    /// The length of that line so far, without its end.
    length: usize,
    /// The byte before the next one.
    last: u8,
    head: Head,
    /// No head was complete yet: this may still be HTTP/2.
    first: bool,
}

#[derive(Debug)]
enum State {
    Head,
    /// So many bytes of a body are still to come.
    Body(u64),
    /// HTTP/2, a chunked body, or a head that was spoiled.
    Through,
}

/// What the lines of a head said so far.
#[derive(Debug, Default)]
struct Head {
    request_line: bool,
    content_length: Option<u64>,
    chunked: bool,
}

const LINE: usize = 64;

impl Framing {
    pub(super) const fn new() -> Self {
        let head = Head { request_line: false, content_length: None, chunked: false };
        Self { state: State::Head, line: [0; LINE], length: 0, last: 0, head, first: true }
    }

    /// Whether a head has begun and not ended.
    pub(super) const fn in_head(&self) -> bool {
        matches!(self.state, State::Head) && (self.head.request_line || self.length > 0)
    }

    /// Looks at the bytes in the order of their arrival and spoils a head that has two readings.
    pub(super) fn filter(&mut self, bytes: &mut [u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let step = match &mut self.state {
                State::Through => return,
                State::Body(left) => {
                    let step = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= step as u64;
                    if *left == 0 {
                        self.state = State::Head;
                    }
                    step
                }
                State::Head => self.head(rest),
            };
            rest = &mut rest[step..];
        }
    }

    /// Takes one line, or what there is of it.
    fn head(&mut self, bytes: &mut [u8]) -> usize {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            self.keep(bytes);
            return bytes.len();
        };
        self.keep(&bytes[..end]);
        if self.last != b'\r' || self.end_line().is_none() {
            bytes[end] = 0;
            self.state = State::Through;
        }
        self.length = 0;
        self.last = b'\n';
        end + 1
    }

    fn keep(&mut self, bytes: &[u8]) {
        let Some(last) = bytes.last() else { return };
        self.last = *last;
        let room = &mut self.line[self.length.min(LINE)..];
        let kept = room.len().min(bytes.len());
        room[..kept].copy_from_slice(&bytes[..kept]);
        self.length += bytes.len();
    }

    /// Understands the line that ends here; None when the head has two readings.
    fn end_line(&mut self) -> Option<()> {
        let length = self.length - 1;
        let line = &self.line[..length.min(LINE)];
        if length == 0 {
            if self.head.request_line {
                self.end_head();
            }
            return Some(());
        }
        if !self.head.request_line {
            self.head.request_line = true;
            if self.first && line == b"PRI * HTTP/2.0" {
                self.state = State::Through;
            }
            return Some(());
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.head.chunked = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let value = number(value.get(1..)?).filter(|_| length <= LINE)?;
            if self.head.content_length.replace(value).is_some_and(|other| other != value) {
                return None;
            }
        }
        (!self.head.chunked || self.head.content_length.is_none()).then_some(())
    }

    fn end_head(&mut self) {
        let head = std::mem::take(&mut self.head);
        self.first = false;
        self.state = match head.content_length {
            _ if head.chunked => State::Through,
            None | Some(0) => State::Head,
            Some(length) => State::Body(length),
        };
    }
}

/// Digits with blanks around them.
fn number(value: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
    let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes as hyper sees them, read in pieces of this size.
    fn filtered(bytes: &[u8], piece: usize) -> (Vec<u8>, Framing) {
        let mut framing = Framing::new();
        let mut bytes = bytes.to_vec();
        bytes.chunks_mut(piece).for_each(|chunk| framing.filter(chunk));
        (bytes, framing)
    }

    #[test]
    fn what_has_one_reading_passes_unchanged() {
        let streams: [&[u8]; 7] = [
            b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
            b"\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\na\nb\nPOST / HTTP/1.1\r\nContent-Length:2\r\n\r\n\n\n",
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\n\n\n\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\n\0\n",
        ];
        for stream in streams {
            for piece in [1, 2, 7, 4096] {
                assert_eq!(filtered(stream, piece).0, stream, "{:?} by {piece}", String::from_utf8_lossy(stream));
            }
        }
    }

    #[test]
    fn what_has_two_readings_is_spoiled() {
        let streams: [&[u8]; 10] = [
            b"GET / HTTP/1.1\nhost: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nhost: a\n\r\n",
            b"GET / HTTP/1.1\r\nhost: a\r\n\n",
            b"POST / HTTP/1.1\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: +4\r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: 4, 4\r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length:                                                              4\r\n\r\n",
            // Behind the body of a request in the same read.
            b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n\n\nGET / HTTP/1.1\nhost: a\r\n\r\n",
        ];
        for stream in streams {
            for piece in [1, 2, 7, 4096] {
                let (bytes, _) = filtered(stream, piece);
                assert!(bytes.contains(&0), "{:?} by {piece}", String::from_utf8_lossy(stream));
            }
        }
    }

    #[test]
    fn a_head_is_begun_until_its_empty_line() {
        assert!(!filtered(b"", 1).1.in_head());
        assert!(filtered(b"G", 1).1.in_head());
        assert!(filtered(b"GET / HTTP/1.1\r\n", 1).1.in_head());
        assert!(!filtered(b"GET / HTTP/1.1\r\n\r\n", 1).1.in_head());
        assert!(!filtered(b"GET / HTTP/1.1\r\ncontent-length: 1\r\n\r\n", 1).1.in_head());
    }
}
