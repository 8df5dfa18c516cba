//! Forums: Drupal's own phpass, Joomla, phpBB, IP.Board, XenForo, WoltLab.
//!
//! Invariant: what a forum did to the text before it hashed (escapes, trims) is part of its format.

use super::php::strings;
use super::{Draw, Writer, argon2, bcrypt, digest, first_of, md5_crypt, pbkdf2, phpass, unix};
use crate::hash::challenge::{Challenge, Fault, Inputs, LayerForm, Parsed, Step};
use crate::hash::codec::{CRYPT, crypt_value, from_crypt, from_hex, to_crypt};
use crate::hash::kernel::{DRUPAL, Digest, Kernel, PHPASS_COSTS, Phpass, Salted};
use crate::hash::recipe::{by_expression, prehash};
use crate::hash::scan::is_hex;
use crate::hash::spec::Position;

/// `$S$D`: 2^15 rounds, as Drupal 7.
pub(in crate::hash) const DRUPAL_WRITER: Writer = Writer {
    names: &[],
    knobs: &["cost"],
    template: |cost, draw| drupal_template(cost.cost.unwrap_or(15), draw),
    render: drupal_render,
};

/// `$S$` of Drupal 7 to 10, and `U$…`, the MD5 of Drupal 6 hashed once more.
pub(in crate::hash) fn drupal(value: &str) -> Parsed {
    if let Some(inner) = value.strip_prefix('U') {
        let parsed = match inner.get(..3) {
            Some("$S$") => drupal_phpass(inner),
            Some("$P$" | "$H$") => phpass::parse(inner),
            _ => return Err(Fault::Foreign),
        };
        return Ok(parsed?.after([prehash("md5", &Inputs::NONE)?]));
    }
    drupal_phpass(value)
}

fn drupal_phpass(value: &str) -> Parsed {
    let rest = value.strip_prefix("$S$").ok_or(Fault::Foreign)?;
    if rest.len() != 52 || !rest.is_ascii() {
        return Err(Fault::Malformed("it is not 55 characters long"));
    }
    let cost = crypt_value(rest.as_bytes()[0]).map(u32::from);
    let cost = cost.filter(|c| PHPASS_COSTS.contains(c)).ok_or(Fault::Malformed("its cost is not in 7 to 30"))?;
    let salt = rest.as_bytes()[1..9].try_into().map_err(|_| Fault::Malformed("its salt is cut off"))?;
    // The 44th character, which Drupal cuts off, held bits that are not compared.
    let digest = from_crypt(&format!("{}.", &rest[9..]), DRUPAL);
    let digest = digest.ok_or(Fault::Malformed("its digest holds a character outside of the alphabet"))?;
    Ok(Challenge::new(Kernel::Phpass(Phpass { digest: Digest::Sha512, cost, salt }), digest))
}

fn drupal_template(cost: u32, draw: &mut Draw<'_>) -> Result<Challenge, &'static str> {
    if !PHPASS_COSTS.contains(&cost) {
        return Err("the cost of phpass is in 7 to 30");
    }
    let kernel = Phpass { digest: Digest::Sha512, cost, salt: draw.crypt_letters() };
    Ok(Challenge::new(Kernel::Phpass(kernel), vec![0; DRUPAL]))
}

fn drupal_render(challenge: &Challenge) -> Option<String> {
    let Kernel::Phpass(Phpass { cost, salt, .. }) = &challenge.kernel else { return None };
    let cost = char::from(*CRYPT.get(*cost as usize)?);
    let digest = to_crypt(&challenge.expected);
    Some(format!("$S${cost}{}{}", str::from_utf8(salt).ok()?, digest.get(..43)?))
}

/// Joomla's `md5:salt` and `{SHA256}digest:salt`, and what PHP itself writes.
pub(in crate::hash) fn joomla(value: &str) -> Parsed {
    let (digest, rest) = match value.strip_prefix("{SHA256}") {
        Some(rest) => (Digest::Sha256, rest),
        None if value.starts_with('$') => return of_php(value),
        None => (Digest::Md5, value),
    };
    let (stored, salt) = rest.split_once(':').ok_or(Fault::Foreign)?;
    let stored = from_hex(stored).filter(|stored| stored.len() == digest.length()).ok_or(Fault::Foreign)?;
    let kernel = Salted { digest, salt: salt.into(), position: Position::Suffix, rounds: 1 };
    Ok(Challenge::new(Kernel::Salted(kernel), stored))
}

/// Whether the value is Joomla's SHA-256, whose tag is LDAP's too.
pub(in crate::hash) fn is_joomla(value: &str) -> bool {
    let digest = value.strip_prefix("{SHA256}").and_then(|rest| rest.split_once(':')).map(|(digest, _)| digest);
    digest.is_some_and(|digest| is_hex(digest, 64))
}

/// phpBB 3: the password is trimmed and its `& < > "` are escaped, whatever hashes it.
pub(in crate::hash) fn phpbb(value: &str) -> Parsed {
    if value.starts_with("$CP$") || value.get(..3).is_some_and(|mark| mark.starts_with('$') && mark.ends_with('\\')) {
        return Err(Fault::Malformed("it is one hash over another, which is not supported"));
    }
    Ok(of_php(value)?.after([prehash("htmlspecialchars_compat(trim($pass))", &Inputs::NONE)?]))
}

/// IPS 4: bcrypt, or the formula of IP.Board 3 for accounts that it took over.
pub(in crate::hash) fn ipb4(value: &str, inputs: &Inputs<'_>) -> Parsed {
    if value.starts_with('$') {
        return of_php(value);
    }
    by_expression(IPB, value, inputs)
}

/// IP.Board 2 and 3, which escaped what was typed.
pub(in crate::hash) const IPB: &str = "md5(md5($salt) . md5(ipb_escape($pass)))";

/// XenForo's `data` column, serialised by PHP.
pub(in crate::hash) fn xenforo(value: &str) -> Parsed {
    if !value.starts_with("a:") {
        return Err(Fault::Foreign);
    }
    let members = strings(value).ok_or(Fault::Malformed("it is not an array of strings as PHP writes it"))?;
    let member = |name: &str| members.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let hash = member("hash").ok_or(Fault::Malformed("it has no `hash`"))?;
    if hash.starts_with('$') {
        return of_php(hash);
    }
    let inputs = Inputs { salt: member("salt").map(str::as_bytes), ..Inputs::NONE };
    let formula = match (member("hashFunc"), hash.len()) {
        (Some("sha256"), _) | (None, 64) => "sha256(sha256($pass) . $salt)",
        (Some("sha1"), _) | (None, 40) => "sha1(sha1($pass) . $salt)",
        _ => return Err(Fault::Malformed("its `hashFunc` is neither sha1 nor sha256")),
    };
    by_expression(formula, hash, &inputs).map_err(own)
}

/// WoltLab: `Bcrypt:`, and the names of the forums that it took accounts over from.
pub(in crate::hash) fn woltlab(value: &str, inputs: &Inputs<'_>) -> Parsed {
    let (name, rest) = value.split_once(':').ok_or(Fault::Foreign)?;
    let formula = match name {
        "Bcrypt" | "Argon2" => return of_php(rest).map_err(own),
        "wcf2" => return wcf2(rest).map_err(own),
        "joomla3" => return of_php(rest.strip_suffix(':').unwrap_or(rest)).map_err(own),
        "cryptMD5" => return md5_crypt::parse(rest.strip_suffix(':').unwrap_or(rest)).map_err(own),
        "phpbb3" => return phpbb(rest.strip_suffix(':').unwrap_or(rest)).map_err(own),
        "wcf1" => "sha1($salt . sha1($salt . sha1($pass)))",
        "vb3" | "vb4" | "vb5" => "md5(md5($pass) . $salt)",
        "mybb" | "mybb1" => "md5(md5($salt) . md5($pass))",
        "ipb2" | "ipb3" => IPB,
        "smf1" | "smf2" => "sha1(lower($user) . $pass)",
        "joomla1" | "joomla2" => "md5($pass . $salt)",
        "xf1" if rest.find(':') == Some(64) => "sha256(sha256($pass) . $salt)",
        "xf1" => "sha1(sha1($pass) . $salt)",
        _ => return Err(Fault::Foreign),
    };
    let (hash, salt) = rest.split_once(':').unwrap_or((rest, ""));
    by_expression(formula, hash, &Inputs { salt: Some(salt.as_bytes()), ..*inputs }).map_err(own)
}

/// WCF 2: bcrypt of bcrypt, both with the same salt.
pub(in crate::hash) fn wcf2(value: &str) -> Parsed {
    let challenge = bcrypt::parse(value)?;
    let form = LayerForm::Bcrypt(match value.get(..4) {
        Some("$2a$") => "$2a$",
        Some("$2b$") => "$2b$",
        _ => "$2y$",
    });
    let layer = Step::Layer { kernel: Box::new(challenge.kernel.clone()), length: challenge.expected.len(), form };
    Ok(challenge.after([layer]))
}

/// TYPO3: what PHP and phpass write, crypt(3), PBKDF2; `M` marks an MD5 that was hashed once more.
pub(in crate::hash) fn typo3(value: &str) -> Parsed {
    let plain = |value| match of_php(value) {
        Err(Fault::Foreign) => first_of(&[pbkdf2::parse_mcf, unix::parse_crypt], value),
        parsed => parsed,
    };
    match value.strip_prefix('M').filter(|rest| rest.starts_with('$')) {
        Some(rest) => Ok(plain(rest)?.after([prehash("md5", &Inputs::NONE)?])),
        None if value.starts_with('$') => plain(value),
        None => digest::unsalted(value, Digest::Md5),
    }
}

/// What `password_hash` and phpass write.
pub(in crate::hash) fn of_php(value: &str) -> Parsed {
    for parse in [bcrypt::parse, argon2::parse, phpass::parse] {
        match parse(value) {
            Err(Fault::Foreign) => {}
            parsed => return parsed,
        }
    }
    Err(Fault::Foreign)
}

/// The same, or MD5 in hex.
pub(super) fn of_php_or_md5(value: &str) -> Parsed {
    if value.starts_with('$') { of_php(value) } else { digest::unsalted(value, Digest::Md5) }
}

/// What stands inside of a format's own marks is not another's.
pub(super) fn own(fault: Fault) -> Fault {
    match fault {
        Fault::Foreign => Fault::Malformed("what its marks hold has not the shape of a hash"),
        malformed => malformed,
    }
}
