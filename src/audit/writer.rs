//! The thread that empties the queue.
//!
//! Invariant: records are written whole and in their order; one that the sink refuses is tried again until the
//! process ends.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use super::entry::Written;
use super::queue::{Pause, Queue};
use super::sink::Sink;
use super::{Entry, Identifiers};

/// How long a sink that refused is left alone.
const RETRY: Duration = Duration::from_millis(100);

pub(super) struct Writer {
    queue: Arc<Queue>,
    sink: Sink,
    identifiers: Identifiers,
    canonical: fn(&str) -> String,
    /// Whole records, each with a line break at its end.
    buffer: Vec<u8>,
    /// How much of the buffer the sink took.
    done: usize,
}

impl Writer {
    pub fn new(queue: Arc<Queue>, sink: Sink, identifiers: Identifiers, canonical: fn(&str) -> String) -> Self {
        Self { queue, sink, identifiers, canonical, buffer: Vec::new(), done: 0 }
    }

    pub fn run(mut self) {
        while let Some(work) = self.queue.next() {
            if work.reopen {
                self.reopen();
            }
            for entry in &work.entries {
                self.encode(entry);
            }
            if !self.deliver() {
                break;
            }
        }
        self.queue.end();
    }

    fn encode(&mut self, entry: &Entry) {
        let start = self.buffer.len();
        self.sink.head(entry, &mut self.buffer);
        let written = Written { entry, identifiers: &self.identifiers, canonical: self.canonical };
        match serde_json::to_writer(&mut self.buffer, &written) {
            Ok(()) => self.buffer.push(b'\n'),
            // Texts and numbers can be written; a defect here must not stop the records that follow.
            Err(error) => {
                self.buffer.truncate(start);
                self.queue.lost();
                tracing::error!(%error, "an audit record cannot be encoded");
            }
        }
    }

    /// Writes the buffer, however long it takes; false when the process ends before that.
    fn deliver(&mut self) -> bool {
        while self.done < self.buffer.len() {
            match self.sink.write(&self.buffer[self.done..]) {
                Ok(count) => self.advance(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if self.sink.never_takes(&error) => {
                    let rest = &self.buffer[self.done..];
                    self.done += rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
                    self.queue.lost();
                    tracing::error!(%error, "an audit record is larger than the sink takes");
                }
                Err(error) => {
                    if self.queue.failed() {
                        tracing::error!(to = %self.sink, %error, "audit records cannot be written");
                    }
                    match self.queue.pause(RETRY) {
                        Pause::GiveUp => return false,
                        Pause::Reopen => self.reopen(),
                        Pause::Over => self.sink.recover(),
                    }
                }
            }
        }
        self.buffer.clear();
        self.done = 0;
        true
    }

    fn advance(&mut self, count: usize) {
        let taken = &self.buffer[self.done..self.done + count];
        let records = taken.iter().filter(|byte| **byte == b'\n').count();
        self.done += count;
        if records > 0 && self.queue.written(records) {
            tracing::info!(to = %self.sink, "audit records are written again");
        }
    }

    /// A record that the old file holds half is written again as a whole.
    fn reopen(&mut self) {
        match self.sink.reopen() {
            Ok(()) => {
                let before = &self.buffer[..self.done];
                self.done = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            }
            Err(error) => tracing::error!(to = %self.sink, %error, "the audit sink cannot be opened anew"),
        }
    }
}
