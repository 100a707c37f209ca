//! A machine twice: as the service has it on record, and as it really is.
//!
//! No documented property of the record tells whether a host is isolated (page machine), so a client
//! can only derive it; [`Host`] is what it would have to be compared with.

use std::time::Duration;

use serde::Serialize;

use super::life::Event;
use crate::emulator::ids::Ids;
use crate::emulator::moment::{Moment, Stamp};

/// What is really the case on a host, whatever the service has on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Host {
    /// The machine's id.
    pub id: String,
    /// Its full name.
    pub name: String,
    /// Whether, and how, it is cut off from the network.
    pub isolation: Isolation,
    /// Whether only programs signed by Microsoft may run.
    pub restricted: bool,
    /// Whether its sensor reaches the service.
    pub online: bool,
    /// How many scans it has carried out.
    pub scans: u32,
}

/// How a host is cut off from the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum Isolation {
    /// It isn't.
    #[default]
    None,
    /// From everything but the service.
    Full,
    /// From everything but the service, Outlook, Teams and Skype.
    Selective,
    /// Other machines were told to block it: how a machine is contained that isn't onboarded.
    Contained,
}

/// A machine to be emulated.
///
/// ```
/// use defender_response::emulator::{Emulator, MachineSetup};
///
/// let server = MachineSetup::new("sql-03.corp.example")
///     .platform("WindowsServer2022")
///     .device_value("High")
///     .tags(["crown-jewels"]);
/// let emulator = Emulator::builder().machine(server).build();
/// assert!(emulator.machines().iter().any(|machine| machine.name == "sql-03.corp.example"));
/// ```
#[derive(Clone, Debug)]
pub struct MachineSetup {
    id: Option<String>,
    name: String,
    platform: String,
    device_value: String,
    tags: Vec<String>,
    group: Option<String>,
    ip: Option<String>,
    seen: Duration,
    onboarding: String,
    health: String,
    merged_into: Option<String>,
}

impl MachineSetup {
    /// A Windows 11 workstation with this full name, seen three hours ago.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            id: None,
            name: name.into(),
            platform: "Windows11".to_owned(),
            device_value: "Normal".to_owned(),
            tags: Vec::new(),
            group: None,
            ip: None,
            seen: Duration::from_secs(3 * 3600),
            onboarding: "Onboarded".to_owned(),
            health: "Active".to_owned(),
            merged_into: None,
        }
    }

    /// Its id, 40 hexadecimal digits; made up unless said.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Its operating system as the service names it: `Windows11`, `WindowsServer2022`, `macOS`, `Linux`.
    #[must_use]
    pub fn platform(mut self, platform: impl Into<String>) -> Self {
        self.platform = platform.into();
        self
    }

    /// Its worth: `Normal`, `Low` or `High`.
    #[must_use]
    pub fn device_value(mut self, value: impl Into<String>) -> Self {
        self.device_value = value.into();
        self
    }

    /// Its tags.
    #[must_use]
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    /// Its device group.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Its internal address.
    #[must_use]
    pub fn ip(mut self, ip: impl Into<String>) -> Self {
        self.ip = Some(ip.into());
        self
    }

    /// How long ago it last sent a full report.
    #[must_use]
    pub fn seen_ago(mut self, ago: Duration) -> Self {
        self.seen = ago;
        self
    }

    /// `Onboarded`, `CanBeOnboarded`, `Unsupported` or `InsufficientInfo`.
    #[must_use]
    pub fn onboarding(mut self, status: impl Into<String>) -> Self {
        self.onboarding = status.into();
        self
    }

    /// `Active`, `Inactive`, `ImpairedCommunication`, `NoSensorData` and so on.
    #[must_use]
    pub fn health(mut self, status: impl Into<String>) -> Self {
        self.health = status.into();
        self
    }

    /// The id of the machine that has taken this one's place.
    #[must_use]
    pub fn merged_into(mut self, id: impl Into<String>) -> Self {
        self.merged_into = Some(id.into());
        self
    }

    pub(crate) fn build(self, ids: &mut Ids, now: Moment) -> Machine {
        let (version, build) = os_version(&self.platform);
        let last_byte = ids.below(200) + 20;
        let ip = self.ip.unwrap_or_else(|| format!("10.20.{}.{last_byte}", ids.below(8)));
        let mac = format!("{:012X}", ids.next() & 0xffff_ffff_ffff);
        let group_id = i32::from(self.group.is_some()) * 140;
        let record = MachineRecord {
            id: self.id.unwrap_or_else(|| ids.machine()),
            is_potential_duplication: self.merged_into.is_some(),
            merged_into_machine_id: self.merged_into,
            is_excluded: false,
            exclusion_reason: None,
            computer_dns_name: self.name,
            first_seen: Stamp(now.wall.minus(self.seen).minus(Duration::from_secs(200 * 86_400))),
            last_seen: Stamp(now.wall.minus(self.seen)),
            os_version: None,
            os_processor: "x64",
            version,
            last_external_ip_address: Some("203.0.113.17".to_owned()),
            agent_version: "10.8760.26100.1",
            os_build: build,
            health_status: self.health,
            device_value: self.device_value,
            rbac_group_id: group_id,
            rbac_group_name: self.group,
            risk_score: Some("Low".to_owned()),
            exposure_level: "Medium",
            is_aad_joined: self.platform.starts_with("Windows1"),
            aad_device_id: self.platform.starts_with("Windows1").then(|| ids.guid()),
            machine_tags: self.tags,
            onboarding_status: self.onboarding,
            os_architecture: "64-bit",
            managed_by: "Intune",
            managed_by_status: "Success",
            defender_av_status: "Updated",
            ip_addresses: vec![IpAddress {
                ip_address: ip.clone(),
                mac_address: Some(mac),
                kind: "Ethernet",
                operational_status: "Up",
            }],
            vm_metadata: None,
            last_ip_address: ip,
            os_platform: self.platform,
        };
        Machine {
            record,
            truth: Truth::default(),
            link: Link::default(),
            active: Vec::new(),
            isolated_on_record: false,
        }
    }
}

fn os_version(platform: &str) -> (&'static str, Option<i32>) {
    match platform {
        "Windows11" => ("24H2", Some(26100)),
        "Windows10" => ("22H2", Some(19045)),
        "WindowsServer2022" => ("21H2", Some(20348)),
        "macOS" => ("15.6", None),
        "Linux" => ("22.4", None),
        _ => ("", None),
    }
}

/// A machine as the emulator keeps it.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) record: MachineRecord,
    pub(crate) truth: Truth,
    pub(crate) link: Link,
    /// Unfinished actions, oldest first.
    pub(crate) active: Vec<usize>,
    /// What the newest finished actions say.
    pub(crate) isolated_on_record: bool,
}

/// What is really the case.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) isolation: Isolation,
    pub(crate) restricted: bool,
    pub(crate) scans: u32,
}

/// How well a sensor reaches the service.
#[derive(Debug, Default)]
pub(crate) struct Link {
    pub(crate) offline: Option<Offline>,
    /// The sensor carries out what it is told and its reports don't get through.
    pub(crate) mute: bool,
    /// The error with which actions fail on this host.
    pub(crate) failing: Option<i32>,
    /// What waits for the sensor to come back.
    pub(crate) held: Vec<Event>,
}

/// How long a sensor stays away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offline {
    Until(Duration),
    ForGood,
}

impl Machine {
    pub(crate) fn host(&self) -> Host {
        Host {
            id: self.record.id.clone(),
            name: self.record.computer_dns_name.clone(),
            isolation: self.truth.isolation,
            restricted: self.truth.restricted,
            online: self.link.offline.is_none(),
            scans: self.truth.scans,
        }
    }
}

/// A machine as the service answers it (pages machine and get-machine-by-id, and what was recorded).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MachineRecord {
    pub(crate) id: String,
    pub(crate) merged_into_machine_id: Option<String>,
    pub(crate) is_potential_duplication: bool,
    pub(crate) is_excluded: bool,
    pub(crate) exclusion_reason: Option<String>,
    pub(crate) computer_dns_name: String,
    pub(crate) first_seen: Stamp,
    pub(crate) last_seen: Stamp,
    pub(crate) os_platform: String,
    pub(crate) os_version: Option<String>,
    pub(crate) os_processor: &'static str,
    pub(crate) version: &'static str,
    pub(crate) last_ip_address: String,
    pub(crate) last_external_ip_address: Option<String>,
    pub(crate) agent_version: &'static str,
    pub(crate) os_build: Option<i32>,
    pub(crate) health_status: String,
    pub(crate) device_value: String,
    /// The page says text, the service sends a number.
    pub(crate) rbac_group_id: i32,
    pub(crate) rbac_group_name: Option<String>,
    pub(crate) risk_score: Option<String>,
    pub(crate) exposure_level: &'static str,
    pub(crate) is_aad_joined: bool,
    pub(crate) aad_device_id: Option<String>,
    pub(crate) machine_tags: Vec<String>,
    pub(crate) onboarding_status: String,
    pub(crate) os_architecture: &'static str,
    pub(crate) managed_by: &'static str,
    pub(crate) managed_by_status: &'static str,
    pub(crate) defender_av_status: &'static str,
    pub(crate) ip_addresses: Vec<IpAddress>,
    pub(crate) vm_metadata: Option<serde_json::Value>,
}

/// An address of a machine's network adapter.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_field_names)]
pub(crate) struct IpAddress {
    pub(crate) ip_address: String,
    pub(crate) mac_address: Option<String>,
    #[serde(rename = "type")]
    kind: &'static str,
    operational_status: &'static str,
}
