//! Names, vectors and claims of all rows.
//!
//! Invariant: a row that is added is tested here without being listed.

use std::collections::HashSet;

use super::*;

/// Applications that change the password and then store a common hash, which looks like everybody else's: only a
/// declaration can tell them apart, so `auto` takes such a value for the common one.
const PLAIN_FORMS: &[(&str, &str)] = &[
    ("phpbb", "phpass"),
    ("wcf2-bcrypt-double", "bcrypt"),
    ("symfony-native", "bcrypt"),
    ("meteor", "bcrypt"),
    ("nodebb", "bcrypt"),
    ("vbulletin5", "bcrypt"),
    ("codeigniter-shield", "bcrypt"),
    ("bcrypt-sha1", "bcrypt"),
    ("php", "phpass"),
    ("smf21", "bcrypt"),
    ("devise", "bcrypt"),
    ("moodle", "sha512-crypt"),
    ("flask-security", "argon2"),
];

#[test]
fn names_are_unique_and_normal() {
    let mut seen = HashSet::new();
    for name in FORMATS.iter().flat_map(Format::names) {
        assert_eq!(normal(name), name);
        assert!(seen.insert(name), "{name} stands twice");
    }
}

#[test]
fn names_resolve_however_they_are_spelt() {
    for name in ["SHA512-CRYPT", "sha512_crypt", "{sha512-crypt}", "hashcat: 1800"] {
        assert_eq!(find(name).unwrap().name, "sha512-crypt");
    }
    assert!(find("bcrypto").is_none());
    assert_eq!(nearest_name("bcrypto"), "bcrypt");
}

/// Every handler of passlib 1.7 and libpass, but for its markers and its one cipher.
#[test]
fn passlib_names_resolve() {
    for name in [
        "apr_md5_crypt",
        "argon2",
        "atlassian_pbkdf2_sha1",
        "bcrypt",
        "bcrypt_sha256",
        "bigcrypt",
        "bsd_nthash",
        "bsdi_crypt",
        "cisco_asa",
        "cisco_pix",
        "crypt16",
        "cta_pbkdf2_sha1",
        "des_crypt",
        "django_argon2",
        "django_bcrypt",
        "django_bcrypt_sha256",
        "django_des_crypt",
        "django_pbkdf2_sha1",
        "django_pbkdf2_sha256",
        "django_salted_md5",
        "django_salted_sha1",
        "dlitz_pbkdf2_sha1",
        "fshp",
        "grub_pbkdf2_sha512",
        "hex_md4",
        "hex_md5",
        "hex_sha1",
        "hex_sha256",
        "hex_sha512",
        "htdigest",
        "ldap_bcrypt",
        "ldap_bsdi_crypt",
        "ldap_des_crypt",
        "ldap_hex_md5",
        "ldap_hex_sha1",
        "ldap_md5",
        "ldap_md5_crypt",
        "ldap_pbkdf2_sha1",
        "ldap_pbkdf2_sha256",
        "ldap_pbkdf2_sha512",
        "ldap_plaintext",
        "ldap_salted_md5",
        "ldap_salted_sha1",
        "ldap_salted_sha256",
        "ldap_salted_sha512",
        "ldap_sha1",
        "ldap_sha1_crypt",
        "ldap_sha256_crypt",
        "ldap_sha512_crypt",
        "lmhash",
        "md5_crypt",
        "msdcc",
        "msdcc2",
        "mssql2000",
        "mssql2005",
        "mysql323",
        "mysql41",
        "nthash",
        "oracle10",
        "oracle11",
        "pbkdf2_sha1",
        "pbkdf2_sha256",
        "pbkdf2_sha512",
        "phpass",
        "plaintext",
        "postgres_md5",
        "roundup_plaintext",
        "scram",
        "scrypt",
        "sha1_crypt",
        "sha256_crypt",
        "sha512_crypt",
        "sun_md5_crypt",
    ] {
        assert!(find(name).is_some(), "{name}");
    }
    for name in ["unix_disabled", "django_disabled", "cisco_type7", "domino6"] {
        assert!(find(name).is_none() && no_format(name).is_some(), "{name}");
    }
}

#[test]
fn dovecot_schemes_resolve() {
    for name in [
        "PLAIN",
        "CLEAR",
        "CLEARTEXT",
        "PLAIN-TRUNC",
        "CRYPT",
        "DES-CRYPT",
        "MD5-CRYPT",
        "SHA256-CRYPT",
        "SHA512-CRYPT",
        "BLF-CRYPT",
        "PBKDF2",
        "ARGON2I",
        "ARGON2ID",
        "SHA",
        "SHA1",
        "SHA256",
        "SHA512",
        "SSHA",
        "SSHA256",
        "SSHA512",
        "SMD5",
        "LDAP-MD5",
        "PLAIN-MD4",
        "PLAIN-MD5",
        "MD5",
        "CRAM-MD5",
        "HMAC-MD5",
        "DIGEST-MD5",
        "SCRAM-SHA-1",
        "SCRAM-SHA-256",
        "NTLM",
        "LANMAN",
    ] {
        assert!(find(&format!("{{{name}}}")).is_some(), "{name}");
    }
}

#[test]
fn hashcat_modes_resolve() {
    for mode in [
        0, 11, 12, 20, 21, 22, 24, 100, 101, 111, 112, 121, 122, 124, 125, 131, 132, 133, 141, 200, 300, 400, 500, 900,
        1000, 1100, 1300, 1400, 1411, 1420, 1421, 1441, 1500, 1600, 1700, 1711, 1722, 1731, 1800, 2100, 2400, 2410,
        2611, 2612, 2711, 2811, 3000, 3100, 3200, 3300, 3711, 4521, 4522, 5100, 5700, 6300, 6400, 6500, 6700, 7000,
        7100, 7200, 7400, 7401, 7900, 8000, 8100, 8400, 8900, 9200, 9300, 10000, 10300, 10800, 10900, 10901, 11000,
        11900, 12000, 12001, 12100, 12150, 12300, 12400, 12600, 13900, 15000, 15100, 16400, 19000, 19100, 19200, 19210,
        19500, 20200, 20300, 20400, 20600, 20711, 20712, 21500, 21501, 21600, 22200, 24100, 24200, 24800, 25600, 25800,
        26300, 27200, 28400, 28600, 30000, 30120, 30600, 32000, 32010, 32020, 32030, 32031, 32040, 32041, 32300, 32600,
        33800, 34000, 35500,
    ] {
        assert!(find(&format!("hashcat:{mode}")).is_some(), "{mode}");
    }
}

#[test]
fn every_writer_is_reached_by_its_names() {
    for format in FORMATS {
        for (writer, name) in format.writers.iter().flat_map(|w| w.names.iter().map(move |n| (w, *n))) {
            assert_eq!(find(name).unwrap().name, format.name);
            assert!(std::ptr::fn_addr_eq(format.writer(name).unwrap().template, writer.template), "{name}");
        }
    }
}

#[test]
fn every_row_has_vectors_and_a_usual_cost() {
    for format in FORMATS {
        assert!(!format.vectors.is_empty() && format.usual().is_some(), "{}", format.name);
    }
}

#[test]
fn every_vector_is_verified() {
    for (format, (password, value)) in FORMATS.iter().flat_map(|f| f.vectors.iter().map(move |v| (f, v))) {
        let challenge = format.parse(value, &format.given);
        let admitted = challenge.ok().and_then(|challenge| challenge.admit(&Caps::default()).ok());
        let Some(admitted) = admitted else { panic!("{} does not read its own vector", format.name) };
        let matches = |password: &str| admitted.matches(password.as_bytes()).ok();
        assert_eq!((matches(password), matches("another")), (Some(true), Some(false)), "{}", format.name);
    }
}

#[test]
fn no_two_rows_claim_a_self_describing_value() {
    for (owner, (_, value)) in FORMATS.iter().flat_map(|f| f.vectors.iter().map(move |v| (f, v))) {
        let claims: Vec<_> =
            FORMATS.iter().filter(|f| f.parse_auto(value, &owner.given).is_ok()).map(|f| f.name).collect();
        let plain = PLAIN_FORMS.iter().find(|(name, _)| *name == owner.name).map(|(_, plain)| *plain);
        match owner.auto {
            Auto::Yes => assert_eq!(claims, [owner.name]),
            Auto::Only(is_own) if is_own(value) => assert_eq!(claims, [owner.name]),
            Auto::Only(_) | Auto::No => {
                assert!(claims.iter().all(|claim| Some(*claim) == plain), "{}: {claims:?}", owner.name);
            }
        }
    }
}
