//! crypt(3) with DES and its successors, in crypt(3)'s own alphabet with the high bits first.
//!
//! Invariant: every length is exact; thirteen characters of an alphabet are no proof, so only BSDi's describe themselves.

use crate::hash::challenge::{Challenge, Fault, Parsed};
use crate::hash::codec::{crypt_value, from_crypt_high};
use crate::hash::kernel::{DesCrypt, Kernel};

/// Characters of a block of eight bytes.
const BLOCK: usize = 11;
/// The most blocks of HP-UX: 128 characters of password.
const BLOCKS: usize = 16;

/// `rl.3StKT.4T8M`: two characters of salt, eleven of digest.
pub(in crate::hash) fn parse(value: &str) -> Parsed {
    let (salt, digest) = divide(value, 2, 1..=1)?;
    challenge(DesCrypt::Traditional { salt }, digest)
}

/// `_J9..rjuNyiHiyZc0m02`: four characters of rounds, four of salt, eleven of digest.
pub(in crate::hash) fn parse_bsdi(value: &str) -> Parsed {
    let rest = value.strip_prefix('_').ok_or(Fault::Foreign)?;
    let (head, digest) = divide_text(rest, 8, 1..=1)?;
    let (rounds, salt) = head.split_at(4);
    let (rounds, salt) = number(rounds).zip(number(salt)).ok_or(Fault::Foreign)?;
    if rounds == 0 {
        return Err(Fault::Malformed("its rounds are zero"));
    }
    challenge(DesCrypt::Extended { salt, rounds }, digest)
}

/// Two characters of salt, eleven of digest for each eight characters of the password.
pub(in crate::hash) fn parse_big(value: &str) -> Parsed {
    let (salt, digest) = divide(value, 2, 1..=BLOCKS)?;
    challenge(DesCrypt::Big { salt, blocks: digest.len() / BLOCK }, digest)
}

/// Two characters of salt, twice eleven of digest.
pub(in crate::hash) fn parse_crypt16(value: &str) -> Parsed {
    let (salt, digest) = divide(value, 2, 2..=2)?;
    challenge(DesCrypt::Crypt16 { salt }, digest)
}

fn divide(value: &str, head: usize, blocks: std::ops::RangeInclusive<usize>) -> Result<(u32, &str), Fault> {
    let (salt, digest) = divide_text(value, head, blocks)?;
    Ok((number(salt).ok_or(Fault::Foreign)?, digest))
}

fn divide_text(value: &str, head: usize, blocks: std::ops::RangeInclusive<usize>) -> Result<(&str, &str), Fault> {
    let length = value.len().checked_sub(head).ok_or(Fault::Foreign)?;
    let fits = length.is_multiple_of(BLOCK) && blocks.contains(&(length / BLOCK));
    if !fits || !value.bytes().all(|c| crypt_value(c).is_some()) {
        return Err(Fault::Foreign);
    }
    Ok(value.split_at(head))
}

/// Six bits a character, the lowest first.
fn number(text: &str) -> Option<u32> {
    text.bytes().rev().try_fold(0, |number, c| Some(number << 6 | u32::from(crypt_value(c)?)))
}

fn challenge(kernel: DesCrypt, digest: &str) -> Parsed {
    let blocks = digest.as_bytes().chunks(BLOCK).map(|block| str::from_utf8(block).ok().and_then(from_crypt_high));
    let expected = blocks.collect::<Option<Vec<_>>>().ok_or(Fault::Foreign)?.concat();
    Ok(Challenge::new(Kernel::DesCrypt(kernel), expected))
}
