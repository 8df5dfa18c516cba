//! Applications and frameworks.
//!
//! Invariant: as of the whole catalogue.

use super::super::format::{django, wordpress};
use super::{Auto, Format, Strength};

pub(super) const ROWS: &[Format] = &[
    Format {
        aliases: &["wp", "bbpress", "hashcat:35500"],
        auto: Auto::Only(|value| value.starts_with("$wp")),
        writers: &[wordpress::WRITER],
        vectors: &[("padded", "$wp$2y$05$2U3rNcTurfs2v.ToWqB1s.r7vbvruREGt6vTVfqu3NU8Z5tP7k3mm")],
        ..Format::new("wordpress", Strength::Slow, wordpress::parse)
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
            "django-des-crypt",
            "sentry",
            "authentik",
            "netbox",
            "zulip",
            "wagtail",
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
];
