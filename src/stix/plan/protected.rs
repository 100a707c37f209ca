//! Values that a bad feed must not cut a tenant off from.

use std::collections::HashSet;
use std::net::IpAddr;

use super::hosts::{EMPTY_FILE, MICROSOFT, RESOLVERS, SECOND_LABELS, SHARED, SUFFIXES};
use super::options::PlanOptions;
use super::rules::{is_root, network};
use crate::error::{Error, Result};
use crate::indicators::value::domain;
use crate::model::IndicatorType;

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
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        let rest = rest.unwrap_or(url);
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => authority,
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        if let Ok(address) = bare.parse::<IpAddr>() {
            return self.address(address.to_canonical());
        }
        // What isn't a plain name is what those who visit it read.
        let last = bare.rsplit('.').next().unwrap_or_default();
        if last.starts_with(|c: char| c.is_ascii_digit()) || bare.contains('%') || !bare.is_ascii()
        {
            match url::Host::parse(bare) {
                Ok(url::Host::Ipv4(v4)) => return self.address(v4.into()),
                Ok(url::Host::Domain(name)) => return self.host(&name, is_root(path)),
                _ => {}
            }
        }
        self.host(&bare.to_ascii_lowercase(), is_root(path))
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
