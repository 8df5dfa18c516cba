//! Notices that something changed: file events, a slow poll, and the operator's signal.
//!
//! Invariant: an event only says "look again"; what is there decides. The watcher is made anew before every look, so
//! that a directory that was replaced is watched again and nothing that happens during the look is lost.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until, timeout};

/// Quiet for so long, and the writer is believed to be done: the first event of a swap still shows the old content.
const QUIET: Duration = Duration::from_millis(150);
/// A writer that never rests is looked at after this time all the same.
const PATIENCE: Duration = Duration::from_secs(1);
/// For file systems that send no events (NFS, some mounts), and for events that were lost.
const POLL: Duration = Duration::from_secs(2);

/// Why to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Something may have changed on disk.
    Disk,
    /// The operator asks (SIGHUP).
    Operator,
}

/// Calls `look` whenever something may have changed; ends only when the operator's channel is closed.
pub async fn follow(directory: PathBuf, mut operator: UnboundedReceiver<()>, mut look: impl FnMut(Trigger)) {
    loop {
        let (events, mut changed) = unbounded_channel();
        let watcher = watch(&directory, events);
        // A look after every new watch: changes between the last look and this watch are not lost.
        look(Trigger::Disk);
        let trigger = tokio::select! {
            asked = operator.recv() => match asked {
                Some(()) => Trigger::Operator,
                None => return,
            },
            () = settled(&mut changed) => Trigger::Disk,
            () = sleep_until(Instant::now() + POLL) => Trigger::Disk,
        };
        drop(watcher);
        if trigger == Trigger::Operator {
            look(Trigger::Operator);
        }
    }
}

/// Waits for an event and then for quiet.
async fn settled(changed: &mut UnboundedReceiver<()>) {
    if changed.recv().await.is_none() {
        // No watcher: only the poll is left.
        std::future::pending::<()>().await;
    }
    let limit = Instant::now() + PATIENCE;
    while Instant::now() < limit {
        if timeout(QUIET, changed.recv()).await.is_err() {
            return;
        }
    }
}

/// Watches the directory, what it points to, and its parent; None when the system refuses, and the poll must do.
fn watch(directory: &Path, events: UnboundedSender<()>) -> Option<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let dirty = match &event {
            Ok(event) => event.need_rescan() || !matches!(event.kind, EventKind::Access(_)),
            Err(_) => true,
        };
        if dirty {
            // The receiver is gone when the watcher is about to be dropped.
            let _ = events.send(());
        }
    })
    .ok()?;
    let real = std::fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut any = false;
    for (path, mode) in [
        (real.as_path(), RecursiveMode::Recursive),
        (parent, RecursiveMode::NonRecursive),
        (real.parent().unwrap_or(parent), RecursiveMode::NonRecursive),
    ] {
        any |= watcher.watch(path, mode).is_ok();
    }
    any.then_some(watcher)
}
