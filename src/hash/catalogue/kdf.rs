//! Argon2, scrypt and PBKDF2 in strings that carry their parameters.
//!
//! Invariant: as of the whole catalogue.

use super::super::format::{argon2, pbkdf2};
use super::{Format, Strength};

pub(super) const ROWS: &[Format] = &[
    Format {
        aliases: &["argon2id", "argon2i", "argon2d", "phc-argon2id", "hashcat:34000"],
        writers: &[argon2::WRITER],
        vectors: &[
            (
                "sfpass",
                "$argon2id$v=19$m=16,t=3,p=1$qod0wW65c/HHQb195Ipj1Q$BB8H5tJY09pL6bmA9ga0WZi7nJeqS98isZm4A0QfBTE",
            ),
            ("password", "$argon2i$m=256,t=2,p=2$c29tZXNhbHQ$tsEVYKap1h6scGt5ovl9aLRGOqOth+AMB+KwHpDFZPs"),
        ],
        ..Format::new("argon2", Strength::Slow, argon2::parse)
    },
    Format {
        aliases: &["pbkdf2-sha256-phc", "pbkdf2-sha512-phc"],
        writers: pbkdf2::PHC_WRITERS,
        vectors: &[(
            "password",
            "$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHRzYWx0c2FsdA$8nX7hwFEzIB8aPajJTYK8weHQc5Ngz0pFVAKvSu4jQA",
        )],
        ..Format::new("pbkdf2-phc", Strength::Slow, pbkdf2::parse_phc)
    },
    Format {
        aliases: &[
            "pbkdf2",
            "pbkdf2-sha1",
            "pbkdf2-sha256",
            "pbkdf2-sha512",
            "ldap-pbkdf2-sha1",
            "ldap-pbkdf2-sha256",
            "ldap-pbkdf2-sha512",
            "hashcat:20200",
            "hashcat:20300",
            "hashcat:20400",
        ],
        writers: pbkdf2::MCF_WRITERS,
        vectors: &[
            ("password", "$pbkdf2$1212$OB.dtnSEXZK8U5cgxU/GYQ$y5LKPOplRmok7CZp/aqVDVg8zGI"),
            ("password", "$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ"),
        ],
        ..Format::new("pbkdf2-mcf", Strength::Slow, pbkdf2::parse_mcf)
    },
];
