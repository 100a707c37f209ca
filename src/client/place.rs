//! Where a client is at home: what a stored token or lease is held against before it is believed.

use serde::{Deserialize, Serialize};

use super::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::operation::Safety;

/// Hosts of one cloud, of which each serves every tenant.
const COMMERCIAL: [&str; 3] =
    ["securitycenter.microsoft.com", "security.microsoft.com", "securitycenter.windows.com"];

/// A tenant, an application and a cloud. Without the application it stands for the tenant alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) tenant: String,
    #[serde(rename = "app")]
    pub(crate) application: String,
    pub(crate) cloud: String,
}

impl Client {
    /// By the token where it tells, and else by what the credential was set up with.
    pub(crate) async fn place(&self) -> Result<Place> {
        let (writer, _) = self.senders();
        let claims = writer.token(Safety::Once).await?.claims().clone();
        let source = writer.tokens.source();
        let tenant = claims.tenant.as_deref().or(source.tenant());
        let application = claims.application.as_deref().or(source.application());
        match (tenant, application) {
            (Some(tenant), Some(application)) => Ok(Place {
                tenant: tenant.to_ascii_lowercase(),
                application: application.to_ascii_lowercase(),
                cloud: cloud(self.base_url()),
            }),
            _ => Err(Error::configuration(
                "neither the token nor the credential tells tenant and application, so what is stored couldn't be told \
                 from another tenant's",
            )),
        }
    }
}

impl Place {
    /// An error unless it is the same place.
    pub(crate) fn check(&self, here: &Self, what: &str) -> Result<()> {
        let differs = [
            ("tenant", &self.tenant, &here.tenant),
            ("cloud", &self.cloud, &here.cloud),
            ("application", &self.application, &here.application),
        ]
        .into_iter()
        .find(|(_, theirs, ours)| theirs != ours);
        match differs {
            None => Ok(()),
            Some((which, theirs, ours)) => Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "{what} is of the {which} {theirs}, and this client of {ours}; nothing was sent"
                ),
            )),
        }
    }
}

fn cloud(base: &url::Url) -> String {
    let host = base.host_str().unwrap_or_default();
    let is_commercial = |name: &str| {
        host.strip_suffix(name).is_some_and(|front| front.is_empty() || front.ends_with('.'))
    };
    if COMMERCIAL.iter().any(|name| is_commercial(name)) {
        return "commercial".to_owned();
    }
    match base.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regional_hosts_are_one_cloud_and_others_are_their_own() {
        for (url, expected) in [
            ("https://api.securitycenter.microsoft.com", "commercial"),
            ("https://api-eu.securitycenter.microsoft.com", "commercial"),
            ("https://uk.api.security.microsoft.com", "commercial"),
            ("https://api-gcc.securitycenter.microsoft.us", "api-gcc.securitycenter.microsoft.us"),
            ("https://api.evilsecurity.microsoft.com", "api.evilsecurity.microsoft.com"),
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ] {
            assert_eq!(cloud(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
