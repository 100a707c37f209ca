//! How all tenants' clients reach the network: they share one transport.

use std::time::Duration;

use super::TenantsBuilder;

impl TenantsBuilder {
    /// As [`ClientBuilder::proxy`](crate::ClientBuilder::proxy), for all tenants; so are the settings down to
    /// [`idle_for`](Self::idle_for).
    ///
    /// ```
    /// use defender_response::{ClientSecret, Tenants};
    ///
    /// let app = "8b2c1d4e-0000-4000-8000-9f8e7d6c5b4a";
    /// let tenants = Tenants::builder(move |tenant| ClientSecret::new(tenant, app, "the app's secret"))
    ///     .proxy("http://proxy.corp.example:8080")
    ///     .idle_connections(100)
    ///     .build()?;
    /// # Ok::<(), defender_response::Error>(())
    /// ```
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.network.proxy(url.into());
        self
    }

    /// As [`ClientBuilder::without_proxy`](crate::ClientBuilder::without_proxy).
    pub fn without_proxy(mut self) -> Self {
        self.network.without_proxy();
        self
    }

    /// As [`ClientBuilder::root_certificate`](crate::ClientBuilder::root_certificate).
    pub fn root_certificate(mut self, pem: &[u8]) -> Self {
        self.network.root_certificate(pem);
        self
    }

    /// As [`ClientBuilder::connect_within`](crate::ClientBuilder::connect_within).
    pub fn connect_within(mut self, time: Duration) -> Self {
        self.network.connect_within(time);
        self
    }

    /// As [`ClientBuilder::idle_connections`](crate::ClientBuilder::idle_connections).
    pub fn idle_connections(mut self, most: usize) -> Self {
        self.network.idle_connections(most);
        self
    }

    /// As [`ClientBuilder::idle_for`](crate::ClientBuilder::idle_for).
    pub fn idle_for(mut self, time: Duration) -> Self {
        self.network.idle_for(time);
        self
    }
}
