//! phpass's portable hashes: `$P$` (WordPress and others) and `$H$` (phpBB 3), 34 characters.
//!
//! Invariant: the ninth character bounds the rounds; outside of phpass's own range nothing is computed.

use super::{Draw, Writer};
use crate::hash::challenge::{Challenge, Fault, Parsed};
use crate::hash::codec::{CRYPT, crypt_value, from_crypt, to_crypt};
use crate::hash::kernel::{Digest, Kernel, PHPASS_COSTS, Phpass};

/// `$P$B`: 2^13 rounds, as WordPress wrote them.
pub(in crate::hash) const WRITER: Writer =
    Writer { names: &[], knobs: &["cost"], template: |cost, draw| template(cost.cost.unwrap_or(13), draw), render };

/// `$P$` or `$H$`, one character of cost, eight of salt, 22 of digest.
pub(in crate::hash) fn parse(value: &str) -> Parsed {
    let rest = value.strip_prefix("$P$").or(value.strip_prefix("$H$")).ok_or(Fault::Foreign)?;
    if rest.len() != 31 || !rest.is_ascii() {
        return Err(Fault::Malformed("it is not 34 characters long"));
    }
    let cost = crypt_value(rest.as_bytes()[0]).map(u32::from);
    let cost = cost.filter(|c| PHPASS_COSTS.contains(c)).ok_or(Fault::Malformed("its cost is not in 7 to 30"))?;
    let salt = rest.as_bytes()[1..9].try_into().map_err(|_| Fault::Malformed("its salt is cut off"))?;
    let digest =
        from_crypt(&rest[9..], 16).ok_or(Fault::Malformed("its digest holds a character outside of the alphabet"))?;
    Ok(Challenge::new(Kernel::Phpass(Phpass { digest: Digest::Md5, cost, salt }), digest))
}

fn template(cost: u32, draw: &mut Draw<'_>) -> Result<Challenge, &'static str> {
    if !PHPASS_COSTS.contains(&cost) {
        return Err("the cost of phpass is in 7 to 30");
    }
    let kernel = Phpass { digest: Digest::Md5, cost, salt: draw.crypt_letters() };
    Ok(Challenge::new(Kernel::Phpass(kernel), vec![0; 16]))
}

fn render(challenge: &Challenge) -> Option<String> {
    let Kernel::Phpass(Phpass { cost, salt, .. }) = &challenge.kernel else { return None };
    let cost = char::from(*CRYPT.get(*cost as usize)?);
    Some(format!("$P${cost}{}{}", str::from_utf8(salt).ok()?, to_crypt(&challenge.expected)))
}
