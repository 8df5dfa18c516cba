//! TLS towards other hosts: whose certificates are believed.
//!
//! Invariant: a certificate is always verified, and the name in it is the host's.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// TLS 1.2 and 1.3 with hosts whose certificates come from the public authorities that Mozilla trusts, or from these
/// further ones.
///
/// # Errors
/// TLS cannot be set up.
pub fn client_config(authorities: RootCertStore) -> Result<ClientConfig, String> {
    let mut roots = authorities;
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let tls = tls.map_err(|error| format!("cannot set up TLS: {error}"))?;
    Ok(tls.with_root_certificates(roots).with_no_client_auth())
}

/// The authorities of a PEM file.
///
/// # Errors
/// There is none, or one cannot be used; why.
pub fn authorities(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| "it is not PEM")?;
        roots.add(certificate).map_err(|error| format!("a certificate cannot be used: {error}"))?;
    }
    match roots.is_empty() {
        true => Err("there is no certificate in it".to_owned()),
        false => Ok(roots),
    }
}
