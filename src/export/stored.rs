//! Stored hashes taken apart, for targets that want their parts.

/// bcrypt in the modular format: `$2b$10$` and 53 characters.
pub(super) struct Bcrypt<'a> {
    /// The base-2 logarithm of the rounds.
    pub cost: u8,
    /// 22 characters of bcrypt's own base64.
    pub salt: &'a str,
    /// 31 characters of it.
    pub digest: &'a str,
}

impl<'a> Bcrypt<'a> {
    pub fn parse(hash: &'a str) -> Option<Self> {
        let rest = ["$2a$", "$2b$", "$2y$"].into_iter().find_map(|prefix| hash.strip_prefix(prefix))?;
        let (cost, rest) = rest.split_once('$')?;
        let plain = rest.len() == 53 && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'/');
        let (salt, digest) = rest.split_at_checked(22).filter(|_| plain)?;
        Some(Self { cost: cost.parse().ok()?, salt, digest })
    }
}

/// Argon2 in the PHC format: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, base64 without padding.
pub(super) struct Argon2<'a> {
    /// `i`, `d` or `id`.
    pub variant: &'a str,
    pub memory: u32,
    pub passes: u32,
    pub lanes: u32,
    pub salt: &'a str,
    pub digest: &'a str,
}

impl<'a> Argon2<'a> {
    pub fn parse(hash: &'a str) -> Option<Self> {
        let mut parts = hash.strip_prefix("$argon2")?.split('$');
        let variant = parts.next().filter(|variant| ["i", "d", "id"].contains(variant))?;
        parts.next().filter(|version| *version == "v=19")?;
        let mut numbers = parts.next()?.split(',');
        let mut number = |name: &str| numbers.next()?.strip_prefix(name)?.strip_prefix('=')?.parse().ok();
        let (memory, passes, lanes) = (number("m")?, number("t")?, number("p")?);
        let (salt, digest) = (parts.next()?, parts.next()?);
        parts.next().is_none().then_some(Self { variant, memory, passes, lanes, salt, digest })
    }
}
