//! Argon2 in the PHC string format.
//!
//! Invariant: a string without `v=` is of version 16, as the reference implementation wrote it before 1.3.

use super::{Draw, Writer};
use crate::hash::challenge::{Challenge, Fault, Parsed};
use crate::hash::codec::{from_base64, to_base64_bare};
use crate::hash::kernel::{Argon2, Kernel, Variant, Version};
use crate::hash::scan::number32;
use crate::hash::spec::Cost;

/// Argon2id as OWASP recommends it at least: 19 MiB, two passes, one lane.
pub(in crate::hash) const WRITER: Writer =
    Writer { names: &["argon2id", "argon2", "phc-argon2id"], knobs: &["memory", "passes", "lanes"], template, render };

const TAG: usize = 32;

/// `$argon2id$v=19$m=65536,t=3,p=4$salt$tag`.
pub(in crate::hash) fn parse(value: &str) -> Parsed {
    let rest = value.strip_prefix("$argon2").ok_or(Fault::Foreign)?;
    let (variant, rest) = rest.split_once('$').ok_or(Fault::Foreign)?;
    let variant = match variant {
        "d" => Variant::D,
        "i" => Variant::I,
        "id" => Variant::Id,
        _ => return Err(Fault::Foreign),
    };
    let (version, rest) = match rest.strip_prefix("v=") {
        None => (Version::V16, rest),
        Some(rest) => match rest.split_once('$') {
            Some(("16", rest)) => (Version::V16, rest),
            Some(("19", rest)) => (Version::V19, rest),
            _ => return Err(Fault::Malformed("its version is neither 16 nor 19")),
        },
    };
    let mut fields = rest.split('$');
    let (Some(params), Some(salt), Some(tag), None) = (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(Fault::Malformed("parameters, salt and tag are expected between `$`"));
    };
    let salt = from_base64(salt).ok_or(Fault::Malformed("its salt is not base64"))?;
    let tag = from_base64(tag).ok_or(Fault::Malformed("its tag is not base64"))?;
    let kernel = read_params(params, Argon2 { variant, version, memory: 0, passes: 0, lanes: 0, salt, data: vec![] })?;
    if !kernel.is_defined() {
        return Err(Fault::Malformed(
            "its parameters are outside of what Argon2 defines (salt 8 bytes, m at least 8·p)",
        ));
    }
    Ok(Challenge::new(Kernel::Argon2(kernel), tag))
}

fn read_params(params: &str, mut kernel: Argon2) -> Result<Argon2, Fault> {
    for param in params.split(',') {
        let (key, value) =
            param.split_once('=').ok_or(Fault::Malformed("its parameters are not of the form key=value"))?;
        let number = || number32(value).ok_or(Fault::Malformed("one of m, t and p is not a number"));
        match key {
            "m" => kernel.memory = number()?,
            "t" => kernel.passes = number()?,
            "p" => kernel.lanes = number()?,
            "data" => kernel.data = from_base64(value).ok_or(Fault::Malformed("its data is not base64"))?,
            "keyid" => return Err(Fault::Malformed("it needs a secret key (keyid), which is not supported")),
            _ => return Err(Fault::Malformed("it has a parameter other than m, t, p, data")),
        }
    }
    Ok(kernel)
}

fn template(cost: &Cost, draw: &mut Draw<'_>) -> Result<Challenge, &'static str> {
    let kernel = Argon2 {
        variant: Variant::Id,
        version: Version::V19,
        memory: cost.memory.unwrap_or(19_456),
        passes: cost.passes.unwrap_or(2),
        lanes: cost.lanes.unwrap_or(1),
        salt: draw.bytes::<16>().to_vec(),
        data: vec![],
    };
    if !kernel.is_defined() {
        return Err("passes and lanes must be at least 1, and memory at least 8 KiB a lane");
    }
    Ok(Challenge::new(Kernel::Argon2(kernel), vec![0; TAG]))
}

pub(in crate::hash) fn render(challenge: &Challenge) -> Option<String> {
    let Kernel::Argon2(Argon2 { variant, memory, passes, lanes, salt, .. }) = &challenge.kernel else { return None };
    let (salt, tag) = (to_base64_bare(salt), to_base64_bare(&challenge.expected));
    Some(format!("$argon2{}$v=19$m={memory},t={passes},p={lanes}${salt}${tag}", variant.suffix()))
}
