//! Public keys and the signatures that they verify.
//!
//! Invariant: a key's type decides which algorithms it can verify, never the token (RFC 8725, section 3.1). There is
//! no symmetric algorithm and no `none` to be confused with.

use std::fmt;
use std::str::FromStr;

use base64ct::{Base64UrlUnpadded, Encoding};
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

/// The algorithms of signatures that are known at all (RFC 7518, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [Self::Es256, Self::EdDsa, Self::Rs256, Self::Ps256];

    /// Those that we sign with.
    pub const OWN: [Self; 2] = [Self::Es256, Self::EdDsa];

    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
        }
    }
}

impl FromStr for Algorithm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text);
        found.ok_or_else(|| {
            let known = Self::ALL.map(|algorithm| format!("`{algorithm}`")).join(", ");
            match text.starts_with("HS") || text == "none" {
                true => format!("`{text}` proves nothing about who signed; expected one of {known}"),
                false => format!("`{text}` is no algorithm that is known; expected one of {known}"),
            }
        })
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A key as it is published (RFC 7517); members that mean nothing here are ignored.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Jwk {
    /// The type: `EC`, `OKP` or `RSA`.
    pub kty: String,
    /// The curve of `EC` and `OKP` keys.
    pub crv: Option<String>,
    /// A coordinate, or the whole key of `OKP`.
    pub x: Option<String>,
    /// The other coordinate.
    pub y: Option<String>,
    /// An RSA modulus.
    pub n: Option<String>,
    /// An RSA exponent.
    pub e: Option<String>,
    /// The name by which tokens refer to the key.
    pub kid: Option<String>,
    /// The one algorithm that the key is for.
    pub alg: Option<String>,
    /// What the key is for: `sig` or `enc`.
    #[serde(rename = "use")]
    pub usage: Option<String>,
}

/// A key that verifies signatures.
#[derive(Clone, Debug)]
pub struct PublicKey {
    kid: Option<String>,
    only: Option<Algorithm>,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    /// An uncompressed point: 4, x, y.
    P256([u8; 65]),
    Ed25519([u8; 32]),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

impl PublicKey {
    /// The key that a JWK describes.
    ///
    /// # Errors
    /// The key is of an unknown kind, incomplete, too weak, or not for signatures.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, String> {
        if let Some(usage) = jwk.usage.as_deref().filter(|usage| *usage != "sig") {
            return Err(format!("the key's `use` is `{usage}`, expected `sig`"));
        }
        let part = |name: &str, value: &Option<String>| {
            let text = value.as_deref().ok_or_else(|| format!("`{name}` is missing in the `{}` key", jwk.kty))?;
            Base64UrlUnpadded::decode_vec(text).map_err(|_| format!("`{name}` is not base64url without padding"))
        };
        let sized = |name: &str, value: &Option<String>| -> Result<[u8; 32], String> {
            let bytes = part(name, value)?;
            <[u8; 32]>::try_from(bytes.as_slice())
                .map_err(|_| format!("`{name}` has {} bytes, expected 32", bytes.len()))
        };
        let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("EC", Some("P-256")) => {
                let mut point = [4; 65];
                point[1..33].copy_from_slice(&sized("x", &jwk.x)?);
                point[33..].copy_from_slice(&sized("y", &jwk.y)?);
                Material::P256(point)
            }
            ("OKP", Some("Ed25519")) => Material::Ed25519(sized("x", &jwk.x)?),
            ("RSA", _) => rsa(part("n", &jwk.n)?, part("e", &jwk.e)?)?,
            (kty, Some(curve)) => return Err(format!("`{kty}` keys on `{curve}` are not known; {KINDS}")),
            (kty, None) => return Err(format!("`{kty}` keys are not known; {KINDS}")),
        };
        let key = Self { kid: jwk.kid.clone(), only: None, material };
        match jwk.alg.as_deref().map(Algorithm::from_str).transpose()? {
            Some(only) if !key.fits(only) => Err(format!("`alg` is `{only}`, which is not for `{}` keys", jwk.kty)),
            only => Ok(Self { only, ..key }),
        }
    }

    /// The key of these 65 bytes: 4, x, y.
    pub(super) fn p256(point: [u8; 65]) -> Self {
        Self { kid: None, only: Some(Algorithm::Es256), material: Material::P256(point) }.named()
    }

    /// The key of these bytes.
    pub(super) fn ed25519(bytes: [u8; 32]) -> Self {
        Self { kid: None, only: Some(Algorithm::EdDsa), material: Material::Ed25519(bytes) }.named()
    }

    fn named(mut self) -> Self {
        self.kid = Some(self.thumbprint());
        self
    }

    /// The name by which tokens refer to the key.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether the key can verify signatures of this algorithm.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        let kind = match self.material {
            Material::P256(_) => algorithm == Algorithm::Es256,
            Material::Ed25519(_) => algorithm == Algorithm::EdDsa,
            Material::Rsa { .. } => matches!(algorithm, Algorithm::Rs256 | Algorithm::Ps256),
        };
        kind && self.only.is_none_or(|only| only == algorithm)
    }

    /// Whether the signature is this key's, by an algorithm that fits. ECDSA signatures are the two numbers of fixed
    /// length (RFC 7518, section 3.4), never DER.
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        let result = match &self.material {
            Material::P256(point) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Material::Ed25519(key) => UnparsedPublicKey::new(&signature::ED25519, key).verify(message, signature),
            Material::Rsa { n, e } => {
                let parameters = match algorithm {
                    Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
                    _ => &signature::RSA_PKCS1_2048_8192_SHA256,
                };
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
        };
        result.is_ok()
    }

    /// The key as it is published.
    pub(super) fn to_jwk(&self) -> Json {
        let encode = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
        let mut jwk = match &self.material {
            Material::P256(point) => {
                json!({ "kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..]) })
            }
            Material::Ed25519(key) => json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(key) }),
            Material::Rsa { n, e } => json!({ "kty": "RSA", "n": encode(n), "e": encode(e) }),
        };
        jwk["use"] = json!("sig");
        if let Some(only) = self.only {
            jwk["alg"] = json!(only.as_str());
        }
        if let Some(kid) = &self.kid {
            jwk["kid"] = json!(kid);
        }
        jwk
    }

    /// The digest that names the key itself (RFC 7638): the same on every instance, and nothing to be chosen.
    fn thumbprint(&self) -> String {
        let encode = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
        let text = match &self.material {
            Material::P256(point) => format!(
                r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
                encode(&point[1..33]),
                encode(&point[33..])
            ),
            Material::Ed25519(key) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(key)),
            Material::Rsa { n, e } => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(e), encode(n)),
        };
        encode(&Sha256::digest(text))
    }
}

const KINDS: &str = "expected `EC` on `P-256`, `OKP` on `Ed25519`, or `RSA`";

/// RSA keys of 2048 to 8192 bits; what is shorter can be broken.
fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Material, String> {
    let plain = |bytes: Vec<u8>| -> Vec<u8> { bytes.into_iter().skip_while(|byte| *byte == 0).collect() };
    let (n, e) = (plain(n), plain(e));
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    match (bits, e.as_slice()) {
        (2048..=8192, [.., last]) if last % 2 == 1 && e.len() <= 4 && e != [1] => Ok(Material::Rsa { n, e }),
        (2048..=8192, _) => Err("`e` is no exponent of an RSA key".to_owned()),
        _ => Err(format!("the RSA key has {bits} bits, expected 2048 to 8192")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_the_standard() {
        // RFC 7638, section 3.1
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let jwk = Jwk { kty: "RSA".into(), n: Some(n.into()), e: Some("AQAB".into()), ..Jwk::default() };
        let key = PublicKey::from_jwk(&jwk).unwrap();
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert!(key.fits(Algorithm::Rs256) && key.fits(Algorithm::Ps256) && !key.fits(Algorithm::Es256));
    }

    #[test]
    fn the_signature_of_the_standard_verifies() {
        // RFC 8037, appendix A.4
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let jwk = Jwk { kty: "OKP".into(), crv: Some("Ed25519".into()), x: Some(x.into()), ..Jwk::default() };
        let key = PublicKey::from_jwk(&jwk).unwrap();
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let signature = Base64UrlUnpadded::decode_vec(signature).unwrap();
        assert!(key.verifies(Algorithm::EdDsa, message, &signature));
        assert!(!key.verifies(Algorithm::Es256, message, &signature));
        assert!(!key.verifies(Algorithm::EdDsa, b"another message", &signature));
    }

    #[test]
    fn keys_that_prove_nothing_are_refused() {
        let x = Some("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned());
        let jwk = |kty: &str, crv: &str| Jwk { kty: kty.into(), crv: Some(crv.into()), x: x.clone(), ..Jwk::default() };
        let short = Some("AQAB".to_owned());
        let cases = [
            (jwk("oct", ""), "`oct` keys"),
            (jwk("EC", "secp256k1"), "on `secp256k1`"),
            (jwk("EC", "P-256"), "`y` is missing"),
            (Jwk { usage: Some("enc".into()), ..jwk("OKP", "Ed25519") }, "expected `sig`"),
            (Jwk { alg: Some("RS256".into()), ..jwk("OKP", "Ed25519") }, "not for `OKP` keys"),
            (Jwk { alg: Some("HS256".into()), ..jwk("OKP", "Ed25519") }, "proves nothing"),
            (Jwk { x: Some("AA".into()), ..jwk("OKP", "Ed25519") }, "has 1 bytes"),
            (Jwk { x: Some("A=".into()), ..jwk("OKP", "Ed25519") }, "not base64url"),
            (Jwk { kty: "RSA".into(), n: short.clone(), e: short, ..Jwk::default() }, "has 17 bits"),
        ];
        for (jwk, expected) in cases {
            let error = PublicKey::from_jwk(&jwk).unwrap_err();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }
}
