//! Argon2 (RFC 9106) d, i and id, versions 16 and 19.
//!
//! Invariant: each thread keeps one arena, reused between hashes and never larger than [`KEPT`] while idle.

use std::cell::RefCell;

use argon2_rust::params::{Memory, TagLen};
use argon2_rust::{Algorithm, Hasher, Params};

use super::{Caps, Kdf, Length, OverCap};

/// The arena a thread keeps between two hashes, in KiB; a larger one is given back at once. This much per hashing
/// thread comes on top of the memory budget.
const KEPT: u32 = 64 * 1024;

/// The shortest salt that the algorithm takes, in bytes.
pub(in crate::hash) const LEAST_SALT: usize = 8;

thread_local! {
    static ARENA: RefCell<Option<Hasher>> = const { RefCell::new(None) };
}

/// Which Argon2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hash) enum Variant {
    D,
    I,
    Id,
}

/// Its version; strings without `v=` are of version 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::hash) enum Version {
    V16,
    V19,
}

/// Argon2 with its parameters.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct Argon2 {
    pub variant: Variant,
    pub version: Version,
    /// In KiB.
    pub memory: u32,
    pub passes: u32,
    pub lanes: u32,
    pub salt: Vec<u8>,
    /// Associated data (`data=`); rare.
    pub data: Vec<u8>,
}

impl Kdf for Argon2 {
    fn cap(&self, _output: usize, caps: &Caps) -> Result<(), OverCap> {
        OverCap::check("KiB of memory", self.memory, caps.argon2_memory)?;
        OverCap::check("passes", self.passes, caps.argon2_passes)?;
        OverCap::check("lanes", self.lanes, caps.argon2_lanes)?;
        OverCap::check("KiB times passes", u64::from(self.memory) * u64::from(self.passes), caps.argon2_work)
    }

    fn length(&self) -> Length {
        Length::Chosen
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let argon2 = argon2_rust::Argon2::new(self.algorithm(), self.version(), self.params(output.len())?);
        ARENA.with_borrow_mut(|arena| {
            let hasher = arena.get_or_insert_with(|| argon2.hasher());
            hasher.set_argon2(argon2);
            let result = hasher.hash_into_with_ad(password, &self.salt, &[], &self.data, output);
            if hasher.reserved_blocks() > KEPT as usize {
                hasher.clear();
            }
            result.map_err(|e| e.to_string())
        })
    }

    fn reaches(&self, target: &Self) -> bool {
        let work = |a: &Self| u64::from(a.memory) * u64::from(a.passes);
        self.variant == target.variant
            && self.version >= target.version
            && self.memory >= target.memory
            && work(self) >= work(target)
    }

    fn describe(&self) -> String {
        let Self { variant, version, memory, passes, lanes, .. } = self;
        let version = if *version == Version::V19 { 19 } else { 16 };
        format!("argon2{} v={version} m={memory} t={passes} p={lanes}", variant.suffix())
    }

    fn forget_salt(&mut self) {
        self.salt.fill(0);
        self.data.fill(0);
    }

    fn memory(&self) -> u64 {
        u64::from(self.memory) * 1024
    }
}

impl Argon2 {
    fn algorithm(&self) -> Algorithm {
        match self.variant {
            Variant::D => Algorithm::Argon2d,
            Variant::I => Algorithm::Argon2i,
            Variant::Id => Algorithm::Argon2id,
        }
    }

    fn version(&self) -> argon2_rust::Version {
        match self.version {
            Version::V16 => argon2_rust::Version::V0x10,
            Version::V19 => argon2_rust::Version::V0x13,
        }
    }

    // One thread whatever the lanes: the pool decides how many cores hash, and the result is the same.
    fn params(&self, output: usize) -> Result<Params, String> {
        Params::builder()
            .memory(Memory::kib(self.memory.into()))
            .passes(self.passes)
            .lanes(self.lanes)
            .threads(1)
            .tag_len(TagLen::bytes(output as u64))
            .build()
            .map_err(|e| e.to_string())
    }

    /// Whether the algorithm is defined for these parameters at all (RFC 9106, 3.1).
    pub(in crate::hash) fn is_defined(&self) -> bool {
        self.lanes >= 1
            && self.passes >= 1
            && u64::from(self.memory) >= 8 * u64::from(self.lanes)
            && self.salt.len() >= LEAST_SALT
    }
}

impl Variant {
    /// What stands after `argon2` in its name.
    pub(in crate::hash) fn suffix(self) -> &'static str {
        match self {
            Self::D => "d",
            Self::I => "i",
            Self::Id => "id",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The `argon2` crate is the oracle: two independent implementations agree over a grid of parameters.
    #[test]
    fn agrees_with_another_implementation() {
        for (variant, algorithm) in [
            (Variant::D, argon2::Algorithm::Argon2d),
            (Variant::I, argon2::Algorithm::Argon2i),
            (Variant::Id, argon2::Algorithm::Argon2id),
        ] {
            for (version, other) in [(Version::V16, argon2::Version::V0x10), (Version::V19, argon2::Version::V0x13)] {
                for (memory, passes, lanes, length) in [
                    (8, 1, 1, 16),
                    (64, 1, 1, 32),
                    (64, 3, 4, 64),
                    (100, 2, 3, 17),
                    (1024, 2, 2, 32),
                    (4096, 1, 1, 128),
                ] {
                    let ours =
                        Argon2 { variant, version, memory, passes, lanes, salt: b"a salt, 8+".to_vec(), data: vec![] };
                    let mut found = vec![0; length];
                    ours.derive(b"p\xc3\xa4ss\0word", &mut found).unwrap();
                    let params = argon2::Params::new(memory, passes, lanes, Some(length)).unwrap();
                    let mut expected = vec![0; length];
                    argon2::Argon2::new(algorithm, other, params)
                        .hash_password_into(b"p\xc3\xa4ss\0word", &ours.salt, &mut expected)
                        .unwrap();
                    assert_eq!(found, expected, "{}", ours.describe());
                }
            }
        }
    }

    #[test]
    fn a_large_arena_is_not_kept() {
        let reserved = || ARENA.with_borrow(|a| a.as_ref().map_or(0, Hasher::reserved_blocks));
        let mut kernel = Argon2 {
            variant: Variant::Id,
            version: Version::V19,
            memory: 1024,
            passes: 1,
            lanes: 1,
            salt: vec![1; 8],
            data: vec![],
        };
        let mut out = [0; 32];
        kernel.derive(b"a", &mut out).unwrap();
        assert_eq!(reserved(), 1024);
        kernel.memory = KEPT + 4;
        kernel.derive(b"a", &mut out).unwrap();
        assert_eq!(reserved(), 0);
    }
}
