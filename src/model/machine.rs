//! A machine as the service knows it.

use serde::{Deserialize, Serialize};

use super::lenient;
use super::open_enum::open_enum;
use crate::types::{MachineId, Timestamp};

open_enum! {
    /// Whether the machine's sensor reports.
    pub enum HealthStatus {
        /// It reports.
        Active,
        /// It hasn't reported for more than seven days.
        Inactive,
        /// It reports, but can't be reached for actions.
        ImpairedCommunication,
        /// Nothing comes from its sensor.
        NoSensorData,
        /// Both of the above.
        NoSensorDataImpairedCommunication,
        /// The service itself says `Unknown`.
        Unknown,
    }
}

open_enum! {
    /// Whether the machine is managed by Defender for Endpoint.
    pub enum OnboardingStatus {
        /// It is; response actions reach it.
        Onboarded,
        /// It was seen on the network and could be onboarded. It can only be contained.
        CanBeOnboarded,
        /// Its system isn't supported.
        Unsupported,
        /// Not enough is known about it.
        InsufficientInfo,
    }
}

/// A machine ([documentation](https://learn.microsoft.com/defender-endpoint/api/machine)).
///
/// No member tells whether the machine is isolated: the service publishes none. `last_seen` is the last
/// full report, about daily, and doesn't mean "online now".
///
/// ```
/// # use defender_response::model::Machine;
/// let machine: Machine = serde_json::from_str(
///     r#"{"id":"1e5bc9d7e413ddd7902c2932e418702b84d0cc07","computerDnsName":"ws-042.corp.example","rbacGroupId":0}"#,
/// )?;
/// assert_eq!(machine.computer_dns_name.as_deref(), Some("ws-042.corp.example"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Machine {
    /// The machine's identifier, as sent.
    #[serde(default = "lenient::no_id", deserialize_with = "lenient::id")]
    pub id: MachineId,
    /// Its fully qualified name, lower-case as a rule. Several entries may share one.
    #[serde(default, deserialize_with = "lenient::text")]
    pub computer_dns_name: Option<String>,
    /// When it was first seen.
    #[serde(default, deserialize_with = "lenient::timestamp")]
    pub first_seen: Option<Timestamp>,
    /// When its last full report came.
    #[serde(default, deserialize_with = "lenient::timestamp")]
    pub last_seen: Option<Timestamp>,
    /// Its system, such as `Windows11` or `WindowsServer2022`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub os_platform: Option<String>,
    /// The system's release, such as `22H2`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub version: Option<String>,
    /// The system's build number.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub os_build: Option<i64>,
    /// Its processor; deprecated by the service in favour of `os_architecture`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub os_processor: Option<String>,
    /// `32-bit` or `64-bit`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub os_architecture: Option<String>,
    /// The last internal address.
    #[serde(default, deserialize_with = "lenient::text")]
    pub last_ip_address: Option<String>,
    /// The last address it was seen by from outside.
    #[serde(default, deserialize_with = "lenient::text")]
    pub last_external_ip_address: Option<String>,
    /// Whether its sensor reports.
    #[serde(default)]
    pub health_status: HealthStatus,
    /// Whether it is managed by Defender for Endpoint.
    #[serde(default, alias = "onboardingstatus")]
    pub onboarding_status: OnboardingStatus,
    /// The id of its device group; sent as a number or as text.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub rbac_group_id: Option<i64>,
    /// The name of its device group.
    #[serde(default, deserialize_with = "lenient::text")]
    pub rbac_group_name: Option<String>,
    /// `None`, `Informational`, `Low`, `Medium` or `High`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub risk_score: Option<String>,
    /// `None`, `Low`, `Medium` or `High`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub exposure_level: Option<String>,
    /// `Normal`, `Low` or `High`: how much it matters, as set by the tenant.
    #[serde(default, deserialize_with = "lenient::text")]
    pub device_value: Option<String>,
    /// The Microsoft Entra device id, which is not the machine id.
    #[serde(default, deserialize_with = "lenient::text")]
    pub aad_device_id: Option<String>,
    /// Its tags.
    #[serde(default, deserialize_with = "lenient::texts")]
    pub machine_tags: Vec<String>,
    /// Its network interfaces.
    #[serde(default, deserialize_with = "lenient::list")]
    pub ip_addresses: Vec<MachineIpAddress>,
    /// The entry that this one was merged into.
    #[serde(default, deserialize_with = "lenient::optional_machine_id")]
    pub merged_into_machine_id: Option<MachineId>,
    /// Whether the service suspects that another entry is the same machine.
    #[serde(default, deserialize_with = "lenient::boolean")]
    pub is_potential_duplication: Option<bool>,
    /// Whether the machine was excluded from the tenant's views.
    #[serde(default, deserialize_with = "lenient::boolean")]
    pub is_excluded: Option<bool>,
    /// Why it was excluded.
    #[serde(default, deserialize_with = "lenient::text")]
    pub exclusion_reason: Option<String>,
    /// Whether it is joined to Microsoft Entra.
    #[serde(default, deserialize_with = "lenient::boolean")]
    pub is_aad_joined: Option<bool>,
    /// The system's version in full.
    #[serde(default, deserialize_with = "lenient::text")]
    pub os_version: Option<String>,
    /// The sensor's version.
    #[serde(default, deserialize_with = "lenient::text")]
    pub agent_version: Option<String>,
    /// What manages it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub managed_by: Option<String>,
    /// How that goes.
    #[serde(default, deserialize_with = "lenient::text")]
    pub managed_by_status: Option<String>,
    /// The state of its antivirus.
    #[serde(default, deserialize_with = "lenient::text")]
    pub defender_av_status: Option<String>,
    /// Where it runs, if it is a virtual machine of a cloud.
    #[serde(default, deserialize_with = "lenient::object")]
    pub vm_metadata: Option<VmMetadata>,
}

impl Machine {
    /// A machine as the service would describe it, for tests of code that takes one.
    ///
    /// ```
    /// # use defender_response::model::Machine;
    /// let machine = Machine::new("1e5bc9d7e413ddd7902c2932e418702b84d0cc07".parse()?, "ws-042.corp.example");
    /// # Ok::<(), defender_response::ParseError>(())
    /// ```
    #[must_use]
    pub fn new(id: MachineId, computer_dns_name: &str) -> Self {
        Self { id, computer_dns_name: Some(computer_dns_name.to_owned()), ..Self::empty() }
    }

    /// Whether `name` is this machine's: the full name, or its first label. Case doesn't matter.
    ///
    /// ```
    /// # use defender_response::model::Machine;
    /// # let id = "1e5bc9d7e413ddd7902c2932e418702b84d0cc07".parse()?;
    /// let machine = Machine::new(id, "dc1.corp.example");
    /// assert!(machine.is_named("DC1") && machine.is_named("dc1.corp.example"));
    /// assert!(!machine.is_named("dc10") && !machine.is_named("dc1.lab.example"));
    /// # Ok::<(), defender_response::ParseError>(())
    /// ```
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        let Some(own) = &self.computer_dns_name else { return false };
        let own = own.trim_end_matches('.');
        let name = name.trim_end_matches('.');
        let first_label = own.split('.').next().unwrap_or(own);
        own.eq_ignore_ascii_case(name) || first_label.eq_ignore_ascii_case(name)
    }

    fn empty() -> Self {
        Self {
            id: lenient::no_id(),
            computer_dns_name: None,
            first_seen: None,
            last_seen: None,
            os_platform: None,
            version: None,
            os_build: None,
            os_processor: None,
            os_architecture: None,
            last_ip_address: None,
            last_external_ip_address: None,
            health_status: HealthStatus::default(),
            onboarding_status: OnboardingStatus::default(),
            rbac_group_id: None,
            rbac_group_name: None,
            risk_score: None,
            exposure_level: None,
            device_value: None,
            aad_device_id: None,
            machine_tags: Vec::new(),
            ip_addresses: Vec::new(),
            merged_into_machine_id: None,
            is_potential_duplication: None,
            is_excluded: None,
            exclusion_reason: None,
            is_aad_joined: None,
            os_version: None,
            agent_version: None,
            managed_by: None,
            managed_by_status: None,
            defender_av_status: None,
            vm_metadata: None,
        }
    }
}

/// One network interface of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MachineIpAddress {
    /// The address; may be empty.
    #[serde(default, deserialize_with = "lenient::text")]
    pub ip_address: Option<String>,
    /// The hardware address, without separators.
    #[serde(default, deserialize_with = "lenient::text")]
    pub mac_address: Option<String>,
    /// The kind of interface, such as `Ethernet`.
    #[serde(rename = "type", default, deserialize_with = "lenient::text")]
    pub interface_type: Option<String>,
    /// `Up` or `Down`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub operational_status: Option<String>,
}

/// Where a virtual machine runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct VmMetadata {
    /// The virtual machine's id.
    #[serde(default, deserialize_with = "lenient::text")]
    pub vm_id: Option<String>,
    /// The cloud it runs in.
    #[serde(default, deserialize_with = "lenient::text")]
    pub cloud_provider: Option<String>,
    /// Its resource id there.
    #[serde(default, deserialize_with = "lenient::text")]
    pub resource_id: Option<String>,
    /// The subscription it belongs to.
    #[serde(default, deserialize_with = "lenient::text")]
    pub subscription_id: Option<String>,
}
