//! One key for all spellings of an account.
//!
//! Invariant: spellings that a store may hold for equal give the same key, so that none of them is a fresh set of
//! attempts. The key is a digest: identifiers are not kept.

use std::net::IpAddr;

use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The key of an account: spellings that a store may hold for equal give the same key; two accounts that then share
/// a key only share a limit.
pub(super) fn account_key(connector: &str, account: &str) -> u128 {
    let mut digest = Sha256::new();
    digest.update(connector);
    digest.update([0]);
    digest.update(canonical(account));
    first_half(digest)
}

/// The key of an account as it is seen from one source. Addresses of one IPv6 /64 are one.
pub(super) fn source_key(account: u128, client: &str, address: IpAddr) -> u128 {
    let mut digest = Sha256::new();
    digest.update(account.to_be_bytes());
    digest.update(address_key(address).to_be_bytes());
    digest.update(client);
    first_half(digest)
}

/// The key of an address; the addresses of one IPv6 /64 are one, since a stranger has all of them.
pub(super) fn address_key(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6) & !u128::from(u64::MAX),
    }
}

fn first_half(digest: Sha256) -> u128 {
    let bytes: [u8; 32] = digest.finalize().into();
    bytes[..16].iter().fold(0, |key, byte| key << 8 | u128::from(*byte))
}

/// The one spelling that stands for all that a store may hold for equal. Case, width, accents, invisible characters
/// and surrounding blanks are dropped, since collations ignore them.
pub fn canonical(account: &str) -> String {
    if account.is_ascii() {
        let plain = account.chars().filter(|c| !c.is_control()).map(|c| c.to_ascii_lowercase());
        return plain.collect::<String>().trim().to_owned();
    }
    let visible = |c: &char| !is_combining_mark(*c) && !is_ignorable(*c);
    let plain: String =
        account.nfkd().filter(visible).flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
    // Upper case may bring new marks (U+0130), and blanks may hide behind invisible characters.
    plain.nfkd().filter(visible).collect::<String>().trim().to_owned()
}

/// Characters without a glyph that the default Unicode collation ignores.
fn is_ignorable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_account_share_its_limit() {
        let key = account_key("acme", "bob@example.com");
        let same = [
            "BOB@EXAMPLE.COM",
            " bob@example.com ",
            "Bob@Example.com\t",
            "\u{200b}bob@example.com",
            " \u{feff} bob@example.com",
            "ｂｏｂ＠ｅｘａｍｐｌｅ．ｃｏｍ",
            "bób@example.com",
            "bo\u{301}b@example.com",
            "𝐛𝐨𝐛@example.com",
            "bob\u{ad}@example.com",
            "bob@\u{202e}example.com",
        ];
        for spelling in same {
            assert_eq!(account_key("acme", spelling), key, "{spelling:?}");
        }
        assert_eq!(account_key("acme", "STRASSE"), account_key("acme", "straße"));
        assert_eq!(account_key("acme", "İstanbul"), account_key("acme", "istanbul"));
        for other in ["bob@example.org", "bob", "b ob@example.com"] {
            assert_ne!(account_key("acme", other), key, "{other:?}");
        }
        assert_ne!(account_key("acmeb", "ob"), account_key("acme", "bob"));
    }
}
