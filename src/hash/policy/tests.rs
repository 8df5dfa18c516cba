//! What the policy computes for whom.

use super::super::challenge::RUNS;
use super::super::spec::{Accept, Description, FormatSpec, Pepper, Secrets};
use super::*;

fn runs(f: impl FnOnce()) -> Vec<String> {
    RUNS.take();
    f();
    RUNS.take()
}

/// After one row was seen, a decoy runs the kernel of that row with its parameters, and so does a locked account.
#[test]
fn a_decoy_does_the_same_work() {
    let password = Password::new("a password");
    for value in [
        "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$wp$2y$05$2U3rNcTurfs2v.ToWqB1s.r7vbvruREGt6vTVfqu3NU8Z5tP7k3mm",
        "$argon2id$v=19$m=16,t=3,p=1$qod0wW65c/HHQb195Ipj1Q$BB8H5tJY09pL6bmA9ga0WZi7nJeqS98isZm4A0QfBTE",
        "pbkdf2_sha256$5000$N2FkLBm4mOKNvuRM84ejph$gHk9QRlSGgkOKGLMilBlpOspwWF/111VTQKy9olyghc=",
    ] {
        let policy = Policy::compile(&Spec::new(Accept::Auto, None)).unwrap();
        let secret = Secret::new(value);
        let stored = Stored { value: Some(&secret), ..Stored::default() };
        let verified = runs(|| assert_eq!(policy.verify_blocking(&password, &stored), Ok(Verdict::Mismatch)));
        assert_eq!(verified.len(), 1);
        assert_eq!(runs(|| policy.decoy_blocking(&password)), verified);
        let absent = Stored::default();
        assert_eq!(runs(|| assert_eq!(policy.verify_blocking(&password, &absent), Ok(Verdict::NoPassword))), verified);
        assert_eq!(policy.memory_needed(None), policy.memory_needed(Some(&stored)));
    }
}

/// Several formats, an expression, two peppers: whoever is unknown, locked or unreadable costs what most rows do.
#[test]
fn a_decoy_does_what_most_rows_do() {
    let secrets = Secrets(vec![Secret::new("new"), Secret::new("old")]);
    let pepper = Some(Pepper { secrets, position: None });
    let peppered = Description { pepper, ..Description::expression("sha1($pepper . $salt . $pass)") };
    let formats = vec![
        FormatSpec::Described(Box::new(peppered)),
        FormatSpec::Named("phpass".to_owned()),
        FormatSpec::Named("argon2id".to_owned()),
    ];
    let policy = Policy::compile(&Spec::new(Accept::Formats(formats), None)).unwrap();
    let (password, salt) = (Password::new("a password"), Secret::new("salt"));
    let decoy = || runs(|| policy.decoy_blocking(&password));
    let verified = |value: &str| {
        let value = Secret::new(value);
        let stored = Stored { value: Some(&value), salt: Some(&salt), ..Stored::default() };
        runs(|| drop(policy.verify_blocking(&password, &stored)))
    };
    let twice = vec!["sha1($pepper . $salt . $pass) of 40 bytes"; 2];
    assert_eq!(decoy(), twice, "before any row, as for the first format");
    assert_eq!(verified("5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8"), twice, "a wrong password is tried with both");
    let phpass = ["phpass md5 cost=11 of 16 bytes"];
    for _ in 0..3 {
        assert_eq!(verified("$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"), phpass);
    }
    assert_eq!(decoy(), phpass);
    for unreadable in
        ["$P$9IQRaTwmfeRo7ud", "$argon2id$v=19$m=4194304,t=3,p=1$qod0wW65c/HHQb195Ipj1Q$BB8H5tJY09pL6bmA9ga0WQ", "?"]
    {
        assert_eq!(verified(unreadable), [""; 0], "the caller follows with a decoy");
        assert_eq!(decoy(), phpass);
    }
    assert_eq!(verified("!locked"), phpass);
}

#[test]
fn before_any_row_a_decoy_costs_what_is_usual() {
    let decoy = |accept| {
        let policy = Policy::compile(&Spec::new(accept, None)).unwrap();
        runs(|| policy.decoy_blocking(&Password::new("a")))
    };
    assert_eq!(decoy(Accept::Auto), ["argon2id v=19 m=19456 t=2 p=1 of 32 bytes"]);
    assert_eq!(
        decoy(Accept::Formats(vec![FormatSpec::Named("phpass".to_owned())])),
        ["phpass md5 cost=13 of 16 bytes"]
    );
}
