//! Formats that a definition describes: expressions, digests by their parts, what stands around a named format.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

use proptest::prelude::*;
use userbridge::hash::{
    Accept, Change, Charset, Columns, Description, Encoding, FormatSpec, Need, Pepper, Policy, Position, Rounds,
    RoundsOver, SaltEncoding, SaltSpec, Secrets, Spec, SpecError, Split, SplitOrder, Stored, Text, Unreadable, Verdict,
    When,
};
use userbridge::secret::{Password, Secret};

const RIGHT: Result<Verdict, Unreadable> = Ok(Verdict::Match { outdated: false });

fn accept(formats: Vec<Description>) -> Accept {
    Accept::Formats(formats.into_iter().map(|format| FormatSpec::Described(Box::new(format))).collect())
}

fn policy(format: Description) -> Policy {
    Policy::compile(&Spec::new(accept(vec![format]), None)).unwrap()
}

fn refused(format: Description) -> SpecError {
    let errors = Policy::compile(&Spec::new(accept(vec![format]), None)).unwrap_err();
    errors.into_iter().next().unwrap()
}

fn expression(text: &str) -> Description {
    Description::expression(text)
}

fn verify(policy: &Policy, password: &str, value: impl Into<Vec<u8>>) -> Result<Verdict, Unreadable> {
    let value = Secret::new(value);
    policy.verify_blocking(&Password::new(password), &Stored { value: Some(&value), ..Stored::default() })
}

fn verify_with(policy: &Policy, password: &str, value: &str, stored: Stored<'_>) -> Result<Verdict, Unreadable> {
    let value = Secret::new(value);
    policy.verify_blocking(&Password::new(password), &Stored { value: Some(&value), ..stored })
}

fn peppers(texts: &[&str], position: Option<Position>) -> Option<Pepper> {
    Some(Pepper { secrets: Secrets(texts.iter().map(|text| Secret::new(*text)).collect()), position })
}

/// The faulty part of the text, as the finding shows it.
fn shown(text: &str) -> (String, String) {
    let error = refused(expression(text));
    let Some((Text::Expression, span)) = error.within.clone() else { panic!("{error:?} has no place in {text}") };
    (text[span].to_owned(), error.to_string())
}

#[test]
fn mistakes_point_into_the_expression() {
    for (text, part, word) in [
        ("md5($salt . sah1($pass))", "sah1", "did you mean `sha1`"),
        ("md5($passs)", "$passs", "did you mean `$pass`"),
        ("sha1($salt)", "sha1($salt)", "`$pass`"),
        ("md5($pass, $salt)", "md5($pass, $salt)", "md5(x)"),
        ("substr(md5($pass), 0, 15)", "substr(md5($pass), 0, 15)", "8 bytes or more"),
        ("substr(md5($pass), 32)", "md5($pass)", "nothing is left"),
        ("$salt . $pass", "$salt . $pass", "depends on the password"),
        ("repeat($pass, md5($pass), 5)", "md5($pass)", "$x"),
        ("repeat($pass, $x . $pass, 5)", "$x . $pass", "not fixed"),
        ("repeat($pass, md5($x), 0)", "0", "too small"),
        ("repeat($pass, md5($x), 16777217)", "16777217", "too large"),
        ("repeat($pass, repeat($x, md5($x), 5000), 5000)", "repeat($pass, repeat($x, md5($x), 5000), 5000)", "cost"),
        ("pbkdf2_sha256($pass, $salt, 99999999, 32)", "99999999", "too large"),
        ("pbkdf2_sha256($pass, $salt, 1000, 4096)", "4096", "too large"),
        ("md5($x . $pass)", "$x", "means nothing here"),
        ("md5($pass . $rounds)", "$rounds", "number"),
        ("md5($pass", "(", "never closed"),
    ] {
        let (found, message) = shown(text);
        assert_eq!(found, part, "{text}: {message}");
        assert!(message.contains(word), "{text}: {message}");
    }
    let error = refused(Description { prehash: Some("sha1($pas)".to_owned()), ..Description::named("bcrypt") });
    assert_eq!(error.within, Some((Text::Prehash, 5..9)));
}

#[test]
fn what_does_not_fit_together_is_said() {
    let bytes = expression("md5_bin($pass)");
    let message = |format: Description| refused(format).to_string();
    assert!(message(bytes.clone()).contains("encoding"));
    assert!(
        message(Description { encoding: Some(Encoding::Hex), ..expression("md5($pass)") }).contains("text already")
    );
    assert!(message(expression("'x' . md5_bin($pass)")).contains("base64"));
    assert!(message(expression("md5($pepper . $pass)")).contains("pepper: { env"));
    assert!(message(Description::named("prestashop")).contains("pepper"));
    assert!(message(expression("hmac_md5($key, $pass)")).contains("key: { env"));
    assert!(
        message(Description { key: Secrets(vec![Secret::new("k")]), ..expression("md5($pass)") }).contains("nothing")
    );
    assert!(message(Description { rounds: Some(Rounds::Row), ..expression("md5($pass)") }).contains("$rounds"));
    assert!(message(Description::digest("hmac-sha257")).contains("`hmac-sha256`"));
    assert!(message(Description::digest("pbkdf2-sha256")).contains("salt"));
    let when = When { equals: Some("a".to_owned()), ..When::default() };
    assert!(message(Description { when, ..expression("md5($pass)") }).contains("column"));
    let twice = Description { pepper: peppers(&["a"], Some(Position::Prefix)), ..expression("md5($pepper . $pass)") };
    assert!(message(twice).contains("position"));
    let many = Description {
        pepper: peppers(&["a", "b", "c"], None),
        transform: vec!["trim?".parse().unwrap(), "lower?".parse().unwrap()],
        ..Description::digest("md5")
    };
    assert!(message(many).contains("12 times"));
}

/// md5("password") and its neighbours, as the `md5sum` of coreutils prints them.
const MD5: &str = "5f4dcc3b5aa765d61d8327deb882cf99";

#[test]
fn forms_of_a_value_do_not_matter() {
    let md5 = policy(expression("md5($pass)"));
    for value in [MD5.to_owned(), MD5.to_uppercase(), format!("0x{MD5}"), format!("{MD5}   ")] {
        assert_eq!(verify(&md5, "password", value.as_str()), RIGHT, "{value}");
        assert_eq!(verify(&md5, "Password", value.as_str()), Ok(Verdict::Mismatch));
    }
    assert!(verify(&md5, "password", &MD5[..31]).is_err() && verify(&md5, "password", format!("{MD5}0")).is_err());
    let base64 = policy(expression("md5_b64($pass)"));
    for value in ["X03MO1qnZdYdgyfeuILPmQ==", "X03MO1qnZdYdgyfeuILPmQ"] {
        assert_eq!(verify(&base64, "password", value), RIGHT);
    }
    let prefixed = policy(expression("'{MD5}' . md5_b64($pass)"));
    assert_eq!(verify(&prefixed, "password", "{MD5}X03MO1qnZdYdgyfeuILPmQ"), RIGHT);
    let raw = policy(Description { encoding: Some(Encoding::Raw), ..expression("md5_bin($pass)") });
    let bytes: Vec<u8> = (0..16).map(|at| u8::from_str_radix(&MD5[2 * at..2 * at + 2], 16).unwrap()).collect();
    assert_eq!(verify(&raw, "password", bytes.clone()), RIGHT);
    assert_eq!(verify(&raw, "passwort", bytes), Ok(Verdict::Mismatch));
}

#[test]
fn a_salt_is_cut_out_of_the_value() {
    // md5("saltpassword") = 67a1e09bb1f83f5007dc119c14d663aa
    let digest = "67a1e09bb1f83f5007dc119c14d663aa";
    for (text, value) in [
        ("md5($salt . $pass) . ':' . $salt", format!("{digest}:salt")),
        ("$salt . '$' . md5($salt . $pass)", format!("salt${digest}")),
        ("substr(md5($salt . $pass), 0, 16) . $salt . substr(md5($salt . $pass), 16)", {
            format!("{}salt{}", &digest[..16], &digest[16..])
        }),
        ("'a' . $salt . md5($salt . $pass) . $salt", format!("asalt{digest}salt")),
    ] {
        let policy = policy(expression(text));
        assert!(policy.needs().is_empty(), "{text}");
        assert_eq!(verify(&policy, "password", value.as_str()), RIGHT, "{text}");
        assert_eq!(verify(&policy, "passwors", value.as_str()), Ok(Verdict::Mismatch));
        // A column for another format's salt changes nothing.
        let other = Secret::new("other");
        assert_eq!(verify_with(&policy, "password", &value, Stored { salt: Some(&other), ..Stored::default() }), RIGHT);
    }
    let twice = policy(expression("$salt . md5($salt . $pass) . $salt"));
    assert!(verify(&twice, "password", format!("salt{digest}sold")).is_err(), "both must be the same");
    assert!(verify(&twice, "password", format!("sal{digest}salt")).is_err());
}

#[test]
fn rows_supply_what_is_named() {
    let columns = Columns { user: Some("login".to_owned()), ..Columns::default() };
    let smf = expression("sha1(lower($user) . $pass)");
    let policy = Policy::compile(&Spec { columns, ..Spec::new(accept(vec![smf.clone()]), None) }).unwrap();
    assert_eq!((policy.needs(), policy.columns()), (vec![], vec!["login".to_owned()]));
    let row = [("login".to_owned(), Some(Secret::new("ADMIN")))];
    let value = stored_sha1("adminpassword");
    let verdict = |password| verify_with(&policy, password, &value, Stored { extra: &row, ..Stored::default() });
    assert_eq!((verdict("password"), verdict("Password")), (RIGHT, Ok(Verdict::Mismatch)));
    let null = [("login".to_owned(), None)];
    let missing = verify_with(&policy, "password", &value, Stored { extra: &null, ..Stored::default() });
    assert!(missing.unwrap_err().to_string().contains("user name"));
    let unnamed = Policy::compile(&Spec::new(accept(vec![smf]), None)).unwrap();
    assert_eq!(unnamed.needs(), [Need::User]);
    // sha1 again and again over itself, as often as the row says.
    let rounds = Description { rounds: Some(Rounds::Row), ..expression("repeat($pass, sha1($x), $rounds)") };
    let policy = self::policy(rounds);
    assert_eq!(policy.needs(), [Need::Rounds]);
    let once = "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8";
    let row = |rounds| Stored { rounds: Some(rounds), ..Stored::default() };
    assert_eq!(verify_with(&policy, "password", once, row(1)), RIGHT);
    assert_eq!(verify_with(&policy, "password", once, row(2)), Ok(Verdict::Mismatch));
    assert!(verify_with(&policy, "password", once, row(0)).is_err());
    assert!(matches!(verify_with(&policy, "password", once, row(1 << 25)), Err(Unreadable::OverCap { .. })));
}

#[test]
fn secrets_rotate_and_spellings_are_tried() {
    let rotating = policy(Description { pepper: peppers(&["new", "old"], None), ..Description::digest("md5") });
    for (text, verdict) in [
        ("passwordold", RIGHT),
        ("passwordnew", RIGHT),
        ("passwordmid", Ok(Verdict::Mismatch)),
        ("password", Ok(Verdict::Mismatch)),
    ] {
        assert_eq!(verify(&rotating, "password", stored_md5(text).as_str()), verdict, "{text}");
    }
    let before = Description { pepper: peppers(&["new"], Some(Position::Prefix)), ..Description::digest("md5") };
    assert_eq!(verify(&policy(before), "password", stored_md5("newpassword").as_str()), RIGHT);
    let escaped = Change { optional: true, .."html".parse().unwrap() };
    let policy = policy(Description { transform: vec![escaped], ..Description::digest("md5") });
    for text in ["a&b", "a&amp;b"] {
        let stored = stored_md5(text);
        assert_eq!(verify(&policy, "a&b", stored.as_str()), RIGHT, "{text}");
    }
    assert_eq!(verify(&policy, "a&b", stored_md5("a&lt;b").as_str()), Ok(Verdict::Mismatch));
}

fn stored_md5(text: &str) -> String {
    hex(&<md5::Md5 as md5::Digest>::digest(text))
}

fn stored_sha1(text: &str) -> String {
    hex(&<sha1::Sha1 as sha1::Digest>::digest(text))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_row_chooses_the_format() {
    let formats = vec![
        Description { when: When { length: Some(40), ..When::default() }, ..expression("sha1($pass)") },
        Description {
            when: When { column: Some("salt".to_owned()), empty: Some(true), ..When::default() },
            ..expression("md5($pass)")
        },
        Description {
            when: When { column: Some("kind".to_owned()), equals: Some("mybb".to_owned()), ..When::default() },
            columns: Columns { salt: Some("salt".to_owned()), ..Columns::default() },
            ..expression("md5(md5($salt) . md5($pass))")
        },
    ];
    let policy = Policy::compile(&Spec::new(accept(formats), None)).unwrap();
    assert_eq!(policy.columns(), ["kind", "salt"]);
    let row = |salt: Option<&str>, kind: &str| {
        vec![("salt".to_owned(), salt.map(Secret::new)), ("kind".to_owned(), Some(Secret::new(kind)))]
    };
    let verdict = |value: &str, row: &[(String, Option<Secret>)]| {
        verify_with(&policy, "password", value, Stored { extra: row, ..Stored::default() })
    };
    assert_eq!(verdict("5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8", &row(Some("s"), "")), RIGHT);
    assert_eq!(verdict(MD5, &row(None, "")), RIGHT);
    assert_eq!(verdict(MD5, &row(Some(""), "mybb")), RIGHT, "the first whose condition holds");
    let mybb = stored_md5(&format!("{}{MD5}", stored_md5("s")));
    assert_eq!(verdict(&mybb, &row(Some("s"), "mybb")), RIGHT);
    assert!(verdict(&mybb, &row(Some("s"), "ipb")).is_err(), "never by trying one after another");
}

#[test]
fn parts_say_the_same_as_an_expression() {
    let salt = |position| Some(SaltSpec::text(position));
    let split = |order| Some(Split { separator: ":".to_owned(), order });
    for (parts, text) in [
        (Description { salt: salt(Position::Both), ..Description::digest("sha1") }, "sha1($salt . $pass . $salt)"),
        (Description { rounds: Some(Rounds::Fixed(3)), ..Description::digest("md5") }, "md5(md5_bin(md5_bin($pass)))"),
        (
            Description { rounds: Some(Rounds::Fixed(3)), rounds_over: RoundsOver::Hex, ..Description::digest("md5") },
            "md5(md5(md5($pass)))",
        ),
        (
            Description {
                salt: salt(Position::Suffix),
                rounds: Some(Rounds::Fixed(2)),
                rounds_over: RoundsOver::DigestAndSalt,
                ..Description::digest("sha256")
            },
            "sha256(sha256_bin($pass . $salt) . $salt)",
        ),
        (
            Description {
                salt: salt(Position::Prefix),
                rounds: Some(Rounds::Fixed(2)),
                rounds_over: RoundsOver::DigestAndPassword,
                ..Description::digest("sha256")
            },
            "sha256(sha256_bin($salt . $pass) . $salt . $pass)",
        ),
        (
            Description { salt: salt(Position::Prefix), ..Description::digest("hmac-sha512") },
            "hmac_sha512($salt, $pass)",
        ),
        (
            Description {
                key: Secrets(vec![Secret::new("k")]),
                salt: salt(Position::Suffix),
                ..Description::digest("hmac-sha1")
            },
            "hmac_sha1('k', $pass . $salt)",
        ),
        (Description { length: Some(10), ..Description::digest("sha1") }, "substr(sha1($pass), 0, 20)"),
        (Description { charset: Charset::Utf16Le, ..Description::digest("md4") }, "md4(utf16le($pass))"),
        (
            Description {
                encoding: Some(Encoding::Base64),
                prehash: Some("md5".to_owned()),
                ..Description::digest("sha1")
            },
            "sha1_b64(md5($pass))",
        ),
        (
            Description {
                salt: salt(Position::Suffix),
                split: split(SplitOrder::SaltFirst),
                ..Description::digest("md5")
            },
            "$salt . ':' . md5($pass . $salt)",
        ),
    ] {
        let writes = Spec::new(accept(vec![parts.clone()]), Some(FormatSpec::Described(Box::new(parts.clone()))));
        let salt = Secret::new("Zx9");
        let stored = Stored { salt: Some(&salt), ..Stored::default() };
        // Both verify what the other's kernel computes: compared over a value that neither can know in advance.
        let value = match Policy::compile(&writes) {
            Ok(policy) => {
                let written = policy.write_blocking(&Password::new("pässword"), &mut |bytes| bytes.fill(7)).unwrap();
                let verdict = policy.verify_blocking(&Password::new("pässword"), &written.as_stored());
                assert_eq!(verdict, RIGHT, "{text}");
                let other = self::policy(expression(text));
                assert_eq!(other.verify_blocking(&Password::new("pässword"), &written.as_stored()), RIGHT, "{text}");
                assert_eq!(
                    other.verify_blocking(&Password::new("password"), &written.as_stored()),
                    Ok(Verdict::Mismatch)
                );
                continue;
            }
            Err(errors) => {
                assert!(errors[0].message.contains("unsalted"), "{errors:?}");
                stored
            }
        };
        assert_eq!(verify_with(&self::policy(parts), "pässword", &unsalted(text), value), RIGHT, "{text}");
    }
}

/// The value of an unsalted expression for "pässword": the same with an empty salt beside it, written.
fn unsalted(text: &str) -> String {
    let wrapped = text.replacen("$pass", "substr($salt, 0, 0) . $pass", 1);
    let format = FormatSpec::Described(Box::new(Description { salt: None, ..expression(&wrapped) }));
    let policy = Policy::compile(&Spec::new(Accept::Formats(vec![format.clone()]), Some(format))).unwrap();
    let written = policy.write_blocking(&Password::new("pässword"), &mut |bytes| bytes.fill(7)).unwrap();
    String::from_utf8(written.hash.expose().to_vec()).unwrap()
}

#[test]
fn bare_kdfs_are_written_and_read() {
    let salt = |encoding| Some(SaltSpec { encoding, ..SaltSpec::text(Position::Prefix) });
    let mut scrypt = Description { salt: salt(SaltEncoding::Hex), ..Description::digest("scrypt") };
    scrypt.cost.cost = Some(4);
    let mut argon2 = Description { salt: salt(SaltEncoding::Base64), ..Description::digest("argon2id") };
    (argon2.cost.memory, argon2.cost.passes) = (Some(64), Some(1));
    let pbkdf2 = Description {
        salt: salt(SaltEncoding::Text),
        rounds: Some(Rounds::Fixed(1000)),
        length: Some(50),
        split: Some(Split { separator: "$".to_owned(), order: SplitOrder::SaltFirst }),
        ..Description::digest("pbkdf2-sha256")
    };
    for format in [scrypt, argon2, pbkdf2] {
        let apart = format.split.is_none();
        let format = FormatSpec::Described(Box::new(format));
        let policy = Policy::compile(&Spec::new(Accept::Formats(vec![format.clone()]), Some(format))).unwrap();
        policy.self_test().unwrap();
        let written = policy.write_blocking(&Password::new("a"), &mut |bytes| bytes.fill(7)).unwrap();
        assert_eq!(written.salt.is_some(), apart);
        assert_eq!(policy.verify_blocking(&Password::new("a"), &written.as_stored()), RIGHT);
        assert_eq!(policy.verify_blocking(&Password::new("b"), &written.as_stored()), Ok(Verdict::Mismatch));
    }
}

#[test]
fn presets_are_written_with_their_salt() {
    for name in ["vbulletin", "mybb", "opencart", "oscommerce", "authlogic-sha512", "modx", "redmine"] {
        let policy = Policy::compile(&Spec::new(Accept::Auto, Some(FormatSpec::Named(name.to_owned())))).unwrap();
        policy.self_test().unwrap();
    }
    let refused = |name: &str| {
        let spec = Spec::new(Accept::Auto, Some(FormatSpec::Named(name.to_owned())));
        Policy::compile(&spec).unwrap_err()[0].to_string()
    };
    assert!(refused("smf").contains("user's name") || refused("smf").contains("unsalted"));
    assert!(refused("half-md5").contains("unsalted"));
}

#[test]
fn a_hash_around_another_is_written_too() {
    let mut meteor = Description { prehash: Some("sha256".to_owned()), ..Description::named("bcrypt") };
    meteor.cost.cost = Some(4);
    let read = accept(vec![Description { cost: userbridge::hash::Cost::default(), ..meteor.clone() }]);
    let policy = Policy::compile(&Spec::new(read, Some(FormatSpec::Described(Box::new(meteor))))).unwrap();
    let long = "a".repeat(100);
    let written = policy.write_blocking(&Password::new(long.as_str()), &mut |bytes| bytes.fill(7)).unwrap();
    assert_eq!(policy.verify_blocking(&Password::new(long.as_str()), &written.as_stored()), RIGHT);
    let other = Password::new(format!("{}b", "a".repeat(99)));
    assert_eq!(policy.verify_blocking(&other, &written.as_stored()), Ok(Verdict::Mismatch), "every byte counts");
}

#[test]
fn charsets_that_cannot_hold_a_password_never_match() {
    let latin1 = policy(Description { charset: Charset::Latin1, ..Description::digest("md5") });
    assert_eq!(verify(&latin1, "€", stored_md5("?").as_str()), Ok(Verdict::Mismatch));
    let unhex = policy(expression("md5(unhex($pass))"));
    assert_eq!(verify(&unhex, "no hex", MD5), Ok(Verdict::Mismatch));
}

#[test]
fn no_text_makes_the_parser_panic() {
    let words = prop::sample::select(vec![
        "$pass",
        "$salt",
        "$x",
        "$",
        "md5",
        "sha1_bin",
        "hmac_sha256",
        "repeat",
        "substr",
        "pbkdf2_sha1",
        "(",
        ")",
        ",",
        ".",
        " ",
        "'",
        "\"",
        "\\x4",
        "-",
        "0",
        "16",
        "99999999999999999999",
        "é",
        "right",
        "unbase64",
        "upper",
    ]);
    let texts = prop_oneof![any::<String>(), prop::collection::vec(words, 0..24).prop_map(|words| words.concat()),];
    let mut runner = prop::test_runner::TestRunner::new(ProptestConfig {
        cases: 4096,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let run = runner.run(&texts, |text| {
        match Policy::compile(&Spec::new(accept(vec![expression(&text)]), None)) {
            Ok(policy) => {
                let salt = Secret::new("salt");
                let stored = Stored { salt: Some(&salt), rounds: Some(2), ..Stored::default() };
                let _ = verify_with(&policy, "password", MD5, stored);
            }
            Err(errors) => {
                for (_, span) in errors.iter().filter_map(|error| error.within.as_ref()) {
                    prop_assert!(text.get(span.clone()).is_some(), "{span:?} of {text:?}");
                }
            }
        }
        Ok(())
    });
    run.unwrap();
}
