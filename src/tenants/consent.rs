//! The link by which a customer's administrator connects a tenant, and the callback it comes back with.

use std::fmt;

use url::Url;

use crate::error::{Error, ErrorKind, Result};
use crate::region::{Region, parse_base};
use crate::types::{is_guid, printable, random_bits};

/// A request for an administrator's consent, with the state that ties its callback to it.
///
/// Keep it, or its state, with the session of the person it is shown to.
///
/// ```
/// use defender_response::{ConsentOutcome, ConsentRequest, Region};
///
/// # fn main() -> defender_response::Result<()> {
/// let app = "8b2c1d4e-0000-4000-8000-9f8e7d6c5b4a";
/// let request = ConsentRequest::new(Region::Global, app, "https://soc.example/connected")?;
/// println!("{}", request.url());
///
/// let callback = format!(
///     "https://soc.example/connected?admin_consent=True&tenant=4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f&state={}",
///     request.state()
/// );
/// match ConsentRequest::outcome(&callback, request.state())? {
///     ConsentOutcome::Granted { tenant } => println!("connected: {tenant}"),
///     ConsentOutcome::Refused { reason } => println!("not connected: {reason}"),
///     _ => {}
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ConsentRequest {
    url: Url,
    state: String,
}

/// How a consent came out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConsentOutcome {
    /// An administrator consented; the grant takes some minutes to be in force.
    Granted {
        /// The tenant's id.
        tenant: String,
    },
    /// Nobody consented.
    Refused {
        /// What Entra says.
        reason: String,
    },
}

impl ConsentRequest {
    /// A request for this application at the region's sign-in host. The redirect has to be registered with it.
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration) for an application id that isn't a GUID, or a redirect that isn't
    /// https (http only to this machine itself).
    pub fn new(region: Region, application: &str, redirect: &str) -> Result<Self> {
        if !is_guid(application) {
            return Err(Error::configuration(format!(
                "the application id {application:?} is not a GUID"
            )));
        }
        let target = Url::parse(redirect)
            .map_err(|e| Error::configuration("the redirect isn't a URL").caused_by(e))?;
        let is_local = crate::transport::is_loopback(&target);
        if target.scheme() != "https" && !(target.scheme() == "http" && is_local) {
            return Err(Error::configuration("the redirect isn't https"));
        }
        let authority = region.endpoint().authority;
        let mut url = parse_base("authority", authority, authority)?;
        url.set_path("/common/adminconsent");
        let state = format!("{:016x}{:016x}", random_bits(), random_bits());
        url.query_pairs_mut()
            .append_pair("client_id", application)
            .append_pair("redirect_uri", redirect)
            .append_pair("state", &state);
        Ok(Self { url, state })
    }

    /// The link to show to the administrator.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What the callback has to bring back.
    #[must_use]
    pub fn state(&self) -> &str {
        &self.state
    }

    /// What the callback says, the whole URL as it was called.
    ///
    /// # Errors
    /// [`is_conflict`](Error::is_conflict) when its state isn't the expected one: then it answers somebody else's
    /// request, and nothing of it is believed. [`is_invalid_input`](Error::is_invalid_input) when it is no callback.
    pub fn outcome(callback: &str, expected_state: &str) -> Result<ConsentOutcome> {
        let url = Url::parse(callback)
            .map_err(|e| Error::invalid_input("the callback isn't a URL").caused_by(e))?;
        let all = |wanted: &str| -> Vec<String> {
            url.query_pairs()
                .filter(|(name, _)| name == wanted)
                .map(|(_, v)| v.into_owned())
                .collect()
        };
        let one = |wanted: &str| <[String; 1]>::try_from(all(wanted)).ok().map(|[value]| value);
        if expected_state.is_empty() || one("state").as_deref() != Some(expected_state) {
            let what = "the callback's state isn't the expected one, so it answers another request";
            return Err(Error::new(ErrorKind::Conflict, what));
        }
        if let Some(error) = one("error") {
            let description = one("error_description").unwrap_or_default();
            return Ok(ConsentOutcome::Refused {
                reason: printable(&format!("{error}: {description}"), 400),
            });
        }
        let granted = one("admin_consent").is_some_and(|v| v.eq_ignore_ascii_case("true"));
        match one("tenant").filter(|tenant| granted && is_guid(tenant)) {
            Some(tenant) => Ok(ConsentOutcome::Granted { tenant: tenant.to_ascii_lowercase() }),
            None => Err(Error::invalid_input("the callback says neither a consent nor an error")),
        }
    }
}

/// The state is a secret of the session.
impl fmt::Debug for ConsentRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsentRequest").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}
