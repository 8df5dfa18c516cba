//! Distinguished names as text (RFC 4514), read and written.
//!
//! Invariant: what is written reads back as the same name, whatever characters its values have; and a text that has
//! two readings (an unescaped quote, a value in hexadecimal BER) has none.

use std::fmt;

use super::schema::{self, prepared};

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidDn(&'static str);

impl fmt::Display for InvalidDn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The longest name that is read, in bytes.
const MAX_BYTES: usize = 4096;

/// A name: the entry's own part first. Names are equal when a directory would take them for the same entry: types and
/// values without regard to case and repeated spaces.
#[derive(Clone, Debug, Default)]
pub struct Dn(Vec<Rdn>);

/// One part of a name: pairs of a type and a value, of which there is nearly always one.
#[derive(Clone, Debug)]
pub struct Rdn(Vec<(String, String)>);

impl Dn {
    /// The empty name, which is that of the root.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// Reads a name.
    ///
    /// # Errors
    /// It is none by RFC 4514, or longer than 4096 bytes.
    pub fn parse(text: &str) -> Result<Self, InvalidDn> {
        if text.len() > MAX_BYTES {
            return Err(InvalidDn("the name is longer than 4096 bytes"));
        }
        if text.trim_matches(' ').is_empty() {
            return Ok(Self::root());
        }
        let mut rest = text;
        let mut rdns = vec![Rdn(Vec::new())];
        loop {
            let (kind, after) = rest.split_once('=').ok_or(InvalidDn("expected `type=value`"))?;
            let kind = kind.trim_matches(' ');
            if !is_type(kind) {
                return Err(InvalidDn("a type is letters, digits and dashes, or an OID"));
            }
            let (value, after) = value(after.trim_start_matches(' '))?;
            if let Some(rdn) = rdns.last_mut() {
                rdn.0.push((kind.to_owned(), value));
            }
            match after.chars().next() {
                None => return Ok(Self(rdns)),
                Some('+') => {}
                Some(_) => rdns.push(Rdn(Vec::new())),
            }
            rest = &after[1..];
        }
    }

    /// The name of the entry below this one.
    #[must_use]
    pub fn child(&self, kind: &str, value: &str) -> Self {
        let own = Rdn(vec![(kind.to_owned(), value.to_owned())]);
        Self(std::iter::once(own).chain(self.0.iter().cloned()).collect())
    }

    /// How many parts it has.
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// The parts before this ending, the entry's own first; None when it does not end so.
    pub fn below(&self, ending: &Self) -> Option<&[Rdn]> {
        let (own, end) = self.0.split_at(self.0.len().checked_sub(ending.0.len())?);
        (*end == *ending.0).then_some(own)
    }

    /// The first part, when it is one pair.
    pub fn first(&self) -> Option<(&str, &str)> {
        self.0.first()?.single()
    }
}

impl Rdn {
    /// The only pair.
    pub fn single(&self) -> Option<(&str, &str)> {
        match self.0.as_slice() {
            [(kind, value)] => Some((kind, value)),
            _ => None,
        }
    }

    /// The value, when it is one pair of this type, under whichever of its names.
    pub fn value_of(&self, kind: &str) -> Option<&str> {
        self.single().filter(|(own, _)| same_type(own, kind)).map(|(_, value)| value)
    }
}

fn same_type(one: &str, other: &str) -> bool {
    match (schema::find(one), schema::find(other)) {
        (Some(one), Some(other)) => std::ptr::eq(one, other),
        _ => one.eq_ignore_ascii_case(other),
    }
}

impl PartialEq for Rdn {
    fn eq(&self, other: &Self) -> bool {
        let holds = |(kind, value): &(String, String)| {
            other.0.iter().any(|(k, v)| same_type(kind, k) && prepared(value) == prepared(v))
        };
        self.0.len() == other.0.len() && self.0.iter().all(holds)
    }
}

impl PartialEq for Dn {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rdn) in self.0.iter().enumerate() {
            f.write_str(if index > 0 { "," } else { "" })?;
            for (index, (kind, value)) in rdn.0.iter().enumerate() {
                write!(f, "{}{kind}={}", if index > 0 { "+" } else { "" }, escaped(value))?;
            }
        }
        Ok(())
    }
}

/// A descriptor or a numeric OID (RFC 4512, section 1.4).
fn is_type(text: &str) -> bool {
    let descriptor = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
    let oid = text.split('.').all(|arc| !arc.is_empty() && arc.bytes().all(|c| c.is_ascii_digit()));
    descriptor || oid
}

/// The value at the beginning, and what follows it with its separator (section 3).
fn value(text: &str) -> Result<(String, &str), InvalidDn> {
    if text.starts_with('#') {
        return Err(InvalidDn("values in hexadecimal BER are not read"));
    }
    let mut bytes = Vec::new();
    // Spaces at the end do not count, unless they are escaped.
    let mut kept = 0;
    let mut rest = text.bytes().enumerate();
    let mut end = text.len();
    while let Some((at, byte)) = rest.next() {
        match byte {
            b',' | b'+' | b';' => {
                end = at;
                break;
            }
            b'\\' => {
                let (_, next) = rest.next().ok_or(InvalidDn("nothing follows a backslash"))?;
                let byte = match next {
                    b' ' | b'"' | b'#' | b'+' | b',' | b';' | b'<' | b'=' | b'>' | b'\\' => next,
                    _ => hexadecimal(next, rest.next().map(|(_, byte)| byte))?,
                };
                bytes.push(byte);
                kept = bytes.len();
            }
            b'"' | b'<' | b'>' | 0 => return Err(InvalidDn("the characters \" < > and NUL must be escaped")),
            b' ' => bytes.push(byte),
            _ => {
                bytes.push(byte);
                kept = bytes.len();
            }
        }
    }
    bytes.truncate(kept);
    let value = String::from_utf8(bytes).map_err(|_| InvalidDn("a value is not UTF-8"))?;
    Ok((value, &text[end..]))
}

fn hexadecimal(high: u8, low: Option<u8>) -> Result<u8, InvalidDn> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    match (digit(high), low.and_then(digit)) {
        (Some(high), Some(low)) => Ok((high << 4 | low) as u8),
        _ => Err(InvalidDn("a backslash stands before a special character or two hexadecimal digits")),
    }
}

/// A value as it stands in a name (section 2.4).
fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::with_capacity(value.len());
    for (index, c) in value.chars().enumerate() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' => text.extend(['\\', c]),
            '#' if index == 0 => text.push_str("\\#"),
            ' ' if index == 0 || index == last => text.push_str("\\ "),
            c if c.is_ascii_control() => text.push_str(&format!("\\{:02x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dn(text: &str) -> Dn {
        Dn::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn names_are_read_as_the_rfc_has_them() {
        for (text, value) in [
            ("uid=ann", "ann"),
            ("UID = ann ", "ann"),
            ("0.9.2342.19200300.100.1.1=ann", "ann"),
            (r"uid=O\'Neil".replace(r"\'", "'").as_str(), "O'Neil"),
            (r"uid=a\,b\+c\;d\<e\>f\=g\\h\22", "a,b+c;d<e>f=g\\h\""),
            (r"uid=\ a\ ", " a "),
            (r"uid=\#a#", "#a#"),
            (r"uid=Lu\C4\8Di\C4\87", "Lučić"),
            (r"uid=a\00b", "a\0b"),
            ("uid=a=b", "a=b"),
            ("uid=", ""),
        ] {
            assert_eq!(dn(text).first().unwrap().1, value, "{text}");
        }
        for bad in [
            "ann",
            "=ann",
            "uid=ann,",
            "uid=ann,,dc=x",
            "uid=\"ann\"",
            r"uid=a\",
            r"uid=a\g0",
            r"uid=a\4",
            r"uid=\ff",
            "uid=#04",
            "u_id=ann",
            "1..2=ann",
            "uid=<a",
            "uid=a\0",
        ] {
            assert!(Dn::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(dn(" "), Dn::root());
        assert!(Dn::parse(&format!("uid={}", "x".repeat(5000))).is_err());
    }

    #[test]
    fn equal_names_are_one_entry() {
        assert_eq!(dn("uid=Ann,OU=people,dc=Example,dc=com"), dn("userid=ann, ou=People , DC=example;dc=COM"));
        assert_eq!(dn("cn=a  b"), dn("commonName=A b"));
        assert_ne!(dn("uid=ann"), dn("cn=ann"));
        assert_ne!(dn("uid=ann,dc=com"), dn("uid=ann"));
        let base = dn("dc=example,dc=com");
        assert_eq!(dn("uid=ann,ou=people,dc=EXAMPLE,dc=com").below(&base).unwrap().len(), 2);
        assert!(dn("dc=com").below(&base).is_none());
        assert_eq!(base.child("cn", "a,b").to_string(), r"cn=a\,b,dc=example,dc=com");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in "\\PC{0,40}|[ ,+\"\\\\<>;=#\0a\n]{0,12}") {
            let name = dn("dc=example").child("uid", &value);
            let read = dn(&name.to_string());
            prop_assert_eq!(read.first().unwrap().1, value.as_str());
            prop_assert_eq!(read.depth(), 2);
        }

        #[test]
        fn nothing_makes_it_panic(text in "\\PC{0,40}|[a=, \\\\0#\"+;]{0,20}") {
            if let Ok(read) = Dn::parse(&text) {
                prop_assert_eq!(&dn(&read.to_string()), &read);
            }
        }
    }
}
