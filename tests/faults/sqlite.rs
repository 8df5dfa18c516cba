//! SQLite's own faults: a locked file, a full disk, a file that is gone.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use super::support::{BUDGET, RESUMED, alone, email, get_user, login, recovery, start, status};
use crate::gateway::Gateway;

fn fill(path: &std::path::Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).unwrap();
    let users = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE, password_hash TEXT);
         CREATE TABLE audit (email TEXT, n INTEGER, hash TEXT);
         WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < 199)
         INSERT INTO users SELECT n, 'user' || n || '@example.com',
             '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824' FROM c;
         INSERT INTO audit SELECT email, 0, password_hash FROM users;";
    connection.execute_batch(users).unwrap();
    connection
}

fn change(gateway: &Gateway, user: usize, password: &str) -> (String, Duration) {
    let begun = Instant::now();
    let body = json!({ "identifier": email(user), "password": password });
    (gateway.call("acme", "change_password", &body).code(), begun.elapsed())
}

#[test]
fn a_locked_file_is_waited_for_within_the_budget() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.db");
    let other = fill(&file);
    let gateway = start(&format!("sqlite:{}", file.display()));
    assert_eq!(change(&gateway, 1, "first").0, "changed");
    other.execute_batch("BEGIN IMMEDIATE; UPDATE audit SET n = 0").unwrap();
    let (code, time) = change(&gateway, 1, "second");
    assert!(
        ["timeout", "unavailable"].contains(&code.as_str()) && time < BUDGET + Duration::from_millis(500),
        "{code} {time:?}"
    );
    assert_eq!(get_user(&gateway, 1).status, 200);
    assert_eq!(status(&gateway)["database"]["breaker"], "closed");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(login(&gateway, 1, "first").status, 200);
    assert_eq!(change(&gateway, 1, "third").0, "changed");
}

#[test]
fn a_full_disk_refuses_writes_and_answers_reads() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"]).arg(folder.path()).status();
    if !mount.is_ok_and(|status| status.success()) {
        // Only root may mount; the classification of SQLITE_FULL has a test of its own.
        eprintln!("not proven here: mounting a small disk is not allowed");
        return;
    }
    let _unmount = Unmount(folder.path().to_owned());
    let file = folder.path().join("users.db");
    drop(fill(&file));
    let gateway = start(&format!("sqlite:{}", file.display()));
    assert_eq!(change(&gateway, 1, "first").0, "changed");
    let filler = folder.path().join("filler");
    let mut size = 400 << 10;
    while size > 0 {
        let more = std::fs::read(&filler).unwrap_or_default().len() + size;
        if std::fs::write(&filler, vec![1; more]).is_err() {
            let _ = std::fs::write(&filler, vec![1; more - size]);
            size /= 2;
        }
    }
    let mut codes: Vec<String> = (0..60).map(|n| change(&gateway, n, "second").0).collect();
    codes.dedup();
    assert!(codes.contains(&"unavailable".to_owned()), "the disk was never full: {codes:?}");
    assert!(codes.iter().all(|code| code == "changed" || code == "unavailable"), "{codes:?}");
    assert_eq!(get_user(&gateway, 1).status, 200);
    assert_eq!(status(&gateway)["database"]["breaker"], "closed");
    std::fs::remove_file(&filler).unwrap();
    assert_eq!(change(&gateway, 1, "third").0, "changed");
    assert_eq!(login(&gateway, 1, "third").status, 200);
}

struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_file_that_was_deleted_or_replaced_is_not_served_for_ever() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.db");
    drop(fill(&file));
    let gateway = start(&format!("sqlite:{}", file.display()));
    assert_eq!(login(&gateway, 1, "hello").status, 200);
    let remove = || {
        for end in ["", "-wal", "-shm"] {
            // The last two exist only while somebody writes.
            let _ = std::fs::remove_file(format!("{}{end}", file.display()));
        }
    };
    remove();
    let begun = Instant::now();
    while get_user(&gateway, 1).status == 200 {
        assert!(begun.elapsed() < RESUMED, "a deleted file is still served");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(get_user(&gateway, 1).code(), "unavailable");
    // Another database at the same path, in which user 1 has another password.
    fill(&file).execute("UPDATE users SET password_hash = 'x' WHERE id = 1", []).unwrap();
    assert!(recovery(&gateway) < RESUMED);
    assert!(login(&gateway, 1, "hello").status != 200 && login(&gateway, 2, "hello").status == 200);
}
