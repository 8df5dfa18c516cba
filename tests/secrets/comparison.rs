//! Secrets are compared in constant time: they cannot be compared with `==` at all, the source compares their bytes with
//! `subtle` only, and where two of them differ does not show in the time that it takes.

use std::marker::PhantomData;
use std::path::Path;
use std::time::{Duration, Instant};

use userbridge::access::{KeyDigest, NewKey};
use userbridge::secret::{Password, Secret};

/// Whether a type has a trait: the constant of its own is found first, if its bounds hold, and that of [`Lacks`] else.
struct Has<T>(PhantomData<T>);

trait Lacks {
    const EQUAL: bool = false;
    const LENT: bool = false;
}

impl<T> Lacks for Has<T> {}

impl<T, U> Has<(T, U)>
where
    T: PartialEq<U>,
{
    const EQUAL: bool = true;
}

impl<T> Has<[T; 1]>
where
    T: std::ops::Deref,
{
    const LENT: bool = true;
}

macro_rules! compares {
    ($type:ty) => {
        [
            <Has<($type, $type)>>::EQUAL,
            <Has<($type, Vec<u8>)>>::EQUAL,
            <Has<($type, [u8; 32])>>::EQUAL,
            <Has<($type, String)>>::EQUAL,
            <Has<($type, &'static str)>>::EQUAL,
            <Has<($type, &'static [u8])>>::EQUAL,
            // What lends its bytes can be compared after all.
            <Has<[$type; 1]>>::LENT,
        ]
    };
}

#[test]
fn secrets_cannot_be_compared_with_the_operator() {
    assert_eq!([compares!(Secret), compares!(Password), compares!(KeyDigest), compares!(NewKey)], [[false; 7]; 4]);
    // The control: of others it is seen that they can.
    assert_eq!(compares!(String), [true, false, false, true, true, false, true]);
    assert_eq!(compares!(Vec<u8>), [true, true, true, false, false, true, true]);
}

/// Comparisons of a secret's bytes in a source text that stop at the first difference.
fn early_comparisons(text: &str) -> Vec<&str> {
    let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
    let compared = |line: &&str| {
        let line = line.trim();
        ["==", "!="].iter().any(|operator| {
            line.match_indices(operator).any(|(at, _)| {
                let (before, after) = (line[..at].trim_end_matches([' ', ')']), &line[at + 2..]);
                let operand =
                    after.split(['&', '|', '{', ';']).find(|part| !part.trim().is_empty()).unwrap_or_default();
                let whole = |side: &str| side.ends_with(".expose(");
                let right = operand.find("expose()").is_some_and(|at| {
                    let rest = &operand[at + "expose()".len()..];
                    !rest.starts_with(".len()") && !rest.starts_with(".is_empty()")
                });
                whole(before) || right
            })
        })
    };
    code.lines().filter(compared).collect()
}

fn sources(folder: &Path, all: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            all.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn the_source_compares_secret_bytes_in_constant_time_only() {
    let mut all = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    assert!(all.len() > 200, "{} files", all.len());
    for (path, text) in &all {
        assert_eq!(early_comparisons(text), [""; 0], "{path}");
    }
    // Digests of keys, secrets, and what was computed of a password: each where it is compared.
    for (file, comparison) in [
        ("access/client.rs", "self.0.ct_eq(&other.0)"),
        ("secret.rs", "self.0.as_slice().ct_eq(other)"),
        ("hash/challenge.rs", "output.as_slice().ct_eq(&challenge.expected)"),
        ("hash/policy.rs", "trimmed_bytes(found).ct_eq(trimmed_bytes(written.expose()))"),
    ] {
        let (_, text) = all.iter().find(|(path, _)| path.ends_with(&format!("src/{file}"))).unwrap();
        assert!(text.contains(comparison), "{file} does not compare with subtle");
    }
    // The control.
    for wrong in
        ["if a.expose() == b {", "x == secret.expose()", "(trim(found.expose())) != y", "a && b == *c.expose()"]
    {
        assert_eq!(early_comparisons(wrong), [wrong]);
    }
    for right in ["a.expose().len() == 3", "3 == a.expose().len()", "a.expose().is_empty() == b", "a.ct_eq(b.expose())"]
    {
        assert_eq!(early_comparisons(right), [""; 0], "{right}");
    }
}

/// How much longer a comparison with a secret takes when the difference stands in the last byte of a mebibyte and not in
/// the first. The quickest of many, taken by turns, is what neither interrupts nor other programs have touched.
fn ratio(secret: &[u8], equal: impl Fn(&[u8]) -> bool) -> f64 {
    let differing = |at: usize| {
        let mut other = secret.to_vec();
        other[at] ^= 1;
        other
    };
    let others = [differing(0), differing(secret.len() - 1)];
    let mut quickest = [Duration::MAX; 2];
    for _ in 0..100 {
        for (quickest, other) in quickest.iter_mut().zip(&others) {
            let begun = Instant::now();
            assert!(!equal(std::hint::black_box(other)));
            *quickest = begun.elapsed().min(*quickest);
        }
    }
    let [first, last] = quickest.map(|time| time.as_secs_f64().max(1e-7));
    last / first
}

#[test]
fn where_two_secrets_differ_does_not_show_in_the_time() {
    let bytes = vec![7_u8; 1 << 20];
    let secret = Secret::new(bytes.clone());
    let ours = ratio(&bytes, |other| secret.matches(other));
    assert!((0.8..1.25).contains(&ours), "{ours}");
    // The control: the operator stops at the first difference, which the same measurement sees.
    let naive = ratio(&bytes, |other| std::hint::black_box(&bytes) == other);
    assert!(naive > 3.0, "{naive}");
}
