//! Binding the listeners: TCP addresses and Unix sockets.
//!
//! Invariant: a socket's file is removed only when nobody listens behind it, and at the end only when it is still ours.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener};

use crate::definition::Listen;
use crate::server::Listener;

/// Who may connect to a Unix socket: its owner and group. Whoever else must not even try keys.
const MODE: u32 = 0o660;

/// A listener of requests that is bound.
pub(super) struct Bound {
    pub listener: Listener,
    /// What is bound, not what was asked for: port 0 is whatever was free.
    pub address: Listen,
    /// Removed at the end.
    pub file: Option<SocketFile>,
}

/// Binds where requests are answered; a relative path of a socket counts from this directory.
pub(super) async fn requests(listen: &Listen, directory: &Path) -> Result<Bound, String> {
    match listen {
        Listen::Tcp(address) => {
            let listener = tcp(*address, "listen").await?;
            let address = Listen::Tcp(listener.local_addr().map_err(|e| format!("error: {e}\n"))?);
            Ok(Bound { listener: listener.into(), address, file: None })
        }
        Listen::Unix(path) => {
            let path = directory.join(path);
            let (listener, file) = unix(&path).map_err(|why| {
                format!(
                    "error: cannot listen on unix:{}: {why}\nhelp: change `listen` in the settings\n",
                    path.display()
                )
            })?;
            Ok(Bound { listener: listener.into(), address: Listen::Unix(path), file: Some(file) })
        }
    }
}

/// Binds a TCP address; `key` is where it is declared.
pub(super) async fn tcp(address: SocketAddr, key: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address)
        .await
        .map_err(|e| format!("error: cannot listen on {address}: {}\nhelp: change `{key}` in the settings\n", e.kind()))
}

fn unix(path: &Path) -> Result<(UnixListener, SocketFile), String> {
    remove_stale(path)?;
    let listener = UnixListener::bind(path).map_err(|e| match e.kind() {
        ErrorKind::InvalidInput => "the path is too long for a socket".to_owned(),
        kind => kind.to_string(),
    })?;
    // Until here the umask decides; connecting takes the right to write, which it usually grants to nobody else.
    fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(|e| e.kind().to_string())?;
    let file = SocketFile::of(path).ok_or("the socket's file has vanished")?;
    Ok((listener, file))
}

/// Removes what a gateway left behind that was killed.
fn remove_stale(path: &Path) -> Result<(), String> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.kind().to_string()),
    };
    if !metadata.file_type().is_socket() {
        return Err("there is a file that is no socket".to_owned());
    }
    match UnixStream::connect(path) {
        Ok(_) => Err("another process listens there".to_owned()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|e| format!("a stale socket is in the way: {}", e.kind()))
        }
        Err(error) => Err(format!("a socket is in the way that cannot be tried: {}", error.kind())),
    }
}

/// The file of a socket that was bound here.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

impl SocketFile {
    fn of(path: &Path) -> Option<Self> {
        Some(Self { path: path.to_owned(), identity: identity(path)? })
    }

    /// Removes the file, unless somebody has put another one in its place.
    pub fn remove(self) {
        if identity(&self.path) == Some(self.identity) && fs::remove_file(&self.path).is_err() {
            tracing::warn!(path = %self.path.display(), "cannot remove the socket");
        }
    }
}

/// A file's device, number and time: numbers are given to new files again.
type Identity = (u64, u64, i64, i64);

fn identity(path: &Path) -> Option<Identity> {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino(), metadata.mtime(), metadata.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_socket_without_a_listener_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("u.sock");
        let (listener, file) = unix(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert_eq!(unix(&path).unwrap_err(), "another process listens there");
        drop(listener);
        let (_second, second) = unix(&path).unwrap();
        file.remove();
        assert!(path.exists(), "it is another one's by now");
        second.remove();
        assert!(!path.exists());
        fs::write(&path, "precious").unwrap();
        assert_eq!(unix(&path).unwrap_err(), "there is a file that is no socket");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
