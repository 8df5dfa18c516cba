//! What changes is noticed without the kernel's help: where it sends no events, refuses to, or has lost them.

use std::fs::File;
use std::path::PathBuf;

use rustix::process::Signal;

use super::load::Load;
use super::*;

/// How long a save may take when only the slow look at the files is left.
const POLLED: Duration = Duration::from_secs(10);

fn twin() -> Setup {
    quiet().definition("twin.yaml", &numbered("twin", 0))
}

/// What the save is served after, by a gateway that nothing tells of it.
#[track_caller]
fn noticed(gateway: &Gateway, number: u32) -> Duration {
    let saved = Instant::now();
    while ask(gateway, "twin") != number {
        assert!(saved.elapsed() < POLLED, "number {number} is not served\n{}", tail(&gateway.log()));
        std::thread::sleep(Duration::from_millis(10));
    }
    saved.elapsed()
}

/// The times of three saves, in order.
fn three_saves(gateway: &Gateway, save: impl Fn(&Path, &str)) -> [Duration; 3] {
    let file = gateway.connectors().join("twin.yaml");
    let mut times = [1, 2, 3].map(|number| {
        save(&file, &numbered("twin", number));
        noticed(gateway, number)
    });
    times.sort();
    times
}

/// The real program whose calls of this name give this result without being made: strace stands in for the kernel.
fn with_kernel(call: &str, result: &str) -> Gateway {
    let (trace, inject) = (format!("--trace={call}"), format!("--inject={call}:{result}"));
    // The tracer is the grandchild, so that signals reach the gateway.
    let strace =
        ["strace", "--daemonize=grandchild", "--follow-forks", "--seccomp-bpf", "--quiet=all", "-o", "/dev/null"];
    twin().through(&[&strace[..], &[&trace, &inject]].concat()).start()
}

#[test]
fn without_notifications_every_save_is_noticed_all_the_same() {
    let faults = [
        ("inotify_init1", "error=EMFILE"),
        ("inotify_add_watch", "error=ENOSPC"),
        // Watches that the kernel grants and never serves, as on network file systems.
        ("inotify_add_watch", "retval=1"),
    ];
    for (call, result) in faults {
        let gateway = with_kernel(call, result);
        let load = Load::on(&gateway, "twin");
        let polled = three_saves(&gateway, rename_over);
        eprintln!("{call} {result}: {polled:?}");
        assert_eq!(load.end().numbers, [0, 1, 2, 3].into());
        // The control: these are not the times of events.
        assert!(polled[2] > Duration::from_millis(800), "{call} {result}: {polled:?}: the kernel was not silent");
    }
    let told = three_saves(&twin().start(), rename_over);
    assert!(told[1] < Duration::from_millis(800), "{told:?}");
}

#[test]
fn saves_behind_a_bind_mount_are_noticed() {
    let setup = twin();
    let behind = setup.folder().join("behind");
    std::fs::create_dir(&behind).unwrap();
    std::fs::write(behind.join("twin.yaml"), numbered("twin", 0)).unwrap();
    let script = "mount --bind behind connectors && exec \"$@\"";
    let gateway = setup.through(&["unshare", "--mount", "sh", "-c", script, "sh"]).start();
    // Here, outside of the gateway's own mounts, its directory holds what the mount has covered.
    let covered = gateway.connectors().join("twin.yaml");
    std::fs::write(covered, numbered("twin", 9)).unwrap();
    for (number, save) in [(1, write as fn(&Path, &str)), (2, rename_over), (3, write)] {
        save(&behind.join("twin.yaml"), &numbered("twin", number));
        noticed(&gateway, number);
    }
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[test]
fn an_overflow_of_the_kernels_queue_loses_no_save() {
    let gateway = twin().start();
    let room: usize =
        std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap().trim().parse().unwrap();
    assert!(room < 200_000, "a queue for {room} events takes too long to fill");
    // While it does not read, more happens than the queue holds; the save comes when there is no more room.
    gateway.signal(Signal::STOP);
    let paths: [PathBuf; 2] = [".a", ".b"].map(|name| gateway.connectors().join(name));
    // Each is at least three events: created, closed, deleted.
    for _ in 0..room / 3 / 2 + 1 {
        for path in &paths {
            drop(File::create(path).unwrap());
            std::fs::remove_file(path).unwrap();
        }
    }
    rename_over(&gateway.connectors().join("twin.yaml"), &numbered("twin", 1));
    gateway.signal(Signal::CONT);
    noticed(&gateway, 1);
    assert_eq!(state_of(&gateway, "twin.yaml"), "current");
    // And afterwards events are as good as before.
    let told = three_saves(&gateway, rename_over);
    assert!(told[1] < Duration::from_millis(1500), "{told:?}");
}
