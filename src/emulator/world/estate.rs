//! The estate an emulator has when nothing else is said: one small company.

use std::time::Duration;

use super::alert::AlertSetup;
use super::machine::MachineSetup;
use super::tenant::{AppSetup, TenantSetup};

const HOUR: Duration = Duration::from_secs(3600);

/// Every role any operation of the service asks for.
const ALL_ROLES: [&str; 8] = [
    "Machine.Isolate",
    "Machine.Scan",
    "Machine.RestrictExecution",
    "Machine.Read.All",
    "Machine.ReadWrite.All",
    "Alert.Read.All",
    "Alert.ReadWrite.All",
    "Ti.ReadWrite.All",
];

/// The company's tenant with its one application, without machines.
pub(crate) fn default_tenant() -> TenantSetup {
    let app = AppSetup::new(
        "6f1b0c52-3a4e-4d0b-9f6e-2b7d1c8a9e03",
        // Form encoding matters for a secret like this one.
        "Qm7~8Q+k3/Vb.dQ1xT_9s~rW0f",
    )
    .name("Response automation")
    .roles(ALL_ROLES);
    TenantSetup::new("3f2a9b6e-71d4-4c8b-8e5a-90c1f4d2b7aa", "corp.example").app(app)
}

/// The company's machines: laptops, a Mac, a Linux server and the domain controller.
pub(crate) fn default_machines() -> Vec<MachineSetup> {
    vec![
        MachineSetup::new("ws-042.corp.example")
            .id("1e5bc9d7e413ddd7902c2932e418702b84d0cc07")
            .group("Workstations")
            .tags(["finance"])
            .ip("10.20.4.42")
            .seen_ago(HOUR * 3),
        MachineSetup::new("ws-117.corp.example")
            .id("80fe8ff8a9d3f2b1c0e4d5a697881b2c3d4e5f60")
            .group("Workstations")
            .ip("10.20.4.117")
            .seen_ago(HOUR * 9),
        MachineSetup::new("lt-mweber.corp.example")
            .id("5a1f0c9e8b7d6a5f4e3d2c1b0a99887766554433")
            .platform("Windows10")
            .group("Laptops")
            .tags(["travelling", "vpn"])
            .ip("10.20.7.31")
            .seen_ago(HOUR * 20),
        MachineSetup::new("mb-sduarte.corp.example")
            .id("c0ffee254729296a45a3885639ac7e10f9d54979")
            .platform("macOS")
            .group("Laptops")
            .ip("10.20.7.44")
            .seen_ago(HOUR * 5),
        MachineSetup::new("web-03.corp.example")
            .id("9b3e7a1d5c8f2046b1d3e5f7a9c8b6d4e2f01357")
            .platform("Linux")
            .group("Servers")
            .tags(["dmz"])
            .ip("10.20.1.13")
            .seen_ago(HOUR * 2),
        MachineSetup::new("dc-01.corp.example")
            .id("d4c3b2a1908f7e6d5c4b3a29180f7e6d5c4b3a29")
            .platform("WindowsServer2022")
            .group("Servers")
            .device_value("High")
            .tags(["domain-controller"])
            .ip("10.20.0.10")
            .seen_ago(HOUR),
    ]
}

/// The company's alerts.
pub(crate) fn default_alerts() -> Vec<AlertSetup> {
    vec![
        AlertSetup::new("Suspicious beaconing to a known command-and-control host")
            .id("da638180599315648136_1364969609")
            .machine("1e5bc9d7e413ddd7902c2932e418702b84d0cc07")
            .severity("High"),
        // The number after the underscore is negative at times.
        AlertSetup::new("Suspicious PowerShell command line")
            .id("da637472900382838869_-73827727")
            .machine("80fe8ff8a9d3f2b1c0e4d5a697881b2c3d4e5f60")
            .category("Execution")
            .raised_ago(HOUR * 5)
            .assigned_to("a.keller@corp.example")
            .status("InProgress"),
        AlertSetup::new("Malware was detected in a zip archive file")
            .id("da0c7e089d-5ff6-4e04-8000-17f4e35fa783_1")
            .machine("5a1f0c9e8b7d6a5f4e3d2c1b0a99887766554433")
            .severity("Informational")
            .category("Malware")
            .incident(4688)
            .raised_ago(HOUR * 26),
    ]
}
