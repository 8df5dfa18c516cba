//! Every named format, in the order in which `auto` asks them.
//!
//! Invariant: no two rows that `auto` asks claim the same value for different algorithms; names and aliases are unique.

use std::fmt;

use super::challenge::{Challenge, Fault, Parsed};
use super::format::{Draw, Writer, argon2, bcrypt, digest, django, md5_crypt, pbkdf2, phpass, sha_crypt, wordpress};
use super::kernel::Digest;
use super::spec::{Cost, nearest};

/// The formats. What stands earlier is asked first, so the special stands before the general.
pub static FORMATS: &[Format] = &[
    Format {
        aliases: &["wp", "hashcat:35500"],
        auto: Auto::Only(|value| value.starts_with("$wp")),
        writers: &[wordpress::WRITER],
        vectors: &[("padded", "$wp$2y$05$2U3rNcTurfs2v.ToWqB1s.r7vbvruREGt6vTVfqu3NU8Z5tP7k3mm")],
        ..Format::new("wordpress", Strength::Slow, wordpress::parse)
    },
    Format {
        aliases: &["blf-crypt", "ldap-bcrypt", "bcrypt-2a", "bcrypt-2b", "bcrypt-2y", "bcrypt-2x", "hashcat:3200"],
        writers: &[bcrypt::WRITER],
        vectors: &[("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")],
        ..Format::new("bcrypt", Strength::Slow, bcrypt::parse)
    },
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
    Format {
        aliases: &[
            "django-pbkdf2-sha256",
            "django-pbkdf2-sha1",
            "django-argon2",
            "django-bcrypt",
            "django-bcrypt-sha256",
            "django-scrypt",
            "django-salted-sha1",
            "django-salted-md5",
            "hashcat:10000",
            "hashcat:124",
        ],
        auto: Auto::Only(django::is_self_describing),
        writers: django::WRITERS,
        vectors: &[
            ("djpass", "pbkdf2_sha256$5000$N2FkLBm4mOKNvuRM84ejph$gHk9QRlSGgkOKGLMilBlpOspwWF/111VTQKy9olyghc="),
            ("secret", "argon2$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q"),
        ],
        ..Format::new("django", Strength::Slow, django::parse)
    },
    Format {
        aliases: &["hex-md5", "plain-md5", "hashcat:0"],
        vectors: &[("abc", "900150983cd24fb0d6963f7d28e17f72")],
        ..Format::bare("md5", |value| digest::unsalted(value, Digest::Md5))
    },
    Format {
        aliases: &["hex-sha1", "plain-sha1", "hashcat:100"],
        vectors: &[("abc", "a9993e364706816aba3e25717850c26c9cd0d89d")],
        ..Format::bare("sha1", |value| digest::unsalted(value, Digest::Sha1))
    },
    Format {
        aliases: &["hex-sha224", "hashcat:1300"],
        vectors: &[("abc", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7")],
        ..Format::bare("sha224", |value| digest::unsalted(value, Digest::Sha224))
    },
    Format {
        aliases: &["hex-sha256", "plain-sha256", "hashcat:1400"],
        vectors: &[("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")],
        ..Format::bare("sha256", |value| digest::unsalted(value, Digest::Sha256))
    },
    Format {
        aliases: &["hex-sha384", "hashcat:10800"],
        vectors: &[(
            "abc",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        )],
        ..Format::bare("sha384", |value| digest::unsalted(value, Digest::Sha384))
    },
    Format {
        aliases: &["hex-sha512", "plain-sha512", "hashcat:1700"],
        vectors: &[(
            "abc",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        )],
        ..Format::bare("sha512", |value| digest::unsalted(value, Digest::Sha512))
    },
];

/// The format of this name or alias; case does not matter, `_` is `-`, and braces as in `{SSHA}` may stand around it.
pub fn find(name: &str) -> Option<&'static Format> {
    let name = normal(name);
    FORMATS.iter().find(|format| format.names().any(|known| known == name))
}

/// The known name nearest to one that is not known.
pub(super) fn nearest_name(name: &str) -> &'static str {
    nearest(&normal(name), FORMATS.iter().flat_map(Format::names))
}

/// A row of the catalogue.
pub struct Format {
    /// Its name in definitions and messages.
    pub name: &'static str,
    /// Other names for it: passlib's, Dovecot's, `hashcat:<mode>`.
    pub aliases: &'static [&'static str],
    /// How hard its hashes are to guess.
    pub strength: Strength,
    pub(super) auto: Auto,
    pub(super) parse: fn(&str) -> Parsed,
    pub(super) writers: &'static [Writer],
    /// Passwords with a stored value of theirs, cheap to verify.
    pub(super) vectors: &'static [(&'static str, &'static str)],
}

/// Whether a value says by itself that it is of a format.
#[derive(Clone, Copy)]
pub(super) enum Auto {
    /// Whatever its parser claims.
    Yes,
    /// Only these of the values that its parser claims.
    Only(fn(&str) -> bool),
    /// Never: others write the same shape.
    No,
}

impl Format {
    const fn new(name: &'static str, strength: Strength, parse: fn(&str) -> Parsed) -> Self {
        Self { name, aliases: &[], strength, auto: Auto::Yes, parse, writers: &[], vectors: &[] }
    }

    const fn bare(name: &'static str, parse: fn(&str) -> Parsed) -> Self {
        Self { auto: Auto::No, ..Self::new(name, Strength::Fast, parse) }
    }

    /// Whether new hashes can be written in it.
    pub fn is_writable(&self) -> bool {
        !self.writers.is_empty()
    }

    /// Whether some of its values are verified without being declared.
    pub fn is_self_describing(&self) -> bool {
        !matches!(self.auto, Auto::No)
    }

    /// Its name and its aliases.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        [self.name].into_iter().chain(self.aliases.iter().copied())
    }

    /// The writer for the name that was asked for; None where that name is read only.
    pub(super) fn writer(&self, name: &str) -> Option<&'static Writer> {
        let name = normal(name);
        self.writers.iter().find(|writer| writer.names.is_empty() || writer.names.contains(&name.as_str()))
    }

    /// As its parser, but only values that are this format's without a declaration.
    pub(super) fn parse_auto(&self, value: &str) -> Parsed {
        match self.auto {
            Auto::Yes => (self.parse)(value),
            Auto::Only(is_own) if is_own(value) => (self.parse)(value),
            Auto::Only(_) | Auto::No => Err(Fault::Foreign),
        }
    }

    /// What verifying a value of this format usually costs.
    pub(super) fn usual(&self) -> Option<Challenge> {
        let written = self.writers.first().and_then(|w| (w.template)(&Cost::default(), &mut Draw(&mut |_| {})).ok());
        written.or_else(|| self.vectors.first().and_then(|(_, value)| (self.parse)(value).ok()))
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// How hard a stolen hash is to turn back into a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Not hashed at all.
    None,
    /// Billions of guesses a second: plain and salted digests.
    Fast,
    /// Millions of guesses a second: the iterated digests before 2007.
    Weak,
    /// Made to be slow.
    Slow,
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Fast => "fast",
            Self::Weak => "weak",
            Self::Slow => "slow",
        })
    }
}

fn normal(name: &str) -> String {
    let name = name.strip_prefix('{').and_then(|n| n.strip_suffix('}')).unwrap_or(name);
    name.chars().filter(|c| !c.is_whitespace()).map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

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
    fn no_two_rows_claim_a_self_describing_value() {
        for (owner, (_, value)) in FORMATS.iter().flat_map(|f| f.vectors.iter().map(move |v| (f, v))) {
            let claims: Vec<_> = FORMATS.iter().filter(|f| f.parse_auto(value).is_ok()).map(|f| f.name).collect();
            let expected = if owner.is_self_describing() { vec![owner.name] } else { vec![] };
            assert_eq!(claims, expected);
        }
    }
}
