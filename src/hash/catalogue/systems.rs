//! Operating systems, network gear, business software; and plain passwords, which claim every value and so come last.
//!
//! Invariant: as of the whole catalogue.

use super::super::challenge::Inputs;
use super::super::format::{devices, enterprise, pbkdf2_strings, scrypt, windows};
use super::{ALICE, Auto, Format, Strength};

pub(super) const ROWS: &[Format] = &[
    Format {
        aliases: &["nthash", "nt", "hashcat:1000"],
        vectors: &[("secret", "878d8014606cda29677a44efa1353fc7")],
        ..Format::bare("ntlm", windows::parse_ntlm)
    },
    Format {
        aliases: &["lm", "lanman", "hashcat:3000"],
        vectors: &[("welcome", "c23413a8a1e7665faad3b435b51404ee")],
        ..Format::bare("lmhash", windows::parse_lm)
    },
    Format {
        aliases: &["dcc", "hashcat:1100"],
        auto: Auto::Only(|value| value.starts_with("M$")),
        vectors: &[("secret", "M$Alice#25ad931030a7241a1441ef5175cb86b5")],
        given: ALICE,
        ..Format::beside("msdcc", Strength::Fast, windows::parse_dcc)
    },
    Format {
        aliases: &["dcc2", "hashcat:2100"],
        auto: Auto::Only(|value| value.starts_with("$DCC2$")),
        vectors: &[("secret", "$DCC2$10#alice#b2302db65205506283ebdc97e2c9bafa")],
        given: ALICE,
        ..Format::beside("msdcc2", Strength::Slow, windows::parse_dcc2)
    },
    Format {
        aliases: &["hashcat:7100"],
        vectors: &[(
            "secret",
            "$ml$10$73616c7473616c74$01cf0f6716194d0367056eaa72311d97d5dfb8d1dcbfaf70d25f8f1d47814e309f87670b23584b3428394856f80834cdae6c8ee0ef64edd6009e76d45cb6634c",
        )],
        ..Format::new("macos-pbkdf2", Strength::Slow, pbkdf2_strings::parse_macos)
    },
    Format {
        aliases: &["hashcat:122"],
        vectors: &[("hashcat", "86586886b8bd3c379d2e176243a7225e6aae969d293fe9a9")],
        ..Format::bare("macos-sha1", devices::parse_macos_sha1)
    },
    Format {
        aliases: &["hashcat:1722"],
        vectors: &[(
            "hashcat",
            "07543781b07e905f6f947db8ae305c248b9e12f509b41097e852e2f450e824790e677ea7397b8a9a552b1c19ecf6a6e1dd3844fa5ee5db23976962859676f7d2fb85ca94",
        )],
        ..Format::bare("macos-sha512", devices::parse_macos_sha512)
    },
    Format {
        aliases: &["grub2", "hashcat:7200"],
        vectors: &[(
            "secret",
            "grub.pbkdf2.sha512.10.73616C7473616C74.01CF0F6716194D0367056EAA72311D97D5DFB8D1DCBFAF70D25F8F1D47814E309F87670B23584B3428394856F80834CDAE6C8EE0EF64EDD6009E76D45CB6634C",
        )],
        ..Format::new("grub-pbkdf2-sha512", Strength::Slow, pbkdf2_strings::parse_grub)
    },
    Format {
        aliases: &["hashcat:2400"],
        auto: Auto::No,
        vectors: &[("secret", "MNT6OC4G6lJjbWb.")],
        given: ALICE,
        ..Format::beside("cisco-pix", Strength::Fast, devices::parse_pix)
    },
    Format {
        aliases: &["hashcat:2410"],
        auto: Auto::No,
        vectors: &[("secret", "MNT6OC4G6lJjbWb."), ("a longer secret 123", "UIuBiG/UIwSKJxnG")],
        given: ALICE,
        ..Format::beside("cisco-asa", Strength::Fast, devices::parse_asa)
    },
    Format {
        aliases: &["netscreen", "hashcat:22"],
        auto: Auto::No,
        vectors: &[("hashcat", "nNxKL2rOEkbBc9BFLsVGG6OtOUO/8n")],
        given: Inputs { user: Some("user"), ..Inputs::NONE },
        ..Format::beside("screenos", Strength::Fast, devices::parse_screenos)
    },
    Format {
        aliases: &["hashcat:5700"],
        vectors: &[("hashcat", "2btjjy78REtmYkkW0csHUbJZOstRXoWdX1mGrmmfeHI")],
        ..Format::bare("cisco-type4", devices::parse_type4)
    },
    Format {
        aliases: &["hashcat:9200"],
        vectors: &[("hashcat", "$8$84486783037343$pYNyVrtyMalQrZLxRi7ZLQS1Fl.jkYCgASUi5P8JNb2")],
        ..Format::new("cisco-type8", Strength::Slow, pbkdf2_strings::parse_cisco)
    },
    Format {
        aliases: &["hashcat:9300"],
        vectors: &[("hashcat", "$9$87023684531115$phio0TBQwaO7KZ8toQFyGFyDvyOzidaypRWN0uKX0hU")],
        ..Format::new("cisco-type9", Strength::Slow, scrypt::parse_cisco)
    },
    Format {
        aliases: &["citrix-netscaler", "hashcat:8100", "hashcat:22200"],
        vectors: &[
            ("hashcat", "1130725275da09ca13254957f2314a639818d44c37ef6d558"),
            (
                "hashcat",
                "2f9282ade42ce148175dc3b4d8b5916dae5211eee49886c3f7cc768f6b9f2eb982a5ac2f2672a0223999bfd15349093278adf12f6276e8b61dacf5572b3f93d0b4fa886ce",
            ),
        ],
        ..Format::bare("netscaler", devices::parse_netscaler)
    },
    Format {
        aliases: &["fortios", "hashcat:7000", "hashcat:26300"],
        vectors: &[
            ("hashcat", "AK1FCIhM0IUIQVFJgcDFwLCMi7GppdwtRzMyDpFOFxdpH8="),
            ("hashcat", "SH2lpcpFXM5QRlWYwY5vL9+5svfYyb+c79qENpxEoB3NtZpVxKwHjuq/9TH88U="),
        ],
        ..Format::bare("fortigate", devices::parse_fortigate)
    },
    Format {
        aliases: &["hashcat:125"],
        vectors: &[("hashcat", "5387280701327dc2162bdeb451d5a465af6d13eff9276efeba")],
        ..Format::bare("arubaos", devices::parse_aruba)
    },
    Format {
        aliases: &["sap-codvn-h", "hashcat:10300"],
        vectors: &[
            ("secret", "{x-issha, 10}t844pQLT4BNQXkV4tRXPmoD4SXxzYWx0c2FsdA=="),
            (
                "secret",
                "{x-issha512, 10}e0qHma9o00TExvxrF7dqfKdKHNm1j68RQ/krw/+zShhHYIzRCZO5Iwy5XrmsszhvNLqaTOA3bykOLv160SsONnNhbHRzYWx0",
            ),
        ],
        ..Format::new("sap-h", Strength::Weak, enterprise::parse_sap)
    },
    Format {
        aliases: &["hashcat:21500", "hashcat:21501"],
        vectors: &[
            (
                "hashcat",
                "$solarwinds$0$admin$fj4EBQewCQUZ7IYHl0qL8uj9kQSBb3m7N4u0crkKK0Uj9rbbAnSrBZMXO7oWx9KqL3sCzwncvPZ9hyDV9QCFTg==",
            ),
            (
                "secret",
                "$solarwinds$1$c2FsdHNhbHQ=$Qn3iUJgx9/uibiNBRrzxOUMF4CJieWVBtQnnl1dI8CjVSsJKSJgI2kxx+6ODDP0GZFyxKXls1/ecqFgcBg2RNQ==",
            ),
        ],
        ..Format::new("solarwinds", Strength::Weak, enterprise::parse_solarwinds)
    },
    Format {
        aliases: &["oracle-otm", "hashcat:20600"],
        vectors: &[("secret", "otm_sha256:10:salt:JCQwjJ5WbzAPohdu1TJ9MZj45VbV+C4HTTPNesbX004=")],
        ..Format::new("otm", Strength::Weak, enterprise::parse_otm)
    },
    Format {
        vectors: &[("tom1", "0001020304050607$1000$ab5db60736becea33c9570a43887cb5f7f203bd6c2898c205badce065ad8d176")],
        ..Format::bare("tomcat", enterprise::parse_tomcat)
    },
    Format {
        vectors: &[(
            "password",
            "{SHA-256}a1b2c3d4-1000-c375318b3a25971a0ce6ad34a0d8c9c077ee0d9d73247944244f1489742d62de",
        )],
        ..Format::new("aem", Strength::Weak, enterprise::parse_aem)
    },
    Format {
        aliases: &[
            "hashcat:32000",
            "hashcat:32010",
            "hashcat:32020",
            "hashcat:32030",
            "hashcat:32031",
            "hashcat:32040",
            "hashcat:32041",
        ],
        vectors: &[(
            "hashcat",
            "$sspr$3$1000$f9bbf1381f481427$a1b45fd7eb190cc7f0bf831698cb777207eebbb4b7ea2abd6fff84be539aae62",
        )],
        ..Format::new("sspr", Strength::Weak, enterprise::parse_sspr)
    },
    Format {
        aliases: &["plain", "cleartext", "clear", "ldap-plaintext"],
        auto: Auto::No,
        vectors: &[("correct horse", "correct horse")],
        ..Format::new("plaintext", Strength::None, enterprise::parse_plaintext)
    },
];
