//! Directories, mail servers and HTTP's own authentication.
//!
//! Invariant: as of the whole catalogue.

use super::super::challenge::Inputs;
use super::super::format::{enterprise, pbkdf2_strings, schemes};
use super::{Auto, Format, Strength};

pub(super) const ROWS: &[Format] = &[
    Format {
        aliases: &[
            "ldap-md5",
            "ldap-hex-md5",
            "ldap-hex-sha1",
            "roundup-plaintext",
            "zope",
            "moinmoin",
            "ldap-sha1",
            "ldap-salted-md5",
            "ldap-salted-sha1",
            "ldap-salted-sha256",
            "ldap-salted-sha512",
            "ldap-des-crypt",
            "ldap-bsdi-crypt",
            "ldap-md5-crypt",
            "ldap-sha1-crypt",
            "ldap-sha256-crypt",
            "ldap-sha512-crypt",
            "ldap-bcrypt",
            "sha",
            "smd5",
            "ssha",
            "ssha256",
            "ssha384",
            "ssha512",
            "crypt",
            "hashcat:101",
            "hashcat:111",
            "hashcat:1411",
            "hashcat:1711",
        ],
        auto: Auto::Only(schemes::is_ldap),
        writers: schemes::LDAP_WRITERS,
        vectors: &[
            ("secret", "{SSHA}0H+zTv8o4MR4H43n03eCsvw1luG8LdB7"),
            ("secret", "{SMD5}MPRosjEraDNpYLFnKv9dyvF+710="),
            (
                "secret",
                "{SSHA512}xdL4vvsyVMrSdbb1EtPrKrxuoCRS65LGA7KfbaIxvCzB7u6V0IFocmDdLkWmS6GytW7aBp07Sx2mfj/aQ+lR9k2J8X5P6d17",
            ),
            ("test", "{CRYPT}//EsnG9FLTKjo"),
        ],
        ..Format::new("ldap", Strength::Fast, schemes::parse_ldap)
    },
    Format {
        aliases: &["plain-md4", "plain-trunc", "scram-sha-1", "cram-md5", "hmac-md5", "digest-md5", "hashcat:16400"],
        auto: Auto::Only(schemes::is_dovecot),
        writers: &[schemes::DOVECOT_WRITER],
        vectors: &[
            ("test", "{CRAM-MD5}e02d374fde0dc75a17a557039a3a5338c7743304777dccd376f332bee68d2cf6"),
            ("test", "{MD5-CRYPT}$1$GgvxyNz8$OjZhLh4P.gF1lxYEbLZ3e/"),
        ],
        ..Format::beside("dovecot", Strength::Fast, schemes::parse_dovecot)
    },
    Format {
        aliases: &["crowd", "jira", "confluence", "pkcs5s2", "hashcat:12001"],
        vectors: &[("admin", "{PKCS5S2}c4xaeTQM0lUieMS3V5voiexyX9XhqC2dBd5ecVy60IPksHChwoTAVYFrhsgoq8/p")],
        ..Format::new("atlassian-pbkdf2-sha1", Strength::Slow, pbkdf2_strings::parse_atlassian)
    },
    Format {
        aliases: &["389ds", "pbkdf2-sha256-389ds", "hashcat:10901"],
        vectors: &[(
            "secret",
            "{PBKDF2_SHA256}AAAACnNzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Mb9P949CWeVXSpfWTWOg6rKImweGmdbVDTBnaEuBG6ijb5bPngSF9VDjnTqklwZVQd2PgyX/EoKxvSkaVcybkNiagK15etf2EV83I1uODQLJhMqm0jA+AYhUzURiIdQ+2aJ354dolpjklvQXUDlQi1DqCsHlXuKPxFsnxz97QvnzR1uXta/9lJTFjVW3MSlIdI3A4mceBfAWGUOnfyS2mH3dDQAibavlyrq0FiboN655L8tYJk69MBmvffQ7lkv2kdDHZDs2DlvRSzB4bJ89AST1Xc/Le0i/gtWD+RSN0CflnbNzFzMhLl6P3sUEcD4Qeeh/yC/X6B3I06iRcks5o2",
        )],
        ..Format::new("389ds-pbkdf2-sha256", Strength::Slow, pbkdf2_strings::parse_389ds)
    },
    Format {
        vectors: &[(
            "secret",
            "HMACSHA2+512:AAAACg==:c2FsdHNhbHQ=:Ac8PZxYZTQNnBW6qcjEdl9XfuNHcv69w0l+PHUeBTjCfh2cLI1hLNCg5SFb4CDTNrmyO4O9k7dYAnnbUXLZjTA==",
        )],
        ..Format::new("freeradius-pbkdf2", Strength::Slow, pbkdf2_strings::parse_freeradius)
    },
    Format {
        aliases: &["ha1", "asterisk-md5secret"],
        auto: Auto::No,
        vectors: &[("secret", "a110383056f556b818bd7026fed7451b")],
        given: Inputs { user: Some("alice"), realm: Some("example"), ..Inputs::NONE },
        ..Format::beside("htdigest", Strength::Fast, enterprise::parse_htdigest)
    },
    Format {
        vectors: &[("secret", "{FSHP1|16|10}pjQGAOBcq/Vei9Faa805xzClgZ6lHI57u0Mg3nplCmpVycb+/CJhTBOpPZn1Yegp")],
        ..Format::new("fshp", Strength::Weak, enterprise::parse_fshp)
    },
];
