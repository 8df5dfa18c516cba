//! TLS as it is declared: where the certificate and its key are, and whether callers show certificates.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::definition::raw::RawReference;
use crate::definition::yaml::At;

/// TLS 1.2 and 1.3 on the listener of requests. Files are read again when they change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTls {
    /// The path of the certificate's chain in PEM, the gateway's own certificate first; from this file's directory.
    pub certificate: At<String>,
    /// The certificate's private key in PEM: `{ file: path }`, `{ env: NAME }` or `{ credential: NAME }`. Others must
    /// not be able to read the file.
    pub key: At<RawReference>,
    /// The path of the authorities in PEM that sign callers' certificates; needed by `required` and by clients that are
    /// known by a certificate's name.
    pub client_ca: Option<At<String>>,
    /// Whether callers show a certificate: `optional` when there is a `client_ca` and `off` otherwise, unless said.
    pub client_certificates: Option<At<ClientCertificates>>,
}

/// Whether callers show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificates {
    /// They are not asked for one.
    Off,
    /// They may show one.
    Optional,
    /// Without one there is no connection.
    Required,
}

impl RawTls {
    /// Whether callers show a certificate, as it is said or follows.
    pub fn client_certificates(&self) -> ClientCertificates {
        match (&self.client_certificates, &self.client_ca) {
            (Some(at), _) => at.value,
            (None, Some(_)) => ClientCertificates::Optional,
            (None, None) => ClientCertificates::Off,
        }
    }
}
