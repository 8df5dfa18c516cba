//! Bare digests, which describe nothing.
//!
//! Invariant: as of the whole catalogue.

use super::super::format::digest;
use super::super::kernel::Digest;
use super::Format;

pub(super) const ROWS: &[Format] = &[
    Format {
        aliases: &["hex-md4", "hashcat:900"],
        vectors: &[("abc", "a448017aaf21d8525fc10ae87aa6729d")],
        ..Format::bare("md4", |value| digest::unsalted(value, Digest::Md4))
    },
    Format {
        aliases: &["hex-md5", "plain-md5", "hashcat:0"],
        vectors: &[("abc", "900150983cd24fb0d6963f7d28e17f72")],
        ..Format::bare("md5", |value| digest::unsalted(value, Digest::Md5))
    },
    Format {
        aliases: &["hex-sha1", "plain-sha1", "hashcat:100"],
        vectors: &[("abc", "a9993e364706816aba3e25717850c26c9cd0d89d")],
        ..Format::bare("sha1", |value| digest::unsalted(value, Digest::Sha1))
    },
    Format {
        aliases: &["hex-sha224", "hashcat:1300"],
        vectors: &[("abc", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7")],
        ..Format::bare("sha224", |value| digest::unsalted(value, Digest::Sha224))
    },
    Format {
        aliases: &["hex-sha256", "plain-sha256", "hashcat:1400"],
        vectors: &[("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")],
        ..Format::bare("sha256", |value| digest::unsalted(value, Digest::Sha256))
    },
    Format {
        aliases: &["hex-sha384", "hashcat:10800"],
        vectors: &[(
            "abc",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        )],
        ..Format::bare("sha384", |value| digest::unsalted(value, Digest::Sha384))
    },
    Format {
        aliases: &["hex-sha512", "plain-sha512", "hashcat:1700"],
        vectors: &[(
            "abc",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        )],
        ..Format::bare("sha512", |value| digest::unsalted(value, Digest::Sha512))
    },
];
