//! Values that a bad feed must not cut a tenant off from.

use std::collections::HashSet;
use std::net::IpAddr;

use super::options::PlanOptions;
use super::rules::network;
use crate::error::{Error, Result};
use crate::indicators::value::domain;
use crate::model::IndicatorType;

/// Microsoft's sign-in, update, Defender and certificate hosts: with everything below them, and every URL there.
const MICROSOFT: &[&str] = &[
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.microsoft.com",
    "login.windows.net",
    "login.live.com",
    "login.partner.microsoftonline.cn",
    "account.microsoft.com",
    "account.live.com",
    "aadcdn.msauth.net",
    "aadcdn.msftauth.net",
    "logincdn.msauth.net",
    "logincdn.msftauth.net",
    "device.login.microsoftonline.com",
    "enterpriseregistration.windows.net",
    "autologon.microsoftazuread-sso.com",
    "passwordreset.microsoftonline.com",
    "graph.microsoft.com",
    "graph.windows.net",
    "management.azure.com",
    "manage.microsoft.com",
    "update.microsoft.com",
    "windowsupdate.com",
    "windowsupdate.microsoft.com",
    "delivery.mp.microsoft.com",
    "dl.delivery.mp.microsoft.com",
    "download.microsoft.com",
    "securitycenter.microsoft.com",
    "securitycenter.microsoft.us",
    "securitycenter.windows.com",
    "security.microsoft.com",
    "security.microsoft.us",
    "endpoint.security.microsoft.com",
    "wd.microsoft.com",
    "wdcp.microsoft.com",
    "wdcpalt.microsoft.com",
    "smartscreen.microsoft.com",
    "smartscreen-prod.microsoft.com",
    "winatp-gw-cus.microsoft.com",
    "winatp-gw-eus.microsoft.com",
    "winatp-gw-weu.microsoft.com",
    "winatp-gw-neu.microsoft.com",
    "winatp-gw-uks.microsoft.com",
    "winatp-gw-ukw.microsoft.com",
    "events.data.microsoft.com",
    "settings-win.data.microsoft.com",
    "dm.microsoft.com",
    "outlook.office.com",
    "outlook.office365.com",
    "portal.azure.com",
    "admin.microsoft.com",
    "teams.microsoft.com",
    "ctldl.windowsupdate.com",
    "crl.microsoft.com",
    "mscrl.microsoft.com",
    "oneocsp.microsoft.com",
    "ocsp.msocsp.com",
    "ocsp.digicert.com",
    "crl3.digicert.com",
    "crl4.digicert.com",
    "time.windows.com",
    "msftconnecttest.com",
    "msftncsi.com",
];

/// Very large shared hosts and public resolvers' names: themselves and what stands above them, not a page of theirs.
const SHARED: &[&str] = &[
    "google.com",
    "www.google.com",
    "accounts.google.com",
    "drive.google.com",
    "docs.google.com",
    "mail.google.com",
    "storage.googleapis.com",
    "googleapis.com",
    "gstatic.com",
    "googleusercontent.com",
    "youtube.com",
    "www.youtube.com",
    "microsoft.com",
    "www.microsoft.com",
    "office.com",
    "office365.com",
    "sharepoint.com",
    "onedrive.live.com",
    "1drv.ms",
    "live.com",
    "outlook.com",
    "bing.com",
    "windows.com",
    "azure.com",
    "github.com",
    "www.github.com",
    "raw.githubusercontent.com",
    "githubusercontent.com",
    "gist.github.com",
    "api.github.com",
    "gitlab.com",
    "bitbucket.org",
    "dropbox.com",
    "www.dropbox.com",
    "dl.dropboxusercontent.com",
    "box.com",
    "mega.nz",
    "mediafire.com",
    "wetransfer.com",
    "amazon.com",
    "www.amazon.com",
    "amazonaws.com",
    "s3.amazonaws.com",
    "cloudfront.net",
    "cloudflare.com",
    "akamaihd.net",
    "akamaized.net",
    "fastly.net",
    "facebook.com",
    "www.facebook.com",
    "instagram.com",
    "whatsapp.com",
    "twitter.com",
    "x.com",
    "t.co",
    "linkedin.com",
    "www.linkedin.com",
    "discord.com",
    "cdn.discordapp.com",
    "discordapp.com",
    "telegram.org",
    "t.me",
    "api.telegram.org",
    "slack.com",
    "zoom.us",
    "apple.com",
    "www.apple.com",
    "icloud.com",
    "wikipedia.org",
    "pastebin.com",
    "bit.ly",
    "tinyurl.com",
    "wordpress.com",
    "archive.org",
    "adobe.com",
    "salesforce.com",
    "yahoo.com",
    "dns.google",
    "dns.google.com",
    "cloudflare-dns.com",
    "one.one.one.one",
    "dns.quad9.net",
    "dns.opendns.com",
    "dns.adguard.com",
];

/// Suffixes below which anybody registers names.
const SUFFIXES: &[&str] = &[
    "github.io",
    "gitlab.io",
    "herokuapp.com",
    "azurewebsites.net",
    "blob.core.windows.net",
    "web.core.windows.net",
    "core.windows.net",
    "azureedge.net",
    "azurefd.net",
    "cloudapp.net",
    "cloudapp.azure.com",
    "trafficmanager.net",
    "onmicrosoft.com",
    "blogspot.com",
    "appspot.com",
    "web.app",
    "firebaseapp.com",
    "run.app",
    "cloudfunctions.net",
    "pages.dev",
    "workers.dev",
    "netlify.app",
    "vercel.app",
    "onrender.com",
    "fly.dev",
    "glitch.me",
    "repl.co",
    "replit.app",
    "ngrok.io",
    "ngrok.app",
    "ngrok-free.app",
    "trycloudflare.com",
    "duckdns.org",
    "no-ip.org",
    "ddns.net",
    "dyndns.org",
    "dynu.net",
    "hopto.org",
    "zapto.org",
    "sytes.net",
    "myftp.org",
    "wixsite.com",
    "weebly.com",
    "webflow.io",
    "myshopify.com",
    "elasticbeanstalk.com",
    "digitaloceanspaces.com",
    "ondigitalocean.app",
    "surge.sh",
    "000webhostapp.com",
    "altervista.org",
    "eu.org",
    "us.com",
    "uk.com",
    "gb.net",
    "eu.com",
    "de.com",
    "co.com",
    "cn.com",
    "in.net",
    "jp.net",
    "za.com",
    "br.com",
    "sa.com",
    "se.net",
    "hu.net",
    "translate.goog",
    "bitbucket.io",
    "readthedocs.io",
    "streamlit.app",
    "deno.dev",
    "r2.dev",
    "backblazeb2.com",
    "linodeobjects.com",
    "vultrobjects.com",
];

/// Second labels below which countries let names be registered: `co.uk`, `com.au`.
const SECOND_LABELS: &[&str] = &[
    "ac", "asn", "asso", "biz", "co", "com", "ed", "edu", "firm", "gen", "go", "gob", "gouv",
    "gov", "gub", "govt", "id", "idf", "ind", "inf", "info", "int", "k12", "lg", "ltd", "me",
    "mil", "ne", "net", "nhs", "nic", "nom", "or", "org", "oz", "plc", "police", "pro", "res",
    "sch", "school", "web",
];

const RESOLVERS: &[&str] = &[
    "1.0.0.1",
    "1.1.1.1",
    "8.8.4.4",
    "8.8.8.8",
    "9.9.9.9",
    "149.112.112.112",
    "208.67.220.220",
    "208.67.222.222",
    "94.140.14.14",
    "94.140.15.15",
    "2001:4860:4860::8844",
    "2001:4860:4860::8888",
    "2606:4700:4700::1001",
    "2606:4700:4700::1111",
    "2620:fe::9",
    "2620:fe::fe",
    "2620:119:35::35",
    "2620:119:53::53",
];

/// Hashes of the empty file, which is everywhere.
const EMPTY_FILE: &[&str] = &[
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
];

/// What is protected, ready to be asked.
pub(super) struct Protected {
    /// Domains that are protected with everything below them.
    whole: HashSet<String>,
    /// Domains that are protected themselves.
    itself: HashSet<String>,
    networks: Vec<(IpAddr, u32)>,
    resolvers: HashSet<IpAddr>,
    allowed: HashSet<String>,
}

impl Protected {
    pub(super) fn new(options: &PlanOptions) -> Result<Self> {
        let mut whole: HashSet<_> = MICROSOFT.iter().map(|host| (*host).to_owned()).collect();
        for own in &options.protected_domains {
            let own = own.trim().trim_start_matches("*.").trim_end_matches('.');
            let name = if own.contains('.') { domain(own).ok() } else { None };
            let name = name.ok_or_else(|| {
                Error::invalid_input(format!("{own:?} can't be protected: it isn't a domain"))
            })?;
            whole.insert(name);
        }
        let mut itself: HashSet<_> =
            SHARED.iter().chain(SUFFIXES).map(|host| (*host).to_owned()).collect();
        // What stands above a protected domain would block it too.
        for name in whole.iter().chain(&itself.clone()) {
            itself.extend(above(name).skip(1).map(str::to_owned));
        }
        let mut networks = Vec::new();
        for own in &options.protected_networks {
            networks.push(network(own).ok_or_else(|| {
                Error::invalid_input(format!(
                    "{own:?} can't be protected: it is neither an address nor a network"
                ))
            })?);
        }
        let resolvers = RESOLVERS.iter().filter_map(|address| address.parse().ok()).collect();
        let allowed = options.allow_protected.iter().map(|v| v.trim().to_owned()).collect();
        Ok(Self { whole, itself, networks, resolvers, allowed })
    }

    /// Whether it was let through by the caller.
    pub(super) fn is_allowed(&self, value: &str) -> bool {
        self.allowed.contains(value)
    }

    /// What protects a value, if anything does.
    pub(super) fn reason(&self, kind: &IndicatorType, value: &str) -> Option<&'static str> {
        match kind {
            IndicatorType::IpAddress => value.parse().ok().and_then(|ip| self.address(ip)),
            IndicatorType::DomainName => self.host(value, true),
            IndicatorType::Url => self.url(value),
            IndicatorType::CertificateThumbprint => None,
            _ => EMPTY_FILE.contains(&value).then_some("the empty file"),
        }
    }

    fn address(&self, address: IpAddr) -> Option<&'static str> {
        if self.resolvers.contains(&address) {
            return Some("a public resolver");
        }
        let own = self.networks.iter().any(|(network, length)| holds(*network, *length, address));
        own.then_some("an address of your own")
    }

    /// A host, by itself or with a page of it.
    fn host(&self, host: &str, all: bool) -> Option<&'static str> {
        if above(host).any(|name| self.whole.contains(name)) {
            return Some("a host that must be reached");
        }
        if !all {
            return None;
        }
        if self.itself.contains(host) {
            return Some("a shared host, or above a protected one");
        }
        is_country_suffix(host).then_some("a public suffix")
    }

    fn url(&self, url: &str) -> Option<&'static str> {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => authority,
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        match bare.parse() {
            Ok(address) => self.address(address),
            Err(_) => self.host(&bare.to_ascii_lowercase(), matches!(path, "" | "/")),
        }
    }
}

/// A name and what stands above it, up to the second label.
fn above(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, rest)| rest))
        .take_while(|name| name.contains('.'))
}

fn is_country_suffix(name: &str) -> bool {
    name.split_once('.')
        .is_some_and(|(second, country)| country.len() == 2 && SECOND_LABELS.contains(&second))
}

fn holds(network: IpAddr, length: u32, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let differ = network.to_bits() ^ address.to_bits();
            length == 0 || differ >> (32 - length.min(32)) == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let differ = network.to_bits() ^ address.to_bits();
            length == 0 || differ >> (128 - length.min(128)) == 0
        }
        _ => false,
    }
}
