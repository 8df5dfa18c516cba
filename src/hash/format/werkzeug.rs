//! Werkzeug (Flask) and web2py, whose old forms look alike: one hashes the salt as a key, the other behind the password.
//!
//! Invariant: salts are text; `algorithm$salt$hex` is read only where it was declared.

use super::{Draw, Writer};
use crate::hash::challenge::{Challenge, Fault, Inputs, Parsed};
use crate::hash::codec::{from_hex, to_hex};
use crate::hash::kernel::{Digest, Kernel, Pbkdf2, Salted, Scrypt};
use crate::hash::recipe::by_expression;
use crate::hash::scan::{fields, number, number32};
use crate::hash::spec::{Cost, Position};

/// `scrypt:32768:8:1$` as Werkzeug 3 writes it, and its PBKDF2.
pub(in crate::hash) const WRITERS: &[Writer] = &[
    Writer { names: &["werkzeug", "scrypt-werkzeug"], knobs: &["cost"], template: scrypt_template, render },
    Writer { names: &["werkzeug-pbkdf2"], knobs: &["rounds"], template: pbkdf2_template, render },
];

/// The rounds of a value that does not name them.
const OLD_ROUNDS: u32 = 1_000;

/// `scrypt:N:r:p$salt$hex`, `pbkdf2:digest:rounds$salt$hex`, `digest$salt$hex`.
pub(in crate::hash) fn parse(value: &str) -> Parsed {
    let [method, salt, stored] = fields(value, '$').ok_or(Fault::Foreign)?;
    let mut parts = method.split(':');
    let kind = parts.next().unwrap_or_default();
    let parts: Vec<&str> = parts.collect();
    match (kind, &parts[..]) {
        ("scrypt", [n, r, p]) => {
            let n = number(n).filter(|n| *n > 1 && n.is_power_of_two());
            let n = n.ok_or(Fault::Malformed("its N is not a power of two"))?;
            let [r, p] = [r, p].map(|text| number32(text).filter(|n| *n > 0));
            let (r, p) = r.zip(p).ok_or(Fault::Malformed("its r and p are not positive numbers"))?;
            let kernel = Scrypt { log_n: n.ilog2() as u8, r, p, salt: salt.into() };
            let stored = hex(stored)?;
            if stored.len() != 64 {
                return Err(Fault::Malformed("its digest is not 64 bytes of hex"));
            }
            Ok(Challenge::new(Kernel::Scrypt(kernel), stored))
        }
        ("pbkdf2", [digest, rounds @ ..]) => {
            let digest = Digest::named(digest).ok_or(Fault::Malformed("its digest is not supported"))?;
            let rounds = match rounds {
                [] => Some(OLD_ROUNDS),
                [rounds] => number32(rounds).filter(|rounds| *rounds > 0),
                _ => None,
            };
            let rounds = rounds.ok_or(Fault::Malformed("its rounds are not a positive number"))?;
            let kernel = Pbkdf2 { digest, rounds, salt: salt.into(), output: Some(digest.length()) };
            Ok(Challenge::new(Kernel::Pbkdf2(kernel), hex(stored)?))
        }
        ("plain", []) => Err(Fault::Malformed("it is a plain password, which is not verified")),
        (digest, []) => {
            let digest = Digest::named(digest).ok_or(Fault::Foreign)?;
            let formula = format!("hmac_{}($salt, $pass)", digest.name().replace('-', "_"));
            by_expression(&formula, stored, &Inputs { salt: Some(salt.as_bytes()), ..Inputs::NONE })
        }
        _ => Err(Fault::Foreign),
    }
}

/// Whether no other application writes such a value.
pub(in crate::hash) fn is_self_describing(value: &str) -> bool {
    value.starts_with("scrypt:") || value.starts_with("pbkdf2:")
}

/// web2py's `pbkdf2(rounds,length,digest)$salt$hex`, and `digest$salt$hex` with the site's key or without.
pub(in crate::hash) fn web2py(value: &str, inputs: &Inputs<'_>) -> Parsed {
    let [method, salt, stored] = fields(value, '$').ok_or(Fault::Foreign)?;
    if let Some(parameters) = method.strip_prefix("pbkdf2(").and_then(|rest| rest.strip_suffix(')')) {
        let [rounds, length, digest] =
            fields(parameters, ',').ok_or(Fault::Malformed("rounds, length and digest are expected"))?;
        let rounds = number32(rounds).filter(|rounds| *rounds > 0);
        let rounds = rounds.ok_or(Fault::Malformed("its rounds are not a positive number"))?;
        let output = number(length).map(|length| length as usize);
        let digest = Digest::named(digest).ok_or(Fault::Malformed("its digest is not supported"))?;
        let kernel = Pbkdf2 { digest, rounds, salt: salt.into(), output };
        return Ok(Challenge::new(Kernel::Pbkdf2(kernel), hex(stored)?));
    }
    let digest = Digest::named(method).ok_or(Fault::Foreign)?;
    let Some(key) = inputs.key else {
        let kernel = Salted { digest, salt: salt.into(), position: Position::Suffix, rounds: 1 };
        return Ok(Challenge::new(Kernel::Salted(kernel), hex(stored)?));
    };
    let formula = format!("hmac_{}($key . $salt, $pass)", digest.name().replace('-', "_"));
    by_expression(&formula, stored, &Inputs { salt: Some(salt.as_bytes()), key: Some(key), ..Inputs::NONE })
}

fn hex(text: &str) -> Result<Vec<u8>, Fault> {
    from_hex(text).ok_or(Fault::Malformed("its digest is not hexadecimal"))
}

fn scrypt_template(cost: &Cost, draw: &mut Draw<'_>) -> Result<Challenge, &'static str> {
    let log_n = u8::try_from(cost.cost.unwrap_or(15)).unwrap_or(u8::MAX);
    if log_n == 0 {
        return Err("the cost of scrypt is 1 at least");
    }
    let kernel = Scrypt { log_n, r: 8, p: 1, salt: salt(draw) };
    Ok(Challenge::new(Kernel::Scrypt(kernel), vec![0; 64]))
}

fn pbkdf2_template(cost: &Cost, draw: &mut Draw<'_>) -> Result<Challenge, &'static str> {
    super::pbkdf2::template(Digest::Sha256, cost.rounds.unwrap_or(1_000_000), salt(draw))
}

fn render(challenge: &Challenge) -> Option<String> {
    let stored = to_hex(&challenge.expected);
    match &challenge.kernel {
        Kernel::Scrypt(Scrypt { log_n, r, p, salt }) => {
            let n = 1_u64.checked_shl(u32::from(*log_n))?;
            Some(format!("scrypt:{n}:{r}:{p}${}${stored}", str::from_utf8(salt).ok()?))
        }
        Kernel::Pbkdf2(Pbkdf2 { rounds, salt, .. }) => {
            Some(format!("pbkdf2:sha256:{rounds}${}${stored}", str::from_utf8(salt).ok()?))
        }
        _ => None,
    }
}

/// 128 bits of randomness in letters that need no escape.
fn salt(draw: &mut Draw<'_>) -> Vec<u8> {
    to_hex(&draw.bytes::<16>()).into_bytes()
}
