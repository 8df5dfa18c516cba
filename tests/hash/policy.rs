//! Compiling, writing, and what counts as outdated.

use userbridge::hash::{
    Accept, Base, Caps, Charset, Columns, Cost, Description, Doubt, Encoding, FORMATS, FormatSpec, Item, Policy,
    Position, Problem, Rounds, SaltEncoding, SaltSpec, Spec, Split, SplitOrder, Stored, Verdict, When, WriteError,
};
use userbridge::secret::{Password, Secret};

use super::{CHEAP, accepting, auto, counter, named, policy, verify, verify_salted};

fn tuned(format: &str, cost: Cost) -> Option<FormatSpec> {
    Some(FormatSpec::Tuned { format: format.to_owned(), cost })
}

fn sha1() -> Description {
    Description { salt: Some(SaltSpec::text(Position::Suffix)), ..Description::digest("SHA-1") }
}

fn described(description: Description) -> FormatSpec {
    FormatSpec::Described(Box::new(description))
}

#[test]
fn what_is_written_is_verified_and_current() {
    let cheap = |cost| Cost { cost: Some(cost), ..Cost::default() };
    let rounds = Cost { rounds: Some(2000), ..Cost::default() };
    for (write, begins) in [
        (named("argon2id"), "$argon2id$v=19$m=19456,t=2,p=1$"),
        (tuned("bcrypt", cheap(4)), "$2b$04$"),
        (tuned("phpass", cheap(7)), "$P$5"),
        (tuned("wordpress", cheap(4)), "$wp$2y$04$"),
        (tuned("django", rounds), "pbkdf2_sha256$2000$"),
        (tuned("django-argon2", Cost { memory: Some(64), ..Cost::default() }), "argon2$argon2id$v=19$m=64,t=2,p=1$"),
        (tuned("pbkdf2-phc", rounds), "$pbkdf2-sha256$i=2000,l=32$"),
        (tuned("pbkdf2-sha512-phc", rounds), "$pbkdf2-sha512$i=2000,l=64$"),
        (tuned("pbkdf2-mcf", rounds), "$pbkdf2-sha256$2000$"),
        (tuned("pbkdf2_sha512", rounds), "$pbkdf2-sha512$2000$"),
        (tuned("sha512-crypt", rounds), "$6$rounds=2000$"),
        (tuned("ldap-pbkdf2-sha512", rounds), "{PBKDF2-SHA512}2000$"),
        (tuned("scrypt-phc", cheap(10)), "$scrypt$ln=10,r=8,p=1$"),
        (tuned("dovecot", Cost { memory: Some(64), ..Cost::default() }), "{ARGON2ID}$argon2id$v=19$m=64,t=2,p=1$"),
        (tuned("postgres-scram-sha-256", Cost { rounds: Some(5000), ..Cost::default() }), "SCRAM-SHA-256$5000:"),
        (named("yescrypt"), "$y$j9T$"),
        (named("ldap"), "{SSHA512}"),
        (named("ssha256"), "{SSHA256}"),
        (named("{SSHA}"), "{SSHA}"),
    ] {
        let policy = policy(Accept::Auto, write);
        policy.self_test().unwrap();
        let written = policy.write_blocking(&Password::new("påssword"), &mut counter()).unwrap();
        let text = str::from_utf8(written.hash.expose()).unwrap();
        assert!(text.starts_with(begins), "{text}");
        assert_eq!(
            policy.verify_blocking(&Password::new("påssword"), &written.as_stored()),
            Ok(Verdict::Match { outdated: false })
        );
        assert_eq!(policy.verify_blocking(&Password::new("passwörd"), &written.as_stored()), Ok(Verdict::Mismatch));
        let again = policy.write_blocking(&Password::new("påssword"), &mut |b| b.fill(7)).unwrap();
        assert_ne!(written.hash.expose(), again.hash.expose(), "the salt comes from the caller's randomness");
    }
}

#[test]
fn defaults_are_those_of_the_applications() {
    for (name, begins) in [
        ("bcrypt", "$2b$12$"),
        ("bcrypt-2a", "$2a$12$"),
        ("bcrypt-2y", "$2y$12$"),
        ("phpass", "$P$B"),
        ("wordpress", "$wp$2y$10$"),
        ("django", "pbkdf2_sha256$1000000$"),
        ("pbkdf2-sha256", "$pbkdf2-sha256$600000$"),
    ] {
        let written = policy(Accept::Auto, named(name)).write_blocking(&Password::new("a"), &mut counter()).unwrap();
        assert!(written.hash.expose().starts_with(begins.as_bytes()), "{name}");
    }
}

#[test]
fn what_is_written_beside_the_hash_is_believed_before_it_stands_in_a_row() {
    let columns = Columns { salt: Some("salt".into()), algorithm: Some("kind".into()), ..Columns::default() };
    let new = |algorithm: Option<&str>| Description {
        rounds: Some(Rounds::Fixed(1000)),
        length: Some(50),
        salt: Some(SaltSpec { length: Some(10), ..SaltSpec::text(Position::Prefix) }),
        algorithm: algorithm.map(str::to_owned),
        ..Description::digest("pbkdf2-sha256")
    };
    for algorithm in [Some("pbkdf2$1000$50"), None] {
        let gitea = Description {
            when: When { column: Some("kind".into()), empty: Some(false), ..When::default() },
            ..Description::named("gitea")
        };
        let accept = Accept::Formats(vec![described(gitea)]);
        let spec =
            Spec { accept, write: Some(described(new(algorithm))), columns: columns.clone(), caps: Caps::default() };
        let policy = Policy::compile(&spec).unwrap();
        policy.self_test().unwrap();
        let written = policy.write_blocking(&Password::new("pass"), &mut counter()).unwrap();
        let row =
            [("salt", written.salt.clone()), ("kind", algorithm.map(|text| Secret::new(text.as_bytes().to_vec())))];
        let row = row.map(|(name, value)| (name.to_owned(), value));
        let stored = Stored { value: Some(&written.hash), extra: &row, ..Stored::default() };
        let verdict = policy.verify_blocking(&Password::new("pass"), &stored).unwrap();
        assert!(matches!(verdict, Verdict::Match { .. }), "{algorithm:?}");
    }
}

#[test]
fn salted_digests_are_written_with_their_salt() {
    let split = Some(Split { separator: ":".to_owned(), order: SplitOrder::SaltFirst });
    for spec in [
        sha1(),
        Description { split, ..sha1() },
        Description {
            charset: Charset::Utf16Le,
            rounds: Some(Rounds::Fixed(3)),
            encoding: Some(Encoding::Base64),
            ..sha1()
        },
        Description {
            salt: Some(SaltSpec { encoding: SaltEncoding::Base64, ..SaltSpec::text(Position::Prefix) }),
            ..sha1()
        },
    ] {
        let columns = spec.split.is_none();
        let policy = policy(Accept::Auto, Some(described(spec)));
        assert_eq!((policy.needs_salt(), policy.warnings().len()), (columns, 1));
        policy.self_test().unwrap();
        let written = policy.write_blocking(&Password::new("pass"), &mut counter()).unwrap();
        assert_eq!(written.salt.is_some(), columns);
        assert_eq!(
            policy.verify_blocking(&Password::new("pass"), &written.as_stored()),
            Ok(Verdict::Match { outdated: false })
        );
    }
    let policy = policy(Accept::Formats(vec![described(sha1())]), None);
    let stored = "59b3e8d637cf97edbe2384cf59cb7453dfe30789"; // sha1("passwordsalt")
    assert!(verify(&policy, "password", stored).is_err(), "a salt that is NULL gives no answer");
    assert_eq!(verify_salted(&policy, "password", stored, Some(b"")), Ok(Verdict::Mismatch));
}

#[test]
fn what_a_format_cannot_carry_is_not_written() {
    let write = |name: &str, password: &str| {
        policy(Accept::Auto, named(name)).write_blocking(&Password::new(password), &mut counter())
    };
    assert!(matches!(write("bcrypt", &"a".repeat(73)), Err(WriteError::TooLong { limit: 72, .. })));
    assert!(write("bcrypt", &"a".repeat(72)).is_ok());
    assert!(matches!(write("bcrypt", "a\0b"), Err(WriteError::Unencodable { .. })));
    assert!(matches!(write("argon2id", ""), Err(WriteError::Unacceptable)));
    assert!(matches!(auto().write_blocking(&Password::new("a"), &mut counter()), Err(WriteError::NotDeclared)));
    // WordPress hashes first, so that every byte counts.
    let wordpress = policy(Accept::Auto, tuned("wordpress", Cost { cost: Some(4), ..Cost::default() }));
    let written = wordpress.write_blocking(&Password::new("a".repeat(100)), &mut counter()).unwrap();
    let other = Password::new(format!("{}b", "a".repeat(99)));
    assert_eq!(wordpress.verify_blocking(&other, &written.as_stored()), Ok(Verdict::Mismatch));
}

#[test]
fn what_another_format_would_claim_cannot_be_written() {
    let unsalted = FormatSpec::Named("sha1".to_owned());
    let spec = Spec::new(Accept::Formats(vec![unsalted]), Some(described(sha1())));
    let errors = Policy::compile(&spec).unwrap_err();
    assert_eq!((errors[0].item, errors[0].problem), (Item::Write, Problem::Ambiguous));
}

#[test]
fn weaker_is_outdated_and_stronger_is_left_alone() {
    let outdated = |write, value: &str| match verify(
        &policy(Accept::Auto, write),
        CHEAP.iter().find(|(_, v)| *v == value).unwrap().0,
        value,
    ) {
        Ok(Verdict::Match { outdated }) => outdated,
        other => panic!("{other:?}"),
    };
    let (argon2, bcrypt, wordpress, phpass) = (CHEAP[0].1, CHEAP[1].1, CHEAP[2].1, CHEAP[3].1);
    let cheap = |cost| Cost { cost: Some(cost), ..Cost::default() };
    assert!(outdated(named("argon2id"), argon2), "less memory");
    assert!(outdated(named("argon2id"), bcrypt) && outdated(named("argon2id"), phpass));
    assert!(!outdated(tuned("argon2id", Cost { memory: Some(16), ..Cost::default() }), argon2), "more passes");
    assert!(!outdated(tuned("bcrypt", cheap(5)), bcrypt) && outdated(tuned("bcrypt", cheap(6)), bcrypt));
    assert!(outdated(tuned("bcrypt", cheap(4)), wordpress), "the same kernel after other steps");
    assert!(!outdated(named("phpass"), bcrypt) && !outdated(named("phpass"), argon2), "a rehash never weakens");
    assert!(!outdated(None, phpass));
}

#[test]
fn bcrypt_ignores_what_comes_after_72_bytes_on_reading() {
    let bcrypt = policy(Accept::Auto, tuned("bcrypt", Cost { cost: Some(4), ..Cost::default() }));
    let written = bcrypt.write_blocking(&Password::new("a".repeat(72)), &mut counter()).unwrap();
    let verdict = |length| bcrypt.verify_blocking(&Password::new("a".repeat(length)), &written.as_stored());
    assert_eq!(
        (verdict(72), verdict(100)),
        (Ok(Verdict::Match { outdated: false }), Ok(Verdict::Match { outdated: false }))
    );
    assert_eq!(verdict(71), Ok(Verdict::Mismatch));
}

#[test]
fn every_mistake_is_reported_with_a_way_out() {
    let digest = Description { base: Base::Digest("sha255".to_owned()), ..sha1() };
    let empty =
        Description { split: Some(Split { separator: String::new(), order: SplitOrder::DigestFirst }), ..sha1() };
    let accept = Accept::Formats(vec![
        FormatSpec::Named("bcript".to_owned()),
        FormatSpec::Named("phpass".to_owned()),
        described(digest),
        described(empty),
    ]);
    let errors = Policy::compile(&Spec::new(accept, named("argon2i"))).unwrap_err();
    let items: Vec<_> = errors.iter().map(|error| error.item).collect();
    assert_eq!(items, [Item::Accept(0), Item::Accept(2), Item::Accept(3), Item::Write]);
    let text: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert!(text[0].contains("`bcrypt`") && text[1].contains("`sha256`") && text[3].contains("`argon2id`"), "{text:?}");
}

#[test]
fn what_cannot_be_written_does_not_compile() {
    let refused = |write| Policy::compile(&Spec::new(Accept::Auto, write)).unwrap_err()[0].to_string();
    assert!(refused(tuned("bcrypt", Cost { cost: Some(15), ..Cost::default() })).contains("above the cap"));
    assert!(refused(tuned("bcrypt", Cost { cost: Some(3), ..Cost::default() })).contains("4 to 31"));
    assert!(refused(tuned("bcrypt", Cost { rounds: Some(10), ..Cost::default() })).contains("no `rounds`"));
    assert!(refused(tuned("argon2id", Cost { memory: Some(4 << 20), ..Cost::default() })).contains("KiB of memory"));
    assert!(refused(named("apr1")).contains("not written"));
    assert!(refused(Some(described(Description { salt: None, ..sha1() }))).contains("unsalted"));
    assert!(Policy::compile(&Spec::new(Accept::Formats(vec![]), None)).is_err());
}

#[test]
fn a_policy_warns_of_weak_and_repeated_formats() {
    assert!(policy(Accept::Auto, named("phpass")).warnings()[0].message.contains("argon2id"));
    assert!(policy(Accept::Auto, named("argon2id")).warnings().is_empty());
    let hidden = Description { salt: Some(SaltSpec::text(Position::Prefix)), ..sha1() };
    let both = Policy::compile(&Spec::new(Accept::Formats(vec![described(sha1()), described(hidden)]), None));
    let errors = both.unwrap_err();
    assert_eq!((errors[0].item, errors[0].problem), (Item::Accept(1), Problem::Ambiguous));
    let twice = policy(Accept::Formats(vec![described(sha1()), described(sha1())]), None);
    assert_eq!((twice.warnings()[0].item, twice.warnings()[0].doubt), (Item::Accept(1), Doubt::Repeated));
}

#[test]
fn what_is_written_is_accepted_without_being_listed() {
    let policy = policy(Accept::Formats(vec![FormatSpec::Named("bcrypt".to_owned())]), named("argon2id"));
    assert!(format!("{policy:?}").contains(r#"["bcrypt", "argon2"]"#));
    policy.self_test().unwrap();
}

#[test]
fn every_format_passes_its_self_test() {
    for format in FORMATS {
        accepting(&[format.name]).self_test().unwrap();
    }
    auto().self_test().unwrap();
}

#[test]
fn memory_is_known_before_it_is_used() {
    let policy = policy(Accept::Auto, named("argon2id"));
    let value = userbridge::secret::Secret::new(CHEAP[0].1);
    let stored = userbridge::hash::Stored { value: Some(&value), ..Default::default() };
    assert_eq!(policy.memory_needed(Some(&stored)), 16 * 1024);
    assert_eq!((policy.memory_needed(None), policy.memory_to_write()), (19456 * 1024, 19456 * 1024));
    let locked = userbridge::hash::Stored::default();
    assert_eq!(policy.memory_needed(Some(&locked)), 19456 * 1024, "its decoy");
}

#[test]
fn formats_with_a_name_in_the_hash_need_it() {
    let hash = userbridge::secret::Secret::new("md554661ed402264b8808323fa3b079a768");
    let of = |user| userbridge::hash::Stored { value: Some(&hash), user, ..Default::default() };
    let declared = accepting(&["postgres-md5"]);
    assert!(declared.needs_user() && !auto().needs_user() && !accepting(&["dovecot"]).needs_user());
    for policy in [declared, auto()] {
        let verify = |user| policy.verify_blocking(&Password::new("pgpass1"), &of(user));
        assert_eq!(verify(Some("alice")), Ok(Verdict::Match { outdated: false }));
        assert_eq!(verify(Some("Alice")), Ok(Verdict::Mismatch));
        assert!(verify(None).unwrap_err().to_string().contains("the user's name"));
    }
}

#[test]
fn saslprep_makes_equal_what_looks_equal() {
    let policy = policy(Accept::Auto, named("postgres-scram-sha-256"));
    let written = policy.write_blocking(&Password::new("pa\u{2168}\u{a0}ss"), &mut counter()).unwrap();
    assert_eq!(
        policy.verify_blocking(&Password::new("paIX ss"), &written.as_stored()),
        Ok(Verdict::Match { outdated: false })
    );
}
