//! A compact JWE (RFC 7516) whose content key is encrypted with RSA-OAEP.
//!
//! Invariant: the text comes out only when its tag is right. Whether the content key or the text was at fault is not to
//! be told, neither by the answer nor by its time: with a content key that cannot be had, the text is tried all the same
//! (section 11.5). RSA1_5, compression and whatever is critical are refused.

use std::fmt;

use aes::cipher::{BlockCipherDecrypt, BlockSizeUser, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::{AeadInOut, AesGcm, Nonce, Tag};
use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, Mac};
use rsa::PrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::PublicKeyParts;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use super::input::Input;

/// A key that texts are encrypted for.
pub(super) struct DecryptionKey {
    id: Option<String>,
    key: PrivateKey,
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptionKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl DecryptionKey {
    /// The first private key in a PEM text, of PKCS#8 or PKCS#1; certificates may stand beside it.
    ///
    /// # Errors
    /// There is no RSA key, or one that is too short or too long.
    pub(super) fn from_pem(pem: &[u8], id: Option<&str>) -> Result<Self, String> {
        let expected = "expected a PEM text with `BEGIN PRIVATE KEY` or `BEGIN RSA PRIVATE KEY`";
        let key = match PrivateKeyDer::from_pem_slice(pem) {
            Ok(PrivateKeyDer::Pkcs8(der)) => PrivateKey::from_pkcs8_der(der.secret_pkcs8_der()).ok(),
            Ok(PrivateKeyDer::Pkcs1(der)) => PrivateKey::from_pkcs1_der(der.secret_pkcs1_der()).ok(),
            _ => return Err(format!("there is no private key; {expected}")),
        };
        let key = key.ok_or_else(|| format!("the private key is no RSA key of two primes; {expected}"))?;
        match key.n_bits_precision() {
            2048..=4096 => Ok(Self { id: id.map(str::to_owned), key }),
            bits => Err(format!("the RSA key has {bits} bits; expected 2048 to 4096")),
        }
    }
}

/// Why a JWE gives no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Not five parts of base64url with a JSON object in the first.
    Malformed,
    /// Encrypted in a way that is not accepted.
    Algorithm,
    /// Not encrypted for one of the keys, or altered.
    Undecipherable,
}

impl Refused {
    /// In words.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "it is no compact JWE",
            Self::Algorithm => {
                "it is encrypted in a way that is not accepted; expected `RSA-OAEP` or `RSA-OAEP-256` with AES in GCM \
                 or in CBC with HMAC, and no `zip` or `crit`"
            }
            Self::Undecipherable => "it cannot be decrypted with the declared keys",
        }
    }
}

/// The text that was encrypted.
///
/// # Errors
/// It was not encrypted for one of these keys as we accept it, or somebody altered it.
pub(super) fn open(jwe: &str, keys: &[DecryptionKey]) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let sealed = Sealed::parse(jwe)?;
    let named = |key: &&DecryptionKey| key.id.is_some() && key.id == sealed.kid;
    let known = keys.iter().any(|key| named(&key));
    let fitting = keys.iter().filter(|key| !known || named(key));
    fitting.into_iter().find_map(|key| sealed.open(&key.key)).ok_or(Refused::Undecipherable)
}

/// The parts of a JWE (section 3.1).
struct Sealed<'t> {
    wrapping: Wrapping,
    content: Content,
    kid: Option<String>,
    /// The header as it was written, which the tag is also made over.
    header: &'t [u8],
    key: Vec<u8>,
    iv: Vec<u8>,
    text: Vec<u8>,
    tag: Vec<u8>,
}

impl<'t> Sealed<'t> {
    fn parse(jwe: &'t str) -> Result<Self, Refused> {
        let parts: Vec<&str> = jwe.splitn(6, '.').collect();
        let [header, key, iv, text, tag] = *parts else { return Err(Refused::Malformed) };
        let bytes = |part: &str| Base64UrlUnpadded::decode_vec(part).map_err(|_| Refused::Malformed);
        let members = bytes(header)?;
        let mut members = Input::parse(&members).map_err(|_| Refused::Malformed)?;
        if members.has("zip") || members.has("crit") {
            return Err(Refused::Algorithm);
        }
        let mut named = |name| members.text(name).map_err(|_| Refused::Malformed);
        let wrapping = Wrapping::named(&named("alg")?).ok_or(Refused::Algorithm)?;
        let content = Content::named(&named("enc")?).ok_or(Refused::Algorithm)?;
        let kid = members.optional_text("kid").map_err(|_| Refused::Malformed)?;
        let (key, iv, text, tag) = (bytes(key)?, bytes(iv)?, bytes(text)?, bytes(tag)?);
        Ok(Self { wrapping, content, kid, header: header.as_bytes(), key, iv, text, tag })
    }

    fn open(&self, key: &PrivateKey) -> Option<Zeroizing<Vec<u8>>> {
        let found = self.wrapping.unwrap(key, &self.key).filter(|found| found.len() == self.content.key_length());
        let decoy = || Zeroizing::new(vec![0; self.content.key_length()]);
        let (found, genuine) = found.map_or_else(|| (decoy(), false), |found| (found, true));
        let text = self.content.open(&found, self);
        text.filter(|_| genuine)
    }
}

/// How the content key is encrypted (RFC 7518, section 4.3).
#[derive(Clone, Copy)]
enum Wrapping {
    Oaep,
    Oaep256,
}

impl Wrapping {
    fn named(name: &str) -> Option<Self> {
        match name {
            "RSA-OAEP" => Some(Self::Oaep),
            "RSA-OAEP-256" => Some(Self::Oaep256),
            _ => None,
        }
    }

    fn unwrap(self, key: &PrivateKey, wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let found = match self {
            Self::Oaep => key.oaep_decrypt::<Sha1>(wrapped),
            Self::Oaep256 => key.oaep_decrypt::<Sha256>(wrapped),
        };
        found.ok().map(Zeroizing::new)
    }
}

/// How the text is encrypted (RFC 7518, section 5).
#[derive(Clone, Copy)]
enum Content {
    Gcm128,
    Gcm192,
    Gcm256,
    Cbc128,
    Cbc256,
}

impl Content {
    fn named(name: &str) -> Option<Self> {
        match name {
            "A128GCM" => Some(Self::Gcm128),
            "A192GCM" => Some(Self::Gcm192),
            "A256GCM" => Some(Self::Gcm256),
            "A128CBC-HS256" => Some(Self::Cbc128),
            "A256CBC-HS512" => Some(Self::Cbc256),
            _ => None,
        }
    }

    /// In bytes.
    const fn key_length(self) -> usize {
        match self {
            Self::Gcm128 => 16,
            Self::Gcm192 => 24,
            Self::Gcm256 | Self::Cbc128 => 32,
            Self::Cbc256 => 64,
        }
    }

    fn open(self, key: &[u8], sealed: &Sealed<'_>) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Gcm128 => gcm::<AesGcm<Aes128, U12>>(key, sealed),
            Self::Gcm192 => gcm::<AesGcm<Aes192, U12>>(key, sealed),
            Self::Gcm256 => gcm::<AesGcm<Aes256, U12>>(key, sealed),
            Self::Cbc128 => cbc::<Aes128, Hmac<Sha256>>(key, sealed),
            Self::Cbc256 => cbc::<Aes256, Hmac<Sha512>>(key, sealed),
        }
    }
}

fn gcm<C>(key: &[u8], sealed: &Sealed<'_>) -> Option<Zeroizing<Vec<u8>>>
where
    C: KeyInit + AeadInOut<NonceSize = U12, TagSize = U16>,
{
    let cipher = C::new_from_slice(key).ok()?;
    let nonce = Nonce::<U12>::try_from(sealed.iv.as_slice()).ok()?;
    let tag = Tag::<U16>::try_from(sealed.tag.as_slice()).ok()?;
    let mut text = Zeroizing::new(sealed.text.clone());
    cipher.decrypt_inout_detached(&nonce, sealed.header, text.as_mut_slice().into(), &tag).ok()?;
    Some(text)
}

/// AES in CBC, whose key's first half is for the tag, of which the first half counts (RFC 7518, section 5.2.2). The
/// padding is looked at only when the tag is right.
fn cbc<C, M>(key: &[u8], sealed: &Sealed<'_>) -> Option<Zeroizing<Vec<u8>>>
where
    C: KeyInit + BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
    M: KeyInit + Mac,
{
    let (for_tag, for_text) = key.split_at(key.len() / 2);
    let mut mac = <M as KeyInit>::new_from_slice(for_tag).ok()?;
    mac.update(sealed.header);
    mac.update(&sealed.iv);
    mac.update(&sealed.text);
    mac.update(&(sealed.header.len() as u64 * 8).to_be_bytes());
    (sealed.tag.len() == for_tag.len()).then_some(())?;
    mac.verify_truncated_left(&sealed.tag).ok()?;
    let cipher = C::new_from_slice(for_text).ok()?;
    let mut before: [u8; 16] = sealed.iv.as_slice().try_into().ok()?;
    let mut text = Zeroizing::new(sealed.text.clone());
    let (blocks, []) = text.as_chunks_mut::<16>() else { return None };
    for block in blocks {
        let this = *block;
        cipher.decrypt_block(block.into());
        block.iter_mut().zip(before).for_each(|(byte, before)| *byte ^= before);
        before = this;
    }
    let padding = *text.last()?;
    let length = text.len().checked_sub(padding.into()).filter(|_| (1..=16).contains(&padding))?;
    text[length..].iter().all(|byte| *byte == padding).then_some(())?;
    text.truncate(length);
    Some(text)
}

#[cfg(test)]
mod tests;
