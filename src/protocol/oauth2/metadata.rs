//! What is published about a face's tokens (RFC 8414; OpenID Connect Discovery).

use serde_json::{Value as Json, json};

use super::FACE;
use super::claims::{SCOPES, names};
use super::password::GRANTS;
use crate::protocol::Faces;
use crate::protocol::entry::Place;
use crate::protocol::path::{is_connector_name, segments};

/// The document at this path, when the face that it is about is declared; `issuer` is the gateway's own issuer
/// identifier, and `algorithms` are those of clients' assertions and those of our signatures.
pub fn metadata(faces: &Faces, path: &str, issuer: &str, algorithms: [&[&str]; 2]) -> Option<Json> {
    let connector = connector(path, issuer)?;
    faces.find(FACE.name, connector)?;
    let place = Place::new(issuer, FACE.name, connector);
    Some(document(&place, issuer, algorithms))
}

/// The connector that a path of metadata is about.
fn connector<'p>(path: &'p str, issuer: &str) -> Option<&'p str> {
    const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";
    let connector = match path.strip_prefix(WELL_KNOWN) {
        // RFC 8414, section 3.1: the issuer's path comes after the well-known one; ours may begin with the gateway's own.
        Some(rest) => {
            let (before, rest) = rest.split_once("/oauth2/")?;
            (before.is_empty() || before.starts_with('/') && issuer.ends_with(before)).then_some(rest)?
        }
        None => {
            let (face, rest) = segments(path)?;
            let (connector, document) = rest.split_once("/.well-known/")?;
            let known = ["openid-configuration", "oauth-authorization-server"].contains(&document);
            (face == FACE.name && known).then_some(connector)?
        }
    };
    is_connector_name(connector).then_some(connector)
}

fn document(place: &Place, issuer: &str, [assertions, signatures]: [&[&str]; 2]) -> Json {
    json!({
        "issuer": place.issuer(),
        "token_endpoint": place.token(),
        "userinfo_endpoint": place.userinfo(),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "scopes_supported": SCOPES,
        "claims_supported": names().collect::<Vec<_>>(),
        "grant_types_supported": GRANTS,
        // Required, and empty: there is no authorization endpoint.
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": signatures,
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": assertions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_stand_where_they_are_looked_for() {
        let plain = "https://users.example.com";
        let deep = "https://example.com/users";
        for (path, issuer, expected) in [
            ("/oauth2/acme/.well-known/openid-configuration", plain, Some("acme")),
            ("/oauth2/acme/.well-known/oauth-authorization-server", plain, Some("acme")),
            ("/.well-known/oauth-authorization-server/oauth2/acme", plain, Some("acme")),
            ("/.well-known/oauth-authorization-server/users/oauth2/acme", deep, Some("acme")),
            ("/.well-known/oauth-authorization-server/other/oauth2/acme", deep, None),
            ("/.well-known/oauth-authorization-server", plain, None),
            ("/.well-known/oauth-authorization-server/oauth2/acme/x", plain, None),
            ("/.well-known/oauth-authorization-serverusers/oauth2/acme", deep, None),
            ("/okta/acme/.well-known/openid-configuration", plain, None),
            ("/oauth2/acme/.well-known/jwks.json", plain, None),
            ("/oauth2/a/b/.well-known/openid-configuration", plain, None),
            ("/oauth2//.well-known/openid-configuration", plain, None),
        ] {
            assert_eq!(connector(path, issuer), expected, "{path}");
        }
    }
}
