//! How the crate's own transport is set up, and that it can be.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::http_client::HttpTransport;
use super::{Transport, TransportError};
use crate::error::{Error, Result};
use crate::types::Secret;

/// Connecting takes less than an attempt may, so that a slow connect counts as *not sent*.
const CONNECT: Duration = Duration::from_secs(10);

/// A quota of 100 calls a minute needs no more of them.
const IDLE_CONNECTIONS: usize = 32;

/// Shorter than the minute and more for which servers keep a connection: what is written to one that is closed just
/// then is unanswered.
const IDLE_FOR: Duration = Duration::from_secs(50);

/// A longer PEM text isn't read.
#[cfg(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))]
const LONGEST_PEM: usize = 1024 * 1024;

/// The settings of the crate's own transport.
#[derive(Clone, Default)]
pub(crate) struct Network {
    proxies: Proxies,
    roots: Vec<Vec<u8>>,
    connect: Option<Duration>,
    idle_connections: Option<usize>,
    idle_for: Option<Duration>,
}

#[derive(Clone, Default)]
enum Proxies {
    #[default]
    Environment,
    None,
    One(Secret),
}

impl Network {
    pub(crate) fn proxy(&mut self, url: String) {
        self.proxies = Proxies::One(Secret::new(url));
    }

    pub(crate) fn without_proxy(&mut self) {
        self.proxies = Proxies::None;
    }

    pub(crate) fn root_certificate(&mut self, pem: &[u8]) {
        self.roots.push(pem.to_vec());
    }

    pub(crate) fn connect_within(&mut self, time: Duration) {
        self.connect = Some(time);
    }

    pub(crate) fn idle_connections(&mut self, most: usize) {
        self.idle_connections = Some(most);
    }

    pub(crate) fn idle_for(&mut self, time: Duration) {
        self.idle_for = Some(time);
    }

    /// The program's own transport if it set one, else the crate's with these settings, for attempts of this length: a
    /// connect as long as that would count as *unanswered*.
    pub(crate) fn transport(
        &self,
        programs: Option<Arc<dyn Transport>>,
        https: bool,
        attempt: Duration,
    ) -> Result<Arc<dyn Transport>> {
        match programs {
            Some(transport) => self.unused().map(|()| transport),
            None => self.own(https, attempt),
        }
    }

    /// Settings that would do nothing are a mistake.
    fn unused(&self) -> Result<()> {
        let set = [
            ("proxy", matches!(self.proxies, Proxies::One(_))),
            ("without_proxy", matches!(self.proxies, Proxies::None)),
            ("root_certificate", !self.roots.is_empty()),
            ("connect_within", self.connect.is_some()),
            ("idle_connections", self.idle_connections.is_some()),
            ("idle_for", self.idle_for.is_some()),
        ];
        let set: Vec<_> = set.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| *name).collect();
        if set.is_empty() {
            return Ok(());
        }
        Err(Error::configuration(format!(
            "{} set up the crate's own transport, and another one is set",
            set.join(", ")
        )))
    }

    fn own(&self, https: bool, attempt: Duration) -> Result<Arc<dyn Transport>> {
        let proxy = match &self.proxies {
            Proxies::One(url) => Some(proxy(url)?),
            Proxies::Environment | Proxies::None => None,
        };
        if https && !TLS {
            return Err(without_tls("https"));
        }
        let connect = self.connect.unwrap_or(CONNECT.min(attempt / 3));
        if connect.is_zero() || connect >= attempt {
            return Err(Error::configuration(format!(
                "connect_within takes more than nothing and less than the {} s of an attempt",
                attempt.as_secs_f64()
            )));
        }
        tls_provider_is_there().map_err(cannot_be_built)?;
        let roots = certificates(&self.roots)?;
        let builder = || {
            trusting(reqwest::Client::builder(), &roots)
                .connect_timeout(connect)
                .pool_max_idle_per_host(self.idle_connections.unwrap_or(IDLE_CONNECTIONS))
                .pool_idle_timeout(self.idle_for.unwrap_or(IDLE_FOR))
        };
        let by_proxy = |builder: reqwest::ClientBuilder| match (&self.proxies, proxy) {
            (_, Some(proxy)) => builder.proxy(proxy),
            (Proxies::None, None) => builder.no_proxy(),
            (_, None) => builder,
        };
        let transport = HttpTransport::new(builder, by_proxy).map_err(|e| {
            let error = cannot_be_built(TransportError::not_sent(e));
            if self.roots.is_empty() {
                return error;
            }
            error.advising("check that each root certificate is one")
        })?;
        Ok(Arc::new(transport))
    }
}

const TLS: bool =
    cfg!(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"));

fn cannot_be_built(cause: TransportError) -> Error {
    Error::configuration("the HTTP client can't be built").caused_by(cause)
}

fn without_tls(what: &str) -> Error {
    Error::configuration(format!(
        "{what} needs one of the features rustls, rustls-no-provider and native-tls"
    ))
}

/// None of its errors shows the URL or has a cause, since that may show the password.
fn proxy(url: &Secret) -> Result<reqwest::Proxy> {
    let wrong = || {
        Error::configuration(
            "the proxy isn't a URL that begins with http://, https://, socks5:// or socks5h:// and has a host",
        )
    };
    let parsed = Url::parse(url.expose().trim()).map_err(|_| wrong())?;
    let known = ["http", "https", "socks5", "socks5h"].contains(&parsed.scheme());
    if !known || parsed.host_str().is_none_or(str::is_empty) {
        return Err(wrong());
    }
    if parsed.scheme() == "https" && !TLS {
        return Err(without_tls("a proxy by https"));
    }
    reqwest::Proxy::all(parsed).map_err(|_| wrong())
}

#[cfg(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))]
fn certificates(pems: &[Vec<u8>]) -> Result<Vec<reqwest::Certificate>> {
    let mut all = Vec::new();
    for (index, pem) in pems.iter().enumerate() {
        let wrong = |what: &str| {
            Error::configuration(format!("the root certificate no. {} {what}", index + 1))
        };
        if pem.len() > LONGEST_PEM {
            return Err(wrong("is longer than 1 MiB"));
        }
        let found = reqwest::Certificate::from_pem_bundle(pem);
        let found = found.map_err(|e| wrong("isn't readable as PEM").caused_by(e))?;
        if found.is_empty() {
            return Err(wrong("has no CERTIFICATE block in PEM"));
        }
        all.extend(found);
    }
    Ok(all)
}

#[cfg(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))]
fn trusting(
    builder: reqwest::ClientBuilder,
    roots: &[reqwest::Certificate],
) -> reqwest::ClientBuilder {
    builder.tls_certs_merge(roots.iter().cloned())
}

#[cfg(not(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls")))]
fn certificates(pems: &[Vec<u8>]) -> Result<()> {
    if pems.is_empty() { Ok(()) } else { Err(without_tls("a root certificate")) }
}

#[cfg(not(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls")))]
fn trusting(builder: reqwest::ClientBuilder, _: &()) -> reqwest::ClientBuilder {
    builder
}

/// Reqwest panics when rustls has no crypto provider, so that is looked up first.
#[cfg(all(feature = "rustls-no-provider", not(feature = "rustls"), not(feature = "native-tls")))]
fn tls_provider_is_there() -> Result<(), TransportError> {
    if rustls::crypto::CryptoProvider::get_default().is_some() {
        return Ok(());
    }
    Err(TransportError::not_sent(
        "no TLS crypto provider is installed: with the feature rustls-no-provider the program calls \
         CryptoProvider::install_default before it builds a client",
    ))
}

#[cfg(not(all(
    feature = "rustls-no-provider",
    not(feature = "rustls"),
    not(feature = "native-tls")
)))]
#[allow(clippy::unnecessary_wraps)]
fn tls_provider_is_there() -> Result<(), TransportError> {
    Ok(())
}
