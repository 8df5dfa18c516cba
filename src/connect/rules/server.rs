//! The server as a whole: its version, its modes, whether it can be written.

use super::Findings;
use crate::connect::scene::Scene;
use crate::db::inspect::Mode;
use crate::diagnostic::{Code, Fault};

pub(super) fn rules(scene: &Scene<'_>, findings: &mut Findings) {
    let server = &scene.server;
    let fault = |code, message: String| Fault::new(code, scene.definition.places.database.clone(), message);
    if let Some(oldest) = server.outdated {
        let message = format!("the server is {} {}, expected {oldest} or later", server.product, server.version);
        findings.push(
            fault(Code::UnsupportedServer, message).help("upgrade the server; Userbridge is not tested with this one"),
        );
    }
    if let Some(why) = server.read_only.as_ref().filter(|_| scene.writes()) {
        let message = format!("the definition has actions that write, but {why}");
        findings.push(
            fault(Code::ReadOnlyDatabase, message)
                .help("connect to the server that takes writes, or remove the actions that write"),
        );
    }
    for mode in &server.modes {
        findings.extend_mode(scene, mode);
    }
}

impl Findings {
    fn extend_mode(&mut self, scene: &Scene<'_>, mode: &Mode) {
        let fault = |code, message: String| Fault::new(code, scene.definition.places.database.clone(), message);
        let most = scene.definition.database().map_or(0, |config| config.max_connections());
        let found = match mode {
            Mode::NotStrict => fault(
                Code::ServerMode,
                "the server's own `sql_mode` is not strict: applications may have stored hashes that were cut off".to_owned(),
            )
            .help("the gateway's sessions are strict; find hashes that were cut off with `userbridge check --connect --sample 1000`"),
            Mode::NoCharset => fault(
                Code::ServerMode,
                "the database's encoding is SQL_ASCII: texts are bytes of no known character set".to_owned(),
            )
            .help("names with other letters than A to Z are found only as UTF-8; make a database with ENCODING 'UTF8'"),
            Mode::Journal(journal) if scene.writes() => fault(
                Code::JournalMode,
                format!("the file's journal mode is `{journal}`; the gateway changes it to `wal` when it first writes"),
            )
            .help("in `wal` readers and the writer do not block each other; set it yourself with PRAGMA journal_mode = WAL"),
            Mode::Hides if scene.writes() => fault(
                Code::NotChecked,
                "the server hides triggers, foreign keys of other tables and columns that are not granted from this \
                 user: whether they are in the way cannot be told"
                    .to_owned(),
            )
            .help("run the check once as a user with SELECT and TRIGGER on the whole database"),
            Mode::FewConnections(limit) if *limit < most => fault(
                Code::ServerMode,
                format!(
                    "this user may hold {limit} connections at once, but `max_connections` is {}",
                    most
                ),
            )
            .help("set `max_connections` no higher, counting every gateway that uses this account, or raise the account's limit"),
            Mode::Journal(_) | Mode::Hides | Mode::FewConnections(_) => return,
        };
        self.push(found);
    }
}
