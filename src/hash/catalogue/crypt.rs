//! crypt(3) and what descends from it.
//!
//! Invariant: as of the whole catalogue.

use super::super::format::{bcrypt, md5_crypt, phpass, sha_crypt};
use super::{Format, Strength};

pub(super) const ROWS: &[Format] = &[
    Format {
        aliases: &["blf-crypt", "ldap-bcrypt", "bcrypt-2a", "bcrypt-2b", "bcrypt-2y", "bcrypt-2x", "hashcat:3200"],
        writers: &[bcrypt::WRITER],
        vectors: &[("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")],
        ..Format::new("bcrypt", Strength::Slow, bcrypt::parse)
    },
    Format {
        aliases: &["sha512crypt", "hashcat:1800"],
        writers: &[sha_crypt::WRITER],
        vectors: &[(
            "shapass",
            "$6$abcdefghijklmnop$Kq2PbnMF/Una3svsclEqowi8Nw.pcGUHCE7NYQrDv0eUCKFVdjmUE/Qti5Yo3Z1At80xAAshigoh1n3UaOvji0",
        )],
        ..Format::new("sha512-crypt", Strength::Slow, sha_crypt::parse_512)
    },
    Format {
        aliases: &["sha256crypt", "hashcat:7400"],
        vectors: &[("shapass", "$5$abcdefgh$Q6APcJvBs6p1Lpqa/f4lIrYbDkwaFVUlPVZzikiJoO8")],
        ..Format::new("sha256-crypt", Strength::Slow, sha_crypt::parse_256)
    },
    Format {
        aliases: &["md5crypt", "hashcat:500"],
        vectors: &[("md5pass", "$1$abcdefgh$vc.h.b7/b1zYYwJ7DKEQG1")],
        ..Format::new("md5-crypt", Strength::Weak, md5_crypt::parse)
    },
    Format {
        aliases: &["apr-md5-crypt", "hashcat:1600"],
        vectors: &[("apr1pass", "$apr1$abcdefgh$0NqsgEtPapFvDUJTTdsPb1")],
        ..Format::new("apr1", Strength::Weak, md5_crypt::parse_apr1)
    },
    Format {
        aliases: &["phpass-md5", "hashcat:400"],
        writers: &[phpass::WRITER],
        vectors: &[
            ("test12345", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"),
            ("123456", "$H$9PE8jEklgZhgLmZl5.HYJAzfGCQtzi1"),
        ],
        ..Format::new("phpass", Strength::Weak, phpass::parse)
    },
];
