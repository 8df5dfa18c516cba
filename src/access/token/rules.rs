//! What a token must say of itself before it is believed (RFC 8725, RFC 9068 section 4).
//!
//! Invariant: a claim that a rule needs is required: absent, or of another type than it must be, it refuses the
//! token. Only the algorithms of the rules are ever computed.

use std::fmt;
use std::str::FromStr;

use serde_json::Value as Json;

use super::Refused;
use super::compact::Compact;
use super::json::Object;
use super::key::{Algorithm, PublicKey};

/// How far clocks may be apart, in seconds; RFC 7519 allows no more than a few minutes, we allow half of one.
pub(in crate::access) const LEEWAY: u64 = 30;

/// The rules for the tokens of one issuer.
#[derive(Clone, Debug)]
pub(in crate::access) struct Rules {
    pub(in crate::access) issuer: String,
    /// What the token must be meant for.
    pub(in crate::access) audience: String,
    /// Whether `audience` has to be the only one.
    pub(in crate::access) sole_audience: bool,
    pub(in crate::access) algorithms: Vec<Algorithm>,
    pub(in crate::access) types: Vec<TokenType>,
    /// Further claims that must be there, each with exactly this text.
    pub(in crate::access) required: Vec<(String, String)>,
    /// The protection that a test takes out, to show what it stops.
    #[cfg(test)]
    pub(in crate::access) without: Option<Check>,
}

/// The protections that can be taken out one by one, in tests only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::access) enum Check {
    Algorithm,
    Critical,
    Type,
    Signature,
    Issuer,
    Audience,
    Expiry,
    NotBefore,
    IssuedAt,
    Required,
    Identity,
}

/// What a token is for, by its header `typ`: without it, an ID token or an assertion could pass for an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// `at+jwt` (RFC 9068).
    AccessToken,
    /// `JWT`, which says nothing.
    Jwt,
    /// `client-authentication+jwt`.
    ClientAuthentication,
    /// No `typ` at all.
    Missing,
}

impl TokenType {
    const ALL: [Self; 4] = [Self::AccessToken, Self::Jwt, Self::ClientAuthentication, Self::Missing];

    /// The type in its short form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "at+jwt",
            Self::Jwt => "JWT",
            Self::ClientAuthentication => "client-authentication+jwt",
            Self::Missing => "missing",
        }
    }

    /// The type of a header; media types know no case, and `application/` may be left out (RFC 7515, section 4.1.9).
    fn of(header: &Object) -> Option<Self> {
        let Some(value) = header.get("typ") else { return Some(Self::Missing) };
        let text = value.as_str()?.to_ascii_lowercase();
        let short = text.strip_prefix("application/").unwrap_or(&text);
        Self::ALL.into_iter().take(3).find(|known| known.as_str().eq_ignore_ascii_case(short))
    }
}

impl FromStr for TokenType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::AccessToken, Self::Jwt, Self::Missing];
        let found = known.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| format!("`{text}` is no type of an access token; expected `at+jwt`, `JWT` or `missing`"))
    }
}

impl fmt::Display for TokenType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a token says that is believed.
#[derive(Debug)]
pub(in crate::access) struct Claims {
    pub(in crate::access) subject: String,
    /// Seconds since 1970.
    pub(in crate::access) expires: u64,
    /// The issuer's name for this very token.
    pub(in crate::access) id: Option<String>,
    pub(in crate::access) all: Object,
}

impl Claims {
    /// A text claim.
    pub(in crate::access) fn text(&self, name: &str) -> Option<&str> {
        self.all.get(name).and_then(Json::as_str)
    }
}

impl Rules {
    /// The algorithm of a token whose header keeps the rules.
    pub(in crate::access) fn algorithm(&self, token: &Compact<'_>) -> Result<Algorithm, Refused> {
        let algorithm = token.header("alg").and_then(|name| name.parse().ok()).ok_or(Refused::Algorithm)?;
        if self.demands(Check::Algorithm) && !self.algorithms.contains(&algorithm) {
            return Err(Refused::Algorithm);
        }
        // RFC 7515, section 4.1.11: what is critical and not understood refuses the token, and we understand nothing.
        if self.demands(Check::Critical) && token.header.contains_key("crit") {
            return Err(Refused::Critical);
        }
        let known = TokenType::of(&token.header).is_some_and(|found| self.types.contains(&found));
        if self.demands(Check::Type) && !known {
            return Err(Refused::Type);
        }
        Ok(algorithm)
    }

    /// Whether the signature is the key's.
    pub(in crate::access) fn signature(
        &self,
        token: &Compact<'_>,
        algorithm: Algorithm,
        key: &PublicKey,
    ) -> Result<(), Refused> {
        match !self.demands(Check::Signature) || key.verifies(algorithm, token.signed, &token.signature) {
            true => Ok(()),
            false => Err(Refused::Signature),
        }
    }

    /// The claims of a token whose signature is right; `now` is in seconds since 1970.
    pub(in crate::access) fn claims(&self, token: Compact<'_>, now: u64) -> Result<Claims, Refused> {
        if self.demands(Check::Issuer) && token.issuer() != Some(&self.issuer) {
            return Err(Refused::Issuer);
        }
        if self.demands(Check::Audience) && !self.is_for_us(token.claims.get("aud")) {
            return Err(Refused::Audience);
        }
        let is_said = |(name, value): &(String, String)| token.claims.get(name).and_then(Json::as_str) == Some(value);
        if self.demands(Check::Required) && !self.required.iter().all(is_said) {
            return Err(Refused::RequiredClaim);
        }
        let expires = date(&token.claims, "exp")?.ok_or(Refused::MissingClaim("exp"))?;
        if self.demands(Check::Expiry) && expires.saturating_add(LEEWAY) <= now {
            return Err(Refused::Expired);
        }
        let latest = now.saturating_add(LEEWAY);
        if self.demands(Check::NotBefore) && date(&token.claims, "nbf")?.is_some_and(|time| time > latest) {
            return Err(Refused::NotYetValid);
        }
        if self.demands(Check::IssuedAt) && date(&token.claims, "iat")?.is_some_and(|time| time > latest) {
            return Err(Refused::IssuedInFuture);
        }
        let text = |name: &str| token.claims.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
        let subject = text("sub").ok_or(Refused::MissingClaim("sub"))?.to_owned();
        let id = text("jti").map(str::to_owned);
        Ok(Claims { subject, expires, id, all: token.claims })
    }

    /// One text, or a list of texts with ours among them (RFC 7519, section 4.1.3).
    fn is_for_us(&self, audience: Option<&Json>) -> bool {
        match audience {
            Some(Json::String(one)) => *one == self.audience,
            Some(Json::Array(list)) => {
                let ours = list.iter().any(|one| one.as_str() == Some(&self.audience));
                ours && list.iter().all(Json::is_string) && (!self.sole_audience || list.len() == 1)
            }
            _ => false,
        }
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "tests take checks out, one by one")]
    pub(in crate::access) const fn demands(&self, _: Check) -> bool {
        true
    }

    #[cfg(test)]
    pub(in crate::access) fn demands(&self, check: Check) -> bool {
        self.without != Some(check)
    }
}

/// A time in seconds since 1970; fractions are dropped. A text is no time, whatever it says.
fn date(claims: &Object, name: &'static str) -> Result<Option<u64>, Refused> {
    match claims.get(name) {
        None => Ok(None),
        Some(Json::Number(number)) => match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) => Ok(Some(whole)),
            // Beyond 2^53, fractions are not exact any more, and no clock is there.
            (None, Some(fraction)) if (0.0..9e15).contains(&fraction) => Ok(Some(fraction as u64)),
            _ => Err(Refused::MistypedClaim(name)),
        },
        Some(_) => Err(Refused::MistypedClaim(name)),
    }
}
