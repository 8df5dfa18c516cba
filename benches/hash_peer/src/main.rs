//! Milliseconds of one bcrypt verification: alone, and each of a batch of 16. The arguments: a password and its hash.

use std::time::{Duration, Instant};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, password, hash] = &arguments[..] else { panic!("expected a password and a hash") };
    let alone = milliseconds(|| bcrypt_rust::verify(password, hash).expect("a hash"));
    let batch = milliseconds(|| {
        bcrypt_rust::verify_many(&[password.as_bytes(); 16], &[hash.as_str(); 16])
            .into_iter()
            .all(|right| right.expect("a hash"))
    });
    println!("{alone}\n{}", batch / 16.0);
}

fn milliseconds(call: impl Fn() -> bool) -> f64 {
    assert!(call());
    let (started, mut calls) = (Instant::now(), 0_u32);
    while started.elapsed() < Duration::from_millis(300) {
        assert!(call());
        calls += 1;
    }
    started.elapsed().as_secs_f64() * 1_000.0 / f64::from(calls)
}
