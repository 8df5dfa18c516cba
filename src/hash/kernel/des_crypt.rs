//! crypt(3) with DES, its successors of the 1980s and 1990s, and two digests made of DES.
//!
//! Invariant: the output is made of whole blocks of eight bytes.

use zeroize::Zeroizing;

use super::des::Des;
use super::{Caps, Kdf, Length, OverCap, Strength};

const BLOCK: usize = 8;

/// DES over a password, with its parameters.
#[derive(Clone, PartialEq)]
pub(in crate::hash) enum DesCrypt {
    /// crypt(3): 25 times, 12 bits of salt.
    Traditional { salt: u32 },
    /// BSDi: as often as it says, 24 bits of salt.
    Extended { salt: u32, rounds: u32 },
    /// HP-UX, Digital Unix: one block for each eight characters, the next salt from the last block.
    Big { salt: u32, blocks: usize },
    /// Ultrix: two blocks, 20 times and 5 times.
    Crypt16 { salt: u32 },
    /// LAN Manager: twice seven characters as keys over a constant.
    LanManager,
    /// Oracle to 10g: two passes of CBC over name and password, in capitals.
    Oracle { user: String },
}

impl Kdf for DesCrypt {
    fn cap(&self, _output: usize, caps: &Caps) -> Result<(), OverCap> {
        match self {
            Self::Extended { rounds, .. } => OverCap::check("rounds", *rounds, caps.digest_rounds),
            _ => Ok(()),
        }
    }

    fn length(&self) -> Length {
        Length::Exactly(match self {
            Self::Traditional { .. } | Self::Extended { .. } | Self::Oracle { .. } => BLOCK,
            Self::Crypt16 { .. } | Self::LanManager => 2 * BLOCK,
            Self::Big { blocks, .. } => blocks * BLOCK,
        })
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let blocks: Vec<u64> = match self {
            Self::Traditional { salt } => vec![Des::new(key(password)).encrypt_salted(0, *salt, 25)],
            Self::Extended { salt, rounds } => vec![Des::new(folded(password)).encrypt_salted(0, *salt, *rounds)],
            Self::Big { salt, .. } => big(password, *salt),
            Self::Crypt16 { salt } => {
                let (first, second) = password.split_at(password.len().min(BLOCK));
                [(first, 20), (second, 5)].map(|(part, n)| Des::new(key(part)).encrypt_salted(0, *salt, n)).into()
            }
            Self::LanManager => lan_manager(password).into(),
            Self::Oracle { user } => vec![oracle(user, password)?],
        };
        for (place, block) in output.chunks_exact_mut(BLOCK).zip(blocks) {
            place.copy_from_slice(&block.to_be_bytes());
        }
        Ok(())
    }

    fn reaches(&self, target: &Self) -> bool {
        match (self, target) {
            (Self::Extended { rounds, .. }, Self::Extended { rounds: wanted, .. }) => rounds >= wanted,
            _ => std::mem::discriminant(self) == std::mem::discriminant(target),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Traditional { .. } => "des-crypt".to_owned(),
            Self::Extended { rounds, .. } => format!("bsdi-crypt rounds={rounds}"),
            Self::Big { blocks, .. } => format!("bigcrypt blocks={blocks}"),
            Self::Crypt16 { .. } => "crypt16".to_owned(),
            Self::LanManager => "lmhash".to_owned(),
            Self::Oracle { .. } => "oracle10".to_owned(),
        }
    }

    fn forget_salt(&mut self) {
        match self {
            Self::Traditional { salt }
            | Self::Extended { salt, .. }
            | Self::Big { salt, .. }
            | Self::Crypt16 { salt } => *salt = 0,
            Self::LanManager => {}
            Self::Oracle { user } => *user = "x".repeat(user.len()),
        }
    }

    fn strength(&self) -> Strength {
        Strength::Fast
    }

    fn ends_at_nul(&self) -> bool {
        true
    }

    fn significant_bytes(&self) -> Option<usize> {
        match self {
            Self::Traditional { .. } => Some(BLOCK),
            Self::Crypt16 { .. } => Some(2 * BLOCK),
            Self::LanManager => Some(14),
            Self::Extended { .. } | Self::Big { .. } | Self::Oracle { .. } => None,
        }
    }

    fn is_defined_for(&self, password: &[u8]) -> bool {
        match self {
            Self::Big { blocks, .. } => password.len().div_ceil(BLOCK).max(1) == *blocks,
            // What other characters become depends on the code page of the machine.
            Self::LanManager => password.is_ascii(),
            _ => true,
        }
    }
}

/// Seven bits of each of the first eight characters.
fn key(password: &[u8]) -> u64 {
    let mut bytes = [0; BLOCK];
    for (byte, character) in bytes.iter_mut().zip(password) {
        *byte = character << 1;
    }
    u64::from_be_bytes(bytes)
}

/// BSDi's key: each further eight characters are added to the encryption of the key before them under itself.
fn folded(password: &[u8]) -> u64 {
    let mut parts = password.chunks(BLOCK);
    let first = key(parts.next().unwrap_or_default());
    parts.fold(first, |folded, part| Des::new(folded).encrypt(folded) ^ key(part))
}

fn big(password: &[u8], salt: u32) -> Vec<u64> {
    let mut salt = salt;
    let parts = password.chunks(BLOCK).map(|part| {
        let block = Des::new(key(part)).encrypt_salted(0, salt, 25);
        // Its first two characters: six bits each, the first one in the lower half of the salt.
        salt = (block >> 58) as u32 | ((block >> 52) as u32 & 63) << 6;
        block
    });
    parts.collect()
}

fn lan_manager(password: &[u8]) -> [u64; 2] {
    let upper = Zeroizing::new(password.to_ascii_uppercase());
    [0, 7].map(|start| {
        let bits = (start..start + 7).fold(0, |bits, i| bits << 8 | u64::from(upper.get(i).copied().unwrap_or(0)));
        let key = (0..8).fold(0, |key, i| key << 8 | (bits >> (49 - 7 * i) & 127) << 1);
        Des::new(key).encrypt(u64::from_be_bytes(*b"KGS!@#$%"))
    })
}

fn oracle(user: &str, password: &[u8]) -> Result<u64, String> {
    let password = str::from_utf8(password).map_err(|_| "the password is not text".to_owned())?;
    let text = Zeroizing::new(format!("{user}{password}").to_uppercase());
    let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
    let chained = |key: u64| {
        let des = Des::new(key);
        bytes.chunks(BLOCK).fold(0, |last, chunk| {
            let mut block = [0; BLOCK];
            block[..chunk.len()].copy_from_slice(chunk);
            des.encrypt(last ^ u64::from_be_bytes(block))
        })
    };
    Ok(chained(chained(0x0123_4567_89ab_cdef)))
}
