//! What is known of a result before any password is: what it is made of, and its length.
//!
//! Invariant: a length that is given is exact for every password and every row.

use super::function::{Map, Output};
use super::plan::{Node, Variable, part};
use crate::hash::spec::{Charset, Transform};

/// What is known of a result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Facts {
    pub form: Form,
    /// None = it depends on the row or on the password.
    pub length: Option<usize>,
    /// Whether the password takes part.
    pub password: bool,
}

/// What a result is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Hex {
        upper: bool,
    },
    /// Base64 of this many bytes.
    Base64(usize),
    /// Bytes that are no text.
    Raw,
    Text,
}

/// What is known of this node's result.
pub(super) fn facts(node: &Node) -> Facts {
    match node {
        Node::Text(text) => Facts { form: Form::Text, length: Some(text.len()), password: false },
        Node::Variable(variable) => Facts { form: Form::Text, length: None, password: *variable == Variable::Pass },
        Node::X => Facts { form: Form::Text, length: None, password: true },
        Node::Join(parts) => joined(parts.iter().map(facts).collect()),
        Node::Digest { digest, output, of } => digested(*output, digest.length(), facts(of).password),
        Node::Hmac { digest, output, key, data } => {
            digested(*output, digest.length(), facts(key).password || facts(data).password)
        }
        Node::Pbkdf2 { output, password, salt, length, .. } => {
            digested(*output, *length, facts(password).password || facts(salt).password)
        }
        Node::Map { map, of } => mapped(*map, facts(of)),
        Node::Part { of, start, length } => {
            let of = facts(of);
            let form = if let Form::Base64(_) = of.form { Form::Text } else { of.form };
            Facts { form, length: of.length.map(|whole| part(whole, *start, *length).len()), ..of }
        }
        Node::Repeat { first, next, .. } => {
            let next = facts(next);
            Facts { password: facts(first).password || next.password, ..next }
        }
    }
}

fn joined(parts: Vec<Facts>) -> Facts {
    let form = match parts.first() {
        Some(first) if parts.iter().all(|part| matches!(part.form, Form::Hex { .. })) => first.form,
        _ if parts.iter().any(|part| part.form == Form::Raw) => Form::Raw,
        _ => Form::Text,
    };
    let password = parts.iter().any(|part| part.password);
    Facts { form, length: parts.iter().map(|part| part.length).sum(), password }
}

fn digested(output: Output, bytes: usize, password: bool) -> Facts {
    let form = match output {
        Output::Hex => Form::Hex { upper: false },
        Output::UpperHex => Form::Hex { upper: true },
        Output::Raw => Form::Raw,
        Output::Base64 => Form::Base64(bytes),
    };
    Facts { form, length: Some(output.length(bytes)), password }
}

fn mapped(map: Map, of: Facts) -> Facts {
    let ascii = matches!(of.form, Form::Hex { .. } | Form::Base64(_));
    let (form, length) = match (map, of.form) {
        (Map::Hex, _) => (Form::Hex { upper: false }, of.length.map(|length| length * 2)),
        (Map::Unhex, _) => (Form::Raw, of.length.map(|length| length / 2)),
        (Map::Base64, _) => match of.length {
            Some(length) => (Form::Base64(length), Some(Output::Base64.length(length))),
            None => (Form::Text, None),
        },
        (Map::Unbase64, Form::Base64(bytes)) => (Form::Raw, Some(bytes)),
        (Map::Unbase64, _) => (Form::Raw, None),
        (Map::Encode(Charset::Utf16Le | Charset::Utf16Be), _) => {
            (Form::Raw, of.length.filter(|_| ascii).map(|length| length * 2))
        }
        (Map::Transform(Transform::Upper), Form::Hex { .. }) => (Form::Hex { upper: true }, of.length),
        (Map::Transform(Transform::Lower), Form::Hex { .. }) => (Form::Hex { upper: false }, of.length),
        (Map::Transform(Transform::Upper | Transform::Lower), Form::Base64(_)) => (Form::Text, of.length),
        (_, form) => (form, of.length.filter(|_| ascii)),
    };
    Facts { form, length, password: of.password }
}
