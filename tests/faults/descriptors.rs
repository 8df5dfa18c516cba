//! No descriptor is left for another connection.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use userbridge::sql::Dialect;

use super::support::{RESUMED, alone, cpu, database, get_user, start, usage};
use crate::gateway::Gateway;

/// Lets the process have this many descriptors; how many it might have had.
fn limit(gateway: &Gateway, descriptors: u64) -> u64 {
    let pid = Pid::from_raw(gateway.pid() as i32);
    let limit = Rlimit { current: Some(descriptors), maximum: None };
    // What this process may have, its child may have.
    let maximum = rustix::process::getrlimit(Resource::Nofile).maximum;
    prlimit(pid, Resource::Nofile, Rlimit { maximum, ..limit }).unwrap().current.unwrap()
}

fn complaints(gateway: &Gateway) -> usize {
    gateway.log().matches("cannot accept connections").count()
}

#[test]
fn without_descriptors_it_waits_without_a_busy_loop_and_goes_on_afterwards() {
    let _turn = alone();
    let gateway = start(&database(Dialect::Postgres));
    assert_eq!(get_user(&gateway, 1).status, 200);
    let before = usage(&gateway).1;
    limit(&gateway, before as u64 + 20);
    // The kernel takes these connections; the process cannot.
    let connections: Vec<_> = (0..60).map(|_| TcpStream::connect(gateway.address).unwrap()).collect();
    let begun = Instant::now();
    gateway.eventually("no descriptor is left", || complaints(&gateway) > 0);
    assert!(begun.elapsed() < Duration::from_secs(5));
    let (said, used) = (complaints(&gateway), cpu(&gateway));
    let watched = Duration::from_secs(3);
    std::thread::sleep(watched);
    let (said, used) = (complaints(&gateway) - said, cpu(&gateway) - used);
    // The control: it is still at its limit, and tries again and again.
    assert!(said > 5, "tried {said} times in {watched:?}");
    // One try each 50 ms; a busy loop would make thousands, and use all of a processor.
    assert!(said <= 2 * 60 + 10, "tried {said} times in {watched:?}");
    assert!(used < watched / 4, "{used:?} of processor time in {watched:?}");
    drop(connections);
    let freed = Instant::now();
    while get_user(&gateway, 1).status != 200 {
        assert!(freed.elapsed() < RESUMED, "not recovered after {:?}", freed.elapsed());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(freed.elapsed() < RESUMED, "{:?}", freed.elapsed());
    let after = usage(&gateway).1;
    assert!(after <= before + 8, "{before} descriptors before, {after} after");
}
