//! bcrypt in crypt(3)'s form: `$2b$12$`, 22 characters of salt, 31 of digest.
//!
//! Invariant: exactly 60 characters; the unused low bits of salt and digest are ignored, as every C library does.

use super::{Draw, Writer};
use crate::hash::challenge::{Challenge, Fault, Parsed};
use crate::hash::codec::{from_bcrypt, to_bcrypt};
use crate::hash::kernel::{Bcrypt, Kernel, Keyed};
use crate::hash::scan::number32;
use crate::hash::spec::Cost;

/// The least and the most that the algorithm defines.
const COSTS: std::ops::RangeInclusive<u32> = 4..=31;

/// `$2b$`, cost 12; under the names of the other prefixes with those, which some applications insist on.
pub(in crate::hash) const WRITERS: &[Writer] = &[
    Writer {
        names: &["bcrypt", "bcrypt-2b", "blf-crypt", "hashcat:3200"],
        knobs: &["cost"],
        template: usual,
        render: |c| render("$2b$", c),
    },
    Writer { names: &["bcrypt-2a"], knobs: &["cost"], template: usual, render: |c| render("$2a$", c) },
    Writer { names: &["bcrypt-2y"], knobs: &["cost"], template: usual, render: |c| render("$2y$", c) },
];

/// `$2a$`, `$2b$`, `$2y$` are one algorithm; `$2x$` is the one with the sign extension, `$2$` the one without a NUL.
pub(in crate::hash) fn parse(value: &str) -> Parsed {
    let rest = value.strip_prefix("$2").ok_or(Fault::Foreign)?;
    let (minor, rest) = rest.split_once('$').ok_or(Fault::Foreign)?;
    let keyed = match minor {
        "a" | "b" | "y" => Keyed::Terminated,
        "x" => Keyed::SignExtended,
        "" => Keyed::Bare,
        _ => return Err(Fault::Foreign),
    };
    let Some((cost, rest)) = rest.split_once('$').filter(|(cost, _)| cost.len() == 2) else {
        return Err(Fault::Malformed("a cost of two digits is expected"));
    };
    let cost = number32(cost).filter(|c| COSTS.contains(c)).ok_or(Fault::Malformed("its cost is not in 4 to 31"))?;
    let (Some(salt), Some(digest)) = (rest.get(..22), rest.get(22..).filter(|d| d.len() == 31)) else {
        return Err(Fault::Malformed("it is not 60 characters long"));
    };
    let decoded = from_bcrypt(salt).and_then(|s| <[u8; 16]>::try_from(s).ok()).zip(from_bcrypt(digest));
    let (salt, digest) = decoded.ok_or(Fault::Malformed("it holds a character outside of bcrypt's alphabet"))?;
    Ok(Challenge::new(Kernel::Bcrypt(Bcrypt { cost, salt, keyed }), digest))
}

fn usual(cost: &Cost, draw: &mut Draw<'_>) -> Result<Challenge, &'static str> {
    template(cost.cost.unwrap_or(12), draw)
}

pub(in crate::hash) fn template(cost: u32, draw: &mut Draw<'_>) -> Result<Challenge, &'static str> {
    if !COSTS.contains(&cost) {
        return Err("the cost of bcrypt is in 4 to 31");
    }
    Ok(Challenge::new(Kernel::Bcrypt(Bcrypt { cost, salt: draw.bytes(), keyed: Keyed::Terminated }), vec![0; 23]))
}

pub(in crate::hash) fn render(prefix: &str, challenge: &Challenge) -> Option<String> {
    let Kernel::Bcrypt(Bcrypt { cost, salt, .. }) = &challenge.kernel else { return None };
    Some(format!("{prefix}{cost:02}${}{}", to_bcrypt(salt), to_bcrypt(&challenge.expected)))
}
