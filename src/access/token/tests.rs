//! Tokens that must be refused, each with its reason, and each with the proof that its protection is what refuses it:
//! with that one check taken out, or by a verifier as lenient as many are, the token passes.

use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, UnparsedPublicKey};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value as Json, json};

use super::rules::{Check, LEEWAY, Rules};
use super::*;
use crate::access::{Access, Client, ClientSettings, KeyDigest};

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://users.example.com";

/// One of our keys, as its owner and as a forger have it.
struct Keys {
    pem: String,
    key: Arc<SigningKey>,
    random: SystemRandom,
}

impl Keys {
    fn new(algorithm: Algorithm) -> Self {
        let random = SystemRandom::new();
        let pem = SigningKey::generate(algorithm, &random).unwrap().to_string();
        let key = Arc::new(SigningKey::from_pem(pem.as_bytes(), &random).unwrap());
        Self { pem, key, random }
    }

    fn header(&self) -> Json {
        json!({ "typ": "at+jwt", "alg": self.key.algorithm().as_str(), "kid": self.key.kid() })
    }

    /// A token with these very texts.
    fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
        let signature = self.key.sign(signed.as_bytes(), &self.random).unwrap();
        format!("{signed}.{}", encode(&signature))
    }

    /// The signature in DER, as most tools outside of JOSE write it.
    fn sign_der(&self, header: &str, claims: &str) -> String {
        let der = PrivatePkcs8KeyDer::from_pem_slice(self.pem.as_bytes()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der.secret_pkcs8_der(), &self.random);
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
        let signature = pair.unwrap().sign(&self.random, signed.as_bytes()).unwrap();
        format!("{signed}.{}", encode(signature.as_ref()))
    }

    /// The x and y of the public key, as they are published.
    fn published(&self) -> String {
        let jwk = self.key.public().to_jwk();
        format!("{}{}", jwk["x"].as_str().unwrap(), jwk["y"].as_str().unwrap_or_default())
    }
}

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

fn outside() -> Outside {
    Outside {
        now: || NOW,
        random: SystemRandom::new(),
        fetch: Arc::new(|_| Box::pin(async { Err("no network".to_owned()) })),
    }
}

fn authority(key: &Arc<SigningKey>) -> Authority {
    let settings = AuthoritySettings {
        issuer: ISSUER.to_owned(),
        audience: ISSUER.to_owned(),
        lifetime: Duration::from_secs(600),
        settle: Duration::ZERO,
        keys: vec![Arc::clone(key)],
    };
    Authority::new(settings, outside(), None).unwrap()
}

fn claims() -> Json {
    json!({
        "iss": ISSUER, "aud": ISSUER, "sub": "auth0", "client_id": "auth0", "iat": NOW, "exp": NOW + 600,
        "jti": "1", "scope": "acme:login",
    })
}

/// With these members replaced; null takes one out.
fn with(mut object: Json, changes: Json) -> Json {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Json::Null => object.as_object_mut().unwrap().remove(name),
            _ => object.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    object
}

fn believed(authority: &Authority, token: &str) -> Result<(), Refused> {
    authority.believe(Compact::parse(token)?).map(|_| ())
}

/// What shows that a protection protects.
enum Control {
    /// The token passes once this check is taken out.
    Without(Check),
    /// The token passes at a verifier that believes what tokens say of themselves.
    Lenient,
}

/// A verifier with the mistakes of real ones: `none`, HMAC with the public key, any key for any name, DER signatures,
/// the last of two members, times as texts or without a sign, nothing required, no limits.
fn lenient(keys: &Keys, token: &str) -> bool {
    let parts: Vec<&str> = token.split('.').collect();
    let bytes = |part: &str| Base64UrlUnpadded::decode_vec(part).unwrap();
    let json = |part: &str| serde_json::from_slice::<Json>(&bytes(part)).unwrap();
    let (header, claims, signature) = (json(parts[0]), json(parts[1]), bytes(parts[2]));
    let signed = format!("{}.{}", parts[0], parts[1]);
    let signature_holds = match header["alg"].as_str().unwrap() {
        "none" => true,
        "HS256" => {
            let mut mac = Hmac::<sha2::Sha256>::new_from_slice(keys.published().as_bytes()).unwrap();
            mac.update(signed.as_bytes());
            mac.verify_slice(&signature).is_ok()
        }
        _ => {
            let jwk = keys.key.public().to_jwk();
            let part = |name: &str| bytes(jwk[name].as_str().unwrap());
            let point = [vec![4], part("x"), part("y")].concat();
            let der = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(signed.as_bytes(), &signature);
            keys.key.public().verifies(Algorithm::Es256, signed.as_bytes(), &signature) || der.is_ok()
        }
    };
    let expires = match &claims["exp"] {
        Json::String(text) => text.parse().unwrap_or(0),
        Json::Number(number) => number.as_u64().unwrap_or(u64::MAX),
        _ => u64::MAX,
    };
    signature_holds && expires > NOW && claims["iss"] == ISSUER
}

#[test]
fn what_we_issue_we_believe() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let keys = Keys::new(algorithm);
        let authority = authority(&keys.key);
        let access = access(vec![]);
        let client = access.authenticator().client("auth0").unwrap();
        let issued = authority.issue(client, "acme:login acme:get_user").unwrap();
        let token = Compact::parse(&issued.token).ok().unwrap();
        assert_eq!((token.header("typ"), token.header("kid")), (Some("at+jwt"), Some(keys.key.kid())));
        let expected = ["iss", "aud", "sub", "client_id", "scope", "iat", "exp", "jti"];
        assert_eq!(token.claims.keys().collect::<Vec<_>>(), expected);
        let (id, scopes) = authority.believe(token).unwrap();
        let scopes: Vec<String> = scopes.iter().map(ToString::to_string).collect();
        assert_eq!((id.as_str(), scopes.join(" ").as_str()), ("auth0", "acme:login acme:get_user"));
    }
    let keys = Keys::new(Algorithm::Es256);
    let authority = authority(&keys.key);
    // What is unusual and right.
    for changes in [
        json!({ "aud": ["https://other.example", ISSUER] }),
        json!({ "exp": (NOW as f64) + 600.5 }),
        json!({ "iat": NOW + LEEWAY, "nbf": NOW + LEEWAY }),
        json!({ "exp": NOW - LEEWAY + 1 }),
    ] {
        let token = keys.sign(&keys.header().to_string(), &with(claims(), changes.clone()).to_string());
        assert_eq!(believed(&authority, &token), Ok(()), "{changes}");
    }
}

#[test]
fn every_protection_is_what_refuses() {
    let keys = Keys::new(Algorithm::Es256);
    for (name, token, reason, control) in vectors(&keys) {
        let mut authority = authority(&keys.key);
        assert_eq!(believed(&authority, &token), Err(reason), "{name}");
        match control {
            Control::Lenient => assert!(lenient(&keys, &token), "{name}: no verifier would believe this"),
            Control::Without(check) => {
                authority.rules_mut().without = Some(check);
                assert_eq!(believed(&authority, &token), Ok(()), "{name}: another check refuses it too");
            }
        }
    }
}

#[test]
fn claims_that_the_settings_demand_are_what_refuses() {
    let keys = Keys::new(Algorithm::Es256);
    let mut authority = authority(&keys.key);
    authority.rules_mut().required = vec![("azp".to_owned(), "one".to_owned()), ("ver".to_owned(), "2".to_owned())];
    let sign = |changes: Json| keys.sign(&keys.header().to_string(), &with(claims(), changes).to_string());
    assert_eq!(believed(&authority, &sign(json!({ "azp": "one", "ver": "2" }))), Ok(()));
    for changes in [
        json!({}),
        json!({ "azp": "one" }),
        json!({ "azp": "One", "ver": "2" }),
        json!({ "azp": "one", "ver": 2 }),
        json!({ "azp": ["one"], "ver": "2" }),
    ] {
        let token = sign(changes.clone());
        assert_eq!(believed(&authority, &token), Err(Refused::RequiredClaim), "{changes}");
        authority.rules_mut().without = Some(Check::Required);
        assert_eq!(believed(&authority, &token), Ok(()), "{changes}: another check refuses it too");
        authority.rules_mut().without = None;
    }
}

#[test]
fn only_the_algorithms_of_the_rules_are_computed() {
    let keys = Keys::new(Algorithm::Es256);
    let mut authority = authority(&keys.key);
    let token = keys.sign(&keys.header().to_string(), &claims().to_string());
    assert_eq!(believed(&authority, &token), Ok(()));
    authority.rules_mut().algorithms = vec![Algorithm::EdDsa];
    assert_eq!(believed(&authority, &token), Err(Refused::Algorithm));
    authority.rules_mut().without = Some(Check::Algorithm);
    assert_eq!(believed(&authority, &token), Ok(()));
}

type Vector = (&'static str, String, Refused, Control);

fn vectors(keys: &Keys) -> Vec<Vector> {
    use Control::{Lenient, Without};
    let header = keys.header();
    let sign = |header: &Json, claims: &Json| keys.sign(&header.to_string(), &claims.to_string());
    let claimed = |changes: Json| sign(&header, &with(claims(), changes));
    let headed = |changes: Json| sign(&with(header.clone(), changes), &claims());
    let good = sign(&header, &claims());
    let (signed, _) = good.rsplit_once('.').unwrap();
    let unsigned = |alg: &str| {
        let header = with(header.clone(), json!({ "alg": alg }));
        format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims().to_string().as_bytes()))
    };
    let hs256 = {
        let signed = unsigned("HS256");
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(keys.published().as_bytes()).unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", encode(&mac.finalize().into_bytes()))
    };
    let forged = Keys::new(Algorithm::Es256).sign(&header.to_string(), &claims().to_string());
    let tampered = {
        let (head, rest) = good.split_once('.').unwrap();
        let claims = with(claims(), json!({ "scope": "*:*" })).to_string();
        format!("{head}.{}.{}", encode(claims.as_bytes()), rest.split_once('.').unwrap().1)
    };
    let doubled = claims().to_string().replacen('{', "{\"scope\":\"*:*\",", 1);
    let large = claimed(json!({ "more": "x".repeat(Compact::MAX_BYTES) }));
    vec![
        ("no algorithm", format!("{}.", unsigned("none")), Refused::Algorithm, Lenient),
        ("the public key as an HMAC secret", hs256, Refused::Algorithm, Lenient),
        ("another type", headed(json!({ "typ": "JWT" })), Refused::Type, Without(Check::Type)),
        ("no type", headed(json!({ "typ": null })), Refused::Type, Without(Check::Type)),
        ("a type that is no text", headed(json!({ "typ": 1 })), Refused::Type, Without(Check::Type)),
        ("a critical header", headed(json!({ "crit": ["exp"] })), Refused::Critical, Without(Check::Critical)),
        ("a path for a key", headed(json!({ "kid": "../../../etc/passwd" })), Refused::UnknownKey, Lenient),
        ("no key", headed(json!({ "kid": null })), Refused::UnknownKey, Lenient),
        ("another algorithm of the key", headed(json!({ "alg": "EdDSA" })), Refused::Signature, Lenient),
        (
            "an expiry as text",
            claimed(json!({ "exp": (NOW + 600).to_string() })),
            Refused::MistypedClaim("exp"),
            Lenient,
        ),
        ("a negative expiry", claimed(json!({ "exp": -1 })), Refused::MistypedClaim("exp"), Lenient),
        ("no expiry", claimed(json!({ "exp": null })), Refused::MissingClaim("exp"), Lenient),
        ("expired", claimed(json!({ "exp": NOW - LEEWAY })), Refused::Expired, Without(Check::Expiry)),
        ("not yet", claimed(json!({ "nbf": NOW + 61 })), Refused::NotYetValid, Without(Check::NotBefore)),
        ("from the future", claimed(json!({ "iat": NOW + 61 })), Refused::IssuedInFuture, Without(Check::IssuedAt)),
        ("no audience", claimed(json!({ "aud": null })), Refused::Audience, Without(Check::Audience)),
        (
            "another audience",
            claimed(json!({ "aud": "https://a.example" })),
            Refused::Audience,
            Without(Check::Audience),
        ),
        ("other audiences", claimed(json!({ "aud": ["a", "b"] })), Refused::Audience, Without(Check::Audience)),
        (
            "audiences that are no texts",
            claimed(json!({ "aud": [ISSUER, 1] })),
            Refused::Audience,
            Without(Check::Audience),
        ),
        ("another issuer", claimed(json!({ "iss": "https://a.example" })), Refused::Issuer, Without(Check::Issuer)),
        ("no subject", claimed(json!({ "sub": null })), Refused::MissingClaim("sub"), Lenient),
        ("another subject", claimed(json!({ "sub": "okta" })), Refused::Subject, Lenient),
        ("no client", claimed(json!({ "client_id": null })), Refused::MissingClaim("client_id"), Lenient),
        ("no name", claimed(json!({ "jti": null })), Refused::MissingClaim("jti"), Lenient),
        ("no time", claimed(json!({ "iat": null })), Refused::MissingClaim("iat"), Lenient),
        ("no scope", claimed(json!({ "scope": null })), Refused::MissingClaim("scope"), Lenient),
        ("tampered", tampered, Refused::Signature, Without(Check::Signature)),
        ("signed by another key", forged, Refused::Signature, Without(Check::Signature)),
        ("an empty signature", format!("{signed}."), Refused::Signature, Without(Check::Signature)),
        (
            "a signature of zeros",
            format!("{signed}.{}", encode(&[0; 64])),
            Refused::Signature,
            Without(Check::Signature),
        ),
        ("a DER signature", keys.sign_der(&header.to_string(), &claims().to_string()), Refused::Signature, Lenient),
        ("a member twice", keys.sign(&header.to_string(), &doubled), Refused::Malformed, Lenient),
        ("too large", large, Refused::TooLarge, Lenient),
    ]
}

fn access(assertion_keys: Vec<PublicKey>) -> Access {
    let client = ClientSettings {
        secrets: vec![KeyDigest::of("ub_auth0_x")],
        assertion_keys,
        scopes: vec!["acme:*".parse().unwrap()],
        ..ClientSettings::new("auth0".parse().unwrap())
    };
    Access::new(crate::access::Settings { clients: vec![client], ..Default::default() }, None).unwrap()
}

fn assertion() -> Json {
    json!({ "iss": "auth0", "sub": "auth0", "aud": ISSUER, "exp": NOW + 60, "iat": NOW, "jti": "1" })
}

#[test]
fn assertions_are_for_us_alone_and_for_once() {
    let (own, keys, other) = (Keys::new(Algorithm::Es256), Keys::new(Algorithm::EdDsa), Keys::new(Algorithm::EdDsa));
    let access = access(vec![keys.key.public().clone()]);
    let client: &Arc<Client> = access.authenticator().client("auth0").unwrap();
    let header = json!({ "alg": "EdDSA" });
    let sign = |header: &Json, changes: Json| keys.sign(&header.to_string(), &with(assertion(), changes).to_string());
    let endpoint = format!("{ISSUER}/oauth/token");
    let cases: Vec<(&str, String, Refused, Option<Check>)> = vec![
        ("for an endpoint", sign(&header, json!({ "aud": endpoint })), Refused::Audience, Some(Check::Audience)),
        ("for others too", sign(&header, json!({ "aud": [ISSUER, "b"] })), Refused::Audience, Some(Check::Audience)),
        ("an access token", sign(&keys.header(), json!({})), Refused::Type, Some(Check::Type)),
        ("of another subject", sign(&header, json!({ "sub": "okta" })), Refused::Subject, Some(Check::Identity)),
        ("for a year", sign(&header, json!({ "exp": NOW + 31_536_000 })), Refused::TooLong, Some(Check::Expiry)),
        ("expired", sign(&header, json!({ "exp": NOW - 60 })), Refused::Expired, Some(Check::Expiry)),
        ("from the future", sign(&header, json!({ "iat": NOW + 61 })), Refused::IssuedInFuture, Some(Check::IssuedAt)),
        ("without a name", sign(&header, json!({ "jti": null })), Refused::MissingClaim("jti"), None),
        ("without an end", sign(&header, json!({ "exp": null })), Refused::MissingClaim("exp"), None),
        ("of another algorithm", sign(&json!({ "alg": "ES256" }), json!({})), Refused::UnknownKey, None),
        (
            "of another key",
            other.sign(&header.to_string(), &assertion().to_string()),
            Refused::Signature,
            Some(Check::Signature),
        ),
    ];
    for (name, text, reason, check) in cases {
        let authority = authority(&own.key);
        let asserted = |rules: &Rules| authority.asserted_by(client, Compact::parse(&text)?, rules);
        assert_eq!(authority.asserted(access.authenticator(), &text, ISSUER).map(|_| ()), Err(reason), "{name}");
        if check.is_some() {
            let rules = Rules { without: check, ..Authority::assertion_rules("auth0", ISSUER) };
            assert_eq!(asserted(&rules), Ok(()), "{name}: another check refuses it too");
        }
    }
    let authority = authority(&own.key);
    let asserted = |text: &str| authority.asserted(access.authenticator(), text, ISSUER).map(|_| ());
    for (changes, expected) in [
        (json!({ "iss": "nobody" }), Err(Refused::UnknownClient)),
        (json!({}), Ok(())),
        (json!({}), Err(Refused::Replayed)),
        (json!({ "exp": NOW + 61 }), Err(Refused::Replayed)),
        (json!({ "jti": "2", "aud": [ISSUER] }), Ok(())),
    ] {
        assert_eq!(asserted(&sign(&header, changes.clone())), expected, "{changes}");
    }
    // A reload does not forget.
    let again = Authority::new(authority.settings.clone(), outside(), Some(&authority)).unwrap();
    let replayed = again.asserted(access.authenticator(), &sign(&header, json!({})), ISSUER);
    assert_eq!(replayed.map(|_| ()).unwrap_err(), Refused::Replayed);
}
