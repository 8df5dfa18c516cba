//! MediaWiki, Magento and Nextcloud: applications that mark each value with its scheme.
//!
//! Invariant: the marks decide; where a scheme stands on another, both are computed.

use super::forums::{of_php, of_php_or_md5, own};
use super::{Draw, Writer, argon2, bcrypt};
use crate::hash::challenge::{Challenge, Fault, Inputs, LayerForm, Parsed, Step};
use crate::hash::codec::{from_base64, from_hex, to_base64, to_hex};
use crate::hash::kernel::{Argon2, Digest, Kernel, Pbkdf2, Salted, Variant, Version};
use crate::hash::recipe::{by_expression, prehash};
use crate::hash::scan::{fields, number32};
use crate::hash::spec::{Cost, Position};

/// `:pbkdf2:sha512:30000:64:`, as MediaWiki 1.34.
pub(in crate::hash) const MEDIAWIKI_WRITER: Writer =
    Writer { names: &[], knobs: &["rounds"], template: mediawiki_template, render: mediawiki_render };

/// `3|$argon2id$`, as Nextcloud's hasher on PHP with Argon2id.
pub(in crate::hash) const NEXTCLOUD_WRITER: Writer = Writer {
    names: &[],
    knobs: argon2::WRITER.knobs,
    template: argon2::WRITER.template,
    render: |challenge| Some(format!("3|{}", argon2::render(challenge)?)),
};

/// `salt:digest:1`, Magento's SHA-256; its Argon2 is `magento-argon2`.
pub(in crate::hash) const MAGENTO_WRITERS: &[Writer] = &[
    Writer {
        names: &["magento"],
        knobs: &[],
        template: |_, draw| Ok(magento_template(Digest::Sha256, draw)),
        render: magento_render,
    },
    Writer {
        names: &["magento-argon2"],
        knobs: &["memory", "passes"],
        template: magento_argon2_template,
        render: magento_argon2_render,
    },
];

/// MediaWiki's `:type:…`.
pub(in crate::hash) fn mediawiki(value: &str) -> Parsed {
    let rest = value.strip_prefix(':').ok_or(Fault::Foreign)?;
    let (kind, rest) = rest.split_once(':').ok_or(Fault::Foreign)?;
    match kind {
        "A" if !rest.contains(':') => by_expression("md5($pass)", rest, &Inputs::NONE).map_err(own),
        // MediaWiki itself reads a salted `:A:` as `:B:`.
        "A" | "B" => {
            let (salt, stored) = rest.rsplit_once(':').ok_or(Fault::Malformed("salt and digest are expected"))?;
            let inputs = Inputs { salt: Some(salt.as_bytes()), ..Inputs::NONE };
            by_expression("md5($salt . '-' . md5($pass))", stored, &inputs).map_err(own)
        }
        "pbkdf2" => mediawiki_pbkdf2(rest),
        "bcrypt" => {
            let (cost, digest) = rest.split_once('$').ok_or(Fault::Malformed("cost, salt and digest are expected"))?;
            let cost = number32(cost).ok_or(Fault::Malformed("its cost is not a number"))?;
            // Salt and digest stand apart, too.
            let (salt, digest) = digest.split_once('$').ok_or(Fault::Malformed("salt and digest are expected"))?;
            bcrypt::parse(&format!("$2y${cost:02}${salt}{digest}")).map_err(own)
        }
        "argon2" => argon2::parse(rest).map_err(own),
        "pbkdf2-legacyA" | "pbkdf2-legacyB" => mediawiki_layers(kind, rest),
        "encrypted" => Err(Fault::Malformed("it is encrypted with a key of the site, which is not supported")),
        _ => Err(Fault::Foreign),
    }
}

/// PBKDF2 over the older `:A:` or `:B:`: `!sha512:30000:64!salt of B!salt!hash`.
fn mediawiki_layers(kind: &str, rest: &str) -> Parsed {
    let [none, parameters, inner, salt, stored] =
        fields(rest, '!').ok_or(Fault::Malformed("parameters, two salts and a hash are expected"))?;
    let formula = if kind.ends_with('A') { "md5($pass)" } else { "md5($salt . '-' . md5($pass))" };
    if !none.is_empty() || kind.ends_with('A') && !inner.is_empty() {
        return Err(Fault::Malformed("its first layer has parameters that it does not take"));
    }
    let step = prehash(formula, &Inputs { salt: Some(inner.as_bytes()), ..Inputs::NONE })?;
    Ok(mediawiki_pbkdf2(&format!("{parameters}:{salt}:{stored}"))?.after([step]))
}

fn mediawiki_pbkdf2(rest: &str) -> Parsed {
    let [digest, rounds, length, salt, stored] =
        fields(rest, ':').ok_or(Fault::Malformed("digest, rounds, length, salt and hash are expected"))?;
    let digest = Digest::named(digest).ok_or(Fault::Malformed("its digest is not supported"))?;
    let rounds = number32(rounds).filter(|rounds| *rounds > 0);
    let rounds = rounds.ok_or(Fault::Malformed("its rounds are not a positive number"))?;
    let length = number32(length).ok_or(Fault::Malformed("its length is not a number"))?;
    let salt = from_base64(salt).ok_or(Fault::Malformed("its salt is not base64"))?;
    let stored = from_base64(stored).ok_or(Fault::Malformed("its hash is not base64"))?;
    let kernel = Pbkdf2 { digest, rounds, salt, output: Some(length as usize) };
    Ok(Challenge::new(Kernel::Pbkdf2(kernel), stored))
}

fn mediawiki_template(cost: &Cost, draw: &mut Draw<'_>) -> Result<Challenge, &'static str> {
    super::pbkdf2::template(Digest::Sha512, cost.rounds.unwrap_or(30_000), draw.bytes::<16>().to_vec())
}

fn mediawiki_render(challenge: &Challenge) -> Option<String> {
    let Kernel::Pbkdf2(Pbkdf2 { digest, rounds, salt, .. }) = &challenge.kernel else { return None };
    let (salt, stored) = (to_base64(salt), to_base64(&challenge.expected));
    Some(format!(":pbkdf2:{}:{rounds}:{}:{salt}:{stored}", digest.name(), challenge.expected.len()))
}

/// Magento 1's `digest:salt`, and Magento 2's `digest:salt:version:version…`, whose versions stand on one another.
pub(in crate::hash) fn magento(value: &str) -> Parsed {
    if value.starts_with('$') {
        return of_php(value);
    }
    let mut parts = value.split(':');
    let stored = parts.next().unwrap_or_default();
    let salt = parts.next().unwrap_or_default();
    let versions: Vec<&str> = parts.collect();
    let digest = match stored.len() {
        32 => Digest::Md5,
        64 => Digest::Sha256,
        128 => Digest::Sha512,
        _ => return Err(Fault::Foreign),
    };
    let stored = from_hex(stored).ok_or(Fault::Foreign)?;
    if versions.is_empty() {
        return Ok(Challenge::new(salted(digest, salt), stored));
    }
    let mut kernels = versions.iter().map(|version| magento_version(version, salt)).collect::<Result<Vec<_>, _>>()?;
    let (last, length) = kernels.pop().ok_or(Fault::Foreign)?;
    if stored.len() != length {
        return Err(Fault::Malformed("its digest has not the length of its version"));
    }
    let layers = kernels.into_iter().map(|(kernel, length)| Step::Layer {
        kernel: Box::new(kernel),
        length,
        form: LayerForm::Hex,
    });
    Ok(Challenge::new(last, stored).after(layers))
}

/// Whether the value names its versions.
pub(in crate::hash) fn is_magento(value: &str) -> bool {
    let parts: Vec<&str> = value.split(':').collect();
    let known = |version: &str| matches!(version, "0" | "1" | "2") || version.starts_with("3_");
    parts.len() >= 3
        && parts[0].len() == 64
        && from_hex(parts[0]).is_some()
        && parts[2..].iter().all(|part| known(part))
}

/// A version's kernel and the bytes of its output.
fn magento_version(version: &str, salt: &str) -> Result<(Kernel, usize), Fault> {
    match version {
        "0" => Ok((salted(Digest::Md5, salt), 16)),
        "1" => Ok((salted(Digest::Sha256, salt), 32)),
        "2" => Ok((magento_argon2(salt, 2, 65_536), 32)),
        _ => {
            let parameters = version.strip_prefix("3_").ok_or(Fault::Malformed("its version is not known"))?;
            let [length, passes, memory] =
                fields(parameters, '_').ok_or(Fault::Malformed("length, passes and memory are expected"))?;
            let numbers = [length, passes, memory].map(number32);
            let [Some(length), Some(passes), Some(memory)] = numbers else {
                return Err(Fault::Malformed("length, passes or memory is not a number"));
            };
            let kernel = magento_argon2(salt, passes, memory / 1024);
            match &kernel {
                Kernel::Argon2(argon2) if argon2.is_defined() => Ok((kernel, length as usize)),
                _ => Err(Fault::Malformed("its parameters are outside of what Argon2 defines")),
            }
        }
    }
}

fn salted(digest: Digest, salt: &str) -> Kernel {
    Kernel::Salted(Salted { digest, salt: salt.into(), position: Position::Prefix, rounds: 1 })
}

/// The salt is cut, or repeated, to sixteen bytes.
fn magento_argon2(salt: &str, passes: u32, memory: u32) -> Kernel {
    let salt = if salt.is_empty() { vec![0; 16] } else { salt.bytes().cycle().take(16).collect() };
    let (variant, version) = (Variant::Id, Version::V19);
    Kernel::Argon2(Argon2 { variant, version, memory, passes, lanes: 1, salt, data: vec![] })
}

fn magento_template(digest: Digest, draw: &mut Draw<'_>) -> Challenge {
    let salt = to_hex(&draw.bytes::<16>());
    Challenge::new(salted(digest, &salt), vec![0; digest.length()])
}

fn magento_render(challenge: &Challenge) -> Option<String> {
    let Kernel::Salted(Salted { salt, .. }) = &challenge.kernel else { return None };
    Some(format!("{}:{}:1", to_hex(&challenge.expected), str::from_utf8(salt).ok()?))
}

fn magento_argon2_template(cost: &Cost, draw: &mut Draw<'_>) -> Result<Challenge, &'static str> {
    let salt = to_hex(&draw.bytes::<8>());
    let kernel = magento_argon2(&salt, cost.passes.unwrap_or(2), cost.memory.unwrap_or(65_536));
    match &kernel {
        Kernel::Argon2(argon2) if argon2.is_defined() => Ok(Challenge::new(kernel, vec![0; 32])),
        _ => Err("passes must be at least 1, and memory at least 8 KiB"),
    }
}

fn magento_argon2_render(challenge: &Challenge) -> Option<String> {
    let Kernel::Argon2(Argon2 { salt, passes, memory, .. }) = &challenge.kernel else { return None };
    let bytes = u64::from(*memory) * 1024;
    Some(format!("{}:{}:3_32_{passes}_{bytes}", to_hex(&challenge.expected), str::from_utf8(salt).ok()?))
}

/// Nextcloud and ownCloud: `1|`, `2|`, `3|`, and the hashes of ownCloud 6, with the site's salt or without.
pub(in crate::hash) fn nextcloud(value: &str, inputs: &Inputs<'_>) -> Parsed {
    if let Some((version, rest)) = value.split_once('|') {
        return match version {
            "1" => bcrypt::parse(rest).map_err(own),
            "2" | "3" => argon2::parse(rest).map_err(own),
            _ => Err(Fault::Malformed("its version is not 1, 2 or 3")),
        };
    }
    if value.len() == 40 {
        return by_expression("sha1($pass)", value, &Inputs::NONE);
    }
    let plain = of_php_or_md5(value)?;
    match inputs.pepper {
        None => Ok(plain),
        Some(_) => Ok(plain.clone().after([prehash("$pass . $pepper", inputs)?]).or(plain)),
    }
}

/// Whether the value names its version.
pub(in crate::hash) fn is_nextcloud(value: &str) -> bool {
    ["1|$2", "2|$argon2", "3|$argon2"].iter().any(|mark| value.starts_with(mark))
}
