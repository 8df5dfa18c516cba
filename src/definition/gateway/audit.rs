//! The section `audit:` of the gateway's settings, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::definition::raw::RawReference;
use crate::definition::yaml::At;

/// Where a record of every decision is kept; nowhere unless said otherwise. A change needs a restart.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawAudit {
    /// `stdout`, `file:PATH` (from this file's directory; SIGHUP opens it anew) or `unix:PATH` of a datagram socket that
    /// takes syslog messages (RFC 5424), as in `unix:/dev/log`.
    pub to: At<String>,
    /// What happens to a request whose record cannot be kept: `deny` answers it with 503, `continue` counts it and goes
    /// on, `deny_writes`, which is the default, denies changes and goes on with logins and look-ups.
    pub on_failure: Option<At<String>>,
    /// How identifiers are shown: `hashed`, which is the default, as their HMAC-SHA256, or `plain`, as they were sent.
    pub identifiers: Option<At<String>>,
    /// The key of that HMAC: at least 16 bytes, the same for all instances whose records are to be compared. A random
    /// one of each process unless said otherwise.
    pub key: Option<At<RawReference>>,
    /// How many records may wait for the sink; 8192 unless said otherwise.
    pub queue: Option<At<u32>>,
}
