//! Ory Kratos: other systems' hashes under its own marks.
//!
//! Invariant: a template only says in which order literal text, salt and password are digested.

use super::{argon2, bcrypt, enclosed, first_of, hosted, md5_crypt, pbkdf2, schemes, scrypt, sha_crypt};
use crate::hash::challenge::{Fault, Inputs, Parsed};
use crate::hash::codec::from_base64;
use crate::hash::kernel::{Digest, Kernel};
use crate::hash::recipe::by_expression;
use crate::hash::scan::fields;

/// The digests that its HMAC knows.
const DIGESTS: [&str; 7] = ["md4", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"];

/// Everything that Kratos imports.
pub(in crate::hash) fn parse(value: &str) -> Parsed {
    let renamed = [("$md5-crypt$", "$1$"), ("$sha256-crypt$", "$5$"), ("$sha512-crypt$", "$6$")];
    for (own, usual) in renamed {
        if let Some(rest) = value.strip_prefix(own) {
            let parsers = [md5_crypt::parse, sha_crypt::parse_256, sha_crypt::parse_512];
            return enclosed(first_of(&parsers, &format!("{usual}{rest}")));
        }
    }
    if let Some(rest) = value.strip_prefix("$hmac-") {
        return hmac(rest);
    }
    if let Some((digest, rest)) = templated(value) {
        return template(digest, rest);
    }
    if let Some(digest) = value.strip_prefix("$md5$").filter(|rest| !rest.contains('$')) {
        return enclosed(by_expression("md5_b64($pass)", digest, &Inputs::NONE));
    }
    if value.starts_with("$pbkdf2-") {
        return sha3_pbkdf2(value);
    }
    if value.starts_with("$firescrypt$") {
        return hosted::firebase(value, &Inputs::NONE);
    }
    first_of(&[bcrypt::parse, argon2::parse, scrypt::parse_phc, schemes::parse_ldap], value)
}

/// Whether no other application writes such a value.
pub(in crate::hash) fn is_own(value: &str) -> bool {
    ["$md5-crypt$", "$sha256-crypt$", "$sha512-crypt$", "$hmac-"].iter().any(|mark| value.starts_with(mark))
        || templated(value).is_some()
}

/// The digest, and the rest after `$sha1$pf=`.
fn templated(value: &str) -> Option<(&'static str, &str)> {
    let (digest, rest) = value.strip_prefix('$')?.split_once('$')?;
    let known = ["md5", "sha1", "sha256", "sha512"].into_iter().find(|name| *name == digest)?;
    Some((known, rest.strip_prefix("pf=")?))
}

/// `template$salt$digest`, each in base64; the template has `{SALT}` and `{PASSWORD}` between literal text.
fn template(digest: &str, rest: &str) -> Parsed {
    let [template, salt, stored] =
        fields(rest, '$').ok_or(Fault::Malformed("template, salt and digest are expected"))?;
    let decoded = from_base64(template).and_then(|text| String::from_utf8(text).ok()).zip(from_base64(salt));
    let (template, salt) = decoded.ok_or(Fault::Malformed("its template or its salt is not base64"))?;
    let terms = terms(&template).ok_or(Fault::Malformed("its template has no `{PASSWORD}`, or is too long"))?;
    let inputs = Inputs { salt: Some(&salt), ..Inputs::NONE };
    enclosed(by_expression(&format!("{digest}_b64({terms})"), stored, &inputs))
}

/// The template as an expression.
fn terms(template: &str) -> Option<String> {
    let mut terms: Vec<String> = Vec::new();
    let mut rest = template;
    while !rest.is_empty() {
        let next = ["{SALT}", "{PASSWORD}"].into_iter().filter_map(|mark| Some((rest.find(mark)?, mark))).min();
        let (at, mark) = next.unwrap_or((rest.len(), ""));
        if at > 0 {
            let escaped: String = rest.as_bytes()[..at].iter().map(|byte| format!("\\x{byte:02x}")).collect();
            terms.push(format!("\"{escaped}\""));
        }
        match mark {
            "{SALT}" => terms.push("$salt".to_owned()),
            "{PASSWORD}" => terms.push("$pass".to_owned()),
            _ => {}
        }
        rest = &rest[at + mark.len()..];
    }
    (template.len() <= 256 && terms.iter().any(|term| term == "$pass")).then(|| terms.join(" . "))
}

/// `sha256$digest$key`: base64 of the digest in hex, and of the key.
fn hmac(rest: &str) -> Parsed {
    let [name, stored, key] = fields(rest, '$').ok_or(Fault::Malformed("digest, hash and key are expected"))?;
    if !DIGESTS.contains(&name) {
        return Err(Fault::Malformed("its digest is not supported"));
    }
    let stored = from_base64(stored).and_then(|text| String::from_utf8(text).ok());
    let (stored, key) = stored.zip(from_base64(key)).ok_or(Fault::Malformed("its hash or its key is not base64"))?;
    let inputs = Inputs { salt: Some(&key), ..Inputs::NONE };
    enclosed(by_expression(&format!("hmac_{name}($salt, $pass)"), &stored, &inputs))
}

/// Kratos reads `$pbkdf2-sha224$` and `-sha384$` as SHA-3, and keeps doing so.
fn sha3_pbkdf2(value: &str) -> Parsed {
    let mut challenge = pbkdf2::parse_phc(value)?;
    if let Kernel::Pbkdf2(pbkdf2) = &mut challenge.kernel {
        pbkdf2.digest = match pbkdf2.digest {
            Digest::Sha224 => Digest::Sha3_224,
            Digest::Sha384 => Digest::Sha3_384,
            other => other,
        };
    }
    Ok(challenge)
}
