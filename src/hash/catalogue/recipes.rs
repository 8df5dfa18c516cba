//! Applications whose values are an expression over the password.
//!
//! Invariant: as of the whole catalogue.

use super::super::challenge::Inputs;
use super::{Auto, Format, Optional, Strength};

pub(super) const ROWS: &[Format] = &[
    Format {
        aliases: &["vb3", "vb4", "discuz", "ucenter", "hashcat:2611", "hashcat:2711"],
        vectors: &[("password", "d5749086dc3b06ded68d5b3c9c33ba3e")],
        given: Inputs { salt: Some(b"x9#kQ"), ..Inputs::NONE },
        ..Format::expression_of("vbulletin", "md5(md5($pass) . $salt)")
    },
    Format {
        vectors: &[("password", "d5749086dc3b06ded68d5b3c9c33ba3e x9#kQ")],
        ..Format::expression_of("vbulletin5-legacy", r#"md5(md5($pass) . $salt) . " " . $salt"#)
    },
    Format {
        aliases: &["md5-mybb", "hashcat:2811"],
        vectors: &[("password", "0b865fd5c17b5cff8d3aa8ef2d798fad")],
        given: Inputs { salt: Some(b"ae2fc75e"), ..Inputs::NONE },
        ..Format::expression_of("mybb", "md5(md5($salt) . md5($pass))")
    },
    Format {
        aliases: &["ipb2", "ipb3"],
        vectors: &[("password", "12e37f6340dc986d0887d898d122a013")],
        given: Inputs { salt: Some(b"aB;9x"), ..Inputs::NONE },
        ..Format::expression_of("ipb", "md5(md5($salt) . md5(ipb_escape($pass)))")
    },
    Format {
        aliases: &["sha1-smf", "hashcat:121"],
        vectors: &[("password", "c8b925e7cc5581b2aaff31d5bfd2abb04d4fee2f")],
        given: Inputs { user: Some("AdminUser"), ..Inputs::NONE },
        ..Format::expression_of("smf", "sha1(lower($user) . $pass)")
    },
    Format {
        aliases: &["wbb3", "sha1-wcf1", "hashcat:8400"],
        vectors: &[("password", "c02c59b1f73e751ad64a09fcececc3a50f5f0e9c")],
        given: Inputs { salt: Some(b"1a78"), ..Inputs::NONE },
        ..Format::expression_of("wcf1", "sha1($salt . sha1($salt . sha1($pass)))")
    },
    Format {
        aliases: &["hashcat:13900"],
        vectors: &[("password", "f53c4121c9ad4610b6e4a803d427c0e1efcd95ad")],
        given: Inputs { salt: Some(b"aB3"), ..Inputs::NONE },
        ..Format::expression_of("opencart", "sha1($salt . sha1($salt . sha1($pass)))")
    },
    Format {
        vectors: &[("a&b", "afca56cf6417f99731c1667a6b77bbe4e8dce90d")],
        given: Inputs { salt: Some(b"aB3"), ..Inputs::NONE },
        ..Format::expression_of("opencart-escaped", "sha1($salt . sha1($salt . sha1(htmlspecialchars_compat($pass))))")
    },
    Format {
        aliases: &["fluxbb", "redmine", "chiliproject", "hashcat:4521", "hashcat:4522"],
        vectors: &[("password", "f73ea15624acdfbac9906ffb66edc1551b8cfd26")],
        given: Inputs { salt: Some(b"365563"), ..Inputs::NONE },
        ..Format::expression_of("punbb", "sha1($salt . sha1($pass))")
    },
    Format {
        aliases: &["hashcat:11000"],
        vectors: &[("password", "70f0cc176a6756b5bb4276f009442818")],
        given: Inputs { pepper: Some(b"cookiekey"), ..Inputs::NONE },
        optional: &[Optional::Pepper],
        ..Format::expression_of("prestashop", "md5($pepper . $pass)")
    },
    Format {
        aliases: &["cakephp2"],
        vectors: &[("password", "7019be4b36133c0e7966b2b4a639d2c33c7e81c3")],
        given: Inputs { pepper: Some(b"DYhG93b0"), ..Inputs::NONE },
        optional: &[Optional::Pepper],
        ..Format::expression_of("cakephp", "sha1($pepper . $pass)")
    },
    Format {
        vectors: &[("password", "daded0e6f1b7451497ffa96f76f49366")],
        given: Inputs { pepper: Some(b"Zx9site"), ..Inputs::NONE },
        optional: &[Optional::Pepper],
        ..Format::expression_of("moodle-legacy", "md5($pass . $pepper)")
    },
    Format {
        aliases: &["xtcommerce", "whmcs", "hashcat:21"],
        vectors: &[("password", "cd1ef2fa2a31ec8a7c812b18f9ba16e2:7f")],
        ..Format::expression_of("oscommerce", r#"md5($salt . $pass) . ":" . $salt"#)
    },
    Format {
        vectors: &[("password", "135f70721e4f5077453e2137c8c396fec4b97c80ccf350a9a5d0fef1f8f5fcf0:3f")],
        ..Format::expression_of("zencart", r#"sha256($salt . $pass) . ":" . $salt"#)
    },
    Format {
        aliases: &["phpfusion"],
        vectors: &[("password", "ac0fac0be31fd4350fe148c109743c25ef9d9cc21a54603cc5c3700c6eb55815")],
        given: Inputs { salt: Some(b"0a1b2c3d"), ..Inputs::NONE },
        ..Format::expression_of("php-fusion", "hmac_sha256($salt, $pass)")
    },
    Format {
        aliases: &["codeigniter-ion-auth"],
        vectors: &[("password", "abcdefghije6578a5bf1867950c250bfc88a1208")],
        ..Format::expression_of("ion-auth", "$salt . substr(sha1($salt . $pass), 0, 30)")
    },
    Format {
        aliases: &["symfony1"],
        vectors: &[("password", "975ceb3ff6afbaac52d1bf2cf40d9935350ed6d1")],
        given: Inputs { salt: Some(b"6f8e"), ..Inputs::NONE },
        ..Format::expression_of("sfguard", "sha1($salt . $pass)")
    },
    Format {
        aliases: &["q2a"],
        vectors: &[("password", "2ebad7931cff47aed25860ad4aae6836f2f2310a")],
        given: Inputs { salt: Some(b"abcdefghijklmnop"), ..Inputs::NONE },
        ..Format::expression_of("question2answer", "sha1(substr($salt, 0, 8) . $pass . substr($salt, 8))")
    },
    Format {
        aliases: &["hashcat:20711"],
        auto: Auto::Yes,
        vectors: &[(
            "password",
            "$SHA$7218532375810603$d0c5fd995ba5125865556e129204e5ab5b6d4c3705af61f961877c7a3d25c87d",
        )],
        ..Format::expression_of("authme", r#""$SHA$" . $salt . "$" . sha256(sha256($pass) . $salt)"#)
    },
    Format {
        aliases: &["hashcat:2612"],
        vectors: &[("password", "72166cbcd7b5aa3bb6988718385771df")],
        given: Inputs { salt: Some(b"05018"), ..Inputs::NONE },
        ..Format::expression_of("phps", "md5(md5($pass) . $salt)")
    },
    Format {
        aliases: &["hashcat:32300"],
        vectors: &[("password", "064a006b1fad9575039dd413b5f8486f")],
        given: Inputs { salt: Some(b"72662"), salt2: Some(b"60562"), ..Inputs::NONE },
        ..Format::expression_of(
            "empirecms",
            r#"md5($salt2 . "E!m^p-i(r#e.C:M?S" . md5(md5($pass) . $salt) . "d)i.g^o-d" . $salt)"#,
        )
    },
    Format {
        aliases: &["kmd5"],
        vectors: &[("password", "b44b4ab9e45bf9539140eea62d3760908c")],
        ..Format::expression_of(
            "dokuwiki-kmd5",
            "substr(md5($salt . md5($pass)), 0, 16) . $salt . substr(md5($salt . md5($pass)), 16)",
        )
    },
    Format {
        vectors: &[("password", "a3ea030e88200150205b00c6fa1b149d")],
        given: Inputs { user: Some("42"), ..Inputs::NONE },
        ..Format::expression_of("mediawiki-legacy", r#"md5($user . "-" . md5($pass))"#)
    },
    Format {
        aliases: &["hashcat:5100"],
        vectors: &[("password", "5f4dcc3b5aa765d6")],
        ..Format::expression_of("half-md5", "substr(md5($pass), 0, 16)")
    },
    Format {
        aliases: &["phpcms"],
        vectors: &[("password", "5aa765d61d8327de")],
        ..Format::expression_of("half-md5-middle", "substr(md5($pass), 8, 16)")
    },
    Format {
        aliases: &["authlogic"],
        vectors: &[(
            "password",
            "ac9b2c0207c852f8f6df4bdf522e89837d8b3230606dd348b9c52c49079c925000e4486427a2fbc36445ad866da002eb07a3702a5c6380fbd5272b38ba287415",
        )],
        given: Inputs { salt: Some(b"usZK"), ..Inputs::NONE },
        ..Format::expression_of("authlogic-sha512", "repeat($pass . $salt, sha512($x), 20)")
    },
    Format {
        vectors: &[("password", "8ff82ed9f105e633001149f41ccbbb90b16650512c4431c5fd02895c18745240")],
        given: Inputs { salt: Some(b"7e30"), ..Inputs::NONE },
        ..Format::expression_of("authlogic-sha256", "repeat($pass . $salt, sha256($x), 20)")
    },
    Format {
        vectors: &[("password", "7cacff91953b77b3adb96577ded3d9c59f4fcd16")],
        given: Inputs { salt: Some(b"7e30"), ..Inputs::NONE },
        ..Format::expression_of("authlogic-sha1", r#"repeat($pass, sha1($x . "--" . $salt), 10)"#)
    },
    Format {
        aliases: &["hashcat:19500"],
        vectors: &[("password", "bb0fb7373c4725f1d02d22bf89ebcdefc738d140")],
        given: Inputs { salt: Some(b"48901"), pepper: Some(b"key"), ..Inputs::NONE },
        optional: &[Optional::Pepper],
        ..Format::expression_of(
            "restful-authentication",
            r#"repeat($pepper, sha1($x . "--" . $salt . "--" . $pass . "--" . $pepper), 10)"#,
        )
    },
    Format {
        aliases: &["restful-authentication-plain", "sonarqube-sha1", "hashcat:27200"],
        vectors: &[("password", "a66955908c42fb7923acfcb96a73c4b673aa8276")],
        given: Inputs { salt: Some(b"abc"), ..Inputs::NONE },
        ..Format::expression_of("clearance", r#"sha1("--" . $salt . "--" . $pass . "--")"#)
    },
    Format {
        aliases: &["devise-encryptable-sha1"],
        vectors: &[("password", "4f5a77761e097f8a7af5a193b29ba1e4b39af9b1")],
        given: Inputs { salt: Some(b"abc"), pepper: Some(b"pep"), ..Inputs::NONE },
        optional: &[Optional::Pepper],
        ..Format::expression_of(
            "devise-sha1",
            r#"repeat($pepper, sha1("--" . $salt . "--" . $x . "--" . $pass . "--" . $pepper . "--"), 10)"#,
        )
    },
    Format {
        aliases: &["devise-encryptable-sha512"],
        vectors: &[(
            "password",
            "9ebb3afdd2d4e55a457a4265c43a6c25f189b88479ae1248bdbe3987039f493c979f384c8960f421c7d8f5cf35469fea7836b70fb00d0cbd9df4cb9b68c3dbce",
        )],
        given: Inputs { salt: Some(b"abc"), pepper: Some(b"pep"), ..Inputs::NONE },
        optional: &[Optional::Pepper],
        ..Format::expression_of(
            "devise-sha512",
            r#"repeat($pepper, sha512("--" . $salt . "--" . $x . "--" . $pass . "--" . $pepper . "--"), 10)"#,
        )
    },
    Format {
        aliases: &["hashcat:24800"],
        vectors: &[("password", "/7IIcyNxAts3fvQYe2PI3d19cDU=")],
        ..Format::expression_of("umbraco-legacy", "hmac_sha1_b64(utf16le($pass), utf16le($pass))")
    },
    Format {
        aliases: &["hashcat:133"],
        vectors: &[("password", "6Pl/upEE0epQR5SObftn+s2fW3M=")],
        ..Format::expression_of("peoplesoft", "sha1_b64(utf16le($pass))")
    },
    Format {
        aliases: &["nopcommerce-sha512"],
        vectors: &[(
            "password",
            "9E1DCBD38D4BAA02C0B3B511065FD055E6644F4F5100384C2D7F407828B7158C9671D61B8D8D35ED324AC97860BAD083AE8C930706247285601F238A704E5D08",
        )],
        given: Inputs { salt: Some(b"Zk3="), ..Inputs::NONE },
        ..Format::expression_of("nopcommerce", "SHA512($pass . $salt)")
    },
    Format {
        vectors: &[("password", "BD8BD4533671641FAE8131C683D5088535AFD144")],
        given: Inputs { salt: Some(b"Zk3="), ..Inputs::NONE },
        ..Format::expression_of("nopcommerce-sha1", "SHA1($pass . $salt)")
    },
    Format {
        aliases: &["hashcat:20712"],
        vectors: &[("hashcat", "6F48F44C46F5ADC534597687B086278F0AAF7D262ADDB3978562A7D55BBDF467")],
        given: Inputs { salt: Some(b"MDAwMzY1NzYwODI4MQ=="), ..Inputs::NONE },
        ..Format::expression_of("netwitness", "SHA256(SHA256($pass) . unbase64($salt))")
    },
    Format {
        aliases: &["hashcat:12600"],
        vectors: &[("password", "CD7A917FB673386829839F24D371A746303DE79640D5CA8328362918C171F0E1")],
        given: Inputs { salt: Some(b"605832"), ..Inputs::NONE },
        ..Format::expression_of("coldfusion10", "SHA256($salt . upper(sha1($pass)))")
    },
    Format {
        vectors: &[("password", "abcdef:fdd9b9c6cd9770ba6f00dcd67067f3b105ecbe2426d8752729d33f648c28aae5")],
        ..Format::expression_of("jenkins-legacy", r#"$salt . ":" . sha256($pass . "{" . $salt . "}")"#)
    },
    Format {
        aliases: &["spring-acegi-sha1"],
        vectors: &[("password", "455575e8e3fae3f567f05dad616e44f3f4e8eed6")],
        given: Inputs { salt: Some(b"ann"), ..Inputs::NONE },
        ..Format::expression_of("acegi-sha1", r#"sha1($pass . "{" . $salt . "}")"#)
    },
    Format {
        aliases: &["spring-acegi-sha256", "alfresco-sha256"],
        vectors: &[("password", "36bb80408d106b982db18c8396612067e81d881879ec173d6067577529752744")],
        given: Inputs { salt: Some(b"ann"), ..Inputs::NONE },
        ..Format::expression_of("acegi-sha256", r#"sha256($pass . "{" . $salt . "}")"#)
    },
    Format {
        aliases: &["spring-acegi-md5"],
        vectors: &[("password", "26b27cc97b5477fbd2bc261edb7c13f1")],
        given: Inputs { salt: Some(b"ann"), ..Inputs::NONE },
        ..Format::expression_of("acegi-md5", r#"md5($pass . "{" . $salt . "}")"#)
    },
    Format {
        vectors: &[("password", "sha1$a1b2c3d4$1$46198215b42363b5f760caa53dfa7f417339c840")],
        ..Format::expression_of("password-hash-npm", r#""sha1$" . $salt . "$1$" . hmac_sha1($salt, $pass)"#)
    },
    Format {
        aliases: &["meanjs-legacy"],
        vectors: &[("password", "05e033c478661892d9a055118dfab770d0f5e369")],
        given: Inputs { salt: Some(b"1455.33"), ..Inputs::NONE },
        ..Format::expression_of("express-hmac", "hmac_sha1($salt, $pass)")
    },
    Format {
        aliases: &["gogs"],
        strength: Strength::Slow,
        vectors: &[(
            "password",
            "6ceeee16107218b057249050a03aab9d72baa6f31345b5ed20a1f56f20a35cfdc0f50e5b15c310151e851094f4e0a779bb28",
        )],
        given: Inputs { salt: Some(b"pepper"), ..Inputs::NONE },
        ..Format::expression_of("grafana", "pbkdf2_sha256($pass, $salt, 10000, 50)")
    },
    Format {
        aliases: &["payload"],
        strength: Strength::Slow,
        vectors: &[(
            "password",
            "fdb4973ca0323b6d104072df2cf1f63b72ab67449786d814272a5ad434c939338a067a1b78350f98b9f97704e78c2987ee967bcdff96b8c1b5006074323ddf8380228648e6479de8ce583548642755750feaa43209e69ec02ce331413053381649db8b99dac24ec25606d4ed416cfdf0cba740d9e7d39c581c1b993dc61a1caf54833d61c36e9ea64162d81d5c6e734f7791932eab8689d78b8c56117a1eec503fc654b614b69c8a236343e1d3ea42198f5bf556374828d27adf5e4767c84b3c5ad822b5f878f7e4fc9f942117447744b06fcd942b0b48ad3684697aef136cd124cdae767c7d7189dbccc92692203170bafeb96e9ce3520a05ae95aa61976b7871cc07bea46f43d753ecdf433e48f611ca7892ae282f96b837a6c68f0a51ca097205d7f26dabc8d2479114161ad53f8b16b0b592b64c2bcde4216f5c62aca50b410ea7d8bec62bbf9053c49f58fc228a60b5acf17815a81cb82214e1e2098320b62462e7996b79724ba0341fd64af13c73756bccfd63e953c6f761f2c57741bb21f3b2e28e6f396c1b4dce7ea94137351d9847976f41c5016cf00d8cdb177cc4e5600b834c4dc6caa5f2084384b1575da8a08eb2a41716b7a18c4d97b36bfc447e87a388f081ad0b2633aafa5b6f35798ef4ee987fde91d56b6d73e41def792f712b8f107c8d061e5285bce9c1e8a03ea190b7d685cab4ad84eb54d0e4115ed8",
        )],
        given: Inputs { salt: Some(b"0a1b2c3d"), ..Inputs::NONE },
        ..Format::expression_of("passport-local-mongoose", "pbkdf2_sha256($pass, $salt, 25000, 512)")
    },
    Format {
        aliases: &["modpbkdf2"],
        strength: Strength::Slow,
        vectors: &[("password", "2atkpb3YIkbUToseCXrubOYL929vNpCz3zEYd/m4KmY=")],
        given: Inputs { salt: Some(b"5f4dcc3b5aa765d6"), ..Inputs::NONE },
        ..Format::expression_of("modx", "base64(pbkdf2_sha256_bin($pass, $salt, 1000, 32))")
    },
    Format {
        strength: Strength::Slow,
        vectors: &[("password", "3kmv/MT9BgYyION8RC5bOLLWylhWLFIirL2xOfjqvkT4cec7w3KhPQ==")],
        given: Inputs { salt: Some(b"r4nd0m"), ..Inputs::NONE },
        ..Format::expression_of("symfony-pbkdf2", "base64(pbkdf2_sha512_bin($pass, $salt, 1000, 40))")
    },
    Format {
        aliases: &["mean-js"],
        strength: Strength::Slow,
        vectors: &[(
            "password",
            "aDWIwRvdXMb+DDyO5+FnWcGJOP3wAtJpsMyk8jy4eHkfs7SPMme2MdMkKandQ+65MPnPXCvL6UX+powqDUARFw==",
        )],
        given: Inputs { salt: Some(b"c2FsdHNhbHQ="), ..Inputs::NONE },
        ..Format::expression_of("meanjs", "base64(pbkdf2_sha1_bin($pass, unbase64($salt), 10000, 64))")
    },
    Format {
        aliases: &["sonarqube"],
        strength: Strength::Slow,
        vectors: &[(
            "password",
            "100000$cEvUjwwcgNMY4Qraebn17wHeyELjugs5yYCzShhnhwn9CxWGnxqRoHmyDo7sZ7+2JEdhK7+5Wz6LYUG8X2SGQQ==",
        )],
        given: Inputs { salt: Some(b"MTIzNDU2Nzg5MA=="), ..Inputs::NONE },
        ..Format::expression_of(
            "sonarqube-pbkdf2",
            r#""100000$" . base64(pbkdf2_sha512_bin($pass, unbase64($salt), 100000, 64))"#,
        )
    },
    Format {
        strength: Strength::Slow,
        vectors: &[("password", "37307a4500db47cf92aacf6ffc418b8e")],
        given: Inputs { salt: Some(b"abcdefgh"), ..Inputs::NONE },
        ..Format::expression_of("harbor", "pbkdf2_sha256($pass, $salt, 4096, 16)")
    },
    Format {
        aliases: &["hashcat:32600"],
        vectors: &[(
            "cubecart",
            "2c41295f10e1d51afdd20e4ccce185decf0eb814390514a02addd230cd3ca30e75a868008fc2cc8696f179d7dafa8731de03ab6dda93108464d311726a53e847",
        )],
        given: Inputs { salt: Some(b"dead"), ..Inputs::NONE },
        ..Format::expression_of("cubecart", "whirlpool($salt . $pass . $salt)")
    },
    Format {
        aliases: &["hashcat:15000"],
        vectors: &[(
            "hashcat",
            "bfa9fe5a404faff8b0d200385e26b783a163e475869336029d3ebaccaf02b5f16e4949279e8a33b942ab647f8f19a83dbe89a6d39dd6d8f84812de7d2e556767",
        )],
        given: Inputs {
            salt: Some(b"6422386434050716105781561510557063652302782465168686858312232148"),
            ..Inputs::NONE
        },
        ..Format::expression_of("filezilla", "sha512($pass . $salt)")
    },
    Format {
        aliases: &["hashcat:1421"],
        vectors: &[("hashcat", "8fe7ca27a17adc337cd892b1d959b4e487b8f0ef09e32214f44fb1b07e461c532e9ec3")],
        ..Format::expression_of("hmailserver", "$salt . sha256($salt . $pass)")
    },
    Format {
        aliases: &["hashcat:24"],
        vectors: &[("hashcat", "00e983672a03adcc9767b24584338eb378")],
        ..Format::expression_of("serv-u", "$salt . md5($salt . $pass)")
    },
    Format {
        vectors: &[("password", "0ae741a19e5f956ff13c6863fb38ffacf9c58d17af7ea9bafbc6f38b8313c50b")],
        given: Inputs { key: Some(b"site-key"), ..Inputs::NONE },
        optional: &[Optional::Key],
        ..Format::expression_of("kohana", "hmac_sha256($key, $pass)")
    },
    Format {
        strength: Strength::Slow,
        vectors: &[("password", "F2ZZYtuOPj5viZEC37VVL2dMX12d9/Lo0xOsrvdLBjE=")],
        given: Inputs { pepper: Some(b"sitesalt"), ..Inputs::NONE },
        optional: &[Optional::Pepper],
        ..Format::expression_of("fuelphp", "base64(pbkdf2_sha256_bin($pass, $pepper, 10000, 32))")
    },
    Format {
        vectors: &[("password", "c3b5aa765d61d8327deb")],
        ..Format::expression_of("dedecms", "substr(md5($pass), 5, 20)")
    },
    Format {
        vectors: &[("password", "#5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8")],
        ..Format::expression_of("redis-acl", r##""#" . sha256($pass)"##)
    },
];
