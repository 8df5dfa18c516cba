//! scrypt in its various strings.
//!
//! Invariant: N is a power of two from 2 on, r and p are positive; the caps decide the rest.

use super::{Draw, Writer, uncut};
use crate::hash::challenge::{Challenge, Fault, Parsed};
use crate::hash::codec::{crypt_value, from_base64, from_crypt, from_crypt_high, from_hex, to_base64_bare};
use crate::hash::kernel::{Kernel, Scrypt};
use crate::hash::scan::{fields, number};
use crate::hash::spec::Cost;

/// `$scrypt$ln=17,r=8,p=1$`, as OWASP recommends: 128 MiB.
pub(in crate::hash) const PHC_WRITER: Writer = Writer { names: &[], knobs: &["cost"], template, render };

/// Above this, `ln=` holds N itself, as Ory Kratos writes it.
const LEAST_N: u64 = 1024;

/// `$scrypt$ln=16,r=8,p=1$salt$key`.
pub(in crate::hash) fn parse_phc(value: &str) -> Parsed {
    let rest = value.strip_prefix("$scrypt$").ok_or(Fault::Foreign)?;
    let [params, salt, key] = fields(rest, '$').ok_or(Fault::Malformed("parameters, salt and key are expected"))?;
    let [n, r, p] = fields(params, ',').ok_or(Fault::Malformed("its parameters are not ln, r and p"))?;
    let [n, r, p] = [("ln=", n), ("r=", r), ("p=", p)].map(|(key, text)| text.strip_prefix(key).and_then(number));
    let (Some(n), Some(r), Some(p)) = (n, r, p) else {
        return Err(Fault::Malformed("its parameters are not ln=…, r=…, p=…"));
    };
    let log_n = if n >= LEAST_N && n.is_power_of_two() { n.ilog2().into() } else { n };
    let (salt, key) = decoded(salt, key)?;
    build(log_n, r, p, salt, key)
}

/// `$7$`, one character of log2 N, five of r, five of p, the salt as text, `$`, 43 characters of key.
pub(in crate::hash) fn parse_crypt(value: &str) -> Parsed {
    let rest = value.strip_prefix("$7$").ok_or(Fault::Foreign)?;
    let (setting, key) = rest.rsplit_once('$').ok_or(Fault::Malformed("a `$` is expected before the key"))?;
    let (Some(params), Some(salt)) = (setting.get(..11), setting.get(11..)) else {
        return Err(Fault::Malformed("its parameters are cut off"));
    };
    let values: Option<Vec<_>> = params.bytes().map(crypt_value).collect();
    let values = values.ok_or(Fault::Malformed("its parameters hold a character outside of crypt's alphabet"))?;
    let number = |from: &[u8]| from.iter().rev().fold(0, |n, v| n << 6 | u64::from(*v));
    let key = from_crypt(key, 32).ok_or(Fault::Malformed("its key is not 43 characters of crypt's alphabet"))?;
    build(values[0].into(), number(&values[1..6]), number(&values[6..11]), salt.into(), key)
}

/// `$s0$e0801$salt$key`, of the Java library of Will Glozer.
pub(in crate::hash) fn parse_lambdaworks(value: &str) -> Parsed {
    packed(value.strip_prefix("$s0$").ok_or(Fault::Foreign)?)
}

/// `$e0801$salt$key`, of Spring Security.
pub(in crate::hash) fn parse_spring(value: &str) -> Parsed {
    let rest = value.strip_prefix('$').ok_or(Fault::Foreign)?;
    let is_packed = rest.split_once('$').is_some_and(|(hex, _)| hex.len() <= 8 && u32::from_str_radix(hex, 16).is_ok());
    if is_packed && rest.matches('$').count() == 2 { packed(rest) } else { Err(Fault::Foreign) }
}

/// log2 N, r and p in one hexadecimal number.
fn packed(rest: &str) -> Parsed {
    let [params, salt, key] = fields(rest, '$').ok_or(Fault::Malformed("parameters, salt and key are expected"))?;
    let params = u32::from_str_radix(params, 16).map_err(|_| Fault::Malformed("its parameters are not hexadecimal"))?;
    let (salt, key) = decoded(salt, key)?;
    build((params >> 16).into(), (params >> 8 & 255).into(), (params & 255).into(), salt, key)
}

/// `SCRYPT:16384:8:1:salt:key`.
pub(in crate::hash) fn parse_hashcat(value: &str) -> Parsed {
    let rest = value.strip_prefix("SCRYPT:").ok_or(Fault::Foreign)?;
    let [n, r, p, salt, key] = fields(rest, ':').ok_or(Fault::Malformed("N, r, p, salt and key are expected"))?;
    let n = number(n).filter(|n| n.is_power_of_two()).ok_or(Fault::Malformed("its N is not a power of two"))?;
    let (Some(r), Some(p)) = (number(r), number(p)) else {
        return Err(Fault::Malformed("its r and p are not numbers"));
    };
    let (salt, key) = decoded(salt, key)?;
    build(n.ilog2().into(), r, p, salt, key)
}

/// `400$8$24$salt$key`: N, r and p in hexadecimal, as Ruby's gem writes them.
pub(in crate::hash) fn parse_ruby(value: &str) -> Parsed {
    let [n, r, p, salt, key] = fields(value, '$').ok_or(Fault::Foreign)?;
    let [n, r, p] = [n, r, p].map(|hex| if hex.len() <= 8 { u64::from_str_radix(hex, 16).ok() } else { None });
    let (Some(n), Some(r), Some(p)) = (n.filter(|n| n.is_power_of_two()), r, p) else { return Err(Fault::Foreign) };
    // The gem drops leading zeros of the salt, and with them what they were.
    let salt = std::iter::successors(Some(salt), |salt| salt.strip_prefix("00")).last().unwrap_or(salt);
    let (Some(salt), Some(key)) = (from_hex(salt), from_hex(key)) else {
        return Err(Fault::Malformed("its salt or its key is not hexadecimal"));
    };
    build(n.ilog2().into(), r, p, salt, key)
}

/// `$9$salt$key` of Cisco's IOS: fixed parameters, the salt as text.
pub(in crate::hash) fn parse_cisco(value: &str) -> Parsed {
    let [salt, key] = fields(value.strip_prefix("$9$").ok_or(Fault::Foreign)?, '$').ok_or(Fault::Foreign)?;
    let key = from_crypt_high(key).filter(|key| salt.len() == 14 && key.len() == 32);
    build(14, 1, 1, salt.into(), key.ok_or(Fault::Malformed("14 characters of salt and 43 of key are expected"))?)
}

fn decoded(salt: &str, key: &str) -> Result<(Vec<u8>, Vec<u8>), Fault> {
    let decoded = from_base64(salt).zip(from_base64(key));
    let (salt, key) = decoded.ok_or(Fault::Malformed("its salt or its key is not base64"))?;
    uncut(&key)?;
    Ok((salt, key))
}

/// The challenge, if the algorithm is defined for these numbers at all.
fn build(log_n: u64, r: u64, p: u64, salt: Vec<u8>, key: Vec<u8>) -> Parsed {
    let positive = |number| u32::try_from(number).ok().filter(|n| *n > 0);
    let (Some(log_n), Some(r), Some(p)) =
        (u8::try_from(log_n).ok().filter(|n| (1..64).contains(n)), positive(r), positive(p))
    else {
        return Err(Fault::Malformed("its parameters are outside of what scrypt defines"));
    };
    Ok(Challenge::new(Kernel::Scrypt(Scrypt { log_n, r, p, salt }), key))
}

fn template(cost: &Cost, draw: &mut Draw<'_>) -> Result<Challenge, &'static str> {
    let log_n = cost.cost.unwrap_or(17);
    let log_n = u8::try_from(log_n).ok().filter(|n| (10..64).contains(n));
    let kernel = Scrypt {
        log_n: log_n.ok_or("the cost of scrypt is log2 N, at least 10")?,
        r: 8,
        p: 1,
        salt: draw.bytes::<16>().to_vec(),
    };
    Ok(Challenge::new(Kernel::Scrypt(kernel), vec![0; 32]))
}

fn render(challenge: &Challenge) -> Option<String> {
    let Kernel::Scrypt(Scrypt { log_n, r, p, salt }) = &challenge.kernel else { return None };
    let (salt, key) = (to_base64_bare(salt), to_base64_bare(&challenge.expected));
    Some(format!("$scrypt$ln={log_n},r={r},p={p}${salt}${key}"))
}
