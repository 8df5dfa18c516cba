//! crypt(3) and what descends from it.
//!
//! Invariant: as of the whole catalogue.

use super::super::format::{bcrypt, bcrypt_sha256, des, md5_crypt, phpass, scrypt, sha_crypt, unix};
use super::{Format, Strength};

pub(super) const ROWS: &[Format] = &[
    Format {
        aliases: &["blf-crypt", "bcrypt-2a", "bcrypt-2b", "bcrypt-2y", "bcrypt-2x", "bcrypt-2", "hashcat:3200"],
        writers: bcrypt::WRITERS,
        vectors: &[
            ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
            ("U*U", "$2$05$abcdefghijklmnopqrstuuj0TXn/PDWJrEdiNl2ceqngzWI5Ha0yC"),
        ],
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
    Format {
        aliases: &["bcrypt-sha256"],
        vectors: &[("password", "$bcrypt-sha256$2b,5$5Hg1DKFqPE8C2aflZ5vVoe$12BjNE0p7axMg55.Y/mHsYiVuFBDQyu")],
        ..Format::new("passlib-bcrypt-sha256", Strength::Slow, bcrypt_sha256::parse)
    },
    Format {
        writers: &[unix::YESCRYPT_WRITER],
        vectors: &[("U*U", "$y$j85$.......$.mv3bVd1BEBrjfj.7o6SNMXo7F./76n9r7sfp02/rDA")],
        ..Format::new("yescrypt", Strength::Slow, unix::parse_yescrypt)
    },
    Format {
        vectors: &[("PAROLX", "$gy$j85$.......$ObQJq4c4/YQClBaerSPsLx5u335EI7vEeJZ0K14SjVC")],
        ..Format::new("gost-yescrypt", Strength::Slow, unix::parse_gost_yescrypt)
    },
    Format {
        vectors: &[("abc", "$sm3y$j75$.......$duiiYQVhOT63KI.mAoLYbyaDvBu8kRypgtoCouFp3r8")],
        ..Format::new("sm3-yescrypt", Strength::Slow, unix::parse_sm3_yescrypt)
    },
    Format {
        aliases: &["sm3crypt"],
        vectors: &[("abc", "$sm3$rounds=1000$saltstring$rA2ewUHqiQH5Le9o318IWjgsADyZCgfFXofbx1T1NCD")],
        ..Format::new("sm3-crypt", Strength::Slow, sha_crypt::parse_sm3)
    },
    Format {
        aliases: &["scrypt-mcf", "sodium-scrypt"],
        vectors: &[("*U*U*U*U*", "$7$76..../....SodiumChloride$qj8FEKJTbuFZXDtTZBV6ueI3ShgFhUBOhjm.MuVeNm6")],
        ..Format::new("crypt-scrypt", Strength::Slow, scrypt::parse_crypt)
    },
    Format {
        aliases: &["netbsd-sha1-crypt", "junos-sha1-crypt", "hashcat:15100"],
        vectors: &[("secret", "$sha1$20$Euo9eB/m$fn87L2N3bq7VMbsOKfUpxLVzYobi")],
        ..Format::new("sha1-crypt", Strength::Weak, unix::parse_sha1_crypt)
    },
    Format {
        aliases: &["sunmd5", "hashcat:3300"],
        vectors: &[
            ("secret", "$md5$abcdefgh$$TFWU.dlIfuoAjNld5IaX3."),
            ("passwd", "$md5$RPgLF6IJ$WTvAlUJ7MqH5xak2FMEwS/"),
        ],
        ..Format::new("sun-md5-crypt", Strength::Weak, unix::parse_sun_md5)
    },
    Format {
        aliases: &["bsd-nthash"],
        vectors: &[("mkpw1", "$3$$2f43ee25a3d262ff667045772e5064e0")],
        ..Format::new("nt-crypt", Strength::Fast, unix::parse_nt)
    },
    Format {
        aliases: &[
            "aix-smd5",
            "aix-ssha1",
            "aix-ssha256",
            "aix-ssha512",
            "hashcat:6300",
            "hashcat:6400",
            "hashcat:6500",
            "hashcat:6700",
        ],
        vectors: &[
            ("hashcat", "{ssha1}06$5586485655847243$V5f1Ff1y4dr7AWeVSSdv6N52..Y"),
            ("hashcat", "{smd5}a5/yiuGj$qYlQshPjFN0BPormkAGCR/"),
        ],
        ..Format::new("aix", Strength::Weak, unix::parse_aix)
    },
    Format {
        aliases: &["ext-des", "bsdicrypt", "hashcat:12400"],
        vectors: &[("secret", "_3...mwjres2ufSOOeR6")],
        ..Format::new("bsdi-crypt", Strength::Weak, des::parse_bsdi)
    },
    Format {
        aliases: &["descrypt", "hashcat:1500"],
        vectors: &[("foocrypt", "ablvoGr1hvZ5k")],
        ..Format::bare("des-crypt", des::parse)
    },
    Format { vectors: &[("a long secret", "6CSrEkmQ5C46kL5RmyEeFeic")], ..Format::bare("bigcrypt", des::parse_big) },
    Format { vectors: &[("a long secret", "oOCNjTve.zxyg5UjPxKNx14M")], ..Format::bare("crypt16", des::parse_crypt16) },
    Format {
        aliases: &["hashcat:19000", "hashcat:19100", "hashcat:19200", "hashcat:19210"],
        vectors: &[
            ("hashcat", "@m@75f6f129f9c9e77b6b1b78f791ed764a@8741857532330050"),
            (
                "hashcat",
                "@S@vm2nBGHes6QkXra0f74XmouSiRzjYD3r/0py+txv0Kr8A4hCPMGFHoZqr41JFiYcJPPOeIheqFseMyLyw/15Pw==@NDY2MDEwNjk3YjBjYzM2MzliMzc3Mzc0ZTNiMTAzNzE=",
            ),
        ],
        ..Format::new("qnx", Strength::Weak, unix::parse_qnx)
    },
];
