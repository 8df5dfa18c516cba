//! SHA-crypt: `$5$rounds=N$salt$digest` (SHA-256), `$6$` (SHA-512), and `$sm3$`, the same over SM3.
//!
//! Invariant: at most sixteen bytes of salt, exactly 43 or 86 characters of digest.

use super::{Draw, Writer};
use crate::hash::challenge::{Challenge, Fault, Parsed};
use crate::hash::codec::{from_crypt, to_crypt};
use crate::hash::kernel::{Kernel, SHA_CRYPT_ROUNDS, ShaCrypt, Sm3Crypt, Width};
use crate::hash::scan::number32;

/// The rounds of a string that does not name them.
const DEFAULT_ROUNDS: u32 = 5_000;

/// `$6$` with 100,000 rounds, about as slow as the bcrypt of cost 10.
pub(in crate::hash) const WRITER: Writer = Writer {
    names: &[],
    knobs: &["rounds"],
    template: |cost, draw| template(cost.rounds.unwrap_or(100_000), draw),
    render,
};

/// `$5$`.
pub(in crate::hash) fn parse_256(value: &str) -> Parsed {
    parse(value.strip_prefix("$5$").ok_or(Fault::Foreign)?, Width::Sha256)
}

/// `$6$`.
pub(in crate::hash) fn parse_512(value: &str) -> Parsed {
    parse(value.strip_prefix("$6$").ok_or(Fault::Foreign)?, Width::Sha512)
}

/// `$sm3$`.
pub(in crate::hash) fn parse_sm3(value: &str) -> Parsed {
    let (rounds, salt, digest) = parts(value.strip_prefix("$sm3$").ok_or(Fault::Foreign)?, Width::Sha256)?;
    Ok(Challenge::new(Kernel::Sm3Crypt(Sm3Crypt { rounds, salt }), digest))
}

fn parse(rest: &str, width: Width) -> Parsed {
    let (rounds, salt, digest) = parts(rest, width)?;
    Ok(Challenge::new(Kernel::ShaCrypt(ShaCrypt { width, rounds, salt }), digest))
}

/// Rounds, salt and digest.
fn parts(rest: &str, width: Width) -> Result<(u32, Vec<u8>, Vec<u8>), Fault> {
    let (rounds, rest) = match rest.strip_prefix("rounds=") {
        None => (DEFAULT_ROUNDS, rest),
        Some(rest) => {
            let (rounds, rest) = rest.split_once('$').ok_or(Fault::Malformed("a `$` is expected after the rounds"))?;
            (number32(rounds).ok_or(Fault::Malformed("its rounds are not a number"))?, rest)
        }
    };
    if !SHA_CRYPT_ROUNDS.contains(&rounds) {
        return Err(Fault::Malformed("its rounds are not in 1000 to 999999999"));
    }
    let (salt, digest) = rest.split_once('$').ok_or(Fault::Malformed("a `$` is expected between salt and digest"))?;
    if salt.len() > 16 {
        return Err(Fault::Malformed("its salt is longer than 16 bytes"));
    }
    let digest = untransposed(width, digest)
        .ok_or(Fault::Malformed("its digest has not the length or alphabet of the format"))?;
    Ok((rounds, salt.into(), digest))
}

/// The digest's bytes in their own order, from the text form's.
pub(in crate::hash) fn untransposed(width: Width, text: &str) -> Option<Vec<u8>> {
    let order = order(width);
    let stored = from_crypt(text, order.len())?;
    let mut digest = vec![0; order.len()];
    for (byte, place) in stored.into_iter().zip(order) {
        digest[place] = byte;
    }
    Some(digest)
}

fn template(rounds: u32, draw: &mut Draw<'_>) -> Result<Challenge, &'static str> {
    if !SHA_CRYPT_ROUNDS.contains(&rounds) {
        return Err("the rounds of SHA-crypt are in 1000 to 999999999");
    }
    let kernel = ShaCrypt { width: Width::Sha512, rounds, salt: draw.crypt_letters::<16>().to_vec() };
    Ok(Challenge::new(Kernel::ShaCrypt(kernel), vec![0; 64]))
}

fn render(challenge: &Challenge) -> Option<String> {
    let Kernel::ShaCrypt(ShaCrypt { width, rounds, salt }) = &challenge.kernel else { return None };
    let transposed: Vec<u8> =
        order(*width).into_iter().map(|place| challenge.expected.get(place).copied()).collect::<Option<_>>()?;
    Some(format!("$6$rounds={rounds}${}${}", str::from_utf8(salt).ok()?, to_crypt(&transposed)))
}

/// The order in which the text form holds the bytes of the digest: triples from three thirds, turned at each step.
fn order(width: Width) -> Vec<usize> {
    let (third, turn, tail): (usize, [usize; 3], &[usize]) = match width {
        Width::Sha256 => (10, [2, 0, 1], &[30, 31]),
        Width::Sha512 => (21, [1, 2, 0], &[63]),
    };
    let triples = std::iter::successors(Some([0, third, 2 * third]), |t| Some(turn.map(|i| t[i] + 1)));
    triples.take(third).flat_map(|[a, b, c]| [c, b, a]).chain(tail.iter().copied()).collect()
}
