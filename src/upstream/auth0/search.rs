//! How users are found: by what is immediately consistent where there is that, by a search where there is not.
//!
//! Invariant: whatever a search gives is compared with what was asked for, so that a query that is read in another way
//! than meant finds nobody instead of somebody else.

use http::Method;
use serde_json::Value as Json;
use url::form_urlencoded::byte_serialize;

use super::{PROVIDER, Tenant, without_provider};
use crate::action::{Class, Error, Object};
use crate::outbound::Answer;
use crate::upstream::ask::{Question, Weight, doubt, json, misconfigured, object};
use crate::upstream::body;
use crate::upstream::token::management;

impl Tenant<'_> {
    /// The user whom a person names: by an e-mail address, a phone number or a user name. The tenant lets no user name
    /// look like an e-mail address, and keeps names and addresses in lower case.
    pub(super) async fn find(&self, identifier: &str) -> Result<Option<Object>, Error> {
        let name = identifier.to_lowercase();
        match name.as_str() {
            "" => Ok(None),
            name if name.contains('@') => {
                let query = format!("email={}", encoded(name));
                self.listed("/api/v2/users-by-email", &query, "email", name).await
            }
            name if name.starts_with('+') => self.searched("phone_number", name).await,
            name => self.searched("username", name).await,
        }
    }

    /// The user who has this value in this field, from the index of searches, which lags behind changes by moments.
    pub(super) async fn searched(&self, field: &str, value: &str) -> Result<Option<Object>, Error> {
        let connection = escaped(&self.tenant.connection);
        let query = format!("identities.connection:\"{connection}\" AND {field}:\"{}\"", escaped(value));
        let query = format!("search_engine=v3&per_page=2&q={}", encoded(&query));
        self.listed("/api/v2/users", &query, field, value).await
    }

    /// The one user of a list who is in the connection and has this value.
    async fn listed(&self, path: &'static str, query: &str, field: &str, value: &str) -> Result<Option<Object>, Error> {
        let answer = self.manage(Method::GET, format!("{path}?{query}"), path, None).await?;
        if answer.status != 200 {
            return Err(doubt(&answer, Weight::Read));
        }
        let Json::Array(list) = json(&answer)? else { return Err(misconfigured("the tenant's answer is no list")) };
        let is_meant = |user: &Object| {
            let found = user.get(field).and_then(Json::as_str).map(str::to_lowercase);
            self.is_ours(user) && found.as_deref() == Some(value)
        };
        let users = list.into_iter().filter_map(|user| match user {
            Json::Object(user) => Some(user),
            _ => None,
        });
        let mut users = users.filter(is_meant).filter_map(without_provider);
        match (users.next(), users.next()) {
            (_, Some(_)) => Err(Error::new(Class::AmbiguousUser, "two users of the connection answer for one name")),
            (user, None) => Ok(user),
        }
    }

    /// The user of this id, which is immediately consistent.
    pub(super) async fn by_id(&self, id: &str) -> Result<Option<Object>, Error> {
        let answer = self.manage(Method::GET, path_of(id), "/api/v2/users/{id}", None).await?;
        match answer.status {
            200 => {
                let user = object(&answer)?;
                let is_meant = user.get("user_id").and_then(Json::as_str) == Some(&format!("{PROVIDER}{id}"));
                Ok(Some(user).filter(|user| is_meant && self.is_ours(user)).and_then(without_provider))
            }
            // A path that is not there, or what stands in front of the tenant, says so in another way.
            404 if object(&answer).is_ok() => Ok(None),
            _ => Err(doubt(&answer, Weight::Read)),
        }
    }

    /// Whether a user has an identity in the declared connection.
    fn is_ours(&self, user: &Object) -> bool {
        let identities = user.get("identities").and_then(Json::as_array);
        identities.is_some_and(|list| {
            list.iter().any(|identity| {
                identity["connection"].as_str() == Some(&self.tenant.connection)
                    && identity["provider"].as_str().is_none_or(|provider| provider == "auth0")
            })
        })
    }

    /// Asks the management API. A token that is refused was not used: with another one the same is asked once more.
    pub(super) async fn manage(
        &self,
        method: Method,
        target: String,
        shown: &str,
        document: Option<&[u8]>,
    ) -> Result<Answer, Error> {
        let weight = if method == Method::GET { Weight::Read } else { Weight::Write };
        let mut refused = false;
        if self.ask.link.is_quiet() {
            return Err(Error::new(
                Class::Unavailable,
                "the tenant's management API asked to be left alone for a while",
            ));
        }
        loop {
            let token = management(self.tenant, &self.ask).await?;
            let question = Question {
                weight,
                origin: &self.tenant.origin,
                method: method.clone(),
                target: target.clone(),
                shown,
                headers: vec![(http::header::AUTHORIZATION, token.header.clone())],
                body: document.map(|document| (body::JSON, document.to_vec().into())),
            };
            let answer = self.ask.ask(question).await?;
            match answer.status {
                401 if !refused => {
                    refused = true;
                    self.ask.link.tokens.forget(&token);
                }
                401 => return Err(misconfigured("the tenant's management API refuses the tenant's own token")),
                403 => {
                    return Err(misconfigured(
                        "the gateway's token does not allow this: see userbridge check --connect",
                    ));
                }
                429 => {
                    if let Some(time) = answer.retry_after {
                        self.ask.link.leave_alone(time);
                    }
                    return Err(doubt(&answer, weight));
                }
                _ => return Ok(answer),
            }
        }
    }
}

/// The path of a user.
pub(super) fn path_of(id: &str) -> String {
    // As one segment: form encoding writes a blank as `+`, which means itself in a path.
    format!("/api/v2/users/{}", encoded(&format!("{PROVIDER}{id}")).replace('+', "%20"))
}

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

/// A text inside the quotes of a Lucene query.
fn escaped(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).fold(String::new(), |mut out, c| {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_cannot_be_left() {
        assert_eq!(escaped(r#"a" OR username:* \"#), r#"a\" OR username:* \\"#);
        assert_eq!(path_of("../b c|é"), "/api/v2/users/auth0%7C..%2Fb%20c%7C%C3%A9");
    }
}
