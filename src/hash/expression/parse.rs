//! The text of an expression becomes a tree whose every node knows its place.
//!
//! Invariant: the tree is bounded (nodes and nesting) while it is built, so nothing that walks it can overflow.

use super::{Mistake, Range};

/// The most nodes that an expression may have.
const MOST_NODES: usize = 64;
/// The most brackets that may stand in one another.
const MOST_NESTING: usize = 8;

/// A node with its place in the text.
#[derive(Debug, PartialEq)]
pub(super) struct Tree {
    pub kind: Kind,
    pub span: Range,
}

/// What a node is.
#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    /// `a . b . c`
    Join(Vec<Tree>),
    /// `name(a, b)`
    Call { name: String, name_span: Range, arguments: Vec<Tree> },
    /// `$name`, without the dollar.
    Variable(String),
    /// `"…"` or `'…'`
    Text(Vec<u8>),
    /// `12` or `-12`
    Number(i64),
}

/// Parses the whole text.
pub(super) fn parse(text: &str) -> Result<Tree, Mistake> {
    let mut parser = Parser { text, at: 0, nodes: 0, depth: 0 };
    let tree = parser.expression()?;
    parser.skip_blanks();
    match parser.peek() {
        None => Ok(tree),
        Some(')') => Err(parser.here("this bracket was never opened", None)),
        Some(_) => {
            Err(parser.here("expected `.` or the end here", Some("join two parts with `.`, as in `$salt . $pass`")))
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    nodes: usize,
    depth: usize,
}

impl Parser<'_> {
    fn expression(&mut self) -> Result<Tree, Mistake> {
        let first = self.term()?;
        let start = first.span.start;
        let mut parts = vec![first];
        while self.eat('.') {
            parts.push(self.term()?);
        }
        let end = parts.last().map_or(start, |part| part.span.end);
        match parts.pop() {
            Some(only) if parts.is_empty() => Ok(only),
            last => {
                parts.extend(last);
                Ok(Tree { kind: Kind::Join(parts), span: start..end })
            }
        }
    }

    fn term(&mut self) -> Result<Tree, Mistake> {
        self.skip_blanks();
        let start = self.at;
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            let help = "split the work: transforms and a prehash have keys of their own";
            return Err(self.mistake(
                start..self.text.len(),
                format!("an expression has {MOST_NODES} parts at most"),
                Some(help),
            ));
        }
        let kind = match self.peek() {
            Some('$') => self.variable()?,
            Some(quote @ ('"' | '\'')) => self.string(quote)?,
            Some('0'..='9' | '-') => self.number()?,
            Some('(') => return self.brackets(),
            Some(c) if c.is_ascii_alphabetic() => self.call()?,
            Some(_) => {
                return Err(self.here("expected a function, a variable such as `$pass`, or a text in quotes", None));
            }
            None => {
                let help = Some("expected a function, a variable such as `$pass`, or a text in quotes");
                return Err(self.mistake(start..start, "the expression ends too early".to_owned(), help));
            }
        };
        Ok(Tree { kind, span: start..self.at })
    }

    fn brackets(&mut self) -> Result<Tree, Mistake> {
        let open = self.at;
        self.enter()?;
        self.at += 1;
        let inner = self.expression()?;
        self.close(open)?;
        self.depth -= 1;
        Ok(Tree { kind: inner.kind, span: open..self.at })
    }

    fn variable(&mut self) -> Result<Kind, Mistake> {
        let start = self.at;
        self.at += 1;
        let name = self.word();
        if name.is_empty() {
            return Err(self.mistake(start..self.at, "a variable's name is expected after `$`".to_owned(), None));
        }
        Ok(Kind::Variable(name))
    }

    fn number(&mut self) -> Result<Kind, Mistake> {
        let start = self.at;
        self.at += 1;
        self.at += self.rest().bytes().take_while(u8::is_ascii_digit).count();
        let number = self.text[start..self.at].parse();
        number
            .map(Kind::Number)
            .map_err(|_| self.mistake(start..self.at, "this is not a whole number".to_owned(), None))
    }

    fn call(&mut self) -> Result<Kind, Mistake> {
        let start = self.at;
        let name = self.word();
        let name_span = start..self.at;
        self.skip_blanks();
        if self.peek() != Some('(') {
            let help = format!("write `${name}` for a variable, `'{name}'` for a text, `{name}(…)` for a function");
            return Err(self.mistake(name_span, format!("`{name}` is neither a variable nor a call"), Some(&help)));
        }
        let open = self.at;
        self.enter()?;
        self.at += 1;
        let mut arguments = Vec::new();
        self.skip_blanks();
        if self.peek() != Some(')') {
            arguments.push(self.expression()?);
            while self.eat(',') {
                arguments.push(self.expression()?);
            }
        }
        self.close(open)?;
        self.depth -= 1;
        Ok(Kind::Call { name, name_span, arguments })
    }

    /// `\xHH`, `\\`, `\"`, `\n`, `\r`, `\t` and `\0` in double quotes; `\'` and `\\` in single ones, as PHP reads them.
    fn string(&mut self, quote: char) -> Result<Kind, Mistake> {
        let start = self.at;
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let place = self.at;
            match self.next() {
                None => {
                    return Err(self.mistake(
                        start..self.at,
                        "this text is never closed".to_owned(),
                        Some(&format!("add {quote} at its end")),
                    ));
                }
                Some(c) if c == quote => return Ok(Kind::Text(bytes)),
                Some('\\') => bytes.push(self.escape(quote, place)?),
                Some(c) => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
    }

    fn escape(&mut self, quote: char, start: usize) -> Result<u8, Mistake> {
        let escaped = self.next();
        match (quote, escaped) {
            ('"', Some('x')) => {
                let byte = self.rest().get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
                let end = self.at + self.rest().chars().take(2).map(char::len_utf8).sum::<usize>();
                let byte = byte
                    .ok_or_else(|| self.mistake(start..end, "expected two hex digits after `\\x`".to_owned(), None))?;
                self.at += 2;
                Ok(byte)
            }
            ('"', Some('n')) => Ok(b'\n'),
            ('"', Some('r')) => Ok(b'\r'),
            ('"', Some('t')) => Ok(b'\t'),
            ('"', Some('0')) => Ok(0),
            (_, Some(c @ ('\\' | '"' | '\''))) => Ok(c as u8),
            _ => Err(self.mistake(
                start..self.at,
                "this escape is not known".to_owned(),
                Some("write `\\\\` for a backslash; in double quotes also `\\xHH`, `\\n`, `\\r`, `\\t` and `\\0`"),
            )),
        }
    }

    fn enter(&mut self) -> Result<(), Mistake> {
        self.depth += 1;
        if self.depth > MOST_NESTING {
            return Err(self.here(&format!("brackets stand in one another {MOST_NESTING} times at most"), None));
        }
        Ok(())
    }

    fn close(&mut self, open: usize) -> Result<(), Mistake> {
        self.skip_blanks();
        match self.peek() {
            Some(')') => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(self.here("expected `.`, `,` or `)` here", None)),
            None => Err(self.mistake(open..open + 1, "this bracket is never closed".to_owned(), Some("add `)`"))),
        }
    }

    fn word(&mut self) -> String {
        let length = self.rest().bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let word = self.rest()[..length].to_owned();
        self.at += length;
        word
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.skip_blanks();
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// A mistake at the next character.
    fn here(&self, message: &str, help: Option<&str>) -> Mistake {
        let length = self.peek().map_or(0, char::len_utf8);
        self.mistake(self.at..self.at + length, message.to_owned(), help)
    }

    fn mistake(&self, span: Range, message: String, help: Option<&str>) -> Mistake {
        Mistake { span, message, help: help.map(str::to_owned) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(text: &str) -> (String, Range) {
        let mistake = parse(text).unwrap_err();
        (mistake.message, mistake.span)
    }

    #[test]
    fn terms_know_their_places() {
        let tree = parse(" md5( $salt . \"\\x41\\\"'\" ) ").unwrap();
        assert_eq!(tree.span, 1..25);
        let Kind::Call { name, name_span, arguments } = tree.kind else { panic!() };
        assert_eq!((name.as_str(), name_span), ("md5", 1..4));
        let Kind::Join(parts) = &arguments[0].kind else { panic!() };
        assert_eq!(parts[0].kind, Kind::Variable("salt".to_owned()));
        assert_eq!((&parts[1].kind, parts[1].span.clone()), (&Kind::Text(b"A\"'".to_vec()), 14..23));
    }

    #[test]
    fn mistakes_are_placed() {
        assert_eq!(fails("md5($pass").1, 3..4);
        assert_eq!(fails("md5($pass))").1, 10..11);
        assert_eq!(fails("md5($pass . )").1, 12..13);
        assert_eq!(fails("md5(pass)").1, 4..8);
        assert_eq!(fails("$salt $pass").1, 6..7);
        assert_eq!(fails("'abc").1, 0..4);
        assert_eq!(fails("\"\\xZZ\"").1, 1..5);
        assert_eq!(fails("").1, 0..0);
        assert_eq!(fails("é").1, 0..2);
        assert_eq!(fails("99999999999999999999").1, 0..20);
    }

    #[test]
    fn trees_are_bounded() {
        let deep = format!("{}$pass{}", "md5(".repeat(9), ")".repeat(9));
        assert!(fails(&deep).0.contains("8 times at most"));
        assert!(fails(&"(".repeat(100_000)).0.contains("8 times at most"));
        let long = vec!["$pass"; 65].join(".");
        assert!(fails(&long).0.contains("64 parts"));
        assert!(parse(&vec!["$pass"; 64].join(".")).is_ok());
    }
}
