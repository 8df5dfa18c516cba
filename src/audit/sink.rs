//! Where records end: standard output, a file, or a socket that speaks syslog.
//!
//! Invariant: a file and a socket never make the writer wait; standard output may, which only fills the queue.

use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::Entry;
use super::entry::rfc3339;

/// Where records are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard output, one JSON object per line.
    Stdout,
    /// A file, one JSON object per line; made with mode 0640, appended to.
    File(PathBuf),
    /// A datagram socket, one RFC 5424 message per record, as `/dev/log` takes them.
    Socket(PathBuf),
}

impl Target {
    /// The same target, with a relative path taken from this directory.
    pub fn from_directory(self, directory: &Path) -> Self {
        match self {
            Self::Stdout => Self::Stdout,
            Self::File(path) => Self::File(directory.join(path)),
            Self::Socket(path) => Self::Socket(directory.join(path)),
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = |path: &str| match path.is_empty() {
            true => Err(format!("`{text}` names no path")),
            false => Ok(PathBuf::from(path)),
        };
        match text.split_once(':') {
            None if text == "stdout" => Ok(Self::Stdout),
            Some(("file", rest)) => path(rest).map(Self::File),
            Some(("unix", rest)) => path(rest).map(Self::Socket),
            _ => Err(format!(
                "`{text}` is no place for records: expected `stdout`, `file:PATH` or `unix:PATH`, as in `unix:/dev/log`"
            )),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// An open target.
#[derive(Debug)]
pub(super) struct Sink {
    target: Target,
    open: Open,
}

#[derive(Debug)]
enum Open {
    Stream(File),
    Datagrams(UnixDatagram),
}

impl Sink {
    pub fn open(target: Target) -> io::Result<Self> {
        let open = open(&target)?;
        Ok(Self { target, open })
    }

    /// Opens the target anew; what was open stays so when that fails.
    pub fn reopen(&mut self) -> io::Result<()> {
        self.open = open(&self.target)?;
        Ok(())
    }

    /// Before another attempt after a failure: a restarted syslog daemon has a new socket.
    pub fn recover(&mut self) {
        if let Open::Datagrams(_) = self.open
            && let Ok(open) = open(&self.target)
        {
            self.open = open;
        }
    }

    /// What stands before the JSON: for syslog the header of RFC 5424, section 6.
    pub fn head(&self, entry: &Entry, buffer: &mut Vec<u8>) {
        if let Open::Datagrams(_) = self.open {
            const AUTHPRIV_NOTICE: u8 = 10 * 8 + 5;
            let mut head = String::with_capacity(64);
            // Writing to a string cannot fail.
            let _ = write!(
                head,
                "<{AUTHPRIV_NOTICE}>1 {} - userbridge {} decision - ",
                rfc3339(entry.time),
                std::process::id()
            );
            buffer.extend_from_slice(head.as_bytes());
        }
    }

    /// Writes from the beginning of these whole records; how many bytes were taken.
    pub fn write(&mut self, records: &[u8]) -> io::Result<usize> {
        match &mut self.open {
            Open::Stream(file) => match file.write(records)? {
                0 => Err(io::ErrorKind::WriteZero.into()),
                count => Ok(count),
            },
            Open::Datagrams(socket) => {
                let end = records.iter().position(|byte| *byte == b'\n').unwrap_or(records.len());
                socket.send(&records[..end])?;
                Ok((end + 1).min(records.len()))
            }
        }
    }

    /// Whether trying again is of no use.
    pub fn never_takes(&self, error: &io::Error) -> bool {
        matches!(self.open, Open::Datagrams(_)) && Errno::from_io_error(error) == Some(Errno::MSGSIZE)
    }
}

impl fmt::Display for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.fmt(f)
    }
}

fn open(target: &Target) -> io::Result<Open> {
    match target {
        // A handle of our own: a full pipe must not keep others from Rust's lock of standard output.
        Target::Stdout => Ok(Open::Stream(io::stdout().as_fd().try_clone_to_owned()?.into())),
        Target::File(path) => {
            let mut options = OpenOptions::new();
            options.append(true).create(true).mode(0o640);
            // A pipe in place of the file must neither be waited for nor make the writer wait.
            options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
            options.open(path).map(Open::Stream)
        }
        Target::Socket(path) => {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            socket.connect(path)?;
            Ok(Open::Datagrams(socket))
        }
    }
}
