//! Which subjects of an issuer may call, and what their tokens allow.
//!
//! Invariant: a subject that no rule names may not call: the same issuer may also sign tokens for its users.

use std::collections::HashMap;

use super::words;
use crate::access::Scope;
use crate::access::token::Claims;

/// The subjects that may call: exact, or with `*` at one end.
#[derive(Clone, Debug)]
pub struct SubjectRule(Vec<Pattern>);

/// The claims that name the application that an issuer gave a token to.
pub const APPLICATION: [&str; 3] = ["azp", "appid", "client_id"];

#[derive(Clone, Debug)]
enum Pattern {
    Anyone,
    Exactly(String),
    Begins(String),
    Ends(String),
}

impl SubjectRule {
    /// The subjects of these patterns, such as `*@clients`.
    ///
    /// # Errors
    /// A pattern that names everybody, or has a `*` in another place than one end.
    pub fn new<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Result<Self, String> {
        patterns.into_iter().map(Pattern::new).collect::<Result<_, _>>().map(Self)
    }

    /// Whoever it is: for an issuer whose tokens are told apart by the application that they were given to.
    pub fn anyone() -> Self {
        Self(vec![Pattern::Anyone])
    }

    /// Whether the subject may call.
    pub fn admits(&self, subject: &str) -> bool {
        self.0.iter().any(|pattern| match pattern {
            Pattern::Anyone => true,
            Pattern::Exactly(whole) => subject == whole,
            Pattern::Begins(start) => subject.len() > start.len() && subject.starts_with(start),
            Pattern::Ends(end) => subject.len() > end.len() && subject.ends_with(end),
        })
    }
}

impl Pattern {
    fn new(text: &str) -> Result<Self, String> {
        let plain = text.trim_matches('*');
        if plain.is_empty() {
            return Err(format!("`{text}` would admit the issuer's users too; name the callers, as in `*@clients`"));
        }
        let (starts, ends) = (text.strip_prefix('*'), text.strip_suffix('*'));
        match (starts, ends) {
            _ if plain.contains('*') => Err(format!("`{text}` has a `*` in its middle; it can stand at one end only")),
            (None, None) => Ok(Self::Exactly(text.to_owned())),
            (Some(end), None) if end == plain => Ok(Self::Ends(end.to_owned())),
            (None, Some(start)) if start == plain => Ok(Self::Begins(start.to_owned())),
            _ => Err(format!("`{text}` has more than one `*`; it can stand at one end only")),
        }
    }
}

/// What a token allows, before it is cut to what its client may do.
#[derive(Clone, Debug)]
pub enum Granting {
    /// Always these scopes, whatever the token says.
    Always(Vec<Scope>),
    /// The scopes in a claim; words that are no scopes of ours allow nothing.
    Claim(String),
    /// The scopes that the words of a claim stand for.
    Map {
        /// The claim's name.
        claim: String,
        /// What each word allows.
        words: HashMap<String, Vec<Scope>>,
    },
}

impl Granting {
    pub(super) fn scopes(&self, claims: &Claims) -> Vec<Scope> {
        match self {
            Self::Always(scopes) => scopes.clone(),
            Self::Claim(name) => words(claims, name).iter().filter_map(|word| word.parse().ok()).collect(),
            Self::Map { claim, words: map } => {
                words(claims, claim).iter().filter_map(|word| map.get(word)).flatten().cloned().collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_named_or_may_not_call() {
        let rule = SubjectRule::new(["*@clients", "svc-*", "abc"]).unwrap();
        let cases = [
            ("x@clients", true),
            ("@clients", false),
            ("x@clients2", false),
            ("X@CLIENTS", false),
            ("svc-1", true),
            ("svc-", false),
            ("abc", true),
            ("abcd", false),
            ("auth0|7", false),
        ];
        for (subject, admitted) in cases {
            assert_eq!(rule.admits(subject), admitted, "{subject}");
        }
        assert!(!SubjectRule::new([]).unwrap().admits("abc"));
        for bad in ["", "*", "**", "a*b", "*a*", "**a"] {
            assert!(SubjectRule::new([bad]).is_err(), "{bad}");
        }
    }
}
