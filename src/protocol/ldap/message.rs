//! Messages: what a client asks, decoded, and what it is answered, encoded.
//!
//! Invariant: what may hold a secret (binds and extended requests) is read here and never reaches the protocol
//! library, which logs what it decodes; so are controls. A password goes from the buffer into [`Password`] at once.

use bytes::BytesMut;
use ldap3_proto::LdapCodec;
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{
    LdapBindResponse, LdapCompareRequest, LdapExtendedResponse, LdapMsg, LdapOp, LdapResult, LdapResultCode,
    LdapSearchRequest, LdapSearchResultEntry,
};
use tokio_util::codec::{Decoder, Encoder};

use super::ber::{Elements, MAX_MESSAGE, Malformed, inspect};
use super::result::Refusal;
use crate::secret::Password;

/// "Who am I?" (RFC 4532).
pub(super) const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
/// StartTLS (RFC 4511, section 4.14).
pub(super) const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
/// Simple paged results (RFC 2696).
pub(super) const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
/// The notice of disconnection (RFC 4511, section 4.4.1).
const DISCONNECTION: &str = "1.3.6.1.4.1.1466.20036";
/// Treats referrals as entries (RFC 3296): there are none.
const MANAGE_DSA_IT: &str = "2.16.840.1.113730.3.4.2";

/// One message of a client.
#[derive(Debug)]
pub struct Message {
    /// Its number, which the answers repeat.
    pub id: i32,
    /// What it asks.
    pub operation: Operation,
    /// A control that must be obeyed, but is not known here.
    pub unknown_control: Option<String>,
    /// The page that it asks for.
    pub page: Option<PageControl>,
}

/// What a message asks.
#[derive(Debug)]
pub enum Operation {
    /// Prove who the client is.
    Bind(Bind),
    /// End the connection.
    Unbind,
    /// Search for entries.
    Search(Box<LdapSearchRequest>),
    /// Compare a value with an entry's.
    Compare(LdapCompareRequest),
    /// Say who the client is.
    WhoAmI,
    /// Encrypt the connection.
    StartTls,
    /// Any other extension.
    Extended,
    /// Take back an operation; those that were begun are finished all the same.
    Abandon,
    /// Change something.
    Write(Write),
}

/// The operations that change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// Change an entry.
    Modify,
    /// Add an entry.
    Add,
    /// Remove an entry.
    Delete,
    /// Rename an entry.
    ModifyDn,
}

/// A bind (RFC 4511, section 4.2).
#[derive(Debug)]
pub struct Bind {
    /// The protocol's version.
    pub version: i32,
    /// Who the client says it is.
    pub name: String,
    /// How it proves that.
    pub credential: Credential,
}

/// The credential of a bind.
#[derive(Debug)]
pub enum Credential {
    /// An empty password: nobody has one.
    Empty,
    /// A password. One that is no text becomes an empty one, which is refused where passwords are judged.
    Simple(Password),
    /// SASL, or something else that is not known here.
    Unsupported,
}

/// The control of simple paged results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageControl {
    /// The most entries of this page.
    pub size: u32,
    /// Where the page begins; empty for the first one.
    pub cookie: Vec<u8>,
}

const BIND: u8 = 0x60;
const UNBIND: u8 = 0x42;
const DELETE: u8 = 0x4a;
const ABANDON: u8 = 0x50;
const SEARCH: u8 = 0x63;
const MODIFY: u8 = 0x66;
const ADD: u8 = 0x68;
const MODIFY_DN: u8 = 0x6c;
const COMPARE: u8 = 0x6e;
const EXTENDED: u8 = 0x77;
const CONTROLS: u8 = 0xa0;
const INTEGER: u8 = 0x02;
const BOOLEAN: u8 = 0x01;
const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

impl Message {
    /// Decodes one whole message. The caller wipes the bytes.
    ///
    /// # Errors
    /// It is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        inspect(bytes)?;
        let mut elements = Elements::of(bytes)?;
        let number = elements.expect(INTEGER)?;
        let id = number.number()?;
        let (tag, content) = elements.next().ok_or(Malformed::Message)?;
        let operation = match tag {
            BIND => Operation::Bind(bind(content)?),
            UNBIND => Operation::Unbind,
            ABANDON => Operation::Abandon,
            EXTENDED => extended(content)?,
            MODIFY => Operation::Write(Write::Modify),
            ADD => Operation::Write(Write::Add),
            DELETE => Operation::Write(Write::Delete),
            MODIFY_DN => Operation::Write(Write::ModifyDn),
            SEARCH | COMPARE => by_the_library(id, tag, content.bytes())?,
            _ => return Err(Malformed::Message),
        };
        let mut message = Self { id, operation, unknown_control: None, page: None };
        match elements.next() {
            None => {}
            Some((CONTROLS, controls)) => message.controls(controls)?,
            Some(_) => return Err(Malformed::Message),
        }
        Ok(message)
    }

    /// Reads the controls (section 4.1.11).
    fn controls(&mut self, mut controls: Elements<'_>) -> Result<(), Malformed> {
        while let Some((tag, mut control)) = controls.next() {
            if tag != SEQUENCE {
                return Err(Malformed::Message);
            }
            let oid = control.expect(OCTETS)?.text()?;
            let (mut critical, mut value) = (false, None);
            while let Some((tag, content)) = control.next() {
                match (tag, content.bytes()) {
                    (BOOLEAN, [byte]) => critical = *byte != 0,
                    (OCTETS, bytes) => value = Some(bytes),
                    _ => return Err(Malformed::Message),
                }
            }
            match oid {
                PAGED_RESULTS => self.page = Some(page(value.ok_or(Malformed::Message)?)?),
                MANAGE_DSA_IT => {}
                _ if critical => self.unknown_control = Some(oid.chars().take(64).collect()),
                _ => {}
            }
        }
        Ok(())
    }
}

fn bind(mut content: Elements<'_>) -> Result<Bind, Malformed> {
    let version = content.expect(INTEGER)?.number()?;
    let name = content.expect(OCTETS)?.text()?.to_owned();
    let credential = match content.next() {
        Some((0x80, password)) => match std::str::from_utf8(password.bytes()) {
            Ok("") => Credential::Empty,
            Ok(text) => Credential::Simple(Password::new(text)),
            Err(_) => Credential::Simple(Password::new("")),
        },
        Some(_) => Credential::Unsupported,
        None => return Err(Malformed::Message),
    };
    Ok(Bind { version, name, credential })
}

fn extended(mut content: Elements<'_>) -> Result<Operation, Malformed> {
    Ok(match content.expect(0x80)?.text()? {
        WHO_AM_I => Operation::WhoAmI,
        START_TLS => Operation::StartTls,
        _ => Operation::Extended,
    })
}

/// `realSearchControlValue ::= SEQUENCE { size INTEGER, cookie OCTET STRING }`.
fn page(value: &[u8]) -> Result<PageControl, Malformed> {
    inspect(value)?;
    let mut parts = Elements::of(value)?;
    let size = u32::try_from(parts.expect(INTEGER)?.number()?).map_err(|_| Malformed::Message)?;
    Ok(PageControl { size, cookie: parts.expect(OCTETS)?.bytes().to_vec() })
}

/// What holds no secret: the library gets it alone, without controls.
fn by_the_library(id: i32, tag: u8, content: &[u8]) -> Result<Operation, Malformed> {
    let mut bytes = BytesMut::with_capacity(content.len() + 16);
    let long = |length: usize| [0x84].into_iter().chain((length as u32).to_be_bytes());
    bytes.extend([SEQUENCE].into_iter().chain(long(content.len() + 12)));
    bytes.extend([INTEGER, 4].into_iter().chain(id.to_be_bytes()));
    bytes.extend([tag].into_iter().chain(long(content.len())));
    bytes.extend_from_slice(content);
    let mut codec = LdapCodec::new(Some(MAX_MESSAGE + 16), None);
    match codec.decode(&mut bytes) {
        Ok(Some(LdapMsg { op: LdapOp::SearchRequest(search), .. })) => Ok(Operation::Search(Box::new(search))),
        Ok(Some(LdapMsg { op: LdapOp::CompareRequest(compare), .. })) => Ok(Operation::Compare(compare)),
        _ => Err(Malformed::Message),
    }
}

/// What the client is answered.
#[derive(Debug)]
pub enum Reply {
    /// An entry that was found.
    Entry(LdapSearchResultEntry),
    /// The end of a search, with where the next page begins.
    Done(Result<(), Refusal>, Option<Vec<u8>>),
    /// What came of a bind.
    Bound(Result<(), Refusal>),
    /// What came of a comparison.
    Compared(Result<bool, Refusal>),
    /// Who the client is, as an authorisation identity (RFC 4513, section 5.2.1.8).
    Identity(String),
    /// What came of StartTLS.
    StartTls(Result<(), Refusal>),
    /// Another extension is refused.
    Extended(Refusal),
    /// A change is refused.
    Unwritten(Write, Refusal),
    /// The server ends the connection.
    Disconnection(Refusal),
}

impl Reply {
    /// Writes it as the answer to this message.
    pub fn encode(self, id: i32, buffer: &mut BytesMut) {
        let (mut ctrl, mut id) = (Vec::new(), id);
        let op = match self {
            Self::Entry(entry) => LdapOp::SearchResultEntry(entry),
            Self::Done(done, cookie) => {
                ctrl.extend(cookie.map(|cookie| LdapControl::SimplePagedResults { size: 0, cookie }));
                LdapOp::SearchResultDone(result(done))
            }
            Self::Bound(bound) => LdapOp::BindResponse(LdapBindResponse { res: result(bound), saslcreds: None }),
            Self::Compared(Ok(same)) => LdapOp::CompareResult(LdapResult {
                code: if same { LdapResultCode::CompareTrue } else { LdapResultCode::CompareFalse },
                ..result(Ok(()))
            }),
            Self::Compared(Err(refusal)) => LdapOp::CompareResult(result(Err(refusal))),
            Self::Identity(identity) => extension(Ok(()), None, Some(identity.into_bytes())),
            Self::StartTls(started) => extension(started, Some(START_TLS), None),
            Self::Extended(refusal) => extension(Err(refusal), None, None),
            Self::Unwritten(write, refusal) => {
                let result = result(Err(refusal));
                match write {
                    Write::Modify => LdapOp::ModifyResponse(result),
                    Write::Add => LdapOp::AddResponse(result),
                    Write::Delete => LdapOp::DelResponse(result),
                    Write::ModifyDn => LdapOp::ModifyDNResponse(result),
                }
            }
            Self::Disconnection(refusal) => {
                id = 0;
                extension(Err(refusal), Some(DISCONNECTION), None)
            }
        };
        // Writing to memory does not fail.
        let _ = LdapCodec::default().encode(LdapMsg { msgid: id, op, ctrl }, buffer);
    }
}

fn result(result: Result<(), Refusal>) -> LdapResult {
    let Refusal { code, message, matched } = match result {
        Ok(()) => Refusal { code: LdapResultCode::Success, message: String::new(), matched: String::new() },
        Err(refusal) => refusal,
    };
    LdapResult { code, matcheddn: matched, message, referral: vec![] }
}

fn extension(outcome: Result<(), Refusal>, name: Option<&str>, value: Option<Vec<u8>>) -> LdapOp {
    LdapOp::ExtendedResponse(LdapExtendedResponse { res: result(outcome), name: name.map(str::to_owned), value })
}
