//! What a stored value looks like, without computing anything.
//!
//! Invariant: a shape that several algorithms leave behind is named, never guessed.

use super::catalogue::{FORMATS, Format, Strength};
use super::challenge::Fault;
use super::kernel::Kdf;
use super::scan::is_hex;

/// A format that a stored value may be of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The format's name.
    pub name: String,
    /// Algorithm and cost, where the value names them.
    pub parameters: Option<String>,
    /// How hard such a hash is to guess; None where the candidate is only a description.
    pub strength: Option<Strength>,
    /// What is wrong with the value as one of this format.
    pub problem: Option<&'static str>,
    /// Whether `auto` verifies the value as this.
    pub certain: bool,
}

/// What a stored value may be; the first is the most likely. Empty for values of no known shape and for markers that
/// stand in the place of a password.
pub fn identify(value: &str) -> Vec<Candidate> {
    let value = trimmed(value);
    if is_locked(value) {
        return Vec::new();
    }
    // Dozens of applications leave bare hex, and anything may be a plain password: only the usual owners are named.
    let told_apart = |format: &&Format| {
        format.is_self_describing() || format.expression().is_none() && format.strength > Strength::None
    };
    let rows = FORMATS.iter().filter(told_apart).filter_map(|format| {
        let certain = !matches!(format.parse_auto(value, &format.given), Err(Fault::Foreign));
        let (strength, parameters, problem) = match format.parse(value, &format.given) {
            Ok(challenge) => (challenge.kernel.strength(), Some(challenge.kernel.describe()), None),
            Err(Fault::Malformed(problem)) => (format.strength, None, Some(problem)),
            Err(Fault::Foreign) => return None,
        };
        Some(Candidate { name: format.name.to_owned(), parameters, strength: Some(strength), problem, certain })
    });
    let mut candidates: Vec<_> = rows.collect();
    candidates.sort_by_key(|candidate| !candidate.certain);
    if candidates.first().is_some_and(|candidate| candidate.certain) {
        candidates.retain(|candidate| candidate.certain);
        return candidates;
    }
    // Anything could be a plain password; that is worth a word only where it is nothing else.
    if candidates.len() > 1 || ambiguous(value).is_some() {
        candidates.retain(|candidate| candidate.strength != Some(Strength::None));
    }
    let is_known = |name: &&&str| !candidates.iter().any(|candidate| candidate.name == **name);
    let described = ambiguous(value).map_or(&[][..], |(_, names)| names).iter().filter(is_known).map(|name| {
        Candidate { name: (*name).to_owned(), parameters: None, strength: None, problem: None, certain: false }
    });
    let described: Vec<_> = described.collect();
    candidates.extend(described);
    candidates
}

/// The self-describing format that claims this value.
pub(super) fn looks_like(value: &str) -> Option<&'static str> {
    FORMATS
        .iter()
        .find(|format| !matches!(format.parse_auto(value, &format.given), Err(Fault::Foreign)))
        .map(|format| format.name)
}

/// The value without the padding of CHAR(n) and BINARY(n) columns.
pub(super) fn trimmed(value: &str) -> &str {
    value.trim_end_matches([' ', '\0'])
}

/// Whether the value is a marker that stands in the place of a password: nobody logs in with it.
pub(super) fn is_locked(value: &str) -> bool {
    // MySQL 4.1 hashes begin with a star too.
    let is_mysql = value.strip_prefix('*').is_some_and(|rest| is_hex(rest, 40));
    value.is_empty() || matches!(value, "x" | "NP" | "{x}") || (value.starts_with(['!', '*']) && !is_mysql)
}

/// The shape and its usual owners, the most common first, where several algorithms leave it.
pub(super) fn ambiguous(value: &str) -> Option<(&'static str, &'static [&'static str])> {
    let (before, after) = value.split_once(':').unwrap_or((value, ""));
    let hex = |text: &str| text.len() >= 32 && is_hex(text, text.len());
    if matches!(value.split_once('$'), Some(("md5" | "sha1" | "sha256" | "sha512" | "crypt", _))) {
        return Some((
            "algorithm$salt$digest",
            &["django (salt before the password)", "werkzeug (HMAC)", "web2py (salt after the password)"],
        ));
    }
    if matches!(before, "md5" | "sha1" | "sha256" | "sha512") && after.matches(':').count() >= 2 {
        return Some((
            "algorithm:rounds:salt:key",
            &["crackstation-pbkdf2 (salt decoded)", "crackstation-pbkdf2-php (salt as text)"],
        ));
    }
    if value.contains(':') && (hex(before) || hex(after)) {
        return Some((
            "a digest and a salt with a colon between",
            &[
                "joomla (salt after the password)",
                "oscommerce, magento (salt before the password)",
                "scrypt of better-auth",
            ],
        ));
    }
    if value.len() == 13 && value.bytes().all(|c| super::codec::crypt_value(c).is_some()) {
        return Some(("13 characters of crypt's alphabet", &["des-crypt", "plaintext"]));
    }
    if value.len() == 24 && !value.ends_with('=') && value.bytes().all(|c| super::codec::crypt_value(c).is_some()) {
        return Some(("24 characters of crypt's alphabet", &["bigcrypt", "crypt16", "plaintext"]));
    }
    if is_hex(value, value.len()) {
        return bare_hex(value.len());
    }
    match value.len() {
        24 | 28 | 44 | 88 if super::codec::from_base64(value).is_some() && value.ends_with('=') => Some((
            "bare base64",
            &["a digest in base64", "asp.net membership (salt in another column)", "symfony (salt in another column)"],
        )),
        _ => None,
    }
}

fn bare_hex(digits: usize) -> Option<(&'static str, &'static [&'static str])> {
    Some(match digits {
        16 => ("16 hex digits", &["mysql323", "half of an md5", "oracle10"]),
        32 => ("32 hex digits", &["md5", "a salted md5 (vBulletin, MyBB, IPB)", "ntlm", "md4", "htdigest", "lmhash"]),
        40 => (
            "40 hex digits",
            &["sha1", "a salted sha1 (SMF, OpenCart, Redmine)", "ripemd160", "mysql41 without its star"],
        ),
        48 => ("48 hex digits", &["macos-sha1", "tiger"]),
        56 => ("56 hex digits", &["sha224"]),
        64 => ("64 hex digits", &["sha256", "a salted sha256 (XenForo)", "pbkdf2 (Discourse)", "sha3-256"]),
        50 => ("50 hex digits", &["arubaos"]),
        80 => ("80 hex digits", &["spring StandardPasswordEncoder", "spring pbkdf2"]),
        96 => ("96 hex digits", &["sha384", "spring pbkdf2@v5_8"]),
        100 => ("100 hex digits", &["pbkdf2 (Gogs, Grafana, Gitea)"]),
        128 => ("128 hex digits", &["sha512", "authlogic, devise", "whirlpool", "scrypt of Node"]),
        136 => ("136 hex digits", &["macos-sha512"]),
        160 => ("160 hex digits", &["oracle12c without its T:"]),
        1024 => ("1024 hex digits", &["pbkdf2 (passport-local-mongoose, Payload)"]),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_no_hashes() {
        for marker in ["", "!", "!!", "*", "*0", "*1", "*LK*", "NP", "x", "{x}", "!$6$abcdefgh$", "!abcdefghijklmnop"] {
            assert!(is_locked(marker), "{marker}");
            assert_eq!(identify(marker), []);
        }
        assert!(!is_locked("*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"));
    }

    #[test]
    fn a_certain_format_comes_alone() {
        let found = identify("$2y$10$6TqQbTK1XGadmblWJESpLOTPJzowjWUmgFikPHa14PynmQK052cLC   ");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].parameters.as_deref()), ("bcrypt", Some("bcrypt cost=10")));
        assert!(identify("$2y$10$6TqQb")[0].problem.is_some());
    }

    #[test]
    fn bare_hex_has_several_owners() {
        let found = identify("5f4dcc3b5aa765d61d8327deb882cf99");
        assert!(found.iter().all(|candidate| !candidate.certain));
        assert!(found.iter().any(|candidate| candidate.name == "md5" && candidate.strength == Some(Strength::Fast)));
        assert!(found.iter().any(|candidate| candidate.name == "ntlm"));
    }
}
