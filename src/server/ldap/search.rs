//! Searches: from a filter to the users that a connector is asked for, and back to entries.
//!
//! Invariant: an answer of no entries means that there are none. When the store does not answer, or cannot be asked for
//! what the filter wants, the search fails and says why. The whole filter is evaluated on everything that is given out.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Encryption;
use super::connection::Connection;
use super::session::{Identity, Own, Session, dn};
use crate::access::Client;
use crate::action::{Action, Lookup, Object, Outcome, Page, Request};
use crate::protocol::ldap::{
    Directory, Dn, Entry, LdapFilter, LdapResultCode, LdapSearchRequest, LdapSearchScope as Scope, MAX_NAMED,
    PageControl, Place, Refusal, Reply, Truth, Wanted, evaluate, may_be_a_user, named, root, subschema,
};
use crate::server::connectors::Connectors;

/// The most entries of one search that is not paged; of one page, likewise.
const MAX_ENTRIES: usize = 20_000;

/// The longest that one search may take.
const MAX_TIME: Duration = Duration::from_secs(60);

/// How often the store is asked for one page, when few of the users match the filter.
const MAX_ROUNDS: usize = 32;

/// How a search ended, and where its next page begins.
type Done = (Result<(), Refusal>, Option<Vec<u8>>);

/// What a search is about.
struct Scene<'s> {
    directory: &'s Directory,
    /// Entries that are always there.
    fixed: Vec<Entry>,
    users: Users,
}

/// Which users are in the scope.
enum Users {
    Nobody,
    /// The one of this name; whether the entry itself is in the scope.
    One(String, bool),
    Everybody,
}

/// Where a page begins.
#[derive(Debug, PartialEq, Eq)]
enum Cursor {
    /// With this one of the entries that were not listed.
    Fixed(usize),
    /// In the store's list.
    Listed(Option<String>),
}

impl<C: Connectors> Session<C> {
    /// Sends what matches; what stands after it is for the caller.
    pub(super) async fn search(
        &mut self,
        id: i32,
        search: &LdapSearchRequest,
        page: Option<PageControl>,
        connection: &mut Connection,
    ) -> io::Result<Done> {
        let paged = page.is_some();
        let mut output = Output::new(id, search, connection, page.as_ref());
        let found = self.find(search, page, &mut output).await;
        if let Some(error) = output.broken {
            return Err(error);
        }
        // A page's control stands in every answer to it (RFC 2696, section 3).
        Ok(match found {
            Ok(next) => (Ok(()), paged.then(|| next.map_or_else(Vec::new, Cursor::into_cookie))),
            Err(refusal) => (Err(refusal), paged.then(Vec::new)),
        })
    }

    async fn find(
        &self,
        search: &LdapSearchRequest,
        page: Option<PageControl>,
        output: &mut Output<'_>,
    ) -> Result<Option<Cursor>, Refusal> {
        let base = dn(&search.base)?;
        let directories = self.ldap.directories.load_full();
        let place = directories.place(&base);
        if let (Place::Root | Place::Subschema, Scope::Base) = (&place, &search.scope) {
            let entry = match place {
                Place::Root => {
                    let start_tls = matches!(self.ldap.encryption, Encryption::StartTls(_));
                    root(&directories, start_tls, &search.attrs, search.typesonly)
                }
                _ => subschema(&search.attrs, search.typesonly),
            };
            output.send(Reply::Entry(entry)).await?;
            return Ok(None);
        }
        self.require_encryption()?;
        let scene = scene(place, &search.scope)?;
        let begins = match &page {
            Some(page) if page.size == 0 => return Ok(None),
            Some(page) => Cursor::of(&page.cookie)?,
            None => Cursor::Fixed(0),
        };
        match &self.identity {
            Identity::Anonymous => Err(Refusal::new(LdapResultCode::InsufficentAccessRights, "bind first")),
            Identity::User(own) => output.offer_all(self.own(own, &base, scene)?, begins).await,
            Identity::Service(service) => {
                let client = self.client(service)?;
                self.users(&client, &base, scene, begins, output).await
            }
        }
    }

    /// What a user sees: the way to the own entry, and that.
    fn own(&self, own: &Own, base: &Dn, scene: Scene<'_>) -> Result<Vec<Entry>, Refusal> {
        let visible = match &scene.users {
            Users::One(..) => base == own.entry.dn(),
            _ => true,
        };
        if !visible || !self.is_own(own, scene.directory) {
            return Err(Refusal::new(LdapResultCode::InsufficentAccessRights, "a user may read the own entry only"));
        }
        let inside = matches!(scene.users, Users::Everybody | Users::One(_, true));
        Ok(scene.fixed.into_iter().chain(inside.then(|| own.entry.clone())).collect())
    }

    /// What a client sees: everybody whom it may ask for.
    async fn users(
        &self,
        client: &Arc<Client>,
        base: &Dn,
        scene: Scene<'_>,
        begins: Cursor,
        output: &mut Output<'_>,
    ) -> Result<Option<Cursor>, Refusal> {
        let (directory, filter) = (scene.directory, output.filter);
        if !may_read(client, directory) {
            let message = format!("the client has no scope for `{}:get_user`", directory.connector);
            return Err(Refusal::new(LdapResultCode::InsufficentAccessRights, message));
        }
        let mut entries = scene.fixed;
        let mut lists = false;
        match scene.users {
            Users::Nobody => {}
            Users::One(uid, inside) => {
                let entry = self.get(client, directory, uid).await?;
                let entry = entry.filter(|entry| entry.dn() == base);
                let entry = entry.ok_or_else(|| Refusal::no_such_object(Some(directory.people().to_string())))?;
                entries.extend(inside.then_some(entry));
            }
            Users::Everybody if !may_be_a_user(filter) => {}
            Users::Everybody => match named(filter) {
                Some(names) if names.len() > MAX_NAMED => {
                    let message = format!("a filter may name {MAX_NAMED} users");
                    return Err(Refusal::new(LdapResultCode::AdminLimitExceeded, message));
                }
                Some(names) => {
                    for name in names {
                        let found = self.get(client, directory, name).await?;
                        entries.extend(found.filter(|new| entries.iter().all(|entry| entry.dn() != new.dn())));
                    }
                }
                None => lists = true,
            },
        }
        if !lists {
            return output.offer_all(entries, begins).await;
        }
        let after = match begins {
            Cursor::Listed(after) => after,
            Cursor::Fixed(_) => match output.offer_all(entries, begins).await? {
                Some(next) => return Ok(Some(next)),
                None => None,
            },
        };
        self.list(client, directory, after, output).await
    }

    /// Sends the users that match, page by page of the store's.
    async fn list(
        &self,
        client: &Arc<Client>,
        directory: &Directory,
        mut after: Option<String>,
        output: &mut Output<'_>,
    ) -> Result<Option<Cursor>, Refusal> {
        let mut nameless = 0_usize;
        for round in 1.. {
            if output.page_is_full() {
                return Ok(Some(Cursor::Listed(after)));
            }
            // No more than fits: the store's own list says where the next page begins.
            let limit = output.room().map_or(Page::MAX, |room| u16::try_from(room).unwrap_or(Page::MAX).min(Page::MAX));
            let request = Request::ListUsers { after: after.take(), limit };
            let page = match self.ask(client, &directory.connector, request).await {
                Ok(Outcome::Listed(page)) => page,
                Ok(_) => return Err(Refusal::new(LdapResultCode::Other, "the store did not answer with a list")),
                Err(refusal) => return Err(explained(refusal, directory)),
            };
            for profile in &page.users {
                match Entry::user(profile, directory) {
                    Some(entry) => output.offer(&entry).await?,
                    None => nameless += 1,
                }
            }
            let Some(next) = page.next else { break };
            if output.is_paged() && (round >= MAX_ROUNDS || output.is_late()) {
                return Ok(Some(Cursor::Listed(Some(next))));
            }
            output.in_time()?;
            after = Some(next);
        }
        if nameless > 0 {
            let (connector, member) = (&directory.connector, directory.uid.as_str());
            tracing::warn!(connector, member, users = nameless, "users without this member have no name in LDAP");
        }
        Ok(None)
    }

    /// The user whom this name finds, as an entry.
    async fn get(&self, client: &Arc<Client>, directory: &Directory, name: String) -> Result<Option<Entry>, Refusal> {
        let request = Request::GetUser { by: Lookup::Identifier(name), context: Object::new() };
        match self.ask(client, &directory.connector, request).await? {
            Outcome::Found(profile) => {
                let entry = Entry::user(&profile, directory);
                if entry.is_none() {
                    let (connector, member) = (&directory.connector, directory.uid.as_str());
                    tracing::warn!(connector, member, "a user without this member has no name in LDAP");
                }
                Ok(entry)
            }
            Outcome::NotFound => Ok(None),
            _ => Err(Refusal::new(LdapResultCode::Other, "the store did not answer with a user")),
        }
    }

    /// The entry of this name, for whoever is bound.
    pub(super) async fn entry(&self, directory: &Directory, dn: &Dn, uid: String) -> Result<Entry, Refusal> {
        match &self.identity {
            Identity::Anonymous => Err(Refusal::new(LdapResultCode::InsufficentAccessRights, "bind first")),
            Identity::User(own) if self.is_own(own, directory) && own.entry.dn() == dn => Ok(own.entry.clone()),
            Identity::User(_) => {
                Err(Refusal::new(LdapResultCode::InsufficentAccessRights, "a user may read the own entry only"))
            }
            Identity::Service(service) => {
                let client = self.client(service)?;
                let found = self.get(&client, directory, uid).await?.filter(|entry| entry.dn() == dn);
                found.ok_or_else(|| Refusal::no_such_object(Some(directory.people().to_string())))
            }
        }
    }

    /// Whether who is bound may see that this directory is there.
    pub(super) fn may_look(&self, directory: &Directory) -> bool {
        match &self.identity {
            Identity::Anonymous => false,
            Identity::User(own) => self.is_own(own, directory),
            Identity::Service(service) => self.client(service).is_ok_and(|client| may_read(&client, directory)),
        }
    }
}

fn may_read(client: &Client, directory: &Directory) -> bool {
    [Action::GetUser, Action::ListUsers].iter().any(|action| client.may(&directory.connector, *action))
}

/// What is in the scope (RFC 4511, section 4.5.1.2).
fn scene<'s>(place: Place<'s>, scope: &Scope) -> Result<Scene<'s>, Refusal> {
    let (directory, fixed, users) = match place {
        Place::Root | Place::Subschema => {
            let message = "name a base: `namingContexts` of the root lists them";
            return Err(Refusal::new(LdapResultCode::UnwillingToPerform, message));
        }
        Place::Nowhere(within) => {
            return Err(Refusal::no_such_object(within.map(|directory| directory.base.to_string())));
        }
        Place::Service(directory, _) => return Err(Refusal::no_such_object(Some(directory.base.to_string()))),
        Place::Base(directory) => {
            let (base, people) = (directory.base_entry(), directory.people_entry());
            let (fixed, users) = match scope {
                Scope::Base => (vec![base], Users::Nobody),
                Scope::OneLevel => (vec![people], Users::Nobody),
                Scope::Subtree => (vec![base, people], Users::Everybody),
                Scope::Children => (vec![people], Users::Everybody),
            };
            (directory, fixed, users)
        }
        Place::People(directory) => {
            let people = directory.people_entry();
            let (fixed, users) = match scope {
                Scope::Base => (vec![people], Users::Nobody),
                Scope::OneLevel | Scope::Children => (vec![], Users::Everybody),
                Scope::Subtree => (vec![people], Users::Everybody),
            };
            (directory, fixed, users)
        }
        Place::User(directory, uid) => {
            (directory, vec![], Users::One(uid, matches!(scope, Scope::Base | Scope::Subtree)))
        }
    };
    Ok(Scene { directory, fixed, users })
}

/// Says what would help where a list cannot be had.
fn explained(refusal: Refusal, directory: &Directory) -> Refusal {
    let connector = &directory.connector;
    let message = match refusal.code {
        LdapResultCode::UnwillingToPerform => format!(
            "the filter names nobody by uid or mail, and `{connector}` declares no `list_users` that could find others"
        ),
        LdapResultCode::InsufficentAccessRights => format!(
            "the filter names nobody by uid or mail, and the client may not list: it needs the scope \
             `{connector}:list_users`"
        ),
        _ => return refusal,
    };
    Refusal { message, ..refusal }
}

impl Cursor {
    fn of(cookie: &[u8]) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(cookie).map_err(|_| foreign_cookie())?;
        match text.split_at_checked(1) {
            None if text.is_empty() => Ok(Self::Fixed(0)),
            Some(("f", number)) => number.parse().map(Self::Fixed).map_err(|_| foreign_cookie()),
            Some(("l", "")) => Ok(Self::Listed(None)),
            Some(("l", after)) => Ok(Self::Listed(Some(after.to_owned()))),
            None | Some(_) => Err(foreign_cookie()),
        }
    }

    fn into_cookie(self) -> Vec<u8> {
        match self {
            Self::Fixed(index) => format!("f{index}").into_bytes(),
            Self::Listed(after) => format!("l{}", after.unwrap_or_default()).into_bytes(),
        }
    }
}

fn foreign_cookie() -> Refusal {
    Refusal::new(LdapResultCode::UnwillingToPerform, "the cookie is not one of this search")
}

/// Where entries go, under the client's limits and ours.
struct Output<'o> {
    id: i32,
    filter: &'o LdapFilter,
    wanted: Wanted,
    types_only: bool,
    connection: &'o mut Connection,
    sent: usize,
    /// The most entries; one more is an error.
    limit: usize,
    /// The most entries of this page; one more is for the next one.
    page: Option<usize>,
    deadline: Instant,
    /// Whether the deadline is the client's own.
    asked_for: bool,
    /// Why the connection takes no more.
    broken: Option<io::Error>,
}

impl<'o> Output<'o> {
    fn new(id: i32, search: &'o LdapSearchRequest, connection: &'o mut Connection, page: Option<&PageControl>) -> Self {
        let number = |number: i32| usize::try_from(number).ok().filter(|number| *number > 0);
        let time = number(search.timelimit).map(|seconds| Duration::from_secs(seconds as u64));
        Self {
            id,
            filter: &search.filter,
            wanted: Wanted::of(&search.attrs),
            types_only: search.typesonly,
            connection,
            sent: 0,
            limit: number(search.sizelimit).unwrap_or(MAX_ENTRIES).min(MAX_ENTRIES),
            page: page.map(|page| usize::try_from(page.size).unwrap_or(MAX_ENTRIES).min(MAX_ENTRIES)),
            deadline: Instant::now() + time.unwrap_or(MAX_TIME).min(MAX_TIME),
            asked_for: time.is_some_and(|time| time <= MAX_TIME),
            broken: None,
        }
    }

    /// Sends the entry if it matches.
    async fn offer(&mut self, entry: &Entry) -> Result<(), Refusal> {
        if evaluate(self.filter, entry) != Truth::True {
            return Ok(());
        }
        if self.sent == self.limit {
            return Err(Refusal::new(LdapResultCode::SizeLimitExceeded, "there are more; ask for them page by page"));
        }
        self.sent += 1;
        self.send(Reply::Entry(entry.select(&self.wanted, self.types_only))).await
    }

    /// Offers these from where the page begins; where the next one does.
    async fn offer_all(&mut self, entries: Vec<Entry>, begins: Cursor) -> Result<Option<Cursor>, Refusal> {
        let Cursor::Fixed(from) = begins else { return Err(foreign_cookie()) };
        for (index, entry) in entries.iter().enumerate().skip(from) {
            if self.page_is_full() {
                return Ok(Some(Cursor::Fixed(index)));
            }
            self.offer(entry).await?;
        }
        Ok(None)
    }

    async fn send(&mut self, reply: Reply) -> Result<(), Refusal> {
        let sent = self.connection.reply(self.id, reply).await;
        sent.map_err(|error| {
            self.broken = Some(error);
            Refusal::new(LdapResultCode::Other, "")
        })
    }

    const fn is_paged(&self) -> bool {
        self.page.is_some()
    }

    /// How many more this page may have.
    fn room(&self) -> Option<usize> {
        self.page.map(|page| page.saturating_sub(self.sent))
    }

    fn page_is_full(&self) -> bool {
        self.room() == Some(0)
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    fn in_time(&self) -> Result<(), Refusal> {
        match (self.is_late(), self.asked_for) {
            (false, _) => Ok(()),
            (true, true) => Err(Refusal::new(LdapResultCode::TimeLimitExceeded, "")),
            (true, false) => Err(Refusal::new(LdapResultCode::AdminLimitExceeded, "the search took too long")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_comes_back_as_the_place_that_it_was() {
        for cursor in [Cursor::Fixed(0), Cursor::Fixed(7), Cursor::Listed(None), Cursor::Listed(Some("acme|7".into()))]
        {
            let cookie = format!("{cursor:?}");
            let read = Cursor::of(&cursor.into_cookie()).unwrap();
            assert_eq!(format!("{read:?}"), cookie);
        }
        assert_eq!(Cursor::of(b"").unwrap(), Cursor::Fixed(0));
        for foreign in [&b"x"[..], b"f", b"f-1", b"fx", b"\xff", b"\xc3\xa4"] {
            assert_eq!(Cursor::of(foreign).unwrap_err().code, LdapResultCode::UnwillingToPerform, "{foreign:?}");
        }
    }
}
