//! Password hashes, through the public interface of `userbridge::hash` only.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod budget;
mod exact;
mod policy;
mod robust;
mod vectors;

use userbridge::hash::{
    Accept, Description, FormatSpec, Pepper, Policy, Secrets, Spec, Stored, Unreadable, Verdict, find,
};
use userbridge::secret::{Password, Secret};

/// A policy that accepts these names and writes nothing; a format that hashes a secret of the site is given one.
fn accepting(names: &[&str]) -> Policy {
    let spec = |name: &&str| {
        let expression = find(name).and_then(|format| format.expression());
        let takes = |variable| expression.is_some_and(|text| text.contains(variable));
        if !takes("$pepper") && !takes("$key") {
            return FormatSpec::Named((*name).to_owned());
        }
        let secrets = || Secrets(vec![Secret::new("site")]);
        let pepper = takes("$pepper").then(|| Pepper { secrets: secrets(), position: None });
        let key = if takes("$key") { secrets() } else { Secrets::default() };
        FormatSpec::Described(Box::new(Description { pepper, key, ..Description::named(name) }))
    };
    policy(Accept::Formats(names.iter().map(spec).collect()), None)
}

/// A policy that accepts what describes itself.
fn auto() -> Policy {
    policy(Accept::Auto, None)
}

fn policy(accept: Accept, write: Option<FormatSpec>) -> Policy {
    Policy::compile(&Spec::new(accept, write)).unwrap()
}

fn named(name: &str) -> Option<FormatSpec> {
    Some(FormatSpec::Named(name.to_owned()))
}

fn verify(policy: &Policy, password: &str, value: &str) -> Result<Verdict, Unreadable> {
    verify_salted(policy, password, value, None)
}

fn verify_salted(policy: &Policy, password: &str, value: &str, salt: Option<&[u8]>) -> Result<Verdict, Unreadable> {
    let (value, salt) = (Secret::new(value), salt.map(Secret::new));
    policy.verify_blocking(
        &Password::new(password),
        &Stored { value: Some(&value), salt: salt.as_ref(), ..Stored::default() },
    )
}

/// A source of different bytes; what is written in these tests protects nobody.
fn counter() -> impl FnMut(&mut [u8]) {
    let mut next = 0_u8;
    move |bytes| bytes.iter_mut().for_each(|byte| (*byte, next) = (next, next.wrapping_add(37)))
}

/// Values of every family that are cheap to verify, with their password.
const CHEAP: &[(&str, &str)] = &[
    ("sfpass", "$argon2id$v=19$m=16,t=3,p=1$qod0wW65c/HHQb195Ipj1Q$BB8H5tJY09pL6bmA9ga0WZi7nJeqS98isZm4A0QfBTE"),
    ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("padded", "$wp$2y$05$2U3rNcTurfs2v.ToWqB1s.r7vbvruREGt6vTVfqu3NU8Z5tP7k3mm"),
    ("JohnRipper", "$P$612345678si5M0DDyPpmRCmcltU/YW/"),
    ("shapass", "$5$abcdefgh$Q6APcJvBs6p1Lpqa/f4lIrYbDkwaFVUlPVZzikiJoO8"),
    (
        "shapass",
        "$6$abcdefghijklmnop$Kq2PbnMF/Una3svsclEqowi8Nw.pcGUHCE7NYQrDv0eUCKFVdjmUE/Qti5Yo3Z1At80xAAshigoh1n3UaOvji0",
    ),
    ("md5pass", "$1$abcdefgh$vc.h.b7/b1zYYwJ7DKEQG1"),
    ("apr1pass", "$apr1$abcdefgh$0NqsgEtPapFvDUJTTdsPb1"),
    ("password", "$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ"),
    ("djpass", "pbkdf2_sha256$5000$N2FkLBm4mOKNvuRM84ejph$gHk9QRlSGgkOKGLMilBlpOspwWF/111VTQKy9olyghc="),
    ("secret", "argon2$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q"),
    ("secret", "_3...mwjres2ufSOOeR6"),
    ("secret", "$sha1$20$Euo9eB/m$fn87L2N3bq7VMbsOKfUpxLVzYobi"),
    ("mkpw1", "$3$$2f43ee25a3d262ff667045772e5064e0"),
    ("nacl", "$scrypt$ln=1,r=4,p=2$yhnD+J+Tci4lZCwFgHCuVQ$fAsEWmxSHuC0cHKMwKVFPzrQukgvK09Sj+NueTSxKds"),
    ("secret", "$s0$40801$c2FsdHNhbHRzYWx0c2FsdA==$8fMVNQRIS3XNsc6gAOqWRDEoI09km9Ol5J49QfkUo8E="),
    ("gnu", "$p5k2$c$u9HvcT4d$Sd1gwSVCLZYAuqZ25piRnbBEoAesaa/g"),
    ("secret", "PBKDF2SHA256$10$73616c7473616c74$3bef12723e3657d4e960553f7e1036bff5e277e282acef26329501ac94337481"),
    ("secret", "AAAAoAAAAApzYWx0c2FsdExNlmlXXOl2ZF8WYO/GYYVTYPlN"),
    ("couch1", "-pbkdf2-7efc0280f858d19dabf07397071f284c6c25ab0c,b1c9f3d2e8a7,10"),
    ("test", "{CRAM-MD5}e02d374fde0dc75a17a557039a3a5338c7743304777dccd376f332bee68d2cf6"),
    ("test", "{SHA1}qUqP5cyxm6YcTAhz05Hph5gvu9M="),
    ("test", "{CRYPT}//EsnG9FLTKjo"),
    ("mypass", "*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4"),
    ("123", "0x01004A335DCEDB366D99F564D460B1965B146D6184E4E1025195"),
    ("hashcat", "0xc0071808773188715731b69bd4e310b4129913aaf657356c5bdf3c46f249ed42477b5c74af6eaac4d15a"),
    ("abc123", "S:5FDAB69F543563582BA57894FE1C1361FB8ED57B903603F2C52ED1B4D642"),
    (
        "secret",
        "SCRAM-SHA-256$10:c2FsdHNhbHQ=$dTZAIPwsVHuu6YkneeZxp3OtlYmrSv5cpRiX688EwBE=:EVggySVX3Lksf50tKxKDHe9ZhaL78+C0CMr7/WrOk+I=",
    ),
    ("hashcat", "{ssha1}06$5586485655847243$V5f1Ff1y4dr7AWeVSSdv6N52..Y"),
];
