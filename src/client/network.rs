//! How the client reaches the network: settings of the crate's own transport.

use std::time::Duration;

use super::ClientBuilder;

impl ClientBuilder {
    /// Goes to the service and to the sign-in by this proxy: `http://`, `https://`, `socks5://` (this machine looks names
    /// up) or `socks5h://` (the proxy does), with `user:password@` where the proxy asks for it. The URL is shown nowhere.
    ///
    /// Without this the environment is heeded: `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`; with it, none of them is.
    /// What goes to the service by a proxy stays encrypted, so the proxy sees no token, unless it inspects TLS with a
    /// [`root_certificate`](Self::root_certificate) of its own. To this machine itself no proxy is used, not even this one:
    /// to a proxy elsewhere `localhost` is another machine.
    ///
    /// A proxy that refuses means that nothing was sent, so such a call is repeated like one that found no connection.
    ///
    /// ```
    /// # use defender_response::{Client, ClientSecret};
    /// # let id = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";
    /// # let credential = ClientSecret::new(id, id, "secret");
    /// let defender = Client::builder(credential).proxy("http://user:password@proxy.corp.example:8080").build()?;
    /// # Ok::<(), defender_response::Error>(())
    /// ```
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.network.proxy(url.into());
        self
    }

    /// Uses no proxy, whatever the environment says.
    ///
    /// ```
    /// # use defender_response::{Client, ClientSecret};
    /// # let id = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";
    /// # let credential = ClientSecret::new(id, id, "secret");
    /// let defender = Client::builder(credential).without_proxy().build()?;
    /// # Ok::<(), defender_response::Error>(())
    /// ```
    pub fn without_proxy(mut self) -> Self {
        self.network.without_proxy();
        self
    }

    /// Trusts the certificates in this PEM text, besides those that the operating system trusts. It may hold several, up to
    /// 1 MiB, and the setting may be repeated.
    ///
    /// For networks whose proxy inspects TLS and signs with a root of its own. Who holds that root's key reads the tokens.
    ///
    /// ```no_run
    /// # use defender_response::{Client, ClientSecret};
    /// # fn f(credential: ClientSecret) -> Result<(), Box<dyn std::error::Error>> {
    /// let root = std::fs::read("/etc/ssl/corp-root.pem")?;
    /// let defender = Client::builder(credential).root_certificate(&root).build()?;
    /// # Ok(()) }
    /// ```
    pub fn root_certificate(mut self, pem: &[u8]) -> Self {
        self.network.root_certificate(pem);
        self
    }

    /// Gives connecting this long, in place of 10 s (or a third of an attempt that is given less than 30 s): looking the name
    /// up, the connection itself, a proxy's consent and the TLS handshake together.
    ///
    /// It has to be less than what an attempt is given. A connection that isn't there in time is certain not to have carried
    /// anything, so the call may be repeated; an attempt that runs out of time may have taken effect.
    ///
    /// ```
    /// # use defender_response::{Client, ClientSecret};
    /// # use std::time::Duration;
    /// # let id = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";
    /// # let credential = ClientSecret::new(id, id, "secret");
    /// let defender = Client::builder(credential).connect_within(Duration::from_secs(5)).build()?;
    /// # Ok::<(), defender_response::Error>(())
    /// ```
    pub fn connect_within(mut self, time: Duration) -> Self {
        self.network.connect_within(time);
        self
    }

    /// Keeps at most this many idle connections to each host, in place of 32; with 0 each call makes its own.
    ///
    /// How many are in use at once isn't limited by it. With HTTP/2 one connection carries all calls.
    ///
    /// ```
    /// # use defender_response::{Client, ClientSecret};
    /// # let id = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";
    /// # let credential = ClientSecret::new(id, id, "secret");
    /// let defender = Client::builder(credential).idle_connections(4).build()?;
    /// # Ok::<(), defender_response::Error>(())
    /// ```
    pub fn idle_connections(mut self, most: usize) -> Self {
        self.network.idle_connections(most);
        self
    }

    /// Keeps an idle connection for this long, in place of 50 s.
    ///
    /// Keep it shorter than what stands between does: a submission that is written to a connection just being closed
    /// has an unknown outcome. Servers, proxies and firewalls mostly keep one for a minute and more.
    ///
    /// ```
    /// # use defender_response::{Client, ClientSecret};
    /// # use std::time::Duration;
    /// # let id = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";
    /// # let credential = ClientSecret::new(id, id, "secret");
    /// let defender = Client::builder(credential).idle_for(Duration::from_secs(20)).build()?;
    /// # Ok::<(), defender_response::Error>(())
    /// ```
    pub fn idle_for(mut self, time: Duration) -> Self {
        self.network.idle_for(time);
        self
    }
}
