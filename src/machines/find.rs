//! Finding machines: lists with a filter, and *the* machine of a name, an address or a tag.

use std::collections::BTreeSet;
use std::net::IpAddr;

use http::Method;

use super::{GetMachine, Machines};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{HealthStatus, Machine, OnboardingStatus};
use crate::odata::{Filter, List, ListQuery, PAGE_LIMIT, Page, Paged, is_empty_list};
use crate::operation::{Call, Operation, Path, Spec};
use crate::types::Timestamp;

const ROLES: &[&str] = &["Machine.Read.All", "Machine.ReadWrite.All"];

/// Reads one page of the tenant's machines
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/get-machines)).
///
/// Permission `Machine.Read.All` or `Machine.ReadWrite.All`; quota 100 a minute, 1,500 an hour.
/// [`Machines::list`] reads all pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListMachines {
    /// Which part of the list.
    pub query: ListQuery,
}

impl ListMachines {
    /// The first page of all machines, or of those that the filter lets through.
    #[must_use]
    pub fn new(filter: Option<Filter>) -> Self {
        Self { query: ListQuery::new(filter, "id") }
    }
}

impl Operation for ListMachines {
    type Output = Page<Machine>;
    const SPEC: &'static Spec =
        &Spec::new("list_machines", Method::GET, "/machines", ROLES).answer_limit(PAGE_LIMIT);

    fn call(&self) -> Result<Call> {
        self.query.call("machines")
    }

    fn decode(&self, body: &[u8]) -> Result<Page<Machine>> {
        Page::read(body)
    }
}

impl Paged for ListMachines {
    type Item = Machine;

    const EMPTY_IS_NOT_FOUND: bool = true;

    fn query(&mut self) -> &mut ListQuery {
        &mut self.query
    }

    fn key(machine: &Machine) -> &str {
        machine.id.as_str()
    }
}

impl Machines {
    /// The tenant's machines, or those that the filter lets through, by id: [`ListMachines`].
    ///
    /// The service filters by `computerDnsName`, `id`, `version`, `deviceValue`, `aadDeviceId`, `machineTags`, `lastSeen`,
    /// `exposureLevel`, `onboardingStatus`, `lastIpAddress`, `healthStatus`, `osPlatform`, `riskScore` and `rbacGroupId`.
    ///
    /// ```no_run
    /// use defender_response::Filter;
    /// # async fn f(defender: defender_response::Client) -> defender_response::Result<()> {
    /// let mut servers = defender.machines().list(Filter::starts_with("osPlatform", "WindowsServer"));
    /// while let Some(machine) = servers.next().await {
    ///     println!("{:?}", machine?.computer_dns_name);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn list(&self, filter: impl Into<Option<Filter>>) -> List<Machine> {
        List::new(&self.client, ListMachines::new(filter.into()))
    }
}

// ---- by address --------------------------------------------------------------------------------

/// Reads the machines that had an *internal* address within 15 minutes of a time, which may be 30 days back
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/find-machines-by-ip)).
///
/// Permission `Machine.Read.All` or `Machine.ReadWrite.All`; quota 100 a minute, 1,500 an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindMachinesByIp {
    /// The address.
    pub address: IpAddr,
    /// When it was seen.
    pub at: Timestamp,
}

impl Operation for FindMachinesByIp {
    type Output = Page<Machine>;
    const SPEC: &'static Spec =
        &Spec::new("find_machines_by_ip", Method::GET, "/machines/findbyip({})", ROLES)
            .answer_limit(PAGE_LIMIT);

    fn call(&self) -> Result<Call> {
        let function =
            format!("findbyip(ip='{}',timestamp={})", self.address, self.at.to_seconds());
        Ok(Call::new(self.address.to_string(), Path::new(["machines", &function])?))
    }

    fn decode(&self, body: &[u8]) -> Result<Page<Machine>> {
        Page::read(body)
    }
}

// ---- by tag ------------------------------------------------------------------------------------

/// Reads the machines that carry a tag
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/find-machines-by-tag)).
///
/// Permission `Machine.Read.All` or `Machine.ReadWrite.All`; quota 100 a minute, 1,500 an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindMachinesByTag {
    /// The tag, whole.
    pub tag: String,
}

impl Operation for FindMachinesByTag {
    type Output = Page<Machine>;
    const SPEC: &'static Spec =
        &Spec::new("find_machines_by_tag", Method::GET, "/machines/findbytag", ROLES)
            .answer_limit(PAGE_LIMIT);

    fn call(&self) -> Result<Call> {
        if self.tag.trim().is_empty() {
            return Err(Error::invalid_input("the tag is blank"));
        }
        Ok(Call::new(&*self.tag, Path::new(["machines", "findbytag"])?)
            .query("tag", &*self.tag)
            .query("useStartsWithFilter", "false"))
    }

    fn decode(&self, body: &[u8]) -> Result<Page<Machine>> {
        Page::read(body)
    }
}

// ---- the one -----------------------------------------------------------------------------------

/// What is known of the machine that is meant, for [`Machines::find`].
///
/// Unless a policy is given there has to be exactly one match.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Find {
    by: By,
    newest_active: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum By {
    Name(String),
    Ip(IpAddr, Option<Timestamp>),
    Tag(String),
}

impl Find {
    fn by(by: By) -> Self {
        Self { by, newest_active: false }
    }

    /// The machine of exactly this host name, full or its first label; "dc1" is not "dc10".
    ///
    /// It is looked for as given, in lower and in upper case. Whether the service's filter minds case isn't documented,
    /// so an entry in mixed case may be missed beside one that is found.
    pub fn name(name: impl Into<String>) -> Self {
        Self::by(By::Name(name.into().trim().trim_end_matches('.').to_owned()))
    }

    /// The machine that has this internal address now.
    pub fn ip(address: IpAddr) -> Self {
        Self::by(By::Ip(address, None))
    }

    /// The machine that had this internal address then, within 15 minutes and the last 30 days.
    pub fn ip_at(address: IpAddr, at: Timestamp) -> Self {
        Self::by(By::Ip(address, Some(at)))
    }

    /// The machine with exactly this tag.
    pub fn tag(tag: impl Into<String>) -> Self {
        Self::by(By::Tag(tag.into()))
    }

    /// Of several matches, the one that is onboarded, active and not merged into another entry, and was seen
    /// last. Re-imaged hosts leave entries that these words leave out.
    pub fn newest_active(mut self) -> Self {
        self.newest_active = true;
        self
    }
}

impl Machines {
    /// Finds the one machine that is meant.
    ///
    /// ```no_run
    /// use defender_response::Find;
    /// # async fn f(defender: defender_response::Client) -> defender_response::Result<()> {
    /// let machine = defender.machines().find(Find::name("ws-042").newest_active()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found) when there is none, [`is_ambiguous`](Error::is_ambiguous) when there are several:
    /// [`candidates`](Error::candidates) lists them, with when each was seen and whether it is onboarded.
    pub async fn find(&self, find: Find) -> Result<Machine> {
        let (what, matches) = match &find.by {
            By::Name(name) => (format!("named {name}"), self.named(name).await?),
            By::Ip(address, at) => {
                let at = at.unwrap_or_else(|| self.client.clock().wall());
                let find = FindMachinesByIp { address: *address, at };
                (format!("with the address {address}"), self.matches(&find).await?)
            }
            By::Tag(tag) => {
                let mut tagged = self.matches(&FindMachinesByTag { tag: tag.clone() }).await?;
                tagged.retain(|machine| machine.machine_tags.contains(tag));
                (format!("tagged {tag:?}"), tagged)
            }
        };
        the_one(matches, &what, find.newest_active)
    }

    async fn named(&self, name: &str) -> Result<Vec<Machine>> {
        if !super::get::is_host_name(name) {
            return Err(
                Error::invalid_input(format!("{name:?} isn't a host name")).of("find", name)
            );
        }
        let spellings = BTreeSet::from([name.to_owned(), name.to_lowercase(), name.to_uppercase()]);
        let mut filter = None::<Filter>;
        for spelling in &spellings {
            let mut one = Filter::eq("computerDnsName", spelling);
            if !name.contains('.') {
                one = one.or(Filter::starts_with("computerDnsName", &format!("{spelling}.")));
            }
            filter = Some(match filter {
                Some(others) => others.or(one),
                None => one,
            });
        }
        let mut machines = self.list(filter).all().await?;
        machines.retain(|machine| machine.is_named(name));
        if machines.is_empty() {
            // A name in mixed case is found by the path, if at all.
            machines.extend(self.by_path(name).await?);
        }
        Ok(machines)
    }

    async fn by_path(&self, name: &str) -> Result<Option<Machine>> {
        match self.client.send(&GetMachine::by_name(name)).await {
            Ok(machine) => Ok(Some(machine).filter(|machine| machine.is_named(name))),
            Err(error) if is_empty_list(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// No match is documented as 404 in places, and seen as an empty list.
    async fn matches<O: Operation<Output = Page<Machine>>>(
        &self,
        find: &O,
    ) -> Result<Vec<Machine>> {
        match self.client.send(find).await {
            Ok(page) if page.next_link.is_some() => {
                let what =
                    "the answer is only a part of the matches: list the machines with a filter";
                Err(Error::unusable_answer(what).of(O::SPEC.name, ""))
            }
            Ok(page) => Ok(page.value),
            Err(error) if is_empty_list(&error) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

fn the_one(mut matches: Vec<Machine>, what: &str, newest_active: bool) -> Result<Machine> {
    if newest_active {
        let active = matches.iter().filter(|machine| is_active(machine));
        if let Some(newest) = active.max_by_key(|machine| machine.last_seen) {
            return Ok(newest.clone());
        }
    } else if matches.len() == 1 {
        return matches.pop().ok_or_else(|| Error::invalid_input("no machine"));
    }
    let (kind, found) = match (matches.len(), newest_active) {
        (0, _) => (ErrorKind::NotFound, "there is no machine"),
        (_, true) => (ErrorKind::NotFound, "there is no onboarded and active machine"),
        (_, false) => (ErrorKind::Ambiguous, "there is more than one machine"),
    };
    let listed: Vec<_> = matches.iter().take(10).map(candidate).collect();
    let among = if listed.is_empty() { String::new() } else { format!(": {}", listed.join("; ")) };
    let error = Error::new(kind, format!("{found} {what}{among}")).among(matches);
    Err(match kind {
        ErrorKind::Ambiguous => error.advising("name one by its id, or say newest_active()"),
        _ => error,
    })
}

fn is_active(machine: &Machine) -> bool {
    machine.onboarding_status == OnboardingStatus::Onboarded
        && machine.health_status == HealthStatus::Active
        && machine.merged_into_machine_id.is_none()
}

fn candidate(machine: &Machine) -> String {
    let name = machine.computer_dns_name.as_deref().unwrap_or("without a name");
    let seen =
        machine.last_seen.map_or("never seen".to_owned(), |time| format!("last seen {time}"));
    format!(
        "{} {name}, {seen}, {}, {}",
        machine.id, machine.onboarding_status, machine.health_status
    )
}
