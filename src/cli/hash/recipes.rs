//! The formulas that applications are known to have used, for finding out which one a hash is of.
//!
//! Invariant: every formula compiles for every digest; what it mentions says which inputs it takes.

/// The digests that applications use, with the length of their hex.
pub(super) const DIGESTS: [(&str, usize); 21] = [
    ("md5", 32),
    ("sha1", 40),
    ("sha256", 64),
    ("sha512", 128),
    ("sha384", 96),
    ("sha224", 56),
    ("md4", 32),
    ("ripemd160", 40),
    ("whirlpool", 128),
    ("sha3_256", 64),
    ("sha3_512", 128),
    ("keccak_256", 64),
    ("blake2b_512", 128),
    ("sm3", 64),
    ("sha3_224", 56),
    ("sha3_384", 96),
    ("keccak_224", 56),
    ("keccak_384", 96),
    ("keccak_512", 128),
    ("ripemd320", 80),
    ("blake2s_256", 64),
];

/// The digests that stand inside of another one.
pub(super) const INNER: [&str; 4] = ["md5", "sha1", "sha256", "sha512"];

/// Formulas over one digest D.
pub(super) const PLAIN: [&str; 33] = [
    "D($pass)",
    "D($salt . $pass)",
    "D($pass . $salt)",
    "D($salt . $pass . $salt)",
    "D($pass . $salt . $pass)",
    "D($salt . $pass . $pepper)",
    "D($pass . $salt . $pepper)",
    "D($pepper . $pass)",
    "D($pass . $pepper)",
    "D($pepper . $salt . $pass)",
    "D($pepper . $pass . $salt)",
    "hmac_D($salt, $pass)",
    "hmac_D($pass, $salt)",
    "hmac_D($pepper, $pass)",
    "hmac_D($pepper, $pass . $salt)",
    "hmac_D($pepper, $salt . $pass)",
    "D('--' . $salt . '--' . $pass . '--')",
    "D($pass . '{' . $salt . '}')",
    "D($salt . ':' . $pass)",
    "D($pass . ':' . $salt)",
    "D($salt . '-' . $pass)",
    "D($pass . '%%' . $salt)",
    "D($salt . '%%' . $pass)",
    "D($salt . '$$' . $pass)",
    "D(lower($user) . $pass)",
    "D($user . $pass)",
    "D($pass . $user)",
    "D($user . ':' . $pass)",
    "D($user . $pass . $salt)",
    "D($salt . $user . $pass)",
    "D($salt . $pass . $salt2)",
    "D(substr($salt, 0, 8) . $pass . substr($salt, 8))",
    "D(D_bin($pass))",
];

/// Formulas over a digest D with another one, I, inside.
pub(super) const NESTED: [&str; 28] = [
    "D(I($pass))",
    "D(I_bin($pass))",
    "D(I_b64($pass))",
    "D(upper(I($pass)))",
    "D(I(I($pass)))",
    "D(I($pass) . $salt)",
    "D($salt . I($pass))",
    "D(I_bin($pass) . $salt)",
    "D($salt . I_bin($pass))",
    "D(I($pass) . $salt . $pepper)",
    "D(I($salt) . I($pass))",
    "D(I($pass) . I($salt))",
    "D(I($salt . $pass))",
    "D(I($pass . $salt))",
    "D(I($salt . $pass . $salt))",
    "D($salt . I($pass . $salt))",
    "D($salt . I($salt . $pass))",
    "D($salt . I($salt . I($pass)))",
    "D(I(I($pass)) . $salt)",
    "D($salt . '-' . I($pass))",
    "D($user . '-' . I($pass))",
    "D(I($pass) . $user)",
    "D($user . I($pass))",
    "D(I(I($pass) . $salt) . $salt2)",
    "D($salt . upper(I($pass)))",
    "D($salt . I($salt2 . $pass))",
    "D($salt . upper(I($salt2 . $pass)))",
    "D(I($salt) . I(I($pass)))",
];

/// Formulas that are computed N times.
pub(super) const REPEATED: [&str; 9] = [
    "hex(repeat(D_bin($pass), D_bin($x), N))",
    "hex(repeat(D_bin($salt . $pass), D_bin($x), N))",
    "hex(repeat(D_bin($pass . $salt), D_bin($x), N))",
    "repeat($pass, D($x), N)",
    "repeat($salt . $pass, D($x), N)",
    "repeat($pass . $salt, D($x), N)",
    "repeat($pass, D($x . $salt), N)",
    "repeat($pass, D($salt . $x), N)",
    "repeat($pepper, D($x . '--' . $salt . '--' . $pass . '--' . $pepper), N)",
];

/// The numbers of repetitions that libraries have as a default.
pub(super) const TIMES: [u32; 18] = [2, 3, 4, 9, 10, 11, 19, 20, 99, 100, 499, 500, 999, 1000, 1023, 1024, 4999, 5000];

/// The rounds of PBKDF2 that libraries have as a default.
pub(super) const ROUNDS: [u32; 16] = [
    1_000, 1_024, 2_000, 2_048, 4_096, 5_000, 8_192, 10_000, 12_000, 20_000, 25_000, 50_000, 64_000, 100_000, 120_000,
    185_000,
];

/// What was done to the password's text.
pub(super) const TRANSFORMS: [&str; 9] =
    ["", "trim", "lower", "upper", "html", "htmlspecialchars", "addslashes", "ipb-escape", "nfkc"];

/// How the password became bytes.
pub(super) const CHARSETS: [&str; 5] = ["", "utf-16le", "utf-16be", "latin-1", "cp1252"];

/// What was hashed in the password's place before a slow hash.
pub(super) const PREHASHES: [&str; 11] = [
    "",
    "md5",
    "sha1",
    "sha256",
    "sha512",
    "base64(sha256_bin($pass))",
    "base64(sha384_bin($pass))",
    "base64(sha512_bin($pass))",
    "$pass . $pepper",
    "hmac_sha512_b64($pepper, $pass)",
    "lower($user) . $pass",
];
