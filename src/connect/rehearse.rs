//! A rehearsal: a throw-away user is added, found, logged in, changed and removed, in one transaction that is rolled
//! back.
//!
//! Invariant: the handler that answers requests is the one that is rehearsed; only its database is another: every
//! statement runs in one transaction, and no commit reaches the server.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::scene::{Scene, Seen};
use super::unreachable;
use crate::action::{Action, Lookup, NewUser, Object, Outcome, Request};
use crate::db::inspect::{Trigger, inspect};
use crate::db::{Config, Database, Error, Provisional, Reads, open};
use crate::definition::{Definition, Owner, Task, raw::RawFieldType};
use crate::diagnostic::{Code, Diagnostic, Fault, Source, Span};
use crate::handler::{Handler, Mark, Resources, Store};
use crate::secret::Password;
use crate::sql::{Dialect, Role};

/// How long the whole rehearsal may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Rehearses every declared action. The nonce makes the throw-away user's names unlike any other's: letters and digits.
pub async fn rehearse(definition: Definition, source: &Source, resources: Resources, nonce: &str) -> Vec<Diagnostic> {
    let note = |span: &Span, message: String, help: &str| -> Vec<Diagnostic> {
        vec![Fault::new(Code::NotChecked, span.clone(), message).help(help).into()]
    };
    let place = definition.places.database.clone();
    let Some(config) = definition.database().cloned() else {
        let message = "nothing is rehearsed: what an upstream did cannot be rolled back".to_owned();
        return note(&place, message, "try single actions: userbridge try");
    };
    if definition.create.is_none() {
        let message = "nothing is rehearsed: without `create` there is no throw-away user".to_owned();
        return note(&place, message, "declare `create`, or try single actions");
    }
    let remarks = match remarks(&definition, &config, source).await {
        Ok(Ok(remarks)) => remarks,
        Ok(Err(why)) => return note(&place, format!("nothing is rehearsed: {why}"), "a rehearsal must leave no trace"),
        Err(error) => return vec![unreachable(&definition, &error).into()],
    };
    match perform(definition, config, source, resources, nonce).await {
        Ok(told) => {
            let told = told.join(", ");
            let message = format!("rehearsed and rolled back: {told}; {remarks}");
            let fault = Fault::new(Code::Rehearsed, place, message);
            vec![fault.help("everything else is as it was before").into()]
        }
        Err(fault) => vec![(*fault).into()],
    }
}

/// What a rollback does not undo; or why there can be no rehearsal.
async fn remarks(definition: &Definition, config: &Config, source: &Source) -> Result<Result<String, String>, Error> {
    let mut inspector = inspect(config).await?;
    let scene = Scene::gather(definition, config, source, inspector.as_mut()).await?;
    let written = [Role::Insert, Role::Update, Role::Delete];
    let tables: Vec<_> = played(&scene).flat_map(|seen| scene.used(seen, &written)).map(|(_, table)| table).collect();
    if let Some(table) = tables.iter().find(|table| !table.transactional) {
        return Ok(Err(format!("the engine of `{}` has no transactions", table.name)));
    }
    if scene.server.read_only.is_some() {
        return Ok(Err("the database takes no writes".to_owned()));
    }
    let mut triggers: Vec<&Trigger> = tables.iter().flat_map(|table| &table.triggers).collect();
    triggers.sort_by_key(|trigger| &trigger.name);
    triggers.dedup_by_key(|trigger| &trigger.name);
    let numbers = match config.dialect() {
        Dialect::Postgres => "sequences have advanced",
        Dialect::Mysql => "AUTO_INCREMENT has advanced",
        Dialect::Sqlite => "nothing of it stays",
    };
    Ok(Ok(match triggers.as_slice() {
        [] => numbers.to_owned(),
        some => {
            let names: Vec<String> = some.iter().map(|trigger| format!("`{}`", trigger.name)).collect();
            format!("{numbers}, and what the triggers {} did outside of the database stays", names.join(", "))
        }
    }))
}

/// The statements that are run.
fn played<'s, 'a>(scene: &'s Scene<'a>) -> impl Iterator<Item = &'s Seen<'a>> {
    scene.statements.iter().filter(|seen| match seen.owner() {
        Owner::Action(_) | Owner::Migration(Task::Mark | Task::Remaining | Task::Marked) => true,
        Owner::Migration(Task::Import | Task::Archive | Task::Delete) => false,
    })
}

async fn perform(
    definition: Definition,
    config: Config,
    source: &Source,
    resources: Resources,
    nonce: &str,
) -> Result<Vec<String>, Box<Fault>> {
    let place = definition.places.database.clone();
    let failed = |error: &Error| {
        Box::new(
            Fault::new(Code::RehearsalFailed, place.clone(), error.to_string())
                .help("see whether this user may write here"),
        )
    };
    let real = open(&config.for_rehearsal(LIMIT)).map_err(|error| failed(&error))?;
    let stage = Provisional::new(real, Reads::Inside);
    let deadline = Instant::now() + LIMIT;
    let actor = Actor::new(definition, source, Arc::clone(&stage), resources, nonce, deadline);
    let told = actor.play().await;
    stage.undo().await.map_err(|error| failed(&error))?;
    told
}

/// The throw-away user, and the handler that is asked about it.
struct Actor<'a> {
    handler: Handler,
    stage: Arc<Provisional>,
    source: &'a Source,
    deadline: Instant,
    email: String,
    username: String,
    phone_number: String,
}

impl<'a> Actor<'a> {
    fn new(
        definition: Definition,
        source: &'a Source,
        stage: Arc<Provisional>,
        resources: Resources,
        nonce: &str,
        deadline: Instant,
    ) -> Self {
        let digits: u64 = nonce.bytes().fold(0, |sum, byte| (sum * 31 + u64::from(byte)) % 10_000_000);
        Self {
            handler: Handler::new(
                definition,
                Store::new("rehearsal", Arc::clone(&stage) as Arc<dyn Database>, LIMIT, resources.entropy),
                resources,
            ),
            stage,
            source,
            deadline,
            email: format!("rehearsal-{nonce}@example.invalid"),
            username: format!("rehearsal{nonce}"),
            phone_number: format!("+1999{digits:07}"),
        }
    }

    async fn play(&self) -> Result<Vec<String>, Box<Fault>> {
        let mut told = Vec::new();
        let (first, second) = ("correct horse battery", "another horse staple");
        let outcome = self.run(self.create(first)).await?;
        let Outcome::Created(created) = outcome else { return Err(self.wrong(Action::Create, &outcome, "created")) };
        told.push("create".to_owned());
        let mut user_id = created.map(|profile| profile.user_id().to_owned());
        let identifier = self.find(&mut user_id, &mut told).await?;
        if self.declares(Action::Login)
            && let Some(identifier) = &identifier
        {
            self.log_in(identifier, first, &mut told).await?;
        }
        if self.declares(Action::ChangePassword)
            && let Some(identifier) = &identifier
        {
            let password = Password::new(second);
            let request = Request::ChangePassword { identifier: identifier.clone(), password };
            self.changes(request, &mut told).await?;
            if self.declares(Action::Login) {
                self.log_in(identifier, second, &mut told).await?;
            }
        }
        if let Some(user_id) = &user_id {
            self.migrate(user_id, &mut told).await?;
        }
        if self.declares(Action::Delete)
            && let Some(user_id) = user_id
        {
            self.changes(Request::Delete { user_id }, &mut told).await?;
            if self.declares(Action::GetUser)
                && let Some(identifier) = identifier
            {
                let outcome = self.run(self.get_user(&identifier)).await?;
                if outcome != Outcome::NotFound {
                    return Err(self.wrong(Action::GetUser, &outcome, "not_found after `delete`"));
                }
            }
        }
        Ok(told)
    }

    /// By which of its names the new user is found; without `get_user` the e-mail address is taken for it.
    async fn find(&self, user_id: &mut Option<String>, told: &mut Vec<String>) -> Result<Option<String>, Box<Fault>> {
        let by_name =
            self.handler.definition().get_user.as_ref().is_some_and(|get_user| get_user.by_identifier.is_some());
        if !by_name {
            return Ok(Some(self.email.clone()));
        }
        for name in [&self.email, &self.username, &self.phone_number] {
            match self.run(self.get_user(name)).await? {
                Outcome::Found(profile) => {
                    *user_id = Some(profile.user_id().to_owned());
                    told.push("get_user".to_owned());
                    return Ok(Some(name.clone()));
                }
                Outcome::NotFound => {}
                other => return Err(self.wrong(Action::GetUser, &other, "found")),
            }
        }
        Err(self.wrong(Action::GetUser, &Outcome::NotFound, "found, after `create`"))
    }

    /// Marks the user as migrated; the other statements of the migration must see it.
    async fn migrate(&self, user_id: &str, told: &mut Vec<String>) -> Result<(), Box<Fault>> {
        let Some(migration) = self.handler.definition().migration.clone() else { return Ok(()) };
        let failed = |task: Task, problem: String| {
            let owner = Owner::Migration(task);
            let fault = self.fault(owner, format!("`{owner}` {problem}"));
            Box::new(fault.help("everything was rolled back; run the statements by hand to see why"))
        };
        if migration.mark.is_some() {
            let marked = self.handler.mark(user_id, self.deadline).await;
            marked.map_err(|error| failed(Task::Mark, format!("fails: {error}")))?;
            told.push(Owner::Migration(Task::Mark).to_string());
        }
        if migration.remaining.is_some() {
            let counted = self.handler.remaining(self.deadline).await;
            counted.map_err(|error| failed(Task::Remaining, format!("fails: {error}")))?;
            told.push(Owner::Migration(Task::Remaining).to_string());
        }
        if migration.purge.is_some() {
            let mark = self.handler.marked(user_id, self.deadline).await;
            match mark.map_err(|error| failed(Task::Marked, format!("fails: {error}")))? {
                Mark::Set => told.push(Owner::Migration(Task::Marked).to_string()),
                Mark::Missing => {
                    return Err(failed(Task::Marked, "does not see what `migration.mark` wrote".to_owned()));
                }
                Mark::NoRow => return Err(failed(Task::Marked, "gives no row for a user who is there".to_owned())),
            }
        }
        Ok(())
    }

    /// Logs in; a user who is kept out until the address is verified is verified first.
    async fn log_in(&self, identifier: &str, password: &str, told: &mut Vec<String>) -> Result<(), Box<Fault>> {
        let login = || Request::Login {
            identifier: identifier.to_owned(),
            password: Password::new(password),
            context: Object::new(),
        };
        let mut outcome = self.run(login()).await?;
        if matches!(outcome, Outcome::Denied(_))
            && self.declares(Action::Verify)
            && !told.contains(&"verify".to_owned())
        {
            self.changes(Request::Verify { email: self.email.clone() }, told).await?;
            outcome = self.run(login()).await?;
        }
        match outcome {
            Outcome::Authenticated(_) => told.push("login".to_owned()),
            Outcome::Denied(_) => told.push("login (denied by a rule)".to_owned()),
            other => return Err(self.wrong(Action::Login, &other, "authenticated")),
        }
        Ok(())
    }

    async fn changes(&self, request: Request, told: &mut Vec<String>) -> Result<(), Box<Fault>> {
        let action = request.action();
        let outcome = self.run(request).await?;
        if outcome != Outcome::Changed {
            return Err(self.wrong(action, &outcome, "changed"));
        }
        told.push(action.as_str().to_owned());
        Ok(())
    }

    async fn run(&self, request: Request) -> Result<Outcome, Box<Fault>> {
        let action = request.action();
        if action != Action::Create && !self.stage.is_open().await {
            let message =
                format!("before `{action}`, a change that failed was rolled back, and the throw-away user with it");
            let fault = self.fault(Owner::Action(action), message);
            return Err(Box::new(fault.help("see what fails without failing its action: `rehash_sql`, most likely")));
        }
        self.handler.run(&request, self.deadline).await.map_err(|error| {
            let message = format!("`{action}` gives no answer ({}): {error}", error.class.as_str());
            Box::new(
                self.fault(Owner::Action(action), message)
                    .help("the words behind the colon are the database's or the gateway's own"),
            )
        })
    }

    fn wrong(&self, action: Action, outcome: &Outcome, expected: &str) -> Box<Fault> {
        let found = match outcome {
            Outcome::Rejected(rejection) => format!("rejected ({})", rejection.message),
            other => other.as_str().to_owned(),
        };
        let message = format!("`{action}` answers {found}, expected {expected}");
        Box::new(
            self.fault(Owner::Action(action), message)
                .help("everything was rolled back; run the statements by hand to see why"),
        )
    }

    fn fault(&self, owner: Owner, message: String) -> Fault {
        let places = &self.handler.definition().places;
        let statement = places.statements.iter().find(|located| located.owner == owner);
        let span = statement.map_or(places.database.clone(), |located| located.first_word(self.source));
        Fault::new(Code::RehearsalFailed, span, message)
    }

    fn declares(&self, action: Action) -> bool {
        self.handler.definition().declares(action)
    }

    fn create(&self, password: &str) -> Request {
        let fields = self.handler.definition().create.iter().flat_map(|create| &create.fields);
        let value = |kind: &RawFieldType| match kind {
            RawFieldType::Text => serde_json::json!("rehearsal"),
            RawFieldType::Integer => serde_json::json!(1),
            RawFieldType::Number => serde_json::json!(1.5),
            RawFieldType::Boolean => serde_json::json!(true),
            RawFieldType::Json => serde_json::json!({}),
        };
        Request::Create(Box::new(NewUser {
            email: Some(self.email.clone()),
            username: Some(self.username.clone()),
            phone_number: Some(self.phone_number.clone()),
            password: Some(Password::new(password)),
            fields: fields.map(|(name, kind)| (name.clone(), value(kind))).collect(),
            ..NewUser::default()
        }))
    }

    fn get_user(&self, name: &str) -> Request {
        Request::GetUser { by: Lookup::Identifier(name.to_owned()), context: Object::new() }
    }
}
