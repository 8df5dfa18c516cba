//! The settings' sections about tokens, as they are written.
//!
//! Invariant: shape only; what the values mean is for the layers that use them.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::definition::yaml::At;

/// The tokens that this gateway issues at `POST /oauth/token`; without this section it issues none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTokens {
    /// The address by which callers know this gateway, as in `https://users.example.com`.
    pub issuer: At<String>,
    /// What the tokens are for; the issuer unless said otherwise.
    pub audience: Option<At<String>>,
    /// How long a token is valid, from `5m` to `15m`; `10m` unless said otherwise.
    pub lifetime: Option<At<String>>,
    /// The directory of the private keys (`*.pem`), from this file's directory; `keys` unless said otherwise. All of them
    /// verify; the last one by name signs. The first one is made when there is none.
    pub keys: Option<At<String>>,
    /// The algorithm of keys that are made: `ES256`, which is the default, or `EdDSA`.
    pub algorithm: Option<At<String>>,
    /// How long a key that is added is only published before it signs, so that every instance knows it; `1m` unless said
    /// otherwise.
    pub settle: Option<At<String>>,
}

/// An outside issuer whose tokens are believed, such as an identity provider's tenant.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTrustedIssuer {
    /// The tokens' `iss`, character by character, as in `https://example.eu.auth0.com/`.
    pub issuer: At<String>,
    /// What the tokens' `aud` must be or contain.
    pub audience: At<String>,
    /// What the issuer signs with, of `ES256`, `EdDSA`, `RS256` and `PS256`; `[RS256]` unless said otherwise.
    #[serde(default)]
    pub algorithms: Vec<At<String>>,
    /// What the tokens' `typ` may be, of `at+jwt`, `JWT` and `missing`; `[at+jwt, JWT]` unless said otherwise.
    #[serde(default)]
    pub types: Vec<At<String>>,
    /// How the tokens' `sub` must end, as in `@clients`, which Auth0 gives to machines and not to people.
    pub subject_suffix: Option<At<String>>,
    /// The tokens' `sub` that may call, each exact or with `*` at one end.
    #[serde(default)]
    pub subjects: Vec<At<String>>,
    /// Claims that the tokens must have, each with exactly this text, as in `azp: 99045fe1-…`. Where `azp`, `appid` or
    /// `client_id` is among them, which says to whom the issuer gave the token, its `sub` need not be named.
    #[serde(default)]
    pub claims: std::collections::BTreeMap<String, At<String>>,
    /// The client under `clients:` whose scopes, networks and limits apply. It may have no keys of its own.
    pub client: At<String>,
    /// The claim that holds the token's scopes, such as `scope`, which is the default, or `permissions`.
    pub scope_claim: Option<At<String>>,
    /// What the words in that claim stand for; without it they are scopes of ours, such as `acme:login`.
    pub scope_map: Option<std::collections::BTreeMap<String, Vec<At<String>>>>,
    /// Scopes that every token has, whatever it says, instead of a claim.
    #[serde(default)]
    pub scopes: Vec<At<String>>,
    /// Where the issuer's keys are; `.well-known/jwks.json` under the issuer unless said otherwise.
    pub jwks: Option<At<String>>,
    /// Where the issuer's metadata are, as in `https://…/.well-known/openid-configuration`, in the place of `jwks`: they
    /// say where its keys are (OpenID Connect Discovery).
    pub metadata: Option<At<String>>,
    /// When the keys are fetched anew, as in `10m`, which is the default.
    pub refresh: Option<At<String>>,
    /// The least time between two fetches, however many unknown keys are met; `15s` unless said otherwise.
    pub cool_down: Option<At<String>>,
    /// For how long keys are used that could not be fetched anew; `24h` unless said otherwise.
    pub stale: Option<At<String>>,
}

/// A public key of a client that signs assertions (`private_key_jwt`), as a JSON Web Key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawJwk {
    /// The type: `EC`, `OKP` or `RSA`.
    pub kty: At<String>,
    /// The curve: `P-256` or `Ed25519`.
    pub crv: Option<String>,
    /// A coordinate, or the whole key of `OKP`.
    pub x: Option<String>,
    /// The other coordinate.
    pub y: Option<String>,
    /// An RSA modulus.
    pub n: Option<String>,
    /// An RSA exponent.
    pub e: Option<String>,
    /// The key's name.
    pub kid: Option<String>,
    /// The algorithm that the key is for.
    pub alg: Option<String>,
    /// What the key is for: `sig`.
    #[serde(rename = "use")]
    pub usage: Option<String>,
    /// What the key may do; not looked at.
    #[serde(default)]
    pub key_ops: Vec<String>,
    /// The private part, which is refused: read so that the finding need not point at it.
    #[schemars(skip)]
    pub d: Option<serde::de::IgnoredAny>,
}
