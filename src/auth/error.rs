//! Why there is no token, by what has to be mended.

use std::error::Error as StdError;
use std::sync::Arc;

/// What has to be mended before there can be a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenErrorKind {
    /// The client secret is wrong; often its *id* was taken for its value.
    WrongSecret,
    /// The client secret has expired.
    ExpiredSecret,
    /// The certificate or assertion isn't accepted.
    WrongAssertion,
    /// The application isn't known in this tenant.
    UnknownApplication,
    /// The application is disabled.
    DisabledApplication,
    /// The tenant isn't known in this cloud.
    UnknownTenant,
    /// The tenant or the application is in another national cloud.
    WrongCloud,
    /// Nobody has consented to the application's permissions.
    NotConsented,
    /// The tenant has no Defender for Endpoint, or the audience isn't the one of its cloud.
    NotProvisioned,
    /// The request's scope or audience is wrong.
    WrongAudience,
    /// Conditional access blocks the sign-in.
    Blocked,
    /// Too many token requests.
    Throttled,
    /// It may pass by itself.
    Transient,
    /// Something else that a person has to mend.
    Other,
}

impl TokenErrorKind {
    /// What to mend, in a sentence.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::WrongSecret => "use the secret's value, not its id, and one of this application",
            Self::ExpiredSecret => "add a new client secret to the registration and use its value",
            Self::WrongAssertion => {
                "upload the certificate to the registration, or register the federated issuer, subject and audience \
                 exactly; check the clock"
            }
            Self::UnknownApplication => {
                "check the application (client) id and that the tenant's administrator has consented to it"
            }
            Self::DisabledApplication => "an administrator enables the application in Entra",
            Self::UnknownTenant => {
                "check the tenant's id or domain, and that the region is of its cloud"
            }
            Self::WrongCloud => {
                "choose the region of the tenant's cloud (commercial, gcc, gcc-high)"
            }
            Self::NotConsented => {
                "an administrator grants consent to the application's WindowsDefenderATP permissions"
            }
            Self::NotProvisioned => {
                "the tenant needs an active Defender for Endpoint, opened once in the portal, and the audience of its cloud"
            }
            Self::WrongAudience => "check the audience: the region's own is right as a rule",
            Self::Blocked => {
                "an administrator excludes the application from the conditional access policy"
            }
            Self::Throttled => "ask for fewer tokens: one client serves all calls of a process",
            Self::Transient => "try again later",
            Self::Other => "the cause says what to mend",
        }
    }

    /// Of Entra's codes the first that is known
    /// ([list](https://learn.microsoft.com/entra/identity-platform/reference-error-codes)).
    pub(super) fn of_codes(codes: &[u32]) -> Option<Self> {
        codes.iter().find_map(|code| {
            Some(match code {
                7_000_215 => Self::WrongSecret,
                7_000_222 => Self::ExpiredSecret,
                50_012 | 700_027 | 700_030 | 900_384 | 500_133 | 700_213 | 700_229 => {
                    Self::WrongAssertion
                }
                700_016 | 700_011 => Self::UnknownApplication,
                7_000_112 | 70_001 => Self::DisabledApplication,
                90_002 => Self::UnknownTenant,
                900_382 | 900_432 | 90_038 => Self::WrongCloud,
                65_001 => Self::NotConsented,
                500_011 | 50_001 | 650_052 => Self::NotProvisioned,
                700_023 | 700_022 | 70_011 | 28_002 | 901_002 | 650_057 => Self::WrongAudience,
                53_003 | 530_032 | 530_035 => Self::Blocked,
                50_196 | 90_055 => Self::Throttled,
                90_033 | 90_024 | 90_006 | 90_012 => Self::Transient,
                7_000_218 | 50_128 | 90_013 | 90_014 | 900_144 | 9_001_023 => Self::Other,
                _ => return None,
            })
        })
    }
}

/// Why there is no token.
///
/// # Troubleshooting
/// [`kind`](Self::kind) says what has to be mended, and its [`advice`](TokenErrorKind::advice) how. *Permanent* errors
/// need a person; others may pass by themselves.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct TokenError {
    message: String,
    kind: TokenErrorKind,
    codes: Vec<u32>,
    correlation_id: Option<String>,
    #[source]
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl TokenError {
    /// An error of this kind. The message must not hold a secret.
    pub fn new(kind: TokenErrorKind, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            kind,
            codes: Vec::new(),
            correlation_id: None,
            source: None,
        }
    }

    /// Asking again is of no use until somebody changes something. The message must not hold a secret.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(TokenErrorKind::Other, message)
    }

    /// Asking again later may help. The message must not hold a secret.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(TokenErrorKind::Transient, message)
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    pub(super) fn of_entra(mut self, codes: Vec<u32>, correlation_id: Option<String>) -> Self {
        self.codes = codes;
        self.correlation_id = correlation_id;
        self
    }

    /// What has to be mended.
    #[must_use]
    pub fn kind(&self) -> TokenErrorKind {
        self.kind
    }

    /// Whether asking again is of no use until somebody changes something.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        !matches!(self.kind, TokenErrorKind::Throttled | TokenErrorKind::Transient)
    }

    /// Entra's numeric codes (`AADSTS…`), if it gave any
    /// ([list](https://learn.microsoft.com/entra/identity-platform/reference-error-codes)).
    #[must_use]
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// The identifier to give to support.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        self.correlation_id.as_deref()
    }
}
