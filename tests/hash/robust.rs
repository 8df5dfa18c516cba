//! Damaged, hostile and absent values.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use userbridge::hash::{
    Accept, Caps, Description, Encoding, FORMATS, FormatSpec, Policy, Position, SaltEncoding, SaltSpec, Spec, Split,
    SplitOrder, Stored, Strength, Unreadable, Verdict, identify,
};
use userbridge::secret::{Password, Secret};

use super::{CHEAP, accepting, auto, policy, verify};

/// A policy for every named format, one for descriptions, and `auto`.
fn every_policy() -> Vec<Policy> {
    let split = |order| Some(Split { separator: ":".to_owned(), order });
    let salt = |position, encoding| Some(SaltSpec { encoding, ..SaltSpec::text(position) });
    let spec = Description {
        salt: salt(Position::Prefix, SaltEncoding::Hex),
        split: split(SplitOrder::DigestFirst),
        ..Description::digest("sha1")
    };
    let other = Description {
        encoding: Some(Encoding::Base64),
        split: split(SplitOrder::SaltFirst),
        salt: salt(Position::Suffix, SaltEncoding::Base64),
        ..Description::digest("sha1")
    };
    let raw = Description {
        encoding: Some(Encoding::Raw),
        salt: salt(Position::Suffix, SaltEncoding::Text),
        ..Description::digest("sha256")
    };
    let expression = Description::expression("$salt . substr(sha1($salt . $pass), 0, 30) . '$' . $salt");
    let mut policies: Vec<_> = FORMATS.iter().map(|format| accepting(&[format.name])).collect();
    let described = [spec, other, raw, expression].map(|spec| FormatSpec::Described(Box::new(spec)));
    policies.extend(described.map(|spec| policy(Accept::Formats(vec![spec]), None)));
    policies.push(auto());
    policies
}

fn read_everywhere(policies: &[Policy], value: &[u8]) {
    let secret = Secret::new(value);
    for policy in policies {
        policy.memory_needed(Some(&Stored {
            value: Some(&secret),
            salt: Some(&secret),
            user: Some("é"),
            realm: Some(""),
            ..Stored::default()
        }));
    }
    identify(&String::from_utf8_lossy(value));
}

#[test]
fn no_parser_panics() {
    let policies = every_policy();
    let fragments = prop::sample::select(vec![
        "$argon2id$",
        "v=19$",
        "m=64,t=1,p=1$",
        "$2y$10$",
        "$wp",
        "$P$B",
        "$5$",
        "$6$rounds=",
        "$1$",
        "$apr1$",
        "$pbkdf2-sha256$",
        "i=1,l=2$",
        "{PBKDF2}",
        "pbkdf2_sha256$",
        "scrypt$16384$",
        "md5$",
        "1000",
        "4294967296",
        "99999999999999999999",
        "$",
        ":",
        "=",
        "==",
        ",",
        "é",
        "\0",
        "$sha1$",
        "$md5,rounds=",
        "$y$",
        "$gy$",
        "j9T$",
        "j/zzzzzz$",
        "$7$C6..../....",
        "$7$zzzzzzzzzzz",
        "$3$$",
        "{ssha512}06$",
        "{smd5}",
        "{SSHA}",
        "{SHA256.HEX}",
        "{CRYPT}",
        "{CRAM-MD5}",
        "{PLAIN-TRUNC}5-",
        "{SCRAM-SHA-1}4096,",
        "{PKCS5S2}",
        "{PBKDF2_SHA256}",
        "{FSHP1|16|",
        "{x-issha, ",
        "$p5k2$",
        "$bcrypt-sha256$v=2,t=2b,r=5$",
        "$scrypt$ln=4,r=1,p=1$",
        "$s0$e0801$",
        "SCRAM-SHA-256$4096:",
        "$scram$10$",
        "{\"SCRAM-SHA-1\":{\"iterationCount\":10}}",
        "md5",
        "S:",
        ";T:",
        "0x0100",
        "0xc007",
        "-pbkdf2-",
        "$ml$10$",
        "$8$",
        "$9$",
        "$DCC2$10240#",
        "M$a#",
        "$solarwinds$0$",
        "otm_sha256:10:",
        "AK1",
        "$A$005$",
        "$mysql$A$005*",
        "grub.pbkdf2.sha512.10.",
        "_J9..",
        "2btjjy78REtmYkkW0csHUbJZOstRXoWdX1mGrmmfeHI",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "c2FsdHNhbHQ",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "!",
        "*",
    ]);
    let damaged =
        (prop::sample::select(CHEAP), any::<prop::sample::Index>(), any::<char>()).prop_map(|((_, value), at, c)| {
            let mut chars: Vec<char> = value.chars().collect();
            let at = at.index(chars.len());
            chars[at] = c;
            chars.into_iter().collect::<String>()
        });
    let values = prop_oneof![
        any::<Vec<u8>>(),
        any::<String>().prop_map(String::into_bytes),
        prop::collection::vec(fragments, 0..8).prop_map(|parts| parts.concat().into_bytes()),
        damaged.prop_map(String::into_bytes),
    ];
    let mut runner = prop::test_runner::TestRunner::new(ProptestConfig {
        cases: 600,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&values, |value| {
            read_everywhere(&policies, &value);
            Ok(())
        })
        .unwrap();
}

#[test]
fn what_asks_for_too_much_is_refused_at_once() {
    let auto = auto();
    let long = "A".repeat(1366);
    for value in [
        "$argon2id$v=19$m=4294967295,t=3,p=1$c2FsdHNhbHQ$2ky5GAdhT1kH4kIgPN/oERE3Taiy43vNN70a3HpiKQU",
        "$argon2id$v=19$m=99999999999,t=3,p=1$c2FsdHNhbHQ$2ky5GAdhT1kH4kIgPN/oERE3Taiy43vNN70a3HpiKQU",
        "$argon2id$v=19$m=1048576,t=64,p=1$c2FsdHNhbHQ$2ky5GAdhT1kH4kIgPN/oERE3Taiy43vNN70a3HpiKQU",
        "$argon2id$v=19$m=64,t=4294967295,p=1$c2FsdHNhbHQ$2ky5GAdhT1kH4kIgPN/oERE3Taiy43vNN70a3HpiKQU",
        "$2y$31$6TqQbTK1XGadmblWJESpLOTPJzowjWUmgFikPHa14PynmQK052cLC",
        "$wp$2y$17$2U3rNcTurfs2v.ToWqB1s.r7vbvruREGt6vTVfqu3NU8Z5tP7k3mm",
        "$P$SIQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0",
        "$5$rounds=999999999$saltstring$KqJWpanXZHKq2BOB43TSaYhEWsQ1Lr5QNyPCDH/Tp.6",
        "$pbkdf2-sha256$4294967295$c2FsdHNhbHQ$OFvEcLOIPFd/oq8egf10i.qJLI7A8nDjPLnolCWarQY",
        "$pbkdf2-sha512$5000001$c2FsdHNhbHQ$OFvEcLOIPFd/oq8egf10i.qJLI7A8nDjPLnolCWarQY",
        &format!("$pbkdf2-sha256$i=1000000$c2FsdHNhbHQ${long}"),
        "pbkdf2_sha256$99999999$salt$gHk9QRlSGgkOKGLMilBlpOspwWF/111VTQKy9olyghc=",
        "scrypt$1073741824$salt$8$1$IYjUxWYl40tAxLBDWKY+lgnEZMvxWxJL+ce9P0WsTdN5dGozlvRyPOpmjMwBla7/NWzAlLdE88QdiGFko7YrNA==",
        "scrypt$2$salt$1$8388608$IYjUxWYl40tAxLBDWKY+lgnEZMvxWxJL+ce9P0WsTdN5dGozlvRyPOpmjMwBla7/NWzAlLdE88QdiGFko7YrNA==",
        "$scrypt$ln=30,r=8,p=1$c2FsdHNhbHQ$Rh+NnJNo1I6nRwaNqbDm6kmADswD1+7FTKZ7Ln9D8nQ",
        "$scrypt$ln=4294967296,r=8,p=1$c2FsdHNhbHQ$Rh+NnJNo1I6nRwaNqbDm6kmADswD1+7FTKZ7Ln9D8nQ",
        "$7$zzzzzzzzzzzSodiumChloride$qj8FEKJTbuFZXDtTZBV6ueI3ShgFhUBOhjm.MuVeNm6",
        "$7$S6..../....SodiumChloride$qj8FEKJTbuFZXDtTZBV6ueI3ShgFhUBOhjm.MuVeNm6",
        "$s0$ff0801$c2FsdHNhbHQ$Rh+NnJNo1I6nRwaNqbDm6kmADswD1+7FTKZ7Ln9D8nQ",
        "SCRYPT:1073741824:8:1:c2FsdHNhbHQ=:tHT7GLqp0uYbiB009MeIHnMuEMZ86kx0jgBpq5vxo84=",
        "$y$jST$.......$.mv3bVd1BEBrjfj.7o6SNMXo7F./76n9r7sfp02/rDA",
        "$gy$jST$.......$.mv3bVd1BEBrjfj.7o6SNMXo7F./76n9r7sfp02/rDA",
        "$sha1$4294967295$Jt9ArtIA$jM/s/0uth6RN9WplVACpTcKkUTOI",
        "$md5,rounds=4294963199$dKUCHJYf$$7F6y.3JcQGVTqzCMtAIUh0",
        "{ssha512}31$4653718755856803$O04nVHL7iU9Jguy/B3Yow.veBM52irn.038Y/Ln6AMy/BG8wbU6ozSP8/W9KDZPUbhdsbl1lf8px.vKJS1S/..",
        "{FSHP1|8|99999999}GVSUFDAjdh0vBosn1GUhzGLHP7BmkbCZVH/3TQqGIjADXpc+6NCg3g==",
        "{x-issha, 99999999}BnjXMqcNTwa3BzdnUOf1iAu6dw02NzU4MzE2MTA=",
        "{PBKDF2}$1$bUnT4Pl7yFtYX0KU$99999999$50a83cafdc517b9f46519415e53c6a858908680a",
        "{SCRAM-SHA-1}99999999,M1pA2wNG9GmE/t+uGBbknA==,piQXCcyB15Padf4gMmeiS+ty75w=,wsStKZ7VIN9670P9S2n0kfkkNRg=",
        "SCRAM-SHA-256$99999999:c2FsdHNhbHQ=$dTZAIPwsVHuu6YkneeZxp3OtlYmrSv5cpRiX688EwBE=:EVggySVX3Lksf50tKxKDHe9ZhaL78+C0CMr7/WrOk+I=",
        "$p5k2$ffffffff$ZxK4ZBJCfQg=$jJZVscWtO--p1-xIZl6jhO2LKR0=",
        "$p5k2$ffffffff$u9HvcT4d$Sd1gwSVCLZYAuqZ25piRnbBEoAesaa/g",
        "grub.pbkdf2.sha512.99999999.73616C74.01CF0F6716194D0367056EAA72311D97D5DFB8D1DCBFAF70D25F8F1D47814E309F87670B23584B3428394856F80834CDAE6C8EE0EF64EDD6009E76D45CB6634C",
        "$bcrypt-sha256$2b,31$5Hg1DKFqPE8C2aflZ5vVoe$12BjNE0p7axMg55.Y/mHsYiVuFBDQyu",
        "-pbkdf2-7efc0280f858d19dabf07397071f284c6c25ab0c,b1c9f3d2e8a7,99999999",
        "$DCC2$99999999#alice#b2302db65205506283ebdc97e2c9bafa",
        "otm_sha256:99999999:salt:JCQwjJ5WbzAPohdu1TJ9MZj45VbV+C4HTTPNesbX004=",
        "AAAAoA////9zYWx0c2FsdGtra2tra2tra2tra2tra2tra2tr",
        "scrypt$4194304$salt$4294967295$4294967295$IYjUxWYl40tAxLBDWKY+lgnEZMvxWxJL+ce9P0WsTdN5dGozlvRyPOpmjMwBla7/NWzAlLdE88QdiGFko7YrNA==",
    ] {
        // The best of three: another process may take the core away once.
        let tries = [(); 3].map(|()| {
            let started = Instant::now();
            (verify(&auto, "password", value), started.elapsed())
        });
        let fastest = tries.iter().map(|(_, took)| *took).min();
        assert!(fastest < Some(Duration::from_millis(10)), "{value}: {fastest:?}");
        let [(refused, _), ..] = tries;
        assert!(
            matches!(refused, Err(Unreadable::OverCap { .. } | Unreadable::Malformed { .. })),
            "{value}: {refused:?}"
        );
        assert!(refused.is_err_and(|error| !error.to_string().contains("c2FsdHNhbHQ")));
    }
}

#[test]
fn a_long_password_cannot_make_a_cheap_row_expensive() {
    let auto = auto();
    let long = "p".repeat(Password::MAX_BYTES);
    let row = "$6$rounds=9000000$abcdefghijklmnop$Kq2PbnMF/Una3svsclEqowi8Nw.pcGUHCE7NYQrDv0eUCKFVdjmUE/Qti5Yo3Z1At80xAAshigoh1n3UaOvji0";
    assert!(matches!(verify(&auto, &long, row), Err(Unreadable::OverCap { .. })));
    assert_eq!(verify(&auto, &"p".repeat(Password::MAX_BYTES + 1), row), Ok(Verdict::Mismatch));
}

#[test]
fn what_a_short_column_cut_off_never_matches() {
    let auto = auto();
    for (password, value) in CHEAP {
        assert_eq!(verify(&auto, password, value), Ok(Verdict::Match { outdated: false }), "{value}");
        // A derived key of free length is one of 16, 24 … bytes (22, 32 … characters); all others have one length only.
        let digest = value.rfind('$').map_or(0, |at| at + 1);
        let derived = ["$scrypt", "$s0"].iter().any(|prefix| value.starts_with(prefix));
        let whole = |cut: usize| derived && cut >= digest + 22 && ((cut - digest) * 6 / 8).is_multiple_of(8);
        let least = value.trim_end_matches('=').len();
        for cut in (0..least).filter(|cut| value.is_char_boundary(*cut) && !whole(*cut)) {
            let verdict = verify(&auto, password, &value[..cut]);
            assert!(!matches!(verdict, Ok(Verdict::Match { .. })), "{}", &value[..cut]);
        }
        assert!(!matches!(verify(&auto, password, &format!("{value}A")), Ok(Verdict::Match { .. })));
    }
    let md5 = accepting(&["md5"]);
    for cut in 1..32 {
        assert!(verify(&md5, "password", &"5f4dcc3b5aa765d61d8327deb882cf99"[..cut]).is_err());
    }
}

/// The rows of the tables that are cheap to verify: each with the policy of its label, and that of `auto`.
fn cheap_rows() -> Vec<(&'static str, &'static str, &'static str)> {
    const FAST: [&str; 32] = [
        "389ds-pbkdf2-sha256",
        "aix",
        "apr1",
        "bsdi-crypt",
        "cisco-asa",
        "couchdb",
        "cta-pbkdf2-sha1",
        "des-crypt",
        "dlitz-pbkdf2-sha1",
        "drupal7",
        "fortigate",
        "freeradius-pbkdf2",
        "fshp",
        "grub-pbkdf2-sha512",
        "ldap",
        "liferay",
        "lmhash",
        "md5-crypt",
        "mssql2005",
        "mysql323",
        "mysql41",
        "netscaler",
        "nt-crypt",
        "ntlm",
        "oracle11",
        "pbkdf2-mcf",
        "phpass",
        "postgres-scram-sha-256",
        "rabbitmq",
        "seafile",
        "sha256-crypt",
        "werkzeug",
    ];
    let tables = [include_str!("vectors.tsv"), include_str!("more-vectors.tsv")];
    let lines = tables.into_iter().flat_map(|table| table.lines().skip(1));
    let rows = lines.filter_map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        let plain = FAST.contains(&fields[0]) && fields[3] == "{}" && fields[4] == "true";
        let typed = !fields[1].is_empty() && !fields[1].contains("\\x") && fields[1].len() < 32;
        (plain && typed).then(|| (fields[0], fields[1], fields[2]))
    });
    rows.collect()
}

/// Whether a change of one character leaves what is decoded the same: letters' case in hex and in names of schemes,
/// the alphabets of base64, bits of a last character that hold nothing.
fn means_the_same(original: &str, changed: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (original.chars().collect(), changed.chars().collect());
    // Padding, digests' names with dashes and without, and zeros before a number.
    let plain = |text: &str| -> String {
        let text = text.trim_end_matches([' ', '\0']).to_ascii_lowercase().replace(['=', '-', '_'], "");
        let digits: Vec<char> = text.chars().collect();
        let is_digit = |at: usize| digits.get(at).is_some_and(char::is_ascii_digit);
        let kept = (0..digits.len())
            .filter(|at| digits[*at] != '0' || at.checked_sub(1).is_some_and(is_digit) || !is_digit(at + 1));
        kept.map(|at| digits[at]).collect()
    };
    if plain(original) == plain(changed) {
        return true;
    }
    // The names of schemes have synonyms, and a salted one may have an empty salt.
    let after_tag = |text: &str| text.split_once('}').map(|(_, rest)| rest.to_owned());
    if original.starts_with('{') && changed.starts_with('{') && after_tag(original) == after_tag(changed) {
        return true;
    }
    // Joomla's tag is LDAP's, and its salt may be empty.
    if original.starts_with("{SHA256}") && changed.trim_end_matches(':') == original {
        return true;
    }
    // Oracle keeps several parts with a semicolon between, of which an empty one says nothing.
    if original.starts_with("S:") && changed.split(';').any(|part| part.trim() == original) {
        return true;
    }
    let Some(at) = (0..a.len()).find(|at| a.get(*at) != b.get(*at)) else { return false };
    let alphabets =
        ["+-.", "/_"].iter().any(|same| [a[at], *b.get(at).unwrap_or(&'\n')].iter().all(|c| same.contains(*c)));
    let ends = a.get(at + 1).is_none_or(|next| "$=:}".contains(*next));
    // Junos fills the last group of sha1-crypt with anything.
    let in_last_group = original.contains("$sha1$") && at + 4 >= a.len();
    // Four bits of the last character of bcrypt's salt hold nothing.
    let ends_salt = original.contains("$2") && at + 32 == a.len();
    a.len() == b.len() && (alphabets || ends || in_last_group || ends_salt)
}

/// A changed value opens with the password only where it still says the same; whatever it asks for, the answer comes
/// at once, and no memory above the caps is asked for.
#[test]
fn changed_values_do_not_open() {
    // Low caps: what a change makes dearer than its row was is refused, so that thousands of changes take seconds.
    let caps = Caps {
        bcrypt_cost: 5,
        phpass_cost: 13,
        sha_crypt_rounds: 6_000,
        pbkdf2_rounds: 20_000,
        pbkdf2_wide_rounds: 20_000,
        digest_rounds: 20_000,
        scrypt_work: 1 << 14,
        ..Caps::default()
    };
    let capped = |accept| Policy::compile(&Spec { caps, ..Spec::new(accept, None) }).unwrap();
    let (rows, auto) = (cheap_rows(), capped(Accept::Auto));
    assert!(rows.len() > 200, "{}", rows.len());
    let names = rows.iter().map(|(label, ..)| (*label, if *label == "xenforo1" { "xenforo" } else { *label }));
    let labels: std::collections::BTreeMap<&str, Policy> =
        names.map(|(label, name)| (label, capped(Accept::Formats(vec![FormatSpec::Named(name.to_owned())])))).collect();
    let change = (0..6_u8, any::<prop::sample::Index>(), "[ -~]", 1..4_usize);
    let mut runner = prop::test_runner::TestRunner::new(ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let strategy = (any::<prop::sample::Index>(), change);
    let outcome = runner.run(&strategy, |(row, (kind, at, letter, times))| {
        let (label, password, value) = rows[row.index(rows.len())];
        let places: Vec<usize> = value.char_indices().map(|(at, _)| at).collect();
        let place = places[at.index(places.len())];
        let (before, after) = value.split_at(place);
        let mut rest = after.chars();
        rest.next();
        let changed = match kind {
            0 => before.to_owned(),
            1 => format!("{before}{letter}{}", rest.as_str()),
            2 => format!("{before}{letter}{after}"),
            3 => format!("{value}{}", letter.repeat(times)),
            4 => value.repeat(times + 1),
            // A number that is as large as it can be, in the place of one that is there.
            _ => {
                let start = value[place..].find(|c: char| c.is_ascii_digit()).map_or(value.len(), |at| place + at);
                let end = value[start..].find(|c: char| !c.is_ascii_digit()).map_or(value.len(), |at| start + at);
                format!("{}{}{}", &value[..start], ["4294967295", "99999999999999999999"][times % 2], &value[end..])
            }
        };
        for policy in [&labels[label], &auto] {
            let secret = Secret::new(changed.as_str());
            let stored = Stored { value: Some(&secret), ..Stored::default() };
            prop_assert!(policy.memory_needed(Some(&stored)) <= 1 << 30);
            let started = Instant::now();
            let verdict = verify(policy, password, &changed);
            let took = started.elapsed();
            if verdict.is_err() && took > Duration::from_millis(10) {
                // Once more: another process may have taken the core away.
                let started = Instant::now();
                let _ = verify(policy, password, &changed);
                prop_assert!(started.elapsed().min(took) < Duration::from_millis(100), "{changed}: {took:?}");
            }
            if matches!(verdict, Ok(Verdict::Match { .. })) {
                prop_assert!(means_the_same(value, &changed), "{label} {password}: {value} became {changed}");
            }
        }
        Ok(())
    });
    outcome.unwrap();
}

/// No marker of a locked account opens for any format, whatever the password, be it empty or the marker itself.
#[test]
fn markers_open_for_no_format() {
    let cheap = CHEAP.iter().find(|(_, value)| value.starts_with("$1$")).unwrap();
    for format in FORMATS {
        let policy = accepting(&["md5-crypt", format.name]);
        // Two cheap rows make its decoys cheap.
        for (password, value) in [cheap; 2] {
            assert_eq!(verify(&policy, password, value), Ok(Verdict::Match { outdated: false }));
        }
        for mark in ["", " ", "!", "!!", "*", "*0", "*1", "*LK*", "NP", "x", "{x}", "!$6$abcdefgh$", "!unusable"] {
            let (secret, salt) = (Secret::new(mark), Secret::new("salt"));
            let stored = Stored { value: Some(&secret), salt: Some(&salt), user: Some("ann"), ..Stored::default() };
            for password in ["", "anything", mark] {
                let verdict = policy.verify_bytes_blocking(password.as_bytes(), &stored);
                assert_eq!(verdict, Ok(Verdict::NoPassword), "{} {mark:?} {password:?}", format.name);
            }
        }
        assert_eq!(policy.verify_bytes_blocking(b"", &Stored::default()), Ok(Verdict::NoPassword));
    }
}

#[test]
fn a_row_without_a_password_lets_nobody_in() {
    let marks = ["", "   ", "!", "!!", "*", "*0", "*LK*", "NP", "x", "!$6$abcdefgh$", "!abcdefghijklmnop"];
    let auto = auto();
    // Two cheap rows make its decoys cheap.
    for (password, value) in [CHEAP[1]; 2] {
        assert_eq!(verify(&auto, password, value), Ok(Verdict::Match { outdated: false }));
    }
    let cheap =
        FORMATS.iter().filter(|format| format.strength < Strength::Slow).map(|format| accepting(&[format.name]));
    for policy in cheap.chain([auto]) {
        let password = Password::new("anything");
        assert_eq!(policy.verify_blocking(&password, &Stored::default()), Ok(Verdict::NoPassword));
        for mark in marks {
            assert_eq!(verify(&policy, "anything", mark), Ok(Verdict::NoPassword), "{policy:?} {mark}");
            // The marker itself, typed as the password.
            assert!(!matches!(verify(&policy, mark, mark), Ok(Verdict::Match { .. })));
        }
    }
}

#[test]
fn padding_of_fixed_columns_is_no_part_of_the_value() {
    for (password, value) in CHEAP {
        assert_eq!(verify(&auto(), password, &format!("{value}   ")), Ok(Verdict::Match { outdated: false }));
    }
}

#[test]
fn what_could_be_many_things_is_not_guessed() {
    for value in
        ["5f4dcc3b5aa765d61d8327deb882cf99", "5f4dcc3b5aa765d61d8327deb882cf99:ab", "rl.3StKT.4T8M", "sha1$ab$cd"]
    {
        let refused = verify(&auto(), "password", value).unwrap_err();
        assert!(matches!(&refused, Unreadable::Ambiguous { candidates, .. } if candidates.len() > 1), "{refused:?}");
        assert!(!refused.to_string().contains(value));
    }
    assert!(matches!(verify(&auto(), "hunter2", "hunter2"), Err(Unreadable::Unrecognised { looks_like: None, .. })));
    let declared = verify(&accepting(&["phpass"]), "letmein", "0d107d09f5bbe40cade3de5c71e9e9b7");
    assert!(matches!(declared, Err(Unreadable::Ambiguous { .. })));
    assert!(matches!(
        verify(&accepting(&["phpass"]), "U*U", CHEAP[1].1),
        Err(Unreadable::Unrecognised { looks_like: Some("bcrypt"), .. })
    ));
}
