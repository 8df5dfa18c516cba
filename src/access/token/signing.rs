//! The keys that sign our own tokens.
//!
//! Invariant: a private key is neither printed nor written anywhere but into the PEM text that [`SigningKey::generate`]
//! returns for its file.

use std::fmt;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use zeroize::Zeroizing;

use super::key::{Algorithm, PublicKey};

/// A private key with its public half.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl SigningKey {
    /// The key in a PKCS#8 PEM text, as `openssl genpkey -algorithm ed25519` writes it too.
    ///
    /// # Errors
    /// The text holds no such key; the error repeats none of it.
    pub fn from_pem(text: &[u8], random: &SystemRandom) -> Result<Self, String> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(text)
            .map_err(|_| "expected a PEM text that begins with `-----BEGIN PRIVATE KEY-----`".to_owned())?;
        Self::from_pkcs8(der.secret_pkcs8_der(), random)
    }

    fn from_pkcs8(der: &[u8], random: &SystemRandom) -> Result<Self, String> {
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, random) {
            let point = <[u8; 65]>::try_from(pair.public_key().as_ref());
            let point = point.map_err(|_| "the key's public half is not on P-256".to_owned())?;
            return Ok(Self { pair: Pair::Es256(pair), public: PublicKey::p256(point) });
        }
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
            .map_err(|_| "the key is neither for ES256 (P-256) nor for EdDSA (Ed25519)".to_owned())?;
        let bytes = <[u8; 32]>::try_from(pair.public_key().as_ref());
        let bytes = bytes.map_err(|_| "the key's public half is not of Ed25519".to_owned())?;
        Ok(Self { pair: Pair::EdDsa(pair), public: PublicKey::ed25519(bytes) })
    }

    /// A new key, as PKCS#8 PEM text.
    ///
    /// # Errors
    /// The algorithm is none that we sign with, or the system gives no random bytes.
    pub fn generate(algorithm: Algorithm, random: &SystemRandom) -> Result<Zeroizing<String>, String> {
        let failed = |_| "the operating system gives no random bytes".to_owned();
        let der = match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, random),
            Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(random),
            other => return Err(format!("tokens are not signed with {other}; expected `ES256` or `EdDSA`")),
        };
        Ok(pem(der.map_err(failed)?.as_ref()))
    }

    /// The algorithm of its signatures.
    pub fn algorithm(&self) -> Algorithm {
        match self.pair {
            Pair::Es256(_) => Algorithm::Es256,
            Pair::EdDsa(_) => Algorithm::EdDsa,
        }
    }

    /// The half that verifies.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The name by which tokens refer to the key (RFC 7638).
    pub fn kid(&self) -> &str {
        self.public.kid().unwrap_or_default()
    }

    /// Signs; None when the system gives no random bytes.
    pub(super) fn sign(&self, message: &[u8], random: &SystemRandom) -> Option<Vec<u8>> {
        match &self.pair {
            Pair::Es256(pair) => pair.sign(random, message).ok().map(|signature| signature.as_ref().to_vec()),
            Pair::EdDsa(pair) => Some(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid()).finish_non_exhaustive()
    }
}

/// PEM text (RFC 7468).
fn pem(der: &[u8]) -> Zeroizing<String> {
    use base64ct::{Base64, Encoding};
    let encoded = Zeroizing::new(Base64::encode_string(der));
    let mut text = Zeroizing::new(String::with_capacity(encoded.len() + 64));
    text.push_str("-----BEGIN PRIVATE KEY-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END PRIVATE KEY-----\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_reads_back_and_signs_what_its_public_half_verifies() {
        let random = SystemRandom::new();
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let pem = SigningKey::generate(algorithm, &random).unwrap();
            let key = SigningKey::from_pem(pem.as_bytes(), &random).unwrap();
            let again = SigningKey::from_pem(pem.as_bytes(), &random).unwrap();
            assert_eq!((key.algorithm(), key.kid()), (algorithm, again.kid()));
            let signature = key.sign(b"message", &random).unwrap();
            assert!(again.public().verifies(algorithm, b"message", &signature));
            assert!(!again.public().verifies(algorithm, b"massage", &signature));
            assert!(!format!("{key:?}").contains(pem.lines().nth(1).unwrap()));
        }
        assert!(SigningKey::generate(Algorithm::Rs256, &random).unwrap_err().contains("expected `ES256` or `EdDSA`"));
    }

    #[test]
    fn a_text_that_is_no_key_is_not_repeated() {
        let random = SystemRandom::new();
        for text in ["t0ps3cret", "-----BEGIN PRIVATE KEY-----\ndDBwczNjcmV0\n-----END PRIVATE KEY-----\n"] {
            let error = SigningKey::from_pem(text.as_bytes(), &random).unwrap_err();
            assert!(!error.contains("t0ps3cret") && !error.contains("dDBw"), "{error}");
        }
    }
}
