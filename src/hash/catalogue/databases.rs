//! The users of database servers.
//!
//! Invariant: as of the whole catalogue.

use super::super::format::{databases, pbkdf2_strings, scram};
use super::{ALICE, Auto, Format, Strength};

pub(super) const ROWS: &[Format] = &[
    Format {
        aliases: &["mysql", "hashcat:300"],
        auto: Auto::Only(databases::is_mysql41),
        writers: &[databases::MYSQL41_WRITER],
        vectors: &[("mypass", "*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4")],
        ..Format::new("mysql41", Strength::Fast, databases::parse_mysql41)
    },
    Format {
        aliases: &["caching-sha2-password", "hashcat:7401"],
        vectors: &[(
            "hashcat",
            "$mysql$A$005*F9CC98CE08892924F50A213B6BC571A2C11778C5*625479393559393965414D45316477456B484F41316E64484742577A2E3162785353526B7554584647562F",
        )],
        ..Format::new("mysql-sha256", Strength::Slow, databases::parse_mysql_sha2)
    },
    Format {
        aliases: &["old-password", "hashcat:200"],
        vectors: &[("drew", "697a7de87c5390b2")],
        ..Format::bare("mysql323", databases::parse_mysql323)
    },
    Format {
        aliases: &["scram-sha-256", "hashcat:28600"],
        writers: &[scram::POSTGRES_WRITER],
        vectors: &[(
            "secret",
            "SCRAM-SHA-256$10:c2FsdHNhbHQ=$dTZAIPwsVHuu6YkneeZxp3OtlYmrSv5cpRiX688EwBE=:EVggySVX3Lksf50tKxKDHe9ZhaL78+C0CMr7/WrOk+I=",
        )],
        ..Format::new("postgres-scram-sha-256", Strength::Weak, scram::parse_postgres)
    },
    Format {
        aliases: &["hashcat:12"],
        vectors: &[("secret", "md54a0a68b43b6cd5cf266fa02f196e2371")],
        given: ALICE,
        ..Format::beside("postgres-md5", Strength::Fast, databases::parse_postgres_md5)
    },
    Format {
        vectors: &[(
            "secret",
            r#"{"SCRAM-SHA-1": {"iterationCount": 10, "salt": "c2FsdHNhbHQ=", "storedKey": "znNZRgll/Ds/PFE5/va/dWrM39o=", "serverKey": "CTjvgzQ4oS1d1SpOQ9881xxXGmU="}}"#,
        )],
        given: ALICE,
        aliases: &["scram-mongodb", "hashcat:24100", "hashcat:24200"],
        ..Format::beside("mongodb-scram", Strength::Weak, scram::parse_mongodb)
    },
    Format {
        aliases: &["scram"],
        vectors: &[("secret", "$scram$10$c2FsdHNhbHQ$sha-1=TE2WaVdc6XZkXxZg78ZhhVNg+U0")],
        ..Format::new("scram-passlib", Strength::Weak, scram::parse_passlib)
    },
    Format {
        aliases: &["hashcat:3100"],
        auto: Auto::No,
        vectors: &[("secret", "B9D3328D1F1C1DAB")],
        given: ALICE,
        ..Format::beside("oracle10", Strength::Fast, databases::parse_oracle10)
    },
    Format {
        aliases: &["hashcat:112"],
        auto: Auto::Only(databases::is_oracle11),
        vectors: &[("abc123", "S:5FDAB69F543563582BA57894FE1C1361FB8ED57B903603F2C52ED1B4D642")],
        ..Format::new("oracle11", Strength::Fast, databases::parse_oracle11)
    },
    Format {
        aliases: &["oracle12", "hashcat:12300"],
        auto: Auto::Only(databases::is_oracle12),
        vectors: &[(
            "hashcat",
            "T:8F75FBD166AFDB6D7587DAB89C2F15672AAC031C5B0B5E65C0835FB130555F6FF4E0E5764976755558112246FFF306450C22F6B7746B9E9831ED97B373992F9157436180438417080374881414745255",
        )],
        ..Format::new("oracle12c", Strength::Weak, databases::parse_oracle12)
    },
    Format {
        aliases: &["mssql2000", "mssql2005", "mssql2012", "mssql2025", "hashcat:131", "hashcat:132", "hashcat:1731"],
        vectors: &[
            ("Test", "0x010034767D5C0CFA5FDCA28C4A56085E65E882E71CB0ED2503412FD54D6119FFF04129A1D72E7C3194F7284A7F3A"),
            ("123", "0x01004A335DCEDB366D99F564D460B1965B146D6184E4E1025195"),
            (
                "secret",
                "0x020001020304efe8df30d6f1bac62f0dc1d5d118928fb3bd18ffeaa614f7eec41fec4d9058b06a8a44642527da0a63ddb7f8e92567dca8a3808c2ec1d258f12d5dbde8de30ca",
            ),
        ],
        ..Format::new("mssql", Strength::Fast, databases::parse_mssql)
    },
    Format {
        aliases: &["ed25519-password"],
        vectors: &[("secret", "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY")],
        ..Format::bare("mariadb-ed25519", databases::parse_ed25519)
    },
    Format {
        aliases: &["parsec"],
        vectors: &[("MyPassword123!", "P0:lhXyNv1cIxpB8EnTxR7ON7S7:1l3rWRW1/jw45yrvYXB8eh02wzk7lcJcz4CMcWw2b+8")],
        ..Format::new("mariadb-parsec", Strength::Weak, databases::parse_parsec)
    },
    Format {
        aliases: &["hashcat:8000"],
        vectors: &[(
            "hashcat",
            "0xc0071808773188715731b69bd4e310b4129913aaf657356c5bdf3c46f249ed42477b5c74af6eaac4d15a",
        )],
        ..Format::new("sybase-ase", Strength::Fast, databases::parse_sybase)
    },
    Format {
        vectors: &[("couch1", "-pbkdf2-7efc0280f858d19dabf07397071f284c6c25ab0c,b1c9f3d2e8a7,10")],
        ..Format::new("couchdb", Strength::Weak, pbkdf2_strings::parse_couchdb)
    },
    Format {
        vectors: &[("test12", "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR")],
        ..Format::bare("rabbitmq", databases::parse_rabbitmq)
    },
];
