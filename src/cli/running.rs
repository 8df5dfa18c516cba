//! The running gateway: everything assembled, from the first listener to the last request in flight.

mod state;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::watch;
use tokio::time::Instant;

use self::state::State;
use super::access::networks::NetworkFiles;
use super::following::FollowedSettings;
use super::serve::environment;
use super::tokens::{self, beside};
use super::{Exit, binding, colours, log, random, tls};
use crate::access::{self, Access};
use crate::audit;
use crate::definition::{Gateway as GatewaySettings, LdapEncryption, Listen, check_gateway};
use crate::diagnostic::Source;
use crate::handler::Resources;
use crate::hash::{Budget, BudgetConfig};
use crate::managed::Seen;
use crate::protocol::Faces;
use crate::protocol::ldap::Directories;
use crate::registry::Shared;
use crate::reload::{Change, Deletion, Next, Reloader, Trigger, follow};
use crate::server::{self, Admin, Encryption, Gateway, Ldap, Metrics, Readiness, Tls};

/// Told where requests are answered.
pub(super) type Announce = Box<dyn FnOnce(&Listen) + Send + Sync>;

/// What is to be served, and how.
pub(super) struct Plan {
    gateway: GatewaySettings,
    access: access::Settings,
    connectors: PathBuf,
    /// The settings' file, when a change of it is to be followed.
    config: Option<Config>,
    allow_partial: bool,
    faces: Arc<ArcSwap<Faces>>,
    audit: Option<audit::Settings>,
    tls: Option<Arc<Tls>>,
    directories: Arc<ArcSwap<Directories>>,
    ldap_tls: Option<Arc<Tls>>,
    /// Called with the address of requests once it is bound.
    pub announce: Option<Announce>,
}

/// The settings' file, what stood in it, and the networks in the files that it names.
struct Config {
    path: PathBuf,
    source: Source,
    networks: NetworkFiles,
}

impl Plan {
    pub fn new(gateway: GatewaySettings, access: access::Settings, connectors: PathBuf, allow_partial: bool) -> Self {
        let (faces, directories) = (Arc::default(), Arc::default());
        let (audit, tls, ldap_tls, announce) = (None, None, None, None);
        let config = None;
        Self { gateway, access, connectors, config, allow_partial, faces, audit, tls, directories, ldap_tls, announce }
    }

    /// Follows the settings' file from what stood in it.
    pub fn following(self, path: PathBuf, source: Source, networks: NetworkFiles) -> Self {
        Self { config: Some(Config { path, source, networks }), ..self }
    }

    /// Speaks TLS only.
    pub fn with_tls(self, tls: Option<Tls>) -> Self {
        Self { tls: tls.map(Arc::new), ..self }
    }

    /// Speaks the protocols of these faces, too.
    pub fn with_faces(self, faces: Faces) -> Self {
        Self { faces: Arc::new(ArcSwap::from_pointee(faces)), ..self }
    }

    /// Shows these directories where the settings say that LDAP is answered; with TLS of its own or the gateway's.
    pub fn with_ldap(self, directories: Directories, tls: Option<Tls>) -> Self {
        Self { directories: Arc::new(ArcSwap::from_pointee(directories)), ldap_tls: tls.map(Arc::new), ..self }
    }

    /// How LDAP is encrypted.
    fn ldap_encryption(&self, declared: LdapEncryption) -> Result<Encryption, String> {
        let tls = self.ldap_tls.as_ref().or(self.tls.as_ref()).map(Arc::clone);
        match (declared, tls) {
            (LdapEncryption::Plain, _) => Ok(Encryption::Plain),
            (LdapEncryption::Implicit, Some(tls)) => Ok(Encryption::Implicit(tls)),
            (LdapEncryption::StartTls, Some(tls)) => Ok(Encryption::StartTls(tls)),
            (_, None) => Err("error: LDAP has no certificate\n".to_owned()),
        }
    }

    /// The directory from which paths in the settings count.
    fn directory(&self) -> &Path {
        self.config.as_ref().map_or(Path::new("."), |config| beside(&config.path))
    }

    /// Keeps a record of every decision.
    pub fn with_audit(self, audit: Option<audit::Settings>) -> Self {
        Self { audit, ..self }
    }
}

/// The settings of a gateway that declares none.
pub(super) fn default_gateway() -> Result<GatewaySettings, String> {
    check_gateway(&Source::new("defaults", "clients: []\n")).map_err(|report| report.render(false))
}

/// Serves until a signal ends it.
pub(super) fn run(plan: Plan) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return Exit::Refused;
        }
    };
    let served = runtime.block_on(serve(plan));
    log::flush();
    match served {
        Ok(()) => Exit::Fine,
        Err(problem) => {
            eprint!("{problem}");
            Exit::Refused
        }
    }
}

async fn serve(mut plan: Plan) -> Result<(), String> {
    let hashing = plan.gateway.raw.hashing.as_ref();
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let budget = Budget::new(BudgetConfig {
        threads: hashing.and_then(|h| h.threads.as_ref()).map_or(cores, |at| at.value as usize),
        queue: hashing.and_then(|h| h.queue.as_ref()).map_or(256, |at| at.value as usize),
        memory: plan.gateway.hashing_memory,
    });
    let budget = Arc::new(budget.map_err(|e| format!("error: cannot start the hash threads: {e}\n"))?);
    let resources = Resources { budget: Arc::clone(&budget), entropy, clock };
    // Before anything is served: an unhandled SIGHUP would end the process.
    let hangup = signal(SignalKind::hangup()).map_err(no_signals)?;
    let mut reloader = Reloader::new(&plan.connectors, resources, environment());
    first_pass(&mut reloader, plan.allow_partial)?;
    let access = Access::new(plan.access.clone(), None).map_err(|e| format!("error: {e}\n"))?.shared();
    let journal = super::audit::start(plan.audit.take())?;
    let state = Arc::new(State::new(reloader.shared(), Arc::clone(&budget), journal.clone(), plan.tls.clone()));
    state.note(&reloader, &Change::default());
    let readings = Arc::clone(&state);
    let metrics = Arc::new(Metrics::new(Arc::clone(&access), move || readings.readings()));
    let readiness = Arc::new(Readiness::default());
    let bound = binding::requests(&plan.gateway.listen, plan.directory()).await?;
    let operator = binding::tcp(plan.gateway.admin, "admin").await?;
    let ldap = match plan.gateway.ldap {
        Some(ldap) => Some((binding::tcp(ldap.address, "ldap.listen").await?, plan.ldap_encryption(ldap.encryption)?)),
        None => None,
    };
    let settings = server::Settings { budget: plan.gateway.request_timeout, ..server::Settings::default() };
    let instance = u64::from_le_bytes(random::<8>()?);
    let gateway = Gateway::new(
        reloader.shared(),
        Arc::clone(&access),
        Arc::clone(&metrics),
        Arc::clone(&readiness),
        settings.clone(),
        instance,
    )
    .with_audit(journal.clone())
    .with_pool(budget)
    .with_faces(Arc::clone(&plan.faces));
    #[cfg(feature = "otel")]
    let telemetry = super::telemetry::start()?;
    #[cfg(feature = "otel")]
    let gateway = match &telemetry {
        Some(telemetry) => gateway.with_spans(telemetry.spans.clone(), telemetry.share),
        None => gateway,
    };
    let status = Arc::clone(&state);
    let admin = Arc::new(Admin::new(metrics, Arc::clone(&readiness), move || status.to_json()));
    let admin_address = operator.local_addr().map_err(|e| format!("error: {e}\n"))?;
    let (address, directory, tls) = (&bound.address, plan.connectors.display(), plan.tls.is_some());
    let ldap_address = ldap.as_ref().and_then(|(listener, _)| Some(listener.local_addr().ok()?.to_string()));
    tracing::info!(%address, tls, admin = %admin_address, ldap = ldap_address, %directory, "serving");
    if let Some(announce) = plan.announce.take() {
        announce(address);
    }
    for tls in plan.tls.iter().chain(&plan.ldap_tls) {
        tls::remind(tls);
    }
    tokens::warm(&access.load());
    readiness.set_ready();
    warm(&reloader.shared(), &state, reloader.shared().load().connectors().map(|c| c.name.clone()).collect());
    let stop = stop_signal(journal.clone())?;
    let listener = bound.listener.with_tls(plan.tls.clone());
    let directories = Arc::clone(&plan.directories);
    let follower = tokio::spawn(keep_current(reloader, plan, access, Arc::clone(&state), hangup));
    let admin_server = tokio::spawn(server::run_admin(operator, admin, settings, stopped(stop.clone())));
    let counting = tokio::spawn(count_migrations(Arc::clone(&state.shared)));
    let gateway = Arc::new(gateway);
    let ldap = ldap.map(|(listener, encryption)| {
        let ldap = Arc::new(Ldap::new(Arc::clone(&gateway), directories, encryption));
        tokio::spawn(server::run_ldap(listener, ldap, stopped(stop.clone())))
    });
    let drain = server::run(listener, gateway, stopped(stop)).await;
    if let Some(ldap) = ldap {
        // None after a panic, which was reported then.
        let drain = ldap.await.ok();
        tracing::info!(?drain, "stopped LDAP");
    }
    tracing::info!(?drain, "stopped");
    follower.abort();
    admin_server.abort();
    counting.abort();
    if let Some(file) = bound.file {
        file.remove();
    }
    super::audit::end(journal.as_ref());
    #[cfg(feature = "otel")]
    if let Some(telemetry) = telemetry {
        telemetry.end().await;
    }
    Ok(())
}

/// Starting is stricter than reloading: a refused definition is a failed start.
fn first_pass(reloader: &mut Reloader, allow_partial: bool) -> Result<(), String> {
    let change = reloader.pass(Instant::now(), Deletion::Careful);
    let mut text: String = change.refused.iter().map(|report| report.render(colours(&std::io::stderr()))).collect();
    let directory = reloader.directory().display();
    if change.published.is_empty() {
        text.push_str(&format!("error: found no definition that can be served in {directory}\n"));
        text.push_str("help: copy one from examples/quickstart, or see: userbridge demo\n");
        return Err(text);
    }
    if !change.refused.is_empty() && !allow_partial {
        text.push_str("error: refused to start; mend the findings above, or start with --allow-partial\n");
        return Err(text);
    }
    eprint!("{text}");
    Ok(())
}

/// Becomes true at the first SIGTERM or SIGINT; a second one ends the process at once.
fn stop_signal(journal: Option<Arc<audit::Audit>>) -> Result<watch::Receiver<bool>, String> {
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("stopping: requests in flight are finished first");
        sender.send_replace(true);
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::warn!("stopped at once by a second signal");
        super::audit::end(journal.as_ref());
        log::flush();
        std::process::exit(1);
    });
    Ok(receiver)
}

fn no_signals(error: std::io::Error) -> String {
    format!("error: cannot listen for signals: {error}\n")
}

async fn stopped(mut signal: watch::Receiver<bool>) {
    // The sender lives as long as the process.
    let _ = signal.wait_for(|stop| *stop).await;
}

/// Keeps definitions, clients and limits equal to what is on disk.
async fn keep_current(
    mut reloader: Reloader,
    plan: Plan,
    access: access::Shared,
    state: Arc<State>,
    mut hangup: tokio::signal::unix::Signal,
) {
    let (ask, asked) = unbounded_channel();
    let hangups = async move { while hangup.recv().await.is_some() && ask.send(()).is_ok() {} };
    let directory = reloader.directory().to_owned();
    let mut settings = plan.config.map(|Config { path, source, networks }| {
        let followed = FollowedSettings::new(path, source, plan.gateway, access, networks);
        followed.with_faces(plan.faces).with_tls(plan.tls).with_ldap(plan.directories, plan.ldap_tls)
    });
    let look = move |trigger: Trigger| {
        let now = Instant::now();
        let deletion = if trigger == Trigger::Operator { Deletion::Confirmed } else { Deletion::Careful };
        let change = tokio::task::block_in_place(|| reloader.pass(now, deletion));
        for report in &change.refused {
            tracing::error!(
                file = &*report.source.name,
                "refused, serving the last good version:\n{}",
                report.render(false)
            );
        }
        for (connector, version) in &change.published {
            tracing::info!(connector, version, "published");
        }
        state.note(&reloader, &change);
        let published = change.published.into_iter().map(|(name, _)| name);
        warm(&reloader.shared(), &state, published.chain(state.retried(now)).collect());
        let again = settings.as_mut().and_then(|settings| settings.look(trigger, now));
        let beside = settings.as_ref().map(FollowedSettings::files).unwrap_or_default();
        let files = reloader.watched().chain(beside.iter().map(PathBuf::as_path));
        Next { again: change.again.into_iter().chain(again).min(), directories: directories_of(files) }
    };
    tokio::join!(hangups, follow(directory, asked, look));
}

/// Where files are, and where the files are that they point to.
fn directories_of<'a>(files: impl Iterator<Item = &'a Path>) -> BTreeSet<PathBuf> {
    let both = files.flat_map(|path| [Some(path.to_owned()), std::fs::canonicalize(path).ok()]);
    both.flatten().filter_map(|path| Some(path.parent()?.to_owned())).collect()
}

/// Prepares new connectors' statements in the background: a database that is down only shows in the status.
fn warm(shared: &Shared, state: &Arc<State>, names: Vec<String>) {
    for name in names {
        let Some(connector) = shared.load().connector(&name).cloned() else { continue };
        let state = Arc::clone(state);
        tokio::spawn(async move {
            let result = connector.prepare(Instant::now() + Duration::from_secs(10)).await;
            let problem = result.as_ref().err().map(ToString::to_string);
            let news = state.note_database(&name, problem, Instant::now());
            if let (Err(error), true) = (&result, news) {
                tracing::error!(connector = name, class = error.class.as_str(), %error, "the user store does not answer as the definition needs");
            }
        });
    }
}

/// How often a migration's users are counted for the metrics.
const COUNTED_EVERY: Duration = Duration::from_secs(60);

/// Counts the users of every migration, now and then.
async fn count_migrations(shared: Shared) {
    let mut ticks = tokio::time::interval(COUNTED_EVERY);
    loop {
        ticks.tick().await;
        let registry = shared.load_full();
        for connector in registry.connectors() {
            let Some(managed) = connector.managed() else { continue };
            let deadline = Instant::now() + COUNTED_EVERY / 4;
            let counted = async {
                let counts = managed.store().counts(clock(), deadline).await?;
                let remaining = match connector.handler() {
                    Some(legacy) => legacy.remaining(deadline).await?,
                    None => None,
                };
                Ok::<_, crate::action::Error>(Seen { counts, remaining })
            };
            match counted.await {
                Ok(seen) => managed.counters().remember(seen),
                Err(error) => tracing::debug!(connector = connector.name, %error, "the migration is not counted"),
            }
        }
    }
}

/// Milliseconds since 1970 (UTC).
pub(super) fn clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Random bytes for salts. A system without randomness cannot serve: a predictable salt would be worse than a stop.
pub(super) fn entropy(bytes: &mut [u8]) {
    if getrandom::fill(bytes).is_err() {
        tracing::error!("the operating system gives no random bytes");
        log::flush();
        std::process::abort();
    }
}
