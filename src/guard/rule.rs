//! One rule, and one limit.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::form::{ByName, some};
use super::pattern::{HostPattern, Pattern, PlatformPattern};
use super::subject::{About, Act};
use crate::model::Machine;
use crate::types::MachineId;

/// The crate's operations that change something, as a guard may name them.
const OPERATIONS: [&str; 13] = [
    "isolate",
    "unisolate",
    "scan",
    "restrict_code_execution",
    "unrestrict_code_execution",
    "cancel_machine_action",
    "update_alert",
    "batch_update_alerts",
    "create_or_update_indicator",
    "import_indicators",
    "delete_indicator",
    "batch_delete_indicators",
    // Of a program's own: any that isn't the crate's.
    "other",
];

/// A rule of a [`Guard`](crate::Guard): it fits if the operation is one of its operations (or it names none) and the machine
/// has *any* of its marks.
///
/// ```
/// use defender_response::{Guard, Rule};
///
/// let servers = Rule::new().servers().operation("isolate").because("only by hand");
/// let guard = Guard::new().never(servers).never(Rule::new().name("dc*"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ByName<Marks>", into = "Marks")]
#[must_use]
pub struct Rule(Marks);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Marks {
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    any: bool,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "some")]
    ids: Vec<MachineId>,
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "some_held::<_, HostPattern>"
    )]
    names: Vec<Pattern>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "some")]
    tags: Vec<Pattern>,
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "some_held::<_, PlatformPattern>"
    )]
    platforms: Vec<Pattern>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    servers: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    high_value: bool,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "some")]
    operations: Vec<OperationName>,
}

fn some_held<'de, D, H>(deserializer: D) -> Result<Vec<Pattern>, D::Error>
where
    D: Deserializer<'de>,
    H: Deserialize<'de> + Into<Pattern>,
{
    let held: Vec<H> = some(deserializer)?;
    Ok(held.into_iter().map(Into::into).collect())
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct OperationName(String);

impl TryFrom<String> for OperationName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let name = Self(name);
        name.check().map(|()| name)
    }
}

impl OperationName {
    fn check(&self) -> Result<(), String> {
        let Self(name) = self;
        if OPERATIONS.contains(&name.as_str()) {
            return Ok(());
        }
        let known = OPERATIONS.join(", ");
        Err(format!("{name:?} is no operation that changes something; those are {known}"))
    }
}

impl From<OperationName> for String {
    fn from(name: OperationName) -> Self {
        name.0
    }
}

impl TryFrom<ByName<Marks>> for Rule {
    type Error = &'static str;

    fn try_from(ByName(marks): ByName<Marks>) -> Result<Self, Self::Error> {
        let rule = Self(marks);
        if rule.0.any && rule.is_about_machines() {
            return Err("a rule has marks of machines, and \"any\" that makes them mean nothing");
        }
        if rule.0.any || rule.is_about_machines() || !rule.0.operations.is_empty() {
            return Ok(rule);
        }
        Err("a rule says nothing: give it a mark of machines, operations, or \"any\": true")
    }
}

impl From<Rule> for Marks {
    fn from(rule: Rule) -> Self {
        rule.0
    }
}

impl Rule {
    /// A rule without a mark yet, which fits everything.
    pub fn new() -> Self {
        Self(Marks { any: true, ..Marks::default() })
    }

    /// Fits this machine.
    pub fn id(mut self, id: impl Into<MachineId>) -> Self {
        self.0.ids.push(id.into());
        self.0.any = false;
        self
    }

    /// Fits machines whose full name or first label is this: `*` stands for any characters, `?` for one. What no host's name
    /// holds, such as a comma or a blank, is refused.
    pub fn name(mut self, pattern: &str) -> Self {
        self.0.names.push(Pattern::new(pattern));
        self.0.any = false;
        self
    }

    /// Fits machines with such a tag, which may hold `*` and `?`.
    pub fn tag(mut self, pattern: &str) -> Self {
        self.0.tags.push(Pattern::new(pattern));
        self.0.any = false;
        self
    }

    /// Fits machines with such a system, as the service names it: `WindowsServer2022`, `Linux`, `macOS`. A pattern that fits no
    /// known system is refused.
    pub fn platform(mut self, pattern: &str) -> Self {
        self.0.platforms.push(Pattern::new(pattern));
        self.0.any = false;
        self
    }

    /// Fits servers: Windows Server of any version, and Linux, which the service supports as a server only. What is never
    /// done to servers isn't done to a machine either whose system isn't known as a client's.
    pub fn servers(mut self) -> Self {
        self.0.servers = true;
        self.0.any = false;
        self
    }

    /// Fits machines whose `deviceValue` is `High`.
    pub fn high_value(mut self) -> Self {
        self.0.high_value = true;
        self.0.any = false;
        self
    }

    /// Fits this operation, by its name in the [`catalog`](crate::catalog), or `other` for those of a program's own.
    pub fn operation(mut self, name: &str) -> Self {
        self.0.operations.push(OperationName(name.to_owned()));
        self
    }

    /// Says why, for the message of a refusal.
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.0.because = Some(reason.into());
        self
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let Marks { names, tags, platforms, operations, .. } = &self.0;
        names.iter().try_for_each(Pattern::check_host)?;
        tags.iter().try_for_each(Pattern::check)?;
        platforms.iter().try_for_each(Pattern::check_platform)?;
        operations.iter().try_for_each(OperationName::check)
    }

    pub(super) fn is_about_machines(&self) -> bool {
        let Marks { ids, names, tags, platforms, servers, high_value, .. } = &self.0;
        *servers
            || *high_value
            || !(ids.is_empty() && names.is_empty() && tags.is_empty() && platforms.is_empty())
    }

    pub(super) fn names(&self, operation: &str) -> bool {
        named(&self.0.operations, operation)
    }

    pub(super) fn reason(&self) -> String {
        self.0.because.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default()
    }

    /// By which mark it fits. Where the machine's record doesn't tell a mark, it has it if `in_doubt` says so.
    pub(super) fn fits(&self, act: &Act<'_>, in_doubt: bool) -> Option<String> {
        if !self.names(act.operation) {
            return None;
        }
        if !self.is_about_machines() {
            return Some(
                if self.0.operations.is_empty() {
                    "nothing may be changed"
                } else {
                    "the operation"
                }
                .to_owned(),
            );
        }
        match act.about {
            About::Machine(machine) => self.mark_of(machine, in_doubt),
            About::Nothing | About::Untold => None,
        }
    }

    fn mark_of(&self, machine: &Machine, in_doubt: bool) -> Option<String> {
        let marks = &self.0;
        let told = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().to_owned();
        let (name, platform) = (told(&machine.computer_dns_name), told(&machine.os_platform));
        let value = told(&machine.device_value);
        let first = |patterns: &[Pattern], fits: &dyn Fn(&Pattern) -> bool| {
            patterns.iter().find(|p| fits(p)).map(|p| p.as_str().to_owned())
        };
        let has_id = |id: &MachineId| id.as_str().eq_ignore_ascii_case(machine.id.as_str());
        if marks.ids.iter().any(has_id) {
            return Some("its id".to_owned());
        }
        if let Some(pattern) = first(&marks.names, &|p| p.fits_host(&name)) {
            return Some(format!("its name {name} ({pattern})"));
        }
        let tagged = |p: &Pattern| machine.machine_tags.iter().any(|tag| p.fits(tag));
        if let Some(pattern) = first(&marks.tags, &tagged) {
            return Some(format!("its tag {pattern}"));
        }
        if let Some(pattern) = first(&marks.platforms, &|p| p.fits(&platform)) {
            return Some(format!("its system {platform} ({pattern})"));
        }
        if marks.servers && is_server(&platform) {
            return Some(format!("it is a server ({platform})"));
        }
        if marks.high_value && value.eq_ignore_ascii_case("high") {
            return Some("its device value High".to_owned());
        }
        let asks_for_system = marks.servers || !marks.platforms.is_empty();
        let untold = [
            ("name", !marks.names.is_empty() && name.is_empty()),
            ("system", asks_for_system && platform.is_empty()),
            ("device value", marks.high_value && value.is_empty()),
        ];
        if let Some((what, _)) = untold.iter().find(|(_, untold)| in_doubt && *untold) {
            return Some(format!("its record doesn't tell its {what}"));
        }
        (in_doubt && marks.servers && may_be_server(&platform))
            .then(|| format!("it may be a server ({platform})"))
    }
}

fn named(operations: &[OperationName], operation: &str) -> bool {
    let is_ours = OPERATIONS.contains(&operation);
    operations.is_empty()
        || operations
            .iter()
            .any(|OperationName(name)| name == operation || (name == "other" && !is_ours))
}

/// Distributions that the service may name in place of `Linux`.
const DISTRIBUTIONS: [&str; 10] =
    ["linux", "ubuntu", "debian", "centos", "redhat", "rhel", "fedora", "rocky", "suse", "sles"];

/// Whether the system is a server's, as the service names it.
fn is_server(platform: &str) -> bool {
    let platform = platform.to_ascii_lowercase();
    platform.starts_with("windowsserver")
        || DISTRIBUTIONS.iter().any(|name| platform.contains(name))
}

/// Whether the system isn't known as a client's.
pub(crate) fn may_be_server(platform: &str) -> bool {
    let platform = platform.to_ascii_lowercase();
    let clients = ["windows", "macos", "ios", "android"];
    is_server(&platform) || !clients.iter().any(|name| platform.starts_with(name))
}

/// A limit of a [`Guard`](crate::Guard): so many machines in so many minutes.
///
/// A machine that is acted on twice counts once, and one to which nothing had to be submitted doesn't count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ByName<Figures>", into = "Figures")]
#[must_use]
pub struct Limit(Figures);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Figures {
    machines: u32,
    minutes: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "some")]
    operations: Vec<OperationName>,
}

impl TryFrom<ByName<Figures>> for Limit {
    type Error = &'static str;

    fn try_from(ByName(figures): ByName<Figures>) -> Result<Self, Self::Error> {
        if figures.minutes == 0 {
            return Err("a limit in no minutes limits nothing");
        }
        Ok(Self(figures))
    }
}

impl From<Limit> for Figures {
    fn from(limit: Limit) -> Self {
        limit.0
    }
}

impl Limit {
    /// So many machines in so many minutes (at least one), by any operation.
    pub fn new(machines: u32, minutes: u32) -> Self {
        Self(Figures { machines, minutes: minutes.max(1), operations: Vec::new() })
    }

    /// Counts this operation, by its name in the [`catalog`](crate::catalog); several may be named.
    pub fn operation(mut self, name: &str) -> Self {
        self.0.operations.push(OperationName(name.to_owned()));
        self
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.0.operations.iter().try_for_each(OperationName::check)
    }

    pub(super) fn machines(&self) -> u32 {
        self.0.machines
    }

    pub(super) fn minutes(&self) -> u32 {
        self.0.minutes
    }

    pub(super) fn window(&self) -> Duration {
        Duration::from_secs(60) * self.0.minutes
    }

    pub(super) fn counts(&self, operation: &str) -> bool {
        named(&self.0.operations, operation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        serde_json::from_str(
            r#"{"id":"1E5bc9d7e413ddd7902c2932e418702b84d0cc07","computerDnsName":"dc01.corp.example",
                "osPlatform":"WindowsServer2022","machineTags":["Tier-0","emea"],"deviceValue":"High"}"#,
        )
        .unwrap()
    }

    #[test]
    fn any_mark_is_enough_and_no_other_fits() {
        let id: MachineId = "1e5bc9d7e413ddd7902c2932e418702b84d0cc07".parse().unwrap();
        let machine = machine();
        let isolate =
            Act { operation: "isolate", about: About::Machine(&machine), contains: false };
        let empty = || Rule::new();
        for (rule, fits) in [
            (empty(), true),
            (empty().id(id), true),
            (empty().name("dc*"), true),
            (empty().name("dc1"), false),
            (empty().tag("tier-0"), true),
            (empty().tag("tier"), false),
            (empty().platform("windowsserver20*"), true),
            (empty().platform("Linux"), false),
            (empty().servers(), true),
            (empty().high_value(), true),
            (empty().tag("no").high_value(), true),
            (empty().servers().operation("scan"), false),
            (empty().servers().operation("scan").operation("isolate"), true),
            (empty().operation("isolate"), true),
            (empty().operation("other"), false),
        ] {
            assert_eq!(rule.fits(&isolate, false).is_some(), fits, "{rule:?}");
        }
        let own = Act { operation: "set_device_value", ..isolate };
        assert!(Rule::new().operation("other").fits(&own, false).is_some());
        let no_machine = Act { about: About::Nothing, ..isolate };
        assert!(Rule::new().servers().fits(&no_machine, true).is_none());
        assert!(Rule::new().fits(&no_machine, true).is_some());
    }

    #[test]
    fn what_the_record_does_not_tell_forbids_and_never_allows() {
        let bare: Machine =
            serde_json::from_str(r#"{"id":"1e5bc9d7e413ddd7902c2932e418702b84d0cc07"}"#).unwrap();
        let odd: Machine = serde_json::from_str(
            r#"{"id":"1e5bc9d7e413ddd7902c2932e418702b84d0cc07","osPlatform":"Plan9","deviceValue":"Low"}"#,
        )
        .unwrap();
        let isolate =
            |machine| Act { operation: "isolate", about: About::Machine(machine), contains: false };
        for rule in [
            Rule::new().servers(),
            Rule::new().high_value(),
            Rule::new().name("dc*"),
            Rule::new().platform("WindowsServer*"),
        ] {
            let told = rule.fits(&isolate(&bare), true).unwrap();
            assert!(told.contains("doesn't tell"), "{told}");
            assert_eq!(rule.fits(&isolate(&bare), false), None);
        }
        let told = Rule::new().servers().fits(&isolate(&odd), true).unwrap();
        assert!(told.contains("may be a server (Plan9)"), "{told}");
        assert_eq!(Rule::new().servers().fits(&isolate(&odd), false), None);
        assert_eq!(Rule::new().high_value().fits(&isolate(&odd), true), None);
        assert_eq!(Rule::new().tag("tier-0").fits(&isolate(&bare), true), None);
        let client: Machine = serde_json::from_str(
            r#"{"id":"1e5bc9d7e413ddd7902c2932e418702b84d0cc07","osPlatform":"Windows11"}"#,
        )
        .unwrap();
        assert_eq!(Rule::new().servers().fits(&isolate(&client), true), None);
    }

    #[test]
    fn what_a_server_is() {
        for (platform, server) in [
            ("WindowsServer2012R2", true),
            ("Linux", true),
            ("Ubuntu", true),
            ("RedHatEnterpriseLinux", true),
            ("Windows11", false),
            ("macOS", false),
            ("", false),
        ] {
            assert_eq!(is_server(platform), server, "{platform}");
        }
    }
}
