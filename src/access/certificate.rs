//! TLS certificates that stand for clients in place of a key (RFC 8705, section 2).
//!
//! Invariant: the connection has proved the possession of the certificate's key, and names count only in certificates
//! that a declared authority signed. A certificate that two clients claim stands for neither.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use tokio::time::Instant;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::{ClientId, SettingsError};

/// Something that a certificate proves, and by which a client can be known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// The SHA-256 digest of the certificate's DER: this certificate and no other.
    Digest([u8; 32]),
    /// The subject as RFC 4514 writes it, as in `CN=idp,O=Acme`.
    Subject(String),
    /// A DNS name among the alternative names, in lower case.
    Dns(String),
    /// A URI among them, as in `spiffe://acme/idp`.
    Uri(String),
    /// An email address among them.
    Email(String),
    /// An IP address among them.
    Ip(IpAddr),
}

impl Mark {
    /// Whether the mark is a name, which anybody could write into a certificate of their own.
    pub const fn needs_authority(&self) -> bool {
        !matches!(self, Self::Digest(_))
    }
}

impl FromStr for Mark {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, value) = text.split_once(':').unwrap_or_default();
        let value = value.trim();
        let plain = !value.is_empty() && !value.contains('*');
        match kind {
            "sha256" => digest(value).map(Self::Digest),
            "subject" if value.contains('=') => Ok(Self::Subject(value.to_owned())),
            "dns" if plain => Ok(Self::Dns(value.to_ascii_lowercase())),
            "uri" if plain => Ok(Self::Uri(value.to_owned())),
            "email" if plain => Ok(Self::Email(value.to_owned())),
            "ip" => {
                let address: IpAddr = value.parse().map_err(|_| format!("`{value}` is no address"))?;
                Ok(Self::Ip(address.to_canonical()))
            }
            _ => Err(format!(
                "`{text}` names no certificate: expected `sha256:` and 64 hex digits, or `dns:`, `uri:`, `email:`, \
                 `ip:` or `subject:` and the whole name"
            )),
        }
    }
}

/// 64 hex digits, with colons between the pairs as OpenSSL prints them or without.
fn digest(text: &str) -> Result<[u8; 32], String> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    let wrong = || "expected `sha256:` and 64 hex digits: the digest of the certificate's DER".to_owned();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or_else(wrong);
    let mut digest = [0; 32];
    if digits.len() != 64 {
        return Err(wrong());
    }
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(digest)
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => {
                f.write_str("sha256:")?;
                digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::Subject(name) => write!(f, "subject:{name}"),
            Self::Dns(name) => write!(f, "dns:{name}"),
            Self::Uri(name) => write!(f, "uri:{name}"),
            Self::Email(name) => write!(f, "email:{name}"),
            Self::Ip(address) => write!(f, "ip:{address}"),
        }
    }
}

/// The certificate that a caller showed and whose key it holds.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    marks: Vec<Mark>,
    /// The connection may live longer than its certificate.
    until: Option<Instant>,
}

impl ClientCertificate {
    /// Reads a certificate. With `authority`, a declared authority signed it, and its names count. `until` is when it
    /// expires; None is never.
    pub fn from_der(der: &[u8], authority: bool, until: Option<Instant>) -> Self {
        let mut marks = vec![Mark::Digest(Sha256::digest(der).into())];
        if authority && let Ok(certificate) = Certificate::from_der(der) {
            marks.extend(names(&certificate));
        }
        Self { marks, until }
    }

    /// Whether it has expired since the connection began.
    pub(super) fn is_expired(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

fn names(certificate: &Certificate) -> Vec<Mark> {
    let subject = certificate.tbs_certificate.subject.to_string();
    let alternatives = certificate.tbs_certificate.get::<SubjectAltName>().ok().flatten();
    let alternatives = alternatives.map(|(_, names)| names.0).unwrap_or_default();
    let subject = (!subject.is_empty()).then_some(Mark::Subject(subject));
    subject.into_iter().chain(alternatives.iter().filter_map(name)).collect()
}

fn name(name: &GeneralName) -> Option<Mark> {
    match name {
        GeneralName::DnsName(name) => Some(Mark::Dns(name.as_str().to_ascii_lowercase())),
        GeneralName::UniformResourceIdentifier(name) => Some(Mark::Uri(name.as_str().to_owned())),
        GeneralName::Rfc822Name(name) => Some(Mark::Email(name.as_str().to_owned())),
        GeneralName::IpAddress(octets) => {
            let octets = octets.as_bytes();
            let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()?;
            Some(Mark::Ip(address.to_canonical()))
        }
        _ => None,
    }
}

/// Which certificate stands for which client.
#[derive(Debug, Default)]
pub(super) struct Certificates(HashMap<Mark, ClientId>);

impl Certificates {
    /// # Errors
    /// One mark for two clients.
    pub(super) fn new(marks: Vec<(Mark, ClientId)>) -> Result<Self, SettingsError> {
        let mut known: HashMap<Mark, ClientId> = HashMap::with_capacity(marks.len());
        for (mark, client) in marks {
            let other = known.get(&mark).filter(|other| **other != client);
            if let Some(other) = other {
                let (other, client) = (other.as_str(), client.as_str());
                return Err(SettingsError(format!(
                    "`{mark}` stands for two clients, `{other}` and `{client}`; keep one of them"
                )));
            }
            known.insert(mark, client);
        }
        Ok(Self(known))
    }

    /// The client that the certificate stands for, if it is one.
    pub(super) fn client(&self, certificate: &ClientCertificate) -> Option<&ClientId> {
        let mut clients = certificate.marks.iter().filter_map(|mark| self.0.get(mark));
        let first = clients.next()?;
        clients.all(|other| other == first).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn certificate(authority: bool) -> ClientCertificate {
        let mut params = CertificateParams::new(vec!["IDP.example.com".to_owned(), "192.0.2.7".to_owned()]).unwrap();
        params.subject_alt_names.push(SanType::URI("spiffe://acme/idp".try_into().unwrap()));
        params.subject_alt_names.push(SanType::Rfc822Name("idp@example.com".try_into().unwrap()));
        params.distinguished_name.push(DnType::OrganizationName, "Acme");
        params.distinguished_name.push(DnType::CommonName, "idp");
        let signed = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        ClientCertificate::from_der(signed.der(), authority, None)
    }

    fn known(marks: &[(&str, &str)]) -> Result<Certificates, SettingsError> {
        Certificates::new(marks.iter().map(|(mark, id)| (mark.parse().unwrap(), id.parse().unwrap())).collect())
    }

    #[test]
    fn a_certificate_stands_for_the_client_that_lists_one_of_its_marks() {
        let signed = certificate(true);
        let digest = signed.marks[0].to_string();
        let marks = [
            &digest,
            &digest.to_uppercase().replace("SHA256", "sha256"),
            "dns:idp.EXAMPLE.com",
            "ip:192.0.2.7",
            "ip:::ffff:192.0.2.7",
            "uri:spiffe://acme/idp",
            "email:idp@example.com",
        ];
        for mark in marks {
            let client = known(&[(mark, "idp")]).unwrap().client(&signed).cloned();
            assert_eq!(client, Some("idp".parse().unwrap()), "{mark}");
        }
        for mark in ["dns:example.com", "dns:x.idp.example.com", "ip:192.0.2.8", "uri:spiffe://acme", "subject:CN=idp"]
        {
            assert_eq!(known(&[(mark, "idp")]).unwrap().client(&signed), None, "{mark}");
        }
    }

    #[test]
    fn names_count_only_with_an_authority() {
        let signed = certificate(false);
        assert_eq!(signed.marks.len(), 1);
        assert_eq!(known(&[("dns:idp.example.com", "idp")]).unwrap().client(&signed), None);
        assert!(known(&[(&signed.marks[0].to_string(), "idp")]).unwrap().client(&signed).is_some());
    }

    #[test]
    fn a_subject_is_compared_as_rfc_4514_writes_it() {
        let marks = certificate(true).marks;
        let subject = marks.iter().find_map(|mark| match mark {
            Mark::Subject(name) => Some(name.as_str()),
            _ => None,
        });
        // RFC 4514 begins with the part that the certificate has last.
        assert_eq!(subject, Some("O=Acme,CN=idp"));
    }

    #[test]
    fn doubts_stand_for_nobody() {
        let signed = certificate(true);
        let both = known(&[("dns:idp.example.com", "a"), ("ip:192.0.2.7", "b")]).unwrap();
        assert_eq!(both.client(&signed), None);
        let same = known(&[("dns:idp.example.com", "a"), ("ip:192.0.2.7", "a")]).unwrap();
        assert!(same.client(&signed).is_some());
        let twice = known(&[("dns:idp.example.com", "a"), ("dns:IDP.example.com", "b")]).unwrap_err();
        assert!(twice.to_string().contains("two clients"), "{twice}");
        for text in ["sha256:12", "dns:", "dns:*.example.com", "subject:idp", "ip:a", "idp.example.com", "cn:idp", ""] {
            assert!(text.parse::<Mark>().is_err(), "{text}");
        }
    }
}
