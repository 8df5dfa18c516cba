//! A record's members and its JSON.
//!
//! Invariant: no member can hold a password or a hash; an identifier leaves as its HMAC unless `plain` was chosen.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use hmac::{Hmac, KeyInit, Mac};
use serde::ser::{Serialize, SerializeMap, Serializer};
use sha2::Sha256;

use crate::action::Action;
use crate::secret::Secret;

/// One decision.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When it was made; set when the record is taken.
    pub time: SystemTime,
    /// The gateway's own id of the request.
    pub request_id: String,
    /// The id of the trace that the request belongs to: 32 hex digits (W3C Trace Context).
    pub trace_id: String,
    /// The client that asked; None when it is not known who asked.
    pub client: Option<String>,
    /// The connector that answered, as far as the request came.
    pub connector: Option<String>,
    /// The version of the connector's definition.
    pub version: Option<String>,
    /// What was asked.
    pub action: Option<Action>,
    /// The user, as the store names it; None when the store named none.
    pub user_id: Option<String>,
    /// What the request called the user.
    pub identifier: Option<String>,
    /// What was decided, in the words of metrics and logs.
    pub outcome: &'static str,
    /// Why, as one of a closed set of reasons.
    pub reason: Option<&'static str>,
    /// From the request's head to the decision, in microseconds.
    pub duration_us: u64,
    /// Where the request came from.
    pub address: IpAddr,
}

/// How identifiers are shown.
#[derive(Clone)]
pub enum Identifiers {
    /// As the HMAC-SHA256 of their canonical spelling under this key: equal ones can be told, but not who they are.
    Hashed(Secret),
    /// As they were sent.
    Plain,
}

impl Identifiers {
    /// The HMAC of a canonical identifier, in hex. None where identifiers are plain.
    fn hash(&self, canonical: &str) -> Option<String> {
        let Self::Hashed(key) = self else { return None };
        // HMAC takes keys of every length.
        let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).ok()?;
        mac.update(canonical.as_bytes());
        Some(mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Debug for Identifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hashed(_) => "Hashed",
            Self::Plain => "Plain",
        })
    }
}

/// The choice between the two, before there is a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// See [`Identifiers::Hashed`].
    #[default]
    Hashed,
    /// See [`Identifiers::Plain`].
    Plain,
}

impl FromStr for Shown {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "hashed" => Ok(Self::Hashed),
            "plain" => Ok(Self::Plain),
            _ => Err(format!("`{text}` is no way to show identifiers: expected `hashed` or `plain`")),
        }
    }
}

/// A time as RFC 3339 in UTC, with microseconds.
pub(super) fn rfc3339(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// An entry as it is written.
pub(super) struct Written<'a> {
    pub entry: &'a Entry,
    pub identifiers: &'a Identifiers,
    pub canonical: fn(&str) -> String,
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = self.entry;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &rfc3339(entry.time))?;
        map.serialize_entry("event", "decision")?;
        map.serialize_entry("request_id", &entry.request_id)?;
        map.serialize_entry("trace_id", &entry.trace_id)?;
        map.serialize_entry("client", &entry.client)?;
        map.serialize_entry("address", &entry.address)?;
        map.serialize_entry("connector", &entry.connector)?;
        map.serialize_entry("version", &entry.version)?;
        map.serialize_entry("action", &entry.action.map(Action::as_str))?;
        map.serialize_entry("user_id", &entry.user_id)?;
        if let Some(identifier) = &entry.identifier {
            match self.identifiers {
                Identifiers::Plain => map.serialize_entry("identifier", identifier)?,
                Identifiers::Hashed(_) => {
                    map.serialize_entry("identifier_hmac", &self.identifiers.hash(&(self.canonical)(identifier)))?;
                }
            }
        }
        map.serialize_entry("outcome", entry.outcome)?;
        map.serialize_entry("reason", &entry.reason)?;
        map.serialize_entry("duration_us", &entry.duration_us)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn entry() -> Entry {
        Entry {
            time: SystemTime::UNIX_EPOCH + Duration::from_micros(1_700_000_000_000_001),
            request_id: "1-2".to_owned(),
            trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
            client: Some("auth0".to_owned()),
            connector: Some("acme".to_owned()),
            version: Some("v".to_owned()),
            action: Some(Action::Login),
            user_id: None,
            identifier: Some("Ann\n\"@example.com".to_owned()),
            outcome: "wrong_credentials",
            reason: Some("unknown_user"),
            duration_us: 17,
            address: IpAddr::from([192, 0, 2, 1]),
        }
    }

    fn json(identifiers: &Identifiers) -> String {
        let written = Written { entry: &entry(), identifiers, canonical: |text| text.to_lowercase() };
        serde_json::to_string(&written).unwrap()
    }

    #[test]
    fn a_record_is_one_line_with_every_member() {
        let text = json(&Identifiers::Plain);
        assert_eq!(
            text,
            r#"{"time":"2023-11-14T22:13:20.000001Z","event":"decision","request_id":"1-2","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","client":"auth0","address":"192.0.2.1","connector":"acme","version":"v","action":"login","user_id":null,"identifier":"Ann\n\"@example.com","outcome":"wrong_credentials","reason":"unknown_user","duration_us":17}"#
        );
    }

    #[test]
    fn an_identifier_is_the_hmac_of_its_canonical_spelling() {
        // printf 'ann\n"@example.com' | openssl dgst -sha256 -hmac key
        let text = json(&Identifiers::Hashed(Secret::new("key")));
        assert!(!text.to_lowercase().contains("ann"), "{text}");
        let expected = r#""identifier_hmac":"c611b362141dece30ad7eab3e5bee5e3e4fa38d1bfc2557b5a3b2e48393da5c7""#;
        assert!(text.contains(expected), "{text}");
        assert_ne!(text, json(&Identifiers::Hashed(Secret::new("other"))));
    }
}
