//! Applications that digest or extend the password, and then let a common hash do the rest.
//!
//! Invariant: the stored value looks like the common hash's own, so none of these is ever recognised by itself.

use super::forums::of_php;
use super::{argon2, bcrypt, pbkdf2, sha_crypt};
use crate::hash::challenge::{Fault, Inputs, Parsed};
use crate::hash::recipe::prehash;

/// bcrypt of SHA-256 in hex: Meteor, Rocket.Chat, Laminas' `BcryptSha`.
pub(in crate::hash) fn meteor(value: &str, inputs: &Inputs<'_>) -> Parsed {
    after("sha256($pass)", of_php(value), inputs)
}

/// bcrypt of SHA-1 in hex.
pub(in crate::hash) fn bcrypt_sha1(value: &str, inputs: &Inputs<'_>) -> Parsed {
    after("sha1($pass)", bcrypt::parse(value), inputs)
}

/// bcrypt of SHA-512 in hex: NodeBB.
pub(in crate::hash) fn nodebb(value: &str, inputs: &Inputs<'_>) -> Parsed {
    after("sha512($pass)", bcrypt::parse(value), inputs)
}

/// vBulletin 5: whatever `scheme` says, over MD5 in hex.
pub(in crate::hash) fn vbulletin5(value: &str, inputs: &Inputs<'_>) -> Parsed {
    after("md5($pass)", of_php(value), inputs)
}

/// CodeIgniter Shield and Myth:Auth.
pub(in crate::hash) fn shield(value: &str, inputs: &Inputs<'_>) -> Parsed {
    after("base64(sha384_bin($pass))", of_php(value), inputs)
}

/// SMF 2.1: the name in lower case stands before the password.
pub(in crate::hash) fn smf21(value: &str, inputs: &Inputs<'_>) -> Parsed {
    let parsed = of_php(value)?;
    inputs.user()?;
    after("lower($user) . $pass", Ok(parsed), inputs)
}

/// Devise: its pepper, where there is one, follows the password.
pub(in crate::hash) fn devise(value: &str, inputs: &Inputs<'_>) -> Parsed {
    if inputs.pepper.is_none() {
        return bcrypt::parse(value);
    }
    after("$pass . $pepper", bcrypt::parse(value), inputs)
}

/// Moodle: PHP's own hashes, since 4.3 SHA-crypt of the password and a pepper.
pub(in crate::hash) fn moodle(value: &str, inputs: &Inputs<'_>) -> Parsed {
    let plain = match sha_crypt::parse_512(value) {
        Err(Fault::Foreign) => of_php(value)?,
        parsed => parsed?,
    };
    // A site that took peppers into use has older values without.
    match inputs.pepper {
        None => Ok(plain),
        Some(_) => Ok(plain.clone().after([prehash("$pass . $pepper", inputs)?]).or(plain)),
    }
}

/// Flask-Security: any of passlib's hashes over an HMAC under the site's salt.
pub(in crate::hash) fn flask_security(value: &str, inputs: &Inputs<'_>) -> Parsed {
    let parsers = [bcrypt::parse, argon2::parse, pbkdf2::parse_mcf, sha_crypt::parse_512, sha_crypt::parse_256];
    let parsed = parsers.iter().map(|parse| parse(value)).find(|parsed| !matches!(parsed, Err(Fault::Foreign)));
    let parsed = parsed.unwrap_or(Err(Fault::Foreign))?;
    if inputs.pepper.is_none() {
        return Err(Fault::Malformed("its SECURITY_PASSWORD_SALT is not declared as the pepper"));
    }
    after("hmac_sha512_b64($pepper, $pass)", Ok(parsed), inputs)
}

fn after(expression: &str, parsed: Parsed, inputs: &Inputs<'_>) -> Parsed {
    Ok(parsed?.after([prehash(expression, inputs)?]))
}
