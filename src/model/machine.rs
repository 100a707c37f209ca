//! A machine as the service knows it.

use super::open_enum::open_enum;
use super::record::{Record, record};
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

record! {
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
    pub struct Machine {
        /// The machine's identifier, as sent.
        pub id: MachineId = "id",
        /// Its fully qualified name, lower-case as a rule. Several entries may share one.
        pub computer_dns_name: Option<String> = "computerDnsName",
        /// When it was first seen.
        pub first_seen: Option<Timestamp> = "firstSeen",
        /// When its last full report came.
        pub last_seen: Option<Timestamp> = "lastSeen",
        /// Its system, such as `Windows11` or `WindowsServer2022`.
        pub os_platform: Option<String> = "osPlatform",
        /// The system's release, such as `22H2`.
        pub version: Option<String> = "version",
        /// The system's build number.
        pub os_build: Option<i64> = "osBuild",
        /// Its processor; deprecated by the service in favour of `os_architecture`.
        pub os_processor: Option<String> = "osProcessor",
        /// `32-bit` or `64-bit`.
        pub os_architecture: Option<String> = "osArchitecture",
        /// The last internal address.
        pub last_ip_address: Option<String> = "lastIpAddress",
        /// The last address it was seen by from outside.
        pub last_external_ip_address: Option<String> = "lastExternalIpAddress",
        /// Whether its sensor reports.
        pub health_status: HealthStatus = "healthStatus",
        /// Whether it is managed by Defender for Endpoint.
        pub onboarding_status: OnboardingStatus = "onboardingStatus" | "onboardingstatus",
        /// The id of its device group; sent as a number or as text.
        pub rbac_group_id: Option<i64> = "rbacGroupId",
        /// The name of its device group.
        pub rbac_group_name: Option<String> = "rbacGroupName",
        /// `None`, `Informational`, `Low`, `Medium` or `High`.
        pub risk_score: Option<String> = "riskScore",
        /// `None`, `Low`, `Medium` or `High`.
        pub exposure_level: Option<String> = "exposureLevel",
        /// `Normal`, `Low` or `High`: how much it matters, as set by the tenant.
        pub device_value: Option<String> = "deviceValue",
        /// The Microsoft Entra device id, which is not the machine id.
        pub aad_device_id: Option<String> = "aadDeviceId",
        /// Its tags.
        pub machine_tags: Vec<String> = "machineTags",
        /// Its network interfaces.
        pub ip_addresses: Vec<MachineIpAddress> = "ipAddresses",
        /// The entry that this one was merged into.
        pub merged_into_machine_id: Option<MachineId> = "mergedIntoMachineId",
        /// Whether the service suspects that another entry is the same machine.
        pub is_potential_duplication: Option<bool> = "isPotentialDuplication",
        /// Whether the machine was excluded from the tenant's views.
        pub is_excluded: Option<bool> = "isExcluded",
        /// Why it was excluded.
        pub exclusion_reason: Option<String> = "exclusionReason",
        /// Whether it is joined to Microsoft Entra.
        pub is_aad_joined: Option<bool> = "isAadJoined",
        /// The system's version in full.
        pub os_version: Option<String> = "osVersion",
        /// The sensor's version.
        pub agent_version: Option<String> = "agentVersion",
        /// What manages it.
        pub managed_by: Option<String> = "managedBy",
        /// How that goes.
        pub managed_by_status: Option<String> = "managedByStatus",
        /// The state of its antivirus.
        pub defender_av_status: Option<String> = "defenderAvStatus",
        /// Where it runs, if it is a virtual machine of a cloud.
        pub vm_metadata: Option<VmMetadata> = "vmMetadata",
    }
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
        Self { id, computer_dns_name: Some(computer_dns_name.to_owned()), ..Self::blank() }
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
        let is_a_name = name.contains(char::is_alphabetic);
        is_a_name && (own.eq_ignore_ascii_case(name) || first_label.eq_ignore_ascii_case(name))
    }
}

record! {
    /// One network interface of a machine.
    pub struct MachineIpAddress {
        /// The address; may be empty.
        pub ip_address: Option<String> = "ipAddress",
        /// The hardware address, without separators.
        pub mac_address: Option<String> = "macAddress",
        /// The kind of interface, such as `Ethernet`.
        pub interface_type: Option<String> = "type",
        /// `Up` or `Down`.
        pub operational_status: Option<String> = "operationalStatus",
    }
}

record! {
    /// Where a virtual machine runs.
    pub struct VmMetadata {
        /// The virtual machine's id.
        pub vm_id: Option<String> = "vmId",
        /// The cloud it runs in.
        pub cloud_provider: Option<String> = "cloudProvider",
        /// Its resource id there.
        pub resource_id: Option<String> = "resourceId",
        /// The subscription it belongs to.
        pub subscription_id: Option<String> = "subscriptionId",
    }
}
