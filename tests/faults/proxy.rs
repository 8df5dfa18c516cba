//! A network between the gateway and its database that fails on demand.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the network does with the bytes that it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    Pass,
    /// Takes everything, delivers nothing, closes nothing: a router that forgot the connection.
    Silent,
    /// Delivers the server's answers 24 bytes at a time, one piece every half millisecond.
    Dribble,
    /// Ends every connection, old and new, at once.
    Reset,
    /// Tells the gateway that the server says no more, and listens on.
    HalfClose,
    /// Ends a connection after so many further bytes of the server's, see [`Proxy::cut_after`].
    DropAfter,
    /// Turns two bits in the head of what the server says; without TLS nobody could notice it in the data.
    Corrupt,
}

const MODES: [Mode; 7] =
    [Mode::Pass, Mode::Silent, Mode::Dribble, Mode::Reset, Mode::HalfClose, Mode::DropAfter, Mode::Corrupt];

/// The proxy; its connections end when it is dropped.
pub struct Proxy {
    pub port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    mode: AtomicU8,
    /// Connections that were accepted.
    attempts: AtomicU64,
    /// How many bytes `DropAfter` lets through on a connection that is made from now on.
    allowance: AtomicUsize,
    ended: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Stands in front of this server, `host:port`.
    pub fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let upstream: SocketAddr = upstream.parse().unwrap();
        let shared = Arc::new(Shared {
            mode: AtomicU8::new(Mode::Pass as u8),
            attempts: AtomicU64::new(0),
            allowance: AtomicUsize::new(64),
            ended: AtomicBool::new(false),
            open: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if accepting.ended.load(Ordering::SeqCst) {
                    return;
                }
                accepting.attempts.fetch_add(1, Ordering::SeqCst);
                accepting.join(client, upstream);
            }
        });
        Self { port, shared }
    }

    /// Changes what becomes of the bytes, on connections that are open too.
    pub fn set(&self, mode: Mode) {
        self.shared.mode.store(mode as u8, Ordering::SeqCst);
        if mode == Mode::Reset {
            self.shared.cut();
        }
    }

    /// New connections end after this many bytes of the server's, in [`Mode::DropAfter`]; 64 unless told.
    pub fn cut_after(&self, bytes: usize) {
        self.shared.allowance.store(bytes, Ordering::SeqCst);
    }

    /// How many connections were asked for so far.
    pub fn attempts(&self) -> u64 {
        self.shared.attempts.load(Ordering::SeqCst)
    }

    /// The database's address, with the proxy in its way.
    pub fn url(&self, url: &str) -> String {
        let (front, database) = url.rsplit_once('/').unwrap();
        let (server, _) = front.rsplit_once(':').unwrap();
        format!("{server}:{}/{database}", self.port)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        self.shared.cut();
    }
}

impl Shared {
    fn mode(&self) -> Mode {
        MODES[usize::from(self.mode.load(Ordering::SeqCst))]
    }

    fn cut(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn join(self: &Arc<Self>, client: TcpStream, upstream: SocketAddr) {
        if self.mode() == Mode::Reset {
            return;
        }
        let Ok(server) = TcpStream::connect(upstream) else { return };
        let (client_again, server_again) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        self.open.lock().unwrap().extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
        let (up, down) = (Arc::clone(self), Arc::clone(self));
        std::thread::spawn(move || up.forward(client, server, false));
        std::thread::spawn(move || down.forward(server_again, client_again, true));
    }

    fn forward(&self, mut from: TcpStream, mut to: TcpStream, answers: bool) {
        let mut bytes = [0; 16384];
        let mut mute = false;
        let mut left = self.allowance.load(Ordering::SeqCst);
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            let piece = &mut bytes[..count];
            mute |= self.mode() == Mode::Silent;
            let sent = match self.mode() {
                // For good: what was forgotten is never remembered.
                _ if mute => Ok(()),
                Mode::Dribble if answers => piece.chunks(24).try_for_each(|chunk| {
                    std::thread::sleep(Duration::from_micros(500));
                    to.write_all(chunk)
                }),
                Mode::HalfClose if answers => to.shutdown(Shutdown::Write),
                Mode::DropAfter if answers => {
                    let cut = count.min(left);
                    left -= cut;
                    let sent = to.write_all(&piece[..cut]);
                    if left == 0 { Err(std::io::ErrorKind::ConnectionReset.into()) } else { sent }
                }
                Mode::Corrupt if answers => {
                    piece[0] ^= 0x41;
                    to.write_all(piece)
                }
                _ => to.write_all(piece),
            };
            if sent.is_err() {
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }
}
