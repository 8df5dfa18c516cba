//! From a tree to a plan: names are resolved, and what could never work is refused with its place.
//!
//! Invariant: what leaves this file keeps to the caps, and every repetition has a fixed length.

use super::facts::facts;
use super::function::Function;
use super::parse::{Kind, Tree};
use super::plan::{Count, Node, Variable};
use super::{Mistake, Range};
use crate::hash::spec::nearest;

/// The longest output of PBKDF2 that may be asked for, in bytes.
const MOST_OUTPUT: i64 = 1024;

/// Checks a tree; `most_rounds` is the cap of a single `repeat`, `most_pbkdf2` that of PBKDF2.
pub(super) struct Checker {
    pub most_rounds: u64,
    pub most_pbkdf2: u64,
    /// The variables that occur.
    pub uses: Vec<Variable>,
    pub uses_rounds: bool,
    /// Whether `$x` means something here.
    inside_repeat: bool,
}

impl Checker {
    pub(super) fn new(most_rounds: u64, most_pbkdf2: u64) -> Self {
        Self { most_rounds, most_pbkdf2, uses: Vec::new(), uses_rounds: false, inside_repeat: false }
    }

    pub(super) fn check(&mut self, tree: &Tree) -> Result<Node, Mistake> {
        match &tree.kind {
            Kind::Text(text) => Ok(Node::Text(text.clone())),
            Kind::Number(number) => Ok(Node::Text(number.to_string().into_bytes())),
            Kind::Variable(name) => self.variable(name, &tree.span),
            Kind::Join(parts) => parts.iter().map(|part| self.check(part)).collect::<Result<_, _>>().map(Node::Join),
            Kind::Call { name, name_span, arguments } => {
                let function = resolve(name, name_span)?;
                let (least, most) = function.arity();
                if !(least..=most).contains(&arguments.len()) {
                    let message = format!("`{name}` is given {} arguments", arguments.len());
                    let help = format!("write `{name}{}`", function.usage());
                    return Err(Mistake { span: tree.span.clone(), message, help: Some(help) });
                }
                self.call(function, arguments)
            }
        }
    }

    fn variable(&mut self, name: &str, span: &Range) -> Result<Node, Mistake> {
        let variable = match name {
            "pass" | "p" => Variable::Pass,
            "salt" | "s" => Variable::Salt,
            "salt2" | "s2" => Variable::Salt2,
            "user" | "u" => Variable::User,
            "pepper" => Variable::Pepper,
            "key" => Variable::Key,
            "x" if self.inside_repeat => return Ok(Node::X),
            "x" => {
                let help =
                    Some("`$x` is the result of the round before, in the second argument of `repeat`".to_owned());
                return Err(Mistake { span: span.clone(), message: "`$x` means nothing here".to_owned(), help });
            }
            "rounds" => {
                let help = Some("write it as the number of `repeat` or of `pbkdf2_…`".to_owned());
                let message = "`$rounds` is a number, not a text".to_owned();
                return Err(Mistake { span: span.clone(), message, help });
            }
            _ => {
                let known = ["pass", "salt", "salt2", "user", "pepper", "key", "x", "rounds"];
                let help = Some(format!("did you mean `${}`?", nearest(name, known.into_iter())));
                return Err(Mistake { span: span.clone(), message: format!("`${name}` is not a variable"), help });
            }
        };
        if !self.uses.contains(&variable) {
            self.uses.push(variable);
        }
        Ok(Node::Variable(variable))
    }

    fn call(&mut self, function: Function, arguments: &[Tree]) -> Result<Node, Mistake> {
        match (function, arguments) {
            (Function::Digest(digest, output), [of]) => {
                Ok(Node::Digest { digest, output, of: Box::new(self.check(of)?) })
            }
            (Function::Hmac(digest, output), [key, data]) => {
                let (key, data) = (Box::new(self.check(key)?), Box::new(self.check(data)?));
                Ok(Node::Hmac { digest, output, key, data })
            }
            (Function::Pbkdf2(digest, output), [password, salt, rounds, length]) => {
                let (password, salt) = (Box::new(self.check(password)?), Box::new(self.check(salt)?));
                let rounds = self.count(rounds, self.most_pbkdf2)?;
                let length = number(length, 1, MOST_OUTPUT)? as usize;
                Ok(Node::Pbkdf2 { digest, output, password, salt, rounds, length })
            }
            (Function::Map(map), [of]) => Ok(Node::Map { map, of: Box::new(self.check(of)?) }),
            (Function::Substr, [of, start]) => self.part(of, number(start, i64::MIN, i64::MAX)?, None),
            (Function::Substr, [of, start, length]) => {
                let (start, length) = (number(start, i64::MIN, i64::MAX)?, number(length, i64::MIN, i64::MAX)?);
                self.part(of, start, Some(length))
            }
            (Function::Right, [of, length]) => self.part(of, -number(length, 1, i64::MAX)?, None),
            (_, [first, next, times]) => self.repeat(first, next, times),
            // The arity was checked before.
            _ => Err(Mistake { span: 0..0, message: "the arguments do not fit".to_owned(), help: None }),
        }
    }

    fn part(&mut self, of: &Tree, start: i64, length: Option<i64>) -> Result<Node, Mistake> {
        let node = self.check(of)?;
        let whole = facts(&node).length;
        let node = Node::Part { of: Box::new(node), start, length };
        if facts(&node).length == Some(0) {
            let help = whole.map(|whole| format!("it has {whole} bytes"));
            return Err(Mistake { span: of.span.clone(), message: "nothing is left of this".to_owned(), help });
        }
        Ok(node)
    }

    fn repeat(&mut self, first: &Tree, next: &Tree, times: &Tree) -> Result<Node, Mistake> {
        let first = Box::new(self.check(first)?);
        let outer = std::mem::replace(&mut self.inside_repeat, true);
        let node = self.check(next);
        self.inside_repeat = outer;
        let node = Box::new(node?);
        let times = self.count(times, self.most_rounds)?;
        let span = next.span.clone();
        if !mentions_x(&node) {
            let help = Some("write the result of the round before as `$x`".to_owned());
            return Err(Mistake { span, message: "every round would do the same".to_owned(), help });
        }
        if facts(&node).length.is_none() {
            let message = "the length of what is repeated is not fixed".to_owned();
            return Err(Mistake { span, message, help: Some("digest it, as in `sha1($x . $pass)`".to_owned()) });
        }
        Ok(Node::Repeat { first, next: node, times })
    }

    fn count(&mut self, tree: &Tree, most: u64) -> Result<Count, Mistake> {
        if tree.kind == Kind::Variable("rounds".to_owned()) {
            self.uses_rounds = true;
            return Ok(Count::Row { less: 0 });
        }
        let most = i64::try_from(most).unwrap_or(i64::MAX).min(i64::from(u32::MAX));
        Ok(Count::Fixed(number(tree, 1, most)? as u32))
    }
}

fn resolve(name: &str, span: &Range) -> Result<Function, Mistake> {
    Function::named(name).ok_or_else(|| {
        let names: Vec<String> = Function::names().collect();
        let near = nearest(&name.to_ascii_lowercase(), names.iter().map(String::as_str)).to_owned();
        let message = format!("`{name}` is not a function");
        Mistake { span: span.clone(), message, help: Some(format!("did you mean `{near}`?")) }
    })
}

fn number(tree: &Tree, least: i64, most: i64) -> Result<i64, Mistake> {
    let span = tree.span.clone();
    match tree.kind {
        Kind::Number(number) if (least..=most).contains(&number) => Ok(number),
        Kind::Number(number) if number < least => Err(Mistake {
            span,
            message: format!("{number} is too small"),
            help: Some(format!("write {least} or more")),
        }),
        Kind::Number(number) => Err(Mistake {
            span,
            message: format!("{number} is too large"),
            help: Some(format!("write {most} at most")),
        }),
        _ => Err(Mistake { span, message: "expected a whole number here".to_owned(), help: None }),
    }
}

fn mentions_x(node: &Node) -> bool {
    match node {
        Node::X => true,
        Node::Text(_) | Node::Variable(_) => false,
        Node::Join(parts) => parts.iter().any(mentions_x),
        Node::Digest { of, .. } | Node::Map { of, .. } | Node::Part { of, .. } => mentions_x(of),
        Node::Hmac { key, data, .. } => mentions_x(key) || mentions_x(data),
        Node::Pbkdf2 { password, salt, .. } => mentions_x(password) || mentions_x(salt),
        // Inside, `$x` is the inner one; only what the inner begins with is the outer's.
        Node::Repeat { first, .. } => mentions_x(first),
    }
}
