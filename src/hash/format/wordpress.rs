//! What WordPress stores: since 6.8 bcrypt of an HMAC, and before that phpass, MD5 and PHP's own hashes.
//!
//! Invariant: `$wp` marks the HMAC; without it the password goes to the kernel as it is.

use super::{Writer, argon2, bcrypt, digest, first_of, phpass};
use crate::hash::challenge::{Fault, Parsed, Step};
use crate::hash::kernel::Digest;

const STEPS: [Step; 2] = [Step::Trim, Step::HmacSha384Base64("wp-sha384")];

/// `$wp$2y$10$`, as `wp_hash_password` of WordPress 6.8.
pub(in crate::hash) const WRITER: Writer = Writer {
    names: &[],
    knobs: &["cost"],
    template: |cost, draw| Ok(bcrypt::template(cost.cost.unwrap_or(10), draw)?.after(STEPS)),
    render: |challenge| bcrypt::render("$wp$2y$", challenge),
};

/// `$wp$2y$10$…`, and what `wp_check_password` accepts besides.
pub(in crate::hash) fn parse(value: &str) -> Parsed {
    if let Some(inner) = value.strip_prefix("$wp") {
        return match bcrypt::parse(inner) {
            Ok(challenge) => Ok(challenge.after(STEPS)),
            Err(Fault::Foreign) => Err(Fault::Malformed("bcrypt is expected after `$wp`")),
            Err(fault) => Err(fault),
        };
    }
    first_of(&[phpass::parse, bcrypt::parse, argon2::parse, |v| digest::unsalted(v, Digest::Md5)], value)
}
