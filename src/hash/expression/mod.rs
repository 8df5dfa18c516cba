//! Expressions over a password: `sha1($salt . sha1($pass))`, in the notation of hashcat and PHP.
//!
//! ```text
//! expr     = term { "." term } ;                             (* joins bytes *)
//! term     = func "(" [ expr { "," expr } ] ")" | variable | string | integer | "(" expr ")" ;
//! variable = "$pass" | "$salt" | "$salt2" | "$user" | "$pepper" | "$key" | "$x" | "$rounds" ;
//! ```
//!
//! An expression is checked once, at load, and says what a stored value looks like: its literal parts must be there,
//! a salt that no column holds is cut out of the value, and what depends on the password is compared.
//!
//! Invariant: a checked expression mentions the password, and what is compared has one length, at least eight bytes.

mod check;
mod facts;
mod function;
mod lower;
mod parse;
mod plan;
mod work;

use zeroize::Zeroizing;

use self::check::Checker;
use self::facts::{Form, facts};
pub(super) use self::function::Map;
pub(super) use self::lower::Described;
pub(super) use self::plan::{Count, Undefined, Values, Variable};
use self::plan::{Node, compute};
pub(super) use self::work::Work;
use super::caps::Caps;
use super::challenge::Fault;
use super::codec::{from_base64, to_base64};
use super::spec::nearest;

/// A range of bytes of an expression's text.
pub(super) type Range = std::ops::Range<usize>;

/// The least that may be compared, in bytes: anything shorter is guessed by chance.
const LEAST: usize = 8;

/// What is wrong with an expression, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub span: Range,
    pub message: String,
    pub help: Option<String>,
}

/// A checked expression whose result is compared with a stored value.
#[derive(Debug, PartialEq)]
pub(super) struct Expression {
    /// As it was written, or how a description reads as an expression.
    text: String,
    pieces: Vec<Piece>,
    uses: Vec<Variable>,
    uses_rounds: bool,
}

/// A part of the stored value.
#[derive(Debug, PartialEq)]
enum Piece {
    /// Known without the password.
    Known(Node),
    /// What is compared.
    Compared { node: Node, form: Form, length: usize },
}

/// An expression whose result goes to another algorithm in the place of the password.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Prehash {
    node: Node,
    uses: Vec<Variable>,
}

impl Expression {
    /// Parses and checks a text.
    pub(super) fn compile(text: &str, caps: &Caps) -> Result<Self, Mistake> {
        let (node, span, checker) = checked(text, caps)?;
        Self::of(text.to_owned(), node, checker.uses, checker.uses_rounds, caps).map_err(|(message, help)| Mistake {
            span,
            message,
            help,
        })
    }

    /// Takes the result apart into what is known and what is compared.
    fn of(
        text: String,
        node: Node,
        uses: Vec<Variable>,
        uses_rounds: bool,
        caps: &Caps,
    ) -> Result<Self, (String, Option<String>)> {
        let mut pieces = Vec::new();
        for node in parts(node) {
            let facts = facts(&node);
            pieces.push(match (facts.password, facts.length) {
                (false, _) => Piece::Known(node),
                (true, Some(length)) => Piece::Compared { node, form: facts.form, length },
                (true, None) => {
                    let message = "the length of the result depends on the password".to_owned();
                    return Err((message, Some("digest it, as in `sha1($salt . $pass)`".to_owned())));
                }
            });
        }
        let bytes: usize = pieces.iter().map(Piece::bytes).sum();
        if bytes < LEAST {
            let message = format!("the result has {bytes} bytes, which any password meets by chance");
            return Err((message, Some(format!("compare {LEAST} bytes or more"))));
        }
        let expression = Self { text, pieces, uses, uses_rounds };
        let work = expression.work(&Values { rounds: Some(1), ..Values::default() });
        work.cap(caps).map_err(|over| {
            (format!("every password would cost {} {}, allowed are {}", over.found, over.what, over.cap), None)
        })?;
        Ok(expression)
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it mentions this variable.
    pub(super) fn uses(&self, variable: Variable) -> bool {
        self.uses.contains(&variable)
    }

    /// Whether it takes the number of rounds from the row.
    pub(super) fn uses_rounds(&self) -> bool {
        self.uses_rounds
    }

    /// Whether the stored value itself holds this variable, so that no column has to.
    pub(super) fn holds(&self, variable: Variable) -> bool {
        self.pieces.contains(&Piece::Known(Node::Variable(variable)))
    }

    /// Whether its result is bytes that are no text, which the column holds in some encoding.
    pub(super) fn is_raw(&self) -> bool {
        matches!(&self.pieces[..], [Piece::Compared { form: Form::Raw, .. }])
    }

    /// Whether some of its result is bytes that are no text, beside other parts.
    pub(super) fn mixes_raw(&self) -> bool {
        !self.is_raw() && self.pieces.iter().any(|piece| matches!(piece, Piece::Compared { form: Form::Raw, .. }))
    }

    /// The length of what is compared.
    pub(super) fn length(&self) -> usize {
        self.pieces.iter().map(Piece::compared).sum()
    }

    /// What must come out for this stored value. Variables that have no value are cut out of it.
    pub(super) fn read(&self, value: &[u8], values: &mut Values) -> Result<Vec<u8>, Fault> {
        let known = self.known(values)?;
        let lengths = self.lengths(value.len(), &known)?;
        let mut rest = value;
        let mut expected = Vec::with_capacity(self.length());
        for ((piece, known), length) in self.pieces.iter().zip(&known).zip(lengths) {
            let (text, after) = rest.split_at_checked(length).ok_or(Fault::Foreign)?;
            rest = after;
            match (piece, known) {
                (Piece::Compared { form, length, .. }, _) => {
                    expected.extend(form.normal(text, *length).ok_or(Fault::Foreign)?);
                }
                (Piece::Known(_), Some(known)) if known.as_slice() == text => {}
                (Piece::Known(_), Some(_)) => return Err(Fault::Foreign),
                (Piece::Known(node), None) => bind(node, text, values)?,
            }
        }
        if rest.is_empty() { Ok(expected) } else { Err(Fault::Foreign) }
    }

    /// The stored value whose compared parts are these.
    pub(super) fn render(&self, compared: &[u8], values: &Values) -> Option<Vec<u8>> {
        let (mut rest, mut value) = (compared, Vec::new());
        for (piece, known) in self.pieces.iter().zip(self.known(values).ok()?) {
            match piece {
                Piece::Known(_) => value.extend_from_slice(&known?),
                Piece::Compared { form, .. } => {
                    let (part, after) = rest.split_at_checked(piece.compared())?;
                    rest = after;
                    value.extend(form.written(part));
                }
            }
        }
        Some(value)
    }

    /// Computes what is compared.
    pub(super) fn derive(&self, password: &[u8], values: &Values, output: &mut [u8]) -> Result<(), Undefined> {
        let compared: Vec<_> = self
            .pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Compared { node, form, length } => Some((node, *form, *length)),
                Piece::Known(_) => None,
            })
            .collect();
        let mut at = 0;
        compute(compared.iter().map(|(node, ..)| *node), password, values, |index, bytes| {
            let (_, form, length) = compared[index];
            let normal = Zeroizing::new(form.normal(bytes, length).ok_or(Undefined)?);
            output.get_mut(at..at + normal.len()).ok_or(Undefined)?.copy_from_slice(&normal);
            at += normal.len();
            Ok(())
        })
    }

    /// What computing it costs with these values.
    pub(super) fn work(&self, values: &Values) -> Work {
        self.pieces.iter().fold(Work::default(), |work, piece| match piece {
            Piece::Known(_) => work,
            Piece::Compared { node, .. } => work.and(Work::of(node, values)),
        })
    }

    /// The parts that are known by now: None for those that are compared, and for those that the value itself holds.
    fn known(&self, values: &Values) -> Result<Vec<Option<Zeroizing<Vec<u8>>>>, Fault> {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Compared { .. } => Ok(None),
                Piece::Known(Node::Variable(variable)) if values.get(*variable).is_none() => Ok(None),
                Piece::Known(node) => {
                    let mut bytes = Zeroizing::new(Vec::new());
                    let known = compute([node].into_iter(), b"", values, |_, part| {
                        bytes.extend_from_slice(part);
                        Ok(())
                    });
                    known.map_err(|Undefined| Fault::Malformed("its salt is not in the declared encoding"))?;
                    Ok(Some(bytes))
                }
            })
            .collect()
    }

    /// How the stored value divides: what is not of a fixed length gets what the others leave.
    fn lengths(&self, whole: usize, known: &[Option<Zeroizing<Vec<u8>>>]) -> Result<Vec<usize>, Fault> {
        let mut open = 0;
        let mut lengths: Vec<Option<usize>> = Vec::with_capacity(self.pieces.len());
        for (piece, known) in self.pieces.iter().zip(known) {
            lengths.push(match (piece, known) {
                (Piece::Compared { length, .. }, _) => Some(*length),
                (Piece::Known(_), Some(known)) => Some(known.len()),
                (Piece::Known(_), None) => {
                    open += 1;
                    None
                }
            });
        }
        // Base64 may come without its padding; that is seen only where nothing else is open.
        let base64 = self.pieces.iter().position(|p| matches!(p, Piece::Compared { form: Form::Base64(_), .. }));
        if let (0, Some(at)) = (open, base64) {
            let others: usize = lengths.iter().enumerate().filter(|(i, _)| *i != at).filter_map(|(_, l)| *l).sum();
            lengths[at] = Some(whole.checked_sub(others).ok_or(Fault::Foreign)?);
        }
        let rest = whole.checked_sub(lengths.iter().flatten().sum()).ok_or(Fault::Foreign)?;
        if open > 0 && rest % open != 0 {
            return Err(Fault::Foreign);
        }
        Ok(lengths.into_iter().map(|length| length.unwrap_or(rest / open.max(1))).collect())
    }
}

impl Prehash {
    /// Parses and checks a text; a digest's name alone is that digest of the password.
    pub(super) fn compile(text: &str, caps: &Caps) -> Result<Self, Mistake> {
        let bare = text.trim();
        if !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            let Some(digest) = super::kernel::Digest::named(bare) else {
                let near = nearest(&bare.to_ascii_lowercase(), super::kernel::Digest::ALL.iter().map(|d| d.name()));
                let help = Some(format!("did you mean `{near}`?"));
                return Err(Mistake { span: 0..text.len(), message: format!("`{bare}` is not a digest"), help });
            };
            let of = Box::new(Node::Variable(Variable::Pass));
            let node = Node::Digest { digest, output: function::Output::Hex, of };
            return Ok(Self { node, uses: vec![Variable::Pass] });
        }
        let (node, span, checker) = checked(text, caps)?;
        if checker.uses_rounds {
            let message = "`$rounds` is not known before the hash".to_owned();
            return Err(Mistake { span, message, help: None });
        }
        if let Err(over) = Work::of(&node, &Values::default()).cap(caps) {
            let message = format!("every password would cost {} {}, allowed are {}", over.found, over.what, over.cap);
            return Err(Mistake { span, message, help: None });
        }
        Ok(Self { node, uses: checker.uses })
    }

    /// One transform or charset.
    pub(super) fn map(map: Map) -> Self {
        let of = Box::new(Node::Variable(Variable::Pass));
        Self { node: Node::Map { map, of }, uses: vec![Variable::Pass] }
    }

    /// The password with the pepper before or after it.
    pub(super) fn peppered(prefix: bool) -> Self {
        let mut parts = vec![Node::Variable(Variable::Pass), Node::Variable(Variable::Pepper)];
        if prefix {
            parts.reverse();
        }
        Self { node: Node::Join(parts), uses: vec![Variable::Pass, Variable::Pepper] }
    }

    /// Whether it mentions this variable.
    pub(super) fn uses(&self, variable: Variable) -> bool {
        self.uses.contains(&variable)
    }

    /// What the password becomes; None where that is not defined for it.
    pub(super) fn apply(&self, password: &[u8], values: &Values) -> Option<Zeroizing<Vec<u8>>> {
        let mut result = Zeroizing::new(Vec::new());
        let computed = compute([&self.node].into_iter(), password, values, |_, bytes| {
            result = Zeroizing::new(bytes.to_vec());
            Ok(())
        });
        computed.ok().map(|()| result)
    }
}

impl Piece {
    /// The bytes that are compared, once normal.
    fn compared(&self) -> usize {
        match self {
            Self::Known(_) => 0,
            Self::Compared { form: Form::Base64(bytes), .. } => *bytes,
            Self::Compared { length, .. } => *length,
        }
    }

    /// The bytes of the digest that are in it.
    fn bytes(&self) -> usize {
        match self {
            Self::Known(_) => 0,
            Self::Compared { form: Form::Hex { .. }, length, .. } => length / 2,
            Self::Compared { form: Form::Base64(bytes), .. } => *bytes,
            Self::Compared { form: Form::Raw, length, .. } => *length,
            Self::Compared { form: Form::Text, length, .. } => length * 3 / 4,
        }
    }
}

impl Form {
    /// What is compared: the values of hex digits, the bytes of base64, anything else as it stands.
    fn normal(self, text: &[u8], length: usize) -> Option<Vec<u8>> {
        match self {
            Self::Hex { .. } => {
                let digits: Option<Vec<u8>> = text.iter().map(|c| (*c as char).to_digit(16).map(|d| d as u8)).collect();
                digits.filter(|digits| digits.len() == length)
            }
            Self::Base64(bytes) => str::from_utf8(text).ok().and_then(from_base64).filter(|b| b.len() == bytes),
            Self::Raw | Self::Text => Some(text.to_vec()).filter(|text| text.len() == length),
        }
    }

    /// As it is stored.
    fn written(self, normal: &[u8]) -> Vec<u8> {
        match self {
            Self::Hex { upper } => {
                let digit = |d: &u8| char::from_digit(u32::from(*d), 16).map_or(b'0', |c| c as u8);
                let digits = normal.iter().map(digit);
                if upper { digits.map(|c| c.to_ascii_uppercase()).collect() } else { digits.collect() }
            }
            Self::Base64(_) => to_base64(normal).into_bytes(),
            Self::Raw | Self::Text => normal.to_vec(),
        }
    }
}

fn checked(text: &str, caps: &Caps) -> Result<(Node, Range, Checker), Mistake> {
    let tree = parse::parse(text)?;
    let mut checker = Checker::new(u64::from(caps.digest_rounds), caps.pbkdf2_rounds);
    let node = checker.check(&tree)?;
    if !checker.uses.contains(&Variable::Pass) {
        let message = "the password does not occur in it".to_owned();
        return Err(Mistake { span: tree.span, message, help: Some("write the password as `$pass`".to_owned()) });
    }
    Ok((node, tree.span, checker))
}

/// The parts of the result, of which each is known or compared as a whole.
fn parts(node: Node) -> Vec<Node> {
    match node {
        Node::Join(nodes) => nodes.into_iter().flat_map(parts).collect(),
        node => vec![node],
    }
}

/// Gives a variable the value that was cut out; a second time it must be the same.
fn bind(node: &Node, text: &[u8], values: &mut Values) -> Result<(), Fault> {
    let Node::Variable(variable) = node else { return Err(Fault::Foreign) };
    if let Some(before) = values.get(*variable) {
        return if before == text { Ok(()) } else { Err(Fault::Foreign) };
    }
    let value = Some(Zeroizing::new(text.to_vec()));
    match variable {
        Variable::Salt => values.salt = value,
        Variable::Salt2 => values.salt2 = value,
        Variable::User => values.user = value,
        // Secrets of the site are in no row.
        Variable::Pass | Variable::Pepper | Variable::Key => {
            return Err(Fault::Malformed("its pepper is not declared"));
        }
    }
    Ok(())
}
