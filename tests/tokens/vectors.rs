//! Tokens that must not pass: each is refused with the same bytes, and only the log says why. That each protection is
//! what refuses is shown where it can be taken out, in `src/access/token/tests.rs`.

use hmac::{Hmac, KeyInit, Mac};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value as Json, json};

use super::support::*;

#[test]
fn forged_tokens_are_refused_alike() {
    let gateway = start(settings("", "", "limits: { address: 1000000/s }"));
    let signer = Signer::of(&gateway);
    let real = ask(gateway.address, &[], &form("")).token();
    let (header, claims) = (header_of(&real), claims_of(&real));
    // The forger has the key itself: what is refused is refused for what it says.
    assert_eq!(call(gateway.address, &signer.sign(&header, &claims)).status, 200);
    let array = with(claims.clone(), json!({ "aud": ["https://other.example", ISSUER] }));
    assert_eq!(call(gateway.address, &signer.sign(&header, &array)).status, 200);
    let refused = bare(call(gateway.address, "eyJ.eyJ."));
    assert_eq!(refused.0, 401);
    for (name, token, reason) in vectors(&gateway, &signer, &header, &claims) {
        let reply = call(gateway.address, &token);
        assert_eq!(bare(reply.clone()), refused, "{name}");
        let id = reply.header("x-request-id").unwrap().to_owned();
        let log = || gateway.records().into_iter().find(|record| record["fields"]["request_id"] == id);
        gateway.eventually("the refusal is logged", || log().is_some());
        assert_eq!(log().unwrap()["fields"]["reason"], reason, "{name}");
        assert!(!gateway.log().contains(&token), "{name}: the token is in the log");
    }
}

type Vector = (&'static str, String, &'static str);

fn vectors(gateway: &crate::gateway::Gateway, signer: &Signer, header: &Json, claims: &Json) -> Vec<Vector> {
    let claimed = |changes: Json| signer.sign(header, &with(claims.clone(), changes));
    let headed = |changes: Json| signer.sign(&with(header.clone(), changes), claims);
    let unsigned = |alg: &str| {
        let header = with(header.clone(), json!({ "alg": alg })).to_string();
        format!("{}.{}", encode(header.as_bytes()), encode(claims.to_string().as_bytes()))
    };
    let jwks = send(gateway.address, "GET", "/.well-known/jwks.json", &[], b"").text;
    let hmac = |secret: &[u8]| {
        let signed = unsigned("HS256");
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", encode(&mac.finalize().into_bytes()))
    };
    let good = signer.sign(header, claims);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let tampered = {
        let claims = with(claims.clone(), json!({ "exp": now() + 99_999 })).to_string();
        format!("{}.{}.{signature}", signed.split('.').next().unwrap(), encode(claims.as_bytes()))
    };
    let der = {
        let pem = std::fs::read(&key_files(gateway.folder())[0]).unwrap();
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).unwrap();
        let random = ring::rand::SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der.secret_pkcs8_der(), &random).unwrap();
        format!("{signed}.{}", encode(pair.sign(&random, signed.as_bytes()).unwrap().as_ref()))
    };
    let own = Signer::new();
    let embedded = own.sign(&with(header.clone(), json!({ "jwk": own.jwk("mine"), "kid": "mine" })), claims);
    let doubled = signer.sign_texts(&header.to_string(), &claims.to_string().replacen('{', "{\"scope\":\"*:*\",", 1));
    let doubled_header =
        signer.sign_texts(&header.to_string().replacen('{', "{\"alg\":\"none\",", 1), &claims.to_string());
    vec![
        ("none", format!("{}.", unsigned("none")), "the token's algorithm is not accepted"),
        ("None", format!("{}.", unsigned("None")), "the token's algorithm is not accepted"),
        ("none with a signature", format!("{}.{signature}", unsigned("none")), "the token's algorithm is not accepted"),
        ("HS256 with the key set", hmac(jwks.as_bytes()), "the token's algorithm is not accepted"),
        ("HS256 with nothing", hmac(b""), "the token's algorithm is not accepted"),
        ("RS256", headed(json!({ "alg": "RS256" })), "the token's algorithm is not accepted"),
        ("no alg", headed(json!({ "alg": null })), "the token's algorithm is not accepted"),
        ("EdDSA of an ES256 key", headed(json!({ "alg": "EdDSA" })), "the token's signature is wrong"),
        ("typ JWT", headed(json!({ "typ": "JWT" })), "the token is of another type"),
        ("no typ", headed(json!({ "typ": null })), "the token is of another type"),
        ("crit", headed(json!({ "crit": ["x"], "x": 1 })), "the token has a critical header"),
        ("kid traversal", headed(json!({ "kid": "../../../../dev/null" })), "the token's key is unknown"),
        ("kid injection", headed(json!({ "kid": "' OR 1=1 --" })), "the token's key is unknown"),
        ("no kid", headed(json!({ "kid": null })), "the token's key is unknown"),
        ("a key of its own", embedded, "the token's key is unknown"),
        ("another key by our name", own.sign(header, claims), "the token's signature is wrong"),
        ("tampered", tampered, "the token's signature is wrong"),
        ("DER", der, "the token's signature is wrong"),
        ("no signature", format!("{signed}."), "the token's signature is wrong"),
        ("zeros", format!("{signed}.{}", encode(&[0; 64])), "the token's signature is wrong"),
        ("exp as text", claimed(json!({ "exp": (now() + 600).to_string() })), "the token's `exp` is of the wrong type"),
        ("no exp", claimed(json!({ "exp": null })), "the token has no `exp`"),
        ("expired", claimed(json!({ "exp": now() - 61 })), "the token has expired"),
        ("nbf ahead", claimed(json!({ "nbf": now() + 120 })), "the token is not valid yet"),
        ("iat ahead", claimed(json!({ "iat": now() + 120 })), "the token was issued in the future"),
        ("no aud", claimed(json!({ "aud": null })), "the token is for another audience"),
        ("another aud", claimed(json!({ "aud": "https://other.example" })), "the token is for another audience"),
        ("other auds", claimed(json!({ "aud": ["a", "b"] })), "the token is for another audience"),
        ("another iss", claimed(json!({ "iss": "https://evil.example" })), "the token is of an unknown issuer"),
        ("iss with a slash", claimed(json!({ "iss": format!("{ISSUER}/") })), "the token is of an unknown issuer"),
        ("no iss", claimed(json!({ "iss": null })), "the token is of an unknown issuer"),
        ("no sub", claimed(json!({ "sub": null })), "the token has no `sub`"),
        ("unknown client", claimed(json!({ "sub": "x", "client_id": "x" })), "the token's client is not declared"),
        ("two clients", claimed(json!({ "client_id": "x" })), "the token's subject may not call"),
        ("no jti", claimed(json!({ "jti": null })), "the token has no `jti`"),
        ("a member twice", doubled, "the token is malformed"),
        ("a header's member twice", doubled_header, "the token is malformed"),
        ("padded", format!("{signed}.{signature}=="), "the token is malformed"),
        ("oversized", claimed(json!({ "x": "x".repeat(8192) })), "the token is too large"),
    ]
}
