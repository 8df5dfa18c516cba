//! Applications and frameworks whose values take more than an expression to read.
//!
//! Invariant: as of the whole catalogue.

use super::super::challenge::Inputs;
use super::super::format::{dotnet, forums, hosted, jvm, kratos, prehashed, shops, werkzeug};
use super::{Auto, Format, Optional, Strength};

/// What a format without a fixed need is tested with.
const SALT: Inputs<'static> = Inputs { salt: Some(b"AAECAwQFBgcICQoLDA0ODw=="), ..Inputs::NONE };

pub(super) const ROWS: &[Format] = &[
    Format {
        aliases: &["drupal", "phpass-sha512", "hashcat:7900"],
        writers: &[forums::DRUPAL_WRITER],
        vectors: &[("drupal_sha512", "$S$D7JxIm0f7QKO3zjwVS1RH4AW8sYvmLjO0.Rn4swH0JVt6OrZ4yzZ")],
        ..Format::new("drupal7", Strength::Weak, forums::drupal)
    },
    Format {
        aliases: &["hashcat:11"],
        auto: Auto::Only(forums::is_joomla),
        vectors: &[("hashcat", "b78f863f2c67410c41e617f724e22f34:89384528665349271307465505333378")],
        ..Format::new("joomla", Strength::Fast, forums::joomla)
    },
    Format {
        aliases: &["phpbb3"],
        auto: Auto::No,
        vectors: &[("test12345", "$H$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0")],
        ..Format::new("phpbb", Strength::Weak, forums::phpbb)
    },
    Format {
        aliases: &["ips4"],
        auto: Auto::No,
        vectors: &[("plain1", "3db1fa4943b21045d98b80fa3fa5a611")],
        given: Inputs { salt: Some(b"aB;9x"), ..Inputs::NONE },
        ..Format::beside("ipb4", Strength::Slow, forums::ipb4)
    },
    Format {
        aliases: &["xenforo1", "xenforo2"],
        vectors: &[(
            "xfpass",
            r#"a:3:{s:4:"hash";s:40:"b4eccf81638daf2e180b88fb3885b94abcea6f51";s:4:"salt";s:10:"5f2c1a9be8";s:8:"hashFunc";s:4:"sha1";}"#,
        )],
        ..Format::new("xenforo", Strength::Fast, forums::xenforo)
    },
    Format {
        aliases: &["wsc"],
        vectors: &[("wsc3", "wcf1:8651f2d155a865e6f0d53ae5feb45151f73f34b6:1a2b")],
        ..Format::beside("woltlab", Strength::Slow, forums::woltlab)
    },
    Format {
        aliases: &["wcf2", "hashcat:33800"],
        auto: Auto::No,
        vectors: &[("foobar", "$2a$08$p8h14U0jsEiVb1Luy.s8oOTXSQ0hVWUXpcNGBoCezeYNXrQyCKHfi")],
        ..Format::new("wcf2-bcrypt-double", Strength::Slow, forums::wcf2)
    },
    Format {
        aliases: &["hashcat:3711"],
        writers: &[shops::MEDIAWIKI_WRITER],
        vectors: &[("hashcat", ":B:2152187716:8c8b39c3602b194eeeb6cac78eea2742")],
        ..Format::new("mediawiki", Strength::Slow, shops::mediawiki)
    },
    Format {
        aliases: &["magento2", "magento-argon2", "hashcat:20", "hashcat:1420"],
        auto: Auto::Only(shops::is_magento),
        writers: shops::MAGENTO_WRITERS,
        vectors: &[(
            "Passw0rd!",
            "a78008c2ae14faa838cba3a22e99bb943133337470f2c30853c5994d6f84e3d8:8f3kd93jfkd93kfldk39fkd93kfld93k:1",
        )],
        ..Format::new("magento", Strength::Fast, shops::magento)
    },
    Format {
        aliases: &["owncloud"],
        auto: Auto::Only(shops::is_nextcloud),
        writers: &[shops::NEXTCLOUD_WRITER],
        vectors: &[("owncloud.com", "1|$2a$05$ST5E.rplNRfDCzRpzq69leRzsTGtY7k88h9Vy2eWj0Ug/iA9w5kGK")],
        optional: &[Optional::Pepper],
        ..Format::beside("nextcloud", Strength::Slow, shops::nextcloud)
    },
    Format {
        aliases: &["spring-security"],
        auto: Auto::Only(jvm::is_spring),
        writers: &[jvm::SPRING_WRITER],
        vectors: &[("U*U", "{bcrypt}$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")],
        optional: &[Optional::Pepper],
        ..Format::beside("spring", Strength::Slow, jvm::spring)
    },
    Format {
        aliases: &["apache-shiro1", "hashcat:12150"],
        vectors: &[(
            "shiro",
            "$shiro1$SHA-256$1000$MDEyMzQ1Njc4OWFiY2RlZg==$x6e7N/5pi/azK0zfrUli2cfHqd+oobaVDzi3igwf4no=",
        )],
        optional: &[Optional::Pepper],
        ..Format::beside("shiro1", Strength::Weak, jvm::shiro1)
    },
    Format {
        aliases: &["apache-shiro2"],
        vectors: &[("secret#shiro", "$shiro2$2y$05$abcdefghijklmnopqrstuu/bHoUlwq825bixr4mJYYAlmLXERG5.C")],
        ..Format::new("shiro2", Strength::Slow, jvm::shiro2)
    },
    Format {
        auto: Auto::No,
        vectors: &[("jasypt", "MDEyMzQ1NjfL06TjN/vjb2D2I9QJh2br")],
        ..Format::beside("jasypt", Strength::Weak, jvm::jasypt)
    },
    Format {
        auto: Auto::No,
        vectors: &[(
            "kc1",
            r#"{"value":"ZgqXus+Y7K1kr3a5IEPTLOPk4r2AGEtJkx2kmkqE6/t4fpNr7Vy4TgkQZuQSfa/4o9+iO4hiuGIQ4vnkhCkh3w==","salt":"MDEyMzQ1Njc4OWFiY2RlZg=="}"#,
        )],
        given: Inputs { algorithm: Some(r#"{"algorithm":"pbkdf2-sha256","hashIterations":1000}"#), ..Inputs::NONE },
        ..Format::beside("keycloak", Strength::Slow, jvm::keycloak)
    },
    Format {
        aliases: &["sha512-symfony", "symfony-digest"],
        auto: Auto::No,
        vectors: &[(
            "sfpass",
            "oRCtCUro9IjQrcilZmun55bCe4RfhI3yx1t4HPKKKsJocO9j6bg/M0Soxts4Qh6RBnEYhL6n1dvLBwXPQ385rw==",
        )],
        given: Inputs { salt: Some(b"abc"), ..Inputs::NONE },
        ..Format::beside("symfony-message-digest", Strength::Weak, jvm::symfony)
    },
    Format {
        aliases: &["symfony", "symfony-auto"],
        auto: Auto::No,
        vectors: &[("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")],
        ..Format::new("symfony-native", Strength::Slow, jvm::symfony_native)
    },
    Format {
        aliases: &[
            "scrypt-werkzeug",
            "werkzeug-pbkdf2",
            "flask",
            "superset",
            "airflow",
            "ctfd",
            "hashcat:30000",
            "hashcat:30120",
        ],
        auto: Auto::Only(werkzeug::is_self_describing),
        writers: werkzeug::WRITERS,
        vectors: &[
            ("hashcat", "md5$84143$7f51edecfa6fb401a0b5e63d33fc8c0e"),
            ("flask0", "pbkdf2:sha1$mysalt$f2f58bd2c87dd59ffad00dc5a49d5ddae27d4cc0"),
        ],
        ..Format::new("werkzeug", Strength::Slow, werkzeug::parse)
    },
    Format {
        aliases: &["pydal", "hashcat:21600"],
        auto: Auto::Only(|value| value.starts_with("pbkdf2(")),
        vectors: &[("web2py1", "pbkdf2(1000,20,sha512)$9358bd3fb55083a3$34f7c04492e6bc9c713f70dc494ccea3ae02e885")],
        optional: &[Optional::Key],
        ..Format::beside("web2py", Strength::Weak, werkzeug::web2py)
    },
    Format {
        aliases: &["aspnet-identity-v3", "aspnet-identity-v2", "simplemembership"],
        auto: Auto::Only(dotnet::is_identity),
        writers: &[dotnet::IDENTITY_WRITER],
        vectors: &[("my password", "AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw")],
        ..Format::new("aspnet-identity", Strength::Slow, dotnet::identity)
    },
    Format {
        aliases: &["episerver", "hashcat:141", "hashcat:1441"],
        auto: Auto::No,
        vectors: &[("mem1", "8VtbCznCLawHkau9UEEAVs+y2v0=")],
        given: SALT,
        ..Format::beside("aspnet-membership", Strength::Fast, dotnet::membership)
    },
    Format {
        auto: Auto::No,
        vectors: &[("mem1", "8VtbCznCLawHkau9UEEAVs+y2v0=|1|AAECAwQFBgcICQoLDA0ODw==")],
        ..Format::beside("aspnet-membership-migrated", Strength::Fast, dotnet::membership_migrated)
    },
    Format {
        aliases: &["forgejo"],
        auto: Auto::No,
        vectors: &[(
            "abcdef",
            "4e41257c26dce65a0f2c2edb32716e3322b7ef65f2dcca264cfb4ed24459a80d9b7f3cffb8a8813ef4d1a84b9c3543d35802",
        )],
        given: Inputs { salt: Some(b"aaaaaaaaaa"), algorithm: Some("pbkdf2$1000$50"), ..Inputs::NONE },
        ..Format::beside("gitea", Strength::Slow, hosted::gitea)
    },
    Format {
        auto: Auto::No,
        vectors: &[("discourse", "9ce976a5bac4bd37aae2526d53bb29ebbac1673a4f6aa8815a1ee18b80f7f65c")],
        given: Inputs {
            salt: Some(b"0123456789abcdef"),
            algorithm: Some("$pbkdf2-sha256$i=1000,l=32$"),
            ..Inputs::NONE
        },
        ..Format::beside("discourse", Strength::Slow, hosted::discourse)
    },
    Format {
        auto: Auto::No,
        vectors: &[(
            "betterauth",
            "75107c1f0d523ce062b801bef6238764:57b81768833bcd441bfd30e5f1325916507e8a3cadebc7e7ab3150f9376090b10059e31c615d6d34cb000d1d58e41c129e5cfaaee0568125ea647145f6382550",
        )],
        ..Format::new("better-auth", Strength::Slow, hosted::better_auth)
    },
    Format {
        aliases: &["firebase-scrypt", "fbscrypt", "firescrypt"],
        auto: Auto::Only(hosted::is_firebase),
        vectors: &[(
            "user1password",
            "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
        )],
        optional: &[Optional::Key],
        ..Format::beside("scrypt-firebase", Strength::Slow, hosted::firebase)
    },
    Format {
        aliases: &["rocket-chat", "bcrypt-sha256-hex", "laminas-bcryptsha", "hashcat:30600"],
        auto: Auto::No,
        vectors: &[("hashcat", "$2b$05$abcdefghijklmnopqrstuuXojukcZLyM9RHPLCd7SbZJTp8dfwSu6")],
        ..Format::beside("meteor", Strength::Slow, prehashed::meteor)
    },
    Format {
        aliases: &["bcrypt-sha1-hex", "hashcat:25800"],
        auto: Auto::No,
        vectors: &[("password", "$2b$05$abcdefghijklmnopqrstuubZqL5zbKGNk8V3jUc7yVD16K8L2eCDm")],
        ..Format::beside("bcrypt-sha1", Strength::Slow, prehashed::bcrypt_sha1)
    },
    Format {
        aliases: &["bcrypt-sha512-hex", "hashcat:28400"],
        auto: Auto::No,
        vectors: &[("hashcat", "$2b$05$abcdefghijklmnopqrstuu3Gn2xrRZqqKE4bXXjWkwtm9nI71TAX6")],
        ..Format::beside("nodebb", Strength::Slow, prehashed::nodebb)
    },
    Format {
        aliases: &["bcrypt-md5-hex", "hashcat:25600"],
        auto: Auto::No,
        vectors: &[("password", "$2b$05$abcdefghijklmnopqrstuuUAn0kWiETVO0mhewpkntQPs0d6StKia")],
        ..Format::beside("vbulletin5", Strength::Slow, prehashed::vbulletin5)
    },
    Format {
        aliases: &["ci-shield", "myth-auth"],
        auto: Auto::No,
        vectors: &[("password", "$2b$05$abcdefghijklmnopqrstuuUwIQjSobj20E5v51a/3JL4WpmTf.gYC")],
        ..Format::beside("codeigniter-shield", Strength::Slow, prehashed::shield)
    },
    Format {
        auto: Auto::No,
        vectors: &[("smf21pass", "$2y$05$abcdefghijklmnopqrstuuO8n0w/.efOfwXRQybKJhr/0iQysUTpq")],
        given: Inputs { user: Some("AdminUser"), ..Inputs::NONE },
        ..Format::beside("smf21", Strength::Slow, prehashed::smf21)
    },
    Format {
        aliases: &["bcrypt-peppered"],
        auto: Auto::No,
        vectors: &[("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")],
        optional: &[Optional::Pepper],
        ..Format::beside("devise", Strength::Slow, prehashed::devise)
    },
    Format {
        auto: Auto::No,
        vectors: &[(
            "moodle43",
            "$6$rounds=10000$abcdefghijklmnop$Fw1Am9z1rOeYtwznjhljW5GwpxFqqasWx0Yp.Gd7x3ZoOanUf7Vmn/Id5IjDcx72zV9HsjuRyjE6VgPuZgUFA1",
        )],
        given: Inputs { pepper: Some(b"pepper-value"), ..Inputs::NONE },
        optional: &[Optional::Pepper],
        ..Format::beside("moodle", Strength::Slow, prehashed::moodle)
    },
    Format {
        aliases: &["flask-security-too"],
        auto: Auto::No,
        vectors: &[(
            "fspass",
            "$argon2id$v=19$m=1024,t=1,p=1$uH4odwVJGqvzgKk4MvVFZg$TecYapKjuvZ4suhzk1AasI50qKGWcN0wEQyCXiWYKeI",
        )],
        given: Inputs { pepper: Some(b"146585145368132386173505678016728509634"), ..Inputs::NONE },
        optional: &[Optional::Pepper],
        ..Format::beside("flask-security", Strength::Slow, prehashed::flask_security)
    },
    Format {
        aliases: &["password-hash", "laravel", "yii", "yii2", "vanilla", "drupal8"],
        auto: Auto::No,
        vectors: &[("test12345", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0")],
        ..Format::new("php", Strength::Slow, forums::of_php)
    },
    Format {
        auto: Auto::No,
        vectors: &[("password", "M$P$6abcdefghYNIn4EHjw9jYUkvs2wr8A0")],
        ..Format::new("typo3", Strength::Slow, forums::typo3)
    },
    Format {
        auto: Auto::No,
        vectors: &[(
            "password",
            "s2:abcdefghijklmnop:092d8dca58868b7d783c4b52b1db9b654b67214d517f3fdb9ba613bd4b63c8ba23badec685f331a6c3b4fd1be60c29d712b64f510464b96b74e0d51d38af178c",
        )],
        ..Format::new("lucia", Strength::Slow, hosted::lucia)
    },
    Format {
        aliases: &["ory-kratos", "kratos-pbkdf2"],
        auto: Auto::Only(kratos::is_own),
        vectors: &[
            (
                "test",
                "$sha256$pf=e1NBTFR9JCR7UEFTU1dPUkR9$NW9wbWtnejAzcg==$HokCOi9OtiZaZRvnkgemV3B4UUHpI7kA8zq/EZWH2NY=",
            ),
            ("test", "$hmac-md5$ZmU4Njk3Zjc0MmQwODA0MDVkMTI3MGU2MTYzMzE2Zjk=$MTIzNDU="),
            ("test", "$md5-crypt$TVEiiKNb$SN6/pUaRQS/E8Jh46As2C/"),
        ],
        ..Format::new("kratos", Strength::Slow, kratos::parse)
    },
];
