//! One connection's messages, under limits of time and size.
//!
//! Invariant: at most one message is held, and its bytes are wiped once it is decoded: it may hold a password. Output
//! waits for nobody longer than the limit, so a peer that does not read cannot make it grow.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::{Zeroize, Zeroizing};

use crate::protocol::ldap::{MAX_MESSAGE, Malformed, Message, Reply, length};
use crate::server::Settings;

/// What bytes go through.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// How long a client that has proved itself may be silent: pools keep connections for a while.
const BOUND_PATIENCE: Duration = Duration::from_secs(300);

/// How long the last words may take.
const PARTING: Duration = Duration::from_secs(2);

/// What output is gathered before it is sent, in bytes.
const BATCH: usize = 32 * 1024;

/// Most messages are shorter.
const USUAL: usize = 4096;

/// A connection.
pub(super) struct Connection {
    io: Box<dyn Io>,
    input: Zeroizing<Vec<u8>>,
    filled: usize,
    output: BytesMut,
    stop: watch::Receiver<bool>,
    /// For a message to arrive, from its first byte; for the first one, from the connection's beginning.
    whole: Duration,
    /// For the next message to begin.
    idle: Duration,
    write: Duration,
    /// Until when the next message may begin.
    patience: Instant,
}

/// What came next.
pub(super) enum Next {
    Message(Message),
    /// Bytes that are no message.
    Malformed(Malformed),
    /// The peer left, or took too long.
    Gone,
    /// The server stops, and no message has begun.
    Stopping,
}

impl Connection {
    pub(super) fn new(io: Box<dyn Io>, settings: &Settings, stop: watch::Receiver<bool>) -> Self {
        Self {
            io,
            input: Zeroizing::new(vec![0; USUAL]),
            filled: 0,
            output: BytesMut::new(),
            stop,
            whole: settings.header_timeout,
            idle: settings.keep_alive,
            write: settings.write_timeout,
            patience: Instant::now() + settings.header_timeout,
        }
    }

    /// The next message.
    pub(super) async fn next(&mut self, bound: bool) -> Next {
        let mut begun = None;
        loop {
            match length(&self.input[..self.filled]) {
                Err(malformed) => return Next::Malformed(malformed),
                Ok(Some(total)) if total <= self.filled => return self.take(total, bound),
                Ok(_) => {}
            }
            self.make_room();
            let waiting = self.filled == 0;
            let deadline = match waiting {
                true => self.patience,
                false => *begun.get_or_insert_with(Instant::now) + self.whole,
            };
            let read = timeout_at(deadline, self.io.read(&mut self.input[self.filled..]));
            let read = tokio::select! {
                biased;
                read = read => read,
                _ = self.stop.wait_for(|stop| *stop), if waiting => return Next::Stopping,
            };
            match read {
                Ok(Ok(count)) if count > 0 => self.filled += count,
                _ => return Next::Gone,
            }
        }
    }

    fn take(&mut self, total: usize, bound: bool) -> Next {
        let message = Message::decode(&self.input[..total]);
        self.input.copy_within(total..self.filled, 0);
        let left = self.filled - total;
        self.input[left..self.filled].zeroize();
        self.filled = left;
        self.patience = Instant::now() + if bound { BOUND_PATIENCE } else { self.idle };
        message.map_or_else(Next::Malformed, Next::Message)
    }

    /// What outgrows its buffer moves to a new one, and the old one is wiped, which growing in place would not do.
    fn make_room(&mut self) {
        if self.filled == self.input.len() {
            let mut larger = Zeroizing::new(vec![0; MAX_MESSAGE]);
            larger[..self.filled].copy_from_slice(&self.input);
            self.input = larger;
        }
    }

    /// Writes an answer, and sends what has gathered when it is much.
    pub(super) async fn reply(&mut self, id: i32, reply: Reply) -> io::Result<()> {
        reply.encode(id, &mut self.output);
        if self.output.len() >= BATCH { self.flush().await } else { Ok(()) }
    }

    /// Sends what has gathered.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        let sent = timeout(self.write, async {
            self.io.write_all(&self.output).await?;
            self.io.flush().await
        });
        sent.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        self.output.clear();
        // From when the peer has its answer.
        self.patience = self.patience.max(Instant::now() + self.idle);
        Ok(())
    }

    /// Says so and ends.
    pub(super) async fn close(mut self, last: Option<Reply>) {
        if let Some(reply) = last {
            reply.encode(0, &mut self.output);
        }
        let parting = async {
            self.flush().await?;
            self.io.shutdown().await?;
            // Closing while bytes are unread would take back what was said last (RFC 9293, section 3.10.4).
            let mut left = 4 * MAX_MESSAGE;
            while left > 0 {
                match self.io.read(&mut self.input).await? {
                    0 => break,
                    count => left = left.saturating_sub(count),
                }
            }
            io::Result::Ok(())
        };
        let _ = timeout(PARTING, parting).await;
    }

    /// The stream, if nothing was sent ahead: what came in the clear must not count as encrypted.
    pub(super) fn into_io(self) -> Option<Box<dyn Io>> {
        (self.filled == 0).then_some(self.io)
    }
}
