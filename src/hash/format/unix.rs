//! The passwords of Unix systems beyond the common ones: NetBSD, Solaris, AIX, FreeBSD's NT hash, libxcrypt.
//!
//! Invariant: exact digests only; what cannot be computed within the caps is refused before any allocation.

use super::{Draw, Writer};
use super::{bcrypt, des, enclosed, first_of, md5_crypt, prefixed, scrypt, sha_crypt};
use crate::hash::challenge::{Challenge, Fault, Parsed, Step};
use crate::hash::change::Change;
use crate::hash::codec::{crypt_value, from_aix, from_base64, from_crypt, from_hex, to_crypt};
use crate::hash::kernel::{Digest, Envelope, Kernel, Pbkdf2, Qnx, Sha1Crypt, SunMd5, Yescrypt};
use crate::hash::scan::{fields, is_hex, number32};
use crate::hash::spec::Charset;

/// The order in which sha1-crypt's text holds the bytes of the digest.
const SHA1_ORDER: [usize; 20] = [2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9, 14, 13, 12, 17, 16, 15, 19, 18];

/// `$y$j9T$`, as Debian and Fedora write it: 16 MiB.
pub(in crate::hash) const YESCRYPT_WRITER: Writer = Writer {
    names: &[],
    knobs: &[],
    template: |_, draw: &mut Draw<'_>| {
        let kernel = Yescrypt { log_n: 12, r: 32, p: 1, t: 0, salt: draw.bytes::<16>().to_vec(), envelope: None };
        Ok(Challenge::new(Kernel::Yescrypt(kernel), vec![0; 32]))
    },
    render: |challenge| {
        let Kernel::Yescrypt(Yescrypt { salt, .. }) = &challenge.kernel else { return None };
        Some(format!("$y$j9T${}${}", to_crypt(salt), to_crypt(&challenge.expected)))
    },
};

/// Whatever crypt(3) of some system makes: what stands after LDAP's `{CRYPT}`.
pub(in crate::hash) fn parse_crypt(value: &str) -> Parsed {
    let parsers = [
        bcrypt::parse,
        sha_crypt::parse_512,
        sha_crypt::parse_256,
        md5_crypt::parse,
        parse_yescrypt,
        parse_gost_yescrypt,
        parse_sm3_yescrypt,
        sha_crypt::parse_sm3,
        scrypt::parse_crypt,
        parse_sha1_crypt,
        parse_sun_md5,
        parse_nt,
        des::parse_bsdi,
        des::parse,
    ];
    first_of(&parsers, value)
}

/// `$sha1$rounds$salt$digest`. Junos fills the last group with anything, and it repeats the first byte elsewhere: not
/// read.
pub(in crate::hash) fn parse_sha1_crypt(value: &str) -> Parsed {
    let rest = value.strip_prefix("$sha1$").ok_or(Fault::Foreign)?;
    let [rounds, salt, digest] = fields(rest, '$').ok_or(Fault::Malformed("rounds, salt and digest are expected"))?;
    let rounds = number32(rounds).filter(|r| *r > 0).ok_or(Fault::Malformed("its rounds are not a positive number"))?;
    if salt.len() > 64 {
        return Err(Fault::Malformed("its salt is longer than 64 characters"));
    }
    let stored =
        from_crypt(digest, 21).ok_or(Fault::Malformed("its digest is not 28 characters of crypt's alphabet"))?;
    let mut digest = vec![0; 20];
    for (place, byte) in SHA1_ORDER.into_iter().zip(stored[..18].iter().chain(&stored[19..])) {
        digest[place] = *byte;
    }
    Ok(Challenge::new(Kernel::Sha1Crypt(Sha1Crypt { rounds, salt: salt.into() }), digest))
}

/// `$md5,rounds=N$salt$$digest`; with one `$` before the digest, that `$` is not digested.
pub(in crate::hash) fn parse_sun_md5(value: &str) -> Parsed {
    let rest = value.strip_prefix("$md5").ok_or(Fault::Foreign)?;
    if !rest.starts_with(['$', ',']) {
        return Err(Fault::Foreign);
    }
    let (options, rest) = rest.split_once('$').ok_or(Fault::Malformed("a salt is expected"))?;
    let rounds = match options.strip_prefix(",rounds=") {
        Some(rounds) => number32(rounds).ok_or(Fault::Malformed("its rounds are not a number"))?,
        None if options.is_empty() => 0,
        None => return Err(Fault::Malformed("its only option is `rounds`")),
    };
    let (setting, digest) =
        value.rsplit_once('$').filter(|_| rest.contains('$')).ok_or(Fault::Malformed("a digest is expected"))?;
    let salt = rest.split_once('$').map_or("", |(salt, _)| salt);
    if rest.matches('$').count() > 2 || !salt.bytes().all(|c| crypt_value(c).is_some()) {
        return Err(Fault::Malformed("it has more parts than salt and digest"));
    }
    let digest = md5_crypt::untransposed(digest)
        .ok_or(Fault::Malformed("its digest is not 22 characters of crypt's alphabet"))?;
    Ok(Challenge::new(Kernel::SunMd5(SunMd5 { rounds, setting: setting.into() }), digest))
}

/// `$y$j9T$salt$digest`.
pub(in crate::hash) fn parse_yescrypt(value: &str) -> Parsed {
    yescrypt(value.strip_prefix("$y$").ok_or(Fault::Foreign)?, None)
}

/// `$gy$j9T$salt$digest`: all before the digest's `$` enters GOST's HMAC.
pub(in crate::hash) fn parse_gost_yescrypt(value: &str) -> Parsed {
    let rest = value.strip_prefix("$gy$").ok_or(Fault::Foreign)?;
    yescrypt(rest, Some(Envelope { digest: Digest::Streebog256, setting: setting(value).into() }))
}

/// `$sm3y$j9T$salt$digest`: the same with SM3; libxcrypt leaves out the last two bytes of what enters HMAC, since it
/// measures the shorter `$y$`, and exchanges key and text.
pub(in crate::hash) fn parse_sm3_yescrypt(value: &str) -> Parsed {
    let rest = value.strip_prefix("$sm3y$").ok_or(Fault::Foreign)?;
    let setting = setting(value).as_bytes();
    let setting = setting[..setting.len().saturating_sub(2)].to_vec();
    yescrypt(rest, Some(Envelope { digest: Digest::Sm3, setting }))
}

/// All before the digest's `$`.
fn setting(value: &str) -> &str {
    value.rsplit_once('$').map_or("", |(setting, _)| setting)
}

fn yescrypt(rest: &str, envelope: Option<Envelope>) -> Parsed {
    let [params, salt, digest] =
        fields(rest, '$').ok_or(Fault::Malformed("parameters, salt and digest are expected"))?;
    let digest =
        from_crypt(digest, 32).ok_or(Fault::Malformed("its digest is not 43 characters of crypt's alphabet"))?;
    let length = salt.len() * 6 / 8;
    let salt = from_crypt(salt, length)
        .filter(|salt| salt.len() <= 64)
        .ok_or(Fault::Malformed("its salt is not up to 86 characters of crypt's alphabet"))?;
    let [log_n, r, p, t] = yescrypt_params(params)
        .ok_or(Fault::Malformed("its parameters are not those of yescrypt as libxcrypt writes it"))?;
    let kernel = Yescrypt { log_n, r, p, t, salt, envelope };
    if !kernel.is_defined() {
        return Err(Fault::Malformed("its parameters are outside of what yescrypt defines"));
    }
    Ok(Challenge::new(Kernel::Yescrypt(kernel), digest))
}

/// log2 N, r, p and t; neither upgrades nor a ROM, which nothing writes.
fn yescrypt_params(text: &str) -> Option<[u32; 4]> {
    // The flavour: read-write with the only S-boxes that were ever released.
    let mut rest = text.strip_prefix('j')?.as_bytes();
    let (log_n, r) = (variable(&mut rest, 1)?, variable(&mut rest, 1)?);
    let (mut p, mut t) = (1, 0);
    if !rest.is_empty() {
        let more = variable(&mut rest, 1)?;
        if more & 1 != 0 {
            p = variable(&mut rest, 2)?;
        }
        if more & 2 != 0 {
            t = variable(&mut rest, 1)?;
        }
        if more & !3 != 0 {
            return None;
        }
    }
    rest.is_empty().then_some([log_n, r, p, t])
}

/// yescrypt's numbers: the first character tells how many more follow.
fn variable(rest: &mut &[u8], least: u32) -> Option<u32> {
    let mut take = || {
        let (first, tail) = rest.split_first()?;
        *rest = tail;
        crypt_value(*first).map(u32::from)
    };
    let first = take()?;
    let (mut number, mut start, mut end, mut bits) = (least, 0, 47, 0);
    while first > end {
        number += (end + 1 - start) << bits;
        start = end + 1;
        end = start + (62 - end) / 2;
        bits += 6;
    }
    number += (first - start) << bits;
    while bits > 0 {
        bits -= 6;
        number += take()? << bits;
    }
    Some(number)
}

/// `$3$$` and the hex of the NT hash; libxcrypt and FreeBSD widen the bytes of UTF-8 where others encode UTF-16.
pub(in crate::hash) fn parse_nt(value: &str) -> Parsed {
    let digest = value.strip_prefix("$3$").ok_or(Fault::Foreign)?;
    let digest = digest.strip_prefix('$').filter(|hex| is_hex(hex, 32)).and_then(from_hex);
    let digest = digest.ok_or(Fault::Malformed("32 hex digits are expected after `$3$$`"))?;
    let widened = prefixed(Digest::Md4, [], 1, digest.clone()).after([Step::Change(Change::Widen)]);
    Ok(nt(digest).or(widened))
}

/// The NT hash: MD4 of UTF-16.
pub(in crate::hash) fn nt(digest: Vec<u8>) -> Challenge {
    prefixed(Digest::Md4, [], 1, digest).after([Step::Encode(Charset::Utf16Le)])
}

/// `{ssha256}06$salt$digest`: PBKDF2 with a power of two of rounds; and `{smd5}`.
pub(in crate::hash) fn parse_aix(value: &str) -> Parsed {
    let shas = [("{ssha1}", Digest::Sha1, 27), ("{ssha256}", Digest::Sha256, 43), ("{ssha512}", Digest::Sha512, 86)];
    let Some((digest, length, rest)) =
        shas.into_iter().find_map(|(tag, digest, length)| Some((digest, length, value.strip_prefix(tag)?)))
    else {
        return md5_crypt::parse_aix(value);
    };
    let [cost, salt, stored] = fields(rest, '$').ok_or(Fault::Foreign)?;
    let cost = number32(cost).filter(|c| *c < 32).ok_or(Fault::Malformed("its cost is not in 0 to 31"))?;
    let stored = from_aix(stored).filter(|_| stored.len() == length);
    let stored = stored.ok_or(Fault::Malformed("its digest has not the length or alphabet of the format"))?;
    let kernel = Pbkdf2 { digest, rounds: 1 << cost, salt: salt.into(), output: Some(length / 4 * 3) };
    Ok(Challenge::new(Kernel::Pbkdf2(kernel), stored))
}

/// `@S,1000@digest@salt` of QNX 6, and `@S@` with PBKDF2 and base64 of QNX 7.
pub(in crate::hash) fn parse_qnx(value: &str) -> Parsed {
    let [kind, stored, salt] = fields(value.strip_prefix('@').ok_or(Fault::Foreign)?, '@').ok_or(Fault::Foreign)?;
    let (kind, times) = kind.split_once(',').unwrap_or((kind, "1000"));
    let digest = match kind {
        "m" => Digest::Md5,
        "s" => Digest::Sha256,
        "S" => Digest::Sha512,
        _ => return Err(Fault::Foreign),
    };
    let times = number32(times).ok_or(Fault::Malformed("its number of repetitions is not one"))?;
    if is_hex(stored, 2 * digest.length()) {
        let stored = from_hex(stored).ok_or(Fault::Foreign)?;
        return Ok(Challenge::new(Kernel::Qnx(Qnx { digest, times, salt: salt.into() }), stored));
    }
    let decoded = from_base64(stored).filter(|stored| kind == "S" && stored.len() == 64).zip(from_base64(salt));
    let (stored, salt) = decoded.ok_or(Fault::Malformed("its digest has not the length of its algorithm"))?;
    let kernel = Pbkdf2 { digest, rounds: 4096, salt, output: Some(64) };
    Ok(Challenge::new(Kernel::Pbkdf2(kernel), stored))
}

/// `{CRYPT}` was seen: anything else than a crypt(3) hash is damage.
pub(in crate::hash) fn parse_enclosed(value: &str) -> Parsed {
    enclosed(parse_crypt(value))
}
