//! How much one machine answers: `cargo bench --bench load`. Everything is private and on loopback: a PostgreSQL
//! server, an SQLite file, 10,000 users in both, the gateway on each, and the Express peer of `benches/peers`.
//!
//! The rounds are interleaved, so that a machine that is busy for a while is busy for all. The load comes from the same
//! machine and takes one of its cores; the figures compare the servers, and say little about another machine.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark that cannot be set up has nothing to say"
)]

#[path = "load/caller.rs"]
mod caller;
#[path = "load/overload.rs"]
mod overload;
#[path = "load/peers.rs"]
mod peers;
#[path = "load/postgres.rs"]
mod postgres;

use std::time::{Duration, Instant};

use userbridge::hash::{Accept, Caps, FormatSpec, Policy, Spec, Verdict};
use userbridge::secret::Password;

use self::caller::{Kind, Measured, measure};
use self::peers::Server;

/// The users in each database.
pub const USERS: u32 = 10_000;
/// Everybody's password.
pub const PASSWORD: &str = "hello";
/// Its hash: Argon2id, 19 MiB, two passes.
pub const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$cXVpY2stc3RhcnQtc2FsdA$Ibns8qm5IzpdeUtBoH/T4+FB+EL0Hnlonw4+ua75Kyw";

const ROUNDS: usize = 2;
const POINT: Duration = Duration::from_secs(4);
const CONNECTIONS: [usize; 3] = [1, 32, 256];

fn main() {
    let database = postgres::Postgres::start();
    // The longest part and the one that the others would disturb comes alone: `cargo bench --bench load -- faces`.
    if std::env::args().any(|argument| argument == "faces") {
        return faces(&database);
    }
    let servers = peers::start(&database);
    for server in &servers {
        measure(server, &[(Kind::GetUser, 8)], Duration::from_millis(500));
    }
    look_ups(&servers);
    log_ins(&servers);
    storm(&servers);
    drop(servers);
    faces(&database);
}

/// What identity providers that stop waiting hear under overload.
fn faces(database: &postgres::Postgres) {
    let (settings, key, providers) = overload::providers();
    overload::overload(&peers::with_faces(database, settings, &key), &providers);
}

/// `get_user`, by callers that wait for an answer before they ask again.
fn look_ups(servers: &[Server]) {
    println!("\nget_user: {ROUNDS} interleaved rounds of {POINT:?} a point, best round by requests/s\n");
    println!("| server | callers | requests/s | per second of server CPU | p50 | p99 | errors |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    let mut best: Vec<(usize, usize, Measured)> = Vec::new();
    for _ in 0..ROUNDS {
        for callers in CONNECTIONS {
            for (index, server) in servers.iter().enumerate() {
                let measured = measure(server, &[(Kind::GetUser, callers)], POINT).remove(0);
                match best.iter_mut().find(|(i, c, _)| (*i, *c) == (index, callers)) {
                    Some((.., known)) if known.rate() >= measured.rate() => {}
                    Some((.., known)) => *known = measured,
                    None => best.push((index, callers, measured)),
                }
            }
        }
    }
    best.sort_by_key(|(index, callers, _)| (*index, *callers));
    for (index, callers, m) in &best {
        let (p50, p99) = (m.percentile(50.0), m.percentile(99.0));
        let name = &servers[*index].name;
        println!(
            "| {name} | {callers} | {:.0} | {:.0} | {p50:.1?} | {p99:.1?} | {} |",
            m.rate(),
            m.rate_per_cpu(),
            m.errors
        );
    }
    let rate = |name: &str| {
        let points = best.iter().filter(|(index, ..)| servers[*index].name == name);
        points.map(|(.., m)| m.rate()).fold(0.0, f64::max)
    };
    let (ours, express) = (rate(peers::ON_POSTGRES), rate(peers::EXPRESS));
    if express > 0.0 {
        println!("\nagainst Express, best point of each: {:.1} times as many (target: 4)", ours / express);
    }
}

/// Logins against what the machine hashes when it does nothing else.
fn log_ins(servers: &[Server]) {
    println!("\nlogins, Argon2id 19 MiB t=2, 32 callers; {ROUNDS} alternations of {POINT:?}, best round\n");
    println!("| what | per second | of raw | p50 | p99 | errors |\n|---|--:|--:|--:|--:|--:|");
    let (mut raw, mut best) = (0.0_f64, Vec::<Option<Measured>>::new());
    best.resize_with(servers.len(), || None);
    for _ in 0..ROUNDS {
        raw = raw.max(raw_hashes());
        for (server, best) in servers.iter().zip(&mut best) {
            let measured = measure(server, &[(Kind::Login, 32)], POINT).remove(0);
            if best.as_ref().is_none_or(|known| known.rate() < measured.rate()) {
                *best = Some(measured);
            }
        }
    }
    println!("| raw hashes, all cores | {raw:.1} | 100 % | | | |");
    for (server, m) in servers.iter().zip(best.iter().flatten()) {
        let share = 100.0 * m.rate() / raw;
        let (p50, p99) = (m.percentile(50.0), m.percentile(99.0));
        println!("| {} | {:.1} | {share:.0} % | {p50:.1?} | {p99:.1?} | {} |", server.name, m.rate(), m.errors);
    }
    println!("\ntarget: 95 % of raw; what callers and database use is part of the difference");
}

/// Verifications per second on all cores, through the library.
fn raw_hashes() -> f64 {
    let write = Some(FormatSpec::Named("argon2id".to_owned()));
    let policy =
        Policy::compile(&Spec { accept: Accept::Auto, write, columns: Default::default(), caps: Caps::default() })
            .unwrap();
    let cores = std::thread::available_parallelism().unwrap().get();
    let started = Instant::now();
    let verified: u32 = std::thread::scope(|scope| {
        let work = || {
            let written = policy.write_blocking(&Password::new(PASSWORD), &mut |salt| salt.fill(7)).unwrap();
            let mut count = 0;
            while started.elapsed() < POINT {
                let verdict = policy.verify_blocking(&Password::new(PASSWORD), &written.as_stored()).unwrap();
                assert!(matches!(verdict, Verdict::Match { .. }), "a hash does not match its password");
                count += 1;
            }
            count
        };
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    f64::from(verified) / started.elapsed().as_secs_f64()
}

/// What looking up feels like while everybody logs in.
fn storm(servers: &[Server]) {
    println!("\nget_user by 8 callers while 32 others log in\n");
    println!("| server | look-ups/s | p50 | p99 | logins/s |\n|---|--:|--:|--:|--:|");
    for server in servers {
        let both = measure(server, &[(Kind::GetUser, 8), (Kind::Login, 32)], POINT);
        let (look_ups, log_ins) = (&both[0], &both[1]);
        let (p50, p99) = (look_ups.percentile(50.0), look_ups.percentile(99.0));
        println!("| {} | {:.0} | {p50:.1?} | {p99:.1?} | {:.1} |", server.name, look_ups.rate(), log_ins.rate());
    }
    println!("\ntarget: p99 below 15 ms");
}
