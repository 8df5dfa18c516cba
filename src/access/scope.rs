//! What a client may ask: `{connector}:{action}`, with `*` for any on either side.
//!
//! Invariant: a scope names one action or all of them; a misspelt action never parses, so it never grants nothing
//! in silence.

use std::fmt;
use std::str::FromStr;

use crate::action::Action;

/// One grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// One connector; `None` for all.
    connector: Option<String>,
    /// One action; `None` for all.
    action: Option<Action>,
}

impl Scope {
    /// Whether the scope grants this action of this connector.
    pub fn grants(&self, connector: &str, action: Action) -> bool {
        self.connector.as_deref().is_none_or(|name| name == connector) && self.action.is_none_or(|one| one == action)
    }

    /// Whether the scope grants all that the other one grants.
    pub fn covers(&self, other: &Self) -> bool {
        let connector = self.connector.is_none() || self.connector == other.connector;
        connector && (self.action.is_none() || self.action == other.action)
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (connector, action) = text
            .split_once(':')
            .ok_or_else(|| format!("scope `{text}` has no colon; expected `connector:action`, such as `acme:login`"))?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let connector = match connector {
            "*" => None,
            "" => return Err(format!("scope `{text}` names no connector; write `*:{action}` to mean all of them")),
            name if name.chars().all(is_name) => Some(name.to_owned()),
            name => {
                return Err(format!("`{name}` is no connector's name: expected letters, digits and dashes, or `*`"));
            }
        };
        let action = match action {
            "*" => None,
            name => Some(name.parse().map_err(|()| unknown_action(name))?),
        };
        Ok(Self { connector, action })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.connector.as_deref().unwrap_or("*"), self.action.map_or("*", Action::as_str))
    }
}

fn unknown_action(name: &str) -> String {
    let nearest = Action::ALL.into_iter().max_by(|a, b| {
        let [a, b] = [a, b].map(|action| strsim::jaro_winkler(name, action.as_str()));
        a.total_cmp(&b)
    });
    match nearest.filter(|action| strsim::jaro_winkler(name, action.as_str()) > 0.8) {
        Some(action) => format!("`{name}` is no action; did you mean `{action}`?"),
        None => {
            let all: Vec<_> = Action::ALL.iter().map(|action| format!("`{action}`")).collect();
            format!("`{name}` is no action; expected `*` or one of {}", all.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_grant_what_they_say() {
        let cases = [
            ("acme:login", "acme", Action::Login, true),
            ("acme:login", "acme", Action::GetUser, false),
            ("acme:login", "other", Action::Login, false),
            ("acme:*", "acme", Action::Delete, true),
            ("acme:*", "acme2", Action::Delete, false),
            ("*:get_user", "any", Action::GetUser, true),
            ("*:get_user", "any", Action::Login, false),
            ("*:*", "any", Action::Create, true),
        ];
        for (scope, connector, action, granted) in cases {
            let parsed: Scope = scope.parse().unwrap();
            assert_eq!(parsed.grants(connector, action), granted, "{scope} for {connector}:{action}");
            assert_eq!(parsed.to_string(), scope);
        }
    }

    #[test]
    fn a_scope_covers_what_is_within_it() {
        let scopes: Vec<Scope> = ["*:*", "acme:*", "*:login", "acme:login"].map(|s| s.parse().unwrap()).to_vec();
        // Rows cover columns.
        let expected = ["1111", "0101", "0011", "0001"];
        for (scope, row) in scopes.iter().zip(expected) {
            let found: String = scopes.iter().map(|other| if scope.covers(other) { '1' } else { '0' }).collect();
            assert_eq!(found, row, "{scope}");
        }
    }

    #[test]
    fn bad_scopes_say_what_is_wrong() {
        let cases = [
            ("acme", "has no colon"),
            (":login", "names no connector"),
            ("ac/me:login", "is no connector's name"),
            ("acme:get_usr", "did you mean `get_user`?"),
            ("acme:", "expected `*` or one of `login`"),
            ("acme:login:*", "is no action"),
        ];
        for (scope, expected) in cases {
            let error = scope.parse::<Scope>().unwrap_err();
            assert!(error.contains(expected), "{scope}: {error}");
        }
    }
}
