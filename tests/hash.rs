//! Password hashes, through the public interface of `userbridge::hash` only.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod budget;
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
        if !expression.is_some_and(|text| text.contains("$pepper")) {
            return FormatSpec::Named((*name).to_owned());
        }
        let pepper = Pepper { secrets: Secrets(vec![Secret::new("site")]), position: None };
        FormatSpec::Described(Box::new(Description { pepper: Some(pepper), ..Description::named(name) }))
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
];
