//! What an expression compiles to, and how it is computed.
//!
//! Invariant: one buffer, large enough from the start, holds everything that is computed on the way; it is wiped at the
//! end, so that no copy of a password stays behind in memory that was given back.

use std::ops::Range;

use zeroize::Zeroizing;

use super::function::{Map, Output};
use crate::hash::kernel::{Digest, pbkdf2};

/// A value that a row, the definition or the request supplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::hash) enum Variable {
    Pass,
    Salt,
    Salt2,
    User,
    Pepper,
    Key,
}

/// How often something is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hash) enum Count {
    Fixed(u32),
    /// As the row says, less this many.
    Row {
        less: u32,
    },
}

/// One step of the computation; its result is appended to the buffer.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::hash) enum Node {
    Text(Vec<u8>),
    Variable(Variable),
    /// The result of the round before, inside of a `Repeat`.
    X,
    Join(Vec<Node>),
    Digest {
        digest: Digest,
        output: Output,
        of: Box<Node>,
    },
    Hmac {
        digest: Digest,
        output: Output,
        key: Box<Node>,
        data: Box<Node>,
    },
    Pbkdf2 {
        digest: Digest,
        output: Output,
        password: Box<Node>,
        salt: Box<Node>,
        rounds: Count,
        length: usize,
    },
    Map {
        map: Map,
        of: Box<Node>,
    },
    /// As PHP's `substr`: negative numbers count from the end.
    Part {
        of: Box<Node>,
        start: i64,
        length: Option<i64>,
    },
    Repeat {
        first: Box<Node>,
        next: Box<Node>,
        times: Count,
    },
}

/// The values of the variables, for one row.
#[derive(Clone, Default, PartialEq)]
pub(in crate::hash) struct Values {
    pub salt: Option<Zeroizing<Vec<u8>>>,
    pub salt2: Option<Zeroizing<Vec<u8>>>,
    pub user: Option<Zeroizing<Vec<u8>>>,
    pub pepper: Option<Zeroizing<Vec<u8>>>,
    pub key: Option<Zeroizing<Vec<u8>>>,
    pub rounds: Option<u32>,
}

impl Values {
    pub(in crate::hash) fn get(&self, variable: Variable) -> Option<&[u8]> {
        let value = match variable {
            Variable::Pass => None,
            Variable::Salt => self.salt.as_ref(),
            Variable::Salt2 => self.salt2.as_ref(),
            Variable::User => self.user.as_ref(),
            Variable::Pepper => self.pepper.as_ref(),
            Variable::Key => self.key.as_ref(),
        };
        value.map(|value| value.as_slice())
    }

    /// Zeros in the place of what identifies a row.
    pub(in crate::hash) fn forget(&mut self) {
        for value in [&mut self.salt, &mut self.salt2, &mut self.user].into_iter().flatten() {
            value.fill(b'0');
        }
    }
}

impl Count {
    pub(in crate::hash) fn of(self, values: &Values) -> u32 {
        match self {
            Self::Fixed(count) => count,
            Self::Row { less } => values.rounds.unwrap_or(1).saturating_sub(less),
        }
    }
}

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hash) struct Undefined;

/// Computes all of these one after another, each into its own piece; `sink` gets the pieces.
pub(super) fn compute<'n>(
    nodes: impl Iterator<Item = &'n Node> + Clone,
    password: &[u8],
    values: &Values,
    mut sink: impl FnMut(usize, &[u8]) -> Result<(), Undefined>,
) -> Result<(), Undefined> {
    let sizes = Sizes { password: password.len(), values };
    let room = nodes.clone().map(|node| sizes.of(node, 0).peak).max().unwrap_or(0);
    let mut machine = Machine { password, values, x: 0..0, buffer: Zeroizing::new(Vec::with_capacity(room)) };
    for (index, node) in nodes.enumerate() {
        machine.buffer.clear();
        machine.run(node)?;
        debug_assert!(machine.buffer.capacity() >= room, "the buffer never moves");
        sink(index, &machine.buffer)?;
    }
    Ok(())
}

struct Machine<'a> {
    password: &'a [u8],
    values: &'a Values,
    /// Where the result of the round before stands.
    x: Range<usize>,
    buffer: Zeroizing<Vec<u8>>,
}

impl Machine<'_> {
    fn run(&mut self, node: &Node) -> Result<(), Undefined> {
        let start = self.buffer.len();
        match node {
            Node::Text(text) => self.buffer.extend_from_slice(text),
            Node::Variable(Variable::Pass) => self.buffer.extend_from_slice(self.password),
            Node::Variable(variable) => {
                self.buffer.extend_from_slice(self.values.get(*variable).ok_or(Undefined)?);
            }
            Node::X => self.buffer.extend_from_within(self.x.clone()),
            Node::Join(parts) => parts.iter().try_for_each(|part| self.run(part))?,
            Node::Digest { digest, output, of } => {
                self.run(of)?;
                let mut bytes = Zeroizing::new([0; 64]);
                digest.hash(&[&self.buffer[start..]], &mut bytes[..digest.length()]);
                self.replace(start, *output, &bytes[..digest.length()]);
            }
            Node::Hmac { digest, output, key, data } => {
                self.run(key)?;
                let middle = self.buffer.len();
                self.run(data)?;
                let (key, data) = self.buffer[start..].split_at(middle - start);
                let mut bytes = Zeroizing::new([0; 64]);
                digest.hmac(key, &[data], &mut bytes[..digest.length()]).map_err(|_| Undefined)?;
                self.replace(start, *output, &bytes[..digest.length()]);
            }
            Node::Pbkdf2 { digest, output, password, salt, rounds, length } => {
                self.run(password)?;
                let middle = self.buffer.len();
                self.run(salt)?;
                let (password, salt) = self.buffer[start..].split_at(middle - start);
                let mut bytes = Zeroizing::new(vec![0; *length]);
                let rounds = rounds.of(self.values).max(1);
                pbkdf2(*digest, password, salt, rounds, &mut bytes).map_err(|_| Undefined)?;
                self.replace(start, *output, &bytes);
            }
            Node::Map { map, of } => {
                self.run(of)?;
                let changed = Zeroizing::new(map.apply(&self.buffer[start..]).ok_or(Undefined)?);
                self.replace(start, Output::Raw, &changed);
            }
            Node::Part { of, start: from, length } => {
                self.run(of)?;
                let part = part(self.buffer.len() - start, *from, *length);
                self.buffer.copy_within(start + part.start..start + part.end, start);
                self.buffer.truncate(start + part.len());
            }
            Node::Repeat { first, next, times } => {
                self.run(first)?;
                for _ in 0..times.of(self.values) {
                    let end = self.buffer.len();
                    let outer = std::mem::replace(&mut self.x, start..end);
                    let result = self.run(next);
                    self.x = outer;
                    result?;
                    self.buffer.copy_within(end.., start);
                    let length = self.buffer.len() - end;
                    self.buffer.truncate(start + length);
                }
            }
        }
        Ok(())
    }

    fn replace(&mut self, start: usize, output: Output, bytes: &[u8]) {
        self.buffer.truncate(start);
        output.append(bytes, &mut self.buffer);
    }
}

/// Which of this many bytes PHP's `substr` gives.
pub(super) fn part(whole: usize, start: i64, length: Option<i64>) -> Range<usize> {
    let from = |number: i64| {
        let distance = usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX);
        if number < 0 { whole.saturating_sub(distance) } else { distance.min(whole) }
    };
    let begin = from(start);
    let end = match length {
        None => whole,
        Some(length) if length < 0 => from(length),
        Some(length) => begin.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)).min(whole),
    };
    begin..end.max(begin)
}

/// How much room a computation takes.
struct Sizes<'a> {
    password: usize,
    values: &'a Values,
}

/// The room of one node: at most this long in the end, and at most this much on the way.
#[derive(Clone, Copy)]
struct Size {
    end: usize,
    peak: usize,
}

impl Sizes<'_> {
    fn of(&self, node: &Node, x: usize) -> Size {
        let plain = |end| Size { end, peak: end };
        match node {
            Node::Text(text) => plain(text.len()),
            Node::Variable(Variable::Pass) => plain(self.password),
            Node::Variable(variable) => plain(self.values.get(*variable).map_or(0, <[u8]>::len)),
            Node::X => plain(x),
            Node::Join(parts) => self.together(parts.iter(), x),
            Node::Digest { digest, output, of } => self.of(of, x).then(output.length(digest.length())),
            Node::Hmac { digest, output, key, data } => {
                self.together([&**key, &**data].into_iter(), x).then(output.length(digest.length()))
            }
            Node::Pbkdf2 { output, password, salt, length, .. } => {
                self.together([&**password, &**salt].into_iter(), x).then(output.length(*length))
            }
            Node::Map { map, of } => {
                let of = self.of(of, x);
                of.then(of.end.saturating_mul(map.growth()).saturating_add(4))
            }
            Node::Part { of, .. } => self.of(of, x),
            Node::Repeat { first, next, .. } => {
                let first = self.of(first, x);
                // The length of `next` is fixed, whatever it is given.
                let next_size = self.of(next, first.end);
                let next_size = self.of(next, first.end.max(next_size.end));
                let held = first.end.max(next_size.end);
                Size { end: held, peak: first.peak.max(held + next_size.peak) }
            }
        }
    }

    fn together<'n>(&self, nodes: impl Iterator<Item = &'n Node>, x: usize) -> Size {
        nodes.fold(Size { end: 0, peak: 0 }, |all, node| {
            let size = self.of(node, x);
            Size { end: all.end + size.end, peak: all.peak.max(all.end + size.peak) }
        })
    }
}

impl Size {
    /// What stands there is replaced by this much.
    fn then(self, end: usize) -> Self {
        Self { end, peak: self.peak.max(end) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_those_of_php() {
        assert_eq!(part(10, 2, Some(3)), 2..5);
        assert_eq!(part(10, 8, Some(9)), 8..10);
        assert_eq!(part(10, -3, None), 7..10);
        assert_eq!(part(10, 0, Some(-4)), 0..6);
        assert_eq!(part(2, -5, Some(1)), 0..1);
        assert_eq!(part(2, 5, None), 2..2);
        assert_eq!(part(5, 4, Some(-3)), 4..4);
    }
}
