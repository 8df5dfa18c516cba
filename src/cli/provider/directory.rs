//! What to enter where LDAP is read: at identity providers' sources and federations, and in OpenLDAP's own tools.
//!
//! Invariant: nothing is asked of the gateway or of a network; keys are named and never shown.

use serde_json::json;

use super::Connect;
use crate::cli::settings::{self, Ready};
use crate::cli::tokens::FirstKey;
use crate::cli::{Exit, Format, variable};
use crate::definition::{LdapEncryption, RawDirectory, RawLdap};
use crate::protocol::ldap::Naming;

/// What stands in the place of a protocol's name.
pub(super) const NAME: &str = "ldap";

/// What providers call it.
pub(super) const HOOK: &str = "LDAP source, federation or gateway (authentik, Keycloak, Casdoor, PingOne)";

/// Tells it.
pub(super) fn tell(connect: &Connect) -> Exit {
    let place = match place(connect) {
        Ok(place) => place,
        Err(problem) => {
            eprintln!("error: {problem}");
            return Exit::Usage;
        }
    };
    if connect.probe {
        eprintln!(
            "error: LDAP is not probed from here\nhelp: OpenLDAP's tools ask what a provider asks:\n\n{}",
            place.commands()
        );
        return Exit::Usage;
    }
    match connect.format {
        Format::Json => println!("{:#}", place.json()),
        Format::Text => println!("{}", place.text()),
    }
    Exit::Fine
}

/// Where a provider finds the directory.
struct Place {
    url: String,
    starttls: bool,
    base: String,
    connector: String,
    client: String,
    /// The member that users are named by.
    uid: String,
}

fn place(connect: &Connect) -> Result<Place, String> {
    let path = connect.config.display();
    if !connect.config.exists() {
        return Err(format!("there is no {path}\nhelp: name it with --config"));
    }
    let (ready, report) = settings::load(&connect.config, &variable, FirstKey::Refuse);
    let Some(ready) = ready else {
        return Err(format!("{path} is not in order\n{}help: userbridge check {path}", report.render(false)));
    };
    let (Some(raw), Some(listen)) = (&ready.gateway.raw.ldap, ready.gateway.ldap) else {
        return Err(undeclared(connect, &ready));
    };
    let directory = chosen(connect, &raw.value)?;
    let scheme = if listen.encryption == LdapEncryption::Implicit { "ldaps" } else { "ldap" };
    let url = connect.url.clone().unwrap_or_else(|| format!("{scheme}://{}", listen.address));
    Ok(Place {
        url: url.trim_end_matches('/').to_owned(),
        starttls: listen.encryption == LdapEncryption::StartTls,
        base: directory.base.value.clone(),
        connector: directory.connector.value.clone(),
        client: directory.client.value.clone(),
        uid: directory.uid.as_ref().map_or_else(|| Naming::default().as_str().to_owned(), |at| at.value.clone()),
    })
}

fn undeclared(connect: &Connect, ready: &Ready) -> String {
    let connector = connect.connector.as_deref().unwrap_or("NAME");
    let client = ready.gateway.raw.clients.first().map_or("directory", |client| client.id.value.as_str());
    format!(
        "{} declares no directory\nhelp: make a key and declare one:\n\nuserbridge client new directory --scope \
         '{connector}:login' --scope '{connector}:get_user' --scope '{connector}:list_users'\n\nldap:\n  listen: \
         0.0.0.0:636\n  directories:\n    - {{ base: \"dc=example,dc=com\", connector: {connector}, client: {client} }}",
        connect.config.display()
    )
}

fn chosen<'r>(connect: &Connect, raw: &'r RawLdap) -> Result<&'r RawDirectory, String> {
    let fits = |directory: &&RawDirectory| {
        connect.connector.as_ref().is_none_or(|connector| *connector == directory.connector.value)
    };
    let found: Vec<_> = raw.directories.iter().filter(fits).collect();
    match (found.as_slice(), &connect.connector) {
        ([one], _) | ([one, ..], Some(_)) => Ok(one),
        ([], _) => Err("no directory is this connector's\nhelp: add one under `ldap: { directories: … }`".to_owned()),
        (several, None) => {
            let names: Vec<_> = several.iter().map(|directory| directory.connector.value.as_str()).collect();
            Err(format!("several connectors are directories: {}\nhelp: name one: --connector …", names.join(", ")))
        }
    }
}

impl Place {
    fn service(&self) -> String {
        format!("cn={},{}", self.client, self.base)
    }

    fn people(&self) -> String {
        format!("ou=people,{}", self.base)
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "protocol": NAME,
            "hook": HOOK,
            "connector": self.connector,
            "declared": true,
            "url": self.url,
            "starttls": self.starttls,
            "base_dn": self.base,
            "users_dn": self.people(),
            "user_filter": FILTER,
            "bind_dn": self.service(),
            "client": self.client,
            "user_named_by": self.uid,
            "commands": self.commands(),
        })
    }

    fn text(&self) -> String {
        let Self { url, base, connector, client, uid, .. } = self;
        let (service, people, commands) = (self.service(), self.people(), self.commands());
        let starttls = if self.starttls { "on" } else { "off" };
        format!(
            "LDAP for connector `{connector}`; its users are named by their `{uid}`

Everywhere:
  server                {url} (StartTLS {starttls})
  base DN               {base}
  bind DN               {service}
  bind password         ub_{client}_…, a key of client `{client}`
                        it needs the scopes {connector}:get_user and, to list users, {connector}:list_users
  users                 {people}, one level, filter {FILTER}

authentik, LDAP source:
  Addition User DN      ou=people
  Object uniqueness     uid
  Update internal password on login   on moves users one by one, off asks this gateway at every login

Keycloak, User federation, LDAP:
  Vendor                Other
  Edit mode             READ_ONLY
  Users DN              {people}
  Username, RDN and UUID LDAP attribute   uid
  User object classes   inetOrgPerson
  Pagination            on to import users, otherwise it does not matter

Casdoor, LDAP server:
  Enable SSL            as the server's address says
  Filter                {FILTER}
  Filter fields         uid, mail
  Admin                 {service}

PingOne, LDAP gateway:
  vendor                OpenLDAP
  searchBaseDn          {people}
  orderedCorrelationAttributes   uid, mail
  passwordAuthority     PING_ONE moves users at their next login, LDAP asks this gateway at every one

To try it:

{commands}"
        )
    }

    /// What asks who somebody is, and for somebody's entry.
    fn commands(&self) -> String {
        let must = if self.starttls { " -ZZ" } else { "" };
        let (url, service, people, base) = (&self.url, self.service(), self.people(), &self.base);
        format!(
            "ldapwhoami -H {url}{must} -x -D 'uid=SOMEBODY,{people}' -W\n\
             ldapsearch -H {url}{must} -x -D '{service}' -W -b '{base}' '(uid=SOMEBODY)'"
        )
    }
}

/// All users and nothing else.
const FILTER: &str = "(objectClass=inetOrgPerson)";
