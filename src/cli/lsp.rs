//! `userbridge lsp`: what `check` finds, while a file is written; the Language Server Protocol 3.17 on standard input
//! and output.
//!
//! Invariant: the text that the editor shows is what is checked, by the functions that `check` calls. No database is
//! opened, nothing is written but answers.

mod frames;
mod lines;
mod offers;
mod place;
mod schemas;
mod session;

use std::io::{BufReader, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};

use clap::Args;

use self::frames::Frame;
use self::session::Session;
use super::check::env_file;
use super::{Exit, variable};

/// How many messages may wait; who sends more waits itself.
const QUEUE: usize = 64;

/// Check files in an editor while they are written.
///
/// The editor starts this; see the README for its settings. Findings, completion, explanations and fixes are those of
/// `userbridge check`. No database is opened and no file is written.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 the editor said `shutdown` and then `exit`, 1 it ended otherwise, 2 wrong usage."
)]
pub(super) struct Lsp {
    /// A file of NAME=VALUE lines that stand in for environment variables.
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// What many editors add; standard input and output are used anyway.
    #[arg(long, hide = true)]
    stdio: bool,
}

impl Lsp {
    pub fn run(self) -> Exit {
        let extra = match self.env_file.as_deref().map(env_file).transpose() {
            Ok(extra) => extra.unwrap_or_default(),
            Err(problem) => {
                eprintln!("error: {problem}");
                return Exit::Usage;
            }
        };
        let variable = move |name: &str| extra.get(name).cloned().or_else(|| variable(name));
        let (sender, receiver) = sync_channel(QUEUE);
        // It ends with the process: nothing else can wake a read from standard input.
        std::thread::spawn(move || listen(&sender));
        let mut session = Session::new(Box::new(variable));
        serve(&mut session, &receiver, &mut std::io::stdout().lock())
    }
}

/// Sends on what comes, until nothing more can.
fn listen(sender: &SyncSender<Result<Frame, String>>) {
    let mut stream = BufReader::new(std::io::stdin());
    loop {
        let next = match frames::read(&mut stream) {
            Ok(Some(frame)) => Ok(frame),
            Ok(None) => return,
            Err(error) => Err(error.to_string()),
        };
        let broken = next.is_err();
        if sender.send(next).is_err() || broken {
            return;
        }
    }
}

/// Answers until the client says `exit` or goes away.
fn serve(session: &mut Session, receiver: &Receiver<Result<Frame, String>>, output: &mut impl Write) -> Exit {
    loop {
        let next = match session.patience() {
            Some(patience) => receiver.recv_timeout(patience),
            None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match next {
            Ok(Ok(Frame::Message(message))) => session.take(message),
            Ok(Ok(Frame::Malformed(code, problem))) => session.refuse(code, &problem),
            Ok(Err(problem)) => {
                eprintln!("error: {problem}");
                return Exit::Findings;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return session.exit(),
        }
        session.check_what_is_due();
        for message in session.said() {
            let text = message.to_string();
            let written = write!(output, "Content-Length: {}\r\n\r\n{text}", text.len()).and_then(|()| output.flush());
            if written.is_err() {
                return Exit::Findings;
            }
        }
        if session.has_ended() {
            return session.exit();
        }
    }
}
