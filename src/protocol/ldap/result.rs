//! Why an operation has no positive result, in LDAP's codes.
//!
//! Invariant: unknown user and wrong password are one refusal, byte for byte; a store that did not answer is never
//! told as "no such entry".

use ldap3_proto::LdapResultCode;

use crate::protocol::Code;

/// One refusal.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// LDAP's code.
    pub code: LdapResultCode,
    /// For whoever reads the client's log.
    pub message: String,
    /// The nearest entry above the one that is missing.
    pub matched: String,
}

impl Refusal {
    /// A refusal with this code and message.
    pub fn new(code: LdapResultCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), matched: String::new() }
    }

    /// The refusal of a bind whose credentials are wrong, whatever is wrong with them.
    pub fn invalid_credentials() -> Self {
        Self::new(LdapResultCode::InvalidCredentials, "")
    }

    /// There is no such entry; the nearest one above it.
    pub fn no_such_object(matched: Option<String>) -> Self {
        Self { matched: matched.unwrap_or_default(), ..Self::new(LdapResultCode::NoSuchObject, "") }
    }

    /// The gateway's reason in LDAP's words.
    pub fn of(code: Code, detail: Option<&str>) -> Self {
        use LdapResultCode as L;
        let ldap = match code {
            Code::WrongCredentials | Code::Denied | Code::Unauthorized => L::InvalidCredentials,
            Code::NotFound | Code::UnknownPath => L::NoSuchObject,
            Code::InvalidInput | Code::Rejected | Code::UserExists => L::ConstraintViolation,
            Code::ActionNotDeclared | Code::MethodNotAllowed | Code::UnsupportedMediaType => L::UnwillingToPerform,
            Code::Unavailable | Code::UnknownConnector | Code::AuditUnavailable | Code::OutcomeUnknown => {
                L::Unavailable
            }
            Code::Timeout | Code::Overloaded | Code::RateLimited | Code::RequestTimeout => L::Busy,
            Code::Forbidden => L::InsufficentAccessRights,
            Code::TooLarge => L::AdminLimitExceeded,
            Code::AmbiguousUser | Code::UnreadableHash | Code::Misconfigured | Code::Internal => L::Other,
        };
        let said = match code {
            // One answer, whatever it was.
            Code::WrongCredentials | Code::Unauthorized | Code::NotFound => "",
            _ => detail.unwrap_or_else(|| code.title()),
        };
        Self::new(ldap, said)
    }
}
