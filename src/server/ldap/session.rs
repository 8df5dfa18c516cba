//! What a client does with its connection: who it is, and what it asks, one operation after the other.
//!
//! Invariant: a bind that fails leaves the connection anonymous, and so does one that is begun. What a client may do is
//! judged anew at each operation: a key that is withdrawn opens nothing any more.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use http::StatusCode;

use super::connection::{Connection, Io, Next};
use super::{Encryption, Ldap};
use crate::access::{Client, KeyDigest};
use crate::action::{Action, Object, Outcome, Request};
use crate::protocol::ldap::{
    Bind, Credential, Directory, Dn, Entry, LdapResultCode, Message, Operation, Place, Refusal, Reply, compare,
};
use crate::protocol::{Code, Problem};
use crate::secret::Password;
use crate::server::connectors::Connectors;

/// One client's use of its connection, until it ends or is encrypted.
pub(super) struct Session<C> {
    pub(super) ldap: Arc<Ldap<C>>,
    pub(super) peer: IpAddr,
    encrypted: bool,
    pub(super) identity: Identity,
}

/// Who a client is.
pub(super) enum Identity {
    /// Nobody.
    Anonymous,
    /// A user, who may see one entry.
    User(Box<Own>),
    /// A client of the gateway, which may ask what its scopes allow.
    Service(Box<Service>),
}

/// A user who has proved a password.
pub(super) struct Own {
    /// The directory's base.
    base: Dn,
    connector: String,
    pub(super) entry: Entry,
}

/// A client that has proved a key.
pub(super) struct Service {
    name: Dn,
    id: String,
    key: KeyDigest,
}

/// How a session ended.
pub(super) enum Ended {
    /// The connection did, too.
    Closed,
    /// Encryption is to begin.
    StartTls(Box<dyn Io>),
}

impl<C: Connectors> Session<C> {
    pub(super) fn new(ldap: Arc<Ldap<C>>, peer: IpAddr, encrypted: bool) -> Self {
        Self { ldap, peer, encrypted, identity: Identity::Anonymous }
    }

    /// Answers until the end.
    pub(super) async fn run(mut self, mut connection: Connection) -> Ended {
        loop {
            let bound = !matches!(self.identity, Identity::Anonymous);
            let message = match connection.next(bound).await {
                Next::Message(message) => message,
                Next::Gone => return Ended::Closed,
                Next::Stopping => {
                    let refusal = Refusal::new(LdapResultCode::Unavailable, "the server stops");
                    connection.close(Some(Reply::Disconnection(refusal))).await;
                    return Ended::Closed;
                }
                Next::Malformed(malformed) => {
                    let mut record = self.record(None);
                    record.class = Some(malformed.as_str());
                    self.refuse(&mut record, &Problem::new(Code::InvalidInput));
                    let refusal = Refusal::new(LdapResultCode::ProtocolError, malformed.to_string());
                    connection.close(Some(Reply::Disconnection(refusal))).await;
                    return Ended::Closed;
                }
            };
            match self.answer(message, &mut connection).await {
                Ok(Flow::On) => {}
                Ok(Flow::Encrypt) => return connection.into_io().map_or(Ended::Closed, Ended::StartTls),
                Ok(Flow::End) | Err(_) => return Ended::Closed,
            }
        }
    }

    async fn answer(&mut self, message: Message, connection: &mut Connection) -> io::Result<Flow> {
        let Message { id, operation, unknown_control, page } = message;
        let unknown = unknown_control.map(|oid| {
            let message = format!("the control {oid} is not known here");
            Refusal::new(LdapResultCode::UnavailableCriticalExtension, message)
        });
        let reply = match (operation, unknown) {
            (Operation::Unbind, _) => return Ok(Flow::End),
            // What was begun is finished: nothing here waits for anything that could be taken back.
            (Operation::Abandon, _) => return Ok(Flow::On),
            (Operation::Bind(bind), unknown) => {
                self.identity = Identity::Anonymous;
                Reply::Bound(match unknown {
                    Some(refusal) => Err(refusal),
                    None => self.bind(bind).await,
                })
            }
            (Operation::Search(_), Some(refusal)) => Reply::Done(Err(refusal), None),
            (Operation::Search(search), None) => {
                let (done, cookie) = self.search(id, &search, page, connection).await?;
                Reply::Done(done, cookie)
            }
            (Operation::Compare(_), Some(refusal)) => Reply::Compared(Err(refusal)),
            (Operation::Compare(wanted), None) => {
                Reply::Compared(self.compare(&wanted.dn, &wanted.atype, &wanted.val).await)
            }
            (Operation::Write(write), _) => {
                let refusal = Refusal::new(LdapResultCode::UnwillingToPerform, "this directory is read-only");
                Reply::Unwritten(write, refusal)
            }
            (Operation::WhoAmI | Operation::StartTls | Operation::Extended, Some(refusal)) => Reply::Extended(refusal),
            (Operation::WhoAmI, None) => Reply::Identity(self.who_am_i()),
            (Operation::StartTls, None) => return self.start_tls(id, connection).await,
            (Operation::Extended, None) => {
                Reply::Extended(Refusal::new(LdapResultCode::ProtocolError, "this extension is not known here"))
            }
        };
        connection.reply(id, reply).await?;
        connection.flush().await.map(|()| Flow::On)
    }

    async fn start_tls(&mut self, id: i32, connection: &mut Connection) -> io::Result<Flow> {
        let possible = matches!(self.ldap.encryption, Encryption::StartTls(_)) && !self.encrypted;
        let (outcome, flow) = match possible {
            true => (Ok(()), Flow::Encrypt),
            false => {
                let refusal = Refusal::new(LdapResultCode::OperationsError, "StartTLS is not possible here and now");
                (Err(refusal), Flow::On)
            }
        };
        self.identity = Identity::Anonymous;
        connection.reply(id, Reply::StartTls(outcome)).await?;
        connection.flush().await.map(|()| flow)
    }

    /// Refuses what needs encryption first.
    pub(super) fn require_encryption(&self) -> Result<(), Refusal> {
        match self.ldap.encryption {
            Encryption::StartTls(_) if !self.encrypted => {
                Err(Refusal::new(LdapResultCode::ConfidentialityRequired, "use StartTLS first"))
            }
            _ => Ok(()),
        }
    }

    async fn bind(&mut self, bind: Bind) -> Result<(), Refusal> {
        let Bind { version, name, credential } = bind;
        if version != 3 {
            return Err(Refusal::new(LdapResultCode::ProtocolError, "only version 3 is spoken"));
        }
        // Nobody without a password gives none away; many clients bind so before they read the root.
        if !(name.is_empty() && matches!(credential, Credential::Empty)) {
            self.require_encryption()?;
        }
        let password = match credential {
            Credential::Unsupported => {
                return Err(Refusal::new(LdapResultCode::AuthMethodNotSupported, "only simple binds are possible"));
            }
            Credential::Empty if name.is_empty() => return Ok(()),
            // RFC 4513, section 5.1.2: a client that forgets the password must not take this for a success.
            Credential::Empty => {
                return Err(Refusal::new(LdapResultCode::UnwillingToPerform, "a bind with a name needs a password"));
            }
            Credential::Simple(password) => password,
        };
        let dn = dn(&name)?;
        let directories = self.ldap.directories.load_full();
        self.identity = match directories.place(&dn) {
            Place::User(directory, uid) => self.user(directory, uid, password).await?,
            Place::Service(_, client) => self.service(dn.clone(), &client, &password)?,
            _ => {
                let mut record = self.record(Some(Action::Login));
                let access = self.ldap.gateway.access();
                let counted = self.ldap.gateway.admit_source(&access, &mut record);
                let counted = counted.and_then(|()| self.ldap.gateway.reserve_address(&access, &mut record));
                record.class = record.class.or(Some("unknown_name"));
                let problem = counted.map_or_else(|problem| problem, |_| Problem::new(Code::WrongCredentials));
                return Err(self.refuse(&mut record, &problem));
            }
        };
        Ok(())
    }

    /// Nobody has proved yet on whose behalf this is, so it counts against the address until the password is right.
    async fn user(&self, directory: &Directory, uid: String, password: Password) -> Result<Identity, Refusal> {
        let (gateway, mut record) = (&self.ldap.gateway, self.record(Some(Action::Login)));
        let access = gateway.access();
        let admitted = gateway.admit_source(&access, &mut record);
        let reserved = admitted.and_then(|()| gateway.reserve_address(&access, &mut record));
        let reserved = reserved.map_err(|problem| self.refuse(&mut record, &problem))?;
        let Some(client) = access.authenticator().client(&directory.client).cloned() else {
            return Err(self.refuse(&mut record, &Problem::new(Code::Misconfigured)));
        };
        let request = Request::Login { identifier: uid.clone(), password, context: Object::new() };
        let outcome = self.ask_from_here(&access, &client, &directory.connector, request, record).await;
        let proved = matches!(outcome, Ok(Outcome::Authenticated(_) | Outcome::Denied(_)));
        if let Some(reserved) = reserved.filter(|_| proved || outcome.as_ref().is_err_and(is_doubt)) {
            reserved.give_back();
        }
        match outcome {
            Ok(Outcome::Authenticated(profile)) => {
                let entry = Entry::user(&profile, directory).unwrap_or_else(|| Entry::named(&uid, &profile, directory));
                let (base, connector) = (directory.base.clone(), directory.connector.clone());
                Ok(Identity::User(Box::new(Own { base, connector, entry })))
            }
            // The password was right, so this tells nobody what they could not know.
            Ok(Outcome::Denied(denial)) => Err(Refusal::new(LdapResultCode::InvalidCredentials, denial.message)),
            Ok(_) => Err(Refusal::invalid_credentials()),
            // A name that no user can have is unknown like any other.
            Err(refusal) if refusal.code == LdapResultCode::ConstraintViolation => Err(Refusal::invalid_credentials()),
            Err(refusal) => Err(refusal),
        }
    }

    /// A client of the gateway with one of its keys.
    fn service(&self, name: Dn, id: &str, key: &Password) -> Result<Identity, Refusal> {
        let (gateway, mut record) = (&self.ldap.gateway, self.record(None));
        let access = gateway.access();
        let admitted = gateway.admit_source(&access, &mut record);
        let reserved = admitted.and_then(|()| gateway.reserve_address(&access, &mut record));
        let reserved = reserved.map_err(|problem| self.refuse(&mut record, &problem))?;
        let (client, key) = match access.client_of_key(id, key.expose()) {
            Ok(found) => found,
            Err(reason) => {
                (record.class, record.reason) = (Some(reason.class()), Some(reason.to_string()));
                return Err(self.refuse(&mut record, &Problem::new(Code::Unauthorized)));
            }
        };
        if let Some(reserved) = reserved {
            reserved.give_back();
        }
        record.client = Some(Arc::clone(&client));
        let may = gateway.admit_from(&client, &mut record).and_then(|()| gateway.reserve_client(&client, &mut record));
        may.map_err(|problem| self.refuse(&mut record, &problem))?;
        record.conclude("bound", StatusCode::OK);
        Ok(Identity::Service(Box::new(Service { name, id: id.to_owned(), key })))
    }

    /// The client that this connection speaks for, as it is now.
    pub(super) fn client(&self, service: &Service) -> Result<Arc<Client>, Refusal> {
        let access = self.ldap.gateway.access();
        let known = access.authenticator().client_with_key(&service.id, &service.key);
        known.map_err(|_| Refusal::new(LdapResultCode::InsufficentAccessRights, "the key is not valid any more"))
    }

    /// Whether this user's directory is still what it was, and is the one that is asked.
    pub(super) fn is_own(&self, own: &Own, directory: &Directory) -> bool {
        own.base == directory.base && own.connector == directory.connector
    }

    async fn compare(&self, name: &str, kind: &str, value: &[u8]) -> Result<bool, Refusal> {
        self.require_encryption()?;
        let directories = self.ldap.directories.load_full();
        let dn = dn(name)?;
        let entry = match directories.place(&dn) {
            Place::User(directory, uid) => self.entry(directory, &dn, uid).await?,
            Place::Base(directory) if self.may_look(directory) => directory.base_entry(),
            Place::People(directory) if self.may_look(directory) => directory.people_entry(),
            _ => return Err(Refusal::no_such_object(None)),
        };
        compare(&entry, kind, value)
    }

    fn who_am_i(&self) -> String {
        match &self.identity {
            Identity::Anonymous => String::new(),
            Identity::User(own) => format!("dn:{}", own.entry.dn()),
            Identity::Service(service) => format!("dn:{}", service.name),
        }
    }
}

/// What happens after an operation.
enum Flow {
    On,
    Encrypt,
    End,
}

/// Whether the attempt was answered neither with yes nor with no.
fn is_doubt(refusal: &Refusal) -> bool {
    matches!(refusal.code, LdapResultCode::Unavailable | LdapResultCode::Other)
}

/// A name as it was sent.
pub(super) fn dn(text: &str) -> Result<Dn, Refusal> {
    Dn::parse(text).map_err(|invalid| Refusal::new(LdapResultCode::InvalidDNSyntax, invalid.to_string()))
}
