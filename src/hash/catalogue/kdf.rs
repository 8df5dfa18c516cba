//! Argon2, scrypt and PBKDF2 in strings that carry their parameters.
//!
//! Invariant: as of the whole catalogue.

use super::super::format::{argon2, pbkdf2, pbkdf2_strings, scrypt};
use super::{Auto, Format, Strength};

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
            "odoo",
            "frappe",
            "erpnext",
            "ckan",
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
    Format {
        aliases: &["mattermost"],
        vectors: &[("secret", "$pbkdf2$f=SHA256,w=10,l=32$c2FsdHNhbHQ=$O+8Scj42V9TpYFU/fhA2v/Xid+KCrO8mMpUBrJQzdIE=")],
        ..Format::new("pbkdf2-mattermost", Strength::Slow, pbkdf2_strings::parse_mattermost)
    },
    Format {
        vectors: &[("hashy the ☃", "$p5k2$1000$ZxK4ZBJCfQg=$jJZVscWtO--p1-xIZl6jhO2LKR0=")],
        ..Format::new("cta-pbkdf2-sha1", Strength::Slow, pbkdf2_strings::parse_cta)
    },
    Format {
        vectors: &[("gnu", "$p5k2$c$u9HvcT4d$Sd1gwSVCLZYAuqZ25piRnbBEoAesaa/g")],
        ..Format::new("dlitz-pbkdf2-sha1", Strength::Slow, pbkdf2_strings::parse_dlitz)
    },
    Format {
        auto: Auto::No,
        aliases: &["hashcat-pbkdf2", "hashcat:10900", "hashcat:11900", "hashcat:12000", "hashcat:12100"],
        vectors: &[("secret", "sha256:10:24:c2FsdHNhbHQ=:O+8Scj42V9TpYFU/fhA2v/Xid+KCrO8m")],
        ..Format::new("crackstation-pbkdf2", Strength::Slow, pbkdf2_strings::parse_crackstation)
    },
    Format {
        auto: Auto::No,
        vectors: &[("secret", "sha256:10:c2FsdHNhbHQ=:gShhRC4OAd/qSWYTWEevbVBfRNTT9u7E")],
        ..Format::new("crackstation-pbkdf2-php", Strength::Slow, pbkdf2_strings::parse_crackstation_php)
    },
    Format {
        aliases: &["soteria"],
        vectors: &[("secret", "PBKDF2WithHmacSHA512:10:c2FsdHNhbHQ=:Ac8PZxYZTQNnBW6qcjEdl9XfuNHcv69w0l+PHUeBTjA=")],
        ..Format::new("jakarta-pbkdf2", Strength::Slow, pbkdf2_strings::parse_jakarta)
    },
    Format {
        aliases: &["jenkins"],
        vectors: &[(
            "secret",
            "$PBKDF2$HMACSHA512:10:73616c7473616c74$01cf0f6716194d0367056eaa72311d97d5dfb8d1dcbfaf70d25f8f1d47814e309f87670b23584b3428394856f80834cdae6c8ee0ef64edd6009e76d45cb6634c",
        )],
        ..Format::new("jenkins-pbkdf2", Strength::Slow, pbkdf2_strings::parse_jenkins)
    },
    Format {
        vectors: &[(
            "secret",
            "PBKDF2SHA256$10$73616c7473616c74$3bef12723e3657d4e960553f7e1036bff5e277e282acef26329501ac94337481",
        )],
        ..Format::new("seafile", Strength::Slow, pbkdf2_strings::parse_seafile)
    },
    Format {
        vectors: &[("secret", "AAAAoAAAAApzYWx0c2FsdExNlmlXXOl2ZF8WYO/GYYVTYPlN")],
        ..Format::new("liferay", Strength::Slow, pbkdf2_strings::parse_liferay)
    },
    Format {
        aliases: &["scrypt"],
        writers: &[scrypt::PHC_WRITER],
        vectors: &[("nacl", "$scrypt$ln=1,r=4,p=2$yhnD+J+Tci4lZCwFgHCuVQ$fAsEWmxSHuC0cHKMwKVFPzrQukgvK09Sj+NueTSxKds")],
        ..Format::new("scrypt-phc", Strength::Slow, scrypt::parse_phc)
    },
    Format {
        vectors: &[("secret", "$s0$40801$c2FsdHNhbHRzYWx0c2FsdA==$8fMVNQRIS3XNsc6gAOqWRDEoI09km9Ol5J49QfkUo8E=")],
        ..Format::new("scrypt-lambdaworks", Strength::Slow, scrypt::parse_lambdaworks)
    },
    Format {
        auto: Auto::No,
        vectors: &[("secret", "$40801$c2FsdHNhbHRzYWx0c2FsdA==$8fMVNQRIS3XNsc6gAOqWRDEoI09km9Ol5J49QfkUo8E=")],
        ..Format::new("scrypt-spring", Strength::Slow, scrypt::parse_spring)
    },
    Format {
        auto: Auto::No,
        vectors: &[(
            "secret",
            "10$8$1$73616c7473616c74$b474fb18baa9d2e61b881d34f4c7881e732e10c67cea4c748e0069ab9bf1a3ce",
        )],
        ..Format::new("scrypt-ruby", Strength::Slow, scrypt::parse_ruby)
    },
    Format {
        aliases: &["hashcat:8900"],
        vectors: &[("secret", "SCRYPT:16:8:1:c2FsdHNhbHQ=:tHT7GLqp0uYbiB009MeIHnMuEMZ86kx0jgBpq5vxo84=")],
        ..Format::new("hashcat-scrypt", Strength::Slow, scrypt::parse_hashcat)
    },
];
