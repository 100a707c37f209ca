//! The client credentials flow with a certificate: the application signs a short-lived statement about itself.
//!
//! The statement (assertion) is made anew for each fetch, signed with PS256, and names its certificate by
//! `x5t#S256`, as Microsoft's page has it since 2025.

mod pair;
mod pem;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::signature::RSA_PSS_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use self::pair::Pair;
use super::entra::{self, Proof};
use super::error::TokenError;
use super::registration::Registration;
use super::source::{Token, TokenRequest, TokenSource};
use crate::types::{Secret, Timestamp};

/// Entra takes five to ten minutes.
const LIFETIME: i64 = 600;

/// An application (service principal) that signs in with a certificate and its private key
/// ([documentation](https://learn.microsoft.com/entra/identity-platform/certificate-credentials)).
///
/// The certificate is uploaded to the application's registration; the key stays here. Keys are RSA, from 2048 bits,
/// as PKCS#8 (`PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`), unencrypted. A PKCS#12 file (`.pfx`) becomes PEM by
/// `openssl pkcs12 -in app.pfx -nodes -out app.pem`.
///
/// ```no_run
/// # use defender_response::{Client, ClientCertificate, Region};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (tenant, app) = ("", "");
/// let credential = ClientCertificate::from_pem(tenant, app, std::fs::read("app.pem")?)?;
/// let defender = Client::builder(credential).region(Region::Europe).build()?;
/// # Ok(()) }
/// ```
///
/// # Troubleshooting
/// AADSTS700027 ([`WrongAssertion`](crate::TokenErrorKind::WrongAssertion)) means that this certificate isn't among
/// those of the registration, which shows its thumbprints in another form: compare
/// [`thumbprint`](Self::thumbprint). AADSTS500133 means that this machine's clock is wrong.
#[derive(Clone)]
pub struct ClientCertificate {
    registration: Registration,
    pair: Arc<Pair>,
}

impl ClientCertificate {
    /// The tenant (its id or a verified domain), the application's (client) id, and a PEM text that holds the key and
    /// its certificate. Other certificates in it, such as the chain, do no harm, in any order.
    ///
    /// # Errors
    /// When there is no key or no certificate in the text, the key isn't a usable RSA key or belongs to none of the
    /// certificates, something can't be read, or the text is longer than 1 MiB. The message says which. Tenant,
    /// application and the certificate's dates are checked when the client is built.
    ///
    /// ```
    /// # use defender_response::ClientCertificate;
    /// # let (tenant, app) = ("", "");
    /// let error = ClientCertificate::from_pem(tenant, app, "-----BEGIN CERTIFICATE-----").unwrap_err();
    /// assert_eq!(error.to_string(), "the PEM block CERTIFICATE has no end");
    /// ```
    pub fn from_pem(
        tenant: impl Into<String>,
        application: impl Into<String>,
        pem: impl AsRef<[u8]>,
    ) -> Result<Self, TokenError> {
        Ok(Self::of(tenant, application, pair::read(pem.as_ref())?))
    }

    /// The same with certificate and key in texts of their own. A key beside the certificate isn't looked at.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem).
    ///
    /// ```no_run
    /// # use defender_response::ClientCertificate;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (tenant, app) = ("", "");
    /// let (certificate, key) = (std::fs::read("tls.crt")?, std::fs::read("tls.key")?);
    /// let credential = ClientCertificate::from_pem_pair(tenant, app, certificate, key)?;
    /// # Ok(()) }
    /// ```
    pub fn from_pem_pair(
        tenant: impl Into<String>,
        application: impl Into<String>,
        certificate: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Result<Self, TokenError> {
        let pair = pair::read_two(certificate.as_ref(), key.as_ref())?;
        Ok(Self::of(tenant, application, pair))
    }

    /// The certificate's thumbprint as the assertion names it: SHA-256, base64url without padding.
    ///
    /// ```
    /// # use defender_response::ClientCertificate;
    /// fn log(credential: &ClientCertificate) {
    ///     println!("signing in with certificate {}", credential.thumbprint());
    /// }
    /// ```
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.pair.thumbprint
    }

    fn of(tenant: impl Into<String>, application: impl Into<String>, pair: Pair) -> Self {
        Self { registration: Registration::new(tenant, application), pair: Arc::new(pair) }
    }

    /// `header.claims.signature`, each base64url.
    fn assertion(&self, ask: &TokenRequest<'_>) -> Result<Secret, TokenError> {
        let Registration { tenant, application } = &self.registration;
        let random = SystemRandom::new();
        let now = ask.clock().wall().unix_seconds();
        let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.pair.thumbprint });
        let claims = json!({
            "aud": entra::endpoint(ask.authority(), tenant)?.as_str(),
            "iss": application,
            "sub": application,
            "jti": guid(&random)?,
            "nbf": now,
            "iat": now,
            "exp": now.saturating_add(LIFETIME),
        });
        let [header, claims] =
            [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let mut signature = vec![0; self.pair.key.public_modulus_len()];
        self.pair
            .key
            .sign(&RSA_PSS_SHA256, &random, signed.as_bytes(), &mut signature)
            .map_err(|e| TokenError::permanent("the assertion can't be signed").caused_by(e))?;
        Ok(Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }

    fn check_dates(&self, now: Timestamp) -> Result<(), TokenError> {
        let Pair { not_before, not_after, .. } = &*self.pair;
        let wrong = if now < *not_before {
            "isn't valid yet"
        } else if now > *not_after {
            "has expired"
        } else {
            return Ok(());
        };
        let message =
            format!("the certificate {wrong}: it is valid from {not_before} to {not_after}");
        Err(TokenError::permanent(format!("{message}, and it is {}", now.to_seconds())))
    }
}

/// A GUID nobody has used, for `jti`.
fn guid(random: &SystemRandom) -> Result<String, TokenError> {
    let mut bytes = [0; 16];
    rand::SecureRandom::fill(random, &mut bytes)
        .map_err(|e| TokenError::transient("the system gives no random bytes").caused_by(e))?;
    let number = u128::from_be_bytes(bytes);
    // Version 4 and the variant of RFC 9562.
    let number = number & !(0xf000 << 64 | 0xc000 << 48) | 0x4000 << 64 | 0x8000 << 48;
    let hex = format!("{number:032x}");
    let mut guid = String::with_capacity(36);
    for (at, digit) in hex.chars().enumerate() {
        if [8, 12, 16, 20].contains(&at) {
            guid.push('-');
        }
        guid.push(digit);
    }
    Ok(guid)
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("tenant", &self.registration.tenant)
            .field("application", &self.registration.application)
            .field("thumbprint", &self.pair.thumbprint)
            .field("expires", &self.pair.not_after)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenSource for ClientCertificate {
    async fn fetch(&self, ask: &TokenRequest<'_>) -> Result<Token, TokenError> {
        let assertion = self.assertion(ask)?;
        let Registration { tenant, application } = &self.registration;
        entra::fetch(ask, tenant, application, Proof::Assertion(&assertion)).await
    }

    fn check(&self) -> Result<(), TokenError> {
        self.registration.check()?;
        self.check_dates(SystemTime::now().into())
    }

    fn tenant(&self) -> Option<&str> {
        Some(&self.registration.tenant)
    }

    fn application(&self) -> Option<&str> {
        Some(&self.registration.application)
    }

    fn expires(&self) -> Option<Timestamp> {
        Some(self.pair.not_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::is_guid;

    #[test]
    fn each_guid_is_new_and_says_that_it_is_random() {
        let random = SystemRandom::new();
        let guids: std::collections::HashSet<_> =
            (0..100).map(|_| guid(&random).unwrap()).collect();
        assert_eq!(guids.len(), 100);
        for guid in guids {
            assert!(is_guid(&guid), "{guid}");
            assert_eq!(guid.as_bytes()[14], b'4', "{guid}");
            assert!(b"89ab".contains(&guid.as_bytes()[19]), "{guid}");
        }
    }
}
