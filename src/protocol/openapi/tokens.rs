//! The token endpoint and what is published beside it (RFC 6749, RFC 7517, RFC 8414).
//!
//! Invariant: these pages are there only where the settings have `tokens:`; their 404 says the rest.

use serde_json::{Map, Value as Json, json};

use super::{closed, header_references, problem};
use crate::protocol::Code;

/// The pages, by their paths.
pub(super) fn paths() -> Map<String, Json> {
    [
        ("/oauth/token", json!({ "post": token() })),
        ("/.well-known/jwks.json", json!({ "get": published("jwks", "The public keys of access tokens", keys()) })),
        (
            "/.well-known/oauth-authorization-server",
            json!({ "get": published("metadata", "Where tokens are to be had", metadata()) }),
        ),
    ]
    .into_iter()
    .map(|(path, item)| (path.to_owned(), item))
    .collect()
}

fn token() -> Json {
    let text = json!({ "type": "string" });
    let form = json!({
        "type": "object", "required": ["grant_type"],
        "properties": {
            "grant_type": { "const": "client_credentials" },
            "scope": { "type": "string", "description": "Narrower than what the client may do: `{connector}:{action}` …" },
            "resource": { "type": "string", "description": "The issuer, if anything (RFC 8707)." },
            "client_id": text, "client_secret": text,
            "client_assertion_type": { "const": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" },
            "client_assertion": { "type": "string", "description": "A signed JWT (RFC 7523)." },
        },
    });
    let granted = closed(
        &["access_token", "token_type", "expires_in", "scope"],
        [
            ("access_token", json!({ "type": "string" })),
            ("token_type", json!({ "const": "Bearer" })),
            ("expires_in", json!({ "type": "integer", "minimum": 1 })),
            ("scope", json!({ "type": "string" })),
        ],
    );
    let limited = || {
        let mut limited = problem(429, &[Code::RateLimited]);
        limited["content"]["application/json"] = error(&["temporarily_unavailable"]);
        limited
    };
    let asked = ["invalid_request", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "invalid_target"];
    json!({
        "operationId": "token",
        "summary": "Get an access token for the client's own key",
        "description": "The credentials go into the form or the Authorization header (Basic), never into both.",
        "security": [{}],
        "requestBody": { "required": true, "content": { "application/x-www-form-urlencoded": { "schema": form } } },
        "responses": {
            "200": {
                "description": "A token (RFC 9068).",
                "headers": header_references(&["X-Request-Id", "Cache-Control"]),
                "content": { "application/json": { "schema": granted } },
            },
            "400": refused("The request is not in order.", &asked),
            "401": refused("The client is not authenticated.", &["invalid_client"]),
            "403": problem(403, &[Code::Forbidden]),
            "404": problem(404, &[Code::UnknownPath]),
            "408": problem(408, &[Code::RequestTimeout]),
            "413": problem(413, &[Code::TooLarge]),
            "429": limited(),
            "500": refused("A defect of the gateway.", &["server_error"]),
        },
    })
}

/// An answer of RFC 6749, section 5.2.
fn refused(description: &str, errors: &[&str]) -> Json {
    json!({
        "description": description,
        "headers": header_references(&["X-Request-Id", "Cache-Control"]),
        "content": { "application/json": error(errors) },
    })
}

fn error(errors: &[&str]) -> Json {
    let members = [("error", json!({ "enum": errors })), ("error_description", json!({ "type": "string" }))];
    json!({ "schema": closed(&["error", "error_description"], members) })
}

fn published(id: &str, summary: &str, schema: Json) -> Json {
    json!({
        "operationId": id,
        "summary": summary,
        "security": [{}],
        "responses": {
            "200": {
                "description": "A public document; it may be kept for as long as it says.",
                "headers": header_references(&["X-Request-Id"]),
                "content": { "application/json": { "schema": schema } },
            },
            "403": problem(403, &[Code::Forbidden]),
            "404": problem(404, &[Code::UnknownPath]),
        },
    })
}

fn keys() -> Json {
    json!({
        "type": "object", "required": ["keys"],
        "properties": { "keys": { "type": "array", "items": {
            "type": "object", "required": ["kty", "kid", "alg", "use"],
            "properties": { "alg": { "enum": ["ES256", "EdDSA"] }, "use": { "const": "sig" }, "d": false },
        } } },
    })
}

fn metadata() -> Json {
    json!({
        "type": "object", "required": ["issuer", "token_endpoint", "jwks_uri", "grant_types_supported"],
        "properties": {
            "issuer": { "type": "string", "format": "uri" },
            "token_endpoint": { "type": "string", "format": "uri" },
            "jwks_uri": { "type": "string", "format": "uri" },
            "grant_types_supported": { "const": ["client_credentials"] },
        },
    })
}
