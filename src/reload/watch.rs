//! Notices that something changed: file events, a slow poll, and the operator's signal.
//!
//! Invariant: an event only says "look again"; what is there decides. The watcher is made anew before every look, so
//! that a directory that was replaced is watched again and nothing that happens during the look is lost.

use std::collections::BTreeSet;
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

/// What a look asks for.
#[derive(Debug, Default)]
pub struct Next {
    /// Look again after this time at the latest.
    pub again: Option<Duration>,
    /// Directories to watch besides that of the definitions.
    pub directories: BTreeSet<PathBuf>,
}

/// Calls `look` whenever something may have changed; ends only when the operator's channel is closed.
pub async fn follow(directory: PathBuf, mut operator: UnboundedReceiver<()>, mut look: impl FnMut(Trigger) -> Next) {
    let mut directories = BTreeSet::new();
    loop {
        let (events, mut changed) = unbounded_channel();
        let watcher = watch(&directory, &directories, events);
        // A look after every new watch: changes between the last look and this watch are not lost.
        let next = look(Trigger::Disk);
        let wait = next.again.map_or(POLL, |again| again.min(POLL));
        // What is not watched yet is, right after this look; then a second one finds what the first one missed.
        let wait = if next.directories == directories { wait } else { Duration::ZERO };
        directories = next.directories;
        let trigger = tokio::select! {
            asked = operator.recv() => match asked {
                Some(()) => Trigger::Operator,
                None => return,
            },
            () = settled(&mut changed) => Trigger::Disk,
            () = sleep_until(Instant::now() + wait) => Trigger::Disk,
        };
        drop(watcher);
        if trigger == Trigger::Operator {
            // Signals that came meanwhile ask for the same look.
            while operator.try_recv().is_ok() {}
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

/// Watches the directory, what it points to, their parents, and others; None when the system refuses all of it, and
/// the poll must do. Not what is below: a volume's or an editor's own folders, or a whole home directory.
fn watch(directory: &Path, others: &BTreeSet<PathBuf>, events: UnboundedSender<()>) -> Option<RecommendedWatcher> {
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
    let paths = [directory, &real].into_iter().flat_map(|path| [Some(path), path.parent()]).flatten();
    let mut paths: BTreeSet<&Path> = paths.chain(others.iter().map(PathBuf::as_path)).collect();
    if paths.remove(Path::new("")) {
        paths.insert(Path::new("."));
    }
    let watched = paths.into_iter().filter(|path| watcher.watch(path, RecursiveMode::NonRecursive).is_ok()).count();
    (watched > 0).then_some(watcher)
}
