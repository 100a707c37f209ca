//! What a plan is to be like.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::tlp::Tlp;
use crate::error::{Error, Result};
use crate::indicators::NewIndicator;
use crate::model::{IndicatorAction, IndicatorType, Severity};
use crate::types::Timestamp;

const DAY: u64 = 24 * 3600;

/// What a plan is to be like: what is done where an indicator is seen, and what becomes of what the rules leave open.
///
/// Without further options nothing is pushed that matches more than the pattern does, but for what can't be
/// otherwise and is noted: a domain covers its subdomains, a root URL its host, a hash a file of any name.
///
/// ```
/// use defender_response::model::{IndicatorAction, IndicatorType, Severity};
/// use defender_response::stix::PlanOptions;
///
/// let options = PlanOptions::new(IndicatorAction::Block)
///     .action_for(IndicatorType::CertificateThumbprint, IndicatorAction::BlockAndRemediate)
///     .severity(Severity::High)
///     .generate_alert(true)
///     .source_name("Example feed")
///     .protect_domain("corp.example")
///     .protect_network("198.51.100.0/24");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools)]
#[must_use]
pub struct PlanOptions {
    pub(super) at: Option<Timestamp>,
    pub(super) action: IndicatorAction,
    pub(super) actions: BTreeMap<IndicatorType, IndicatorAction>,
    pub(super) severity: Option<Severity>,
    pub(super) generate_alert: Option<bool>,
    pub(super) lifetimes: BTreeMap<IndicatorType, u64>,
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) source_name: Option<String>,
    pub(super) base_url: Option<String>,
    pub(super) recommended_actions: Option<String>,
    pub(super) educate_url: Option<String>,
    pub(super) device_groups: Option<Vec<String>>,
    pub(super) confidence_at_least: Option<u8>,
    pub(super) only_labels: Vec<String>,
    pub(super) without_labels: Vec<String>,
    pub(super) tlp_at_most: Tlp,
    pub(super) allow_benign: bool,
    pub(super) allow_not_for_detection: bool,
    pub(super) hostnames: bool,
    pub(super) source_addresses: bool,
    pub(super) artifact_hashes: bool,
    pub(super) all_hashes: bool,
    pub(super) without_md5: bool,
    pub(super) without_root_urls: bool,
    pub(super) longest_url: usize,
    pub(super) expand_networks: u8,
    pub(super) widen_network: bool,
    pub(super) any_of: bool,
    pub(super) widen_repeats: bool,
    pub(super) all_or_nothing: bool,
    pub(super) protected_domains: Vec<String>,
    pub(super) protected_networks: Vec<String>,
    pub(super) allow_protected: Vec<String>,
}

impl PlanOptions {
    /// Options with the action that is taken where an indicator is seen.
    ///
    /// `BlockAndRemediate` is for files and certificates; with it, addresses, domains and URLs are blocked, which the
    /// plan notes. Certificates take only `Allowed` and `BlockAndRemediate`: with any other action they are skipped,
    /// unless [`action_for`](Self::action_for) says what to do with them. `Alert` and `AlertAndBlock`, words of before
    /// 2022, are `Audit` and `Block` with an alert, also noted. Nothing is ever `Allowed` but by this argument.
    pub fn new(action: IndicatorAction) -> Self {
        Self {
            at: None,
            action,
            actions: BTreeMap::new(),
            severity: None,
            generate_alert: None,
            lifetimes: BTreeMap::new(),
            title: None,
            description: None,
            source_name: None,
            base_url: None,
            recommended_actions: None,
            educate_url: None,
            device_groups: None,
            confidence_at_least: None,
            only_labels: Vec::new(),
            without_labels: Vec::new(),
            tlp_at_most: Tlp::AmberStrict,
            allow_benign: false,
            allow_not_for_detection: false,
            hostnames: false,
            source_addresses: false,
            artifact_hashes: false,
            all_hashes: false,
            without_md5: false,
            without_root_urls: false,
            longest_url: 4096,
            expand_networks: 0,
            widen_network: false,
            any_of: false,
            widen_repeats: false,
            all_or_nothing: false,
            protected_domains: Vec::new(),
            protected_networks: Vec::new(),
            allow_protected: Vec::new(),
        }
    }

    /// The time the plan is made for: what is over by then is withdrawn, and defaults for the expiry count from it.
    ///
    /// A [`Planner`](super::Planner) has no clock and needs it; [`plan`](super::plan) takes the system's time without.
    pub fn at(mut self, now: Timestamp) -> Self {
        self.at = Some(now);
        self
    }

    /// Another action for one type of indicator.
    pub fn action_for(mut self, kind: IndicatorType, action: IndicatorAction) -> Self {
        self.actions.insert(kind, action);
        self
    }

    /// The severity of alerts.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// Whether alerts are raised where an indicator is seen. With `Audit` they are in any case.
    pub fn generate_alert(mut self, alert: bool) -> Self {
        self.generate_alert = Some(alert);
        self
    }

    /// How long an indicator of that type lives whose sources don't say: 30 days for addresses, 90 for domains and
    /// URLs, 180 for files and certificates unless it is set. Nothing lives for ever.
    pub fn lifetime(mut self, kind: IndicatorType, lifetime: Duration) -> Self {
        self.lifetimes.insert(kind, lifetime.as_secs());
        self
    }

    /// One title for all indicators, instead of the source's name.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// One description for all indicators, instead of the source's name, id and link.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// The name of the feed, put before the names of its objects.
    pub fn source_name(mut self, name: impl Into<String>) -> Self {
        self.source_name = Some(name.into());
        self
    }

    /// The base of a Sekoia platform, for links to its objects: `https://app.sekoia.io`.
    pub fn sekoia_base_url(mut self, base: impl Into<String>) -> Self {
        self.base_url = Some(base.into());
        self
    }

    /// What alerts recommend.
    pub fn recommended_actions(mut self, text: impl Into<String>) -> Self {
        self.recommended_actions = Some(text.into());
        self
    }

    /// Where a warned or blocked user is sent to read more.
    pub fn educate_url(mut self, url: impl Into<String>) -> Self {
        self.educate_url = Some(url.into());
        self
    }

    /// The device groups the indicators are for, by name; one at least. A plan is for all devices otherwise, and its
    /// table says so.
    pub fn device_groups<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.device_groups = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The indicators are for all devices.
    pub fn all_devices(mut self) -> Self {
        self.device_groups = None;
        self
    }

    /// Skips objects of lower confidence. One that states none passes.
    pub fn confidence_at_least(mut self, confidence: u8) -> Self {
        self.confidence_at_least = Some(confidence);
        self
    }

    /// Skips objects that have none of these among their labels and indicator types; case doesn't matter.
    pub fn only_labels<L: Into<String>>(mut self, labels: impl IntoIterator<Item = L>) -> Self {
        self.only_labels = labels.into_iter().map(Into::into).collect();
        self
    }

    /// Skips objects that have one of these among their labels and indicator types; case doesn't matter.
    pub fn without_labels<L: Into<String>>(mut self, labels: impl IntoIterator<Item = L>) -> Self {
        self.without_labels = labels.into_iter().map(Into::into).collect();
        self
    }

    /// Skips objects whose marking is stricter; those marked red are skipped unless it is set.
    pub fn tlp_at_most(mut self, tlp: Tlp) -> Self {
        self.tlp_at_most = tlp;
        self
    }

    /// Takes objects that say they are benign.
    pub fn allow_benign(mut self) -> Self {
        self.allow_benign = true;
        self
    }

    /// Takes objects that say they aren't for detection.
    pub fn allow_not_for_detection(mut self) -> Self {
        self.allow_not_for_detection = true;
        self
    }

    /// Takes `hostname:value` and `domain:value`, which aren't STIX, as domains.
    pub fn hostnames(mut self) -> Self {
        self.hostnames = true;
        self
    }

    /// Takes the addresses that connections come from. Defender matches where devices connect *to*: noted as widened.
    pub fn source_addresses(mut self) -> Self {
        self.source_addresses = true;
        self
    }

    /// Takes the hashes of artifacts and of mails' attachments as those of files.
    pub fn artifact_hashes(mut self) -> Self {
        self.artifact_hashes = true;
        self
    }

    /// Where a file must have several hashes, makes an indicator of each and not of the strongest alone.
    pub fn all_hashes(mut self) -> Self {
        self.all_hashes = true;
        self
    }

    /// Makes no indicators of MD5 hashes.
    pub fn without_md5(mut self) -> Self {
        self.without_md5 = true;
        self
    }

    /// Refuses URLs that are a host's root, and so match the whole host.
    pub fn without_root_urls(mut self) -> Self {
        self.without_root_urls = true;
        self
    }

    /// Refuses longer URLs; 4,096 bytes are the most that can be set. None is ever cut: it would be another URL.
    pub fn longest_url(mut self, bytes: usize) -> Self {
        self.longest_url = bytes;
        self
    }

    /// Makes an indicator of each address of a network that has at most so many, of 16 at most.
    pub fn expand_networks(mut self, hosts: u8) -> Self {
        self.expand_networks = hosts;
        self
    }

    /// Takes an address, domain or URL although the pattern asks for a port, a protocol, a resolution beside it:
    /// noted as widened.
    pub fn widen_network(mut self) -> Self {
        self.widen_network = true;
        self
    }

    /// Takes each of several sightings that a pattern joins by `AND` or `FOLLOWEDBY`: noted as widened.
    pub fn any_of(mut self) -> Self {
        self.any_of = true;
        self
    }

    /// Takes what a pattern wants to see several times: noted as widened.
    pub fn widen_repeats(mut self) -> Self {
        self.widen_repeats = true;
        self
    }

    /// Skips an object of whose pattern some alternatives can't be taken, instead of taking the others.
    pub fn all_or_nothing(mut self) -> Self {
        self.all_or_nothing = true;
        self
    }

    /// Protects a domain of your own with everything below it, and every URL there.
    pub fn protect_domain(mut self, domain: impl Into<String>) -> Self {
        self.protected_domains.push(domain.into());
        self
    }

    /// Protects an address or a network of your own, such as `203.0.113.0/24`.
    pub fn protect_network(mut self, network: impl Into<String>) -> Self {
        self.protected_networks.push(network.into());
        self
    }

    /// Lets one value through although it is protected, written as the plan writes it. The plan records it.
    pub fn allow_protected(mut self, value: impl Into<String>) -> Self {
        self.allow_protected.push(value.into());
        self
    }

    /// Refuses what can't be followed, before a feed is read.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |what: &str| Err(Error::invalid_input(what.to_owned()));
        if self.device_groups.as_ref().is_some_and(|g| g.iter().all(|name| name.trim().is_empty()))
        {
            return refuse("no device group is named; all_devices() is for all devices");
        }
        if self.expand_networks > 16 {
            return refuse("networks are expanded to 16 addresses at most");
        }
        if !(1..=4096).contains(&self.longest_url) {
            return refuse("the longest URL is from 1 to 4096 bytes long");
        }
        if self.lifetimes.values().any(|seconds| *seconds == 0) {
            return refuse("a lifetime of nothing");
        }
        // The texts and the severity are the same for all, so that one is refused like all.
        let mut trial = NewIndicator::new(
            IndicatorType::DomainName,
            "trial.example",
            IndicatorAction::Block,
            self.title.as_deref().unwrap_or("title"),
            self.description.as_deref().unwrap_or("description"),
        );
        if let Some(severity) = &self.severity {
            trial = trial.severity(severity.clone());
        }
        if let Some(text) = &self.recommended_actions {
            trial = trial.recommended_actions(text);
        }
        if let Some(url) = &self.educate_url {
            trial = trial.educate_url(url);
        }
        if let Some(groups) = &self.device_groups {
            trial = trial.rbac_groups(groups);
        }
        trial.check()?;
        for text in [&self.source_name, &self.base_url].into_iter().flatten() {
            if text.trim().is_empty() || text.len() > 200 || text.chars().any(char::is_control) {
                return refuse("the name and the base URL of a feed are short and printable");
            }
        }
        Ok(())
    }

    pub(super) fn lifetime_of(&self, kind: &IndicatorType) -> Duration {
        let days = match kind {
            IndicatorType::IpAddress => 30,
            IndicatorType::DomainName | IndicatorType::Url => 90,
            _ => 180,
        };
        Duration::from_secs(self.lifetimes.get(kind).copied().unwrap_or(days * DAY))
    }
}
