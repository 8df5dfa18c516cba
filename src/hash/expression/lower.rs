//! Digests that are described by their parts, as expressions.
//!
//! Invariant: the description says everything; nothing is guessed from a stored value.

use super::facts::facts;
use super::function::{Map, Output};
use super::plan::{Count, Node, Variable};
use super::{Caps, Expression};
use crate::hash::kernel::Digest;
use crate::hash::spec::{Encoding, Position, RoundsOver, SaltEncoding, SaltSpec, Split, SplitOrder};

/// A digest over password and salt, by its parts.
pub(in crate::hash) struct Described<'a> {
    pub digest: Digest,
    /// HMAC, under the declared key or else under the salt.
    pub hmac: bool,
    pub has_key: bool,
    pub salt: Option<SaltSpec>,
    /// How often it is taken in all.
    pub rounds: Count,
    pub rounds_over: RoundsOver,
    /// The bytes that are kept of it; None = all.
    pub length: Option<usize>,
    pub encoding: Encoding,
    pub split: Option<&'a Split>,
}

impl Described<'_> {
    /// The same as an expression.
    pub(in crate::hash) fn compile(&self, caps: &Caps) -> Result<Expression, (String, Option<String>)> {
        let mut result = self.rounds();
        if let Some(length) = self.length {
            let whole = facts(&result).length.unwrap_or(length);
            if length > whole {
                return Err((format!("the digest has {whole} bytes, `length` asks for {length}"), None));
            }
            result = Node::Part { of: Box::new(result), start: 0, length: i64::try_from(length).ok() };
        }
        let result = match self.encoding {
            Encoding::Hex => Node::Map { map: Map::Hex, of: Box::new(result) },
            Encoding::Base64 => Node::Map { map: Map::Base64, of: Box::new(result) },
            Encoding::Raw => result,
        };
        let node = match self.split {
            None => result,
            Some(Split { separator, order }) => {
                let separator = Node::Text(separator.clone().into_bytes());
                Node::Join(match order {
                    SplitOrder::DigestFirst => vec![result, separator, Node::Variable(Variable::Salt)],
                    SplitOrder::SaltFirst => vec![Node::Variable(Variable::Salt), separator, result],
                })
            }
        };
        let mut uses = vec![Variable::Pass];
        uses.extend(self.salt.map(|_| Variable::Salt));
        uses.extend((self.hmac && self.has_key).then_some(Variable::Key));
        Expression::of(self.name(), node, uses, matches!(self.rounds, Count::Row { .. }), caps)
    }

    fn name(&self) -> String {
        let salt = match self.salt.map(|salt| salt.position) {
            None => "unsalted",
            Some(_) if self.hmac && !self.has_key => "keyed by the salt",
            Some(Position::Prefix) => "salt before the password",
            Some(Position::Suffix) => "salt after the password",
            Some(Position::Both) => "salt around the password",
        };
        let hmac = if self.hmac { "hmac-" } else { "" };
        format!("{hmac}{} ({salt})", self.digest.name())
    }

    /// The raw digest of the last round.
    fn rounds(&self) -> Node {
        let first = self.digest(self.message(Node::Variable(Variable::Pass)));
        let times = match self.rounds {
            Count::Fixed(0 | 1) => return first,
            Count::Fixed(rounds) => Count::Fixed(rounds - 1),
            Count::Row { less } => Count::Row { less: less + 1 },
        };
        let next = match self.rounds_over {
            RoundsOver::Digest => self.digest(Node::X),
            RoundsOver::DigestAndSalt => self.digest(self.message(Node::X)),
            RoundsOver::DigestAndPassword => {
                self.digest(Node::Join(vec![Node::X, self.message(Node::Variable(Variable::Pass))]))
            }
            RoundsOver::Hex => self.digest(Node::Map { map: Map::Hex, of: Box::new(Node::X) }),
        };
        Node::Repeat { first: Box::new(first), next: Box::new(next), times }
    }

    fn digest(&self, of: Node) -> Node {
        let (digest, output) = (self.digest, Output::Raw);
        if !self.hmac {
            return Node::Digest { digest, output, of: Box::new(of) };
        }
        let key = if self.has_key { Node::Variable(Variable::Key) } else { self.salt() };
        Node::Hmac { digest, output, key: Box::new(key), data: Box::new(of) }
    }

    /// This with the salt around it, unless the salt is the key.
    fn message(&self, of: Node) -> Node {
        match self.salt.map(|salt| salt.position) {
            None => of,
            Some(_) if self.hmac && !self.has_key => of,
            Some(Position::Prefix) => Node::Join(vec![self.salt(), of]),
            Some(Position::Suffix) => Node::Join(vec![of, self.salt()]),
            Some(Position::Both) => Node::Join(vec![self.salt(), of, self.salt()]),
        }
    }

    fn salt(&self) -> Node {
        let salt = Node::Variable(Variable::Salt);
        match self.salt.map(|salt| salt.encoding) {
            None | Some(SaltEncoding::Text) => salt,
            Some(SaltEncoding::Hex) => Node::Map { map: Map::Unhex, of: Box::new(salt) },
            Some(SaltEncoding::Base64) => Node::Map { map: Map::Unbase64, of: Box::new(salt) },
        }
    }
}
