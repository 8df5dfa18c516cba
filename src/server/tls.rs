//! TLS 1.2 and 1.3 towards callers, with rustls on ring.
//!
//! Invariant: a certificate and its key are taken together or not at all, so that a half-renewed pair never stops the
//! handshakes; connections that are open keep what they began with. Plain HTTP gets no answer.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, InvalidMessage, RootCertStore, ServerConfig,
    SignatureScheme,
};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::access::ClientCertificate;
use crate::definition::ClientCertificates;
use crate::secret::Secret;

/// What TLS is made of, as it was read.
#[derive(Debug)]
pub struct Material {
    /// The chain in PEM, the gateway's own certificate first.
    pub certificate: Vec<u8>,
    /// The private key in PEM: PKCS #8, PKCS #1 or SEC 1.
    pub key: Secret,
    /// The authorities of callers' certificates in PEM.
    pub client_ca: Option<Vec<u8>>,
    /// Whether callers show certificates.
    pub client_certificates: ClientCertificates,
}

impl Material {
    /// Tells other material apart.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let parts = [Some(self.certificate.as_slice()), Some(self.key.expose()), self.client_ca.as_deref()];
        for part in parts {
            hash.update((part.map_or(0, |part| 1 + part.len()) as u64).to_le_bytes());
            hash.update(part.unwrap_or_default());
        }
        hash.update([self.client_certificates as u8]);
        hash.finalize().into()
    }
}

/// Which part of the material cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The chain.
    Certificate,
    /// The private key, by itself or with this chain.
    Key,
    /// The authorities.
    ClientCa,
}

/// Why material cannot be used; never shows any of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError {
    /// The part at fault.
    pub part: Part,
    message: String,
}

impl TlsError {
    fn new(part: Part, message: impl Into<String>) -> Self {
        Self { part, message: message.into() }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TlsError {}

/// The TLS of a listener.
#[derive(Debug)]
pub struct Tls {
    current: ArcSwap<Current>,
    clock: fn() -> SystemTime,
}

/// What new connections use.
#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    /// Callers' certificates are signed by a declared authority.
    authority: bool,
    validity: Option<Range<SystemTime>>,
}

impl Tls {
    /// `clock` tells when callers' certificates expire.
    ///
    /// # Errors
    /// The material cannot be used.
    pub fn new(material: &Material, clock: fn() -> SystemTime) -> Result<Self, TlsError> {
        Ok(Self { current: ArcSwap::from_pointee(Current::new(material)?), clock })
    }

    /// Puts other material in the place of the present one. Sessions are not resumed over this: whoever was admitted
    /// by an authority that is gone has to prove himself again.
    pub fn replace(&self, new: Self) {
        self.current.store(new.current.into_inner());
    }

    /// When the gateway's own certificate is valid, where that can be read.
    pub fn validity(&self) -> Option<Range<SystemTime>> {
        self.current.load().validity.clone()
    }

    /// Shakes hands within the limit.
    pub(super) async fn accept<IO: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: IO,
        limit: Duration,
    ) -> Result<(TlsStream<IO>, Option<Arc<ClientCertificate>>), HandshakeFailure> {
        let current = self.current.load_full();
        let accepted = TlsAcceptor::from(Arc::clone(&current.config)).accept(io);
        let stream = match tokio::time::timeout(limit, accepted).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(HandshakeFailure::of(&error)),
            Err(_) => return Err(HandshakeFailure::Timeout),
        };
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let certificate = shown.map(|der| Arc::new(self.certificate(der, current.authority)));
        Ok((stream, certificate))
    }

    fn certificate(&self, der: &CertificateDer<'_>, authority: bool) -> ClientCertificate {
        let left = validity(der).map(|valid| valid.end.duration_since((self.clock)()).unwrap_or_default());
        // Beyond what the clock can count is never.
        let until = left.and_then(|left| Instant::now().checked_add(left));
        ClientCertificate::from_der(der, authority, until)
    }
}

impl Current {
    fn new(material: &Material) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let chain = certificates(&material.certificate).map_err(|why| TlsError::new(Part::Certificate, why))?;
        let validity = chain.first().and_then(validity);
        let key = PrivateKeyDer::from_pem_slice(material.key.expose())
            .map_err(|_| TlsError::new(Part::Key, "found no private key, expected PEM that is not encrypted"))?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::new(Part::Certificate, error.to_string()))?;
        let builder = match verifier(material, provider)? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                TlsError::new(Part::Key, "the key does not belong to the certificate")
            }
            rustls::Error::InvalidCertificate(error) => {
                TlsError::new(Part::Certificate, format!("the certificate cannot be used: {error}"))
            }
            error => TlsError::new(Part::Key, format!("the key cannot be used: {error}")),
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), authority: material.client_ca.is_some(), validity })
    }
}

/// The certificates of a PEM text, of which there must be one.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|_| "it is no PEM")?;
    match chain.is_empty() {
        true => Err("found no certificate, expected PEM"),
        false => Ok(chain),
    }
}

/// From when to when a certificate is valid.
fn validity(der: &CertificateDer<'_>) -> Option<Range<SystemTime>> {
    let validity = Certificate::from_der(der).ok()?.tbs_certificate.validity;
    Some(validity.not_before.to_system_time()..validity.not_after.to_system_time())
}

/// What judges callers' certificates; None asks for none.
fn verifier(
    material: &Material,
    provider: Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let mandatory = match material.client_certificates {
        ClientCertificates::Off => return Ok(None),
        ClientCertificates::Optional => false,
        ClientCertificates::Required => true,
    };
    let unusable = |why: String| TlsError::new(Part::ClientCa, why);
    let Some(pem) = &material.client_ca else {
        return Ok(Some(Arc::new(Pinned { provider, mandatory })));
    };
    let mut roots = RootCertStore::empty();
    for authority in certificates(pem).map_err(|why| unusable(why.to_owned()))? {
        roots.add(authority).map_err(|error| unusable(format!("an authority cannot be used: {error}")))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if mandatory { builder } else { builder.allow_unauthenticated() };
    let verifier = builder.build().map_err(|error| unusable(format!("the authorities cannot be used: {error}")))?;
    Ok(Some(verifier))
}

/// Accepts every certificate that is valid now and whose key the caller holds: without an authority, only a digest
/// that a client lists says anything about it (RFC 8705, section 2.2).
#[derive(Debug)]
struct Pinned {
    provider: Arc<CryptoProvider>,
    mandatory: bool,
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let certificate = Certificate::from_der(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        let validity = &certificate.tbs_certificate.validity;
        if now.as_secs() > validity.not_after.to_unix_duration().as_secs() {
            return Err(CertificateError::Expired.into());
        }
        if now.as_secs() < validity.not_before.to_unix_duration().as_secs() {
            return Err(CertificateError::NotValidYet.into());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Why a connection ended before its first request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HandshakeFailure {
    /// The caller took too long.
    Timeout,
    /// What came is no TLS; most often HTTP.
    Plain,
    /// The caller's certificate is missing or refused.
    Certificate,
    /// The caller left, as port checks do.
    Closed,
    /// No common version, cipher or application protocol, or the caller did not like our certificate.
    Protocol,
}

impl HandshakeFailure {
    /// Every reason, in the order of the variants.
    pub(super) const ALL: [Self; 5] = [Self::Timeout, Self::Plain, Self::Certificate, Self::Closed, Self::Protocol];

    /// The label in metrics and logs.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Plain => "not_tls",
            Self::Certificate => "client_certificate",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
        }
    }

    fn of(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => Self::Plain,
            Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => Self::Certificate,
            Some(_) => Self::Protocol,
            None => Self::Closed,
        }
    }
}
