//! What one verification costs, algorithm by algorithm, beside the fastest other implementations at hand:
//! `cargo bench --bench hash`, and words to choose lines by, as in `cargo bench --bench hash -- argon2`.
//!
//! Ours is measured whole: taking the stored value apart, the caps, the kernel, the comparison. The others are crates,
//! the system's libcrypt (libxcrypt's C), and OpenSSL, libargon2 and bcrypt behind Python: what needs a C toolchain is
//! called in a process of its own, so that building Userbridge needs none for it, and so is what takes long to build. The rounds are interleaved, and the
//! best of each is shown: a machine that is busy for a while is busy for all.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot be set up has nothing to say")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use userbridge::hash::{Accept, Description, FormatSpec, Policy, Spec, Stored, Verdict};
use userbridge::secret::{Password, Secret};

const PASSWORD: &str = "correct horse";
const ROUNDS: usize = 3;
/// How long one implementation is measured in one round, at least.
const POINT: Duration = Duration::from_millis(300);

/// Another implementation's name, and how it verifies.
type Other = (&'static str, fn(&str) -> bool);

/// One line of the table.
struct Line {
    /// Algorithm and cost.
    name: &'static str,
    /// Makes the stored value with our own writer, or is the setting for the system's `crypt`.
    stored: Made,
    /// Other implementations in this process.
    others: &'static [Other],
    /// Those behind Python: a name and an expression that computes it.
    python: &'static [(&'static str, &'static str)],
}

/// Where the stored value comes from.
enum Made {
    /// Our own writer, as `hash new` with these settings.
    Written(fn() -> Description),
    /// libcrypt, with this setting; it is also one of the others.
    Crypt(&'static str),
}

const LINES: &[Line] = &[
    Line {
        name: "Argon2id 19 MiB t=2",
        stored: Made::Written(|| Description::named("argon2id")),
        others: &[
            ("argon2-rust, new memory each time", |_| argon2_rust_fresh(19_456, 2)),
            ("argon2", |_| argon2_crate(19_456, 2)),
        ],
        python: &[("libargon2 (C)", "argon2_c(19456, 2)")],
    },
    Line {
        name: "Argon2id 64 MiB t=3",
        stored: Made::Written(|| {
            let mut description = Description::named("argon2id");
            (description.cost.memory, description.cost.passes) = (Some(65_536), Some(3));
            description
        }),
        others: &[
            ("argon2-rust, new memory each time", |_| argon2_rust_fresh(65_536, 3)),
            ("argon2", |_| argon2_crate(65_536, 3)),
        ],
        python: &[("libargon2 (C)", "argon2_c(65536, 3)")],
    },
    Line {
        name: "bcrypt cost 10",
        stored: Made::Crypt("$2b$10$abcdefghijklmnopqrstuu"),
        others: &[],
        python: &[("libcrypt (C)", "crypt(STORED)"), ("bcrypt for Python", "bcrypt_python(STORED)")],
    },
    Line {
        name: "PBKDF2-SHA256 600,000",
        stored: Made::Written(|| Description::named("pbkdf2-phc")),
        others: &[("ring", |_| ring_pbkdf2(ring::pbkdf2::PBKDF2_HMAC_SHA256, 600_000, 32))],
        python: &[("OpenSSL (C)", "hashlib.pbkdf2_hmac('sha256', PASSWORD, SALT, 600000)")],
    },
    Line {
        name: "PBKDF2-SHA512 210,000",
        stored: Made::Written(|| {
            let mut description = Description::named("pbkdf2-sha512-phc");
            description.cost.rounds = Some(210_000);
            description
        }),
        others: &[("ring", |_| ring_pbkdf2(ring::pbkdf2::PBKDF2_HMAC_SHA512, 210_000, 64))],
        python: &[("OpenSSL (C)", "hashlib.pbkdf2_hmac('sha512', PASSWORD, SALT, 210000)")],
    },
    Line {
        name: "scrypt N=2^15 r=8",
        stored: Made::Written(|| {
            let mut description = Description::named("scrypt-phc");
            description.cost.cost = Some(15);
            description
        }),
        others: &[],
        python: &[("OpenSSL (C)", "hashlib.scrypt(PASSWORD, salt=SALT, n=32768, r=8, p=1, maxmem=1 << 27)")],
    },
    Line {
        name: "SHA-512-crypt 5,000",
        stored: Made::Crypt("$6$abcdefghijklmnop"),
        others: &[],
        python: &[("libcrypt (C)", "crypt(STORED)")],
    },
    Line {
        name: "SHA-256-crypt 5,000",
        stored: Made::Crypt("$5$abcdefghijklmnop"),
        others: &[],
        python: &[("libcrypt (C)", "crypt(STORED)")],
    },
    Line {
        name: "yescrypt j9T",
        stored: Made::Crypt("$y$j9T$abcdefghijklmnop"),
        others: &[],
        python: &[("libcrypt (C)", "crypt(STORED)")],
    },
    Line {
        name: "gost-yescrypt j9T",
        stored: Made::Crypt("$gy$j9T$abcdefghijklmnop"),
        others: &[],
        python: &[("libcrypt (C)", "crypt(STORED)")],
    },
    Line {
        name: "phpass 2^13",
        stored: Made::Written(|| Description::named("phpass")),
        others: &[],
        python: &[("OpenSSL's MD5 (C), in a Python loop", "phpass()")],
    },
    Line {
        name: "MD5-crypt",
        stored: Made::Crypt("$1$abcdefgh"),
        others: &[],
        python: &[("libcrypt (C)", "crypt(STORED)")],
    },
    Line {
        name: "SHA1-crypt 20,000",
        stored: Made::Crypt("$sha1$20000$abcdefgh"),
        others: &[],
        python: &[("libcrypt (C)", "crypt(STORED)")],
    },
    Line {
        name: "Sun MD5-crypt",
        stored: Made::Crypt("$md5$abcdefgh$"),
        others: &[],
        python: &[("libcrypt (C)", "crypt(STORED)")],
    },
    Line { name: "DES-crypt", stored: Made::Crypt("ab"), others: &[], python: &[("libcrypt (C)", "crypt(STORED)")] },
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |line: &&Line| words.is_empty() || words.iter().any(|word| contains(line.name, word));
    println!("milliseconds for one verification on one thread, the best of {ROUNDS} interleaved rounds\n");
    println!("| algorithm | ours | others |");
    println!("|---|--:|---|");
    for line in LINES.iter().filter(wanted) {
        let measured = line.measure();
        let others: Vec<String> = measured.others.iter().map(|(name, ms)| format!("{name} {ms:.3}")).collect();
        println!("| {} | {:.3} | {} |", line.name, measured.ours, others.join(" · "));
    }
    if words.is_empty() {
        argon2_on_two_threads();
    }
}

/// Milliseconds.
struct Measured {
    ours: f64,
    others: BTreeMap<&'static str, f64>,
}

impl Line {
    fn measure(&self) -> Measured {
        let stored = self.stored();
        let ours = Ours::new(&stored, self.format());
        let (mut best, mut others) = (f64::INFINITY, BTreeMap::new());
        for _ in 0..ROUNDS {
            best = best.min(milliseconds(|| ours.verify()));
            let in_process =
                self.others.iter().map(|(name, verify)| (*name, milliseconds(|| assert!(verify(&stored)))));
            for (name, ms) in in_process.chain(python(self.python, &stored)).chain(bcrypt_in_lanes(&stored)) {
                let known = others.entry(name).or_insert(f64::INFINITY);
                *known = f64::min(*known, ms);
            }
        }
        Measured { ours: best, others }
    }

    fn format(&self) -> Description {
        match &self.stored {
            Made::Written(description) => description(),
            Made::Crypt("ab") => Description::named("des-crypt"),
            Made::Crypt(_) => Description::named("dovecot"),
        }
    }

    /// A value of this algorithm for the password.
    fn stored(&self) -> String {
        match &self.stored {
            Made::Written(description) => {
                let write = FormatSpec::Described(Box::new(description()));
                let policy = Policy::compile(&Spec::new(Accept::Auto, Some(write))).unwrap();
                let mut next = 0_u8;
                let mut counter =
                    |bytes: &mut [u8]| bytes.iter_mut().for_each(|b| (*b, next) = (next, next.wrapping_add(37)));
                let written = policy.write_blocking(&Password::new(PASSWORD), &mut counter).unwrap();
                String::from_utf8(written.hash.expose().to_vec()).unwrap()
            }
            Made::Crypt(setting) => ask_python(&format!("print(crypt(b'{setting}').decode())")).trim().to_owned(),
        }
    }
}

/// Our verification of one value.
struct Ours {
    policy: Policy,
    value: Secret,
    password: Password,
}

impl Ours {
    fn new(stored: &str, declared: Description) -> Self {
        let accept = match stored.len() {
            13 => Accept::Formats(vec![FormatSpec::Described(Box::new(declared))]),
            _ => Accept::Auto,
        };
        let policy = Policy::compile(&Spec::new(accept, None)).unwrap();
        Self { policy, value: Secret::new(stored), password: Password::new(PASSWORD) }
    }

    fn verify(&self) {
        let stored = Stored { value: Some(&self.value), ..Stored::default() };
        assert!(matches!(self.policy.verify_blocking(&self.password, &stored), Ok(Verdict::Match { .. })));
    }
}

/// The mean of as many calls as fit.
fn milliseconds(mut call: impl FnMut()) -> f64 {
    call();
    let (started, mut calls) = (Instant::now(), 0_u32);
    while started.elapsed() < POINT {
        call();
        calls += 1;
    }
    started.elapsed().as_secs_f64() * 1_000.0 / f64::from(calls)
}

/// What the pool does on two cores: each thread keeps its memory, or asks for it anew.
fn argon2_on_two_threads() {
    let stored = LINES[0].stored();
    let both = |call: &(dyn Fn() + Sync)| {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..2).map(|_| scope.spawn(|| milliseconds(call))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).fold(0.0, f64::max)
        })
    };
    let (mut kept, mut fresh) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        kept = kept.min(both(&|| Ours::new(&stored, Description::named("argon2id")).verify()));
        fresh = fresh.min(both(&|| assert!(argon2_rust_fresh(19_456, 2))));
    }
    println!(
        "\nArgon2id 19 MiB t=2 on two threads, each: {kept:.2} ms with memory that is kept, {fresh:.2} ms without"
    );
}

const SALT: &[u8] = b"0123456789abcdef";

fn argon2_rust_fresh(memory: u64, passes: u32) -> bool {
    use argon2_rust::params::{Memory, TagLen};
    let params = argon2_rust::Params::builder().memory(Memory::kib(memory)).passes(passes).lanes(1).threads(1);
    let params = params.tag_len(TagLen::bytes(32)).build().unwrap();
    let argon2 = argon2_rust::Argon2::new(argon2_rust::Algorithm::Argon2id, argon2_rust::Version::V0x13, params);
    let mut output = [0; 32];
    argon2.hasher().hash_into_with_ad(PASSWORD.as_bytes(), SALT, &[], &[], &mut output).unwrap();
    black_box(output) != [0; 32]
}

fn argon2_crate(memory: u32, passes: u32) -> bool {
    let params = argon2::Params::new(memory, passes, 1, Some(32)).unwrap();
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let mut output = [0; 32];
    argon2.hash_password_into(PASSWORD.as_bytes(), SALT, &mut output).unwrap();
    black_box(output) != [0; 32]
}

fn ring_pbkdf2(algorithm: ring::pbkdf2::Algorithm, rounds: u32, length: usize) -> bool {
    let mut output = vec![0; length];
    ring::pbkdf2::derive(algorithm, rounds.try_into().unwrap(), SALT, PASSWORD.as_bytes(), &mut output);
    black_box(output).iter().any(|byte| *byte != 0)
}

/// What the expressions of [`Line::python`] may use. Each function checks nothing: it computes what a verification does.
const PYTHON: &str = r#"
import ctypes, ctypes.util, hashlib, sys, time
PASSWORD, SALT = b"correct horse", b"0123456789abcdef"
library = ctypes.CDLL("libcrypt.so.1")
library.crypt.restype = ctypes.c_char_p
def crypt(setting):
    return library.crypt(PASSWORD, setting)
def argon2_c(memory, passes):
    from argon2.low_level import hash_secret_raw, Type
    return hash_secret_raw(PASSWORD, SALT, passes, memory, 1, 32, Type.ID)
def bcrypt_python(stored):
    import bcrypt
    return bcrypt.checkpw(PASSWORD, stored)
def phpass():
    digest = hashlib.md5(SALT + PASSWORD).digest()
    for _ in range(8192):
        digest = hashlib.md5(digest + PASSWORD).digest()
    return digest
def measure(call):
    call()
    started, calls = time.perf_counter(), 0
    while time.perf_counter() - started < 0.3:
        call()
        calls += 1
    return (time.perf_counter() - started) * 1000 / calls
"#;

/// Each expression's milliseconds; one whose library is missing is left out.
fn python(others: &'static [(&'static str, &'static str)], stored: &str) -> Vec<(&'static str, f64)> {
    let measured = others.iter().map(|(name, expression)| {
        let script = format!("STORED = b'{stored}'\nprint(measure(lambda: {expression}))");
        (*name, ask_python(&script).trim().parse().ok())
    });
    measured.filter_map(|(name, ms)| Some((name, ms?))).collect()
}

/// What Python prints; nothing where it fails. The interpreter of the tests has the libraries.
fn ask_python(script: &str) -> String {
    let interpreter = ["target/test-python/bin/python", "python3"]
        .into_iter()
        .find(|path| Command::new(path).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok());
    let mut command = Command::new(interpreter.expect("Python 3"));
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(format!("{PYTHON}\n{script}\n").as_bytes()).unwrap();
    String::from_utf8(process.wait_with_output().unwrap().stdout).unwrap()
}

/// The crate that verifies several bcrypt hashes at a time, one to a vector lane; left out where it cannot be built.
fn bcrypt_in_lanes(stored: &str) -> Vec<(&'static str, f64)> {
    if !stored.starts_with("$2b$") {
        return Vec::new();
    }
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/hash_peer/Cargo.toml");
    let target = concat!(env!("CARGO_MANIFEST_DIR"), "/target/hash_peer");
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--release", "--manifest-path", manifest, "--target-dir", target, "--"]);
    let output = command.args([PASSWORD, stored]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let measured = text.lines().filter_map(|line| line.parse().ok());
    ["bcrypt-rust", "bcrypt-rust, each of a batch of 16"].into_iter().zip(measured).collect()
}

fn contains(name: &str, word: &str) -> bool {
    name.to_lowercase().contains(&word.to_lowercase())
}
