//! Where an LDAP message ends, and whether it is whole, before anything decodes it.
//!
//! Invariant: what passes is well-formed BER as RFC 4511 (section 5.1) has it, is no longer than [`MAX_MESSAGE`] and
//! nests no deeper than [`MAX_DEPTH`]; so the decoder behind, which recurses, is never fed anything else.

use std::fmt;
use std::ops::Range;

/// The largest message that is read, in bytes.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// How deep elements may stand in each other; a filter of 10,000 negations must not reach a recursive decoder.
const MAX_DEPTH: usize = 48;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// They do not begin or continue as BER does here.
    Encoding,
    /// The message is longer than [`MAX_MESSAGE`].
    TooLarge,
    /// Its elements nest too deep.
    TooDeep,
    /// It is well-formed, but no LDAP message.
    Message,
}

impl Malformed {
    /// The name in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Encoding => "malformed_encoding",
            Self::TooLarge => "message_too_large",
            Self::TooDeep => "nested_too_deep",
            Self::Message => "malformed_message",
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoding => f.write_str("the bytes are not BER as LDAP has it"),
            Self::TooLarge => write!(f, "a message may have {MAX_MESSAGE} bytes"),
            Self::TooDeep => write!(f, "a message may nest {MAX_DEPTH} deep"),
            Self::Message => f.write_str("the message is not one of LDAP"),
        }
    }
}

const SEQUENCE: u8 = 0x30;
const CONSTRUCTED: u8 = 0x20;

/// How many bytes the first message has, headers included; None until its header has arrived.
///
/// # Errors
/// No message begins like this, or it is too large.
pub fn length(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    match bytes.first() {
        None => return Ok(None),
        Some(&SEQUENCE) => {}
        Some(_) => return Err(Malformed::Encoding),
    }
    let Some((head, content)) = header(bytes)? else { return Ok(None) };
    match head.checked_add(content) {
        Some(total) if total <= MAX_MESSAGE => Ok(Some(total)),
        _ => Err(Malformed::TooLarge),
    }
}

/// The bytes of an element's header, and of its content; None when the header is cut off.
fn header(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let (Some(tag), Some(first)) = (bytes.first(), bytes.get(1)) else { return Ok(None) };
    // LDAP has no tag above 30.
    if tag & 0x1f == 0x1f {
        return Err(Malformed::Encoding);
    }
    let count = match first {
        0..=0x7f => return Ok(Some((2, usize::from(*first)))),
        0x81..=0x84 => usize::from(first - 0x80),
        _ => return Err(Malformed::Encoding),
    };
    let Some(digits) = bytes.get(2..2 + count) else { return Ok(None) };
    let content = digits.iter().fold(0_usize, |sum, digit| sum << 8 | usize::from(*digit));
    Ok(Some((2 + count, content)))
}

/// Judges a whole message: every element ends within the one around it.
///
/// # Errors
/// One does not, or they nest too deep.
pub fn inspect(message: &[u8]) -> Result<(), Malformed> {
    let mut ends = Vec::with_capacity(MAX_DEPTH);
    ends.push(message.len());
    let mut at = 0;
    while let Some(&end) = ends.last() {
        if at == end {
            ends.pop();
            continue;
        }
        let (head, content) = header(&message[at..end])?.ok_or(Malformed::Encoding)?;
        let inside = at + head;
        let over = inside.checked_add(content).filter(|over| *over <= end).ok_or(Malformed::Encoding)?;
        at = match message[at] & CONSTRUCTED {
            0 => over,
            _ if ends.len() > MAX_DEPTH => return Err(Malformed::TooDeep),
            _ => {
                ends.push(over);
                inside
            }
        };
    }
    Ok(())
}

/// Reads the elements of an inspected message, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Elements<'m> {
    message: &'m [u8],
    rest: Range<usize>,
}

impl<'m> Elements<'m> {
    /// The elements in the message's outermost sequence.
    pub(super) fn of(message: &'m [u8]) -> Result<Self, Malformed> {
        let mut outer = Self { message, rest: 0..message.len() };
        let (_, inside) = outer.next().ok_or(Malformed::Encoding)?;
        Ok(inside)
    }

    /// The next element: its tag and its content.
    pub(super) fn next(&mut self) -> Option<(u8, Self)> {
        let bytes = self.message.get(self.rest.clone())?;
        let (head, content) = header(bytes).ok()??;
        let inside = self.rest.start + head;
        let over = inside.checked_add(content).filter(|over| *over <= self.rest.end)?;
        let tag = bytes[0];
        self.rest.start = over;
        Some((tag, Self { message: self.message, rest: inside..over }))
    }

    /// The next element's content, if it has this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Result<Self, Malformed> {
        match self.next() {
            Some((found, content)) if found == tag => Ok(content),
            _ => Err(Malformed::Message),
        }
    }

    /// The content.
    pub(super) fn bytes(&self) -> &'m [u8] {
        self.message.get(self.rest.clone()).unwrap_or_default()
    }

    /// The content as text.
    pub(super) fn text(&self) -> Result<&'m str, Malformed> {
        std::str::from_utf8(self.bytes()).map_err(|_| Malformed::Message)
    }

    /// The content as a number of at most 31 bits, which is not negative (`maxInt`).
    pub(super) fn number(&self) -> Result<i32, Malformed> {
        let bytes = self.bytes();
        let mut padded = [0; 4];
        match bytes {
            [] => Err(Malformed::Message),
            [first, ..] if *first >= 0x80 || bytes.len() > 4 => Err(Malformed::Message),
            _ => {
                padded[4 - bytes.len()..].copy_from_slice(bytes);
                Ok(i32::from_be_bytes(padded))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An element of this tag.
    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![tag, 0x84];
        bytes.extend((content.len() as u32).to_be_bytes());
        bytes.extend(content);
        bytes
    }

    #[test]
    fn a_message_ends_where_its_header_says() {
        assert_eq!(length(b""), Ok(None));
        assert_eq!(length(b"\x30"), Ok(None));
        assert_eq!(length(b"\x30\x05"), Ok(Some(7)));
        assert_eq!(length(b"\x30\x82\x01"), Ok(None));
        assert_eq!(length(b"\x30\x82\x01\x00"), Ok(Some(260)));
        assert_eq!(length(b"\x30\x84\x00\x00\xff\xfa"), Ok(Some(MAX_MESSAGE)));
        assert_eq!(length(b"\x30\x84\x00\x00\xff\xfb"), Err(Malformed::TooLarge));
        assert_eq!(length(b"\x30\x84\xff\xff\xff\xff"), Err(Malformed::TooLarge));
        for other in [&b"\x30\x80"[..], b"\x30\x85\0\0\0\0\x01", b"GET / HTTP/1.1", b"\x16\x03\x01", b"\x02\x01\x01"] {
            assert_eq!(length(other), Err(Malformed::Encoding), "{other:?}");
        }
    }

    #[test]
    fn elements_end_within_each_other() {
        let good = element(SEQUENCE, &[element(2, &[1]), element(0x42, &[])].concat());
        assert_eq!(inspect(&good), Ok(()));
        assert_eq!(inspect(&element(SEQUENCE, &[2, 2, 1])), Err(Malformed::Encoding), "longer than what is around it");
        assert_eq!(inspect(&element(SEQUENCE, &[2])), Err(Malformed::Encoding), "half a header");
        assert_eq!(inspect(&element(SEQUENCE, &[0x1f, 0])), Err(Malformed::Encoding), "a tag of several bytes");
        assert_eq!(inspect(&element(SEQUENCE, &[0x30, 0x80, 0, 0])), Err(Malformed::Encoding), "an indefinite length");
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| (0..depth).fold(Vec::new(), |inner, _| element(0xa2, &inner));
        assert_eq!(inspect(&nested(MAX_DEPTH)), Ok(()));
        assert_eq!(inspect(&nested(MAX_DEPTH + 1)), Err(Malformed::TooDeep));
        assert_eq!(inspect(&nested(9_000)), Err(Malformed::TooDeep));
    }

    #[test]
    fn numbers_are_those_of_the_protocol() {
        let number = |bytes: &[u8]| {
            let message = element(SEQUENCE, &element(2, bytes));
            Elements::of(&message).unwrap().expect(2).unwrap().number()
        };
        assert_eq!(number(&[3]), Ok(3));
        assert_eq!(number(&[0x7f, 0xff, 0xff, 0xff]), Ok(i32::MAX));
        for bad in [&[][..], &[0x80], &[0xff, 0xff, 0xff, 0xff], &[0, 0x80, 0, 0, 0]] {
            assert_eq!(number(bad), Err(Malformed::Message), "{bad:?}");
        }
    }
}
